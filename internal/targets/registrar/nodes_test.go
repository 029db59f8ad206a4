package registrar

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// nodeBench is a registry whose targets are on nodes.
type nodeBench struct {
	*testing.T
	*balancing
	r     *Registry
	clock *clock.Stepped
}

func newNodeBench(t *testing.T) *nodeBench {
	b := &nodeBench{T: t, balancing: &balancing{}, clock: clock.NewStepped(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))}
	b.r = newRegistry(b.balancing, b.write, func(string) bool { return true })
	b.r.TracksNodes = true
	b.r.Clock = b.clock
	return b
}

// sync wants targets, each "ID NODE", in a group.
func (b *nodeBench) sync(group string, drains time.Duration, targets ...string) {
	b.Helper()
	q := Request{Group: Group{ARN: group}, Binding: stack.ID{Namespace: "shop", Name: group}, DrainTime: drains}
	for _, text := range targets {
		id, node, _ := strings.Cut(text, " ")
		q.Want = append(q.Want, Endpoint{Target: Target{ID: id, Port: 80}, Node: node})
	}
	if _, err := b.r.Sync(b.Context(), q); err != nil {
		b.Fatal(err)
	}
}

// expect compares the targets of nodes a and b, as "NODE registered GROUPS draining GROUPS for SECONDS".
func (b *nodeBench) expect(after time.Duration, want ...string) {
	b.Helper()
	b.clock.Advance(after)
	var got []string
	for node, t := range b.r.OfNodes(map[string]string{"a": "i-a", "b": "i-b"}) {
		text := fmt.Sprintf("%s registered %v draining %v", node, t.Registered, t.Draining)
		if !t.Until.IsZero() {
			text += fmt.Sprintf(" for %.0f", t.Until.Sub(b.clock.Now()).Seconds())
		}
		got = append(got, text)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		b.Error(diff)
	}
}

func TestTargetsOfANodeAreRegisteredAndThenDrainForTheDelayOfTheirGroup(t *testing.T) {
	t.Parallel()
	b := newNodeBench(t)
	b.sync("pods", 20*time.Second, "10.0.0.1 a", "10.0.0.2 b", "10.0.0.9 ")
	b.sync("nodes", 0, "i-a a", "i-b b")
	b.expect(0, "a registered [nodes pods] draining []", "b registered [nodes pods] draining []")
	b.sync("pods", 20*time.Second, "10.0.0.2 b") // the address of no node went, too
	b.sync("nodes", 0, "i-b b")
	b.expect(5*time.Second, "a registered [] draining [nodes pods] for 295", "b registered [nodes pods] draining []")
	b.expect(20*time.Second, "a registered [] draining [nodes] for 275", "b registered [nodes pods] draining []")
	b.sync("nodes", 0, "i-a a", "i-b b")
	b.expect(0, "a registered [nodes] draining []", "b registered [nodes pods] draining []")
	b.sync("nodes", 0, "i-b b")
	b.expect(DefaultDrainTime, "a registered [] draining []", "b registered [nodes pods] draining []")
}

func TestTargetsOfABindingThatIsGoneDrain(t *testing.T) {
	t.Parallel()
	b := newNodeBench(t)
	b.sync("pods", 20*time.Second, "10.0.0.1 a")
	if _, err := b.r.Clear(t.Context(), Request{Group: Group{ARN: "pods"}, Binding: stack.ID{Namespace: "shop", Name: "pods"}}); err != nil {
		t.Fatal(err)
	}
	b.expect(0, "a registered [] draining [pods] for 20", "b registered [] draining []")
}

func TestTargetsOfAnEarlierProcessMayBeOfAnyNodeAndInstancesAreOfTheirs(t *testing.T) {
	t.Parallel()
	b := newNodeBench(t)
	b.r.Assume(awsclient.Scope{}, map[string][]Target{"pods": {{ID: "10.0.0.1", Port: 80}}, "nodes": {{ID: "i-a", Port: 80}}})
	if b.r.Learnt(Group{ARN: "pods"}) {
		t.Error("a group is learnt before it is known what is wanted there")
	}
	b.sync("pods", time.Minute)
	b.sync("nodes", time.Minute)
	if !b.r.Learnt(Group{ARN: "pods"}) {
		t.Error("a group is not learnt although it is known what is wanted and registered there")
	}
	b.expect(0, "a registered [] draining [nodes pods] for 60", "b registered [] draining [pods] for 60")
}

func TestInstancesOfOtherVPCsAreLeftOutAndNotTriedAgain(t *testing.T) {
	t.Parallel()
	attempts := 0
	b := newNodeBench(t)
	b.refuse = func(targets []awsop.Target) error {
		attempts++
		for _, target := range targets {
			if target.ID == "i-far" {
				return &smithy.GenericAPIError{Code: "InvalidTarget", Message: "The following targets are not in the target group VPC 'vpc-1': 'i-far'"}
			}
		}
		return nil
	}
	q := Request{Group: tg, Want: want("i-a", "i-b", "i-far")}
	for i, registered := range []int{2, 0} {
		got, err := b.r.Sync(t.Context(), q)
		if diff := cmp.Diff([]string{"i-far"}, got.Elsewhere); err != nil || diff != "" || got.Registered != registered || attempts != 2 {
			t.Errorf("pass %d: %d registered in %d attempts, %v %s", i+1, got.Registered, attempts, err, diff)
		}
	}
	if !b.r.Expected(tg).Registered {
		t.Error("what AWS does not take is waited for")
	}
	if n := len(b.r.Taken(tg, q.Want)); n != 2 {
		t.Errorf("AWS takes %d of them, want 2", n)
	}
}
