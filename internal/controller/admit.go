package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/secgroup"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/targets"
)

// admit has the security groups of the endpoints let the binding's sources in, and tells what is in the way. A binding without
// networking touches none.
func (b *targetBindings) admit(ctx context.Context, o *v1beta1.TargetGroupBinding, endpoints []targets.Endpoint) diag.List {
	id := stack.ID{Namespace: o.Namespace, Name: o.Name}.String()
	if o.Spec.Networking == nil {
		if !b.keeper.Knows(id) {
			return nil
		}
		return b.unadmitted(o, diag.RulesNotWritten, b.keeper.Set(ctx, id, nil, b.allSeen(ctx)))
	}
	byGroup, lost, resolveErr := b.groupsOf(ctx, o, endpoints)
	need := map[string][]stack.Permission{}
	var unclear []stack.Permission
	var mistakes []mistake
	if resolveErr != nil || len(byGroup) == 0 { // wherever the others are, these may be their rules
		unplaced, more, wrong := b.permissions(ctx, o, lost)
		unclear, mistakes = append(unplaced, more...), append(mistakes, wrong...)
	}
	for group, members := range byGroup {
		perms, more, wrong := b.permissions(ctx, o, members)
		need[group], unclear, mistakes = perms, append(unclear, more...), append(mistakes, wrong...)
	}
	if resolveErr == nil && len(mistakes) == 0 {
		return b.unadmitted(o, diag.RulesNotWritten, b.keeper.Set(ctx, id, need, b.allSeen(ctx)))
	}
	found := b.unadmitted(o, diag.EndpointNotResolved, resolveErr)
	for _, m := range mistakes {
		d := diag.New(bindingObject(o), m.path, diag.InvalidNetworking, m.text, m.remedy)
		if !slices.Contains(found, d) {
			found = append(found, d)
		}
	}
	return append(found, b.unadmitted(o, diag.RulesNotWritten, b.keeper.Extend(ctx, id, need, unclear, b.allSeen(ctx)))...)
}

// unadmitted tells why the sources of a binding are not let in, or not any more, as they should be.
func (b *targetBindings) unadmitted(o *v1beta1.TargetGroupBinding, code diag.Code, err error) diag.List {
	if err == nil {
		return nil
	}
	d := b.problem(o, "spec.networking", err)
	d.Code = code
	return diag.List{d}
}

// mistake is something of a binding's networking that means nothing.
type mistake struct{ path, text, remedy string }

// joinOnce joins errors, those of one text once.
func joinOnce(errs []error) error {
	var out []error
	for _, err := range errs {
		if err != nil && !slices.ContainsFunc(out, func(x error) bool { return x.Error() == err.Error() }) {
			out = append(out, err)
		}
	}
	return errors.Join(out...)
}

// holdAccess has the rules stay that endpoints of a binding may need of which nobody knows what they are. What is wrong with its
// networking is told when that comes to matter.
func (b *targetBindings) holdAccess(ctx context.Context, o *v1beta1.TargetGroupBinding) error {
	if o.Spec.Networking == nil {
		return nil
	}
	unplaced, unclear, _ := b.permissions(ctx, o, nil)
	return b.keeper.Extend(ctx, stack.ID{Namespace: o.Namespace, Name: o.Name}.String(), nil, append(unplaced, unclear...), b.allSeen(ctx))
}

// allSeen tells whether every binding with networking was worked on since the start: only then may rules be revoked.
func (b *targetBindings) allSeen(ctx context.Context) func() bool {
	return func() bool {
		var list v1beta1.TargetGroupBindingList
		if err := b.client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
			return false
		}
		for i := range list.Items {
			o := &list.Items[i]
			if o.Spec.Networking != nil && o.DeletionTimestamp == nil && !b.keeper.Knows(o.Namespace+"/"+o.Name) {
				return false
			}
		}
		return true
	}
}

