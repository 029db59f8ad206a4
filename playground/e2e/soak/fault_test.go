package soak

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// heals bounds how long the cluster takes to get over a fault.
const heals = 4 * time.Minute

// chance is the probability with which a call is struck.
const chance = 0.3

// happen has a fault happen, and returns when the cluster has got over it.
func (r *run) happen(ctx context.Context, s step) error {
	plane := r.Env.Cluster.Plane
	switch s.do {
	case refusals:
		return r.strike(ctx, s, gate.Fault{Kind: s.value})
	case loses:
		return r.strike(ctx, s, gate.Fault{Lose: true})
	case slows:
		return r.strike(ctx, s, gate.Fault{Latency: speed * time.Second})
	case controllerKill:
		defer r.record(fault{what: s.String(), admits: true})()
		return errors.Join(r.kill(ctx, s.value), r.lasts(ctx, s), r.controllers(ctx))
	case controllerRoll:
		defer r.record(fault{what: s.String()})()
		return errors.Join(r.rollControllers(ctx), r.lasts(ctx, s))
	case nodeDeath:
		return r.die(ctx, s)
	case apiServerAway:
		defer r.record(fault{what: s.String()})()
		return errors.Join(plane.RestartAPIServer(ctx), r.controllers(ctx))
	case apiServerStands:
		defer r.record(fault{what: s.String()})()
		if err := plane.PauseAPIServer(); err != nil {
			return err
		}
		return errors.Join(r.lasts(ctx, s), plane.ResumeAPIServer(), r.controllers(ctx))
	case apiServerCuts:
		defer r.record(fault{what: s.String()})()
		for end := time.Now().Add(s.lasts); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(200 * time.Millisecond) {
			plane.CutAPIServer()
		}
		return r.controllers(ctx)
	}
	return fmt.Errorf("no fault is called %q", s.do)
}

// record begins a fault in the ledger, and returns what ends it.
func (r *run) record(f fault) (end func()) {
	f.begin = time.Now()
	number := r.ledger.begin(f)
	return sync.OnceFunc(func() { r.ledger.end(number, time.Now()) })
}

