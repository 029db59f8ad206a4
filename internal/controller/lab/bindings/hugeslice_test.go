package bindings

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestHugeSliceKeepsTargets has a tenant write an EndpointSlice of more endpoints than a target group can take, each of
// them as often as the slice has ports.
func TestHugeSliceKeepsTargets(t *testing.T) {
	t.Parallel()
	for name, of := range map[string]*corev1.ObjectReference{
		"a pod of another namespace": {Kind: "Pod", Namespace: "victim", Name: "p"},
		"no pod":                     nil,
		"one pod":                    {Kind: "Pod", Namespace: "shop", Name: "web-a-0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, b := lab.BoundLab(t)
			served := l.Targets(b.Spec.TargetGroupARN)
			s := lab.Pods("huge")[0].(*discoveryv1.EndpointSlice)
			s.Ports = nil
			for n := range 20_000 {
				s.Ports = append(s.Ports, discoveryv1.EndpointPort{Name: ptr.To("http"), Port: ptr.To(int32(1 + n))})
			}
			for n := range 1000 {
				s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{TargetRef: of,
					Addresses: []string{fmt.Sprintf("10.0.%d.%d", 130+n/250, 1+n%250)}})
			}
			l.Create(s)
			l.Settle()
			if got := l.Targets(b.Spec.TargetGroupARN); len(got) != 1 || !slices.Equal(got, served) {
				t.Errorf("targets %v, want %v", got, served)
			}
			l.ToldOnce("TargetGroupBinding shop/bound FailedReconcile: EndpointSlices of the Service have 20000001 pairs")
			l.Must(l.Client.Delete(t.Context(), s))
			l.Settle()
			if l.Get(b, b.Name); !lab.Ready(b) {
				t.Errorf("conditions %+v", b.Status.Conditions)
			}
		})
	}
}
