package annotation

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/policy/replacement"
)

// DriftPolicy reads the policies for changes made in AWS by hand, by group of fields. An invalid value counts as
// absent.
func (r Reader) DriftPolicy(k Key) map[string]intent.Field[string] {
	return r.driftPolicy(k, nil)
}

// ClassDriftPolicy reads the policies of a class. If they are invalid, all groups of fields are corrected, because
// no member can choose instead. The members of the class are not set aside.
func (r Reader) ClassDriftPolicy() map[string]intent.Field[string] {
	instead, _ := drift.Parse(string(drift.Correct))
	return r.driftPolicy(ClassDriftPolicy, instead)
}

// ClassFrontendScheme reads the scheme that a class gives to network load balancers in front of ALBs. An invalid
// value counts as absent.
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

// ReplacementPolicy reads whether an edit may replace the load balancer, as package replacement prints it. An
// invalid value counts as absent.
func (r Reader) ReplacementPolicy(k Key) intent.Field[string] {
	f, _ := r.replacementPolicy(k)
	return f
}

// ClassReplacementPolicy reads the policy of a class. If it is invalid, no load balancer is replaced, and no member
// is set aside.
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

// NoPlan is the value of the approval annotations that approves of nothing.
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

// FromReadinessProbe is the value of the annotations that derives health checks from readiness probes.
const FromReadinessProbe = "from-readiness-probe"

// CheckDeletionPolicy reports an invalid deletion policy. Its load balancer stays when the object is deleted,
// because a deletion cannot be undone.
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

// ClassOwnership returns the ownership that class parameters declare for the load balancers of their class. If it is
// invalid or misspelt, the load balancers are only observed, and no member is set aside.
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

// Approvals returns the digests by which class parameters approve of takeovers.
func Approvals(ofClass map[string]string) []string {
	if v, ok := ofClass[string(ClassApprovedPlan)]; ok {
		return strings.Split(v, ",")
	}
	return nil
}

// CheckApproval reports an invalid approval, which counts as absent.
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
