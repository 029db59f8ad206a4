package elbv2

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

func TestCreateTargetGroupRefusesWhatAWSRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change     func(*elb.CreateTargetGroupInput)
		code, text string
	}{
		"long name": {func(in *elb.CreateTargetGroupInput) { in.Name = aws.String(strings.Repeat("a", 33)) },
			"ValidationError", "Target group name 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' cannot be longer than '32' characters"},
		"odd character": {func(in *elb.CreateTargetGroupInput) { in.Name = aws.String("a.b") }, "ValidationError",
			"can only contain characters that are alphanumeric characters or hyphens(-)"},
		"two hyphens": {func(in *elb.CreateTargetGroupInput) { in.Name = aws.String("a--b") },
			"ValidationError", "hyphens"},
		"no protocol": {func(in *elb.CreateTargetGroupInput) { in.Protocol = "" }, "ValidationError",
			"A protocol must be specified"},
		"no port": {func(in *elb.CreateTargetGroupInput) { in.Port = nil }, "ValidationError",
			"A port must be specified"},
		"port 0": {func(in *elb.CreateTargetGroupInput) { in.Port = aws.Int32(0) }, "ValidationError",
			"greater than or equal to 1"},
		"no VPC": {func(in *elb.CreateTargetGroupInput) { in.VpcId = nil }, "ValidationError",
			"A VPC ID must be specified"},
		"unknown VPC": {func(in *elb.CreateTargetGroupInput) { in.VpcId = aws.String("vpc-none") },
			"ValidationError", "The VPC ID 'vpc-none' is not found"},
		"lambda with port": {func(in *elb.CreateTargetGroupInput) {
			in.TargetType, in.Protocol, in.VpcId = "lambda", "",
				nil
		}, "ValidationError", "target type 'lambda'"},
		"alb with HTTP": {func(in *elb.CreateTargetGroupInput) { in.TargetType = "alb" },
			"InvalidConfigurationRequest", "TCP protocol"},
		"version on TCP": {func(in *elb.CreateTargetGroupInput) {
			in.Protocol, in.ProtocolVersion = "TCP", aws.String("HTTP1")
		}, "InvalidConfigurationRequest", "protocol version"},
		"ipv6 in an IPv4 VPC": {func(in *elb.CreateTargetGroupInput) {
			in.VpcId, in.IpAddressType = aws.String(vpc2),
				"ipv6"
		}, "InvalidConfigurationRequest", "IPv6 CIDR"},
		"QUIC with ipv6": {func(in *elb.CreateTargetGroupInput) { in.Protocol, in.IpAddressType = "QUIC", "ipv6" },
			"InvalidConfigurationRequest", "'ipv4'"},
		"timeout of interval": {func(in *elb.CreateTargetGroupInput) { in.HealthCheckTimeoutSeconds = aws.Int32(30) },
			"ValidationError", "Health check timeout '30' must be smaller than the interval '30'"},
		"interval 4": {func(in *elb.CreateTargetGroupInput) { in.HealthCheckIntervalSeconds = aws.Int32(4) },
			"ValidationError", "healthCheckIntervalSeconds"},
		"threshold 1": {func(in *elb.CreateTargetGroupInput) { in.HealthyThresholdCount = aws.Int32(1) },
			"ValidationError", "healthyThresholdCount"},
		"path without slash": {func(in *elb.CreateTargetGroupInput) { in.HealthCheckPath = aws.String("x") },
			"ValidationError", "'/'"},
		"check port": {func(in *elb.CreateTargetGroupInput) { in.HealthCheckPort = aws.String("http") },
			"ValidationError", "'traffic-port'"},
		"TCP check on HTTP": {func(in *elb.CreateTargetGroupInput) { in.HealthCheckProtocol = "TCP" }, "ValidationError",
			"HTTP, HTTPS"},
		"path on TCP check": {func(in *elb.CreateTargetGroupInput) {
			in.Protocol, in.HealthCheckPath = "TCP",
				aws.String("/")
		}, "InvalidConfigurationRequest", "TCP"},
		"matcher out of range": {func(in *elb.CreateTargetGroupInput) {
			in.Matcher = &types.Matcher{HttpCode: aws.String("200-500")}
		}, "ValidationError", "'200-499'"},
		"matcher for gRPC": {func(in *elb.CreateTargetGroupInput) {
			in.Matcher = &types.Matcher{GrpcCode: aws.String("0")}
		}, "InvalidConfigurationRequest", "GRPC"},
		"HTTP matcher on gRPC": {func(in *elb.CreateTargetGroupInput) {
			in.ProtocolVersion, in.Matcher = aws.String("GRPC"), &types.Matcher{HttpCode: aws.String("200")}
		}, "InvalidConfigurationRequest", "GRPC"},
		"checks off": {func(in *elb.CreateTargetGroupInput) { in.HealthCheckEnabled = aws.Bool(false) },
			"ValidationError", "Health check enabled"},
		"unknown ProtocolVersn": {func(in *elb.CreateTargetGroupInput) { in.ProtocolVersion = aws.String("HTTP3") },
			"ValidationError", "protocolVersion"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := instant(t)
			in := &elb.CreateTargetGroupInput{Name: aws.String("tg"), Protocol: "HTTP", Port: aws.Int32(80),
				VpcId: aws.String(vpc1), TargetType: "ip"}
			c.change(in)
			_, err := f.CreateTargetGroup(f.ctx, in)
			f.refused(err, c.code, c.text)
		})
	}
}

