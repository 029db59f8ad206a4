package awssim

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	waf "github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/internal/lib/sdkhttp"
)

// config is for clients of services that served has none of.
func (s *served) config(region string) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(s.url), HTTPClient: sdkhttp.Client(s.http),
		Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
}

const firewallSeed = `
ipSets:
  - arn: arn:aws:wafv2:us-west-2:123456789012:regional/ipset/outside/00000000-0000-4000-8000-00000000000a
    addresses: [203.0.113.0/24]
webACLs:
  - arn: arn:aws:wafv2:us-west-2:123456789012:regional/webacl/example-waf/12345678-1234-1234-1234-123456789012
    block: {path: /blocked}
  - arn: arn:aws:wafv2:us-west-2:123456789012:regional/webacl/closed/00000000-0000-4000-8000-000000000001
    default: block
    rules:
      - Name: teapot
        Priority: 0
        Statement:
          AndStatement:
            Statements:
              - IPSetReferenceStatement: {ARN: "arn:aws:wafv2:us-west-2:123456789012:regional/ipset/outside/00000000-0000-4000-8000-00000000000a"}
              - ByteMatchStatement: {FieldToMatch: {UriPath: {}}, PositionalConstraint: STARTS_WITH, SearchString: L3RlYQ==, TextTransformations: [{Priority: 0, Type: LOWERCASE}]}
        Action: {Block: {CustomResponse: {ResponseCode: 418, ResponseHeaders: [{Name: X-Tea, Value: green}]}}}
      - Name: hello
        Priority: 1
        Statement: {ByteMatchStatement: {FieldToMatch: {SingleHeader: {Name: x-hello}}, PositionalConstraint: EXACTLY, SearchString: d29ybGQ=, TextTransformations: [{Priority: 0, Type: NONE}]}}
        Action: {Allow: {}}
shieldSubscription: ACTIVE
`

// firewallAccount is the built-in account with address sets, web ACLs and a subscription.
func firewallAccount(t *testing.T) *seed.File {
	t.Helper()
	base := `account: "123456789012"
region: us-west-2
vpc:
  id: vpc-0a1de000000000001
  cidr: 10.0.0.0/16
  internetGateway: igw-0a1de000000000001
  subnets:
    - {id: subnet-0a1de0000000000a1, zone: us-west-2a, cidr: 10.0.0.0/20, public: true}
    - {id: subnet-0a1de0000000000b1, zone: us-west-2b, cidr: 10.0.16.0/20, public: true}
`
	f := wanted(seed.Load(strings.NewReader(base + firewallSeed)))(t)
	return &f
}

func TestAWebACLAnswersInPlaceOfTheRules(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{DataPlane: true, Seed: firewallAccount(t)})
	w := s.web(t)
	w.allow(t, 80)
	wanted(s.balancing.CreateListener(t.Context(), &elb.CreateListenerInput{
		LoadBalancerArn: aws.String(w.lb), Protocol: "HTTP", Port: aws.Int32(80),
		DefaultActions: []elbtypes.Action{{Type: "fixed-response", FixedResponseConfig: &elbtypes.FixedResponseActionConfig{
			StatusCode: aws.String("200"), MessageBody: aws.String("ok"), ContentType: aws.String("text/plain")}}},
	}))(t)
	client, firewall := s.client(t), waf.NewFromConfig(s.config("us-west-2"))
	url := "http://" + w.dnsName
	check := func(path string, header string, want int, wantBody string) {
		t.Helper()
		req := wanted(http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, nil))(t)
		if header != "" {
			req.Header.Set("X-Hello", header)
		}
		resp := wanted(client.Do(req))(t)
		defer func() { _ = resp.Body.Close() }()
		body := make([]byte, 1024)
		n, _ := resp.Body.Read(body)
		if resp.StatusCode != want || wantBody != "" && string(body[:n]) != wantBody {
			t.Errorf("%s (%s): %d %q, want %d", path, header, resp.StatusCode, body[:n], want)
		}
		if want == http.StatusTeapot && resp.Header.Get("X-Tea") != "green" {
			t.Errorf("headers of the custom answer: %v", resp.Header)
		}
	}
	acls := map[string]string{}
	for _, a := range wanted(firewall.ListWebACLs(t.Context(), &waf.ListWebACLsInput{Scope: waftypes.ScopeRegional}))(
		t).WebACLs {
		acls[*a.Name] = *a.ARN
	}
	associate := func(name string) {
		t.Helper()
		wanted(firewall.AssociateWebACL(t.Context(), &waf.AssociateWebACLInput{WebACLArn: aws.String(acls[name]),
			ResourceArn: aws.String(w.lb)}))(t)
	}
	page403 := "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body>\r\n<center><h1>403 " +
		"Forbidden</h1></center>\r\n</body>\r\n</html>\r\n"
	check("/blocked", "", http.StatusOK, "ok")
	associate("example-waf")
	check("/blocked", "", http.StatusForbidden, page403)
	check("/blocked?a=b", "", http.StatusForbidden, page403)
	check("/blockedx", "", http.StatusOK, "ok")
	associate("closed")
	check("/", "", http.StatusForbidden, page403)
	check("/", "world", http.StatusOK, "ok")
	check("/Tea", "world", http.StatusTeapot, "")
	wanted(firewall.DisassociateWebACL(t.Context(), &waf.DisassociateWebACLInput{ResourceArn: aws.String(w.lb)}))(t)
	check("/", "", http.StatusOK, "ok")

	protections := shield.NewFromConfig(s.config("us-east-1"))
	if got := wanted(protections.GetSubscriptionState(t.Context(), &shield.GetSubscriptionStateInput{}))(
		t).SubscriptionState; got != "ACTIVE" {
		t.Errorf("the subscription is %s", got)
	}
	wanted(protections.CreateProtection(t.Context(), &shield.CreateProtectionInput{Name: aws.String("managed by tests"),
		ResourceArn: aws.String(w.lb)}))(t)
}

func TestAWebACLOfTheFileMustFitItsARN(t *testing.T) {
	t.Parallel()
	f := firewallAccount(t)
	f.WebACLs[0].ARN = "arn:aws:wafv2:us-west-2:123456789012:regional/webacl/a b/12345678-1234-1234-1234-123456789012"
	if _, err := New(Options{Seed: f}); err == nil || !strings.Contains(err.Error(), "webACLs[0].arn") {
		t.Errorf("got %v", err)
	}
}
