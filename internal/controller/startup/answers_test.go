package startup

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// requests drives Calls by a clock of its own, as limiters do.
type requests struct {
	calls     Calls
	now       time.Time
	lines     []string // changes of conditions
	recovered []impairment.Reason
}

func newRequests() *requests {
	r := &requests{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	conditions := &impairment.Conditions{OnChange: func(c impairment.Change) {
		if c.Healed {
			r.lines = append(r.lines, "healed "+string(c.Reason))
			return
		}
		r.lines = append(r.lines, string(c.Reason)+": "+c.Text)
	}}
	r.calls = Calls{Conditions: conditions, Now: func() time.Time { return r.now },
		Recovered: func(reason impairment.Reason) { r.recovered = append(r.recovered, reason) }}
	return r
}

// pass lets time pass, as Run does.
func (r *requests) pass(d time.Duration) {
	for end := r.now.Add(d); r.now.Before(end); {
		r.now = r.now.Add(sweepInterval)
		r.calls.Sweep()
	}
}

func refusal(operation, code string) error {
	return &smithy.OperationError{ServiceID: awsclient.ServiceELBV2, OperationName: operation,
		Err: &smithy.GenericAPIError{Code: code, Message: "no"}}
}

// request sends a request that AWS answers after a while; code "" = a success.
func (r *requests) request(service, operation, code string, after time.Duration) {
	call := awsclient.Call{Service: service, Operation: operation, Attempts: 1, Duration: after}
	r.calls.Sending(call)
	r.pass(after)
	switch code {
	case "":
	case "timeout":
		call.Err = &smithy.OperationError{ServiceID: service, OperationName: operation, Err: context.DeadlineExceeded}
	case "canceled":
		call.Err = &smithy.OperationError{ServiceID: service, OperationName: operation, Err: context.Canceled}
	default:
		call.Err = refusal(operation, code)
	}
	r.calls.Answered(call)
	r.calls.Observe(call)
}

func (r *requests) expect(t *testing.T, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, r.lines); d != "" {
		t.Error(d)
	}
	r.lines = nil
}

func TestServiceThatDoesNotAnswerIsShown(t *testing.T) {
	t.Parallel()
	r := newRequests()
	r.request(awsclient.ServiceELBV2, "DescribeListeners", "", 0)
	call := awsclient.Call{Service: awsclient.ServiceELBV2, Operation: "CreateRule"}
	r.calls.Sending(call)
	r.pass(silence - sweepInterval)
	r.expect(t)
	r.pass(sweepInterval)
	r.expect(t, "aws: AWS does not answer: Elastic Load Balancing v2")
	call.Err, call.Duration = &smithy.OperationError{Err: context.DeadlineExceeded}, silence
	r.calls.Answered(call)
	r.request(awsclient.ServiceEC2, "DescribeSubnets", "timeout", 30*time.Second)
	r.request(awsclient.ServiceELBV2, "CreateRule", "timeout", 30*time.Second)
	r.expect(t) // one cause is one line
	r.request(awsclient.ServiceELBV2, "CreateRule", "AccessDenied", 0)
	if got := r.lines; len(got) < 1 || got[0] != "aws: AWS does not answer: EC2" {
		t.Errorf("one service answers again: %v", got)
	}
	if !slices.Contains(r.recovered, impairment.Unanswered) {
		t.Error("nothing is woken")
	}
}

// beside has one operation of EC2 hang while another one answers.
func (r *requests) beside(d time.Duration) awsclient.Call {
	hanging := awsclient.Call{Service: awsclient.ServiceEC2, Operation: "DescribeSubnets"}
	r.calls.Sending(hanging)
	for end := r.now.Add(d); r.now.Before(end); {
		r.request(awsclient.ServiceEC2, "DescribeInstances", "", sweepInterval)
	}
	return hanging
}

func TestHangingOperationIsShown(t *testing.T) {
	t.Parallel()
	r := newRequests()
	r.beside(silence - sweepInterval)
	r.expect(t)
	hanging := r.beside(sweepInterval)
	r.expect(t, "aws: AWS does not answer: EC2 (DescribeSubnets)")
	r.pass(silence)
	r.request(awsclient.ServiceEC2, "DescribeInstances", "timeout", silence) // now nothing of the service answers
	r.expect(t, "aws: AWS does not answer: EC2")
	r.request(awsclient.ServiceEC2, "DescribeInstances", "", 0)
	r.expect(t, "aws: AWS does not answer: EC2 (DescribeSubnets)")
	for range 2 {
		r.calls.Answered(hanging)
	}
	r.pass(sweepInterval)
	r.expect(t, "healed aws")
	if d := cmp.Diff([]impairment.Reason{impairment.Unanswered, impairment.Unanswered}, r.recovered); d != "" {
		t.Error(d)
	}
}

// TestHangingOperationIsForgottenWithoutCalls has nothing need the operation any more.
func TestHangingOperationIsForgottenWithoutCalls(t *testing.T) {
	t.Parallel()
	r := newRequests()
	hanging := r.beside(silence)
	hanging.Duration, hanging.Err = silence, &smithy.OperationError{Err: context.DeadlineExceeded}
	r.calls.Answered(hanging)
	for range 2 * operationLife / sweepInterval {
		r.request(awsclient.ServiceEC2, "DescribeInstances", "", sweepInterval)
	}
	r.request(awsclient.ServiceEC2, "DescribeSubnets", "", sweepInterval)
	r.expect(t, "aws: AWS does not answer: EC2 (DescribeSubnets)", "healed aws")
}

