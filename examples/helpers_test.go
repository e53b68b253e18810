package examples

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/offset/attach/capture"
)

// built is the directory that all examples are built into.
var built struct {
	once sync.Once
	dir  string
	err  error
	out  []byte
}

func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// program is an example, built.
func program(t *testing.T, name string) string {
	t.Helper()
	goTool := skip.Tool(t, "go")
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "examples"); built.err == nil {
			cmd := exec.Command(goTool, "build", "-o", built.dir+"/", "./...")
			built.out, built.err = cmd.CombinedOutput()
		}
	})
	if built.err != nil {
		t.Fatalf("building the examples: %v\n%s", built.err, built.out)
	}
	return filepath.Join(built.dir, name)
}

// live skips where nothing can be attached.
func live(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		skip.Now(t, "needs linux/amd64, for which the expected output is")
	}
	if os.Geteuid() != 0 {
		skip.Now(t, "needs root, to attach uprobes")
	}
	c, err := capture.New([]capture.Site{{Tracepoint: "raw_syscalls/sys_enter"}}, &capture.Config{PID: os.Getpid()})
	if err != nil {
		skip.Now(t, "needs eBPF: "+err.Error())
	}
	c.Close()
}

// output runs an example to its end.
func output(t *testing.T, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := exec.Command(program(t, name), args...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err = cmd.Run()
	return o.String(), e.String(), err
}

// A tracer is an example that has attached.
type tracer struct {
	cmd    *exec.Cmd
	stdout bytes.Buffer
	stderr chan string // the rest of it
}

func trace(t *testing.T, name string, args ...string) *tracer {
	t.Helper()
	live(t)
	tr := &tracer{cmd: exec.Command(program(t, name), args...), stderr: make(chan string, 1)}
	tr.cmd.Stdout = &tr.stdout
	r, w := io.Pipe()
	tr.cmd.Stderr = w
	if err := tr.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first := make(chan string, 1)
	go func() {
		in := bufio.NewReader(r)
		line, _ := in.ReadString('\n')
		first <- line
		rest, _ := io.ReadAll(in)
		tr.stderr <- string(rest)
	}()
	t.Cleanup(func() {
		if tr.cmd.ProcessState == nil {
			tr.cmd.Process.Kill()
			tr.cmd.Wait()
		}
	})
	ended := make(chan error, 1)
	select {
	case line := <-first:
		if !strings.HasPrefix(line, "attached to ") {
			w.Close()
			t.Fatalf("%s wrote %s%s", name, line, <-tr.stderr)
		}
	case err := <-ended:
		t.Fatalf("%s ended: %v", name, err)
	case <-time.After(time.Minute):
		t.Fatalf("%s did not attach", name)
	}
	t.Cleanup(func() { w.Close() })
	return tr
}

// end is Ctrl-C: the example prints what it has, and ends well.
func (tr *tracer) end(t *testing.T) string {
	t.Helper()
	if err := tr.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := tr.cmd.Wait(); err != nil {
		t.Errorf("%s ended with %v", tr.cmd.Path, err)
	}
	return tr.stdout.String()
}

// inOrder reports an error unless the lines contain all of these, in their order.
func inOrder(t *testing.T, text string, want ...string) {
	t.Helper()
	rest := text
	for _, w := range want {
		i := strings.Index(rest, w)
		if i < 0 {
			t.Errorf("%q is not there, or not behind what should be before it, in\n%s", w, text)
			return
		}
		rest = rest[i+len(w):]
	}
}

// copyOf is a copy of a file, which has an inode of its own: probes on it disturb nobody.
func copyOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		skip.Nowf(t, "needs %s", path)
	}
	to := filepath.Join(t.TempDir(), filepath.Base(path))
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}

// compile makes a program of C.
func compile(t *testing.T, source string, flags ...string) string {
	t.Helper()
	prog := filepath.Join(t.TempDir(), "prog")
	cmd := exec.Command(skip.Tool(t, "gcc"), append(flags, "-w", "-x", "c", "-o", prog, "-")...)
	cmd.Stdin = strings.NewReader(source)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return prog
}

// A child is a program that is traced, and waits for lines.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t *testing.T, cmd *exec.Cmd) *child {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	return &child{cmd, in, bufio.NewReader(out)}
}

// say writes a line, and waits for one.
func (c *child) say(t *testing.T, line, want string) {
	t.Helper()
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := c.out.ReadString('\n'); got != want+"\n" {
		t.Fatalf("%s wrote %q (%v), not %q", c.cmd.Path, got, err, want)
	}
}
