package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

// bindings makes the plans of the TargetGroupBindings that concerned selects, and of those of the planned stacks.
func (i *inputs) bindings(ctx context.Context, s *source, concerned func(*v1beta1.TargetGroupBinding) bool,
	planned []offline.Result, explained bool) (offline.Bindings, error) {
	v := objects.New(s.reader)
	in := offline.BindingInput{
		View: v, Config: &i.config, Balancing: s.clients.ELBV2, Compute: s.clients.EC2, Inventory: s.inventory,
		Only: concerned, Stacks: planned,
		Live: s.kube != nil, Former: s.formerBinding, BuiltIn: s.builtIn, Recorded: s.cluster.Recorded,
		Preceding: s.cluster.Preceding, Explained: explained,
	}
	namespaces := map[string]bool{}
	var rules bool
	all := v.TargetGroupBindings("")
	for _, b := range all {
		if concerned(b) {
			namespaces[b.Namespace] = true
			rules = rules || b.Spec.Networking != nil || i.changed(s, b)
		}
	}
	for _, r := range planned {
		if r.Compiled.Stack != nil {
			for _, b := range r.Compiled.Stack.Bindings {
				namespaces[b.Namespace] = true
			}
		}
	}
	in.AllKnown = s.kube != nil && !explained && len(namespaces) > 0 && (rules || !i.limited() && len(s.fromFiles) == 0)
	if in.AllKnown {
		for _, b := range all {
			namespaces[b.Namespace] = true
		}
	}
	unread := s.workloads(ctx, namespaces)
	in.Unread = func(namespace string) error { return errors.Join(unread[""], unread[namespace]) }
	in.AllKnown = in.AllKnown && len(unread) == 0
	if len(namespaces) == 0 {
		return offline.Bindings{}, nil
	}
	return offline.PlanBindings(ctx, in)
}

// formerBinding is a binding of the cluster, also if one of a file takes its place; nil if there is none.
func (s *source) formerBinding(namespace, name string) *v1beta1.TargetGroupBinding {
	for _, p := range s.fromFiles {
		b, ok := p.object.(*v1beta1.TargetGroupBinding)
		if ok && b.Namespace == namespace && b.Name == name {
			former, _ := p.former.(*v1beta1.TargetGroupBinding)
			return former
		}
	}
	if s.kube == nil {
		return nil
	}
	have, _ := objects.Lookup[*v1beta1.TargetGroupBinding](objects.New(s.reader), objects.TargetGroupBinding, namespace,
		name)
	return have
}

// changed reports whether the files have a binding: an edit may take rules away.
func (i *inputs) changed(s *source, b *v1beta1.TargetGroupBinding) bool {
	return slices.ContainsFunc(s.fromFiles, func(p placed) bool {
		kind, _ := objects.KindOf(p.object)
		return kind == objects.TargetGroupBinding && p.object.GetNamespace() == b.Namespace && p.object.GetName() == b.Name
	})
}

// workloads reads the nodes, and the endpoints and pods of namespaces, from the cluster, if there is one. Those of
// files stay. What cannot be read has its reason under its namespace, or "".
func (s *source) workloads(ctx context.Context, namespaces map[string]bool) map[string]error {
	unread := map[string]error{}
	if s.kube == nil || len(namespaces) == 0 {
		return unread
	}
	read := func(list client.ObjectList, options ...client.ListOption) error {
		if err := s.kube.List(ctx, list, options...); err != nil {
			return err
		}
		return meta.EachListItem(list, func(o runtime.Object) error {
			x, ok := o.(metav1.Object)
			if !ok {
				return nil
			}
			kind, _ := objects.KindOf(o)
			if _, there := s.snapshot.Get(kind, x.GetNamespace(), x.GetName()); !there {
				s.snapshot.Put(o)
			}
			return nil
		})
	}
	if err := read(&corev1.NodeList{}); err != nil {
		unread[""] = fmt.Errorf("reading the nodes: %w", err)
	}
	for ns := range namespaces {
		err := read(&discoveryv1.EndpointSliceList{}, client.InNamespace(ns))
		if err == nil {
			err = read(&corev1.PodList{}, client.InNamespace(ns))
		}
		if err != nil {
			unread[ns] = fmt.Errorf("reading endpoints and pods of namespace %s: %w", ns, err)
		}
	}
	return unread
}

