package awsclient

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

const otherRole = "arn:aws:iam::222222222222:role/targets"

var ownScope = Scope{Partition: "aws", Region: "us-west-2", VPC: "vpc-1"}

func TestAScopeIsConnectedOnceAndWhatNoRoleReachesIsRefused(t *testing.T) {
	t.Parallel()
	s := NewScopes(Connection{Scope: ownScope}, ScopesOptions{})
	for _, scope := range []Scope{ownScope, ownScope.As(otherRole, "")} {
		first, err := s.Clients(scope)
		if err != nil {
			t.Fatal(err)
		}
		if second, _ := s.Clients(scope); first != second {
			t.Errorf("%s: two sets of clients", scope)
		}
	}
	for _, other := range []Scope{
		{Partition: "aws", Region: "us-east-1", VPC: "vpc-1"},
		{Partition: "aws", Region: "us-east-1", VPC: "vpc-1", Role: otherRole, ExternalID: "s3cret"},
		ownScope.As("targets", "s3cret"),
	} {
		_, err := s.Clients(other)
		if err == nil || !strings.Contains(err.Error(), other.String()+" cannot be reached") ||
			strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v: %v", other, err)
		}
	}
	if ownScope.As("", "ignored") != ownScope {
		t.Error("an external id without a role makes a scope")
	}
}

func TestRolesOfOneAccountShareLimiter(t *testing.T) {
	t.Parallel()
	now := clock.NewStepped(time.Unix(0, 0))
	s := NewScopes(Connection{Scope: ownScope}, ScopesOptions{Limiter: LimiterOptions{Clock: now}})
	for _, role := range []string{otherRole, otherRole + "-2", "arn:aws:iam::333333333333:role/targets"} {
		if _, err := s.Clients(ownScope.As(role, "")); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.limiters) != 2 || s.Roles() != 3 {
		t.Fatalf("%d limiters of two accounts, %d roles", len(s.limiters), s.Roles())
	}
	now.Advance(idleScope)
	if _, err := s.Clients(ownScope.As(otherRole, "")); err != nil {
		t.Fatal(err)
	}
	now.Advance(time.Second)
	if s.Roles() != 1 || len(s.limiters) != 1 {
		t.Errorf("left: %d roles, %d limiters", s.Roles(), len(s.limiters))
	}
}

// tokens answers AssumeRole by a function.
type tokens struct {
	STS
	mu     sync.Mutex
	asked  []*sts.AssumeRoleInput
	answer func() (*sts.AssumeRoleOutput, error)
}

func (f *tokens) AssumeRole(_ context.Context, in *sts.AssumeRoleInput, _ ...func(*sts.Options)) (
	*sts.AssumeRoleOutput, error) {
	f.mu.Lock()
	f.asked = append(f.asked, in)
	answer := f.answer
	f.mu.Unlock()
	return answer()
}

func (f *tokens) calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

// roleOf makes credentials of a role whose sessions last an hour.
func roleOf(now *clock.Stepped, externalID string) (*roleCredentials, *tokens) {
	f := &tokens{}
	f.answer = func() (*sts.AssumeRoleOutput, error) {
		n := string(rune('a' + f.calls()))
		return &sts.AssumeRoleOutput{Credentials: &ststypes.Credentials{
			AccessKeyId: aws.String("ASIA" + n), SecretAccessKey: aws.String("s"), SessionToken: aws.String(n),
			Expiration: aws.Time(now.Now().Add(time.Hour)),
		}}, nil
	}
	return &roleCredentials{scope: ownScope.As(otherRole, externalID), session: "AWS-LBC-demo", sts: f, clock: now}, f
}

func TestConcurrentCallsAssumeRoleOnce(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "blue"} {
		c, f := roleOf(clock.NewStepped(time.Unix(0, 0)), id)
		held := make(chan struct{})
		answer := f.answer
		f.answer = func() (*sts.AssumeRoleOutput, error) { <-held; return answer() }
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if got, err := c.Retrieve(t.Context()); err != nil || got.AccessKeyID != "ASIAb" {
					t.Errorf("%v, %v", got, err)
				}
			})
		}
		close(held)
		all.Wait()
		if f.calls() != 1 {
			t.Errorf("%d calls", f.calls())
		}
		if in := f.asked[0]; aws.ToString(in.RoleArn) != otherRole || aws.ToString(in.RoleSessionName) != "AWS-LBC-demo" ||
			aws.ToString(in.ExternalId) != id || (in.ExternalId != nil) != (id != "") {
			t.Errorf("asked %+v", in)
		}
	}
}

