package interruption

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// grace is after how long without a heartbeat Kubernetes takes a node for lost, by the clock of the account.
const grace = 40 * time.Second

// takenOut bounds the time from a node and pods that are not ready to the last deregistration of their targets, on the
// machine's clock: 20 s, and more if the machine runs much else.
func (s *scene) takenOut() time.Duration { return 2 * time.Duration(s.drain) * time.Second }

// death kills a node, and returns when no new request can meet it: its pods are in no EndpointSlice, by which other
// nodes forward, its targets are deregistered, and load balancers send nothing more to them. Until then requests fail
// whatever a controller does, and connections to the dead pods are lost.
func death(t *testing.T, c *harness.Cluster, scenes []*scene) moment {
	t.Helper()
	name := c.Simulator.Seed().Cluster.Nodes[0].Name
	former := map[*scene][]string{}
	for _, s := range scenes {
		former[s] = s.targetsOn(t, name)
	}
	if err := c.Env.Cluster.KillNode(name); err != nil {
		t.Fatal(err)
	}
	revived := false
	revive := func() {
		if err := c.Client.CoreV1().Nodes().Delete(context.Background(), name, metav1.DeleteOptions{}); err != nil &&
			!apierrors.IsNotFound(err) {
			t.Error(err)
		}
		if err := c.Env.Cluster.ReviveNode(context.Background(), name); err != nil {
			t.Error(err)
		}
		revived = true
	}
	t.Cleanup(func() {
		if !revived { // something failed, and the changes that follow need the node
			revive()
		}
	})
	time.Sleep(grace / speed) // as long as the node lifecycle controller of a cluster waits, which has real time here
	now := time.Now()
	unready(t, c, name)
	for _, s := range scenes {
		s.WaitFor(t, "no endpoint of "+s.namespace+" on the dead node", func(ctx context.Context) error {
			return s.noneReadyOn(ctx, name)
		})
		s.WaitFor(t, "no target of "+s.namespace+" on the dead node", func(context.Context) error {
			return s.noneOf(t, former[s])
		})
	}
	if took := time.Since(now); took > scenes[0].takenOut() {
		t.Errorf("the targets of a node that is not ready were deregistered after %v", took)
	} else {
		t.Logf("the targets of a node that is not ready were deregistered after %v", took)
	}
	for _, s := range scenes {
		s.WaitFor(t, "the load balancer of "+s.namespace+" to leave the dead targets out",
			func(context.Context) error { return s.noneInFlowOf(former[s]) })
	}
	m := once(func(t *testing.T) { forget(t, c, name) })
	m.node = name
	m.over = func(t *testing.T) {
		revive()
		for _, s := range scenes {
			if s.targetType == "instance" {
				s.WaitFor(t, "all nodes in "+s.namespace, func(context.Context) error {
					if missing := s.missing(t, former[s]); len(missing) > 0 {
						return fmt.Errorf("targets %v are not registered", missing)
					}
					return nil
				})
			}
			s.complete(t)
		}
	}
	return m
}

