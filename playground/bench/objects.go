package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
)

// watched are the kinds of the objects of populations.
var watched = []schema.GroupVersionResource{ingressResource, gatewayResource, routeResource, configurationResource,
	serviceResource}

// seen is an object of a population that exists.
type seen struct {
	resource schema.GroupVersionResource
	name     string
}

// watch follows the objects of populations.
func (w *workload) watch(ctx context.Context) error {
	w.shown, w.exists, w.stop = map[seen]time.Time{}, map[seen]bool{}, make(chan struct{})
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(w.dynamic, 0, namespace, nil)
	for _, r := range watched {
		informer := factory.ForResource(r).Informer()
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { w.see(r, o) },
			UpdateFunc: func(_, o any) { w.see(r, o) },
			DeleteFunc: func(o any) { w.miss(r, o) },
		}); err != nil {
			return err
		}
		factory.Start(w.stop)
		if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			return ctx.Err()
		}
	}
	return nil
}

func (w *workload) see(r schema.GroupVersionResource, o any) {
	u, ok := o.(*unstructured.Unstructured)
	if !ok || !counts(r, u.Object) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	at := seen{r, u.GetName()}
	w.exists[at] = true
	if _, before := w.shown[at]; !before && shows(r, u.Object) {
		w.shown[at] = time.Now()
	}
}

func (w *workload) miss(r schema.GroupVersionResource, o any) {
	if tombstone, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = tombstone.Obj
	}
	u, ok := o.(*unstructured.Unstructured)
	if !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	at := seen{r, u.GetName()}
	delete(w.exists, at)
	delete(w.shown, at)
}

// counts reports whether an object is of a population: of the Services, those of apps are not.
func counts(r schema.GroupVersionResource, o map[string]any) bool {
	kind, _, _ := unstructured.NestedString(o, "spec", "type")
	return r != serviceResource || kind == string(corev1.ServiceTypeLoadBalancer)
}

// shows reports whether the status of an object has all that it will have: the name of a load balancer, or that a route
// is served.
func shows(r schema.GroupVersionResource, o map[string]any) bool {
	first := func(of map[string]any, fields ...string) map[string]any {
		list, _, _ := unstructured.NestedSlice(of, fields...)
		if len(list) == 0 {
			return nil
		}
		item, _ := list[0].(map[string]any)
		return item
	}
	switch r {
	case ingressResource, serviceResource:
		name, _, _ := unstructured.NestedString(first(o, "status", "loadBalancer", "ingress"), "hostname")
		return name != ""
	case gatewayResource:
		name, _, _ := unstructured.NestedString(first(o, "status", "addresses"), "value")
		status, _, _ := unstructured.NestedMap(o, "status")
		return name != "" && holds(status, "Programmed")
	case routeResource:
		return holds(first(o, "status", "parents"), "Accepted")
	}
	return true
}

// holds reports whether a condition is True.
func holds(status map[string]any, kind string) bool {
	list, _, _ := unstructured.NestedSlice(status, "conditions")
	for _, item := range list {
		if c, ok := item.(map[string]any); ok && c["type"] == kind {
			return c["status"] == "True"
		}
	}
	return false
}

// count returns how many objects of populations exist, and how many of them show what they will.
func (w *workload) count() (exist, shown int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.exists), len(w.shown)
}

// lastShown is when the status of the latest object of a kind showed what it will.
func (w *workload) lastShown(of ...schema.GroupVersionResource) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	var last time.Time
	for at, t := range w.shown {
		for _, r := range of {
			if at.resource == r && t.After(last) {
				last = t
			}
		}
	}
	return last
}

// shownAt is when the status of an object showed what it will; zero = it does not.
func (w *workload) shownAt(r schema.GroupVersionResource, name string) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.shown[seen{r, name}]
}

// on is the API of an object's kind.
func (w *workload) on(o metav1.Object) dynamic.ResourceInterface {
	switch o.(type) {
	case *corev1.Service:
		return w.dynamic.Resource(serviceResource).Namespace(namespace)
	case *networkingv1.Ingress:
		return w.dynamic.Resource(ingressResource).Namespace(namespace)
	case *gatewayv1.Gateway:
		return w.dynamic.Resource(gatewayResource).Namespace(namespace)
	case *gatewayv1.HTTPRoute:
		return w.dynamic.Resource(routeResource).Namespace(namespace)
	case *configv1.LoadBalancerConfiguration:
		return w.dynamic.Resource(configurationResource).Namespace(cmp.Or(o.GetNamespace(), namespace))
	case *configv1.TargetGroupConfiguration:
		return w.dynamic.Resource(configv1.GroupVersion.WithResource("targetgroupconfigurations")).Namespace(o.GetNamespace())
	}
	return w.dynamic.Resource(schema.GroupVersion(gatewayv1.GroupVersion).WithResource("gatewayclasses"))
}

func (w *workload) createObject(ctx context.Context, o metav1.Object) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return err
	}
	delete(content, "status")
	if _, err = w.on(o).Create(ctx, &unstructured.Unstructured{Object: content}, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create %T %s: %w", o, o.GetName(), err)
	}
	return nil
}

// createClass creates the class of Gateways.
func (w *workload) createClass(ctx context.Context) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: classNamespace}}
	if _, err := w.client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return err
	}
	for _, o := range class() {
		if err := w.createObject(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// create creates the numbers from … to-1 of a population, all at once.
func (w *workload) create(ctx context.Context, p *population, from, to int) error {
	return each(ctx, to-from, func(ctx context.Context, i int) error {
		if p.balanced != nil {
			if err := w.balance(ctx, app(from+i), p.balanced(from+i)); err != nil {
				return err
			}
		}
		for _, o := range p.objects(from + i) {
			if err := w.createObject(ctx, o); err != nil {
				return err
			}
		}
		return nil
	})
}

// delete deletes the numbers from … to-1 of a population, all at once.
func (w *workload) delete(ctx context.Context, p *population, from, to int) error {
	return each(ctx, to-from, func(ctx context.Context, i int) error {
		for _, o := range p.objects(from + i) {
			if err := w.on(o).Delete(ctx, o.GetName(), metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
				return err
			}
		}
		return nil
	})
}

// touch sets an annotation of all objects of the first n of a population.
func (w *workload) touch(ctx context.Context, p *population, n int, key, value string) error {
	return each(ctx, n, func(ctx context.Context, i int) error {
		for _, o := range p.objects(i) {
			if err := patch(ctx, w.on(o), annotation(schema.GroupVersionResource{}, o.GetName(), key, value)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *workload) edit(ctx context.Context, e edit) error {
	return patch(ctx, w.dynamic.Resource(e.resource).Namespace(namespace), e)
}

func patch(ctx context.Context, of dynamic.ResourceInterface, e edit) error {
	content, err := json.Marshal(e.patch)
	if err != nil {
		return err
	}
	_, err = of.Patch(ctx, e.name, e.kind, content, metav1.PatchOptions{})
	return err
}

// bound counts the TargetGroupBindings that exist.
func (w *workload) bound(ctx context.Context) (int, error) {
	list, err := w.dynamic.Resource(bindings).Namespace(namespace).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return 0, err
	}
	return len(list.Items), nil
}
