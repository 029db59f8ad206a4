package probe

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// web is a Service of ports 80, which leads to 8080, 81, which leads to the port "admin", and 82, which leads to 9090.
func web() *corev1.Service {
	svc := &corev1.Service{Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web"}, Ports: []corev1.ServicePort{
		{Name: "http", Port: 80, TargetPort: intstr.FromInt32(8080), NodePort: 30080},
		{Name: "admin", Port: 81, TargetPort: intstr.FromString("admin"), NodePort: 30081},
		{Name: "metrics", Port: 82, TargetPort: intstr.FromInt32(9090), NodePort: 30082},
	}}}
	svc.Namespace, svc.Name = "shop", "web"
	return svc
}

func pod(t *testing.T, spec string) *corev1.Pod {
	t.Helper()
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1", Labels: map[string]string{
		"app": "web"}}}
	if err := yaml.UnmarshalStrict([]byte(spec), &p.Spec); err != nil {
		t.Fatal(err)
	}
	return p
}

var usual = stack.HealthCheck{
	Protocol: "HTTP", Port: stack.TrafficPort, Path: "/", Matcher: "200", IntervalSeconds: 15, TimeoutSeconds: 5,
	HealthyThreshold: 2, UnhealthyThreshold: 2,
}

func check(protocol, port, path, matcher string, times ...int32) stack.HealthCheck {
	return stack.HealthCheck{Protocol: protocol, Port: port, Path: path, Matcher: matcher,
		IntervalSeconds: times[0], TimeoutSeconds: times[1], HealthyThreshold: times[2], UnhealthyThreshold: times[3]}
}

