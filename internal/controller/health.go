package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/backoff"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/status"
	"github.com/k8s-lbc/lbc/internal/targets"
)

// healthWatch looks, a while after targets were registered, whether any of them is healthy, and tells if none is. It spends at
// most one read per tick and looks ever less often at a group that stays the same.
type healthWatch struct {
	registry *targets.Registry
	record   status.Record
	seen     func(arn string, health []targets.Health)
	now      func() time.Time

	mu  sync.Mutex
	due map[string]*look // by target group
}

type look struct {
	at      time.Time
	taken   int         // looks since the targets changed
	binding diag.Object // with its UID, by which "kubectl describe" finds events
	telling bool
}

const (
	firstLook   = 40 * time.Second // two checks of the usual interval and some
	longestLook = 10 * time.Minute
	lookTick    = time.Second
)

// lookPauses are those before the looks at one target group, whether they fail or find nothing new.
var lookPauses = backoff.Policy{First: firstLook, Longest: longestLook}

func newHealthWatch(r *targets.Registry, record status.Record, seen func(string, []targets.Health), now func() time.Time) *healthWatch {
	return &healthWatch{registry: r, record: record, seen: seen, now: now, due: map[string]*look{}}
}

// expect asks for a look at a target group whose targets changed.
func (h *healthWatch) expect(arn string, binding diag.Object) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.due[arn]
	if l == nil {
		l = &look{}
		h.due[arn] = l
	}
	l.at, l.taken, l.binding = h.now().Add(firstLook), 0, binding
}

func (h *healthWatch) forget(binding client.ObjectKey) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for arn, l := range h.due {
		if l.binding.Namespace == binding.Namespace && l.binding.Name == binding.Name {
			delete(h.due, arn)
		}
	}
}

// Start runs until ctx ends; it implements manager.Runnable.
func (h *healthWatch) Start(ctx context.Context) error {
	every(background(ctx), lookTick, nil, h.lookAtOne)
	return nil
}

// lookAtOne reads the health of the group that has been due the longest.
func (h *healthWatch) lookAtOne(ctx context.Context) {
	arn, binding := h.next()
	if arn == "" {
		return
	}
	health, err := h.registry.Health(ctx, arn)
	if err != nil {
		return // the next look may work
	}
	h.seen(arn, health)
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.due[arn]
	if l == nil {
		return
	}
	sick := unhealthy(health)
	switch {
	case len(health) == 0 && l.telling: // nothing got well: the sick targets are gone, and the next ones are another story
		delete(h.due, arn)
	case settling(health): // the next look tells more
	case sick != "":
		if !l.telling {
			d := diag.New(binding, "spec.serviceRef", diag.NoHealthyTargets, sick, "compare the health check with what the pods answer, and the target port with what they listen on")
			h.record(binding, status.EventOf(d))
		}
		l.telling = true
	case l.telling && slices.ContainsFunc(health, func(t targets.Health) bool { return t.State == "healthy" }):
		h.record(binding, status.Event{Type: "Normal", Reason: string(diag.SuccessfullyDone), Message: "targets are healthy again"})
		delete(h.due, arn)
	default:
		delete(h.due, arn)
	}
}

func (h *healthWatch) next() (arn string, binding diag.Object) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	var first *look
	for a, l := range h.due {
		if !l.at.After(now) && (first == nil || l.at.Before(first.at)) {
			arn, first = a, l
		}
	}
	if first == nil {
		return "", diag.Object{}
	}
	first.taken++
	first.at = now.Add(lookPauses.Pause(first.taken + 1))
	return arn, first.binding
}

// settling reports that targets have not answered enough checks yet, or are all on their way out.
func settling(all []targets.Health) bool {
	on := false
	for _, t := range all {
		switch t.State {
		case "initial":
			return true
		case "draining", "unhealthy.draining":
		default:
			on = true
		}
	}
	return len(all) > 0 && !on
}

// unhealthy tells why no target is healthy; empty if one is, or if nothing can be told yet.
func unhealthy(all []targets.Health) string {
	reasons := map[string]int{}
	for _, t := range all {
		switch t.State {
		case "unhealthy":
			reasons[strings.TrimSpace(t.Reason+" "+t.Description)]++
		case "draining":
		default:
			return ""
		}
	}
	if len(reasons) == 0 {
		return ""
	}
	var parts []string
	for r, n := range reasons {
		parts = append(parts, fmt.Sprintf("%d × %s", n, r))
	}
	slices.Sort(parts)
	return "no target is healthy, so requests go to all of them: " + strings.Join(parts, "; ")
}
