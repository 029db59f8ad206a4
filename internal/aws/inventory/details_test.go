package inventory_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func certificate(n int) string {
	return fmt.Sprintf("arn:aws:acm:us-west-2:123456789012:certificate/0a1de00%d-0000-4000-8000-00000000000%d", n, n)
}

func must[T any](t *testing.T) func(out T, err error) T {
	return func(out T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
}

func tagged(resource string) []elbv2types.Tag {
	tags := tracking("web")
	tags["ingress.k8s.aws/resource"] = resource
	var out []elbv2types.Tag
	for k, v := range tags {
		out = append(out, elbv2types.Tag{Key: aws.String(k), Value: aws.String(v)})
	}
	return out
}

// fronted makes an ALB with a listener of two further certificates, and a network load balancer in front of it, and
// returns a desired that manages all of it.
func (f *fixture) fronted() *stack.Stack {
	f.Helper()
	b, ctx := f.sim.Balancing, f.Context()
	subnets := []string{"subnet-0a1de0000000000a1", "subnet-0a1de0000000000b1"}
	alb := must[*elbv2.CreateLoadBalancerOutput](f.T)(b.CreateLoadBalancer(ctx, &elbv2.CreateLoadBalancerInput{
		Name: aws.String("web"), Subnets: subnets, SecurityGroups: []string{webGroup},
		Tags: tagged(stack.LoadBalancerIdentity)})).LoadBalancers[0]
	nlb := must[*elbv2.CreateLoadBalancerOutput](f.T)(b.CreateLoadBalancer(ctx, &elbv2.CreateLoadBalancerInput{
		Name: aws.String("front"), Subnets: subnets, Type: elbv2types.LoadBalancerTypeEnumNetwork,
		Tags: tagged(stack.FrontendIdentity)})).LoadBalancers[0]
	group := must[*elbv2.CreateTargetGroupOutput](f.T)(b.CreateTargetGroup(ctx, &elbv2.CreateTargetGroupInput{
		Name: aws.String("pods"), Port: aws.Int32(80),
		Protocol: elbv2types.ProtocolEnumHttp, VpcId: aws.String(vpc), TargetType: elbv2types.TargetTypeEnumIp,
		Tags: tagged("pods")})).TargetGroups[0]
	front := must[*elbv2.CreateTargetGroupOutput](f.T)(b.CreateTargetGroup(ctx, &elbv2.CreateTargetGroupInput{
		Name: aws.String("alb"), Port: aws.Int32(443),
		Protocol: elbv2types.ProtocolEnumTcp, VpcId: aws.String(vpc), TargetType: elbv2types.TargetTypeEnumAlb,
		Tags: tagged("alb")})).TargetGroups[0]
	https := must[*elbv2.CreateListenerOutput](f.T)(b.CreateListener(ctx, &elbv2.CreateListenerInput{
		LoadBalancerArn: alb.LoadBalancerArn, Port: aws.Int32(443),
		Protocol: elbv2types.ProtocolEnumHttps, Certificates: []elbv2types.Certificate{
			{CertificateArn: aws.String(certificate(1))}}, Tags: tagged("443"),
		DefaultActions: []elbv2types.Action{
			{Type: elbv2types.ActionTypeEnumForward, TargetGroupArn: group.TargetGroupArn}}})).Listeners[0]
	for _, n := range []int{3, 2} {
		must[*elbv2.AddListenerCertificatesOutput](f.T)(b.AddListenerCertificates(ctx, &elbv2.AddListenerCertificatesInput{
			ListenerArn:  https.ListenerArn,
			Certificates: []elbv2types.Certificate{{CertificateArn: aws.String(certificate(n))}}}))
	}
	must[*elbv2.CreateRuleOutput](f.T)(b.CreateRule(ctx, &elbv2.CreateRuleInput{ListenerArn: https.ListenerArn,
		Priority: aws.Int32(1), Tags: tagged("443:1"),
		Conditions: []elbv2types.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{"/a"}}},
		Actions:    []elbv2types.Action{{Type: elbv2types.ActionTypeEnumForward, TargetGroupArn: group.TargetGroupArn}}}))
	must[*elbv2.CreateListenerOutput](f.T)(b.CreateListener(ctx, &elbv2.CreateListenerInput{
		LoadBalancerArn: nlb.LoadBalancerArn, Port: aws.Int32(443),
		Protocol: elbv2types.ProtocolEnumTcp, Tags: tagged("front:443"),
		DefaultActions: []elbv2types.Action{{Type: elbv2types.ActionTypeEnumForward, TargetGroupArn: front.TargetGroupArn}}}))
	must[*elbv2.RegisterTargetsOutput](f.T)(b.RegisterTargets(ctx, &elbv2.RegisterTargetsInput{
		TargetGroupArn: front.TargetGroupArn,
		Targets:        []elbv2types.TargetDescription{{Id: alb.LoadBalancerArn, Port: aws.Int32(443)}}}))
	some := map[string]string{"any": "thing"}
	return &stack.Stack{Key: key(stack.Ingress, "web"),
		LoadBalancers: []stack.LoadBalancer{{ID: stack.LoadBalancerIdentity, Type: stack.Application, Attributes: some},
			{ID: stack.FrontendIdentity, Type: stack.Network, Attributes: some}},
		TargetGroups: []stack.TargetGroup{{ID: "pods", Attributes: some}, {ID: "alb"}},
		Listeners:    []stack.Listener{{ID: "443", Attributes: some}, {ID: naming.FrontendListenerID(443)}},
	}
}

