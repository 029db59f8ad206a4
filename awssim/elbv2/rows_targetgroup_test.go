package elbv2

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

type changeTG = func(*elb.CreateTargetGroupInput)

// making makes a target group of addresses that speaks HTTP, as changed.
func making(changes ...changeTG) func(*fixture) error {
	return func(f *fixture) error {
		in := &elb.CreateTargetGroupInput{Name: aws.String("tg"), Protocol: "HTTP", Port: aws.Int32(80),
			VpcId: aws.String(vpc1), TargetType: "ip"}
		for _, change := range changes {
			change(in)
		}
		_, err := f.CreateTargetGroup(f.ctx, in)
		return err
	}
}

func speaking(protocol types.ProtocolEnum) changeTG {
	return func(in *elb.CreateTargetGroupInput) { in.Protocol = protocol }
}

func ofTargets(typ types.TargetTypeEnum) changeTG {
	return func(in *elb.CreateTargetGroupInput) { in.TargetType = typ }
}

func ofVersion(v string) changeTG {
	return func(in *elb.CreateTargetGroupInput) { in.ProtocolVersion = &v }
}

func withIPv6(in *elb.CreateTargetGroupInput) { in.IpAddressType = "ipv6" }

func function(in *elb.CreateTargetGroupInput) { kindsOfGroups["lambda"](in) }

func tgNamed(name string) changeTG {
	return func(in *elb.CreateTargetGroupInput) { in.Name = &name }
}

func TestCreateTargetGroupRowByRow(t *testing.T) {
	t.Parallel()
	hold(t, slices.Concat(typesAndProtocols(), healthChecks(), checksOfProtocols()))
}

// typesAndProtocols are rows of CreateTargetGroup: names, target types, protocols, tags.
func typesAndProtocols() []row {
	port := func(p int32) changeTG { return func(in *elb.CreateTargetGroupInput) { in.Port = &p } }
	return []row{
		{"no name", making(func(in *elb.CreateTargetGroupInput) { in.Name = nil }), "ValidationError",
			"Value null at 'name'"},
		{"name of 32 characters", making(tgNamed(strings.Repeat("a", 32))), "", ""},
		{"hyphen first", making(tgNamed("-a")), "ValidationError", "Target group name '-a' cannot begin or end with '-'"},
		{"hyphen last", making(tgNamed("a-")), "ValidationError", "cannot begin or end with '-'"},
		{"unknown target type", making(ofTargets("pod")), "ValidationError", "'targetType'"},
		{"unknown protocol", making(speaking("SCTP")), "ValidationError", "'protocol'"},
		{"unknown address type", making(func(in *elb.CreateTargetGroupInput) { in.IpAddressType = "dualstack" }),
			"ValidationError", "'ipAddressType'"},
		{"instances by default", making(func(in *elb.CreateTargetGroupInput) { in.TargetType = "" }), "", ""},
		{"port 65535", making(port(65535)), "", ""},
		{"port 65536", making(port(65536)), "ValidationError", "'port'"},
		{"lambda with protocol", making(function, speaking("HTTP")), "ValidationError",
			"A protocol cannot be specified for target groups with target type 'lambda'"},
		{"lambda with port", making(function, port(80)), "ValidationError",
			"A port cannot be specified for target groups with target type 'lambda'"},
		{"lambda with VPC", making(function, func(in *elb.CreateTargetGroupInput) { in.VpcId = aws.String(vpc1) }),
			"ValidationError", "A VPC ID cannot be specified for target groups with target type 'lambda'"},
		{"lambda with version", making(function, ofVersion("HTTP1")), "InvalidConfigurationRequest", "A protocol version"},
		{"lambda with addresses", making(function, withIPv6), "InvalidConfigurationRequest", "An IP address type"},
		{"lambda with control port", making(function, func(in *elb.CreateTargetGroupInput) {
			in.TargetControlPort = aws.Int32(1)
		}), "InvalidConfigurationRequest", "A target control port"},
		{"alb with UDP", making(ofTargets("alb"), speaking("UDP")), "InvalidConfigurationRequest", "TCP"},
		{"alb with HTTPS checks", making(ofTargets("alb"), speaking("TCP"), checkingBy("HTTPS")), "", ""},
		{"version on UDP", making(speaking("UDP"), ofVersion("HTTP2")), "InvalidConfigurationRequest", "protocol version"},
		{"HTTP2 on HTTPS", making(speaking("HTTPS"), ofVersion("HTTP2")), "", ""},
		{"version in small letters", making(ofVersion("grpc")), "", ""},
		{"ipv6 on HTTP", making(withIPv6), "", ""},
		{"ipv6 on TCP_UDP", making(speaking("TCP_UDP"), withIPv6), "", ""},
		{"ipv6 of instances", making(ofTargets("instance"), withIPv6), "", ""},
		{"ipv6 on TCP_QUIC", making(speaking("TCP_QUIC"), withIPv6), "InvalidConfigurationRequest", "'ipv4'"},
		{"control port 65536", making(func(in *elb.CreateTargetGroupInput) { in.TargetControlPort = aws.Int32(65536) }),
			"ValidationError", "'targetControlPort'"},
		{"reserved tag", making(func(in *elb.CreateTargetGroupInput) { in.Tags = []types.Tag{{Key: aws.String("aws:x")}} }),
			"ValidationError", "reserved"},
		{"tag twice", making(func(in *elb.CreateTargetGroupInput) { in.Tags = append(manyTags(1), manyTags(1)...) }),
			"DuplicateTagKeys", "k0"},
		{"too many tags", making(func(in *elb.CreateTargetGroupInput) { in.Tags = manyTags(51) }), "TooManyTags", "'50'"},
	}
}

