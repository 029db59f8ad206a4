package tenants

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestValueThatAWSRefusesHoldsNoEditOfOthers has a newcomer of a group declare values of attributes and tags that AWS
// refuses: the same call sets those of the others.
func TestValueThatAWSRefusesHoldsNoEditOfOthers(t *testing.T) {
	t.Parallel()
	const prefix = "alb.ingress.kubernetes.io/"
	for name, c := range map[string]struct{ key, refused, edit, want string }{
		"load balancer attribute": {"load-balancer-attributes", "no.such.attribute=1", "idle_timeout.timeout_seconds=77",
			"idle_timeout.timeout_seconds:77"},
		"its value": {"load-balancer-attributes", "client_keep_alive.seconds=1",
			"idle_timeout.timeout_seconds=77", "idle_timeout.timeout_seconds:77"},
		"listener attribute": {"listener-attributes.HTTP-80", "no.such.attribute=1",
			"routing.http.response.server.enabled=false", "routing.http.response.server.enabled:false"},
		"tag": {"tags", "aws:team=b", "team=a", "team:a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{},
				append(append(lab.GroupMember("shop", "web", 0, nil), lab.GroupMember("mal", "evil", 9, map[string]string{
					c.key: c.refused})...), lab.Class())...)
			for range 3 {
				_, _ = l.Round(lab.FrontGroup) // with what AWS refuses
			}
			l.Edit("web", func(i *networkingv1.Ingress) { i.Annotations[prefix+c.key] = c.edit })
			for range 3 {
				_, _ = l.Round(lab.FrontGroup)
			}
			lb := l.Sim.Resources().LoadBalancers[0]
			has := func(of map[string]string) bool {
				key, value, _ := strings.Cut(c.want, ":")
				return of[key] == value
			}
			if !has(lb.Attributes) && !has(lb.Tags) && !has(lb.Listeners[0].Attributes) {
				t.Errorf("load balancer %+v\n%s", lb, strings.Join(l.Events, "\n"))
			}
		})
	}
}

// TestPrefixListThatIsNoneClosesNoPortOfOthers has a newcomer of a group open a port of its own to a prefix list that
// does not exist.
func TestPrefixListThatIsNoneClosesNoPortOfOthers(t *testing.T) {
	t.Parallel()
	const prefix = "alb.ingress.kubernetes.io/"
	evil := lab.GroupMember("mal", "evil", 9, map[string]string{"listen-ports": `[{"HTTP":9443}]`,
		"security-group-prefix-lists": "pl-0123456789abcdef0"})
	l := lab.New(t, account.Profile{}, append(append(lab.GroupMember("shop", "web", 0, nil), evil...), lab.Class())...)
	for range 3 {
		_, _ = l.Round(lab.FrontGroup) // with what AWS refuses
	}
	l.Edit("web", func(i *networkingv1.Ingress) {
		i.Annotations[prefix+"listen-ports"] = `[{"HTTP":80},{"HTTP":8081}]`
	})
	for range 3 {
		_, _ = l.Round(lab.FrontGroup)
	}
	open := map[int32]bool{}
	groups, err := l.Sim.Compute.DescribeSecurityGroups(t.Context(), &ec2.DescribeSecurityGroupsInput{})
	l.Must(err)
	for _, g := range groups.SecurityGroups {
		for _, p := range g.IpPermissions {
			if len(p.IpRanges) > 0 {
				open[aws.ToInt32(p.FromPort)] = true
			}
		}
	}
	if !open[80] || !open[8081] {
		t.Errorf("open are %v\n%s", open, strings.Join(l.Events, "\n"))
	}
}
