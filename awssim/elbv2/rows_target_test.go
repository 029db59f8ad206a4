package elbv2

import (
	"fmt"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

// register registers n addresses of a subnet's block, from 10.0.NET.20 on.
func (f *fixture) register(arn string, net, n int) error {
	in := &elb.RegisterTargetsInput{TargetGroupArn: &arn}
	for i := range n {
		in.Targets = append(in.Targets, types.TargetDescription{Id: aws.String(fmt.Sprintf("10.0.%d.%d", net, 20+i))})
	}
	_, err := f.RegisterTargets(f.ctx, in)
	return err
}

func (f *fixture) add(arn string, target types.TargetDescription) error {
	_, err := f.RegisterTargets(f.ctx, &elb.RegisterTargetsInput{TargetGroupArn: &arn,
		Targets: []types.TargetDescription{target}})
	return err
}

func TestRegisterTargetsRowByRow(t *testing.T) {
	t.Parallel()
	hold(t, slices.Concat(targetQuotas(), functionsAndInstances(), quicTargets(), targetZones(), unknownTargets()))
}

// targetQuotas are rows of the number of targets of a call, a group and a load balancer.
func targetQuotas() []row {
	return []row{
		{"a thousand targets in one call", func(f *fixture) error {
			in := &elb.RegisterTargetsInput{TargetGroupArn: aws.String(f.group("HTTP"))}
			for i := range 1001 {
				in.Targets = append(in.Targets, types.TargetDescription{Id: aws.String("10.0.1.9"), Port: aws.Int32(int32(i + 1))})
			}
			_, err := f.RegisterTargets(f.ctx, in)
			f.refused(err, "ValidationError", "'1000'")
			in.Targets = in.Targets[1:]
			_, err = f.RegisterTargets(f.ctx, in)
			return err
		}, "", ""},
		{"no targets", func(f *fixture) error { return f.register(f.group("HTTP"), 1, 0) }, "ValidationError", "targets"},
		{"a target group's quota", func(f *fixture) error {
			f.quota(request.QuotaTargetsPerGroup, 2)
			return f.register(f.group("HTTP"), 1, 3)
		}, "TooManyTargets", "'2'"},
		{"draining targets do not count", func(f *fixture) error {
			f.account.Profile.Draining = 1 << 40
			f.quota(request.QuotaTargetsPerGroup, 1)
			arn := f.group("HTTP")
			f.ok(f.register(arn, 1, 1))
			_, err := f.DeregisterTargets(f.ctx, &elb.DeregisterTargetsInput{TargetGroupArn: &arn,
				Targets: []types.TargetDescription{{Id: aws.String("10.0.1.20")}}})
			f.ok(err)
			return f.register(arn, 2, 1)
		}, "", ""},
		{"an ALB's quota over its groups", func(f *fixture) error {
			f.quota(request.QuotaTargetsPerALB, 3)
			a, b := f.group("HTTP"), f.group("HTTP")
			f.listen(f.alb(), "HTTP", 80, forwardTo(a, b))
			f.ok(f.register(a, 1, 2))
			return f.register(b, 1, 2)
		}, "TooManyTargets", "load balancer, '3'"},
		{"an ALB's quota when a group is associated", func(f *fixture) error {
			f.quota(request.QuotaTargetsPerALB, 3)
			a, b := f.group("HTTP"), f.group("HTTP")
			l := f.listen(f.alb(), "HTTP", 80, forwardTo(a))
			f.ok(f.register(a, 1, 2))
			f.ok(f.register(b, 1, 2))
			_, err := f.addRule(l, 1, forwardTo(b))
			return err
		}, "TooManyTargets", "load balancer, '3'"},
		{"registrations of one target", func(f *fixture) error {
			f.quota(request.QuotaRegistrations, 1)
			a, b := f.group("HTTP"), f.group("HTTP")
			f.listen(f.alb(), "HTTP", 80, forwardTo(a, b))
			f.ok(f.register(a, 1, 1))
			return f.register(b, 1, 1)
		}, "TooManyRegistrationsForTargetId", "10.0.1.20"},
		{"an NLB's quota by zone", func(f *fixture) error {
			f.quota(request.QuotaTargetsPerZone, 2)
			arn := behindNLB(f, "", "TCP")
			f.ok(f.register(arn, 1, 2))
			f.ok(f.register(arn, 2, 2))
			return f.register(arn, 1, 3)
		}, "TooManyTargets", "Availability Zone"},
		{"an NLB's quota on instances across zones", func(f *fixture) error {
			f.quota(request.QuotaTargetsPerZone, 1)
			arn := behindNLB(f, "cross", "TCP", ofInstances)
			f.ok(f.add(arn, types.TargetDescription{Id: aws.String(node1)}))
			return f.add(arn, types.TargetDescription{Id: aws.String(node1), Port: aws.Int32(81)})
		}, "TooManyTargets", "'instance'"},
		{"an NLB's quota", func(f *fixture) error {
			f.quota(request.QuotaTargetsPerNLB, 3)
			arn := behindNLB(f, "", "TCP")
			f.ok(f.register(arn, 1, 2))
			return f.register(arn, 2, 2)
		}, "TooManyTargets", "load balancer, '3'"},
	}
}

// functionsAndInstances are rows of functions and instances as targets.
func functionsAndInstances() []row {
	const lambda = "arn:aws:lambda:us-west-2:123456789012:function:f"
	return []row{
		{"a function that may not be invoked", func(f *fixture) error {
			f.account.Invocable = map[string]bool{}
			return f.add(f.group("", function), types.TargetDescription{Id: aws.String(lambda)})
		}, "AccessDenied", "elasticloadbalancing principal does not have permission to invoke " + lambda},
		{"a function that may be invoked", func(f *fixture) error {
			f.account.Invocable = map[string]bool{lambda: true}
			return f.add(f.group("", function), types.TargetDescription{Id: aws.String(lambda)})
		}, "", ""},
		{"an old instance behind an NLB", func(f *fixture) error {
			f.account.Instances[node1].Type = "m3.large"
			return f.add(f.group("TCP", ofInstances), types.TargetDescription{Id: aws.String(node1)})
		}, "InvalidTarget", "client IP preservation"},
		{"an old instance behind an ALB", func(f *fixture) error {
			f.account.Instances[node1].Type = "m3.large"
			return f.add(f.group("HTTP", ofInstances), types.TargetDescription{Id: aws.String(node1)})
		}, "", ""},
		{"an instance without IPv6", func(f *fixture) error {
			return f.add(f.group("TCP", ofInstances, func(in *elb.CreateTargetGroupInput) { in.IpAddressType = "ipv6" }),
				types.TargetDescription{Id: aws.String(node1)})
		}, "InvalidTarget", "primary IPv6"},
	}
}

// quicTargets are rows of the server ids of QUIC.
func quicTargets() []row {
	quic := func(address, id string) types.TargetDescription {
		return types.TargetDescription{Id: &address, QuicServerId: &id}
	}
	const one, two = "0x0000000000000001", "0x0000000000000002"
	return []row{
		{"QUIC server ids", func(f *fixture) error {
			arn := f.group("QUIC")
			f.ok(f.add(arn, quic("10.0.1.20", one)))
			f.ok(f.add(arn, quic("10.0.1.20", one)))
			return f.add(arn, quic("10.0.1.21", two))
		}, "", ""},
		{"a QUIC server id of another target", func(f *fixture) error {
			arn := f.group("QUIC")
			f.ok(f.add(arn, quic("10.0.1.20", one)))
			return f.add(arn, quic("10.0.1.21", one))
		}, "ValidationError", "'10.0.1.20'"},
		{"a QUIC server id of another group of the listener", func(f *fixture) error {
			a, b := f.group("TCP_QUIC"), f.group("TCP_QUIC")
			f.listen(f.nlb(), "TCP_QUIC", 443, forwardTo(a, b))
			f.ok(f.add(a, quic("10.0.1.20", one)))
			return f.add(b, quic("10.0.1.21", one))
		}, "ValidationError", "'10.0.1.20'"},
		{"a QUIC server id in capitals", func(f *fixture) error {
			return f.add(f.group("QUIC"), quic("10.0.1.20", "0x000000000000000A"))
		}, "ValidationError", "QUIC server ID"},
	}
}

// targetZones are rows of the zones of addresses.
func targetZones() []row {
	return []row{
		{"the wrong zone of an address, across zones", func(f *fixture) error {
			return f.add(f.group("HTTP"), types.TargetDescription{Id: aws.String("10.0.1.9"), AvailabilityZone: aws.String(
				"us-west-2b")})
		}, "", ""},
		{"the wrong zone of an address, by zone", func(f *fixture) error {
			return f.add(behindNLB(f, "", "TCP"), types.TargetDescription{Id: aws.String("10.0.1.9"), AvailabilityZone: aws.String(
				"us-west-2b")})
		}, "ValidationError", "'us-west-2a', not 'us-west-2b'"},
		{"an address outside for all zones", func(f *fixture) error {
			return f.add(f.group("HTTP"), types.TargetDescription{Id: aws.String("100.64.0.1"),
				AvailabilityZone: aws.String("all")})
		}, "", ""},
		{"an address outside for all zones, by zone", func(f *fixture) error {
			arn := f.group("HTTP")
			_, err := f.ModifyTargetGroupAttributes(f.ctx, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &arn,
				Attributes: []types.TargetGroupAttribute{{Key: aws.String(targetCrossZone), Value: aws.String("false")}}})
			f.ok(err)
			return f.add(arn, types.TargetDescription{Id: aws.String("100.64.0.1"), AvailabilityZone: aws.String("all")})
		}, "InvalidConfigurationRequest", "'all'"},
	}
}

