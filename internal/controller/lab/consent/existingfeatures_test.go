package consent

import (
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestAnAdditionFromBeforeTheFlagIsNotedOnce(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"),
		lab.Ingress("web", map[string]string{"group.name": "front"}, "web"))
	l.Annotate("web", "deletion-policy", "Retain")
	l.Settle(lab.FrontKey)
	if l.Told("web", string(diag.AdditionInUse)) {
		t.Errorf("without the flag:\n%s", strings.Join(l.Events, "\n"))
	}
	l.Config.ExistingFeaturesOnly = true
	l.Events = nil
	l.Restart()
	mark := l.Mark()
	l.Settle(lab.FrontKey)
	l.Settle(lab.FrontKey)
	if n := strings.Count(strings.Join(l.Events, "\n"), string(diag.AdditionInUse)); n != 1 ||
		!l.Told("web", "deletion-policy") {
		t.Errorf("%d events, want one:\n%s", n, strings.Join(l.Events, "\n"))
	}
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("the flag wrote %v", w)
	}
}

func TestNewGatewaysGetExistingRulesWithTheFlag(t *testing.T) {
	t.Parallel()
	g, class := lab.Gateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	l := lab.New(t, account.Profile{}, class, g)
	l.Config.ExistingFeaturesOnly = true
	l.Restart()
	l.Settle(lab.GatewayKey(stack.GatewayALB, "web"))
	l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	if got := g.Annotations["gateway.k8s.aws/rule-construction"]; got != "compatible" {
		t.Errorf("construction %q", got)
	}
}
