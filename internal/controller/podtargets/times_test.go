package podtargets

import (
	"fmt"
	"testing"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// counted is a loader that counts its loads.
type counted struct {
	front.Loader
	loads  int
	during func()
}

func (c *counted) Load(v *objects.View, id stack.ID) front.Input {
	c.loads++
	out := c.Loader.Load(v, id)
	if c.during != nil {
		c.during()
	}
	return out
}

func TestAStackIsLoadedOnceForAllBindingsUntilItChanges(t *testing.T) {
	t.Parallel()
	c, err := config.Parse([]string{"--cluster-name=demo"})
	if err != nil {
		t.Fatal(err)
	}
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "front"}}
	declared := func(seconds int) *objects.View {
		return view(t, web+ingress("", fmt.Sprintf("alb.ingress.kubernetes.io/target-group-attributes: "+
			"deregistration_delay.timeout_seconds=%d", seconds), "web"))
	}
	of := func(name string, labels map[string]string) *v1beta1.TargetGroupBinding {
		protocol := "HTTP"
		if name == "unknown" { // that of a target group of another protocol, which the stack declared before
			protocol = "HTTPS"
		}
		b := view(t, binding(name, "ip", protocol)).TargetGroupBindings("shop")[0]
		b.Labels = labels
		return b
	}
	f := FromFlags(c)
	l := &counted{Loader: f.Loaders[stack.Ingress]}
	f.Loaders[stack.Ingress] = l
	name := f.Of(declared(5), podOf("web"))[0].Binding
	l.loads = 0
	times := NewTimes(f)
	for range 3 {
		if n := times.Seconds(declared(5), of(name, naming.Labels(key))); n != 20 {
			t.Errorf("%d seconds, want 15 and the declared delay of 5", n)
		}
		if n := times.Seconds(declared(5), of("named-before-an-edit", naming.Labels(key))); n != 20 {
			t.Errorf("%d seconds of a binding that keeps its former name", n)
		}
		if n := times.Seconds(declared(5), of("unknown", naming.Labels(key))); n != 45 {
			t.Errorf("%d seconds of a binding that its stack does not declare any more", n)
		}
		if n := times.Seconds(declared(5), of("mine", nil)); n != 45 {
			t.Errorf("%d seconds of a binding of a user", n)
		}
	}
	if l.loads != 1 {
		t.Errorf("%d loads of a stack that does not change", l.loads)
	}
	for binding, dropped := range map[*v1beta1.TargetGroupBinding]bool{of(name, naming.Labels(key)): false,
		of("named-before-an-edit", naming.Labels(key)): false, of("unknown", naming.Labels(key)): true,
		of("mine", nil): false} {
		if got := times.Dropped(declared(5), binding); got != dropped {
			t.Errorf("binding %s is dropped by its stack: %t", binding.Name, got)
		}
	}
	l.loads = 1
	l.during = func() { times.Changed(key) } // while it is being loaded
	times.Changed(key)
	times.Seconds(declared(5), of(name, naming.Labels(key)))
	l.during = nil
	if n := times.Seconds(declared(7), of(name, naming.Labels(key))); n != 22 || l.loads != 3 {
		t.Errorf("%d seconds after %d loads of a stack that has changed", n, l.loads)
	}
}
