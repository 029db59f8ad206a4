package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/awssim/seed"
)

const (
	namespace   = "bench"
	group       = "bench" // name of the Ingress group
	port        = 8080
	podsPerApp  = 2
	concurrency = 16 // requests to the API server at a time
)

var bindings = schema.GroupVersionResource{Group: "elbv2.k8s.aws", Version: "v1beta1", Resource: "targetgroupbindings"}

// workload writes the cluster's objects. There are no kubelets and no kube controllers: it writes what they would.
type workload struct {
	client  kubernetes.Interface
	dynamic dynamic.Interface
	nodes   []seed.Node
	free    map[string][]string // addresses for pods, by node
	apps    int                 // Services with endpoints that exist
	turn    int                 // of the nodes

	endpoints map[string][]discoveryv1.Endpoint // by app

	mu     sync.Mutex
	shown  map[string]time.Time // when an Ingress got its hostname
	exists map[string]bool      // Ingresses
	stop   chan struct{}
}

func app(i int) string    { return fmt.Sprintf("app-%03d", i) }
func member(i int) string { return fmt.Sprintf("member-%03d", i) }

// start creates the namespace and the nodes, and watches Ingresses from then on.
func (w *workload) start(ctx context.Context) error {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if _, err := w.client.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
		return err
	}
	// What the service account controller would do; pods are refused without.
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	if _, err := w.client.CoreV1().ServiceAccounts(namespace).Create(ctx, account, metav1.CreateOptions{}); err != nil {
		return err
	}
	for _, n := range w.nodes {
		if err := w.createNode(ctx, n); err != nil {
			return err
		}
	}
	w.shown, w.exists, w.stop = map[string]time.Time{}, map[string]bool{}, make(chan struct{})
	w.endpoints = map[string][]discoveryv1.Endpoint{}
	factory := informers.NewSharedInformerFactoryWithOptions(w.client, 0, informers.WithNamespace(namespace))
	informer := factory.Networking().V1().Ingresses().Informer()
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    w.see,
		UpdateFunc: func(_, o any) { w.see(o) },
		DeleteFunc: w.miss,
	})
	if err != nil {
		return err
	}
	factory.Start(w.stop)
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return ctx.Err()
	}
	return nil
}

func (w *workload) close() {
	if w.stop != nil {
		close(w.stop)
	}
}

func (w *workload) see(o any) {
	i, ok := o.(*networkingv1.Ingress)
	if !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.exists[i.Name] = true
	if _, before := w.shown[i.Name]; !before && len(i.Status.LoadBalancer.Ingress) > 0 && i.Status.LoadBalancer.Ingress[0].Hostname != "" {
		w.shown[i.Name] = time.Now()
	}
}

func (w *workload) miss(o any) {
	if tombstone, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = tombstone.Obj
	}
	i, ok := o.(*networkingv1.Ingress)
	if !ok {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.exists, i.Name)
	delete(w.shown, i.Name)
}

// ingresses counts the Ingresses that exist, and those with a hostname.
func (w *workload) ingresses() (exist, shown int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.exists), len(w.shown)
}

// lastShown is when the latest hostname appeared.
func (w *workload) lastShown() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	var last time.Time
	for _, t := range w.shown {
		if t.After(last) {
			last = t
		}
	}
	return last
}

func (w *workload) createNode(ctx context.Context, n seed.Node) error {
	address, _ := n.Address()
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: map[string]string{corev1.LabelTopologyZone: n.Zone, corev1.LabelHostname: n.Name}},
		Spec:       corev1.NodeSpec{ProviderID: n.ProviderID()},
	}
	created, err := w.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("node %s: %w", n.Name, err)
	}
	// The API server taints new nodes until the node lifecycle controller, which does not run, finds them ready.
	created.Spec.Taints = nil
	if created, err = w.client.CoreV1().Nodes().Update(ctx, created, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("node %s: %w", n.Name, err)
	}
	created.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address.String()}}
	created.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady"}}
	if _, err := w.client.CoreV1().Nodes().UpdateStatus(ctx, created, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("node %s: %w", n.Name, err)
	}
	return nil
}

