package awsop

import (
	"fmt"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestPartsOfListenerChangeMakeTheWhole compares the calls for single settings with the one for all, for each set of
// settings that change. A guard never changes before what it guards, or before the guard that it may replace.
func TestPartsOfListenerChangeMakeTheWhole(t *testing.T) {
	t.Parallel()
	before := stack.Listener{ID: "443", Port: 443, Protocol: "HTTPS", SSLPolicy: "old", ALPN: "None",
		Certificates: []string{"old"}, DefaultActions: []stack.Action{{Type: "fixed-response"}},
		Mutual: &stack.MutualAuthentication{Mode: stack.MutualOff}}
	ref := stack.Literal(stack.KindListener, "arn:listener")
	for n := range 32 {
		sets := ListenerSettings{n&1 > 0, n&2 > 0, n&4 > 0, n&8 > 0, n&16 > 0}
		want := before
		if sets.Actions {
			want.DefaultActions = []stack.Action{{Type: "redirect"}}
		}
		if sets.Certificate {
			want.Certificates = []string{"new"}
		}
		if sets.Policy {
			want.SSLPolicy = "new"
		}
		if sets.ALPN {
			want.ALPN = "HTTP2Only"
		}
		if sets.Mutual {
			want.Mutual = &stack.MutualAuthentication{Mode: stack.MutualVerify, TrustStore: "arn:store"}
		}
		observed := Observed{Listeners: []Listener{{ARN: "arn:listener", Listener: before}}}
		op := ModifyListener{Ref: ref, Listener: want, Sets: sets}
		resolve := func(r stack.Ref) string { return r.Literal }
		whole, got := Advance(observed, op, Output{}, resolve), observed
		for _, part := range Apart(op) {
			one, _ := part.(ModifyListener)
			if sets := one.Sets; sets.Mutual && (sets.Actions != op.Sets.Actions || sets.Policy != op.Sets.Policy) ||
				one.Listener.SSLPolicy == "old" || len(one.Listener.Certificates) > 0 && one.Listener.Certificates[0] == "old" {
				t.Errorf("%+v: a call for %+v", op.Sets, one)
			}
			got = Advance(got, part, Output{}, resolve)
		}
		if fmt.Sprintf("%+v %+v", got.Listeners[0], got.Listeners[0].Mutual) != fmt.Sprintf("%+v %+v", whole.Listeners[0],
			whole.Listeners[0].Mutual) {
			t.Errorf("%+v: %+v, want %+v", sets, got.Listeners[0], whole.Listeners[0])
		}
	}
	op := ModifyListener{Ref: ref, Listener: before, Sets: ListenerSettings{Policy: true, Certificate: true},
		Changes: Protocols{From: "HTTP", To: "HTTPS"}}
	if parts := Apart(op); parts != nil {
		t.Errorf("a change of protocol is made by %d calls", len(parts))
	}
}