func TestAReadinessProbeBecomesAHealthCheckThatDoesTheSame(t *testing.T) {
	t.Parallel()
	ip, grpc, nlb := Group{TargetType: stack.TargetIP}, Group{TargetType: stack.TargetIP, ProtocolVersion: "GRPC"},
		Group{TargetType: stack.TargetIP, Network: true}
	nodes := Group{TargetType: stack.TargetInstance}
	for name, c := range map[string]struct {
		group Group
		port  int // of the Service, by index
		spec  string
		want  stack.HealthCheck
	}{
		"httpGet on the port of the traffic, by number": {
			ip, 0,
			`{containers: [{name: web, ports: [{containerPort: 8080}], readinessProbe: {httpGet: {path: /ready, port: 8080}}}]}`,
			check("HTTP", "traffic-port", "/ready", "200-399", 10, 2, 2, 3)},
		"httpGet by name, over TLS, with times of its own": {
			ip, 0, `{containers: [{name: web, ports: [{name: web, containerPort: 8080}],
			readinessProbe: {httpGet: {path: /ready, port: web, scheme: HTTPS}, periodSeconds: 20, timeoutSeconds: 7, successThreshold: 4, failureThreshold: 5}}]}`,
			check("HTTPS", "traffic-port", "/ready", "200-399", 20, 7, 4, 5)},
		"times beyond the bounds of AWS": {
			ip, 0,
			`{containers: [{name: web, readinessProbe: {httpGet: {path: ready, port: 8080}, periodSeconds: 1, timeoutSeconds: 30, successThreshold: 1, failureThreshold: 60}}]}`,
			check("HTTP", "traffic-port", "/ready", "200-399", 5, 4, 2, 10)},
		"a period longer than AWS has": {
			ip, 0,
			`{containers: [{name: web, readinessProbe: {httpGet: {port: 8080}, periodSeconds: 600, timeoutSeconds: 300}}]}`,
			check("HTTP", "traffic-port", "/", "200-399", 300, 120, 2, 3)},
		"a port of its own": {
			ip, 0,
			`{containers: [{name: web, ports: [{containerPort: 8080}, {name: health, containerPort: 9090}], readinessProbe: {httpGet: {path: /ready, port: health}}}]}`,
			check("HTTP", "9090", "/ready", "200-399", 10, 2, 2, 3)},
		"a port of its own, where targets are nodes": {
			nodes, 0,
			`{containers: [{name: web, ports: [{containerPort: 8080}], readinessProbe: {httpGet: {path: /ready, port: 9090}}}]}`,
			check("HTTP", "30082", "/ready", "200-399", 10, 2, 2, 3)},
		"a named port of its own, where targets are nodes": {
			nodes, 0,
			`{containers: [{name: web, ports: [{containerPort: 8080}, {name: admin, containerPort: 7000}], readinessProbe: {httpGet: {path: /ready, port: admin}}}]}`,
			check("HTTP", "30081", "/ready", "200-399", 10, 2, 2, 3)},
		"the port of the traffic, where targets are nodes": {
			nodes, 0,
			`{containers: [{name: web, ports: [{containerPort: 8080}], readinessProbe: {httpGet: {path: /ready, port: 8080}}}]}`,
			check("HTTP", "traffic-port", "/ready", "200-399", 10, 2, 2, 3)},
		"the container of a named port, of several": {
			ip, 1, `{containers: [{name: proxy, ports: [{containerPort: 8080}], readinessProbe: {exec: {command: [ok]}}},
			{name: web, ports: [{name: admin, containerPort: 7000}], readinessProbe: {httpGet: {path: /admin, port: admin}}}]}`,
			check("HTTP", "traffic-port", "/admin", "200-399", 10, 2, 2, 3)},
		"the container whose probe is of the port, of several that declare none": {
			ip, 0,
			`{containers: [{name: agent, readinessProbe: {httpGet: {path: /agent, port: 7000}}}, {name: web, readinessProbe: {httpGet: {path: /ready, port: 8080}}}]}`,
			check("HTTP", "traffic-port", "/ready", "200-399", 10, 2, 2, 3)},
		"a sidecar that serves the port": {
			ip, 0, `{containers: [{name: web, readinessProbe: {httpGet: {path: /web, port: 3000}}}],
			initContainers: [{name: proxy, restartPolicy: Always, ports: [{containerPort: 8080}], readinessProbe: {httpGet: {path: /proxy, port: 8080}}}]}`,
			check("HTTP", "traffic-port", "/proxy", "200-399", 10, 2, 2, 3)},
		"grpc, of a target group of version GRPC": {
			grpc, 0, `{containers: [{name: web, ports: [{containerPort: 8080}], readinessProbe: {grpc: {port: 8080}}}]}`,
			check("HTTP", "traffic-port", "/grpc.health.v1.Health/Check", "0", 10, 2, 2, 3)},
		"grpc, of a network load balancer": {
			nlb, 0, `{containers: [{name: web, ports: [{containerPort: 8080}], readinessProbe: {grpc: {port: 8080}}}]}`,
			check("TCP", "traffic-port", "", "", 10, 2, 2, 3)},
		"tcpSocket, of a network load balancer": {
			nlb, 0, `{containers: [{name: web, ports: [{containerPort: 8080}], readinessProbe: {tcpSocket: {port: 9000}}}]}`,
			check("TCP", "9000", "", "", 10, 2, 2, 3)},
		"httpGet, of a network load balancer": {
			nlb, 0,
			`{containers: [{name: web, ports: [{containerPort: 8080}], readinessProbe: {httpGet: {path: /ready, port: 8080}}}]}`,
			check("HTTP", "traffic-port", "/ready", "200-399", 10, 2, 2, 3)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.group.Service = web()
			c.group.Port = c.group.Service.Spec.Ports[c.port]
			got, problem := c.group.HealthCheck(objects.FromObjects([]any{c.group.Service, pod(t, c.spec)}), usual)
			if diff := cmp.Diff(c.want, got); diff != "" || problem != "" {
				t.Errorf("%s (-want +got):\n%s", problem, diff)
			}
		})
	}
}

