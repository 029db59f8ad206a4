package compile

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// permitted reports whether member i may forward to a target group that it names. One that carries this cluster's tags
// belongs to an object: naming it is a reference to the namespace of that object. While the owner is not known, nothing
// of the stack changes. If AWS refuses to show the owner, only what names the target group does not change.
func (b *build) permitted(i int, arn string, source intent.Source) bool {
	owner, asked := b.f.TargetGroupOwners[arn]
	if !asked {
		need := facts.Need{Kind: facts.NeedTargetGroupOwner, Key: arn}
		if p := b.f.Failed(need); p != nil && p.Refused() && b.keepsUnread(i, arn) {
			d := p.Diagnostic(b.members[i].Object, source.Place())
			d.Text += "; what serves its requests stays, and new requests get an error until the tags can be read"
			b.note(i, d)
			b.unread = true
			return false
		}
		b.lookUpOf(i, source, need)
		return false
	}
	o, name := b.members[i].Object, naming.OfTargetGroup(arn)
	if b.cfg.MayForward(o, arn, owner, b.e.References) {
		return true
	}
	if owner == nil {
		b.refuse(i, arn, source, fmt.Sprintf("objects of namespace %s may not forward to target group %q, because this "+
			"target group does not belong to this cluster", o.Namespace, name),
			fmt.Sprintf("the administrator of the controller can allow it with --external-target-groups=%s=%s",
				o.Namespace, name))
		return false
	}
	if owner.Ambiguous {
		b.refuse(i, arn, source, fmt.Sprintf("target group %s has tags of several load balancers of this cluster, so its "+
			"owner is unknown", name),
			fmt.Sprintf("remove the wrong tags in AWS; the administrator of the controller can allow it with "+
				"--cross-namespace-target-groups=%s=%s", o.Namespace, name))
		return false
	}
	foreign := ungranted(b.e.References, o, *owner, name)
	b.refuse(i, arn, source, fmt.Sprintf("target group %s belongs to %s, and no ReferenceGrant of namespace %s permits "+
		"objects of kind %s in namespace %s to name it", name, owner.Stack, foreign[0], o.Kind, o.Namespace),
		fmt.Sprintf("create a ReferenceGrant to its Service in namespace %s; the administrator of the controller can allow "+
			"it with --cross-namespace-target-groups=%s=%s", foreign[0], o.Namespace, name))
	return false
}

// MayForward reports whether an object may forward to a target group of an owner, which the object names. A nil owner
// is one outside this cluster.
func (c *Config) MayForward(o diag.Object, arn string, owner *facts.TargetGroupOwner, r *intent.References) bool {
	name := naming.OfTargetGroup(arn)
	switch {
	case owner == nil:
		return c.ExternalTargetGroups.Allow(o.Namespace, arn, name)
	case c.CrossNamespaceTargetGroups.Allow(o.Namespace, arn, name):
		return true
	}
	return !owner.Ambiguous && len(ungranted(r, o, *owner, name)) == 0
}

// keepsUnread reports whether what names a target group of unknown owner stays by itself. Otherwise the member is set
// aside: an edit that names the target group for the first time must not end what served before.
func (b *build) keepsUnread(i int, arn string) bool {
	if b.e.Type != stack.Application || b.cfg.StrictGroups {
		return false
	}
	last, remembered := b.past.Good[b.members[i].Object]
	return !remembered || quarantine.Remembered(*last) != quarantine.LastGood ||
		names(last, []stack.Ref{stack.Literal(stack.KindTargetGroup, arn)})
}

// refuse reports a reference that is not permitted, and the rest of the member is served: an older version of it would
// name the same target group, or another one that it may not. The rule of an ALB answers 503. The forward of an NLB's
// listener goes without the target group, which withoutDenied reports.
func (b *build) refuse(i int, arn string, source intent.Source, text, remedy string) {
	d := diag.New(b.members[i].Object, source.Path(), diag.RefNotPermitted, text, remedy)
	if b.e.Type != stack.Network {
		b.note(i, d)
		return
	}
	if b.denied == nil {
		b.denied = map[deniedGroup]diag.Diagnostic{}
	}
	b.denied[deniedGroup{i, stack.Literal(stack.KindTargetGroup, arn)}] = d
}

