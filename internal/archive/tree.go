package archive

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// content is a regular file's bytes: the entry of a layer that has them. Hard
// links share it.
type content struct {
	layer, entry int
	size         int64
	elf          bool   // and wanted, once it was looked at
	data         []byte // if they are held
	sum          uint32 // CRC-32 of what was looked at and is not
	summed       bool
}

// node is a name in the file system that the layers make together.
type node struct {
	children map[string]*node
	file     *content
	link     string // of a symbolic link
	layer    int    // that it is of; -1 if only names below it were met

	// What layers below hidden have of it and below it is not seen, and of what
	// is in it below opaque.
	hidden, opaque int
}

// tree is the merged file system while layers are put on it, from the lowest up.
type tree struct {
	root   *node
	layer  int
	limits Limits
	nodes  int
	names  int64
}

func newTree(l Limits) *tree {
	return &tree{root: &node{layer: -1}, limits: l}
}

const maxPath = 4096

// cleanName is an entry's name as a path from the root; nothing leads out of it.
func cleanName(name string) (string, error) {
	if len(name) > maxPath || strings.IndexByte(name, 0) >= 0 {
		return "", fmt.Errorf("%.40q: no name for a file: %w", name, ErrFormat)
	}
	return path.Clean("/" + name), nil
}

// at is the node of a clean path, made if it is missing.
func (t *tree) at(p string) (*node, error) {
	n := t.root
	for part := range strings.SplitSeq(strings.Trim(p, "/"), "/") {
		if part == "" {
			continue
		}
		next := n.children[part]
		if next == nil {
			t.nodes++
			t.names += int64(len(part))
			if t.nodes > t.limits.Entries || t.names > t.limits.Names {
				return nil, fmt.Errorf("too many names: %w", ErrLimit)
			}
			if n.children == nil {
				n.children = map[string]*node{}
			}
			next = &node{layer: -1}
			n.children[strings.Clone(part)] = next
		}
		n.file = nil // what has names below it is a directory
		n = next
	}
	return n, nil
}

// through is where a path leads if its directory is reached by links: a layer
// may have lib/x where a lower one has made lib a link to usr/lib.
func (t *tree) through(p string) string {
	dir, base := path.Split(p)
	if _, real := t.find(dir); real != "" && real != path.Clean(dir) {
		return path.Join(real, base)
	}
	return p
}

// put makes what p stands for a file, a link (to is not ""), or with neither
// something else that hides what was there.
func (t *tree) put(p string, file *content, to string) error {
	n, err := t.at(p)
	if err != nil {
		return err
	}
	n.children, n.file, n.link, n.layer = nil, file, to, t.layer
	return nil
}

// dir makes p a directory, which keeps what is in it.
func (t *tree) dir(p string) error {
	n, err := t.at(p)
	if err == nil {
		n.file, n.link, n.layer = nil, "", t.layer
	}
	return err
}

// whiteout handles the names that hide others; false if it is none of them.
func (t *tree) whiteout(p string) (bool, error) {
	dir, base := path.Split(p)
	name, ok := strings.CutPrefix(base, ".wh.")
	if !ok {
		return false, nil
	}
	if name == ".wh..opq" {
		n, err := t.at(dir)
		if err == nil {
			n.opaque = t.layer
		}
		return true, err
	}
	if name == "" || strings.HasPrefix(name, ".wh.") {
		return true, nil // aufs' own
	}
	n, err := t.at(path.Join(dir, name))
	if err == nil {
		n.hidden = t.layer
	}
	return true, err
}

// find follows a path, and symbolic links on it, inside the tree. real is the
// path without links.
func (t *tree) find(p string) (n *node, real string) {
	const maxLinks = 40
	todo := strings.Split(path.Clean("/"+p), "/")
	type step struct {
		n      *node
		name   string
		hidden int
	}
	at := []step{{n: t.root}}
	for links := 0; len(todo) > 0; {
		part := todo[0]
		todo = todo[1:]
		top := at[len(at)-1]
		switch part {
		case "", ".":
			continue
		case "..":
			at = at[:max(1, len(at)-1)]
			continue
		}
		below := max(top.hidden, top.n.opaque)
		next := top.n.children[part]
		if next == nil {
			return nil, ""
		}
		below = max(below, next.hidden)
		seen := next.layer >= below
		if !seen {
			if next.file != nil || next.link != "" {
				return nil, ""
			}
		} else if next.link != "" {
			if links++; links > maxLinks || len(todo) > maxPath {
				return nil, ""
			}
			if strings.HasPrefix(next.link, "/") {
				at = at[:1]
			}
			todo = append(strings.Split(next.link, "/"), todo...)
			continue
		}
		at = append(at, step{next, part, below})
	}
	var b strings.Builder
	for _, s := range at[1:] {
		b.WriteString("/" + s.name)
	}
	return at[len(at)-1].n, b.String()
}

// files calls f for each file that is seen, by path.
func (t *tree) files(f func(p string, c *content)) { t.root.files("", 0, f) }

// files recurses at most maxPath/2 levels.
func (n *node) files(p string, below int, f func(string, *content)) {
	names := make([]string, 0, len(n.children))
	for name := range n.children {
		names = append(names, name)
	}
	slices.Sort(names)
	below = max(below, n.opaque)
	for _, name := range names {
		c := n.children[name]
		h := max(below, c.hidden)
		if c.file != nil && c.layer >= h {
			f(p+"/"+name, c.file)
		}
		c.files(p+"/"+name, h, f)
	}
}
