package inventory_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func TestAnEmptyAccountIsReadInEightCallsAndThenKnown(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.reads()
	if err := f.inv.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"DescribeLoadBalancers": 1, "DescribeTargetGroups": 1, "DescribeSecurityGroups": 1,
		"DescribeSubnets":           1,
		"DescribeAvailabilityZones": 1, "DescribeVpcs": 1}
	if diff := cmp.Diff(want, f.reads()); diff != "" {
		t.Error(diff)
	}
	f.answer(facts.Need{Kind: facts.NeedSubnets}, facts.Need{Kind: facts.NeedVPC},
		facts.Need{Kind: facts.NeedSecurityGroups},
		facts.Need{Kind: facts.NeedStack, Key: key(stack.Ingress, "web").String()})
	if _, err := f.inv.Observed(t.Context(), key(stack.Ingress, "web"), nil); err != nil {
		t.Error(err)
	}
	if got := f.reads(); len(got) > 0 {
		t.Errorf("reads %v", got)
	}
}

func TestALoadAfterTheFirstQuestionsReadsOnlyWhatTheyLeft(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.answer(facts.Need{Kind: facts.NeedSecurityGroups})
	if _, err := f.inv.Observed(t.Context(), key(stack.Ingress, "web"), nil); err != nil {
		t.Fatal(err)
	}
	f.reads()
	if err := f.inv.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"DescribeSubnets": 1, "DescribeAvailabilityZones": 1, "DescribeVpcs": 1}
	if diff := cmp.Diff(want, f.reads()); diff != "" {
		t.Error(diff)
	}
}

func TestWhatOthersCreatedIsFoundByItsTagsOldAndNew(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.balancer("ours", tracking("web"))
	legacy := tracking("old")
	delete(legacy, "elbv2.k8s.aws/cluster")
	legacy["ingress.k8s.aws/cluster"] = cluster
	f.balancer("legacy", legacy)
	foreign := tracking("web")
	foreign["elbv2.k8s.aws/cluster"] = "another"
	f.balancer("foreign", foreign)
	f.balancer("untagged", nil)
	keys, err := f.inv.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]stack.Key{key(stack.Ingress, "old"), key(stack.Ingress, "web")}, keys); diff != "" {
		t.Error(diff)
	}
	desired := &stack.Stack{Key: key(stack.Ingress, "web"), LoadBalancers: []stack.LoadBalancer{
		{ID: stack.LoadBalancerIdentity}}}
	o, err := f.inv.Observed(t.Context(), desired.Key, desired)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.LoadBalancers) != 1 || o.LoadBalancers[0].Name != "ours" || len(o.TargetGroups) != 1 ||
		len(o.Listeners) != 1 || len(o.Rules) != 1 {
		t.Fatalf("%+v", o)
	}
	if r := o.Rules[0]; r.Priority != 1 || r.Tags["ingress.k8s.aws/stack"] != "shop/web" ||
		r.Actions[0].Forward.TargetGroups[0].TargetGroup.Literal != o.TargetGroups[0].ARN {
		t.Errorf("%+v", r)
	}
	if o.LoadBalancers[0].Attributes != nil {
		t.Error("attributes were read though nobody manages them")
	}
}

func TestAStackIsReadToTheBottomOnceAndOnlyAsDeepAsIsDesired(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.balancer("ours", tracking("web"))
	k := key(stack.Ingress, "web")
	if _, err := f.inv.Observed(t.Context(), k, nil); err != nil {
		t.Fatal(err)
	}
	f.reads()
	desired := &stack.Stack{Key: k, LoadBalancers: []stack.LoadBalancer{
		{ID: stack.LoadBalancerIdentity, Attributes: map[string]string{"a": "b"}}}}
	for n, want := range []map[string]int{
		{"DescribeListeners": 1, "DescribeRules": 1, "DescribeTags": 1, "DescribeLoadBalancerAttributes": 1}, {},
	} {
		if _, err := f.inv.Observed(t.Context(), k, desired); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, f.reads()); diff != "" {
			t.Errorf("time %d: %s", n+1, diff)
		}
	}
	f.inv.Invalidate(k)
	o, err := f.inv.Observed(t.Context(), k, desired)
	if err != nil || len(o.Rules) != 1 {
		t.Fatal(o, err)
	}
	want := map[string]int{"DescribeLoadBalancers": 1, "DescribeTargetGroups": 1, "DescribeSecurityGroups": 1,
		"DescribeTags":      2,
		"DescribeListeners": 1, "DescribeRules": 1, "DescribeLoadBalancerAttributes": 1}
	if diff := cmp.Diff(want, f.reads()); diff != "" {
		t.Errorf("after invalidation: %s", diff)
	}
}

