package bench

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// The numbers of objects at which events are compared.
var (
	ingressSteps = steps([]int{50, 200, 800}, []int{250, 1000, 4000})
	podSteps     = []int{100, 300, 1000}
	nodeSteps    = steps([]int{30, 100, 300}, []int{100, 300})
)

// steps are more where LBC_GROWTH is set, as in make growth.
func steps(usual, long []int) []int {
	if os.Getenv("LBC_GROWTH") != "" {
		return long
	}
	return usual
}

// eventPods is how many pods the rows of events need.
func eventPods() int {
	return podsPerApp*(slices.Max(ingressSteps)+slices.Max(nodeSteps)) + 100 + 2*slices.Max(podSteps)
}

// eventRows are only measured where rows are named.
var eventRows = []row{
	{"event-ingresses", eventKind, "events among more and more Ingresses",
		"what single events cost among 50, 200 and 800 Ingresses of one namespace; 250, 1,000 and 4,000 if LBC_GROWTH is set",
		having(nil, 0), amongIngresses},
	{"event-restart", eventKind, "a restart among more and more Ingresses",
		"what a restart costs for each of 50, 200 and 800 Ingresses; of 250, 1,000 and 4,000 if LBC_GROWTH is set",
		having(nil, 0), startsAmongIngresses},
	{"event-pods", eventKind, "an endpoint among more and more pods",
		"what one endpoint costs of a Service with 100, 300 and 1,000 pods in slices of 100", having(nil, 0), amongPods},
	{"event-nodes", eventKind, "events of nodes, as many target groups as nodes",
		"what events of a node cost with 30, 100 and 300 target groups of as many instances", having(nil, 0), amongNodes},
}

// nodePorts have a load balancer with a target group of instances each.
var nodePorts = &population{
	name: nodePort, main: ingressResource, objects: func(i int) []metav1.Object {
		of := ingress(nodePort(i), nodePort(i), "")
		of.Annotations["alb.ingress.kubernetes.io/target-type"] = "instance"
		return []metav1.Object{of}
	},
}

func nodePort(i int) string { return fmt.Sprintf("node-port-%03d", i) }

func amongIngresses(ctx context.Context, s *session, r *Result) error {
	for _, n := range ingressSteps {
		if err := s.create(ctx, ingresses, n); err != nil {
			return err
		}
		if err := s.queuesRest(ctx, settled); err != nil {
			return err
		}
		if err := s.eventCosts(ctx, r, n, slices.Concat(ingressEvents(n), bystanders)); err != nil {
			return err
		}
		if err := s.admissions(ctx, r, n); err != nil {
			return err
		}
	}
	return nil
}

// startsAmongIngresses restarts the controller among more and more Ingresses.
func startsAmongIngresses(ctx context.Context, s *session, r *Result) error {
	for _, n := range ingressSteps {
		if err := s.create(ctx, ingresses, n); err != nil {
			return err
		}
		if err := s.queuesRest(ctx, settled); err != nil {
			return err
		}
		if err := s.startCost(ctx, r, n); err != nil {
			return err
		}
	}
	return nil
}

// ingressEvents are events that concern one of n Ingresses.
func ingressEvents(n int) []event {
	more := fmt.Sprintf("extra-%d-", n)
	extra := func(i int) *networkingv1.Ingress { return ingress(more+fmt.Sprint(i), app(i), "") }
	return []event{
		{"touch one", func(ctx context.Context, s *session, i int) error {
			return s.work.edit(ctx, annotation(ingressResource, app(i), "example.com/touched", time.Now().String()))
		}},
		{"edit one attribute", func(ctx context.Context, s *session, i int) error {
			s.attributes++
			return s.work.edit(ctx, ingresses.attribute(i, s.attributes))
		}},
		{"create one", func(ctx context.Context, s *session, i int) error { return s.work.createObject(ctx, extra(i)) }},
		{"delete one", func(ctx context.Context, s *session, i int) error {
			return s.work.on(extra(i)).Delete(ctx, extra(i).Name, metav1.DeleteOptions{})
		}},
		{"an endpoint goes", func(ctx context.Context, s *session, i int) error {
			return s.work.show(ctx, app(i), s.work.endpoints[app(i)][1:])
		}},
		{"an endpoint comes", func(ctx context.Context, s *session, i int) error {
			return s.work.show(ctx, app(i), s.work.endpoints[app(i)])
		}},
		{"annotation of a Service", func(ctx context.Context, s *session, i int) error {
			return s.work.edit(ctx, annotation(serviceResource, app(i), "example.com/touched", time.Now().String()))
		}},
		{"label of an EndpointSlice", func(ctx context.Context, s *session, i int) error {
			return s.work.label(ctx, discoveryv1.SchemeGroupVersion.WithResource("endpointslices"), namespace, app(i))
		}},
		{"status of a pod", func(ctx context.Context, s *session, i int) error {
			return s.work.heartbeatOfPod(ctx, s.work.endpoints[app(i)][0].TargetRef.Name)
		}},
	}
}

