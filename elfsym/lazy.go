package elfsym

import "sync"

// lazy is a part of a File that is read when first asked for and then kept, its
// error included. It is a value where sync.OnceValues is three allocations: a
// File has a dozen, and most are opened for one question.
type lazy[T any] struct {
	once sync.Once
	val  T
	err  error
}

func (l *lazy[T]) get(read func() (T, error)) (T, error) {
	l.once.Do(func() { l.val, l.err = read() })
	return l.val, l.err
}

// value is get for what has no error.
func (l *lazy[T]) value(read func() T) T {
	l.once.Do(func() { l.val = read() })
	return l.val
}

// parts are the lazy parts of a File.
type parts struct {
	sections lazy[*sectionTable]
	dynamic  lazy[*dynamicTable]
	symtab   lazy[*symbolTable]
	dynsym   lazy[*symbolTable]
	opd      lazy[*opdTable]
	notes    lazy[[]noteArea]
	buildID  lazy[[]byte]
	goInfo   lazy[goInfo]
	goFuncs  lazy[*GoFuncTable]
	frames   lazy[*frameTables]
	plt      lazy[[]Symbol]
}

func (f *File) sections() (*sectionTable, error) { return f.parts.sections.get(f.readSections) }
func (f *File) dynamic() (*dynamicTable, error)  { return f.parts.dynamic.get(f.readDynamic) }
func (f *File) opd() (*opdTable, error)          { return f.parts.opd.get(f.readOPD) }
func (f *File) notes() []noteArea                { return f.parts.notes.value(f.findNotes) }
func (f *File) goInfo() goInfo                   { return f.parts.goInfo.value(f.readGoInfo) }
func (f *File) frames() *frameTables             { return f.parts.frames.value(f.readFrames) }
func (f *File) plt() ([]Symbol, error)           { return f.parts.plt.get(f.readPLT) }

// symbols is the i-th table of symbols, by Source's bits.
func (f *File) symbols(i int) (*symbolTable, error) {
	if i == 0 {
		return f.parts.symtab.get(f.findSymtab)
	}
	return f.parts.dynsym.get(f.findDynsym)
}
