package annotation

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// Findings collects diagnostics, each once. It also collects the misspellings of an object, and what its annotations
// name, which tell an edit that misspells a name (intent.Misspelling).
type Findings struct {
	list     diag.List
	seen     map[finding]bool
	misspelt []intent.Misspelling
	named    []string
	parts    map[finding][]partNote // by object and path
	left     *int                   // see Limit; nil = no limit
}

// Long values, and what a value costs if it is read for each of many parts. An item of a map or list costs more than
// its bytes.
const (
	longValue = 256
	itemCost  = 100
	someParts = 16 << 10
	ofPart    = 16 << 10
)

// Limit limits how much of long values is read in all. Settings of target groups, also those of Services, are read
// again for each path or port: a few hundred kilobytes times thousands of parts would take gigabytes.
func (f *Findings) Limit(annotations map[string]string, parts int) {
	left := someParts + ofPart*parts
	for _, raw := range annotations {
		left += 4 * cost(raw)
	}
	f.left = &left
}

func cost(raw string) int { return len(raw) + itemCost*strings.Count(raw, ",") }

// take reports whether a value may be read.
func (f *Findings) take(raw string) bool {
	if f.left == nil || len(raw) <= longValue {
		return true
	}
	if *f.left > 0 {
		*f.left -= cost(raw)
	}
	return *f.left > 0
}

type finding struct {
	object     diag.Object
	path, text string
}

// Add appends diagnostics that are not there yet.
func (f *Findings) Add(ds ...diag.Diagnostic) {
	for _, d := range ds {
		if k := (finding{d.Object, d.Path, d.Text}); !f.seen[k] {
			f.saw(k)
			f.list = append(f.list, d)
		}
	}
}

// partNote is a note about a part of a value, and its advice in short.
type partNote struct {
	note   diag.Diagnostic
	advice string
}

// addPart adds a note about a part of a value.
func (f *Findings) addPart(p partNote) {
	f.Add(p.note)
	if f.parts == nil {
		f.parts = map[finding][]partNote{}
	}
	of := finding{object: p.note.Object, path: p.note.Path}
	if !slices.Contains(f.parts[of], p) {
		f.parts[of] = append(f.parts[of], p)
	}
}

// takeParts removes the notes about parts of an invalid value, whose own finding has their advice: two findings about
// one mistake may contradict each other.
func (f *Findings) takeParts(o diag.Object, path string) []partNote {
	all := f.parts[finding{object: o, path: path}]
	if len(all) > 0 {
		f.list = slices.DeleteFunc(f.list, func(d diag.Diagnostic) bool {
			return slices.ContainsFunc(all, func(p partNote) bool { return p.note == d })
		})
	}
	return all
}

// Misspell adds a misspelling if it is not there yet.
func (f *Findings) Misspell(m intent.Misspelling) {
	if k := (finding{m.Source.Object(), m.Meant, m.Setting}); !f.seen[k] {
		f.saw(k)
		f.misspelt = append(f.misspelt, m)
	}
}

func (f *Findings) saw(k finding) {
	if f.seen == nil {
		f.seen = map[finding]bool{}
	}
	f.seen[k] = true
}

// Misspelt returns the misspellings in the order in which they were added.
func (f *Findings) Misspelt() []intent.Misspelling { return f.misspelt }

// Named returns the keys and entries that name something, in the order in which they were added.
func (f *Findings) Named() []string { return f.named }

// List returns the diagnostics in the order in which they were added.
func (f *Findings) List() diag.List { return f.list }

// Reader reads annotations of one object, or of several, of which the first one with a key takes precedence. An invalid
// value is added to Findings and read as not set.
type Reader struct {
	findings *Findings
	objects  []object
}

type object struct {
	diag.Object
	annotations map[string]string
}

// NewReader reads the annotations of one object.
func NewReader(f *Findings, o diag.Object, annotations map[string]string) Reader {
	return Reader{findings: f, objects: []object{{o, annotations}}}
}

// Under returns a Reader in which the annotations of o take precedence, per key, over those of r.
func (r Reader) Under(o diag.Object, annotations map[string]string) Reader {
	return Reader{findings: r.findings, objects: append([]object{{o, annotations}}, r.objects...)}
}

// Raw returns the value as written; ok is false if the annotation does not exist.
func (r Reader) Raw(k Key) (value string, s intent.Source, ok bool) {
	for _, o := range r.objects {
		if v, exists := o.annotations[string(k)]; exists {
			return v, intent.At(o.Object, k.Path()), true
		}
	}
	return "", intent.Source{}, false
}

// String reads a string.
func (r Reader) String(k Key) intent.Field[string] { return read(r, k, decodeString) }

// Bool reads a bool.
func (r Reader) Bool(k Key) intent.Field[bool] { return read(r, k, decodeBool) }

// Int32 reads a number.
func (r Reader) Int32(k Key) intent.Field[int32] { return read(r, k, decodeInt32) }

