package facts_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/facts"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/lib/goldenfile"
)

// run is the id of every run: each has a simulator of its own.
const run = "1a2b3c4d"

// simulated starts a simulator and returns the options of a run against it.
func simulated(t *testing.T) (*awssim.Simulator, facts.Options) {
	t.Helper()
	sim, err := awssim.New(awssim.Options{Profile: account.Fast(), DataPlane: true,
		HealthInterval: 100 * time.Millisecond, HealthTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim.Handler())
	target, err := facts.NewTarget(t.Context(), "10.77.0.200", "127.0.0.1", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Close()
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
		if err := target.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := sim.SetBackends(target.Backends()); err != nil {
		t.Fatal(err)
	}
	return sim, facts.Options{
		Run: run, Region: sim.Account.Region, Endpoint: "test", Target: target, Dial: sim.DialContext, Progress: t.Logf,
		Clients: facts.NewClients(aws.Config{
			Region: sim.Account.Region, BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "simulated", ""),
		}),
	}
}

func book(t *testing.T, only string) *facts.Book {
	t.Helper()
	all, err := facts.Default()
	if err != nil {
		t.Fatal(err)
	}
	selected := all.Select(regexp.MustCompile(only))
	if len(selected.Facts) == 0 {
		t.Fatalf("no fact is like %s", only)
	}
	return selected
}

// inventory is what is in an account, without what belongs to a VPC from its creation.
func inventory(sim *awssim.Simulator) map[string]int {
	a := sim.Account
	a.Lock()
	defer a.Unlock()
	return map[string]int{
		"load balancers": len(a.LoadBalancers), "target groups": len(a.TargetGroups),
		"security groups": len(a.SecurityGroups),
		"VPCs":            len(a.VPCs), "subnets": len(a.Subnets), "certificates": len(a.Certificates),
		"gateways": len(a.InternetGateways),
	}
}

// leavesNothing checks at the end that the account is as before.
func leavesNothing(t *testing.T, sim *awssim.Simulator, before map[string]int) {
	t.Helper()
	for kind, n := range inventory(sim) {
		if n != before[kind] {
			t.Errorf("%s: %d, before the run %d", kind, n, before[kind])
		}
	}
}

func TestFactsHoldInTheSimulator(t *testing.T) {
	t.Parallel()
	sim, o := simulated(t)
	before := inventory(sim)
	all := book(t, "")
	report, err := facts.Run(t.Context(), all, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Facts {
		if f.Result != facts.Equal {
			t.Errorf("%s is %s: %s %v", f.Fact, f.Result, f.Reason, f.Differences)
		}
	}
	if len(report.Facts) != len(all.Facts) || len(report.Left) > 0 {
		t.Errorf("%d of %d facts ran, left %q", len(report.Facts), len(all.Facts), report.Left)
	}
	leavesNothing(t, sim, before)
	plan := facts.NewPlan(all, o)
	for kind, n := range report.Created {
		if n > plan.Creates[kind] {
			t.Errorf("%s: the run created %d, the plan says %d", kind, n, plan.Creates[kind])
		}
	}
}

func TestRefusalsCannotBeChecked(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"AccessDenied", "TooManyTargetGroups", "InvalidAction", "OptInRequired"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			sim, o := simulated(t)
			if _, err := sim.Gate.AddFault(gate.Fault{Action: "CreateTargetGroup", Code: code}); err != nil {
				t.Fatal(err)
			}
			// One fact makes the call itself, one needs a fixture that does, one expects another refusal of the call.
			report, err := facts.Run(t.Context(), book(t,
				"^(target types, instances by default|a listener has a default rule|unknown VPC)$"), o)
			if err != nil {
				t.Fatal(err)
			}
			if report.Unchecked != 3 {
				t.Errorf("%d facts cannot be checked, want 3: %+v", report.Unchecked, report.Facts)
			}
			for _, f := range report.Facts {
				if !strings.Contains(f.Reason, code) {
					t.Errorf("%s: the reason is %q", f.Fact, f.Reason)
				}
			}
		})
	}
}

