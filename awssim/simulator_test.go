package awssim

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	taggingtypes "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/seed"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/lib/sdkhttp"
)

// served is a simulator behind HTTP with real clients.
type served struct {
	*Simulator
	url         string
	http        *http.Client
	balancing   *elb.Client
	compute     *ec2.Client
	trust       *acm.Client
	identity    *sts.Client
	tags        *resourcegroupstaggingapi.Client
	admin       *simclient.Client
	description seed.File
}

func serve(t *testing.T, o Options) *served {
	t.Helper()
	if o.Logf == nil {
		o.Logf = t.Logf
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport}
	c := aws.Config{
		Region: s.Account.Region, BaseEndpoint: aws.String(server.URL), HTTPClient: sdkhttp.Client(client),
		Credentials: credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
		Retryer:     func() aws.Retryer { return aws.NopRetryer{} },
	}
	return &served{
		Simulator: s, url: server.URL, http: client,
		balancing: elb.NewFromConfig(c), compute: ec2.NewFromConfig(c), trust: acm.NewFromConfig(c),
		identity: sts.NewFromConfig(c),
		tags:     resourcegroupstaggingapi.NewFromConfig(c), admin: simclient.New(server.URL, client), description: s.Seed(),
	}
}

// subnets are the ids of the account's public subnets.
func (s *served) subnets() []string {
	var ids []string
	for _, n := range s.description.VPC.Subnets {
		if n.Public {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// wanted unwraps an answer, or ends the test.
func wanted[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestTheSDKsClientsDriveAWholeLifeOverHTTP(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	ctx := t.Context()
	vpc := aws.String(s.description.VPC.ID)

	group := wanted(s.compute.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("front"), Description: aws.String("front of the web"), VpcId: vpc,
		TagSpecifications: []ec2types.TagSpecification{
			{ResourceType: "security-group", Tags: []ec2types.Tag{{Key: aws.String("app"), Value: aws.String("web")}}}},
	}))(t).GroupId
	wanted(s.compute.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: group, IpPermissions: []ec2types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(80), ToPort: aws.Int32(80), IpRanges: []ec2types.IpRange{
				{CidrIp: aws.String("0.0.0.0/0"), Description: aws.String("all")}},
		}}}))(t)
	tg := wanted(s.balancing.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name: aws.String("web"), Protocol: "HTTP", Port: aws.Int32(8080), VpcId: vpc, TargetType: "ip", Tags: []elbtypes.Tag{
			{Key: aws.String("app"), Value: aws.String("web")}},
	}))(t).TargetGroups[0]
	lb := wanted(s.balancing.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{
		Name: aws.String("web"), Subnets: s.subnets(), SecurityGroups: []string{*group}, Tags: []elbtypes.Tag{
			{Key: aws.String("app"), Value: aws.String("web")}},
	}))(t).LoadBalancers[0]
	listener := wanted(s.balancing.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancerArn, Protocol: "HTTP", Port: aws.Int32(80),
		DefaultActions: []elbtypes.Action{{Type: "fixed-response", FixedResponseConfig: &elbtypes.FixedResponseActionConfig{
			StatusCode: aws.String("404")}}},
	}))(t).Listeners[0]
	rule := wanted(s.balancing.CreateRule(ctx, &elb.CreateRuleInput{
		ListenerArn: listener.ListenerArn, Priority: aws.Int32(1),
		Conditions: []elbtypes.RuleCondition{
			{Field: aws.String("path-pattern"), PathPatternConfig: &elbtypes.PathPatternConditionConfig{
				Values: []string{"/web/*"}}}},
		Actions: []elbtypes.Action{{Type: "forward", TargetGroupArn: tg.TargetGroupArn}},
	}))(t).Rules[0]
	target := []elbtypes.TargetDescription{{Id: aws.String("10.0.128.77"), Port: aws.Int32(8080)}}
	wanted(s.balancing.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: tg.TargetGroupArn,
		Targets: target}))(t)

	if got := wanted(s.balancing.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{"web"}}))(
		t).LoadBalancers; len(got) != 1 ||
		got[0].State.Code != "active" || len(got[0].AvailabilityZones) != 3 || !strings.HasSuffix(*got[0].DNSName,
		".elb.amazonaws.com") {
		t.Errorf("load balancers are %+v", got)
	}
	if got := wanted(s.balancing.DescribeRules(ctx, &elb.DescribeRulesInput{ListenerArn: listener.ListenerArn}))(
		t).Rules; len(got) != 2 || *got[0].Priority != "1" || *got[1].Priority != "default" {
		t.Errorf("rules are %+v", got)
	}
	if got := wanted(s.balancing.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{
		TargetGroupArn: tg.TargetGroupArn}))(t).TargetHealthDescriptions; len(got) != 1 ||
		got[0].TargetHealth.State != "healthy" {
		t.Errorf("target health is %+v", got)
	}
	found := wanted(s.tags.GetResources(ctx, &resourcegroupstaggingapi.GetResourcesInput{
		TagFilters: []taggingtypes.TagFilter{{Key: aws.String("app"), Values: []string{"web"}}}}))(t)
	if len(found.ResourceTagMappingList) != 3 {
		t.Errorf("tagged resources are %+v", found.ResourceTagMappingList)
	}
	if id := wanted(s.identity.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))(t); *id.Account !=
		s.description.Account {
		t.Errorf("the caller is %+v", id)
	}
	if got := wanted(s.trust.ListCertificates(ctx, &acm.ListCertificatesInput{}))(t).CertificateSummaryList; len(got) ==
		0 {
		t.Error("the built-in account has no certificates")
	}
	enis := wanted(s.compute.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{
		Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{*group}}}}))(t).NetworkInterfaces
	if len(enis) != 3 || !strings.HasPrefix(*enis[0].Description, "ELB app/web/") {
		t.Errorf("interfaces are %+v", enis)
	}

	_, err := s.balancing.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: tg.TargetGroupArn})
	if apierr.CodeOf(err) != "ResourceInUse" {
		t.Errorf("deleting a target group in use: %v", err)
	}
	if _, err := s.compute.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: group}); apierr.CodeOf(err) !=
		"DependencyViolation" {
		t.Errorf("deleting a security group in use: %v", err)
	}
	wanted(s.balancing.DeregisterTargets(ctx, &elb.DeregisterTargetsInput{TargetGroupArn: tg.TargetGroupArn,
		Targets: target}))(t)
	wanted(s.balancing.DeleteRule(ctx, &elb.DeleteRuleInput{RuleArn: rule.RuleArn}))(t)
	wanted(s.balancing.DeleteListener(ctx, &elb.DeleteListenerInput{ListenerArn: listener.ListenerArn}))(t)
	wanted(s.balancing.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn}))(t)
	wanted(s.balancing.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: tg.TargetGroupArn}))(t)
	wanted(s.compute.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: group}))(t)
	_, err = s.balancing.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{"web"}})
	if apierr.CodeOf(err) != "LoadBalancerNotFound" {
		t.Errorf("describing what was deleted: %v", err)
	}
	left := s.Resources()
	if len(left.LoadBalancers) != len(s.description.LoadBalancers) || len(left.TargetGroups) != len(
		s.description.TargetGroups) {
		t.Errorf("left over: %+v", left)
	}

	calls := wanted(s.admin.Calls(ctx, gate.Filter{Service: "elasticloadbalancing", Action: "CreateRule"}))(t)
	if len(calls) != 1 || calls[0].Caller != "AKIATEST" || calls[0].Status != 200 ||
		!strings.Contains(string(calls[0].Parameters), `"/web/*"`) || strings.Contains(string(calls[0].Parameters), "null") {
		t.Errorf("calls are %v", calls)
	}
	if failed := wanted(s.admin.Calls(ctx, gate.Filter{Failed: true}))(t); len(failed) != 3 {
		t.Errorf("failed calls are %v", failed)
	}
}

