package declare

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
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
}

// note enters the consent by which an endpoint is permitted, if it needs one.
func (m *Memory) note(e *Endpoint, namespace string, of stack.Key, arn string) {
	c := Consent{ARN: cmp.Or(e.ID, arn), Named: cmp.Or(e.ID, e.Host), Owner: of, Object: e.object}
	switch {
	case e.State != Given && e.State != Hosted || c.ARN == "":
	case c.ofOthers(namespace):
		if m.Granted == nil {
			m.Granted = map[string]Consent{}
		}
		m.Granted[e.Name] = c
	default:
		delete(m.Granted, e.Name)
	}
}

// ofOthers reports whether objects of a namespace need the consent.
func (c *Consent) ofOthers(namespace string) bool {
	return c.Object.Namespace != "" && c.Object.Namespace != namespace ||
		c.Owner != stack.Key{} && c.Owner.ID.Namespace != namespace
}

// Withdrawn are the ARNs of load balancers that an object may not name any more, sorted. It does not depend on what the
// object declares, which may be invalid. An object that cannot be read withdraws nothing.
func (m *Memory) Withdrawn(v *objects.View, ga *agav1beta1.GlobalAccelerator) []string {
	var out, stay []string
	for _, name := range slices.Sorted(maps.Keys(m.Granted)) {
		if c := m.Granted[name]; c.withdrawn(v, ga.Namespace) {
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

func (c *Consent) withdrawn(v *objects.View, namespace string) bool {
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
	}
	// Whoever is in the group has its finalizer. The status may lack the load balancer for a moment.
	in := func(o metav1.Object) bool {
		return slices.Contains(naming.StacksOfFinalizers(c.Owner.Owner, o), c.Owner.ID)
	}
	return !slices.ContainsFunc(members(v, objects.Kind(kind.Kind), namespace), in) &&
		!slices.ContainsFunc(members(v, objects.Kind(kind.Kind), cmp.Or(c.Object.Namespace, namespace)),
			func(o metav1.Object) bool { return o.GetName() == c.Object.Name && in(o) })
}

// isForeign reports whether it is certain that GlobalAccelerators of a namespace may not name an object.
func isForeign(v *objects.View, namespace string, to objects.Ref) bool {
	_, err := objects.Get[metav1.Object](v, objects.From{Kind: objects.GlobalAccelerator, Namespace: namespace}, to)
	return errors.As(err, new(*objects.ForeignError))
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
