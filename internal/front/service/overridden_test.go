package service

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestOverriddenRestrictionIsAWarning has restrictions of a Service that another setting of the Service overrides.
func TestOverriddenRestrictionIsAWarning(t *testing.T) {
	t.Parallel()
	type notes map[annotation.Key]string
	for name, c := range map[string]struct {
		notes  notes
		spec   []string // spec.loadBalancerSourceRanges
		key    annotation.Key
		guards bool
	}{
		"internal, beside a public scheme": {notes{annotation.ServiceInternal: "true",
			annotation.ServiceScheme: "internet-facing"}, nil, annotation.ServiceInternal, true},
		"public, beside an internal scheme": {notes{annotation.ServiceInternal: "false",
			annotation.ServiceScheme: "internal"}, nil, annotation.ServiceInternal, false},
		"wider ranges in the spec": {notes{annotation.ServiceSourceRanges: "10.0.0.0/8"}, []string{"0.0.0.0/0"},
			annotation.ServiceSourceRanges, true},
		"narrower ranges in the spec": {notes{annotation.ServiceSourceRanges: "10.0.0.0/8"}, []string{"10.1.0.0/16"},
			annotation.ServiceSourceRanges, false},
		"named groups": {notes{annotation.ServiceSourceRanges: "10.0.0.0/8", annotation.ServiceSecurityGroups: "sg-1"}, nil,
			annotation.ServiceSourceRanges, true},
		"named groups, and all addresses": {notes{annotation.ServiceSourceRanges: "0.0.0.0/0",
			annotation.ServiceSecurityGroups: "sg-1"}, nil, annotation.ServiceSourceRanges, false},
		"named groups, and ICMP": {notes{annotation.ServiceICMP: "on", annotation.ServiceSecurityGroups: "sg-1"}, nil,
			annotation.ServiceICMP, false},
	} {
		svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: map[string]string{
			string(annotation.ServiceType): "nlb-ip"}}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer,
			LoadBalancerSourceRanges: c.spec, Ports: []corev1.ServicePort{{Port: 80}}}}
		for k, v := range c.notes {
			svc.Annotations[string(k)] = v
		}
		found := alone(objects.FromObjects([]metav1.Object{svc}), Config{}, svc).Members[0].Diagnostics
		at := slices.IndexFunc(found, func(d diag.Diagnostic) bool {
			return d.Path == c.key.Path() && strings.Contains(d.Text, "has no effect together with")
		})
		if at < 0 || c.guards != (found[at].Code == diag.GuardNotApplied) {
			t.Errorf("%s: %v", name, found)
		}
	}
}
