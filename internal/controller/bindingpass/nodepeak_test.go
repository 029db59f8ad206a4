package bindingpass

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/longtest"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
)

// manyGroups and manyInstances are the largest cluster whose peak of memory the project bounds.
const manyGroups, manyInstances = 1000, 1000

// emptyGroups answers that target groups have no targets.
type emptyGroups struct{}

// DescribeTargetHealth implements registrar.Describer.
func (emptyGroups) DescribeTargetHealth(context.Context, *elasticloadbalancingv2.DescribeTargetHealthInput,
	...func(*elasticloadbalancingv2.Options)) (*elasticloadbalancingv2.DescribeTargetHealthOutput, error) {
	return &elasticloadbalancingv2.DescribeTargetHealthOutput{}, nil
}

// nodePeak is what is live before a node is added to target groups with many nodes each, what the node allocates, and
// the writes to AWS.
type nodePeak struct {
	live, allocated uint64
	calls           int
}

// addNode adds a node to target groups that have the other nodes as targets.
func addNode(t *testing.T, groups, nodes int) nodePeak {
	t.Helper()
	all := manyNodes(nodes)
	b, before := watching(t, all[:nodes-1]...)
	_, after := watching(t, all...)
	b.nodeLists.watched = true
	calls := 0
	registry := registrar.NewRegistry(func(awsclient.Scope) (registrar.ScopeCalls, error) {
		return registrar.ScopeCalls{ELBV2: emptyGroups{}, CreatedHere: func(string) bool { return true },
			Write: func(context.Context, stack.Key, plan.StepID, plan.Operation) apply.Outcome {
				calls++
				return apply.Outcome{State: apply.Done}
			}}, nil
	})
	pass := func(c client.Client) {
		b.Client = c
		for n := range groups {
			name, port := fmt.Sprint("b", n), int32(30000+n)
			of, err := b.nodeEndpoints(t.Context(), ofType(name, v1beta1.TargetTypeInstance, nil),
				corev1.ServicePort{NodePort: port})
			if err != nil {
				t.Fatal(err)
			}
			q := registrar.Request{Group: registrar.Group{ARN: "arn:" + name}, Want: of.Endpoints, Port: port,
				Binding: stack.ID{Namespace: "shop", Name: name}, Since: time.Unix(1, 0)}
			registry.Moved(q)
			done, err := registry.Sync(t.Context(), q)
			if err != nil || done.Pending {
				t.Fatal(done, err)
			}
		}
	}
	pass(before)
	calls = 0
	runtime.GC()
	runtime.GC() // empties pools
	var rest, end runtime.MemStats
	runtime.ReadMemStats(&rest)
	b.NodeEvent().Create(t.Context(), event.CreateEvent{Object: all[nodes-1]}, &woken{})
	pass(after)
	runtime.ReadMemStats(&end)
	runtime.KeepAlive(registry)
	return nodePeak{rest.HeapAlloc, end.TotalAlloc - rest.TotalAlloc, calls}
}

// TestNodeOfManyTargetGroupsPeaksBelowTwiceTheHeap adds a node to a thousand target groups with a thousand nodes each.
// All that is allocated meanwhile is less than what is live at rest: even if nothing of it is collected, the heap does
// not double.
func TestNodeOfManyTargetGroupsPeaksBelowTwiceTheHeap(t *testing.T) { // not parallel: it counts bytes
	longtest.Long(t, "it needs a gigabyte")
	if longtest.Race {
		t.Skip("the race detector makes values larger")
	}
	p := addNode(t, manyGroups, manyInstances)
	if p.calls != manyGroups {
		t.Errorf("%d calls of AWS for %d target groups", p.calls, manyGroups)
	}
	t.Logf("peak | live at rest %d KiB | allocated %d KiB, %d bytes a target group |", p.live>>10, p.allocated>>10,
		p.allocated/manyGroups)
	if p.allocated > p.live {
		t.Errorf("a node allocates %d bytes, %d are live", p.allocated, p.live)
	}
	if each := p.allocated / manyGroups; each > 48<<10 { // 45 bytes for each node of the group
		t.Errorf("a node costs %d bytes in each target group, want at most 48 KiB", each)
	}
}

// TestNodeCostsEachTargetGroup20KB adds a node to target groups with 300 nodes each. Beside what each target group
// costs, the list of nodes is made once.
func TestNodeCostsEachTargetGroup20KB(t *testing.T) { // not parallel: it counts bytes
	if longtest.Race {
		t.Skip("the race detector makes values larger")
	}
	const few, many, nodes, most = 100, 300, 300, 20_000
	less, more := addNode(t, few, nodes), addNode(t, many, nodes)
	if less.calls != few || more.calls != many {
		t.Errorf("%d and %d calls of AWS", less.calls, more.calls)
	}
	if more.allocated > more.live {
		t.Errorf("a node allocates %d bytes, %d are live", more.allocated, more.live)
	}
	each, next := more.allocated/many, (more.allocated-less.allocated)/(many-few)
	t.Logf("growth | bytes of a node for each of %d target groups: %d; for one more: %d", many, each, next)
	if each > most || next > each {
		t.Errorf("a node costs %d bytes in each target group, %d in one more, want at most %d", each, next, most)
	}
}
