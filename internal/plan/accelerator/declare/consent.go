package declare

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
)

// Consent is the consent of others by which an endpoint was permitted: a ReferenceGrant, or that its namespace was in a
// group.
type Consent struct {
	ARN    string      // of the load balancer
	Named  string      // the load balancer as the endpoint names it: its ARN or hostname
	Owner  stack.Key   // of the load balancer; zero = not of this cluster
	Object objects.Ref // that the endpoint names; zero of one by an id
	// Decider is the namespace that decided in the group, whose load balancer is internal; empty = none needed to.
	Decider string `json:",omitempty"`
}

// IsMember reports whether an object is a member of a group by the last pass over the group; known is false before the
// first pass.
type IsMember func(group stack.Key, o diag.Object) (is, known bool)

// note enters the consent by which an endpoint is permitted, if it needs one. One endpoint may have had several load
// balancers, each by the consent of somebody else.
func (m *Memory) note(e *Endpoint, namespace string, c Consent) {
	c.ARN, c.Named, c.Object = cmp.Or(e.ID, c.ARN), cmp.Or(e.ID, e.Host), e.object
	name := e.Name + " " + c.ARN
	switch {
	case e.State != Given && e.State != Hosted || c.ARN == "":
	case c.ofOthers(namespace):
		if m.Granted == nil {
			m.Granted = map[string]Consent{}
		}
		m.Granted[name] = c
	default:
		delete(m.Granted, name)
	}
}

// ofOthers reports whether objects of a namespace need the consent.
func (c *Consent) ofOthers(namespace string) bool {
	if c.Owner != (stack.Key{}) {
		return c.Owner.ID.Namespace != namespace
	}
	return c.Object.Namespace != "" && c.Object.Namespace != namespace
}

// Withdrawn returns the ARNs of load balancers that an object may not name any longer, sorted. It does not depend on
// what the object declares, which may be invalid. An object that cannot be read withdraws nothing.
func (m *Memory) Withdrawn(v *objects.View, ga *agav1beta1.GlobalAccelerator, member IsMember) []string {
	var out, stay []string
	for _, name := range slices.Sorted(maps.Keys(m.Granted)) {
		if c := m.Granted[name]; c.withdrawn(v, ga.Namespace, member) {
			out = append(out, c.ARN)
		} else {
			stay = append(stay, c.ARN)
		}
	}
	if v.Err() != nil {
		return nil
	}
	out = slices.DeleteFunc(out, func(arn string) bool { return slices.Contains(stay, arn) })
	slices.Sort(out)
	return slices.Compact(out)
}

