package bindingpass

import (
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// countUnidentified counts endpoints without a QUIC server id of their own, each once.
func (b *Reconciler) countUnidentified(o *v1beta1.TargetGroupBinding, left []registrar.Endpoint) {
	k := b.memory.get(o)
	before := k.unidentified
	if len(left)+len(before) == 0 {
		return
	}
	k.unidentified = map[string]bool{}
	n := 0
	for _, e := range left {
		key := e.Pod + " " + e.Key()
		if !before[key] {
			n++
		}
		k.unidentified[key] = true
	}
	b.memory.put(o, k)
	if n > 0 {
		b.Metrics.CountUnidentified(o, n)
	}
}
