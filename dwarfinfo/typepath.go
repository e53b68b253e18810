package dwarfinfo

import "strings"

// SplitPath gives the ways to read "TYPE.field->sub[2]" as the name of a type
// and a path for Member: the longest name first, which may have dots itself as
// Go's have, "main.server.conn".
func SplitPath(text string) []TypePath {
	text = strings.TrimSpace(text)
	out := []TypePath{{text, ""}}
	depth := 0
	for i := len(text) - 1; i > 0 && len(out) < maxPath; i-- {
		switch c := text[i]; {
		case c == '>' && text[i-1] == '-':
			if depth == 0 {
				out = append(out, TypePath{text[:i-1], text[i-1:]})
			}
		case c == '>':
			depth++ // of a template's arguments, from behind
		case c == '<':
			depth--
		case depth == 0 && (c == '.' || c == '['):
			out = append(out, TypePath{text[:i], text[i:]})
		}
	}
	return out
}

// A TypePath is a type's name and a path within it.
type TypePath struct{ Type, Path string }
