package startup

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// observe has calls observe the outcome of a call.
func (r *requests) observe(operation, code string) {
	var err error
	if code != "" {
		err = refusal(operation, code)
	}
	r.calls.Observe(awsclient.Call{Service: awsclient.ServiceELBV2, Operation: operation, Err: err})
}

// denials follows lbc_actions_denied.
func (r *requests) denials() *[]bool {
	var shown []bool
	r.calls.Denied = func(_ string, denied bool) {
		if n := len(shown); n == 0 || shown[n-1] != denied {
			shown = append(shown, denied)
		}
	}
	return &shown
}

func (r *requests) woken(reason impairment.Reason) (n int) {
	for _, x := range r.recovered {
		if x == reason {
			n++
		}
	}
	return n
}

// TestDenialOfOneResourceStandsWhileOthersAreAllowed has one load balancer denied an action that a policy allows for
// all others.
func TestDenialOfOneResourceStandsWhileOthersAreAllowed(t *testing.T) {
	t.Parallel()
	r := newRequests()
	shown := r.denials()
	for range 120 { // ten minutes
		r.observe("CreateRule", "AccessDenied")
		r.observe("CreateRule", "")
		r.pass(sweepInterval)
	}
	if len(r.lines) != 1 || len(*shown) != 1 || !(*shown)[0] {
		t.Errorf("conditions %q, gauge %v", r.lines, *shown)
	}
	if n := r.woken(impairment.Permissions); n < 5 || n > 13 {
		t.Errorf("what is denied is tried again %d times in ten minutes", n)
	}
	before := r.woken(impairment.Permissions)
	for range 20 { // the cure: every call succeeds
		r.observe("CreateRule", "")
		r.pass(sweepInterval)
	}
	if d := cmp.Diff([]bool{true, false}, *shown); d != "" || r.calls.Conditions.Has(impairment.Permissions) {
		t.Errorf("100 s after the cure: %s", d)
	}
	if n := r.woken(impairment.Permissions) - before; n != 1 {
		t.Errorf("the cure wakes what waits %d times", n)
	}
}

// TestFirstSuccessWakesWhatIsDenied has a right return: what waits is tried again at once, and the condition ends soon.
func TestFirstSuccessWakesWhatIsDenied(t *testing.T) {
	t.Parallel()
	r := newRequests()
	r.observe("CreateRule", "AccessDenied")
	r.pass(time.Minute)
	r.observe("CreateRule", "")
	if n := r.woken(impairment.Permissions); n != 1 {
		t.Errorf("woken %d times", n)
	}
	if r.pass(settledFor); r.calls.Conditions.Has(impairment.Permissions) {
		t.Errorf("%q", r.lines)
	}
}

// TestDenialEndsWithTheObjectThatNeedsIt has the object that needs a denied action deleted: nothing calls AWS again.
func TestDenialEndsWithTheObjectThatNeedsIt(t *testing.T) {
	t.Parallel()
	for _, waits := range []bool{true, false} {
		r := newRequests()
		needed := false
		r.calls.Needed = func() bool { return needed }
		r.observe("CreateRule", "AccessDenied")
		needed = waits
		r.pass(5 * time.Minute)
		needed = false
		r.pass(sweepInterval)
		if holds := r.calls.Conditions.Has(impairment.Permissions); holds == waits {
			t.Errorf("something waited: %t; the condition holds: %t", waits, holds)
		}
		if r.pass(denialLife); r.calls.Conditions.Has(impairment.Permissions) {
			t.Errorf("something waited: %t; the condition holds for ever", waits)
		}
	}
}

// TestCredentialsThatAllServicesRefuseAreOneLine has services refuse an expired session, and signatures by a wrong
// clock, by codes of their own.
func TestCredentialsThatAllServicesRefuseAreOneLine(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{"ExpiredToken": "they have expired",
		"SignatureDoesNotMatch": "their signature is wrong"} {
		r := newRequests()
		for range 3 {
			r.request(awsclient.ServiceELBV2, "ModifyRule", code, 0)
			r.request(awsclient.ServiceEC2, "DescribeSubnets", awsclient.CodeRequestExpired, 0)
		}
		if len(r.lines) != 1 || !strings.Contains(r.lines[0], want) {
			t.Errorf("%s: %q", code, r.lines)
		}
		r.request(awsclient.ServiceEC2, "DescribeSubnets", "", 0)
		if r.calls.Conditions.Has(impairment.Credentials) || r.woken(impairment.Credentials) != 1 {
			t.Errorf("%s: %q, woken for %v", code, r.lines, r.recovered)
		}
	}
}

// TestActionThatIsAllowedNowIsDeniedNoLonger has a call need two actions, of which a policy allows one after the other.
func TestActionThatIsAllowedNowIsDeniedNoLonger(t *testing.T) {
	t.Parallel()
	r := newRequests()
	denied := map[string]bool{}
	r.calls.Denied = func(action string, is bool) { denied[action] = is }
	for _, action := range []string{"AddTags", "CreateRule"} {
		err := &smithy.GenericAPIError{Code: "AccessDenied",
			Message: "User: arn:aws:iam::123456789012:role/lbc is not authorized to perform: elasticloadbalancing:" + action +
				" on resource: *"}
		r.calls.Observe(awsclient.Call{Service: awsclient.ServiceELBV2, Operation: "CreateRule", Err: &smithy.OperationError{
			ServiceID: awsclient.ServiceELBV2, OperationName: "CreateRule", Err: err}})
	}
	if d := cmp.Diff(map[string]bool{"elasticloadbalancing:AddTags": false, "elasticloadbalancing:CreateRule": true},
		denied); d != "" {
		t.Error(d)
	}
}