// deepShape tells what is known of a stack below its listing.
func deepShape(o awsop.Observed) map[string]string {
	out := map[string]string{}
	for _, lb := range o.LoadBalancers {
		out["balancer "+lb.ID] = fmt.Sprint("idle ", lb.Attributes["idle_timeout.timeout_seconds"], " cross zone ",
			lb.Attributes["load_balancing.cross_zone.enabled"])
	}
	for _, tg := range o.TargetGroups {
		out["group "+tg.ID] = fmt.Sprint("delay ", tg.Attributes["deregistration_delay.timeout_seconds"], " targets ",
			len(tg.Targets))
	}
	for _, l := range o.Listeners {
		out["listener "+l.ID] = fmt.Sprint(l.SNI, " attributes ", l.Attributes != nil, " tag ",
			l.Tags["ingress.k8s.aws/resource"])
	}
	for _, r := range o.Rules {
		out["rule "+r.ID] = fmt.Sprint(r.Priority)
	}
	return out
}

func TestAllThatAStackManagesIsReadAndNothingTwice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	desired := f.fronted()
	look := func(inv *inventory.Inventory, desired *stack.Stack) awsop.Observed {
		t.Helper()
		o, err := inv.Observed(t.Context(), desired.Key, desired)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	want := map[string]string{
		"balancer LoadBalancer": "idle 60 cross zone true", "balancer FrontendNlb": "idle  cross zone false",
		"group pods": "delay 300 targets 0", "group alb": "delay  targets 1",
		"listener 443": fmt.Sprint([]string{certificate(2), certificate(3)}, " attributes true tag 443"),
		"listener " + naming.FrontendListenerID(443): "[] attributes false tag front:443",
		"rule 443:1": "1",
	}
	shallow := look(f.inv, &stack.Stack{Key: desired.Key, LoadBalancers: []stack.LoadBalancer{
		{ID: stack.LoadBalancerIdentity, Type: stack.Application}}})
	if shallow.LoadBalancers[0].Attributes != nil || shallow.LoadBalancers[1].Attributes != nil ||
		shallow.TargetGroups[0].Attributes != nil || shallow.Listeners[0].Attributes != nil {
		t.Errorf("attributes were read that nobody manages: %v", deepShape(shallow))
	}
	f.reads()
	if diff := cmp.Diff(want, deepShape(look(f.inv, desired))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]int{"DescribeLoadBalancerAttributes": 2, "DescribeTargetGroupAttributes": 1,
		"DescribeListenerAttributes": 1}, f.reads()); diff != "" {
		t.Errorf("beyond what was read for a smaller desired: %s", diff)
	}
	if look(f.inv, desired); len(f.reads()) > 0 {
		t.Error("read again")
	}
	if read, err := f.inv.Reread(t.Context(), desired.Key); err != nil || !read {
		t.Fatal(read, err)
	}
	calls := f.reads()
	if diff := cmp.Diff(want, deepShape(look(f.inv, desired))); diff != "" {
		t.Errorf("read again for drift: %s", diff)
	}
	// which a rereading leaves to the pass after it
	if diff := cmp.Diff(map[string]int{"DescribeTargetHealth": 1}, f.reads()); diff != "" {
		t.Error(diff)
	}
	if calls["DescribeListenerCertificates"] != 1 || calls["DescribeRules"] != 1 || calls["DescribeListeners"] != 2 ||
		calls["DescribeTargetGroupAttributes"] != 1 {
		t.Errorf("%v", calls)
	}
	for _, action := range []string{"DescribeListenerCertificates", "DescribeTargetGroupAttributes",
		"DescribeListenerAttributes", "DescribeTargetHealth", "DescribeRules"} {
		f := newFixture(t)
		desired := f.fronted()
		f.refuse(action)
		if o, err := f.inv.Observed(t.Context(), desired.Key, desired); err == nil {
			t.Errorf("%s fails, observed %v", action, deepShape(o))
		}
	}
	nothing := &stack.Stack{Key: desired.Key}
	fresh := newFixture(t)
	fresh.fronted()
	if look(fresh.inv, nothing); fresh.reads()["DescribeListeners"] != 0 {
		t.Error("a deletion reads listeners")
	}
}

