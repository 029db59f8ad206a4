package ingress

import (
	"fmt"
	"strconv"

	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
)

// settings reads the settings of the load balancer. A class parameter overrides the annotation, which is then not read.
// Attributes and tags are overridden key by key.
func (t *translation) settings() intent.Settings {
	var spec v1beta1.IngressClassParamsSpec
	if t.class.Params != nil {
		spec = t.class.Params.Spec
	}
	s := intent.Settings{
		SecurityGroups: t.read.NonEmptyList(annotation.SecurityGroups),
		Subnets:        t.subnets(spec.Subnets),
		Attributes: t.overlaid(t.read, annotation.LoadBalancerAttributes,
			t.read.Attributes(annotation.LoadBalancerAttributes), t.attributes(spec.LoadBalancerAttributes),
			"spec.loadBalancerAttributes"),
		Tags:              t.tags(t.read),
		SSLRedirectPort:   t.sslRedirect(spec.SSLRedirectPort),
		AddOns:            t.addOns(spec),
		Frontend:          t.frontend(),
		DriftPolicy:       t.driftPolicy(),
		ReplacementPolicy: t.replacementPolicy(),
	}
	s.Existing, s.Adopted = t.read.OfOthers(t.classOwnership(), annotation.Ownership, annotation.ExistingLoadBalancer)
	s.Name = t.text(spec.LoadBalancerName, "spec.loadBalancerName", annotation.LoadBalancerName)
	s.Scheme = t.text(string(ptr.Deref(spec.Scheme, "")), "spec.scheme", annotation.Scheme)
	s.IPAddressType = t.text(string(ptr.Deref(spec.IPAddressType, "")), "spec.ipAddressType", annotation.IPAddressType)
	s.ManageBackend = t.manageBackend(s.SecurityGroups.Set)
	if s.SecurityGroups.Set {
		code, raw := diag.GuardNotApplied, t.ingress.Annotations[string(annotation.InboundCIDRs)]
		if overlap.AdmitsAll(split(raw)) {
			code = diag.IgnoredSetting
		}
		for _, k := range []annotation.Key{annotation.InboundCIDRs, annotation.PrefixLists} {
			t.read.Note(k, code, fmt.Sprintf("annotation %s has no effect where the security groups of %s are in effect", k,
				annotation.SecurityGroups),
				"put the rules into the security groups that are named, or remove "+string(annotation.SecurityGroups))
		}
	} else {
		t.read.Ignored(annotation.ManageBackend, fmt.Sprintf("annotation %s has an effect only together with %s, here or "+
			"on another Ingress of the group",
			annotation.ManageBackend, annotation.SecurityGroups), "remove it, or name security groups")
	}
	return s
}

// driftPolicy returns the policies of the class parameters, and those of the annotation for other groups of fields.
// Problems of the class parameters are reported on the Ingress, as for other settings.
func (t *translation) driftPolicy() map[string]intent.Field[string] {
	out := t.read.DriftPolicy(annotation.DriftPolicy)
	if t.class.Params == nil {
		return out
	}
	of := ofClass(t, annotation.Reader.ClassDriftPolicy)
	if len(out) == 0 {
		return of
	}
	for group, f := range of {
		out[group] = t.prefer(f, out[group], annotation.DriftPolicy)
	}
	return out
}

// replacementPolicy returns the policy of the class parameters, otherwise that of the annotation.
func (t *translation) replacementPolicy() intent.Field[string] {
	own := t.read.ReplacementPolicy(annotation.ReplacementPolicy)
	if t.class.Params == nil {
		return own
	}
	return t.prefer(ofClass(t, annotation.Reader.ClassReplacementPolicy), own, annotation.ReplacementPolicy)
}

// classOwnership returns the ownership that the class parameters declare.
func (t *translation) classOwnership() intent.Field[string] {
	if t.class.Params == nil {
		return intent.Field[string]{}
	}
	f := ofClass(t, annotation.Reader.ClassOwnership)
	if raw, _, declared := t.read.Raw(annotation.Ownership); declared && f.Set && raw != f.Value {
		t.overruled(t.read, annotation.Ownership, f.Source, lost(annotation.Ownership, []string{raw}, []string{f.Value}))
	}
	return f
}

