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

func TestMoreKindsOfTargetsRowByRow(t *testing.T) {
	t.Parallel()
	hold(t, slices.Concat(balancersAsTargets(), functionsAsTargets(), addressesAsTargets(), targetsAgain(),
		describedTargets()))
}

// balancersAsTargets are rows of application load balancers as targets.
func balancersAsTargets() []row {
	behind := func(f *fixture, arn *string, port int32) error {
		front := f.group("", kindsOfGroups["alb"])
		return f.add(front, types.TargetDescription{Id: arn, Port: &port})
	}
	serving := func(f *fixture, lb types.LoadBalancer) *string {
		f.listen(lb, "HTTP", 80, respond("200"))
		return lb.LoadBalancerArn
	}
	return []row{
		{"an ALB", func(f *fixture) error { return behind(f, serving(f, f.alb()), 80) }, "", ""},
		{"an ALB that is provisioning", func(f *fixture) error {
			f.account.Profile.LoadBalancerActive = time.Hour
			return behind(f, serving(f, f.alb()), 80)
		}, "InvalidTarget", "must be in the active state"},
		{"an ALB of another VPC", func(f *fixture) error {
			return behind(f, serving(f, f.balancer("application", inSubnets(subnetForeign, "subnet-foreign-b"))), 80)
		}, "InvalidTarget", "not in the target group VPC 'vpc-1'"},
		{"an ALB at another port", func(f *fixture) error { return behind(f, serving(f, f.alb()), 81) }, "ValidationError",
			"must be the port '80'"},
		{"an ALB of another account", func(f *fixture) error {
			return behind(f, aws.String(strings.Replace(unknownLoadBalancer, "123456789012", "210987654321", 1)), 80)
		}, "InvalidTarget", "not an Application Load Balancer"},
		{"an ALB that is no ARN", func(f *fixture) error { return behind(f, aws.String("web"), 80) }, "ValidationError",
			"'web' is not a valid load balancer ARN"},
		{"two ALBs", func(f *fixture) error {
			front := f.group("", kindsOfGroups["alb"])
			for range 2 {
				if err := f.add(front, types.TargetDescription{Id: serving(f, f.alb())}); err != nil {
					return err
				}
			}
			return nil
		}, "TooManyTargets", "'1'"},
	}
}

// functionsAsTargets are rows of functions as targets.
func functionsAsTargets() []row {
	const lambda = "arn:aws:lambda:us-west-2:123456789012:function:f"
	return []row{
		{"a function at a port", func(f *fixture) error {
			return f.add(f.group("", function), types.TargetDescription{Id: aws.String(lambda), Port: aws.Int32(80)})
		}, "ValidationError", "A port cannot be specified"},
		{"a function of another region", func(f *fixture) error {
			return f.add(f.group("", function), types.TargetDescription{
				Id: aws.String(strings.Replace(lambda, "us-west-2", "eu-west-1", 1))})
		}, "InvalidTarget", "'us-west-2'"},
		{"a version of a function", func(f *fixture) error {
			return f.add(f.group("", function), types.TargetDescription{Id: aws.String(lambda + ":live")})
		}, "", ""},
	}
}

// addressesAsTargets are rows of addresses as targets: their zones, ports and server ids.
func addressesAsTargets() []row {
	return []row{
		{"a target without id", func(f *fixture) error { return f.add(f.group("HTTP"), types.TargetDescription{}) },
			"ValidationError", "'targets.member.id'"},
		{"an address of the carrier's range", func(f *fixture) error {
			return f.add(f.group("HTTP"), types.TargetDescription{Id: aws.String("100.64.0.1"), AvailabilityZone: aws.String(
				"us-west-2a")})
		}, "", ""},
		{"a private address outside", func(f *fixture) error {
			return f.add(f.group("HTTP"), types.TargetDescription{Id: aws.String("172.16.0.1"), AvailabilityZone: aws.String(
				"us-west-2a")})
		}, "", ""},
		{"an address of the VPC finds its zone", func(f *fixture) error {
			arn := f.group("HTTP")
			f.ok(f.add(arn, types.TargetDescription{Id: aws.String("10.0.2.9")}))
			if zone := aws.ToString(f.target(arn).AvailabilityZone); zone != "us-west-2b" {
				return fmt.Errorf("zone %s", zone)
			}
			return nil
		}, "", ""},
		{"an IPv6 address outside", func(f *fixture) error {
			return f.add(f.group("TCP", withIPv6), types.TargetDescription{Id: aws.String("2001:db8:ffff::1"),
				AvailabilityZone: aws.String("us-west-2a")})
		}, "ValidationError", "private IP"},
	}
}

