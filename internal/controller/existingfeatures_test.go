package controller

import (
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestAnAdditionFromBeforeTheFlagIsNotedOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", map[string]string{"group.name": "front"}, "web"))
	l.annotate("web", "deletion-policy", "Retain")
	l.settle(frontKey)
	if l.told("web", string(diag.AdditionInUse)) {
		t.Errorf("without the flag:\n%s", strings.Join(l.events, "\n"))
	}
	l.config.ExistingFeaturesOnly = true
	l.events = nil
	l.restart()
	mark := l.mark()
	l.settle(frontKey)
	l.settle(frontKey)
	if n := strings.Count(strings.Join(l.events, "\n"), string(diag.AdditionInUse)); n != 1 || !l.told("web", "deletion-policy") {
		t.Errorf("%d events, want one:\n%s", n, strings.Join(l.events, "\n"))
	}
	if w := l.writes(mark); len(w) > 0 {
		t.Errorf("the flag wrote %v", w)
	}
}

func TestNewGatewaysGetExistingRulesWithTheFlag(t *testing.T) {
	t.Parallel()
	g, class := labGateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	l := newLab(t, account.Profile{}, class, g)
	l.config.ExistingFeaturesOnly = true
	l.restart()
	l.settle(gatewayKey(stack.GatewayALB, "web"))
	l.must(l.client.Get(t.Context(), client.ObjectKeyFromObject(g), g))
	if got := g.Annotations["gateway.k8s.aws/rule-construction"]; got != "compatible" {
		t.Errorf("construction %q", got)
	}
}
