package service

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestUnservedServiceThatAsksForLoadBalancerIsNoted(t *testing.T) {
	t.Parallel()
	const kind, target = string(annotation.ServiceType), string(annotation.ServiceTargetType)
	type notes map[string]string
	for name, c := range map[string]struct {
		notes  notes
		change func(*corev1.Service)
		config Config
		want   string // part of the note; empty = there is none
	}{
		"external without target type": {notes: notes{kind: "external"},
			want: `target type "" is not ip or instance`},
		"external with a target type nobody knows": {notes: notes{kind: "external", target: "IP"},
			want: `target type "IP"`},
		"external of type NodePort": {notes: notes{kind: "external"},
			change: func(s *corev1.Service) { s.Spec.Type = "NodePort" }, want: "load balancer type external"},
		"external of type NodePort, which do not count": {notes: notes{kind: "external"},
			change: func(s *corev1.Service) { s.Spec.Type = "NodePort" }, config: Config{LoadBalancerTypeOnly: true}},
		"no class": {
			want: "without load balancer class is left to the cloud provider's controller"},
		"no class, in a manifest": {change: func(s *corev1.Service) { s.CreationTimestamp = metav1.Time{} }},
		"no class, served by the cloud provider": {change: func(s *corev1.Service) {
			s.Finalizers = []string{"service.kubernetes.io/load-balancer-cleanup"}
		}},
		"no class, with an address": {change: func(s *corev1.Service) {
			s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: "x"}}
		}},
		"the cloud provider's type": {notes: notes{kind: "nlb"}},
		"a ClusterIP":               {change: func(s *corev1.Service) { s.Spec.Type = "ClusterIP" }},
		"a class that looks like ours": {change: func(s *corev1.Service) {
			s.Spec.LoadBalancerClass = ptr.To("service.k8s.aws/nbl")
		}, want: "serves Services of class service.k8s.aws/nlb and leaves this one, of class service.k8s.aws/nbl"},
		"a class of somebody else": {change: func(s *corev1.Service) {
			s.Spec.LoadBalancerClass = ptr.To("example.com/lb")
		}},
		"a class of somebody else and our annotations": {notes: notes{string(annotation.ServiceScheme): "internal"},
			change: func(s *corev1.Service) { s.Spec.LoadBalancerClass = ptr.To("example.com/lb") },
			want:   "of class example.com/lb"},
		"ours":      {notes: notes{kind: "nlb-ip"}},
		"ours once": {change: func(s *corev1.Service) { s.Finalizers = []string{"service.k8s.aws/resources"} }},
		"deleted": {notes: notes{kind: "external"}, change: func(s *corev1.Service) {
			s.DeletionTimestamp = &metav1.Time{}
		}},
		"no Service is served": {notes: notes{kind: "external"}, config: Config{Off: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: c.notes,
				CreationTimestamp: metav1.Unix(1_700_000_000, 0)}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer}}
			if c.change != nil {
				c.change(svc)
			}
			switch d := Unserved(c.config, svc); {
			case (d != nil) != (c.want != ""):
				t.Errorf("noted %v, want %q", d, c.want)
			case d != nil && (d.Code != diag.NotServed || d.Class != diag.Note || d.Remedy == "" ||
				!strings.Contains(d.Text, c.want)):
				t.Errorf("noted %+v, want %q", d, c.want)
			}
		})
	}
}