func TestUnsupportedProbeKeepsUsualHealthCheck(t *testing.T) {
	t.Parallel()
	ip, grpc, nodes := Group{TargetType: stack.TargetIP}, Group{TargetType: stack.TargetIP, ProtocolVersion: "GRPC"},
		Group{TargetType: stack.TargetInstance}
	for name, c := range map[string]struct {
		group Group
		port  int
		local bool
		spec  string
		want  string
	}{
		"no probe": {ip, 0, false, `{containers: [{name: web}]}`, "container web has no readiness probe"},
		"exec": {ip, 0, false, `{containers: [{name: web, readinessProbe: {exec: {command: [ok]}}}]}`,
			"is of kind exec, and health checks of this target group cannot use probes of kind exec"},
		"tcpSocket": {ip, 0, false, `{containers: [{name: web, readinessProbe: {tcpSocket: {port: 8080}}}]}`, "is of kind tcpSocket"},
		"grpc":      {ip, 0, false, `{containers: [{name: web, readinessProbe: {grpc: {port: 8080}}}]}`, "is of kind grpc"},
		"grpc with the name of a service": {
			grpc, 0, false, `{containers: [{name: web, readinessProbe: {grpc: {port: 8080, service: cart}}}]}`,
			`asks for the health of gRPC service "cart"`},
		"httpGet of a target group of version GRPC": {
			grpc, 0, false, `{containers: [{name: web, readinessProbe: {httpGet: {port: 8080}}}]}`, "is checked by gRPC"},
		"several containers and no declared port": {ip, 0, false, `{containers: [{name: a}, {name: b}]}`,
			"which of 2 containers serves port 8080 is not known"},
		"a named port that no container has": {ip, 1, false, `{containers: [{name: web}]}`,
			"no container has a port named admin"},
		"a probe of a named port that is not there": {
			ip, 0, false, `{containers: [{name: web, readinessProbe: {httpGet: {port: health}}}]}`,
			"container web has no port named health"},
		"a port that no node port leads to": {
			nodes, 0, false,
			`{containers: [{name: web, ports: [{containerPort: 8080}], readinessProbe: {httpGet: {port: 7000}}}]}`,
			"no node port of the Service leads there"},
		"a path that is too long": {
			ip, 0, false, `{containers: [{name: web, readinessProbe: {httpGet: {port: 8080, path: "/` +
				strings.Repeat("x", 1024) + `"}}}]}`, "more than 1024 characters"},
		"nodes under external traffic policy Local": {Group{TargetType: stack.TargetInstance, Network: true}, 0, true,
			`{containers: [{name: web, readinessProbe: {httpGet: {port: 8080}}}]}`, "health check node port"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.group.Service = web()
			if c.local {
				c.group.Service.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
			}
			c.group.Port = c.group.Service.Spec.Ports[c.port]
			got, problem := c.group.HealthCheck(objects.FromObjects([]any{c.group.Service, pod(t, c.spec)}), usual)
			if diff := cmp.Diff(usual, got); diff != "" || !strings.Contains(problem, c.want) ||
				!strings.HasPrefix(problem, "pod web-1 of Service shop/web: ") {
				t.Errorf("%q (-want +got):\n%s", problem, diff)
			}
		})
	}
}

func TestWithoutAPodTheTargetGroupKeepsTheHealthCheckThatItHas(t *testing.T) {
	t.Parallel()
	g := Group{Service: web(), Port: web().Spec.Ports[0], TargetType: stack.TargetIP}
	if got, problem := g.HealthCheck(objects.FromObjects([]any{g.Service}), usual); got != (stack.HealthCheck{}) ||
		problem != "" {
		t.Errorf("%+v, %q", got, problem)
	}
}

// unreadable refuses to read pods.
type unreadable struct{ objects.Snapshot }

func (unreadable) Why(objects.Kind, string, string) error { return errors.New("forbidden") }

func TestPodsThatCannotBeReadAreAProblem(t *testing.T) {
	t.Parallel()
	g := Group{Service: web(), Port: web().Spec.Ports[0], TargetType: stack.TargetIP}
	if got, problem := g.HealthCheck(objects.New(unreadable{objects.Snapshot{}}), usual); got != (stack.HealthCheck{}) ||
		!strings.Contains(problem, "the pods of Service shop/web cannot be read: forbidden") {
		t.Errorf("%+v, %q", got, problem)
	}
}
