// Package examples has the tests of the examples: each is run on the live kernel.
package examples

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"debug/elf"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/usdt/usdttest"
)

func TestList(t *testing.T) {
	out, _, err := output(t, "list", testbin.Path(t, "amd64/probe-pie"), "traced", "probels:small")
	if err != nil || !regexp.MustCompile(`(?m)^0x[0-9a-f]+ usdt probels:small$`).MatchString(out) || !regexp.MustCompile(`(?m)^0x[0-9a-f]+ uprobe traced$`).MatchString(out) {
		t.Error(out, err)
	}
}

func TestResolve(t *testing.T) {
	prog := testbin.Path(t, "amd64/probe-pie")
	out, _, err := output(t, "resolve", prog, "probels:guarded")
	if err != nil || !regexp.MustCompile(`^\S+ offset 0x[0-9a-f]+ semaphore 0x[0-9a-f]{2,}\n$`).MatchString(out) {
		t.Error(out, err)
	}
	if out, text, err := output(t, "resolve", prog, "tracedd"); err == nil || out != "" || !strings.Contains(text, "traced") {
		t.Error(out, text, err)
	}
}

func TestBashreadline(t *testing.T) {
	bash := copyOf(t, "/bin/bash")
	tr := trace(t, "bashreadline", bash)
	long := strings.Repeat("x", 2000)
	runBash(t, bash, "echo typed", ": "+long)
	inOrder(t, tr.end(t), " echo typed\n", " : "+long+"\n")
}

// A bash in which no function has a name any more: readline is found by its like in
// another build, Debian's 5.2.37-2+b10 (gcc 14), of which the fingerprints are.
func TestBashreadlineStripped(t *testing.T) {
	bash := copyOf(t, "/bin/bash")
	eraseNames(t, bash)
	if out, text, err := output(t, "resolve", bash, "readline"); err == nil {
		t.Fatalf("readline still has a name: %s%s", out, text)
	}
	tr := trace(t, "bashreadline", "-reference", "testdata/readline.twins", bash)
	runBash(t, bash, "echo typed without a name")
	inOrder(t, tr.end(t), " echo typed without a name\n")
}

