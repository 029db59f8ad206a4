// Package bindingobject converts between TargetGroupBindings and the bindings of stacks, and finds the stack of a
// TargetGroupBinding by its labels.
package bindingobject

import (
	"cmp"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// BindingObject names a binding in diagnostics.
func BindingObject(o *v1beta1.TargetGroupBinding) diag.Object {
	return diag.Object{Kind: "TargetGroupBinding", Namespace: o.Namespace, Name: o.Name, UID: string(o.UID)}
}

// BindingSpec returns the spec of a stack's binding, whose references are literals.
func BindingSpec(b stack.Binding) v1beta1.TargetGroupBindingSpec {
	s := v1beta1.TargetGroupBindingSpec{
		TargetGroupARN:          b.TargetGroup.Literal,
		MultiClusterTargetGroup: b.MultiCluster,
		ServiceRef:              v1beta1.ServiceReference{Name: b.ServiceName, Port: portOf(b.ServicePort)},
		VpcID:                   b.VPC,
	}
	s.TargetType = Pointer[v1beta1.TargetType](b.TargetType)
	s.TargetGroupProtocol = Pointer[v1beta1.Protocol](b.Protocol)
	s.IPAddressType = Pointer[v1beta1.IPAddressType](b.IPAddress)
	if b.NodeLabels != nil || b.NodeExpressions != nil {
		s.NodeSelector = &metav1.LabelSelector{MatchLabels: b.NodeLabels}
		for _, e := range b.NodeExpressions {
			s.NodeSelector.MatchExpressions = append(s.NodeSelector.MatchExpressions,
				metav1.LabelSelectorRequirement{Key: e.Key, Operator: metav1.LabelSelectorOperator(e.Operator), Values: e.Values})
		}
	}
	if b.Networking != nil {
		s.Networking = &v1beta1.TargetGroupBindingNetworking{}
		for _, r := range b.Networking {
			s.Networking.Ingress = append(s.Networking.Ingress, ingressRule(r))
		}
	}
	return s
}

func ingressRule(r stack.NetworkingRule) v1beta1.NetworkingIngressRule {
	var out v1beta1.NetworkingIngressRule
	for _, g := range r.FromGroups {
		out.From = append(out.From, v1beta1.NetworkingPeer{SecurityGroup: &v1beta1.SecurityGroup{GroupID: g.Literal}})
	}
	for _, c := range r.FromCIDRs {
		out.From = append(out.From, v1beta1.NetworkingPeer{IPBlock: &v1beta1.IPBlock{CIDR: c}})
	}
	for _, p := range r.Ports {
		port := v1beta1.NetworkingPort{Protocol: Pointer[v1beta1.NetworkingProtocol](p.Protocol)}
		if p.Port != "" {
			v := portOf(p.Port)
			port.Port = &v
		}
		out.Ports = append(out.Ports, port)
	}
	return out
}

// ObservedBinding returns the reverse of BindingSpec.
func ObservedBinding(o *v1beta1.TargetGroupBinding) awsop.Binding {
	s := &o.Spec
	b := awsop.Binding{Deleting: o.DeletionTimestamp != nil, Binding: stack.Binding{
		Name: o.Name, Namespace: o.Namespace, Labels: o.Labels, Annotations: o.Annotations,
		TargetGroup:  stack.Literal(stack.KindTargetGroup, s.TargetGroupARN),
		TargetType:   string(ptr.Deref(s.TargetType, "")),
		Protocol:     string(ptr.Deref(s.TargetGroupProtocol, "")),
		ServiceName:  s.ServiceRef.Name,
		ServicePort:  s.ServiceRef.Port.String(),
		IPAddress:    string(ptr.Deref(s.IPAddressType, "")),
		VPC:          s.VpcID,
		MultiCluster: s.MultiClusterTargetGroup,
	}}
	if s.NodeSelector != nil {
		b.NodeLabels = s.NodeSelector.MatchLabels
		for _, e := range s.NodeSelector.MatchExpressions {
			b.NodeExpressions = append(b.NodeExpressions, stack.NodeExpression{Key: e.Key, Operator: string(e.Operator),
				Values: e.Values})
		}
	}
	if s.Networking == nil {
		return b
	}
	b.Networking = []stack.NetworkingRule{}
	for _, r := range s.Networking.Ingress {
		b.Networking = append(b.Networking, networkingRule(r))
	}
	return b
}

func networkingRule(r v1beta1.NetworkingIngressRule) stack.NetworkingRule {
	var out stack.NetworkingRule
	for _, p := range r.From {
		if p.SecurityGroup != nil {
			out.FromGroups = append(out.FromGroups, stack.Literal(stack.KindSecurityGroup, p.SecurityGroup.GroupID))
		} else if p.IPBlock != nil {
			out.FromCIDRs = append(out.FromCIDRs, p.IPBlock.CIDR)
		}
	}
	for _, p := range r.Ports {
		port := stack.NetworkingPort{Protocol: cmp.Or(string(ptr.Deref(p.Protocol, "")), "TCP")}
		if p.Port != nil {
			port.Port = p.Port.String()
		}
		out.Ports = append(out.Ports, port)
	}
	return out
}

// portOf reads a port as written: decimal digits are a number, everything else a name.
func portOf(s string) intstr.IntOrString {
	if n, err := strconv.ParseInt(s, 10, 32); err == nil {
		return intstr.FromInt32(int32(n))
	}
	return intstr.FromString(s)
}

// Pointer is nil for an empty string.
func Pointer[T ~string](s string) *T {
	if s == "" {
		return nil
	}
	v := T(s)
	return &v
}

// BindingsOf returns the bindings of a stack in a snapshot.
func BindingsOf(objs objects.Snapshot, key stack.Key) []awsop.Binding {
	var out []awsop.Binding
	for _, o := range objects.New(objs).TargetGroupBindings("") {
		if HasLabels(o.Labels, naming.Labels(key)) {
			out = append(out, ObservedBinding(o))
		}
	}
	return out
}

// TargetsKey is the entry of the ConfigMap of a binding whose target group clusters share: the keys of this cluster's
// targets, joined by commas.
const TargetsKey = "targets"

// RecordedTargets returns the keys of this cluster's targets in the ConfigMap of a binding.
func RecordedTargets(m *corev1.ConfigMap) []string {
	return strings.FieldsFunc(m.Data[TargetsKey], func(r rune) bool { return r == ',' })
}

// HasLabels reports whether have contains all of want, which may be tags, too.
func HasLabels(have, want map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}

// OfStack reports whether a TargetGroupBinding has the labels of a stack; those of users have none.
func OfStack(labels map[string]string) bool {
	_, ok := labelled(labels)
	return ok
}

// StackOfBinding returns the stack whose labels a TargetGroupBinding has; ok is false for bindings of users. Labels may
// have a shortened name: then the stack is the one of v's objects that has them, and ok is false if there is none.
func StackOfBinding(v *objects.View, labels map[string]string) (key stack.Key, ok bool) {
	key, ok = labelled(labels)
	if !ok || !naming.Shortened(key.ID) {
		return key, ok
	}
	for _, o := range naming.Candidates[metav1.Object](v, objects.Kind(owner.Of(key.Owner).Kind), key.ID) {
		key.ID = naming.StackID(o.GetNamespace(), o.GetName())
		if HasLabels(labels, naming.Labels(key)) {
			return key, true
		}
	}
	return stack.Key{}, false
}

// labelled is the stack in labels, whose name may be shortened.
func labelled(labels map[string]string) (stack.Key, bool) {
	for _, k := range owner.Kinds {
		prefix := string(k.Owner) + "/"
		if name, ok := labels[prefix+"stack"]; ok {
			return stack.Key{Owner: k.Owner, ID: stack.ID{Name: name}}, true
		}
		ns, okNs := labels[prefix+"stack-namespace"]
		name, okName := labels[prefix+"stack-name"]
		if okNs && okName && strings.TrimSpace(name) != "" {
			return stack.Key{Owner: k.Owner, ID: stack.ID{Namespace: ns, Name: name}}, true
		}
	}
	return stack.Key{}, false
}
