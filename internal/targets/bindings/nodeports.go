package bindings

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
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
