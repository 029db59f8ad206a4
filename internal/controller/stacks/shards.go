package stacks

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/compile/shard"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// placed returns the part of its group that the load balancer of a stack serves, if the group has several. The state
// of the first load balancer has the placement that the passes over all of them use. next is when a move ends; zero =
// no host moves.
func (s *Reconciler) placed(ctx context.Context, key stack.Key, w front.Input) (part front.Input, next time.Time,
	err error) {
	if !w.Declared || !w.Sharded(key) {
		return w, next, nil
	}
	shards := front.Shards{Facts: s.Inventory, Compile: s.Compile, Memory: s.MemoryOf}
	for {
		before, known := s.placement(key)
		settled, _ := before.Settle(s.Now())
		after, err := shards.Place(ctx, key, w, settled, known)
		if err != nil {
			return w, next, fmt.Errorf("placing the hosts of group %s on load balancers: %w", key.ID, err)
		}
		if after, next = after.Settle(s.Now()); s.place(key, before, known, after) {
			return w.Part(key, after), next, nil
		}
	}
}

// placement returns the placement of a stack's group. known is false if no pass has made one.
func (s *Reconciler) placement(key stack.Key) (p shard.Placement, known bool) {
	m := s.MemoryOf(front.ShardKey(key, 0))
	if m == nil || m.Placement == nil {
		return nil, false
	}
	return m.Placement, true
}

// place replaces the placement of a group, and queues the load balancers for which it differs. ok is false if a pass
// over another load balancer of the group has replaced the placement meanwhile.
func (s *Reconciler) place(key stack.Key, before shard.Placement, known bool, after shard.Placement) (ok bool) {
	if after == nil {
		after = shard.Placement{}
	}
	first := front.ShardKey(key, 0)
	s.mu.Lock()
	st := s.state(first)
	m := compile.Memory{}
	if st.memory != nil {
		m = *st.memory // the checkpoint keeps the former value
	}
	if known != (m.Placement != nil) || !before.Equal(m.Placement) {
		s.mu.Unlock()
		return false
	}
	moves := !known || !before.Equal(after)
	if !moves && before.Sizes(after) {
		s.mu.Unlock()
		return true
	}
	m.Placement = after
	st.memory = &m
	s.Checkpoints.Put(checkpoint.Memory, first.String(), &m)
	s.mu.Unlock()
	if moves {
		s.wakeShards(key, max(before.Last(), after.Last()))
	}
	return true
}

// wakeShards queues the other load balancers of the group of a stack.
func (s *Reconciler) wakeShards(key stack.Key, last int) {
	for n := range last + 1 {
		if other := front.ShardKey(key, n); other != key {
			s.Waker.Wake(queue.Normal, other)
		}
	}
}

// noteServed records after a pass whether its load balancer serves the hosts that move to it, and whether statuses,
// which the pass over the first load balancer writes, show the hosts that have arrived. If the placement has changed
// since the pass began, it concludes nothing: another pass is due.
func (s *Reconciler) noteServed(key stack.Key, w front.Input, ready, written bool) {
	if _, n := naming.ShardOf(key.ID); w.Placement != nil && w.Declared {
		after := w.Placement
		if n == 0 && written {
			after = after.Show(s.Now())
		}
		if ready {
			after = after.Arrived(n)
		}
		if !after.Equal(w.Placement) && s.place(key, w.Placement, true, after) {
			s.Waker.Wake(queue.Normal, key)
		}
	}
}

// shardsShown returns the load balancers of a group, as statuses show them. first is the group's first one. All have
// the same ports. A load balancer that is not known yet has no name.
func (s *Reconciler) shardsShown(ctx context.Context, key stack.Key, w front.Input, first owner.LoadBalancer) (
	all []owner.LoadBalancer, err error) {
	all = append(all, first)
	for n := 1; n <= w.Placement.Last(); n++ {
		o, err := s.Inventory.Observed(ctx, front.ShardKey(key, n), nil)
		if err != nil {
			return nil, err
		}
		show := owner.LoadBalancer{Ports: first.Ports}
		for _, lb := range o.LoadBalancers {
			switch lb.ID {
			case stack.LoadBalancerIdentity:
				show.Hostname = lb.DNSName
			case stack.FrontendIdentity:
				show.Frontend = lb.DNSName
			}
		}
		all = append(all, show)
	}
	return all, nil
}

// groupView says on which load balancers of a group its members are.
type groupView struct {
	members map[client.ObjectKey]*intent.Member // what each declares on all load balancers
	shownOn func(routes []intent.Route) []int
}

func viewOf(w front.Input) groupView {
	v := groupView{map[client.ObjectKey]*intent.Member{}, w.Placement.Shown()}
	for i := range w.Group {
		o := &w.Group[i].Object
		v.members[client.ObjectKey{Namespace: o.Namespace, Name: o.Name}] = &w.Group[i]
	}
	return v
}

// on returns the numbers of the load balancers that the status of an object shows; known is false if the group has one
// only, or the object declares nothing.
func (v groupView) on(o metav1.Object) (on []int, known bool) {
	m := v.members[client.ObjectKey{Namespace: o.GetNamespace(), Name: o.GetName()}]
	if m == nil {
		return nil, false
	}
	return v.shownOn(m.Routes), true
}

// show returns what the status of a member shows of the load balancers of its group: the one of its first host first.
// Unknown ones are left out; ok is false if none is known, and the status stays.
func (v groupView) show(all []owner.LoadBalancer, m metav1.Object) (show owner.LoadBalancer, ok bool) {
	on, known := v.on(m)
	if !known {
		return all[0], true
	}
	for _, n := range on {
		if n >= len(all) {
			continue
		}
		lb := all[n]
		switch {
		case lb.Hostname == "":
		case show.Hostname == "":
			show = lb
		default:
			show.Beside = append(show.Beside, lb)
		}
	}
	return show, show.Hostname != ""
}

// departed returns the objects of those that leave which are no longer members of the group.
func departed(w front.Input) []metav1.Object {
	return slices.DeleteFunc(slices.Clone(w.Leaving), func(o metav1.Object) bool { return slices.Contains(w.Emptied, o) })
}

// wakeWriter queues the first load balancer of a group, whose pass writes the statuses, if a member with hosts on
// another load balancer does not show its name yet.
func (s *Reconciler) wakeWriter(key stack.Key, w front.Input, name string) {
	_, n := naming.ShardOf(key.ID)
	kind, of := owner.Of(key.Owner), viewOf(w)
	for _, o := range w.Members {
		if on, _ := of.on(o); slices.Contains(on, n) && !slices.Contains(kind.Hostnames(o), strings.ToLower(name)) {
			s.Waker.Wake(queue.Normal, front.ShardKey(key, 0))
			return
		}
	}
}
