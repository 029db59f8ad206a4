package apply_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
)

// webACL makes a web ACL that lets everything through, and returns its ARN.
func (w *world) webACL(name string) string {
	w.t.Helper()
	out, err := w.sim.Firewall.CreateWebACL(w.t.Context(), &wafv2.CreateWebACLInput{
		Name: aws.String(name), Scope: waftypes.ScopeRegional, DefaultAction: &waftypes.DefaultAction{
			Allow: &waftypes.AllowAction{}},
		VisibilityConfig: &waftypes.VisibilityConfig{MetricName: aws.String(name)},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return aws.ToString(out.Summary.ARN)
}

func (w *world) subscribe() {
	w.t.Helper()
	if _, err := w.sim.Shield.CreateSubscription(w.t.Context(), &shield.CreateSubscriptionInput{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) fault(f gate.Fault) {
	w.t.Helper()
	if _, err := w.sim.Gate.AddFault(f); err != nil {
		w.t.Fatal(err)
	}
}

// over is what lies over the one load balancer.
func (w *world) over() (webACL string, protected bool, units int32) {
	w.t.Helper()
	r := w.sim.Resources()
	arn := aws.String(r.LoadBalancers[0].ARN)
	got, err := w.sim.Firewall.GetWebACLForResource(w.t.Context(), &wafv2.GetWebACLForResourceInput{ResourceArn: arn})
	if err != nil {
		w.t.Fatal(err)
	}
	if got.WebACL != nil {
		webACL = aws.ToString(got.WebACL.ARN)
	}
	capacity, err := w.sim.Balancing.DescribeCapacityReservation(w.t.Context(), &elbv2.DescribeCapacityReservationInput{
		LoadBalancerArn: arn})
	if err != nil {
		w.t.Fatal(err)
	}
	if c := capacity.MinimumLoadBalancerCapacity; c != nil {
		units = aws.ToInt32(c.CapacityUnits)
	}
	_, err = w.sim.Shield.DescribeProtection(w.t.Context(), &shield.DescribeProtectionInput{ResourceArn: arn})
	return webACL, err == nil, units
}

// names asks for the web ACLs.
func (w *world) names() {
	w.t.Helper()
	f, err := w.inv.Answer(w.t.Context(), []facts.Need{{Kind: facts.NeedWebACLs}})
	if err != nil || f.WebACLs == nil {
		w.t.Fatal(f.Errors, err)
	}
}

func states(r apply.Result) map[plan.StepID]apply.State {
	out := map[plan.StepID]apply.State{}
	for id, o := range r.Outcomes {
		if o.State != apply.Done {
			out[id] = o.State
		}
	}
	return out
}

// guarded is a stack with every add-on.
func guarded(w *world) *stack.Stack {
	w.t.Helper()
	if err := w.sim.Account.SetQuota("reserved-load-balancer-capacity-units", 1000); err != nil {
		w.t.Fatal(err)
	}
	w.subscribe()
	s, acl, yes, units := shop("web", "/a/*"), w.webACL("guard"), true, int32(500)
	s.LoadBalancers[0].AddOns = stack.AddOns{WebACL: &acl, Shield: &yes, Capacity: &units}
	return s
}

func TestAddOnsAreSetKeptAndRemovedAsDesired(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	want := guarded(w)
	w.settle(want)
	acl, protected, units := w.over()
	if acl != *want.LoadBalancers[0].WebACL || !protected || units != 500 {
		t.Errorf("web ACL %q, protected %v, units %d", acl, protected, units)
	}

	w.restart()
	mark := w.mark()
	w.settle(want)
	reads, writes := w.calls(mark)
	if len(writes) > 0 || reads["GetWebACLForResource"] != 1 || reads["DescribeProtection"] != 1 ||
		reads["DescribeCapacityReservation"] != 1 || reads["GetSubscriptionState"] != 1 {
		t.Errorf("after a restart: reads %v, writes %v", reads, writes)
	}
	mark = w.mark()
	w.settle(want)
	if reads, writes := w.calls(mark); len(reads)+len(writes) > 0 {
		t.Errorf("with nothing to do: reads %v, writes %v", reads, writes)
	}

	// What nobody sets any more is not even asked for.
	w.restart()
	mark = w.mark()
	plain := shop("web", "/a/*")
	w.settle(plain)
	if reads, writes := w.calls(mark); len(writes) > 0 || reads["GetWebACLForResource"]+reads["DescribeProtection"]+
		reads["DescribeCapacityReservation"] > 0 {
		t.Errorf("without add-ons: reads %v, writes %v", reads, writes)
	}
	if acl, protected, units = w.over(); acl == "" || !protected || units != 500 {
		t.Errorf("without add-ons: web ACL %q, protected %v, units %d", acl, protected, units)
	}

	none, no, zero := "", false, int32(0)
	plain.LoadBalancers[0].AddOns = stack.AddOns{WebACL: &none, Shield: &no, Capacity: &zero}
	w.settle(plain)
	if acl, protected, units = w.over(); acl != "" || protected || units != 0 {
		t.Errorf("removed: web ACL %q, protected %v, units %d", acl, protected, units)
	}
}

func TestAnAssociationIsTriedAgainUntilAWSFindsTheNewLoadBalancer(t *testing.T) {
	t.Parallel()
	profile := account.Instant()
	profile.WebACLKnown = 15 * time.Second
	w := newWorld(t, profile)
	acl := w.webACL("guard")
	w.clock.Advance(time.Minute)
	want := shop("web", "/a/*")
	want.LoadBalancers[0].WebACL = &acl
	begun := w.clock.Now()
	_, r, err := w.pass(want, diff.Options{}, 8)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(unopened(map[plan.StepID]apply.State{"AssociateWebACL LoadBalancer": apply.Waiting}, 1),
		states(r)); d != "" {
		t.Error(d)
	}
	w.settle(want)
	if got, _, _ := w.over(); got != acl {
		t.Errorf("web ACL %q", got)
	}
	if took := w.clock.Now().Sub(begun); took < 15*time.Second || took > 32*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestNewLoadBalancerThatWAFDoesNotFindIsWaitedFor has WAF answer at first that a load balancer made just now does not
// exist. For one that has been there for long, and for a web ACL that never exists, the answer is a refusal.
func TestNewLoadBalancerThatWAFDoesNotFindIsWaitedFor(t *testing.T) {
	t.Parallel()
	profile := account.Instant()
	profile.LoadBalancerActive = 3 * time.Minute
	w := newWorld(t, profile)
	acl := w.webACL("guard")
	missing := gate.Fault{Service: "wafv2", Action: "AssociateWebACL", Code: "WAFNonexistentItemException",
		Message: "AWS WAF couldn't perform the operation because your resource doesn't exist.", Times: 2}
	w.fault(missing)
	want := shop("web", "/a/*")
	want.LoadBalancers[0].WebACL = &acl
	begun := w.clock.Now()
	for range 10 {
		_, r, err := w.pass(want, diff.Options{}, 8)
		if err != nil {
			t.Fatal(err)
		}
		o := r.Outcomes["AssociateWebACL LoadBalancer"]
		if o.State == apply.Waiting {
			w.clock.Advance(o.Until.Sub(w.clock.Now()))
			continue
		}
		if o.State == apply.Failed {
			t.Fatalf("after %v: %v", w.clock.Now().Sub(begun), o.Err)
		}
		break
	}
	if got, _, _ := w.over(); got != acl {
		t.Errorf("web ACL %q after %v", got, w.clock.Now().Sub(begun))
	}

	w.clock.Advance(10 * time.Minute)
	w.restart() // the load balancer is active
	w.settle(want)
	other := w.webACL("other")
	w.fault(missing)
	want.LoadBalancers[0].WebACL = &other
	_, r, err := w.pass(want, diff.Options{}, 8)
	if err != nil {
		t.Fatal(err)
	}
	if o := r.Outcomes["AssociateWebACL LoadBalancer"]; o.State != apply.Failed {
		t.Errorf("an old load balancer: %+v", o)
	}
}

func TestTryingAgainEndsWhenAWSNeverFindsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	acl := w.webACL("guard")
	w.fault(gate.Fault{Service: "wafv2", Action: "AssociateWebACL", Code: "WAFUnavailableEntityException",
		Message: "not yet"})
	want := shop("web", "/a/*")
	want.LoadBalancers[0].WebACL = &acl
	begun := w.clock.Now()
	for range 40 {
		_, r, err := w.pass(want, diff.Options{}, 8)
		if err != nil {
			t.Fatal(err)
		}
		switch o := r.Outcomes["AssociateWebACL LoadBalancer"]; o.State {
		case apply.Waiting:
			w.clock.Advance(o.Until.Sub(w.clock.Now()))
			continue
		case apply.Failed:
			if took := w.clock.Now().Sub(begun); took < time.Minute || took > 5*time.Minute {
				t.Errorf("gave up after %v", took)
			}
			return
		default:
			t.Fatalf("%+v", o)
		}
	}
	t.Error("goes on for ever")
}

func TestCapacityIsReservedOnceActive(t *testing.T) {
	t.Parallel()
	profile := account.Instant()
	profile.LoadBalancerActive = 3 * time.Minute
	w := newWorld(t, profile)
	want := guarded(w)
	_, r, err := w.pass(want, diff.Options{}, 8)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[plan.StepID]apply.State{"ModifyCapacityReservation LoadBalancer": apply.Waiting},
		states(r)); d != "" {
		t.Fatal(d)
	}
	if until, _ := r.Wait(); until.Sub(w.clock.Now()) != 2*time.Minute {
		t.Errorf("looks again in %v", until.Sub(w.clock.Now()))
	}
	if _, _, units := w.over(); units != 0 {
		t.Errorf("%d units of a load balancer that is being made", units)
	}
	mark := w.mark()
	w.clock.Advance(2 * time.Minute)
	w.settle(want)
	if _, _, units := w.over(); units != 500 {
		t.Errorf("%d units", units)
	}
	reads, writes := w.calls(mark)
	if reads["DescribeLoadBalancers"] != 2 || !maps.Equal(writes, map[string]int{"ModifyCapacityReservation": 1}) {
		t.Errorf("reads %v, writes %v; want a look after two and after four minutes", reads, writes)
	}
}

func TestACapacityChangeUnderWayIsWaitedFor(t *testing.T) {
	t.Parallel()
	profile := account.Instant()
	profile.CapacityReservation = time.Minute
	w := newWorld(t, profile)
	want := guarded(w)
	w.settle(want)
	more := int32(700)
	want.LoadBalancers[0].Capacity = &more
	_, r, err := w.pass(want, diff.Options{}, 8)
	if err != nil {
		t.Fatal(err)
	}
	if o := r.Outcomes["ModifyCapacityReservation LoadBalancer"]; o.State != apply.Waiting ||
		!strings.Contains(o.On, "capacity") {
		t.Fatalf("%+v", o)
	}
	w.settle(want)
	if _, _, units := w.over(); units != 700 {
		t.Errorf("%d units", units)
	}
}

// unopened adds the steps of shop that wait for the protection of a new load balancer, with a number of rules.
func unopened(states map[plan.StepID]apply.State, rules int) map[plan.StepID]apply.State {
	out := maps.Clone(states)
	for _, id := range []plan.StepID{"CreateListener 80", "CreateListener 443", "AddListenerCertificates 443"} {
		out[id] = apply.Blocked
	}
	for n := range rules {
		out[plan.StepID(fmt.Sprintf("CreateRule 443:%d", n+1))] = apply.Blocked
	}
	return out
}

func TestOutageOfAddOnsOpensNoLoadBalancer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	want := guarded(w)
	for _, f := range []gate.Fault{
		{Service: "wafv2", Code: "WAFInternalErrorException", Status: 500, Message: "out"},
		{Service: "shield", Action: "CreateProtection", Code: "AccessDeniedException", Message: "no"},
		{Service: "elasticloadbalancing", Action: "ModifyCapacityReservation", Code: "CapacityUnitsLimitExceeded",
			Message: "too many"},
	} {
		w.fault(f)
	}
	failing := map[plan.StepID]apply.State{
		"AssociateWebACL LoadBalancer": apply.Failed, "CreateProtection LoadBalancer": apply.Failed,
		"ModifyCapacityReservation LoadBalancer": apply.Failed,
	}
	_, r, err := w.pass(want, diff.Options{}, 8)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(unopened(failing, 1), states(r)); d != "" {
		t.Error(d)
	}
	if p := r.Outcomes["CreateProtection LoadBalancer"].Problem; p.Code != diag.AccessDenied ||
		p.Remedy != "allow the controller's role the action shield:CreateProtection (statement AddOns of lbc iam-policy)" {
		t.Errorf("problem: %+v", p)
	}

	// The association may have had an effect: it is looked at again, in vain.
	want = shop("web", "/a/*", "/b/*")
	want.LoadBalancers[0].AddOns = guardedAs(w)
	_, r, err = w.pass(want, diff.Options{}, 8)
	if err != nil {
		t.Fatal(err)
	}
	failing["AssociateWebACL LoadBalancer"] = apply.Prevented
	if d := cmp.Diff(unopened(failing, 2), states(r)); d != "" {
		t.Error(d)
	}
	if p := r.Outcomes["AssociateWebACL LoadBalancer"].Problem; p.Code != diag.AWSUnavailable ||
		!strings.Contains(p.Text, "GetWebACLForResource: WAFInternalErrorException: out") {
		t.Errorf("problem: %+v", p)
	}
	mark := w.mark()
	if _, _, err := w.pass(want, diff.Options{}, 8); err != nil {
		t.Fatal(err)
	}
	if reads, _ := w.calls(mark); reads["GetWebACLForResource"] > 0 {
		t.Error("what has just failed to be read is asked for again")
	}

	w.sim.Gate.ClearFaults()
	w.clock.Advance(2 * time.Minute)
	w.settle(want)
	acl, protected, units := w.over()
	if acl != *want.LoadBalancers[0].WebACL || !protected || units != 500 {
		t.Errorf("web ACL %q, protected %v, units %d", acl, protected, units)
	}
}

// guardedAs are the add-ons of guarded, whose web ACL exists.
func guardedAs(w *world) stack.AddOns {
	yes, units := true, int32(500)
	arn := slices.Collect(maps.Keys(w.sim.Account.WebACLs))[0]
	return stack.AddOns{WebACL: &arn, Shield: &yes, Capacity: &units}
}

func TestWithoutASubscriptionNothingIsProtectedAndThatIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	want, yes := shop("web", "/a/*"), true
	want.LoadBalancers[0].Shield = &yes
	_, r, err := w.pass(want, diff.Options{}, 8)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(unopened(map[plan.StepID]apply.State{"CreateProtection LoadBalancer": apply.Prevented}, 1),
		states(r)); d != "" {
		t.Error(d)
	}
	if p := r.Outcomes["CreateProtection LoadBalancer"].Problem; p.Code != diag.NotSubscribed {
		t.Errorf("problem: %+v", p)
	}
	no := false
	want.LoadBalancers[0].Shield = &no // which is so already
	w.settle(want)

	want.LoadBalancers[0].Shield = &yes
	w.subscribe()
	w.clock.Advance(11 * time.Minute)
	w.settle(want)
	if _, protected, _ := w.over(); !protected {
		t.Error("subscribed, and not protected")
	}
}

func TestAProtectionGoesWithItsLoadBalancer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	want := guarded(w)
	w.settle(want)
	w.remove(want.Key)
	if r := w.sim.Resources(); len(r.Protections) > 0 {
		t.Errorf("left: %+v", r.Protections)
	}
}

func TestAWebACLThatIsGoneIsLookedUpByNameAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, account.Instant())
	acl := "arn:aws:wafv2:us-west-2:123456789012:regional/webacl/gone/00000000-0000-4000-8000-000000000009"
	want := shop("web", "/a/*")
	want.LoadBalancers[0].WebACL = &acl
	w.names()
	mark := w.mark()
	_, r, err := w.pass(want, diff.Options{}, 8)
	if err != nil {
		t.Fatal(err)
	}
	if o := r.Outcomes["AssociateWebACL LoadBalancer"]; o.State != apply.Failed || o.Problem.Class != diag.NotFound {
		t.Errorf("%+v", o)
	}
	w.names()
	if reads, _ := w.calls(mark); reads["ListWebACLs"] != 1 {
		t.Errorf("reads %v", reads)
	}
}
