package survey

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
)

func TestRemedyFitsTheErrorOfAWS(t *testing.T) {
	t.Parallel()
	sent := func(err error) error {
		return &smithy.OperationError{ServiceID: "EC2", OperationName: "DescribeVpcs", Err: err}
	}
	for name, x := range map[string]struct {
		err  error
		want string // a part of the remedy; "" = that of the source
	}{
		"throttled":   {sent(&smithy.GenericAPIError{Code: "Throttling"}), "throttles"},
		"credentials": {sent(&smithy.GenericAPIError{Code: "ExpiredToken"}), "aws sts get-caller-identity"},
		"silent":      {sent(context.DeadlineExceeded), "Health Dashboard"},
		"denied":      {sent(&smithy.GenericAPIError{Code: "AccessDenied"}), ""},
		"Kubernetes":  {errors.New("forbidden"), ""},
	} {
		if got := remedyOf(x.err); (got == "") != (x.want == "") || !strings.Contains(got, x.want) {
			t.Errorf("%s: %q", name, got)
		}
	}
}
