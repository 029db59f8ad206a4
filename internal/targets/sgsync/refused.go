package sgsync

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/refusal"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/sgrules"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// mostSearches is how often one Reconcile searches for sources that EC2 refuses. The rules of other bindings may fit
// into a group only without the refused sources.
const mostSearches = 4

// refusesSource reports whether EC2 refuses a grant because of its content, perhaps because of one source of many.
func refusesSource(err error) bool {
	class := awsclient.Classify(err).Class
	return class == diag.Invalid || class == diag.NotFound
}

// findRefused grants the rules of a refused call part by part. Any binding can name any source, and the sources of
// other bindings must not wait for it. The parts are first what only one namespace needs, and then halves.
// findRefused remembers a source that EC2 refuses alone. other is another error that ended the search.
func (r *Reconciler) findRefused(ctx context.Context, group string, grant []stack.Permission, refusal error,
	known *refused) (other error) {
	of := map[source][]stack.Permission{}
	for _, p := range grant {
		s := sourceOf(normalise(p))
		of[s] = append(of[s], p)
	}
	parts := known.byNamespace(slices.Collect(maps.Keys(of)))
	if len(parts) == 1 && len(of) == 1 { // it was granted alone
		r.refuse(group, parts[0][0], refusal, known)
		return nil
	}
	if len(parts) == 1 {
		parts = halves(parts[0])
	}
	for len(parts) > 0 {
		part := slices.DeleteFunc(parts[0], known.tooMany)
		parts = parts[1:]
		var rules []stack.Permission
		for _, s := range part {
			rules = append(rules, of[s]...)
		}
		switch out := r.authorize(ctx, group, rules); {
		case out.State == apply.Done:
		case out.State != apply.Failed || !refusesSource(out.Err):
			return cmp.Or(out.Err, refusal)
		case len(part) == 1:
			r.refuse(group, part[0], out.Err, known)
		default:
			parts = append(parts, halves(part)...)
		}
	}
	return nil
}

func halves(part []source) [][]source { return [][]source{part[:len(part)/2], part[len(part)/2:]} }

// isolate finds the sources because of which EC2 refuses a grant, and grants the rules of all others. found is false
// if the refusal has another cause, or another error ended the search.
func (r *Reconciler) isolate(ctx context.Context, group string, grant []stack.Permission, refusal error,
	known *refused) (found bool, err error) {
	if !refusesSource(refusal) || !r.exists(ctx, group, refusal) {
		return false, refusal
	}
	other := r.findRefused(ctx, group, grant, refusal, known)
	return other == nil, cmp.Or(other, refusal)
}

// prove tests sources before rules are revoked for them: it grants one rule of each in the free room of a group, and
// revokes the rule at once. If the group is full, prove only checks whether the sources exist. repeat reports
// whether more is known than before; until is as in change.
func (r *Reconciler) prove(ctx context.Context, group string, unproven []stack.Permission, full bool, known *refused) (
	repeat bool, until time.Time, err error) {
	if full {
		repeat, err = r.anyMissing(ctx, group, unproven, known)
		return repeat, time.Time{}, err
	}
	for _, p := range unproven {
		s := sourceOf(normalise(p))
		out := r.authorize(ctx, group, []stack.Permission{p})
		if out.State == apply.Failed && refusesSource(out.Err) && r.exists(ctx, group, out.Err) {
			r.refuse(group, s, out.Err, known)
			continue
		}
		if out.State == apply.Done {
			known.proven[s] = true
			out = r.revoke(ctx, group, []stack.Permission{p})
		}
		switch out.State {
		case apply.Failed:
			return false, time.Time{}, out.Err
		case apply.Waiting:
			return false, out.Until, out.Err
		case apply.Done, apply.Blocked, apply.Prevented:
		}
	}
	return len(unproven) > 0, time.Time{}, nil
}

// exists reports whether a group exists, after EC2 has said that a group named in a grant does not.
func (r *Reconciler) exists(ctx context.Context, group string, refusal error) bool {
	if awsclient.Classify(refusal).Code != awsclient.CodeGroupNotFound {
		return true
	}
	r.Rules.ForgetRules(group)
	_, err := r.Rules.Rules(ctx, group)
	return err == nil
}

const (
	// NotAllowed is the description of a permission that a binding asks for and may not have. It is never granted, and
	// the rules that it would replace stay, as with a source that EC2 refuses.
	NotAllowed = "not allowed"
	// Standing is the description of a permission that is not granted either, but whose rule stays if the controller
	// has opened it.
	Standing = "standing"
)

// barred reports whether a permission is never granted.
func barred(p stack.Permission) bool { return p.Description == NotAllowed || p.Description == Standing }

// mostRefused is how many refused sources of one namespace are searched for in one group. Further new sources of the
// namespace wait until some of these are accepted or no longer named.
const mostRefused = 20

// refused are the sources that EC2 refuses.
type refused struct {
	sources map[source]error
	// naming has the namespaces of the bindings that need sources which no rule admits. count has the number of
	// refused sources by namespace.
	naming map[source][]string
	count  map[string]int
	proven map[source]bool  // sources that EC2 accepted in this look
	full   map[string]error // bindings whose rules do not fit
	// overlooked are rules that exist although reads of the group lack them.
	overlooked []stack.Permission
	// stands reports what the group's rules admit now, managed what the controller's own rules admit, and stood what
	// the rules admitted when the attempt began.
	stands, managed, stood func(stack.Permission) bool
	// searching: the search for refused sources has not ended; any source may be one.
	searching bool
	// inherits: rules of an earlier process may be those of a binding with refused sources.
	inherits bool
}