func TestRoleCredentialsAreRenewedBeforeTheyEnd(t *testing.T) {
	t.Parallel()
	now := clock.NewStepped(time.Unix(0, 0))
	c, f := roleOf(now, "")
	first, err := c.Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now.Advance(time.Hour - renewBefore - time.Second)
	if again, _ := c.Retrieve(t.Context()); again != first || f.calls() != 1 {
		t.Fatalf("%v after %d calls", again, f.calls())
	}
	held, answer := make(chan struct{}), f.answer
	f.mu.Lock()
	f.answer = func() (*sts.AssumeRoleOutput, error) { <-held; return answer() }
	f.mu.Unlock()
	now.Advance(2 * time.Second)
	if again, err := c.Retrieve(t.Context()); err != nil || again != first {
		t.Fatalf("it waits for the new ones: %v %v", again, err)
	}
	c.mu.Lock()
	flight := c.flight
	c.mu.Unlock()
	close(held)
	<-flight
	if renewed, err := c.Retrieve(t.Context()); err != nil || renewed == first || f.calls() != 2 {
		t.Errorf("%v %v after %d calls", renewed, err, f.calls())
	}
	now.Advance(time.Hour - lastUse) // nothing called in the meantime: these may end on the way
	if last, err := c.Retrieve(t.Context()); err != nil || f.calls() != 3 || !last.Expires.After(now.Now().Add(lastUse)) {
		t.Errorf("%v %v after %d calls", last, err, f.calls())
	}
}

func TestDeniedRoleIsTriedEveryTenSeconds(t *testing.T) {
	t.Parallel()
	now := clock.NewStepped(time.Unix(0, 0))
	c, f := roleOf(now, "")
	came := make(chan Scope, 1)
	c.came = func(s Scope) { came <- s }
	granted := f.answer
	f.answer = func() (*sts.AssumeRoleOutput, error) {
		return nil, &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: &smithy.GenericAPIError{
			Code: "AccessDenied", Message: "User is not authorized to perform: sts:AssumeRole"}}
	}
	for range 5 {
		_, err := c.Retrieve(t.Context())
		d := Problem("RegisterTargets", err)
		if e := Classify(err); !OfRole(err) || e.Class != diag.Denied || e.Code != "" || d.Code != diag.RoleNotAssumed ||
			!strings.Contains(d.Message(), "role "+otherRole+" cannot be assumed: AssumeRole: AccessDenied: ") ||
			!strings.Contains(d.Remedy, "trust policy") {
			t.Fatalf("%+v %s", e, d.Message())
		}
	}
	if f.calls() != 1 {
		t.Errorf("%d calls", f.calls())
	}
	f.mu.Lock()
	f.answer = granted
	f.mu.Unlock()
	now.Advance(assumePause)
	if _, err := c.Retrieve(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := <-came; got.Role != otherRole {
		t.Errorf("told of %v", got)
	}
}

func TestTheAnswerOfSTSDecidesWhatIsReportedOfARole(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		class diag.Class
		says  string
	}{
		"AccessDenied":            {diag.Denied, "lbc iam-policy"},
		"ValidationError":         {diag.Invalid, "correct the ARN"},
		"RegionDisabledException": {diag.Invalid, "correct"},
		"Throttling":              {diag.Transient, "STS is asked again"},
		"ExpiredToken":            {diag.Transient, "STS is asked again"}, // the controller's own
	} {
		err := &RoleError{otherRole, &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole",
			Err: &smithy.GenericAPIError{Code: code, Message: "no"}}}
		if d := Problem("", err); d.Class != c.class || !strings.Contains(d.Message(), c.says) || Classify(err).Code != "" {
			t.Errorf("%s: %s %s", code, d.Class, d.Message())
		}
	}
	if err := (&RoleError{otherRole, context.DeadlineExceeded}); Classify(err).Class != diag.Transient ||
		!errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%+v", Classify(err))
	}
}

func TestACallWhoseCredentialsAWSRejectsIsSentOnceMoreWithNewOnes(t *testing.T) {
	t.Parallel()
	c, f := roleOf(clock.NewStepped(time.Now()), "")
	var keys []string
	cfg := aws.Config{Region: "us-west-2", Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		HTTPClient: refusing(func(key string) bool {
			keys = append(keys, key)
			return len(keys) == 1
		})}
	clients := Connection{Scope: ownScope, config: cfg}.assumed(c).Clients(NewLimiter(LimiterOptions{}))
	if _, err := clients.ELBV2.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{
		TargetGroupArn: aws.String("arn")}); err == nil || OfRole(err) {
		t.Fatalf("%v", err) // the input has no targets, which is found before anything is sent
	}
	if _, err := clients.ELBV2.DescribeTargetGroups(t.Context(), &elbv2.DescribeTargetGroupsInput{}); err != nil {
		t.Fatal(err)
	}
	if len(keys) != 2 || keys[0] == keys[1] || f.calls() != 2 {
		t.Errorf("keys %v, %d calls of AssumeRole", keys, f.calls())
	}
}
