package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// opened are the inbound rules of the nodes' group that the controller made: "SOURCE FROM-TO".
func (l *lab) opened() []string {
	l.Helper()
	rules := l.admitted(labNodeGroup)
	out, err := l.sim.Compute.DescribeSecurityGroups(l.Context(), &ec2.DescribeSecurityGroupsInput{GroupIds: []string{labNodeGroup}})
	l.must(err)
	for _, p := range out.SecurityGroups[0].IpPermissions {
		add := func(source, description *string) {
			if strings.Contains(aws.ToString(description), "targetGroupBinding=shared") {
				rules = append(rules, fmt.Sprintf("%s %d-%d", aws.ToString(source), aws.ToInt32(p.FromPort), aws.ToInt32(p.ToPort)))
			}
		}
		for _, r := range p.IpRanges {
			add(r.CidrIp, r.Description)
		}
		for _, r := range p.Ipv6Ranges {
			add(r.CidrIpv6, r.Description)
		}
	}
	slices.Sort(rules)
	return rules
}

// networkingOf writes rules of a binding: "SOURCE,SOURCE PORT,PORT", in which - is a port left out and nothing is no list of ports.
func networkingOf(rules ...string) *v1beta1.TargetGroupBindingNetworking {
	out := &v1beta1.TargetGroupBindingNetworking{}
	for _, text := range rules {
		var rule v1beta1.NetworkingIngressRule
		sources, ports, _ := strings.Cut(text, " ")
		for source := range strings.SplitSeq(sources, ",") {
			if strings.HasPrefix(source, "sg-") {
				rule.From = append(rule.From, v1beta1.NetworkingPeer{SecurityGroup: &v1beta1.SecurityGroup{GroupID: source}})
			} else {
				rule.From = append(rule.From, v1beta1.NetworkingPeer{IPBlock: &v1beta1.IPBlock{CIDR: source}})
			}
		}
		for port := range strings.FieldsFuncSeq(ports, func(r rune) bool { return r == ',' }) {
			p := v1beta1.NetworkingPort{}
			if port != "-" {
				p.Port = ptr.To(intstr.Parse(port))
			}
			rule.Ports = append(rule.Ports, p)
		}
		out.Ingress = append(out.Ingress, rule)
	}
	return out
}

