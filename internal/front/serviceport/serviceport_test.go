package serviceport

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func web() *corev1.Service {
	svc := &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{
		{Name: "http", Port: 80, TargetPort: intstr.FromInt32(8080), NodePort: 30080},
		{Name: "named", Port: 81, TargetPort: intstr.FromString("web")},
		{Port: 82},
	}}}
	svc.Namespace, svc.Name = "shop", "web"
	return svc
}

func TestAPortIsFoundByNumberOrName(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]int32{"80": 80, "http": 80, "82": 82, "8080": 0, "": 82, "x": 0} {
		p, ok := Find(web(), written)
		if p.Port != want || ok != (want != 0) {
			t.Errorf("%q: %d %v, want %d", written, p.Port, ok, want)
		}
	}
	if got := Describe(web()); got != "ports 80 (http), 81 (named), 82" {
		t.Error(got)
	}
	if got := Describe(&corev1.Service{}); got != "no ports" {
		t.Error(got)
	}
	wide := &corev1.Service{}
	for i := range int32(12) {
		wide.Spec.Ports = append(wide.Spec.Ports, corev1.ServicePort{Port: 1 + i})
	}
	if got := Describe(wide); got != "ports 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more" {
		t.Error(got)
	}
}

func TestTargetsListenOnTheNodePortOrTheTargetPort(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		port, kind string
		number     int32
		written    string
	}{
		{"80", "ip", 8080, "8080"},
		{"80", "instance", 30080, "30080"},
		{"81", "ip", 1, "web"},
		{"81", "instance", 0, "0"},
		{"82", "ip", 82, "82"},
	} {
		p, _ := Find(web(), c.port)
		if number, written := Target(p, c.kind); number != c.number || written != c.written {
			t.Errorf("%s %s: %d %s, want %d %s", c.port, c.kind, number, written, c.number, c.written)
		}
	}
}

func TestAHealthCheckPortIsANumberTheTrafficPortOrAName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ written, kind, want, problem string }{
		{"traffic-port", "ip", "traffic-port", ""},
		{"8081", "ip", "8081", ""},
		{"70000", "ip", "", "health check port 70000 is not a number from 1 to 65535"},
		{"http", "ip", "8080", ""},
		{"http", "instance", "30080", ""},
		{"named", "ip", "", "the health check names port \"named\" of Service shop/web, whose targetPort is a name too: " +
			"targets of type ip need a number"},
		{"named", "instance", "", "port \"named\" of Service shop/web, which the health check names, has no node port"},
		{"nosuch", "instance", "", "Service shop/web has no port \"nosuch\", which the health check names; " +
			"it has ports 80 (http), 81 (named), 82"},
	} {
		got, problem, remedy := HealthCheck(web(), c.written, c.kind)
		if got != c.want || problem != c.problem || (remedy != "") != (problem != "") {
			t.Errorf("%s %s: %q, %q, %q", c.written, c.kind, got, problem, remedy)
		}
	}
}
