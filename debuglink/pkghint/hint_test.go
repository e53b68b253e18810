package pkghint

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
)

const debianSources = `# comment
Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
`

const debianRelease = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n"

func status(name, version, source string) string {
	s := "Package: dpkg\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.21\n\n" +
		"Package: " + name + "\nStatus: install ok installed\nArchitecture: amd64\nDescription: x\n long\nVersion: " + version + "\n"
	if source != "" {
		s += "Source: " + source + "\n"
	}
	return s + "\nPackage: other\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n"
}

// file is an ELF file with a build-id and perhaps a package note.
func file(t testing.TB, note string) *elfsym.File {
	t.Helper()
	f := &elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_DYN, Sections: []elfwrite.Section{
		{Name: ".note.gnu.build-id", Align: 4, Notes: []elfwrite.Note{{Name: "GNU", Type: 3, Desc: bytes.Repeat([]byte{0xab}, 20)}}},
	}}
	if note != "" {
		f.Sections = append(f.Sections, elfwrite.Section{Name: ".note.package", Align: 4,
			Notes: []elfwrite.Note{{Name: "FDO", Type: 0xcafe1a7e, Desc: append([]byte(note), 0, 0)}}})
	}
	b := f.Bytes()
	ef, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return ef
}

// root makes a root directory; "path -> target" is a symlink.
func root(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name, target, link := strings.Cut(name, " -> ")
		p := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(p), 0o755)
		if err == nil && link {
			err = os.Symlink(target, p)
		} else if err == nil {
			err = os.WriteFile(p, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// script is what a person would paste.
func script(h *Hint) string {
	var b strings.Builder
	for _, s := range h.Steps {
		if s.Instead {
			b.WriteString("or ")
		}
		if !s.Root {
			b.WriteString("$ ")
		}
		b.WriteString(s.Command + "\n")
	}
	return b.String()
}

const debugSource = `tee /etc/apt/sources.list.d/debug.sources >/dev/null <<'END'
Types: deb
URIs: http://mirror.example/debian-debug/
Suites: bookworm-debug
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
END
apt-get update
`

func TestDebian(t *testing.T) {
	with := func(more ...string) map[string]string {
		m := map[string]string{
			"etc/os-release":                          debianRelease,
			"etc/apt/sources.list.d/debian.sources":   debianSources,
			"var/lib/dpkg/info/bash.list":             "/.\n/bin\n/bin/bash\n/bin/bashbug\n",
			"var/lib/dpkg/info/decoy.list":            "/usr/bin/bash-static\n/x/bin/bash\n",
			"var/lib/dpkg/info/bash.md5sums":          "/bin/bash\n",
			"var/lib/dpkg/status":                     status("bash", "5.2.15-2+b8", "bash (5.2.15-2)"),
			"usr/bin/bash":                            "",
			"bin -> usr/bin":                          "",
			"var/lib/apt/lists/x_InRelease":           "",
			"etc/apt/sources.list.d/ignored.sources~": "Types: deb\nURIs: http://x/debian-debug\n",
		}
		for i := 0; i < len(more); i += 2 {
			m[more[i]] = more[i+1]
		}
		return m
	}
	const lists = "var/lib/apt/lists/mirror_debian_dists_bookworm_main_binary-amd64_Packages"
	for _, c := range []struct {
		what, path string
		files      map[string]string
		want       string
		problem    string
	}{
		{"-dbgsym", "/usr/bin/bash", with(), debugSource + "apt-get install bash-dbgsym=5.2.15-2+b8\n", ""},
		{"by the path before the usr-merge", "/bin/bash", with(), debugSource + "apt-get install bash-dbgsym=5.2.15-2+b8\n", ""},
		{"an update", "/bin/bash", with("var/lib/dpkg/status", status("bash", "5.2.15-2+deb12u1", "")),
			strings.Replace(debugSource, "bookworm-debug", "bookworm-debug bookworm-proposed-updates-debug", 1) + "apt-get install bash-dbgsym=5.2.15-2+deb12u1\n", ""},
		{"the suite is there", "/bin/bash", with("etc/apt/sources.list.d/d.list", "deb http://mirror.example/debian-debug bookworm-debug main\n"),
			"apt-get update\napt-get install bash-dbgsym=5.2.15-2+b8\n", ""},
		{"the suite is disabled", "/bin/bash", with("etc/apt/sources.list.d/d.sources", "Enabled: no\nTypes: deb\nURIs: http://mirror.example/debian-debug\nSuites: bookworm-debug\nComponents: main\n"),
			debugSource + "apt-get install bash-dbgsym=5.2.15-2+b8\n", ""},
		{"the package is known", "/bin/bash", with(lists, "Package: bash-dbgsym\nArchitecture: amd64\nVersion: 5.2.15-2+b8\n"),
			"apt-get install bash-dbgsym=5.2.15-2+b8\n", ""},
		{"known for another architecture", "/bin/bash", with(lists, "Package: bash-dbgsym\nArchitecture: arm64\nVersion: 5.2.15-2+b8\n"),
			debugSource + "apt-get install bash-dbgsym=5.2.15-2+b8\n", ""},
		{"only a newer one is known", "/bin/bash", with(lists, "Package: x\n\nPackage: bash-dbgsym\nArchitecture: amd64\nVersion: 5.2.15-2+b9\n\n"),
			"apt-get install bash bash-dbgsym\n", ""},
		{"-dbg", "/bin/bash", with(lists, "Package: bash-dbg\nArchitecture: amd64\nVersion: 5.2.15-2+b8\n\nPackage: z\n"),
			"apt-get install bash-dbg=5.2.15-2+b8\n", ""},
		{"-dbg of the source", "/bin/bash", with(lists, "Package: python3.11-dbg\nArchitecture: amd64\nVersion: 3.11.2-6\n",
			"var/lib/dpkg/status", status("bash", "3.11.2-6", "python3.11")), "apt-get install python3.11-dbg=3.11.2-6\n", ""},
		{"-dbg of old, no lists", "/bin/bash", with("var/lib/dpkg/status", status("bash", "2.36-9", "glibc")), "apt-get update\napt-get install libc6-dbg=2.36-9\n", ""},
		{"one-line sources", "/bin/bash", with("etc/apt/sources.list.d/debian.sources", "", "etc/apt/sources.list",
			"# x\ndeb-src http://m/debian bookworm main\ndeb [ arch=amd64  signed-by=/k.gpg ] http://m:3142/deb.example/debian bookworm main contrib # c\ndeb http://m/debian bookworm-updates main\n"),
			"tee /etc/apt/sources.list.d/debug.list >/dev/null <<'END'\ndeb [arch=amd64 signed-by=/k.gpg] http://m:3142/deb.example/debian-debug bookworm-debug main\nEND\napt-get update\napt-get install bash-dbgsym=5.2.15-2+b8\n", ""},
		{"a mirror list", "/bin/bash", with("etc/apt/sources.list.d/debian.sources", strings.Replace(debianSources, "http://mirror.example/debian/", "mirror+file:///etc/apt/mirrors/debian.list", 1),
			"etc/apt/mirrors/debian.list", "# m\nhttp://mirror.example/debian/ priority:1\n"), debugSource + "apt-get install bash-dbgsym=5.2.15-2+b8\n", ""},
		{"a snapshot", "/bin/bash", with("etc/apt/sources.list.d/debian.sources", "", "etc/apt/sources.list", "deb http://s/archive/debian/20240101T000000Z sid main\n"),
			"tee /etc/apt/sources.list.d/debug.list >/dev/null <<'END'\ndeb http://s/archive/debian-debug/20240101T000000Z sid-debug main\nEND\napt-get update\napt-get install bash-dbgsym=5.2.15-2+b8\n", ""},
		{"a key in the source", "/bin/bash", with("etc/apt/sources.list.d/debian.sources",
			"Types: deb\nURIs: http://m/debian\nSuites: sid\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBGPL0BUBEADmW5NdOOHwPIJlgPu6JDcKw/NZJPR8lsD3K87ZM18gzyQZJD+w\n =3PW5\n -----END PGP PUBLIC KEY BLOCK-----\n"),
			"tee /etc/apt/sources.list.d/debug.sources >/dev/null <<'END'\nTypes: deb\nURIs: http://m/debian-debug\nSuites: sid-debug\nComponents: main\nSigned-By: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBGPL0BUBEADmW5NdOOHwPIJlgPu6JDcKw/NZJPR8lsD3K87ZM18gzyQZJD+w\n =3PW5\n -----END PGP PUBLIC KEY BLOCK-----\nEND\napt-get update\napt-get install bash-dbgsym=5.2.15-2+b8\n", ""},
		{"a diversion", "/usr/bin/bash", with("var/lib/dpkg/diversions", "/bin/other\n/usr/bin/bash\ndecoy\n", "var/lib/dpkg/info/aaa.list", "/usr/bin/bash\n",
			"var/lib/dpkg/info/bash.list", "/bin/other\n"), debugSource + "apt-get install bash-dbgsym=5.2.15-2+b8\n", ""},
		{"no sources", "/bin/bash", with("etc/apt/sources.list.d/debian.sources", ""), "", "no source whose URI"},
		{"nobody's", "/opt/bash", with("opt/bash", ""), "", "no installed package"},
		{"no status", "/bin/bash", with("var/lib/dpkg/status", ""), "", "no entry"},
		// What a hostile root can put into commands: nothing.
		{"a name of a package", "/bin/bash", with("var/lib/dpkg/info/bash.list", "", "var/lib/dpkg/info/x;reboot.list", "/bin/bash\n"), "", "no installed package"},
		{"a version", "/bin/bash", with("var/lib/dpkg/status", status("bash", "1 && reboot", "")), "", "no entry"},
		{"an option", "/bin/bash", with("var/lib/dpkg/info/bash.list", "", "var/lib/dpkg/info/-oX.list", "/bin/bash\n"), "", "no installed package"},
		{"a URI", "/bin/bash", with("etc/apt/sources.list.d/debian.sources", strings.Replace(debianSources, "mirror.example/debian/", "m$(reboot)/debian/", 1)), "", "no source whose URI"},
		{"a suite", "/bin/bash", with("etc/apt/sources.list.d/debian.sources", strings.Replace(debianSources, "Suites: bookworm ", "Suites: book'worm ", 1)), "", "no source whose URI"},
		{"a key", "/bin/bash", with("etc/apt/sources.list.d/debian.sources", strings.ReplaceAll(debianSources, "/usr/share", "$(reboot)")), "", "no source whose URI"},
		{"an end of the text", "/bin/bash", with("etc/apt/sources.list.d/debian.sources", strings.ReplaceAll(debianSources, "Signed-By: ", "Signed-By: x\n END\n ")),
			strings.Replace(debugSource, "Signed-By: ", "Signed-By: x\n END\n ", 1) + "apt-get install bash-dbgsym=5.2.15-2+b8\n", ""},
	} {
		h, err := For(t.Context(), file(t, ""), c.path, root(t, c.files))
		if err != nil {
			t.Fatal(err)
		}
		if got := script(h); got != c.want {
			t.Errorf("%s: got\n%swant\n%s", c.what, got, c.want)
		}
		if problems := fmt.Sprint(h.Problems); !strings.Contains(problems, c.problem) || c.problem == "" && len(h.Problems) != 0 {
			t.Errorf("%s: problems %v, want %q", c.what, problems, c.problem)
		}
	}
}

func TestUbuntu(t *testing.T) {
	files := map[string]string{
		"etc/os-release":                          "ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\nHOME_URL=\"https://www.distro.example/\"\n",
		"etc/apt/sources.list.d/ubuntu.sources":   "Types: deb\nURIs: http://de.archive.distro.example/ubuntu/\nSuites: noble noble-updates noble-backports\nComponents: main universe\nSigned-By: /k\n\nTypes: deb\nURIs: http://security/ubuntu/\nSuites: noble-security\nComponents: main\nSigned-By: /k\n",
		"var/lib/dpkg/info/libssl3t64:amd64.list": "/usr/lib/x86_64-linux-gnu/libssl.so.3\n",
		"var/lib/dpkg/status":                     status("libssl3t64", "3.0.13-0ubuntu3", "openssl"),
	}
	h, err := For(t.Context(), file(t, ""), "/usr/lib/x86_64-linux-gnu/libssl.so.3", root(t, files))
	if err != nil {
		t.Fatal(err)
	}
	want := `apt-get install ubuntu-dbgsym-keyring
tee /etc/apt/sources.list.d/ddebs.sources >/dev/null <<'END'
Types: deb
URIs: http://ddebs.distro.example
Suites: noble noble-updates
Components: main universe
Signed-By: /usr/share/keyrings/ubuntu-dbgsym-keyring.gpg
END
apt-get update
apt-get install libssl3t64-dbgsym=3.0.13-0ubuntu3
`
	if got := script(h); got != want || len(h.Problems) != 0 {
		t.Errorf("%s%v", got, h.Problems)
	}
	if h.Package.Source != "openssl" || h.Package.Arch != "amd64" || h.System != "ubuntu" || h.Version != "noble" {
		t.Errorf("%+v %+v", h, h.Package)
	}
}

func TestOthers(t *testing.T) {
	const id = "abababababababababababababababababababab"
	for _, c := range []struct {
		what, path string
		files      map[string]string
		want       string
		problem    string
	}{
		{"Fedora", "/usr/bin/bash", map[string]string{"etc/os-release": "ID=fedora\nVERSION_ID=40\n"},
			"dnf debuginfo-install \"$(rpm -qf /usr/bin/bash)\"\nor dnf --enablerepo='*debug*' install 'debuginfo(build-id) = " + id + "'\n", ""},
		{"RHEL 7", "/usr/bin/it's $x", map[string]string{"usr/lib/os-release": "ID=\"centos\"\nID_LIKE=\"rhel fedora\"\nVERSION_ID=\"7\"\n"},
			"debuginfo-install \"$(rpm -qf '/usr/bin/it'\\''s $x')\"\nor yum --enablerepo='*debug*' install 'debuginfo(build-id) = " + id + "'\n", ""},
		{"Rocky", "/x", map[string]string{"etc/os-release": "ID=rocky\nID_LIKE=\"rhel centos fedora\"\n"},
			"dnf debuginfo-install \"$(rpm -qf /x)\"\nor dnf --enablerepo='*debug*' install 'debuginfo(build-id) = " + id + "'\n", ""},
		{"Fedora, a path that a terminal would obey", "/usr/bin/\x1b[2J", map[string]string{"etc/os-release": "ID=fedora\n"},
			"dnf --enablerepo='*debug*' install 'debuginfo(build-id) = " + id + "'\n", "not fit"},
		{"SUSE", "/x", map[string]string{"etc/os-release": "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n",
			"etc/zypp/repos.d/a.repo": "[repo-oss]\nenabled=0\n[repo-debug]\nname=x\nenabled=0\n", "etc/zypp/repos.d/b.repo": "[repo-debug-update]\nenabled = 0\n[x;reboot-debug]\nenabled=0\n"},
			"zypper modifyrepo --enable repo-debug repo-debug-update\nzypper install -C 'debuginfo(build-id)=" + id + "'\n", ""},
		{"SUSE, enabled", "/x", map[string]string{"etc/os-release": "ID=sles\n", "etc/zypp/repos.d/a.repo": "[x-debug]\nenabled=1\n"},
			"zypper install -C 'debuginfo(build-id)=" + id + "'\n", ""},
		{"SUSE, none", "/x", map[string]string{"etc/os-release": "ID=opensuse-tumbleweed\n"}, "zypper --plus-content debug install -C 'debuginfo(build-id)=" + id + "'\n", ""},
		{"Arch", "/x", map[string]string{"etc/os-release": "ID=manjaro\nID_LIKE=arch\n", "etc/debuginfod/a.urls": "https://debuginfod.example\nftp://x 'y\n"},
			"$ DEBUGINFOD_URLS='https://debuginfod.example' debuginfod-find debuginfo " + id + "\n", ""},
		{"Arch, no server", "/x", map[string]string{"etc/os-release": "ID=arch\n"}, "", "names no server"},
		{"Alpine", "/bin/busybox", map[string]string{"etc/os-release": "ID=alpine\n",
			"lib/apk/db/installed": "C:Q1\nP:musl\nV:1.2\no:musl\nF:lib\nR:ld-musl\n\nC:Q1\nP:ssl_client\nV:1.36.1-r5\nA:x86_64\no:busybox\nF:bin\nF:usr/bin\nR:ssl\nF:bin\nR:busybox\na:0:0:755\n"},
			"apk add busybox-dbg=1.36.1-r5\n", ""},
		{"Alpine, after the usr-merge", "/bin/busybox", map[string]string{"etc/os-release": "ID=alpine\n", "usr/lib/apk/db/installed": "P:busybox\nV:1\nF:usr/bin\nR:busybox\n"},
			"apk add busybox-dbg=1\n", ""},
		{"Alpine, hostile", "/bin/busybox", map[string]string{"etc/os-release": "ID=alpine\n", "lib/apk/db/installed": "P:a;b\nV:1\nF:bin\nR:busybox\n"}, "", "no installed package"},
		{"unknown", "/x", map[string]string{"etc/os-release": "ID=plan9\n"}, "", ""},
		{"nothing", "/x", nil, "", ""},
	} {
		h, err := For(t.Context(), file(t, ""), c.path, root(t, c.files))
		if err != nil {
			t.Fatal(err)
		}
		if got := script(h); got != c.want {
			t.Errorf("%s: got\n%swant\n%s", c.what, got, c.want)
		}
		if problems := fmt.Sprint(h.Problems); !strings.Contains(problems, c.problem) || c.problem == "" && len(h.Problems) != 0 {
			t.Errorf("%s: problems %v, want %q", c.what, problems, c.problem)
		}
		if h.BuildID != id {
			t.Errorf("build-id %s", h.BuildID)
		}
	}
}

// A symlink of the root's stays in it.
func TestRoot(t *testing.T) {
	outside := root(t, map[string]string{"os-release": debianRelease})
	h, err := For(t.Context(), file(t, ""), "/x", root(t, map[string]string{"etc/os-release -> " + outside + "/os-release": ""}))
	if err != nil || h.System != "" {
		t.Errorf("%+v %v", h, err)
	}
	if _, err := For(t.Context(), file(t, ""), "/x", outside+"/none"); err == nil {
		t.Error("no root, and no error")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := For(ctx, file(t, ""), "/x", outside); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestNote(t *testing.T) {
	h, err := For(t.Context(), file(t, `{"type":"rpm","name":"bash","version":"5.2-1.fc40","architecture":"x86_64","osCpe":"cpe:/o:x","debugInfoUrl":"https://d.example/","more":[1]}`), "/x", t.TempDir())
	if err != nil || h.Note == nil || *h.Note != (Note{Type: "rpm", Name: "bash", Version: "5.2-1.fc40", Architecture: "x86_64", OSCPE: "cpe:/o:x", DebugInfoURL: "https://d.example/"}) {
		t.Errorf("%+v %v", h, err)
	}
	for _, bad := range []string{"{", `{"name":1}`, strings.Repeat("x", 70000)} {
		if n, err := ReadNote(file(t, bad)); n != nil || err == nil {
			t.Errorf("%.20s: %v %v", bad, n, err)
		}
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"/usr/bin/x": "/usr/bin/x", "a b": "'a b'", "it's": `'it'\''s'`, "-x": "'-x'", "~x": "'~x'", "$x": "'$x'", "": "''", "é": "'é'",
		"a\nb": "", "\x1b": "", "\x7f": "", "\u009b": "", "\u202e": "", "\xff": ""} {
		if got, ok := quote(in); got != want || ok != (want != "") {
			t.Errorf("%q: %q %v, want %q", in, got, ok, want)
		}
	}
}
