package controller

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// finish ends faults and mistakes, compares the account with that of a fresh start, and deletes everything.
func (s *soak) finish() {
	s.Helper()
	s.calm()
	s.wait(15 * time.Minute)
	s.judge("in the end")
	for _, name := range slices.Sorted(maps.Keys(s.clients)) {
		if !s.clients[name].owed {
			s.Errorf("%s is not served in the end", name)
		}
	}
	fresh := s.freshStart()
	if d := linesApart(s.nameless(), fresh.nameless()); d != "" {
		s.Errorf("the account (+) differs from that of a fresh start (-):\n%s", d)
	}
	mark := s.mark()
	s.wait(time.Minute)
	if w := s.writes(mark); len(w) > 0 {
		s.Errorf("at rest it writes %v", w)
	}
	s.deleteAll()
	s.wait(15 * time.Minute)
	want := []string{}
	for n := range soakBindings {
		want = append(want, "target group "+theirGroup(fmt.Sprintf("bound%d", n)))
	}
	if left := s.left(); !slices.Equal(left, want) {
		s.Errorf("of deleted objects is left: %v", left)
	}
	if rules := s.admitted(labNodeGroup); len(rules) > 0 {
		s.Errorf("of deleted objects these rules are left: %v", rules)
	}
	for what, n := range s.remembered() {
		if n > 0 {
			s.Errorf("of deleted objects the process remembers %d %s", n, what)
		}
	}
}

// remembered counts what the process that leads keeps of objects.
func (s *soak) remembered() map[string]int {
	out := map[string]int{
		"written bindings": s.ingresses.Bindings.Len(), "looks at health": s.bound.Health.Groups(), "gates": s.bound.Gates.Bindings(),
		"groups to place": s.bound.Networking.Queues()[0].Len(), "groups to bring": s.bound.Networking.Queues()[1].Len(), "bindings in vain": s.bound.Unavailable.Len(),
	}
	maps.Copy(out, s.bound.Networking.Remembered())
	for _, x := range []*stacks.Reconciler{s.ingresses, s.services} {
		owner := string(x.Front.Owner())
		for what, n := range x.Counts() {
			out[what+" of "+owner] = n
		}
	}
	return out
}

// nameless is the account with what resources are in the place of their names, which AWS does not change: they may stem from settings
// that hold no more.
func (l *lab) nameless() string {
	r := l.sim.Resources()
	of := map[string]string{}
	for _, lb := range r.LoadBalancers {
		of[lb.Name] = fmt.Sprint("balancer of ", lb.Tags)
	}
	for _, tg := range r.TargetGroups {
		of[tg.Name] = fmt.Sprint("targets of ", tg.Tags)
	}
	var names []string
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(of))) { // of two of which one begins as the other, the longer one first
		names = append(names, name, of[name])
	}
	lines := strings.Split(strings.NewReplacer(names...).Replace(l.account()), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// freshStart is what a controller makes of the same objects in another account.
func (s *soak) freshStart() *lab {
	s.Helper()
	fresh := newLab(s.T, account.Profile{}, s.uncontrolled()...)
	fresh.bindTheirs(s.allBindings())
	var keys []stack.Key
	for _, x := range []*stacks.Reconciler{s.ingresses, s.services} {
		keys = append(keys, x.Index.Units()...)
	}
	fresh.pass(time.Minute, nil, keys...)
	return fresh
}
