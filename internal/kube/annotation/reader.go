package annotation

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/policy/replacement"
)

// Findings collects diagnostics, each once. It also collects the misspellings of an object, and what its annotations
// name, which tell an edit that misspells a name (intent.Misspelling).
type Findings struct {
	list     diag.List
	seen     map[finding]bool
	misspelt []intent.Misspelling
	named    []string
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

func read[T any](r Reader, k Key, decode func(Entry, Key, string) (T, error)) intent.Field[T] {
	var v T
	source, ok := r.decode(k, reflect.TypeFor[T](), func(e Entry, raw string) (err error) {
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
func (r Reader) decode(k Key, as reflect.Type, take func(Entry, string) error) (source intent.Source, ok bool) {
	raw, source, ok := r.Raw(k)
	if !ok {
		return source, false
	}
	e, _ := Lookup(k)
	if err := take(e, raw); err != nil {
		r.findings.Add(diag.New(source.Object(), source.Path(), diag.InvalidAnnotation, err.Error(),
			cmp.Or(escaped(e, raw), e.remedy())).In(e.Affects))
		return source, false
	}
	if e.Syntax == JSON {
		r.noteUnknown(k, raw, as)
	}
	if e.Syntax == Map {
		r.noteRepeated(k, raw)
	}
	return source, true
}

// Invalid reports a well-formed value that is invalid. An empty remedy stands for that of the table, which describes a
// valid value.
func (r Reader) Invalid(k Key, text, remedy string) {
	_, source, ok := r.Raw(k)
	if !ok {
		source = intent.At(r.objects[len(r.objects)-1].Object, k.Path())
	}
	e, _ := Lookup(k)
	r.findings.Add(diag.New(source.Object(), source.Path(), diag.InvalidAnnotation, text, cmp.Or(remedy, e.remedy())).
		In(e.Affects))
}

// Ignored notes that an annotation has no effect.
func (r Reader) Ignored(k Key, text, remedy string) {
	r.Note(k, diag.IgnoredSetting, text, remedy)
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

func decodeLabels(e Entry, k Key, raw string) (map[string]string, error) {
	m, err := decodeMap(e, k, raw)
	if err != nil {
		return nil, err
	}
	var wrong []string
	for name, value := range m {
		for _, problem := range slices.Concat(validation.IsQualifiedName(name), validation.IsValidLabelValue(value)) {
			wrong = append(wrong, fmt.Sprintf("%s=%s cannot be a label: %s", name, value, problem))
		}
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("annotation %s: %s", k, slices.Min(wrong))
	}
	return m, nil
}

// DriftPolicy reads policies for what is changed in AWS by hand, by group of fields. An invalid value is as absent.
func (r Reader) DriftPolicy(k Key) map[string]intent.Field[string] {
	return r.driftPolicy(k, nil)
}

// ClassDriftPolicy reads the policies of a class. A mistake in them does not set aside the members that share the
// class: all groups of fields are then corrected, as no member can choose instead.
func (r Reader) ClassDriftPolicy() map[string]intent.Field[string] {
	instead, _ := drift.Parse(string(drift.Correct))
	return r.driftPolicy(ClassDriftPolicy, instead)
}

// ClassFrontendScheme reads the scheme that a class gives to network load balancers in front of ALBs. An invalid value
// is as absent.
func (r Reader) ClassFrontendScheme() intent.Field[string] {
	raw, source, ok := r.Raw(ClassFrontendScheme)
	if e, _ := Lookup(FrontendScheme); ok && !slices.Contains(e.Values, raw) {
		r.Note(ClassFrontendScheme, diag.IgnoredSetting, fmt.Sprintf("unknown scheme: %s", raw), e.remedy())
		r.Misspell(ClassFrontendScheme, "value", fmt.Sprintf("unknown scheme: %s", raw), false)
		ok = false
	}
	if !ok {
		return intent.Field[string]{}
	}
	return intent.Of(raw, source)
}

// ReplacementPolicy reads whether an edit may replace the load balancer, as package replacement prints it. An invalid
// value is as absent.
func (r Reader) ReplacementPolicy(k Key) intent.Field[string] {
	f, _ := r.replacementPolicy(k)
	return f
}

// ClassReplacementPolicy reads the policy of a class. A mistake in it sets no member aside: no load balancer is
// replaced then.
func (r Reader) ClassReplacementPolicy() intent.Field[string] {
	f, wrong := r.replacementPolicy(ClassReplacementPolicy)
	if wrong {
		_, source, _ := r.Raw(ClassReplacementPolicy)
		return intent.Of(replacement.Policy{Refuse: true}.String(), source)
	}
	return f
}

func (r Reader) replacementPolicy(k Key) (f intent.Field[string], wrong bool) {
	raw, source, ok := r.Raw(k)
	if !ok {
		return f, false
	}
	p, err := replacement.Parse(raw)
	if err != nil {
		r.findings.Add(diag.New(source.Object(), source.Path(), diag.InvalidAnnotation, err.Error(), replacement.Remedy()).In(
			diag.AddOn))
		return f, true
	}
	return intent.Of(p.String(), source), false
}

// NoPlan is the value of the annotations for an approval that approves of nothing.
const NoPlan = "none"

// balancers are ARNs and names of load balancers, as ELBv2 has them.
var balancers = regexp.MustCompile(
	"^(arn:[a-z-]+:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:loadbalancer/(app|net)/[A-Za-z0-9-]{1,32}/[0-9a-f]+" +
		"|[A-Za-z0-9-]{1,32})$")

// approvals are digests as package planjson makes them of stacks.
var approvals = regexp.MustCompile("^[0-9a-f]{16}(,[0-9a-f]{16})*$")

// Values of the annotations for a deletion policy.
const (
	DeleteIt          = "Delete"
	RetainIt          = "Retain"
	RetainWithoutTags = "RetainWithoutTags"
)

// Values of the annotations for the ownership of a load balancer.
const (
	ManagedIt  = "managed"
	SharedIt   = "shared"
	AdoptedIt  = "adopted"
	ObservedIt = "observed"
)

const ownerships = ManagedIt + ", " + SharedIt + ", " + AdoptedIt + " and " + ObservedIt

func isOwnership(v string) bool {
	return v == ManagedIt || v == SharedIt || v == AdoptedIt || v == ObservedIt
}

// FromReadinessProbe is the value of the annotations that have health checks made from readiness probes.
const FromReadinessProbe = "from-readiness-probe"

// CheckDeletionPolicy finds a deletion policy that is none. Its load balancer stays when the object is deleted, as a
// deletion cannot be undone.
func (r Reader) CheckDeletionPolicy(k Key) {
	if raw, _, ok := r.Raw(k); ok && raw != DeleteIt && raw != RetainIt && raw != RetainWithoutTags {
		r.Invalid(k, fmt.Sprintf("%q is not one of %s, %s and %s; the load balancer stays when the object is deleted", raw,
			DeleteIt, RetainIt, RetainWithoutTags),
			"write "+DeleteIt+", "+RetainIt+" or "+RetainWithoutTags)
	}
}

// OfOthers returns the existing load balancer of others, by ARN or name, that the object shares, and the one that it
// adopts; a field that is not set means none. The ownership of a class overrides the annotation. An invalid
// ownership is a finding, and counts as absent.
func (r Reader) OfOthers(class intent.Field[string], ownership, existing Key) (shared, adopted intent.Field[string]) {
	raw, _, ok := r.Raw(ownership)
	wrong := ok && !isOwnership(raw)
	if wrong {
		r.Invalid(ownership, fmt.Sprintf("%q is not one of %s; the last valid value of the annotation applies, "+
			"if there is one", raw, ownerships), "write "+strings.ReplaceAll(ownerships, " and ", " or "))
	}
	name := r.String(existing)
	if name.Value != "" && !balancers.MatchString(name.Value) {
		r.Invalid(existing, fmt.Sprintf("%q is neither the ARN nor the name of an application or network load balancer",
			name.Value), "write the ARN that AWS shows, or the name")
		name = intent.Field[string]{}
	}
	if class.Set {
		raw, wrong = class.Value, false
	}
	switch {
	case wrong: // as without the annotation
	case raw != SharedIt && raw != AdoptedIt:
		if name.Set {
			r.Ignored(existing, "the annotation names an existing load balancer, but the ownership is neither "+SharedIt+" nor "+
				AdoptedIt,
				"set annotation "+string(ownership)+" to one of them, or remove it")
		}
	case name.Value == "":
		r.Invalid(ownership, "no load balancer is named that could be "+raw+"; nothing is written to AWS",
			"name it, by ARN or name, in annotation "+string(existing))
	case raw == SharedIt:
		shared = name
	default:
		adopted = name
	}
	return shared, adopted
}

// ClassOwnership is the ownership that class parameters declare for the load balancers of their class. One that is
// invalid or misspelt has them observed, and sets no member aside.
func (r Reader) ClassOwnership() intent.Field[string] {
	raw, source, ok := r.Raw(ClassOwnership)
	if ok && isOwnership(raw) {
		return intent.Of(raw, source)
	}
	text, remedy := fmt.Sprintf("%q is none of %s", raw, ownerships), "write "+strings.ReplaceAll(ownerships, " and ",
		" or ")
	if !ok {
		wrong := MisspeltParameters(r.objects[0].Object, r.objects[0].annotations)
		i := slices.IndexFunc(wrong, func(w intent.Misspelling) bool { return w.Meant == string(ClassOwnership) })
		if i < 0 {
			return intent.Field[string]{}
		}
		source = wrong[i].Source
		text, remedy = fmt.Sprintf("annotation %s is unknown, and %s is missing", wrong[i].Key, ClassOwnership),
			"correct the key, or remove it"
	}
	r.findings.Add(diag.New(source.Object(), source.Path(), diag.InvalidAnnotation, text+
		"; the load balancers of the class are only observed", remedy).In(diag.AddOn))
	return intent.Of(ObservedIt, source)
}

// Approvals are the digests by which class parameters approve of takeovers.
func Approvals(ofClass map[string]string) []string {
	if v, ok := ofClass[string(ClassApprovedPlan)]; ok {
		return strings.Split(v, ",")
	}
	return nil
}

// CheckApproval finds an invalid approval. It is as absent.
func (r Reader) CheckApproval(k Key) {
	if raw, _, ok := r.Raw(k); ok && raw != NoPlan && !approvals.MatchString(raw) {
		r.Invalid(k, fmt.Sprintf("%q is neither %q nor the digest of a plan, which is sixteen hexadecimal digits, nor "+
			"several digests with commas between them; the last valid value of the annotation applies, if there is one",
			raw, NoPlan),
			"write the digest that lbc plan prints, or "+NoPlan)
	}
}

func (r Reader) driftPolicy(k Key, instead drift.Policies) map[string]intent.Field[string] {
	raw, source, ok := r.Raw(k)
	if !ok {
		return nil
	}
	policies, err := drift.Parse(raw)
	if err != nil {
		r.findings.Add(diag.New(source.Object(), source.Path(), diag.InvalidAnnotation, err.Error(), drift.Remedy()).In(
			diag.AddOn))
		policies = instead
	}
	if len(policies) == 0 {
		return nil
	}
	out := map[string]intent.Field[string]{}
	for g, p := range policies {
		out[string(g)] = intent.Of(string(p), source)
	}
	return out
}
