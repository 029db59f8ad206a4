package inbound

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
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// opened are the inbound rules of the nodes' group that the controller made: "SOURCE FROM-TO".
func opened(l *lab.Lab) []string {
	l.Helper()
	rules := l.Admitted(lab.NodeGroup)
	out, err := l.Sim.Compute.DescribeSecurityGroups(l.Context(), &ec2.DescribeSecurityGroupsInput{
		GroupIds: []string{lab.NodeGroup}})
	l.Must(err)
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

// limitedLab has a pod that listens at 8080 and a target group of a user whose health checks go to port 9000.
func limitedLab(t *testing.T, flags ...string) (l *lab.Lab, b *v1beta1.TargetGroupBinding) {
	t.Helper()
	l = lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Flags(flags...)
	arn := l.TargetGroup(elbtypes.TargetTypeEnumIp)
	_, err := l.Sim.Balancing.ModifyTargetGroup(t.Context(), &elbv2.ModifyTargetGroupInput{TargetGroupArn: &arn,
		HealthCheckPort: aws.String("9000")})
	l.Must(err)
	l.Create(lab.Pods("a", "10.0.128.50")...)
	return l, lab.Binding(arn, v1beta1.TargetTypeIP)
}

func TestNetworkingOfHostileBindings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		flag  string
		rules []string
		want  []string
		told  bool
	}{
		"ports of nodes":       {"", []string{"10.0.0.0/8 22,10250,8080"}, []string{"10.0.0.0/8 8080-8080"}, true},
		"only a port of nodes": {"", []string{lab.Peer + " 22"}, nil, true},
		"no port": {"", []string{"10.0.0.0/8 -"}, []string{"10.0.0.0/8 8080-8080",
			"10.0.0.0/8 9000-9000"}, false},
		"no list of ports": {"", []string{"10.0.0.0/8"}, []string{"10.0.0.0/8 8080-8080",
			"10.0.0.0/8 9000-9000"}, false},
		"a group and no port": {"", []string{lab.Peer + " -"}, []string{lab.Peer + " 8080-8080", lab.Peer +
			" 9000-9000"}, false},
		"the port of health checks": {"", []string{lab.Peer + " 9000"}, []string{lab.Peer + " 9000-9000"}, false},
		"everybody": {"", []string{"0.0.0.0/0 8080", "10.0.0.0/8 8080"}, []string{"10.0.0.0/8 8080-8080"},
			true},
		"everybody at ports of nodes": {"", []string{"0.0.0.0/0 22,10250"}, nil, true},
		"two halves":                  {"", []string{"0.0.0.0/1,128.0.0.0/1 8080"}, nil, true},
		"two halves in two rules":     {"", []string{"0.0.0.0/1 8080", "128.0.0.0/1 8080"}, nil, true},
		"everybody in IPv6":           {"", []string{"::/0 8080"}, nil, true},
		"an office":                   {"", []string{"198.51.100.0/24 8080"}, []string{"198.51.100.0/24 8080-8080"}, false},
		"any port": {"any-port", []string{lab.Peer + " 22", "0.0.0.0/0 8080"},
			[]string{lab.Peer + " 22-22"}, true},
		"any port, none written": {"shop=any-port", []string{lab.Peer + " -"}, []string{lab.Peer + " 0-65535"}, false},
		"any source":             {"any-source", []string{"0.0.0.0/0 8080,22"}, []string{"0.0.0.0/0 8080-8080"}, true},
		"everything": {"*", []string{"0.0.0.0/0 -", "::/0 22"},
			[]string{"0.0.0.0/0 0-65535", "::/0 22-22"}, false},
		"everything, another namespace": {"other=*", []string{"0.0.0.0/0 -", lab.Peer + " 22"}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, b := limitedLab(t, "--binding-networking="+c.flag)
			b.Spec.Networking = lab.NetworkingOf(c.rules...)
			// which anybody can write
			b.Labels = map[string]string{"ingress.k8s.aws/stack-namespace": "shop", "ingress.k8s.aws/stack-name": "web"}
			l.Create(b)
			l.Settle()
			if got := opened(l); !slices.Equal(got, c.want) {
				t.Errorf("rules %v, want %v", got, c.want)
			}
			if told := strings.Join(l.Events, "\n"); strings.Contains(told, "["+string(diag.NetworkingNotAllowed)+
				"]") != c.told {
				t.Errorf("told:\n%s", told)
			}
			if got := l.Targets(b.Spec.TargetGroupARN); len(got) != 1 {
				t.Errorf("targets %v", got)
			}
		})
	}
}

func TestLimitOfNetworkingFollowsEndpoints(t *testing.T) {
	t.Parallel()
	l, b := limitedLab(t)
	b.Spec.Networking = lab.NetworkingOf(lab.Peer+" -", lab.Peer+" web")
	svc := lab.Service("web")
	l.Create(b)
	l.Settle()
	slice := lab.Pods("a", "10.0.128.50")
	l.Get(svc, "web")
	for _, o := range slice {
		l.Must(l.Client.Delete(t.Context(), o))
	}
	l.Settle()
	l.Drain(10 * time.Minute)
	if got := opened(l); len(got) > 0 {
		t.Errorf("without endpoints: %v", got)
	}
	l.Create(lab.Pods("a", "10.0.128.51")...)
	l.Settle()
	if got, want := opened(l), []string{lab.Peer + " 8080-8080", lab.Peer + " 9000-9000"}; !slices.Equal(got, want) {
		t.Errorf("with endpoints again: %v, want %v", got, want)
	}
}

