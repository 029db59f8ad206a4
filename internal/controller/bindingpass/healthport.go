package bindingpass

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// healthPortLifetime is for how long the port of health checks is believed: it may be changed in AWS.
const healthPortLifetime = 5 * time.Minute

// healthPorts are the ports of health checks, by target group. The zero value is ready to use.
type healthPorts struct {
	mu    sync.Mutex
	of    map[registrar.Group]healthPort
	swept time.Time // when those of bindings that are gone, or that do not ask any more, were dropped last
}

type healthPort struct {
	port int32
	at   time.Time
}

func (h *healthPorts) get(of registrar.Group) (p healthPort, known bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, known = h.of[of]
	return p, known
}

func (h *healthPorts) put(of registrar.Group, p healthPort) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of == nil {
		h.of = map[registrar.Group]healthPort{}
	}
	if p.at.Sub(h.swept) > healthPortLifetime { // not each time: after a restart all bindings ask at once
		h.swept = p.at
		maps.DeleteFunc(h.of, func(_ registrar.Group, old healthPort) bool { return p.at.Sub(old.at) > 2*healthPortLifetime })
	}
	h.of[of] = p
}

// HealthPort returns the port to which AWS sends the health checks of a binding's target group, 0 if that is the port
// of each target or the target group does not exist; d is why AWS did not say.
func (b *Reconciler) HealthPort(ctx context.Context, o *v1beta1.TargetGroupBinding) (port int32, d *diag.Diagnostic) {
	of := b.group(o)
	if p, known := b.healthPorts.get(of); known && b.Now().Sub(p.at) < healthPortLifetime {
		return p.port, nil
	}
	tg, d := b.describe(ctx, o)
	switch {
	case d != nil && d.Class != diag.NotFound:
		return 0, d
	case d == nil:
		port = bindings.HealthPort(tg)
	}
	b.healthPorts.put(of, healthPort{port, b.Now()})
	return port, nil
}
