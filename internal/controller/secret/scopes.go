package secret

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// maxWatches bounds the watches of Secrets, whatever their scopes.
	maxWatches = 15
	// fewSecrets is the number of Secrets of a namespace up to which they are watched by name, so that a Role for these
	// Secrets is enough.
	fewSecrets = 5
	// fewNamespaces is the number of namespaces up to which namespaces are watched and not the cluster.
	fewNamespaces = 3
)

// scope is what one watch of Secrets covers: a Secret, a namespace (no name), or the cluster (neither).
type scope = types.NamespacedName

// scopeState is the state of the watch of a scope.
type scopeState int

const (
	scopeUnwatched scopeState = iota
	scopeBegun                // it has not listed yet
	scopeListed               // it delivers each change
	scopeForbidden            // the API server has answered Forbidden, lately
)

// inTurn is one Secret of each namespace, then a second one of each, and so on, up to maxWatches of each: a namespace
// that names many Secrets leaves watches to others.
func inTurn(read []types.NamespacedName) (out []types.NamespacedName) {
	var turns [maxWatches][]types.NamespacedName
	count := map[string]int{}
	for _, k := range read {
		if turn := count[k.Namespace]; turn < maxWatches {
			turns[turn] = append(turns[turn], k)
			count[k.Namespace]++
		}
	}
	return slices.Concat(turns[:]...)
}

// scopesToWatch are the scopes to watch for the Secrets that are read, given in the order of their first reads. The
// widest permitted scopes come first, because a watch costs the API server and this process about the same whatever its
// scope. A narrower watch that runs stays until a wider one has listed. The result has maxWatches entries at most;
// Secrets of no scope are polled.
func scopesToWatch(read []types.NamespacedName, state func(scope) scopeState) []scope {
	if len(read) == 0 {
		return nil
	}
	perNamespace := map[string]int{}
	for _, k := range read {
		perNamespace[k.Namespace]++
	}
	wide := func(scope scope, wanted bool) (begin, covers bool) {
		s := state(scope)
		return s == scopeBegun || s == scopeListed || wanted && s == scopeUnwatched, s == scopeListed
	}
	var out []scope
	cluster := scope{}
	begin, covers := wide(cluster, len(perNamespace) > fewNamespaces && len(read) > fewSecrets)
	if begin {
		out = append(out, cluster)
	}
	if covers {
		return out
	}
	// While a wider watch begins, no narrower one is started; those that run stay.
	add := func(scope scope, only bool) {
		if len(out) < maxWatches && (!only || state(scope) != scopeUnwatched) {
			out = append(out, scope)
		}
	}
	namespaces := make([]string, 0, len(perNamespace))
	for ns := range perNamespace {
		namespaces = append(namespaces, ns)
	}
	slices.SortFunc(namespaces, func(a, b string) int {
		return cmp.Or(cmp.Compare(perNamespace[b], perNamespace[a]), cmp.Compare(a, b))
	})
	waiting, covered := map[string]bool{}, map[string]bool{}
	for _, ns := range namespaces {
		scope := scope{Namespace: ns}
		needed, covers := wide(scope, perNamespace[ns] > fewSecrets)
		if needed {
			add(scope, begin)
			waiting[ns], covered[ns] = true, covers
		}
	}
	for _, k := range inTurn(read) {
		if len(out) >= maxWatches {
			break
		}
		if !covered[k.Namespace] {
			add(k, begin || waiting[k.Namespace])
		}
	}
	return out
}
