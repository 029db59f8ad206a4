package service

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/front/golden"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// run translates every stack of a case: those that Services declare or whose finalizers they carry.
func run(t *testing.T, name string) []intent.LoadBalancer {
	t.Helper()
	var input struct{ Config Config }
	v := objects.FromObjects(golden.Input(t, name, &input))
	var ids []stack.ID
	for _, svc := range v.Services("") {
		ids = append(ids, naming.StacksOfFinalizers(stack.Service, svc)...)
		id, ok, _ := StackOf(input.Config, svc)
		if ok {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b stack.ID) int { return strings.Compare(a.String(), b.String()) })
	var out []intent.LoadBalancer
	for _, id := range slices.Compact(ids) {
		out = append(out, Translate(v, input.Config, Load(v, input.Config, id)))
	}
	return out
}

func diagnostics(of []intent.LoadBalancer) (out diag.List) {
	for _, lb := range of {
		for i := range lb.Members {
			out = append(out, lb.Members[i].Diagnostics...)
		}
	}
	return out
}

// alone translates a Service with a load balancer of its own.
func alone(v *objects.View, cfg Config, svc *corev1.Service) intent.LoadBalancer {
	return Translate(v, cfg, Load(v, cfg, naming.StackID(svc.Namespace, svc.Name)))
}

func TestGoldenCases(t *testing.T) {
	t.Parallel()
	for _, name := range golden.Cases(t, "testdata") {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			golden.Compare(t, name, run(t, name))
		})
	}
}

func TestEveryBuiltAnnotationIsInACaseValidAndInvalid(t *testing.T) {
	t.Parallel()
	used, refused := map[annotation.Key]bool{}, map[annotation.Key]bool{}
	for _, name := range golden.Cases(t, "testdata") {
		var config struct{ Config Config }
		for _, o := range golden.Input(t, name, &config) {
			for k := range o.GetAnnotations() {
				if e, ok := annotation.Lookup(annotation.Key(k)); ok {
					used[e.Key] = true
				}
			}
		}
		for _, d := range diagnostics(run(t, name)) {
			if d.Class != diag.Note && d.Scope == "" {
				t.Errorf("%s: what it costs is not said: %s", name, d.Message())
			}
			k := strings.TrimSuffix(strings.TrimPrefix(d.Path, "metadata.annotations["), "]")
			if e, ok := annotation.Lookup(annotation.Key(k)); ok && d.Class != diag.Note {
				refused[e.Key] = true
			}
		}
	}
	// These take any value; what it means is known only where AWS is, or another value is the same as none.
	anything := map[annotation.Key]bool{
		annotation.ServiceType: true, annotation.ServiceSecurityGroups: true, annotation.ServiceEIPAllocations: true,
		annotation.ServicePrefixLists: true,
		annotation.ServiceICMP:        true, annotation.ServiceAccessLogBucket: true, annotation.ServiceAccessLogPrefix: true,
		annotation.ServiceCertificates: true, annotation.ServiceSSLPolicy: true, annotation.ServiceBackendProtocol: true,
		annotation.ServiceTCPUDPListener: true, annotation.ServiceDeleteDuplicates: true,
	}
	for _, e := range annotation.Entries() {
		if e.Scope != annotation.OnService {
			continue
		}
		if !used[e.Key] {
			t.Errorf("%s is in no case", e.Key)
		}
		if !refused[e.Key] && !anything[e.Key] {
			t.Errorf("%s is in no case with an invalid value", e.Key)
		}
	}
}

func TestAServiceIsOursByClassOrElseByAnnotations(t *testing.T) {
	t.Parallel()
	const lb, nodePort = corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort
	ours, other := "service.k8s.aws/nlb", "example.com/lb"
	now := metav1.Now()
	for _, c := range []struct {
		name       string
		config     Config
		class      *string
		kind       corev1.ServiceType
		lbType     string
		targetType string
		deleting   *metav1.Time
		want       bool
	}{
		{name: "our class", class: &ours, kind: lb, want: true},
		{name: "another class", class: &other, kind: lb, lbType: "external", targetType: "ip"},
		{name: "class of the flag", config: Config{LoadBalancerClass: other}, class: &other, kind: lb, want: true},
		{name: "default class beside the flag", config: Config{LoadBalancerClass: other}, class: &ours, kind: lb},
		{name: "no class", kind: lb},
		{name: "nlb-ip", kind: lb, lbType: "nlb-ip", want: true},
		{name: "nlb-ip with a blank", kind: lb, lbType: "nlb-ip "},
		{name: "nlb", kind: lb, lbType: "nlb"},
		{name: "external", kind: lb, lbType: "external"},
		{name: "external ip", kind: lb, lbType: "external", targetType: "ip", want: true},
		{name: "external instance", kind: lb, lbType: "external", targetType: "instance", want: true},
		{name: "external IP", kind: lb, lbType: "external", targetType: "IP"},
		{name: "external node port", kind: nodePort, lbType: "external", targetType: "ip", want: true},
		{name: "external node port, load balancers only", config: Config{LoadBalancerTypeOnly: true}, kind: nodePort,
			lbType: "external", targetType: "ip"},
		{name: "deleting", class: &ours, kind: lb, deleting: &now},
	} {
		svc := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: c.deleting, Annotations: map[string]string{
				string(annotation.ServiceType): c.lbType, string(annotation.ServiceTargetType): c.targetType,
			}},
			Spec: corev1.ServiceSpec{Type: c.kind, LoadBalancerClass: c.class},
		}
		if got := Supported(c.config, svc); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestAServiceOfAnotherControllerDeclaresNothing(t *testing.T) {
	t.Parallel()
	svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "b", Finalizers: []string{
		"service.k8s.aws/resources"}}}
	if e := alone(objects.FromObjects([]any{svc}), Config{}, svc); len(e.Members) != 0 ||
		e.Key.String() != "service.k8s.aws:a/b" {
		t.Errorf("%+v", e)
	}
	if !PendingFinalization(svc) {
		t.Error("the finalizer says that there is something to clean up")
	}
}

func TestPreservedAddressesAreSpelledAsAWSDoes(t *testing.T) {
	t.Parallel()
	for _, spelled := range []string{"true", "True", "1"} {
		svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: map[string]string{
			typeAnnotation: "external", targetTypeAnnotation: "ip",
			string(annotation.ServiceTGAttributes): "preserve_client_ip.enabled=" + spelled,
		}}}
		svc.Spec.Ports = []corev1.ServicePort{{Port: 80, Protocol: corev1.ProtocolTCP}}
		svc.Spec.Ports[0].TargetPort.IntVal = 8080
		m := alone(objects.FromObjects([]*corev1.Service{svc}), Config{}, svc).Members[0]
		got := m.Listeners[0].Default[0].Backends[0].TargetGroup.Attributes["preserve_client_ip.enabled"]
		if got != "true" || len(m.Diagnostics) > 0 {
			t.Errorf("%s: %q, %v", spelled, got, m.Diagnostics)
		}
	}
}
