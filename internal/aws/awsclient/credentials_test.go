package awsclient_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestServiceAccountRoleErrorsAreRetried has STS refuse, throttle and not answer.
func TestServiceAccountRoleErrorsAreRetried(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("a.b.c"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE":             "/nonexistent",
		"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/lbc",
		"AWS_WEB_IDENTITY_TOKEN_FILE": token,
	} {
		t.Setenv(name, value)
	}
	for name, tc := range map[string]struct {
		fault    gate.Fault
		attempts int // at AssumeRoleWithWebIdentity
		class    diag.Class
		texts    []string
	}{
		"throttled": {gate.Fault{Code: "Throttling", Message: "Rate exceeded"}, 5, diag.Transient,
			[]string{"no credentials for AWS", "AssumeRoleWithWebIdentity", "Throttling"}},
		"denied": {gate.Fault{Code: "AccessDenied", Message: "Not authorized to perform sts:AssumeRoleWithWebIdentity",
			Status: 403}, 1, diag.Credentials, []string{"no credentials for AWS", "AccessDenied", "trust policy"}},
		"unanswered": {gate.Fault{Reset: true}, 5, diag.Transient, []string{"no credentials for AWS",
			"broke the connection before it answered"}},
	} {
		t.Run(name, func(t *testing.T) {
			sim, err := awssim.New(awssim.Options{})
			if err != nil {
				t.Fatal(err)
			}
			srv := httptest.NewServer(http.HandlerFunc(sim.Handler().ServeHTTP))
			t.Cleanup(func() {
				srv.Close()
				if err := sim.Close(); err != nil {
					t.Error(err)
				}
			})
			t.Setenv("AWS_ENDPOINT_URL_STS", srv.URL)
			tc.fault.ID, tc.fault.Action = "sts", "AssumeRoleWithWebIdentity"
			if _, err := sim.Gate.AddFault(tc.fault); err != nil {
				t.Fatal(err)
			}
			c, err := awsclient.Connect(t.Context(), awsclient.ConnectOptions{Region: "us-west-2", VPC: "vpc-0a1de000000000001",
				Version:   "v",
				Endpoints: map[string]string{awsclient.ServiceEC2: srv.URL}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Clients(awsclient.NewLimiter(awsclient.LimiterOptions{})).EC2.DescribeSubnets(t.Context(),
				&ec2.DescribeSubnetsInput{})
			if err == nil {
				t.Fatal("the call has credentials")
			}
			e, d := awsclient.Classify(err), awsclient.Problem("DescribeSubnets", err)
			if !e.Credentials || e.Class != tc.class {
				t.Errorf("%+v", e)
			}
			for _, text := range tc.texts {
				if !strings.Contains(d.Message(), text) {
					t.Errorf("%q is not in %s", text, d.Message())
				}
			}
			if n := len(sim.Gate.Calls(gate.Filter{Action: "AssumeRoleWithWebIdentity"})); n != tc.attempts {
				t.Errorf("%d attempts, want %d", n, tc.attempts)
			}
		})
	}
}