// refuse has one kind of call denied.
func (f *fixture) refuse(action string) {
	f.Helper()
	if _, err := f.sim.Gate.AddFault(gate.Fault{ID: action, Action: action, Code: "AccessDenied", Status: 403}); err !=
		nil {
		f.Fatal(err)
	}
}

func TestWhatThisProcessMakesIsNotRead(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	k := key(stack.Ingress, "web")
	if _, err := f.inv.Observed(t.Context(), k, nil); err != nil {
		t.Fatal(err)
	}
	desired := f.fronted() // by this process, as it tells:
	o, err := inventory.New(awsclient.Clients{ELBV2: f.sim.Balancing, EC2: f.sim.Compute, ACM: f.sim.Trust},
		f.config()).Observed(t.Context(), k, desired)
	if err != nil {
		t.Fatal(err)
	}
	for _, lb := range o.LoadBalancers {
		f.inv.Record(k, awsop.CreateLoadBalancer{LoadBalancer: lb.LoadBalancer}, awsop.Output{ID: lb.ARN}, literally)
	}
	for _, tg := range o.TargetGroups {
		f.inv.Record(k, awsop.CreateTargetGroup{TargetGroup: tg.TargetGroup}, awsop.Output{ID: tg.ARN}, literally)
	}
	for _, l := range o.Listeners {
		f.inv.Record(k, awsop.CreateListener{Listener: l.Listener}, awsop.Output{ID: l.ARN}, literally)
	}
	f.reads()
	if _, err := f.inv.Observed(t.Context(), k, desired); err != nil {
		t.Fatal(err)
	}
	if got := f.reads(); len(got) > 0 {
		t.Errorf("reads %v", got)
	}
	if !f.inv.CreatedHere(o.TargetGroups[0].ARN) || f.inv.CreatedHere("another") {
		t.Error("nobody knows who made the target groups")
	}
	f.inv.Record(k, awsop.DeleteTargetGroup{TargetGroup: stack.Literal(stack.KindTargetGroup, o.TargetGroups[0].ARN)},
		awsop.Output{}, literally)
	if f.inv.CreatedHere(o.TargetGroups[0].ARN) || !f.inv.Gone(o.TargetGroups[0].ARN) {
		t.Error("what is deleted is thought to be there")
	}
}

func TestTheLoadBalancerThatExistsIsAFact(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.fronted()
	need := facts.Need{Kind: facts.NeedStack, Key: key(stack.Ingress, "web").String()}
	got := f.answer(need)
	if !got.ExistingKnown || got.Existing == nil || got.ExistingFrontend == nil {
		t.Fatalf("%+v", got)
	}
	if e := got.Existing; e.Type != stack.Application || e.Scheme != "internet-facing" || len(e.Subnets) != 2 ||
		len(e.SecurityGroups) != 1 || e.SecurityGroups[0] != webGroup {
		t.Errorf("%+v", e)
	}
	if e := got.ExistingFrontend; e.Type != stack.Network || e.ARN == got.Existing.ARN {
		t.Errorf("%+v", e)
	}
	if got := f.answer(facts.Need{Kind: facts.NeedStack, Key: key(stack.Ingress, "none").String()}); !got.ExistingKnown ||
		got.Existing != nil || got.ExistingFrontend != nil {
		t.Errorf("%+v", got)
	}
}