// limitedLab has a pod that listens at 8080 and a target group of a user whose health checks go to port 9000.
func limitedLab(t *testing.T, flags ...string) (l *lab, b *v1beta1.TargetGroupBinding) {
	t.Helper()
	l = newLab(t, account.Profile{}, labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.flags(flags...)
	arn := l.targetGroup(elbtypes.TargetTypeEnumIp)
	_, err := l.sim.Balancing.ModifyTargetGroup(t.Context(), &elbv2.ModifyTargetGroupInput{TargetGroupArn: &arn, HealthCheckPort: aws.String("9000")})
	l.must(err)
	l.create(labPods("a", "10.0.128.50")...)
	return l, labBinding(arn, v1beta1.TargetTypeIP)
}

func TestNetworkingOfHostileBindings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flag  string
		rules []string
		want  []string
		told  bool
	}{
		"ports of nodes":                {"", []string{"10.0.0.0/8 22,10250,8080"}, []string{"10.0.0.0/8 8080-8080"}, true},
		"only a port of nodes":          {"", []string{labPeer + " 22"}, nil, true},
		"no port":                       {"", []string{"10.0.0.0/8 -"}, []string{"10.0.0.0/8 8080-8080", "10.0.0.0/8 9000-9000"}, false},
		"no list of ports":              {"", []string{"10.0.0.0/8"}, []string{"10.0.0.0/8 8080-8080", "10.0.0.0/8 9000-9000"}, false},
		"a group and no port":           {"", []string{labPeer + " -"}, []string{labPeer + " 8080-8080", labPeer + " 9000-9000"}, false},
		"the port of health checks":     {"", []string{labPeer + " 9000"}, []string{labPeer + " 9000-9000"}, false},
		"everybody":                     {"", []string{"0.0.0.0/0 8080", "10.0.0.0/8 8080"}, []string{"10.0.0.0/8 8080-8080"}, true},
		"everybody at ports of nodes":   {"", []string{"0.0.0.0/0 22,10250"}, nil, true},
		"two halves":                    {"", []string{"0.0.0.0/1,128.0.0.0/1 8080"}, nil, true},
		"two halves in two rules":       {"", []string{"0.0.0.0/1 8080", "128.0.0.0/1 8080"}, nil, true},
		"everybody in IPv6":             {"", []string{"::/0 8080"}, nil, true},
		"an office":                     {"", []string{"198.51.100.0/24 8080"}, []string{"198.51.100.0/24 8080-8080"}, false},
		"any port":                      {"any-port", []string{labPeer + " 22", "0.0.0.0/0 8080"}, []string{labPeer + " 22-22"}, true},
		"any port, none written":        {"shop=any-port", []string{labPeer + " -"}, []string{labPeer + " 0-65535"}, false},
		"any source":                    {"any-source", []string{"0.0.0.0/0 8080,22"}, []string{"0.0.0.0/0 8080-8080"}, true},
		"everything":                    {"*", []string{"0.0.0.0/0 -", "::/0 22"}, []string{"0.0.0.0/0 0-65535", "::/0 22-22"}, false},
		"everything, another namespace": {"other=*", []string{"0.0.0.0/0 -", labPeer + " 22"}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, b := limitedLab(t, "--binding-networking="+c.flag)
			b.Spec.Networking = networkingOf(c.rules...)
			b.Labels = map[string]string{"ingress.k8s.aws/stack-namespace": "shop", "ingress.k8s.aws/stack-name": "web"} // which anybody can write
			l.create(b)
			l.settle()
			if got := l.opened(); !slices.Equal(got, c.want) {
				t.Errorf("rules %v, want %v", got, c.want)
			}
			if told := strings.Join(l.events, "\n"); strings.Contains(told, "["+string(diag.NetworkingNotAllowed)+"]") != c.told {
				t.Errorf("told:\n%s", told)
			}
			if got := l.targets(b.Spec.TargetGroupARN); len(got) != 1 {
				t.Errorf("targets %v", got)
			}
		})
	}
}

func TestLimitOfNetworkingFollowsEndpoints(t *testing.T) {
	t.Parallel()
	l, b := limitedLab(t)
	b.Spec.Networking = networkingOf(labPeer+" -", labPeer+" web")
	svc := labService("web")
	l.create(b)
	l.settle()
	slice := labPods("a", "10.0.128.50")
	l.get(svc, "web")
	for _, o := range slice {
		l.must(l.client.Delete(t.Context(), o))
	}
	l.settle()
	l.drain(10 * time.Minute)
	if got := l.opened(); len(got) > 0 {
		t.Errorf("without endpoints: %v", got)
	}
	l.create(labPods("a", "10.0.128.51")...)
	l.settle()
	if got, want := l.opened(), []string{labPeer + " 8080-8080", labPeer + " 9000-9000"}; !slices.Equal(got, want) {
		t.Errorf("with endpoints again: %v, want %v", got, want)
	}
}

