package ingresses

import (
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestARefusedLoadBalancerHasNoBindings has AWS refuse the load balancer of an Ingress for some time. Pods wait for
// their readiness gates of each binding, so a binding without a load balancer would stop rollouts.
func TestARefusedLoadBalancerHasNoBindings(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
	_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "refused", Action: "CreateLoadBalancer", Code: "TooManyLoadBalancers",
		Message: "refused"})
	l.Must(err)
	bindings := func(want int) {
		t.Helper()
		list := &v1beta1.TargetGroupBindingList{}
		l.Must(l.Client.List(t.Context(), list))
		if len(list.Items) != want {
			t.Errorf("%d bindings, want %d", len(list.Items), want)
		}
	}
	l.Create(lab.Ingress("web", nil, "web"))
	l.Pass(time.Minute, nil, lab.Key("web"))
	bindings(0)
	l.Sim.Gate.RemoveFault("refused")
	l.Pass(10*time.Minute, nil, lab.Key("web"))
	bindings(1)
}