func TestDetailsOfLoadBalancerAreSeparateFacts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.fronted()
	ask := func(name string) *facts.LoadBalancerDetails {
		return f.answer(facts.Need{Kind: facts.NeedStackDetails, Key: key(stack.Ingress, name).String()}).Details
	}
	d := ask("web")
	if d == nil || len(d.Listeners) == 0 || d.Attributes["idle_timeout.timeout_seconds"] != "60" {
		t.Errorf("%+v", d)
	}
	if d := ask("none"); d == nil || len(d.Listeners) > 0 || len(d.Attributes) > 0 {
		t.Errorf("of a stack without a load balancer it tells %+v", d)
	}
}

func TestAttributesOfTargetGroupsAreReadWhereAsked(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.fronted()
	k := key(stack.Ingress, "web")
	got := f.answer(facts.NeedGroupDetails(k, "pods"), facts.NeedGroupDetails(k, "none")).Details
	if pods := got.Groups["pods"]; pods.Protocol != "HTTP" || pods.TargetType != "ip" {
		t.Errorf("%+v", pods)
	}
	if of := got.GroupAttributes["pods"]; of["stickiness.enabled"] != "false" {
		t.Errorf("%v", of)
	}
	if none, asked := got.GroupAttributes["none"]; none != nil || !asked || len(got.GroupAttributes) != 2 {
		t.Errorf("%+v", got.GroupAttributes)
	}
	if n := f.reads()["DescribeTargetGroupAttributes"]; n != 1 {
		t.Errorf("%d reads of attributes", n)
	}
}

func TestEveryAnswerCanBeForgotten(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.managing(f.sim.Trust)
	f.fronted()
	for need, call := range map[facts.Need]string{
		{Kind: facts.NeedVPC}: "DescribeVpcs", {Kind: facts.NeedAddresses}: "DescribeAddresses",
		{Kind: facts.NeedSubnets}: "DescribeSubnets", {Kind: facts.NeedRoutes}: "DescribeRouteTables",
		{Kind: facts.NeedSecurityGroups}: "DescribeSecurityGroups", {Kind: facts.NeedCertificates}: "ListCertificates",
		{Kind: facts.NeedHostedZones}:                                    "ListHostedZones",
		{Kind: facts.NeedForeignSubnet, Key: "subnet-0a1de0000000000a1"}: "DescribeSubnets", {Kind: facts.NeedForeignGroup,
			Key: webGroup}: "DescribeSecurityGroups",
		{Kind: facts.NeedPrefixList, Key: "pl-82a045eb"}:                        "DescribeManagedPrefixLists",
		{Kind: facts.NeedTargetGroupName, Key: "pods"}:                          "DescribeTargetGroups",
		{Kind: facts.NeedTrustStore, Key: "x"}:                                  "DescribeTrustStores",
		{Kind: facts.NeedSSLPolicy}:                                             "DescribeSSLPolicies",
		{Kind: facts.NeedStack, Key: key(stack.Ingress, "web").String()}:        "DescribeLoadBalancers",
		{Kind: facts.NeedStackDetails, Key: key(stack.Ingress, "web").String()}: "DescribeListeners",
		facts.NeedGroupDetails(key(stack.Ingress, "web"), "pods"):               "DescribeTargetGroupAttributes",
	} {
		f.answer(need)
		f.reads()
		f.answer(need)
		if got := f.reads(); len(got) > 0 {
			t.Errorf("%v is read again: %v", need, got)
		}
		f.inv.InvalidateFacts(need)
		f.answer(need)
		if got := f.reads(); got[call] == 0 {
			t.Errorf("%v was forgotten and is answered after %v", need, got)
		}
		f.clock.Advance(27 * time.Hour) // so that nothing of it serves for another kind, also while it is read again behind
	}
}

