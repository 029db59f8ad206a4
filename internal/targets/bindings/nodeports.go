package bindings

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// closeNodePorts marks, of what a binding needs of each group, the ports at which nodes themselves serve: pods share
// the groups of their nodes, and whoever declares a port decides what it opens there. Rules that are open stay. The
// port of pods is open to the load balancer of a stack, which reaches nothing but its targets.
func (n *Networks) closeNodePorts(ctx context.Context, o *v1beta1.TargetGroupBinding,
	need map[string][]stack.Permission, of Targets) diag.List {
	var open map[int32]bool // by port; nil = not looked at yet
	var planned, pending bool
	var closed []stack.Permission
	listening := Listening(of).Ports
	for _, group := range slices.Sorted(maps.Keys(need)) {
		perms := need[group]
		var may, stands func(stack.Permission) bool
		for k, p := range perms {
			if p.Description != sgsync.Label || !sgsync.NodePort(p) {
				continue
			}
			if open == nil {
				if n.Limits.Allowed.Allow(o.Namespace, allowlist.AnyPort) {
					return nil
				}
				open, planned = n.nodesListen(ctx, of), n.Limits.Planned.Is(o)
				pending = !planned && n.pending(ctx, o)
			}
			if open[p.FromPort] || planned && p.Group.Literal != "" && slices.Contains(listening, p.FromPort) {
				continue
			}
			if may == nil {
				may, stands = n.former(ctx, o, group)
				perms = slices.Clone(perms)
			}
			if p.Description = sgsync.NotAllowed; pending || may(p) {
				p.Description = sgsync.Standing
			}
			if perms[k] = p; p.Description == sgsync.NotAllowed || !stands(p) {
				closed = append(closed, p)
			}
		}
		need[group] = perms
	}
	if pending { // what its stack plans may be open
		return nil
	}
	return closedNodePorts(o, closed)
}

// pending reports whether it is not known yet what the stack of a binding plans.
func (n *Networks) pending(ctx context.Context, o *v1beta1.TargetGroupBinding) bool {
	ofStack, err := n.ofStack(ctx, o)
	return err != nil || ofStack && !n.Limits.Planned.Elsewhere(o)
}

// former calls Former, or returns its default.
func (n *Networks) former(ctx context.Context, o *v1beta1.TargetGroupBinding, group string) (may,
	stands func(stack.Permission) bool) {
	if n.Former != nil {
		return n.Former(ctx, o, group)
	}
	return func(stack.Permission) bool { return true }, func(stack.Permission) bool { return false }
}

// nodesListen are the ports at which pods in the network of their node are targets: who may run such a pod may take any
// port of nodes.
func (n *Networks) nodesListen(ctx context.Context, of Targets) map[int32]bool {
	out := map[int32]bool{}
	for _, e := range of.Endpoints.All() {
		port := cmp.Or(e.Port, of.Port)
		if e.Pod == "" || out[port] {
			continue
		}
		if pod, ok := n.Cluster.Pod(ctx, e.Namespace, e.Pod); ok && pod.Spec.HostNetwork {
			out[port] = true
		}
	}
	return out
}

// closedNodePorts is the finding that ports of nodes are not opened.
func closedNodePorts(o *v1beta1.TargetGroupBinding, closed []stack.Permission) diag.List {
	if len(closed) == 0 {
		return nil
	}
	var ports []int32
	var sources []string
	for _, p := range closed {
		ports = append(ports, p.FromPort)
		sources = append(sources, cmp.Or(p.CIDR, p.IPv6CIDR, p.Group.Literal))
	}
	slices.Sort(ports)
	slices.Sort(sources)
	return diag.List{diag.New(bindingobject.BindingObject(o), pathOfPort(o, ports), diag.NetworkingNotAllowed,
		fmt.Sprintf("the security groups of nodes and pods do not open %s to %s: nodes themselves serve there, such as "+
			"kubelet or SSH, and pods share the security groups of their nodes", diag.Some(texts(slices.Compact(ports))),
			diag.Some(slices.Compact(sources))),
		fmt.Sprintf("have the pods listen at another port, or use a load balancer with security groups, which reaches pods "+
			"at each targetPort; use another port for health checks and control; an administrator can allow any port with "+
			"--binding-networking=%s=%s", o.Namespace, allowlist.AnyPort))}
}

// Nodes are the nodes that a selector chooses. Bindings of the same selector share them.
type Nodes struct {
	serving registrar.Endpoints // sorted, without port
	skipped []registrar.Skipped
	none    string // why there are none although the selector asks for some; empty = there are, or there is no selector
	err     error  // the selector is invalid
}

// ChooseNodes chooses among nodes; a nil selector chooses all.
func ChooseNodes(nodes []*corev1.Node, selector *metav1.LabelSelector, failOpen bool) (n Nodes) {
	var serving []registrar.Endpoint
	serving, n.skipped, n.err = registrar.NodeEndpoints(nodes, selector, 0, failOpen)
	n.serving = registrar.EndpointsOf(serving...)
	if n.err == nil && len(serving) == 0 && selector != nil {
		n.none = whyNone(nodes, selector)
	}
	return n
}

// whyNone says why a selector chooses no node.
func whyNone(nodes []*corev1.Node, selector *metav1.LabelSelector) string {
	text := metav1.FormatLabelSelector(selector)
	chosen, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil || !slices.ContainsFunc(nodes, func(n *corev1.Node) bool {
		return chosen.Matches(labels.Set(n.Labels))
	}) {
		return "no node has the labels " + text
	}
	return "no node with the labels " + text + " is ready and may be a target"
}

// None returns the findings that a target group is empty because of the node selector of its binding.
func (n Nodes) None(o *v1beta1.TargetGroupBinding, about func() []diag.Object) (found diag.List) {
	if n.none == "" {
		return nil
	}
	return empty(o, about(), "spec.nodeSelector", n.none, relabel)
}

const relabel = "label the nodes that should be targets, or correct the node labels that this object selects"

// Emptied returns the finding that an edit has given a binding a selector that chooses no node; nil if it chooses some,
// or there is none.
func (n Nodes) Emptied(o *v1beta1.TargetGroupBinding) diag.List {
	if n.none == "" {
		return nil
	}
	return diag.List{emptied(o, "spec.nodeSelector", n.none, relabel)}
}

// Instances returns the targets of a binding, without their port: nobody changes the list, which all bindings of the
// selector share.
func (n Nodes) Instances(o *v1beta1.TargetGroupBinding) (wanted registrar.Endpoints, found diag.List, known bool) {
	if n.err != nil {
		return registrar.Endpoints{}, diag.List{registrar.InvalidSelector(o, n.err)}, false
	}
	for _, s := range n.skipped {
		d := diag.New(bindingobject.BindingObject(o), "", diag.EndpointNotResolved, s.Why,
			"the other nodes are registered; wait for the node, or label it "+
				"node.kubernetes.io/exclude-from-external-load-balancers")
		d.Class = diag.Note
		found = append(found, d)
	}
	return n.serving, found, true
}
