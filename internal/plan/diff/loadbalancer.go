package diff

import (
	"cmp"
	"maps"
	"slices"
	"sort"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

func loadBalancerRef(id string) stack.Ref { return stack.Ref{Kind: stack.KindLoadBalancer, ID: id} }

// matchLoadBalancers pairs wanted load balancers with observed ones of the same type and scheme. The other observed
// ones are old.
func (d *differ) matchLoadBalancers() {
	sort.SliceStable(d.obs.LoadBalancers, func(i, j int) bool {
		return d.obs.LoadBalancers[i].ARN < d.obs.LoadBalancers[j].ARN
	})
	for _, w := range d.want.LoadBalancers {
		if w.ARN != "" {
			d.known[loadBalancerRef(w.ID)] = w.ARN
		}
		if lb := d.obs.LoadBalancer(w); lb != nil && d.balancers[w.ID] == nil {
			d.balancers[w.ID] = lb
			d.known[loadBalancerRef(w.ID)] = lb.ARN
		}
	}
	for i := range d.obs.LoadBalancers {
		if lb := &d.obs.LoadBalancers[i]; d.balancers[lb.ID] != lb && !lb.Foreign {
			d.oldBalancers = append(d.oldBalancers, lb)
		}
	}
}

// namedLoadBalancers creates load balancers whose names may be taken, before other resources of the stack: if AWS
// refuses the load balancer, no target group is left over. Generated names contain a hash of the stack, so nothing
// waits for load balancers with those.
func (d *differ) namedLoadBalancers() {
	for _, w := range d.want.LoadBalancers {
		old := slices.ContainsFunc(d.oldBalancers, func(lb *awsop.LoadBalancer) bool { return lb.ID == w.ID })
		if w.ARN != "" || d.balancers[w.ID] != nil || old || naming.Generated(w.Name) {
			continue
		}
		d.createLoadBalancer(w)
		d.first = append(d.first, d.made[loadBalancerRef(w.ID)])
	}
}

func (d *differ) loadBalancers() {
	d.deleteFrontends()
	for _, w := range d.want.LoadBalancers {
		if w.ARN != "" { // a load balancer of others, on which the stack has listeners
			continue
		}
		if have := d.balancers[w.ID]; have != nil {
			d.updateLoadBalancer(d.takeOver(have, w), w)
		} else if d.made[loadBalancerRef(w.ID)] == "" {
			d.createLoadBalancer(w)
		}
		for _, old := range d.oldBalancers {
			if _, planned := d.deletedBalancers[old.ARN]; old.ID == w.ID && !planned {
				r := loadBalancerRef(w.ID)
				if until, later := d.later[old.ARN]; later {
					d.deleteLater(old, &r, until)
					continue
				}
				d.deleteLoadBalancer(old, &r)
			}
		}
	}
}

func (d *differ) createLoadBalancer(w stack.LoadBalancer) {
	r := loadBalancerRef(w.ID)
	name := d.nameApart(stack.KindLoadBalancer, w.Name)
	a, why := plan.Create, reasons{name}
	var first plan.StepID
	var guard *plan.Guard
	for _, old := range d.oldBalancers {
		if old.ID != w.ID {
			continue
		}
		a, why = plan.Replace, nil
		why.value("type", string(old.Type), string(w.Type))
		why.value("scheme", old.Scheme, w.Scheme)
		if d.relieved[w.ID] == old {
			why = append(why, old.Name+" stays until the objects' status shows the DNS name of the new load balancer")
		}
		if g := d.stays(old); g != nil { // the new one could not use the target groups of the old one
			guard = g
		}
		if old.Name == w.Name { // names are unique in AWS: the old one is deleted first
			first = d.deleteLoadBalancer(old, nil)
		}
	}
	op := awsop.CreateLoadBalancer{LoadBalancer: w}
	op.LoadBalancer.Name = name
	op.LoadBalancer.Attributes, op.LoadBalancer.AddOns = nil, stack.AddOns{}
	s := d.step(a, r, plan.Vital, op, why...)
	s.Need(first)
	s.Guard = guard
	d.made[r] = s.ID
	d.privateLinkRules(r, w)
	d.loadBalancerAttributes(plan.Create, r, w, nil)
	d.addOns(r, nil, w)
}

// nameApart returns the name of a new resource: the given one, unless it is generated and another stack has it. Names
// that tenants choose can lead to the same generated name, and AWS admits a name once. Users name no security groups.
func (d *differ) nameApart(kind stack.Kind, name string) string {
	for d.opt.Taken != nil && (kind == stack.KindSecurityGroup || naming.Generated(name)) && d.opt.Taken(kind, name) {
		name = naming.Apart(name, d.obs.Key)
	}
	return name
}

// loadBalancerAttributes plans attributes. For a new load balancer, those that protect it have a step of their own: its
// first listener waits only for that step.
func (d *differ) loadBalancerAttributes(a plan.Action, r stack.Ref, w stack.LoadBalancer, have map[string]string) {
	def := func(k string) (string, bool) { return canonical.LoadBalancerDefault(w, k) }
	protective, rest := map[string]string{}, w.Attributes
	if a == plan.Create {
		rest = maps.Clone(rest)
		maps.DeleteFunc(rest, func(k, v string) bool {
			if !constraint.Protects(k, v) {
				return false
			}
			protective[k] = v
			return true
		})
	}
	for _, want := range []map[string]string{protective, rest} {
		d.attributes(a, r, attributeDiff{want, have, def}, func(as map[string]string) awsop.Operation {
			return awsop.ModifyLoadBalancerAttributes{LoadBalancer: r, Attributes: as}
		})
	}
}

func (d *differ) updateLoadBalancer(have *awsop.LoadBalancer, w stack.LoadBalancer) {
	r := loadBalancerRef(w.ID)
	if d.kept[have.ARN] {
		return
	}
	if id, ok := d.setSecurityGroups(r, have, w); ok {
		for _, g := range have.SecurityGroups {
			if !containsGroup(w.SecurityGroups, g.Literal, d.resolve) {
				d.releases[g.Literal] = append(d.releases[g.Literal], id)
			}
		}
	}
	d.readdress(r, have.LoadBalancer, w)
	d.loadBalancerAttributes(plan.Update, r, w, have.Attributes)
	d.addOns(r, have, w)
	d.tags(r, have.Tags, w.Tags, slices.Concat(d.legacyTags(), naming.ConsentTags(), []string{naming.AdoptedTag})...)
}

// readdress plans the changes of subnets and of the address type. Those of a network load balancer are one call, as its
// source NAT depends on the address type and its UDP listeners on both: in whatever order, two calls could pass through
// a state that AWS refuses.
func (d *differ) readdress(r stack.Ref, have, w stack.LoadBalancer) {
	var family reasons
	family.managed("IP address type", cmp.Or(have.IPAddressType, stack.IPv4), w.IPAddressType)
	why := append(subnetChanges(have, w), newIPv6Addresses(have, w)...)
	var moved plan.StepID
	if len(why) > 0 {
		op := awsop.SetSubnets{LoadBalancer: r, Subnets: withAddresses(have, w), NetworkSourceNAT: w.NetworkSourceNAT}
		if w.Type == stack.Network && len(family) > 0 {
			op.IPAddressType = w.IPAddressType
			why, family = append(why, family...), nil
		}
		moved = d.step(plan.Update, r, plan.Normal, op, why...).ID
	}
	if len(family) > 0 {
		d.step(plan.Update, r, plan.Normal, awsop.SetIpAddressType{LoadBalancer: r, IPAddressType: w.IPAddressType},
			family...).Follow(moved)
	}
}

// privateLinkRules plans whether inbound rules apply to PrivateLink traffic of a new load balancer. AWS accepts the
// setting only after the creation, together with security groups.
func (d *differ) privateLinkRules(r stack.Ref, w stack.LoadBalancer) {
	if why := privateLinkChange(stack.LoadBalancer{}, w); len(why) > 0 && len(w.SecurityGroups) > 0 {
		d.step(plan.Create, r, plan.Normal, awsop.SetSecurityGroups{LoadBalancer: r, Groups: w.SecurityGroups,
			PrivateLinkRules: w.PrivateLinkRules}, why...)
	}
}

// privateLinkChange compares whether inbound rules apply to PrivateLink traffic. By default they do.
func privateLinkChange(have, want stack.LoadBalancer) (why reasons) {
	why.managed("inbound rules on PrivateLink traffic", cmp.Or(have.PrivateLinkRules, "on"), want.PrivateLinkRules)
	return why
}

// setSecurityGroups compares security groups as sets. AWS never adds groups to a network load balancer that was created
// without any.
func (d *differ) setSecurityGroups(r stack.Ref, have *awsop.LoadBalancer, w stack.LoadBalancer) (plan.StepID, bool) {
	if len(w.SecurityGroups) == 0 || len(have.SecurityGroups) == 0 && w.Type == stack.Network {
		return "", false
	}
	var why []string
	removes := false
	for _, g := range w.SecurityGroups {
		if !containsGroup(have.SecurityGroups, d.resolve(g), canonical.Literal) {
			why = append(why, "add security group "+d.identities.Of(g))
		}
	}
	for _, g := range have.SecurityGroups {
		if !containsGroup(w.SecurityGroups, g.Literal, d.resolve) {
			removes = true
			why = append(why, "remove security group "+d.identities.Of(g))
		}
	}
	op := awsop.SetSecurityGroups{LoadBalancer: r, Groups: w.SecurityGroups}
	if private := privateLinkChange(have.LoadBalancer, w); len(private) > 0 {
		op.PrivateLinkRules = w.PrivateLinkRules
		why = append(why, private...)
	}
	if len(why) == 0 {
		return "", false
	}
	s := d.step(plan.Update, r, plan.Normal, op, why...)
	for _, g := range d.opened {
		switch {
		case removes: // the remaining groups must first admit what the removed ones admit
			s.Need(g.step)
		case d.moving():
			s.Follow(g.step)
		}
	}
	if d.moving() {
		d.attached = s.ID
	}
	return s.ID, true
}

func containsGroup(groups []stack.Ref, id string, resolve canonical.Resolver) bool {
	return slices.ContainsFunc(groups, func(g stack.Ref) bool { return resolve(g) == id })
}

// deleteLoadBalancers deletes the old load balancers of a removed stack, and those that have a successor.
func (d *differ) deleteLoadBalancers() {
	for _, old := range d.oldBalancers {
		frontend := old.ID == stack.FrontendIdentity // which a valid edit switches off
		if _, planned := d.deletedBalancers[old.ARN]; !planned && (frontend || d.successor(old) != nil ||
			d.want.Removal != stack.NotRemoved) {
			d.deleteLoadBalancer(old, nil)
		}
	}
}

// successor returns the wanted load balancer that replaces an old one.
func (d *differ) successor(old *awsop.LoadBalancer) *stack.LoadBalancer {
	for i := range d.want.LoadBalancers {
		if d.want.LoadBalancers[i].ID == old.ID {
			return &d.want.LoadBalancers[i]
		}
	}
	return nil
}

// liftsProtection reports whether the plan switches off the deletion protection of an old load balancer: its successor
// declares it off, or, if it has no successor, its objects do.
func (d *differ) liftsProtection(old *awsop.LoadBalancer) bool {
	if w := d.successor(old); w != nil {
		return w.Attributes[awsop.DeletionProtection] == "false"
	}
	return slices.Contains(d.opt.LiftProtection, old.ID)
}

// protected reports whether an old load balancer stays because AWS protects it. Then the plan neither relieves it nor
// removes anything from it. An old load balancer that AWS does not protect is not protected by what the objects of its
// successor declare.
func (d *differ) protected(old *awsop.LoadBalancer) bool {
	return old.Attributes[awsop.DeletionProtection] == "true" && !d.liftsProtection(old)
}

// deleteLoadBalancer plans the deletion of an old load balancer, with which AWS deletes its listeners and rules. It
// returns "" if the load balancer is kept, or is a duplicate without consent.
func (d *differ) deleteLoadBalancer(old *awsop.LoadBalancer, successor *stack.Ref) plan.StepID {
	if !d.mayDelete(old.ARN) {
		return ""
	}
	r := stack.Ref{Kind: stack.KindLoadBalancer, ID: old.ID, Literal: old.ARN}
	at := stack.Literal(stack.KindLoadBalancer, old.ARN)
	if first := d.obs.LoadBalancer(old.LoadBalancer); first.ARN != old.ARN && !d.mayDeleteDuplicate(old.ARN) {
		d.spare(d.step(plan.Delete, r, plan.Cosmetic, awsop.DeleteLoadBalancer{LoadBalancer: at, Successor: successor}),
			old.ARN, old.Name, first.ARN, first.Name)
		return ""
	}
	if g := d.remembered(old.ARN); g != nil && !d.obs.Shown(old) {
		d.spareAgain(d.step(plan.Delete, r, plan.Cosmetic, awsop.DeleteLoadBalancer{LoadBalancer: at, Successor: successor}),
			old.ARN, g)
		return ""
	}
	why := "is no longer wanted"
	if d.successor(old) != nil {
		why = "is replaced"
	}
	var lifted plan.StepID
	if v := old.Attributes[awsop.DeletionProtection]; d.liftsProtection(old) &&
		(v == "true" || v == "" && !old.Known(awsop.PartAttributes)) {
		lifted = d.step(plan.Update, r, plan.Normal, awsop.ModifyLoadBalancerAttributes{
			LoadBalancer: at, Attributes: map[string]string{awsop.DeletionProtection: "false"}},
			awsop.DeletionProtection+" true → false").ID
	}
	var released []plan.StepID
	if old.Type == stack.Application && d.stays(old) == nil {
		released = d.letGo(old.ARN, 0, successor, "load balancer "+old.Name+" "+why)
	}
	s := d.step(plan.Delete, r, plan.Normal, awsop.DeleteLoadBalancer{LoadBalancer: at, Successor: successor}, why)
	s.Need(lifted)
	s.Need(released...)
	s.Guard = d.stays(old)
	id := s.ID
	d.deletedBalancers[old.ARN] = id
	d.endShieldProtection(r, old, id)
	for _, g := range old.SecurityGroups {
		d.releases[g.Literal] = append(d.releases[g.Literal], id)
	}
	for l, as := range d.obs.Actions() {
		if l.LoadBalancer.Literal == old.ARN {
			d.free(as, id)
		}
	}
	return id
}

// Protected returns the guard of a load balancer under deletion protection, by its identity in the stack.
func Protected(id, name string) *plan.Guard {
	where := "the load balancer attributes of the object or of its class"
	if id == stack.FrontendIdentity {
		where = "annotation frontend-nlb-attributes of the object"
	}
	return &plan.Guard{Code: diag.DeletionProtected,
		Text:   "deletion protection is enabled on load balancer " + name + ", which therefore stays",
		Remedy: "set " + awsop.DeletionProtection + "=false in " + where + ", or in AWS; then the deletion continues"}
}

// release notes that a step removes the references of observed actions to their target groups.
func (d *differ) release(as []stack.Action, id plan.StepID) {
	for _, r := range awsop.TargetGroupsOf(as) {
		d.releases[r.Literal] = append(d.releases[r.Literal], id)
	}
}

// free is release for a step that deletes the load balancer of the actions.
func (d *differ) free(as []stack.Action, id plan.StepID) {
	d.release(as, id)
	for _, r := range awsop.TargetGroupsOf(as) {
		d.frees[r.Literal] = append(d.frees[r.Literal], id)
	}
}