// checked is a health check with the thresholds that are everyone's default.
func checked(protocol, port, path, httpCodes, grpcCodes string, interval, timeout int32) account.HealthCheck {
	return account.HealthCheck{Enabled: protocol != "", Protocol: protocol, Port: port, Path: path, HTTPCodes: httpCodes,
		GRPCCodes: grpcCodes,
		Interval:  interval, Timeout: timeout, HealthyThreshold: 5, UnhealthyThreshold: 2}
}

func TestHealthChecksHaveAWSDefaults(t *testing.T) {
	t.Parallel()
	f := instant(t)
	for _, c := range []struct {
		name                     string
		protocol, version, check types.ProtocolEnum
		typ                      types.TargetTypeEnum
		want                     account.HealthCheck
	}{
		{name: "HTTP", protocol: "HTTP", want: checked("HTTP", "traffic-port", "/", "200", "", 30, 5)},
		{name: "HTTPS by HTTPS", protocol: "HTTPS", check: "HTTPS", want: checked("HTTPS", "traffic-port", "/", "200",
			"", 30, 5)},
		{name: "HTTP GRPC", protocol: "HTTP", version: "GRPC", want: checked("HTTP", "traffic-port", "/AWS.ALB/healthcheck",
			"", "12", 30, 5)},
		{name: "TCP", protocol: "TCP", want: checked("TCP", "traffic-port", "", "", "", 30, 10)},
		{name: "UDP by HTTP", protocol: "UDP", check: "HTTP", want: checked("HTTP", "traffic-port", "/", "200-399",
			"", 30, 6)},
		{name: "TLS by HTTPS", protocol: "TLS", check: "HTTPS", want: checked("HTTPS", "traffic-port", "/", "200-399",
			"", 30, 10)},
		{name: "TCP to alb", protocol: "TCP", typ: "alb", want: checked("HTTP", "traffic-port", "/", "200-399", "", 30, 6)},
		{name: "lambda", protocol: "", typ: "lambda", want: checked("", "", "/", "200", "", 35, 30)},
		{name: "HTTPS", protocol: "HTTPS", want: checked("HTTP", "traffic-port", "/", "200", "", 30, 5)},
		{name: "HTTP HTTP2", protocol: "HTTP", version: "HTTP2", want: checked("HTTP", "traffic-port", "/", "200",
			"", 30, 5)},
		{name: "HTTPS GRPC by HTTPS", protocol: "HTTPS", version: "GRPC", check: "HTTPS",
			want: checked("HTTPS", "traffic-port", "/AWS.ALB/healthcheck", "", "12", 30, 5)},
		{name: "TCP by HTTP", protocol: "TCP", check: "HTTP", want: checked("HTTP", "traffic-port", "/", "200-399",
			"", 30, 6)},
		{name: "TCP by HTTPS", protocol: "TCP", check: "HTTPS", want: checked("HTTPS", "traffic-port", "/", "200-399",
			"", 30, 10)},
		{name: "TLS", protocol: "TLS", want: checked("TCP", "traffic-port", "", "", "", 30, 10)},
		{name: "UDP", protocol: "UDP", want: checked("TCP", "traffic-port", "", "", "", 30, 10)},
		{name: "TCP_UDP", protocol: "TCP_UDP", want: checked("TCP", "traffic-port", "", "", "", 30, 10)},
		{name: "QUIC", protocol: "QUIC", want: checked("TCP", "traffic-port", "", "", "", 30, 10)},
		{name: "TCP_QUIC", protocol: "TCP_QUIC", want: checked("TCP", "traffic-port", "", "", "", 30, 10)},
		{name: "TCP to alb by HTTPS", protocol: "TCP", typ: "alb", check: "HTTPS", want: checked("HTTPS", "traffic-port", "/",
			"200-399", "", 30, 10)},
		{name: "GENEVE", protocol: "GENEVE", want: checked("TCP", "80", "", "", "", 10, 5)},
		{name: "GENEVE by HTTP", protocol: "GENEVE", check: "HTTP", want: checked("HTTP", "80", "/", "200-399", "", 10, 5)},
	} {
		arn := f.group(c.protocol, func(in *elb.CreateTargetGroupInput) {
			in.HealthCheckProtocol, in.ProtocolVersion = c.check, request.Optional(string(c.version))
			if c.typ != "" {
				in.TargetType = c.typ
			}
			if c.typ == "lambda" {
				in.Port, in.VpcId = nil, nil
			}
			if c.protocol == "GENEVE" {
				in.Port = aws.Int32(6081)
			}
		})
		if got := f.account.TargetGroups[arn].HealthCheck; got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestHealthCheckProtocolDecidesPathAndMatcher(t *testing.T) {
	t.Parallel()
	f := instant(t)
	arn := f.group("TCP")
	modify := func(in elb.ModifyTargetGroupInput) types.TargetGroup {
		t.Helper()
		in.TargetGroupArn = aws.String(arn)
		out, err := f.ModifyTargetGroup(f.ctx, &in)
		f.ok(err)
		return out.TargetGroups[0]
	}
	tg := modify(elb.ModifyTargetGroupInput{HealthCheckProtocol: "HTTP"})
	if aws.ToString(tg.HealthCheckPath) != "/" || *tg.Matcher.HttpCode != "200-399" {
		t.Errorf("HTTP: %v %v", tg.HealthCheckPath, tg.Matcher)
	}
	if tg = modify(elb.ModifyTargetGroupInput{HealthCheckProtocol: "TCP"}); tg.HealthCheckPath != nil ||
		tg.Matcher != nil {
		t.Errorf("TCP: %v %v", tg.HealthCheckPath, tg.Matcher)
	}
	_, err := f.ModifyTargetGroup(f.ctx, &elb.ModifyTargetGroupInput{TargetGroupArn: aws.String(arn)})
	f.refused(err, "ValidationError", "At least one")
}

func TestCreatingATargetGroupAgainAnswersTheSameUnlessItDiffers(t *testing.T) {
	t.Parallel()
	f := instant(t)
	in := &elb.CreateTargetGroupInput{Name: aws.String("tg"), Protocol: "HTTP", Port: aws.Int32(80),
		VpcId: aws.String(vpc1)}
	made, err := f.CreateTargetGroup(f.ctx, in)
	f.ok(err)
	in.Tags = []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}
	in.HealthCheckPath = aws.String("/")
	again, err := f.CreateTargetGroup(f.ctx, in)
	f.ok(err)
	if *made.TargetGroups[0].TargetGroupArn != *again.TargetGroups[0].TargetGroupArn {
		t.Error("the second call made another target group")
	}
	in.HealthCheckPath = aws.String("/other")
	_, err = f.CreateTargetGroup(f.ctx, in)
	f.refused(err, "DuplicateTargetGroupName", "A target group with the same name 'tg' exists, but with "+
		"different settings")
}

func TestDeletingATargetGroupWaitsUntilNothingUsesIt(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Real())
	arn := f.group("HTTP")
	l := f.listen(f.alb(), "HTTP", 80, respond("404"))
	r, err := f.addRule(l, 1, forwardTo(arn))
	f.ok(err)
	remove := func() error {
		_, err := f.DeleteTargetGroup(f.ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: aws.String(arn)})
		return err
	}
	f.refused(remove(), "ResourceInUse", "Target group '"+arn+"' is currently in use by a listener or a rule")
	_, err = f.DeleteRule(f.ctx, &elb.DeleteRuleInput{RuleArn: r.RuleArn})
	f.ok(err)
	f.refused(remove(), "ResourceInUse", "currently in use")
	f.clock.Advance(account.Real().TargetGroupRelease)
	f.ok(remove())
	f.ok(remove())
	_, err = f.DescribeTargetGroups(f.ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{arn}})
	f.refused(err, "TargetGroupNotFound", "One or more target groups not found")
	f.whole()
}

