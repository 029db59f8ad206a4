package service

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/objects"
)

// TestTheActionsOfAListenerThatIsToBeQUICAreThoseOfEitherProtocol has them under the key of the protocol that another controller makes, and of the one
// that this version makes.
func TestTheActionsOfAListenerThatIsToBeQUICAreThoseOfEitherProtocol(t *testing.T) {
	t.Parallel()
	const forward = `{"type":"forward","forwardConfig":{"baseServiceWeight":10,"targetGroups":[{"targetGroupARN":"arn:aws:elasticloadbalancing:us-west-2:1:targetgroup/x/1","weight":20}]}}`
	for suffix, want := range map[string]int{"QUIC-443": 2, "UDP-443": 2, "TCP_QUIC-443": 1} {
		svc := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "dns", Annotations: map[string]string{
				string(annotation.ServiceTargetType): "ip", string(annotation.ServiceQUICPorts): "443", string(annotation.ServiceActions.For(suffix)): forward,
			}},
			Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, LoadBalancerClass: ptr.To(DefaultLoadBalancerClass),
				Ports: []corev1.ServicePort{{Port: 443, Protocol: corev1.ProtocolUDP, TargetPort: intstr.FromInt32(8443)}}},
		}
		l := alone(objects.FromObjects([]any{svc}), Config{}, svc).Members[0].Listeners[0]
		if !l.QUIC || len(l.Default) != 1 || len(l.Default[0].Backends) != want {
			t.Errorf("%s: %+v, want %d backends", suffix, l.Default, want)
		}
	}
}
