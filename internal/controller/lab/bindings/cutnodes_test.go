package bindings

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// newCutNodes has a binding of two nodes, one of which the cache lacks if its list is cut off.
func newCutNodes(t *testing.T) (c *cutting, node *corev1.Node) {
	t.Helper()
	svc := lab.Service("web")
	svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	seen := slices.IndexFunc([]string{"x", "y", "z", "seen"}, func(name string) bool { return !lab.CutOff(name) })
	if seen < 0 || !lab.CutOff("a") {
		t.Fatal("the nodes are not cut off as the test needs it")
	}
	node = lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1")
	c = &cutting{Lab: lab.New(t, account.Profile{}, svc, node, lab.Node([]string{"x", "y", "z", "seen"}[seen],
		"aws:///us-west-2a/i-0a1de0000000000a2"))}
	for _, id := range []string{"i-0a1de0000000000a2", "i-0a1de0000000000a3"} {
		c.Sim.Account.Lock()
		_, err := c.Sim.Account.AddInstance(&vpc.Instance{ID: id}, "subnet-0a1de0000000000a2",
			[]string{"sg-0a1de000000000001"}, netip.Addr{})
		c.Sim.Account.Unlock()
		c.Must(err)
	}
	c.Misreads, c.Checkpointed = &lab.Misreads{}, true
	c.Restart()
	c.arn = c.TargetGroup(elbtypes.TargetTypeEnumInstance)
	b := lab.Binding(c.arn, v1beta1.TargetTypeInstance)
	b.Spec.Networking = lab.NetworkingOf(lab.Peer + " 30080")
	c.Create(b)
	c.Settle()
	c.first, c.want = []string{"i-0a1de0000000000a2:30080"}, []string{"i-0a1de0000000000a1:30080",
		"i-0a1de0000000000a2:30080"}
	c.expect("at first", c.want)
	return c, node
}

// TestCacheWithoutSomeNodesDeregistersNothing has the cache lack one of two nodes, while the API server has it.
func TestCacheWithoutSomeNodesDeregistersNothing(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"list cut off", "list cut off, denied"} {
		for when, restart := range map[string]func(*cutting){
			"running": func(*cutting) {}, "restart": func(c *cutting) { c.restart(false) },
			"restart with checkpoint": func(c *cutting) { c.restart(true) },
		} {
			t.Run(way+", "+when, func(t *testing.T) {
				t.Parallel()
				c, node := newCutNodes(t)
				struck := c.Misreads.Fail("core/v1.Node", way)
				restart(c)
				c.Create(lab.Node("b", "aws:///us-west-2a/i-0a1de0000000000a3"))
				for range 3 {
					_, _ = c.Round()
					c.Clock.Advance(time.Second)
				}
				more := "i-0a1de0000000000a3:30080"
				want := append(slices.Clone(c.want), more)
				if c.expect("cut off", want); struck() == 0 {
					t.Error("nothing was cut off")
				}
				told := strings.Contains(strings.Join(c.Events, "\n"),
					"the cache lacks nodes, and reading them from the API server failed: ")
				if denied := way == "list cut off, denied"; told != denied {
					t.Errorf("told of the cause %t:\n%s", told, strings.Join(c.Events, "\n"))
				}
				c.Misreads.End()
				c.Must(c.Client.Delete(t.Context(), node))
				c.Clock.Advance(time.Minute)
				c.Settle()
				c.expect("once the API server does not have it", append(slices.Clone(c.first), more))
			})
		}
	}
}

// TestRestartAfterEditOfNodePortDeregistersFormer edits the node port of a Service while no process runs. The next
// process does not know the registered targets. If it does not know those that preceded the binding either, the former
// port may be one of others.
func TestRestartAfterEditOfNodePortDeregistersFormer(t *testing.T) {
	t.Parallel()
	for name, recorded := range map[string]bool{"": true, "record lost": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := newCutNodes(t)
			svc := &corev1.Service{}
			c.Get(svc, "web")
			svc.Spec.Ports[0].NodePort = 30081
			c.Must(c.Client.Update(t.Context(), svc))
			c.Checkpointed = recorded
			c.restart(false)
			c.Settle()
			want := []string{"i-0a1de0000000000a1:30081", "i-0a1de0000000000a2:30081"}
			if !recorded {
				want = []string{"i-0a1de0000000000a1:30080", want[0], "i-0a1de0000000000a2:30080", want[1]}
			}
			c.expect("restarted", want)
		})
	}
}

// TestUnplacedBindingHoldsUpNoOther has a binding with a node that is no instance, and without status for minutes.
func TestUnplacedBindingHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	svc := lab.Service("web")
	svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	l := lab.New(t, account.Profile{}, svc, lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000aa"))
	l.Clock.Advance(10 * time.Minute)
	l.Create(lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumInstance), v1beta1.TargetTypeInstance))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range 3 {
			_, _ = l.Round()
		}
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("the passes do not end")
	}
}
