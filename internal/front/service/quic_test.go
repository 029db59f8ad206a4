package service

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// quicService has a UDP port, h3, and a TCP port, both with the number 443, and the TCP port 80.
func quicService(annotations map[annotation.Key]string, ports ...corev1.ServicePort) *corev1.Service {
	svc := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: map[string]string{
			string(annotation.ServiceTargetType): "ip"}},
		Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer,
			LoadBalancerClass: ptr.To(DefaultLoadBalancerClass), Ports: ports},
	}
	for k, v := range annotations {
		svc.Annotations[string(k)] = v
	}
	return svc
}

func quicPort(name string, number int32, protocol corev1.Protocol) corev1.ServicePort {
	return corev1.ServicePort{Name: name, Port: number, Protocol: protocol, TargetPort: intstr.FromInt32(8443)}
}

func TestPortsBecomeQUICByNameOrNumber(t *testing.T) {
	t.Parallel()
	both := []corev1.ServicePort{quicPort("h3", 443, corev1.ProtocolUDP), quicPort("https", 443, corev1.ProtocolTCP)}
	for name, tc := range map[string]struct {
		ports       []corev1.ServicePort
		annotations map[annotation.Key]string
		want        string // protocol of the listener and the target group; empty = there is no listener
		says        string
	}{
		"by number": {both[:1], map[annotation.Key]string{annotation.ServiceQUICPorts: "443"}, "QUIC", ""},
		"by name":   {both[:1], map[annotation.Key]string{annotation.ServiceQUICPorts: "h3"}, "QUIC", ""},
		"TCP beside it": {both, map[annotation.Key]string{annotation.ServiceQUICPorts: "443",
			annotation.ServiceTCPUDPListener: "true"}, "TCP_QUIC", ""},
		"another port": {both[:1], map[annotation.Key]string{annotation.ServiceQUICPorts: "8443"}, "UDP",
			"no port of the Service is 8443"},
		"of a TCP port": {both[1:], map[annotation.Key]string{annotation.ServiceQUICPorts: "https"}, "",
			"Unsupported QUIC upgrade for protocol TCP (port 443)"},
		"of a TLS port": {both[1:], map[annotation.Key]string{annotation.ServiceQUICPorts: "443",
			annotation.ServiceCertificates: "arn:aws:acm:us-west-2:1:certificate/x"}, "",
			"Unsupported QUIC upgrade for protocol TLS (port 443)"},
		"TCP that is first": {[]corev1.ServicePort{both[1], both[0]}, map[annotation.Key]string{
			annotation.ServiceQUICPorts: "443"}, "", "where TCP has the same number, set " +
			string(annotation.ServiceTCPUDPListener)},
		"UDP that is first": {both, map[annotation.Key]string{annotation.ServiceQUICPorts: "443"}, "QUIC",
			"port 443/TCP has no listener"},
	} {
		svc := quicService(tc.annotations, tc.ports...)
		m := alone(objects.FromObjects([]any{svc}), Config{}, svc).Members[0]
		got := ""
		for _, l := range m.Listeners {
			if got = l.Protocol; l.Default[0].Backends[0].TargetGroup.Protocol != got {
				t.Errorf("%s: target group of %s, listener of %s", name, l.Default[0].Backends[0].TargetGroup.Protocol, got)
			}
		}
		var texts []string
		for _, d := range m.Diagnostics {
			texts = append(texts, d.Message())
		}
		if text := strings.Join(texts, "\n"); got != tc.want || tc.says != "" && !strings.Contains(text, tc.says) {
			t.Errorf("%s: %q; %s", name, got, text)
		}
	}
}

func TestThePodsOfAQUICPortAreTakenToAnswerNoHealthCheckOverTCP(t *testing.T) {
	t.Parallel()
	svc := quicService(map[annotation.Key]string{annotation.ServiceQUICPorts: "443"},
		quicPort("h3", 443, corev1.ProtocolUDP))
	m := alone(objects.FromObjects([]any{svc}), Config{}, svc).Members[0]
	if len(m.Diagnostics) != 1 || !strings.Contains(m.Diagnostics[0].Text,
		"health checks use TCP on the traffic port") {
		t.Errorf("%+v", m.Diagnostics)
	}
}

// TestTheKeysOfAQUICListenerHaveItsProtocol has actions under the final protocol of the listener.
func TestTheKeysOfAQUICListenerHaveItsProtocol(t *testing.T) {
	t.Parallel()
	const forward = `{"type":"forward","forwardConfig":{"baseServiceWeight":10,"targetGroups":[{"targetGroupARN":"arn:aws:elasticloadbalancing:us-west-2:1:targetgroup/x/1","weight":20}]}}`
	for suffix, want := range map[string]int{"QUIC-443": 2, "UDP-443": 1, "TCP_QUIC-443": 1} {
		svc := quicService(map[annotation.Key]string{annotation.ServiceQUICPorts: "443", annotation.ServiceActions.For(
			suffix): forward}, quicPort("h3", 443, corev1.ProtocolUDP))
		l := alone(objects.FromObjects([]any{svc}), Config{}, svc).Members[0].Listeners[0]
		if len(l.Default) != 1 || len(l.Default[0].Backends) != want {
			t.Errorf("%s: %+v, want %d backends", suffix, l.Default, want)
		}
	}
}