func TestSingleLostConnectionIsNoSilence(t *testing.T) {
	t.Parallel()
	r := newRequests()
	r.request(awsclient.ServiceS3, "GetObject", "timeout", time.Second)
	r.pass(5 * time.Minute)
	r.request(awsclient.ServiceEC2, "DescribeSubnets", "canceled", time.Second)
	r.pass(5 * time.Minute)
	r.expect(t)
}

func TestSilenceIsForgottenWithoutCalls(t *testing.T) {
	t.Parallel()
	r := newRequests()
	r.request(awsclient.ServiceEC2, "DescribeSubnets", "timeout", 30*time.Second)
	r.request(awsclient.ServiceEC2, "DescribeSubnets", "timeout", 30*time.Second)
	r.pass(denialLife + time.Minute)
	r.expect(t, "aws: AWS does not answer: EC2", "healed aws")
}

func TestThrottlingOfMostCallsIsShown(t *testing.T) {
	t.Parallel()
	r := newRequests()
	for range 25 { // more than two minutes; one in five succeeds
		for i := range 5 {
			code := "Throttling"
			if i == 2 {
				code = ""
			}
			r.request(awsclient.ServiceELBV2, "RegisterTargets", code, time.Second)
		}
	}
	r.expect(t, "throttled: AWS refuses most calls because of their rate: Elastic Load Balancing v2")
	r.request(awsclient.ServiceELBV2, "RegisterTargets", "", 0) // the last one that waited
	r.pass(permittedFor)
	r.expect(t, "healed throttled")
	if d := cmp.Diff([]impairment.Reason{impairment.Throttled}, r.recovered); d != "" {
		t.Error(d)
	}
}

func TestShortThrottlingIsNoCondition(t *testing.T) {
	t.Parallel()
	r := newRequests()
	for range 10 {
		r.request(awsclient.ServiceELBV2, "RegisterTargets", "Throttling", 5*time.Second)
	}
	for range 10 {
		r.request(awsclient.ServiceELBV2, "RegisterTargets", "", 5*time.Second)
	}
	r.pass(5 * time.Minute)
	r.expect(t)
}

// TestThrottlingThatNoCallShowsIsNoCondition has EC2 refuse a few calls while AWS throttles everything. Nothing calls
// EC2 again, so that no call shows that it accepts calls.
func TestThrottlingThatNoCallShowsIsNoCondition(t *testing.T) {
	t.Parallel()
	r := newRequests()
	for range 10 {
		r.request(awsclient.ServiceEC2, "DescribeSubnets", "Throttling", 10*time.Second)
	}
	r.pass(30 * time.Minute)
	r.expect(t)
	for range 15 {
		r.request(awsclient.ServiceEC2, "DescribeSubnets", "Throttling", 10*time.Second)
	}
	r.expect(t, "throttled: AWS refuses most calls because of their rate: EC2")
	r.pass(refusalLife + time.Second)
	r.expect(t, "healed throttled")
}

func TestRefusedCredentialsAreOneLine(t *testing.T) {
	t.Parallel()
	r := newRequests()
	for _, x := range []struct{ service, operation, code string }{
		{awsclient.ServiceELBV2, "CreateRule", "ExpiredToken"}, {awsclient.ServiceELBV2, "ModifyTargetGroup", "ExpiredToken"},
		{awsclient.ServiceACM, "ListCertificates", "ExpiredTokenException"},
	} {
		r.request(x.service, x.operation, x.code, 0)
	}
	r.request(awsclient.ServiceEC2, "DescribeSubnets", "", 0) // it had accepted them always
	r.expect(t, "credentials: AWS does not accept the credentials: they have expired")
	r.request(awsclient.ServiceACM, "ListCertificates", "AccessDeniedException", 0)
	want := []string{"healed credentials", "permissions: AWS denies the controller's role acm:ListCertificates"}
	r.expect(t, want...)
	if d := cmp.Diff([]impairment.Reason{impairment.Credentials}, r.recovered); d != "" {
		t.Error(d)
	}
}

func TestDeniedPolicyIsFewLines(t *testing.T) {
	t.Parallel()
	r := newRequests()
	denied := map[string]bool{}
	r.calls.Denied = func(action string, is bool) { denied[action] = is }
	operations := []string{"AddTags", "CreateListener", "CreateRule", "CreateTargetGroup", "DeleteRule", "ModifyRule",
		"SetSubnets"}
	for _, o := range operations {
		r.request(awsclient.ServiceELBV2, o, "AccessDenied", 0)
	}
	if len(r.lines) != mostActions+1 || !strings.Contains(r.lines[mostActions], "lbc_actions_denied") ||
		len(denied) != len(operations) {
		t.Errorf("%d actions: %q", len(denied), r.lines)
	}
	for _, o := range operations {
		r.request(awsclient.ServiceELBV2, o, "", 0)
	}
	r.pass(settledFor)
	for action, is := range denied {
		if is {
			t.Errorf("%s is shown as denied", action)
		}
	}
	if r.lines[len(r.lines)-1] != "healed permissions" {
		t.Errorf("%q", r.lines)
	}
}
