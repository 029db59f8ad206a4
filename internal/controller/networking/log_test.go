package networking

import (
	"context"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"

	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/secgroup"
	"github.com/k8s-lbc/lbc/internal/stack"
)

func TestWhatIsOpenedAndClosedForTargetsIsLoggedBeforeItIsDone(t *testing.T) {
	t.Parallel()
	var lines []string
	log := funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{})
	nodes := stack.Literal(stack.KindSecurityGroup, "sg-nodes")
	p := plan.Plan{Key: secgroup.Key, Steps: []plan.Step{
		{ID: "a", Action: plan.Update, Resource: nodes, Op: elb.AuthorizeSecurityGroupIngress{Group: nodes, Permissions: []stack.Permission{
			{Protocol: "tcp", FromPort: 30080, ToPort: 30082, Group: stack.Literal(stack.KindSecurityGroup, "sg-backend")},
		}}},
		{ID: "r", Action: plan.Update, Resource: nodes, Op: elb.RevokeSecurityGroupIngress{Group: nodes, Permissions: []stack.Permission{
			{Protocol: "udp", FromPort: 53, ToPort: 53, CIDR: "10.0.0.0/16"}, {Protocol: "tcp", FromPort: 80, ToPort: 80, IPv6CIDR: "fd00::/8"},
		}}},
	}}
	ran := false
	LogRules(log, func(context.Context, plan.Plan) apply.Result {
		ran = len(lines) == 1
		return apply.Result{}
	})(t.Context(), p)
	if !ran {
		t.Fatalf("not run after one line: %q", lines)
	}
	for _, want := range []string{
		"carrying out plan",
		"AuthorizeSecurityGroupIngress sg-nodes (open tcp 30080-30082 from sg-backend)",
		"RevokeSecurityGroupIngress sg-nodes (close udp 53-53 from 10.0.0.0/16)",
		"RevokeSecurityGroupIngress sg-nodes (close tcp 80-80 from fd00::/8)",
	} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("the line lacks %q: %s", want, lines[0])
		}
	}
}
