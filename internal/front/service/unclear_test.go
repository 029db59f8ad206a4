package service

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestATypoInTheTypeOfAServiceGivesNothingUp(t *testing.T) {
	t.Parallel()
	class := "example.com/lb"
	type notes map[annotation.Key]string
	for name, c := range map[string]struct {
		notes  notes
		change func(*corev1.Service)
		config Config
		want   string // part of the finding; empty = it is clear what is wanted
	}{
		"a typo in the type": {
			notes: notes{annotation.ServiceType: "externl", annotation.ServiceTargetType: "ip"},
			want:  `unknown load balancer type "externl"`},
		"capitals": {notes: notes{annotation.ServiceType: "NLB-IP"},
			want: `unknown load balancer type "NLB-IP"`},
		"a blank behind it": {notes: notes{annotation.ServiceType: "nlb-ip "},
			want: `unknown load balancer type "nlb-ip "`},
		"an empty type": {notes: notes{annotation.ServiceType: ""},
			want: `unknown load balancer type ""`},
		"a typo in the target type": {
			notes: notes{annotation.ServiceType: "external", annotation.ServiceTargetType: "IP"},
			want:  `needs target type ip or instance, not "IP"`},
		"no target type": {notes: notes{annotation.ServiceType: "external"},
			want: `needs target type ip or instance, not ""`},
		"a typo in the key of the type": {
			notes: notes{annotation.ServicePrefix + "aws-load-balancer-typ": "external"},
			want:  "aws-load-balancer-typ is unknown"},
		"a typo, and class of another controller": {notes: notes{annotation.ServiceType: "externl"},
			change: func(s *corev1.Service) {
				s.Spec.LoadBalancerClass = &class
			}, want: "class example.com/lb, and --load-balancer-class is service.k8s.aws/nlb"},
		"another class, and consent": {notes: notes{annotation.ServiceAllowDeletion: "true"},
			change: func(s *corev1.Service) { s.Spec.LoadBalancerClass = &class }},
		"another class, deleted": {change: func(s *corev1.Service) {
			s.Spec.LoadBalancerClass, s.DeletionTimestamp = &class, &metav1.Time{}
		}},
		"the gate off": {notes: notes{annotation.ServiceType: "nlb-ip"}, config: Config{Off: true},
			want: "the feature gate EnableServiceController is off"},
		"the gate off, deleted": {notes: notes{annotation.ServiceType: "nlb-ip"},
			change: func(s *corev1.Service) { s.DeletionTimestamp = &metav1.Time{} }, config: Config{Off: true}},
		"handed over": {
			notes: notes{annotation.ServiceType: "nlb", annotation.ServiceTargetType: "ip"}},
		"given up": {notes: notes{}},
		"ours":     {notes: notes{annotation.ServiceType: "nlb-ip"}},
		"deleted": {notes: notes{annotation.ServiceType: "externl"},
			change: func(s *corev1.Service) { s.DeletionTimestamp = &metav1.Time{} }},
		"never ours": {notes: notes{annotation.ServiceType: "externl"},
			change: func(s *corev1.Service) { s.Finalizers = nil }},
		"of a type that has no load balancer": {notes: notes{annotation.ServiceType: "externl"},
			change: func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP }, config: Config{
				LoadBalancerTypeOnly: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			svc := &corev1.Service{
				ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: map[string]string{},
					Finalizers: []string{"service.k8s.aws/resources"}},
				Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer},
			}
			for k, v := range c.notes {
				svc.Annotations[string(k)] = v
			}
			if c.change != nil {
				c.change(svc)
			}
			d, unclear := Unclear(c.config, svc)
			if unclear != (c.want != "") || !strings.Contains(d.Text, c.want) {
				t.Errorf("unclear: %v, %q, want %q", unclear, d.Text, c.want)
			}
			if unclear && (d.Class == diag.Note || d.Remedy == "" || !strings.Contains(d.Text, "does not change")) {
				t.Errorf("it is not told as a mistake, with what comes of it and a remedy: %+v", d)
			}
		})
	}
}
