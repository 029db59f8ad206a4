package offline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/declare"
	acceleratordiff "github.com/k8s-lbc/lbc/internal/plan/accelerator/diff"
)

// AcceleratorAccount is the state of AWS that plans of accelerators need.
type AcceleratorAccount interface {
	Balancers(ctx context.Context, namespace string, needs []declare.Need, listeners []string) declare.Answers
	Observe(ctx context.Context, key stack.Key, shown string) (accelerator.Observed, error)
}

// Accelerator is the plan of an accelerator, with its input.
type Accelerator struct {
	Object      *agav1beta1.GlobalAccelerator
	Declared    accelerator.Declared
	Observed    accelerator.Observed
	Endpoints   []declare.Endpoint
	Answers     declare.Answers
	Plan        plan.Plan
	Diagnostics diag.List
	// Invalid reports that the object declares what AWS does not allow; nothing would be changed.
	Invalid bool
}

// Result returns the plan as one among those of stacks.
func (a *Accelerator) Result() Result {
	return Result{Key: a.Declared.Key, Plan: a.Plan, Diagnostics: a.Diagnostics, Unbuildable: a.Invalid}
}

// AcceleratorConfig returns what the flags of the controller say about accelerators.
func AcceleratorConfig(c *config.Config) declare.Config {
	return declare.Config{
		Cluster: c.ClusterName, Region: c.Region, DefaultTags: c.DefaultTags, ObjectTagsWin: c.Gates.Enabled(
			config.EnableDefaultTagsLowPriority), ExternalTags: c.ExternalManagedTags,
	}
}

// AcceleratorPlanner plans accelerators with the state of AWS and the flags of the controller. Endpoints whose load
// balancers are planned count as existing: their text is in the place of an ARN.
type AcceleratorPlanner struct {
	Account AcceleratorAccount
	Config  *config.Config
	Planned []Result // of the load balancers
}

// Plans plans the accelerators that the objects of the view declare and that only selects, sorted by key.
func (p AcceleratorPlanner) Plans(ctx context.Context, v *objects.View, only func(*agav1beta1.GlobalAccelerator) bool) (
	[]Accelerator, error) {
	var out []Accelerator
	for _, ga := range objects.List[*agav1beta1.GlobalAccelerator](v, objects.GlobalAccelerator, "") {
		if !only(ga) {
			continue
		}
		x, err := p.plan(ctx, v, ga)
		if err != nil {
			return nil, fmt.Errorf("%s: reading the accelerator: %w", declare.KeyOf(ga.Namespace, ga.Name), err)
		}
		out = append(out, x)
	}
	return out, nil
}

func (p AcceleratorPlanner) plan(ctx context.Context, v *objects.View, ga *agav1beta1.GlobalAccelerator) (
	Accelerator, error) {
	settings := AcceleratorConfig(p.Config)
	x := Accelerator{Object: ga}
	var made declare.Answers
	x.Endpoints, made = p.endpoints(v, ga)
	var needs []declare.Need
	for _, n := range declare.Needs(settings, ga, x.Endpoints) {
		if _, ok := made[n.Host]; !ok {
			needs = append(needs, n)
		}
	}
	x.Answers = p.Account.Balancers(ctx, ga.Namespace, needs, nil)
	maps.Copy(x.Answers, made)
	new(declare.Memory).Permit(v, ga, x.Endpoints, x.Answers, nil)
	x.Declared, x.Diagnostics = declare.Accelerator(settings, ga, x.Endpoints, x.Answers,
		declare.Memory{Stands: declare.Stands(ga, x.Endpoints, x.Answers, declare.Memory{})})
	x.Plan = plan.Plan{Key: x.Declared.Key}
	for _, d := range x.Diagnostics {
		x.Invalid = x.Invalid || d.Code == diag.InvalidAccelerator
	}
	for i := range x.Diagnostics { // what is not there yet is no mistake
		if d := &x.Diagnostics[i]; d.Code == diag.EndpointNotLoaded && pendingAt(x.Endpoints, d.Path) {
			d.Class = diag.Note
		}
	}
	arn := ""
	if ga.Status.AcceleratorARN != nil {
		arn = *ga.Status.AcceleratorARN
	}
	var err error
	if x.Observed, err = p.Account.Observe(ctx, x.Declared.Key, arn); err != nil {
		return x, err
	}
	switch {
	case ga.DeletionTimestamp != nil && declare.Protected(ga):
	case ga.DeletionTimestamp != nil:
		x.Plan, _ = acceleratordiff.Removal(x.Declared, x.Observed)
	case !x.Invalid:
		x.Plan = acceleratordiff.Plan(x.Declared, x.Observed)
	}
	return x, nil
}

