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

// TestManyNamesDelayNobody has a member of a group name very many target groups, by name and by ARN, none of which
// exists, and new ones at each edit. Another member's edit takes effect in the same pass, after few calls.
func TestManyNamesDelayNobody(t *testing.T) {
	t.Parallel()
	const prefix = "alb.ingress.kubernetes.io/"
	name := func(n, round int) string { return fmt.Sprintf(`"targetGroupName":"absent-%d-%d"`, n, round) }
	arn := func(n, round int) string {
		return fmt.Sprintf(`"targetGroupARN":"arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/a%d/%016x"`, n,
			1000*round+n)
	}
	for what, c := range map[string]struct {
		n    int
		of   func(n, round int) string
		most int // calls of an edit
	}{
		"names":                   {400, name, 400/20 + 1},
		"ARNs":                    {400, arn, 400 / 20 * 25},
		"more names than allowed": {1000, name, 0},
		"more ARNs than allowed":  {1000, arn, 0},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, append(lab.GroupMember("shop", "web", 0, nil), lab.Class())...)
			evil := lab.GroupMember("shop", "evil", 9, nil)
			l.Create(evil...)
			l.Settle(lab.FrontGroup)
			for round := range 2 {
				l.Edit("evil", func(i *networkingv1.Ingress) {
					paths := &i.Spec.Rules[0].HTTP.Paths
					for n := 0; n < c.n; n += 5 {
						action := fmt.Sprint("a", n)
						i.Annotations[prefix+"actions."+action] = forwardToSome(n, round, c.of)
						if path := (*paths)[0]; round == 0 {
							path.Path, path.Backend.Service = "/"+action, &networkingv1.IngressServiceBackend{Name: action,
								Port: networkingv1.ServiceBackendPort{Name: "use-annotation"}}
							*paths = append(*paths, path)
						}
					}
				})
				l.Edit("web", func(i *networkingv1.Ingress) {
					i.Annotations[prefix+"healthcheck-path"] = fmt.Sprint("/check", round)
				})
				l.Clock.Advance(time.Minute)
				mark := l.Mark()
				if _, err := l.Round(lab.FrontGroup); err != nil {
					t.Fatal(err)
				}
				_, by := l.Counts(mark)
				if calls := by["DescribeTargetGroups"] + by["DescribeTags"]; calls > c.most+5 {
					t.Errorf("round %d: %d calls", round, calls)
				}
				if !strings.Contains(fmt.Sprintf("%+v", l.Sim.Resources().TargetGroups), fmt.Sprint("/check", round)) {
					t.Errorf("round %d: the edit of the other member is not in effect\n%s", round, strings.Join(l.Events, "\n"))
				}
			}
		})
	}
}

// forwardToSome is an action that forwards to five target groups of others, from the n-th on.
func forwardToSome(n, round int, of func(n, round int) string) string {
	var groups []string
	for k := range 5 {
		groups = append(groups, fmt.Sprintf(`{%s,"weight":1}`, of(n+k, round)))
	}
	return `{"type":"forward","forwardConfig":{"targetGroups":[` + strings.Join(groups, ",") + `]}}`
}
