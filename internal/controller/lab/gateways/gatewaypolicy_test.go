package gateways

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/controller/gatewaystatus"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestABackendTLSPolicyShowsThatItHasNoEffect has a policy of a Service that a route has as backend: its status and an
// event say so, once, until the route goes. The Gateway is as without the policy.
func TestABackendTLSPolicyShowsThatItHasNoEffect(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.WebGateway+`
BackendTLSPolicy shop/tls {spec: {targetRefs: [{group: "", kind: Service, name: web}], validation: {hostname: web.example.com, wellKnownCACertificates: System}}}`)
	var events []string
	statuses := gatewaystatus.NewStatuses(l.Client, l.Clock.Now, logr.Discard())
	r := gatewaystatus.New(objects.BackendTLSPolicy, settings.GatewayConfig(l.Config), l.Client, l.Client, statuses)
	r.Reporter = reporting.NewReporter(func(o diag.Object, e reporting.Event) {
		events = append(events, o.String()+" "+e.Type+" "+e.Reason+": "+e.Message)
	}, l.Clock.Now)
	pass := func() string {
		t.Helper()
		for range 2 {
			_, err := r.Reconcile(t.Context(), reconcile.Request{NamespacedName: types.NamespacedName{
				Namespace: "shop", Name: "tls"}})
			l.Must(err)
			l.Clock.Advance(1e9)
			for _, q := range statuses.Queues() {
				for key, _, ok := q.Next(); ok; key, _, ok = q.Next() {
					q.Run(t.Context(), key)
				}
			}
		}
		p := &gatewayv1.BackendTLSPolicy{}
		l.Get(p, "tls")
		var out []string
		for _, a := range p.Status.Ancestors {
			out = append(out, string(a.ControllerName)+" "+string(a.AncestorRef.Name)+" "+lab.Shown(a.Conditions))
		}
		return strings.Join(out, "; ")
	}
	l.SettleWeb()
	if got := pass(); got != "gateway.k8s.aws/alb web Accepted False Invalid" {
		t.Errorf("status %q", got)
	}
	if !slices.Equal(events, []string{"BackendTLSPolicy shop/tls Normal Note: load balancers do not verify " +
		"the certificates of targets, so the policy has no effect on Gateway shop/web (spec.targetRefs); " +
		"for TLS to targets, set protocol HTTPS or TLS in a TargetGroupConfiguration [IgnoredSetting]"}) {
		t.Errorf("events\n%s", strings.Join(events, "\n"))
	}
	mark := l.Mark()
	l.SettleWeb()
	wantAnswers(l, map[string]string{"/": toWeb})
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("writes to AWS %v", w)
	}
	l.Discard(`HTTPRoute shop/web {}`)
	if got := pass(); got != "" || len(events) > 1 {
		t.Errorf("without the route: status %q, events %v", got, events)
	}
}