// healthChecks are rows of CreateTargetGroup: health checks.
func healthChecks() []row {
	path := func(p string) changeTG {
		return func(in *elb.CreateTargetGroupInput) { in.HealthCheckPath = &p }
	}
	codes := func(c string) changeTG {
		return func(in *elb.CreateTargetGroupInput) { in.Matcher = &types.Matcher{HttpCode: &c} }
	}
	grpc := func(c string) changeTG {
		return func(in *elb.CreateTargetGroupInput) {
			in.ProtocolVersion, in.Matcher = aws.String("GRPC"), &types.Matcher{GrpcCode: &c}
		}
	}
	checkPort := func(p string) changeTG {
		return func(in *elb.CreateTargetGroupInput) { in.HealthCheckPort = &p }
	}
	times := func(interval, timeout int32) changeTG {
		return func(in *elb.CreateTargetGroupInput) {
			in.HealthCheckIntervalSeconds, in.HealthCheckTimeoutSeconds = &interval, &timeout
		}
	}
	thresholds := func(healthy, unhealthy int32) changeTG {
		return func(in *elb.CreateTargetGroupInput) {
			in.HealthyThresholdCount, in.UnhealthyThresholdCount = &healthy, &unhealthy
		}
	}
	return []row{
		{"interval 5 and timeout 2", making(times(5, 2)), "", ""},
		{"interval 300 and timeout 120", making(times(300, 120)), "", ""},
		{"interval 301", making(times(301, 5)), "ValidationError", "healthCheckIntervalSeconds"},
		{"timeout 1", making(times(30, 1)), "ValidationError", "healthCheckTimeoutSeconds"},
		{"timeout 121", making(times(300, 121)), "ValidationError", "healthCheckTimeoutSeconds"},
		{"thresholds 2 and 10", making(thresholds(2, 10)), "", ""},
		{"healthy threshold 11", making(thresholds(11, 2)), "ValidationError", "healthyThresholdCount"},
		{"unhealthy threshold 1", making(thresholds(2, 1)), "ValidationError", "unhealthyThresholdCount"},
		{"unhealthy threshold 11", making(thresholds(2, 11)), "ValidationError", "unhealthyThresholdCount"},
		{"thresholds of an NLB differ", making(speaking("TCP"), thresholds(2, 3)), "", ""},
		{"interval of an NLB", making(speaking("TCP"), times(7, 3)), "", ""},
		{"lambda timeout of interval", making(function, func(in *elb.CreateTargetGroupInput) {
			times(30, 30)(in)
			in.HealthCheckEnabled = aws.Bool(true)
		}), "ValidationError", "Health check timeout '30' must be smaller than the interval '30'"},
		{"lambda with checks off", making(function, func(in *elb.CreateTargetGroupInput) {
			in.HealthCheckEnabled = aws.Bool(false)
		}), "", ""},
		{"lambda with check port", making(function, checkPort("80")), "ValidationError", "Health check port"},
		{"lambda with check protocol", making(function, checkingBy("HTTP")), "ValidationError", "target type 'lambda'"},
		{"empty path", making(path("")), "ValidationError", "healthCheckPath"},
		{"path of 1024 characters", making(path("/" + strings.Repeat("a", 1023))), "", ""},
		{"path of 1025 characters", making(path("/" + strings.Repeat("a", 1024))), "ValidationError", "1024"},
		{"check port 1", making(checkPort("1")), "", ""},
		{"check port 65535", making(checkPort("65535")), "", ""},
		{"check port 65536", making(checkPort("65536")), "ValidationError", "'traffic-port'"},
		{"check port 0", making(checkPort("0")), "ValidationError", "'traffic-port'"},
		{"traffic port", making(checkPort("traffic-port")), "", ""},
		{"codes in a list", making(codes("200,202")), "", ""},
		{"codes in ranges", making(codes("200-299,404")), "", ""},
		{"code 499", making(codes("499")), "", ""},
		{"code 199", making(codes("199")), "ValidationError", "'200-499'"},
		{"a range backwards", making(codes("299-200")), "ValidationError", "matcher"},
		{"no code", making(codes("")), "ValidationError", "matcher"},
		{"a matcher of nothing", making(func(in *elb.CreateTargetGroupInput) { in.Matcher = &types.Matcher{} }),
			"ValidationError", "must specify a code"},
		{"code 599 of an NLB", making(speaking("TCP"), checkingBy("HTTP"), codes("599")), "", ""},
		{"code 600 of an NLB", making(speaking("TCP"), checkingBy("HTTP"), codes("600")), "ValidationError", "'200-599'"},
		{"matcher of TCP checks", making(speaking("TCP"), codes("200")), "InvalidConfigurationRequest", "TCP"},
		{"gRPC codes", making(grpc("0-99")), "", ""},
		{"gRPC code 100", making(grpc("100")), "ValidationError", "'0-99'"},
		{"checks with QUIC", making(speaking("QUIC"), checkingBy("QUIC")), "ValidationError", "TCP, HTTP, HTTPS"},
		{"checks with TLS", making(speaking("TLS"), checkingBy("TLS")), "ValidationError", "TCP, HTTP, HTTPS"},
		{"HTTPS checks of HTTP", making(checkingBy("HTTPS")), "", ""},
		{"unknown checks", making(checkingBy("ICMP")), "ValidationError", "'healthCheckProtocol'"},
		{"checks of an NLB off", making(speaking("TCP"), func(in *elb.CreateTargetGroupInput) {
			in.HealthCheckEnabled = aws.Bool(false)
		}), "ValidationError", "Health check enabled"},
	}
}

