package tenants

import (
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// manyTags is an annotation with so many tags.
func manyTags(prefix string, n int) map[string]string {
	var tags []string
	for i := range n {
		tags = append(tags, fmt.Sprintf("%s%02d=x", prefix, i))
	}
	return map[string]string{"tags": strings.Join(tags, ",")}
}

// TestTagsOfAMemberPreventNoLoadBalancer has two members of a group declare more tags than AWS allows of a resource.
func TestTagsOfAMemberPreventNoLoadBalancer(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, append(lab.GroupMember("shop", "web", 0, manyTags("web", 20)), lab.Class())...)
	l.Create(lab.GroupMember("mal", "evil", 1, manyTags("evil", 40))...)
	l.Settle(lab.FrontGroup)
	told := strings.Join(l.Events, "\n")
	if l.Balancers() != 1 || len(l.Sim.Resources().LoadBalancers[0].Listeners) == 0 {
		t.Fatalf("%d load balancers\n%s", l.Balancers(), told)
	}
	if !strings.Contains(told, "tags of this object are left out") || strings.Contains(told, "shop/web Quota") {
		t.Errorf("told\n%s", told)
	}
}
