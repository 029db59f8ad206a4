package compile_test

import (
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestAValueThatCannotBeUnderstoodReplacesNothing breaks each setting that replaces a load balancer or what belongs to
// it, on an Ingress and on a Service of their own.
func TestAValueThatCannotBeUnderstoodReplacesNothing(t *testing.T) {
	t.Parallel()
	ingress := func(n notes) []any { return append(surroundings(), ing("front", n, "a.example.com Prefix / web:80")) }
	exists := map[string]*facts.LoadBalancer{
		"ingress.k8s.aws:shop/front": {ARN: "arn:alb", Type: stack.Application, Scheme: stack.Internal},
		"service.k8s.aws:shop/edge":  {ARN: "arn:nlb", Type: stack.Network, Scheme: stack.Internal},
	}
	for kind, c := range map[string]struct {
		objects func(notes) []any
		values  notes
	}{
		"Ingress": {ingress, notes{
			"scheme": "foo", "ip-address-type": "x", "subnets": " ", "target-type": "pod", "backend-protocol": "FTP",
			"backend-protocol-version": "HTTP9", "listen-ports": "[{}]", "inbound-cidrs": "10.0.0.0/99", "ssl-redirect": "https",
			"mutual-authentication": "{", "security-groups": "no-such-group",
		}},
		"Service": {ownBalancer, notes{
			"scheme": "foo", "internal": "perhaps", "ip-address-type": "x", "subnets": " ", "name": "",
			"disable-nlb-sg": "perhaps", "private-ipv4-addresses": "10.0.0", "alpn-policy": "HTTP3",
		}},
	} {
		for key, value := range c.values {
			t.Run(kind+" "+key, func(t *testing.T) {
				t.Parallel()
				sound, wrong := c.objects(notes{}), c.objects(notes{key: value})
				s := scenario{Account: "lab", before: sound}
				before, now := s.run(t, sound)[0], s.run(t, wrong)[0]
				if before.Desired == nil || !reflect.DeepEqual(before.Desired, now.Desired) {
					t.Errorf("it was\n%s\nand is\n%s", tell([]outcome{before}), tell([]outcome{now}))
				}
				if text := tell([]outcome{now}); !strings.Contains(text, "the last valid version of "+kind+" shop/") {
					t.Errorf("no finding tells that the last valid version serves:\n%s", text)
				}
				restarted := scenario{Account: "lab", Exists: exists}.run(t, wrong)[0]
				if restarted.Desired != nil || !strings.Contains(tell([]outcome{restarted}),
					"until this is fixed, the controller neither creates nor changes the load balancer") {
					t.Errorf("after a restart without memory:\n%s", tell([]outcome{restarted}))
				}
			})
		}
	}
}

// ownBalancer is a Service that has a load balancer.
func ownBalancer(n notes) []any {
	class := "service.k8s.aws/nlb"
	annotations := map[string]string{}
	for k, v := range n {
		annotations["service.beta.kubernetes.io/aws-load-balancer-"+k] = v
	}
	return []any{&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "edge", UID: manifest.UID("shop", "edge"),
			Annotations: annotations},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, LoadBalancerClass: &class,
			Ports: []corev1.ServicePort{port("http", intstr.FromInt32(8080), 30080)}},
	}}
}

// TestATargetTypeThatCannotBeUnderstoodReplacesNoTargetGroup misspells the target type of a Service that had one, and
// of one that never did.
func TestATargetTypeThatCannotBeUnderstoodReplacesNoTargetGroup(t *testing.T) {
	t.Parallel()
	sound, wrong := ownBalancer(notes{"nlb-target-type": "ip"}), ownBalancer(notes{"nlb-target-type": "IP"})
	s := scenario{Account: "lab", before: sound}
	before, now := s.run(t, sound), s.run(t, wrong)
	if text := tell(now); !reflect.DeepEqual(before[0].Desired, now[0].Desired) ||
		!strings.Contains(text, "the last valid version of Service shop/edge") {
		t.Errorf("it was\n%s\nand is\n%s", tell(before), text)
	}
	edited := ownBalancer(notes{"nlb-target-type": "IP", "ip-address-type": "ipv4", "name": "edge"})
	s = scenario{Account: "lab", before: wrong}
	if text := tell(s.run(t, edited)); !strings.Contains(text, "balancer edge ") ||
		!strings.Contains(text, "edge:80 instance") {
		t.Errorf("an edit is not followed beside the value that was there from the beginning:\n%s", text)
	}
}