func TestDescribeTargetGroupsByLoadBalancer(t *testing.T) {
	t.Parallel()
	f := instant(t)
	first, second := f.group("HTTP"), f.group("HTTP")
	f.group("HTTP")
	lb := f.alb()
	l := f.listen(lb, "HTTP", 80, forwardTo(second))
	_, err := f.addRule(l, 5, forwardTo(first, second))
	f.ok(err)
	out, err := f.DescribeTargetGroups(f.ctx, &elb.DescribeTargetGroupsInput{LoadBalancerArn: lb.LoadBalancerArn})
	f.ok(err)
	if len(out.TargetGroups) != 2 || *out.TargetGroups[0].TargetGroupArn != first ||
		*out.TargetGroups[1].TargetGroupArn != second ||
		out.TargetGroups[0].LoadBalancerArns[0] != *lb.LoadBalancerArn {
		t.Errorf("got %v", out.TargetGroups)
	}
	_, err = f.DescribeTargetGroups(f.ctx, &elb.DescribeTargetGroupsInput{LoadBalancerArn: lb.LoadBalancerArn,
		Names: []string{"x"}})
	f.refused(err, "ValidationError", "at the same time")
}

func TestATargetGroupBelongsToOneLoadBalancer(t *testing.T) {
	t.Parallel()
	f := instant(t)
	arn := f.group("HTTP")
	one, other := f.alb(), f.alb()
	l := f.listen(one, "HTTP", 80, forwardTo(arn))
	_, err := f.addRule(l, 1, forwardTo(arn))
	f.ok(err)
	in := &elb.CreateListenerInput{LoadBalancerArn: other.LoadBalancerArn, Protocol: "HTTP", Port: aws.Int32(80),
		DefaultActions: forwardTo(arn)}
	_, err = f.CreateListener(f.ctx, in)
	f.refused(err, "TargetGroupAssociationLimit", "The following target groups cannot be associated with more than one "+
		"load balancer: "+arn)
	_, err = f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: one.LoadBalancerArn})
	f.ok(err)
	_, err = f.CreateListener(f.ctx, in)
	f.ok(err)
	f.whole()
}