func TestChangesBehindOurBackAreSeenAfterInvalidation(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	lb, tg := f.balancer("ours", tracking("web"))
	k := key(stack.Ingress, "web")
	desired := &stack.Stack{Key: k, LoadBalancers: []stack.LoadBalancer{{ID: stack.LoadBalancerIdentity}}}
	if _, err := f.inv.Observed(t.Context(), k, desired); err != nil {
		t.Fatal(err)
	}
	if _, err := f.sim.Balancing.DeleteLoadBalancer(t.Context(), &elbv2.DeleteLoadBalancerInput{
		LoadBalancerArn: aws.String(lb)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.sim.Balancing.AddTags(t.Context(), &elbv2.AddTagsInput{ResourceArns: []string{tg},
		Tags: []elbv2types.Tag{{Key: aws.String("x"), Value: aws.String("y")}}}); err != nil {
		t.Fatal(err)
	}
	f.inv.Invalidate(k)
	o, err := f.inv.Observed(t.Context(), k, desired)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.LoadBalancers)+len(o.Listeners)+len(o.Rules) != 0 || len(o.TargetGroups) != 1 ||
		o.TargetGroups[0].Tags["x"] != "y" {
		t.Errorf("%+v", o)
	}
}

func TestALoadBalancerThatVanishesWhileItIsReadIsNoError(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	lb, _ := f.balancer("ours", tracking("web"))
	k := key(stack.Ingress, "web")
	if err := f.inv.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := f.sim.Balancing.DeleteLoadBalancer(t.Context(), &elbv2.DeleteLoadBalancerInput{
		LoadBalancerArn: aws.String(lb)}); err != nil {
		t.Fatal(err)
	}
	desired := &stack.Stack{Key: k, LoadBalancers: []stack.LoadBalancer{{ID: stack.LoadBalancerIdentity}}}
	o, err := f.inv.Observed(t.Context(), k, desired)
	if err != nil || len(o.LoadBalancers) != 0 {
		t.Error(o, err)
	}
}

func TestTogetherManyQuestionsCauseOneListing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.reads()
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if _, err := f.inv.Observed(context.Background(), key(stack.Ingress, "web"), nil); err != nil {
				t.Error(err)
			}
			if _, err := f.inv.Answer(context.Background(), []facts.Need{{Kind: facts.NeedSubnets},
				{Kind: facts.NeedRoutes}}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for action, n := range f.reads() {
		if n != 1 {
			t.Errorf("%d × %s", n, action)
		}
	}
}

func TestRulesOfSecurityGroupsAreWrittenThrough(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	rules := func() []stack.Permission {
		t.Helper()
		ps, err := f.inv.SecurityGroups().Rules(t.Context(), nodeGroup)
		if err != nil {
			t.Fatal(err)
		}
		return ps
	}
	if n := len(rules()); n != 1 {
		t.Fatalf("%d rules", n)
	}
	f.reads()
	k := stack.Key{Owner: "elbv2.k8s.aws", ID: stack.ID{Name: "x"}}
	ref := stack.Literal(stack.KindSecurityGroup, nodeGroup)
	p := []stack.Permission{{Protocol: "tcp", FromPort: 80, ToPort: 80, CIDR: "10.0.0.0/8"}}
	byLiteral := func(r stack.Ref) string { return r.Literal }
	f.inv.Record(k, awsop.AuthorizeSecurityGroupIngress{Group: ref, Permissions: p}, awsop.Output{}, byLiteral)
	if n := len(rules()); n != 2 {
		t.Errorf("%d rules after a grant", n)
	}
	f.inv.Record(k, awsop.RevokeSecurityGroupIngress{Group: ref, Permissions: p}, awsop.Output{}, byLiteral)
	if n := len(rules()); n != 1 {
		t.Errorf("%d rules after a revocation", n)
	}
	if got := f.reads(); len(got) > 0 {
		t.Errorf("reads %v", got)
	}
	f.inv.SecurityGroups().ForgetRules(nodeGroup)
	rules()
	if diff := cmp.Diff(map[string]int{"DescribeSecurityGroups": 1}, f.reads()); diff != "" {
		t.Error(diff)
	}
	if _, err := f.inv.SecurityGroups().Rules(t.Context(), "sg-00000000000000bad"); awsclient.Classify(err).Code !=
		awsclient.CodeGroupNotFound {
		t.Errorf("error %v", err)
	}
	got, err := f.inv.SecurityGroups().OfCluster(t.Context())
	if diff := cmp.Diff([]string{nodeGroup}, got); err != nil || diff != "" {
		t.Error(diff, err)
	}
}

func TestTheSharedGroupIsCreatedOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := f.inv.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	op := awsop.CreateSecurityGroup{Group: stack.SecurityGroup{ID: stack.BackendSecurityGroup, Name: "shared",
		Shared: true}}
	var wg sync.WaitGroup
	created := 0 // guarded by CreateShared
	for range 10 {
		wg.Go(func() {
			out, err := f.inv.CreateShared(t.Context(), func() (awsop.Output, error) {
				created++
				out := awsop.Output{ID: "sg-1"}
				f.inv.Record(key(stack.Ingress, "web"), op, out, func(r stack.Ref) string { return r.Literal })
				return out, nil
			})
			if err != nil || out.ID != "sg-1" {
				t.Error(out, err)
			}
		})
	}
	wg.Wait()
	if created != 1 {
		t.Errorf("created %d times", created)
	}
	o, err := f.inv.Observed(t.Context(), key(stack.Service, "db"), nil)
	if err != nil || len(o.SecurityGroups) != 1 || !o.SecurityGroups[0].Shared {
		t.Errorf("%+v %v", o, err)
	}
}