// Refused returns the ARNs of internal load balancers of others that endpoints name and certainly may not, sorted: an
// accelerator that has them opens them to the internet. A process without checkpoints does not know whether their
// owners permitted them before.
func Refused(v *objects.View, ga *agav1beta1.GlobalAccelerator, endpoints []Endpoint, answers Answers, member IsMember) (
	out []string) {
	for i := range endpoints {
		e := &endpoints[i]
		named := cmp.Or(e.ID, e.Host)
		a, known := answers[named]
		c := Consent{ARN: a.ARN, Named: named, Owner: a.Owner, Object: e.object}
		if known && a.Internal && a.Problem == "" && a.OwnerProblem == "" && c.withdrawn(v, ga.Namespace, member) {
			out = append(out, a.ARN)
		}
	}
	if v.Err() != nil {
		return nil
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (c *Consent) withdrawn(v *objects.View, namespace string, member IsMember) bool {
	if c.Object.Namespace != "" && isForeign(v, namespace, c.Object) {
		return true
	}
	e, kind := Endpoint{object: c.Object}, owner.Of(c.Owner.Owner)
	switch {
	case c.Owner == stack.Key{} || c.Owner.ID.Namespace == namespace || e.declares(c.Owner):
		return false
	case c.Owner.ID.Namespace != "":
		return isForeign(v, namespace, objects.Ref{Kind: objects.Kind(kind.Kind), Namespace: c.Owner.ID.Namespace,
			Name: c.Owner.ID.Name})
	case c.Decider != "" && excluded(v, c.Owner, c.Decider):
		return true
	}
	in := func(o metav1.Object) bool { return c.mayServe(o, member) }
	return !slices.ContainsFunc(members(v, objects.Kind(kind.Kind), namespace), in) &&
		!slices.ContainsFunc(members(v, objects.Kind(kind.Kind), cmp.Or(c.Object.Namespace, namespace)),
			func(o metav1.Object) bool { return o.GetName() == c.Object.Name && in(o) })
}

// mayServe reports whether an object may be in the group that has the load balancer. Whoever is in it has its
// finalizer, which any author may write. The status may lack the load balancer for a moment.
func (c *Consent) mayServe(o metav1.Object, member IsMember) bool {
	if !slices.Contains(naming.StacksOfFinalizers(c.Owner.Owner, o), c.Owner.ID) {
		return false
	}
	if member == nil || deployed(o, c.Owner, c.Named) {
		return true
	}
	is, known := member(c.Owner, owner.Object(o))
	return is || !known
}

// excluded reports whether class parameters name the namespaces that decide in a group, without a certain one.
func excluded(v *objects.View, group stack.Key, namespace string) bool {
	if group.Owner != stack.Ingress {
		return false
	}
	id, _ := naming.ShardOf(group.ID)
	return slices.ContainsFunc(objects.Naming[*v1beta1.IngressClassParams](v, objects.IngressClassParams,
		objects.Ref{Kind: objects.Group, Name: id.Name}), func(p *v1beta1.IngressClassParams) bool {
		named := p.Spec.Group.SettingsNamespaces
		return len(named) > 0 && !slices.Contains(named, v1beta1.IngressGroupNamespace(namespace))
	})
}

// isForeign reports whether it is certain that GlobalAccelerators of a namespace may not name an object.
func isForeign(v *objects.View, namespace string, to objects.Ref) bool {
	_, err := objects.Get[metav1.Object](v, objects.From{Kind: objects.GlobalAccelerator, Namespace: namespace}, to)
	return errors.As(err, new(*objects.ForeignError))
}

// Strangers returns which of some load balancers are certainly none of endpoints that wait for theirs, sorted: they are
// of objects of namespaces in which no such endpoint names an object. answers are about the endpoints, owners about the
// load balancers.
func Strangers(ga *agav1beta1.GlobalAccelerator, endpoints []Endpoint, answers, owners Answers) (out []string) {
	declared, in := map[string]bool{}, map[string]bool{ga.Namespace: true, "": true} // "": a group, or not of this cluster
	for i := range endpoints {
		e := &endpoints[i]
		declared[e.ID], declared[answers[cmp.Or(e.ID, e.Host)].ARN] = true, true
		if e.State != Gone {
			in[e.object.Namespace] = true
		}
	}
	for _, arn := range slices.Sorted(maps.Keys(owners)) {
		if a := owners[arn]; !declared[arn] && a.Problem == "" && a.OwnerProblem == "" && !in[a.Owner.ID.Namespace] {
			out = append(out, arn)
		}
	}
	return out
}

// Forget drops the consents for load balancers that an accelerator does not have.
func (m *Memory) Forget(o accelerator.Observed) {
	has := map[string]bool{}
	for _, l := range o.Listeners {
		for _, g := range l.Groups {
			for _, e := range g.Endpoints {
				has[e.ID] = true
			}
		}
	}
	maps.DeleteFunc(m.Granted, func(_ string, c Consent) bool { return !has[c.ARN] })
}

// Protected reports whether an annotation of the object protects its accelerator from being deleted with it.
func Protected(ga *agav1beta1.GlobalAccelerator) bool {
	v, ok := ga.Annotations[naming.AcceleratorDeletionProtection]
	return ok && !strings.EqualFold(v, "false") && !strings.EqualFold(v, "disabled")
}