func TestTargetsGoThroughAWSStates(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Real())
	arn := f.group("HTTP", func(in *elb.CreateTargetGroupInput) { in.TargetType = "instance" })
	target := []types.TargetDescription{{Id: aws.String(node1)}}
	_, err := f.RegisterTargets(f.ctx, &elb.RegisterTargetsInput{TargetGroupArn: aws.String(arn), Targets: target})
	f.ok(err)
	state := func() string {
		t.Helper()
		out, err := f.DescribeTargetHealth(f.ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(arn)})
		f.ok(err)
		if len(out.TargetHealthDescriptions) == 0 {
			return "gone"
		}
		h := out.TargetHealthDescriptions[0].TargetHealth
		return strings.TrimSpace(string(h.State) + " " + string(h.Reason))
	}
	expect := func(want string) {
		t.Helper()
		if got := state(); got != want {
			t.Errorf("state %q, want %q", got, want)
		}
	}
	expect("unused Target.NotInUse")
	lb := f.alb()
	f.listen(lb, "HTTP", 80, forwardTo(arn))
	expect("initial Elb.RegistrationInProgress")
	f.clock.Advance(account.Real().TargetInitial / 2)
	expect("initial Elb.InitialHealthChecking")
	f.clock.Advance(account.Real().TargetInitial)
	expect("healthy")
	f.account.SetTargetHealth(arn, account.TargetDescription{ID: node1, Port: 80, Zone: "us-west-2a"}, account.Health{
		State: "unhealthy", Reason: "Target.Timeout", Description: "Request timed out"})
	expect("unhealthy Target.Timeout")
	f.account.SetTargetHealth(arn, account.TargetDescription{ID: node1, Port: 81}, account.Health{State: "healthy"})
	expect("unhealthy Target.Timeout")
	f.ok(f.account.SetInstanceState(node1, "stopped"))
	expect("unused Target.InvalidState")
	f.ok(f.account.SetInstanceState(node1, "running"))
	_, err = f.DeregisterTargets(f.ctx, &elb.DeregisterTargetsInput{TargetGroupArn: aws.String(arn), Targets: target})
	f.ok(err)
	expect("draining Target.DeregistrationInProgress")
	f.account.SetTargetHealth(arn, account.TargetDescription{ID: node1, Port: 80}, account.Health{State: "healthy"})
	expect("draining Target.DeregistrationInProgress")
	f.clock.Advance(299 * time.Second)
	expect("draining Target.DeregistrationInProgress")
	_, err = f.RegisterTargets(f.ctx, &elb.RegisterTargetsInput{TargetGroupArn: aws.String(arn), Targets: target})
	f.ok(err)
	expect("initial Elb.RegistrationInProgress")
	f.clock.Advance(time.Hour)
	expect("healthy")
	_, err = f.DeregisterTargets(f.ctx, &elb.DeregisterTargetsInput{TargetGroupArn: aws.String(arn), Targets: target})
	f.ok(err)
	f.clock.Advance(300 * time.Second)
	expect("gone")
	_, err = f.RegisterTargets(f.ctx, &elb.RegisterTargetsInput{TargetGroupArn: aws.String(arn), Targets: target})
	f.ok(err)
	_, err = f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
	f.ok(err)
	expect("unused Target.NotInUse")
	f.ok(f.account.SetInstanceState(node1, "terminated"))
	expect("unused Target.NotInUse")
	f.clock.Advance(account.Real().TargetTerminated)
	expect("gone")
	f.whole()
}