// silent is AWS that answers no question about listeners until it is told to.
type silent struct {
	awsclient.ELBV2
	asked, speak chan struct{}
}

func (s *silent) DescribeListeners(ctx context.Context, in *elbv2.DescribeListenersInput, o ...func(*elbv2.Options)) (
	*elbv2.DescribeListenersOutput, error) {
	s.asked <- struct{}{}
	<-s.speak
	return s.ELBV2.DescribeListeners(ctx, in, o...)
}

func TestACallerThatGivesUpDoesNotWaitForTheAnswerToAnEarlierOne(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	balancing := &silent{ELBV2: f.sim.Balancing, asked: make(chan struct{}, 10), speak: make(chan struct{})}
	f.inv = inventory.New(awsclient.Clients{ELBV2: balancing, EC2: f.sim.Compute, ACM: f.sim.Trust, STS: f.sim.Identity},
		f.config())
	want := f.fronted()
	var first sync.WaitGroup
	first.Go(func() {
		if _, err := f.inv.Observed(t.Context(), key(stack.Ingress, "web"), want); err != nil {
			t.Error(err)
		}
	})
	defer first.Wait()
	<-balancing.asked
	defer close(balancing.speak)
	ctx, giveUp := context.WithCancel(t.Context())
	giveUp()
	second := make(chan error, 1)
	go func() {
		_, err := f.inv.Observed(ctx, key(stack.Ingress, "web"), want)
		second <- err
	}()
	select {
	case err := <-second:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("it waits")
	}
}

func TestAGroupOfTheClusterIsFoundAfterARestart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	out, err := f.sim.Compute.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("k8s-traffic"), Description: aws.String(naming.BackendSecurityGroupDescription),
		VpcId: aws.String(vpc),
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSecurityGroup,
			Tags: []ec2types.Tag{
				{Key: aws.String("elbv2.k8s.aws/cluster"), Value: aws.String(cluster)}, {Key: aws.String("elbv2.k8s.aws/resource"),
					Value: aws.String("backend-sg")}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.inv.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if id, ok := f.inv.SharedGroup(); !ok || id != *out.GroupId {
		t.Errorf("%q %v", id, ok)
	}
}
