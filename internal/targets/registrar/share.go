package registrar

import (
	"cmp"
	"slices"
	"sync"

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
	of map[string]*claims // by ARN of the load balancer
	at map[Group]string   // the load balancer of each group
}

// claims are those of the target groups behind one load balancer, and their sums, so that a request costs the same
// however many there are.
type claims struct {
	of         map[Group]claim
	total      int // that all groups need
	namespaces map[string]sum
	short      map[Group]stack.ID // the bindings of groups that lack room
}

// sum is that of the claims of a namespace.
type sum struct{ groups, needs, have int }

func newClaims() *claims {
	return &claims{of: map[Group]claim{}, namespaces: map[string]sum{}, short: map[Group]stack.ID{}}
}

// set replaces the claim of a group, and returns the one before.
func (all *claims) set(g Group, c claim) (before claim) {
	before = all.drop(g)
	all.of[g] = c
	all.add(c, 1)
	if c.short {
		all.short[g] = c.binding
	}
	return before
}

// drop removes the claim of a group, and returns it.
func (all *claims) drop(g Group) (before claim) {
	before, ok := all.of[g]
	if ok {
		delete(all.of, g)
		delete(all.short, g)
		all.add(before, -1)
	}
	return before
}

// add adds a claim to the sums (by = 1), or removes it (by = -1).
func (all *claims) add(c claim, by int) {
	ns := c.binding.Namespace
	n := all.namespaces[ns]
	n = sum{n.groups + by, n.needs + by*c.needs(), n.have + by*c.have}
	if all.namespaces[ns] = n; n.groups == 0 {
		delete(all.namespaces, ns)
	}
	all.total += by * c.needs()
}

// claim is what a target group needs of its load balancer.
type claim struct {
	binding    stack.ID
	want, have int  // have counts the targets that are registered, or will be
	short      bool // there is no room for all
}

func (c claim) needs() int { return max(c.want, c.have) }

// take returns for how many missing targets of a group there is room, and the share of its namespace; 0 = there is room
// for all. registered counts the targets of the group that are registered. freed are the bindings that lacked room and
// may have some now.
func (s *shares) take(q *Request, registered, missing int) (room, share int, freed []stack.ID) {
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
		all = newClaims()
		s.of[q.Balancer.ARN] = all
	}
	now := claim{binding: q.Binding, want: q.Want.Len(), have: registered}
	before := all.set(q.Group, now)
	s.at[q.Group] = q.Balancer.ARN
	if room, share = missing, all.allowance(q.Binding.Namespace, q.Balancer); share > 0 {
		room = min(missing, max(share-all.namespaces[q.Binding.Namespace].have, 0))
	}
	now.have, now.short = registered+room, room < missing
	if all.set(q.Group, now); now.needs() < before.needs() || now.have < before.have {
		freed = append(freed, all.waiting(q.Group)...)
	}
	return room, share, freed
}

// allowance returns how many targets of a load balancer a namespace may have; 0 = there is room for all that are
// wanted. A namespace may have what it needs up to an equal share. Those that need more divide evenly what is left,
// except for a tenth of the room: it stays free for those that need no more than an equal share.
func (all *claims) allowance(namespace string, of Balancer) int {
	if of.Max == 0 {
		return 0
	}
	rest, n := of.Max-of.Max/10, len(all.namespaces)
	sharing := max(n, of.Namespaces)
	equal := of.Max / sharing
	switch {
	case all.total <= rest, sharing == 1 && all.total <= of.Max:
		return 0
	case all.namespaces[namespace].needs <= equal:
		return equal
	}
	var needs []int
	for _, of := range all.namespaces {
		needs = append(needs, of.needs)
	}
	slices.Sort(needs)
	for _, need := range needs {
		if n == 1 || need > rest/n {
			break
		}
		rest -= need
		n--
	}
	return max(equal, rest/n)
}

// waiting returns the bindings of other groups for whose targets there was no room, in order.
func (all *claims) waiting(but Group) (out []stack.ID) {
	for of, binding := range all.short {
		if of != but {
			out = append(out, binding)
		}
	}
	slices.SortFunc(out, func(a, b stack.ID) int { return cmp.Compare(a.String(), b.String()) })
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
	delete(s.at, of)
	all := s.of[arn]
	if all == nil {
		return nil
	}
	if all.drop(of); len(all.of) == 0 {
		delete(s.of, arn)
	}
	return all.waiting(of)
}

// Needed returns how many targets the target groups behind a load balancer need, as far as this process knows, if one
// of them wants so many.
func (r *Registry) Needed(balancer string, of Group, want int) int {
	r.shares.mu.Lock()
	defer r.shares.mu.Unlock()
	all := r.shares.of[balancer]
	if all == nil {
		return want
	}
	return want + all.total - all.of[of].needs()
}

// cut chooses which endpoints to register if there is room for some only. It spreads them evenly over zones, counting
// the registered ones; within a zone over nodes; and then in the given order. chosen and omitted keep that order.
func cut(registered, register []Endpoint, room int, zone func(Endpoint) string) (chosen, omitted []Endpoint) {
	zones := map[string]string{} // of nodes
	zoneOf := func(e Endpoint) string {
		if zone == nil {
			return ""
		}
		z, asked := zones[e.Node]
		if !asked {
			z = zone(e)
			zones[e.Node] = z
		}
		return z
	}
	inZone, onNode := map[string]int{}, map[string]int{}
	count := func(e Endpoint) {
		inZone[zoneOf(e)]++
		onNode[e.Node]++
	}
	for _, e := range registered {
		count(e)
	}
	taken := make([]bool, len(register))
	for range min(max(room, 0), len(register)) {
		best := -1
		for i, e := range register {
			if taken[i] {
				continue
			}
			if best < 0 || inZone[zoneOf(e)] < inZone[zoneOf(register[best])] ||
				inZone[zoneOf(e)] == inZone[zoneOf(register[best])] && onNode[e.Node] < onNode[register[best].Node] {
				best = i
			}
		}
		taken[best] = true
		count(register[best])
	}
	for i, e := range register {
		if taken[i] {
			chosen = append(chosen, e)
		} else {
			omitted = append(omitted, e)
		}
	}
	return chosen, omitted
}
