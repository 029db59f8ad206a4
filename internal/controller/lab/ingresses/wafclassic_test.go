package ingresses

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestWAFClassicIsAnEventAndNoCall gives an Ingress that is served a web ACL of WAF Classic.
func TestWAFClassicIsAnEventAndNoCall(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Create(append(lab.Pods("a", "10.0.128.50"), lab.Ingress("web", nil, "web"))...)
	l.Settle(lab.Key("web"))
	mark, from := l.Mark(), len(l.Events)
	l.Edit("web", func(i *networkingv1.Ingress) {
		i.Annotations["alb.ingress.kubernetes.io/waf-acl-id"] = "00000000-0000-4000-8000-000000000001"
	})
	l.Pass(10*time.Minute, nil, lab.Key("web"))
	told := l.Warnings(from)["Ingress shop/web"]
	if len(told) != 1 || !strings.HasPrefix(told[0], "EndedSupport: ") ||
		!strings.Contains(told[0], "alb.ingress.kubernetes.io/wafv2-acl-arn") {
		t.Errorf("told:\n%s", strings.Join(told, "\n"))
	}
	_, calls := l.Counts(mark)
	for action := range calls {
		if !strings.HasPrefix(action, "Describe") {
			t.Errorf("%s is called", action)
		}
	}
}
