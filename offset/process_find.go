package offset

// Find is the objects that a name or a pattern means: those that Object.Matches,
// else those that FindMapped finds, by SONAME and without version: "libssl.so.3",
// "libssl", "ssl". Several where there are several; none where there is none.
func (p *Process) Find(name string) []*Object {
	var out []*Object
	for _, o := range p.objects {
		if o.Matches(name) {
			out = append(out, o)
		}
	}
	if len(out) > 0 {
		return out
	}
	mapped := make([]Mapped, len(p.objects))
	for i, o := range p.objects {
		mapped[i].Path = o.MappedPath
		if o.Target != nil {
			if l, err := o.Target.f.Linking(); err == nil {
				mapped[i].SONAME = l.SONAME
			}
		}
	}
	for _, m := range FindMapped(name, mapped) {
		for i, o := range p.objects {
			if mapped[i] == m {
				out = append(out, o)
				mapped[i].Path = "" // two objects can have one name
				break
			}
		}
	}
	return out
}

// means reports whether a spec is about an object.
func (r *processResolution) means(s *Spec, o *resolution) bool {
	if s.in == "" {
		return true
	}
	objects, ok := r.in[s.in]
	if !ok {
		objects = map[*Object]bool{}
		for _, x := range r.p.Find(s.in) {
			objects[x] = true
		}
		r.in[s.in] = objects
	}
	return objects[o.t.object]
}