// targetsAgain are rows of targets that are registered again, at several ports, or beside a bad one.
func targetsAgain() []row {
	return []row{
		{"a registered target keeps its zone", func(f *fixture) error {
			arn := f.group("HTTP")
			f.ok(f.add(arn, types.TargetDescription{Id: aws.String("100.64.0.1"), AvailabilityZone: aws.String("us-west-2a")}))
			f.ok(f.add(arn, types.TargetDescription{Id: aws.String("100.64.0.1"), AvailabilityZone: aws.String("us-west-2b")}))
			if zone := aws.ToString(f.target(arn).AvailabilityZone); zone != "us-west-2a" {
				return fmt.Errorf("zone %s", zone)
			}
			return nil
		}, "", ""},
		{"a registered target keeps its server id", func(f *fixture) error {
			arn := f.group("QUIC")
			for _, id := range []string{"0x0000000000000001", "0x0000000000000002"} {
				f.ok(f.add(arn, types.TargetDescription{Id: aws.String("10.0.1.9"), QuicServerId: aws.String(id)}))
			}
			if id := aws.ToString(f.target(arn).QuicServerId); id != "0x0000000000000001" {
				return fmt.Errorf("server id %s", id)
			}
			return nil
		}, "", ""},
		{"a target that drains comes back with the server id that is given", func(f *fixture) error {
			arn := f.group("QUIC")
			at := func(id string) types.TargetDescription {
				return types.TargetDescription{Id: aws.String("10.0.1.9"), QuicServerId: &id}
			}
			f.ok(f.add(arn, at("0x0000000000000001")))
			_, err := f.DeregisterTargets(f.ctx, &elb.DeregisterTargetsInput{TargetGroupArn: &arn,
				Targets: []types.TargetDescription{at("0x0000000000000001")}})
			f.ok(err)
			f.ok(f.add(arn, at("0x0000000000000002")))
			if id := aws.ToString(f.target(arn).QuicServerId); id != "0x0000000000000002" {
				return fmt.Errorf("server id %s", id)
			}
			return nil
		}, "", ""},
		{"a target at several ports", func(f *fixture) error {
			arn := f.group("HTTP")
			for _, port := range []int32{80, 81, 65535} {
				f.ok(f.add(arn, types.TargetDescription{Id: aws.String("10.0.1.9"), Port: &port}))
			}
			if n := len(f.account.TargetGroups[arn].Targets); n != 3 {
				return fmt.Errorf("%d targets", n)
			}
			return nil
		}, "", ""},
		{"one bad target of several", func(f *fixture) error {
			arn := f.group("HTTP")
			_, err := f.RegisterTargets(f.ctx, &elb.RegisterTargetsInput{TargetGroupArn: &arn,
				Targets: []types.TargetDescription{{Id: aws.String("10.0.1.9")}, {Id: aws.String("8.8.8.8")}}})
			if n := len(f.account.TargetGroups[arn].Targets); n != 0 {
				return fmt.Errorf("%d targets", n)
			}
			return err
		}, "ValidationError", "8.8.8.8"},
	}
}

// target is the target of a group with one.
func (f *fixture) target(arn string) types.TargetDescription {
	out, err := f.DescribeTargetHealth(f.ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &arn})
	f.ok(err)
	return *out.TargetHealthDescriptions[0].Target
}