// bystanders are events that concern no load balancer.
var bystanders = []event{
	{"label of the Namespace", labelling(corev1.SchemeGroupVersion.WithResource("namespaces"), "", namespace)},
	{"label of the IngressClass", labelling(networkingv1.SchemeGroupVersion.WithResource("ingressclasses"), "", "alb")},
	{"label of a GatewayClass", labelling(schema.GroupVersionResource{Group: "gateway.networking.k8s.io", Version: "v1",
		Resource: "gatewayclasses"}, "", "alb")},
	{"heartbeat of a node", func(ctx context.Context, s *session, _ int) error {
		return s.work.heartbeatOfNode(ctx, s.work.nodes[0].Name, corev1.ConditionTrue)
	}},
	{"label of a node", func(ctx context.Context, s *session, _ int) error {
		return s.work.label(ctx, corev1.SchemeGroupVersion.WithResource("nodes"), "", s.work.nodes[0].Name)
	}},
	{"a Secret is created", func(ctx context.Context, s *session, _ int) error {
		_, err := s.work.client.CoreV1().Secrets(namespace).Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
			GenerateName: "secret-"}}, metav1.CreateOptions{})
		return err
	}},
	{"20 Events", func(ctx context.Context, s *session, _ int) error {
		return each(ctx, 20, func(ctx context.Context, i int) error {
			_, err := s.work.client.CoreV1().Events(namespace).Create(ctx, &corev1.Event{ObjectMeta: metav1.ObjectMeta{
				GenerateName: "event-"}, Reason: "Seen", Type: "Normal", InvolvedObject: corev1.ObjectReference{
				APIVersion: "networking.k8s.io/v1", Kind: "Ingress", Namespace: namespace, Name: app(i)}}, metav1.CreateOptions{})
			return err
		})
	}},
	{"a ConfigMap elsewhere", func(ctx context.Context, s *session, _ int) error {
		_, err := s.work.client.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			GenerateName: "elsewhere-"}}, metav1.CreateOptions{})
		return err
	}},
	{"a Service of nobody", func(ctx context.Context, s *session, _ int) error {
		_, err := s.work.client.CoreV1().Services(namespace).Create(ctx, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "nobody-"},
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{servicePort(firstPort, 80)}}}, metav1.CreateOptions{})
		return err
	}},
}

func labelling(r schema.GroupVersionResource, in, name string) func(context.Context, *session, int) error {
	return func(ctx context.Context, s *session, _ int) error { return s.work.label(ctx, r, in, name) }
}

// label gives a label that nobody selects another value.
func (w *workload) label(ctx context.Context, r schema.GroupVersionResource, in, name string) error {
	return patch(ctx, w.dynamic.Resource(r).Namespace(in), edit{r, name, types.MergePatchType, map[string]any{
		"metadata": map[string]any{"labels": map[string]string{"example.com/touched": fmt.Sprint(time.Now().UnixNano())}}}})
}

// show has the slice of an app show endpoints.
func (w *workload) show(ctx context.Context, app string, endpoints []discoveryv1.Endpoint) error {
	_, err := w.client.DiscoveryV1().EndpointSlices(namespace).Update(ctx, w.slice(app, endpoints),
		metav1.UpdateOptions{})
	return err
}

// heartbeatOfPod writes a condition of a pod that concerns nobody.
func (w *workload) heartbeatOfPod(ctx context.Context, name string) error {
	pod, err := w.client.CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	pod.Status.Message = time.Now().String()
	_, err = w.client.CoreV1().Pods(namespace).UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}

