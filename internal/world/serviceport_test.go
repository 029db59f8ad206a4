package world

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
		p, ok := FindPort(web(), written)
		if p.Port != want || ok != (want != 0) {
			t.Errorf("%q: %d %v, want %d", written, p.Port, ok, want)
		}
	}
	if got := DescribePorts(web()); got != "ports 80 (http), 81 (named), 82" {
		t.Error(got)
	}
	if got := DescribePorts(&corev1.Service{}); got != "no ports" {
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
		p, _ := FindPort(web(), c.port)
		if number, written := TargetPort(p, c.kind); number != c.number || written != c.written {
			t.Errorf("%s %s: %d %s, want %d %s", c.port, c.kind, number, written, c.number, c.written)
		}
	}
}
