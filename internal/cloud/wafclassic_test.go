package cloud

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafregional"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

func TestWAFClassicIsReachedInItsRegionOrAtTheEndpointThatIsGivenForIt(t *testing.T) {
	t.Parallel()
	for _, endpoint := range []string{"", "http://127.0.0.1:1/classic"} {
		var given map[string]string
		if endpoint != "" {
			given = map[string]string{"WAF Regional": endpoint}
		}
		c, ok := clients(aws.Config{Region: "eu-west-1"}, given).WAFRegional.(*wafregional.Client)
		if !ok || aws.ToString(c.Options().BaseEndpoint) != endpoint || c.Options().Region != "eu-west-1" {
			t.Errorf("endpoint %q: %+v", endpoint, c)
		}
	}
}

func TestWhereTheSDKFindsNoAddressOfWAFClassicThereIsNoClientOfIt(t *testing.T) {
	t.Parallel()
	c := clients(aws.Config{Region: "eu-west-1"}, map[string]string{"WAF Regional": "http://[::1"}) // which is no URL
	if c.WAFRegional != nil || c.WAFv2 == nil {
		t.Errorf("clients %v, %v", c.WAFRegional, c.WAFv2)
	}
	for _, op := range []plan.Operation{elb.AssociateRegionalWebACL{}, elb.DisassociateRegionalWebACL{}} {
		if _, err := Write(t.Context(), Clients{}, op, func(stack.Ref) string { return "arn:lb" }); err != ErrNoClassic { //nolint:errorlint // itself
			t.Errorf("%s: %v", plan.NameOf(op), err)
		}
	}
}

func TestCallsOfWAFClassicHaveTheirPaceTheirPermissionAndTheirCode(t *testing.T) {
	t.Parallel()
	for operation, want := range map[string]apiFamily{
		"DisassociateWebACL":   {"WAF Regional/DisassociateWebACL", 0.5, 1},
		"AssociateWebACL":      {"WAF Regional/AssociateWebACL", 0.5, 1},
		"GetWebACLForResource": {"WAF Regional/GetWebACLForResource", 1, 1},
	} {
		if got := familyOf("WAF Regional", operation); got != want {
			t.Errorf("%s: %+v", operation, got)
		}
	}
	for operation, permission := range map[string]string{
		"AssociateRegionalWebACL": "AssociateWebACL", "DisassociateRegionalWebACL": "DisassociateWebACL", "GetRegionalWebACLForResource": "GetWebACLForResource",
	} {
		if o := Operations[operation]; o.Permission != "waf-regional:"+permission || o.Purpose == "" {
			t.Errorf("%s: %+v", operation, o)
		}
	}
	if got := Classify(answered(400, "WAFInvalidAccountException", "m")).Class; got != diag.Denied {
		t.Errorf("class %s", got)
	}
}
