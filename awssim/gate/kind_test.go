package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

func TestAKindOfFaultSpeaksTheServicesLanguage(t *testing.T) {
	t.Parallel()
	services := []string{"elasticloadbalancing", "ec2", "acm", "route53", "tagging"}
	for kind, want := range map[string][]string{ // by service
		"throttled": {"400 Throttling", "503 RequestLimitExceeded", "400 ThrottlingException", "400 Throttling",
			"400 ThrottledException"},
		"denied": {"403 AccessDenied", "403 UnauthorizedOperation", "400 AccessDeniedException", "403 AccessDenied",
			"400 AccessDeniedException"},
		"expired": {"403 ExpiredToken", "400 RequestExpired", "400 ExpiredTokenException", "403 ExpiredToken",
			"400 ExpiredTokenException"},
		"skewed": {"403 SignatureDoesNotMatch", "400 RequestExpired", "400 InvalidSignatureException",
			"403 SignatureDoesNotMatch", "400 InvalidSignatureException"},
		"unavailable": {"503 ServiceUnavailable", "503 Unavailable", "503 ServiceUnavailableException",
			"503 ServiceUnavailable", "503 ServiceUnavailableException"},
		"internal": {"500 InternalFailure", "500 InternalError", "500 InternalFailure", "500 InternalFailure",
			"500 InternalFailure"},
		"in-use": {"400 ResourceInUse", "400 DependencyViolation", "400 ResourceInUseException", "400 ResourceInUse",
			"400 ResourceInUseException"},
	} {
		if kinds[kind] == nil {
			t.Errorf("there is no kind %s", kind)
			continue
		}
		b := newBench(t, Options{})
		if _, err := b.AddFault(Fault{Kind: kind}); err != nil {
			t.Fatal(err)
		}
		for i, service := range services {
			_, err := b.call(service, "DescribeThings", "")
			e := apierr.As(err)
			if e == nil || fmt.Sprint(e.Status, " ", e.Code) != want[i] || e.Message == "" {
				t.Errorf("%s of %s: %+v, want %s", kind, service, e, want[i])
			}
		}
		if b.effects != 0 {
			t.Errorf("%s took effect", kind)
		}
	}
	if len(Kinds()) != 7 {
		t.Errorf("kinds %v: test the new ones", Kinds())
	}
}

func TestAFaultMayEndSomeTimeAfterItStruckFirst(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	if _, err := b.AddFault(Fault{Action: "DeleteSecurityGroup", Kind: "in-use", For: 30 * time.Second}); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(time.Hour) // nothing counts before the first
	for _, tt := range []struct {
		after time.Duration
		ok    bool
	}{{0, false}, {29 * time.Second, false}, {time.Second, true}, {time.Hour, true}} {
		b.clock.Advance(tt.after)
		if _, err := b.call("ec2", "DeleteSecurityGroup", ""); (err == nil) != tt.ok {
			t.Errorf("%s later: %v", tt.after, err)
		}
	}
}

func TestMistakesInTheNewFieldsOfAFaultAreNamed(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]Fault{
		"throttled": {Kind: "hungry"},
		"not both":  {Kind: "denied", Code: "X"},
		"action":    {Drift: &Drift{Service: "ec2"}},
		"negative":  {Kind: "denied", For: -1},
	} {
		if err := f.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q in it", f, err, want)
		}
	}
	var read Fault
	text := `{"kind":"denied","for":"30s","drift":{"service":"ec2","action":"CreateTags","input":{"Resources":["sg-1"]}}}`
	if err := json.Unmarshal([]byte(text), &read); err != nil || read.For != 30*time.Second ||
		read.Drift.Action != "CreateTags" {
		t.Fatalf("read %+v, %v", read, err)
	}
	again, err := json.Marshal(read)
	if err != nil || !strings.Contains(string(again), `"for":"30s"`) {
		t.Errorf("written as %s, %v", again, err)
	}
}

