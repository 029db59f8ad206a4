package offline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/network"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// BindingInput is the input for plans of TargetGroupBindings.
type BindingInput struct {
	View      *objects.View
	Config    *config.Config
	Balancing awsclient.ELBV2
	Compute   awsclient.EC2
	Inventory *inventory.Inventory
	// Only selects the bindings that are planned in addition to those of Stacks.
	Only func(*v1beta1.TargetGroupBinding) bool
	// Stacks are the plans of stacks.
	Stacks []Result
	// Live reports that the view is of a cluster: a Service without EndpointSlices has no endpoints.
	Live bool
	// AllKnown reports that the view has all bindings of a cluster and their endpoints. It is then known which rules of
	// security groups no binding needs.
	AllKnown bool
	// BuiltIn reports that the account is the simulator's built-in one, which has no target groups of users.
	BuiltIn bool
	// Explained has target groups and health read also where plans do without.
	Explained bool
	// Recorded is as in Cluster.
	Recorded func(ctx context.Context, binding stack.ID) (keys []string, known bool, err error)
	// Preceding is as in Cluster.
	Preceding func(ctx context.Context, namespace, name string) (record bindings.Preceding, known bool)
	// Former is the binding of the cluster as it is before the plan; nil = there is none.
	Former func(namespace, name string) *v1beta1.TargetGroupBinding
	// Unread is why the endpoints of a namespace, or the nodes, could not be read; nil = they were.
	Unread func(namespace string) error
}

// BindingState says how the controller treats a binding.
type BindingState string

// States of bindings.
const (
	Served   BindingState = "served"
	Unserved BindingState = "unserved" // because of what is wrong with it; nothing is changed
	Unknown  BindingState = "unknown"  // what would be registered is not known here
)

// Binding is the plan of a TargetGroupBinding, with its input.
type Binding struct {
	Object *v1beta1.TargetGroupBinding // completed from its target group
	// Stack owns the binding; the zero value is that of a binding of a user, or of one of a stack whose object is gone.
	Stack stack.Key
	State BindingState
	// TargetGroup is that of a user's binding as AWS describes it, the zero value if AWS has none.
	TargetGroup elbtypes.TargetGroup
	Port        corev1.ServicePort // of the Service
	// Endpoints are all endpoints of the Service, and why some are no targets.
	Endpoints            []bindings.ExplainedEndpoint
	Register, Deregister []registrar.Target
	// Health is that of what is registered; Recorded are the keys of the targets that this cluster registered, of a target
	// group that clusters share.
	Health   []registrar.Health
	Recorded []string
	// Groups are the rules that the binding needs, by security group.
	Groups map[string][]stack.Permission
	Open   []GroupRules
	// Missing are those that are opened for all bindings, by security group.
	Missing     map[string][]stack.Permission
	Plan        plan.Plan
	Diagnostics diag.List

	// Unread reports that what is registered could not be read.
	Unread bool

	wanted []registrar.Endpoint
}

// GroupRules are rules of a security group.
type GroupRules struct {
	Group string
	Rules []stack.Permission
}

// OfStack reports whether a stack owns the binding, be it one whose object is gone.
func (b *Binding) OfStack() bool {
	return b.Stack != stack.Key{} || bindingobject.OfStack(b.Object.Labels)
}

// ID returns the namespace and name of the binding.
func (b *Binding) ID() stack.ID { return stack.ID{Namespace: b.Object.Namespace, Name: b.Object.Name} }

// Result returns the plan as one among those of stacks.
func (b *Binding) Result() Result {
	r := Result{Key: registrar.TargetCalls(b.ID()), Plan: b.Plan, Diagnostics: b.Diagnostics,
		Unbuildable: b.State != Served}
	switch b.State {
	case Unserved:
		r.Instead = "not served; nothing would be changed"
	case Unknown:
		r.Instead = "not planned"
	case Served:
	}
	return r
}

// Bindings are the plans of TargetGroupBindings.
type Bindings struct {
	All []Binding // sorted by namespace and name
	// Rules is the plan of rules of security groups that no binding needs any longer. It is empty where it is not known
	// which these are.
	Rules Result
}

