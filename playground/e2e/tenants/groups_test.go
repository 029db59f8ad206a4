package tenants

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// inFront is an Ingress of group front, with a host that is answered with a text.
func inFront(namespace, text string, annotations map[string]string) string {
	var more strings.Builder
	for k, v := range annotations {
		fmt.Fprintf(&more, "\n    alb.ingress.kubernetes.io/%s: %q", k, v)
	}
	return fmt.Sprintf(`apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: %[1]s
  annotations:
    alb.ingress.kubernetes.io/group.name: front
    alb.ingress.kubernetes.io/scheme: internet-facing
    alb.ingress.kubernetes.io/actions.says: '{"type": "fixed-response", "fixedResponseConfig": {"contentType": "text/plain", "statusCode": "200", "messageBody": "%[2]s"}}'%[3]s
spec:
  ingressClassName: alb
  rules:
  - host: %[1]s.example.com
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: says, port: {name: use-annotation}}}}]}
`, namespace, text, more.String())
}

// answers waits until a host of group front is answered with a text.
func answers(t *testing.T, c *harness.Cluster, address, namespace, text string) {
	t.Helper()
	c.WaitFor(t, namespace+" answers "+text, func(ctx context.Context) error {
		out, err := c.Get(ctx, "http://"+address+"/", namespace+".example.com")
		if err == nil && !strings.Contains(out.Body, text) {
			err = fmt.Errorf("status %d: %s", out.Status, out.Body)
		}
		return err
	})
}

// TestNewcomerOfGroupHoldsItselfOnly shows that no annotation of a tenant who joins a group holds
// the load balancer of its members.
func TestNewcomerOfGroupHoldsItselfOnly(t *testing.T) {
	c := playgroundOf(t)
	vic, mal := tenant(t, c, "groupvic"), tenant(t, c, "groupmal")
	vic.Apply(t, inFront("groupvic", "v0", nil))
	address := c.IngressAddress(t, "groupvic", "web")
	answers(t, c, address, "groupvic", "v0")
	policies := []map[string]string{
		{"ownership": "observed"}, {"ownership": "manged"}, {"replacement-policy": "refuse"}, {"drift-policy": "ignore"},
		{"deletion-policy": "Retain"}, {"delete-duplicates": "sg-0123456789abcdef0"}, {"allow-deletion": "true"},
		{"approved-plan": "0123456789abcdef"}, {"approved-plan": "none"},
	}
	for i, p := range policies {
		if i == len(policies)/2 {
			c.RestartController(t)
		}
		mal.Apply(t, inFront("groupmal", "mine", p))
		text := fmt.Sprintf("v%d", i+1)
		vic.Apply(t, inFront("groupvic", text, nil))
		answers(t, c, address, "groupvic", text)
		want := "[SettingNotPermitted]"
		if p["ownership"] == "manged" {
			want = `"manged" is not one of`
		}
		c.WaitFor(t, fmt.Sprintf("an event about %v", p), func(context.Context) error {
			for _, e := range c.Events(t, "Ingress", "groupmal", "web") {
				if strings.Contains(e.Message, want) {
					return nil
				}
			}
			return fmt.Errorf("none has %s", want)
		})
		mal.Kubectl(t, "delete", "ingress", "web", "-n", "groupmal", "--timeout=60s")
	}
	for _, e := range c.Events(t, "Ingress", "groupvic", "web") {
		if strings.Contains(e.Message, "groupmal") {
			t.Errorf("the victim is told %s", e.Message)
		}
	}

	vic.Apply(t, inFront("groupvic", "held", map[string]string{"approved-plan": "none"}))
	digest := ""
	c.WaitFor(t, "the digest of the held plan", func(context.Context) error {
		for _, e := range c.Events(t, "Ingress", "groupvic", "web") {
			if _, after, ok := strings.Cut(e.Message, "approved-plan: "); ok {
				digest = after[:16]
				return nil
			}
		}
		return fmt.Errorf("no event has one")
	})
	mal.Apply(t, inFront("groupmal", "mine", map[string]string{"approved-plan": digest}))
	c.WaitFor(t, "an event about the newcomer's approval", func(context.Context) error {
		for _, e := range c.Events(t, "Ingress", "groupmal", "web") {
			if strings.Contains(e.Message, fmt.Sprintf("%q is not allowed", digest)) {
				return nil
			}
		}
		return fmt.Errorf("there is none")
	})
	if out, err := c.Get(t.Context(), "http://"+address+"/", "groupvic.example.com"); err != nil ||
		strings.Contains(out.Body, "held") {
		t.Errorf("a newcomer has approved of what the victim holds: %v %s", err, out.Body)
	}
	for _, e := range c.Events(t, "Ingress", "groupmal", "web") {
		if strings.Contains(e.Message, "approved-plan: "+digest) {
			t.Errorf("the newcomer is told the victim's digest: %s", e.Message)
		}
	}
	vic.Apply(t, inFront("groupvic", "held", map[string]string{"approved-plan": digest}))
	answers(t, c, address, "groupvic", "held")

	mal.Apply(t, inFront("groupmal", "mine", map[string]string{"approved-plan": "none"}))
	vic.Kubectl(t, "delete", "ingress", "web", "-n", "groupvic", "--timeout=60s") // which no newcomer holds up
}
