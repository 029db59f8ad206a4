package front

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/compile/shard"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Shards places the hostnames of groups that may have several load balancers, each of which is a stack. It counts what
// fits by compiling it.
type Shards struct {
	Facts   FactSource
	Compile compile.Config
	// Memory is what the compiler remembers of a stack; nil = nothing.
	Memory func(stack.Key) *compile.Memory
}

// Sharded reports whether the group of a stack may have several load balancers, or has them since it might.
func (w Input) Sharded(key stack.Key) bool {
	_, n := naming.ShardOf(key.ID)
	return n > 0 || w.Shards > 1 || w.lastMarked(key) > 0
}

// Spread reports whether target groups of a stack's group may be created on another of its load balancers. A group that
// may have one only has others if its members show them: whoever may write a member may write a finalizer.
func (w Input) Spread(key stack.Key) bool {
	return w.Sharded(key) && (w.Shards > 1 || len(w.Hostnames(key.Owner)) > 1)
}

// lastMarked is the number of the last load balancer of a group whose finalizer an object carries.
func (w Input) lastMarked(key stack.Key) (last int) {
	group, _ := naming.ShardOf(key.ID)
	for _, o := range slices.Concat(w.Members, w.departing()) {
		for _, id := range naming.StacksOfFinalizers(key.Owner, o) {
			if of, n := naming.ShardOf(id); of == group {
				last = max(last, n)
			}
		}
	}
	return last
}

// ShardKey returns the stack of a load balancer of the group of a stack, by its number: 0 is the first.
func ShardKey(key stack.Key, n int) stack.Key {
	group, _ := naming.ShardOf(key.ID)
	return stack.Key{Owner: key.Owner, ID: naming.ShardID(group, n)}
}

// Place places the hosts of a group. before is how they were placed; without a checkpoint, known is false, the rules in
// AWS tell.
func (s Shards) Place(ctx context.Context, key stack.Key, w Input, before shard.Placement, known bool) (
	shard.Placement, error) {
	shards, last := max(1, w.Shards), max(w.Shards-1, w.lastMarked(key))
	if !known {
		var err error
		if before, err = s.observed(ctx, key, last); err != nil {
			return nil, err
		}
	}
	units, apart := shard.UnitsOf(s.routes(key, w.LoadBalancer, max(last, before.Last())), before)
	all := map[string]bool{}
	for _, u := range units {
		for _, h := range u.Hosts {
			all[h] = true
		}
	}
	after, err := shard.Place(units, before, shards, func(n int, units []shard.Unit) (bool, error) {
		here := map[string]bool{}
		for _, u := range units {
			for _, h := range u.Hosts {
				here[h] = true
			}
		}
		shard.Cover(here, apart)
		to, cfg := ShardKey(key, n), s.Compile
		cfg.DefaultLimits = true
		c, _, err := Compiler{s.Facts, cfg}.Compile(ctx, to, Input{Declared: true,
			LoadBalancer: shard.Take(w.LoadBalancer, to, n, here, all)}, s.Memory(to))
		return !c.Full, err
	})
	if err != nil || w.LoadBalancer.Unseen == nil {
		return after, err
	}
	for _, p := range before { // hosts of members that cannot be seen
		if !slices.ContainsFunc(p.Hosts, func(h string) bool { return all[h] }) {
			after = append(after, p)
		}
	}
	return after, nil
}

// routes are those of all members, and those of the last valid versions of members with errors, which may be in effect.
func (s Shards) routes(key stack.Key, lb intent.LoadBalancer, last int) []intent.Route {
	out := shard.RoutesOf(lb)
	for _, m := range lb.Members {
		if !m.Former && !m.Diagnostics.HasErrors() {
			continue
		}
		for n := range last + 1 {
			if before := s.Memory(ShardKey(key, n)); before != nil {
				version, _ := before.Good.Of(m.Object)
				out = append(out, version.Routes...)
			}
		}
	}
	return out
}

