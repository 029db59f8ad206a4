package sgsync

import (
	"context"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

func TestWhatIsOpenedAndClosedForTargetsIsLoggedBeforeItIsDone(t *testing.T) {
	t.Parallel()
	d := newDesk(
		&account{rules: on("sg-node", stack.Permission{Protocol: "udp", FromPort: 53, ToPort: 53, CIDR: "10.0.0.0/16",
			Description: Label},
			stack.Permission{Protocol: "tcp", FromPort: 80, ToPort: 80, IPv6CIDR: "fd00::/8", Description: Label})})
	var lines []string
	d.k.Log = funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{})
	written := 0
	d.k.Write = func(ctx context.Context, key stack.Key, id plan.StepID, op plan.Operation) apply.Outcome {
		if written++; len(lines) != written {
			t.Errorf("not written after its line: %q", lines)
		}
		return d.write(ctx, key, id, op)
	}
	d.Set("a", on("sg-node", tcp(30080, 30082, "sg-backend")))
	if err := d.bring(t, "sg-node", "a", never); err != nil {
		t.Fatal(err)
	}
	if written != 2 {
		t.Fatalf("%d operations are written", written)
	}
	for n, want := range [][]string{
		{"opening ports", "sg-node", "tcp 30080-30082 from sg-backend"},
		{"closing ports", "sg-node", "udp 53-53 from 10.0.0.0/16", "tcp 80-80 from fd00::/8"},
	} {
		for _, text := range want {
			if !strings.Contains(lines[n], text) {
				t.Errorf("the line lacks %q: %s", text, lines[n])
			}
		}
	}
}
