package webhook

import (
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// most is the size of the largest object that etcd takes.
const most = 1_500_000

// fill makes JSON of an object to which parts are added until it is almost as large as etcd takes.
func fill[T client.Object](o T, add func(o T, i int)) func(*testing.T) []byte {
	return func(t *testing.T) []byte {
		encoded := func() []byte {
			raw, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			return raw
		}
		empty := len(encoded())
		for i := range 100 {
			add(o, i)
		}
		part := max(1, (len(encoded())-empty)/100)*5/4 + 4 // numbers grow
		for i := 100; i < (most-empty)/part; i++ {
			add(o, i)
		}
		raw := encoded()
		if got := len(raw); got < most/2 || got > most {
			t.Fatalf("%d bytes", got)
		}
		return raw
	}
}

// hugeTags are tags in the form of annotations, as many as annotations may have bytes.
func hugeTags() string {
	var b strings.Builder
	for i := 0; b.Len() < 250_000; i++ {
		fmt.Fprintf(&b, "k%d=v,", i)
	}
	return b.String()
}

// huge is an object for a webhook.
type huge struct {
	path string
	raw  func(*testing.T) []byte
}

// hugeObjects are the largest objects of each kind that a tenant may write, in the ways in which they may cost most.
func hugeObjects() map[string]huge {
	path := func(o *networkingv1.Ingress, host, path string) {
		p := networkingv1.HTTPIngressPath{Path: path, PathType: ptr.To(networkingv1.PathTypePrefix),
			Backend: networkingv1.IngressBackend{
				Service: &networkingv1.IngressServiceBackend{Name: "web", Port: networkingv1.ServiceBackendPort{Number: 80}}}}
		o.Spec.Rules = append(o.Spec.Rules, networkingv1.IngressRule{
			Host: host, IngressRuleValue: networkingv1.IngressRuleValue{
				HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{p}}}})
	}
	ingress := func(annotations map[string]string) *networkingv1.Ingress {
		o := &networkingv1.Ingress{Spec: networkingv1.IngressSpec{IngressClassName: ptr.To("alb")}}
		o.Name, o.Annotations = "web", annotations
		return o
	}
	service := func() *corev1.Service {
		o := &corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{
			{Port: 80}}}}
		o.Name, o.Annotations = "web", map[string]string{
			"service.beta.kubernetes.io/aws-load-balancer-additional-resource-tags": hugeTags()}
		return o
	}
	binding := &v1beta1.TargetGroupBinding{Spec: v1beta1.TargetGroupBindingSpec{TargetGroupARN: arnOf(1),
		TargetType: ptr.To(v1beta1.TargetTypeIP)}}
	binding.Name, binding.Spec.Networking = "web", &v1beta1.TargetGroupBindingNetworking{
		Ingress: []v1beta1.NetworkingIngressRule{{}}}
	accelerator := &agav1beta1.GlobalAccelerator{Spec: agav1beta1.GlobalAcceleratorSpec{}}
	accelerator.Name = "web"
	tags := func(m *map[string]string, i int) {
		if *m == nil {
			*m = map[string]string{}
		}
		(*m)[fmt.Sprint("k", i)] = "v"
	}
	return map[string]huge{
		"Ingress of hosts": {IngressPath, fill(ingress(nil), func(o *networkingv1.Ingress, i int) {
			path(o, fmt.Sprintf("h%d.example.com", i), "/")
		})},
		"Ingress of paths": {IngressPath, fill(ingress(nil), func(o *networkingv1.Ingress, i int) {
			path(o, "a.example.com", fmt.Sprint("/", i))
		})},
		"Ingress of tags": {IngressPath, fill(ingress(map[string]string{"alb.ingress.kubernetes.io/tags": hugeTags()}),
			func(o *networkingv1.Ingress, i int) { path(o, "a.example.com", "/") })},
		"Ingress of TLS": {IngressPath, fill(ingress(nil), func(o *networkingv1.Ingress, i int) {
			o.Spec.TLS = append(o.Spec.TLS, networkingv1.IngressTLS{Hosts: []string{fmt.Sprintf("h%d.example.com", i)},
				SecretName: fmt.Sprint("s", i)})
		})},
		"Service of ranges": {ServicePath, fill(service(), func(o *corev1.Service, i int) {
			o.Spec.LoadBalancerSourceRanges = append(o.Spec.LoadBalancerSourceRanges, fmt.Sprintf("10.%d.%d.%d/32", i>>16&255,
				i>>8&255, i&255))
		})},
		"tags of a Service": {ServiceTagsPath, fill(service(), func(o *corev1.Service, i int) {
			o.Spec.Ports = append(o.Spec.Ports, corev1.ServicePort{Name: fmt.Sprint("p", i), Port: int32(i % 65_000),
				TargetPort: intstr.FromInt32(80)})
		})},
		"TargetGroupBinding of peers": {BindingPath, fill(binding, func(o *v1beta1.TargetGroupBinding, i int) {
			rule := &o.Spec.Networking.Ingress[0]
			rule.From = append(rule.From, v1beta1.NetworkingPeer{
				IPBlock: &v1beta1.IPBlock{CIDR: fmt.Sprintf("10.%d.%d.%d/32", i>>16&255, i>>8&255, i&255)}})
			rule.Ports = append(rule.Ports, v1beta1.NetworkingPort{Port: ptr.To(intstr.FromInt32(int32(i)))})
		})},
		"GlobalAccelerator of listeners": {
			AcceleratorPath, fill(accelerator, func(o *agav1beta1.GlobalAccelerator, i int) {
				port := int32(i % 65_000)
				o.Spec.Listeners = append(o.Spec.Listeners, agav1beta1.Listener{Protocol: ptr.To(agav1beta1.Protocol("TCP")),
					PortRanges: []agav1beta1.PortRange{{FromPort: port, ToPort: port}}})
			})},
		"LoadBalancerConfiguration of tags": {BalancerTagsPath, fill(&lbcgatewayv1.LoadBalancerConfiguration{},
			func(o *lbcgatewayv1.LoadBalancerConfiguration, i int) { tags(&o.Spec.Tags, i) })},
		"ListenerRuleConfiguration of tags": {ListenerRuleTagsPath, fill(&lbcgatewayv1.ListenerRuleConfiguration{},
			func(o *lbcgatewayv1.ListenerRuleConfiguration, i int) { tags(&o.Spec.Tags, i) })},
		"TargetGroupConfiguration of routes": {TargetGroupTagsPath, fill(&lbcgatewayv1.TargetGroupConfiguration{},
			func(o *lbcgatewayv1.TargetGroupConfiguration, i int) {
				o.Spec.RouteConfigurations = append(o.Spec.RouteConfigurations, lbcgatewayv1.RouteConfiguration{
					TargetGroupProps: lbcgatewayv1.TargetGroupProps{Tags: map[string]string{fmt.Sprint("k", i): "v"}}})
			})},
		"Pod of labels": {PodPath, fill(&corev1.Pod{}, func(o *corev1.Pod, i int) { tags(&o.Labels, i) })},
		"Pod of containers": {ServerIDPath, fill(&corev1.Pod{}, func(o *corev1.Pod, i int) {
			o.Spec.Containers = append(o.Spec.Containers, corev1.Container{Name: fmt.Sprint("c", i), Env: []corev1.EnvVar{
				{Name: "ID"}}})
		})},
	}
}

// TestHugeObjectsAreReviewedWithLittle has a tenant write the largest objects that etcd takes: reviews of others share
// the processor and the memory.
func TestHugeObjectsAreReviewedWithLittle(t *testing.T) { // not parallel: it counts bytes
	l := newLarge(t, 100, selections["one label"])
	objects := hugeObjects()
	kinds := sample.OneOf(12)
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		if !kinds.Next() {
			continue
		}
		c := objects[name]
		raw := c.raw(t)
		for _, operation := range []admissionv1.Operation{admissionv1.Create, admissionv1.Update} {
			t.Run(name+" "+string(operation), func(t *testing.T) {
				r := admissionv1.AdmissionRequest{Operation: operation, Namespace: "shop"}
				r.Object.Raw = raw
				if operation == admissionv1.Update {
					r.OldObject.Raw = raw
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				post(t, l.handlers[c.path], r)
				runtime.ReadMemStats(&after)
				used := (after.TotalAlloc - before.TotalAlloc) >> 20
				if used > 200 {
					t.Errorf("it takes %d MiB in all", used)
				}
			})
		}
	}
}