// describedTargets are rows of DescribeTargetHealth and DeregisterTargets.
func describedTargets() []row {
	return []row{
		{"health with an unknown extra", func(f *fixture) error {
			_, err := f.DescribeTargetHealth(f.ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(f.group("HTTP")),
				Include: []types.DescribeTargetHealthInputIncludeEnum{"Everything"}})
			return err
		}, "ValidationError", "'include'"},
		{"health of an unknown target group", func(f *fixture) error {
			_, err := f.DescribeTargetHealth(f.ctx, &elb.DescribeTargetHealthInput{
				TargetGroupArn: aws.String(unknownTargetGroup)})
			return err
		}, "TargetGroupNotFound", "One or more target groups not found"},
		{"deregistration from an unknown target group", func(f *fixture) error {
			_, err := f.DeregisterTargets(f.ctx, &elb.DeregisterTargetsInput{TargetGroupArn: aws.String(unknownTargetGroup),
				Targets: []types.TargetDescription{{Id: aws.String("10.0.1.9")}}})
			return err
		}, "TargetGroupNotFound", ""},
		{"deregistration of nothing", func(f *fixture) error {
			_, err := f.DeregisterTargets(f.ctx, &elb.DeregisterTargetsInput{TargetGroupArn: aws.String(f.group("HTTP"))})
			return err
		}, "ValidationError", "'targets'"},
		{"deregistration at an override port", func(f *fixture) error {
			arn := f.group("HTTP")
			one := []types.TargetDescription{{Id: aws.String("10.0.1.9"), Port: aws.Int32(81)}}
			f.ok(f.add(arn, one[0]))
			_, err := f.DeregisterTargets(f.ctx, &elb.DeregisterTargetsInput{TargetGroupArn: &arn, Targets: one})
			if n := len(f.account.TargetGroups[arn].Targets); n != 0 {
				return fmt.Errorf("%d targets", n)
			}
			return err
		}, "", ""},
		{"an ipv6 target at its check port", func(f *fixture) error {
			arn := f.group("TCP", withIPv6, func(in *elb.CreateTargetGroupInput) { in.HealthCheckPort = aws.String("8080") })
			f.ok(f.add(arn, types.TargetDescription{Id: aws.String("2001:db8:0:1::9")}))
			out, err := f.DescribeTargetHealth(f.ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &arn})
			if err == nil && *out.TargetHealthDescriptions[0].HealthCheckPort != "8080" {
				return fmt.Errorf("port %s", *out.TargetHealthDescriptions[0].HealthCheckPort)
			}
			return err
		}, "", ""},
	}
}