// lasts waits for the length of a fault.
func (r *run) lasts(ctx context.Context, s step) error {
	select {
	case <-time.After(s.lasts):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// strike breaks calls of a service of AWS for a time.
func (r *run) strike(ctx context.Context, s step, f gate.Fault) error {
	f.ID, f.Service, f.Caller, f.Probability = fmt.Sprintf("step-%d", s.number), s.object, harness.ControllerKey, chance
	defer r.record(fault{what: s.String()})()
	if _, err := r.Simulator.Gate.AddFault(f); err != nil {
		return err
	}
	defer r.Simulator.Gate.RemoveFault(f.ID)
	return r.lasts(ctx, s)
}

// leader is the URL of the metrics of the process that leads, and others are those of the rest.
func (r *run) leader(ctx context.Context) (leader string, others []string, err error) {
	for _, url := range r.Env.ReplicaMetrics() {
		m, err := metricsOf(ctx, url)
		if err != nil {
			return "", nil, err
		}
		if m.leads {
			leader = url
		} else {
			others = append(others, url)
		}
	}
	if leader == "" {
		return "", nil, errors.New("none leads")
	}
	return leader, others, nil
}

// kill ends the process that leads, or another one.
func (r *run) kill(ctx context.Context, which string) error {
	var leader string
	var others []string
	err := r.wait(ctx, heals, "two processes of which one leads", func(ctx context.Context) (err error) {
		if leader, others, err = r.leader(ctx); err == nil && len(others) == 0 {
			err = errors.New("there is one")
		}
		return err
	})
	if err != nil {
		return err
	}
	if which == "leader" {
		return r.Env.KillReplica(leader)
	}
	return r.Env.KillReplica(others[0])
}

// controllers waits until all processes of the controller are ready and one leads.
func (r *run) controllers(ctx context.Context) error {
	return r.wait(ctx, heals, "two processes of the controller that are ready, of which one leads",
		func(ctx context.Context) error {
			if err := r.Env.WaitController(ctx); err != nil {
				return err
			}
			_, others, err := r.leader(ctx)
			if err == nil && len(others) != 1 {
				err = fmt.Errorf("%d others", len(others))
			}
			return err
		})
}

// rollControllers replaces the processes one after another, as an upgrade does.
func (r *run) rollControllers(ctx context.Context) error {
	_, err := r.kubectl(ctx, "patch", "deployment", "-n", "kube-system", installation, "-p",
		fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"rollout":%q}}}}}`, time.Now().Format(time.RFC3339Nano)))
	if err != nil {
		return err
	}
	return r.controllers(ctx)
}

const (
	installation = "aws-load-balancer-controller"
	// lifecycle is after how long without a heartbeat Kubernetes takes a node for lost, by the clock of the account.
	lifecycle = 40 * time.Second
)

// die ends a node as the loss of its machine does, does what Kubernetes and the cloud provider do about that, and
// starts another machine in its place. Requests may fail until no load balancer and no node sends any to it, and each
// target group has a healthy target elsewhere.
func (r *run) die(ctx context.Context, s step) error {
	node := s.object
	onNode, err := r.podsOn(ctx, node)
	if err != nil {
		return err
	}
	touched, lost := map[string]bool{nodes: true, single: true}, map[string]bool{} // single may have nodes as targets
	for _, p := range onNode {
		if strings.HasPrefix(p.Namespace, "soak-") {
			touched[p.Namespace], lost[p.Status.PodIP] = true, true
		}
	}
	for _, n := range r.Simulator.Seed().Cluster.Nodes {
		if n.Name == node {
			lost[n.Instance] = true
		}
	}
	broken := r.record(fault{what: s.String(), breaks: slices.Sorted(maps.Keys(touched)), admits: true})
	defer broken()
	if err := r.Env.Cluster.KillNode(node); err != nil {
		return err
	}
	time.Sleep(lifecycle / speed) // what Kubernetes waits
	if err := r.unready(ctx, node); err != nil {
		return err
	}
	err = r.wait(ctx, heals, "no requests to "+node, func(ctx context.Context) error {
		return errors.Join(r.noEndpointOn(ctx, node), r.noneInFlowOf(lost))
	})
	if err != nil {
		return err
	}
	if err := r.forget(ctx, node); err != nil {
		return err
	}
	if err := r.wait(ctx, heals, "healthy targets elsewhere", func(context.Context) error { return r.served() }); err !=
		nil {
		return err
	}
	broken()
	defer r.record(fault{what: node + " is missing", admits: true})() // a process of the controller may have been on it
	if err := r.lasts(ctx, s); err != nil {
		return err
	}
	if err := r.Env.ReviveNode(ctx, node); err != nil {
		return err
	}
	return r.controllers(ctx)
}

// podsOn are the pods of a node, of all namespaces.
func (r *run) podsOn(ctx context.Context, node string) (out []corev1.Pod, err error) {
	err = r.wait(ctx, heals, "the pods of "+node, func(ctx context.Context) error {
		list, err := r.Client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
		if err == nil {
			out = list.Items
		}
		return err
	})
	return out, err
}

// unready reports a node and its pods as the node lifecycle controller does.
func (r *run) unready(ctx context.Context, node string) error {
	since := time.Now().UTC().Format(time.RFC3339)
	lost := fmt.Appendf(nil,
		`{"status":{"conditions":[{"type":"Ready","status":"Unknown","reason":"NodeStatusUnknown","message":"Kubelet stopped posting node status.","lastTransitionTime":%q}]}}`, since)
	if _, err := r.Client.CoreV1().Nodes().Patch(ctx, node, types.StrategicMergePatchType, lost, metav1.PatchOptions{},
		"status"); err != nil {
		return err
	}
	all, err := r.podsOn(ctx, node)
	if err != nil {
		return err
	}
	for _, p := range all {
		down := fmt.Appendf(nil,
			`{"status":{"conditions":[{"type":"Ready","status":"False","reason":"NodeNotReady","lastTransitionTime":%q}]}}`,
			since)
		if _, err := r.Client.CoreV1().Pods(p.Namespace).Patch(ctx, p.Name, types.StrategicMergePatchType, down,
			metav1.PatchOptions{}, "status"); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// forget is what a cluster does about a machine that is gone: the cloud provider deletes its Node, the collector of
// garbage its pods.
func (r *run) forget(ctx context.Context, node string) error {
	if err := r.Client.CoreV1().Nodes().Delete(ctx, node, metav1.DeleteOptions{}); err != nil &&
		!apierrors.IsNotFound(err) {
		return err
	}
	all, err := r.podsOn(ctx, node)
	if err != nil {
		return err
	}
	zero := int64(0)
	for _, p := range all {
		if err := r.Client.CoreV1().Pods(p.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{
			GracePeriodSeconds: &zero}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// noEndpointOn reports an endpoint on a node that gets connections of other nodes.
func (r *run) noEndpointOn(ctx context.Context, node string) error {
	list, err := r.Client.DiscoveryV1().EndpointSlices("").List(ctx, metav1.ListOptions{
		LabelSelector: discoveryv1.LabelServiceName})
	if err != nil {
		return err
	}
	for _, slice := range list.Items {
		for _, e := range slice.Endpoints {
			if e.NodeName != nil && *e.NodeName == node && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
				return fmt.Errorf("endpoint %v of %s is ready", e.Addresses, slice.Namespace)
			}
		}
	}
	return nil
}

// noneInFlowOf reports which of the targets may still get connections: a network load balancer sends them to targets
// that drain for a while. Of one that the controller keeps registered, as so many were given up lately that it suspects
// the cluster's view of them (--deregistration-brake), health checks have to find that it is gone.
func (r *run) noneInFlowOf(lost map[string]bool) error {
	a := r.Simulator.Account
	a.Lock()
	defer a.Unlock()
	for _, g := range a.TargetGroups {
		for _, x := range g.Targets {
			if lost[x.ID] && !a.Left(g, x) && !passedOver(a, g, x) {
				return fmt.Errorf("target %s is in the flow", x.ID)
			}
		}
	}
	return nil
}

// passedOver reports whether a load balancer prefers healthy targets to an unhealthy one. The account's lock is held.
func passedOver(a *account.Account, g *account.TargetGroup, x *account.Target) bool {
	return a.TargetHealth(g, x).State == account.Unhealthy && slices.ContainsFunc(g.Targets,
		func(t *account.Target) bool { return a.TargetHealth(g, t).State == account.Healthy })
}

// served reports a load balancer with a target group that has no healthy target.
func (r *run) served() error {
	for _, g := range r.Simulator.Resources().TargetGroups {
		if g.LoadBalancer == "" || !slices.Contains(slices.Collect(maps.Values(r.balancers)), g.LoadBalancer) {
			continue
		}
		healthy := 0
		for _, x := range g.Targets {
			if x.State == "healthy" {
				healthy++
			}
		}
		if healthy == 0 {
			return fmt.Errorf("%s has no healthy target", g.Name)
		}
	}
	return nil
}

// page gets a page.
func page(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	status, body, err := harness.Page(ctx, url)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s answers %d", url, status)
	}
	return body, err
}
