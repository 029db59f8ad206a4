package controller

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/secgroup"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/targets"
)

// admit has the security groups of the endpoints let the binding's sources in. A binding without networking touches none.
func (b *targetBindings) admit(ctx context.Context, o *v1beta1.TargetGroupBinding, endpoints []targets.Endpoint) error {
	id := stack.ID{Namespace: o.Namespace, Name: o.Name}.String()
	if o.Spec.Networking == nil {
		if !b.keeper.Knows(id) {
			return nil
		}
		return b.keeper.Set(ctx, id, nil, b.allSeen(ctx))
	}
	byGroup, lost, resolveErr := b.groupsOf(ctx, o, endpoints)
	need := map[string][]stack.Permission{}
	var unclear []stack.Permission
	mistakes := []error{resolveErr}
	if resolveErr != nil || len(byGroup) == 0 { // wherever the others are, these may be their rules
		unplaced, more, err := b.permissions(ctx, o, lost)
		unclear, mistakes = append(unplaced, more...), append(mistakes, err)
	}
	for group, members := range byGroup {
		perms, more, err := b.permissions(ctx, o, members)
		need[group], unclear, mistakes = perms, append(unclear, more...), append(mistakes, err)
	}
	if err := joinOnce(mistakes); err != nil {
		return errors.Join(err, b.keeper.Extend(ctx, id, need, unclear, b.allSeen(ctx)))
	}
	return b.keeper.Set(ctx, id, need, b.allSeen(ctx))
}

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
func (b *targetBindings) permissions(ctx context.Context, o *v1beta1.TargetGroupBinding, members []targets.Endpoint) (perms, unclear []stack.Permission, err error) {
	var mistakes []error
	for _, rule := range o.Spec.Networking.Ingress {
		ports := rule.Ports
		if len(ports) == 0 {
			ports = []v1beta1.NetworkingPort{{}} // all TCP ports
		}
		for _, port := range ports {
			spans, err := b.portNumbers(ctx, o, port, members)
			mistakes = append(mistakes, err)
			unknown, may := err != nil || len(spans) == 0, spans
			if unknown {
				may = []secgroup.Ports{{From: 0, To: 65535}}
			}
			for _, from := range rule.From {
				peer, protocol := peerOf(from), protocolOf(port)
				all, err := secgroup.Permissions(peer, protocol, may)
				switch {
				case err != nil:
					mistakes = append(mistakes, fmt.Errorf("spec.networking: %w", err))
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
	return perms, unclear, joinOnce(mistakes)
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
func (b *targetBindings) portNumbers(ctx context.Context, o *v1beta1.TargetGroupBinding, p v1beta1.NetworkingPort, members []targets.Endpoint) ([]secgroup.Ports, error) {
	switch {
	case p.Port == nil:
		return []secgroup.Ports{{From: 0, To: 65535}}, nil
	case p.Port.StrVal == "":
		return []secgroup.Ports{{From: p.Port.IntVal, To: p.Port.IntVal}}, nil
	case o.Spec.TargetType != nil && *o.Spec.TargetType == v1beta1.TargetTypeInstance:
		return nil, fmt.Errorf("named ports can only be used with pod endpoints: %q", p.Port.StrVal)
	}
	var out []secgroup.Ports
	var missing []error
	for _, e := range members {
		pod, ok := clusterCache{ctx, b.client}.Pod(e.Namespace, e.Pod)
		if !ok {
			continue
		}
		n, ok := containerPort(pod, p.Port.StrVal)
		if !ok {
			missing = append(missing, fmt.Errorf("unable to find port %s on pod %s/%s", p.Port.StrVal, e.Namespace, e.Pod))
			continue
		}
		if s := (secgroup.Ports{From: n, To: n}); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out, errors.Join(missing...)
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
