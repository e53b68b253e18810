package confirm

import (
	"bufio"
	"debug/elf"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
)

var stubLine = regexp.MustCompile(`^0*([0-9a-f]+) <(.*)@plt>:`)

// Every PLT entry of x86-64 programs and libraries is where objdump has one of that name, and it has no
// others. In a static PIE it names none.
func TestPLT(t *testing.T) {
	objdump := skip.Tool(t, "objdump")
	entries, n := 0, 0
	for _, path := range files() {
		f, err := elfsym.Open(path)
		if err != nil {
			continue
		}
		if f.Machine() != elf.EM_X86_64 || f.Has(elfsym.Dynsym) == 0 || f.DebugOnly() {
			f.Close()
			continue
		}
		if n++; n > 150 {
			f.Close()
			break
		}
		got := map[string]string{}
		for s, err := range f.Symbols(elfsym.PLT) {
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			got[fmt.Sprintf("%x", uint64(s.Addr))] = strings.TrimSuffix(s.Name, "@plt")
		}
		f.Close()
		// It fails where one of the sections is not there, and prints the others.
		out, _ := exec.Command(objdump, "-d", "-j", ".plt", "-j", ".plt.sec", "-j", ".plt.got", "-j", ".iplt", path).Output()
		sc := bufio.NewScanner(strings.NewReader(string(out)))
		for sc.Scan() {
			m := stubLine.FindStringSubmatch(sc.Text())
			if m == nil {
				continue
			}
			name, _, _ := strings.Cut(m[2], "@") // a version, in newer binutils
			entries++
			if got[m[1]] != name {
				t.Errorf("%s: at 0x%s %q, objdump has %q", path, m[1], got[m[1]], name)
			}
			delete(got, m[1])
		}
		for at, name := range got {
			t.Errorf("%s: %s at 0x%s, objdump has none", path, name, at)
		}
	}
	t.Logf("%d entries in %d files", entries, n)
}
