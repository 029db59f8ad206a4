package declare

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/check"
)

// Permit withholds endpoints whose load balancer is one of this cluster which the object may not name. An accelerator
// opens an internal load balancer to the internet, so that its ARN is a reference to the object that declares it: to
// one of the same namespace, or by a ReferenceGrant. So is the name of a load balancer in the status of an object that
// the endpoint names: whoever may write that status chooses it. A withheld endpoint waits: one that an earlier version
// added stays. asked reports whether the answer depended on objects. m remembers what other namespaces granted.
//
// Members of a group share its load balancer. Whether clients of the internet reach it is for the namespaces that
// decide in the group, as is its scheme. deciding are these; known is false while they are not known. Nil = nothing is
// known of groups, and each member is permitted.
func (m *Memory) Permit(v *objects.View, ga *agav1beta1.GlobalAccelerator, endpoints []Endpoint, answers Answers,
	deciding func(group stack.Key) (namespaces []string, known bool)) (asked bool) {
	for i := range endpoints {
		e := &endpoints[i]
		if e.State != Given && e.State != Hosted {
			continue
		}
		named := cmp.Or(e.ID, e.Host)
		a := answers[named]
		of := a.Owner
		if of == (stack.Key{}) || of.ID.Namespace == ga.Namespace || e.declares(of) {
			if a.OwnerProblem == "" && a.Problem == "" {
				m.note(e, ga.Namespace, Consent{ARN: a.ARN, Owner: of})
			}
			continue
		}
		asked = true
		c := Consent{ARN: a.ARN, Owner: of}
		by, ok := e.namedBy(v, ga.Namespace, of, named)
		switch {
		case !ok:
			e.pending(fmt.Sprintf("load balancer %s is that of %s, which GlobalAccelerators of namespace %s may not name",
				named, of, ga.Namespace),
				"have a ReferenceGrant created in the namespace of its object, or correct the reference")
			continue
		case of.ID.Namespace == "" && a.Internal:
			c.Decider = by
			if why := undecided(v, by, of, deciding); why != "" {
				e.pending(fmt.Sprintf("load balancer %s is internal, and an accelerator opens it to the internet for all "+
					"members of %s: %s", named, of, why),
					"create the GlobalAccelerator in a namespace that decides, or leave the group")
			}
		}
		m.note(e, ga.Namespace, c)
	}
	return asked
}

// namedBy is the namespace by whose objects the accelerator may name a load balancer; ok is false if it may not.
func (e *Endpoint) namedBy(v *objects.View, own string, of stack.Key, named string) (namespace string, ok bool) {
	if mayName(v, own, of, named) {
		return own, true
	}
	other := e.object.Namespace
	return other, other != "" && other != own && isMember(v, e.object, of, named)
}

// undecided is why objects of a namespace may not name the internal load balancer of a group: the namespace does not
// decide in it. Empty = they may.
func undecided(v *objects.View, namespace string, group stack.Key,
	deciding func(group stack.Key) (namespaces []string, known bool)) string {
	if excluded(v, group, namespace) {
		return fmt.Sprintf("class parameters let only other namespaces than %s decide", namespace)
	}
	if deciding == nil {
		return ""
	}
	namespaces, known := deciding(group)
	switch {
	case slices.Contains(namespaces, namespace):
		return ""
	case !known:
		return "which namespaces decide in the group is not known yet"
	}
	return fmt.Sprintf("namespace %s does not decide in the group, but %s", namespace, strings.Join(namespaces, ", "))
}

// declares reports whether a load balancer is that of the object which the endpoint names.
func (e *Endpoint) declares(of stack.Key) bool {
	return e.object.Kind == objects.Kind(owner.Of(of.Owner).Kind) && of.ID == stack.ID{Namespace: e.object.Namespace,
		Name: e.object.Name}
}

// isMember reports whether an object is a member of the group that has a load balancer.
func isMember(v *objects.View, ref objects.Ref, of stack.Key, named string) bool {
	kind := owner.Of(of.Owner)
	return of.ID.Namespace == "" && kind.InAccelerators && ref.Kind == objects.Kind(kind.Kind) &&
		slices.ContainsFunc(members(v, ref.Kind, ref.Namespace), func(o metav1.Object) bool {
			return o.GetName() == ref.Name && deployed(o, of, named)
		})
}

// deployed reports whether an object is in a group: it has the group's finalizer, which any author may write, and a
// status that shows the load balancer, which is named by its ARN or its hostname.
func deployed(o metav1.Object, of stack.Key, named string) bool {
	return slices.Contains(naming.StacksOfFinalizers(of.Owner, o), of.ID) &&
		slices.ContainsFunc(owner.Of(of.Owner).Hostnames(o), func(host string) bool { return isOf(host, named) })
}

// isOf reports whether a hostname is that of a load balancer, given by its hostname or its ARN: [internal-]NAME-ID.…
func isOf(host, named string) bool {
	host = strings.TrimPrefix(strings.ToLower(host), "dualstack.")
	_, rest, isARN := strings.Cut(named, ":loadbalancer/")
	if !isARN {
		return host == strings.TrimPrefix(strings.ToLower(named), "dualstack.")
	}
	parts := strings.Split(rest, "/")
	if len(parts) != 3 {
		return false
	}
	label, _, _ := strings.Cut(host, ".")
	id, is := strings.CutPrefix(strings.TrimPrefix(label, "internal-"), strings.TrimPrefix(strings.ToLower(parts[1]),
		"internal-")+"-")
	return is && id != "" && !strings.Contains(id, "-")
}

