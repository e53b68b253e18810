package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

const schemaFile = "../../docs/schema/probels.schema.json"

// schema is JSON Schema 2020-12 as far as the published one goes: another word in it fails the test. It is
// held to more than the schema says: a field that it does not have is an error, though readers have to
// pass over those.
type schema struct {
	Schema      string             `json:"$schema"`
	ID          string             `json:"$id"`
	Title       string             `json:"title"`
	Description string             `json:"description"`
	Ref         string             `json:"$ref"`
	OneOf       []*schema          `json:"oneOf"`
	Defs        map[string]*schema `json:"$defs"`
	Type        string             `json:"type"`
	Properties  map[string]*schema `json:"properties"`
	Required    []string           `json:"required"`
	Items       *schema            `json:"items"`
	Enum        []any              `json:"enum"`
	Const       any                `json:"const"`
	Minimum     *float64           `json:"minimum"`
	Not         *schema            `json:"not"`

	used map[string]bool
}

func readSchema(t *testing.T) *schema {
	t.Helper()
	b, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	s := &schema{}
	if err := d.Decode(s); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *schema) find(root *schema) *schema {
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok {
		return root.Defs[name]
	}
	return s
}

// check is what is wrong with a value, "" if it is valid.
func (s *schema) check(root *schema, v any, at string) string {
	if s = s.find(root); s == nil {
		return at + ": no such definition"
	}
	if s.OneOf != nil {
		fits, why := 0, ""
		for _, one := range s.OneOf {
			if w := one.check(root, v, at); w == "" {
				fits++
			} else if !strings.Contains(w, ".kind:") && !strings.HasSuffix(w, "no version") {
				why += "\n  " + w
			}
		}
		if fits != 1 {
			return fmt.Sprintf("%s: fits %d records%s", at, fits, why)
		}
		return ""
	}
	if s.Const != nil && v != s.Const || s.Enum != nil && !slices.Contains(s.Enum, v) {
		return fmt.Sprintf("%s: value %v", at, v)
	}
	switch x := v.(type) {
	case map[string]any:
		for _, r := range s.Required {
			if _, ok := x[r]; !ok {
				return at + ": no " + r
			}
		}
		if s.Not != nil && s.Not.check(root, v, at) == "" {
			return at + ": what may not be"
		}
		if s.Type != "" && s.Type != "object" {
			return fmt.Sprintf("%s: an object, not %s", at, s.Type)
		}
		if s.Type == "" {
			return "" // of a "not"
		}
		for k, field := range x {
			p, ok := s.Properties[k]
			if !ok {
				return at + ": the schema has no field " + k
			}
			if w := p.check(root, field, at+"."+k); w != "" {
				return w
			}
			if s.used == nil {
				s.used = map[string]bool{}
			}
			s.used[k] = true
		}
	case []any:
		if s.Type != "array" {
			return fmt.Sprintf("%s: an array, not %s", at, s.Type)
		}
		for i, e := range x {
			if w := s.Items.check(root, e, at+"["+strconv.Itoa(i)+"]"); w != "" {
				return w
			}
		}
	case json.Number:
		n, ok := new(big.Int).SetString(x.String(), 10)
		if s.Type != "integer" || !ok || s.Minimum != nil && n.Sign() < 0 {
			return fmt.Sprintf("%s: %s, not %s", at, x, s.Type)
		}
	case string:
		if s.Type != "string" && s.Enum == nil && s.Const == nil {
			return fmt.Sprintf("%s: a string, not %s", at, s.Type)
		}
	case bool:
		if s.Type != "boolean" {
			return fmt.Sprintf("%s: a boolean, not %s", at, s.Type)
		}
	default:
		return fmt.Sprintf("%s: %v", at, v)
	}
	return ""
}

// line is check of a line of output.
func (s *schema) line(t *testing.T, line string) string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return s.check(s, v, "")
}

