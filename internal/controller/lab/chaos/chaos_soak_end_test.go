package chaos

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
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
	if d := lab.LinesApart(s.Nameless(), fresh.Nameless()); d != "" {
		s.Errorf("the account (+) differs from that of a fresh start (-):\n%s", d)
	}
	mark := s.Mark()
	s.wait(time.Minute)
	if w := s.Writes(mark); len(w) > 0 {
		s.Errorf("at rest it writes %v", w)
	}
	s.deleteAll()
	s.wait(15 * time.Minute)
	want := []string{}
	for n := range soakBindings {
		want = append(want, "target group "+lab.TheirGroup(fmt.Sprintf("bound%d", n)))
	}
	if left := s.Left(); !slices.Equal(left, want) {
		s.Errorf("of deleted objects is left: %v", left)
	}
	if rules := s.Admitted(lab.NodeGroup); len(rules) > 0 {
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
		"written bindings": s.Ingresses.Bindings.Len(), "looks at health": s.Bound.Health.Groups(),
		"gates":           s.Bound.Gates.Bindings(),
		"groups to place": s.Bound.Networking.Queues()[0].Len(), "groups to bring": s.Bound.Networking.Queues()[1].Len(),
		"bindings in vain": s.Bound.Unavailable.Len(),
	}
	maps.Copy(out, s.Bound.Networking.Remembered())
	for _, x := range []*stacks.Reconciler{s.Ingresses, s.Services} {
		owner := string(x.Front.Owner())
		for what, n := range x.Counts() {
			out[what+" of "+owner] = n
		}
	}
	return out
}

// freshStart is what a controller makes of the same objects in another account.
func (s *soak) freshStart() *lab.Lab {
	s.Helper()
	fresh := lab.New(s.T, account.Profile{}, uncontrolled(s.Lab)...)
	bindTheirs(fresh, s.AllBindings())
	var keys []stack.Key
	for _, x := range []*stacks.Reconciler{s.Ingresses, s.Services} {
		keys = append(keys, x.Index.Units()...)
	}
	fresh.Pass(time.Minute, nil, keys...)
	return fresh
}