func TestTargetsStayInitialUntilSomethingReportsTheirHealth(t *testing.T) {
	t.Parallel()
	f := instant(t)
	f.account.HealthReported = true
	arn := f.group("HTTP")
	f.listen(f.alb(), "HTTP", 80, forwardTo(arn))
	_, err := f.RegisterTargets(f.ctx, &elb.RegisterTargetsInput{TargetGroupArn: aws.String(arn),
		Targets: []types.TargetDescription{{Id: aws.String("10.0.1.9"), Port: aws.Int32(8080)}}})
	f.ok(err)
	for _, want := range []string{"initial", "healthy"} {
		out, err := f.DescribeTargetHealth(f.ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(arn)})
		f.ok(err)
		d := out.TargetHealthDescriptions[0]
		if string(d.TargetHealth.State) != want || *d.HealthCheckPort != "8080" || *d.Target.AvailabilityZone !=
			"us-west-2a" {
			t.Errorf("want %s, got %v %v", want, d.TargetHealth, d.Target)
		}
		f.account.SetTargetHealth(arn, account.TargetDescription{ID: "10.0.1.9", Port: 8080, Zone: "us-west-2a"},
			account.Health{State: "healthy"})
	}
}

func TestTargetsOfZonesThatTheLoadBalancerHasNotAreUnused(t *testing.T) {
	t.Parallel()
	f := instant(t)
	arn := f.group("HTTP")
	lb := f.alb()
	f.listen(lb, "HTTP", 80, forwardTo(arn))
	own, ok := f.account.Interface(f.account.LoadBalancers[*lb.LoadBalancerArn].Zones[0].Interface)
	if !ok {
		t.Fatal("no interface")
	}
	_, err := f.RegisterTargets(f.ctx, &elb.RegisterTargetsInput{TargetGroupArn: aws.String(arn),
		Targets: []types.TargetDescription{
			{Id: aws.String("10.0.3.9")}, {Id: aws.String("192.168.0.1"), AvailabilityZone: aws.String("all")},
			{Id: aws.String(own.PrimaryAddress().String())}}})
	f.ok(err)
	want := map[string]string{"10.0.3.9": "unused Target.NotInUse", "192.168.0.1": "healthy ",
		own.PrimaryAddress().String(): "unused Target.IpUnusable", "10.0.1.99": "unused Target.NotRegistered"}
	out, err := f.DescribeTargetHealth(f.ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(arn)})
	f.ok(err)
	asked, err := f.DescribeTargetHealth(f.ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(arn),
		Targets: []types.TargetDescription{{Id: aws.String("10.0.1.99")}}})
	f.ok(err)
	all := append(out.TargetHealthDescriptions, asked.TargetHealthDescriptions...)
	for _, d := range all {
		if got := string(d.TargetHealth.State) + " " + string(d.TargetHealth.Reason); got != want[*d.Target.Id] {
			t.Errorf("%s is %q, want %q", *d.Target.Id, got, want[*d.Target.Id])
		}
	}
	if len(all) != len(want) {
		t.Errorf("%d targets, want %d", len(all), len(want))
	}
}

