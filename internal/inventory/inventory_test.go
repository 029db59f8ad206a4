package inventory_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

const (
	cluster   = "demo-cluster"
	vpc       = "vpc-0a1de000000000001"
	nodeGroup = "sg-0a1de000000000001"
	webGroup  = "sg-0a1de000000000002"
)

type fixture struct {
	*testing.T
	sim   *awssim.Simulator
	clock *clock.Stepped
	inv   *inventory.Inventory
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{T: t, clock: clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
	sim, err := awssim.New(awssim.Options{Clock: f.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	f.sim = sim
	f.inv = inventory.New(cloud.Clients{ELBV2: sim.Balancing, EC2: sim.Compute, ACM: sim.Trust, STS: sim.Identity,
		WAFv2: sim.Firewall, WAFRegional: sim.Classic, Shield: sim.Shield},
		inventory.Config{Cluster: cluster, VPC: vpc, Now: f.clock.Now})
	return f
}

// reads counts the calls since the last count, by action.
func (f *fixture) reads() map[string]int {
	out := map[string]int{}
	for _, c := range f.sim.Gate.Calls(gate.Filter{}) {
		out[c.Action]++
	}
	f.sim.Gate.Reset()
	return out
}

func (f *fixture) answer(needs ...facts.Need) facts.Facts {
	f.Helper()
	got, err := f.inv.Answer(f.Context(), needs)
	if err != nil {
		f.Fatal(err)
	}
	if len(got.Errors) > 0 {
		f.Fatal(got.Errors)
	}
	return got
}

func key(owner stack.Owner, name string) stack.Key {
	return stack.Key{Owner: owner, ID: stack.ID{Namespace: "shop", Name: name}}
}

// balancer creates a load balancer with an HTTP listener and a target group behind a rule, as another controller would have.
func (f *fixture) balancer(name string, tags map[string]string) (lb, tg string) {
	f.Helper()
	var ts []elbv2types.Tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		ts = append(ts, elbv2types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	out, err := f.sim.Balancing.CreateLoadBalancer(f.Context(), &elbv2.CreateLoadBalancerInput{
		Name: aws.String(name), Subnets: []string{"subnet-0a1de0000000000a1", "subnet-0a1de0000000000b1"}, SecurityGroups: []string{webGroup}, Tags: ts,
	})
	if err != nil {
		f.Fatal(err)
	}
	group, err := f.sim.Balancing.CreateTargetGroup(f.Context(), &elbv2.CreateTargetGroupInput{
		Name: aws.String(name), Port: aws.Int32(80), Protocol: elbv2types.ProtocolEnumHttp, VpcId: aws.String(vpc), TargetType: elbv2types.TargetTypeEnumIp, Tags: ts,
	})
	if err != nil {
		f.Fatal(err)
	}
	lb, tg = *out.LoadBalancers[0].LoadBalancerArn, *group.TargetGroups[0].TargetGroupArn
	l, err := f.sim.Balancing.CreateListener(f.Context(), &elbv2.CreateListenerInput{
		LoadBalancerArn: aws.String(lb), Port: aws.Int32(80), Protocol: elbv2types.ProtocolEnumHttp, Tags: ts,
		DefaultActions: []elbv2types.Action{{Type: elbv2types.ActionTypeEnumFixedResponse, FixedResponseConfig: &elbv2types.FixedResponseActionConfig{StatusCode: aws.String("404")}}},
	})
	if err != nil {
		f.Fatal(err)
	}
	_, err = f.sim.Balancing.CreateRule(f.Context(), &elbv2.CreateRuleInput{
		ListenerArn: l.Listeners[0].ListenerArn, Priority: aws.Int32(1), Tags: ts,
		Conditions: []elbv2types.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{"/a"}}},
		Actions:    []elbv2types.Action{{Type: elbv2types.ActionTypeEnumForward, TargetGroupArn: aws.String(tg)}},
	})
	if err != nil {
		f.Fatal(err)
	}
	return lb, tg
}

func tracking(name string) map[string]string {
	return map[string]string{"elbv2.k8s.aws/cluster": cluster, "ingress.k8s.aws/stack": "shop/" + name, "ingress.k8s.aws/resource": stack.LoadBalancerIdentity}
}

func TestAnEmptyAccountIsReadInEightCallsAndThenKnown(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.reads()
	if err := f.inv.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"DescribeLoadBalancers": 1, "DescribeTargetGroups": 1, "DescribeSecurityGroups": 1, "DescribeSubnets": 1,
		"DescribeAvailabilityZones": 1, "DescribeVpcs": 1}
	if diff := cmp.Diff(want, f.reads()); diff != "" {
		t.Error(diff)
	}
	f.answer(facts.Need{Kind: facts.NeedSubnets}, facts.Need{Kind: facts.NeedVPC}, facts.Need{Kind: facts.NeedSecurityGroups},
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
	wish := &stack.Stack{Key: key(stack.Ingress, "web"), LoadBalancers: []stack.LoadBalancer{{ID: stack.LoadBalancerIdentity}}}
	o, err := f.inv.Observed(t.Context(), wish.Key, wish)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.LoadBalancers) != 1 || o.LoadBalancers[0].Name != "ours" || len(o.TargetGroups) != 1 || len(o.Listeners) != 1 || len(o.Rules) != 1 {
		t.Fatalf("%+v", o)
	}
	if r := o.Rules[0]; r.Priority != 1 || r.Tags["ingress.k8s.aws/stack"] != "shop/web" || r.Actions[0].Forward.TargetGroups[0].TargetGroup.Literal != o.TargetGroups[0].ARN {
		t.Errorf("%+v", r)
	}
	if o.LoadBalancers[0].Attributes != nil {
		t.Error("attributes were read though nobody manages them")
	}
}

func TestAStackIsReadToTheBottomOnceAndOnlyAsDeepAsItsWish(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.balancer("ours", tracking("web"))
	k := key(stack.Ingress, "web")
	if _, err := f.inv.Observed(t.Context(), k, nil); err != nil {
		t.Fatal(err)
	}
	f.reads()
	wish := &stack.Stack{Key: k, LoadBalancers: []stack.LoadBalancer{{ID: stack.LoadBalancerIdentity, Attributes: map[string]string{"a": "b"}}}}
	for n, want := range []map[string]int{
		{"DescribeListeners": 1, "DescribeRules": 1, "DescribeTags": 1, "DescribeLoadBalancerAttributes": 1}, {},
	} {
		if _, err := f.inv.Observed(t.Context(), k, wish); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, f.reads()); diff != "" {
			t.Errorf("time %d: %s", n+1, diff)
		}
	}
	f.inv.Invalidate(k)
	o, err := f.inv.Observed(t.Context(), k, wish)
	if err != nil || len(o.Rules) != 1 {
		t.Fatal(o, err)
	}
	want := map[string]int{"DescribeLoadBalancers": 1, "DescribeTargetGroups": 1, "DescribeSecurityGroups": 1, "DescribeTags": 2,
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
	wish := &stack.Stack{Key: k, LoadBalancers: []stack.LoadBalancer{{ID: stack.LoadBalancerIdentity}}}
	if _, err := f.inv.Observed(t.Context(), k, wish); err != nil {
		t.Fatal(err)
	}
	if _, err := f.sim.Balancing.DeleteLoadBalancer(t.Context(), &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: aws.String(lb)}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.sim.Balancing.AddTags(t.Context(), &elbv2.AddTagsInput{ResourceArns: []string{tg}, Tags: []elbv2types.Tag{{Key: aws.String("x"), Value: aws.String("y")}}}); err != nil {
		t.Fatal(err)
	}
	f.inv.Invalidate(k)
	o, err := f.inv.Observed(t.Context(), k, wish)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.LoadBalancers)+len(o.Listeners)+len(o.Rules) != 0 || len(o.TargetGroups) != 1 || o.TargetGroups[0].Tags["x"] != "y" {
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
	if _, err := f.sim.Balancing.DeleteLoadBalancer(t.Context(), &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: aws.String(lb)}); err != nil {
		t.Fatal(err)
	}
	wish := &stack.Stack{Key: k, LoadBalancers: []stack.LoadBalancer{{ID: stack.LoadBalancerIdentity}}}
	o, err := f.inv.Observed(t.Context(), k, wish)
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
			if _, err := f.inv.Answer(context.Background(), []facts.Need{{Kind: facts.NeedSubnets}, {Kind: facts.NeedRoutes}}); err != nil {
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

func TestFactsDescribeTheNetwork(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	got := f.answer(facts.Need{Kind: facts.NeedVPC}, facts.Need{Kind: facts.NeedSubnets}, facts.Need{Kind: facts.NeedRoutes}, facts.Need{Kind: facts.NeedCertificates},
		facts.Need{Kind: facts.NeedForeignSubnet, Key: "subnet-00000000000000bad"}, facts.Need{Kind: facts.NeedForeignSubnet, Key: "subnet-0a1de0000000000a1"},
		facts.Need{Kind: facts.NeedForeignGroup, Key: "sg-00000000000000bad"}, facts.Need{Kind: facts.NeedForeignGroup, Key: webGroup},
		facts.Need{Kind: facts.NeedTargetGroupName, Key: "nobody"}, facts.Need{Kind: facts.NeedSecurityGroups})
	if got.VPC == nil || !slices.Equal(got.VPC.CIDRs, []string{"10.0.0.0/16"}) || len(got.VPC.IPv6CIDRs) != 1 {
		t.Errorf("VPC %+v", got.VPC)
	}
	public, private := got.Subnets["subnet-0a1de0000000000a1"], got.Subnets["subnet-0a1de0000000000a2"]
	if len(got.Subnets) != 6 || !got.Routes || !public.Public || private.Public || public.Zone != "us-west-2a" || public.Locale != facts.AvailabilityZone ||
		public.Tags["kubernetes.io/role/elb"] != "1" || public.AvailableIPs == 0 || len(public.IPv6CIDRs) != 1 {
		t.Errorf("subnets %+v", got.Subnets)
	}
	c := got.Certificates["arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"]
	if len(got.Certificates) != 3 || c.Status != "ISSUED" || !slices.Equal(c.Domains, []string{"example.com", "*.example.com"}) {
		t.Errorf("certificates %+v", got.Certificates)
	}
	if s, ok := got.ForeignSubnets["subnet-00000000000000bad"]; !ok || s != nil {
		t.Error("a subnet that does not exist must be known not to")
	}
	if s := got.ForeignSubnets["subnet-0a1de0000000000a1"]; s == nil || s.VPC != vpc {
		t.Errorf("foreign subnet %+v", s)
	}
	if g, ok := got.ForeignGroups["sg-00000000000000bad"]; !ok || g != nil {
		t.Error("a group that does not exist must be known not to")
	}
	if g := got.ForeignGroups[webGroup]; g == nil || g.Tags["Name"] != "demo-web" {
		t.Errorf("foreign group %+v", g)
	}
	if tg, ok := got.TargetGroups["nobody"]; !ok || tg != nil {
		t.Error("a target group that does not exist must be known not to")
	}
	if got.SecurityGroups[nodeGroup].Name == "" {
		t.Errorf("groups %+v", got.SecurityGroups)
	}
}

func TestAnAbsenceIsBelievedBriefly(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	need := facts.Need{Kind: facts.NeedTargetGroupName, Key: "mine"}
	if f.answer(need).TargetGroups["mine"] != nil {
		t.Fatal("exists")
	}
	f.balancer("mine", nil)
	f.reads()
	if f.answer(need).TargetGroups["mine"] != nil || len(f.reads()) > 0 {
		t.Error("the absence was not cached")
	}
	f.clock.Advance(20 * time.Second)
	if tg := f.answer(need).TargetGroups["mine"]; tg == nil || tg.TargetType != "ip" || tg.Protocol != "HTTP" {
		t.Errorf("%+v", tg)
	}
}

func TestAnswersAgeAndCanBeForgotten(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	subnets, groups := facts.Need{Kind: facts.NeedSubnets}, facts.Need{Kind: facts.NeedSecurityGroups}
	f.answer(subnets, groups)
	f.reads()
	f.clock.Advance(11 * time.Minute)
	f.answer(subnets, groups)
	if diff := cmp.Diff(map[string]int{"DescribeSubnets": 1, "DescribeSecurityGroups": 1}, f.reads()); diff != "" {
		t.Error(diff)
	}
	f.inv.InvalidateFacts(subnets, groups)
	f.answer(subnets, groups)
	if diff := cmp.Diff(map[string]int{"DescribeSubnets": 1, "DescribeSecurityGroups": 1}, f.reads()); diff != "" {
		t.Error(diff)
	}
}

func TestAFailedReadIsTheAnswerToItsNeedsOnly(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if _, err := f.sim.Gate.AddFault(gate.Fault{Action: "ListCertificates", Code: "AccessDeniedException", Status: 403}); err != nil {
		t.Fatal(err)
	}
	got, err := f.inv.Answer(t.Context(), []facts.Need{{Kind: facts.NeedCertificates}, {Kind: facts.NeedSubnets}})
	if err != nil || got.Subnets == nil || got.Certificates != nil {
		t.Errorf("%+v %v", got, err)
	}
	if e := cloud.Classify(got.Errors[facts.Need{Kind: facts.NeedCertificates}]); e.Code != "AccessDeniedException" || len(got.Errors) != 1 {
		t.Errorf("errors %v", got.Errors)
	}
}

func TestAnOldAnswerServesWhileAWSDoesNot(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.answer(facts.Need{Kind: facts.NeedSubnets})
	f.clock.Advance(time.Hour)
	if _, err := f.sim.Gate.AddFault(gate.Fault{Action: "DescribeSubnets", Code: "RequestLimitExceeded", Status: 503}); err != nil {
		t.Fatal(err)
	}
	if got := f.answer(facts.Need{Kind: facts.NeedSubnets}); len(got.Subnets) != 6 {
		t.Errorf("%+v", got.Subnets)
	}
}

func TestRulesOfSecurityGroupsAreWrittenThrough(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	rules := func() []stack.Permission {
		t.Helper()
		ps, err := f.inv.GroupRules(t.Context(), nodeGroup)
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
	f.inv.Record(k, plan.AuthorizeIngress{Group: ref, Permissions: p}, plan.Output{}, byLiteral)
	if n := len(rules()); n != 2 {
		t.Errorf("%d rules after a grant", n)
	}
	f.inv.Record(k, plan.RevokeIngress{Group: ref, Permissions: p}, plan.Output{}, byLiteral)
	if n := len(rules()); n != 1 {
		t.Errorf("%d rules after a revocation", n)
	}
	if got := f.reads(); len(got) > 0 {
		t.Errorf("reads %v", got)
	}
	f.inv.InvalidateGroup(nodeGroup)
	rules()
	if diff := cmp.Diff(map[string]int{"DescribeSecurityGroups": 1}, f.reads()); diff != "" {
		t.Error(diff)
	}
	if _, err := f.inv.GroupRules(t.Context(), "sg-00000000000000bad"); cloud.Classify(err).Code != cloud.CodeGroupNotFound {
		t.Errorf("error %v", err)
	}
	got, err := f.inv.ClusterGroups(t.Context())
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
	op := plan.CreateSecurityGroup{Group: stack.SecurityGroup{ID: stack.BackendSecurityGroup, Name: "shared", Shared: true}}
	var wg sync.WaitGroup
	created := 0 // guarded by CreateShared
	for range 10 {
		wg.Go(func() {
			out, err := f.inv.CreateShared(func() (plan.Output, error) {
				created++
				out := plan.Output{ID: "sg-1"}
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

func TestAGroupOfTheClusterIsFoundAfterARestart(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	out, err := f.sim.Compute.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("k8s-traffic"), Description: aws.String("d"), VpcId: aws.String(vpc),
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSecurityGroup, Tags: []ec2types.Tag{
			{Key: aws.String("elbv2.k8s.aws/cluster"), Value: aws.String(cluster)}, {Key: aws.String("elbv2.k8s.aws/resource"), Value: aws.String("backend-sg")}}}},
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

func TestTrustStoresAreFoundByNameWithOneRead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	create := func(name string) string {
		f.sim.Account.Lock()
		err := f.sim.Account.Buckets.Put("pki", "ca.pem", f.authority())
		f.sim.Account.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		out, err := f.sim.Balancing.CreateTrustStore(t.Context(), &elbv2.CreateTrustStoreInput{
			Name: aws.String(name), CaCertificatesBundleS3Bucket: aws.String("pki"), CaCertificatesBundleS3Key: aws.String("ca.pem")})
		if err != nil {
			t.Fatal(err)
		}
		return *out.TrustStores[0].TrustStoreArn
	}
	need := func(name string) facts.Need { return facts.Need{Kind: facts.NeedTrustStore, Key: name} }
	a, b := create("a"), create("b")
	f.reads()
	for range 2 {
		got := f.answer(need("a"), need("b")).TrustStores
		if d := cmp.Diff(map[string]string{"a": a, "b": b}, got); d != "" {
			t.Error(d)
		}
	}
	if d := cmp.Diff(map[string]int{"DescribeTrustStores": 1}, f.reads()); d != "" {
		t.Error(d)
	}
	if got := f.answer(need("later")).TrustStores; got["later"] != "" {
		t.Errorf("%v", got)
	}
	later := create("later")
	f.clock.Advance(16 * time.Second) // an absence is believed briefly
	if got := f.answer(need("later"), need("a")).TrustStores; got["later"] != later || got["a"] != a {
		t.Errorf("%v", got)
	}
}

func (f *fixture) authority() []byte {
	f.Helper()
	text, err := f.sim.Account.Authority().PEM()
	if err != nil {
		f.Fatal(err)
	}
	return text
}
