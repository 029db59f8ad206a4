package upkeep

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestLostRoutesFailNoLoadBalancer has routes of tenants that name backends or listeners which do not exist: each has
// events, and the load balancer that they share is ready.
func TestLostRoutesFailNoLoadBalancer(t *testing.T) {
	t.Parallel()
	l := newShownLab(t, lab.GatewayObjects(t, lab.WebGateway+`
TargetGroupConfiguration shop/web {spec: {targetReference: {name: web}, defaultConfiguration: {targetType: ip}}}
HTTPRoute shop/kind {spec: {parentRefs: [{name: web}], hostnames: [a.test], rules: [{backendRefs: [{kind: ConfigMap, name: web}]}]}}
HTTPRoute shop/gone {spec: {parentRefs: [{name: web}], hostnames: [b.test], rules: [{backendRefs: [{name: gone, port: 80}]}]}}
HTTPRoute shop/port {spec: {parentRefs: [{name: web}], hostnames: [c.test], rules: [{backendRefs: [{name: web, port: 99}]}]}}
HTTPRoute shop/section {spec: {parentRefs: [{name: web, sectionName: https}], rules: [{backendRefs: [{name: web, port: 80}]}]}}
HTTPRoute mal/far {spec: {parentRefs: [{name: web, namespace: shop}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)...)
	l.SettleWeb()
	l.Clock.Advance(10 * time.Minute)
	l.SettleWeb()
	for route, told := range map[string]string{
		"shop/kind":    "BackendNotFound: ConfigMap web cannot be a backend; requests of the rule get 500",
		"shop/gone":    "BackendNotFound: Service shop/gone does not exist; requests of the rule get 500",
		"shop/port":    "BackendNotFound: Service shop/web has no port 99; requests of the rule get 500",
		"shop/section": "FailedBuildModel: Gateway shop/web has no listener named https; the route serves nothing there",
		"mal/far":      "FailedBuildModel: listener http admits no routes of namespace mal",
	} {
		if !l.Saw("HTTPRoute "+route, told) {
			t.Errorf("%s has no event with %q", route, told)
		}
	}
	l.writer.Tick(t.Context())
	lab.WriteDue(t.Context(), l.writer.Queue)
	o := &v1alpha1.LoadBalancer{}
	l.Must(l.api.Get(t.Context(), client.ObjectKey{Namespace: "shop", Name: "gateway-alb-web"}, o))
	if !meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("conditions %+v", o.Status.Conditions)
	}
	if t.Failed() {
		t.Logf("events:\n%s", strings.Join(l.Events, "\n"))
	}
}
