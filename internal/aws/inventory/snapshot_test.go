package inventory_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// left is an account with load balancers of as many stacks, and what a process that knows them leaves to the next one.
func (f *fixture) left(balancers int) (arns []string, kept map[stack.Key]inventory.Snapshot) {
	f.Helper()
	kept = map[stack.Key]inventory.Snapshot{}
	for n := range balancers {
		lb, _ := f.balancer(webN(n).ID.Name, tracking(webN(n).ID.Name))
		arns = append(arns, lb)
	}
	for n := range balancers {
		if _, err := f.inv.Observed(f.Context(), webN(n), nil); err != nil {
			f.Fatal(err)
		}
		kept[webN(n)] = f.inv.Snapshot(webN(n))
	}
	return arns, kept
}

func webN(n int) stack.Key { return key(stack.Ingress, fmt.Sprintf("web%03d", n)) }

// restart is a process that begins with what an earlier one left. It tells whom it wakes.
func (f *fixture) restart(kept map[stack.Key]inventory.Snapshot) (woken func() []stack.Key) {
	f.Helper()
	var keys []stack.Key
	f.inv = inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, ACM: f.sim.Trust,
		STS: f.sim.Identity},
		inventory.Config{Cluster: cluster, VPC: vpc, Now: f.clock.Now, AddOnTimeout: time.Minute,
			Freed: func(k []stack.Key) {
				keys = append(keys, k...)
			}})
	f.inv.Assume(inventory.Kept{Stacks: kept, Since: f.clock.Now()})
	f.clock.Advance(time.Minute)
	f.reads()
	return func() []stack.Key { return keys }
}

func (f *fixture) listed(k stack.Key) awsop.Observed {
	f.Helper()
	o, err := f.inv.Observed(f.Context(), k, nil)
	if err != nil {
		f.Fatal(err)
	}
	return o
}

func TestTagsThatAnEarlierProcessLeftAreNotReadByTheFirstListing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arns, kept := f.left(30)
	f.restart(kept)
	o := f.listed(webN(7))
	if len(o.LoadBalancers) != 1 || o.LoadBalancers[0].ARN != arns[7] || len(o.TargetGroups) != 1 || !o.Assumed() {
		t.Errorf("observed are %+v", o)
	}
	if got := f.reads(); got["DescribeTags"] > 0 {
		t.Errorf("calls %v", got)
	}
	// Before a plan is carried out, what it rests on is read: one call for the tags of the stack.
	f.inv.RereadAssumed(webN(7))
	if o = f.listed(webN(7)); len(o.LoadBalancers) != 1 || len(o.TargetGroups) != 1 || o.Assumed() {
		t.Errorf("verified are %+v", o)
	}
	if got := f.reads(); len(got) != 1 || got["DescribeTags"] != 1 {
		t.Errorf("to verify a stack, %v are called", got)
	}
	if o = f.listed(webN(8)); !o.Assumed() {
		t.Error("another stack counts as verified")
	}
}

func TestTagsThatAnEarlierProcessLeftAreReadInTheBackground(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arns, kept := f.left(30)
	woken := f.restart(kept)
	f.tag(arns[3], map[string]string{"team": "data"})
	f.tag(arns[5], tracking("other"))
	f.listed(webN(0))
	calls := 0
	for read := true; read; calls++ {
		var err error
		if read, err = f.inv.RereadTags(t.Context()); err != nil || calls > 10 {
			t.Fatal(calls, err)
		}
	}
	if got := f.reads(); got["DescribeTags"] != 3 {
		t.Errorf("calls %v", got)
	}
	if left := f.inv.Assumed(); len(left) > 0 {
		t.Errorf("still assumed are %v", left)
	}
	want := []stack.Key{key(stack.Ingress, "other"), webN(3), webN(5)}
	got := slices.Clone(woken())
	slices.SortFunc(got, func(a, b stack.Key) int { return slices.Index(want, a) - slices.Index(want, b) })
	if !slices.Equal(got, want) {
		t.Errorf("woken are %v, want %v", got, want)
	}
	if o := f.listed(webN(3)); len(o.LoadBalancers) != 1 || o.LoadBalancers[0].Tags["team"] != "data" {
		t.Errorf("what somebody tagged is not seen: %+v", o.LoadBalancers)
	}
	if o := f.listed(webN(5)); len(o.LoadBalancers) != 0 || len(o.TargetGroups) != 1 {
		t.Errorf("what another stack was given still counts as the first one's: %+v", o)
	}
	if o := f.listed(key(stack.Ingress, "other")); len(o.LoadBalancers) != 1 || o.LoadBalancers[0].ARN != arns[5] {
		t.Errorf("what a stack was given is not seen: %+v", o.LoadBalancers)
	}
}

func TestTagsAreReadBeforeCreation(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arns, kept := f.left(30)
	f.restart(kept)
	other := key(stack.Ingress, "other")
	f.tag(arns[5], tracking("other"))
	if o := f.listed(other); len(o.LoadBalancers) > 0 {
		t.Fatalf("the first listing read the tags: %+v", o.LoadBalancers)
	}
	news, err := f.inv.ConfirmAbsence(t.Context(), other)
	if got := f.reads()["DescribeTags"]; !news || err != nil || got != 3 {
		t.Errorf("news %v, %v, after %d calls for tags", news, err, got)
	}
	if o := f.listed(other); len(o.LoadBalancers) != 1 || o.LoadBalancers[0].ARN != arns[5] {
		t.Errorf("observed are %+v", o.LoadBalancers)
	}
	if o := f.listed(webN(5)); len(o.LoadBalancers) != 0 {
		t.Errorf("two stacks have one load balancer: %+v", o.LoadBalancers)
	}
	if left := f.inv.Assumed(); len(left) > 0 {
		t.Errorf("still assumed are %v", left)
	}
}

