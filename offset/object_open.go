package offset

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/procmaps"
)

// An image is one file that a process has mapped executable, before it is opened.
type image struct {
	id     fileID
	info   fs.FileInfo // what map_files leads to; nil if that may not be asked
	whyNot error       // then
	name   string      // as maps has it
	maps   []procmaps.Mapping
}

// areaKey is what maps tells files apart by. The numbers alone do not: on
// btrfs the files of two subvolumes can have the same ones.
type areaKey struct {
	major, minor uint32
	inode        uint64
	name         string
}

// images gathers the mappings by file: by the device and inode that stat says of
// what map_files leads to, else by the numbers in maps.
func (p *Process) images() ([]*image, error) {
	groups := map[areaKey][]procmaps.Mapping{}
	var order []areaKey // of those with code
	for m := range p.mappings() {
		k := areaKey{m.Major, m.Minor, m.Inode, m.Name}
		if m.Perm&procmaps.Exec != 0 && !slices.ContainsFunc(groups[k], isCode) {
			order = append(order, k)
		}
		groups[k] = append(groups[k], m)
	}
	if len(groups) == 0 {
		// Nothing is ever mapped from no file: it ended before it was read.
		return nil, p.Check()
	}
	byFile := map[fileID]*image{}
	var out []*image
	for _, k := range order {
		for _, part := range p.split(groups[k]) {
			if im := byFile[part.id]; im != nil {
				im.maps = append(im.maps, part.maps...) // another name of the same file
				continue
			}
			byFile[part.id] = part
			out = append(out, part)
		}
	}
	for _, im := range out {
		slices.SortFunc(im.maps, func(a, b procmaps.Mapping) int {
			if a.Start < b.Start {
				return -1
			}
			return 1
		})
	}
	return out, nil
}

func isCode(m procmaps.Mapping) bool { return m.Perm&procmaps.Exec != 0 }

// split asks which file is behind each piece of code, and gives the other pieces
// to the one file; if there are several, each is asked about.
func (p *Process) split(maps []procmaps.Mapping) []*image {
	first := maps[slices.IndexFunc(maps, isCode)]
	whole := &image{name: first.Name, maps: maps, id: fileID{first.Major, first.Minor, first.Inode}}
	if first.Name == vdso {
		return []*image{whole}
	}
	infos := make([]fs.FileInfo, len(maps))
	same := true
	for i, m := range maps {
		if !isCode(m) {
			continue
		}
		info, err := os.Stat(p.link(m))
		if err != nil {
			whole.whyNot = err
			return []*image{whole}
		}
		infos[i] = info
		if whole.info == nil {
			whole.info = info
		}
		same = same && os.SameFile(whole.info, info)
	}
	if same {
		whole.id, _ = idOf(whole.info)
		return []*image{whole}
	}
	var out []*image
	for i, m := range maps {
		if infos[i] == nil {
			var err error
			if infos[i], err = os.Stat(p.link(m)); err != nil {
				continue // it is data: only semaphores would be looked for there
			}
		}
		id, _ := idOf(infos[i])
		at := slices.IndexFunc(out, func(im *image) bool { return im.id == id })
		if at < 0 {
			at = len(out)
			out = append(out, &image{id: id, info: infos[i], name: m.Name})
		}
		out[at].maps = append(out[at].maps, m)
	}
	return slices.DeleteFunc(out, func(im *image) bool { return !slices.ContainsFunc(im.maps, isCode) })
}

// link is the kernel's link to the file of a mapping.
func (p *Process) link(m procmaps.Mapping) string {
	return fmt.Sprintf("%s/map_files/%x-%x", p.dir, m.Start, m.End)
}

// code is the image's first mapping of code.
func (im *image) code() procmaps.Mapping { return im.maps[slices.IndexFunc(im.maps, isCode)] }

// openAll opens the files. What cannot be opened is an object with an error.
func (p *Process) openAll(ctx context.Context, images []*image) error {
	for _, im := range images {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.objects = append(p.objects, p.open(im)...)
	}
	return nil
}

// deletedMark is what maps has behind the name of a file that is unlinked.
const deletedMark = " (deleted)"

// open opens one file, which is several objects if it is an archive.
func (p *Process) open(im *image) []*Object {
	o := &Object{p: p, Mappings: mappingsOf(im.maps)}
	switch {
	case im.name == vdso:
		o.Kind, o.MappedPath, o.Err = ObjectVDSO, vdso, errors.New("the kernel's own code: it is in no file that could be probed")
		return []*Object{o}
	case strings.HasPrefix(im.name, "/memfd:"):
		o.Kind = ObjectMemfd
	case !strings.HasPrefix(im.name, "/"), strings.HasPrefix(im.name, "/SYSV"):
		o.Kind = ObjectOther
	}
	info := p.locate(o, im)
	if o.Err == nil && info != nil && !info.Mode().IsRegular() {
		o.Kind, o.Err = ObjectOther, fmt.Errorf("%s: %w", o.MappedPath, elfsym.ErrNotRegular)
	}
	if o.Err != nil {
		return []*Object{o}
	}
	f, now, err := openAgain(o.Path, info)
	if err != nil {
		o.Err = fmt.Errorf("%s: %w", o.Path, cause(err))
		return []*Object{o}
	}
	if o.Kind == ObjectFile && unlinked(now) {
		o.Kind = ObjectDeleted
	}
	return p.openImages(o, f, now)
}

