package elbv2

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/clock"
)

// Names of what every test's account has.
const (
	// anyPool is the ARN of a user pool.
	anyPool = "arn:aws:cognito-idp:us-west-2:123456789012:userpool/us-west-2_a"

	vpc1, vpc2        = "vpc-1", "vpc-2"
	subnetA, subnetB  = "subnet-a", "subnet-b"
	subnetC, subnetA2 = "subnet-c", "subnet-a2"
	subnetSmall       = "subnet-small" // a /28 in zone b
	subnetForeign     = "subnet-foreign"
	group1, group2    = "sg-1", "sg-2"
	node1, stopped1   = "i-0000000000000001a", "i-0000000000000002a"
	cert1, cert2      = "arn:aws:acm:us-west-2:123456789012:certificate/1",
		"arn:aws:acm:us-west-2:123456789012:certificate/2"
	certPending            = "arn:aws:acm:us-west-2:123456789012:certificate/pending"
	unknownTargetGroup     = "arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/none/0123456789abcdef"
	unknownLoadBalancer    = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/none/0123456789abcdef"
	unknownListener        = "arn:aws:elasticloadbalancing:us-west-2:123456789012:listener/app/none/0123456789abcdef/0123456789abcdef"
	unknownRule            = "arn:aws:elasticloadbalancing:us-west-2:123456789012:listener-rule/app/none/0123456789abcdef/0123456789abcdef/0123456789abcdef"
	eip1, eip2             = "eipalloc-1", "eipalloc-2"
	privateAddressOfSubnet = "10.0.1.77"
)

// fixture is a service over an account of its own, with a clock that stands still.
type fixture struct {
	*Service
	t     *testing.T
	ctx   context.Context
	clock *clock.Stepped
	names int
}

