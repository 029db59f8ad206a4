package stacks

import (
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/compile/shard"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestPlacementNotesGrowthThatFits has hosts get more routes while there is room: when another namespace exceeds it, they
// are not those that grew.
func TestPlacementNotesGrowthThatFits(t *testing.T) {
	t.Parallel()
	s := &Reconciler{Now: func() time.Time { return time.Unix(0, 0) }}
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}
	var before shard.Placement
	for routes := range 3 {
		after := shard.Placement{{Hosts: []string{"a.example"}, Routes: routes + 1}}
		if !s.place(key, before, routes > 0, after) {
			t.Fatal("the placement has changed")
		}
		if before, _ = s.placement(key); before[0].Routes != routes+1 {
			t.Errorf("%d routes are noted, of %d", before[0].Routes, routes+1)
		}
	}
}
