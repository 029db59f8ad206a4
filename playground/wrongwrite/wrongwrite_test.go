package wrongwrite

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/gate"
)

var epoch = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

// at is a time, in seconds.
func at(second int) time.Time { return epoch.Add(time.Duration(second) * time.Second) }

// asks is the Ingress shop/web from a time on.
func asks(second int, spec string) Version {
	return Version{Time: at(second), Object: "Ingress shop/web", Stack: "shop/web", Asks: true, Spec: spec}
}

// gone is its end.
func gone(second int) Version {
	return Version{Time: at(second), Object: "Ingress shop/web", Stack: "shop/web"}
}

// endpoints is an EndpointSlice with one address.
func endpoints(second int, address string, ready bool) Version {
	return Version{Time: at(second), Object: "EndpointSlice shop/web-1", Endpoints: map[string]bool{address: ready}}
}

// pod is a pod with an address, which is being deleted or not.
func pod(second int, name, address string, ended bool) Version {
	return Version{Time: at(second), Object: "Pod shop/" + name, Address: address, Ended: ended}
}

const (
	prefix = "arn:aws:elasticloadbalancing:us-west-2:1:"
	lb     = prefix + "loadbalancer/app/k8s-web/1"
	rule   = prefix + "listener-rule/app/k8s-web/1/2/3"
	tg     = prefix + "targetgroup/k8s-tg/1"
)

func call(second int, action string, in any) gate.Call {
	return gate.Call{Time: at(second), Action: action, Input: in, Status: 200}
}

var ingressTag = []types.Tag{{Key: aws.String("ingress.k8s.aws/stack"), Value: aws.String("shop/web")}}

func create(second int) gate.Call {
	return call(second, "CreateLoadBalancer", &elb.CreateLoadBalancerInput{Name: aws.String("k8s-web"), Tags: ingressTag,
		SecurityGroups: []string{"sg-1", "sg-shared"}})
}

func createGroup(second int) gate.Call {
	return call(second, "CreateTargetGroup", &elb.CreateTargetGroupInput{Name: aws.String("k8s-tg"), Tags: ingressTag})
}

func createOther(second int) gate.Call {
	return call(second, "CreateLoadBalancer", &elb.CreateLoadBalancerInput{
		Name: aws.String("k8s-other"), SecurityGroups: []string{"sg-shared"}, Tags: []types.Tag{
			{Key: aws.String("ingress.k8s.aws/stack"), Value: aws.String("shop/other")}},
	})
}

func remove(second int) gate.Call {
	return call(second, "DeleteLoadBalancer", &elb.DeleteLoadBalancerInput{LoadBalancerArn: aws.String(lb)})
}

func removeRule(second int) gate.Call {
	return call(second, "DeleteRule", &elb.DeleteRuleInput{RuleArn: aws.String(rule)})
}

func removeGroup(second int, id string) gate.Call {
	return call(second, "DeleteSecurityGroup", &ec2.DeleteSecurityGroupInput{GroupId: aws.String(id)})
}

func register(second int, address string) gate.Call {
	return call(second, "RegisterTargets", &elb.RegisterTargetsInput{TargetGroupArn: aws.String(tg),
		Targets: []types.TargetDescription{{Id: aws.String(address)}}})
}

func deregister(second int, address string) gate.Call {
	return call(second, "DeregisterTargets", &elb.DeregisterTargetsInput{TargetGroupArn: aws.String(tg),
		Targets: []types.TargetDescription{{Id: aws.String(address)}}})
}

func revoke(second int, id string) gate.Call {
	return call(second, "RevokeSecurityGroupIngress", &ec2.RevokeSecurityGroupIngressInput{GroupId: aws.String(id)})
}

