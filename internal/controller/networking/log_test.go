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
	written := 0
	write := LogRules(log, func(context.Context, stack.Key, plan.StepID, plan.Operation) apply.Outcome {
		written++
		if len(lines) != written {
			t.Errorf("not written after its line: %q", lines)
		}
		return apply.Outcome{}
	})
	write(t.Context(), secgroup.Key, "a", elb.AuthorizeSecurityGroupIngress{Group: nodes, Permissions: []stack.Permission{
		{Protocol: "tcp", FromPort: 30080, ToPort: 30082, Group: stack.Literal(stack.KindSecurityGroup, "sg-backend")},
	}})
	write(t.Context(), secgroup.Key, "r", elb.RevokeSecurityGroupIngress{Group: nodes, Permissions: []stack.Permission{
		{Protocol: "udp", FromPort: 53, ToPort: 53, CIDR: "10.0.0.0/16"}, {Protocol: "tcp", FromPort: 80, ToPort: 80, IPv6CIDR: "fd00::/8"},
	}})
	if written != 2 {
		t.Fatalf("%d operations are written", written)
	}
	for n, want := range [][]string{
		{"opening ports", "sg-nodes", "tcp 30080-30082 from sg-backend"},
		{"closing ports", "sg-nodes", "udp 53-53 from 10.0.0.0/16", "tcp 80-80 from fd00::/8"},
	} {
		for _, text := range want {
			if !strings.Contains(lines[n], text) {
				t.Errorf("the line lacks %q: %s", text, lines[n])
			}
		}
	}
}
