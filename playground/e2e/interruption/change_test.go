package interruption

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// change is what happens while requests are made, to several load balancers side by side; all is afterwards as it was
// before.
type change struct {
	name string
	of   func(*scene) bool // the load balancers that it concerns; nil = all
	// begin is what is done once for all load balancers before requests are counted; nil = nothing.
	begin func(*testing.T, *harness.Cluster, []*scene) moment
	make  func(*testing.T, *scene, moment)
	// within is set where what happens has to end before the pods do that were asked to end.
	within bool
}

// moment is what load balancers that change side by side share.
type moment struct {
	node    string           // that goes
	happens func(*testing.T) // is done once, by the first that asks for it; the others wait for its end
	over    func(*testing.T) // once, after all
	took    *time.Duration   // how long it took, once it has happened
}

// once is a moment of which something happens.
func once(what func(*testing.T)) moment {
	var done sync.Once
	took := new(time.Duration)
	return moment{took: took, happens: func(t *testing.T) {
		done.Do(func() {
			began := time.Now()
			what(t)
			*took = time.Since(began)
		})
	}}
}

func onNetwork(s *scene) bool { return s.network }

func changes() []change {
	pods := []change{
		{name: "rolling update", make: rollOut},
		{name: "scale-in, 10 to 4 and back", make: scaleIn},
		{name: "node drain", begin: cordon, make: evict},
	}
	all := pods
	for _, x := range pods {
		all = append(all, soon(x))
	}
	return append(append(append(all, change{name: "node death", begin: death, make: loseNode}), controllerChanges...),
		edits...)
}

// soonOut and lateOut are how long network load balancers may go on to send connections to a target that was
// deregistered.
const soonOut, lateOut = 10 * time.Second, 90 * time.Second

// soon is a change where network load balancers take less time for a deregistration.
func soon(x change) change {
	set := func(t *testing.T, c *harness.Cluster, d time.Duration) {
		t.Helper()
		if err := c.Simulator.SetTimings(map[string]time.Duration{"network-deregister": d}); err != nil {
			t.Fatal(err)
		}
	}
	begin := x.begin
	x.name += fmt.Sprintf(", deregistered within %v", soonOut)
	x.of = onNetwork
	x.begin = func(t *testing.T, c *harness.Cluster, scenes []*scene) (m moment) {
		if begin != nil {
			m = begin(t, c, scenes)
		}
		set(t, c, soonOut)
		over := m.over
		m.over = func(t *testing.T) {
			set(t, c, lateOut)
			if over != nil {
				over(t)
			}
		}
		return m
	}
	return x
}

func rollOut(t *testing.T, s *scene, _ moment) {
	restart(t, s)
	s.rolledOut(t)
}

func restart(t *testing.T, s *scene) {
	t.Helper()
	s.Kubectl(t, "rollout", "restart", "deployment", "-n", s.namespace, "web")
}

// firstEnds waits until a rollout has asked the first pod to end. A pod without a grace period is gone before it can be
// seen to end, so that those are counted that the rollout has not replaced.
func (s *scene) firstEnds(t *testing.T) {
	t.Helper()
	s.WaitFor(t, "the first pod of "+s.namespace+" to end", func(ctx context.Context) error {
		d, err := s.Client.AppsV1().Deployments(s.namespace).Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if former := d.Status.Replicas - d.Status.UpdatedReplicas; d.Status.ObservedGeneration == d.Generation &&
			former < *d.Spec.Replicas {
			return nil
		}
		return errors.New("none ends")
	})
}

func (s *scene) rolledOut(t *testing.T) {
	t.Helper()
	s.Kubectl(t, "rollout", "status", "deployment", "-n", s.namespace, "web", "--timeout="+harness.Timeout.String())
	s.settle(t, pods)
}

func scaleIn(t *testing.T, s *scene, _ moment) {
	s.scale(t, 4)
	s.scale(t, pods)
}

// cordon has the scheduler leave a node out, as the first half of kubectl drain does.
func cordon(t *testing.T, c *harness.Cluster, _ []*scene) moment {
	t.Helper()
	name := c.Simulator.Seed().Cluster.Nodes[0].Name
	mark := func(t *testing.T, on bool) {
		if _, err := c.Client.CoreV1().Nodes().Patch(t.Context(), name, types.MergePatchType,
			fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, on), metav1.PatchOptions{}); err != nil {
			t.Error(err)
		}
	}
	mark(t, true)
	return moment{node: name, over: func(t *testing.T) { mark(t, false) }}
}

// evict is the second half: the pods of the node are deleted.
func evict(t *testing.T, s *scene, m moment) {
	for _, p := range s.on(t, m.node) {
		if err := s.Client.CoreV1().Pods(s.namespace).Delete(t.Context(), p.Name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	s.settle(t, pods)
}