func TestExpectedRefusalIsEqual(t *testing.T) {
	t.Parallel()
	_, o := simulated(t)
	report, err := facts.Run(t.Context(), book(t, "^fifty tags$"), o)
	if err != nil || report.Equal != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestCancelledRunLeavesNothing cancels a run while it creates fixtures, between facts, and within a fact's wait.
func TestCancelledRunLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"creating security-group", "creating listener-http",
		"equal: a listener has a default rule", "creating web"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			sim, o := simulated(t)
			before := inventory(sim)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o.Progress = func(format string, args ...any) {
				if strings.Contains(fmt.Sprintf(format, args...), at) {
					cancel()
				}
			}
			report, err := facts.Run(ctx, book(t,
				"a listener has a default rule|fixed responses: status|InvalidSecurityGroup"), o)
			if err == nil || report == nil || len(report.Left) > 0 {
				t.Errorf("report %+v, error %v", report, err)
			}
			leavesNothing(t, sim, before)
		})
	}
}

func TestCleanDeletesWhatAKilledRunLeft(t *testing.T) {
	t.Parallel()
	sim, o := simulated(t)
	before := inventory(sim)
	for _, action := range []string{"DeleteLoadBalancer", "DeleteVpc", "DeleteCertificate"} {
		if _, err := sim.Gate.AddFault(gate.Fault{Action: action, Code: "AccessDenied"}); err != nil {
			t.Fatal(err)
		}
	}
	o.Patience = 300 * time.Millisecond
	report, err := facts.Run(t.Context(), book(t, "^DuplicateListener$"), o)
	if err != nil || len(report.Left) == 0 {
		t.Fatalf("report %+v, error %v", report, err)
	}
	sim.Gate.ClearFaults()
	o.Patience = 0
	other := o
	other.Run = "00000000"
	held := inventory(sim)
	if left := facts.Clean(t.Context(), other, nil); len(left) > 0 {
		t.Errorf("another run: %q", left)
	}
	leavesNothing(t, sim, held)
	if left := facts.Clean(t.Context(), o, nil); len(left) > 0 {
		t.Errorf("left %q", left)
	}
	leavesNothing(t, sim, before)
}

func TestPlanMakesNoCall(t *testing.T) {
	t.Parallel()
	sim, o := simulated(t)
	var out bytes.Buffer
	for _, o := range []facts.Options{o, {Run: run, Region: o.Region, Endpoint: "aws"}, {Run: run, Region: o.Region,
		Endpoint: "aws", VPC: "vpc-1"}} {
		if err := facts.NewPlan(book(t, ""), o).Write(&out); err != nil {
			t.Fatal(err)
		}
	}
	if n := sim.Gate.Total(); n > 0 {
		t.Errorf("%d calls", n)
	}
	goldenfile.Compare(t, filepath.Join("testdata", "plan.txt"), out.Bytes())
}

func TestWithoutTargetOrOwnVPCFactsCannotBeChecked(t *testing.T) {
	t.Parallel()
	_, o := simulated(t)
	o.Target = nil
	answer, err := o.Clients.Call(t.Context(), "ec2.DescribeVpcs", nil)
	if err != nil {
		t.Fatal(err)
	}
	vpcs, _ := answer.(map[string]any)["Vpcs"].([]any)
	o.VPC, _ = vpcs[0].(map[string]any)["VpcId"].(string)
	report, err := facts.Run(t.Context(), book(t,
		"^(what is forwarded is the URL as sent|one subnet of each zone|one zone of an NLB)$"), o)
	if err != nil {
		t.Fatal(err)
	}
	if report.Unchecked != 2 || report.Equal != 1 || report.Created["VPC"] > 0 {
		t.Errorf("%+v", report)
	}
}

func TestReportAsJSONAndText(t *testing.T) {
	t.Parallel()
	_, o := simulated(t)
	o.Target = nil
	some := book(t, "^(types|subnets are required|security policy 2016-08|what is forwarded is the URL as sent)$")
	mutate(t, some, &some.Facts[0])
	report, err := facts.Run(t.Context(), some, o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range report.Facts {
		report.Facts[i].Seconds = 0
	}
	content, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	goldenfile.Compare(t, filepath.Join("testdata", "report.json"), content)
	var text bytes.Buffer
	if err := report.Write(&text); err != nil {
		t.Fatal(err)
	}
	goldenfile.Compare(t, filepath.Join("testdata", "report.txt"), text.Bytes())
}
