package verify

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/awssim/simclient"
)

func texts(requests []Request) []string {
	var all []string
	for _, r := range requests {
		all = append(all, map[Kind]string{OK: "200 ", Answer: "any ", Connect: ""}[r.Kind]+r.String())
	}
	return all
}

func TestAnIngressPromisesAnAnswerForEachPathAtEachListener(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ingress string
		want    []string
	}{
		"hosts, wildcards and conditions": {`
metadata:
  annotations: {alb.ingress.kubernetes.io/conditions.v1: '[]'}
spec:
  rules:
  - host: "*.example.com"
    http: {paths: [{path: /api/*, pathType: ImplementationSpecific, backend: {service: {name: api, port: {number: 80}}}}]}
  - http:
      paths:
      - {path: /a, pathType: Prefix, backend: {service: {name: v1, port: {number: 80}}}}
      - {path: /b, pathType: Exact, backend: {service: {name: redirect, port: {name: use-annotation}}}}
status: {loadBalancer: {ingress: [{hostname: lb.elb, ports: [{port: 80}]}]}}`,
			[]string{"200 http://any.example.com:80/api/", "any http://lb.elb:80/a", "any http://lb.elb:80/b"}},
		"listen-ports": {`
metadata:
  annotations: {alb.ingress.kubernetes.io/listen-ports: '[{"HTTP": 8080}, {"HTTPS": 8443}]'}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}
status: {loadBalancer: {ingress: [{hostname: lb.elb}]}}`,
			[]string{"200 http://lb.elb:8080/", "200 https://lb.elb:8443/"}},
		"a certificate alone means HTTPS": {`
metadata:
  annotations: {alb.ingress.kubernetes.io/certificate-arn: arn}
spec: {defaultBackend: {service: {name: web, port: {number: 80}}}}
status: {loadBalancer: {ingress: [{hostname: lb.elb}]}}`,
			[]string{"200 https://lb.elb:443/"}},
	} {
		var i networkingv1.Ingress
		if err := yaml.Unmarshal([]byte(c.ingress), &i); err != nil {
			t.Fatal(err)
		}
		got, err := OfIngress(&i)
		if d := cmp.Diff(c.want, texts(got)); err != nil || d != "" {
			t.Errorf("%s: %v %s", name, err, d)
		}
	}
	if _, err := OfIngress(&networkingv1.Ingress{}); err == nil {
		t.Error("an Ingress without address: no error")
	}
}

func TestAServicePromisesItsPorts(t *testing.T) {
	t.Parallel()
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{nlbPrefix + "ssl-cert": "arn", nlbPrefix +
			"ssl-ports": "443, secure"}},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{
			{Name: "http", Port: 80}, {Name: "a", Port: 443}, {Name: "secure", Port: 8443}, {Name: "raw", Port: 9000},
			{Port: 53, Protocol: corev1.ProtocolUDP},
		}},
		Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{
			{Hostname: "lb.elb"}}}},
	}
	got, err := OfService(s, func(p corev1.ServicePort) bool { return p.Name != "raw" })
	want := []string{"200 http://lb.elb:80/", "200 https://lb.elb:443/", "200 https://lb.elb:8443/", "connect lb.elb:9000"}
	if d := cmp.Diff(want, texts(got)); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
}

func TestTheDifferenceNamesWhatWasLeftAndWhatIsMissing(t *testing.T) {
	t.Parallel()
	before := simclient.Resources{SecurityGroups: []simclient.SecurityGroup{
		{ID: "sg-1", Name: "node", Ingress: []simclient.Permission{
			{Protocol: "tcp", From: 80, To: 80, Peer: "sg-2"},
		}}}}
	after := simclient.Resources{
		SecurityGroups: []simclient.SecurityGroup{{ID: "sg-1", Name: "node", Tags: map[string]string{"a": "b"}}},
		TargetGroups: []simclient.TargetGroup{
			{ARN: "arn:tg", Name: "tg", Targets: []simclient.Target{{ID: "i-1", Port: 80}}}},
	}
	want := []string{
		"+ security group sg-1 (node) tag a=b", "+ target group arn:tg", "+ target i-1:80 of tg",
		`- inbound rule of sg-1: tcp 80 from sg-2 ""`,
	}
	if d := cmp.Diff(want, Difference(before, after)); d != "" {
		t.Error(d)
	}
	if d := Difference(after, after); len(d) > 0 {
		t.Errorf("an account differs from itself: %v", d)
	}
}
