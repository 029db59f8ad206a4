package compile

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/constraint/example"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestARNsThatAWSRefusesExposeNothing has each example of the constraint table: without a load balancer, nothing is
// created. A load balancer that exists keeps its web ACL.
func TestARNsThatAWSRefusesExposeNothing(t *testing.T) {
	t.Parallel()
	names := map[constraint.Resource]func(*intent.Member, string){
		constraint.WebACL: func(m *intent.Member, arn string) {
			m.Settings.AddOns.WebACL = set(m, "wafv2-acl-arn", arn)
		},
		constraint.CertificateOfELB: func(m *intent.Member, arn string) { https(arn)(m) },
		constraint.TrustStore: func(m *intent.Member, arn string) {
			mutualOn443(stack.MutualAuthentication{Mode: stack.MutualVerify, TrustStore: arn})(m)
		},
		constraint.UserTargetGroup: func(m *intent.Member, arn string) {
			m.Routes[0].Actions = []intent.Action{{Type: stack.ActionForward, Backends: []intent.Backend{{
				TargetGroupARN: arn}}}}
		},
	}
	cfg := config()
	cfg.Region = "us-west-2"
	for row, refused := range example.ARNs {
		for _, n := range refused {
			member := ingress("shop", "web-front", func(m *intent.Member) { names[n.Of](m, n.ARN) })
			for _, exists := range []bool{false, true} {
				f := account()
				if exists {
					f.Existing = &facts.LoadBalancer{Type: stack.Application}
				}
				r := Compile(loadBalancer(member), f, cfg, nil)
				if exists && n.Of == constraint.WebACL && (r.Stack == nil || r.Stack.LoadBalancers[0].WebACL != nil) {
					t.Errorf("%s: the web ACL that exists does not stay: %+v", row, r.Stack)
				}
				if !exists && r.Stack != nil && (n.Of == constraint.WebACL || serves(r.Stack, n.Of)) {
					t.Errorf("%s: %s: %+v", row, n.ARN, r.Stack)
				}
				if len(r.Diagnostics) == 0 || !strings.Contains(r.Diagnostics[0].Text, problemOf(n)) {
					t.Errorf("%s: %s: %v", row, n.ARN, r.Diagnostics)
				}
				if elsewhere := row == "Region of ARN"; len(r.Diagnostics) > 0 &&
					slices.Contains([]diag.Code{diag.WebACLNotFound, diag.CertificateNotFound}, r.Diagnostics[0].Code) != elsewhere {
					t.Errorf("%s: %v", row, r.Diagnostics)
				}
			}
		}
	}
}

// serves reports whether a listener serves in spite of a wrong ARN: of a certificate or trust store, that is HTTPS.
func serves(s *stack.Stack, of constraint.Resource) bool {
	if of == constraint.UserTargetGroup {
		return slices.ContainsFunc(s.Rules, func(r stack.Rule) bool { return r.Actions[0].Type == stack.ActionForward })
	}
	return slices.ContainsFunc(s.Listeners, func(l stack.Listener) bool { return l.Protocol == "HTTPS" })
}

func problemOf(n constraint.Named) string {
	text, elsewhere := constraint.OfARN(n)
	if elsewhere && n.Of == constraint.CertificateOfELB {
		return n.ARN + " is not in Region " + n.Region
	}
	return text
}
