package awssim

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/iam/policy"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

const (
	otherAccount = "222222222222"
	otherVPC     = "vpc-0a1de000000000002"
	otherTargets = "arn:aws:iam::222222222222:role/targets"
)

// trusting is a trust policy.
func trusting(principal, condition string) json.RawMessage {
	return json.RawMessage(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":` + principal +
		`},"Action":"sts:AssumeRole"` + condition + `}]}`)
}

// neighbours are the built-in account and another one, whose VPCs are peered. The other one's role trusts a user of the
// first, who gives an external id.
func neighbours() *seed.File {
	f := seed.Default()
	f.VPC.Peers = []seed.Peer{{VPC: otherVPC, Account: otherAccount}}
	f.IAM.Users = append(f.IAM.Users, seed.IAMUser{Name: "lbc", Keys: []seed.AccessKey{{ID: "AKIALBC"}}}, seed.IAMUser{
		Name: "bound", Keys: []seed.AccessKey{{ID: "AKIABOUND"}}, Grants: seed.Grants{Policies: []string{"ReadTargets"}}})
	f.IAM.Policies = append(f.IAM.Policies, seed.Policy{Name: "ReadTargets",
		Document: []byte(
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"elasticloadbalancing:Describe*","Resource":"*"}]}`)})
	f.Accounts = []seed.File{{
		Account: otherAccount, Region: f.Region,
		VPC: seed.VPC{ID: otherVPC, CIDR: "10.1.0.0/16", Peers: []seed.Peer{{VPC: f.VPC.ID, Account: f.Account}},
			Subnets: []seed.Subnet{
				{ID: "subnet-0a1de0000000002a1", Zone: "us-west-2a", CIDR: "10.1.0.0/20"}, {ID: "subnet-0a1de0000000002b1",
					Zone: "us-west-2b", CIDR: "10.1.16.0/20"},
			}},
		IAM: seed.IAM{
			Policies: []seed.Policy{
				{Name: "Targets",
					Document: []byte(
						`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["elasticloadbalancing:Describe*","elasticloadbalancing:RegisterTargets"],"Resource":"*"}]}`)}},
			Roles: []seed.Role{
				{Name: "targets", Grants: seed.Grants{Policies: []string{"Targets"}},
					Trust: trusting(`["arn:aws:iam::123456789012:user/lbc","arn:aws:iam::123456789012:user/bound"]`,
						`,"Condition":{"StringEquals":{"sts:ExternalId":"blue"}}`)},
				{Name: "closed"},
			},
		},
	}}
	return &f
}

func TestRoleOfAnotherAccountNeedsBothPolicies(t *testing.T) {
	t.Parallel()
	now := clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	s := serve(t, Options{Seed: neighbours(), Clock: now})
	assume := func(key, role, id string) (*sts.AssumeRoleOutput, error) {
		in := &sts.AssumeRoleInput{RoleArn: aws.String(role), RoleSessionName: aws.String("AWS-LBC-demo")}
		if id != "" {
			in.ExternalId = aws.String(id)
		}
		return sts.NewFromConfig(s.as(key, "x", "")).AssumeRole(t.Context(), in)
	}
	for _, c := range []struct{ name, key, role, id string }{
		{"another external id", "AKIALBC", otherTargets, "red"},
		{"no external id", "AKIALBC", otherTargets, ""},
		{"a caller that is not trusted", "AKIAOTHER", otherTargets, "blue"},
		{"a caller whose own policies do not allow it", "AKIABOUND", otherTargets, "blue"},
		{"a role without a trust policy", "AKIALBC", "arn:aws:iam::222222222222:role/closed", "blue"},
		{"a role that does not exist", "AKIALBC", "arn:aws:iam::222222222222:role/none", "blue"},
		{"an account that does not exist", "AKIALBC", "arn:aws:iam::333333333333:role/targets", "blue"},
	} {
		if _, err := assume(c.key, c.role, c.id); apierr.CodeOf(err) != "AccessDenied" {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	out := wanted(assume("AKIALBC", otherTargets, "blue"))(t)
	there := s.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
	if who := wanted(sts.NewFromConfig(there).GetCallerIdentity(t.Context(), nil))(t); *who.Account != otherAccount ||
		*who.Arn != "arn:aws:sts::222222222222:assumed-role/targets/AWS-LBC-demo" {
		t.Errorf("it is %s", *who.Arn)
	}
	if _, err := elb.NewFromConfig(there).CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{Name: aws.String("x"),
		Protocol: "HTTP", Port: aws.Int32(80), VpcId: aws.String(otherVPC)}); apierr.CodeOf(err) != "AccessDenied" {
		t.Errorf("the role may do what its policies do not say: %v", err)
	}
	if len(s.Gate.Calls(gate.Filter{Action: "CreateTargetGroup"})) != 0 ||
		len(s.Others[otherAccount].Gate.Calls(gate.Filter{Action: "CreateTargetGroup"})) != 1 {
		t.Error("the call is not recorded in the account that it was made in")
	}
	now.Advance(time.Hour)
	if _, err := elb.NewFromConfig(there).DescribeTargetGroups(t.Context(), nil); apierr.CodeOf(err) != "ExpiredToken" {
		t.Errorf("an hour later: %v", err)
	}
}

func TestEachAccountHasItsOwnNetworksAndTargetGroups(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{Seed: neighbours()})
	b := s.Others[otherAccount]
	if vpcs := wanted(b.Compute.DescribeVpcs(t.Context(), nil))(t).Vpcs; len(vpcs) != 1 || *vpcs[0].VpcId != otherVPC {
		t.Errorf("the other account sees %v", vpcs)
	}
	_, err := s.Compute.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{VpcIds: []string{otherVPC}})
	if apierr.CodeOf(err) != "InvalidVpcID.NotFound" {
		t.Errorf("the first one is shown the other's VPC: %v", err)
	}
	if p := wanted(s.Compute.DescribeVpcPeeringConnections(t.Context(), nil))(t).VpcPeeringConnections; len(p) != 1 ||
		*p[0].AccepterVpcInfo.OwnerId != otherAccount {
		t.Errorf("peerings %v", p)
	}
	made := wanted(b.Balancing.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{Name: aws.String("theirs"),
		Protocol: "TCP", Port: aws.Int32(80), VpcId: aws.String(otherVPC), TargetType: "ip"}))(t)
	arn := made.TargetGroups[0].TargetGroupArn
	if _, err := s.Balancing.DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{
		TargetGroupArns: []string{*arn}}); apierr.CodeOf(err) != "TargetGroupNotFound" {
		t.Errorf("the first account knows the other's target group: %v", err)
	}
	register := func(zone *string) error {
		_, err := b.Balancing.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: arn,
			Targets: []types.TargetDescription{{Id: aws.String("10.0.128.10"), AvailabilityZone: zone}}})
		return err
	}
	if err := register(nil); apierr.CodeOf(err) != "ValidationError" {
		t.Errorf("an address of the peered VPC without a zone: %v", err)
	}
	if err := register(aws.String("all")); err != nil {
		t.Error(err)
	}
	r, err := http.Get(s.url + "/_sim/accounts/222222222222/counts")
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%v %v", r, err)
	}
	_ = r.Body.Close()
	if r, err = http.Get(s.url + "/_sim/accounts/333333333333/counts"); err != nil || r.StatusCode != http.StatusNotFound {
		t.Fatalf("%v %v", r, err)
	}
	_ = r.Body.Close()
}

func TestTargetsOfAnotherAccountNeedPeering(t *testing.T) {
	t.Parallel()
	for _, peered := range []bool{true, false} {
		f := neighbours()
		if !peered {
			f.VPC.Peers, f.Accounts[0].VPC.Peers = nil, nil
		}
		s := serve(t, Options{Seed: f, DataPlane: true, HealthInterval: 20 * time.Millisecond,
			HealthTimeout: 200 * time.Millisecond})
		pod(t, s.Network, "10.0.128.77", 8080, "pod")
		b := s.Others[otherAccount]
		tg := wanted(b.Balancing.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{Name: aws.String("theirs"),
			Protocol: "TCP", Port: aws.Int32(8080), VpcId: aws.String(otherVPC), TargetType: "ip",
			HealthyThresholdCount: aws.Int32(2), UnhealthyThresholdCount: aws.Int32(2)}))(t).TargetGroups[0]
		lb := wanted(b.Balancing.CreateLoadBalancer(t.Context(), &elb.CreateLoadBalancerInput{Name: aws.String("theirs"),
			Type: "network", Scheme: "internal", Subnets: []string{"subnet-0a1de0000000002a1"}}))(t).LoadBalancers[0]
		wanted(b.Balancing.CreateListener(t.Context(), &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn,
			Protocol: "TCP", Port: aws.Int32(80),
			DefaultActions: []types.Action{{Type: "forward", TargetGroupArn: tg.TargetGroupArn}}}))(t)
		wanted(b.Balancing.RegisterTargets(t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: tg.TargetGroupArn,
			Targets: []types.TargetDescription{{Id: aws.String("10.0.128.77"), AvailabilityZone: aws.String("all")}}}))(t)
		want := types.TargetHealthStateEnumUnhealthy
		if peered {
			want = types.TargetHealthStateEnumHealthy
		}
		waiter := elb.NewTargetInServiceWaiter(b.Balancing, func(o *elb.TargetInServiceWaiterOptions) {
			o.MinDelay, o.MaxDelay = 5*time.Millisecond, 10*time.Millisecond
			o.Retryable = func(_ context.Context, _ *elb.DescribeTargetHealthInput, out *elb.DescribeTargetHealthOutput,
				err error) (bool, error) {
				return err == nil && out.TargetHealthDescriptions[0].TargetHealth.State != want, err
			}
		})
		if err := waiter.Wait(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: tg.TargetGroupArn},
			time.Minute); err != nil {
			t.Fatalf("the target does not become %s: %v", want, err)
		}
		if addresses, err := s.Resolve(*lb.DNSName); err != nil || len(addresses) == 0 {
			t.Errorf("%s resolves to %v, %v", *lb.DNSName, addresses, err)
		}
		if peered {
			client := &http.Client{Transport: &http.Transport{DialContext: s.DialContext, DisableKeepAlives: true}}
			r, err := client.Get("http://" + *lb.DNSName)
			if err != nil || r.StatusCode != http.StatusOK {
				t.Fatalf("%v %v", r, err)
			}
			_ = r.Body.Close()
		}
	}
}

// TestAChangedTrustPolicyEndsNoSession has a session go on that was opened before, as AWS does.
func TestAChangedTrustPolicyEndsNoSession(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{Seed: neighbours()})
	in := &sts.AssumeRoleInput{RoleArn: aws.String(otherTargets), RoleSessionName: aws.String("lbc"),
		ExternalId: aws.String("blue")}
	identity := sts.NewFromConfig(s.as("AKIALBC", "x", ""))
	out := wanted(identity.AssumeRole(t.Context(), in))(t)
	b := s.Others[otherAccount]
	b.Account.Lock()
	b.Account.Roles["targets"].Trust = wanted(policy.ParseTrust(trusting(`"arn:aws:iam::123456789012:user/nobody"`, "")))(
		t)
	b.Account.Unlock()
	if _, err := identity.AssumeRole(t.Context(), in); apierr.CodeOf(err) != "AccessDenied" {
		t.Errorf("a new session: %v", err)
	}
	if _, err := elb.NewFromConfig(s.as(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey,
		*out.Credentials.SessionToken)).DescribeTargetGroups(t.Context(), nil); err != nil {
		t.Errorf("the former session: %v", err)
	}
}