// TestChecksComeInAWSsOrder makes calls with two things wrong, of which AWS names the one that it checks first: shape,
// then parameters by themselves, then what they refer to, then duplicates, then quotas.
func TestChecksComeInAWSsOrder(t *testing.T) {
	t.Parallel()
	pair := func(key, value string) (k, v *string) { return &key, &value }
	attribute := func(f *fixture, key, value string) error {
		k, v := pair(key, value)
		_, err := f.ModifyTargetGroupAttributes(f.ctx, &elb.ModifyTargetGroupAttributesInput{
			TargetGroupArn: aws.String(unknownTargetGroup), Attributes: []types.TargetGroupAttribute{{Key: k, Value: v}}})
		return err
	}
	hold(t, []row{
		{"shape before parameters", func(f *fixture) error {
			return f.create(ofType("classic"), named("-"))
		}, "ValidationError", "'type'"},
		{"parameters before existence", func(f *fixture) error { return f.create(named("-"), inSubnets("subnet-none")) },
			"ValidationError", "cannot begin or end"},
		{"existence before duplicates", func(f *fixture) error {
			f.ok(f.create(named("same")))
			return f.create(named("same"), inSubnets("subnet-none", subnetB))
		}, "SubnetNotFound", "subnet-none"},
		{"duplicates before quotas", func(f *fixture) error {
			f.ok(f.create(named("same")))
			f.quota(request.QuotaALBs, 1)
			return f.create(named("same"), publicly)
		}, "DuplicateLoadBalancerName", "'same'"},
		{"quotas before room", func(f *fixture) error {
			f.quota(request.QuotaALBs, 0)
			return f.create(inSubnets(subnetA, subnetSmall))
		}, "TooManyLoadBalancers", ""},
		{"target groups: parameters before existence",
			making(tgNamed("a--b"), func(in *elb.CreateTargetGroupInput) { in.VpcId = aws.String("vpc-none") }),
			"ValidationError", "hyphens"},
		{"target groups: existence before duplicates", func(f *fixture) error {
			f.ok(making()(f))
			return making(func(in *elb.CreateTargetGroupInput) { in.VpcId = aws.String("vpc-none") })(f)
		}, "ValidationError", "'vpc-none'"},
		{"target groups: duplicates before quotas", func(f *fixture) error {
			f.ok(making()(f))
			f.quota(request.QuotaTargetGroups, 1)
			return making(speaking("HTTPS"))(f)
		}, "DuplicateTargetGroupName", ""},
		{"attributes: unknown keys before existence", func(f *fixture) error { return attribute(f, "x", "1") },
			"ValidationError", "not recognized"},
		{"attributes: existence before values", func(f *fixture) error { return attribute(f, deregDelay, "x") },
			"TargetGroupNotFound", ""},
		{"attributes of load balancers: none before existence", func(f *fixture) error {
			_, err := f.ModifyLoadBalancerAttributes(f.ctx, &elb.ModifyLoadBalancerAttributesInput{
				LoadBalancerArn: aws.String(unknownLoadBalancer)})
			return err
		}, "ValidationError", "'attributes'"},
		{"attributes of listeners: none before existence", func(f *fixture) error {
			_, err := f.ModifyListenerAttributes(f.ctx, &elb.ModifyListenerAttributesInput{
				ListenerArn: aws.String(unknownListener)})
			return err
		}, "ValidationError", "'attributes'"},
		{"certificates: shape before existence", func(f *fixture) error {
			_, err := f.AddListenerCertificates(f.ctx, &elb.AddListenerCertificatesInput{
				ListenerArn: aws.String(unknownListener), Certificates: []types.Certificate{{}}})
			return err
		}, "ValidationError", "certificateArn"},
		{"health: shape before existence", func(f *fixture) error {
			_, err := f.DescribeTargetHealth(f.ctx, &elb.DescribeTargetHealthInput{
				TargetGroupArn: aws.String(unknownTargetGroup), Include: []types.DescribeTargetHealthInputIncludeEnum{"x"}})
			return err
		}, "ValidationError", "'include'"},
		{"rules modified: parameters before existence", func(f *fixture) error {
			_, err := f.ModifyRule(f.ctx, &elb.ModifyRuleInput{RuleArn: aws.String(unknownRule)})
			return err
		}, "ValidationError", "Either conditions or actions must be specified"},
		{"listeners: parameters before target groups", func(f *fixture) error {
			_, err := f.listening("application", "HTTPS", func(in *elb.CreateListenerInput) {
				in.Certificates, in.DefaultActions = nil, forwardTo(unknownTargetGroup)
			})
			return err
		}, "ValidationError", "A certificate must be specified"},
		{"listeners: duplicates before quotas", func(f *fixture) error {
			l, err := f.listening("application", "HTTP")
			f.ok(err)
			f.quota(request.QuotaListenersPerALB, 1)
			_, err = f.CreateListener(f.ctx, &elb.CreateListenerInput{LoadBalancerArn: l.LoadBalancerArn, Protocol: "HTTP",
				Port: aws.Int32(443), DefaultActions: respond("404")})
			return err
		}, "DuplicateListener", ""},
		{"rules: the listener before shape", func(f *fixture) error {
			_, err := f.CreateRule(f.ctx, &elb.CreateRuleInput{ListenerArn: aws.String(unknownListener), Priority: aws.Int32(0)})
			return err
		}, "ListenerNotFound", ""},
		{"rules: shape before conditions", func(f *fixture) error {
			_, err := f.ruled(nil, respond("200"), func(in *elb.CreateRuleInput) { in.Priority = aws.Int32(0) })
			return err
		}, "ValidationError", "'priority'"},
		{"rules: conditions before actions", func(f *fixture) error { _, err := f.ruled(nil, nil); return err },
			"ValidationError", "A condition must be specified"},
		{"rules: actions before transforms", func(f *fixture) error {
			_, err := f.ruled(onPath("/"), respond("600"), func(in *elb.CreateRuleInput) {
				in.Transforms = []types.RuleTransform{
					{Type: "x"}}
			})
			return err
		}, "ValidationError", "pattern"},
		{"rules: transforms before association", func(f *fixture) error {
			arn := f.group("HTTP")
			f.listen(f.alb(), "HTTP", 80, forwardTo(arn))
			_, err := f.ruled(onPath("/"), forwardTo(arn), func(in *elb.CreateRuleInput) {
				in.Transforms = []types.RuleTransform{
					{Type: "x"}}
			})
			return err
		}, "ValidationError", "enum value set"},
		{"rules: association before priority", func(f *fixture) error {
			arn := f.group("HTTP")
			f.listen(f.alb(), "HTTP", 80, forwardTo(arn))
			l := f.listen(f.alb(), "HTTP", 80, respond("200"))
			_, err := f.addRule(l, 1, respond("200"))
			f.ok(err)
			_, err = f.addRule(l, 1, forwardTo(arn))
			return err
		}, "TargetGroupAssociationLimit", ""},
		{"rules: priority before quotas", func(f *fixture) error {
			f.quota(request.QuotaRules, 1)
			l := f.listen(f.alb(), "HTTP", 80, respond("200"))
			_, err := f.addRule(l, 1, respond("200"))
			f.ok(err)
			_, err = f.addRule(l, 1, respond("200"))
			return err
		}, "PriorityInUse", "Priority '1' is currently in use"},
	})
}