// mayName reports whether objects of a namespace may name the load balancer of a stack of another one, or of a group.
// They may not if the stack's owner is of a kind whose objects accelerators do not read.
func mayName(v *objects.View, namespace string, of stack.Key, named string) bool {
	kind := owner.Of(of.Owner)
	if !kind.InAccelerators {
		return false
	}
	if of.ID.Namespace == "" {
		return slices.ContainsFunc(members(v, objects.Kind(kind.Kind), namespace), func(o metav1.Object) bool {
			return deployed(o, of, named)
		})
	}
	_, err := objects.Get[metav1.Object](v, objects.From{Kind: objects.GlobalAccelerator, Namespace: namespace},
		objects.Ref{Kind: objects.Kind(kind.Kind), Namespace: of.ID.Namespace, Name: of.ID.Name})
	return err == nil || errors.Is(err, objects.ErrAbsent) // whose load balancer is about to go
}

// members are the objects of a namespace that may be members of a group.
func members(v *objects.View, kind objects.Kind, namespace string) []metav1.Object {
	return objects.List[metav1.Object](v, kind, namespace)
}

// check reports what AWS would refuse: of the declaration with the listeners that were discovered, and of what is known
// of the load balancers. Quotas that AWS may have raised are left to its answers.
func (b *building) check(listeners []declared, loaded map[place]loadedEndpoint) {
	spec, find := b.ga.Spec, check.Spec
	if check.Discovers(&b.ga.Spec) && len(listeners) > 0 {
		find, spec.Listeners = check.Discovered, nil
		for _, l := range listeners {
			l.spec.Protocol, l.spec.PortRanges = new(agav1beta1.Protocol(l.protocol)), nil
			for _, r := range l.ports {
				l.spec.PortRanges = append(l.spec.PortRanges, agav1beta1.PortRange{FromPort: r.From, ToPort: r.To})
			}
			spec.Listeners = append(spec.Listeners, l.spec)
		}
	}
	for _, f := range find(&spec, b.ga.Namespace, b.config.Region) {
		if f.Check != check.Limits || !f.Uncertain {
			b.found = append(b.found, f.Diagnostic(b.ga))
		}
	}
	b.checkBalancers(loaded)
}

// checkBalancers reports endpoints of a group that differ, and have the same load balancer.
func (b *building) checkBalancers(loaded map[place]loadedEndpoint) {
	for i := range b.ga.Spec.Listeners {
		for j := range b.ga.Spec.Listeners[i].EndpointGroups {
			endpoints := b.ga.Spec.Listeners[i].EndpointGroups[j].Endpoints
			first := map[string]int{}
			for k := range endpoints {
				e := loaded[place{i, j, k}]
				if !e.ready {
					continue
				}
				before, twice := first[e.ID]
				if twice && check.Key(&endpoints[before], b.ga.Namespace) != check.Key(&endpoints[k], b.ga.Namespace) {
					b.wrong(fmt.Sprintf("spec.listeners[%d].endpointGroups[%d].endpoints[%d]", i, j, k),
						fmt.Sprintf("endpoints[%d] of the group has the load balancer %s, too", before, e.ID), "remove one of them")
				}
				if !twice {
					first[e.ID] = k
				}
			}
		}
	}
}

// noteUnserved notes the ports of listeners for which the load balancer of an endpoint has no listener.
func (b *building) noteUnserved(listeners []declared, loaded map[place]loadedEndpoint) {
	if check.Discovers(&b.ga.Spec) {
		return
	}
	for _, l := range listeners {
		for j := range l.spec.EndpointGroups {
			g := &l.spec.EndpointGroups[j]
			for k := range g.Endpoints {
				e := loaded[place{l.index, j, k}]
				if !e.ready || e.given || e.more || e.problem != "" || len(e.ports) == 0 {
					continue
				}
				for _, r := range l.ports {
					if slices.ContainsFunc(e.ports, func(p Port) bool { return p.Protocol == l.protocol && reaches(r, g, p.Port) }) {
						continue
					}
					b.note(fmt.Sprintf("%s.endpointGroups[%d].endpoints[%d]", l.path, j, k), fmt.Sprintf("%s has no listener for "+
						"%s ports %d to %d of the accelerator, so requests to these ports get no answer there",
						check.Key(&g.Endpoints[k], b.ga.Namespace), l.protocol, r.From, r.To),
						"correct portRanges, or add portOverrides to a port of its load balancer: "+portsText(e.ports))
				}
			}
		}
	}
}

// reaches reports whether a range of ports of a listener leads to a port of the endpoints of a group.
func reaches(r accelerator.PortRange, g *agav1beta1.EndpointGroup, port int32) bool {
	moved := false
	for _, o := range g.PortOverrides {
		within := r.From <= o.ListenerPort && o.ListenerPort <= r.To
		if within && o.EndpointPort == port {
			return true
		}
		moved = moved || within && o.ListenerPort == port
	}
	return !moved && r.From <= port && port <= r.To
}

// portsText is a list of ports, such as "TCP 80, UDP 53".
func portsText(ports []Port) string {
	var out []string
	for _, p := range ports {
		out = append(out, fmt.Sprint(p.Protocol, " ", p.Port))
	}
	return diag.First(out, 10, ", ")
}

// noRoomForTags reports tags beyond the limit that are not the object's alone.
func (b *building) noRoomForTags(all int) {
	if own := len(b.ga.Spec.Tags); all > accelerator.MaxTags && own <= accelerator.MaxTags-check.TrackingTags {
		b.wrong("spec.tags", fmt.Sprintf("with its identifying tags and --default-tags, the accelerator would have "+
			"%d tags, and AWS allows %d", all, accelerator.MaxTags), "remove tags")
	}
}