// unknownTargets are rows of targets and groups that do not exist.
func unknownTargets() []row {
	return []row{
		{"shape before existence", func(f *fixture) error {
			return f.add(unknownTargetGroup, types.TargetDescription{Id: aws.String("10.0.1.9"), Port: aws.Int32(65536)})
		}, "ValidationError", "port"},
		{"a malformed instance deregistered", func(f *fixture) error {
			_, err := f.DeregisterTargets(f.ctx, &elb.DeregisterTargetsInput{
				TargetGroupArn: aws.String(f.group("HTTP", ofInstances)), Targets: []types.TargetDescription{
					{Id: aws.String("web")}}})
			return err
		}, "InvalidTarget", "'web'"},
		{"an unknown instance deregistered", func(f *fixture) error {
			_, err := f.DeregisterTargets(f.ctx, &elb.DeregisterTargetsInput{
				TargetGroupArn: aws.String(f.group("HTTP", ofInstances)), Targets: []types.TargetDescription{
					{Id: aws.String("i-12345678")}}})
			return err
		}, "", ""},
		{"health of an unknown instance", func(f *fixture) error {
			_, err := f.DescribeTargetHealth(f.ctx, &elb.DescribeTargetHealthInput{
				TargetGroupArn: aws.String(f.group("HTTP", ofInstances)), Targets: []types.TargetDescription{
					{Id: aws.String("i-12345678")}}})
			return err
		}, "InvalidTarget", "i-12345678"},
	}
}

