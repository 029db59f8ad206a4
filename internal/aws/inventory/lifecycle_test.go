package inventory_test

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestALostTargetGroupIsNewsOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	k := key(stack.Ingress, "web")
	_, tg := f.balancer("web", tracking("web"))
	if f.inv.NotFound(k, tg) {
		t.Error("news of a stack that nobody knows")
	}
	look := func() int { return len(must[awsop.Observed](t)(f.inv.Observed(t.Context(), k, nil)).TargetGroups) }
	look()
	if f.inv.NotFound(k, "another") {
		t.Error("news of another's target group")
	}
	must[*elbv2.DeleteLoadBalancerOutput](t)(f.sim.Balancing.DeleteLoadBalancer(t.Context(),
		&elbv2.DeleteLoadBalancerInput{
			LoadBalancerArn: aws.String(must[awsop.Observed](t)(f.inv.Observed(t.Context(), k, nil)).LoadBalancers[0].ARN)}))
	must[*elbv2.DeleteTargetGroupOutput](t)(f.sim.Balancing.DeleteTargetGroup(t.Context(), &elbv2.DeleteTargetGroupInput{
		TargetGroupArn: aws.String(tg)}))
	if !f.inv.NotFound(k, tg) || f.inv.NotFound(k, tg) {
		t.Error("it is news once")
	}
	if n := look(); n != 0 {
		t.Errorf("%d target groups", n)
	}
	if f.inv.NotFound(k, tg) {
		t.Error("news of what is known not to be there")
	}
	f.inv.Record(k, awsop.CreateTargetGroup{TargetGroup: stack.TargetGroup{ID: "young"}}, awsop.Output{
		ID: "young"}, literally)
	f.clock.Advance(5 * time.Second)
	if f.inv.NotFound(k, "young") {
		t.Error("AWS may not know everywhere what was made a moment ago")
	}
	f.clock.Advance(time.Second)
	if !f.inv.NotFound(k, "young") {
		t.Error("what is not there after some seconds is gone")
	}
}

func TestProvisioningLoadBalancersAreReadTogether(t *testing.T) {
	t.Parallel()
	f := newFixtureWith(t, account.Profile{Name: "slow", LoadBalancerActive: time.Minute})
	var keys []stack.Key
	for _, name := range []string{"a", "b"} {
		f.balancer(name, tracking(name))
		keys = append(keys, key(stack.Ingress, name))
	}
	look := func(k stack.Key) awsop.LoadBalancer {
		return must[awsop.Observed](t)(f.inv.Observed(t.Context(), k, nil)).LoadBalancers[0]
	}
	a, b := look(keys[0]), look(keys[1])
	starting := f.inv.Provisioning()
	if diff := cmp.Diff(map[string]stack.Key{a.ARN: keys[0], b.ARN: keys[1]}, starting); diff != "" {
		t.Fatal(diff)
	}
	f.reads()
	if changed := must[[]stack.Key](t)(f.inv.RefreshStates(t.Context(), starting)); len(changed) > 0 {
		t.Errorf("%v changed", changed)
	}
	if diff := cmp.Diff(map[string]int{"DescribeLoadBalancers": 1}, f.reads()); diff != "" {
		t.Error(diff)
	}
	f.clock.Advance(2 * time.Minute)
	if state, err := f.inv.Refresh(t.Context(), keys[0], a.ARN); err != nil || state != "active" ||
		f.inv.State(keys[0], a.ARN) != "active" || f.inv.State(keys[1], b.ARN) != "provisioning" {
		t.Errorf("%q %v", state, err)
	}
	if changed := must[[]stack.Key](t)(f.inv.RefreshStates(t.Context(), starting)); !slices.Equal(changed, keys[1:]) {
		t.Errorf("%v changed", changed)
	}
	f.reads()
	if state, err := f.inv.Refresh(t.Context(), keys[0], a.ARN); err != nil || state != "active" || len(f.reads()) > 0 ||
		len(f.inv.Provisioning()) > 0 {
		t.Errorf("%q %v", state, err)
	}
	if a.State != "provisioning" {
		t.Error("an observation changed in the hands of whoever had it")
	}
	must[*elbv2.DeleteLoadBalancerOutput](t)(f.sim.Balancing.DeleteLoadBalancer(t.Context(),
		&elbv2.DeleteLoadBalancerInput{LoadBalancerArn: aws.String(a.ARN)}))
	if changed := must[[]stack.Key](t)(f.inv.RefreshStates(t.Context(), starting)); !slices.Equal(changed, keys) {
		t.Errorf("%v are to be read again", changed)
	}
	if o := must[awsop.Observed](t)(f.inv.Observed(t.Context(), keys[0], nil)); len(o.LoadBalancers) > 0 ||
		f.inv.State(keys[0], a.ARN) != "" {
		t.Errorf("%+v", o.LoadBalancers)
	}
	if state, err := f.inv.Refresh(t.Context(), keys[0], a.ARN); err != nil || state != "" {
		t.Errorf("%q %v of what does not exist", state, err)
	}
	f.refuse("DescribeLoadBalancers")
	if _, err := f.inv.RefreshStates(t.Context(), starting); err == nil {
		t.Error("a failed read is not told")
	}
	if _, err := f.inv.Refresh(t.Context(), keys[0], a.ARN); err == nil {
		t.Error("a failed read is not told")
	}
}