// deniedGroup is a target group that a member may not name.
type deniedGroup struct {
	member int
	group  stack.Ref
}

// withoutDenied removes target groups that member i may not name from the forward of an NLB's listener. It reports
// whether the listener is created: not without another target group that has a weight.
func (b *build) withoutDenied(i int, port int32, f *stack.Forward) bool {
	var found diag.List
	var groups []stack.Ref
	f.TargetGroups = slices.DeleteFunc(f.TargetGroups, func(g stack.WeightedTargetGroup) bool {
		d, denied := b.denied[deniedGroup{i, g.TargetGroup}]
		if denied {
			found, groups = append(found, d), append(groups, g.TargetGroup)
		}
		return denied
	})
	if len(found) == 0 {
		return true
	}
	left := slices.ContainsFunc(f.TargetGroups, func(g stack.WeightedTargetGroup) bool {
		return g.Weight == nil || *g.Weight > 0
	})
	text := ""
	if !left {
		text = fmt.Sprintf("; port %d has no listener until this is permitted", port)
	}
	report := b.note
	last, remembered := b.past.Good[b.members[i].Object]
	if remembered && quarantine.Remembered(*last) == quarantine.LastGood && !names(last, groups) {
		report, text = b.fail, "" // an edit names them for the first time: what serves stays
	} else if !left {
		if lb, known := b.existing(); known && lb == nil {
			report = b.fail
		}
	}
	for _, d := range found {
		d.Text += text
		report(i, d)
	}
	return left
}

// names reports whether a member names one of some target groups for a listener or route, by ARN or name.
func names(m *intent.Member, groups []stack.Ref) bool {
	for x := range backendsOf(m) {
		if slices.ContainsFunc(groups, func(g stack.Ref) bool {
			return x.TargetGroupARN == g.Literal ||
				x.TargetGroupName != "" && x.TargetGroupName == naming.OfTargetGroup(g.Literal)
		}) {
			return true
		}
	}
	return false
}

// ungranted are the namespaces that the owner of a target group may be of and that do not let an object name it. Where
// the identity of the target group leaves open which of several namespaces that exist it is, each of them has to permit
// the reference.
func ungranted(r *intent.References, from diag.Object, owner facts.TargetGroupOwner, name string) (out []string) {
	if r == nil {
		r = &intent.References{}
	}
	backends := naming.TargetGroupBackends(owner.Stack.Owner, owner.ID)
	if len(backends) == 0 { // an identity of another form: its stack is all that is known
		backends = []naming.TargetGroupBackend{{Namespace: owner.Stack.ID.Namespace}}
	}
	if r.Namespaces != nil && len(backends) > 1 {
		exist := slices.DeleteFunc(slices.Clone(backends), func(x naming.TargetGroupBackend) bool {
			return !slices.Contains(r.Namespaces, x.Namespace)
		})
		if len(exist) > 0 {
			backends = exist
		}
	}
	for _, x := range backends {
		if x.Namespace != from.Namespace && !granted(r, from, x, name) {
			out = append(out, x.Namespace)
		}
	}
	return out
}

// granted reports whether a grant permits an object to name a target group. One that names a Service does only if the
// target group can be of no other Service that exists.
func granted(r *intent.References, from diag.Object, of naming.TargetGroupBackend, name string) bool {
	return slices.ContainsFunc(r.Grants, func(g intent.Grant) bool {
		switch {
		case g.FromKind != from.Kind || g.FromNamespace != from.Namespace || g.Namespace != of.Namespace ||
			of.Namespace == "":
			return false
		case g.Name == "":
			return true
		case g.TargetGroup:
			return g.Name == name
		}
		may := slices.DeleteFunc(slices.Clone(of.Names), func(n string) bool {
			return !slices.Contains(r.Services[of.Namespace], n)
		})
		return slices.Equal(may, []string{g.Name})
	})
}
