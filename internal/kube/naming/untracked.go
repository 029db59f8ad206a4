package naming

import (
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Untracked returns a stack as the existing controller plans it: without the tags and labels that identify
// resources, which it adds when it deploys. Plans of an Ingress and of an equivalent Gateway then differ only in
// what the objects declare.
func Untracked(s *stack.Stack) *stack.Stack {
	tags := append(slices.Collect(maps.Keys(Tracking(s.Key.Owner, "", "", ""))), BackendResourceTag)
	labels := slices.Collect(maps.Keys(Labels(s.Key)))
	out := *s
	out.SecurityGroups = eachOf(s.SecurityGroups, func(g *stack.SecurityGroup) { g.Tags = without(g.Tags, tags) })
	out.TargetGroups = eachOf(s.TargetGroups, func(g *stack.TargetGroup) { g.Tags = without(g.Tags, tags) })
	out.LoadBalancers = eachOf(s.LoadBalancers, func(lb *stack.LoadBalancer) { lb.Tags = without(lb.Tags, tags) })
	out.Listeners = eachOf(s.Listeners, func(l *stack.Listener) { l.Tags = without(l.Tags, tags) })
	out.Rules = eachOf(s.Rules, func(r *stack.Rule) { r.Tags = without(r.Tags, tags) })
	out.Bindings = eachOf(s.Bindings, func(b *stack.Binding) { b.Labels = without(b.Labels, labels) })
	out.Certificates = eachOf(s.Certificates, func(c *stack.Certificate) { c.Tags = without(c.Tags, tags) })
	out.TrustStores = eachOf(s.TrustStores, func(t *stack.TrustStore) { t.Tags = without(t.Tags, tags) })
	return &out
}

// eachOf is a copy of resources with an edit of each.
func eachOf[T any](of []T, edit func(*T)) []T {
	out := slices.Clone(of)
	for i := range out {
		edit(&out[i])
	}
	return out
}

// without is a copy of tags or labels without some keys; nil stays nil.
func without(of map[string]string, keys []string) map[string]string {
	out := maps.Clone(of)
	for _, k := range keys {
		delete(out, k)
	}
	return out
}
