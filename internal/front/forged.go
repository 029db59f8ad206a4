package front

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// setAsideForged finds the objects whose finalizer of the group is forged. It looks at objects that carry the finalizer
// and do not declare the group any longer, or not validly. Whoever may write objects may write a finalizer, and some
// may write statuses. So an object was a member if the compiler remembers it. Only if the compiler remembers nothing,
// the status tells: it shows the load balancer of the present members. Others become objects that leave and count for
// nothing.
func (w *Input) setAsideForged(before *compile.Memory) {
	declared := w.declared()
	shown, known := w.shownByMembers(declared), map[diag.Object]bool{}
	if before.Any() {
		for _, o := range before.Members {
			known[o] = true
		}
		for o := range before.Good {
			known[o] = true
		}
	}
	genuine := func(o metav1.Object) bool {
		if before.Any() {
			return known[owner.Object(o)]
		}
		return len(shown) == 0 || slices.ContainsFunc(owner.Of(w.key.Owner).Hostnames(o), func(name string) bool {
			return slices.ContainsFunc(shown, func(other string) bool { return w.sameGroup(name, other) })
		})
	}
	w.Forged = slices.DeleteFunc(slices.Clone(w.Leaving), genuine)
	w.Members = slices.DeleteFunc(slices.Clone(w.Members), func(o metav1.Object) bool {
		m := declared[owner.Object(o)]
		if m == nil || !m.Former || genuine(o) {
			return false
		}
		w.Leaving, w.Forged = append(slices.Clone(w.Leaving), o), append(w.Forged, o)
		return true
	})
	w.leaveOut(w.Forged)
}

// shownByMembers are the hostnames in the status of present members with the finalizer.
func (w *Input) shownByMembers(declared map[diag.Object]*intent.Member) (out []string) {
	for _, o := range w.Members {
		if m := declared[owner.Object(o)]; m != nil && !m.Former && w.deployed(o) {
			out = append(out, owner.Of(w.key.Owner).Hostnames(o)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sameGroup reports whether two hostnames in statuses are those of load balancers of the group. Of a group with several
// ones, any may be the other's, unless the generated names of the group show that it is none of them.
func (w *Input) sameGroup(name, other string) bool {
	if strings.EqualFold(name, other) {
		return true
	}
	group, _ := naming.ShardOf(w.key.ID)
	return w.Shards > 1 && (!naming.Generated(naming.OfHostname(other)) ||
		naming.MayBeShard(group, naming.OfHostname(name)))
}

// setOf is the set of some objects: a tenant may have thousands in a group.
func setOf(all []metav1.Object) map[diag.Object]bool {
	out := make(map[diag.Object]bool, len(all))
	for _, o := range all {
		out[owner.Object(o)] = true
	}
	return out
}

// Owners returns the objects to which the load balancer belongs: members, also those that are set aside, and objects
// that leave.
func (w Input) Owners() []metav1.Object { return slices.Concat(w.Members, w.SetAside, w.departing()) }

// departing are the objects that leave the load balancer, without those that were never part of it.
func (w Input) departing() []metav1.Object {
	if len(w.Forged) == 0 {
		return w.Leaving
	}
	forged := setOf(w.Forged)
	out := slices.DeleteFunc(slices.Clone(w.Leaving), func(o metav1.Object) bool { return forged[owner.Object(o)] })
	if len(out) == 0 && !w.Declared {
		return w.Leaving // what is there of the stack is cleaned up
	}
	return out
}
