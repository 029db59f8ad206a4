package tenants

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// status waits until a host behind an address is answered with a status.
func status(t *testing.T, c *harness.Cluster, address, host string, want int) {
	t.Helper()
	c.WaitFor(t, fmt.Sprintf("%s answers %d", host, want), func(ctx context.Context) error {
		out, err := c.Get(ctx, "http://"+address+"/", host)
		if err == nil && out.Status != want {
			err = fmt.Errorf("status %d: %s", out.Status, out.Body)
		}
		return err
	})
}

// TestTargetGroupsOfOthersAreNotReached shows that a tenant in a shared group cannot forward to
// another's target group, by name or ARN. The rule would lead past the victim's rules and block the
// deletion.
func TestTargetGroupsOfOthersAreNotReached(t *testing.T) {
	c := playgroundOf(t)
	vic, mal := tenant(t, c, "tgvic"), tenant(t, c, "tgmal")
	group := scene.Annotations{"group.name": "doors", "scheme": "internet-facing", "target-type": "ip"}
	vic.Apply(t, scene.Backend("tgvic", "web", 1)+scene.Ingress("tgvic", "web", scene.Class, group,
		scene.Path{Host: "vic.example.com", Path: "/"}))
	address := c.IngressAddress(t, "tgvic", "web")
	status(t, c, address, "vic.example.com", 200)
	name, arn := "", ""
	for _, g := range c.Simulator.Resources().TargetGroups {
		if strings.HasPrefix(g.Name, "k8s-tgvic-web-") {
			name, arn = g.Name, g.ARN
		}
	}
	if name == "" {
		t.Fatal("the victim has no target group")
	}

	attack := scene.Annotations{
		"actions.byname": fmt.Sprintf(`{"type":"forward","targetGroupName":%q}`, name),
		"actions.byarn":  fmt.Sprintf(`{"type":"forward","forwardConfig":{"targetGroups":[{"targetGroupARN":%q}]}}`, arn),
	}
	for k, v := range group {
		attack[k] = v
	}
	mal.Apply(t, scene.Ingress("tgmal", "steal", scene.Class, attack,
		scene.Path{Host: "name.example.com", Path: "/", Service: "byname", Port: "name: use-annotation"},
		scene.Path{Host: "arn.example.com", Path: "/", Service: "byarn", Port: "name: use-annotation"}))
	c.WaitFor(t, "an event about the reference", func(context.Context) error {
		for _, e := range c.Events(t, "Ingress", "tgmal", "steal") {
			if strings.Contains(e.Message, "[RefNotPermitted]") {
				return nil
			}
		}
		return fmt.Errorf("there is none")
	})
	status(t, c, address, "name.example.com", 503)
	status(t, c, address, "arn.example.com", 503)
	status(t, c, address, "vic.example.com", 200)

	vic.Kubectl(t, "delete", "ingress", "web", "-n", "tgvic", "--timeout=60s")
	c.WaitFor(t, "the end of the victim's target group", func(context.Context) error {
		for _, g := range c.Simulator.Resources().TargetGroups {
			if g.ARN == arn {
				return fmt.Errorf("%s is there", g.Name)
			}
		}
		return nil
	})
}
