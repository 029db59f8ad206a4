package gatewaystatus

import (
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// strange are a Service with its TargetGroupConfiguration, and a route of another namespace that names the Service.
const strange = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {ports: [{port: 80}]}
---
apiVersion: gateway.k8s.aws/v1beta1
kind: TargetGroupConfiguration
metadata: {name: web, namespace: shop}
spec: {targetReference: {name: web}, defaultConfiguration: {targetType: ip}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all, namespace: mal}
spec: {parentRefs: [{name: evil}], rules: [{backendRefs: [{name: web, namespace: shop, port: 80}]}]}
`

// TestRouteOfOthersHoldsNoTargetGroupConfiguration: a route that may not name a Service keeps nothing of the Service's
// owner.
func TestRouteOfOthersHoldsNoTargetGroupConfiguration(t *testing.T) {
	t.Parallel()
	const grant = `
---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: mal, namespace: shop}
spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: mal}], to: [{group: "", kind: Service}]}
`
	for name, c := range map[string]struct {
		text string
		used bool
	}{
		"without a grant":        {strange, false},
		"with a grant":           {strange + grant, true},
		"of the same namespace":  {strings.ReplaceAll(strange, "mal", "shop"), true},
		"with a grant elsewhere": {strange + strings.Replace(grant, "namespace: shop", "namespace: mal", 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objs, _, err := manifest.Decode([]byte(c.text), "shop")
			if err != nil {
				t.Fatal(err)
			}
			v := objects.FromObjects(objs)
			held, ok := objects.Lookup[client.Object](v, objects.TargetGroupConfiguration, "shop", "web")
			if !ok {
				t.Fatal("no TargetGroupConfiguration")
			}
			if user, used := targetGroupUser(v, gateway.Config{ALB: gateway.ControllerALB}, held); used != c.used {
				t.Errorf("used: %v, by %q", used, user)
			}
		})
	}
}
