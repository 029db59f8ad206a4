package awsclient

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// answeredWith is an error of the SDK about a request that AWS answered.
func answeredWith(status int, id string, cause error) error {
	return &smithy.OperationError{ServiceID: ServiceEC2, OperationName: "DescribeSubnets", Err: &awshttp.ResponseError{
		RequestID: id,
		ResponseError: &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
			Err: cause}}}
}

// TestTheSameTroubleHasTheSameTextAtEachAttempt has the parts that AWS, the SDK and the kernel vary differ between two
// attempts.
func TestTheSameTroubleHasTheSameTextAtEachAttempt(t *testing.T) {
	t.Parallel()
	refused := func(status int, code, format string, args ...any) func(int) error {
		return func(n int) error {
			text := format
			if len(args) > 0 {
				text = fmt.Sprintf(format, args[n])
			}
			return answeredWith(status, fmt.Sprintf("7e1a-%d", n), &smithy.GenericAPIError{Code: code, Message: text})
		}
	}
	for name, attempt := range map[string]func(n int) error{
		"denied": refused(403, "UnauthorizedOperation",
			"You are not authorized. Encoded authorization failure message: %s", "aaaa", "bbbb"),
		"throttled": refused(400, "Throttling", "Rate exceeded"),
		"invalid":   refused(400, "ValidationError", "'port' must be below 65536"),
		"quota":     refused(400, "TooManyTargets", "too many"),
		"not found": refused(400, "TargetGroupNotFound", "not found"),
		"expired signature": refused(403, "SignatureDoesNotMatch", "Signature expired: %s is now earlier than the limit",
			"20260101T000000Z", "20260101T000100Z"),
		"expired token": refused(400, "ExpiredToken", "Token expired at %s", "2026-01-01T00:00:00Z",
			"2026-01-01T00:01:00Z"),
		"a server's error": refused(503, "ServiceUnavailable", "try again"),
		"an answer that is no XML": func(n int) error {
			return answeredWith(502, fmt.Sprintf("7e1a-%d", n), errors.New("deserialization failed"))
		},
		"an odd socket": func(n int) error {
			return unanswered(fmt.Errorf("read tcp 10.1.2.3:%d->192.0.2.1:443: odd", 40000+n))
		},
		"no answer in time": func(int) error { return unanswered(timeout{}) },
	} {
		first, second := Problem("", attempt(0)), Problem("", attempt(1))
		if first.Text == "" || first.Text != second.Text || first.Remedy != second.Remedy {
			t.Errorf("%s:\n%q\n%q", name, first.Text+"; "+first.Remedy, second.Text+"; "+second.Remedy)
		}
	}
	webhook := func(port int) string {
		return SteadyText(fmt.Sprintf("failed calling webhook: read tcp 10.1.2.3:%d->10.0.0.9:443: i/o timeout", port))
	}
	if webhook(40001) != webhook(52002) {
		t.Errorf("the API server's text differs: %q", webhook(40001))
	}
}