func TestStackIsCertainAfterCompleteListing(t *testing.T) {
	t.Parallel()
	type moment struct {
		f    *fixture
		wait func(since time.Time) time.Duration
		at   time.Time // when the process began to read
	}
	k := key(stack.Ingress, "web")
	begin := func() moment {
		f := newFixture(t)
		at := f.clock.Now()
		if err := f.inv.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		return moment{f, func(since time.Time) time.Duration {
			t.Helper()
			rest, wait, err := f.inv.ProveAbsence(t.Context(), k, since)
			if err != nil || rest.Proven() != (wait == 0) {
				t.Fatalf("%q, %v, %v", rest, wait, err)
			}
			return wait
		}, at}
	}
	old := begin()
	if got := old.wait(old.at); got != 0 { // made when this process was there already
		t.Errorf("a young object waits %v", got)
	}
	if got := old.wait(old.at.Add(-time.Second)); got != 5*time.Second {
		t.Errorf("an object of a former process waits %v", got)
	}
	old.f.clock.Advance(4 * time.Second)
	if got := old.wait(old.at.Add(-time.Hour)); got != time.Second {
		t.Errorf("an object of a former process waits %v after four seconds", got)
	}
	old.f.clock.Advance(time.Second)
	old.f.reads()
	if got := old.wait(old.at.Add(-time.Hour)); got != 0 || old.f.reads()["DescribeTargetGroups"] != 1 {
		t.Errorf("waits %v after five seconds", got)
	}
	if got := old.wait(old.at.Add(-time.Hour)); got != 0 || len(old.f.reads()) > 0 {
		t.Errorf("waits %v after another look", got)
	}

	doubted := begin()
	must[awsop.Observed](t)(doubted.f.inv.Observed(t.Context(), k, nil))
	doubted.f.clock.Advance(time.Hour)
	doubted.f.inv.MarkUncertain(k, awsop.CreateTargetGroup{TargetGroup: stack.TargetGroup{Name: "k8s-web"}},
		func(r stack.Ref) string { return r.Literal })
	if got := doubted.wait(doubted.at); got != 5*time.Second {
		t.Errorf("after a write of unknown outcome waits %v", got)
	}
	doubted.f.clock.Advance(5 * time.Second)
	doubted.f.reads()
	must[awsop.Observed](t)(doubted.f.inv.Observed(t.Context(), k, nil))
	if got := doubted.f.reads()["DescribeTargetGroups"]; got != 1 {
		t.Errorf("after a write of unknown outcome the account is listed %d times", got)
	}
	if got := doubted.wait(doubted.at); got != 0 {
		t.Errorf("after a look that was late enough waits %v", got)
	}

	failing := begin()
	failing.f.clock.Advance(time.Minute)
	failing.f.refuse("DescribeTargetGroups")
	if rest, _, err := failing.f.inv.ProveAbsence(t.Context(), k, failing.at.Add(-time.Hour)); err == nil ||
		rest.Proven() {
		t.Error("it is certain of what it cannot read")
	}

	late := begin() // a former process wrote when this one had begun to read
	must[awsop.Observed](t)(late.f.inv.Observed(t.Context(), k, nil))
	late.f.balancer("web", tracking("web"))
	late.f.clock.Advance(time.Minute)
	if got := late.wait(late.at.Add(-time.Hour)); got == 0 {
		t.Error("there is something to be planned")
	}
	if o := must[awsop.Observed](t)(late.f.inv.Observed(t.Context(), k, nil)); len(o.LoadBalancers) != 1 ||
		len(o.TargetGroups) != 1 {
		t.Errorf("%+v", o)
	}
	if got := late.wait(late.at.Add(-time.Hour)); got != 0 {
		t.Errorf("waits %v though all is known", got)
	}
}

