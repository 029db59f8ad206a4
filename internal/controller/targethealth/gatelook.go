package targethealth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// Start runs until ctx ends; it implements manager.Runnable, and runs on the leader only. No look waits for another
// group's, no patch for another pod's, and neither for the other: a call that hangs or that AWS throttles holds up what
// depends on it alone.
func (g *Gates) Start(ctx context.Context) error {
	ctx = awsclient.WithCause(ctx, awsclient.ReadinessGates)
	var all sync.WaitGroup
	slots := make(chan struct{}, lookers)
	all.Go(func() {
		queue.Every(ctx, lookPace, nil, func(ctx context.Context) {
			select {
			case slots <- struct{}{}:
				all.Go(func() {
					defer func() { <-slots }()
					g.lookAtOne(ctx)
				})
			default: // so many looks are under way that a further one would only make AWS slower
			}
		})
	})
	all.Go(func() {
		queue.Every(ctx, patchRetry, g.signal, func(ctx context.Context) { _ = g.patchAll(ctx, &all) })
	})
	all.Wait()
	return nil
}

// lookAtOne reads the health of the group that has been due the longest, that no look is under way at, and whose
// namespace leaves room for others.
func (g *Gates) lookAtOne(ctx context.Context) {
	key, of, only := g.due()
	if of.ARN == "" {
		return
	}
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.looking, key)
	}()
	ctx, cancel := context.WithTimeout(ctx, gateTimeout)
	defer cancel()
	health, err := g.Health(ctx, of, only...)
	if err == nil && len(only) == 0 {
		g.Counted(of.ARN, health)
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	lost, overdue := g.judge(key, of, health, err)
	if lost {
		g.Lost(key, of)
	}
	if overdue != nil {
		g.Report(*overdue)
	}
	g.wake()
}

// due is the binding to look at now, its target group, and the targets to ask for; none: all.
func (g *Gates) due() (key types.NamespacedName, of registrar.Group, only []registrar.Target) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	under := map[string]int{}
	for k := range g.looking {
		under[k.Namespace]++
	}
	room := lookers - len(g.looking)
	var first *group
	g.eachWaiting(func(k types.NamespacedName, x *group) {
		if n := under[k.Namespace]; n > 0 && n >= room { // the looks of one namespace may all hang: the rest is for others
			return
		}
		at := x.schedule.Due()
		if !at.IsZero() && !at.After(now) && !g.looking[k] && (first == nil || at.Before(first.schedule.Due())) {
			key, first = k, x
		}
	})
	if first == nil {
		return key, registrar.Group{}, nil
	}
	g.looking[key] = true
	n := 0
	for _, p := range first.waiting {
		n += len(p.targets)
	}
	if n > few || n*many > first.size {
		return key, first.of, nil
	}
	for _, p := range first.waiting {
		only = append(only, p.targets...)
	}
	return key, first.of, only
}

// judge makes conditions of health, or of the error of reading it. lost reports that AWS does not know a target that it
// should; overdue, if not nil, is to be reported.
func (g *Gates) judge(key types.NamespacedName, of registrar.Group, health []registrar.Health, err error) (lost bool,
	overdue *diag.Diagnostic) {
	found := make(map[string]readiness.Health, len(health))
	for _, h := range health {
		found[h.Key()] = readiness.Health{State: h.State, Reason: h.Reason, Description: h.Description}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	x := g.groups[key]
	if x == nil || x.of != of {
		return false, nil
	}
	now := g.now()
	waited := x.schedule.Waited(now)
	settled := waited > lostAfter
	x.schedule.Looked(now, g.LongestPause)
	for _, p := range x.waiting {
		if len(p.targets) == 0 {
			continue
		}
		gate := readiness.Gate(key.Name)
		if err != nil {
			if want, ok := unreadable(gate, err); ok {
				p.want = want
			}
			p.want = g.policy(gate, p.want, err, nil, waited)
			continue
		}
		states := make([]readiness.Health, 0, len(p.targets))
		for _, t := range p.targets {
			h := found[t.Key()]
			lost = lost || h.State == "" || h.State == "unused" && h.Reason == "Target.NotRegistered"
			states = append(states, h)
		}
		p.want = g.policy(gate, readiness.Condition(gate, states...), nil, states, waited)
	}
	if d, ok := x.overdue(now); ok {
		overdue = &d
	}
	return lost && settled, overdue
}

// unreadable is the condition while health cannot be read for a reason that does not pass by itself.
func unreadable(gate corev1.PodConditionType, err error) (corev1.PodCondition, bool) {
	switch p := awsclient.Problem("", err); p.Class {
	case diag.Denied, diag.NotFound, diag.Invalid:
		return corev1.PodCondition{Type: gate, Status: corev1.ConditionUnknown, Reason: cmp.Or(awsclient.Classify(err).Code,
			string(p.Code)), Message: p.Text}, true
	default:
		return corev1.PodCondition{}, false
	}
}

// podPatch is a condition to write, or being written.
type podPatch struct {
	binding types.NamespacedName
	uid     types.UID
}

// patchAll starts to write the conditions that changed, at most one of a pod and binding at a time, and returns how
// many it started. A pod that cannot be patched is tried again later and holds up no other; a patch that hangs makes
// room for others of its binding, and those of other bindings do not wait for it at all.
func (g *Gates) patchAll(ctx context.Context, all *sync.WaitGroup) (started int) {
	jobs := map[podPatch]waitingPod{}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	underWay := map[types.NamespacedName]int{}
	for job := range g.patching {
		underWay[job.binding]++
	}
	g.eachWaiting(func(key types.NamespacedName, x *group) {
		room := min(patchers-g.young[key], mostPatches-underWay[key])
		for uid, p := range x.waiting {
			job := podPatch{key, uid}
			switch {
			case p.want.Status == "" || p.retry.After(now) || g.patching[job]: // nothing is known yet, or its end is
			case p.is.Status == corev1.ConditionTrue && p.want.Status == corev1.ConditionTrue:
				x.release(uid)
			case room > 0 && readiness.Next(p.is, p.want, p.is.LastTransitionTime).Write:
				jobs[job] = *p
				room--
			}
		}
	})
	for job, pod := range jobs {
		g.patching[job] = true
		g.young[job.binding]++
		all.Go(func() { g.patchOne(ctx, job, pod) })
	}
	return len(jobs)
}

// leave gives the place of a patch free.
func (g *Gates) leave(binding types.NamespacedName) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.young[binding]--; g.young[binding] == 0 {
		delete(g.young, binding)
	}
	g.wake()
}

