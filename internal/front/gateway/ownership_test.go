package gateway

import (
	"strings"
	"testing"
)

// TestAnOwnershipIsDeclaredByConfigurationsElseAnnotation has a configuration of the class, of the Gateway, and the
// annotations of the Gateway.
func TestAnOwnershipIsDeclaredByConfigurationsElseAnnotation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		class, own, gateway string
		shared, adopted     bool
		found               string
	}{
		"none":                {found: "is neither shared nor adopted"},
		"the Gateway's":       {gateway: "adopted", adopted: true},
		"its configuration's": {own: "shared", gateway: "adopted", shared: true},
		"the class's":         {class: "adopted", own: "shared", gateway: "managed", adopted: true},
		"the class's mistake": {class: "Adopted", gateway: "adopted",
			found: "metadata.annotations[elbv2.k8s.aws/ownership] of LoadBalancerConfiguration shop/class"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			annotated := func(key, value string) string {
				if value == "" {
					return ""
				}
				return `, ` + key + `: "` + value + `"`
			}
			ref := func(name, namespace string) string {
				return "parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: " + name + namespace + "}"
			}
			m, _ := translated(t, albKey(), "GatewayClass shared {spec: {controllerName: gateway.k8s.aws/alb, "+
				ref("class", ", namespace: shop")+"}}\n"+
				`Gateway shop/web {metadata: {annotations: {gateway.k8s.aws/existing-load-balancer: platform`+
				annotated("gateway.k8s.aws/ownership", c.gateway)+"}}, spec: {gatewayClassName: shared, infrastructure: {"+
				ref("own", "")+"}, listeners: ["+httpListener+"]}}\n"+
				"LoadBalancerConfiguration shop/own {metadata: {annotations: {x: y"+annotated("elbv2.k8s.aws/ownership", c.own)+
				"}}, spec: {}}\n"+
				"LoadBalancerConfiguration shop/class {metadata: {annotations: {x: y"+annotated("elbv2.k8s.aws/ownership", c.class)+
				"}}, spec: {}}\n")
			if s := m.Settings; s.Existing.Set != c.shared || s.Adopted.Set != c.adopted {
				t.Errorf("shared %q, adopted %q", s.Existing.Value, s.Adopted.Value)
			}
			if got := findings(m.Diagnostics); (c.found == "") != (len(m.Diagnostics) == 0) || !strings.Contains(got, c.found) {
				t.Errorf("findings %q, want one of %s", got, c.found)
			}
		})
	}
}
