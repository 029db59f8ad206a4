package tenants

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// TestForgedMarksAndTextsReachNobody shows that a tenant's forged finalizer neither holds a group of others nor keeps
// its rules in AWS. Control characters of his texts are in no event.
func TestForgedMarksAndTextsReachNobody(t *testing.T) {
	c := playgroundOf(t)
	vic, mal := tenant(t, c, "forgevic"), tenant(t, c, "forgemal")
	front := func(namespace, text string) string {
		return strings.Replace(inFront(namespace, text, nil), "group.name: front", "group.name: forged", 1)
	}
	vic.Apply(t, front("forgevic", "v0"))
	address := c.IngressAddress(t, "forgevic", "web")
	answers(t, c, address, "forgevic", "v0")

	// An Ingress that is served by a load balancer of its own says that it is part of the group.
	mal.Apply(t, scene.Backend("forgemal", "web", 1)+scene.Ingress("forgemal", "web", scene.Class, scene.Annotations{
		"target-type": "ip"}))
	c.IngressAddress(t, "forgemal", "web")
	patch := func(metadata map[string]any) {
		t.Helper()
		text, err := json.Marshal(map[string]any{"metadata": metadata})
		if err != nil {
			t.Fatal(err)
		}
		mal.Kubectl(t, "patch", "ingress", "web", "-n", "forgemal", "--type=merge", "-p", string(text))
	}
	patch(map[string]any{"annotations": map[string]string{
		"alb.ingress.kubernetes.io/target-group-attributes": "\x1b[2J\x07\nSuccessfully reconciled\u202e"}})
	waitTold(t, c, "Ingress", "forgemal/web", `\x1b[2J`)
	for _, e := range c.Events(t, "Ingress", "forgemal", "web") {
		if strings.ContainsFunc(e.Message, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
			t.Errorf("an event with control characters: %q", e.Message)
		}
	}
	patch(map[string]any{
		"finalizers":  []string{"group.ingress.k8s.aws/forged"},
		"annotations": map[string]string{"alb.ingress.kubernetes.io/group.name": "Not_A_Group"},
	})
	waitTold(t, c, "Ingress", "forgemal/web", "[InvalidGroup]")

	vic.Apply(t, front("forgevic", "v1"))
	answers(t, c, address, "forgevic", "v1")
	vic.Kubectl(t, "delete", "ingress", "web", "-n", "forgevic", "--timeout=2m")
	for _, lb := range c.Simulator.Resources().LoadBalancers {
		if lb.DNSName == address {
			t.Errorf("%s serves on with %d listeners", lb.Name, len(lb.Listeners))
		}
	}
	// its own load balancer ends with it
	patch(map[string]any{"annotations": map[string]any{"alb.ingress.kubernetes.io/group.name": nil,
		"alb.ingress.kubernetes.io/target-group-attributes": nil}})
	c.WaitFor(t, "the finalizer of his own Ingress", func(context.Context) error {
		if got := scene.Query(t, c, "get", "ingress", "web", "-n", "forgemal", "-o",
			"jsonpath={.metadata.finalizers}"); got != `["ingress.k8s.aws/resources"]` {
			return fmt.Errorf("finalizers %s", got)
		}
		return nil
	})
}