func TestTheEndOfALoadBalancerFreesWhatItHeld(t *testing.T) {
	t.Parallel()
	f := instant(t)
	lb, arn := f.alb(), f.group("HTTP")
	l := f.listen(lb, "HTTPS", 443, forwardTo(arn))
	f.ok(f.register(arn, 1, 1))
	r, err := f.addRule(l, 1, respond("200"))
	f.ok(err)
	f.account.AddWebACL(&account.WebACL{ARN: "arn:acl"})
	f.account.AssociateWebACL(*lb.LoadBalancerArn, "arn:acl")
	f.account.AddProtection(&account.Protection{ID: "p", Resource: *lb.LoadBalancerArn})
	f.account.AddAccelerator(&account.Accelerator{ARN: "arn:ga", Listeners: []*account.AcceleratorListener{
		{Groups: []*account.EndpointGroup{{Endpoints: []*account.AcceleratorEndpoint{{ID: *lb.LoadBalancerArn}}}}}}})
	_, err = f.DeleteLoadBalancer(f.ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: lb.LoadBalancerArn})
	f.ok(err)
	if guarded := f.account.LoadBalancersOf("arn:acl"); len(guarded) != 0 {
		t.Errorf("the web ACL guards %v", guarded)
	}
	_, err = f.DescribeListeners(f.ctx, &elb.DescribeListenersInput{ListenerArns: []string{*l.ListenerArn}})
	f.refused(err, "ListenerNotFound", "")
	_, err = f.DescribeRules(f.ctx, &elb.DescribeRulesInput{RuleArns: []string{*r.RuleArn}})
	f.refused(err, "RuleNotFound", "")
	groups, err := f.DescribeTargetGroups(f.ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{arn}})
	f.ok(err)
	health, err := f.DescribeTargetHealth(f.ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &arn})
	f.ok(err)
	if h := health.TargetHealthDescriptions[0].TargetHealth; len(groups.TargetGroups[0].LoadBalancerArns) != 0 ||
		h.State != "unused" || h.Reason != "Target.NotInUse" {
		t.Errorf("target group of %v, target %s %s", groups.TargetGroups[0].LoadBalancerArns, h.State, h.Reason)
	}
	if users := f.account.CertificateUsers(cert1); len(users) != 0 {
		t.Errorf("the certificate is used by %v", users)
	}
	f.whole()
}

