package bench

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/awssim/seed"
)

const (
	namespace   = "bench"
	group       = "bench" // name of the Ingress group, and of the Gateway with many routes
	port        = 8080
	podsPerApp  = 2
	concurrency = 16 // requests to the API server at a time

	classNamespace = "bench-class" // of the configuration of the class of Gateways
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

	mu       sync.Mutex
	balanced map[string]string  // the further Service that has the endpoints of an app, by app
	shown    map[seen]time.Time // since when the status of an object has been complete
	exists   map[seen]bool      // objects of populations
	stop     chan struct{}
}

// start creates the namespace, the nodes and the class of Gateways, and watches the objects of populations from then
// on.
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
	w.endpoints, w.balanced = map[string][]discoveryv1.Endpoint{}, map[string]string{}
	if err := w.createClass(ctx); err != nil {
		return err
	}
	return w.watch(ctx)
}

func (w *workload) close() {
	if w.stop != nil {
		close(w.stop)
	}
}

func (w *workload) createNode(ctx context.Context, n seed.Node) error {
	address, _ := n.Address()
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: map[string]string{corev1.LabelTopologyZone: n.Zone,
			corev1.LabelHostname: n.Name}},
		Spec: corev1.NodeSpec{ProviderID: n.ProviderID()},
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
	created.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue,
		Reason: "KubeletReady"}}
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
				Ports:    []corev1.ServicePort{servicePort(firstPort, 80)},
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

// crowd brings the first n apps to so many pods each at least, all of them ready.
func (w *workload) crowd(ctx context.Context, n int, podsOf func(app int) int) error {
	if err := w.serve(ctx, n); err != nil {
		return err
	}
	more := make([][]discoveryv1.Endpoint, n)
	for i := range more {
		w.endpoints[app(i)] = remaining(w.endpoints[app(i)])
		more[i] = w.reserve(app(i), max(0, podsOf(i)-len(w.endpoints[app(i)])))
	}
	err := each(ctx, n, func(ctx context.Context, i int) error {
		if len(more[i]) == 0 {
			return nil
		}
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

// remaining are the endpoints that do not terminate.
func remaining(all []discoveryv1.Endpoint) []discoveryv1.Endpoint {
	return slices.DeleteFunc(slices.Clone(all), func(e discoveryv1.Endpoint) bool { return *e.Conditions.Terminating })
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
			Containers: []corev1.Container{
				{Name: "app", Image: "app", Ports: []corev1.ContainerPort{{ContainerPort: port, Protocol: corev1.ProtocolTCP}}}},
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

// deletePod deletes the pod of an endpoint as a rollout does: it terminates, and stays as there is no kubelet that
// would end it.
func (w *workload) deletePod(ctx context.Context, e discoveryv1.Endpoint) error {
	return w.client.CoreV1().Pods(namespace).Delete(ctx, e.TargetRef.Name, metav1.DeleteOptions{})
}

// balance gives a further Service the endpoints of an app.
func (w *workload) balance(ctx context.Context, app, service string) error {
	if _, err := w.client.DiscoveryV1().EndpointSlices(namespace).Create(ctx, w.slice(service, w.endpoints[app]),
		metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("endpoints of %s: %w", service, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.balanced[app] = service
	return nil
}

// unbalance takes them away from it. In a cluster they go after their Service.
func (w *workload) unbalance(ctx context.Context, app, service string) error {
	w.mu.Lock()
	delete(w.balanced, app)
	w.mu.Unlock()
	return w.client.DiscoveryV1().EndpointSlices(namespace).Delete(ctx, service, metav1.DeleteOptions{})
}

// slice holds the endpoints of a Service.
func (w *workload) slice(service string, endpoints []discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: service, Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports: []discoveryv1.EndpointPort{
			{Name: ptr.To(firstPort), Port: ptr.To[int32](port), Protocol: ptr.To(corev1.ProtocolTCP)},
			{Name: ptr.To(morePort), Port: ptr.To[int32](port), Protocol: ptr.To(corev1.ProtocolTCP)},
		},
		Endpoints: endpoints,
	}
}

// grow creates n more pods of an app, not yet ready; ready makes them endpoints.
func (w *workload) grow(ctx context.Context, app string, n int) ([]discoveryv1.Endpoint, error) {
	more := w.reserve(app, n)
	return more, each(ctx, n, func(ctx context.Context, i int) error { return w.createPod(ctx, app, more[i]) })
}

// ready adds endpoints to an app's slice, and to that of the further Service that has them.
func (w *workload) ready(ctx context.Context, app string, more ...discoveryv1.Endpoint) error {
	w.endpoints[app] = append(w.endpoints[app], more...)
	w.mu.Lock()
	service := w.balanced[app]
	w.mu.Unlock()
	for _, name := range []string{app, service} {
		if name == "" {
			continue
		}
		if _, err := w.client.DiscoveryV1().EndpointSlices(namespace).Update(ctx, w.slice(name, w.endpoints[app]),
			metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	return nil
}