func TestNothingIsProvenAbsentByTagsThatAnEarlierProcessLeft(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arns, kept := f.left(30)
	f.restart(kept)
	other := key(stack.Ingress, "other")
	f.tag(arns[5], tracking("other"))
	f.listed(other)
	if rest, wait, err := f.inv.ProveAbsence(t.Context(), other, time.Time{}); rest.Proven() || wait <= 0 ||
		err != nil {
		t.Fatalf("absence is proven by the first listing: %v, %v, %v", rest.Proven(), wait, err)
	}
	f.clock.Advance(time.Minute)
	if rest, _, err := f.inv.ProveAbsence(t.Context(), other, time.Time{}); rest.Proven() || err != nil {
		t.Errorf("a stack that has a load balancer is proven absent: %v", err)
	}
	if o := f.listed(other); len(o.LoadBalancers) != 1 {
		t.Errorf("observed are %+v", o.LoadBalancers)
	}
}

func TestTagsAreBelievedOfTheStackOnlyUnderWhichTheyWereLeft(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	arns, kept := f.left(3)
	kept[webN(1)].Tags[arns[0]] = tracking(webN(0).ID.Name) // as a damaged checkpoint might
	delete(kept, webN(0))
	f.restart(kept)
	if o := f.listed(webN(0)); len(o.LoadBalancers) != 1 || o.Assumed() {
		t.Errorf("observed are %+v", o)
	}
	if got := f.reads(); got["DescribeTags"] != 1 {
		t.Errorf("calls %v", got)
	}
}

// TestWhatARunningVersionWroteIsAssumed reads the JSON that versions wrote before the states of parts were kept with
// each resource.
func TestWhatARunningVersionWroteIsAssumed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	lb, tg := f.balancer("web000", tracking("web000"))
	listeners, err := f.sim.Balancing.DescribeListeners(t.Context(), &elbv2.DescribeListenersInput{LoadBalancerArn: &lb})
	if err != nil {
		t.Fatal(err)
	}
	listener := *listeners.Listeners[0].ListenerArn
	text := strings.NewReplacer("LB", lb, "TG", tg, "LISTENER", listener).Replace(`{
		"Listeners": {"LB": [{"ARN": "LISTENER", "ID": "80", "LoadBalancer": {"kind": "LoadBalancer", "literal": "LB"},
			"Port": 80, "Protocol": "HTTP",
			"DefaultActions": null, "Tags": {"elbv2.k8s.aws/cluster": "demo-cluster"}}]},
		"Rules": {"LISTENER": []},
		"Attributes": {"LB": {"idle_timeout.timeout_seconds": "60"}},
		"Tags": {"LB": {"elbv2.k8s.aws/cluster": "demo-cluster", "ingress.k8s.aws/stack": "shop/web000",
			"ingress.k8s.aws/resource": "LoadBalancer"}}
	}`)
	var left inventory.Snapshot
	if err := json.Unmarshal([]byte(text), &left); err != nil {
		t.Fatal(err)
	}
	f.restart(map[stack.Key]inventory.Snapshot{webN(0): left})
	o := f.listed(webN(0))
	if len(o.LoadBalancers) != 1 || len(o.Listeners) != 1 || !o.Assumed() {
		t.Fatalf("observed are %+v", o)
	}
	balancer, l, group := &o.LoadBalancers[0], &o.Listeners[0], &o.TargetGroups[0]
	for what, is := range map[string]awsop.State{
		"tags, left": balancer.StateOf(awsop.PartTags), "attributes, left": balancer.StateOf(awsop.PartAttributes),
		"listeners, left": balancer.StateOf(awsop.PartListeners),
		"rules, left":     l.StateOf(awsop.PartRules), "attributes of a listener, not left": l.StateOf(awsop.PartAttributes),
		"certificates, not left": l.StateOf(awsop.PartCertificates), "attributes of a target group, not left": group.StateOf(
			awsop.PartAttributes),
		"tags of a target group, read": group.StateOf(awsop.PartTags),
	} {
		want := awsop.Assumed
		switch {
		case strings.HasSuffix(what, "not left"):
			want = awsop.Unread
		case strings.HasSuffix(what, "read"):
			want = awsop.Read
		}
		if is != want {
			t.Errorf("%s: state %d, want %d", what, is, want)
		}
	}
	again, err := json.Marshal(f.inv.Snapshot(webN(0)))
	if err != nil || strings.Contains(strings.ToLower(string(again)), "state") ||
		strings.Contains(string(again), "Parts") {
		t.Errorf("what the next process reads has more than the format: %s, %v", again, err)
	}
	f.inv.RereadAssumed(webN(0))
	if o := f.listed(webN(0)); len(o.Listeners) > 0 || o.Assumed() || o.LoadBalancers[0].Attributes != nil {
		t.Errorf("after verifying, something is assumed: %+v", o)
	}
}
