package inventory

import "github.com/k8s-lbc/lbc/internal/aws/refusal"

// Refusals returns the memory of writes that AWS refuses.
func (i *Inventory) Refusals() *refusal.Memory { return i.cfg.Refusals }