// forget is what a cluster does about a machine that is gone: the cloud provider deletes its Node, the collector of
// garbage its pods.
func forget(t *testing.T, c *harness.Cluster, node string) {
	t.Helper()
	if err := c.Client.CoreV1().Nodes().Delete(t.Context(), node, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	zero := int64(0)
	for _, p := range podsOn(t, c, node) {
		if err := c.Client.CoreV1().Pods(p.Namespace).Delete(t.Context(), p.Name, metav1.DeleteOptions{
			GracePeriodSeconds: &zero}); err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	}
}

// unready reports a node and its pods as the node lifecycle controller does when there was no heartbeat for long.
func unready(t *testing.T, c *harness.Cluster, node string) {
	t.Helper()
	since := time.Now().UTC().Format(time.RFC3339)
	lost := fmt.Appendf(nil,
		`{"status":{"conditions":[{"type":"Ready","status":"Unknown","reason":"NodeStatusUnknown","message":"Kubelet stopped posting node status.","lastTransitionTime":%q}]}}`, since)
	if _, err := c.Client.CoreV1().Nodes().Patch(t.Context(), node, types.StrategicMergePatchType, lost,
		metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
	for _, p := range podsOn(t, c, node) {
		down := fmt.Appendf(nil,
			`{"status":{"conditions":[{"type":"Ready","status":"False","reason":"NodeNotReady","lastTransitionTime":%q}]}}`,
			since)
		if _, err := c.Client.CoreV1().Pods(p.Namespace).Patch(t.Context(), p.Name, types.StrategicMergePatchType, down,
			metav1.PatchOptions{}, "status"); err != nil {
			t.Fatal(err)
		}
	}
}

// podsOn are the pods of a node, of all namespaces.
func podsOn(t *testing.T, c *harness.Cluster, node string) []corev1.Pod {
	t.Helper()
	list, err := c.Client.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	if err != nil {
		t.Fatal(err)
	}
	return list.Items
}

func loseNode(t *testing.T, s *scene, m moment) {
	m.happens(t)
	s.settle(t, pods)
}

// on are the pods of a node.
func (s *scene) on(t *testing.T, node string) []corev1.Pod {
	t.Helper()
	return slices.DeleteFunc(s.all(t), func(p corev1.Pod) bool { return p.Spec.NodeName != node })
}

// targetsOn are the ids of the targets that are lost with a node.
func (s *scene) targetsOn(t *testing.T, node string) (ids []string) {
	t.Helper()
	if s.targetType == "instance" {
		for _, n := range s.Simulator.Seed().Cluster.Nodes {
			if n.Name == node {
				ids = append(ids, n.Instance)
			}
		}
		return ids
	}
	for _, p := range s.on(t, node) {
		ids = append(ids, p.Status.PodIP)
	}
	return ids
}

// states are the states of the targets, by id; several ports of one have the worst.
func (s *scene) states(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, g := range s.TargetGroups(s.LoadBalancer(t, s.host)) {
		for _, x := range g.Targets {
			out[x.ID] = x.State
		}
	}
	return out
}

// noneOf reports which of the targets are registered and not deregistered.
func (s *scene) noneOf(t *testing.T, ids []string) error {
	t.Helper()
	states := s.states(t)
	for _, id := range ids {
		if state, ok := states[id]; ok && state != "draining" {
			return fmt.Errorf("%s is %s", id, state)
		}
	}
	return nil
}

// noneInFlowOf reports which of the targets may still get connections: a network load balancer sends them to targets
// that drain for a while.
func (s *scene) noneInFlowOf(ids []string) error {
	a := s.Simulator.Account
	a.Lock()
	defer a.Unlock()
	for _, g := range a.TargetGroups {
		for _, x := range g.Targets {
			if slices.Contains(ids, x.ID) && !a.Left(g, x) {
				return fmt.Errorf("%s is in the flow", x.ID)
			}
		}
	}
	return nil
}

// missing are those of the targets that are not registered.
func (s *scene) missing(t *testing.T, ids []string) []string {
	t.Helper()
	states := s.states(t)
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return states[id] != "" && states[id] != "draining"
	})
}

// noneReadyOn reports an endpoint on a node that gets connections of other nodes.
func (s *scene) noneReadyOn(ctx context.Context, node string) error {
	list, err := s.Client.DiscoveryV1().EndpointSlices(s.namespace).List(ctx, metav1.ListOptions{
		LabelSelector: discoveryv1.LabelServiceName + "=web"})
	if err != nil {
		return err
	}
	for _, slice := range list.Items {
		for _, e := range slice.Endpoints {
			if e.NodeName != nil && *e.NodeName == node && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
				return fmt.Errorf("%v is ready", e.Addresses)
			}
		}
	}
	return nil
}