func TestTheAdministrationShowsWhatIsThere(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	ctx := t.Context()
	lb := wanted(s.balancing.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String("shown"),
		Subnets: s.subnets()}))(t).LoadBalancers[0]
	tg := wanted(s.balancing.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{
		Name: aws.String("shown"), Protocol: "HTTP", Port: aws.Int32(8080), VpcId: aws.String(s.description.VPC.ID),
		TargetType: "ip", HealthCheckPath: aws.String("/ok"),
	}))(t).TargetGroups[0]
	wanted(s.balancing.CreateListener(ctx, &elb.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancerArn, Protocol: "HTTP", Port: aws.Int32(80), DefaultActions: []elbtypes.Action{
			{Type: "forward", TargetGroupArn: tg.TargetGroupArn}},
	}))(t)
	wanted(s.balancing.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: tg.TargetGroupArn,
		Targets: []elbtypes.TargetDescription{{Id: aws.String("10.0.128.78")}}}))(t)

	r := wanted(s.admin.Resources(ctx))(t)
	shown := r.LoadBalancers[len(r.LoadBalancers)-1]
	if shown.Name != "shown" || shown.State != "active" || len(shown.Zones) != 3 || !shown.Zones[0].Private.IsValid() ||
		len(shown.Listeners) != 1 {
		t.Errorf("load balancer shown as %+v", shown)
	}
	if rules := shown.Listeners[0].Rules; len(rules) != 1 || rules[0].Priority != "default" ||
		rules[0].Text != "forward to shown" {
		t.Errorf("rules shown as %+v", rules)
	}
	group := r.TargetGroups[len(r.TargetGroups)-1]
	if group.HealthCheck != "HTTP /ok on traffic-port expects 200 every 30s" || group.LoadBalancer != shown.ARN ||
		len(group.Targets) != 1 || group.Targets[0].State != "healthy" || group.Targets[0].Port != 8080 {
		t.Errorf("target group shown as %+v", group)
	}
	if len(r.SecurityGroups) < 2 || len(r.Certificates) == 0 {
		t.Errorf("%d security groups, %d certificates", len(r.SecurityGroups), len(r.Certificates))
	}
	if endpoints := wanted(s.admin.Topology(ctx))(t); len(endpoints) != 0 {
		t.Errorf("endpoints without a data plane: %v", endpoints)
	}
	if _, err := s.admin.Resolve(ctx, shown.DNSName); err == nil {
		t.Error("a name resolved without a data plane")
	}
	if pem := wanted(s.admin.CA(ctx))(t); !strings.HasPrefix(string(pem), "-----BEGIN CERTIFICATE-----") {
		t.Errorf("the authority is %q", pem)
	}
	for _, path := range []string{"", "calls?format=text"} {
		resp := wanted(s.http.Get(s.url + "/_sim/" + path))(t)
		if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("/_sim/%s: %s", path, resp.Status)
		}
	}
	for _, path := range []string{"calls?since=now", "calls?limit=x", "calls?after=-1", "calls?failed=x", "resolve",
		"nothing"} {
		resp := wanted(s.http.Get(s.url + "/_sim/" + path))(t)
		if err := resp.Body.Close(); err != nil || resp.StatusCode < 400 || resp.StatusCode > 499 {
			t.Errorf("/_sim/%s: %s", path, resp.Status)
		}
	}
}

