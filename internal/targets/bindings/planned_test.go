package bindings

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

func TestPlannedBindingsAreRecognised(t *testing.T) {
	t.Parallel()
	b := stack.Binding{
		Namespace: "shop", Name: "k8s-shop-web", TargetGroup: stack.Literal(stack.KindTargetGroup, "arn:web"),
		TargetType: "ip", ServiceName: "web", ServicePort: "80",
		Networking: []stack.NetworkingRule{{FromCIDRs: []string{"0.0.0.0/0"}, Ports: []stack.NetworkingPort{
			{Protocol: "TCP", Port: "8080"}}}},
	}
	object := func(change func(*v1beta1.TargetGroupBinding)) *v1beta1.TargetGroupBinding {
		o := &v1beta1.TargetGroupBinding{Spec: bindingobject.BindingSpec(b)}
		o.Namespace, o.Name = b.Namespace, b.Name
		change(o)
		return o
	}
	p, told := &Planned{}, 0
	p.Changed = func(types.NamespacedName) { told++ }
	p.Note(b)
	p.Note(b)
	if told != 1 {
		t.Errorf("told %d times", told)
	}
	for name, c := range map[string]struct {
		change          func(*v1beta1.TargetGroupBinding)
		is, isElsewhere bool
	}{
		"as planned":         {func(*v1beta1.TargetGroupBinding) {}, true, false},
		"with fields of AWS": {func(o *v1beta1.TargetGroupBinding) { o.Spec.VpcID = "vpc-1" }, true, false},
		"another port": {func(o *v1beta1.TargetGroupBinding) {
			o.Spec.Networking.Ingress[0].Ports[0].Port.IntVal = 22
		}, false, false},
		"no port": {func(o *v1beta1.TargetGroupBinding) {
			o.Spec.Networking.Ingress[0].Ports[0].Port = nil
		}, false, false},
		"another source": {func(o *v1beta1.TargetGroupBinding) {
			o.Spec.Networking.Ingress[0].From[0].IPBlock.CIDR = "::/0"
		}, false, false},
		"another Service": {func(o *v1beta1.TargetGroupBinding) { o.Spec.ServiceRef.Name = "mine" },
			false, false},
		"another target group": {func(o *v1beta1.TargetGroupBinding) { o.Spec.TargetGroupARN = "arn:mine" },
			false, false},
		"a copy under another name":   {func(o *v1beta1.TargetGroupBinding) { o.Name = "copy" }, false, true},
		"a copy in another namespace": {func(o *v1beta1.TargetGroupBinding) { o.Namespace = "evil" }, false, true},
	} {
		o := object(c.change)
		if p.Is(o) != c.is || p.Elsewhere(o) != c.isElsewhere {
			t.Errorf("%s: planned %t, another one is %t", name, p.Is(o), p.Elsewhere(o))
		}
	}
	p.Forget(types.NamespacedName{Namespace: b.Namespace, Name: b.Name})
	if p.Is(object(func(*v1beta1.TargetGroupBinding) {})) || p.Len() != 0 {
		t.Error("it is not forgotten")
	}
}
