package bindings

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

func TestABranchInterfaceIsThatOfThePodsAddressOfEitherFamily(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: map[string]string{
		PodENIAnnotation: `[{"eniId": "eni-4", "privateIp": "10.0.0.4"}, {"eniId": "eni-6", "privateIp": "10.0.0.6", "ipv6Addr": "2001:db8::6"}]`,
	}}}
	plain := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "plain"}}
	p := &placement{
		of: &Networks{Cluster: readable.Cluster{Reader: fake.NewClientBuilder().WithObjects(pod, plain).Build()}}}
	for _, c := range []struct{ pod, address, want string }{
		{"web", "10.0.0.4", "eni-4"}, {"web", "10.0.0.6", "eni-6"}, {"web", "2001:db8::6", "eni-6"}, {"web", "10.0.0.5", ""},
		{"web", "", ""}, {"plain", "10.0.0.4", ""}, {"nobody", "10.0.0.4", ""},
	} {
		e := registrar.Endpoint{Target: registrar.Target{ID: c.address}, Namespace: "shop", Pod: c.pod}
		if got, known := p.branchInterface(t.Context(), &e); got != c.want || known != (c.pod != "nobody") {
			t.Errorf("%s at %s: %q, want %q, known %t", c.pod, c.address, got, c.want, known)
		}
	}
}
