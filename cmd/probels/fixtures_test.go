package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/internal/testbin"
)

// Every line that list prints of every committed binary is, by itself, accepted
// back by resolve.
func TestLinesResolve(t *testing.T) {
	files := 0
	for _, name := range testbin.All(t) {
		path := testbin.Path(t, name)
		r := probels(t, path)
		if r.status == statusTrouble && name != "amd64/sdt-damaged.so" {
			if r.out != "" || strings.Count(r.errors, "\n") != 1 {
				t.Errorf("%s: %s%s", name, r.out, r.errors)
			}
			continue
		}
		files++
		seen := map[string]bool{}
		for line := range strings.Lines(r.out) {
			line = strings.TrimSuffix(line, "\n")
			if seen[line] {
				t.Errorf("%s: %s is there twice", name, line)
			}
			seen[line] = true
			// Listed, and no place for a uprobe, as -l and JSON say.
			if name == "amd64/sdt-damaged.so" && (strings.HasSuffix(line, ":outside") || strings.HasSuffix(line, ":semaphore_in_code")) ||
				name == "amd64/probe-rwx" && (strings.HasSuffix(line, "probels:always") || strings.HasSuffix(line, "probels:guarded")) {
				continue
			}
			got := probels(t, "resolve", line)
			want := statusFound
			if name == "amd64/sdt-damaged.so" && strings.HasPrefix(line, "usdt:") {
				want = statusTrouble // the other notes
			}
			if got.status != want || !strings.HasPrefix(got.out, "0x") {
				t.Errorf("%s: %s: status %d, %s%s", name, line, got.status, got.out, got.errors)
			}
		}
	}
	if files < 60 {
		t.Errorf("only %d files", files)
	}
}

// The order of keys, in which every record has those that apply.
var (
	siteKeys   = []string{"kind", "path", "build_id", "provider", "name", "address", "offset", "semaphore", "arguments", "args", "nop", "error"}
	argKeys    = []string{"text", "size", "signed", "float", "kind", "value", "register", "segment", "base", "index", "scale", "index_extend", "index_shift", "displacement", "symbol", "symbol_address", "error", "name", "type"}
	symbolKeys = []string{"kind", "path", "build_id", "name", "version", "default_version", "demangled", "address", "offset", "size", "size_inferred", "type", "binding", "sources", "params", "returns", "variadic", "file", "line", "language", "local_entry", "error"}
	placeKeys  = []string{"spec", "kind", "path", "build_id", "provider", "name", "version", "default_version", "address", "offset", "ref_ctr_offset", "addend", "function_address", "type", "sources", "file", "line"}
)

// keysOf are the keys of one JSON object in their order, and its values.
func keysOf(t *testing.T, b []byte) (keys []string, values map[string]json.RawMessage) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	values = map[string]json.RawMessage{}
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		t.Fatalf("%s: %v, %v", b, tok, err)
	}
	for d.More() {
		tok, err := d.Token()
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		key, v := tok.(string), json.RawMessage{}
		if err := d.Decode(&v); err != nil || values[key] != nil {
			t.Fatalf("%s: %s: %v", b, key, err)
		}
		keys, values[key] = append(keys, key), v
	}
	d.Token()
	if _, err := d.Token(); err != io.EOF {
		t.Fatalf("%s: more than an object", b)
	}
	return keys, values
}

// ordered reports whether keys are some of all, in that order.
func ordered(keys, all []string) bool {
	for _, k := range keys {
		i := slices.Index(all, k)
		if i < 0 {
			return false
		}
		all = all[i+1:]
	}
	return true
}

func TestJSONKeys(t *testing.T) {
	for _, name := range testbin.All(t) {
		path := testbin.Path(t, name)
		for line := range strings.Lines(probels(t, "--json", "-v", "-k", "usdt,uprobe,data", path).out) {
			keys, v := keysOf(t, []byte(line))
			all, needed := symbolKeys, []string{"kind", "path", "name", "address", "size", "type", "binding", "sources"}
			if string(v["kind"]) == `"usdt"` {
				all, needed = siteKeys, []string{"kind", "path", "provider", "name", "address", "arguments", "args"}
				var args []json.RawMessage
				if err := json.Unmarshal(v["args"], &args); err != nil {
					t.Fatal(err)
				}
				for _, a := range args {
					if keys, _ := keysOf(t, a); !ordered(keys, argKeys) {
						t.Errorf("%s: keys %v", a, keys)
					}
				}
				if s := v["semaphore"]; s != nil {
					if keys, _ := keysOf(t, s); !ordered(keys, []string{"address", "offset", "error"}) || len(keys) != 2 {
						t.Errorf("%s", s)
					}
				}
			}
			missing := slices.ContainsFunc(needed, func(k string) bool { return v[k] == nil })
			if missing || !ordered(keys, all) {
				t.Errorf("%s: keys %v", line, keys)
			}
			if has := v["offset"] != nil; string(v["kind"]) != `"data"` && has == (v["error"] != nil) {
				t.Errorf("%s: offset and error", line)
			}
			for _, k := range []string{"address", "offset", "size"} {
				if n := v[k]; n != nil && strings.Trim(string(n), "0123456789") != "" {
					t.Errorf("%s: %s is no decimal number", line, k)
				}
			}
			if string(v["kind"]) == `"data"` && v["offset"] != nil {
				t.Errorf("%s: a variable with an offset", line)
			}
		}
		for line := range strings.Lines(probels(t, "resolve", "--json", path, "*:*", "*", "traced+1", "0x401020").out) {
			if keys, v := keysOf(t, []byte(line)); !ordered(keys, placeKeys) || v["spec"] == nil || v["addend"] == nil || v["address"] == nil || v["offset"] == nil {
				t.Errorf("%s: keys %v", line, keys)
			}
		}
	}
}

// help json names every field.
func TestHelpJSON(t *testing.T) {
	help := probels(t, "help", "json").out
	words := strings.FieldsFunc(help, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') })
	for _, k := range slices.Concat(siteKeys, argKeys, symbolKeys, placeKeys) {
		if !slices.Contains(words, k) {
			t.Errorf("help json does not say what %s is", k)
		}
	}
}

// Whole listings, to be reviewed when they change: go test -update ./cmd/probels
func TestGoldenJSON(t *testing.T) {
	for _, name := range []string{"amd64/libtestbin.so", "amd64/probe-pie", "amd64/cxx.so", "amd64/usdt_fp", "i386/probe-nopie",
		"arm/libtestbin.so", "s390x/probe-pie", "ppc64le/libtestbin.so", "ppc64/libtestbin.so"} {
		path := testbin.Path(t, name)
		r := probels(t, "--json", "-v", "-q", path)
		if r.status != statusFound || r.errors != "" {
			t.Errorf("%s: %d, %s", name, r.status, r.errors)
		}
		got := strings.ReplaceAll(r.out, strings.TrimSuffix(path, name), "")
		golden := filepath.Join("testdata", "golden", strings.ReplaceAll(name, "/", "-")+".json")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		wants := strings.Split(string(want), "\n")
		for i, line := range strings.Split(got, "\n") {
			if i >= len(wants) || line != wants[i] {
				t.Errorf("%s differs from %s at line %d:\n%s", name, golden, i+1, line)
				break
			}
		}
		if len(got) < len(want) {
			t.Errorf("%s has less than %s", name, golden)
		}
	}
}
