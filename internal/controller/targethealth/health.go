package targethealth

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// Watch looks, a while after targets were registered, whether any of them is healthy, and reports if none is, or if
// some are in zones where the load balancer is not. It spends at most one read per tick and looks ever less often at a
// group that stays the same. No look waits for that of another namespace.
type Watch struct {
	// Explain says why no target of a binding can be healthy, and what to do; empty = the health check shows it. Nil =
	// nothing else is looked at.
	Explain func(ctx context.Context, binding client.ObjectKey) (why, remedy string)

	registry *registrar.Registry
	record   reporting.Record
	seen     func(arn string, health []registrar.Health)
	now      func() time.Time

	mu      sync.Mutex
	due     map[registrar.Group]*look // by target group
	looking map[string]bool           // namespaces with a look under way
}

type look struct {
	at       time.Time
	taken    int           // looks since the targets changed
	binding  diag.Object   // with its UID, by which "kubectl describe" finds events
	others   []diag.Object // that targets which get no requests, or are all unhealthy, are reported on, too
	reported bool
	stranded bool // targets in other zones were reported
}

const (
	firstLook   = 40 * time.Second // two checks of the usual interval and some
	longestLook = 10 * time.Minute
	lookTick    = time.Second
	// mostUnused is how many looks, in half an hour, a group gets to which no load balancer forwards.
	mostUnused = 6
	// mostLooks is how many looks may be under way, one of a namespace.
	mostLooks = 64
)

// lookPauses are those before the looks at one target group, whether they fail or find nothing new.
var lookPauses = backoff.Policy{First: firstLook, Longest: longestLook}

// NewWatch makes a Watch that records events and passes on what it read of whole groups.
func NewWatch(r *registrar.Registry, record reporting.Record, seen func(string, []registrar.Health),
	now func() time.Time) *Watch {
	return &Watch{registry: r, record: record, seen: seen, now: now, due: map[registrar.Group]*look{},
		looking: map[string]bool{}}
}

// Expect asks for a look at a target group whose targets changed. Others are objects that the targets
// concern besides the binding.
func (h *Watch) Expect(of registrar.Group, binding diag.Object, others ...diag.Object) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.due[of]
	if l == nil {
		l = &look{}
		h.due[of] = l
	}
	l.at, l.taken, l.binding, l.others = h.now().Add(firstLook), 0, binding, others
}

// Forget ends the looks at the target group of a binding.
func (h *Watch) Forget(binding client.ObjectKey) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for of, l := range h.due {
		if l.binding.Namespace == binding.Namespace && l.binding.Name == binding.Name {
			delete(h.due, of)
		}
	}
}

// ForgetGroup ends the looks at a target group.
func (h *Watch) ForgetGroup(of registrar.Group) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.due, of)
}

// Groups returns how many target groups are still to be looked at.
func (h *Watch) Groups() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.due)
}

// Start runs until ctx ends; it implements manager.Runnable.
func (h *Watch) Start(ctx context.Context) error {
	queue.EveryConcurrent(queue.Background(ctx, awsclient.TargetHealth), lookTick, mostLooks, h.Look)
	return nil
}

// Look reads the health of the group that has been due the longest and is of a namespace without a look under way.
func (h *Watch) Look(ctx context.Context) {
	of, binding := h.next()
	if of.ARN == "" {
		return
	}
	defer h.looked(binding.Namespace)
	ctx, cancel := context.WithTimeout(ctx, gateTimeout)
	defer cancel()
	health, err := h.registry.Health(ctx, of)
	if err != nil {
		return // the next look may work
	}
	h.seen(of.ARN, health)
	sick, remedy := h.sickness(ctx, binding, health)
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.due[of]
	if l == nil {
		return
	}
	if text := inOtherZones(health); text != "" && !l.stranded {
		for _, o := range l.about() {
			h.record(o, reporting.EventOf(diag.New(o, "", diag.ZoneNotEnabled, text,
				"give the load balancer a subnet in these zones, or leave the nodes out by a node selector")))
		}
		l.stranded = true
	}
	switch {
	// nothing got well: the sick targets are gone, and the next ones are another story
	case len(health) == 0 && l.reported:
		delete(h.due, of)
	case settling(health), unattached(health) && l.taken < mostUnused: // the next look shows more
	case sick != "":
		if !l.reported {
			for _, o := range l.about() {
				path := ""
				if o == l.binding {
					path = "spec.serviceRef"
				}
				h.record(o, reporting.EventOf(diag.New(o, path, diag.NoHealthyTargets, sick, remedy)))
			}
		}
		l.reported = true
	case l.reported && slices.ContainsFunc(health, func(t registrar.Health) bool { return t.State == "healthy" }):
		for _, o := range l.about() {
			h.record(o, reporting.Event{Type: "Normal", Reason: string(diag.SuccessfullyDone),
				Message: "targets are healthy again"})
		}
		delete(h.due, of)
	default:
		delete(h.due, of)
	}
}

// about are the binding and the other objects that its targets concern.
func (l *look) about() []diag.Object { return slices.Insert(slices.Clone(l.others), 0, l.binding) }

// sickness says why no target of a binding is healthy, and what to do; empty as in unhealthy.
func (h *Watch) sickness(ctx context.Context, binding diag.Object, health []registrar.Health) (sick, remedy string) {
	sick = unhealthy(health)
	if sick != "" && h.Explain != nil {
		key := client.ObjectKey{Namespace: binding.Namespace, Name: binding.Name}
		if why, remedy := h.Explain(ctx, key); why != "" {
			return sick + "; " + why, remedy
		}
	}
	return sick, "compare the health check with what the pods answer, and the target port with what they listen on"
}

func (h *Watch) next() (of registrar.Group, binding diag.Object) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.now()
	var first *look
	for g, l := range h.due {
		if !l.at.After(now) && !h.looking[l.binding.Namespace] && (first == nil || l.at.Before(first.at)) {
			of, first = g, l
		}
	}
	if first == nil {
		return registrar.Group{}, diag.Object{}
	}
	h.looking[first.binding.Namespace] = true
	first.taken++
	first.at = now.Add(lookPauses.Pause(first.taken + 1))
	return of, first.binding
}

// looked ends the look of a namespace.
func (h *Watch) looked(namespace string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.looking, namespace)
}

// settling reports that targets have not answered enough checks yet, or are all on their way out.
func settling(all []registrar.Health) bool {
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

// unattached reports that no load balancer forwards to the group yet, so that AWS checks none of its targets.
func unattached(all []registrar.Health) bool {
	return len(all) > 0 && !slices.ContainsFunc(all, func(t registrar.Health) bool {
		return t.State != "unused" || t.Description == zoneNotEnabled
	})
}

// zoneNotEnabled is how AWS describes such targets; their reason is that of groups without load balancer, too.
const zoneNotEnabled = "Target is in an Availability Zone that is not enabled for the load balancer"

// inOtherZones says which targets get no requests because the load balancer is not in their zone; empty if there is
// none.
func inOtherZones(all []registrar.Health) string {
	var ids []string
	for _, t := range all {
		if t.State == "unused" && t.Description == zoneNotEnabled {
			ids = append(ids, t.Key())
		}
	}
	if len(ids) == 0 {
		return ""
	}
	slices.Sort(ids)
	return fmt.Sprintf("%d of %d targets, as %s, get no requests: the load balancer is not enabled in their "+
		"availability zone", len(ids), len(all), ids[0])
}

// unhealthy says why no target is healthy; empty if one is, or if that is not known yet.
func unhealthy(all []registrar.Health) string {
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
	return "no target is healthy, so requests go to all of them: " + counted(reasons)
}