// Int64 reads a number.
func (r Reader) Int64(k Key) intent.Field[int64] { return read(r, k, decodeInt64) }

// List reads a list; it is set, and may be empty, if the annotation exists.
func (r Reader) List(k Key) intent.Field[[]string] { return read(r, k, decodeList) }

// NonEmptyList reads a list; it is not set if it is empty.
func (r Reader) NonEmptyList(k Key) intent.Field[[]string] {
	if f := r.List(k); len(f.Value) > 0 {
		return f
	}
	return intent.Field[[]string]{}
}

// Map reads a map; it is set, and may be empty, if the annotation exists.
func (r Reader) Map(k Key) intent.Field[map[string]string] { return read(r, k, decodeMap) }

// Unmarshal reads JSON.
func Unmarshal[T any](r Reader, k Key) intent.Field[T] { return read(r, k, decodeJSON[T]) }

func read[T any](r Reader, k Key, decode func(*Entry, Key, string) (T, error)) intent.Field[T] {
	var v T
	source, ok := r.decode(k, reflect.TypeFor[T](), func(e *Entry, raw string) (err error) {
		v, err = decode(e, k, raw)
		return err
	})
	if !ok {
		return intent.Field[T]{}
	}
	return intent.Of(v, source)
}

// decode hands an annotation's value to a function that takes it over. ok is false if there is none, or if the function
// cannot read it, which is a finding. as is the type of the value.
func (r Reader) decode(k Key, as reflect.Type, take func(*Entry, string) error) (source intent.Source, ok bool) {
	raw, source, ok := r.Raw(k)
	if !ok {
		return source, false
	}
	e, _ := Lookup(k)
	if !r.findings.take(raw) {
		r.findings.Add(diag.New(source.Object(), source.Path(), diag.InvalidAnnotation, "the value is too long for so "+
			"many paths or ports", "shorten the value, or divide the object").In(e.Affects))
		return source, false
	}
	if err := take(&e, raw); err != nil {
		r.findings.Add(diag.New(source.Object(), source.Path(), diag.InvalidAnnotation, err.Error(),
			cmp.Or(escaped(&e, raw), e.remedyFor(raw))).In(e.Affects))
		return source, false
	}
	if e.Syntax == JSON {
		r.noteUnknown(k, raw, as)
		r.noteTwice(&e, k, raw)
	}
	if e.Syntax == Map {
		r.noteRepeated(k, raw)
	}
	return source, true
}

// Invalid reports a well-formed value that is invalid. An empty remedy stands for one that describes a valid value.
func (r Reader) Invalid(k Key, text, remedy string) {
	raw, source, ok := r.Raw(k)
	if !ok {
		source = intent.At(r.objects[len(r.objects)-1].Object, k.Path())
	}
	e, _ := Lookup(k)
	for _, p := range r.findings.takeParts(source.Object(), source.Path()) {
		text += "; " + p.advice
	}
	r.findings.Add(diag.New(source.Object(), source.Path(), diag.InvalidAnnotation, text,
		cmp.Or(remedy, e.remedyFor(raw))).In(e.Affects))
}

// Ignored notes that an annotation has no effect.
func (r Reader) Ignored(k Key, text, remedy string) {
	r.Note(k, diag.IgnoredSetting, text, remedy)
}

// Overruled is Note about an annotation that has no effect because of a setting that protects.
func (r Reader) Overruled(k Key, code diag.Code, text, remedy string) {
	if _, source, ok := r.Raw(k); ok {
		d := diag.New(source.Object(), source.Path(), code, text, remedy)
		d.Guard = true
		r.findings.Add(d)
	}
}

// Note adds a note about an annotation if it is present. The class of the code is diag.Note.
func (r Reader) Note(k Key, code diag.Code, text, remedy string) {
	if _, source, ok := r.Raw(k); ok {
		r.findings.Add(diag.New(source.Object(), source.Path(), code, text, remedy))
	}
}

// Attributes reads attributes of a load balancer, a listener or a target group. It converts booleans to lower case, as
// AWS returns them; another spelling would always differ from the observed value.
func (r Reader) Attributes(k Key) intent.Field[map[string]string] {
	f := r.Map(k)
	for name, value := range f.Value {
		if lower := strings.ToLower(value); strings.HasSuffix(name, ".enabled") && (lower == "true" || lower == "false") {
			f.Value[name] = lower
		}
	}
	return f
}

// Labels reads a map of labels that objects must carry. An invalid label is an error, because it would select no
// object.
func (r Reader) Labels(k Key) intent.Field[map[string]string] { return read(r, k, decodeLabels) }

func decodeLabels(e *Entry, k Key, raw string) (map[string]string, error) {
	m, err := decodeMap(e, k, raw)
	if err != nil {
		return nil, err
	}
	var wrong []string
	for name, value := range m {
		if problem := labelProblem(name, value); problem != "" {
			wrong = append(wrong, problem)
		}
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("annotation %s: %s", k, slices.Min(wrong))
	}
	return m, nil
}