// endpoints are the endpoints of an accelerator, with answers about the load balancers that are planned for them.
func (p AcceleratorPlanner) endpoints(v *objects.View, ga *agav1beta1.GlobalAccelerator) ([]declare.Endpoint,
	declare.Answers) {
	out, made := declare.Endpoints(v, ga), declare.Answers{}
	for i := range out {
		if b, ok := balancerOf(out[i].Name, p.Planned); ok && out[i].State == declare.Pending {
			e := &out[i]
			e.State, e.Host, e.Ports, e.PortProblem = declare.Hosted, b.ARN, b.Ports, b.PortProblem
			made[e.Host] = b
		}
	}
	return out, made
}

// Ignored returns the findings about what has no effect in an accelerator with the load balancers that are planned. It
// reads nothing of AWS.
func (p AcceleratorPlanner) Ignored(v *objects.View, ga *agav1beta1.GlobalAccelerator) (out diag.List) {
	endpoints, made := p.endpoints(v, ga)
	_, found := declare.Accelerator(AcceleratorConfig(p.Config), ga, endpoints, made, declare.Memory{})
	for _, d := range found {
		if d.Code == diag.IgnoredSetting {
			out = append(out, d)
		}
	}
	return out
}

// pendingAt reports whether the endpoint that a diagnostic is about has no load balancer yet.
func pendingAt(endpoints []declare.Endpoint, path string) bool {
	return slices.ContainsFunc(endpoints, func(e declare.Endpoint) bool {
		return e.State == declare.Pending && path == fmt.Sprintf("spec.listeners[%d].endpointGroups[%d].endpoints[%d]",
			e.Listener, e.Group, e.Index)
	})
}

// balancerOf is the load balancer that is planned of the object that an endpoint names, as one that AWS has.
func balancerOf(name string, planned []Result) (declare.Balancer, bool) {
	kind, id, _ := strings.Cut(name, "/")
	for i := range planned {
		r := &planned[i]
		if r.Compiled.Stack == nil || !isMember(r, kind, id) {
			continue
		}
		for _, lb := range r.Compiled.Stack.LoadBalancers {
			if lb.ID != stack.LoadBalancerIdentity { // the endpoint is not the NLB in front of an ALB
				continue
			}
			b := declare.Balancer{
				ARN: "load balancer " + lb.Name, Network: lb.Type == stack.Network, SecurityGroups: len(lb.SecurityGroups) > 0,
				DualStack: strings.HasPrefix(lb.IPAddressType, "dualstack"),
			}
			for _, l := range r.Compiled.Stack.Listeners {
				if l.LoadBalancer.ID == lb.ID {
					b.AddPort(l.Protocol, l.Port)
				}
			}
			return b, true
		}
	}
	return declare.Balancer{}, false
}

// isMember reports whether a stack is of an object.
func isMember(r *Result, kind, id string) bool {
	return slices.ContainsFunc(r.Input.Members, func(m metav1.Object) bool {
		k, _ := objects.KindOf(m)
		return string(k) == kind && m.GetNamespace()+"/"+m.GetName() == id
	})
}
