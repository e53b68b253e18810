package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/probels/probels/internal/licence"
)

// The parts of SPDX 2.3's JSON that are needed: https://spdx.github.io/spdx-spec/v2.3/.
type document struct {
	Version       string         `json:"spdxVersion"`
	DataLicense   string         `json:"dataLicense"`
	ID            string         `json:"SPDXID"`
	Name          string         `json:"name"`
	Namespace     string         `json:"documentNamespace"`
	Creation      creation       `json:"creationInfo"`
	Packages      []spdxPackage  `json:"packages"`
	Relationships []relationship `json:"relationships"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type spdxPackage struct {
	ID        string     `json:"SPDXID"`
	Name      string     `json:"name"`
	Version   string     `json:"versionInfo"`
	Download  string     `json:"downloadLocation"`
	Analyzed  bool       `json:"filesAnalyzed"`
	File      string     `json:"packageFileName,omitempty"`
	Purpose   string     `json:"primaryPackagePurpose"`
	Checksums []checksum `json:"checksums,omitempty"`
	Concluded string     `json:"licenseConcluded"`
	Declared  string     `json:"licenseDeclared"`
	Copyright string     `json:"copyrightText"`
	Refs      []ref      `json:"externalRefs,omitempty"`
	Comment   string     `json:"comment,omitempty"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type ref struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	From string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

// bill writes what each binary is made of, as the binary itself says it: not what go.mod allows but what was linked.
func (r *release) bill() error {
	name := "probels-" + r.version
	d := document{
		Version: "SPDX-2.3", DataLicense: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: name,
		Creation: creation{Created: r.created.Format(time.RFC3339), Creators: []string{"Tool: probels-internal-cmd-release"}},
	}
	var sums strings.Builder
	seen := map[string]bool{}
	for _, f := range r.files {
		info, err := buildinfo.ReadFile(filepath.Join(r.out, f.name))
		if err != nil {
			return err
		}
		id := spdxID("binary", f.platform)
		sum := fmt.Sprintf("%x", f.sum)
		sums.WriteString(sum)
		d.Packages = append(d.Packages, spdxPackage{ID: id, Name: "probels", Version: r.version, Download: "NOASSERTION", File: f.name, Purpose: "APPLICATION",
			Checksums: []checksum{{"SHA256", sum}}, Concluded: "Apache-2.0", Declared: "Apache-2.0", Copyright: "NOASSERTION", Comment: f.platform + ", " + info.GoVersion})
		d.Relationships = append(d.Relationships, relationship{d.ID, "DESCRIBES", id})
		parts, err := r.parts(info)
		if err != nil {
			return err
		}
		for _, p := range parts {
			if !seen[p.ID] {
				seen[p.ID] = true
				d.Packages = append(d.Packages, p)
			}
			d.Relationships = append(d.Relationships, relationship{p.ID, "STATIC_LINK", id})
		}
	}
	// A name that no other document has, and the same document always: the binaries' sums make it.
	d.Namespace = fmt.Sprintf("https://github.com/probels/probels/releases/%s/%.16x", name, sha256Of(sums.String()))
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, name+".spdx.json"), append(b, '\n'), 0o644)
}

// parts are the modules of a binary, and the standard library, which is of Go's own release.
func (r *release) parts(info *buildinfo.BuildInfo) ([]spdxPackage, error) {
	goroot, err := r.command("go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	std := strings.TrimPrefix(info.GoVersion, "go")
	all := []spdxPackage{{Name: "stdlib", Version: std, Refs: purl("pkg:golang/stdlib@" + std)}}
	dirs := []string{goroot}
	for _, m := range info.Deps {
		if m.Replace != nil {
			return nil, fmt.Errorf("%s is replaced by %s: no release", m.Path, m.Replace.Path)
		}
		dir, err := r.command("go", "list", "-m", "-f", "{{.Dir}}", m.Path)
		if err != nil {
			return nil, err
		}
		all = append(all, spdxPackage{Name: m.Path, Version: m.Version, Refs: purl("pkg:golang/" + m.Path + "@" + m.Version), Comment: m.Sum})
		dirs = append(dirs, dir)
	}
	for i := range all {
		ids, err := licence.Of(dirs[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", all[i].Name, err)
		}
		p := &all[i]
		p.ID, p.Download, p.Purpose, p.Copyright = spdxID(p.Name, p.Version), "NOASSERTION", "LIBRARY", "NOASSERTION"
		p.Declared = strings.Join(ids, " AND ")
		p.Concluded = p.Declared
	}
	slices.SortFunc(all, func(a, b spdxPackage) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

func purl(p string) []ref { return []ref{{"PACKAGE-MANAGER", "purl", p}} }

var notID = regexp.MustCompile(`[^A-Za-z0-9.]+`)

func sha256Of(s string) [sha256.Size]byte { return sha256.Sum256([]byte(s)) }

func spdxID(parts ...string) string {
	return "SPDXRef-" + notID.ReplaceAllString(strings.Join(parts, "-"), "-")
}
