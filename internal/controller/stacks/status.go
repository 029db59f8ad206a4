package stacks

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/controller/objectwriter"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// observedAfter returns the stack's resources in AWS after the plan, without bindings. An empty plan changes none.
func (p *pass) observedAfter(ctx context.Context) (o awsop.Observed, err error) {
	if o = p.observed; !p.plan.Empty() {
		o, err = p.reconciler.Inventory.Observed(ctx, p.key, withoutAddOns(p.compiled.Stack))
	}
	o.Bindings, o.Hostnames = nil, p.input.Hostnames(p.key.Owner)
	return o, err
}

// writeStatus writes the name of the load balancer into the status of the members as soon as it is known, whatever
// else failed. ready is true if members can show a successor. switched are the members with their new status, if they
// showed another load balancer before that still exists; nil = none did.
func (p *pass) writeStatus(ctx context.Context, ready bool) (
	o awsop.Observed, switched []metav1.Object, refused refusedWrites, err error) {
	s, key, c, w, desired := p.reconciler, p.key, p.compiled, p.input, p.compiled.Stack
	if o, err = p.observedAfter(ctx); err != nil || !w.Declared || len(desired.LoadBalancers) == 0 || c.Departure {
		return o, nil, nil, err
	}
	lb, ports := shown(&o, desired, ready)
	if lb == nil {
		return o, nil, nil, nil
	}
	if _, n := naming.ShardOf(key.ID); n > 0 {
		s.wakeWriter(key, w, lb.DNSName)
		return o, nil, nil, nil
	}
	before := w.Hostnames(key.Owner)
	if !s.published(lb, before) {
		return o, nil, nil, nil
	}
	kind, show := owner.Of(key.Owner), owner.LoadBalancer{Hostname: lb.DNSName, Ports: ports}
	if frontend := frontendOf(&o, desired, c.Keep); frontend != nil && s.published(frontend, before) {
		show.Frontend = frontend.DNSName
	}
	all, err := s.shardsShown(ctx, key, w, show)
	if err != nil {
		return o, nil, nil, err
	}
	of, othersPorts := viewOf(w), portsOfOthers(c)
	w.Members, refused = s.writeMembers(ctx, "status of", w.Members, func(m client.Object) objectwriter.Write {
		show, known := of.show(all, m)
		if !known {
			return objectwriter.Write{}
		}
		show.OthersPorts = othersPorts(owner.Object(m))
		return objectwriter.Write{Part: objectwriter.Status, Change: func(o client.Object) bool { return kind.Show(o, show) }}
	})
	o.Hostnames = w.Hostnames(key.Owner)
	for _, old := range o.LoadBalancers {
		if name := strings.ToLower(old.DNSName); old.ID == lb.ID && slices.Contains(before, name) &&
			!slices.Contains(o.Hostnames, name) {
			return o, w.Members, refused, nil
		}
	}
	return o, nil, refused, nil
}

// portsOfOthers returns what finds the ports of listeners that only others than a member declare.
func portsOfOthers(c compile.Result) func(member diag.Object) []int32 {
	var all []int32
	own := map[diag.Object][]int32{}
	for i := range c.Stack.Listeners {
		l := &c.Stack.Listeners[i]
		of := c.Origins[stack.Ref{Kind: stack.KindListener, ID: l.ID}].Objects
		if len(of) > 0 {
			all = append(all, l.Port)
		}
		for _, o := range of {
			own[o] = append(own[o], l.Port)
		}
	}
	return func(member diag.Object) (out []int32) {
		for _, port := range all {
			if !slices.Contains(own[member], port) {
				out = append(out, port)
			}
		}
		return out
	}
}

// addressNotes returns notes on the members whose status cannot show a load balancer, with its name.
func addressNotes(kind owner.Kind, o *awsop.Observed, desired *stack.Stack, ready bool, members []metav1.Object) (
	found diag.List) {
	lb, _ := shown(o, desired, ready)
	if lb == nil {
		return nil
	}
	for _, m := range members {
		if why := kind.Unshown(m); why != "" {
			found = append(found, diag.New(owner.Object(m), "status.loadBalancer", diag.AddressNotShown,
				fmt.Sprintf("the status of this Service cannot show the address of load balancer %s: %s; the address is %s",
					lb.Name, why, strings.ToLower(lb.DNSName)),
				"use the address, which kubectl get lb shows, too, or set spec.type: LoadBalancer; to have no load balancer, "+
					"remove annotation service.beta.kubernetes.io/aws-load-balancer-type, or start the controller with feature gate "+
					"ServiceTypeLoadBalancerOnly"))
		}
	}
	return found
}