// eraseNames takes the names of all functions that a file defines out of its
// .dynsym, and the table that they are found by is of no use then. Programs run
// without them: only others would ask for them.
func eraseNames(t *testing.T, path string) {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Section(".symtab") != nil || f.Machine != elf.EM_X86_64 {
		skip.Nowf(t, "needs a stripped %s of x86-64", path)
	}
	s := f.Section(".dynsym")
	b, err := s.Data()
	if err != nil {
		t.Fatal(err)
	}
	for e := b; len(e) >= 24; e = e[24:] {
		if elf.ST_TYPE(e[4]) == elf.STT_FUNC && f.ByteOrder.Uint16(e[6:]) != 0 {
			copy(e, []byte{0, 0, 0, 0}) // st_name
		}
	}
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteAt(b, int64(s.Offset)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// runBash types lines to a bash and waits for its end.
func runBash(t *testing.T, bash string, lines ...string) {
	t.Helper()
	cmd := exec.Command(bash, "--norc", "--noprofile", "-i")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	cmd.Env = append(os.Environ(), "HISTFILE=", "TERM=dumb")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestPyfunctions(t *testing.T) {
	python := systemPython(t)
	script := filepath.Join(t.TempDir(), "script.py")
	if err := os.WriteFile(script, []byte("import sys\ndef inner(n):\n    return n\ndef outer():\n    return inner(1)\nprint('ready', flush=True)\nfor line in sys.stdin:\n    outer()\n    print('done', flush=True)\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	p := start(t, exec.Command(copyOf(t, python), script))
	if line, err := p.out.ReadString('\n'); line != "ready\n" {
		t.Fatal(line, err)
	}
	tr := trace(t, "pyfunctions", "-p", strconv.Itoa(p.cmd.Process.Pid))
	p.say(t, "go", "done")
	pid := p.cmd.Process.Pid
	out := tr.end(t)
	inOrder(t, out, fmt.Sprintf("%d <- inner %s:3\n", pid, script), fmt.Sprintf("%d <- outer %s:5\n", pid, script))
	if !strings.HasSuffix(python, "3.11") { // which never gets to the probe
		inOrder(t, out, fmt.Sprintf("%d -> outer %s:4\n", pid, script), fmt.Sprintf("%d -> inner %s:2\n", pid, script), "<- inner ")
	}
}

// systemPython is a Python with probes.
func systemPython(t *testing.T) string {
	t.Helper()
	path, err := filepath.EvalSymlinks("/usr/bin/python3")
	if err != nil {
		skip.Now(t, "needs /usr/bin/python3")
	}
	return path
}

func TestRedisargs(t *testing.T) {
	// One program is server and tools, by the name that it is called.
	const debian = "/usr/bin/redis-check-rdb"
	if _, err := os.Stat(debian); err != nil {
		skip.Nowf(t, "needs %s", debian)
	}
	dir := t.TempDir()
	server := filepath.Join(dir, "redis-server")
	if err := os.Rename(copyOf(t, debian), server); err != nil {
		t.Fatal(err)
	}
	p := start(t, exec.Command(server, "--port", "0", "--unixsocket", filepath.Join(dir, "socket"), "--dir", dir, "--save", ""))
	go io.Copy(io.Discard, p.out)
	var conn net.Conn
	var err error
	for range 200 {
		if conn, err = net.Dial("unix", filepath.Join(dir, "socket")); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tr := trace(t, "redisargs", "-p", strconv.Itoa(p.cmd.Process.Pid))
	long := strings.Repeat("v", 3000)
	fmt.Fprintf(conn, "*3\r\n$3\r\nSET\r\n$5\r\nmykey\r\n$%d\r\n%s\r\n", len(long), long)
	answer := make([]byte, 64)
	if n, err := conn.Read(answer); string(answer[:n]) != "+OK\r\n" {
		t.Fatalf("%q, %v", answer[:n], err)
	}
	pid := p.cmd.Process.Pid
	inOrder(t, tr.end(t), fmt.Sprintf("%d \"SET\"\n", pid), fmt.Sprintf("%d \"mykey\"\n", pid), fmt.Sprintf("%d %q … (3000 bytes)\n", pid, long[:512]))
}

func TestTlssniff(t *testing.T) {
	python := systemPython(t)
	library := copyOf(t, "/usr/lib/x86_64-linux-gnu/libssl.so.3")
	port := tlsServer(t)
	script := `import sys, ssl, socket
c = ssl.create_default_context()
c.check_hostname = False
c.verify_mode = ssl.CERT_NONE
print("ready", flush=True)
for line in sys.stdin:
    with c.wrap_socket(socket.create_connection(("127.0.0.1", int(line)))) as s:
        s.sendall(b"x" * 1234)
        n = 0
        while n < 4321:
            n += len(s.recv(5000))
        print("done", flush=True)
`
	env := append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Dir(library))
	cmd := exec.Command(python, "-c", script)
	cmd.Env = env
	p := start(t, cmd)
	if line, err := p.out.ReadString('\n'); line != "ready\n" {
		t.Fatal(line, err)
	}
	tr := trace(t, "tlssniff", "-p", strconv.Itoa(p.cmd.Process.Pid))
	p.say(t, port, "done")
	pid := p.cmd.Process.Pid
	inOrder(t, tr.end(t), fmt.Sprintf("%d %s SSL_write_ex 1234 bytes\n", pid, filepath.Base(python)), " SSL_read_ex 4321 bytes\n")

	// The other two functions, by the library's file.
	tr = trace(t, "tlssniff", library)
	client := exec.Command(skip.Tool(t, "openssl"), "s_client", "-quiet", "-connect", "127.0.0.1:"+port)
	client.Env = env
	in, err := client.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(in, strings.Repeat("y", 1234))
	client.Wait() // the server closes
	in.Close()
	inOrder(t, tr.end(t), " openssl SSL_write 1234 bytes\n", " openssl SSL_read 1024 bytes\n", " openssl SSL_read 225 bytes\n")
}

// tlsServer answers 1234 bytes by 4321, and closes.
func tlsServer(t *testing.T) (port string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates:                []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		DynamicRecordSizingDisabled: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if _, err := io.ReadFull(c, make([]byte, 1234)); err == nil {
					c.Write(make([]byte, 4321))
				}
			}()
		}
	}()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func TestJvmgc(t *testing.T) {
	found, _ := filepath.Glob("/usr/lib/jvm/*/lib/server/libjvm.so")
	if len(found) == 0 {
		skip.Now(t, "needs openjdk-17-jre-headless")
	}
	java := filepath.Join(filepath.Dir(found[0]), "../../bin/java")
	tr := trace(t, "jvmgc", found[0])
	// A program that comes with the runtime, and makes more garbage than a megabyte.
	cmd := exec.Command(java, "-XX:+UseSerialGC", "-Xmx64m", "-Xmn1m", "-m", "java.base/sun.security.tools.keytool.Main",
		"-genkeypair", "-alias", "x", "-keyalg", "RSA", "-keysize", "1024", "-dname", "CN=x", "-storepass", "changeit", "-keystore", filepath.Join(t.TempDir(), "store"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out := tr.end(t)
	pid := strconv.Itoa(cmd.Process.Pid)
	inOrder(t, out, pid+" collection begins\n", pid+"   ", " bytes used\n", pid+" collection ends: ")
	if !regexp.MustCompile(`(?m)^` + pid + `   (Eden Space|Survivor Space|Tenured Gen): [0-9]+ bytes used$`).MatchString(out) {
		t.Errorf("no pool is in\n%s", out)
	}
	if !regexp.MustCompile(`(?m)^` + pid + ` collection ends: [0-9.]+(µ|m)?s$`).MatchString(out) {
		t.Errorf("no time is in\n%s", out)
	}
}

// The program that defines its own probes has those that it promises, and they fire.
func TestDefineAndUsdttrace(t *testing.T) {
	live(t)
	prog := filepath.Join(t.TempDir(), "shop")
	if out, err := exec.Command(skip.Tool(t, "gcc"), "-O2", "-Wall", "-Werror", "-o", prog, "define/shop.c").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	usdttest.Check(t, prog, "define/probes.lock")
	if out, _, err := output(t, "resolve", prog, "shop:order__done"); err != nil || strings.Contains(out, "semaphore 0x0\n") {
		t.Errorf("no semaphore: %s %v", out, err)
	}
	shop := start(t, exec.Command(prog))
	shop.say(t, "nobody 1", "order 1 of nobody: 1") // nobody listens
	tr := trace(t, "usdttrace", "-s", "-p", strconv.Itoa(shop.cmd.Process.Pid), "shop:*")
	shop.say(t, "ann -500", "order 2 of ann: -500")
	shop.say(t, "bo 12345678901", "order 3 of bo: 12345678901")
	out := tr.end(t)
	pid := shop.cmd.Process.Pid
	inOrder(t, out,
		fmt.Sprintf("%d shop:order__start(arg0 u32=2, arg1 u64=0x", pid), "\"ann\")\n",
		fmt.Sprintf("%d shop:order__done(arg0 u32=2, arg1 i64=-500, arg2 f64=", pid),
		"\"bo\")\n", "arg1 i64=12345678901, arg2 f64=")
	if strings.Contains(out, "nobody") || strings.Count(out, "\n") != 4 {
		t.Errorf("too much:\n%s", out)
	}
	shop.say(t, "cy 1", "order 4 of cy: 1")
}

func TestRawoffset(t *testing.T) {
	prog := testbin.Exec(t, "amd64/probe-stripped")
	// The same build with symbols tells the address.
	out, _, err := output(t, "resolve", testbin.Path(t, "amd64/probe-pie"), "traced")
	m := regexp.MustCompile(`offset (0x[0-9a-f]+)`).FindStringSubmatch(out)
	if err != nil || m == nil {
		t.Fatal(out, err)
	}
	tr := trace(t, "rawoffset", prog, "+"+m[1])
	exec.Command(prog, "7").Run()
	out = tr.end(t)
	if n := strings.Count(out, " probe-stripped 0x"); n != 7 || strings.Count(out, "\n") != 7 {
		t.Errorf("%d hits:\n%s", n, out)
	}
	off, err := strconv.ParseUint(m[1], 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	// The function is longer than one instruction, and the first one than one byte.
	_, text, err := output(t, "rawoffset", testbin.Exec(t, "amd64/probe-pie"), fmt.Sprintf("+0x%x", off+1))
	if err == nil || !strings.Contains(text, "instruction") {
		t.Errorf("within an instruction: %v\n%s", err, text)
	}
}

const beetraced = `
#include <fcntl.h>
#include <unistd.h>
#define NOINLINE __attribute__((noinline, noipa))
void NOINLINE greet(const char *text) { write(1, text, 6); }
int NOINLINE look(const char *path) { return open(path, O_RDONLY | O_CREAT, 0600); }
int main(void) { greet("hello\n"); look("/nonexistent/a path"); char b[8]; read(0, b, 8); return 3; }
`

func TestBeetrace(t *testing.T) {
	live(t)
	prog := compile(t, beetraced, "-O1")
	cmd := exec.Command(program(t, "beetrace"), prog, "arg")
	var text strings.Builder
	cmd.Stderr = &text
	cmd.Stdin = strings.NewReader("input")
	out, err := cmd.Output()
	if err != nil || string(out) != "hello\n" {
		t.Fatalf("%v, %q\n%s", err, out, &text)
	}
	inOrder(t, text.String(),
		"attached to ", "execve(\""+prog+"\", ", " = 0\n", "openat(AT_FDCWD, \"/etc/ld.so.cache\", ",
		" main\n", "   greet\n", "     write(1, \"hello\\n\", 6) = 6\n", "   look\n",
		"     openat(AT_FDCWD, \"/nonexistent/a path\", 0x40, 0600) = -1 no such file or directory\n",
		"   read(0, \"input\", 8) = 5\n", "exit_group(3) = ?\n")
}
