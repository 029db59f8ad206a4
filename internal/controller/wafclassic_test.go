package controller

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// TestWAFClassicIsAnEventAndNoCall gives an Ingress that is served a web ACL of WAF Classic.
func TestWAFClassicIsAnEventAndNoCall(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.create(append(labPods("a", "10.0.128.50"), labIngress("web", nil, "web"))...)
	l.settle(implicit("web"))
	mark, from := l.mark(), len(l.events)
	l.edit("web", func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/waf-acl-id"] = "00000000-0000-4000-8000-000000000001"
	})
	l.pass(10*time.Minute, nil, implicit("web"))
	told := l.warnings(from)["Ingress shop/web"]
	if len(told) != 1 || !strings.HasPrefix(told[0], "EndedSupport: ") || !strings.Contains(told[0], "alb.ingress.kubernetes.io/wafv2-acl-arn") {
		t.Errorf("told:\n%s", strings.Join(told, "\n"))
	}
	_, calls := l.counts(mark)
	for action := range calls {
		if !strings.HasPrefix(action, "Describe") {
			t.Errorf("%s is called", action)
		}
	}
}
