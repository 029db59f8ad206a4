package service

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestAnyServiceGivesAMemberWithPlacedDiagnostics(t *testing.T) {
	t.Parallel()
	values := []string{"", "true", "maybe", "80", "-1", "99999999999", "a=b,c=d", "a,b", `{"type":"forward"}`, "[]", "{",
		"http", "/", "*", `\`, "10.0.0.1", "on"}
	entries := annotation.Entries()
	for _, e := range entries {
		values = append(values, e.Example)
	}
	rapid.Check(t, func(t *rapid.T) {
		class := DefaultLoadBalancerClass
		svc := &corev1.Service{Spec: corev1.ServiceSpec{
			Type: rapid.SampledFrom([]corev1.ServiceType{"", corev1.ServiceTypeLoadBalancer,
				corev1.ServiceTypeNodePort}).Draw(t, "type"),
			LoadBalancerClass: &class,
		}}
		svc.Namespace, svc.Name, svc.Annotations = "shop", "web", map[string]string{}
		for range rapid.IntRange(0, 4).Draw(t, "ports") {
			svc.Spec.Ports = append(svc.Spec.Ports, corev1.ServicePort{
				Name:     rapid.SampledFrom([]string{"", "http", "80"}).Draw(t, "name"),
				Port:     rapid.SampledFrom([]int32{53, 80, 443}).Draw(t, "port"),
				Protocol: rapid.SampledFrom([]corev1.Protocol{"", "TCP", "UDP", "SCTP"}).Draw(t, "protocol"),
				NodePort: rapid.SampledFrom([]int32{0, 30080}).Draw(t, "nodePort"),
			})
		}
		for range rapid.IntRange(0, 12).Draw(t, "n") {
			e := rapid.SampledFrom(entries).Draw(t, "entry")
			k := string(e.Key)
			if e.Family != "" {
				k += rapid.SampledFrom([]string{"80", "TCP-80", "TLS-443", "x"}).Draw(t, "rest")
			}
			svc.Annotations[k] = rapid.SampledFrom(values).Draw(t, "value")
		}
		delete(svc.Annotations, string(annotation.ServiceGroupName))
		m := alone(objects.FromObjects([]*corev1.Service{svc}), Config{}, svc).Members[0]
		for _, d := range m.Diagnostics {
			if _, ok := diag.Lookup(d.Code); !ok || d.Path == "" || d.Text == "" || d.Remedy == "" || d.Object.Name != "web" ||
				d.Class == "" {
				t.Fatalf("incomplete diagnostic %+v", d)
			}
		}
		ports := map[int32]bool{}
		for _, l := range m.Listeners {
			if ports[l.Port] {
				t.Fatalf("two listeners of port %d", l.Port)
			}
			ports[l.Port] = true
			if l.Default == nil && !m.Diagnostics.HasErrors() {
				t.Fatalf("listener without action and without an error: %+v", l)
			}
		}
	})
}
