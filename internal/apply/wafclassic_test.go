package apply_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafregional"
	classictypes "github.com/aws/aws-sdk-go-v2/service/wafregional/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// classicWebACL makes a web ACL of WAF Classic and returns its id.
func (w *world) classicWebACL(name string) string {
	w.t.Helper()
	token, err := w.sim.Classic.GetChangeToken(w.t.Context(), &wafregional.GetChangeTokenInput{})
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := w.sim.Classic.CreateWebACL(w.t.Context(), &wafregional.CreateWebACLInput{
		Name: aws.String(name), MetricName: aws.String(name), ChangeToken: token.ChangeToken,
		DefaultAction: &classictypes.WafAction{Type: classictypes.WafActionTypeAllow},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return aws.ToString(out.WebACL.WebACLId)
}

func TestAChangeOfGenerationTakesTheFormerWebACLAwayFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	want := shop("web", "/a/*")
	classic, none, acl := w.classicWebACL("classic"), "", w.webACL("guard")
	want.LoadBalancers[0].ClassicWebACL = &classic
	w.settle(want)
	want.LoadBalancers[0].AddOns = stack.AddOns{ClassicWebACL: &none, WebACL: &acl}
	_, r, err := w.pass(want, diff.Options{}, 8)
	if err != nil {
		t.Fatal(err)
	}
	if s := states(r); len(s) > 0 {
		t.Errorf("%v, want all done in one pass", s)
	}
	if got, _, _ := w.over(); got != acl {
		t.Errorf("web ACL %q", got)
	}
}
