package bindings

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/network"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// Networks finds the security groups of endpoints, and what the networking of bindings asks of them.
type Networks struct {
	Cluster    registrar.Cluster
	Inventory  *inventory.Inventory
	Interfaces *network.Interfaces
	Chooser    sgsync.Chooser
	VPC        string // of the cluster
	Limits     Limits
	// Own returns, of rules that a binding may have while something about it is not known, those that may be its own; nil
	// = all.
	Own func(o *v1beta1.TargetGroupBinding, rules []stack.Permission) []stack.Permission
	// Former returns whether a rule of a group for a port of nodes may be a binding's own, and whether one is open. Nil =
	// it may, and none is.
	Former func(ctx context.Context, o *v1beta1.TargetGroupBinding, group string) (may, stands func(stack.Permission) bool)
}

// Targets are endpoints of a binding. Port is the port of those without one, as the instances of all node ports are one
// list.
type Targets struct {
	Endpoints registrar.Endpoints
	Port      int32
}

// Needs returns the permissions that a binding needs of each security group of its endpoints, within Limits. If the
// groups of some endpoints, what its networking means, or whether it may open it, are not known, placed is false,
// unclear are all rules that it may need anywhere, and found says why.
func (n *Networks) Needs(ctx context.Context, o *v1beta1.TargetGroupBinding, of Targets) (
	need map[string][]stack.Permission, unclear []stack.Permission, found diag.List, placed bool) {
	where, err := n.groupsOf(ctx, o, ofPodsAndNodes(o, of.Endpoints))
	return n.needs(ctx, o, of, where, err)
}

// Locate is Needs for a binding that ends. unread are the failed reads, because of which it may have rules in further
// groups.
func (n *Networks) Locate(ctx context.Context, o *v1beta1.TargetGroupBinding, of Targets) (
	need map[string][]stack.Permission, unclear []stack.Permission, unread error) {
	where, err := n.groupsOf(ctx, o, ofPodsAndNodes(o, of.Endpoints))
	need, unclear, _, _ = n.needs(ctx, o, of, where, err)
	return need, unclear, where.unread()
}

// needs is Needs for endpoints that groupsOf has looked for.
func (n *Networks) needs(ctx context.Context, o *v1beta1.TargetGroupBinding, of Targets, where *placement, err error) (
	need map[string][]stack.Permission, unclear []stack.Permission, found diag.List, placed bool) {
	need = map[string][]stack.Permission{}
	var mistakes []Mistake
	if err != nil || len(where.lost) > 0 || len(where.byGroup) == 0 { // wherever the others are, these may be their rules
		unplaced, more, wrong := n.Permissions(ctx, o, where.lost)
		unclear, mistakes = append(unplaced, more...), append(mistakes, wrong...)
	}
	former := formerPorts(of)
	for group, members := range where.byGroup {
		perms, more, wrong := n.Permissions(ctx, o, members)
		need[group], unclear, mistakes = withFormer(perms, former), append(unclear, more...), append(mistakes, wrong...)
	}
	if n.Own != nil {
		unclear = n.Own(o, unclear)
	}
	undecided, exceeding := n.limit(ctx, o, need, of)
	exceeding = append(exceeding, n.closeNodePorts(ctx, o, need, of)...)
	unclear = append(unclear, undecided...)
	found = NetworkProblem(o, diag.EndpointNotResolved, err)
	found = append(append(found, exceeding...), where.doubtful()...)
	told := map[Mistake]bool{}
	for _, m := range mistakes {
		if !told[m] && len(told) < mostMistakes {
			told[m] = true
			found = append(found, diag.New(bindingobject.BindingObject(o), m.Path, diag.InvalidNetworking, m.Text, m.Remedy))
		}
	}
	return need, unclear, found, err == nil && len(where.lost)+len(undecided) == 0 && !slices.ContainsFunc(mistakes,
		func(m Mistake) bool { return !m.Read })
}

// formerPorts are, by port of targets, the other ports at which their pods are targets: after an edit of the port, the
// targets of the former one stay until the new ones are healthy.
func formerPorts(of Targets) map[int32][]int32 {
	if len(Listening(of).Ports) < 2 {
		return nil
	}
	at, out := map[string][]int32{}, map[int32][]int32{}
	for _, e := range of.Endpoints.All() {
		for _, port := range at[e.ID] {
			for a, b := range map[int32]int32{port: e.Port, e.Port: port} {
				if !slices.Contains(out[a], b) {
					out[a] = append(out[a], b)
				}
			}
		}
		at[e.ID] = append(at[e.ID], e.Port)
	}
	return out
}

