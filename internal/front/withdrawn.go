package front

import (
	"context"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
)

// Withdrawals finds the forwards of a frozen load balancer that their owners no longer permit. It compares AWS with the
// permissions, not with what objects declare: their owner may have edited or deleted them since the load balancer is
// frozen.
type Withdrawals struct {
	View    *objects.View
	Loader  Loader
	Facts   FactSource
	Compile compile.Config
}

// Policy returns the policy that ends these forwards, and narrows the load balancer to its class parameters. It must
// come after the policies that freeze a load balancer. p is the plan under those. The policy changes no plan that
// nobody freezes, or that class parameters freeze.
func (s Withdrawals) Policy(ctx context.Context, w Input, compiled compile.Result, p plan.Plan, o awsop.Observed) (
	plan.Policy, error) {
	if w.observedByClass(o.Key.Owner) || !policy.Frozen(p) {
		return policy.None, nil
	}
	why, err := s.find(ctx, w, o)
	withdraw := policy.Withdraw(o, why, func(tags map[string]string) bool {
		of, _, ours := naming.StackOf(s.Compile.Cluster, "", tags)
		return ours && of == o.Key
	})
	return func(p plan.Plan) plan.Plan { return p.Under(withdraw, narrow(w, compiled, o)) }, err
}

// narrow is the policy that binds a frozen load balancer to class parameters.
func narrow(w Input, compiled compile.Result, o awsop.Observed) plan.Policy {
	return policy.NarrowToClass(o, compiled.Stack, func(r stack.Ref, field string) bool {
		of := compiled.Origins[r].Fields[field].Object()
		return of.Kind == string(objects.IngressClassParams) || of != (diag.Object{}) &&
			slices.ContainsFunc(w.LoadBalancer.Members, func(m intent.Member) bool {
				return m.ClassConfiguration.Object() == of
			})
	})
}

// find returns why target groups may no longer be forwarded to, by ARN. What is not known is no reason.
func (s Withdrawals) find(ctx context.Context, w Input, o awsop.Observed) (map[string]string, error) {
	why, others := map[string]string{}, []facts.Need(nil)
	for _, actions := range o.Actions() {
		for _, r := range awsop.TargetGroupsOf(actions) {
			need := facts.Need{Kind: facts.NeedTargetGroupOwner, Key: r.Literal}
			switch g := o.TargetGroup(r.Literal); {
			case g == nil && r.Literal != "" && !slices.Contains(others, need):
				others = append(others, need)
			case g != nil && o.Key.Owner.OfGateway() && why[g.ARN] == "":
				if text := s.ofRoute(w, o, g); text != "" {
					why[g.ARN] = text
				}
			}
		}
	}
	members := named(w)
	if len(others) == 0 || len(members) == 0 {
		return why, nil
	}
	return why, s.ofOthers(ctx, why, others, members)
}

// named are the objects whose permissions count: those that declare the load balancer, or declared it.
func named(w Input) (out []intent.Member) {
	out = slices.Clone(w.LoadBalancer.Members)
	for _, o := range slices.Concat(w.Members, w.Leaving) {
		out = append(out, intent.Member{Object: owner.Object(o)})
	}
	return out
}

// ofRoute returns why the route of a target group may not forward to its backend; "" = it may.
func (s Withdrawals) ofRoute(w Input, o awsop.Observed, g *awsop.TargetGroup) string {
	kind := objects.Kind(naming.RouteKindOf(g.ID))
	if kind == "" {
		return ""
	}
	to := objects.Ref{Kind: objects.Service}
	if g.TargetType == stack.TargetALB {
		to.Kind = objects.Gateway
	}
	text := ""
	for _, b := range backends(o, g) {
		for _, namespace := range routeNamespaces(w, o.Key, kind, g) {
			to.Namespace, to.Name = b.Namespace, b.Name
			if objects.Permits(s.View, objects.From{Kind: kind, Namespace: namespace}, to) {
				return ""
			}
			text = fmt.Sprintf("no ReferenceGrant of namespace %s lets %ss of namespace %s name %s %s any longer",
				b.Namespace, kind, namespace, to.Kind, b.Name)
		}
	}
	return text
}

// routeNamespaces are the namespaces that the route of a target group may be of: that of the route which exists, else
// those that the identity can mean.
func routeNamespaces(w Input, key stack.Key, kind objects.Kind, g *awsop.TargetGroup) (out []string) {
	for i := range w.LoadBalancer.Members {
		m := w.LoadBalancer.Members[i].Object
		if objects.Kind(m.Kind) == kind && naming.IsTargetGroupOf(g.ID, key.ID, m.Kind, m.Namespace, m.Name) &&
			!slices.Contains(out, m.Namespace) {
			out = append(out, m.Namespace)
		}
	}
	if len(out) > 0 {
		return out
	}
	return naming.DeclaringNamespaces(g.ID, g.Name)
}

// backends are the backends that a target group of a route may have: those of its bindings, else those that the
// identity can mean. A binding that the identity does not mean is none of the stack's.
func backends(o awsop.Observed, g *awsop.TargetGroup) (out []objects.Ref) {
	for _, b := range o.Bindings {
		if b.TargetGroup.Literal == g.ARN && naming.BindsIn(g.ID, b.Namespace) {
			out = append(out, objects.Ref{Namespace: b.Namespace, Name: b.ServiceName})
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, b := range naming.TargetGroupBackends(o.Key.Owner, g.ID) {
		for _, name := range b.Names {
			out = append(out, objects.Ref{Namespace: b.Namespace, Name: name})
		}
	}
	return out
}

// ofOthers adds to why the target groups that do not belong to the stack, and that no member may name.
func (s Withdrawals) ofOthers(ctx context.Context, why map[string]string, needs []facts.Need, members []intent.Member) (
	err error) {
	f, err := s.Facts.Answer(ctx, needs)
	if err != nil {
		return err
	}
	var references *intent.References
	for _, need := range needs {
		of, known := f.TargetGroupOwners[need.Key]
		if problem := f.Failed(need); !known && problem != nil && !problem.Refused() {
			return problem.Err
		}
		if !known {
			continue
		}
		if references == nil {
			from := map[objects.From]bool{}
			for i := range members {
				from[fromOf(&members[i])] = true
			}
			references = referencesOf(s.Loader).read(s.View, from)
		}
		if !slices.ContainsFunc(members, func(m intent.Member) bool {
			return s.Compile.MayForward(m.Object, need.Key, of, references)
		}) {
			why[need.Key] = fmt.Sprintf("no object of the load balancer may forward to target group %s any longer",
				naming.OfTargetGroup(need.Key))
		}
	}
	return nil
}

// referencesOf says which kinds a front end reads to decide about references to target groups.
func referencesOf(f Loader) TargetGroupReferences {
	switch f := f.(type) {
	case Ingress:
		return f.References
	case Service:
		return f.References
	case Gateway:
		return f.References
	}
	return TargetGroupReferences{}
}