// shown returns the load balancer of a stack whose name to show, with its ports; nil = there is none yet.
func shown(o *awsop.Observed, desired *stack.Stack, ready bool) (*awsop.LoadBalancer, []int32) {
	if len(desired.LoadBalancers) == 0 {
		return nil, nil
	}
	lb := o.LoadBalancer(desired.LoadBalancers[0])
	if lb == nil || lb.DNSName == "" {
		return nil, nil
	}
	if lb.Foreign {
		return lb, portsOn(o, lb, desired)
	}
	return shownLoadBalancer(o, lb, ready)
}

// portsOn returns the ports of a load balancer of others on which the stack has a listener or rules.
func portsOn(o *awsop.Observed, lb *awsop.LoadBalancer, desired *stack.Stack) (ports []int32) {
	for _, l := range o.Listeners {
		if l.LoadBalancer.Literal == lb.ARN && slices.ContainsFunc(desired.Listeners,
			func(w stack.Listener) bool { return w.Port == l.Port }) {
			ports = append(ports, l.Port)
		}
	}
	return ports
}

// shownLoadBalancer returns the load balancer whose name to show, with its ports. A new load balancer is shown from
// its creation on. A successor is shown only once it is ready: active and with listeners, because until then the old
// one serves.
func shownLoadBalancer(o *awsop.Observed, lb *awsop.LoadBalancer, ready bool) (*awsop.LoadBalancer, []int32) {
	ports := map[string][]int32{}
	for _, l := range o.Listeners {
		ports[l.LoadBalancer.Literal] = append(ports[l.LoadBalancer.Literal], l.Port)
	}
	starting := lb.State == "provisioning" || lb.State == "failed"
	for i := range o.LoadBalancers {
		old := &o.LoadBalancers[i]
		if old.ID != lb.ID || old.DNSName == "" || len(ports[old.ARN]) == 0 {
			continue
		}
		if replaced := old.Type != lb.Type || old.Scheme != lb.Scheme; len(ports[lb.ARN]) == 0 || replaced &&
			(!ready || starting) {
			return old, ports[old.ARN]
		}
	}
	return lb, ports[lb.ARN]
}

// handedOver reports whether all steps are done that must be before members show a successor.
func handedOver(p *plan.Plan, r apply.Result) bool {
	return !slices.ContainsFunc(p.HandOver, func(id plan.StepID) bool { return r.Outcomes[id].State != apply.Done })
}

// withoutAddOns returns an input whose observation needs no add-ons.
func withoutAddOns(desired *stack.Stack) *stack.Stack {
	out := *desired
	out.LoadBalancers = slices.Clone(desired.LoadBalancers)
	for i := range out.LoadBalancers {
		out.LoadBalancers[i].AddOns = stack.AddOns{}
	}
	return &out
}

// published reports whether objects show a load balancer: with AddressWhenActive, only once AWS has said that it is
// active.
func (s *Reconciler) published(lb *awsop.LoadBalancer, before []string) bool {
	return !s.AddressWhenActive || lb.Active() || slices.Contains(before, strings.ToLower(lb.DNSName))
}

// frontendOf returns the network load balancer in front of the ALB, if it is wanted or kept; nil = there is none.
func frontendOf(o *awsop.Observed, desired *stack.Stack, keep stack.Keep) *awsop.LoadBalancer {
	for i := range o.LoadBalancers {
		lb := &o.LoadBalancers[i]
		wanted := func(w stack.LoadBalancer) bool { return w.ID == lb.ID && w.Scheme == lb.Scheme }
		ref := stack.Ref{Kind: stack.KindLoadBalancer, ID: lb.ID}
		if lb.ID == stack.FrontendIdentity && (slices.ContainsFunc(desired.LoadBalancers, wanted) ||
			slices.Contains(keep.Resources, ref)) {
			return lb
		}
	}
	return nil
}

// clearStatus removes the names of a stack's load balancers from objects that leave it for another group or
// controller, so that clients do not send requests to a load balancer that no longer serves them.
func (s *Reconciler) clearStatus(ctx context.Context, o awsop.Observed, leaving []metav1.Object) refusedWrites {
	kind, names := owner.Of(s.Front.Owner()), []string(nil)
	for _, lb := range o.LoadBalancers {
		if lb.DNSName != "" {
			names = append(names, strings.ToLower(lb.DNSName))
		}
	}
	_, refused := s.writeMembers(ctx, "status of", leaving, func(client.Object) objectwriter.Write {
		// Locked: the new group of an Ingress may have written another name that the cache does not show yet.
		return objectwriter.Write{Part: objectwriter.Status, Locked: true, Change: func(o client.Object) bool {
			return kind.Clear(o, names)
		}}
	})
	return refused
}

// objectsOf names members in diagnostics.
func objectsOf(members []metav1.Object) []diag.Object {
	out := make([]diag.Object, 0, len(members))
	for _, m := range members {
		out = append(out, owner.Object(m))
	}
	return out
}
