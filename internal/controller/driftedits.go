package controller

import (
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// edit is a check of a stack that was edited, and when it is due.
type edit struct {
	stack stack.Key
	at    time.Time
}

// Schedule schedules a check of a stack that was edited.
func (s *DriftDetector) Schedule(key stack.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.edited[key] {
		return
	}
	if s.edited == nil {
		s.edited = map[stack.Key]bool{}
	}
	s.edited[key], s.edits = true, append(s.edits, edit{key, s.now().Add(editDelay)})
}

// dueEdit removes the edited stack whose check has been due the longest, if any is due. Tenants take turns: one may
// edit thousands of load balancers.
func (s *DriftDetector) dueEdit(now time.Time) (key stack.Key, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, of := -1, ""
	for i, e := range s.edits {
		if e.at.After(now) {
			break
		}
		if tenant := s.tenantOf(e.stack); first < 0 || s.served[tenant] < s.served[of] {
			first, of = i, tenant
		}
	}
	if first < 0 {
		return key, false
	}
	key = s.edits[first].stack
	s.edits = slices.Delete(s.edits, first, first+1)
	delete(s.edited, key)
	if s.served == nil || len(s.edits) == 0 {
		s.served = map[string]int{}
	}
	s.checks++
	s.served[of] = s.checks
	return key, true
}

func (s *DriftDetector) tenantOf(key stack.Key) string {
	if s.tenant == nil {
		return key.Tenant()
	}
	return s.tenant(key)
}
