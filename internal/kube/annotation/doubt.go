package annotation

import (
	"encoding/json"
	"encoding/json/jsontext"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// mostUnknown bounds the unknown members of a value that are noted, and mostElements the elements of a list that are
// looked at.
const (
	mostUnknown  = 5
	mostElements = 200
)

// guarding are the JSON annotations that restrict who is served. Any unknown member of them may have been meant as a
// restriction.
var guarding = []Key{Conditions, JWTValidation, AuthIDPCognito, AuthIDPOIDC}

// restricting are the annotations without which a load balancer admits more requests, or is created at all. A test has
// the others.
var restricting = append([]Key{
	InboundCIDRs, PrefixLists, SecurityGroups, FrontendSecurityGroups, WebACLARN, WebACLName, Shield,
	MutualAuthentication, AuthType, ServiceSourceRanges, ServicePrefixLists, ServiceSecurityGroups,
}, slices.Concat(creating, guarding)...)

// creating are those of them that decide whether the controller creates or changes anything.
var creating = []Key{DryRun, Ownership, ApprovedPlan, ServiceOwnership, ServiceApprovedPlan, GatewayDryRun,
	GatewayOwnership, GatewayApprovedPlan}

// restricts reports whether a load balancer without an annotation admits more requests, or is created at all. Of some
// annotations, this depends on the value.
func restricts(k Key, value string) bool {
	switch {
	case slices.Contains([]Key{Scheme, ServiceScheme, FrontendScheme, ClassFrontendScheme}, k):
		return strings.TrimSpace(value) == stack.Internal
	case k == ServiceInternal:
		internal, err := strconv.ParseBool(value)
		return internal && err == nil
	case slices.Contains([]Key{LoadBalancerAttributes, ServiceAttributes, FrontendAttributes}, k):
		return slices.ContainsFunc(items(value), func(item string) bool {
			key, value, _ := strings.Cut(item, "=")
			return constraint.Protects(strings.TrimSpace(key), strings.TrimSpace(value))
		})
	}
	return slices.Contains(restricting, k)
}

// Restricts reports whether the field of a finding is an annotation that restricts who is served, for some value.
func Restricts(path string) bool {
	return slices.ContainsFunc(slices.Concat(restricting, schemes), func(k Key) bool {
		return strings.Contains(path, string(k))
	})
}

// schemes are the annotations of schemes. Whether a load balancer is open without one depends on the default.
var schemes = []Key{Scheme, ServiceScheme, ServiceInternal, FrontendScheme, ClassFrontendScheme}

// withoutEffect is the finding about a key on an object where the controller does not read it. If the value restricts
// or protects, the finding says that nothing does so instead.
func withoutEffect(o diag.Object, k Key, annotations map[string]string, text, remedy string) diag.Diagnostic {
	code := diag.IgnoredSetting
	if opens(o, k, annotations) {
		code = diag.GuardNotApplied
		if strings.HasSuffix(string(k), "-attributes") {
			text += "; nothing protects the load balancer instead"
		} else {
			text += "; nothing restricts these requests instead"
		}
	}
	return diag.New(o, k.Path(), code, text, remedy)
}

// opens reports whether clients reach an object that a key without effect was to restrict or protect.
func opens(o diag.Object, k Key, annotations map[string]string) bool {
	e, known := Lookup(k)
	value, other := annotations[string(k)], counterpart(k)
	read, _ := Lookup(other)
	_, restricted := annotations[string(other)]
	switch {
	case !known, slices.Contains(creating, e.Key), slices.Contains(schemes, e.Key),
		e.Key == AuthType && strings.TrimSpace(value) == "none",
		slices.Contains([]Key{InboundCIDRs, ServiceSourceRanges}, e.Key) && admitsAll(value),
		restricted && string(read.Scope) == o.Kind:
		return false
	}
	return restricts(e.Key, value)
}

// noteUnknown notes the members of a JSON value that the type of the annotation has not. Those that may stand for a
// missing one are misspelt.
func (r Reader) noteUnknown(k Key, raw string, of reflect.Type) {
	var value any
	if json.Unmarshal([]byte(raw), &value) != nil {
		return
	}
	found := unknownMembers("", value, of)
	for _, m := range found[:min(len(found), mostUnknown)] {
		r.noteMember(k, m)
		e, _ := Lookup(k)
		if guards := slices.Contains(guarding, e.Key); guards || m.instead {
			r.Misspell(k, m.path, fmt.Sprintf("%s of annotation %s is unknown", m.path, k), guards)
		}
	}
}

// noteMember notes an unknown member of a value.
func (r Reader) noteMember(k Key, m unknownMember) {
	what, remedy := "is unknown", "remove it"
	switch {
	case len(m.within) > 0:
		what, remedy = "is in the wrong place", "move it into "+join(m.within)
	case m.meant != "":
		remedy = fmt.Sprintf("did you mean %s?", m.meant)
	}
	_, source, ok := r.Raw(k)
	if !ok {
		return
	}
	r.findings.addPart(partNote{diag.New(source.Object(), source.Path(), diag.IgnoredSetting,
		fmt.Sprintf("%s of annotation %s %s and has no effect", m.path, k, what), remedy),
		fmt.Sprintf("%s %s: %s", m.path, what, remedy)})
}

// Misspell adds a part of a value that has no effect and is most likely misspelt. guards is true if the annotation
// restricts who is served.
func (r Reader) Misspell(k Key, part, text string, guards bool) {
	_, source, _ := r.Raw(k)
	r.findings.Misspell(intent.Misspelling{Setting: string(k) + " " + part, Key: string(k), Meant: string(k),
		Source: source, Text: text, Guards: guards})
}

func nearestOf[V any](name string, among map[string]V) (best string) {
	return NearestOf(name, slices.Sorted(maps.Keys(among))...)
}

// NearestOf returns the first of the names that a misspelt one most likely stands for, without regard to case; empty
// if none is near.
func NearestOf(name string, among ...string) (best string) {
	if len(name) > longestName {
		return ""
	}
	distance := 2 + len(name)/8
	for _, other := range among {
		if lengths := len(other) - len(name); max(lengths, -lengths) >= distance {
			continue
		}
		if d := Distance(strings.ToLower(name), strings.ToLower(other)); d < distance {
			best, distance = other, d
		}
	}
	return best
}

// noteRepeated notes a key that a map has with two values, of which the last one counts.
func (r Reader) noteRepeated(k Key, raw string) {
	values := map[string]string{}
	for i, item := range items(raw) {
		if i == mostElements {
			return
		}
		key, value, _ := strings.Cut(item, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if before, twice := values[key]; twice && before != value {
			r.Note(k, diag.IgnoredSetting, fmt.Sprintf("%s=%s has no effect: annotation %s has %s again, as %q", key, before, k,
				key, value), "remove one of them")
		}
		values[key] = value
	}
}

// noteTwice notes the first member that a JSON value has more than once: encoding/json reads the last one.
func (r Reader) noteTwice(e *Entry, k Key, raw string) {
	_, err := jsontext.NewDecoder(strings.NewReader(raw)).ReadValue()
	var broken *jsontext.SyntacticError
	if !errors.Is(err, jsontext.ErrDuplicateName) || !errors.As(err, &broken) {
		return
	}
	path, code := "", diag.IgnoredSetting
	for step := range broken.JSONPointer.Tokens() {
		if _, err := strconv.Atoi(step); err == nil {
			step = "[" + step + "]"
		} else if path != "" {
			step = "." + step
		}
		path += step
	}
	if slices.Contains(guarding, e.Key) || e.Key == MutualAuthentication {
		code = diag.GuardNotApplied
	}
	r.Note(k, code, fmt.Sprintf("annotation %s has %s more than once: only the last one has an effect", k, path),
		"remove all but one of them")
}

// needs are the annotations without which those of a family have no effect.
var needs = []struct {
	family, needed Key
	off            string // the value of the needed annotation that is as none
	guards         bool
}{{IngressPrefix + "auth-", AuthType, "none", true}, {IngressPrefix + "frontend-nlb-", Frontend, "false", false}}

// NoteUnneeded notes the annotations of an object whose effect needs another one that none of the objects has. Other
// objects have those of fromOthers for it.
func (r Reader) NoteUnneeded(fromOthers ...Key) {
	o := r.objects[0]
	for _, n := range needs {
		value, _, ok := r.Raw(n.needed)
		if ok && value != n.off || slices.Contains(fromOthers, n.needed) {
			continue
		}
		code, why, remedy := diag.IgnoredSetting, fmt.Sprintf("without %s", n.needed), fmt.Sprintf("set %s", n.needed)
		switch {
		case ok:
			why, remedy = fmt.Sprintf("while %s is %s", n.needed, value), fmt.Sprintf("change %s", n.needed)
		case n.guards:
			code, why = diag.GuardNotApplied, why+"; requests are not authenticated"
		}
		for _, k := range slices.Sorted(maps.Keys(o.annotations)) {
			_, known := Lookup(Key(k))
			// The end of its deletion protection has an effect on a former frontend, which can then be deleted.
			if known && strings.HasPrefix(k, string(n.family)) && Key(k) != n.needed &&
				!strings.Contains(o.annotations[k], "deletion_protection.enabled=false") {
				r.findings.Add(diag.New(o.Object, Key(k).Path(), code, fmt.Sprintf("annotation %s has no effect %s", k, why),
					remedy+", or remove this annotation"))
			}
		}
	}
}

// CheckEmpty notes the annotations of an object that are read there, have no value and no finding.
func CheckEmpty(f *Findings, o diag.Object, on Scope, annotations map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(annotations)) {
		e, known := Lookup(Key(k))
		empty := strings.Trim(annotations[k], ", \t\n") == "" || e.Syntax == JSON && slices.Contains([]string{"[]", "{}"},
			strings.TrimSpace(annotations[k]))
		if !empty || !known || !applies(e.Scope, on) || e.Scope == Written || e.Key == HealthCheckPath ||
			slices.ContainsFunc(f.list, func(d diag.Diagnostic) bool { return d.Path == Key(k).Path() }) {
			continue
		}
		code, text := diag.IgnoredSetting, fmt.Sprintf("annotation %s is empty and has no effect", k)
		if slices.Contains(restricting, e.Key) && !slices.Contains(creating, e.Key) {
			code, text = diag.GuardNotApplied, text+"; it restricts no requests"
		}
		f.Add(diag.New(o, Key(k).Path(), code, text, "write a value, or remove it"))
	}
}