func TestRegisterTargetsRefusesWhatAWSRefuses(t *testing.T) {
	t.Parallel()
	f := instant(t)
	ip, instance := f.group("HTTP"), f.group("HTTP", func(in *elb.CreateTargetGroupInput) { in.TargetType = "instance" })
	quic := f.group("QUIC")
	v6 := f.group("TCP", func(in *elb.CreateTargetGroupInput) { in.IpAddressType = "ipv6" })
	front := f.group("TCP", func(in *elb.CreateTargetGroupInput) { in.TargetType = "alb" })
	alb, nlb := f.alb(), f.nlb()
	for name, c := range map[string]struct {
		arn        string
		target     types.TargetDescription
		code, text string
	}{
		"unknown instance": {instance, types.TargetDescription{Id: aws.String("i-12345678")}, "InvalidTarget",
			"Instance ID 'i-12345678' is not valid"},
		"stopped instance": {instance, types.TargetDescription{Id: aws.String(stopped1)}, "InvalidTarget",
			"The following targets are not in a running state and cannot be registered: '" + stopped1 + "'"},
		"instance elsewhere": {instance, types.TargetDescription{Id: aws.String("i-0000000000000003a")}, "InvalidTarget",
			"The following targets are not in the target group VPC 'vpc-1'"},
		"instance with zone": {instance, types.TargetDescription{Id: aws.String(node1), AvailabilityZone: aws.String(
			"all")}, "ValidationError", "Availability Zone"},
		"no address":         {ip, types.TargetDescription{Id: aws.String("web")}, "ValidationError", "'web'"},
		"other family":       {ip, types.TargetDescription{Id: aws.String("2001:db8:0:1::9")}, "ValidationError", "'ipv4'"},
		"other family, ipv6": {v6, types.TargetDescription{Id: aws.String("10.0.1.9")}, "ValidationError", "'ipv6'"},
		"public address":     {ip, types.TargetDescription{Id: aws.String("8.8.8.8")}, "ValidationError", "private IP"},
		"outside without zone": {ip, types.TargetDescription{Id: aws.String("192.168.0.1")}, "ValidationError",
			"you must specify an Availability Zone"},
		"outside, odd zone": {ip, types.TargetDescription{Id: aws.String("192.168.0.1"), AvailabilityZone: aws.String(
			"mars-1a")}, "ValidationError", "mars-1a"},
		"inside with all": {ip, types.TargetDescription{Id: aws.String("10.0.1.9"), AvailabilityZone: aws.String("all")},
			"ValidationError", "within the VPC"},
		"port 0": {ip, types.TargetDescription{Id: aws.String("10.0.1.9"), Port: aws.Int32(0)},
			"ValidationError", "port"},
		"QUIC without id": {quic, types.TargetDescription{Id: aws.String("10.0.1.9")}, "ValidationError",
			"QUIC server ID"},
		"QUIC id elsewhere": {ip, types.TargetDescription{Id: aws.String("10.0.1.9"),
			QuicServerId: aws.String("0x0123456789abcdef")}, "ValidationError", "QUIC server ID"},
		"NLB behind NLB": {front, types.TargetDescription{Id: nlb.LoadBalancerArn}, "InvalidTarget",
			"not an Application Load Balancer"},
		"ALB without listener": {front, types.TargetDescription{Id: alb.LoadBalancerArn}, "InvalidTarget",
			"no listener on port '80'"},
		"unknown target group": {unknownTargetGroup, types.TargetDescription{Id: aws.String("10.0.1.9")},
			"TargetGroupNotFound", "One or more target groups not found"},
		"no target group": {"tg", types.TargetDescription{Id: aws.String("10.0.1.9")}, "ValidationError",
			"'tg' is not a valid target group ARN"},
		"elsewhere": {strings.Replace(unknownTargetGroup, "us-west-2", "eu-west-1", 1), types.TargetDescription{
			Id: aws.String("10.0.1.9")}, "ValidationError", "eu-west-1"},
	} {
		_, err := f.RegisterTargets(f.ctx, &elb.RegisterTargetsInput{TargetGroupArn: aws.String(c.arn),
			Targets: []types.TargetDescription{c.target}})
		t.Log(name)
		f.refused(err, c.code, c.text)
	}
	f.whole()
}

