package annotation

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k8s-lbc/lbc/internal/diag"
)

func backend() *corev1.Service {
	svc := &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{
		{Name: "http", Port: 80, TargetPort: intstr.FromInt32(8080), NodePort: 30080},
		{Name: "named", Port: 81, TargetPort: intstr.FromString("web")},
		{Port: 82},
	}}}
	svc.Namespace, svc.Name = "shop", "web"
	return svc
}

func TestAHealthCheckPortIsANumberTheTrafficPortOrAName(t *testing.T) {
	t.Parallel()
	const k = HealthCheckPort
	for _, c := range []struct {
		value, kind, want string
		bad               bool
	}{
		{value: "traffic-port", kind: "ip", want: "traffic-port"},
		{value: "8081", kind: "ip", want: "8081"},
		{value: "70000", kind: "ip", want: "70000", bad: true},
		{value: "http", kind: "ip", want: "8080"},
		{value: "http", kind: "instance", want: "30080"},
		{value: "named", kind: "ip", want: "default", bad: true},
		{value: "named", kind: "instance", want: "default", bad: true},
		{value: "nosuch", kind: "instance", want: "default", bad: true},
	} {
		f := &Findings{}
		read := NewReader(f, diag.Object{}, map[string]string{string(k): c.value})
		if got := read.HealthCheckPort(k, backend(), c.kind, "default"); got != c.want || (f.List() != nil) != c.bad {
			t.Errorf("%s %s: %s, %v", c.value, c.kind, got, f.List())
		}
	}
	if got := NewReader(&Findings{}, diag.Object{}, nil).HealthCheckPort(k, backend(), "ip", "default"); got != "default" {
		t.Error(got)
	}
}
