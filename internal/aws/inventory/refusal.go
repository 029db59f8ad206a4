package inventory

import (
	"github.com/k8s-lbc/lbc/internal/aws/refusal"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Refusals has the writes that AWS refuses.
func (i *Inventory) Refusals() *refusal.Memory { return i.cfg.Refusals }

// Retry ends the pauses of a stack's writes that something is in the way of, since its objects were edited.
func (i *Inventory) Retry(key stack.Key) { i.cfg.Refusals.Edited(key) }