// A rule is in force that the binding may have needed for health checks, and its target group cannot be read.
func TestUnreadTargetGroupKeepsRulesInForce(t *testing.T) {
	t.Parallel()
	l, b := limitedLab(t)
	b.Spec.Networking = lab.NetworkingOf(lab.Peer + " 8080")
	l.Create(b)
	l.Settle()
	l.Standing([2]int32{9000, 9000}, [2]int32{7070, 7070})
	l.Inventory.SecurityGroups().ForgetRules(lab.NodeGroup)
	_, err := l.Sim.Gate.AddFault(gate.Fault{Action: "DescribeTargetGroups", Code: "InternalFailure", Status: 500})
	l.Must(err)
	l.Get(b, "bound")
	b.Spec.Networking = lab.NetworkingOf(lab.Peer+" 8080,9000,22", lab.Peer+" 9000")
	l.Must(l.Client.Update(t.Context(), b))
	for range 5 {
		_, _ = l.Round()
		l.Clock.Advance(20 * time.Second)
	}
	if got, want := opened(l), []string{lab.Peer + " 8080-8080", lab.Peer + " 9000-9000"}; !slices.Equal(got, want) {
		t.Errorf("unread: %v, want %v", got, want)
	}
	l.ToldOnce(`FailedReconcile: target group "` + b.Spec.TargetGroupARN + `"`)
	l.Sim.Gate.ClearFaults()
	l.Settle()
	if got, want := opened(l), []string{lab.Peer + " 8080-8080", lab.Peer + " 9000-9000"}; !slices.Equal(got, want) {
		t.Errorf("read: %v, want %v", got, want)
	}
}

// stackLab is a load balancer of shop whose binding has rules that no binding of a user may have: for all ports.
func stackLab(t *testing.T) (l *lab.Lab, b *v1beta1.TargetGroupBinding, rules []string) {
	t.Helper()
	l = lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("front", nil, "web"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Flags("--disable-restricted-sg-rules")
	l.Create(lab.Pods("a", "10.0.128.50")...)
	l.Settle(lab.Key("front"))
	rules = opened(l)
	if len(rules) != 1 || !strings.HasSuffix(rules[0], " 0-65535") {
		t.Fatalf("rules %v", rules)
	}
	l.Events = nil
	return l, ptr.To(l.AllBindings()[0]), rules
}

func TestNetworkingThatAStackPlannedIsNotLimited(t *testing.T) {
	t.Parallel()
	l, b, rules := stackLab(t)
	l.Restart()
	mark := l.Mark()
	for range 3 { // bindings come before their stack
		_, err := l.Round()
		l.Must(err)
		l.Clock.Advance(20 * time.Second)
	}
	if got := opened(l); !slices.Equal(got, rules) {
		t.Errorf("before its stack is known: %v, want %v", got, rules)
	}
	l.Settle(lab.Key("front"))
	if got := opened(l); !slices.Equal(got, rules) || len(l.Writes(mark)) > 0 {
		t.Errorf("rules %v, want %v; written %v", got, rules, l.Writes(mark))
	}
	if told := strings.Join(l.Events, "\n"); strings.Contains(told, string(diag.NetworkingNotAllowed)) {
		t.Errorf("told:\n%s", told)
	}
	l.Must(l.Client.Delete(t.Context(), &networkingv1.Ingress{ObjectMeta: lab.Ingress("front", nil, "web").ObjectMeta}))
	l.Settle(lab.Key("front"))
	if n := l.Ingresses.Bindings.Planned.Len(); n > 0 {
		t.Errorf("%d bindings of %s are remembered", n, b.Namespace)
	}
}

func TestEditOfAStacksBindingOpensNothing(t *testing.T) {
	t.Parallel()
	for name, restarts := range map[string]bool{"in one process": false, "at a start": true} {
		for edit, rules := range map[string][]string{"other ports": {"10.0.0.0/8 22,9000"}, "everybody": {"0.0.0.0/0 -"},
			"a group": {lab.Peer + " 22"}} {
			t.Run(name+", "+edit, func(t *testing.T) {
				t.Parallel()
				l, b, before := stackLab(t)
				b.Spec.Networking = lab.NetworkingOf(rules...)
				l.Must(l.Client.Update(t.Context(), b))
				if restarts {
					l.Restart()
				}
				_, _ = l.Round() // of bindings alone: their stack is held
				for _, rule := range opened(l) {
					if !slices.Contains(before, rule) && !strings.HasSuffix(rule, " 8080-8080") {
						t.Errorf("opened: %s", rule)
					}
				}
				l.Settle(lab.Key("front"))
				l.Drain(10 * time.Minute)
				l.Settle(lab.Key("front"))
				if got := opened(l); !slices.Equal(got, before) {
					t.Errorf("rules %v, want %v", got, before)
				}
			})
		}
	}
}
