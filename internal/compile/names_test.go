package compile

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// otherNames are those of a front end of its own.
type otherNames struct{}

func (otherNames) LoadBalancer(cluster string, id stack.ID, scheme string) string {
	return "lb-" + cluster + "-" + id.Name + "-" + scheme
}
func (otherNames) SecurityGroup(_ string, id stack.ID) string { return "group-" + id.Name }
func (otherNames) TargetGroup(_ string, _ stack.ID, g *intent.TargetGroup) string {
	return "targets-" + g.ServiceName + "-" + g.TargetType
}
func (otherNames) TargetGroups(o diag.Object) []string { return []string{o.Name + "."} }

func TestNamesAreThoseOfTheFrontEndWhateverTheTypeOfLoadBalancer(t *testing.T) {
	t.Parallel()
	for _, lb := range []intent.LoadBalancer{loadBalancer(ingress("n", "s")), service("TCP")} {
		lb.Names = otherNames{}
		s := mustBuild(t, Compile(lb, account(), config(), nil))
		var group string
		for _, g := range s.SecurityGroups {
			if g.ID == stack.ManagedSecurityGroup {
				group = g.Name
			}
		}
		id := lb.Key.ID.Name
		same(t, string(lb.Type), []string{s.LoadBalancers[0].Name, s.TargetGroups[0].Name, group},
			[]string{"lb-" + config().Cluster + "-" + id + "-internal", "targets-s-ip", "group-" + id})
	}
}