// observed is the placement of the hosts of the rules in AWS.
func (s Shards) observed(ctx context.Context, key stack.Key, last int) (shard.Placement, error) {
	hosts := map[string]int{}
	for n := range last + 1 {
		need := facts.Need{Kind: facts.NeedStackDetails, Key: ShardKey(key, n).String()}
		f, err := s.Facts.Answer(ctx, []facts.Need{need})
		if err == nil && f.Failed(need) != nil {
			err = fmt.Errorf("reading on which load balancer of group %s the rules of its hosts are: %w", key.ID, f.Errors[need])
		}
		if err != nil {
			return nil, err
		}
		if f.Details == nil {
			continue
		}
		for _, rules := range f.Details.Rules {
			for _, r := range rules {
				for _, c := range r.Conditions {
					if c.Field != stack.HostHeader {
						continue
					}
					for _, h := range c.Values {
						hosts[strings.ToLower(h)] = n
					}
				}
			}
		}
	}
	return shard.Observed(hosts), nil
}

// ShardOf returns the number of the load balancer of a group that has a host, else of the one that has the first host
// of a member.
func (w Input) ShardOf(member metav1.Object, host string) int {
	if n, ok := w.Placement.Of(host); ok {
		return n
	}
	for _, m := range w.Group {
		if m.Object.Namespace == member.GetNamespace() && m.Object.Name == member.GetName() {
			return w.Placement.Shown()(m.Routes)[0]
		}
	}
	return 0
}

// Several are notes on the Ingresses whose hosts are on several load balancers of their group. What publishes the names
// in a status for all hosts of an Ingress, as external-dns does, sends some of its requests to a load balancer without
// their rules.
func (w Input) Several() (found diag.List) {
	shown := w.Placement.Shown()
	for _, m := range w.Group {
		if on := shown(m.Routes); len(on) > 1 {
			found = append(found, diag.New(m.Object, "spec.rules", diag.SeveralLoadBalancers,
				fmt.Sprintf("its hosts are on %d load balancers of the group, and each DNS name in its status serves "+
					"some of the hosts: %s", len(on), shard.Describe(shown, m.Routes)),
				"if external-dns or another program creates DNS records for the Ingress, divide it into Ingresses with "+
					"one host each"))
		}
	}
	return found
}

// Lasting returns the findings about a load balancer of a group without those that members exceed its limits whose
// hosts are moving away from it: what does not fit is on the other one, and the limits are kept once they have left.
func (w Input) Lasting(key stack.Key, found diag.List) diag.List {
	_, n := naming.ShardOf(key.ID)
	if !w.Placement.Moves() {
		return found
	}
	return slices.DeleteFunc(slices.Clone(found), func(d diag.Diagnostic) bool {
		return d.Code == diag.QuotaExceeded && slices.ContainsFunc(w.Group, func(m intent.Member) bool {
			return m.Object == d.Object && w.Placement.Leaving(n, m.Routes)
		})
	})
}

// Part returns what one load balancer of a group has of it. A further one on which no host is ends: its members carry
// its finalizer until it is gone.
func (w Input) Part(key stack.Key, p shard.Placement) Input {
	_, n := naming.ShardOf(key.ID)
	if n > 0 && !p.Uses(n) {
		marked := func(o metav1.Object) bool { return slices.Contains(naming.StacksOfFinalizers(key.Owner, o), key.ID) }
		emptied := slices.DeleteFunc(slices.Clone(w.Members), func(o metav1.Object) bool { return !marked(o) })
		part := Input{
			Leaving: append(slices.Clone(emptied), w.Leaving...), Emptied: emptied, Shards: w.Shards, Placement: p,
			ClassOwnership: w.ClassOwnership, ClassOfGroup: w.ClassOfGroup, Authority: w.Authority, SetAside: w.SetAside,
			key: w.key, joined: w.joined, remembered: w.remembered, protection: w.protection,
		}
		part.protect()
		return part
	}
	here, elsewhere := p.HostsOn(n)
	w.Placement, w.Group = p, w.LoadBalancer.Members
	w.LoadBalancer = shard.Take(w.LoadBalancer, key, n, here, elsewhere)
	if n == 0 {
		w.Findings = append(slices.Clone(w.Findings), w.Several()...)
	}
	return w
}
