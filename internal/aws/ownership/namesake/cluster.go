// Package namesake finds evidence that another controller manages this controller's resources: one of another cluster
// with the same --cluster-name in the account, or a second one in the same cluster. Its inputs are observations of
// AWS and of the cluster, and its output are findings. It reads and writes nothing.
package namesake

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/ownership/orphan"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Target is a target of a target group, with its health as AWS reports it.
type Target struct {
	ID      string // an address, or the id of an instance
	Healthy bool
	// Local: the target is a pod or a node of this cluster.
	Local bool
}

// Stack is a stack with this cluster's tags that no object of the cluster claims, and what is known about it.
type Stack struct {
	orphan.Orphan
	// Came are the ARNs of its load balancers and target groups that appeared after this process had listed the
	// account completely. It is empty for a stack that this process has written to.
	Came []string
	// Before and Now are its targets at two reads, and Apart is the time between the reads. They are empty if nothing
	// was read.
	Before, Now []Target
	Apart       time.Duration
	// Unhealthy is how long load balancers may call a target healthy that no longer answers.
	Unhealthy time.Duration
}

// Evidence returns why another cluster's controller must manage the stack: it created parts of the stack, or a
// foreign target stays healthy. Evidence returns "" if nothing is certain. Leftovers of this cluster's objects are
// no evidence: no controller creates load balancers and target groups for them, and their healthy targets are pods
// or nodes of this cluster, or become unhealthy.
func (s *Stack) Evidence() string {
	var balancers, groups []string
	for _, r := range s.Resources {
		switch {
		case !slices.Contains(s.Came, r.ID):
		case r.Kind == stack.KindLoadBalancer:
			balancers = append(balancers, cmp.Or(r.Name, r.ID))
		case r.Kind == stack.KindTargetGroup:
			groups = append(groups, cmp.Or(r.Name, r.ID))
		}
	}
	// a user who prepares a load balancer for an Ingress makes no target groups for it
	if len(balancers) > 0 && len(groups) > 0 {
		return fmt.Sprintf("another controller created load balancer %s and target group %s while this one leads",
			balancers[0], groups[0])
	}
	if s.Apart < max(s.Unhealthy, settled) {
		return ""
	}
	before := Serving(s.Before)
	for _, id := range Serving(s.Now) {
		if slices.Contains(before, id) {
			return fmt.Sprintf("target %s is healthy, and neither a pod nor a node of this cluster", id)
		}
	}
	return ""
}

// settled is the shortest time between two reads of targets that Evidence compares.
const settled = time.Minute

// Serving returns the IDs of the healthy targets that are neither pods nor nodes of this cluster, sorted.
func Serving(all []Target) (ids []string) {
	for _, t := range all {
		if t.Healthy && !t.Local {
			ids = append(ids, t.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Evidence returns why another cluster's controller must register targets in a target group of this process: it
// deregistered some of this process's targets, and healthy ones that are neither pods nor nodes of this cluster
// replace them. Otherwise Evidence returns "". What a user registers or deregisters is drift, not evidence.
func Evidence(deregistered []string, added []Target) string {
	serving := Serving(added)
	if len(deregistered) == 0 || len(serving) == 0 {
		return ""
	}
	return fmt.Sprintf("target %s, which this controller had registered, was deregistered, and %s is healthy instead, "+
		"which is neither a pod nor a node of this cluster", deregistered[0], serving[0])
}

// Shared stores the findings that another cluster of the same name manages a stack or a target group, while they
// hold. The zero value has none. It is safe for concurrent use.
type Shared struct {
	// OnChange is called with the text of the condition after each change; "" = the condition ended. It must not
	// block. nil = nothing is called.
	OnChange func(text string)

	mu    sync.Mutex
	found map[string]string // evidence by stack, or by ARN of a target group
	about string            // which of them the text is about
}

// Found adds a finding.
func (s *Shared) Found(of, evidence string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.found[of] != "" {
		return // the first evidence stays, so that the text does not change with each look
	}
	if s.found == nil {
		s.found = map[string]string{}
	}
	s.found[of] = evidence
	s.changed()
}

// Gone removes a finding: its stack is no longer in AWS or has an owner, or its target group has no foreign targets.
func (s *Shared) Gone(of string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.found[of] != "" {
		delete(s.found, of)
		s.changed()
	}
}

// Keep removes the findings about stacks that no longer exist. It keeps the findings about target groups.
func (s *Shared) Keep(there func(of string) bool) {
	for _, of := range s.all() {
		if !strings.HasPrefix(of, "arn:") && !there(of) {
			s.Gone(of)
		}
	}
}

func (s *Shared) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.found))
}

// Known reports whether another cluster has the same name.
func (s *Shared) Known() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.found) > 0
}

// Of reports whether another cluster was found to manage a stack or target group.
func (s *Shared) Of(of string) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.found[of] != ""
}

// changed calls OnChange if the text changes. Further findings do not change the text while the finding that it
// names holds. The caller holds the lock.
func (s *Shared) changed() {
	if s.about != "" && s.found[s.about] != "" {
		return
	}
	s.about = ""
	text := ""
	if len(s.found) > 0 {
		s.about = slices.Min(slices.Collect(maps.Keys(s.found)))
		text = SharedText(s.about, s.found[s.about])
	}
	if s.OnChange != nil {
		s.OnChange(text)
	}
}

// SharedText returns the sentence about a finding.
func SharedText(of, evidence string) string {
	return fmt.Sprintf("another cluster of the account has the same --cluster-name, and its controller manages %s, "+
		"which has the tags of this cluster: %s; resources that no object of this "+
		"cluster claims count as the other cluster's, and are not deleted", of, evidence)
}
