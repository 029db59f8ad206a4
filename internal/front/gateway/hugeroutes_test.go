package gateway

import (
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lib/cputime"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestLostRoutesCostInProportion has a tenant write more and more routes: half of them name a backend that does not
// exist, the others a listener that does not. The routes of others wait for the translation.
func TestLostRoutesCostInProportion(t *testing.T) {
	t.Parallel()
	growth.AtMost(t, 1.4, "microseconds of a translation, by routes that lead nowhere", func(n int) float64 {
		var routes strings.Builder
		for i := range n / 2 {
			fmt.Fprintf(&routes, "\nHTTPRoute shop/gone%d {spec: {parentRefs: [{name: web}], hostnames: [h%d.test], rules: "+
				"[{backendRefs: [{name: gone, port: 80}]}]}}", i, i)
			fmt.Fprintf(&routes, "\nHTTPRoute shop/lost%d {spec: {parentRefs: [{name: web, sectionName: none}]}}", i)
		}
		v, cfg := objects.FromObjects(decode(t, classes+`
Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: a, port: 80, protocol: HTTP}]}}`+routes.String())),
			defaults()
		translate := func() (unresolved, unattached int) {
			_, d := Translate(v, cfg, Load(v, cfg, albKey()), false)
			by := map[diag.Code]int{}
			for _, f := range d.Findings {
				by[f.Code]++
			}
			return by[diag.BackendUnresolved], by[diag.RouteNotAttached]
		}
		if unresolved, unattached := translate(); unresolved != n/2 || unattached != min(n/2, mostUnattached) {
			t.Errorf("%d and %d findings of %d routes", unresolved, unattached, n)
		}
		return float64(cputime.PerCall(func() { translate() }).Microseconds())
	})
}