// PlanBindings plans the bindings of users that Only selects, and those of the planned stacks whose target groups
// exist.
func PlanBindings(ctx context.Context, in BindingInput) (Bindings, error) {
	p := &bindingPlanner{BindingInput: in, workloads: workloadsOf(in.View), scope: awsclient.Scope{
		Region: in.Config.Region, VPC: in.Config.VPC}}
	p.networks = bindings.Networks{
		Cluster: p.workloads, Inventory: in.Inventory, Interfaces: network.NewInterfaces(in.Compute, time.Now),
		VPC: in.Config.VPC,
		Chooser: sgsync.Chooser{Cluster: in.Config.ClusterName, Group: in.Config.NodeSecurityGroup,
			ExtraTags: in.Config.TargetENISecurityTags},
	}
	p.networks.Limits = bindings.Limits{Allowed: in.Config.AllowedNetworking(), Planned: &bindings.Planned{},
		HealthPort: p.healthPort}
	standing := sgsync.Reconciler{Cluster: in.Config.ClusterName, Rules: in.Inventory.SecurityGroups()}
	p.networks.Former = func(ctx context.Context, _ *v1beta1.TargetGroupBinding, group string) (may,
		stands func(stack.Permission) bool) {
		rules, err := standing.Standing(ctx, group)
		may = func(stack.Permission) bool { return true }
		return may, func(p stack.Permission) bool { return err == nil && rules.Admits(p) }
	}
	p.collect()
	if len(p.all) == 0 {
		return Bindings{}, nil
	}
	if err := in.Inventory.Load(ctx); err != nil {
		return Bindings{}, err
	}
	for _, b := range p.all {
		p.complete(ctx, b)
	}
	for _, b := range p.all {
		if !b.shown && !p.AllKnown {
			continue
		}
		if err := p.resolve(ctx, b); err != nil {
			return Bindings{}, fmt.Errorf("%s: %w", bindingobject.BindingObject(b.Object), err)
		}
	}
	if err := p.syncAll(ctx); err != nil {
		return Bindings{}, err
	}
	out := Bindings{Rules: p.rules(ctx)}
	for _, b := range p.all {
		if b.shown {
			p.steps(b)
			out.All = append(out.All, b.Binding)
		}
	}
	slices.SortFunc(out.All, func(x, y Binding) int { return strings.Compare(x.ID().String(), y.ID().String()) })
	return out, nil
}

// bindingPlanner makes the plans of bindings.
type bindingPlanner struct {
	BindingInput
	workloads *workloads
	networks  bindings.Networks
	scope     awsclient.Scope
	all       []*plannedBinding
	// unresolved: rules of bindings that stacks are about to make are not known.
	unresolved bool
	zones      map[string]string // of nodes
}

// plannedBinding is a binding that is shown, or that has to be known for others.
type plannedBinding struct {
	Binding
	shown    bool
	draining bool                 // targets drain
	closed   []registrar.Endpoint // nodes that are not wanted, as they forward to endpoints that are not the namespace's
	kept     bool                 // the controller keeps targets that are not wanted as long as they serve
}

// collect takes the bindings: those of planned stacks as they will be, the others as they are.
func (p *bindingPlanner) collect() {
	ofPlanned := map[stack.ID]bool{}
	now := time.Now()
	for i := range p.Stacks {
		r := &p.Stacks[i]
		for _, b := range r.Observed.Bindings { // those that are not declared any more go
			ofPlanned[stack.ID{Namespace: b.Namespace, Name: b.Name}] = true
		}
		if r.Compiled.Stack == nil {
			continue
		}
		for _, b := range r.Compiled.Stack.Bindings {
			ofPlanned[stack.ID{Namespace: b.Namespace, Name: b.Name}] = true
			o, whole := p.stackBinding(r, b)
			p.unresolved = p.unresolved || !whole
			if o != nil {
				if whole {
					p.networks.Limits.Planned.Note(bindingobject.ObservedBinding(o).Binding)
				}
				p.all = append(p.all, &plannedBinding{Binding: Binding{Object: o, Stack: r.Key, State: Served}, shown: true})
			}
		}
	}
	anyone := len(p.all) > 0
	var others []*plannedBinding
	for _, o := range objects.List[*v1beta1.TargetGroupBinding](p.View, objects.TargetGroupBinding, "") {
		if ofPlanned[stack.ID{Namespace: o.Namespace, Name: o.Name}] {
			continue
		}
		key, _ := bindingobject.StackOfBinding(p.View, o.Labels)
		b := &plannedBinding{Binding: Binding{Object: o.DeepCopy(), Stack: key, State: Served}, shown: p.Only(o)}
		if b.Object.CreationTimestamp.IsZero() && p.Live { // from a file: it is younger than those of the cluster
			b.Object.CreationTimestamp = metav1.NewTime(now)
		}
		anyone = anyone || b.shown
		others = append(others, b)
	}
	if anyone {
		p.all = append(p.all, others...)
	}
}

