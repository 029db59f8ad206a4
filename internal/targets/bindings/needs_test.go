package bindings

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// podOf is a pod whose containers call a port "serve".
func podOf(name string, port int32) client.Object {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	p.Spec.Containers = []corev1.Container{
		{Name: "log"}, {Name: "app", Ports: []corev1.ContainerPort{{Name: "serve", ContainerPort: port}}}}
	return p
}

func TestAPortByNameIsWhatEachPodCallsSo(t *testing.T) {
	t.Parallel()
	b := &Networks{Cluster: readable.Cluster{Reader: fake.NewClientBuilder().WithObjects(podOf("a", 8080),
		podOf("b", 9090), podOf("c", 8080)).Build()}}
	members := func(pods ...string) (out []registrar.Endpoint) {
		for _, p := range pods {
			out = append(out, registrar.Endpoint{Namespace: "shop", Pod: p})
		}
		return out
	}
	named, number := ptr.To(intstr.FromString("serve")), ptr.To(intstr.FromInt32(8443))
	span := func(from, to int32) sgsync.Ports { return sgsync.Ports{From: from, To: to} }
	for name, c := range map[string]struct {
		port    *intstr.IntOrString
		kind    v1beta1.TargetType
		members []registrar.Endpoint
		want    []sgsync.Ports
		wrong   string
	}{
		"a number needs no pods": {number, v1beta1.TargetTypeIP, nil, []sgsync.Ports{span(8443, 8443)}, ""},
		"a number of nodes":      {number, v1beta1.TargetTypeInstance, nil, []sgsync.Ports{span(8443, 8443)}, ""},
		"no port is all ports":   {nil, v1beta1.TargetTypeIP, members("a"), []sgsync.Ports{span(0, 65535)}, ""},
		"a name is each number once": {named, v1beta1.TargetTypeIP, members("a", "b", "c"), []sgsync.Ports{
			span(8080, 8080), span(9090, 9090)}, ""},
		"a name of nobody yet": {named, v1beta1.TargetTypeIP, nil, nil, ""},
		"a name that a pod does not have": {ptr.To(intstr.FromString("other")), v1beta1.TargetTypeIP, members("a"), nil,
			"no container of these pods has a port named other: shop/a"},
		"nodes have no names of ports": {named, v1beta1.TargetTypeInstance, members("a"), nil,
			"named ports can only be used with pod endpoints"},
	} {
		o := &v1beta1.TargetGroupBinding{Spec: v1beta1.TargetGroupBindingSpec{TargetType: &c.kind}}
		got, wrong := b.portNumbers(t.Context(), o, v1beta1.NetworkingPort{Port: c.port}, c.members)
		if !slices.Equal(got, c.want) || (wrong.Text != "") != (c.wrong != "") || !strings.Contains(wrong.Text, c.wrong) {
			t.Errorf("%s: %v, %+v; want %v, %q", name, got, wrong, c.want, c.wrong)
		}
	}
}