// TestMisspeltPoliciesCostOneCall has a tenant declare many TLS policies that AWS does not have, and edit them again and
// again.
func TestMisspeltPoliciesCostOneCall(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for range 3 {
		f.reads()
		needs := []facts.Need{{Kind: facts.NeedSSLPolicy, Key: "ELBSecurityPolicy-2016-08"}}
		for i := range 300 {
			needs = append(needs, facts.Need{Kind: facts.NeedSSLPolicy, Key: fmt.Sprint("ELBSecurityPolicy-", i)})
		}
		for i := range needs { // each by another object
			got := f.answer(needs[i]).SSLPolicies
			if known, asked := got[needs[i].Key]; !asked || known != (i == 0) {
				t.Fatalf("%s: %v", needs[i].Key, got)
			}
			f.inv.RereadMissing(needs[i])
			f.answer(needs[i])
		}
		if got := f.reads()["DescribeSSLPolicies"]; got > 1 {
			t.Errorf("%d calls", got)
		}
		f.clock.Advance(15 * time.Second) // as long as it counts as known that a policy does not exist
	}
}

func TestAListingShowsWhatOthersChangedInSecurityGroups(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	rules := func() int {
		return len(must[[]stack.Permission](t)(f.inv.SecurityGroups().Rules(t.Context(), nodeGroup)))
	}
	before := rules()
	must[*ec2.AuthorizeSecurityGroupIngressOutput](t)(f.sim.Compute.AuthorizeSecurityGroupIngress(t.Context(),
		&ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: aws.String(nodeGroup), IpPermissions: awsclient.Permissions([]stack.Permission{
				{Protocol: "tcp", FromPort: 81, ToPort: 81, CIDR: "10.0.0.0/8"}}, literally)}))
	if rules() != before {
		t.Error("read again within the lifetime")
	}
	f.clock.Advance(11 * time.Minute)
	f.reads()
	f.answer(facts.Need{Kind: facts.NeedSecurityGroups})
	if got := rules(); got != before+1 || f.reads()["DescribeSecurityGroups"] != 1 {
		t.Errorf("%d rules, before %d", got, before)
	}
}

func TestWhatAnErrorOfAWriteRefutesIsAskedForAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.fronted()
	group, subnet, name := facts.Need{Kind: facts.NeedForeignGroup, Key: webGroup},
		facts.Need{Kind: facts.NeedForeignSubnet, Key: "subnet-0a1de0000000000a1"},
		facts.Need{Kind: facts.NeedTargetGroupName, Key: "pods"}
	all := []facts.Need{{Kind: facts.NeedSubnets}, {Kind: facts.NeedRoutes}, {Kind: facts.NeedSecurityGroups},
		{Kind: facts.NeedCertificates}, {Kind: facts.NeedTrustStore, Key: "x"},
		{Kind: facts.NeedSSLPolicy, Key: "ELBSecurityPolicy-2016-08"}, group, subnet, name}
	op := forwardsTo(f.answer(all...).TargetGroups["pods"].ARN)
	f.reads()
	for _, c := range []struct {
		code, message string
		want          map[string]int
	}{
		{"SubnetNotFound", "", map[string]int{"DescribeSubnets": 2, "DescribeRouteTables": 1}},
		{"InvalidSubnet", "", map[string]int{"DescribeSubnets": 2, "DescribeRouteTables": 1}},
		{"InvalidGroup.NotFound", "", map[string]int{"DescribeSecurityGroups": 2}},
		{"InvalidConfigurationRequest", "One or more security groups are invalid", map[string]int{
			"DescribeSecurityGroups": 2}},
		{"CertificateNotFound", "", map[string]int{"ListCertificates": 1}},
		{"SSLPolicyNotFound", "", map[string]int{"DescribeSSLPolicies": 1}},
		{"TrustStoreNotFound", "", map[string]int{"DescribeTrustStores": 1}},
		{"TargetGroupNotFound", "", map[string]int{"DescribeTargetGroups": 1}},
		{"Throttling", "", map[string]int{}},
		{"ValidationError", "", map[string]int{}},
	} {
		f.inv.Refuted(op, awsclient.Error{Code: c.code, Message: c.message})
		f.answer(all...)
		if diff := cmp.Diff(c.want, f.reads()); diff != "" {
			t.Errorf("%s: %s", c.code, diff)
		}
	}
}