// heartbeatOfNode writes the readiness of a node.
func (w *workload) heartbeatOfNode(ctx context.Context, name string, ready corev1.ConditionStatus) error {
	node, err := w.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	for i := range node.Status.Conditions {
		if c := &node.Status.Conditions[i]; c.Type == corev1.NodeReady {
			c.Status, c.LastHeartbeatTime = ready, metav1.Now()
		}
	}
	_, err = w.client.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{})
	return err
}

// admitted is how many pods are admitted one after the other.
const admitted = 300

// admissions measures the admission of pods that a Service selects.
func (s *session) admissions(ctx context.Context, r *Result, n int) error {
	trusting := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // a certificate of our own
	hc := &http.Client{Transport: &http.Transport{TLSClientConfig: trusting}}
	defer hc.CloseIdleConnections()
	before, err := s.control.work()
	if err != nil {
		return err
	}
	used := s.control.scheduled()
	var took []float64
	for i := range admitted {
		pod := &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: "new", Labels: map[string]string{"app": app(i % n)}},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "app"}}}}
		raw, err := json.Marshal(pod)
		if err != nil {
			return err
		}
		body, err := json.Marshal(admissionv1.AdmissionReview{TypeMeta: metav1.TypeMeta{
			APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: &admissionv1.AdmissionRequest{UID: "1",
			Kind: metav1.GroupVersionKind{Version: "v1", Kind: "Pod"}, Namespace: namespace, Name: "new",
			Operation: admissionv1.Create, Object: runtime.RawExtension{Raw: raw}}})
		if err != nil {
			return err
		}
		began := time.Now()
		if err := s.admit(ctx, hc, body); err != nil {
			return err
		}
		took = append(took, time.Since(began).Seconds())
	}
	used = s.control.scheduled() - used
	after, err := s.control.work()
	if err != nil {
		return err
	}
	slices.Sort(took)
	p := Point{What: "admission of a pod", Objects: n, Of: 1, Seconds: took[len(took)/2],
		Processor: used.Seconds() / admitted, Bytes: (after.allocated - before.allocated) / admitted}
	r.Curve = append(r.Curve, p)
	s.o.Progress(fmt.Sprintf("  %-32s %6s: %8s %8.0f KB, p50 %s, p99 %s", p.What, thousands(n), seconds(p.Processor),
		p.Bytes/1024, seconds(p.Seconds), seconds(took[len(took)*99/100])))
	return nil
}

func (s *session) admit(ctx context.Context, hc *http.Client, body []byte) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+s.control.webhook+"/mutate-v1-pod",
		bytes.NewReader(body))
	if err != nil {
		return err
	}
	q.Header.Set("Content-Type", "application/json")
	resp, err := hc.Do(q)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	answer, err := io.ReadAll(resp.Body)
	if err == nil && (resp.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(`"patch"`))) {
		err = fmt.Errorf("the admission of a pod: %s %s", resp.Status, answer)
	}
	return err
}

// startCost restarts the controller, until it is ready and has no call to make for a while. Its metrics, whose reads
// would count, are read once.
func (s *session) startCost(ctx context.Context, r *Result, n int) error {
	s.control.stop()
	mark := s.endpoint.Recorder.Mark()
	if err := s.start(ctx); err != nil {
		return err
	}
	if err := s.until(ctx, "the start", func(ctx context.Context) (bool, error) {
		ready, err := s.control.ready()
		return ready && s.endpoint.Recorder.QuietFor() >= settled/2, errors.Join(err, sleep(ctx, settled/2))
	}); err != nil {
		return err
	}
	used := s.control.scheduled()
	w, err := s.control.work()
	if err != nil {
		return err
	}
	p := Point{What: "restart", Objects: n, Of: n, Reads: s.endpoint.Recorder.Mark() - mark, Passes: w.passes,
		Processor: used.Seconds(), Bytes: w.allocated}
	if p.Peak, err = s.control.peak(); err != nil {
		return err
	}
	if err := sleep(ctx, givenBack); err != nil {
		return err
	}
	if p.Resident, err = s.control.resident(); err != nil {
		return err
	}
	r.Curve = append(r.Curve, p)
	s.o.Progress(fmt.Sprintf("  %-32s %6s: %8s %8.0f KB for each, %g passes, %d calls, peak %.0f MiB, resident %.0f MiB",
		p.What, thousands(n), seconds(p.Processor), p.Bytes/1024/float64(n), p.Passes, p.Reads,
		float64(p.Peak)/(1<<20), float64(p.Resident)/(1<<20)))
	return nil
}