// ofClass reads an annotation of the class parameters. Its problems are reported on the Ingress.
func ofClass[T any](t *translation, read func(annotation.Reader) T) T {
	f := &annotation.Findings{}
	out := read(annotation.NewReader(f, t.params("").Object(), t.class.Params.Annotations))
	for _, d := range f.List() {
		d.Object, d.Path = Object(t.ingress), t.params(d.Path).Place()
		t.findings.Add(d)
	}
	for _, m := range f.Misspelt() {
		t.findings.Misspell(m)
	}
	return out
}

// text returns the class parameter at path if it is not empty, otherwise the annotation.
func (t *translation) text(class, path string, k annotation.Key) intent.Field[string] {
	if class != "" {
		return intent.Of(class, t.params(path))
	}
	return t.read.String(k)
}

// manageBackend reads annotation manage-backend-security-group-rules. Without security groups of this Ingress it
// applies only if another member of the group names some, and an invalid value is ignored.
func (t *translation) manageBackend(named bool) intent.Field[bool] {
	if named {
		return t.read.Bool(annotation.ManageBackend)
	}
	return annotation.NewReader(&annotation.Findings{}, Object(t.ingress), t.ingress.Annotations).Bool(
		annotation.ManageBackend)
}

func (t *translation) subnets(class *v1beta1.SubnetSelector) intent.Field[intent.SubnetSelector] {
	switch {
	case class != nil && len(class.IDs) > 0:
		ids := make([]string, len(class.IDs))
		for i, id := range class.IDs {
			ids[i] = string(id)
		}
		return intent.Of(intent.SubnetSelector{IDsOrNames: ids}, t.params("spec.subnets.ids"))
	case class != nil && len(class.Tags) > 0:
		return intent.Of(intent.SubnetSelector{Tags: class.Tags}, t.params("spec.subnets.tags"))
	}
	list := t.read.List(annotation.Subnets)
	if list.Set && len(list.Value) == 0 {
		t.read.Invalid(annotation.Subnets, "the list of subnets is empty",
			"name subnets, or remove the annotation")
	}
	if len(list.Value) == 0 {
		return intent.Field[intent.SubnetSelector]{}
	}
	return intent.Of(intent.SubnetSelector{IDsOrNames: list.Value}, list.Source)
}

// sslRedirect returns the port that HTTP listeners redirect to. An invalid class parameter overrides the annotation
// too, and switches redirection off, as in the existing controller; in an edit it counts as misspelt.
func (t *translation) sslRedirect(class string) intent.Field[int32] {
	if class == "" {
		return t.read.Int32(annotation.SSLRedirect)
	}
	source := t.params("spec.sslRedirectPort")
	n, err := strconv.ParseInt(class, 10, 32)
	if err != nil || n < 1 || n > 65535 {
		text := fmt.Sprintf("sslRedirectPort %q of the class parameters is not a port", class)
		t.findings.Add(diag.New(Object(t.ingress), source.Place(), diag.IgnoredSetting, text+" and has no effect",
			"write a number from 1 to 65535").In(diag.LoadBalancer))
		t.findings.Misspell(intent.Misspelling{Setting: "ssl-redirect", Key: source.Path(), Meant: source.Path(),
			Source: source, Text: text})
		return intent.Field[int32]{}
	}
	return intent.Of(int32(n), source)
}

// tags returns the tags of r's objects, overridden key by key by those of the class.
func (t *translation) tags(r annotation.Reader) map[string]intent.Field[string] {
	var class map[string]string
	if t.class.Params != nil {
		class = map[string]string{}
		for _, tag := range t.class.Params.Spec.Tags {
			class[tag.Key] = tag.Value
		}
	}
	return t.overlaid(r, annotation.Tags, r.Map(annotation.Tags), class, "spec.tags")
}

func (t *translation) attributes(list []v1beta1.Attribute) map[string]string {
	out := map[string]string{}
	for _, a := range list {
		out[a.Key] = a.Value
	}
	return out
}

// overlay returns the entries of base as fields, overridden key by key by those of top; nil if there are none.
func overlay(base intent.Field[map[string]string], top map[string]string,
	source func() intent.Source) map[string]intent.Field[string] {
	out := intent.Entries(base)
	if out == nil && len(top) > 0 {
		out = map[string]intent.Field[string]{}
	}
	for k, v := range top {
		out[k] = intent.Of(v, source())
	}
	return out
}