func TestACallOfAnotherCallerComesJustBefore(t *testing.T) {
	t.Parallel()
	var order []string
	var b *bench
	b = newBench(t, Options{Throttle: true, Foreign: func(ctx context.Context, d Drift) error {
		if d.Action == "Broken" {
			return errors.New("no such thing")
		}
		_, err := Do(ctx, b.Gate, Operation{d.Service, d.Action}, &input{Name: string(d.Input)},
			func(context.Context, *input) (*output, error) {
				order = append(order, d.Action+" "+string(d.Input))
				return &output{}, nil
			})
		return err
	}})
	// The rule selects the foreign call too, which must not be struck.
	if _, err := b.AddFault(Fault{ID: "f", Service: "ec2", Times: 1, Drift: &Drift{Service: "ec2", Action: "DeleteTags",
		Input: json.RawMessage(`{}`)}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := b.call("ec2", "CreateTags", ""); err != nil {
			t.Fatal(err)
		}
	}
	if len(order) != 1 || order[0] != "DeleteTags {}" || b.effects != 2 {
		t.Errorf("foreign calls %q, %d effects", order, b.effects)
	}
	if calls := b.Calls(Filter{Caller: DriftCaller}); len(calls) != 1 || calls[0].Action != "DeleteTags" {
		t.Errorf("recorded %+v", calls)
	}
	if _, err := b.AddFault(Fault{ID: "f", Drift: &Drift{Service: "ec2", Action: "Broken"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.call("ec2", "CreateTags", ""); err == nil || !strings.Contains(err.Error(), "no such thing") ||
		b.effects != 2 {
		t.Errorf("a foreign call that fails: %v, %d effects", err, b.effects)
	}
	alone := newBench(t, Options{})
	if _, err := alone.AddFault(Fault{Drift: &Drift{Service: "ec2", Action: "X"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := alone.call("ec2", "CreateTags", ""); err == nil {
		t.Error("a call went through although the foreign one was impossible")
	}
}

func TestBucketsHaveTheirPublishedSizes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		service, action string
		capacity        int
		refill          float64 // a second
	}{
		{"elasticloadbalancing", "CreateLoadBalancer", 10, 0.2},
		{"elasticloadbalancing", "SetSubnets", 10, 0.2},
		{"elasticloadbalancing", "RegisterTargets", 20, 4},
		{"elasticloadbalancing", "DeregisterTargets", 20, 4},
		{"elasticloadbalancing", "DescribeTargetHealth", 40, 10},
		{"elasticloadbalancing", "CreateRule", 20, 3},
		{"elasticloadbalancing", "ModifyIpPools", 20, 3},
		{"elasticloadbalancing", "CreateTrustStore", 10, 0.2},
		{"elasticloadbalancing", "ModifyTrustStore", 10, 0.2},
		{"elasticloadbalancing", "GetTrustStoreRevocationContent", 20, 4},
		{"elasticloadbalancing", "DescribeTrustStores", 40, 10},
		{"ec2", "DescribeSubnets", 100, 20},
		{"ec2", "DescribeInstances", 50, 10}, // without a filter
		{"ec2", "CreateSecurityGroup", 50, 5},
		{"ec2", "AuthorizeSecurityGroupIngress", 50, 5},
		{"ec2", "CreateTags", 100, 10},
		{"ec2", "CreateNetworkInterface", 100, 5},
		{"acm", "DescribeCertificate", 10, 10},
		{"acm", "RequestCertificate", 5, 5},
		{"wafv2", "AssociateWebACL", 1, 0.5},
		{"wafv2", "GetWebACLForResource", 1, 1},
		{"wafv2", "ListWebACLs", 5, 5},
		{"wafv2", "CreateWebACL", 1, 1},
		{"route53", "ChangeResourceRecordSets", 5, 5},
		{"shield", "DescribeProtection", 5, 5},
		{"globalaccelerator", "CreateAccelerator", 5, 2},
		{"tagging", "GetResources", 15, 15},
	} {
		b := newBench(t, Options{Throttle: true})
		taken := func() (n int) {
			for n < 1000 {
				if _, err := b.call(tt.service, tt.action, ""); err != nil {
					if e := apierr.As(err); e == nil || !b.Calls()[len(b.Calls())-1].Throttled || e.Status != http.StatusBadRequest &&
						tt.service != "ec2" {
						t.Errorf("%s: %v", tt.action, err)
					}
					return n
				}
				n++
			}
			return n
		}
		if n := taken(); n != tt.capacity {
			t.Errorf("%s %s: %d calls at once, want %d", tt.service, tt.action, n, tt.capacity)
		}
		b.clock.Advance(5 * time.Second)
		if n, want := taken(), min(tt.capacity, int(5*tt.refill)); n != want {
			t.Errorf("%s %s: %d calls 5s later, want %d", tt.service, tt.action, n, want)
		}
	}
}

func TestBucketsAreSharedAsPublished(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{Throttle: true})
	for i := range 40 { // reads and writes share the account's bucket
		action := []string{"DescribeRules", "DescribeTags"}[i%2]
		if i < 10 {
			action = "CreateRule"
		}
		if _, err := b.call("elasticloadbalancing", action, ""); err != nil {
			t.Fatalf("call %d: %v", i, err)
		}
	}
	if _, err := b.call("elasticloadbalancing", "RegisterTargets", ""); err == nil {
		t.Error("the 41st call found the account's bucket full")
	}
	for range 100 { // each action of EC2 has its own
		if _, err := b.call("ec2", "DescribeVpcs", ""); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.call("ec2", "DescribeSubnets", ""); err != nil {
		t.Errorf("another action of EC2: %v", err)
	}
}

func TestEachServiceThrottlesInItsOwnWords(t *testing.T) {
	t.Parallel()
	for service, want := range map[string]string{
		"elasticloadbalancing": "400 Throttling Rate exceeded",
		"ec2":                  "503 RequestLimitExceeded Request limit exceeded.",
		"sts":                  "400 Throttling Rate exceeded",
		"acm":                  "400 ThrottlingException Rate exceeded",
		"wafv2":                "400 ThrottlingException Rate exceeded",
		"shield":               "400 ThrottlingException Rate exceeded",
		"globalaccelerator":    "400 ThrottlingException Rate exceeded",
		"tagging":              "400 ThrottledException Rate exceeded",
		"route53":              "400 Throttling Rate exceeded",
	} {
		b := newBench(t, Options{Throttle: true})
		var err error
		for i := 0; err == nil && i < 1000; i++ {
			_, err = b.call(service, "DescribeThings", "")
		}
		if e := apierr.As(err); e == nil || fmt.Sprint(e.Status, " ", e.Code, " ", e.Message) != want {
			t.Errorf("%s: %+v, want %s", service, e, want)
		}
	}
}