// each calls f for 0 … n-1, some at a time.
func each(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for i := range n {
		g.Go(func() error { return f(ctx, i) })
	}
	return g.Wait()
}

// serve makes sure that the first n apps exist: a Service and its ready endpoints.
func (w *workload) serve(ctx context.Context, n int) error {
	first := w.apps
	if n <= first {
		return nil
	}
	pods := make([][]discoveryv1.Endpoint, n-first)
	for i := range pods {
		pods[i] = w.reserve(app(first+i), podsPerApp)
	}
	err := each(ctx, n-first, func(ctx context.Context, i int) error {
		name := app(first + i)
		service := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: corev1.ServiceSpec{
				Selector: map[string]string{"app": name},
				Ports:    []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(port), Protocol: corev1.ProtocolTCP}},
			},
		}
		if _, err := w.client.CoreV1().Services(namespace).Create(ctx, service, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("service %s: %w", name, err)
		}
		for _, e := range pods[i] {
			if err := w.createPod(ctx, name, e); err != nil {
				return err
			}
		}
		slice := w.slice(name, pods[i])
		if _, err := w.client.DiscoveryV1().EndpointSlices(namespace).Create(ctx, slice, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("endpoints of %s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, p := range pods {
		w.endpoints[app(first+i)] = p
	}
	w.apps = n
	return nil
}

// crowd brings the first n apps to so many pods each, all of them ready.
func (w *workload) crowd(ctx context.Context, n, pods int) error {
	if err := w.serve(ctx, n); err != nil {
		return err
	}
	more := make([][]discoveryv1.Endpoint, n)
	for i := range more {
		more[i] = w.reserve(app(i), max(0, pods-len(w.endpoints[app(i)])))
	}
	err := each(ctx, n, func(ctx context.Context, i int) error {
		for _, e := range more[i] {
			if err := w.createPod(ctx, app(i), e); err != nil {
				return err
			}
		}
		all := slices.Concat(w.endpoints[app(i)], more[i])
		_, err := w.client.DiscoveryV1().EndpointSlices(namespace).Update(ctx, w.slice(app(i), all), metav1.UpdateOptions{})
		return err
	})
	for i := range more {
		w.endpoints[app(i)] = append(w.endpoints[app(i)], more[i]...)
	}
	return err
}

// reserve takes addresses for pods of an app, from the nodes in turn.
func (w *workload) reserve(app string, n int) []discoveryv1.Endpoint {
	var out []discoveryv1.Endpoint
	for range n {
		node := w.nodes[w.turn%len(w.nodes)]
		w.turn++
		address := w.free[node.Name][0]
		w.free[node.Name] = w.free[node.Name][1:]
		out = append(out, discoveryv1.Endpoint{
			Addresses:  []string{address},
			Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true), Serving: ptr.To(true), Terminating: ptr.To(false)},
			NodeName:   ptr.To(node.Name), Zone: ptr.To(node.Zone),
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: fmt.Sprintf("%s-%d", app, w.turn)},
		})
	}
	return out
}

func (w *workload) createPod(ctx context.Context, app string, e discoveryv1.Endpoint) error {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: e.TargetRef.Name, Labels: map[string]string{"app": app}},
		Spec: corev1.PodSpec{
			NodeName: *e.NodeName, AutomountServiceAccountToken: ptr.To(false),
			Containers: []corev1.Container{{Name: "app", Image: "app", Ports: []corev1.ContainerPort{{ContainerPort: port, Protocol: corev1.ProtocolTCP}}}},
		},
	}
	created, err := w.client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("pod %s: %w", pod.Name, err)
	}
	created.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: e.Addresses[0], PodIPs: []corev1.PodIP{{IP: e.Addresses[0]}},
		Conditions: []corev1.PodCondition{
			{Type: corev1.ContainersReady, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionTrue},
		},
	}
	if _, err := w.client.CoreV1().Pods(namespace).UpdateStatus(ctx, created, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("status of pod %s: %w", pod.Name, err)
	}
	return nil
}

