package offline

import (
	"cmp"
	"fmt"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// refuseTakenNames leaves out the plans of load balancers whose declared name another stack has, or gets first. AWS
// refuses to create them.
func refuseTakenNames(all []Result, a Account) {
	claims := map[string]stack.Key{} // the stack that gets each name
	for i := range all {
		name := createdName(&all[i].Plan)
		if first, ok := claims[name]; name != "" && (!ok || older(all, all[i].Key, first)) {
			claims[name] = all[i].Key
		}
	}
	for i := range all {
		r := &all[i]
		name := createdName(&r.Plan)
		if name == "" {
			continue
		}
		holder, does := claims[name], "asks for it, too"
		if has, known := a.Holder(stack.KindLoadBalancer, name); known {
			holder, does = has, "has it"
		}
		if holder != r.Key {
			r.refuseName(name, holder, does)
		}
	}
}

// createdName is the declared name of the load balancer that a plan creates; empty if it creates none, or the name is
// generated.
func createdName(p *plan.Plan) string {
	for _, s := range p.Steps {
		if op, ok := s.Op.(awsop.CreateLoadBalancer); ok && s.Action == plan.Create &&
			s.Resource.ID == stack.LoadBalancerIdentity && !naming.Generated(op.LoadBalancer.Name) {
			return op.LoadBalancer.Name
		}
	}
	return ""
}

// older reports whether the objects of a stack are older than those of another one. Of equal age the first by name is.
func older(all []Result, key, than stack.Key) bool {
	created := func(k stack.Key) (first int64) {
		for i := range all {
			if all[i].Key != k {
				continue
			}
			for _, m := range all[i].Input.LoadBalancer.Members {
				if first == 0 || m.Created < first {
					first = m.Created
				}
			}
		}
		return first
	}
	return cmp.Or(cmp.Compare(created(key), created(than)), key.Compare(than)) < 0
}

// refuseName reports that the name of a load balancer is taken.
func (r *Result) refuseName(name string, holder stack.Key, does string) {
	at := r.Compiled.Origins[stack.Ref{Kind: stack.KindLoadBalancer, ID: stack.LoadBalancerIdentity}]
	source := at.Fields["Name"]
	o := source.Object()
	if o == (diag.Object{}) && len(at.Objects) > 0 {
		o = at.Objects[0]
	}
	r.Diagnostics = append(r.Diagnostics, diag.New(o, source.Path(), diag.NameTaken,
		fmt.Sprintf("load balancer name %q is taken: %s %s", name, owner.Named(holder), does), "choose another name"))
	r.Plan, r.Unbuildable, r.Instead = plan.Plan{Key: r.Key}, true, "is not created: its name is taken"
}