func TestALBBehindNLBCannotBeDeleted(t *testing.T) {
	t.Parallel()
	f := instant(t)
	alb := f.alb()
	l := f.listen(alb, "HTTP", 80, respond("200"))
	front := f.group("TCP", func(in *elb.CreateTargetGroupInput) { in.TargetType = "alb" })
	target := []types.TargetDescription{{Id: alb.LoadBalancerArn}}
	_, err := f.RegisterTargets(f.ctx, &elb.RegisterTargetsInput{TargetGroupArn: aws.String(front), Targets: target})
	f.ok(err)
	_, err = f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: alb.LoadBalancerArn})
	f.refused(err, "ResourceInUse", "currently associated with another service")
	_, err = f.DeleteListener(f.ctx, &elb.DeleteListenerInput{ListenerArn: l.ListenerArn})
	f.refused(err, "ResourceInUse", "currently in use")
	_, err = f.DeregisterTargets(f.ctx, &elb.DeregisterTargetsInput{TargetGroupArn: aws.String(front), Targets: target})
	f.ok(err)
	_, err = f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: alb.LoadBalancerArn})
	f.ok(err)
}

func TestDeregisterTargetsWithoutPortMeansThePortOfTheTargetGroup(t *testing.T) {
	t.Parallel()
	f := instant(t)
	arn := f.group("HTTP")
	_, err := f.RegisterTargets(f.ctx, &elb.RegisterTargetsInput{TargetGroupArn: aws.String(arn),
		Targets: []types.TargetDescription{
			{Id: aws.String("10.0.1.9")}, {Id: aws.String("10.0.1.9"), Port: aws.Int32(81)}}})
	f.ok(err)
	_, err = f.DeregisterTargets(f.ctx, &elb.DeregisterTargetsInput{TargetGroupArn: aws.String(arn),
		Targets: []types.TargetDescription{{Id: aws.String("10.0.1.9")}, {Id: aws.String("10.9.9.9")}}})
	f.ok(err)
	out, err := f.DescribeTargetHealth(f.ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(arn)})
	f.ok(err)
	if len(out.TargetHealthDescriptions) != 1 || *out.TargetHealthDescriptions[0].Target.Port != 81 {
		t.Errorf("left are %v", out.TargetHealthDescriptions)
	}
	nodes := f.group("HTTP", func(in *elb.CreateTargetGroupInput) { in.TargetType = "instance" })
	_, err = f.DeregisterTargets(f.ctx, &elb.DeregisterTargetsInput{TargetGroupArn: aws.String(nodes),
		Targets: []types.TargetDescription{{Id: aws.String("web")}}})
	f.refused(err, "InvalidTarget", "'web'")
}