// checksOfProtocols are rows of all health checks of every protocol of a network load balancer.
func checksOfProtocols() (rows []row) {
	for _, p := range []types.ProtocolEnum{"TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC"} {
		for _, check := range []types.ProtocolEnum{"TCP", "HTTP", "HTTPS"} {
			rows = append(rows, row{fmt.Sprintf("%s checks of %s", check, p), making(speaking(p), checkingBy(check)), "", ""})
		}
	}
	return rows
}

// checkingBy sets the protocol of health checks.
func checkingBy(protocol types.ProtocolEnum) changeTG {
	return func(in *elb.CreateTargetGroupInput) { in.HealthCheckProtocol = protocol }
}

func TestATargetGroupIsFoundAgainByItsSettings(t *testing.T) {
	t.Parallel()
	change := map[string]struct {
		again []changeTG
		code  string
	}{
		"the same": {nil, ""},
		"defaults spelled out": {[]changeTG{ofVersion("HTTP1"), func(in *elb.CreateTargetGroupInput) {
			in.HealthCheckIntervalSeconds, in.IpAddressType = aws.Int32(30), "ipv4"
		}}, ""},
		"other tags":       {[]changeTG{func(in *elb.CreateTargetGroupInput) { in.Tags = manyTags(1) }}, ""},
		"another protocol": {[]changeTG{speaking("HTTPS")}, "DuplicateTargetGroupName"},
		"another port": {[]changeTG{func(in *elb.CreateTargetGroupInput) { in.Port = aws.Int32(81) }},
			"DuplicateTargetGroupName"},
		"another VPC": {[]changeTG{func(in *elb.CreateTargetGroupInput) { in.VpcId = aws.String(vpc2) }},
			"DuplicateTargetGroupName"},
		"another target type":  {[]changeTG{ofTargets("instance")}, "DuplicateTargetGroupName"},
		"another version":      {[]changeTG{ofVersion("HTTP2")}, "DuplicateTargetGroupName"},
		"another address type": {[]changeTG{withIPv6}, "DuplicateTargetGroupName"},
		"another control port": {
			[]changeTG{func(in *elb.CreateTargetGroupInput) { in.TargetControlPort = aws.Int32(3000) }},
			"DuplicateTargetGroupName"},
		"another health check": {
			[]changeTG{func(in *elb.CreateTargetGroupInput) { in.HealthyThresholdCount = aws.Int32(3) }},
			"DuplicateTargetGroupName"},
		"a function":                {[]changeTG{function}, "DuplicateTargetGroupName"},
		"the quota being reached":   {[]changeTG{}, ""},
		"the name in other letters": {[]changeTG{tgNamed("TG")}, ""},
	}
	for name, c := range change {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := instant(t)
			f.ok(making()(f))
			if name == "the quota being reached" {
				f.quota(request.QuotaTargetGroups, 1)
			}
			err := making(c.again...)(f)
			if c.code == "" {
				f.ok(err)
			} else {
				f.refused(err, c.code, "A target group with the same name 'tg' exists, but with different settings")
			}
		})
	}
}

