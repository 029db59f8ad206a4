package awsclient_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
)

// aws serves a simulator over HTTP, keeping the User-Agent of each request.
func aws(t *testing.T) (url string, agents func() []string) {
	t.Helper()
	sim, err := awssim.New(awssim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var seen []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.UserAgent())
		mu.Unlock()
		sim.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		srv.Close()
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	return srv.URL, func() []string { mu.Lock(); defer mu.Unlock(); return seen }
}

func TestConnectFindsTheVPCAndNamesItself(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_DEFAULT_REGION", "us-west-2") // which wins, unlike in the SDK
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", "/nonexistent")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
	url, agents := aws(t)
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1") // the flag wins
	endpoints := map[string]string{awsclient.ServiceEC2: url, awsclient.ServiceELBV2: url}
	connection, err := awsclient.Connect(t.Context(), awsclient.ConnectOptions{VPCTags: map[string]string{"Name": "demo"},
		Endpoints: endpoints, Version: "v3.5.0"})
	if err != nil {
		t.Fatal(err)
	}
	if want := (awsclient.Scope{Partition: "aws", Region: "us-west-2", VPC: "vpc-0a1de000000000001"}); connection.Scope !=
		want {
		t.Errorf("scope %+v, want %+v", connection.Scope, want)
	}
	c := connection.Clients(nil)
	if _, err := c.EC2.DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{}); err != nil {
		t.Error(err)
	}
	_, err = c.ELBV2.DescribeRules(t.Context(), &elbv2.DescribeRulesInput{RuleArns: []string{"nonsense"}})
	if e := awsclient.Classify(err); e.Code != awsclient.CodeValidation || e.RequestID == "" {
		t.Errorf("%+v", e)
	}
	for _, a := range agents() {
		if a != "elbv2.k8s.aws/v3.5.0" {
			t.Errorf("User-Agent %q", a)
		}
	}
	if len(agents()) != 3 {
		t.Errorf("%d requests: the clients must not retry", len(agents()))
	}
	for tags, want := range map[string]string{"nothing": "no VPC exists with tags map[Name:nothing]",
		"": "failed to get VPC ID"} {
		o := awsclient.ConnectOptions{Endpoints: endpoints, Version: "v"}
		if tags != "" {
			o.VPCTags = map[string]string{"Name": tags}
		}
		if _, err := awsclient.Connect(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v", tags, err)
		}
	}
}
