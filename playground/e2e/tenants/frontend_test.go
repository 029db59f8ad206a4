package tenants

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// frontend tells what the network load balancer in front of an ALB has; empty if there is none.
func frontend(c *harness.Cluster, stack string) string {
	for _, lb := range c.Simulator.Resources().LoadBalancers {
		if lb.Type != "network" || lb.Tags["ingress.k8s.aws/stack"] != stack {
			continue
		}
		out := []string{lb.Name, lb.Scheme, fmt.Sprint(lb.SecurityGroups, lb.Attributes, lb.Tags)}
		for _, z := range lb.Zones {
			out = append(out, z.Subnet)
		}
		for _, l := range lb.Listeners {
			out = append(out, fmt.Sprint("port ", l.Port))
		}
		slices.Sort(out[3:])
		for _, g := range c.TargetGroups(lb) {
			out = append(out, fmt.Sprintf("to port %d, checks %+v", g.Port, g.HealthCheck))
		}
		return strings.Join(out, "\n")
	}
	return ""
}

// waitFrontend waits for the frontend of a stack.
func waitFrontend(t *testing.T, c *harness.Cluster, stack string) (found string) {
	t.Helper()
	c.WaitFor(t, "the frontend of "+stack, func(context.Context) error {
		if found = frontend(c, stack); !strings.Contains(found, "checks") {
			return fmt.Errorf("it has %q", found)
		}
		return nil
	})
	return found
}

// TestNewcomerChangesNoFrontend shows that a user of one namespace who joins a group changes nothing of its frontend NLB.
// That leads to port 80 of the ALB only.
func TestNewcomerChangesNoFrontend(t *testing.T) {
	c := playgroundOf(t)
	vic, mal := tenant(t, c, "frontvic"), tenant(t, c, "frontmal")
	group := scene.Annotations{"group.name": "frontier", "target-type": "ip",
		"listen-ports": `[{"HTTP":80},{"HTTP":8081}]`}
	with := func(more scene.Annotations) scene.Annotations {
		out := maps.Clone(group)
		maps.Copy(out, more)
		return out
	}
	vic.Apply(t, scene.Backend("frontvic", "web", 1)+scene.Ingress("frontvic", "web", scene.Class, with(
		scene.Annotations{"scheme": "internal", "enable-frontend-nlb": "true", "frontend-nlb-scheme": "internet-facing",
			"frontend-nlb-listener-port-mapping": "80=80"}), scene.Path{Host: "vic.example.com", Path: "/"}))
	mal.Apply(t, scene.Backend("frontmal", "web", 1))
	before := waitFrontend(t, c, "frontier")
	rows := map[string]struct {
		types scene.Annotations
		reads []string
	}{
		"listener": {nil, []string{"target of port 8081 of the frontend NLB"}},
		"ports": {scene.Annotations{"frontend-nlb-listener-port-mapping": "8081=8081,9000=8081,9001=80"}, []string{
			"target of port 8081", "target of port 9000", "target of port 9001"}},
		"groups": {scene.Annotations{"frontend-nlb-security-groups": "sg-0a1de000000000002",
			"frontend-nlb-listener-port-mapping": "80=80"}, []string{"security groups of the frontend NLB"}},
		"check": {scene.Annotations{"frontend-nlb-listener-port-mapping": "80=80",
			"frontend-nlb-healthcheck-path": "/nowhere", "frontend-nlb-healthcheck-port": "8081"}, []string{
			"health check path of port 80", "health check port of port 80"}},
		"disabled": {scene.Annotations{"enable-frontend-nlb": "false", "frontend-nlb-listener-port-mapping": "80=80"},
			[]string{"enabling of the frontend NLB"}},
		"tags": {scene.Annotations{"frontend-nlb-tags": "Team=mal", "frontend-nlb-listener-port-mapping": "80=80",
			"frontend-nlb-attributes": "deletion_protection.enabled=true"}, []string{"tags of the frontend NLB",
			"attributes of the frontend NLB"}},
	}
	attack := ""
	for name, row := range rows {
		attack += scene.Ingress("frontmal", name, scene.Class, with(row.types), scene.Path{Host: name + ".example.com",
			Path: "/"})
	}
	mal.Apply(t, attack)
	for name, row := range rows {
		for _, text := range row.reads {
			waitTold(t, c, "Ingress", "frontmal/"+name, text)
		}
	}
	if after := frontend(c, "frontier"); after != before {
		t.Errorf("the frontend is\n%s\nand was\n%s", after, before)
	}
	mal.Kubectl(t, "delete", "ingress", "--all", "-n", "frontmal", "--timeout=2m")
	if after := frontend(c, "frontier"); after != before {
		t.Errorf("after the attacks, the frontend is\n%s\nand was\n%s", after, before)
	}
	if w := scene.Warnings(t, c, "frontvic"); len(w) > 0 {
		t.Errorf("warnings of the victim: %v", w)
	}
}

// TestClassBindsFrontend shows that a user of one namespace gets no frontend NLB beyond the class parameters, by a new
// Ingress or by an edit of one.
func TestClassBindsFrontend(t *testing.T) {
	c := playgroundOf(t)
	c.Apply(t, scene.IngressClass("frontbound", "{scheme: internal, inboundCIDRs: [10.0.0.0/8], "+
		"subnets: {ids: [subnet-0a1de0000000000a2, subnet-0a1de0000000000b2]}}"))
	mal := tenant(t, c, "boundmal")
	plain := scene.Annotations{"target-type": "ip", "enable-frontend-nlb": "true"}
	asks := scene.Annotations{"frontend-nlb-scheme": "internet-facing", "scheme": "internet-facing",
		"frontend-nlb-security-groups": "sg-0a1de000000000002", "frontend-nlb-subnets": "subnet-0a1de0000000000a1"}
	maps.Copy(asks, plain)
	mal.Apply(t, scene.Backend("boundmal", "web", 1)+scene.Ingress("boundmal", "edited", "frontbound", plain)+
		scene.Ingress("boundmal", "new", "frontbound", asks))
	told := func(name string) {
		t.Helper()
		for _, what := range []string{"scheme", "security groups", "subnets"} {
			waitTold(t, c, "Ingress", "boundmal/"+name, what+" of the frontend NLB")
		}
	}
	before := waitFrontend(t, c, "boundmal/edited")
	told("new")
	mal.Apply(t, scene.Ingress("boundmal", "edited", "frontbound", asks))
	told("edited")
	if after := frontend(c, "boundmal/edited"); after != before {
		t.Errorf("the frontend is\n%s\nand was\n%s", after, before)
	}
	born := strings.ToLower(waitFrontend(t, c, "boundmal/new"))
	for _, never := range []string{"internet-facing", "sg-0a1de000000000002", "subnet-0a1de0000000000a1"} {
		if strings.Contains(born, never) || strings.Contains(before, never) {
			t.Errorf("a frontend has %s:\n%s\n%s", never, born, before)
		}
	}
	for _, lb := range c.Simulator.Resources().LoadBalancers {
		if strings.HasPrefix(lb.Tags["ingress.k8s.aws/stack"], "boundmal/") && lb.Scheme != "internal" {
			t.Errorf("%s is %s", lb.Name, lb.Scheme)
		}
	}
}