func TestTargetGroupsAreDescribedAsAWSDescribesThem(t *testing.T) {
	t.Parallel()
	f := instant(t)
	describe := func(arn string) types.TargetGroup {
		out, err := f.DescribeTargetGroups(f.ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{arn}})
		f.ok(err)
		return out.TargetGroups[0]
	}
	web, tcp, fn := describe(f.group("HTTP")), describe(f.group("TCP")), describe(f.group("", function))
	if aws.ToString(web.ProtocolVersion) != "HTTP1" || web.HealthCheckPath == nil || web.Matcher == nil ||
		*web.HealthCheckPort != "traffic-port" || web.LoadBalancerArns == nil || len(web.LoadBalancerArns) != 0 ||
		web.IpAddressType != "ipv4" || !*web.HealthCheckEnabled {
		t.Errorf("HTTP: %+v", web)
	}
	if tcp.ProtocolVersion != nil || tcp.HealthCheckPath != nil || tcp.Matcher != nil || tcp.HealthCheckProtocol != "TCP" {
		t.Errorf("TCP: %+v", tcp)
	}
	if fn.Port != nil || fn.VpcId != nil || fn.Protocol != "" || fn.IpAddressType != "" || *fn.HealthCheckEnabled ||
		*fn.HealthCheckIntervalSeconds != 35 {
		t.Errorf("lambda: %+v", fn)
	}
}

func TestTargetGroupCallsRowByRow(t *testing.T) {
	t.Parallel()
	hold(t, slices.Concat(describedTargetGroups(), deletedTargetGroups(), targetGroupAttributes()))
}