// behindNLB creates a target group behind a network load balancer, whose targets get requests of their own zone, or
// with "cross" of all zones.
func behindNLB(f *fixture, zones string, protocol types.ProtocolEnum,
	change ...func(*elb.CreateTargetGroupInput)) string {
	arn := f.group(protocol, change...)
	lb := f.nlb()
	if zones == "cross" {
		_, err := f.ModifyLoadBalancerAttributes(f.ctx, &elb.ModifyLoadBalancerAttributesInput{
			LoadBalancerArn: lb.LoadBalancerArn,
			Attributes:      []types.LoadBalancerAttribute{{Key: aws.String(targetCrossZone), Value: aws.String("true")}}})
		f.ok(err)
	}
	f.listen(lb, protocol, 80, forwardTo(arn))
	return arn
}

// ofInstances makes the targets of a group instances.
func ofInstances(in *elb.CreateTargetGroupInput) { in.TargetType = "instance" }

func TestTargetGroupsAndListenersRowByRow(t *testing.T) {
	t.Parallel()
	hold(t, slices.Concat(newTargetGroups(), modifiedTargetGroups(), verifyingListeners(), furtherRules()))
}

// newTargetGroups are rows of CreateTargetGroup.
func newTargetGroups() []row {
	made := func(changes ...func(*elb.CreateTargetGroupInput)) func(*fixture) error {
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
	geneve := kindsOfGroups["GENEVE"]
	control := func(in *elb.CreateTargetGroupInput) { in.TargetControlPort = aws.Int32(3000) }
	return []row{
		{"GENEVE at another port", made(geneve, func(in *elb.CreateTargetGroupInput) { in.Port = aws.Int32(80) }),
			"ValidationError", "6081"},
		{"GENEVE with another matcher", made(geneve, func(in *elb.CreateTargetGroupInput) {
			in.HealthCheckProtocol, in.Matcher = "HTTP", &types.Matcher{HttpCode: aws.String("200")}
		}), "InvalidConfigurationRequest", "'200-399'"},
		{"too many GENEVE groups", func(f *fixture) error { f.quota(request.QuotaGeneveGroups, 0); return made(geneve)(f) },
			"TooManyTargetGroups", "GENEVE"},
		{"too many groups", func(f *fixture) error { f.quota(request.QuotaTargetGroups, 0); return made()(f) },
			"TooManyTargetGroups", "'0'"},
		{"control port", made(control), "", ""},
		{"control port on TCP", made(control, func(in *elb.CreateTargetGroupInput) { in.Protocol = "TCP" }),
			"InvalidConfigurationRequest", "control port"},
		{"control port 0", made(func(in *elb.CreateTargetGroupInput) { in.TargetControlPort = aws.Int32(0) }),
			"ValidationError", "targetControlPort"},
		{"control port keeps to round robin", func(f *fixture) error {
			arn := f.group("HTTP", control)
			_, err := f.ModifyTargetGroupAttributes(f.ctx, &elb.ModifyTargetGroupAttributesInput{TargetGroupArn: &arn,
				Attributes: []types.TargetGroupAttribute{
					{Key: aws.String(algorithm + "type"), Value: aws.String("least_outstanding_requests")}}})
			return err
		}, "InvalidConfigurationRequest", "round_robin"},
		{"alb with ipv6", made(func(in *elb.CreateTargetGroupInput) {
			in.Protocol, in.TargetType, in.IpAddressType = "TCP", "alb", "ipv6"
		}), "InvalidConfigurationRequest", "'ipv4'"},
		{"alb with TCP checks", made(func(in *elb.CreateTargetGroupInput) {
			in.Protocol, in.TargetType, in.HealthCheckProtocol = "TCP", "alb", "TCP"
		}), "ValidationError", "HTTP, HTTPS"},
		{"UDP with ipv6", made(func(in *elb.CreateTargetGroupInput) { in.Protocol, in.IpAddressType = "UDP", "ipv6" }), "",
			""},
		{"UDP checks", made(func(in *elb.CreateTargetGroupInput) { in.Protocol, in.HealthCheckProtocol = "UDP", "UDP" }),
			"ValidationError", "UDP"},
		{"timeout of interval, TCP", made(func(in *elb.CreateTargetGroupInput) {
			in.Protocol, in.HealthCheckTimeoutSeconds = "TCP", aws.Int32(30)
		}), "", ""},
		{"timeout over interval, TCP", made(func(in *elb.CreateTargetGroupInput) {
			in.Protocol, in.HealthCheckTimeoutSeconds = "TCP", aws.Int32(31)
		}), "ValidationError", "smaller than or equal to the interval '30'"},
		{"lambda interval", func(f *fixture) error {
			_, err := f.CreateTargetGroup(f.ctx, &elb.CreateTargetGroupInput{Name: aws.String("f"), TargetType: "lambda",
				HealthCheckEnabled: aws.Bool(true), HealthCheckIntervalSeconds: aws.Int32(30)})
			return err
		}, "ValidationError", "'30'"},
	}
}

// modifiedTargetGroups are rows of ModifyTargetGroup and AddTags.
func modifiedTargetGroups() []row {
	tag := []types.Tag{{Key: aws.String("aws:x")}}
	return []row{
		{"nothing to modify", func(f *fixture) error {
			_, err := f.ModifyTargetGroup(f.ctx, &elb.ModifyTargetGroupInput{TargetGroupArn: aws.String(f.group("HTTP"))})
			return err
		}, "ValidationError", "At least one"},
		{"both matchers", func(f *fixture) error {
			_, err := f.ModifyTargetGroup(f.ctx, &elb.ModifyTargetGroupInput{TargetGroupArn: aws.String(f.group("HTTP")),
				Matcher: &types.Matcher{HttpCode: aws.String("200"), GrpcCode: aws.String("0")}})
			return err
		}, "ValidationError", "not both"},
		{"reserved tag before an unknown ARN", func(f *fixture) error {
			_, err := f.AddTags(f.ctx, &elb.AddTagsInput{ResourceArns: []string{unknownTargetGroup}, Tags: tag})
			return err
		}, "ValidationError", "reserved"},
	}
}

// verifyingListeners are rows of mutual authentication, and of certificates that are added.
func verifyingListeners() []row {
	mutual := func(f *fixture, m types.MutualAuthenticationAttributes) error {
		l := f.listen(f.alb(), "HTTPS", 443, respond("200"))
		_, err := f.ModifyListener(f.ctx, &elb.ModifyListenerInput{ListenerArn: l.ListenerArn, MutualAuthentication: &m})
		return err
	}
	return []row{
		{"mutual mode", func(f *fixture) error {
			return mutual(f, types.MutualAuthenticationAttributes{Mode: aws.String("maybe")})
		}, "ValidationError", "'maybe'"},
		{"mutual passthrough", func(f *fixture) error {
			return mutual(f, types.MutualAuthenticationAttributes{Mode: aws.String("passthrough")})
		}, "", ""},
		{"trust store of passthrough", func(f *fixture) error {
			return mutual(f, types.MutualAuthenticationAttributes{Mode: aws.String("passthrough"),
				TrustStoreArn: f.trusting("a")})
		}, "InvalidConfigurationRequest", "'verify' only"},
		{"unknown trust store", func(f *fixture) error {
			return mutual(f, types.MutualAuthenticationAttributes{Mode: aws.String("verify"),
				TrustStoreArn: aws.String("arn:aws:elasticloadbalancing:us-west-2:123456789012:truststore/a/0123456789abcdef")})
		}, "TrustStoreNotFound", "truststore/a"},
		{"expired certificate", func(f *fixture) error {
			c := f.account.Certificates[cert2]
			c.NotAfter = f.clock.Now()
			l := f.listen(f.alb(), "HTTPS", 443, respond("200"))
			_, err := f.AddListenerCertificates(f.ctx, &elb.AddListenerCertificatesInput{ListenerArn: l.ListenerArn,
				Certificates: []types.Certificate{{CertificateArn: aws.String(cert2)}}})
			return err
		}, "UnsupportedCertificate", cert2},
		{"certificate issued in the meantime", func(f *fixture) error {
			f.account.Certificates[certPending].IssuesAt = f.clock.Now()
			l := f.listen(f.alb(), "HTTPS", 443, respond("200"))
			_, err := f.AddListenerCertificates(f.ctx, &elb.AddListenerCertificatesInput{ListenerArn: l.ListenerArn,
				Certificates: []types.Certificate{{CertificateArn: aws.String(certPending)}}})
			return err
		}, "", ""},
	}
}

// furtherRules are rows of rules: conditions, priorities, quotas.
func furtherRules() []row {
	return []row{
		{"empty conditions of a rule", func(f *fixture) error {
			r, err := f.addRule(f.listen(f.alb(), "HTTP", 80, respond("200")), 1, respond("201"))
			f.ok(err)
			_, err = f.ModifyRule(f.ctx, &elb.ModifyRuleInput{RuleArn: r.RuleArn, Conditions: []types.RuleCondition{},
				Actions: respond("202")})
			return err
		}, "ValidationError", "A condition must be specified"},
		{"rules of an NLB", func(f *fixture) error {
			_, err := f.addRule(f.listen(f.nlb(), "TCP", 80, forwardTo(f.group("TCP"))), 1, forwardTo(f.group("TCP")))
			return err
		}, "UnsupportedProtocol", "'network'"},
		{"priority 50001", func(f *fixture) error {
			_, err := f.addRule(f.listen(f.alb(), "HTTP", 80, respond("200")), 50001, respond("200"))
			return err
		}, "ValidationError", "priority"},
		{"too many rules over listeners", func(f *fixture) error {
			f.quota(request.QuotaRules, 1)
			lb := f.alb()
			_, err := f.addRule(f.listen(lb, "HTTP", 80, respond("200")), 1, respond("200"))
			f.ok(err)
			_, err = f.addRule(f.listen(lb, "HTTP", 81, respond("200")), 1, respond("200"))
			return err
		}, "TooManyRules", "'1'"},
	}
}