func (g *Gates) patchOne(ctx context.Context, job podPatch, pod waitingPod) {
	leave := sync.OnceFunc(func() { g.leave(job.binding) })
	defer time.AfterFunc(patchTimeout, leave).Stop()
	bounded, cancel := context.WithTimeout(ctx, gateTimeout)
	is, err := g.write(bounded, job, pod)
	cancel()
	leave()
	if err != nil && ctx.Err() == nil {
		g.log.Info("cannot write a readiness gate; the controller tries again", "pod", pod.key.String(), "gate",
			string(pod.want.Type), "cause", err.Error())
	}
	if g.wrote(job.binding, job.uid, is, err) {
		g.Ended(job.binding)
	}
	g.mu.Lock()
	delete(g.patching, job)
	g.mu.Unlock()
	g.wake() // its condition may have changed meanwhile
}

// wrote takes over the result of a patch. It reports whether another pass over the binding that ends is due.
func (g *Gates) wrote(binding types.NamespacedName, uid types.UID, is corev1.PodCondition, err error) (report bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	x := g.groups[binding]
	if x == nil || x.waiting[uid] == nil {
		return false
	}
	p := x.waiting[uid]
	defer func() {
		if x.final && !x.ends && len(x.waiting) == 0 {
			delete(g.groups, binding)
		}
	}()
	if x.final && (apierrors.IsForbidden(err) || apierrors.IsInvalid(err)) { // it stays as it is
		return x.done(uid)
	}
	if err != nil {
		p.failed++
		p.retry = g.now().Add(patchPauses.Pause(p.failed))
		report = x.ends && x.err == nil
		x.err = err
		return report
	}
	p.is, p.retry, p.failed = is, time.Time{}, 0
	if is.Type == "" || is.Status == corev1.ConditionTrue && p.want.Status == corev1.ConditionTrue {
		return x.done(uid)
	}
	if x.final && !readiness.Next(is, p.want, is.LastTransitionTime).Write {
		return x.done(uid)
	}
	return false
}

// done lets go of a pod whose condition is written for good, and reports whether a pass waits for that of the last one.
func (x *group) done(uid types.UID) (last bool) {
	x.release(uid)
	return x.ends && len(x.waiting) == 0
}

// release lets go of a pod that waits no more. A group where none waits is not looked at.
func (x *group) release(uid types.UID) {
	delete(x.waiting, uid)
	if !x.looks() {
		x.rest()
	}
}

// rest ends the looks at a group where no pod waits for health.
func (x *group) rest() { x.schedule, x.reported = readiness.Schedule{}, false }

// overdue is what is reported, once, of pods that wait for long.
func (x *group) overdue(now time.Time) (d diag.Diagnostic, ok bool) {
	if x.reported || x.schedule.Waited(now) < reportAfter {
		return d, false
	}
	reasons := map[string]int{}
	for _, p := range x.waiting {
		if len(p.targets) > 0 {
			reasons[strings.TrimSpace(cmp.Or(p.want.Reason, string(p.want.Status))+" "+p.want.Message)]++
		}
	}
	x.reported = true
	return diag.New(x.binding, "spec.serviceRef", diag.ReadinessGateClosed, "pods wait for their readiness gates: "+
		counted(reasons),
		"compare the health check with what the pods answer, and its port with what they listen on; where no load balancer "+
			"uses the target group (Target.NotInUse), delete the binding"), true
}

// counted lists reasons with how often each of them occurs.
func counted(reasons map[string]int) string {
	parts := make([]string, 0, len(reasons))
	for _, r := range slices.Sorted(maps.Keys(reasons)) {
		parts = append(parts, fmt.Sprintf("%d × %s", reasons[r], r))
	}
	return strings.Join(parts, "; ")
}