// describedTargetGroups are rows of DescribeTargetGroups.
func describedTargetGroups() []row {
	describe := func(in *elb.DescribeTargetGroupsInput) func(*fixture) error {
		return func(f *fixture) error { _, err := f.DescribeTargetGroups(f.ctx, in); return err }
	}
	return []row{
		{"an unknown name", describe(&elb.DescribeTargetGroupsInput{Names: []string{"none"}}), "TargetGroupNotFound",
			"One or more target groups not found"},
		{"one of two names is unknown", func(f *fixture) error {
			arn := f.group("HTTP")
			return describe(&elb.DescribeTargetGroupsInput{Names: []string{strings.Split(arn, "/")[1], "none"}})(f)
		}, "TargetGroupNotFound", "One or more target groups not found"},
		{"one of two ARNs is unknown", func(f *fixture) error {
			return describe(&elb.DescribeTargetGroupsInput{TargetGroupArns: []string{f.group("HTTP"), unknownTargetGroup}})(f)
		}, "TargetGroupNotFound", "One or more target groups not found"},
		{"a name with an underscore beside an unknown one", describe(&elb.DescribeTargetGroupsInput{Names: []string{"none",
			"a_b"}}), "ValidationError", "Target group name 'a_b' can only contain characters that are alphanumeric"},
		{"a name of 33 characters", describe(&elb.DescribeTargetGroupsInput{Names: []string{strings.Repeat("a", 33)}}),
			"ValidationError", "cannot be longer than '32' characters"},
		{"an unknown load balancer",
			describe(&elb.DescribeTargetGroupsInput{LoadBalancerArn: aws.String(unknownLoadBalancer)}),
			"LoadBalancerNotFound", unknownLoadBalancer},
		{"names and ARNs", describe(&elb.DescribeTargetGroupsInput{Names: []string{"a"}, TargetGroupArns: []string{
			unknownTargetGroup}}), "ValidationError", "at the same time"},
		{"21 names", describe(&elb.DescribeTargetGroupsInput{Names: make([]string, 21)}), "ValidationError", "'20'"},
		{"21 ARNs", describe(&elb.DescribeTargetGroupsInput{TargetGroupArns: make([]string, 21)}),
			"ValidationError", "'20'"},
	}
}

// deletedTargetGroups are rows of DeleteTargetGroup.
func deletedTargetGroups() []row {
	remove := func(f *fixture, arn string) error {
		_, err := f.DeleteTargetGroup(f.ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &arn})
		return err
	}
	return []row{
		{"deletion of what is not there", func(f *fixture) error { return remove(f, unknownTargetGroup) }, "", ""},
		{"deletion of no ARN", func(f *fixture) error { return remove(f, "tg") }, "ValidationError",
			"'tg' is not a valid target group ARN"},
		{"deletion with targets", func(f *fixture) error {
			arn := f.group("HTTP")
			f.ok(f.register(arn, 1, 1))
			return remove(f, arn)
		}, "", ""},
		{"deletion under a default action", func(f *fixture) error {
			arn := f.group("HTTP")
			f.listen(f.alb(), "HTTP", 80, forwardTo(arn))
			return remove(f, arn)
		}, "ResourceInUse", "is currently in use by a listener or a rule"},
		{"deletion after the load balancer", func(f *fixture) error {
			arn, lb := f.group("HTTP"), f.alb()
			f.listen(lb, "HTTP", 80, forwardTo(arn))
			_, err := f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
			f.ok(err)
			return remove(f, arn)
		}, "", ""},
	}
}