func TestTheSharedGroupIsForgottenWhenItIsDeleted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	k := key(stack.Ingress, "web")
	if err := f.inv.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	op := awsop.CreateSecurityGroup{Group: stack.SecurityGroup{ID: stack.BackendSecurityGroup, Name: "shared",
		Shared: true}}
	f.inv.Record(k, op, awsop.Output{ID: "sg-1"}, literally)
	f.inv.Record(k, awsop.DeleteSecurityGroup{Group: stack.Literal(stack.KindSecurityGroup, "sg-2")},
		awsop.Output{}, literally)
	if id, ok := f.inv.SharedGroup(); !ok || id != "sg-1" {
		t.Errorf("%q %t", id, ok)
	}
	f.inv.Record(k, awsop.DeleteSecurityGroup{Group: stack.Literal(stack.KindSecurityGroup, "sg-1")},
		awsop.Output{}, literally)
	if id, ok := f.inv.SharedGroup(); ok {
		t.Errorf("%q", id)
	}
	f.inv.Record(k, op, awsop.Output{ID: "sg-3"}, literally) // it is gone from the account by then
	f.inv.Invalidate(k)
	f.clock.Advance(time.Minute)
	must[awsop.Observed](t)(f.inv.Observed(t.Context(), k, nil))
	f.inv.Invalidate(k)
	must[awsop.Observed](t)(f.inv.Observed(t.Context(), k, nil))
	if id, ok := f.inv.SharedGroup(); ok {
		t.Errorf("a listing without it leaves %q", id)
	}
}

func TestStacksOfServicesHaveTheirOwnTags(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.balancer("svc", map[string]string{"elbv2.k8s.aws/cluster": cluster, "service.k8s.aws/stack": "shop/web",
		"service.k8s.aws/resource": "LoadBalancer"})
	f.balancer("incomplete", map[string]string{"elbv2.k8s.aws/cluster": cluster, "ingress.k8s.aws/stack": "shop/web"})
	f.balancer("group", map[string]string{"elbv2.k8s.aws/cluster": cluster, "ingress.k8s.aws/stack": "team",
		"ingress.k8s.aws/resource": "LoadBalancer"})
	keys := must[[]stack.Key](t)(f.inv.Keys(t.Context()))
	if diff := cmp.Diff([]stack.Key{{Owner: stack.Ingress, ID: stack.ID{Name: "team"}}, key(stack.Service, "web")},
		keys); diff != "" {
		t.Error(diff)
	}
	other := inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute}, inventory.Config{
		Cluster: cluster, VPC: "vpc-other", Now: f.clock.Now, AddOnTimeout: time.Minute})
	if keys := must[[]stack.Key](t)(other.Keys(t.Context())); len(keys) > 0 {
		t.Errorf("of another VPC: %v", keys)
	}
}
