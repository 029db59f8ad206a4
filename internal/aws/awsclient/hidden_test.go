package awsclient

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// TestErrorsHaveNoSecrets has AWS quote the secrets of a call in its refusal.
func TestErrorsHaveNoSecrets(t *testing.T) {
	t.Parallel()
	login := stack.Action{Type: stack.ActionAuthenticateOIDC, OIDC: &stack.AuthenticateOIDC{
		ClientID: stack.NewSecret("pw", ""), ClientSecret: stack.NewSecret("pw-and-more\n", "")}}
	imported := stack.Certificate{Import: &stack.KeyPair{Certificate: "public",
		Key: stack.NewSecret("-----BEGIN KEY-----\r\nMIIE+one\nline/two==\n", "")}}
	for name, row := range map[string]struct {
		op                 plan.Operation
		body, quoted, want string
	}{
		"login": {awsop.CreateRule{Rule: stack.Rule{Actions: []stack.Action{login}}},
			`<ErrorResponse><Error><Code>ValidationError</Code><Message>QUOTED</Message></Error></ErrorResponse>`,
			"pw-and-more and pw", "(hidden) and (hidden)"},
		"key": {awsop.ImportCertificate{Certificate: imported}, `{"__type": "ValidationError", "message": "QUOTED"}`,
			"MIIE+one, line/two== of public", "(hidden), (hidden) of public"},
		"no secret": {awsop.CreateRule{},
			`<ErrorResponse><Error><Code>ValidationError</Code><Message>QUOTED</Message></Error></ErrorResponse>`, "pw", "pw"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connection := Connection{config: aws.Config{Region: "eu-west-1", Credentials: aws.AnonymousCredentials{},
				Retryer: func() aws.Retryer { return aws.NopRetryer{} },
				HTTPClient: doer(func(*http.Request) (*http.Response, error) {
					return &http.Response{StatusCode: http.StatusBadRequest, Header: http.Header{"X-Amzn-Requestid": {"r1"}},
						Body: io.NopCloser(strings.NewReader(strings.Replace(row.body, "QUOTED", row.quoted, 1)))}, nil
				})}}
			var errs []error // of the observers, and the answer
			note := func(c Call) { errs = append(errs, c.Err) }
			clients := connection.Clients(NewLimiter(LimiterOptions{Clock: WallClock{}, Observe: note, Attempt: note,
				Trace: func(_ context.Context, c Call) { note(c) }}))
			_, err := Write(t.Context(), clients, row.op, func(stack.Ref) string { return "arn" })
			if errs = append(errs, err); len(errs) != 4 {
				t.Fatalf("errors %v", errs)
			}
			for _, err := range errs {
				got := Classify(err)
				if got.Message != row.want || got.Code != "ValidationError" || got.Class != diag.Invalid ||
					!strings.HasSuffix(err.Error(), row.want) {
					t.Errorf("%+v of %v, want %s", got, err, row.want)
				}
			}
			if n := strings.Count(err.Error(), "operation error"); n != 1 {
				t.Errorf("the error names its operation %d times: %v", n, err)
			}
		})
	}
}
