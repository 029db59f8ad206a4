package behaviour

import (
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// sharedBalancer is a Service of a group with ports, all of which lead to the pods of its namespace.
func sharedBalancer(namespace, name, group string, more scene.Annotations, ports ...int) string {
	a := scene.Annotations{"group-name": group, "scheme": "internet-facing", "nlb-target-type": "ip"}
	for k, v := range more {
		a[k] = v
	}
	var list []string
	for _, p := range ports {
		list = append(list, fmt.Sprintf("{name: p%d, port: %d, targetPort: http}", p, p))
	}
	return strings.Replace(balanced(namespace, name, a), "[{name: http, port: 80, targetPort: http}]",
		"["+strings.Join(list, ", ")+"]", 1)
}

// TestServicesOfTwoNamespacesShareANetworkLoadBalancerByPort shows that Services of two namespaces
// answer at their ports of one NLB while one is edited, turns invalid and is deleted.
func TestServicesOfTwoNamespacesShareANetworkLoadBalancerByPort(t *testing.T) {
	if testing.Short() {
		t.Skip("lab/ingresses has the edits without traffic")
	}
	t.Parallel()
	c := cluster(t)
	const first, second, group = "sharesone", "sharestwo", "sharedports"
	c.Apply(t, scene.Namespace(first, 1)+scene.Namespace(second, 1)+sharedBalancer(first, "net", group, nil, 80))
	host := c.ServiceAddress(t, first, "net")
	c.WaitGet(t, "http://"+host+"/", "", 200, "web")
	lb := c.LoadBalancer(t, host)
	steady := scene.Send(t, c, "http://"+host+"/", "", scene.OK)

	// The other has a port of its own, and one that is taken.
	c.Apply(t, sharedBalancer(second, "net", group, nil, 80, 81))
	c.WaitGet(t, "http://"+host+":81/", "", 200, "web")
	if other := c.ServiceAddress(t, second, "net"); other != host {
		t.Errorf("the other shows %s, want %s", other, host)
	}
	if e := c.WaitEvent(t, "Service", second, "net", "FailedBuildModel"); !strings.Contains(e.Message,
		"port 80 of the load balancer belongs to Service "+first+"/net") {
		t.Errorf("told %s", e.Message)
	}

	// One that turns invalid keeps serving, and edits of the other are carried out.
	broken := scene.Send(t, c, "http://"+host+":81/", "", scene.OK)
	scene.Change(t, c, sharedBalancer(second, "net", group, scene.Annotations{"healthcheck-interval": "soon"}, 82))
	wait(t, c, "the event of the invalid Service", func() string {
		for _, e := range c.Events(t, "Service", second, "net") {
			if strings.Contains(e.Message, "healthcheck-interval") {
				return ""
			}
		}
		return "it is not told"
	})
	scene.Change(t, c, sharedBalancer(first, "net", group, nil, 80, 8080))
	c.WaitGet(t, "http://"+host+":8080/", "", 200, "web")
	noneWrong(t, "the invalid member", broken.Stop())

	// The load balancer goes with the last of them.
	c.Kubectl(t, "delete", "service", "-n", second, "net", "--timeout="+harness.Timeout.String())
	wait(t, c, "the ports of the one that is left", func() string {
		return differs("ports", ports(c.LoadBalancer(t, host)), "[80 8080]")
	})
	noneWrong(t, "the first member", steady.Stop())
	c.Kubectl(t, "delete", "service", "-n", first, "net", "--timeout="+harness.Timeout.String())
	wait(t, c, "the end of the load balancer", func() string {
		for _, x := range c.Simulator.Resources().LoadBalancers {
			if x.ARN == lb.ARN {
				return "it is there"
			}
		}
		return ""
	})
}
