package apifaults

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
	"github.com/k8s-lbc/lbc/playground/wrongwrite"
)

// history records what the API server has, without a proxy before it.
type history struct {
	mu       sync.Mutex
	versions []wrongwrite.Version
	last     map[string]wrongwrite.Version // by object
}

// kind is how the objects of a kind are read.
type kind struct {
	list  func(context.Context, metav1.ListOptions) (runtime.Object, error)
	watch func(context.Context, metav1.ListOptions) (watch.Interface, error)
	of    func(runtime.Object) wrongwrite.Version
}

// record records Ingresses, EndpointSlices and Pods of the namespace until the test's end.
func record(t *testing.T, c *harness.Cluster) *history {
	h := &history{last: map[string]wrongwrite.Version{}}
	ingresses, slices := c.Client.NetworkingV1().Ingresses(ns), c.Client.DiscoveryV1().EndpointSlices(ns)
	pods := c.Client.CoreV1().Pods(ns)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var all sync.WaitGroup
	for _, k := range []kind{
		{func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return ingresses.List(ctx, o) },
			ingresses.Watch, ingressVersion},
		{func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return slices.List(ctx, o) }, slices.Watch,
			sliceVersion},
		{func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return pods.List(ctx, o) }, pods.Watch,
			podVersion},
	} {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := h.follow(ctx, k); err != nil {
					select {
					case <-time.After(20 * time.Millisecond): // the API server is away
					case <-ctx.Done():
					}
				}
			}
		})
	}
	t.Cleanup(func() { cancel(); all.Wait() })
	return h
}

// follow lists and watches until the watch ends. A list shows also what has gone without an event, as by a restoration.
func (h *history) follow(ctx context.Context, k kind) error {
	list, err := k.list(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	all, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, o := range all {
		v := k.of(o)
		there[v.Object] = true
		h.note(v)
	}
	kindOf, _, _ := strings.Cut(k.of(nil).Object, " ")
	h.mu.Lock()
	known := slices.Sorted(maps.Keys(h.last))
	h.mu.Unlock()
	for _, object := range known {
		if strings.HasPrefix(object, kindOf+" ") && !there[object] {
			h.gone(object)
		}
	}
	of, err := meta.ListAccessor(list)
	if err != nil {
		return err
	}
	events, err := k.watch(ctx, metav1.ListOptions{ResourceVersion: of.GetResourceVersion()})
	if err != nil {
		return err
	}
	defer events.Stop()
	for e := range events.ResultChan() {
		switch e.Type {
		case watch.Added, watch.Modified:
			h.note(k.of(e.Object))
		case watch.Deleted:
			h.gone(k.of(e.Object).Object)
		default: // an error
			return nil
		}
	}
	return nil
}

func (h *history) note(v wrongwrite.Version) {
	h.mu.Lock()
	defer h.mu.Unlock()
	last, ok := h.last[v.Object]
	if ok && last.Asks == v.Asks && last.Spec == v.Spec && last.Address == v.Address && last.Ended == v.Ended &&
		maps.Equal(last.Endpoints, v.Endpoints) {
		return
	}
	v.Time = time.Now()
	h.last[v.Object] = v
	h.versions = append(h.versions, v)
}

// since is the history from a time on, one version a line.
func (h *history) since(at time.Time) string {
	var b strings.Builder
	for _, v := range h.all() {
		if v.Time.After(at) {
			fmt.Fprintf(&b, "%s %s asks %t %v %s ended %t\n", v.Time.UTC().Format("15:04:05.000"), v.Object, v.Asks,
				v.Endpoints, v.Address, v.Ended)
		}
	}
	return b.String()
}

func (h *history) gone(object string) {
	h.mu.Lock()
	last := h.last[object]
	h.mu.Unlock()
	h.note(wrongwrite.Version{Object: object, Stack: last.Stack, Address: last.Address, Ended: last.Address != ""})
}

// ready are the addresses of the ready endpoints.
func (h *history) ready() (all []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range h.last {
		for address, ready := range v.Endpoints {
			if ready {
				all = append(all, address)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (h *history) all() []wrongwrite.Version {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.versions)
}

// ingressVersion takes from an Ingress what decides about its listeners, rules and target groups.
func ingressVersion(o runtime.Object) wrongwrite.Version {
	i, ok := o.(*networkingv1.Ingress)
	if !ok {
		return wrongwrite.Version{Object: "Ingress "}
	}
	annotations := maps.Clone(i.Annotations)
	delete(annotations, attributes)
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	spec, err := json.Marshal([]any{i.Spec, annotations})
	if err != nil {
		panic(err) // it came as JSON
	}
	stack := i.Namespace + "/" + i.Name
	asks := i.DeletionTimestamp == nil && i.Spec.IngressClassName != nil && *i.Spec.IngressClassName == scene.Class
	return wrongwrite.Version{Object: "Ingress " + stack, Stack: stack, Asks: asks, Spec: string(spec)}
}

func podVersion(o runtime.Object) wrongwrite.Version {
	p, ok := o.(*corev1.Pod)
	if !ok {
		return wrongwrite.Version{Object: "Pod "}
	}
	return wrongwrite.Version{Object: "Pod " + p.Namespace + "/" + p.Name, Address: p.Status.PodIP,
		Ended: p.DeletionTimestamp != nil}
}

func sliceVersion(o runtime.Object) wrongwrite.Version {
	s, ok := o.(*discoveryv1.EndpointSlice)
	if !ok {
		return wrongwrite.Version{Object: "EndpointSlice "}
	}
	v := wrongwrite.Version{Object: "EndpointSlice " + s.Namespace + "/" + s.Name, Endpoints: map[string]bool{}}
	for _, e := range s.Endpoints {
		for _, address := range e.Addresses {
			v.Endpoints[address] = e.Conditions.Ready == nil || *e.Conditions.Ready
		}
	}
	return v
}
