package controller

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/world"
)

// ahead is how long our own writes are believed while the cache does not show them.
const ahead = 10 * time.Second

// bindings writes TargetGroupBindings for the executor and lists those of a stack as the cache, and what was just written,
// show them.
type bindings struct {
	client client.Client
	now    func() time.Time

	mu      sync.Mutex
	written map[client.ObjectKey]written
}

// written is an object as we left it; nil = deleted.
type written struct {
	at     time.Time
	object *v1beta1.TargetGroupBinding
}

func newBindings(c client.Client, now func() time.Time) *bindings {
	return &bindings{client: c, now: now, written: map[client.ObjectKey]written{}}
}

// CreateBinding implements apply.Bindings.
func (b *bindings) CreateBinding(ctx context.Context, want stack.Binding) error {
	o := &v1beta1.TargetGroupBinding{}
	o.Namespace, o.Name, o.Labels = want.Namespace, want.Name, maps.Clone(want.Labels)
	o.Spec = bindingSpec(want)
	if err := b.client.Create(ctx, o); err != nil {
		if apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("%w: %s/%s", apply.ErrBindingExists, want.Namespace, want.Name)
		}
		return err
	}
	b.wrote(client.ObjectKeyFromObject(o), o)
	return nil
}

// UpdateBinding implements apply.Bindings.
func (b *bindings) UpdateBinding(ctx context.Context, want stack.Binding) error {
	key := client.ObjectKey{Namespace: want.Namespace, Name: want.Name}
	o := &v1beta1.TargetGroupBinding{}
	if err := b.client.Get(ctx, key, o); err != nil {
		return err
	}
	before := o.DeepCopy()
	if o.Labels == nil {
		o.Labels = map[string]string{}
	}
	maps.Copy(o.Labels, want.Labels)
	o.Spec = bindingSpec(want)
	if err := b.client.Patch(ctx, o, client.MergeFrom(before)); err != nil {
		return err
	}
	b.wrote(key, o)
	return nil
}

// DeleteBinding implements apply.Bindings.
func (b *bindings) DeleteBinding(ctx context.Context, namespace, name string) error {
	o := &v1beta1.TargetGroupBinding{}
	o.Namespace, o.Name = namespace, name
	if err := b.client.Delete(ctx, o); client.IgnoreNotFound(err) != nil {
		return err
	}
	b.wrote(client.ObjectKeyFromObject(o), nil)
	return nil
}

func (b *bindings) wrote(key client.ObjectKey, o *v1beta1.TargetGroupBinding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.written[key] = written{b.now(), o}
}

// of lists the bindings of a stack for its observation.
func (b *bindings) of(ctx context.Context, key stack.Key) ([]plan.Binding, error) {
	labels := naming.Labels(key)
	var list v1beta1.TargetGroupBindingList
	if err := b.client.List(ctx, &list, client.MatchingLabels(labels)); err != nil {
		return nil, fmt.Errorf("listing TargetGroupBindings of %s: %w", key, err)
	}
	found := map[client.ObjectKey]*v1beta1.TargetGroupBinding{}
	for i := range list.Items {
		found[client.ObjectKeyFromObject(&list.Items[i])] = &list.Items[i]
	}
	b.overlay(found, labels)
	var out []plan.Binding
	for _, o := range found {
		out = append(out, observedBinding(o))
	}
	slices.SortFunc(out, func(x, y plan.Binding) int {
		return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name))
	})
	return out, nil
}

// overlay shows our own recent writes where the cache is behind them.
func (b *bindings) overlay(found map[client.ObjectKey]*v1beta1.TargetGroupBinding, labels map[string]string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, w := range b.written {
		cached := found[key]
		switch {
		case b.now().Sub(w.at) > ahead:
			delete(b.written, key)
		case w.object == nil && cached != nil:
			gone := cached.DeepCopy()
			gone.DeletionTimestamp = cmp.Or(gone.DeletionTimestamp, &metav1.Time{Time: w.at})
			found[key] = gone
		case w.object != nil && hasLabels(w.object.Labels, labels) && (cached == nil || cached.Generation < w.object.Generation):
			found[key] = w.object
		}
	}
}

func hasLabels(have, want map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}

// bindingSpec is the spec that a stack's binding asks for; its references are literals.
func bindingSpec(b stack.Binding) v1beta1.TargetGroupBindingSpec {
	s := v1beta1.TargetGroupBindingSpec{
		TargetGroupARN:          b.TargetGroup.Literal,
		MultiClusterTargetGroup: b.MultiCluster,
		ServiceRef:              v1beta1.ServiceReference{Name: b.ServiceName, Port: portOf(b.ServicePort)},
		VpcID:                   b.VPC,
	}
	s.TargetType = pointer[v1beta1.TargetType](b.TargetType)
	s.TargetGroupProtocol = pointer[v1beta1.Protocol](b.Protocol)
	s.IPAddressType = pointer[v1beta1.IPAddressType](b.IPAddress)
	if b.NodeLabels != nil {
		s.NodeSelector = &metav1.LabelSelector{MatchLabels: b.NodeLabels}
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
		port := v1beta1.NetworkingPort{Protocol: pointer[v1beta1.NetworkingProtocol](p.Protocol)}
		if p.Port != "" {
			v := portOf(p.Port)
			port.Port = &v
		}
		out.Ports = append(out.Ports, port)
	}
	return out
}

// observedBinding is the reverse of bindingSpec.
func observedBinding(o *v1beta1.TargetGroupBinding) plan.Binding {
	s := &o.Spec
	b := plan.Binding{Deleting: o.DeletionTimestamp != nil, Binding: stack.Binding{
		Name: o.Name, Namespace: o.Namespace, Labels: o.Labels,
		TargetGroup:  stack.Literal(stack.KindTargetGroup, s.TargetGroupARN),
		TargetType:   value(s.TargetType),
		Protocol:     value(s.TargetGroupProtocol),
		ServiceName:  s.ServiceRef.Name,
		ServicePort:  s.ServiceRef.Port.String(),
		IPAddress:    value(s.IPAddressType),
		VPC:          s.VpcID,
		MultiCluster: s.MultiClusterTargetGroup,
	}}
	if s.NodeSelector != nil {
		b.NodeLabels = s.NodeSelector.MatchLabels
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
		port := stack.NetworkingPort{Protocol: cmp.Or(value(p.Protocol), "TCP")}
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

func pointer[T ~string](s string) *T {
	if s == "" {
		return nil
	}
	v := T(s)
	return &v
}

func value[T ~string](p *T) string {
	if p == nil {
		return ""
	}
	return string(*p)
}

// BindingsOf lists the bindings of a stack among objects that were read once.
func BindingsOf(objects world.Snapshot, key stack.Key) []plan.Binding {
	var out []plan.Binding
	for _, o := range world.New(objects).TargetGroupBindings("") {
		if hasLabels(o.Labels, naming.Labels(key)) {
			out = append(out, observedBinding(o))
		}
	}
	return out
}