// withFormer are permissions, and those of them that are to the port of a target also to the former ports.
func withFormer(perms []stack.Permission, former map[int32][]int32) []stack.Permission {
	out := slices.Clip(perms)
	for _, p := range perms {
		if p.FromPort != p.ToPort {
			continue
		}
		for _, port := range former[p.FromPort] {
			if p.FromPort, p.ToPort = port, port; !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

// mostMistakes is how many mistakes of one binding the controller reports.
const mostMistakes = 50

// ofPodsAndNodes leaves out the endpoints without Pod of a binding of addresses. Whoever may write EndpointSlices names
// them, and their security groups are the matter of whoever runs what is there.
func ofPodsAndNodes(o *v1beta1.TargetGroupBinding, endpoints registrar.Endpoints) registrar.Endpoints {
	if !ofAddress(o) {
		return endpoints
	}
	return endpoints.Without(func(e registrar.Endpoint) bool { return e.Pod == "" })
}

// NetworkProblem returns why the security groups do not admit the sources of a binding, or not any longer, as they
// should.
func NetworkProblem(o *v1beta1.TargetGroupBinding, code diag.Code, err error) diag.List {
	if err == nil || o == nil {
		return nil
	}
	if full := (*sgsync.FullError)(nil); errors.As(err, &full) {
		return diag.List{diag.New(bindingobject.BindingObject(o), "spec.networking", diag.QuotaExceeded, err.Error(),
			full.Remedy())}
	}
	d := awsclient.Problem("", err)
	d.Object, d.Path, d.Code = bindingobject.BindingObject(o), "spec.networking", code
	return diag.List{d}
}

// Mistake is something of a binding's networking that means nothing, or less than it says.
type Mistake struct {
	Path, Text, Remedy string
	Read               bool // what it means is known all the same
}

// JoinOnce joins errors, those of one text once.
func JoinOnce(errs []error) error {
	var out []error
	for _, err := range errs {
		if err != nil && !slices.ContainsFunc(out, func(x error) bool { return x.Error() == err.Error() }) {
			out = append(out, err)
		}
	}
	return errors.Join(out...)
}

// Permissions returns the rules that the binding's networking asks of one group, for the endpoints behind it. Of what
// is not known, because of a mistake or as the port is one by name and no endpoint is known, unclear are all rules that
// it may stand for.
func (n *Networks) Permissions(ctx context.Context, o *v1beta1.TargetGroupBinding, members []registrar.Endpoint) (perms,
	unclear []stack.Permission, mistakes []Mistake) {
	if text, remedy := sgsync.TooMany(o.Spec.Networking); text != "" {
		every := []sgsync.Ports{{From: 0, To: 65535}}
		return nil, slices.Concat(fromAnywhere("tcp", every), fromAnywhere("udp", every)),
			[]Mistake{{"spec.networking.ingress", text, remedy, false}}
	}
	for i, rule := range o.Spec.Networking.Ingress {
		at := fmt.Sprintf("spec.networking.ingress[%d]", i)
		if len(rule.From) == 0 {
			mistakes = append(mistakes, Mistake{at + ".from", sgsync.Peerless, sgsync.PeerlessRemedy, true})
		}
		ports := rule.Ports
		if len(ports) == 0 {
			ports = []v1beta1.NetworkingPort{{}} // all TCP ports
		}
		for j, port := range ports {
			spans, wrong := n.portNumbers(ctx, o, port, members)
			if wrong.Text != "" {
				wrong.Path = fmt.Sprintf("%s.ports[%d].port", at, j)
				mistakes = append(mistakes, wrong)
			}
			unknown, may := wrong.Text != "" || len(spans) == 0, spans
			if unknown {
				may = []sgsync.Ports{{From: 0, To: 65535}}
			}
			for k, from := range rule.From {
				if from.SecurityGroup != nil && from.IPBlock != nil { // admission refuses it; it may be older
					mistakes = append(mistakes, Mistake{fmt.Sprintf("%s.from[%d]", at, k), fmt.Sprintf("the peer has both a "+
						"securityGroup and an ipBlock: only %s is admitted, and %s is not", from.SecurityGroup.GroupID,
						from.IPBlock.CIDR),
						"write two peers, one of each kind", true})
				}
				peer, protocol := sgsync.PeerOf(from), protocolOf(port)
				all, err := sgsync.Permissions(peer, protocol, may)
				switch {
				case err != nil:
					mistakes = append(mistakes, Mistake{fmt.Sprintf("%s.from[%d]", at, k), err.Error(), sgsync.PeerRemedy, false})
					unclear = append(unclear, fromAnywhere(protocol, may)...)
					continue
				case unknown:
					unclear = append(unclear, all...)
				}
				known, _ := sgsync.Permissions(peer, protocol, spans)
				perms = append(perms, known...)
			}
		}
	}
	return perms, unclear, mistakes
}

// fromAnywhere stands for rules whose source is not known.
func fromAnywhere(protocol string, ports []sgsync.Ports) []stack.Permission {
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

// portNumbers are the ports that a networking port stands for: itself, all, or what the pods call by that name, as far
// as they do.
func (n *Networks) portNumbers(ctx context.Context, o *v1beta1.TargetGroupBinding, p v1beta1.NetworkingPort,
	members []registrar.Endpoint) (out []sgsync.Ports, wrong Mistake) {
	switch {
	case p.Port == nil:
		return []sgsync.Ports{{From: 0, To: 65535}}, Mistake{}
	case p.Port.StrVal == "":
		return []sgsync.Ports{{From: p.Port.IntVal, To: p.Port.IntVal}}, Mistake{}
	}
	if text, remedy := sgsync.NameWithoutPods(o, p); text != "" {
		return nil, Mistake{Text: text, Remedy: remedy}
	}
	var without []string
	for _, e := range members {
		pod, ok := n.Cluster.Pod(ctx, e.Namespace, e.Pod)
		if !ok {
			continue
		}
		number, ok := ContainerPort(pod, p.Port.StrVal)
		if !ok {
			without = append(without, e.Namespace+"/"+e.Pod)
			continue
		}
		if s := (sgsync.Ports{From: number, To: number}); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	if len(without) == 0 {
		return out, Mistake{}
	}
	return out, Mistake{Text: fmt.Sprintf("no container of these pods has a port named %s: %s", p.Port.StrVal,
		strings.Join(without, ", ")),
		Remedy: "name a port of the pods' containers, or write its number"}
}

// ContainerPort finds a named port among the containers and the sidecars of a pod.
func ContainerPort(pod *corev1.Pod, name string) (int32, bool) {
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
