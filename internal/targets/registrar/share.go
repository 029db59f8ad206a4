package registrar

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/k8s-lbc/lbc/internal/lib/sorting"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Balancer is a load balancer, and how many targets AWS admits behind it.
type Balancer struct {
	ARN string // empty = it is not known
	Max int    // 0 = it is not known
	// Namespaces is how many namespaces have target groups behind it; the registry may know more, or fewer.
	Namespaces int
}

// shares divides the targets that AWS admits behind a load balancer among the namespaces that have target groups
// behind it. It is safe for concurrent use.
type shares struct {
	mu sync.Mutex
	of map[string]map[Group]claim // by ARN of the load balancer
	at map[Group]string           // the load balancer of each group
}

// claim is what a target group needs of its load balancer.
type claim struct {
	binding    stack.ID
	want, have int  // have counts the targets that are registered, or will be
	short      bool // there is no room for all
}

func (c claim) needs() int { return max(c.want, c.have) }

// take returns for how many missing targets of a group there is room, and the share of its namespace; 0 = there is room
// for all. staying counts the targets of the group that are registered. freed are the bindings that lacked room and may
// have some now.
func (s *shares) take(q *Request, staying, missing int) (room, share int, freed []stack.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at[q.Group] != q.Balancer.ARN {
		freed = s.drop(q.Group)
	}
	if q.Balancer.ARN == "" {
		return missing, 0, freed
	}
	all := s.of[q.Balancer.ARN]
	if all == nil {
		all = map[Group]claim{}
		s.of[q.Balancer.ARN] = all
	}
	before, now := all[q.Group], claim{binding: q.Binding, want: q.Want.Len(), have: staying}
	all[q.Group], s.at[q.Group] = now, q.Balancer.ARN
	if room, share = missing, allowance(all, q.Binding.Namespace, q.Balancer); share > 0 {
		left := share
		for _, c := range all {
			if c.binding.Namespace == q.Binding.Namespace {
				left -= c.have
			}
		}
		room = min(missing, max(left, 0))
	}
	now.have, now.short = staying+room, room < missing
	if all[q.Group] = now; now.needs() < before.needs() || now.have < before.have {
		freed = append(freed, waiting(all, q.Group)...)
	}
	return room, share, freed
}

// allowance returns how many targets of a load balancer a namespace may have; 0 = there is room for all that are
// wanted. A namespace may have what it needs up to an equal share. Those that need more divide evenly what is left,
// except for a tenth of the room: it stays free for those that need no more than an equal share.
func allowance(all map[Group]claim, namespace string, of Balancer) int {
	if of.Max == 0 {
		return 0
	}
	total, needs := 0, map[string]int{}
	for _, c := range all {
		total += c.needs()
		needs[c.binding.Namespace] += c.needs()
	}
	rest, n := of.Max-of.Max/10, len(needs)
	sharing := max(n, of.Namespaces)
	equal := of.Max / sharing
	switch {
	case total <= rest, sharing == 1 && total <= of.Max:
		return 0
	case needs[namespace] <= equal:
		return equal
	}
	for _, need := range slices.Sorted(maps.Values(needs)) {
		if n == 1 || need > rest/n {
			break
		}
		rest -= need
		n--
	}
	return max(equal, rest/n)
}

// waiting returns the bindings of other groups for whose targets there was no room, in order.
func waiting(all map[Group]claim, but Group) (out []stack.ID) {
	for of, c := range all {
		if of != but && c.short {
			out = append(out, c.binding)
		}
	}
	sorting.By(out, func(a, b stack.ID) int { return cmp.Compare(a.String(), b.String()) })
	return out
}

// leave drops what a group needs. It returns the bindings that may have room now.
func (s *shares) leave(of Group) []stack.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drop(of)
}

func (s *shares) drop(of Group) []stack.ID {
	arn := s.at[of]
	all := s.of[arn]
	delete(s.at, of)
	if delete(all, of); len(all) == 0 {
		delete(s.of, arn)
	}
	return waiting(all, of)
}

// Needed returns how many targets the target groups behind a load balancer need, as far as this process knows, if one
// of them wants so many.
func (r *Registry) Needed(balancer string, of Group, want int) int {
	r.shares.mu.Lock()
	defer r.shares.mu.Unlock()
	for other, c := range r.shares.of[balancer] {
		if other != of {
			want += c.needs()
		}
	}
	return want
}
