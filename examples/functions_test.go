package examples

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/probels/probels/internal/skip"
)

const goTraced = `package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
)

type point struct{ X, Y int }

//go:noinline
func work(name string, n int32, on bool, p *point, b []byte, q point) (string, error) {
	if n > 5 {
		return name + "!", nil
	}
	return name, errors.New("small")
}

func main() {
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		p := point{258, -1}
		work("constant", -7, true, &p, []byte("bytes"), p)
		a, _ := work(in.Text(), 7, false, nil, nil, p)
		fmt.Println(a)
	}
}
`

func TestGofuncs(t *testing.T) {
	live(t)
	dir := t.TempDir()
	source, prog := filepath.Join(dir, "main.go"), filepath.Join(dir, "prog")
	if err := os.WriteFile(source, []byte(goTraced), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(skip.Tool(t, "go"), "build", "-o", prog, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p := start(t, exec.Command(prog))
	tr := trace(t, "gofuncs", "-p", strconv.Itoa(p.cmd.Process.Pid), prog, "main.work")
	p.say(t, "a line", "a line!")
	p.say(t, strings.Repeat("long", 1000), strings.Repeat("long", 1000)+"!")
	pid := p.cmd.Process.Pid
	inOrder(t, tr.end(t),
		fmt.Sprintf("%d -> main.work(name=\"constant\", n=-7, on=true, p=0x", pid), ", b=\"bytes\", q={0x102, 0xffffffffffffffff})\n",
		fmt.Sprintf("%d <- main.work(\"constant\", {0x", pid),
		"-> main.work(name=\"a line\", n=7, on=false, p=0x0, b=\"\", q={0x102, 0xffffffffffffffff})\n", "<- main.work(\"a line!\", {0x0, 0x0})\n",
		"-> main.work(name=\""+strings.Repeat("long", 50)+"\"…, n=7", "<- main.work(\""+strings.Repeat("long", 50)+"\"…, {0x0, 0x0})\n")
	p.say(t, "after", "after!") // the program is none the worse
}

const funcTraced = `
#include <stdio.h>
#define NOINLINE __attribute__((noinline, noipa))
struct pair { long a, b; };
enum color { RED, GREEN };
long NOINLINE add(const char *what, int n, unsigned char c, enum color k, struct pair p, double d, float *f) { return n + p.b; }
const char *NOINLINE name(_Bool yes, struct pair *p) { return yes ? "yes" : 0; }
int NOINLINE fact(int n) { return n < 2 ? 1 : n * fact(n - 1); }
void NOINLINE all(void) { struct pair p = { 3, 4 }; add("text", -5, 200, GREEN, p, 2.5, 0); name(1, &p); name(0, 0); fact(3); }
int main(int argc, char **argv) {
	if (argc == 1) return all(), 0;
	for (char line[9]; fgets(line, sizeof line, stdin); puts("done"), fflush(stdout)) all();
}
`

var funcLines = []string{
	" add(what=\"text\", n=-5, c=200, k=GREEN, p={0x3, 0x4}, d=?, f=0x0)\n", " add returns = -1\n",
	" name(yes=true, p=0x7f", " name returns = \"yes\"\n", " name(yes=false, p=0x0)\n", " name returns = NULL\n",
	" fact(n=3)\n", "   fact(n=2)\n", "     fact(n=1)\n", "     fact returns = 1\n", "   fact returns = 2\n", " fact returns = 6\n",
}

func TestFunctrace(t *testing.T) {
	live(t)
	prog := compile(t, funcTraced, "-O1", "-g", "-fno-optimize-sibling-calls")
	// A command, from its start.
	out, text, err := output(t, "functrace", "-f", "[anf]*", prog)
	if err != nil || !strings.HasPrefix(text, "attached to ") {
		t.Fatalf("%v\n%s", err, text)
	}
	inOrder(t, out, append([]string{" all()\n"}, funcLines...)...)
	// A process.
	p := start(t, exec.Command(prog, "wait"))
	tr := trace(t, "functrace", "-f", "[anf]*", "-p", strconv.Itoa(p.cmd.Process.Pid))
	p.say(t, "go", "done")
	inOrder(t, tr.end(t), append([]string{" all()\n"}, funcLines...)...)
	// Without debug information there are no arguments, and still the calls.
	stripped := compile(t, funcTraced, "-O1", "-g0")
	out, text, err = output(t, "functrace", "-f", "name", stripped)
	if err != nil {
		t.Fatal(err, text)
	}
	inOrder(t, out, " name()\n", " name returns\n", " name()\n", " name returns\n")
	if out, text, err := output(t, "functrace", "-f", "nothing*", prog); err == nil || !strings.Contains(text, "no function matches") {
		t.Errorf("%v\n%s%s", err, out, text)
	}
}
