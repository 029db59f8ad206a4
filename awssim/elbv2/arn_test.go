package elbv2

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
)

const unknownTrustStore = "arn:aws:elasticloadbalancing:us-west-2:123456789012:truststore/none/0123456789abcdef"

func TestUnknownAndMalformedARNsHaveDifferentErrors(t *testing.T) {
	t.Parallel()
	f := instant(t)
	kinds := []struct {
		noun, arn, code, text string
		find                  func(arn string) error
	}{
		{"load balancer", unknownLoadBalancer, "LoadBalancerNotFound", "Load balancers '[%s]' not found",
			func(arn string) error {
				_, err := f.DescribeLoadBalancers(f.ctx, &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{arn}})
				return err
			}},
		{"target group", unknownTargetGroup, "TargetGroupNotFound", "One or more target groups not found",
			func(arn string) error {
				_, err := f.DescribeTargetGroups(f.ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{arn}})
				return err
			}},
		{"listener", unknownListener, "ListenerNotFound", "One or more listeners not found", func(arn string) error {
			_, err := f.DescribeListeners(f.ctx, &elb.DescribeListenersInput{ListenerArns: []string{arn}})
			return err
		}},
		{"listener rule", unknownRule, "RuleNotFound", "One or more rules not found", func(arn string) error {
			_, err := f.DescribeRules(f.ctx, &elb.DescribeRulesInput{RuleArns: []string{arn}})
			return err
		}},
		{"trust store", unknownTrustStore, "TrustStoreNotFound", "Trust store '%s' not found", func(arn string) error {
			_, err := f.DescribeTrustStores(f.ctx, &elb.DescribeTrustStoresInput{TrustStoreArns: []string{arn}})
			return err
		}},
	}
	for i, k := range kinds {
		elsewhere := strings.Replace(k.arn, "123456789012", "210987654321", 1)
		for _, c := range []struct{ name, arn, code, text string }{
			{"unknown", k.arn, k.code, k.text},
			{"another account", elsewhere, k.code, k.text},
			{"another region", strings.Replace(k.arn, "us-west-2", "eu-west-1", 1), "ValidationError", "'eu-west-1'"},
			{"another partition", strings.Replace(k.arn, "arn:aws:", "arn:aws-cn:", 1), "ValidationError",
				"'%s' is not a valid " + k.noun + " ARN"},
			{"another service", strings.Replace(k.arn, "elasticloadbalancing", "ec2", 1), "ValidationError",
				"'%s' is not a valid " + k.noun + " ARN"},
			{"another kind", kinds[(i+1)%len(kinds)].arn, "ValidationError", "'%s' is not a valid " + k.noun + " ARN"},
			{"no ARN", k.noun, "ValidationError", "'%s' is not a valid " + k.noun + " ARN"},
		} {
			if strings.Contains(c.text, "%s") {
				c.text = fmt.Sprintf(c.text, c.arn)
			}
			t.Log(k.noun, c.name)
			f.refused(k.find(c.arn), c.code, c.text)
		}
	}
}

func TestARNsHaveAWSForms(t *testing.T) {
	t.Parallel()
	f := instant(t)
	alb, nlb := f.alb(), f.nlb()
	gwlb := f.balancer("gateway", func(in *elb.CreateLoadBalancerInput) { in.Scheme = "" })
	if gwlb.DNSName != nil || gwlb.CanonicalHostedZoneId != nil || gwlb.Scheme != "" {
		t.Errorf("a gateway load balancer has the name %v", aws.ToString(gwlb.DNSName))
	}
	web, tcp := f.group("HTTP"), f.group("TCP")
	front, back := f.listen(alb, "HTTP", 80, forwardTo(web)), f.listen(nlb, "TCP", 80, forwardTo(tcp))
	behind, err := f.CreateListener(f.ctx, &elb.CreateListenerInput{LoadBalancerArn: gwlb.LoadBalancerArn,
		DefaultActions: forwardTo(f.group("", kindsOfGroups["GENEVE"]))})
	f.ok(err)
	r, err := f.addRule(front, 1, respond("200"))
	f.ok(err)
	first := func(l types.Listener) string {
		out, err := f.DescribeRules(f.ctx, &elb.DescribeRulesInput{ListenerArn: l.ListenerArn})
		f.ok(err)
		rules := out.Rules
		return *rules[len(rules)-1].RuleArn
	}
	const id = "/[0-9a-f]{16}"
	for name, c := range map[string]struct{ arn, form string }{
		"application load balancer": {*alb.LoadBalancerArn, "loadbalancer/app/" + *alb.LoadBalancerName + id},
		"network load balancer":     {*nlb.LoadBalancerArn, "loadbalancer/net/" + *nlb.LoadBalancerName + id},
		"gateway load balancer":     {*gwlb.LoadBalancerArn, "loadbalancer/gwy/" + *gwlb.LoadBalancerName + id},
		"target group":              {web, "targetgroup/n[x]+" + id},
		"listener, ALB": {*front.ListenerArn, strings.Replace(resource(*alb.LoadBalancerArn), "loadbalancer",
			"listener", 1) + id},
		"listener, NLB": {*back.ListenerArn, strings.Replace(resource(*nlb.LoadBalancerArn), "loadbalancer",
			"listener", 1) + id},
		"listener, GWLB": {*behind.Listeners[0].ListenerArn, strings.Replace(resource(*gwlb.LoadBalancerArn),
			"loadbalancer", "listener", 1) + id},
		"rule": {*r.RuleArn, strings.Replace(resource(*front.ListenerArn), "listener",
			"listener-rule", 1) + id},
		"default rule": {first(front), strings.Replace(resource(*front.ListenerArn), "listener",
			"listener-rule", 1) + id},
		"default rule, NLB": {first(back), strings.Replace(resource(*back.ListenerArn), "listener",
			"listener-rule", 1) + id},
		"trust store": {*f.trusting("ca"), "truststore/ca" + id},
	} {
		if !regexp.MustCompile("^arn:aws:elasticloadbalancing:us-west-2:123456789012:" + c.form + "$").MatchString(c.arn) {
			t.Errorf("%s: %s is not of the form %s", name, c.arn, c.form)
		}
	}
}

// resource is the last part of an ARN.
func resource(arn string) string { return arn[strings.LastIndex(arn, ":")+1:] }

func TestNamesEndInThePartitionsDomain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	f.account.Partition, f.account.Region = "aws-cn", "cn-north-1"
	for _, c := range []struct {
		typ  types.LoadBalancerTypeEnum
		dns  string
		zone string
	}{
		{"application", `^internal-nx+-\d{10}\.cn-north-1\.elb\.amazonaws\.com\.cn$`, "Z1GDH35T77C1KE"},
		{"network", `^nx+-[0-9a-f]{16}\.elb\.cn-north-1\.amazonaws\.com\.cn$`, "Z3QFB96KMJ7ED6"},
	} {
		if lb := f.balancer(c.typ); !regexp.MustCompile(c.dns).MatchString(*lb.DNSName) ||
			*lb.CanonicalHostedZoneId != c.zone {
			t.Errorf("%s: %s in zone %s", c.typ, *lb.DNSName, *lb.CanonicalHostedZoneId)
		}
	}
}

// TestEveryRegionHasItsHostedZones compares with AWS's list of endpoints of Elastic Load Balancing.
func TestEveryRegionHasItsHostedZones(t *testing.T) {
	t.Parallel()
	for region, want := range hostedZones {
		a := &account.Account{Region: region}
		if application, network := a.BalancerZones(); application+" "+network != want {
			t.Errorf("%s: %s %s, want %s", region, application, network, want)
		}
	}
}
