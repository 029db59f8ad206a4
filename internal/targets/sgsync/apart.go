package sgsync

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// mostSearches is how often one Reconcile searches for sources that EC2 refuses: the rules of others may fit into a
// group only without those that were found.
const mostSearches = 4

// refusesSource reports whether EC2 refuses a grant because of what it says, which may be one source of many.
func refusesSource(err error) bool {
	class := awsclient.Classify(err).Class
	return class == diag.Invalid || class == diag.NotFound
}

// apart grants, by halves, the rules of a call that EC2 has refused. missing are the sources that it refuses alone: a
// binding names any source, and those of other bindings must not wait for it. other is an error that ended the search.
func (r *Reconciler) apart(ctx context.Context, group string, grant []stack.Permission, refusal error) (
	missing map[source]error, other error) {
	var sources []source
	of := map[source][]stack.Permission{}
	for _, p := range grant {
		s := sourceOf(normalise(p))
		if of[s] == nil {
			sources = append(sources, s)
		}
		of[s] = append(of[s], p)
	}
	sorting.By(sources, compareSources)
	missing = map[source]error{}
	var divide func(part []source, refusal error) error
	divide = func(part []source, refusal error) error {
		if len(part) == 1 {
			missing[part[0]] = refusal
			return nil
		}
		for _, half := range [][]source{part[:len(part)/2], part[len(part)/2:]} {
			var rules []stack.Permission
			for _, s := range half {
				rules = append(rules, of[s]...)
			}
			switch out := r.authorize(ctx, group, rules); {
			case out.State == apply.Done:
			case out.State != apply.Failed || !refusesSource(out.Err):
				return cmp.Or(out.Err, refusal)
			default:
				if err := divide(half, out.Err); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return missing, divide(sources, refusal)
}

// isolate finds the sources because of which EC2 refuses a grant, and grants the rules of all others. found is false if
// another error ended the search.
func (r *Reconciler) isolate(ctx context.Context, group string, grant []stack.Permission, refusal error,
	out *Outcome) (found bool, err error) {
	if !r.exists(ctx, group, refusal) {
		return false, refusal
	}
	missing, other := r.apart(ctx, group, grant, refusal)
	maps.Copy(out.Missing, missing)
	return other == nil, cmp.Or(other, refusal)
}

// exists reports whether a group is there, after EC2 has said of a grant in it that some group is not.
func (r *Reconciler) exists(ctx context.Context, group string, refusal error) bool {
	if awsclient.Classify(refusal).Code != awsclient.CodeGroupNotFound {
		return true
	}
	r.Rules.ForgetRules(group)
	_, err := r.Rules.Rules(ctx, group)
	return err == nil
}

// refused are the sources that EC2 refuses.
type refused struct {
	sources map[source]error
	// stands is what admits permissions now, and stood what did when the look at the group began.
	stands, stood func(stack.Permission) bool
	// searching: the search for refused sources has not ended; any source may be one.
	searching bool
	// inherits: rules of an earlier process may be those of a binding with refused sources.
	inherits bool
}

// at enters the rules of a group.
func (r *refused) at(own []stack.Permission, searching bool) {
	r.stands, r.searching = sgrules.Of(own).Admits, searching
	if r.stood == nil {
		r.stood = r.stands
	}
}

// any reports whether a source is refused, or may be.
func (r refused) any() bool { return r.searching || len(r.sources) > 0 }

// has reports whether a permission has a refused source, and no rule admits it yet.
func (r refused) has(p stack.Permission) bool {
	return len(r.sources) > 0 && r.sources[sourceOf(normalise(p))] != nil && !r.stands(p)
}

// fair sorts what bindings need so that no namespace takes all the room of a group: a binding's place is how many rules
// its namespace has with it.
func fair(needs []Need) {
	total, place := map[string]int{}, map[string]int{}
	for _, n := range needs {
		namespace := stack.ParseID(n.Binding).Namespace
		total[namespace] += len(n.Permissions)
		place[n.Binding] = total[namespace]
	}
	slices.SortStableFunc(needs, func(a, b Need) int { return place[a.Binding] - place[b.Binding] })
}