func TestFaultsSettingsAndCountsAreSteeredOverHTTP(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{Throttle: true})
	ctx := t.Context()
	id := wanted(s.admin.AddFault(ctx, gate.Fault{Service: "ec2", Action: "DescribeVpcs", Code: "InternalError",
		Status: 500, Times: 1}))(t)
	if _, err := s.compute.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{}); apierr.CodeOf(err) != "InternalError" {
		t.Errorf("the fault gave %v", err)
	}
	wanted(s.compute.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{}))(t)
	if faults := wanted(s.admin.Faults(ctx))(t); len(faults) != 1 || faults[0].Rule.ID != id || faults[0].Struck != 1 ||
		faults[0].Selected != 2 {
		t.Errorf("faults are %+v", faults)
	}
	if err := s.admin.RemoveFault(ctx, id); err != nil {
		t.Error(err)
	}
	if err := s.admin.RemoveFault(ctx, id); err == nil {
		t.Error("a fault was removed twice")
	}
	if _, err := s.admin.AddFault(ctx, gate.Fault{}); err == nil {
		t.Error("a fault that does nothing was accepted")
	}
	wanted(s.admin.AddFault(ctx, gate.Fault{Action: "DescribeSubnets", Lose: true}))(t)
	if _, err := s.compute.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{}); err == nil || apierr.CodeOf(err) != "" {
		t.Errorf("a lost answer gave %v", err)
	}
	if err := s.admin.ClearFaults(ctx); err != nil || len(s.Gate.Faults()) != 0 {
		t.Errorf("faults %v are left, %v", s.Gate.Faults(), err)
	}
	if counts := wanted(s.admin.Counts(ctx))(t); len(counts) != 2 || counts[1].Action != "DescribeVpcs" ||
		counts[1].Calls != 2 || counts[1].Failed != 1 {
		t.Errorf("counts are %+v", counts)
	}
	if err := s.admin.Reset(ctx); err != nil || s.Gate.Total() != 0 {
		t.Errorf("%d calls after a reset, %v", s.Gate.Total(), err)
	}
	if err := errors.Join(s.admin.SetLatency(ctx, time.Millisecond), s.admin.SetThrottle(ctx, false)); err != nil {
		t.Error(err)
	}
	if now := wanted(s.admin.Settings(ctx))(t); now.Latency != "1ms" || now.Throttle || now.Stepped ||
		now.Profile != "instant" || now.DataPlane {
		t.Errorf("settings are %+v", now)
	}
	if err := s.admin.Advance(ctx, time.Minute); err == nil {
		t.Error("a clock that runs by itself was advanced")
	}
}

