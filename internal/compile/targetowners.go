package compile

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// The identity of an Ingress's target group joins the names of Ingress and Service by a hyphen, which both may contain:
// Ingress a-b with Service c and Ingress a with Service b-c have the same one. The existing controller uses the target
// group of the first for both, so that requests of the other go to the wrong Service. The same is true of two routes of
// a Gateway. Here each identity has one owner, and the other member fails.

// ownTargetGroups sets the owner of each target group: the one before, else the first member. It needs the present
// states of the members.
func (b *build) ownTargetGroups() {
	b.owners = map[string]int{}
	for i := range b.members {
		m := &b.members[i]
		if m.State == quarantine.Rejected {
			continue
		}
		for _, g := range targetGroupsOf(&m.Member) {
			if _, taken := b.owners[g.ID]; !taken || b.ownersBefore[g.ID] == m.Object {
				b.owners[g.ID] = i
			}
		}
	}
	for id, o := range b.ownersBefore { // routes of a frozen member may not be readable, but what exists of them serves
		if i, is := b.memberOf(o); is && b.members[i].State == quarantine.Frozen {
			b.owners[id] = i
		}
	}
}

// backendsOf are the backends of a member's routes and default actions, with their sources.
func backendsOf(m *intent.Member) iter.Seq2[*intent.Backend, intent.Source] {
	return func(yield func(*intent.Backend, intent.Source) bool) {
		of := func(actions []intent.Action, source intent.Source) bool {
			for a := range actions {
				for n := range actions[a].Backends {
					backend, at := &actions[a].Backends[n], source
					if backend.Source.Path() != "" {
						at = backend.Source
					}
					if !yield(backend, at) {
						return false
					}
				}
			}
			return true
		}
		for i := range m.Routes {
			if !of(m.Routes[i].Actions, m.Routes[i].Source) {
				return
			}
		}
		for i := range m.Listeners {
			if !of(m.Listeners[i].Default, m.Listeners[i].DefaultSource) {
				return
			}
		}
	}
}

// targetGroupsOf are the target groups of a member's routes and default backends.
func targetGroupsOf(m *intent.Member) (out []*intent.TargetGroup) {
	for backend := range backendsOf(m) {
		if backend.TargetGroup != nil {
			out = append(out, backend.TargetGroup)
		}
	}
	return out
}

// namedGroups are the target groups and load balancers that a member names by ARN or name: how many there are, and the
// source of the last one.
type namedGroups struct {
	count int
	last  intent.Source
}

// namedBy counts the target groups and load balancers that a member names.
func namedBy(m *intent.Member) (out namedGroups) {
	var names map[string]bool
	for backend, source := range backendsOf(m) {
		name := cmp.Or(backend.TargetGroupARN, backend.TargetGroupName)
		if backend.TargetGroup != nil {
			name = backend.TargetGroup.Balancer
		}
		if name == "" || names[name] {
			continue
		}
		if names == nil {
			names = map[string]bool{}
		}
		names[name], out.last = true, source
	}
	out.count = len(names)
	return out
}

// taken reports whether another member owns the identity of a target group of member i, which fails then.
func (b *build) taken(i int, want *intent.TargetGroup, source intent.Source) bool {
	j, owned := b.owners[want.ID]
	if !owned || i == j {
		return false
	}
	other := b.members[j].Object
	holder := other.String()
	for _, g := range targetGroupsOf(&b.members[j].Member) {
		if g.ID == want.ID {
			holder += " for Service " + g.ServiceName
		}
	}
	kind, or := "Ingress", " or Service "+want.ServiceName+", or "
	remedy := "rename this Ingress" + or + "put the Ingress into another group"
	if own := b.members[i].Object.Kind; own != kind {
		kind, remedy = own, "rename this "+own+or+"attach the "+own+" to another Gateway"
	}
	b.fail(i, diag.New(b.members[i].Object, source.Path(), diag.TargetGroupTaken,
		fmt.Sprintf("the target group of Service %s, port %s, would get key %s, but the target group of %s already has this "+
			"key: a key joins the names of %s and Service", want.ServiceName, want.ServicePort, want.ID, holder, kind), remedy))
	return true
}

// declaringNamespaces are the namespaces of the routes of a Gateway that own target groups, or did before, by identity.
func (b *build) declaringNamespaces() map[string]string {
	if !b.e.Key.Owner.OfGateway() {
		return nil // the identity begins with the namespace
	}
	out := make(map[string]string, len(b.owners))
	for id, o := range b.ownersBefore {
		out[id] = o.Namespace
	}
	for id, i := range b.owners {
		out[id] = b.members[i].Object.Namespace
	}
	return out
}

// onlyTaken reports whether there are failures, and all of them are of target groups that other members own.
func (b *build) onlyTaken() bool {
	all := slices.Concat(b.failures...)
	return len(all) > 0 && !slices.ContainsFunc(all, func(d diag.Diagnostic) bool {
		return d.Code != diag.TargetGroupTaken
	})
}

// formerOwners are the owners of target groups that may still exist although no member declares them. They matter while
// a member is frozen: rules whose owner is not known are not deleted then.
func (b *build) formerOwners() map[string]diag.Object {
	if !slices.ContainsFunc(b.members, func(m quarantine.Member) bool { return m.State == quarantine.Frozen }) {
		return nil
	}
	out := map[string]diag.Object{}
	for id, o := range b.ownersBefore {
		if _, wanted := b.owners[id]; !wanted {
			out[id] = o
		}
	}
	return out
}

// foreignTo are the identities with a prefix of a frozen member whose target groups are known to be another member's.
func (b *build) foreignTo(prefixes []string) (out []string) {
	silent := func(o diag.Object) bool {
		return slices.ContainsFunc(b.members, func(m quarantine.Member) bool {
			return m.Object == o && m.State == quarantine.Frozen
		})
	}
	owners := maps.Clone(b.ownersBefore)
	if owners == nil {
		owners = map[string]diag.Object{}
	}
	for id, i := range b.owners {
		owners[id] = b.members[i].Object
	}
	for id, o := range owners {
		if !silent(o) && slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(id, p) }) {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}