func TestAFunctionIsTheOnlyTargetOfItsGroup(t *testing.T) {
	t.Parallel()
	f := instant(t)
	arn := f.group("", func(in *elb.CreateTargetGroupInput) { in.TargetType, in.Port, in.VpcId = "lambda", nil, nil })
	register := func(ids ...string) error {
		in := &elb.RegisterTargetsInput{TargetGroupArn: aws.String(arn)}
		for _, id := range ids {
			in.Targets = append(in.Targets, types.TargetDescription{Id: aws.String(id)})
		}
		_, err := f.RegisterTargets(f.ctx, in)
		return err
	}
	const function = "arn:aws:lambda:us-west-2:123456789012:function:"
	f.refused(register("web"), "InvalidTarget", "'web'")
	f.refused(register(strings.Replace(function, "us-west-2", "us-east-1", 1)+"a"), "InvalidTarget", "us-west-2")
	f.refused(register(function+"a", function+"b"), "TooManyTargets", "'1'")
	f.ok(register(function + "a"))
	f.listen(f.alb(), "HTTP", 80, forwardTo(arn))
	out, err := f.DescribeTargetHealth(f.ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(arn)})
	f.ok(err)
	d := out.TargetHealthDescriptions[0]
	if d.TargetHealth.State != "unavailable" || d.TargetHealth.Reason != "Target.HealthCheckDisabled" ||
		d.Target.Port != nil {
		t.Errorf("target %v is %v", d.Target, d.TargetHealth)
	}
	attributes, err := f.DescribeTargetGroupAttributes(f.ctx, &elb.DescribeTargetGroupAttributesInput{
		TargetGroupArn: aws.String(arn)})
	f.ok(err)
	if *attributes.Attributes[len(attributes.Attributes)-1].Key != "lambda.multi_value_headers.enabled" {
		t.Errorf("attributes %v", attributes.Attributes)
	}
}

func TestAnomaliesAndOverridesAreDescribedOnRequest(t *testing.T) {
	t.Parallel()
	f := instant(t)
	arn := f.group("HTTP")
	f.listen(f.alb(), "HTTP", 80, forwardTo(arn))
	_, err := f.RegisterTargets(f.ctx, &elb.RegisterTargetsInput{TargetGroupArn: aws.String(arn),
		Targets: []types.TargetDescription{{Id: aws.String("10.0.1.9")}}})
	f.ok(err)
	for _, include := range []types.DescribeTargetHealthInputIncludeEnum{"", "AnomalyDetection", "All"} {
		in := &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(arn)}
		if include != "" {
			in.Include = []types.DescribeTargetHealthInputIncludeEnum{include}
		}
		out, err := f.DescribeTargetHealth(f.ctx, in)
		f.ok(err)
		d := out.TargetHealthDescriptions[0]
		if (d.AnomalyDetection != nil) != (include != "") || (d.AdministrativeOverride != nil) != (include == "All") {
			t.Errorf("including %q: %v, %v", include, d.AnomalyDetection, d.AdministrativeOverride)
		}
	}
}