// targetGroupAttributes are rows of ModifyTargetGroupAttributes.
func targetGroupAttributes() []row {
	set := func(f *fixture, arn string, pairs ...string) error {
		in := &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &arn}
		for i := 0; i < len(pairs); i += 2 {
			in.Attributes = append(in.Attributes, types.TargetGroupAttribute{Key: &pairs[i], Value: &pairs[i+1]})
		}
		_, err := f.ModifyTargetGroupAttributes(f.ctx, in)
		return err
	}
	setting := func(change changeTG, pairs ...string) func(*fixture) error {
		return func(f *fixture) error { return set(f, f.group("HTTP", change), pairs...) }
	}
	http := func(*elb.CreateTargetGroupInput) {}
	geneve := kindsOfGroups["GENEVE"]
	return []row{
		{"slow start of weighted random", setting(http, algorithm+"type", "weighted_random", "slow_start.duration_seconds",
			"30"), "InvalidConfigurationRequest", "Slow start"},
		{"anomaly mitigation of weighted random", setting(http, algorithm+"type", "weighted_random", algorithm+
			"anomaly_mitigation", "on"), "", ""},
		{"percentages out of order", setting(http, dnsFailover+"percentage", "10", unhealthyRoute+"percentage", "20"),
			"InvalidConfigurationRequest", "must be greater than or equal to"},
		{"percentages in order", setting(http, dnsFailover+"percentage", "20", unhealthyRoute+"percentage", "20"), "", ""},
		{"a count does not compare with a percentage", setting(http, dnsFailover+"count", "off", unhealthyRoute+"count", "5"),
			"", ""},
		{"app cookies of functions", setting(function, "stickiness.type", "app_cookie"), "InvalidConfigurationRequest",
			"target type 'lambda'"},
		{"functions apart by zone", setting(function, targetCrossZone, "false"), "InvalidConfigurationRequest", "lambda"},
		{"sticky with a named cookie", setting(http, "stickiness.enabled", "true", "stickiness.type", "app_cookie", appCookie+
			"cookie_name", "SESSION"), "", ""},
		{"a cookie with a space", setting(http, appCookie+"cookie_name", "a b"), "ValidationError", "cookie name"},
		{"zones apart with a target of all", func(f *fixture) error {
			arn := f.group("HTTP")
			f.ok(f.add(arn, types.TargetDescription{Id: aws.String("100.64.0.1"), AvailabilityZone: aws.String("all")}))
			return set(f, arn, targetCrossZone, "false")
		}, "InvalidConfigurationRequest", "'all'"},
		{"proxy protocol of a load balancer behind it", setting(kindsOfGroups["alb"], "proxy_protocol_v2.enabled", "true"),
			"InvalidConfigurationRequest", ""},
		{"client addresses given up on QUIC", setting(kindsOfGroups["QUIC"], preserveClient, "false"),
			"InvalidConfigurationRequest", "QUIC"},
		{"connections of UDP targets end", setting(kindsOfGroups["UDP"], terminate, "true"), "InvalidConfigurationRequest",
			"not supported"},
		{"one failover of two", setting(geneve, "target_failover.on_unhealthy", "rebalance"), "InvalidConfigurationRequest",
			"must have the same value"},
		{"both failovers", setting(geneve, "target_failover.on_unhealthy", "rebalance", "target_failover.on_deregistration",
			"rebalance"), "", ""},
		{"sticky by addresses and protocol", setting(geneve, "stickiness.type", "source_ip_dest_ip"), "", ""},
		{"sticky by source on GENEVE", setting(geneve, "stickiness.type", "source_ip"), "InvalidConfigurationRequest",
			"GENEVE"},
		{"the same key twice", setting(http, deregDelay, "1", deregDelay, "2"), "ValidationError", "more than once"},
		{"one bad value spoils all", func(f *fixture) error {
			arn := f.group("HTTP")
			f.refused(set(f, arn, deregDelay, "1", "slow_start.duration_seconds", "1"), "ValidationError", "")
			if got := f.account.TargetGroups[arn].Attributes[deregDelay]; got != "300" {
				return fmt.Errorf("the delay became %s", got)
			}
			return nil
		}, "", ""},
		{"optimizer's port and an algorithm", setting(func(in *elb.CreateTargetGroupInput) {
			in.TargetControlPort = aws.Int32(3000)
		}, algorithm+"type", "weighted_random"), "InvalidConfigurationRequest", "round_robin"},
	}
}

func TestModifyTargetGroupChangesOnlyWhatIsGiven(t *testing.T) {
	t.Parallel()
	f := instant(t)
	arn := f.group("HTTP", func(in *elb.CreateTargetGroupInput) { in.HealthCheckPath = aws.String("/old") })
	f.listen(f.alb(), "HTTP", 80, forwardTo(arn))
	f.account.HealthReported = true
	f.ok(f.register(arn, 1, 1))
	f.account.SetTargetHealth(arn, account.TargetDescription{ID: "10.0.1.20", Port: 80}, account.Health{
		State: account.Healthy})
	out, err := f.ModifyTargetGroup(f.ctx, &elb.ModifyTargetGroupInput{TargetGroupArn: &arn,
		HealthCheckIntervalSeconds: aws.Int32(20)})
	f.ok(err)
	if tg := out.TargetGroups[0]; *tg.HealthCheckIntervalSeconds != 20 || *tg.HealthCheckPath != "/old" ||
		*tg.HealthCheckTimeoutSeconds != 5 || *tg.Matcher.HttpCode != "200" {
		t.Errorf("modified %+v", tg)
	}
	f.clock.Advance(time.Second)
	health, err := f.DescribeTargetHealth(f.ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &arn})
	f.ok(err)
	if s := health.TargetHealthDescriptions[0].TargetHealth.State; s != "healthy" {
		t.Errorf("the change made the target %s", s)
	}
}
