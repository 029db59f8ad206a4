package behaviour

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/longtest"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// TestAGroupThatDoesNotFitOnALoadBalancerIsServedByTwo has a class whose group may have two load balancers, and Ingresses with more rules than AWS admits on
// one. It is not parallel: the controller is restarted.
func TestAGroupThatDoesNotFitOnALoadBalancerIsServedByTwo(t *testing.T) {
	longtest.Long(t, "golden cases and tests of the shell show each step; in the cluster it is one way more")
	c := cluster(t)
	const ns = "sharded"
	paths := func(from, to int) (out []scene.Path) {
		for i := from; i < to; i++ {
			out = append(out, scene.Path{Host: fmt.Sprintf("h%03d.example.com", i), Path: fmt.Sprintf("/%d", i)})
		}
		return out
	}
	c.Apply(t, scene.Namespace(ns, 1)+scene.IngressClass(ns, fmt.Sprintf("{scheme: internet-facing, targetType: ip, group: {name: %s, shards: 2}}", ns))+
		scene.Ingress(ns, "first", ns, nil, paths(0, 60)...)+scene.Ingress(ns, "second", ns, nil, paths(60, 110)...))
	balancers := func() map[string]simclient.LoadBalancer {
		out := map[string]simclient.LoadBalancer{}
		for _, lb := range c.Simulator.Resources().LoadBalancers {
			if of := lb.Tags["ingress.k8s.aws/stack"]; of == ns || strings.HasPrefix(of, ns+"_") {
				out[of] = lb
			}
		}
		return out
	}
	wait(t, c, "two load balancers with all rules between them", func() string {
		var got []string
		for of, lb := range balancers() {
			for _, l := range lb.Listeners {
				got = append(got, fmt.Sprintf("%s:%d", of, len(l.Rules)-1))
			}
		}
		slices.Sort(got)
		if fmt.Sprint(got) != fmt.Sprintf("[%s:100 %[1]s_1:10]", ns) {
			return fmt.Sprint(got)
		}
		return ""
	})
	all := balancers()
	c.WaitGet(t, "http://"+all[ns].DNSName+"/0", "h000.example.com", 200, "web")
	c.WaitGet(t, "http://"+all[ns+"_1"].DNSName+"/109", "h109.example.com", 200, "web")
	c.WaitGet(t, "http://"+all[ns].DNSName+"/109", "h109.example.com", 404, "")
	shown := func(name string) string {
		return scene.Query(t, c, "get", "ingress", "-n", ns, name, "-o", "jsonpath={.status.loadBalancer.ingress[*].hostname}")
	}
	want := strings.ToLower(all[ns].DNSName + " " + all[ns+"_1"].DNSName)
	wait(t, c, "the names of both in the status", func() string {
		if got := shown("second"); got != want {
			return got + ", want " + want
		}
		return ""
	})
	if got := shown("first"); got != strings.ToLower(all[ns].DNSName) {
		t.Errorf("an Ingress with all hosts on one load balancer shows %s", got)
	}
	expectNoWarnings(t, c, ns)

	settled(t, c, "ingress", "targetGroupBinding")
	mark := c.Mark()
	c.RestartController(t)
	settled(t, c, "ingress", "targetGroupBinding")
	if w := c.Writes(mark); len(w) > 0 {
		t.Errorf("after a restart: %s", strings.Join(w, ", "))
	}

	// A host that grows has the youngest one on its load balancer move, which both serve meanwhile. All goes in the middle of that.
	first := paths(0, 60)
	for i := range 8 {
		first = append(first, scene.Path{Host: "h000.example.com", Path: fmt.Sprintf("/more/%d", i)})
	}
	traffic := scene.Send(t, c, "http://"+all[ns].DNSName+"/99", "h099.example.com", scene.OK)
	c.Apply(t, scene.Ingress(ns, "first", ns, nil, first...))
	c.WaitGet(t, "http://"+all[ns+"_1"].DNSName+"/99", "h099.example.com", 200, "web")
	noneWrong(t, "the former load balancer of a host that moves", traffic.Stop())

	c.Kubectl(t, "delete", "ingress", "-n", ns, "--all", "--timeout=5m")
	scene.WaitGone(t, c, append(scene.Marks(ns), "k8s-"+ns+"-", "ingress.k8s.aws/stack="+ns)...)
}
