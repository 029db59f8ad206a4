package tenants

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestAbsentNameIsNotReadAtEachEdit has a member of a group name what AWS does not have, and edit itself again and
// again. Nothing is read again for 15 seconds, and then only what the name is looked up in.
func TestAbsentNameIsNotReadAtEachEdit(t *testing.T) {
	t.Parallel()
	const prefix = "alb.ingress.kubernetes.io/"
	for what, c := range map[string]struct {
		web               map[string]string // of another member, which names what exists
		annotation, value string
		again             string // the only action of reads a minute later
	}{
		"target group": {map[string]string{"security-groups": "sg-0a1de000000000002",
			"subnets": "subnet-0a1de0000000000a2,subnet-0a1de0000000000b2"}, "actions.evil",
			forwardTo("absent"), "DescribeTargetGroups"},
		"security group": {nil, "security-groups", "absent", "DescribeSecurityGroups"},
		"subnet":         {nil, "subnets", "absent", "DescribeSubnets"},
		"web ACL":        {nil, "wafv2-acl-name", "absent", "ListWebACLs"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, append(lab.GroupMember("shop", "web", 0, c.web), lab.Class())...)
			evil := lab.GroupMember("shop", "evil", 9, nil)
			i, _ := evil[1].(*networkingv1.Ingress)
			i.Annotations[prefix+c.annotation] = c.value
			if strings.HasPrefix(c.annotation, "actions.") {
				i.Spec.Rules[0].HTTP.Paths[0].Backend.Service = &networkingv1.IngressServiceBackend{Name: "evil",
					Port: networkingv1.ServiceBackendPort{Name: "use-annotation"}}
			}
			l.Create(evil...)
			l.Settle(lab.FrontGroup)
			pass := func(n int) map[string]int {
				l.Edit("evil", func(i *networkingv1.Ingress) { i.Annotations["touched"] = fmt.Sprint(n) })
				mark := l.Mark()
				if _, err := l.Round(lab.FrontGroup); err != nil {
					t.Fatal(err)
				}
				_, by := l.Counts(mark)
				return by
			}
			pass(0)
			for n := range 5 {
				if by := pass(1 + n); len(by) > 0 {
					t.Errorf("an edit reads again: %v", by)
				}
			}
			l.Clock.Advance(time.Minute)
			if by := pass(6); by[c.again] != 1 || len(by) != 1 {
				t.Errorf("after a minute: %v, want one %s", by, c.again)
			}
			if text := strings.Join(l.Events, "\n"); !strings.Contains(text, "absent") {
				t.Errorf("not reported:\n%s", text)
			}
		})
	}
}

// TestNameIsFoundOnceItExists has a target group come into being after an object that names it. It is found a minute
// after an edit of the object, at the latest.
func TestNameIsFoundOnceItExists(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, append(lab.GroupMember("shop", "web", 0, nil), lab.Class())...)
	late := lab.GroupMember("shop", "late", 9, nil)
	i, _ := late[1].(*networkingv1.Ingress)
	i.Annotations["alb.ingress.kubernetes.io/actions.late"] = forwardTo("theirs")
	i.Spec.Rules[0].HTTP.Paths[0].Backend.Service = &networkingv1.IngressServiceBackend{Name: "late",
		Port: networkingv1.ServiceBackendPort{Name: "use-annotation"}}
	l.Create(late...)
	l.Settle(lab.FrontGroup)
	group, err := l.Sim.Balancing.CreateTargetGroup(t.Context(), &elbv2.CreateTargetGroupInput{Name: aws.String("theirs"),
		Port: aws.Int32(80), Protocol: "HTTP", TargetType: "ip", VpcId: aws.String("vpc-0a1de000000000001")})
	if err != nil {
		t.Fatal(err)
	}
	l.Edit("late", func(i *networkingv1.Ingress) { i.Annotations["touched"] = "yes" })
	l.PassWith(time.Minute+time.Second, lab.FrontGroup)
	rules := fmt.Sprintf("%+v", l.Sim.Resources().LoadBalancers[0].Listeners)
	if !strings.Contains(rules, aws.ToString(group.TargetGroups[0].TargetGroupArn)) && !strings.Contains(rules, "theirs") {
		t.Errorf("no rule forwards to it: %s\n%s", rules, strings.Join(l.Events, "\n"))
	}
}
