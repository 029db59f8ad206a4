package intent

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Party is an object of a group: a member, or an object that leaves the group and still has resources in AWS.
type Party struct {
	Object    diag.Object
	Created   int64 // Unix seconds; 0 = not known, or not created yet
	Authority Authority
	// Deployed is true if the object carries the finalizer of the group: it has or had resources in AWS.
	Deployed bool
}

// Deciders are the namespaces that decide about the shared settings of a group. Namespaces decide, and not objects,
// because Kubernetes grants the right to edit objects by namespace.
type Deciders struct {
	Namespaces []string // sorted
	// Oldest is the oldest object of the group, if its namespace decides.
	Oldest diag.Object
	// ByClass is true if class parameters of the group name the namespaces.
	ByClass bool
}

// DecidersOf returns the namespaces that decide in a group: those that class parameters of the group name, otherwise
// the namespace of the oldest object. joined are the objects of the last compilation in the order in which they
// joined; nil = not known.
func DecidersOf(parties []Party, joined []diag.Object) Deciders {
	var out Deciders
	for _, p := range parties {
		out.ByClass = out.ByClass || p.Authority != Equal
		if p.Authority == Deciding && !slices.Contains(out.Namespaces, p.Object.Namespace) {
			out.Namespaces = append(out.Namespaces, p.Object.Namespace)
		}
	}
	slices.Sort(out.Namespaces)
	if !out.ByClass && len(parties) > 0 {
		if out.Oldest = parties[0].Object; len(parties) > 1 {
			out.Oldest = slices.MinFunc(parties, seniority(joined)).Object
		}
		out.Namespaces = []string{out.Oldest.Namespace}
	}
	return out
}

// seniority orders objects by when they joined the group. Objects for which that is not known come last: deployed ones
// first, then by age and name.
func seniority(joined []diag.Object) func(x, y Party) int {
	places := make(map[diag.Object]int, len(joined))
	for at, o := range joined {
		places[o] = at
	}
	rank := func(p Party) int {
		if at, ok := places[p.Object]; ok {
			return at
		}
		return len(joined)
	}
	waits := func(p Party) int {
		if p.Deployed {
			return 0
		}
		return 1
	}
	age := func(p Party) int64 {
		if p.Created == 0 {
			return math.MaxInt64
		}
		return p.Created
	}
	return func(x, y Party) int {
		return cmp.Or(cmp.Compare(rank(x), rank(y)), cmp.Compare(waits(x), waits(y)), cmp.Compare(age(x), age(y)),
			cmp.Compare(x.Object.String(), y.Object.String()))
	}
}

// Decides reports whether objects of a namespace decide about the shared settings.
func (d Deciders) Decides(namespace string) bool { return slices.Contains(d.Namespaces, namespace) }

// Why returns why an object does not decide, as a sentence without a period.
func (d Deciders) Why(o diag.Object) string {
	if d.ByClass {
		return "the class parameters let only other namespaces set what the group shares"
	}
	return fmt.Sprintf("only %s of namespace %s set what the members of the group share, because %s is the oldest member",
		diag.Plural(o.Kind), d.Oldest.Namespace, d.Oldest)
}

// Remedy returns what the author of an object that does not decide can do.
func (d Deciders) Remedy() string {
	if d.ByClass {
		return "remove it, use a group of your own, or have it set in a namespace that spec.group.settingsNamespaces of " +
			"the class parameters names"
	}
	return fmt.Sprintf("remove it, use a group of your own, or have it set in namespace %s", d.Oldest.Namespace)
}
