package paste

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/probels/probels/usdt/consumer"
)

// libbpf writes C that libbpf attaches by its section name. BPF_KPROBE is what
// BPF_UPROBE stands for, which libbpf has since 1.2 only. Functions are called on_…,
// as C knows names like exit already.
func (p *printer) libbpf(sites []Probe) {
	pr := &sites[0]
	name := p.eventName(pr)
	unsaid := strings.ContainsAny(pr.Path, ":\"\\") || !printable(pr.Path)
	switch {
	case pr.Provider != "":
		if unsaid || strings.ContainsAny(pr.Provider+pr.Name, ":\"\\") || !printable(pr.Provider+pr.Name) {
			p.printf("/* %s: SEC() has no way to write its name */\n\n", comment(pr.title()))
			return
		}
		for i := range pr.Args {
			if why := p.firstUnread(sites, consumer.Libbpf, i); why != "" {
				p.printf("/* %s %s: %s */\n\n", comment(pr.title()), pr.label(i), comment(why))
				return
			}
		}
		p.printf("SEC(\"usdt/%s:%s:%s\")\nint BPF_USDT(%s", pr.Path, pr.Provider, pr.Name, name)
	case unsaid || pr.Shared || pr.Unlisted || identifier(pr.Name) != pr.Name:
		// Only its offset says where it is, which SEC() has no place for.
		p.printf("/* bpf_program__attach_uprobe(prog, false, -1, %s, 0x%x): %s */\nSEC(\"uprobe\")\nint BPF_KPROBE(on_%s", comment(`"`+pr.Path+`"`), uint64(pr.Offset), comment(pr.title()), name)
	default:
		target := pr.Name
		if pr.Addend != 0 {
			target += fmt.Sprintf("+0x%x", pr.Addend)
		}
		p.printf("SEC(\"uprobe/%s:%s\")\nint BPF_KPROBE(on_%s", pr.Path, target, name)
	}
	var words, values []string
	for i := range pr.Args {
		if pr.Provider == "" {
			break // by the calling convention, which BPF_KPROBE has parameters for
		}
		a, label := &pr.Args[i], pr.label(i)
		switch {
		case pr.isString(i):
			p.printf(", const char *%s", label)
			words, values = append(words, label+"=0x%lx"), append(values, "(long)"+label)
		case a.Signed:
			p.printf(", %s %s", intType(a, "__s%d", ""), label)
			words, values = append(words, label+"=%ld"), append(values, "(long)"+label)
		default:
			p.printf(", %s %s", intType(a, "", "__u%d"), label)
			words, values = append(words, label+"=0x%lx"), append(values, "(long)"+label)
		}
	}
	p.WriteString(")\n{\n")
	const most = 3 // values of one bpf_printk
	for first := true; first || len(words) > 0; first = false {
		n := min(most, len(words))
		text := strings.Join(append([]string{cFormat(pr.title())}, words[:n]...), " ")
		p.printf("\tbpf_printk(\"%s\"%s);\n", text, joinAfter(values[:n]))
		words, values = words[n:], values[n:]
	}
	p.WriteString("\treturn 0;\n}\n\n")
}

// comment is a text within /* */.
func comment(s string) string {
	s = oneLine(s)
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(s[i])
		// Of "/*/" both: a replacement of one leaves the other.
		if i+1 < len(s) && (s[i] == '*' && s[i+1] == '/' || s[i] == '/' && s[i+1] == '*') {
			b.WriteByte(' ')
		}
	}
	return b.String()
}

// cilium writes Go that attaches the program prog with github.com/cilium/ebpf's
// package link: a block for each file, an entry for each place.
func (p *printer) cilium(probes []Probe) {
	for len(probes) > 0 {
		n := 1
		for n < len(probes) && probes[n].Path == probes[0].Path {
			n++
		}
		p.printf("{\n\tex, err := link.OpenExecutable(%s)\n\tif err != nil {\n\t\treturn err\n\t}\n\tfor _, at := range []link.UprobeOptions{\n", strconv.Quote(probes[0].Path))
		for i := range probes[:n] {
			pr := &probes[i]
			p.printf("\t\t{Address: 0x%x", uint64(pr.Offset))
			if pr.RefCtr != 0 {
				p.printf(", RefCtrOffset: 0x%x", uint64(pr.RefCtr))
			}
			p.printf("}, // %s%s\n", oneLine(pr.title()), argsComment(pr))
		}
		p.WriteString("\t} {\n\t\tl, err := ex.Uprobe(\"\", prog, &at)\n\t\tif err != nil {\n\t\t\treturn err\n\t\t}\n\t\tlinks = append(links, l)\n\t}\n}\n")
		probes = probes[n:]
	}
}

func argsComment(pr *Probe) string {
	if len(pr.Args) == 0 {
		return ""
	}
	parts := make([]string, len(pr.Args))
	for i := range pr.Args {
		parts[i] = oneLine(pr.Args[i].Text)
		if label := pr.label(i); i < len(pr.Names) && pr.Names[i] != "" {
			parts[i] = label + " " + parts[i]
		}
	}
	return " (" + strings.Join(parts, ", ") + ")"
}