// permissions are the rules that the binding's networking asks of one group, for the endpoints behind it. Of what cannot be told,
// because of a mistake or as the port is one by name and no endpoint is known, unclear are all rules that it may stand for.
func (b *targetBindings) permissions(ctx context.Context, o *v1beta1.TargetGroupBinding, members []targets.Endpoint) (perms, unclear []stack.Permission, mistakes []mistake) {
	for i, rule := range o.Spec.Networking.Ingress {
		at := fmt.Sprintf("spec.networking.ingress[%d]", i)
		ports := rule.Ports
		if len(ports) == 0 {
			ports = []v1beta1.NetworkingPort{{}} // all TCP ports
		}
		for j, port := range ports {
			spans, wrong := b.portNumbers(ctx, o, port, members)
			if wrong.text != "" {
				wrong.path = fmt.Sprintf("%s.ports[%d].port", at, j)
				mistakes = append(mistakes, wrong)
			}
			unknown, may := wrong.text != "" || len(spans) == 0, spans
			if unknown {
				may = []secgroup.Ports{{From: 0, To: 65535}}
			}
			for k, from := range rule.From {
				peer, protocol := peerOf(from), protocolOf(port)
				all, err := secgroup.Permissions(peer, protocol, may)
				switch {
				case err != nil:
					mistakes = append(mistakes, mistake{fmt.Sprintf("%s.from[%d]", at, k), err.Error(), "correct the peer: an ipBlock with a cidr, or a securityGroup with its groupID"})
					unclear = append(unclear, fromAnybody(protocol, may)...)
					continue
				case unknown:
					unclear = append(unclear, all...)
				}
				known, _ := secgroup.Permissions(peer, protocol, spans)
				perms = append(perms, known...)
			}
		}
	}
	return perms, unclear, mistakes
}

// fromAnybody stands for rules whose source nobody knows.
func fromAnybody(protocol string, ports []secgroup.Ports) []stack.Permission {
	out := make([]stack.Permission, 0, len(ports))
	for _, p := range ports {
		out = append(out, stack.Permission{Protocol: protocol, FromPort: p.From, ToPort: p.To})
	}
	return out
}

func peerOf(p v1beta1.NetworkingPeer) secgroup.Peer {
	var out secgroup.Peer
	if p.SecurityGroup != nil {
		out.Group = p.SecurityGroup.GroupID
	} else if p.IPBlock != nil {
		out.CIDR = p.IPBlock.CIDR
	}
	return out
}

func protocolOf(p v1beta1.NetworkingPort) string {
	if p.Protocol != nil && *p.Protocol == v1beta1.NetworkingProtocolUDP {
		return "udp"
	}
	return "tcp"
}

// portNumbers are the ports that a networking port stands for: itself, all, or what the pods call by that name, as far as they do.
func (b *targetBindings) portNumbers(ctx context.Context, o *v1beta1.TargetGroupBinding, p v1beta1.NetworkingPort, members []targets.Endpoint) (out []secgroup.Ports, wrong mistake) {
	switch {
	case p.Port == nil:
		return []secgroup.Ports{{From: 0, To: 65535}}, mistake{}
	case p.Port.StrVal == "":
		return []secgroup.Ports{{From: p.Port.IntVal, To: p.Port.IntVal}}, mistake{}
	case o.Spec.TargetType != nil && *o.Spec.TargetType == v1beta1.TargetTypeInstance:
		return nil, mistake{text: fmt.Sprintf("named ports can only be used with pod endpoints: %q", p.Port.StrVal), remedy: "write the number of the node port"}
	}
	var without []string
	for _, e := range members {
		pod, ok := clusterCache{ctx, b.client}.Pod(e.Namespace, e.Pod)
		if !ok {
			continue
		}
		n, ok := containerPort(pod, p.Port.StrVal)
		if !ok {
			without = append(without, e.Namespace+"/"+e.Pod)
			continue
		}
		if s := (secgroup.Ports{From: n, To: n}); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	if len(without) == 0 {
		return out, mistake{}
	}
	return out, mistake{text: fmt.Sprintf("unable to find port %s on pod %s", p.Port.StrVal, strings.Join(without, ", ")), remedy: "name a port of the pods' containers, or write its number"}
}

// containerPort finds a named port among the containers and the sidecars of a pod.
func containerPort(pod *corev1.Pod, name string) (int32, bool) {
	containers := slices.Clone(pod.Spec.Containers)
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			containers = append(containers, c)
		}
	}
	for _, c := range containers {
		for _, p := range c.Ports {
			if p.Name == name {
				return p.ContainerPort, true
			}
		}
	}
	return 0, false
}