// deletePod deletes the pod of an endpoint as a rollout does: it terminates, and stays as there is no kubelet that would end it.
func (w *workload) deletePod(ctx context.Context, e discoveryv1.Endpoint) error {
	return w.client.CoreV1().Pods(namespace).Delete(ctx, e.TargetRef.Name, metav1.DeleteOptions{})
}

func (w *workload) slice(app string, endpoints []discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: app, Labels: map[string]string{discoveryv1.LabelServiceName: app}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To[int32](port), Protocol: ptr.To(corev1.ProtocolTCP)}},
		Endpoints:   endpoints,
	}
}

// grow creates n more pods of an app, not yet ready; ready makes them endpoints.
func (w *workload) grow(ctx context.Context, app string, n int) ([]discoveryv1.Endpoint, error) {
	more := w.reserve(app, n)
	return more, each(ctx, n, func(ctx context.Context, i int) error { return w.createPod(ctx, app, more[i]) })
}

// ready adds endpoints to an app's slice.
func (w *workload) ready(ctx context.Context, app string, more ...discoveryv1.Endpoint) error {
	w.endpoints[app] = append(w.endpoints[app], more...)
	_, err := w.client.DiscoveryV1().EndpointSlices(namespace).Update(ctx, w.slice(app, w.endpoints[app]), metav1.UpdateOptions{})
	return err
}

// ingress is the object of every row: one host, one path, HTTP, ip targets.
func ingress(name, app, groupName string) *networkingv1.Ingress {
	i := &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{
			"alb.ingress.kubernetes.io/scheme":      "internet-facing",
			"alb.ingress.kubernetes.io/target-type": "ip",
		}},
		Spec: networkingv1.IngressSpec{
			IngressClassName: ptr.To("alb"),
			Rules: []networkingv1.IngressRule{{
				Host: name + ".example.com",
				IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
					Paths: []networkingv1.HTTPIngressPath{pathTo("/", app)},
				}},
			}},
		},
	}
	if groupName != "" {
		i.Annotations["alb.ingress.kubernetes.io/group.name"] = groupName
	}
	return i
}

func pathTo(p, app string) networkingv1.HTTPIngressPath {
	return networkingv1.HTTPIngressPath{
		Path: p, PathType: ptr.To(networkingv1.PathTypePrefix),
		Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: app, Port: networkingv1.ServiceBackendPort{Number: 80}}},
	}
}

// create creates the Ingresses from … to-1 of a kind, all at once.
func (w *workload) create(ctx context.Context, name func(int) string, groupName string, from, to int) error {
	return each(ctx, to-from, func(ctx context.Context, i int) error {
		o := ingress(name(from+i), app(from+i), groupName)
		_, err := w.client.NetworkingV1().Ingresses(namespace).Create(ctx, o, metav1.CreateOptions{})
		return err
	})
}

// annotate sets an annotation of one Ingress.
func (w *workload) annotate(ctx context.Context, name, key, value string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{key: value}}})
	if err != nil {
		return err
	}
	_, err = w.client.NetworkingV1().Ingresses(namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

// addPath puts a path before the first one of an Ingress.
func (w *workload) addPath(ctx context.Context, name, app, p string) error {
	patch, err := json.Marshal([]map[string]any{{"op": "add", "path": "/spec/rules/0/http/paths/0", "value": pathTo(p, app)}})
	if err != nil {
		return err
	}
	_, err = w.client.NetworkingV1().Ingresses(namespace).Patch(ctx, name, types.JSONPatchType, patch, metav1.PatchOptions{})
	return err
}

// delete deletes the first n Ingresses of a kind, all at once.
func (w *workload) delete(ctx context.Context, name func(int) string, n int) error {
	return each(ctx, n, func(ctx context.Context, i int) error {
		err := w.client.NetworkingV1().Ingresses(namespace).Delete(ctx, name(i), metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
}

// bound counts the TargetGroupBindings that exist.
func (w *workload) bound(ctx context.Context) (int, error) {
	list, err := w.dynamic.Resource(bindings).Namespace(namespace).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return 0, err
	}
	return len(list.Items), nil
}
