package scene

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// Gateway is a Gateway of a class with the listeners, each the fields of one in a line of YAML, and its
// LoadBalancerConfiguration with the fields of configuration. Both have one name.
func Gateway(namespace, name, class, configuration string, listeners ...string) string {
	return fmt.Sprintf(`apiVersion: gateway.k8s.aws/v1
kind: LoadBalancerConfiguration
metadata: {name: %[2]s, namespace: %[1]s}
spec: {%[4]s}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  gatewayClassName: %[3]s
  infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: %[2]s}}
  listeners: [{%[5]s}]
---
`, namespace, name, class, configuration, strings.Join(listeners, "}, {"))
}

// Route is a route of a kind with the fields of its spec in a line of YAML.
func Route(kind, namespace, name, spec string) string {
	return object("gateway.networking.k8s.io/v1", kind, namespace, name, spec)
}

// TargetGroups is a TargetGroupConfiguration, and RuleConfiguration a ListenerRuleConfiguration, with the fields of its
// spec in a line of YAML.
func TargetGroups(namespace, name, spec string) string {
	return object("gateway.k8s.aws/v1", "TargetGroupConfiguration", namespace, name, spec)
}

// RuleConfiguration is described at TargetGroups.
func RuleConfiguration(namespace, name, spec string) string {
	return object("gateway.k8s.aws/v1", "ListenerRuleConfiguration", namespace, name, spec)
}

// Grant is a ReferenceGrant for the Services of a namespace to routes of a kind of another one.
func Grant(namespace, kind, from string) string {
	return object("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", namespace, "services",
		fmt.Sprintf(`from: [{group: gateway.networking.k8s.io, kind: %s, namespace: %s}], to: [{group: "", kind: Service}]`,
			kind, from))
}

func object(version, kind, namespace, name, spec string) string {
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s, namespace: %s}\nspec: {%s}\n---\n", version, kind,
		name, namespace, spec)
}

// GatewayAddress waits until a Gateway of the present version is programmed, and returns its address.
func GatewayAddress(t testing.TB, c *harness.Cluster, namespace, name string) string {
	t.Helper()
	var address string
	c.WaitFor(t, "Gateway "+namespace+"/"+name+" to be programmed", func(ctx context.Context) error {
		out, err := c.TryKubectl(t, "get", "gateway", "-n", namespace, name, "-o", "json")
		if err != nil {
			return err
		}
		var g struct {
			metav1.ObjectMeta `json:"metadata"`
			Status            struct {
				Addresses  []struct{ Value string }
				Conditions []metav1.Condition
			}
		}
		if err := json.Unmarshal([]byte(out), &g); err != nil {
			return err
		}
		p := apimeta.FindStatusCondition(g.Status.Conditions, "Programmed")
		if p == nil || p.Status != metav1.ConditionTrue || p.ObservedGeneration != g.Generation ||
			len(g.Status.Addresses) == 0 {
			return fmt.Errorf("addresses %v, conditions %+v", g.Status.Addresses, g.Status.Conditions)
		}
		address = g.Status.Addresses[0].Value
		return nil
	})
	return address
}

// RouteConditions are the conditions of a route at its first parent, as "Accepted=True Accepted".
func RouteConditions(t testing.TB, c *harness.Cluster, resource, namespace, name string) string {
	t.Helper()
	return Query(t, c, "get", resource, "-n", namespace, name, "-o",
		`jsonpath={range .status.parents[0].conditions[*]}{.type}={.status} {.reason}, {end}`)
}