// A rule is in force that the binding may have needed for health checks, and its target group cannot be read.
func TestUnreadTargetGroupKeepsRulesInForce(t *testing.T) {
	t.Parallel()
	l, b := limitedLab(t)
	b.Spec.Networking = networkingOf(labPeer + " 8080")
	l.create(b)
	l.settle()
	l.standing([2]int32{9000, 9000}, [2]int32{7070, 7070})
	l.inventory.SecurityGroups().ForgetRules(labNodeGroup)
	_, err := l.sim.Gate.AddFault(gate.Fault{Action: "DescribeTargetGroups", Code: "InternalFailure", Status: 500})
	l.must(err)
	l.get(b, "bound")
	b.Spec.Networking = networkingOf(labPeer+" 8080,9000,22", labPeer+" 9000")
	l.must(l.client.Update(t.Context(), b))
	for range 5 {
		_, _ = l.round()
		l.clock.Advance(20 * time.Second)
	}
	if got, want := l.opened(), []string{labPeer + " 8080-8080", labPeer + " 9000-9000"}; !slices.Equal(got, want) {
		t.Errorf("unread: %v, want %v", got, want)
	}
	l.toldOnce("FailedReconcile: Failed reconcile due to target group " + b.Spec.TargetGroupARN)
	l.sim.Gate.ClearFaults()
	l.settle()
	if got, want := l.opened(), []string{labPeer + " 8080-8080", labPeer + " 9000-9000"}; !slices.Equal(got, want) {
		t.Errorf("read: %v, want %v", got, want)
	}
}

// stackLab is a load balancer of shop whose binding has rules that no binding of a user may have: for all ports.
func stackLab(t *testing.T) (l *lab, b *v1beta1.TargetGroupBinding, rules []string) {
	t.Helper()
	l = newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("front", nil, "web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.flags("--disable-restricted-sg-rules")
	l.create(labPods("a", "10.0.128.50")...)
	l.settle(implicit("front"))
	rules = l.opened()
	if len(rules) != 1 || !strings.HasSuffix(rules[0], " 0-65535") {
		t.Fatalf("rules %v", rules)
	}
	l.events = nil
	return l, ptr.To(l.allBindings()[0]), rules
}

func TestNetworkingThatAStackPlannedIsNotLimited(t *testing.T) {
	t.Parallel()
	l, b, rules := stackLab(t)
	l.restart()
	mark := l.mark()
	for range 3 { // bindings come before their stack
		_, err := l.round()
		l.must(err)
		l.clock.Advance(20 * time.Second)
	}
	if got := l.opened(); !slices.Equal(got, rules) {
		t.Errorf("before its stack is known: %v, want %v", got, rules)
	}
	l.settle(implicit("front"))
	if got := l.opened(); !slices.Equal(got, rules) || len(l.writes(mark)) > 0 {
		t.Errorf("rules %v, want %v; written %v", got, rules, l.writes(mark))
	}
	if told := strings.Join(l.events, "\n"); strings.Contains(told, string(diag.NetworkingNotAllowed)) {
		t.Errorf("told:\n%s", told)
	}
	l.must(l.client.Delete(t.Context(), &networkingv1.Ingress{ObjectMeta: labIngress("front", nil, "web").ObjectMeta}))
	l.settle(implicit("front"))
	if n := l.ingresses.Bindings.Planned.Len(); n > 0 {
		t.Errorf("%d bindings of %s are remembered", n, b.Namespace)
	}
}

func TestEditOfAStacksBindingOpensNothing(t *testing.T) {
	t.Parallel()
	for name, restarts := range map[string]bool{"in one process": false, "at a start": true} {
		for edit, rules := range map[string][]string{"other ports": {"10.0.0.0/8 22,9000"}, "everybody": {"0.0.0.0/0 -"}, "a group": {labPeer + " 22"}} {
			t.Run(name+", "+edit, func(t *testing.T) {
				t.Parallel()
				l, b, before := stackLab(t)
				b.Spec.Networking = networkingOf(rules...)
				l.must(l.client.Update(t.Context(), b))
				if restarts {
					l.restart()
				}
				_, _ = l.round() // of bindings alone: their stack is held
				for _, rule := range l.opened() {
					if !slices.Contains(before, rule) && !strings.HasSuffix(rule, " 8080-8080") {
						t.Errorf("opened: %s", rule)
					}
				}
				l.settle(implicit("front"))
				l.drain(10 * time.Minute)
				l.settle(implicit("front"))
				if got := l.opened(); !slices.Equal(got, before) {
					t.Errorf("rules %v, want %v", got, before)
				}
			})
		}
	}
}