// at records the rules of a group.
func (r *refused) at(own []stack.Permission) {
	r.stands, r.managed = sgrules.Of(own).Admits, sgrules.Of(managed(own)).Admits
	if r.stood == nil {
		r.stood = r.stands
	}
}

// has reports whether a permission may not be granted, or has a refused source and no rule admits it yet.
func (r refused) has(p stack.Permission) bool {
	return p.Description == NotAllowed || p.Description == Standing && !r.managed(p) ||
		len(r.sources) > 0 && r.sources[sourceOf(normalise(p))] != nil && !r.stands(p)
}

// tooMany reports whether all namespaces that need a source have so many refused ones that the source is not tried.
// It then counts as refused.
func (r *refused) tooMany(s source) bool {
	if len(r.naming[s]) == 0 || slices.ContainsFunc(r.naming[s], func(namespace string) bool {
		return r.count[namespace] < mostRefused
	}) {
		return false
	}
	r.sources[s] = fmt.Errorf("EC2 refuses %d other sources of bindings in namespace %s, so that the controller does not "+
		"try this source; correct the others first", mostRefused, r.naming[s][0])
	return true
}

// byNamespace groups sources by namespace. A source that several namespaces need belongs to the one with the fewest.
func (r *refused) byNamespace(all []source) (parts [][]source) {
	total, of := map[string]int{}, map[string][]source{}
	for _, s := range all {
		for _, namespace := range r.naming[s] {
			total[namespace]++
		}
	}
	for _, s := range slices.SortedFunc(slices.Values(all), compareSources) {
		mine := ""
		for n, namespace := range r.naming[s] {
			if n == 0 || total[namespace] < total[mine] {
				mine = namespace
			}
		}
		of[mine] = append(of[mine], s)
	}
	for _, namespace := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, of[namespace])
	}
	return parts
}

// unproven returns permissions of a grant, one for each source that EC2 has not accepted in the group.
func (r *refused) unproven(current, grant []stack.Permission) (out []stack.Permission) {
	known := maps.Clone(r.proven)
	for _, p := range current {
		known[sourceOf(normalise(p))] = true
	}
	for _, p := range grant {
		if s := sourceOf(normalise(p)); !known[s] {
			known[s] = true
			out = append(out, p)
		}
	}
	return out
}

// anyMissing looks up the sources of permissions that are groups, before former rules that edited bindings may still
// need are revoked to make room, and reports whether any group does not exist. err is why that is not known of one.
func (r *Reconciler) anyMissing(ctx context.Context, group string, perms []stack.Permission, known *refused) (
	missing bool, err error) {
	for _, p := range perms {
		if p.Group.Literal == "" {
			continue
		}
		if _, err = r.Rules.Rules(ctx, p.Group.Literal); err == nil {
			continue
		}
		if !refusesSource(err) {
			return false, fmt.Errorf("whether source %s exists: %w", p.Group.Literal, err)
		}
		r.refuse(group, sourceOf(normalise(p)), err, known)
		missing = true
	}
	if !missing {
		r.Log.Info("the group has no room for another rule: former sources are closed before these are open", "group",
			group, "rules", texts(perms))
	}
	return missing, nil
}

// refusalsOf returns the stack under which the refused sources of a namespace are remembered, one for each group. No
// binding has such a name.
func refusalsOf(namespace, group string) stack.Key {
	return stack.Key{Owner: Key.Owner, ID: stack.ID{Namespace: namespace, Name: Key.ID.Name + "_" + group}}
}

// refuse records that EC2 refuses a source.
func (r *Reconciler) refuse(group string, s source, err error, known *refused) {
	known.sources[s] = err
	for _, namespace := range known.naming[s] {
		key, op := refusalsOf(namespace, group), plan.NameOf(awsop.AuthorizeSecurityGroupIngress{})
		if r.Refusals == nil || !r.Refusals.Known(key, s.String()) {
			known.count[namespace]++
		}
		if r.Refusals != nil {
			r.Refusals.Refused(key, s.String(), refusal.Refusal{Step: plan.StepID(op), Action: op, Cause: refusal.Content,
				Err: err})
		}
	}
}

// recall loads the sources that EC2 has recently refused in a group, and forgets those that no binding needs any
// longer.
func (r *Reconciler) recall(group string, known *refused) {
	known.naming = r.Table.namesOf(group, known.stands)
	of := map[string][]source{}
	for s, namespaces := range known.naming {
		for _, namespace := range namespaces {
			of[namespace] = append(of[namespace], s)
		}
	}
	for namespace, sources := range of {
		key := refusalsOf(namespace, group)
		if r.Refusals == nil || !r.Refusals.Any(key) {
			continue
		}
		writes := map[string]bool{}
		for _, s := range sources {
			writes[s.String()] = true
			if _, err := r.Refusals.Before(key, s.String(), nil); err != nil {
				known.sources[s] = err
			}
		}
		known.count[namespace] = r.Refusals.Retain(key, writes)
	}
	for s := range known.naming {
		if known.sources[s] == nil {
			known.tooMany(s)
		}
	}
}

// fair sorts needs so that no namespace takes all the room of a group: the place of a binding is the number of rules
// that its namespace has up to it.
func fair(needs []Need) {
	total, place := map[string]int{}, map[string]int{}
	for _, n := range needs {
		namespace := stack.ParseID(n.Binding).Namespace
		total[namespace] += len(n.Permissions)
		place[n.Binding] = total[namespace]
	}
	slices.SortStableFunc(needs, func(a, b Need) int { return place[a.Binding] - place[b.Binding] })
}
