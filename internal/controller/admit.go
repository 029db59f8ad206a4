package controller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/inventory"
	"github.com/k8s-lbc/lbc/internal/secgroup"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/targets"
)

// podENIAnnotation lists the branch interfaces of a pod that has security groups of its own.
const podENIAnnotation = "vpc.amazonaws.com/pod-eni"

// admit has the security groups of the endpoints let the binding's sources in. A binding without networking touches none.
func (b *targetBindings) admit(ctx context.Context, o *v1beta1.TargetGroupBinding, endpoints []targets.Endpoint) error {
	id := stack.ID{Namespace: o.Namespace, Name: o.Name}.String()
	if o.Spec.Networking == nil {
		if !b.keeper.Knows(id) {
			return nil
		}
		return b.keeper.Set(ctx, id, nil, b.allSeen(ctx))
	}
	byGroup, resolveErr := b.groupsOf(ctx, o, endpoints)
	need := map[string][]stack.Permission{}
	for group, members := range byGroup {
		perms, err := b.permissions(ctx, o, members)
		if err != nil {
			return err
		}
		need[group] = perms
	}
	return errors.Join(resolveErr, b.keeper.Set(ctx, id, need, b.allSeen(ctx)))
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

// groupsOf finds the security group of each endpoint. Endpoints that cannot be resolved are told in the error; the others count.
func (b *targetBindings) groupsOf(ctx context.Context, o *v1beta1.TargetGroupBinding, endpoints []targets.Endpoint) (map[string][]targets.Endpoint, error) {
	instances := map[string]string{} // node → instance
	for _, e := range endpoints {
		if _, ok := instances[e.Node]; ok {
			continue
		}
		if *o.Spec.TargetType == v1beta1.TargetTypeInstance {
			instances[e.Node] = e.ID
			continue
		}
		n := &corev1.Node{}
		if err := b.client.Get(ctx, client.ObjectKey{Name: e.Node}, n); err == nil {
			instances[e.Node], _ = targets.InstanceID(n)
		}
	}
	ids := make([]string, 0, len(instances))
	for _, id := range instances {
		if id != "" {
			ids = append(ids, id)
		}
	}
	of, err := b.interfaces.OfInstances(ctx, ids, false)
	if err != nil {
		return nil, err
	}
	tags, err := b.groupTags(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string][]targets.Endpoint{}
	var errs []error
	for _, e := range endpoints {
		group, err := b.groupOf(ctx, o, e, instances[e.Node], of, tags)
		if err != nil {
			if !slices.ContainsFunc(errs, func(x error) bool { return x.Error() == err.Error() }) {
				errs = append(errs, err)
			}
			continue
		}
		out[group] = append(out[group], e)
	}
	return out, errors.Join(errs...)
}

func (b *targetBindings) groupTags(ctx context.Context) (func(string) map[string]string, error) {
	f, err := b.inventory.Answer(ctx, []facts.Need{{Kind: facts.NeedSecurityGroups}})
	if err != nil {
		return nil, err
	}
	return func(group string) map[string]string { return f.SecurityGroups[group].Tags }, nil
}

func (b *targetBindings) groupOf(ctx context.Context, o *v1beta1.TargetGroupBinding, e targets.Endpoint, instance string,
	of map[string][]inventory.Interface, tags func(string) map[string]string) (string, error) {
	if *o.Spec.TargetType == v1beta1.TargetTypeInstance {
		i, ok := secgroup.ForNode(of[instance])
		if !ok {
			return "", fmt.Errorf("cannot resolve node ENI for node %s: instance %s has no primary network interface", e.Node, instance)
		}
		return b.chooser.Choose(i, tags)
	}
	addr, err := netip.ParseAddr(e.ID)
	if err != nil {
		return "", fmt.Errorf("pod %s/%s has no usable address: %w", e.Namespace, e.Pod, err)
	}
	if eni := b.branchInterface(ctx, e); eni != "" {
		byID, err := b.interfaces.ByID(ctx, []string{eni})
		if err != nil {
			return "", err
		}
		return b.chooser.Choose(byID[eni], tags)
	}
	i, ok := secgroup.ForPod(of[instance], addr)
	if !ok && instance != "" {
		again, err := b.interfaces.OfInstances(ctx, []string{instance}, true) // the address is newer than what we know
		if err != nil {
			return "", err
		}
		i, ok = secgroup.ForPod(again[instance], addr)
	}
	if !ok {
		return "", fmt.Errorf("cannot resolve pod ENI for pods: %s/%s (%s) on node %s", e.Namespace, e.Pod, e.ID, e.Node)
	}
	return b.chooser.Choose(i, tags)
}

// branchInterface is the interface that a pod with security groups of its own has; empty for other pods.
func (b *targetBindings) branchInterface(ctx context.Context, e targets.Endpoint) string {
	pod, ok := clusterCache{ctx, b.client}.Pod(e.Namespace, e.Pod)
	if !ok {
		return ""
	}
	var list []struct {
		ENI  string `json:"eniId"`
		IPv4 string `json:"privateIp"`
		IPv6 string `json:"ipv6Addr"`
	}
	if json.Unmarshal([]byte(pod.Annotations[podENIAnnotation]), &list) != nil {
		return ""
	}
	for _, l := range list {
		if l.IPv4 == e.ID || l.IPv6 != "" && l.IPv6 == e.ID {
			return l.ENI
		}
	}
	return ""
}

// permissions are the rules that the binding's networking asks of one group, for the endpoints behind it.
func (b *targetBindings) permissions(ctx context.Context, o *v1beta1.TargetGroupBinding, members []targets.Endpoint) ([]stack.Permission, error) {
	var out []stack.Permission
	for _, rule := range o.Spec.Networking.Ingress {
		ports := rule.Ports
		if len(ports) == 0 {
			ports = []v1beta1.NetworkingPort{{}} // all TCP ports
		}
		for _, port := range ports {
			spans, err := b.portNumbers(ctx, o, port, members)
			if err != nil {
				return nil, err
			}
			for _, peer := range rule.From {
				perms, err := secgroup.Permissions(peerOf(peer), protocolOf(port), spans)
				if err != nil {
					return nil, fmt.Errorf("spec.networking: %w", err)
				}
				out = append(out, perms...)
			}
		}
	}
	return out, nil
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

// portNumbers are the ports that a networking port stands for: itself, all, or what the pods call by that name.
func (b *targetBindings) portNumbers(ctx context.Context, o *v1beta1.TargetGroupBinding, p v1beta1.NetworkingPort, members []targets.Endpoint) ([]secgroup.Ports, error) {
	switch {
	case p.Port == nil:
		return []secgroup.Ports{{From: 0, To: 65535}}, nil
	case p.Port.StrVal == "":
		return []secgroup.Ports{{From: p.Port.IntVal, To: p.Port.IntVal}}, nil
	case *o.Spec.TargetType == v1beta1.TargetTypeInstance:
		return nil, fmt.Errorf("named ports can only be used with pod endpoints: %q", p.Port.StrVal)
	}
	var out []secgroup.Ports
	for _, e := range members {
		pod, ok := clusterCache{ctx, b.client}.Pod(e.Namespace, e.Pod)
		if !ok {
			continue
		}
		n, ok := containerPort(pod, p.Port.StrVal)
		if !ok {
			return nil, fmt.Errorf("unable to find port %s on pod %s/%s", p.Port.StrVal, e.Namespace, e.Pod)
		}
		if s := (secgroup.Ports{From: n, To: n}); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out, nil
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