// concernedBindings selects bindings of users: with a cluster, those that the files have or whose Service or endpoints
// they have, or those of the namespace.
func (i *inputs) concernedBindings(s *source) func(*v1beta1.TargetGroupBinding) bool {
	return func(b *v1beta1.TargetGroupBinding) bool {
		switch {
		case bindingobject.OfStack(b.Labels): // it is planned with its stack
			return false
		case len(s.fromFiles) > 0 && i.fromCluster():
			return slices.ContainsFunc(s.fromFiles, func(p placed) bool {
				if p.object.GetNamespace() != b.Namespace {
					return false
				}
				switch kind, _ := objects.KindOf(p.object); kind {
				case objects.TargetGroupBinding:
					return p.object.GetName() == b.Name
				case objects.Service:
					return p.object.GetName() == b.Spec.ServiceRef.Name
				case objects.EndpointSlice:
					return p.object.GetLabels()[discoveryv1.LabelServiceName] == b.Spec.ServiceRef.Name
				default:
					return false
				}
			})
		case i.limited():
			return b.Namespace == i.namespace
		}
		return true
	}
}

// bindingResults are the plans of bindings as rows in addition to those of stacks: of users' bindings all, of those of
// stacks what would be done.
func bindingResults(all offline.Bindings) (out []offline.Result) {
	for i := range all.All {
		b := &all.All[i]
		r := b.Result()
		if b.OfStack() {
			if b.Plan.Empty() && !b.Unread && (b.State != offline.Served || !b.Diagnostics.HasErrors()) {
				continue
			}
			r.Diagnostics = slices.Clone(r.Diagnostics)
			for j := range r.Diagnostics {
				r.Diagnostics[j].Class = diag.Note
			}
		}
		out = append(out, r)
	}
	if !all.Rules.Plan.Empty() {
		out = append(out, all.Rules)
	}
	return out
}

// bindingsInvalid reports whether a binding of a user is invalid; bindingsChange whether something would be done for
// one.
func bindingsInvalid(all offline.Bindings) bool {
	return slices.ContainsFunc(all.All, func(b offline.Binding) bool { return !b.OfStack() && b.Diagnostics.HasErrors() })
}

func bindingsChange(all offline.Bindings) bool {
	return !all.Rules.Plan.Empty() || slices.ContainsFunc(all.All, func(b offline.Binding) bool {
		return !b.OfStack() &&
			!b.Plan.Empty()
	})
}

// plannedBindings is the JSON form of plans of bindings: of those of stacks, too, whose target groups exist.
func plannedBindings(all offline.Bindings) []plannedBinding {
	out := []plannedBinding{}
	for i := range all.All {
		b := &all.All[i]
		x := plannedBinding{
			Binding: b.ID().String(), State: b.State, TargetGroup: plannedGroup{b.TargetGroupName(),
				b.Object.Spec.TargetGroupARN},
			Register: []string{}, Deregister: []string{}, Open: []string{}, Findings: explain.Findings(b.Diagnostics),
		}
		if b.OfStack() {
			x.Stack = &b.Stack
		}
		for _, t := range b.Register {
			x.Register = append(x.Register, t.Key())
		}
		for _, t := range b.Deregister {
			x.Deregister = append(x.Deregister, t.Key())
		}
		for _, g := range b.Open {
			for _, r := range g.Rules {
				x.Open = append(x.Open, g.Group+": "+offline.RuleText(r))
			}
		}
		out = append(out, x)
	}
	return out
}

// plannedBinding is a TargetGroupBinding in the document of a plan.
type plannedBinding struct {
	Binding string `json:"binding"` // namespace/name
	// Stack owns the binding; absent: a user does.
	Stack       *stack.Key           `json:"stack,omitempty"`
	State       offline.BindingState `json:"state"`
	TargetGroup plannedGroup         `json:"targetGroup"`
	// Register and Deregister are targets, as address or instance and port; Open are rules of security groups, as group,
	// protocol, ports and source.
	Register   []string          `json:"register"`
	Deregister []string          `json:"deregister"`
	Open       []string          `json:"open"`
	Findings   []explain.Finding `json:"findings,omitempty"`
}

type plannedGroup struct {
	Name string `json:"name,omitempty"`
	ARN  string `json:"arn,omitempty"`
}