// Every record that the commands print of the committed binaries and of this process is one of the schema's.
func TestSchema(t *testing.T) {
	s := readSchema(t)
	records := 0
	bad := map[string]bool{}
	run := func(args ...string) {
		t.Helper()
		r := probels(t, append(args, "--json")...)
		if r.out == "" {
			t.Logf("%s: no output: %s", args, r.errors)
		}
		for line := range strings.Lines(r.out) {
			records++
			if why := s.line(t, line); why != "" && !bad[why] {
				bad[why] = true
				t.Errorf("%s: %s\n%s", args, why, line)
			}
		}
	}
	for i, name := range testbin.All(t) {
		if skip.Race && i%4 != 0 && !strings.HasPrefix(name, "amd64/") {
			continue
		}
		path := testbin.Path(t, name)
		run("list", "-v", "-k", "usdt,uprobe,plt,anon,data", path)
		run("debuginfo", path)
		if strings.HasSuffix(name, "/probe-pie") || strings.HasSuffix(name, "/libtestbin.so") {
			run("resolve", path, "*", "probels:*", "0x1100")
			run("check", path, "probels:*", "traced", "nothing", "probels:plain(u64)", "probels:ints(4)")
			run("show", "-v", path, "traced", "probels:*", "lib_func", "probelib:entry")
			run("why", path)
			run("why", path, "traced", "probels:plain", "nothing", "ifunc")
			run("diff", "-k", "usdt,uprobe", testbin.Path(t, "amd64/main"), path)
			run("diff", path, testbin.Path(t, "amd64/probe-O0"))
		}
	}
	if exe, err := os.Executable(); err == nil {
		run("show", exe, "main.TestSchema")
		run("why", exe, "main.testSchema")
	}
	lock := filepath.Join(t.TempDir(), "lock")
	probels(t, "check", "--write", lock, testbin.Path(t, "amd64/probe-pie"))
	run("check", "-f", lock, testbin.Path(t, "amd64/probe-clang"))
	run("check", "-f", lock, lock)
	run("scan", filepath.Dir(testbin.Path(t, "arm64/main")))
	run("type", testbin.Path(t, "amd64/probe-pie"), "struct triple")
	run("version")
	run("debuginfo", "/bin/sh") // of a package: what to install
	if _, err := os.Stat("/proc/self/maps"); err == nil {
		pid := strconv.Itoa(os.Getpid())
		run("list", "-p", pid)
		run("list", "-p", pid, "-k", "usdt,uprobe", "-m", "*a*")
		run("resolve", "-p", pid, "main.main")
	}
	if records < 5000 {
		t.Errorf("only %d records", records)
	}
	t.Logf("%d records", records)
	// What no record had, to see that the schema does not outgrow the program.
	for _, name := range slices.Sorted(maps.Keys(s.Defs)) {
		for _, field := range slices.Sorted(maps.Keys(s.Defs[name].Properties)) {
			if !s.Defs[name].used[field] {
				t.Logf("not seen: %s.%s", name, field)
			}
		}
	}
}

// Each field and each word that the schema has is in "probels help json", which also names it.
func TestSchemaHelp(t *testing.T) {
	s := readSchema(t)
	words := map[string]bool{}
	for _, w := range regexp.MustCompile(`[A-Za-z0-9_]+`).FindAllString(helpJSON, -1) {
		words[w] = true
	}
	n := 0
	var walk func(where string, s *schema)
	walk = func(where string, s *schema) {
		for k, p := range s.Properties {
			n++
			if !words[k] {
				t.Errorf("probels help json does not tell of %s.%s", where, k)
			}
			walk(where+"."+k, p)
		}
		if s.Items != nil {
			walk(where, s.Items)
		}
	}
	for name, d := range s.Defs {
		walk(name, d)
	}
	if n < 100 {
		t.Errorf("only %d fields", n)
	}
	if !strings.Contains(helpJSON, "docs/schema/probels.schema.json") {
		t.Error("probels help json does not name the schema")
	}
	if s.Schema != "https://json-schema.org/draft/2020-12/schema" || !strings.HasSuffix(s.ID, "/docs/schema/probels.schema.json") {
		t.Errorf("%s, %s", s.Schema, s.ID)
	}
}
