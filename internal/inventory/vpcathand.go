package inventory

import (
	"context"
	"time"

	"github.com/k8s-lbc/lbc/internal/facts"
)

// firstVPCRead bounds how long the caller who has a VPC read for the first time waits for it.
const firstVPCRead = 100 * time.Millisecond

// VPCAtHand is the cluster's VPC or another one as it was read last, however long ago; known is false if it was never read. It does
// not wait: what is too old is read meanwhile. Only the caller who begins the first read waits for it, for 100 ms at most.
func (i *Inventory) VPCAtHand(ctx context.Context, id string) (vpc *facts.VPC, known bool) {
	f := i.vpcFact(id)
	i.mu.Lock()
	vpc, known = f.value, f.known
	begin := !f.young(i.cfg.Now(), always[*facts.VPC](vpcLifetime)) && !i.facts.vpcReads[id]
	if begin {
		i.facts.vpcReads[id] = true
	}
	i.mu.Unlock()
	if !begin {
		return vpc, known
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = i.learnVPC(context.WithoutCancel(ctx), id, f) // the next caller begins again
		i.mu.Lock()
		defer i.mu.Unlock()
		delete(i.facts.vpcReads, id)
	}()
	if known {
		return vpc, true
	}
	t := time.NewTimer(firstVPCRead)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	case <-ctx.Done():
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return f.value, f.known
}
