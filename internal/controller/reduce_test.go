package controller

import (
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/controller/bindingpass"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/kube/pod/drain"
	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

func TestACachedNodeHasWhatTargetsReadAndNothingElse(t *testing.T) {
	t.Parallel()
	whole := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{"zone": "a"},
		Annotations: map[string]string{"csi": "long"}}}
	whole.Spec.ProviderID = "aws:///us-west-2a/i-0a1de000000000001"
	whole.Spec.Taints = []corev1.Taint{{Key: "karpenter.sh/disrupted", Effect: corev1.TaintEffectNoSchedule}}
	whole.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.0.1"}}
	whole.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue,
		Message: "kubelet is posting"}, {Type: corev1.NodeDiskPressure}}
	whole.Status.Images = []corev1.ContainerImage{{Names: []string{"image"}}}
	got, err := reduceNode(whole)
	n, ok := got.(*corev1.Node)
	if err != nil || !ok {
		t.Fatalf("%T, %v", got, err)
	}
	if len(n.Annotations)+len(n.Status.Images) > 0 || len(n.Status.Conditions) != 1 ||
		n.Status.Conditions[0].Message != "" {
		t.Errorf("kept: %+v", n)
	}
	whole.Status.Conditions[0] = corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionFalse,
		Message: "[PLEG is not healthy, node is shutting down]"}
	if got, _ := reduceNode(whole); !registrar.PodsLeave(got.(*corev1.Node), false) {
		t.Error("lost: that the node is shut down")
	}
	whole.Status.Conditions[0].Status = corev1.ConditionTrue
	id, _ := registrar.InstanceID(n)
	if id == "" || registrar.NodeReady(n) != corev1.ConditionTrue || !bindingpass.SameForTargets(n, whole) ||
		!reflect.DeepEqual(n.Status.Addresses, whole.Status.Addresses) {
		t.Errorf("lost: %+v", n)
	}
}

func TestACachedEndpointSliceHasWhatTargetsReadAndNothingElse(t *testing.T) {
	t.Parallel()
	whole := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "web-1", UID: "u", ResourceVersion: "7", Labels: map[string]string{
			discoveryv1.LabelServiceName: "web"},
		Annotations:     map[string]string{"endpoints.kubernetes.io/last-change-trigger-time": "now"},
		OwnerReferences: []metav1.OwnerReference{{Kind: "Service", Name: "web"}},
	}}
	whole.AddressType, whole.Ports = discoveryv1.AddressTypeIPv4, []discoveryv1.EndpointPort{
		{Name: ptr.To("http"), Port: ptr.To[int32](8080)}}
	pod := discoveryv1.Endpoint{
		Addresses: []string{"10.0.0.1"}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)},
		NodeName:  ptr.To("n"),
		TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: "web", UID: "p"},
	}
	machine := discoveryv1.Endpoint{Addresses: []string{"10.0.0.2"}}
	whole.Endpoints = []discoveryv1.Endpoint{pod, machine}
	want := whole.DeepCopy()
	want.Annotations, want.OwnerReferences = nil, nil
	for i := range whole.Endpoints {
		whole.Endpoints[i].Zone, whole.Endpoints[i].Hints = ptr.To("us-west-2a"), &discoveryv1.EndpointHints{
			ForZones: []discoveryv1.ForZone{{Name: "us-west-2a"}}}
	}
	o := managerOptions(&config.Config{}, nil, logr.Discard())
	var transform toolscache.TransformFunc
	for of, by := range o.Cache.ByObject {
		if _, ok := of.(*discoveryv1.EndpointSlice); ok {
			transform = by.Transform
		}
	}
	got, err := transform(whole)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if again, _ := transform(got); !reflect.DeepEqual(again, want) {
		t.Errorf("after a resync %+v", again)
	}
	gone := toolscache.DeletedFinalStateUnknown{Key: "shop/web-1"}
	if got, err := transform(gone); err != nil || got != gone {
		t.Errorf("a tombstone becomes %v, %v", got, err)
	}
}

