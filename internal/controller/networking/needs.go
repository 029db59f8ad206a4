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
	where, err := r.groupsOf(ctx, o, endpoints)
	need = map[string][]stack.Permission{}
	var mistakes []mistake
	if err != nil || len(where.byGroup) == 0 { // wherever the others are, these may be their rules
		unplaced, more, wrong := r.permissions(ctx, o, where.lost)
		unclear, mistakes = append(unplaced, more...), append(mistakes, wrong...)
	}
	for group, members := range where.byGroup {
		perms, more, wrong := r.permissions(ctx, o, members)
		need[group], unclear, mistakes = perms, append(unclear, more...), append(mistakes, wrong...)
	}
	found = networkProblem(o, diag.EndpointNotResolved, err)
	found = append(found, where.doubtful()...)
	for _, m := range mistakes {
		d := diag.New(kube.BindingObject(o), m.path, diag.InvalidNetworking, m.text, m.remedy)
		if !slices.Contains(found, d) {
			found = append(found, d)
		}
	}
	return need, unclear, found, err == nil && !slices.ContainsFunc(mistakes, func(m mistake) bool { return !m.read })
}

// mistake is something of a binding's networking that means nothing, or less than it says.
type mistake struct {
	path, text, remedy string
	read               bool // what it means is known all the same
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

// permissions are the rules that the binding's networking asks of one group, for the endpoints behind it. Of what is not known,
// because of a mistake or as the port is one by name and no endpoint is known, unclear are all rules that it may stand for.
func (r *Reconciler) permissions(ctx context.Context, o *v1beta1.TargetGroupBinding, members []targets.Endpoint) (perms, unclear []stack.Permission, mistakes []mistake) {
	for i, rule := range o.Spec.Networking.Ingress {
		at := fmt.Sprintf("spec.networking.ingress[%d]", i)
		if len(rule.From) == 0 {
			mistakes = append(mistakes, mistake{at + ".from", secgroup.Peerless, secgroup.PeerlessRemedy, true})
		}
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
				if from.SecurityGroup != nil && from.IPBlock != nil { // admission refuses it; it may be older
					mistakes = append(mistakes, mistake{fmt.Sprintf("%s.from[%d]", at, k), fmt.Sprintf("the peer has both a securityGroup and an ipBlock: only %s is admitted, and %s is not", from.SecurityGroup.GroupID, from.IPBlock.CIDR),
						"write two peers, one of each kind", true})
				}
				peer, protocol := secgroup.PeerOf(from), protocolOf(port)
				all, err := secgroup.Permissions(peer, protocol, may)
				switch {
				case err != nil:
					mistakes = append(mistakes, mistake{fmt.Sprintf("%s.from[%d]", at, k), err.Error(), secgroup.PeerRemedy, false})
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
	}
	if text, remedy := secgroup.NameWithoutPods(o, p); text != "" {
		return nil, mistake{text: text, remedy: remedy}
	}
	var without []string
	for _, e := range members {
		if s := (secgroup.Ports{From: e.Port, To: e.Port}); e.Pod == "" { // its EndpointSlice has resolved the name
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
			continue
		}
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
