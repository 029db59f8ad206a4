package compile

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const corpCA = "arn:aws:elasticloadbalancing:us-west-2:111122223333:truststore/corp-ca/1"

func mutualOn443(m stack.MutualAuthentication) func(*intent.Member) {
	return func(i *intent.Member) {
		https("arn:aws:acm:us-west-2:111122223333:certificate/1")(i)
		i.Listeners[len(i.Listeners)-1].Mutual = set(i, "mutual-authentication", m)
	}
}

// TestClientCertificatesAreVerifiedOrTheListenerStaysAsItIs tells what becomes of a listener in each state of
// knowledge.
func TestClientCertificatesAreVerifiedOrTheListenerStaysAsItIs(t *testing.T) {
	t.Parallel()
	verify := func(store string) func(*intent.Member) {
		return mutualOn443(stack.MutualAuthentication{Mode: stack.MutualVerify, TrustStore: store})
	}
	plain := https("arn:aws:acm:us-west-2:111122223333:certificate/1")
	need := facts.Need{Kind: facts.NeedTrustStore, Key: "corp-ca"}
	for name, tc := range map[string]struct {
		member  func(*intent.Member)
		stores  map[string]string
		failing error
		gate    bool
		want    *stack.MutualAuthentication
		kept    bool
		codes   []string
	}{
		"an ARN": {member: verify(corpCA), want: &stack.MutualAuthentication{
			Mode: "verify", TrustStore: corpCA}},
		"a name": {member: verify("corp-ca"), stores: map[string]string{"corp-ca": corpCA},
			want: &stack.MutualAuthentication{Mode: "verify", TrustStore: corpCA}},
		"a name nobody has": {member: verify("corp-ca"), stores: map[string]string{"corp-ca": ""}, kept: true,
			codes: []string{"web " + string(diag.TrustStoreNotFound)}},
		"a name that nobody can tell": {member: verify("corp-ca"), failing: errors.New("denied"), kept: true,
			codes: []string{"web " + string(diag.AWSUnavailable)}},
		"passthrough": {member: mutualOn443(stack.MutualAuthentication{Mode: "passthrough"}),
			want: &stack.MutualAuthentication{Mode: "passthrough"}},
		"off": {member: mutualOn443(stack.MutualAuthentication{Mode: "off"}),
			want: &stack.MutualAuthentication{Mode: "off"}},
		"not mentioned":              {member: plain},
		"not mentioned, to be reset": {member: plain, gate: true, want: &stack.MutualAuthentication{Mode: "off"}},
		"passthrough beside the reset": {member: mutualOn443(stack.MutualAuthentication{Mode: "passthrough"}), gate: true,
			want: &stack.MutualAuthentication{Mode: "passthrough"}},
		"HTTP listeners have no client": {member: func(*intent.Member) {}, gate: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, cfg := account(), config()
			cfg.Gates.EnhancedDefaultBehavior = tc.gate
			f.TrustStores = tc.stores
			if tc.failing != nil {
				f.Errors = map[facts.Need]error{need: tc.failing}
			}
			r := Compile(loadBalancer(ingress("shop", "web", tc.member)), f, cfg, nil)
			if len(r.Needs) > 0 {
				t.Fatalf("needs %v", r.Needs)
			}
			same(t, "findings", codes(r.Diagnostics), tc.codes)
			if tc.kept {
				if r.Stack != nil {
					t.Errorf("built %+v", r.Stack.Listeners)
				}
				return
			}
			listeners := mustBuild(t, r).Listeners
			if diff := cmp.Diff(tc.want, listeners[len(listeners)-1].Mutual); diff != "" {
				t.Error(diff)
			}
		})
	}
}