// stackBinding is the binding that a stack will have, nil if its target group does not exist yet. whole is false if it
// names what does not exist yet.
func (p *bindingPlanner) stackBinding(r *Result, b stack.Binding) (o *v1beta1.TargetGroupBinding, whole bool) {
	written := slices.ContainsFunc(r.Plan.Steps, func(s plan.Step) bool {
		switch op := s.Op.(type) {
		case awsop.CreateBinding:
			return op.Binding.Namespace == b.Namespace && op.Binding.Name == b.Name
		case awsop.UpdateBinding:
			return op.Binding.Namespace == b.Namespace && op.Binding.Name == b.Name
		}
		return false
	})
	if now, ok := objects.Lookup[*v1beta1.TargetGroupBinding](p.View, objects.TargetGroupBinding, b.Namespace,
		b.Name); ok && !written {
		return now.DeepCopy(), true
	}
	whole = true
	b = awsop.Literal(b, func(ref stack.Ref) string {
		if ref.Literal != "" {
			return ref.Literal
		}
		for _, k := range r.Plan.Known {
			if k.Ref == ref {
				return k.Value
			}
		}
		for _, tg := range r.Observed.TargetGroups {
			if ref.Kind == stack.KindTargetGroup && tg.ID == ref.ID {
				return tg.ARN
			}
		}
		for _, g := range r.Observed.SecurityGroups {
			if ref.Kind == stack.KindSecurityGroup && g.ID == ref.ID {
				return g.GroupID
			}
		}
		whole = false
		return ""
	})
	if b.TargetGroup.Literal == "" {
		return nil, len(b.Networking) == 0
	}
	if !whole { // without a source a rule is none
		b.Networking = nil
	}
	return &v1beta1.TargetGroupBinding{ObjectMeta: metav1.ObjectMeta{Namespace: b.Namespace, Name: b.Name,
		Labels: b.Labels}, Spec: bindingobject.BindingSpec(b)}, whole
}

// refuse has a binding not served.
func (b *plannedBinding) refuse(state BindingState, d diag.Diagnostic) {
	b.State = state
	b.Diagnostics = append(b.Diagnostics, d)
}

// note adds a finding that is no mistake.
func note(d diag.Diagnostic) diag.Diagnostic {
	d.Class = diag.Note
	return d
}

// complete fills in what a binding leaves to its target group, as a pass of the controller does.
func (p *bindingPlanner) complete(ctx context.Context, b *plannedBinding) {
	o := b.Object
	switch {
	case o.DeletionTimestamp != nil:
		b.refuse(Unknown, note(diag.New(bindingobject.BindingObject(o), "metadata.deletionTimestamp", diag.IgnoredSetting,
			"its targets are not planned: it is being deleted, and the controller deregisters them", "kubectl describe shows "+
				"what it waits for")))
		return
	case p.Config.WatchNamespace != "" && o.Namespace != p.Config.WatchNamespace:
		b.refuse(Unknown, note(diag.New(bindingobject.BindingObject(o), "metadata.namespace", diag.IgnoredSetting,
			"its targets are not planned: the controller serves namespace "+p.Config.WatchNamespace+" only",
			"another controller may serve it; --watch-namespace is the flag")))
		return
	case o.Spec.IamRoleArnToAssume != "":
		if d := bindings.Contradiction(p.Config.Roles(), o); d != nil {
			b.refuse(Unserved, *d)
			return
		}
		b.refuse(Unknown, note(diag.New(bindingobject.BindingObject(o), "spec.iamRoleArnToAssume", diag.RoleNotAssumed,
			"its targets are not planned: lbc does not assume role "+o.Spec.IamRoleArnToAssume+
				", which the target group needs", "read the conditions of the binding, or ask AWS with the role")))
		return
	}
	if d := bindings.Contradiction(p.Config.Roles(), o); d != nil {
		b.refuse(Unserved, *d)
		return
	}
	s := &o.Spec
	whole := s.TargetGroupARN != "" && s.TargetType != nil && s.TargetGroupProtocol != nil && s.IPAddressType != nil &&
		s.VpcID != ""
	if whole && !b.shown || b.OfStack() && whole && !p.Explained {
		return
	}
	tg, d := bindings.Describe(ctx, p.Balancing, o)
	if d == nil {
		b.TargetGroup = tg
		d = bindings.Mismatch(o, tg)
	}
	switch {
	case d != nil && d.Code == diag.TargetGroupNotFound && p.BuiltIn:
		b.refuse(Unknown, note(diag.New(d.Object, d.Path, d.Code, "its targets are not planned: the simulator's built-in "+
			"account has no such target group", "name the account with --account, or a cluster with --context")))
		return
	case d != nil:
		b.refuse(Unserved, *d)
		return
	}
	bindings.Fill(s, tg)
}

// others are the other bindings of a binding's target group.
func (p *bindingPlanner) others(b *plannedBinding) (out []v1beta1.TargetGroupBinding) {
	for _, x := range p.all {
		if x != b && x.State != Unserved && x.Object.Spec.TargetGroupARN == b.Object.Spec.TargetGroupARN &&
			x.Object.DeletionTimestamp == nil {
			out = append(out, *x.Object)
		}
	}
	return out
}