// openAgain opens a path and makes sure that it is the file that info is of.
func openAgain(name string, info fs.FileInfo) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, nil, err
	}
	now, err := f.Stat()
	switch {
	case err == nil && !os.SameFile(info, now):
		err = errors.New("another file by now")
	case err == nil && !now.Mode().IsRegular():
		err = elfsym.ErrNotRegular
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, now, nil
}

func mappingsOf(maps []procmaps.Mapping) []Mapping {
	out := make([]Mapping, len(maps))
	flag := func(m *procmaps.Mapping, p procmaps.Perm, f elf.ProgFlag) elf.ProgFlag {
		if m.Perm&p == 0 {
			return 0
		}
		return f
	}
	for i := range maps {
		m := &maps[i]
		out[i] = Mapping{m.Start, m.End, elfsym.Offset(m.Offset),
			flag(m, procmaps.Readable, elf.PF_R) | flag(m, procmaps.Writable, elf.PF_W) | flag(m, procmaps.Exec, elf.PF_X)}
	}
	return out
}

// locate finds the two paths of a file, and returns what the first of them leads
// to; or it sets o.Err.
//
// A path is proved by what is behind map_files. Who may not follow those links
// (they take CAP_CHECKPOINT_RESTORE) has only the numbers in maps, and a
// file whose numbers stat tells otherwise is refused.
func (p *Process) locate(o *Object, im *image) fs.FileInfo {
	names := p.names(im)
	o.MappedPath = p.inner(names[len(names)-1])
	same := func(info fs.FileInfo) bool { return os.SameFile(info, im.info) }
	if im.info == nil {
		same = func(info fs.FileInfo) bool {
			id, ok := idOf(info)
			return ok && id == im.id
		}
	}
	if o.Kind == ObjectFile {
		for _, name := range names {
			if at, info := p.find(name, same); info != nil {
				o.Path, o.MappedPath = at, p.inner(name)
				return info
			}
		}
		if strings.HasSuffix(im.name, deletedMark) {
			o.Kind = ObjectDeleted
		}
	}
	if info, err := os.Stat(p.path("exe")); err == nil && same(info) {
		o.Path = p.path("exe") // stays, whatever is mapped where
		return info
	}
	if im.info != nil {
		o.Path = p.link(im.code())
		return im.info
	}
	o.Err = p.refused(o, im)
	return nil
}

// refused says why no path leads to the file.
func (p *Process) refused(o *Object, im *image) error {
	switch {
	case !errors.Is(im.whyNot, fs.ErrPermission):
		return fmt.Errorf("%s: not mapped any more: %w", o.MappedPath, cause(im.whyNot))
	case o.Kind == ObjectFile:
		return fmt.Errorf("%s: what is there now is not proved to be the file that is mapped, and to follow /proc/%d/map_files takes CAP_CHECKPOINT_RESTORE: %w; try as root",
			o.MappedPath, p.state.pid, cause(im.whyNot))
	}
	return fmt.Errorf("%s (%v): only /proc/%d/map_files leads to it, which takes CAP_CHECKPOINT_RESTORE: %w; try as root", o.MappedPath, o.Kind, p.state.pid, cause(im.whyNot))
}

// names are the ways to read a name in maps, the likeliest to be the file's own
// last.
func (p *Process) names(im *image) []string {
	names := []string{im.name}
	if strings.Contains(im.name, `\`) {
		// The link has the name as it is.
		if text, err := os.Readlink(p.link(im.code())); err == nil {
			names = []string{text}
		} else {
			names = append(names, procmaps.Unescape(im.name))
		}
	}
	for _, name := range names {
		if bare, ok := strings.CutSuffix(name, deletedMark); ok {
			names = append(names, bare)
		}
	}
	return names
}

// inner is a path of the process's mount namespace as the process sees it.
func (p *Process) inner(name string) string {
	if p.rootLink == "" || p.rootLink == "/" {
		return name
	}
	if rest, ok := strings.CutPrefix(name, p.rootLink); ok && strings.HasPrefix(rest, "/") {
		return rest
	}
	return name
}

// find looks for a file where a name says it is: for us, and for the process.
func (p *Process) find(name string, same func(fs.FileInfo) bool) (string, fs.FileInfo) {
	if p.ourPaths {
		if info, err := os.Stat(name); err == nil && same(info) {
			return name, info
		}
	}
	if !p.ownRoot {
		return "", nil
	}
	root, err := p.rootDir()
	if err != nil {
		return "", nil
	}
	name = p.inner(name)
	if info, err := root.Stat(name); err == nil && same(info) {
		return root.HostPath(name), info
	}
	return "", nil
}

// targetOptions are those for a target of the process: debug files are searched
// where the process would find them.
func (p *Process) targetOptions() *Options {
	o := p.opts
	if root := p.Root(); root != "" && !o.OwnTables && (o.Debug == nil || o.Debug.Root == "") {
		o.Debug = debugIn(o.Debug, root)
	}
	return &o
}

// isLink reports whether a path can be opened only by way of /proc.
func isLink(dir, name string) bool { return strings.HasPrefix(name, dir+"/") }

// debugPath is where the debug file of an object is searched from: its path in
// the root that is searched.
func (o *Object) debugPath() string {
	if o.p.ownRoot || isLink(o.p.dir, o.Path) {
		return path.Clean("/" + o.MappedPath)
	}
	return o.Path
}
