package stacks

import (
	"time"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// leftVersion is the last valid version of an object at a stack that it leaves.
type leftVersion struct {
	version *intent.Member
	at      time.Time
}

const (
	// leftLives is how long such a version is remembered: the pass over the stack that the object joins may come later.
	leftLives = time.Hour
	// mostLeft is how many such versions are remembered.
	mostLeft = 1000
)

// noteLeft remembers the last valid versions of objects that leave a stack and are not deleted. s.mu is held.
func (s *Reconciler) noteLeft(w front.Input, before *compile.Memory) {
	if before == nil || len(w.Leaving) == 0 || w.Shards > 1 { // each shard has a part of a version
		return
	}
	now := s.Now()
	for o, left := range s.left {
		if now.Sub(left.at) > leftLives {
			delete(s.left, o)
		}
	}
	for _, o := range w.Leaving {
		version, known := before.Good[owner.Object(o)]
		if !known || o.GetDeletionTimestamp() != nil || len(s.left) >= mostLeft {
			continue
		}
		if s.left == nil {
			s.left = map[diag.Object]leftVersion{}
		}
		s.left[owner.Object(o)] = leftVersion{version, now}
	}
}

// moving returns an input with the last valid versions of members that come from other stacks.
func (s *Reconciler) moving(key stack.Key, w front.Input, before *compile.Memory) front.Input {
	return w.Moving(key, before, s.lastElsewhere)
}

// lastElsewhere implements front.Elsewhere.
func (s *Reconciler) lastElsewhere(o diag.Object, at []stack.Key) (intent.Member, bool) {
	if m, ok := front.LastAt(o, at, s.MemoryOf); ok {
		return m, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if left, ok := s.left[o]; ok {
		return *left.version, true
	}
	return intent.Member{}, false
}
