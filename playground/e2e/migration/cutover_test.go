package migration

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// serviceOf are the Services, by the ARN of the target group, that the TargetGroupBindings of a namespace name.
func serviceOf(t *testing.T, c *harness.Cluster, namespace string) map[string]string {
	t.Helper()
	var list struct {
		Items []struct {
			Spec struct {
				TargetGroupARN string
				ServiceRef     struct {
					Name string
					Port any
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(scene.Query(t, c, "get", "targetgroupbindings", "-n", namespace, "-o", "json")),
		&list); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, b := range list.Items {
		out[b.Spec.TargetGroupARN] = fmt.Sprintf("%s:%v", b.Spec.ServiceRef.Name, b.Spec.ServiceRef.Port)
	}
	return out
}

// settings are those of target groups, sorted.
func settings(groups []simclient.TargetGroup, service map[string]string) (out []string) {
	for _, g := range groups {
		out = append(out, fmt.Sprintf("%s: %s %s %s %d, %s, %v, tags %v, %d targets", service[g.ARN], g.TargetType,
			g.Protocol, g.ProtocolVersion, g.Port, g.HealthCheck, g.Attributes, ofUser(g.Tags), len(g.Targets)))
	}
	slices.Sort(out)
	return out
}

// ofUser are tags without those of controllers.
func ofUser(tags map[string]string) map[string]string {
	out := maps.Clone(tags)
	maps.DeleteFunc(out, func(key, _ string) bool { return strings.Contains(key, "k8s.aws") })
	return out
}

// tagged are the load balancers of the account that were migrated from something.
func tagged(c *harness.Cluster, from string) (out []simclient.LoadBalancer) {
	for _, lb := range c.Simulator.Resources().LoadBalancers {
		if lb.Tags[migratedFrom] == from {
			out = append(out, lb)
		}
	}
	return out
}

// group are two Ingresses of a group, the first with path "/" of a host and the second with "/api".
func group(namespace, name, host string, annotations scene.Annotations) string {
	member := func(ingress, order, path, service string) string {
		all := scene.Annotations{"group.name": name, "group.order": order, "scheme": "internet-facing", "target-type": "ip",
			"tags": "team=shop"}
		maps.Copy(all, annotations)
		return scene.Ingress(namespace, ingress, scene.Class, all, scene.Path{Host: host, Path: path, Service: service,
			Port: "number: 80"})
	}
	return member("api", "1", "/api", "api") + member("shop", "2", "/", "web")
}

// TestG6Case4GroupMovesToAnEquivalentGateway shows that a deployed Gateway has the rules, target
// groups, tags and answers of the Ingresses it was translated from.
func TestG6Case4GroupMovesToAnEquivalentGateway(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of cmd/lbc show the Gateways that it makes")
	}
	t.Parallel()
	c := cluster(t)
	const ns, name, host = "cutover", "cutover", "cutover.example.com"
	const from = "ingress-group/" + name
	c.Apply(t, scene.Namespace(ns, 1)+scene.Backend(ns, "api", 1)+group(ns, name, host, nil))
	old := c.LoadBalancer(t, c.IngressAddress(t, ns, "shop"))
	c.WaitHealthy(t, old)
	serves := func(lb simclient.LoadBalancer) {
		t.Helper()
		c.WaitGet(t, "http://"+lb.DNSName+"/", host, 200, "web")
		c.WaitGet(t, "http://"+lb.DNSName+"/api", host, 200, "api")
		c.WaitGet(t, "http://"+lb.DNSName+"/", "other.example.com", 404, "")
	}
	serves(old)
	planned(t, c, ns+"/api", ns+"/shop")

	out := t.TempDir()
	migrated(t, c, out, "--from-cluster", "--kubeconfig", c.Env.Kubeconfig, "--namespaces", ns)
	mark := c.Mark()
	apply(t, c, filepath.Join(out, "gateway-resources.yaml"))
	for kind, n := range map[string]int{"gateways": 1, "httproutes": 2, "loadbalancerconfigurations": 1,
		"targetgroupconfigurations": 2, "listenerruleconfigurations": 2} {
		if have := strings.Fields(scene.Query(t, c, "get", kind, "-n", ns, "-o", "name")); len(have) != n {
			t.Errorf("%s: %q, want %d", kind, have, n)
		}
	}
	gateway := equivalent(t, c, ns, ns+"/api", from)
	if v := scene.Query(t, c, "get", "gateway", gateway, "-n", ns, "-o",
		`jsonpath={.metadata.annotations.gateway\.k8s\.aws/dry-run}`); v != "true" {
		t.Errorf("dry run of the Gateway: %q", v)
	}
	if w := scene.Writes(c, mark, scene.Marks(ns)...); len(w) > 0 || len(tagged(c, from)) > 0 {
		t.Errorf("a dry run wrote to AWS: %q, and made %d load balancers", w, len(tagged(c, from)))
	}

	c.Kubectl(t, "annotate", "gateway", gateway, "-n", ns, "gateway.k8s.aws/dry-run-")
	address := scene.GatewayAddress(t, c, ns, gateway)
	c.WaitHealthy(t, c.LoadBalancer(t, address))
	wait(t, c, "the load balancer of the Gateway to be as that of the Ingresses", func() string {
		old, lb := c.LoadBalancer(t, old.Name), c.LoadBalancer(t, address)
		services := serviceOf(t, c, ns)
		for _, side := range []struct {
			what        string
			before, now any
		}{
			{"listeners, rules and default actions", deployed(old, services, c.TargetGroups(old)),
				deployed(lb, services, c.TargetGroups(lb))},
			{"target groups", settings(c.TargetGroups(old), services), settings(c.TargetGroups(lb), services)},
			{"tags", ofUser(old.Tags), ofUser(lb.Tags)},
			{"tag " + migratedFrom, from, lb.Tags[migratedFrom]},
			{"team", "shop", lb.Tags["team"]},
		} {
			if fmt.Sprint(side.before) != fmt.Sprint(side.now) {
				return fmt.Sprintf("%s:\n%v\n%v", side.what, side.before, side.now)
			}
		}
		return ""
	})
	serves(c.LoadBalancer(t, address))
	serves(old)
}
