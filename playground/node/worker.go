package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/playground/standin"
)

// worker runs one pod from the moment it is bound to a node until its object is gone.
type worker struct {
	fleet   *Fleet
	spec    Spec
	cancel  context.CancelFunc
	changed chan struct{} // capacity 1: look at pod again

	mu  sync.Mutex
	pod *corev1.Pod

	// The rest belongs to run.
	addrs   []netip.Addr // that of PodIP first
	servers []standin.Server
	probers []*prober // one per container
	// programs are those of containers that have one, by the container's place. Others read them under the lock.
	programs map[int]*launched
	started  metav1.Time
	written  []byte // the last status patch
	status   corev1.PodStatus
}

func newWorker(f *Fleet, spec Spec, pod *corev1.Pod, cancel context.CancelFunc) *worker {
	w := &worker{fleet: f, spec: spec, cancel: cancel, changed: make(chan struct{}, 1), pod: pod,
		programs: map[int]*launched{}}
	for _, c := range pod.Spec.Containers {
		w.probers = append(w.probers, newProber(c))
	}
	return w
}

func (w *worker) update(pod *corev1.Pod) {
	w.mu.Lock()
	w.pod = pod
	w.mu.Unlock()
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

func (w *worker) current() *corev1.Pod {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pod
}

// result of a probe.
type result struct {
	container int
	err       error
}

func (w *worker) run(ctx context.Context) error {
	files, err := w.mount(ctx)
	if err != nil {
		return err
	}
	if w.current().DeletionTimestamp != nil { // never ran here
		return w.remove(ctx, w.current())
	}
	if err := w.start(ctx, files); err != nil {
		return err
	}
	var running sync.WaitGroup
	defer running.Wait()
	defer w.release()

	results := make(chan result)
	probing, stopProbes := context.WithCancel(ctx)
	var probes sync.WaitGroup
	defer probes.Wait()
	defer stopProbes()
	w.launchAll(probing, files, results, &running)
	if len(w.programs) > 0 && mounts(w.current()) {
		running.Go(func() { w.refresh(probing, files) })
	}
	for i, p := range w.probers {
		if p.container.ReadinessProbe != nil {
			probes.Add(1)
			go func() { defer probes.Done(); w.probe(probing, i, results) }()
		}
	}
	for {
		pod := w.current()
		if pod.DeletionTimestamp != nil {
			return w.terminate(ctx, results)
		}
		if err := w.write(ctx, pod); err != nil {
			return err
		}
		if w.status.Phase == corev1.PodSucceeded {
			return nil
		}
		select {
		case <-w.changed:
		case r := <-results:
			w.record(r)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// start gives the pod its addresses and its servers.
func (w *worker) start(ctx context.Context, files mounted) error {
	pod := w.current()
	o := w.fleet.options
	w.addrs = w.spec.Addresses()
	if !pod.Spec.HostNetwork {
		for {
			addrs, err := o.Assign(w.spec.Name)
			if err == nil {
				w.addrs = addrs
				break
			}
			o.Logf("pod %s/%s: no address: %v", pod.Namespace, pod.Name, err)
			if !retry(ctx) {
				return ctx.Err()
			}
		}
	}
	for _, a := range w.addrs {
		if err := w.fleet.join(a); err != nil {
			return err
		}
	}
	ports, err := servedPorts(w.withoutPrograms(pod), files, o.StandIns)
	if err != nil {
		o.Logf("pod %s/%s: %v", pod.Namespace, pod.Name, err)
	}
	for _, a := range w.addrs {
		w.servers = append(w.servers, serve(o.Network, a, ports, o.Logf)...)
	}
	w.started = metav1.Now()
	o.Logf("pod %s/%s: runs at %s on %s", pod.Namespace, pod.Name, w.addrs, w.spec.Name)
	return nil
}

// release stops what still serves and gives the addresses back after the cooldown.
func (w *worker) release() {
	pod, o := w.current(), w.fleet.options
	if !pod.Spec.HostNetwork && w.fleet.Dead(w.spec.Name) {
		if err := w.fleet.guard(w.addrs, unplugged); err != nil {
			o.Logf("pod %s/%s: %v", pod.Namespace, pod.Name, err)
		}
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	w.shutdown(ended)
	if pod.Spec.HostNetwork {
		return
	}
	w.fleet.later(o.Cooldown, func() {
		for _, a := range w.addrs {
			o.Network.RemoveAddress(a)
		}
		if err := o.Release(w.spec.Name, w.addrs); err != nil {
			o.Logf("pod %s/%s: release %s: %v", pod.Namespace, pod.Name, w.addrs, err)
		}
	})
}

func (w *worker) shutdown(ctx context.Context) {
	var all sync.WaitGroup
	for _, s := range w.servers {
		all.Add(1)
		go func() { defer all.Done(); s.Shutdown(ctx) }()
	}
	all.Wait()
	w.servers = nil
}

func (w *worker) probe(ctx context.Context, container int, results chan<- result) {
	p := w.probers[container]
	ready := func(ctx context.Context) error {
		return check(ctx, w.fleet.options.Network, w.spec.Address, w.addrs[0], p.container)
	}
	first := p.delay(false)
	if program := w.programs[container]; program != nil {
		ready, first = program.probe(p.container.ReadinessProbe), 0
	}
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		err := ready(ctx)
		select {
		case results <- result{container, err}:
		case <-ctx.Done():
			return
		}
		w.mu.Lock()
		d := p.delay(true)
		w.mu.Unlock()
		timer.Reset(d)
	}
}

func (w *worker) record(r result) {
	w.mu.Lock() // the probing goroutine reads whether the container was ready once
	p := w.probers[r.container]
	var changed bool
	if errors.Is(r.err, errEnded) {
		changed = p.end()
	} else {
		changed = p.record(r.err == nil)
	}
	pod := w.pod
	w.mu.Unlock()
	if changed {
		w.fleet.options.Logf("pod %s/%s: container %s ready: %t %v", pod.Namespace, pod.Name,
			p.container.Name, r.err == nil, errText(r.err))
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return "(" + err.Error() + ")"
}

// write patches the status if it differs from what was written last. The patch names only what a kubelet owns, so that
// conditions of others (readiness gates) survive.
func (w *worker) write(ctx context.Context, pod *corev1.Pod) error {
	ready := make([]bool, len(w.probers))
	for i, p := range w.probers {
		ready[i] = p.ready
	}
	status := observed(pod, w.status, observation{
		now: metav1.Now(), started: w.started, addrs: w.addrs, hosts: w.spec.Addresses(), ready: ready,
		serves: len(w.servers) > 0, programs: w.programs,
	})
	return w.patch(ctx, pod, status)
}

func (w *worker) patch(ctx context.Context, pod *corev1.Pod, status corev1.PodStatus) error {
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": pod.UID}, "status": status})
	if err != nil {
		return fmt.Errorf("encode status: %w", err)
	}
	if string(body) == string(w.written) {
		return nil
	}
	for {
		_, err = w.fleet.options.Client.CoreV1().Pods(pod.Namespace).
			Patch(ctx, pod.Name, types.StrategicMergePatchType, body, metav1.PatchOptions{}, "status")
		switch {
		case err == nil:
			w.written, w.status = body, status
			return nil
		// gone, or another pod of that name: forget ends the worker
		case apierrors.IsNotFound(err), apierrors.IsConflict(err):
			return nil
		case apierrors.IsInvalid(err):
			return fmt.Errorf("write status: %w", err)
		}
		if !retry(ctx) {
			return ctx.Err()
		}
	}
}
