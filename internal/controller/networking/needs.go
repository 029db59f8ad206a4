package networking

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/kube"
	"github.com/k8s-lbc/lbc/internal/secgroup"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/targets"
)

// needs are the permissions that a binding needs of each security group of its endpoints. If the groups of some endpoints, or what its
// networking means, are not known, placed is false, unclear are all rules that it may need anywhere, and found says why.
func (r *Reconciler) needs(ctx context.Context, o *v1beta1.TargetGroupBinding, endpoints []targets.Endpoint) (need map[string][]stack.Permission, unclear []stack.Permission, found diag.List, placed bool) {
	byGroup, lost, err := r.groupsOf(ctx, o, endpoints)
	need = map[string][]stack.Permission{}
	var mistakes []mistake
	if err != nil || len(byGroup) == 0 { // wherever the others are, these may be their rules
		unplaced, more, wrong := r.permissions(ctx, o, lost)
		unclear, mistakes = append(unplaced, more...), append(mistakes, wrong...)
	}
	for group, members := range byGroup {
		perms, more, wrong := r.permissions(ctx, o, members)
		need[group], unclear, mistakes = perms, append(unclear, more...), append(mistakes, wrong...)
	}
	found = networkProblem(o, diag.EndpointNotResolved, err)
	for _, m := range mistakes {
		d := diag.New(kube.BindingObject(o), m.path, diag.InvalidNetworking, m.text, m.remedy)
		if !slices.Contains(found, d) {
			found = append(found, d)
		}
	}
	return need, unclear, found, err == nil && len(mistakes) == 0
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

// permissions are the rules that the binding's networking asks of one group, for the endpoints behind it. Of what is not known,
// because of a mistake or as the port is one by name and no endpoint is known, unclear are all rules that it may stand for.
func (r *Reconciler) permissions(ctx context.Context, o *v1beta1.TargetGroupBinding, members []targets.Endpoint) (perms, unclear []stack.Permission, mistakes []mistake) {
	for i, rule := range o.Spec.Networking.Ingress {
		at := fmt.Sprintf("spec.networking.ingress[%d]", i)
		ports := rule.Ports
		if len(ports) == 0 {
			ports = []v1beta1.NetworkingPort{{}} // all TCP ports
		}
		for j, port := range ports {
			spans, wrong := r.portNumbers(ctx, o, port, members)
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
					unclear = append(unclear, fromAnywhere(protocol, may)...)
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

// fromAnywhere stands for rules whose source is not known.
func fromAnywhere(protocol string, ports []secgroup.Ports) []stack.Permission {
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
func (r *Reconciler) portNumbers(ctx context.Context, o *v1beta1.TargetGroupBinding, p v1beta1.NetworkingPort, members []targets.Endpoint) (out []secgroup.Ports, wrong mistake) {
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
		pod, ok := kube.Cluster{Reader: r.Client}.Pod(ctx, e.Namespace, e.Pod)
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