func newFixture(t *testing.T, profile account.Profile) *fixture {
	t.Helper()
	c := clock.NewStepped(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	a := &account.Account{ID: "123456789012", Partition: "aws", Region: "us-west-2", Clock: c, Profile: profile}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, zone := range []string{"us-west-2a", "us-west-2b", "us-west-2c"} {
		a.AddZone(&vpc.AvailabilityZone{Name: zone, Type: "availability-zone", State: "available"})
	}
	a.AddZone(&vpc.AvailabilityZone{Name: "us-west-2-lax-1a", Type: "local-zone", State: "available"})
	for id, cidr := range map[string]string{vpc1: "10.0.0.0/16", vpc2: "10.1.0.0/16"} {
		v := &vpc.VPC{ID: id, CIDRs: []vpc.CIDR{{Prefix: netip.MustParsePrefix(cidr)}}}
		if id == vpc1 {
			v.IPv6CIDRs = []vpc.CIDR{{Prefix: netip.MustParsePrefix("2001:db8::/56")}}
		}
		must(a.AddVPC(v))
	}
	a.AddInternetGateway(&vpc.InternetGateway{ID: "igw-1", VPCs: []string{vpc1}})
	v6 := func(p string) []vpc.CIDR { return []vpc.CIDR{{Prefix: netip.MustParsePrefix(p)}} }
	for _, s := range []*vpc.Subnet{
		{ID: subnetA, VPC: vpc1, Zone: "us-west-2a", CIDR: netip.MustParsePrefix("10.0.1.0/24"),
			IPv6CIDRs: v6("2001:db8:0:1::/64")},
		{ID: subnetB, VPC: vpc1, Zone: "us-west-2b", CIDR: netip.MustParsePrefix("10.0.2.0/24"),
			IPv6CIDRs: v6("2001:db8:0:2::/64")},
		{ID: subnetC, VPC: vpc1, Zone: "us-west-2c", CIDR: netip.MustParsePrefix("10.0.3.0/24")},
		{ID: subnetA2, VPC: vpc1, Zone: "us-west-2a", CIDR: netip.MustParsePrefix("10.0.4.0/24")},
		{ID: subnetSmall, VPC: vpc1, Zone: "us-west-2b", CIDR: netip.MustParsePrefix("10.0.5.0/28")},
		{ID: "subnet-lax", VPC: vpc1, Zone: "us-west-2-lax-1a", CIDR: netip.MustParsePrefix("10.0.6.0/24")},
		{ID: subnetForeign, VPC: vpc2, Zone: "us-west-2a", CIDR: netip.MustParsePrefix("10.1.1.0/24")},
		{ID: "subnet-foreign-b", VPC: vpc2, Zone: "us-west-2b", CIDR: netip.MustParsePrefix("10.1.2.0/24")},
	} {
		must(a.AddSubnet(s))
	}
	for _, id := range []string{group1, group2} {
		_, err := a.NewSecurityGroup(vpc1, id, id, "for tests")
		must(err)
	}
	_, err := a.NewSecurityGroup(vpc2, "sg-foreign", "foreign", "for tests")
	must(err)
	for id, subnet := range map[string]string{node1: subnetA, stopped1: subnetB, "i-0000000000000003a": subnetForeign} {
		_, err := a.AddInstance(&vpc.Instance{ID: id}, subnet, nil, netip.Addr{})
		must(err)
	}
	must(a.SetInstanceState(stopped1, "stopped"))
	a.AddAddress(&vpc.ElasticAddress{Allocation: eip1})
	a.AddAddress(&vpc.ElasticAddress{Allocation: eip2})
	for arn, status := range map[string]string{cert1: "ISSUED", cert2: "ISSUED", certPending: "PENDING_VALIDATION"} {
		a.AddCertificate(&account.Certificate{ARN: arn, Domain: "example.com", Status: status, KeyAlgorithm: "RSA_2048"})
	}
	return &fixture{Service: New(a, nil), t: t, ctx: context.Background(), clock: c}
}

// instant is a fixture where every transition happens at once.
func instant(t *testing.T) *fixture {
	t.Helper()
	return newFixture(t, account.Instant())
}

func (f *fixture) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// refused checks that err has the code, and that its message has the text.
func (f *fixture) refused(err error, code, text string) {
	f.t.Helper()
	refused(f.t, err, code, text)
}

func refused(t *testing.T, err error, code, text string) {
	t.Helper()
	e := apierr.As(err)
	if e == nil || e.Code != code || !strings.Contains(e.Message, text) {
		t.Errorf("error is %v, want %s with %q", err, code, text)
	}
}

func (f *fixture) name() string {
	f.names++
	return "n" + strings.Repeat("x", f.names)
}

// balancer makes a load balancer of that type in zones a and b.
func (f *fixture) balancer(typ types.LoadBalancerTypeEnum,
	changes ...func(*elb.CreateLoadBalancerInput)) types.LoadBalancer {
	f.t.Helper()
	in := &elb.CreateLoadBalancerInput{Name: aws.String(f.name()), Type: typ, Subnets: []string{subnetA, subnetB},
		Scheme: "internal"}
	for _, change := range changes {
		change(in)
	}
	out, err := f.CreateLoadBalancer(f.ctx, in)
	f.ok(err)
	return out.LoadBalancers[0]
}

func (f *fixture) alb() types.LoadBalancer { f.t.Helper(); return f.balancer("application") }
func (f *fixture) nlb() types.LoadBalancer { f.t.Helper(); return f.balancer("network") }

// group makes a target group and answers its ARN.
func (f *fixture) group(protocol types.ProtocolEnum, changes ...func(*elb.CreateTargetGroupInput)) string {
	f.t.Helper()
	in := &elb.CreateTargetGroupInput{Name: aws.String(f.name()), Protocol: protocol, Port: aws.Int32(80),
		VpcId: aws.String(vpc1), TargetType: "ip"}
	for _, change := range changes {
		change(in)
	}
	out, err := f.CreateTargetGroup(f.ctx, in)
	f.ok(err)
	return *out.TargetGroups[0].TargetGroupArn
}

func forwardTo(arns ...string) []types.Action {
	if len(arns) == 1 {
		return []types.Action{{Type: "forward", TargetGroupArn: aws.String(arns[0])}}
	}
	c := &types.ForwardActionConfig{}
	for _, arn := range arns {
		c.TargetGroups = append(c.TargetGroups, types.TargetGroupTuple{TargetGroupArn: aws.String(arn)})
	}
	return []types.Action{{Type: "forward", ForwardConfig: c}}
}

func respond(code string) []types.Action {
	return []types.Action{{Type: "fixed-response", FixedResponseConfig: &types.FixedResponseActionConfig{
		StatusCode: aws.String(code)}}}
}

func onPath(path string) []types.RuleCondition {
	return []types.RuleCondition{{Field: aws.String("path-pattern"), PathPatternConfig: &types.PathPatternConditionConfig{
		Values: []string{path}}}}
}

// listen makes a listener.
func (f *fixture) listen(lb types.LoadBalancer, protocol types.ProtocolEnum, port int32,
	actions []types.Action) types.Listener {
	f.t.Helper()
	in := &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Protocol: protocol, Port: aws.Int32(port),
		DefaultActions: actions}
	if secure(string(protocol)) {
		in.Certificates = []types.Certificate{{CertificateArn: aws.String(cert1)}}
	}
	out, err := f.CreateListener(f.ctx, in)
	f.ok(err)
	return out.Listeners[0]
}

// addRule makes a rule for a path of its own.
func (f *fixture) addRule(l types.Listener, priority int32, actions []types.Action) (types.Rule, error) {
	out, err := f.CreateRule(f.ctx, &elb.CreateRuleInput{ListenerArn: l.ListenerArn, Priority: aws.Int32(priority),
		Conditions: onPath("/x"), Actions: actions})
	if err != nil {
		return types.Rule{}, err
	}
	return out.Rules[0], nil
}

// whole checks the account's invariants.
func (f *fixture) whole() {
	f.t.Helper()
	f.account.Lock()
	defer f.account.Unlock()
	for _, fault := range append(f.account.BalancingFaults(), f.account.NetworkFaults()...) {
		f.t.Error(fault)
	}
}
