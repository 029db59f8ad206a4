package inventory

import "github.com/k8s-lbc/lbc/internal/aws/refusal"

// Refusals has the writes that AWS refuses.
func (i *Inventory) Refusals() *refusal.Memory { return i.cfg.Refusals }
