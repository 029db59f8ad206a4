package service

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestUnansweredHealthCheckOfUDPPortIsNoted keeps the health check of the existing controller: a
// check of a UDP port comes over TCP, which nothing answers.
func TestUnansweredHealthCheckOfUDPPortIsNoted(t *testing.T) {
	t.Parallel()
	const dns = "{name: dns, port: 53, protocol: UDP, nodePort: 30053}"
	for name, test := range map[string]struct {
		spec, annotations string
		want              string // port of the health check of port 53; with an asterisk if it is noted
	}{
		"UDP only":           {"ports: [" + dns + "]", "", "traffic-port*"},
		"UDP only, of nodes": {"ports: [" + dns + "]", "nlb-target-type: instance", "traffic-port*"},
		"TCP only":           {"ports: [{name: dns, port: 53}]", "", "traffic-port"},
		"one TCP port elsewhere": {"ports: [" + dns + ", {name: health, port: 80, nodePort: 30080}]", "",
			"traffic-port*"},
		"TCP at the same target": {"ports: [" + dns + ", {name: tcp, port: 54, targetPort: 53, nodePort: 30054}]", "",
			"traffic-port"},
		"TCP at another node port": {"ports: [" + dns + ", {name: tcp, port: 54, targetPort: 53, nodePort: 30054}]",
			"nlb-target-type: instance", "traffic-port*"},
		"one port for TCP and UDP": {"ports: [" + dns + ", {name: tcp, port: 53, nodePort: 30053}]",
			"enable-tcp-udp-listener: 'true'", "traffic-port"},
		"a port by annotation":     {"ports: [" + dns + "]", "healthcheck-port: '8080'", "8080"},
		"the traffic port by hand": {"ports: [" + dns + "]", "healthcheck-port: traffic-port", "traffic-port*"},
		"over HTTP":                {"ports: [" + dns + "]", "healthcheck-protocol: http", "traffic-port*"},
		"the node port of the Service": {"ports: [" + dns + "], externalTrafficPolicy: Local, healthCheckNodePort: 31000",
			"nlb-target-type: instance", "31000"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := "metadata: {name: dns, namespace: shop}\nspec: {type: LoadBalancer, loadBalancerClass: " +
				"service.k8s.aws/nlb, " + test.spec + "}"
			svc := &corev1.Service{}
			if err := yaml.UnmarshalStrict([]byte(text), svc); err != nil {
				t.Fatal(err)
			}
			svc.Annotations = map[string]string{}
			if key, value, ok := strings.Cut(test.annotations, ": "); ok {
				svc.Annotations["service.beta.kubernetes.io/aws-load-balancer-"+key] = strings.Trim(value, "'")
			}
			m := alone(objects.FromObjects([]any{svc}), Config{DefaultTargetType: "ip"}, svc).Members[0]
			got := m.Listeners[0].Default[0].Backends[0].TargetGroup.HealthCheck.Port
			for _, d := range m.Diagnostics {
				if d.Code != diag.UnansweredHealthCheck || d.Class != diag.Note || d.Path != "spec.ports[0]" ||
					!strings.Contains(d.Text, "Service shop/dns has only UDP on port 53") {
					t.Errorf("unexpected: %+v", d)
					continue
				}
				got += "*"
			}
			if got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}
