package awsclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func answered(status int, code, message string) error {
	return fmt.Errorf("doing something: %w", &smithy.OperationError{ServiceID: ServiceELBV2, OperationName: "CreateRule",
		Err: &awshttp.ResponseError{
			RequestID: "req-1",
			ResponseError: &smithyhttp.ResponseError{
				Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
				Err:      &smithy.GenericAPIError{Code: code, Message: message},
			},
		}})
}

func TestErrorsAreClassifiedByCodeAndElseByStatus(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err  error
		want Error
	}{
		{answered(400, "Throttling", "Rate exceeded"), Error{Class: diag.Throttled, Code: "Throttling",
			Message: "Rate exceeded", RequestID: "req-1"}},
		{answered(503, "RequestLimitExceeded", "slow"), Error{Class: diag.Throttled, Code: "RequestLimitExceeded",
			Message: "slow", RequestID: "req-1"}},
		{answered(403, "AccessDenied", "no"), Error{Class: diag.Denied, Code: "AccessDenied", Message: "no",
			RequestID: "req-1"}},
		{answered(403, "SomethingNew", "no"), Error{Class: diag.Denied, Code: "SomethingNew", Message: "no",
			RequestID: "req-1"}},
		{answered(500, "SomethingNew", "oops"), Error{Class: diag.Transient, Code: "SomethingNew", Message: "oops",
			RequestID: "req-1"}},
		{answered(429, "SomethingNew", "slow"), Error{Class: diag.Throttled, Code: "SomethingNew", Message: "slow",
			RequestID: "req-1"}},
		{answered(400, "SomethingNew", "bad"), Error{Class: diag.Invalid, Code: "SomethingNew", Message: "bad",
			RequestID: "req-1"}},
		{answered(400, "TooManyRules", "full"), Error{Class: diag.Quota, Code: "TooManyRules", Message: "full",
			RequestID: "req-1"}},
		{answered(400, "LimitExceededException", "full"), Error{Class: diag.Quota, Code: "LimitExceededException",
			Message: "full", RequestID: "req-1"}},
		{answered(400, "CertificateNotFound", "gone"), Error{Class: diag.NotFound, Code: "CertificateNotFound",
			Message: "gone", RequestID: "req-1"}},
		{answered(400, "InvalidPermission.Duplicate", "there"),
			Error{Class: diag.Conflict, Code: "InvalidPermission.Duplicate", Message: "there", RequestID: "req-1"}},
		{context.DeadlineExceeded, Error{Class: diag.Transient, Message: "AWS does not answer in time", Unanswered: Timeout}},
		{errors.New("connection reset"), Error{Class: diag.Transient, Message: "connection reset"}},
	} {
		if got := Classify(tc.err); got != tc.want {
			t.Errorf("%v: got %+v, want %+v", tc.err, got, tc.want)
		}
	}
}

func TestADenialNamesTheMissingPermission(t *testing.T) {
	t.Parallel()
	d := Problem("CreateRule", answered(403, "AccessDenied", "User x is not authorized"))
	if d.Code != diag.AccessDenied || d.RequestID != "req-1" ||
		!strings.Contains(d.Remedy, "elasticloadbalancing:CreateRule") {
		t.Errorf("%+v", d)
	}
	if d.Text != "AWS refused CreateRule: User x is not authorized (AccessDenied)" {
		t.Errorf("text %q", d.Text)
	}
}

func TestADenialNamesTheActionThatAWSNames(t *testing.T) {
	t.Parallel()
	d := Problem("CreateRule", answered(403, "AccessDenied", "User: arn:aws:sts::1:assumed-role/lbc is not authorized "+
		"to perform: cognito-idp:DescribeUserPoolClient on resource: arn:pool"))
	if d.Code != diag.AccessDenied || !strings.Contains(d.Remedy, "cognito-idp:DescribeUserPoolClient") {
		t.Errorf("%+v", d)
	}
}

func TestAProblemOfAnUnnamedCallTakesTheNameFromTheSDK(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("targets: %w", &smithy.OperationError{ServiceID: ServiceELBV2, OperationName: "RegisterTargets",
		Err: answered(403, "AccessDenied", "no")})
	d := Problem("", err)
	if d.Text != "AWS refused RegisterTargets: no (AccessDenied)" ||
		!strings.Contains(d.Remedy, "elasticloadbalancing:RegisterTargets") {
		t.Errorf("%+v", d)
	}
}

func TestProblemsCarryTheCodeThatUsersLookUp(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]diag.Code{
		"DuplicateLoadBalancerName": diag.NameTaken, "TooManyLoadBalancers": diag.QuotaExceeded,
		"ValidationError":     diag.AWSRejected,
		"CertificateNotFound": diag.CertificateNotFound, "InternalFailure": diag.AWSUnavailable,
		"Throttling":    diag.RateExceeded,
		"InvalidSubnet": diag.InvalidSubnets,
	} {
		if got := Problem("CreateLoadBalancer", answered(400, code, "m")); got.Code != want {
			t.Errorf("%s: %s, want %s", code, got.Code, want)
		}
	}
}
