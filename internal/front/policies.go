package front

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/policy/replacement"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Governed returns the input with the rule about policies applied: annotations that hold, replace or delete a load
// balancer count only on objects that decide in their group (docs/shared/policies.md). A member that has another one
// is set aside. before is what the compiler remembers of the first load balancer of the group.
func (w Input) Governed(key stack.Key, before *compile.Memory) Input {
	w.key = key
	if before != nil {
		w.joined, w.remembered = before.Members, before.Policies
	}
	w.LoadBalancer.Members = slices.Clone(w.LoadBalancer.Members)
	if key.ID.Namespace == "" {
		w.setAsideForged(before)
	}
	w.recallPolicies()
	if key.ID.Namespace == "" {
		w.setAside()
	}
	deciders := w.deciders()
	w.LoadBalancer.Deciders, w.LoadBalancer.Leaving = &deciders, nil
	for _, o := range w.departing() {
		w.LoadBalancer.Leaving = append(w.LoadBalancer.Leaving, owner.Object(o))
	}
	w.LoadBalancer.Policies = map[diag.Object]map[string]string{}
	for _, o := range w.Members {
		if p := w.policies(o); len(p) > 0 {
			w.LoadBalancer.Policies[owner.Object(o)] = p
		}
	}
	w.protect()
	return w
}

// deciders are the namespaces that decide what the objects of the load balancer share. Objects that leave count until
// they are released, as long as something of theirs is in AWS.
func (w Input) deciders() intent.Deciders {
	var parties []intent.Party
	for _, o := range w.Owners() {
		p := intent.Party{Object: owner.Object(o), Authority: w.Authority[o.GetNamespace()], Deployed: w.deployed(o)}
		if at := o.GetCreationTimestamp(); !at.IsZero() {
			p.Created = at.Unix()
		}
		parties = append(parties, p)
	}
	return intent.DecidersOf(parties, w.joined)
}

// deployed reports whether an object carries a finalizer of the group, so that something of it is or was in AWS.
func (w Input) deployed(o metav1.Object) bool {
	group, _ := naming.ShardOf(w.key.ID)
	return slices.ContainsFunc(naming.StacksOfFinalizers(w.key.Owner, o), func(id stack.ID) bool {
		of, _ := naming.ShardOf(id)
		return of == group
	})
}

// deciding returns the objects whose annotations decide about the load balancer.
func (w Input) deciding(objects []metav1.Object) (out []metav1.Object) {
	d := w.deciders()
	for _, o := range objects {
		if d.Decides(o.GetNamespace()) {
			out = append(out, o)
		}
	}
	return out
}

// policy is the value of an annotation that decides about a load balancer as a whole, in canonical form. Of an invalid
// one, or one whose key is misspelt, the last valid value counts, if it is known; set is false if there is none.
func (w Input) policy(o metav1.Object, k annotation.Key) (value string, set bool) {
	raw, ok := o.GetAnnotations()[string(k)]
	if k == annotation.ClassOwnership {
		raw, ok = w.ClassOwnership[nameOf(o)]
	}
	if value, valid := annotation.Policy(k, raw); ok && valid {
		return value, true
	}
	if value, set = w.remembered[owner.Object(o)][string(k)]; set && !ok {
		if _, misspelt := annotation.MisspeltFor(k, o.GetAnnotations()); !misspelt {
			return "", false
		}
	}
	return value, set
}

// policies are all such values of the annotations of an object.
func (w Input) policies(o metav1.Object) map[string]string {
	out := map[string]string{}
	for _, k := range policyKeys(w.key.Owner) {
		if value, set := w.policy(o, k); set {
			out[string(k)] = value
		}
	}
	return out
}

// policyKeys are the annotations of the objects of an owner that decide about a load balancer as a whole.
func policyKeys(of stack.Owner) []annotation.Key {
	return annotation.Policies(annotation.Scope(owner.Of(of).Kind))
}

// recallPolicies has the last valid values of invalid annotations count in the members' settings.
func (w *Input) recallPolicies() {
	kind, declared := owner.Of(w.key.Owner), w.declared()
	for _, o := range w.Members {
		m := declared[owner.Object(o)]
		if m == nil {
			continue
		}
		recalled := func(k annotation.Key) (value string, ok bool) {
			raw, written := o.GetAnnotations()[string(k)]
			if _, valid := annotation.Policy(k, raw); written && valid {
				return "", false
			}
			return w.policy(o, k)
		}
		source := func(k annotation.Key) intent.Source { return intent.At(owner.Object(o), k.Path()) }
		if v, ok := recalled(kind.ReplacementPolicy); ok && !m.Settings.ReplacementPolicy.Set {
			p, _ := replacement.Parse(v)
			m.Settings.ReplacementPolicy = intent.Of(p.String(), source(kind.ReplacementPolicy))
		}
		if v, ok := recalled(kind.DriftPolicy); ok {
			policies, _ := drift.Parse(v)
			fields := map[string]intent.Field[string]{}
			for g, p := range policies {
				fields[string(g)] = intent.Of(string(p), source(kind.DriftPolicy))
			}
			maps.Copy(fields, m.Settings.DriftPolicy) // of the class
			m.Settings.DriftPolicy = fields
		}
		_, ownership := recalled(kind.Ownership)
		_, existing := recalled(kind.Existing)
		if name, _ := w.policy(o, kind.Existing); (ownership || existing) && name != "" {
			at := source(kind.Existing)
			switch w.ownership(w.key.Owner, o) {
			case annotation.SharedIt:
				m.Settings.Existing = intent.Of(name, at)
			case annotation.AdoptedIt:
				m.Settings.Adopted = intent.Of(name, at)
			}
		}
	}
}

