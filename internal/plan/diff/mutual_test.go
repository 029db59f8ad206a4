package diff

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// TestWhatIsDoneWithClientCertificatesChangesOnlyAsDesired goes from one desired value to the next.
func TestWhatIsDoneWithClientCertificatesChangesOnlyAsDesired(t *testing.T) {
	t.Parallel()
	world := func(m *stack.MutualAuthentication) *stack.Stack {
		s := testStack("/a")
		s.Listeners[0].Protocol, s.Listeners[0].SSLPolicy, s.Listeners[0].Certificates = "HTTPS", "p1", []string{"c1"}
		s.Listeners[0].Mutual = m
		return s
	}
	off := &stack.MutualAuthentication{Mode: stack.MutualOff}
	passthrough := &stack.MutualAuthentication{Mode: stack.MutualPassthrough}
	verify := &stack.MutualAuthentication{Mode: stack.MutualVerify, TrustStore: "arn:ts"}
	lenient := &stack.MutualAuthentication{Mode: stack.MutualVerify, TrustStore: "arn:ts", IgnoreExpiry: true}
	for _, tc := range []struct {
		name     string
		from, to *stack.MutualAuthentication
		why      string // empty = no write
	}{
		{"never wanted", nil, nil, ""},
		{"off is what a listener begins with", nil, off, ""},
		{"first verified", nil, verify, "mutual authentication off → verify arn:ts"},
		{"verified still", verify, verify, ""},
		{"not managed any more", verify, nil, ""},
		{"off", verify, off, "mutual authentication verify arn:ts → off"},
		{"passed on instead", verify, passthrough, "mutual authentication verify arn:ts → passthrough"},
		{"passed on still", passthrough, passthrough, ""},
		{"expiry", verify, lenient, "mutual authentication verify arn:ts → verify arn:ts, ignoring expiry"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(testKey())
			f.converge(t, world(tc.from), Options{})
			p := Stack(world(tc.to), stack.Keep{}, f.obs, Options{})
			var why []string
			for _, s := range p.Steps {
				why = append(why, plan.NameOf(s.Op))
				why = append(why, s.Why...)
			}
			var want []string
			if tc.why != "" {
				want = []string{"ModifyListener", tc.why}
			}
			if diff := cmp.Diff(want, why); diff != "" {
				t.Error(diff)
			}
			f.converge(t, world(tc.to), Options{})
		})
	}
}

// TestAnALPNPolicyIsSwitchedOffOnlyByNone: AWS keeps what is not named, and so does a policy that another controller
// set.
func TestAnALPNPolicyIsSwitchedOffOnlyByNone(t *testing.T) {
	t.Parallel()
	world := func(policy string) *stack.Stack {
		s := testStack()
		s.Listeners[0].Protocol, s.Listeners[0].SSLPolicy, s.Listeners[0].Certificates, s.Listeners[0].ALPN = "TLS", "p1",
			[]string{"c1"}, policy
		return s
	}
	f := newFake(testKey())
	f.converge(t, world(""), Options{})
	f.converge(t, world("HTTP2Preferred"), Options{})
	if p := Stack(world(""), stack.Keep{}, f.obs, Options{}); !p.Empty() {
		t.Errorf("an unmanaged policy is changed:\n%s", p.Text(plan.TextOptions{}))
	}
	p := Stack(world("None"), stack.Keep{}, f.obs, Options{})
	if len(p.Steps) != 1 {
		t.Fatalf("plan:\n%s", p.Text(plan.TextOptions{}))
	}
	if op, ok := p.Steps[0].Op.(awsop.ModifyListener); !ok || op.Listener.ALPN != "None" {
		t.Errorf("%+v", p.Steps[0].Op)
	}
	f.converge(t, world("None"), Options{})
}
