package acceptance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// TestWhatIsChangedByHandStaysWhereADriftPolicyKeepsIt shows what each drift policy of an Ingress
// does to settings, rules, tags and ports that were changed in AWS by hand. It also changes a
// health check, which every case reverts: then the controller has found the other changes. It is
// not parallel, for the reason of TestWhatIsChangedByHandIsPutBack.
func TestWhatIsChangedByHandStaysWhereADriftPolicyKeepsIt(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for searches for drift, one in ten seconds; TestWhatIsChangedByHandIsPutBack shows one")
	}
	c := cluster(t)
	for _, by := range []string{"correct", "report", "ignore"} {
		t.Run(by, func(t *testing.T) {
			ns := "drift-" + by
			apply := func(timeout string) {
				t.Helper()
				c.Apply(t, scene.Ingress(ns, "web", scene.Class, public(scene.Annotations{
					"drift-policy": by + ",target-groups=correct", "load-balancer-attributes": "idle_timeout.timeout_seconds=" +
						timeout, "tags": "team=shop",
				}), scene.Path{Path: "/path"}))
			}
			c.Apply(t, scene.Namespace(ns, 2))
			apply("77")
			want := balancer{groups: []string{"ip HTTP 1, 2 targets"}}
			lb := check(t, c, ns, "web", want)
			rule, group, service := lb.Listeners[0].Rules[0], c.TargetGroups(lb)[0], c.Simulator.Balancing
			out, err := service.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{
				LoadBalancerArns: []string{lb.ARN}})
			if err != nil {
				t.Fatal(err)
			}
			groups, err := c.Simulator.Compute.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{
				GroupIds: out.LoadBalancers[0].SecurityGroups,
				Filters: []ec2types.Filter{{Name: aws.String("tag:ingress.k8s.aws/resource"), Values: []string{
					"ManagedLBSecurityGroup"}}}})
			if err != nil || len(groups.SecurityGroups) != 1 {
				t.Fatal(groups, err)
			}
			managed := groups.SecurityGroups[0].GroupId
			hand := byHand{t, c}
			hand.setIdleTimeout(lb.ARN, "30")
			hand.deleteRule(rule.ARN)
			hand.setTag(lb.ARN, "team", "night")
			hand.openPort(*managed, 22, "198.51.100.7/32")
			hand.setHealthCheck(group.ARN, "/by-hand")
			wait(t, c, "the search for drift", func() string {
				out, err := service.DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{
					TargetGroupArns: []string{group.ARN}})
				if err != nil {
					t.Fatal(err)
				}
				if path := aws.ToString(out.TargetGroups[0].HealthCheckPath); path == "/by-hand" {
					return "health check path " + path
				}
				return ""
			})
			// said waits for a note on the Ingress.
			said := func(text string) {
				t.Helper()
				wait(t, c, "the note "+text, func() string {
					var all []string
					for _, e := range c.Events(t, "Ingress", ns, "web") {
						if all = append(all, e.Message); strings.Contains(e.Message, text) {
							return ""
						}
					}
					return strings.Join(all, "; ")
				})
			}
			// state is what AWS holds of what was changed.
			state := func() string {
				now := c.LoadBalancer(t, lb.Name)
				g, err := c.Simulator.Compute.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{
					GroupIds: []string{*managed}})
				if err != nil {
					t.Fatal(err)
				}
				return fmt.Sprintf("idle timeout %s, %d rules, team %s, %d ports", now.Attributes["idle_timeout.timeout_seconds"],
					len(now.Listeners[0].Rules), now.Tags["team"],
					len(g.SecurityGroups[0].IpPermissions))
			}
			expect := func(what, want string) {
				t.Helper()
				wait(t, c, what, func() string {
					if got := state(); got != want {
						return got + ", want " + want
					}
					return ""
				})
			}
			const before, changed = "idle timeout 77, 2 rules, team shop, 1 ports",
				"idle timeout 30, 1 rules, team night, 2 ports"
			switch by {
			case "correct":
				expect("what was there before", before)
				said("undoing a change made in AWS")
			case "report":
				said("a change made in AWS stays")
				expect("what was changed", changed)
				apply("90") // of the attribute only
				expect("the edit beside what was changed", strings.Replace(changed, "timeout 30", "timeout 90", 1))
			case "ignore":
				expect("what was changed", changed)
			}
		})
	}
}