// declared is what the members declare.
func (w *Input) declared() map[diag.Object]*intent.Member {
	out := make(map[diag.Object]*intent.Member, len(w.LoadBalancer.Members))
	for i := range w.LoadBalancer.Members {
		m := &w.LoadBalancer.Members[i]
		out[m.Object] = m
	}
	return out
}

// setAside sets the members aside that have policies for what others share. As under dry run, what is deployed of one
// stays as it is, and one of which nothing is deployed is left out.
func (w *Input) setAside() {
	deciders, declared, decided := w.deciders(), w.declared(), w.decided()
	var kept []metav1.Object
	for _, o := range w.Members {
		m := declared[owner.Object(o)]
		if m == nil || m.Former || deciders.Decides(o.GetNamespace()) {
			kept = append(kept, o)
			continue
		}
		found := w.notPermitted(o, m, deciders, decided)
		switch {
		case len(found) == 0:
			kept = append(kept, o)
		case w.deployed(o):
			kept = append(kept, o)
			m.Withheld, m.Diagnostics = true, append(slices.Clone(m.Diagnostics), found...)
		default:
			w.SetAside = append(w.SetAside, o)
			for _, d := range found {
				d.Text += fmt.Sprintf("; nothing of %s is deployed", d.Object)
				w.Findings = append(w.Findings, d)
			}
		}
	}
	w.Members = kept
	w.leaveOut(w.SetAside)
}

// leaveOut removes what objects declare from the load balancer. It is wanted only if it has other members.
func (w *Input) leaveOut(objects []metav1.Object) {
	out := setOf(objects)
	w.LoadBalancer.Members = slices.DeleteFunc(w.LoadBalancer.Members, func(m intent.Member) bool { return out[m.Object] })
	w.Declared = w.Declared && len(w.Members) > 0
}

// decided are the values of the policies of the objects that decide, by annotation.
func (w *Input) decided() map[annotation.Key]map[string]bool {
	out := map[annotation.Key]map[string]bool{}
	keys := append(policyKeys(w.key.Owner), annotation.ClassOwnership)
	for _, o := range w.deciding(slices.Concat(w.Members, w.departing())) {
		for _, k := range keys {
			if out[k] == nil {
				out[k] = map[string]bool{}
			}
			value, _ := w.policy(o, k)
			out[k][value] = true
		}
	}
	return out
}

// notPermitted are the findings about policies of a member that does not decide, and that no object that decides has as
// well.
func (w *Input) notPermitted(o metav1.Object, m *intent.Member, deciders intent.Deciders,
	decided map[annotation.Key]map[string]bool) (found diag.List) {
	of, kind := w.key.Owner, owner.Of(w.key.Owner)
	keys := policyKeys(of)
	if _, ofClass := w.policy(o, annotation.ClassOwnership); ofClass {
		keys = slices.DeleteFunc(keys, func(k annotation.Key) bool { return k == kind.Ownership })
		if !m.ClassOfGroup { // the choice of a class is the author's
			keys = append(keys, annotation.ClassOwnership)
		}
	}
	for _, k := range keys {
		value, _ := w.policy(o, k)
		// An approval is of its object's own: one that joined by the approval of others would change what they approved of.
		if value == "" || k != kind.ApprovedPlan && decided[k][value] {
			continue
		}
		remedy := deciders.Remedy()
		if k == kind.ApprovedPlan {
			digest := digestOf(m)
			if slices.Contains(strings.Split(value, ","), digest) {
				continue
			}
			remedy = fmt.Sprintf("to approve this object's declaration, write %s; otherwise %s", digest, remedy)
		}
		found = append(found, diag.New(m.Object, k.Path(), diag.SettingNotPermitted,
			fmt.Sprintf("%s: %q is not allowed, because it would apply to all members of the group, and %s", k, value,
				deciders.Why(m.Object)), remedy).In(diag.Route))
	}
	return found
}

// digestOf is a short name of what a member declares, without secrets.
func digestOf(m *intent.Member) string {
	plain := *m
	plain.Diagnostics, plain.Created, plain.Authority, plain.Withheld, plain.Class = nil, 0, "", false, ""
	content := intent.Content(plain)
	if content == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:8])
}
