package migration

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/load"
)

// patched is the command of a report with which a Service gives its load balancer up.
var patched = regexp.MustCompile(`kubectl patch service -n (\S+) (\S+) --type merge -p '([^']+)'`)

// listeners describes the listeners of a load balancer, by port.
func listeners(lb simclient.LoadBalancer) (out []string) {
	for _, l := range lb.Listeners {
		out = append(out, fmt.Sprintf("%05d %s %v %s", l.Port, l.Protocol, l.Certificates, l.SSLPolicy))
	}
	slices.Sort(out)
	return out
}

// TestServicesMoveToGatewaysWithoutAFailure shows that no connection fails while Services hand
// their NLBs' traffic over to translated Gateways.
func TestServicesMoveToGatewaysWithoutAFailure(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of cmd/lbc show the Gateways that it makes")
	}
	t.Parallel()
	c := cluster(t)
	const ns, prefix = "givenup", "service.beta.kubernetes.io/aws-load-balancer-"
	balanced := func(name, annotations, spec string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: %s, annotations: {%sscheme: "+
			"internet-facing, %s}}\n"+
			"spec: {type: LoadBalancer, selector: {app: web}, %s}\n---\n", name, ns, prefix, annotations, spec)
	}
	const http = "ports: [{name: http, port: 80, targetPort: http}]"
	c.Apply(t, scene.Namespace(ns, 2)+
		balanced("pods", prefix+"nlb-target-type: ip, "+prefix+"healthcheck-protocol: http, "+prefix+
			"healthcheck-path: /health", http+", loadBalancerClass: service.k8s.aws/nlb, loadBalancerSourceRanges: [0.0.0.0/0]")+
		balanced("nodes", prefix+"type: external, "+prefix+"nlb-target-type: instance, "+prefix+
			"attributes: load_balancing.cross_zone.enabled=true", http)+
		balanced("mixed", prefix+"nlb-target-type: ip, "+prefix+"enable-tcp-udp-listener: \"true\", "+prefix+
			"ssl-ports: https, "+prefix+"alpn-policy: HTTP2Preferred, "+prefix+"ssl-cert: \""+wildcard+"\"",
			"loadBalancerClass: service.k8s.aws/nlb, ports: [{name: http, port: 80, targetPort: 8080}, {name: also, port: 80, "+
				"targetPort: 8080, protocol: UDP}, "+
				"{name: https, port: 443, targetPort: 8080}, {name: udp, port: 5000, targetPort: 8080, protocol: UDP}]"))
	types := map[string]string{"pods": "ClusterIP", "nodes": "NodePort", "mixed": "ClusterIP"}
	old := map[string]simclient.LoadBalancer{}
	for name := range types {
		old[name] = c.LoadBalancer(t, c.ServiceAddress(t, ns, name))
		c.WaitHealthy(t, old[name])
	}
	clients := func(of map[string]simclient.LoadBalancer) *load.Clients {
		all := load.Start(t.Context())
		t.Cleanup(func() { all.Stop() })
		for _, lb := range of {
			for _, on := range []load.Connections{load.Fresh, load.Held} {
				all.Add(1, 10*time.Millisecond, func() load.Client {
					return load.Requests(c.Simulator.DialContext, "http://"+lb.DNSName+"/", on)
				})
			}
		}
		return all
	}
	before := clients(old)

	out := t.TempDir()
	report := translated(t, c, "lbc", "migrate", "--from", "nlb-service", "--kubeconfig", c.Env.Kubeconfig, "--namespaces",
		ns, "--dry-run=false", "--output-dir", out)
	apply(t, c, filepath.Join(out, "gateway-resources.yaml"))
	made := map[string]simclient.LoadBalancer{}
	for name := range types {
		all := gateways(t, c, ns)
		at := slices.IndexFunc(all, func(g string) bool { return strings.HasPrefix(g, name+"-gateway-") })
		if at < 0 {
			t.Fatalf("there is no Gateway of Service %s among %q", name, all)
		}
		address := scene.GatewayAddress(t, c, ns, all[at])
		c.WaitGet(t, "http://"+address+"/", "", 200, "web")
		made[name] = c.LoadBalancer(t, address)
		c.WaitHealthy(t, made[name])
		wait(t, c, "listeners and target groups of the Gateway to be as those of Service "+name, func() string {
			now := c.LoadBalancer(t, address)
			a, b := append(listeners(old[name]), settings(c.TargetGroups(old[name]), nil)...),
				append(listeners(now), settings(c.TargetGroups(now), nil)...)
			if !slices.Equal(a, b) {
				return "of the Service:\n" + strings.Join(a, "\n") + "\nof the Gateway:\n" + strings.Join(b, "\n")
			}
			return ""
		})
		if from := made[name].Tags[migratedFrom]; from != "service/"+ns+"/"+name {
			t.Errorf("tag %s of the load balancer of %s: %q", migratedFrom, name, from)
		}
	}
	after := clients(made)
	scene.More(t, c, after, 100)
	if r := before.Stop(); r.Failed > 0 || r.Requests == 0 {
		t.Error("load balancers of the Services: ", r)
	}

	commands := patched.FindAllStringSubmatch(report, -1)
	if len(commands) != len(types) {
		t.Fatalf("%d commands in the report, want %d:\n%s", len(commands), len(types), report)
	}
	for _, m := range commands {
		c.Kubectl(t, "patch", "service", "-n", m[1], m[2], "--type", "merge", "-p", m[3])
	}
	wait(t, c, "the end of the Services' load balancers", func() string {
		for _, x := range c.Simulator.Resources().LoadBalancers {
			for name := range types {
				if x.ARN == old[name].ARN {
					return name + " has its load balancer"
				}
			}
		}
		return ""
	})
	scene.More(t, c, after, 200)
	for name, want := range types {
		if kind := scene.Query(t, c, "get", "service", "-n", ns, name, "-o", "jsonpath={.spec.type}"); kind != want {
			t.Errorf("Service %s is of type %s, want %s", name, kind, want)
		}
	}
	if r := after.Stop(); r.Failed > 0 || r.Requests == 0 {
		t.Error("load balancers of the Gateways: ", r)
	}
}