func TestTagsOfTheSystemAreShownButNotWritten(t *testing.T) {
	t.Parallel()
	f := instant(t)
	arn, store := f.group("HTTP"), *f.trusting("ca")
	f.account.TargetGroups[arn].Tags["aws:cloudformation:stack-name"] = "web"
	f.ok(f.tagging(arn, manyTags(50))) // the system's do not count
	_, err := f.RemoveTags(f.ctx, &elb.RemoveTagsInput{ResourceArns: []string{arn}, TagKeys: []string{
		"aws:cloudformation:stack-name"}})
	f.refused(err, "ValidationError", "reserved")
	f.refused(f.tagging(arn, []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("y")}}),
		"ValidationError", "reserved")
	f.refused(f.tagging(arn, append(manyTags(1), manyTags(1)...)), "DuplicateTagKeys", "k0")
	f.ok(f.tagging(store, []types.Tag{{Key: aws.String("k"), Value: aws.String(" spaces stay ")},
		{Key: aws.String("K"), Value: aws.String("")}}))
	out, err := f.DescribeTags(f.ctx, &elb.DescribeTagsInput{ResourceArns: []string{arn, store, *f.alb().LoadBalancerArn}})
	f.ok(err)
	if d := out.TagDescriptions; len(d[0].Tags) != 51 || *d[0].Tags[0].Key != "aws:cloudformation:stack-name" ||
		len(d[1].Tags) != 2 || *d[1].Tags[1].Value != " spaces stay " || d[2].Tags == nil || len(d[2].Tags) != 0 {
		t.Errorf("tags %+v", d)
	}
	_, err = f.DescribeTags(f.ctx, &elb.DescribeTagsInput{ResourceArns: []string{arn, unknownTrustStore}})
	f.refused(err, "TrustStoreNotFound", "")
	_, err = f.DescribeTags(f.ctx, &elb.DescribeTagsInput{ResourceArns: make([]string, 21)})
	f.refused(err, "ValidationError", "'20'")
	_, err = f.DescribeTags(f.ctx, nil)
	f.refused(err, "ValidationError", "resourceArns")
}

func TestStatesOfTargetsHaveAWSsWords(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Real())
	web, nodes, fn := f.group("HTTP"), f.group("HTTP", ofTargets("instance")), f.group("", function)
	tell := func(arn, id string) string {
		t.Helper()
		out, err := f.DescribeTargetHealth(f.ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &arn,
			Targets: []types.TargetDescription{{Id: &id}}})
		f.ok(err)
		h := out.TargetHealthDescriptions[0].TargetHealth
		return fmt.Sprintf("%s %s %s", h.State, h.Reason, aws.ToString(h.Description))
	}
	expect := func(arn, id, want string) {
		t.Helper()
		if got := tell(arn, id); got != want {
			t.Errorf("%s is %q, want %q", id, got, want)
		}
	}
	const lambda = "arn:aws:lambda:us-west-2:123456789012:function:f"
	f.ok(f.add(web, types.TargetDescription{Id: aws.String("10.0.1.20")}))
	f.ok(f.add(web, types.TargetDescription{Id: aws.String("10.0.3.20")}))
	f.ok(f.add(nodes, types.TargetDescription{Id: aws.String(node1)}))
	f.ok(f.add(fn, types.TargetDescription{Id: aws.String(lambda)}))
	expect(web, "10.0.1.20", "unused Target.NotInUse Target group is not configured to receive traffic from the "+
		"load balancer")
	expect(web, "10.0.1.99", "unused Target.NotRegistered Target is not registered to the target group")
	lb := f.alb()
	own, _ := f.account.Interface(f.account.LoadBalancers[*lb.LoadBalancerArn].Zones[0].Interface)
	f.ok(f.add(web, types.TargetDescription{Id: aws.String(own.PrimaryAddress().String())}))
	f.listen(lb, "HTTP", 80, forwardTo(web, nodes, fn))
	expect(web, "10.0.1.20", "initial Elb.RegistrationInProgress Target registration is in progress")
	expect(web, "10.0.3.20", "unused Target.NotInUse Target is in an Availability Zone that is not enabled for the "+
		"load balancer")
	expect(web, own.PrimaryAddress().String(), "unused Target.IpUnusable The IP address cannot be used as a target, "+
		"because it is in use by a load balancer")
	expect(fn, lambda, "unavailable Target.HealthCheckDisabled Health checks are not enabled for this target")
	f.clock.Advance(account.Real().TargetInitial / 2)
	expect(web, "10.0.1.20", "initial Elb.InitialHealthChecking Initial health checks in progress")
	f.clock.Advance(time.Hour)
	expect(web, "10.0.1.20", "healthy  ")
	f.ok(f.account.SetInstanceState(node1, "stopped"))
	expect(nodes, node1, "unused Target.InvalidState Target is in the stopped state")
	_, err := f.DeregisterTargets(f.ctx, &elb.DeregisterTargetsInput{TargetGroupArn: &web,
		Targets: []types.TargetDescription{{Id: aws.String("10.0.1.20")}}})
	f.ok(err)
	expect(web, "10.0.1.20", "draining Target.DeregistrationInProgress Target deregistration is in progress")
}