func TestWritesThatNoObjectJustifiesAreFound(t *testing.T) {
	t.Parallel()
	other := Version{Time: at(0), Object: "Ingress shop/other", Stack: "shop/other", Asks: true}
	first := []Version{asks(0, "v1")}
	for _, c := range []struct {
		name    string
		history []Version
		calls   []gate.Call
		want    string // part of the only finding; empty: there is none
	}{
		{"a load balancer is made for an Ingress", first, []gate.Call{create(1)}, ""},
		{"the history notices the Ingress a moment later than the controller", []Version{asks(2, "v1")}, []gate.Call{
			create(1)}, ""},
		{"a load balancer is made for nothing", nil, []gate.Call{create(1)}, "no object asked"},
		{"a load balancer is made before its Ingress", []Version{asks(20, "v1")}, []gate.Call{create(1)}, "no object asked"},
		{"a load balancer is made for another Ingress", []Version{other}, []gate.Call{create(1)}, "no object asked"},
		{"a load balancer is made for an Ingress that has just gone", []Version{asks(0, "v1"), gone(50)}, []gate.Call{
			create(55)}, ""},
		{"a load balancer is made for an Ingress of long ago", []Version{asks(0, "v1"), gone(50)}, []gate.Call{create(100)},
			"no object asked"},
		{"a creation that AWS refused", nil, []gate.Call{{Time: at(1), Action: "CreateLoadBalancer", Status: 400,
			Code: "TooManyLoadBalancers"}}, ""},
		{"values are modified, tags are set, things are read", first, []gate.Call{
			create(1), call(2, "ModifyRule", &elb.ModifyRuleInput{RuleArn: aws.String(rule)}),
			call(3, "DescribeRules", &elb.DescribeRulesInput{}),
			call(3, "CreateTags", &ec2.CreateTagsInput{Resources: []string{"sg-9"}}),
		}, ""},

		{"the load balancer of a deleted Ingress goes", []Version{asks(0, "v1"), gone(50)}, []gate.Call{
			create(1), remove(51)}, ""},
		{"… long after, too", []Version{asks(0, "v1"), gone(50)}, []gate.Call{create(1), remove(500)}, ""},
		{"the load balancer of an Ingress goes", first, []gate.Call{create(1), remove(51)}, "asks for it"},
		{"… of one that was edited", []Version{asks(0, "v1"), asks(9, "v2")}, []gate.Call{create(1), remove(51)},
			"asks for it"},
		{"… of one that is deleted later", []Version{asks(0, "v1"), gone(70)}, []gate.Call{create(1), remove(51)},
			"asks for it"},
		{"… of one that came back just now", []Version{asks(0, "v1"), gone(40), asks(45, "v1")}, []gate.Call{
			create(1), remove(51)}, ""},
		{"… of one that came back long ago", []Version{asks(0, "v1"), gone(40), asks(45, "v1")}, []gate.Call{
			create(1), remove(151)}, "asks for it"},
		{"… of one that was made just now", []Version{asks(0, "v1")}, []gate.Call{create(1), remove(2)}, "asks for it"},
		{"a load balancer that nobody knows goes", []Version{asks(0, "v1"), gone(1)}, []gate.Call{remove(51)},
			"no call of the record"},

		{"a rule goes after an edit", []Version{asks(0, "v1"), asks(9, "v2")}, []gate.Call{create(1), removeRule(10)}, ""},
		{"a rule goes with its Ingress", []Version{asks(0, "v1"), gone(9)}, []gate.Call{create(1), removeRule(10)}, ""},
		{"a rule goes", first, []gate.Call{create(1), removeRule(10)}, "was not edited"},
		{"a rule goes before the edit", []Version{asks(0, "v1"), asks(19, "v2")}, []gate.Call{create(1), removeRule(10)},
			"was not edited"},
		{"a rule goes after a version that says the same", []Version{asks(0, "v1"), asks(9, "v1")}, []gate.Call{
			create(1), removeRule(10)}, "was not edited"},
		{"a rule goes after an edit of another Ingress", []Version{asks(0, "v1"), other, {Time: at(5), Object: other.Object,
			Stack: other.Stack, Asks: true, Spec: "v2"}}, []gate.Call{create(1), removeRule(10)}, "was not edited"},

		{"the security group of a deleted Ingress goes", []Version{asks(0, "v1"), gone(50)}, []gate.Call{
			create(1), removeGroup(51, "sg-1")}, ""},
		{"the security group of an Ingress goes", first, []gate.Call{create(1), removeGroup(51, "sg-1")}, "asks for it"},
		{"a shared group goes while one of its stacks is left", []Version{other, asks(0, "v1"), gone(50)}, []gate.Call{
			create(1), createOther(1), removeGroup(51, "sg-shared")}, `stack "shop/other" asks for it`},
		{"a group is made for its stack", first, []gate.Call{call(1, "CreateSecurityGroup", &ec2.CreateSecurityGroupInput{
			TagSpecifications: []ec2types.TagSpecification{
				{Tags: []ec2types.Tag{{Key: aws.String("ingress.k8s.aws/stack"), Value: aws.String("shop/web")}}}}})}, ""},
		{"a shared group is made while there is any stack", first, []gate.Call{
			call(1, "CreateSecurityGroup", &ec2.CreateSecurityGroupInput{})}, ""},
		{"a shared group is made without any stack", nil, []gate.Call{
			call(1, "CreateSecurityGroup", &ec2.CreateSecurityGroupInput{})}, "no object asked"},
		{"a rule of a foreign group goes after an edit", []Version{asks(0, "v1"), asks(9, "v2")}, []gate.Call{
			revoke(10, "sg-nodes")}, ""},
		{"a rule of a foreign group goes", first, []gate.Call{revoke(10, "sg-nodes")}, "no object was edited"},
		{"a rule of the stack's group goes", first, []gate.Call{create(1), revoke(10, "sg-1")}, "was not edited"},

		{"an endpoint is registered", []Version{asks(0, "v1"), endpoints(3, "10.0.0.1", false)}, []gate.Call{
			createGroup(1), register(4, "10.0.0.1")}, ""},
		{"a target is registered that is no endpoint", []Version{asks(0, "v1"), endpoints(3, "10.0.0.1", true)}, []gate.Call{
			createGroup(1), register(4, "10.0.0.2")}, "no EndpointSlice had 10.0.0.2"},
		{"an endpoint of long ago is registered", []Version{asks(0, "v1"), endpoints(3, "10.0.0.2", true),
			endpoints(9, "10.0.0.1", true)}, []gate.Call{createGroup(1), register(90, "10.0.0.2")},
			"no EndpointSlice had 10.0.0.2"},
		{"an endpoint that is ready no more is deregistered", []Version{asks(0, "v1"), endpoints(3, "10.0.0.1", true),
			endpoints(9, "10.0.0.1", false)}, []gate.Call{createGroup(1), deregister(10, "10.0.0.1")}, ""},
		{"an endpoint that is no more is deregistered", []Version{asks(0, "v1"), endpoints(3, "10.0.0.1", true),
			endpoints(9, "10.0.0.2", true)}, []gate.Call{createGroup(1), deregister(90, "10.0.0.1")}, ""},
		{"a ready endpoint is deregistered", []Version{asks(0, "v1"), endpoints(3, "10.0.0.1", true)}, []gate.Call{
			createGroup(1), deregister(90, "10.0.0.1")}, "10.0.0.1 is a ready endpoint"},
		{"… which was not ready long ago", []Version{asks(0, "v1"), endpoints(3, "10.0.0.1", false),
			endpoints(9, "10.0.0.1", true)}, []gate.Call{createGroup(1), deregister(90, "10.0.0.1")},
			"10.0.0.1 is a ready endpoint"},
		{"… which was not ready just before", []Version{asks(0, "v1"), endpoints(70, "10.0.0.1", false),
			endpoints(80, "10.0.0.1", true)}, []gate.Call{createGroup(1), deregister(90, "10.0.0.1")},
			"10.0.0.1 is a ready endpoint"},
		{"… which was not ready for a moment", []Version{asks(0, "v1"), endpoints(70, "10.0.0.1", true),
			endpoints(80, "10.0.0.1", false), endpoints(81, "10.0.0.1", true)}, []gate.Call{
			createGroup(1), deregister(90, "10.0.0.1")}, ""},
		{"a ready endpoint is deregistered whose pod is being deleted", []Version{asks(0, "v1"),
			pod(2, "web-1", "10.0.0.1", false), endpoints(3, "10.0.0.1", true), pod(80, "web-1", "10.0.0.1", true)},
			[]gate.Call{createGroup(1), deregister(90, "10.0.0.1")}, ""},
		{"… whose address has another pod by now", []Version{asks(0, "v1"), pod(2, "web-1", "10.0.0.1", false),
			endpoints(3, "10.0.0.1", true), pod(4, "web-1", "10.0.0.1", true), pod(5, "web-2", "10.0.0.1", false)},
			[]gate.Call{createGroup(1), deregister(90, "10.0.0.1")}, "10.0.0.1 is a ready endpoint"},
		{"an endpoint that never was ready is deregistered", []Version{asks(0, "v1"), endpoints(70, "10.0.0.1", false)},
			[]gate.Call{createGroup(1), register(71, "10.0.0.1"), deregister(90, "10.0.0.1")}, ""},
		{"… of a deleted Ingress", []Version{asks(0, "v1"), endpoints(3, "10.0.0.1", true), gone(80)}, []gate.Call{
			createGroup(1), deregister(90, "10.0.0.1")}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			history := slices.Clone(c.history)
			slices.Reverse(history) // they may come in any order
			got := Find(history, c.calls, Bounds{Late: 30 * time.Second, Ahead: 3 * time.Second})
			if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}