func TestTheSeededAccountHasItsLoadBalancersUnderTheirARNs(t *testing.T) {
	t.Parallel()
	f := seed.Default()
	f.TargetGroups = []seed.TargetGroup{{
		ARN:  "arn:aws:elasticloadbalancing:" + f.Region + ":" + f.Account + ":targetgroup/made/1234567890abcdef",
		Name: "made", TargetType: "ip", Protocol: "HTTP", Port: 80, HealthCheck: seed.HealthCheck{
			Protocol: "HTTP", Path: "/health", Port: "traffic-port", Matcher: "200"},
		Attributes: map[string]string{"deregistration_delay.timeout_seconds": "5"},
	}}
	var subnets []string
	for _, n := range f.VPC.Subnets {
		if n.Public {
			subnets = append(subnets, n.ID)
		}
	}
	f.LoadBalancers = []seed.LoadBalancer{{
		ARN:  "arn:aws:elasticloadbalancing:" + f.Region + ":" + f.Account + ":loadbalancer/app/made/0123456789abcdef",
		Name: "made", Type: "application", Scheme: "internet-facing", Subnets: subnets, Listeners: []seed.Listener{
			{Protocol: "HTTP", Port: 80, Forward: "made"}},
	}}
	s := serve(t, Options{Seed: &f})
	r := s.Resources()
	if len(r.LoadBalancers) != 1 || r.LoadBalancers[0].ARN != f.LoadBalancers[0].ARN ||
		len(r.LoadBalancers[0].Listeners) != 1 || r.LoadBalancers[0].State != "active" {
		t.Errorf("load balancers are %+v", r.LoadBalancers)
	}
	if len(r.TargetGroups) != 1 || r.TargetGroups[0].ARN != f.TargetGroups[0].ARN ||
		r.TargetGroups[0].Attributes["deregistration_delay.timeout_seconds"] != "5" {
		t.Errorf("target groups are %+v", r.TargetGroups)
	}
	if s.Gate.Total() != 0 {
		t.Errorf("%d calls are recorded before anybody called", s.Gate.Total())
	}
	f.LoadBalancers[0].Listeners[0].Forward = "nobody"
	if _, err := New(Options{Seed: &f}); err == nil {
		t.Error("a listener that forwards to nothing was accepted")
	}
}

func TestCallsThatAreNotUnderstoodAreRecordedToo(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	for _, body := range []string{"Action=DescribeVpcs&Version=2016-11-15", "Action=Dance&Version=2015-12-01"} {
		resp := wanted(s.http.Post(s.url, "application/x-www-form-urlencoded", strings.NewReader(body)))(t)
		if err := resp.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.compute.DescribeVpcEndpoints(t.Context(), &ec2.DescribeVpcEndpointsInput{}); apierr.CodeOf(err) !=
		"InvalidAction" {
		t.Errorf("an action that is not simulated gave %v", err)
	}
	var got []string
	for _, c := range s.Gate.Calls() {
		got = append(got, c.Service+" "+c.Action+" "+c.Code+" "+c.Caller)
	}
	want := []string{"ec2 DescribeVpcs AuthFailure ", "elasticloadbalancing Dance MissingAuthenticationToken ",
		"ec2 DescribeVpcEndpoints InvalidAction AKIATEST"}
	if !slices.Equal(got, want) {
		t.Errorf("recorded %q, want %q", got, want)
	}
}

func TestSessionsOfRolesWorkUntilTheyExpire(t *testing.T) {
	t.Parallel()
	c := clock.NewStepped(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	s := serve(t, Options{Clock: c})
	out := wanted(s.identity.AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + s.description.Account + ":role/controller"), RoleSessionName: aws.String(
			"session"), DurationSeconds: aws.Int32(900),
	}))(t)
	as := func(token string) *ec2.Client {
		return ec2.New(ec2.Options{
			Region: s.Account.Region, BaseEndpoint: aws.String(s.url), HTTPClient: sdkhttp.Client(s.http),
			Retryer: aws.NopRetryer{},
			Credentials: credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey,
				token),
		})
	}
	session := as(*out.Credentials.SessionToken)
	wanted(session.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{}))(t)
	if _, err := as("other").DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{}); apierr.CodeOf(err) != "AuthFailure" {
		t.Errorf("with another token: %v", err)
	}
	c.Advance(15 * time.Minute)
	if _, err := session.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{}); apierr.CodeOf(err) != "RequestExpired" {
		t.Errorf("after its time: %v", err)
	}
}

func TestHandlersServeInProcessWithoutHTTP(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	out := wanted(s.Compute.DescribeVpcs(gate.WithCaller(context.Background(), "test"), &ec2.DescribeVpcsInput{}))(t)
	if len(out.Vpcs) != 1 || len(s.Gate.Calls(gate.Filter{Caller: "test"})) != 1 {
		t.Errorf("%d VPCs, calls %v", len(out.Vpcs), s.Gate.Calls())
	}
}

func TestProviderStartsForBuiltInAccount(t *testing.T) {
	t.Parallel()
	sim, err := New(Options{IdentityProvider: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if sim.Provider == nil {
		t.Error("no identity provider runs")
	}
	if err := sim.Close(); err != nil {
		t.Error(err)
	}
}
