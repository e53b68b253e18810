package paste

import (
	"strconv"
	"strings"

	"github.com/probels/probels/usdt/consumer"
)

// bpftrace writes a clause that prints the probe and its arguments. bpftrace
// finds the sites itself, so a probe with several has one clause.
func (p *printer) bpftrace(sites []Probe) {
	pr := &sites[0]
	point, why := pr.bpftracePoint()
	if why != "" {
		p.printf("// %s: %s\n", oneLine(pr.title()), why)
		return
	}
	var words, values []string
	if pr.Provider != "" {
		for i := range pr.Args {
			a, label := &pr.Args[i], pr.label(i)
			arg := "arg" + strconv.Itoa(i)
			if why := p.firstUnread(sites, consumer.Bpftrace, i); why != "" {
				p.printf("// %s %s: %s\n", oneLine(pr.title()), label, oneLine(why))
				continue
			}
			switch {
			case pr.isString(i):
				words, values = append(words, label+"=%s"), append(values, "str("+arg+")")
			case a.Signed:
				words, values = append(words, label+"="+map[bool]string{false: "%d", true: "%ld"}[a.Size == 8]), append(values, "("+intType(a, "int%d", "")+")"+arg)
			case a.Size == 8:
				words, values = append(words, label+"=0x%lx"), append(values, arg)
			default:
				words, values = append(words, label+"=%u"), append(values, "("+intType(a, "", "uint%d")+")"+arg)
			}
		}
	}
	if pr.Unlisted { // "Could not resolve address", 0.17
		p.printf("// %s: an address without a symbol, for which bpftrace wants --unsafe\n", oneLine(pr.title()))
	}
	text := strings.Join(append([]string{cFormat(pr.title())}, words...), " ")
	p.printf("%s { printf(\"%s\\n\"%s); }\n", point, text, joinAfter(values))
}

func joinAfter(values []string) string {
	var b strings.Builder
	for _, v := range values {
		b.WriteString(", " + v)
	}
	return b.String()
}

// firstUnread says why a tool does not get argument i at one of the sites.
func (p *printer) firstUnread(sites []Probe, who consumer.Consumer, i int) string {
	for k := range sites {
		if i >= len(sites[k].Args) {
			return "one of the sites has fewer arguments"
		}
		if why := p.unread(&sites[k], who, i); why != "" {
			return why
		}
	}
	return ""
}

// bpftracePoint is where to attach, or why bpftrace has no way to write it.
func (pr *Probe) bpftracePoint() (point, why string) {
	path, name := bpftraceQuote(pr.Path), bpftraceQuote(pr.Name)
	if !printable(pr.Path + pr.Provider + pr.Name) {
		return "", "bpftrace has no way to write its name"
	}
	if strings.ContainsAny(pr.Path+pr.Provider+pr.Name, "*?[") {
		return "", "bpftrace would take its name for a pattern"
	}
	switch {
	case pr.Provider != "":
		return "usdt:" + path + ":" + bpftraceQuote(pr.Provider) + ":" + name, ""
	case pr.Name == "", pr.Shared, pr.Unlisted, strings.Contains(pr.Name, "+"): // behind a "+" it wants a number
		return "uprobe:" + path + ":0x" + strconv.FormatUint(uint64(pr.Addr), 16), ""
	case pr.Addend != 0:
		return "uprobe:" + path + ":" + name + "+" + strconv.FormatUint(pr.Addend, 10), ""
	}
	return "uprobe:" + path + ":" + name, ""
}

// bpftraceQuote quotes what bpftrace would not read as one word.
func bpftraceQuote(s string) string {
	plain := s != ""
	for i := range len(s) {
		c := s[i]
		plain = plain && ('0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || strings.IndexByte("_.-/", c) >= 0)
	}
	if plain {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