func TestACachedPodHasWhatItDeclaresOfItsEnd(t *testing.T) {
	t.Parallel()
	whole := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Annotations: map[string]string{
		drain.SecondsAnnotation: "5", "other": "long"}}}
	whole.Spec.TerminationGracePeriodSeconds = ptr.To[int64](10)
	whole.Spec.Containers = []corev1.Container{
		{Name: "app", Image: "image", Lifecycle: &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{
			Sleep: &corev1.SleepAction{Seconds: 3}}, PostStart: &corev1.LifecycleHandler{}}}}
	got, err := reducePods("ID")(whole.DeepCopy())
	p, ok := got.(*corev1.Pod)
	if err != nil || !ok {
		t.Fatalf("%T, %v", got, err)
	}
	if len(p.Annotations) != 1 || p.Annotations[drain.SecondsAnnotation] != "5" || p.Spec.Containers[0].Image != "" ||
		p.Spec.Containers[0].Lifecycle.PostStart != nil {
		t.Errorf("kept: %+v", p)
	}
	want, _ := drain.Abrupt(whole, 60)
	if how, abrupt := drain.Abrupt(p, 60); !abrupt || how != want {
		t.Errorf("%q, of the whole pod %q", how, want)
	}
}

func TestACachedPodHasItsServerIDAndNoOtherVariable(t *testing.T) {
	t.Parallel()
	env := []corev1.EnvVar{{Name: "PASSWORD", Value: "secret"}, {Name: "ID", Value: "LBhzwAAAAok="}}
	whole := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Annotations: map[string]string{
		serverid.Annotation: "app"}}}
	whole.Spec.Containers = []corev1.Container{
		{Name: "app", Env: env, Ports: []corev1.ContainerPort{{ContainerPort: 443}}}}
	whole.Spec.InitContainers = []corev1.Container{
		{Name: "side", Env: env, RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)}}
	p := reducePod(whole, "ID")
	if id := serverid.OfPort(&p, "ID", 443); id != "0x2c1873c000000289" || len(p.Spec.Containers[0].Env) != 1 ||
		len(p.Spec.InitContainers[0].Env) != 1 {
		t.Errorf("%q, kept: %+v", id, p.Spec)
	}
	whole.Annotations = nil
	if p = reducePod(whole, "ID"); len(p.Spec.Containers)+len(p.Spec.InitContainers) > 0 {
		t.Errorf("kept of a pod that serves no QUIC: %+v", p.Spec)
	}
}

// A namespace may have tens of thousands of pods.
func TestACachedPodHasOnlyNamedPortsAndTheConditionsThatAreRead(t *testing.T) {
	t.Parallel()
	whole := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
	whole.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "target-health.elbv2.k8s.aws/web"}}
	whole.Spec.Containers = []corev1.Container{
		{Name: "app", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}, {ContainerPort: 9090}}},
		{Name: "numbers", Ports: []corev1.ContainerPort{{ContainerPort: 7070}}},
	}
	whole.Spec.InitContainers = []corev1.Container{
		{Name: "before", Ports: []corev1.ContainerPort{{Name: "x", ContainerPort: 1}}}}
	for _, kind := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady,
		corev1.PodReady, "target-health.elbv2.k8s.aws/web", "other.example.com/gate"} {
		whole.Status.Conditions = append(whole.Status.Conditions, corev1.PodCondition{
			Type: kind, Status: corev1.ConditionTrue})
	}
	p := reducePod(whole, "ID")
	want := []corev1.Container{{Name: "app", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}}}}
	if !reflect.DeepEqual(p.Spec.Containers, want) || len(p.Spec.InitContainers) > 0 {
		t.Errorf("containers %+v, %+v", p.Spec.Containers, p.Spec.InitContainers)
	}
	var kinds []string
	for _, c := range p.Status.Conditions {
		kinds = append(kinds, string(c.Type))
	}
	if got := strings.Join(kinds, " "); got != "ContainersReady Ready target-health.elbv2.k8s.aws/web" {
		t.Errorf("conditions %s", got)
	}
}

func TestACachedObjectIsNotKeptOnceMoreAsItWasApplied(t *testing.T) {
	t.Parallel()
	o := managerOptions(&config.Config{}, nil, logr.Discard())
	whole := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{
		Name: "web", Annotations: map[string]string{corev1.LastAppliedConfigAnnotation: "{}", "team": "web"},
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: ownManager}},
	}}
	for range 2 { // resyncs show what is cached once more
		got, err := o.Cache.DefaultTransform(whole)
		if i, ok := got.(*networkingv1.Ingress); err != nil || !ok || len(i.ManagedFields) > 0 ||
			!maps.Equal(i.Annotations, map[string]string{"team": "web"}) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	gone := toolscache.DeletedFinalStateUnknown{Key: "shop/web"}
	if got, err := o.Cache.DefaultTransform(gone); err != nil || got != gone {
		t.Errorf("a tombstone becomes %v, %v", got, err)
	}
}
