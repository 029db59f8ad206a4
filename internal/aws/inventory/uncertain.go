package inventory

import (
	"context"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// uncertain is a resource of a stack that must be read before the stack is planned again: an operation that creates or
// changes it may have had an effect or not. Its key is its ARN or group id, or its name if it is not known to exist.
type uncertain struct {
	kind     stack.Kind
	id, name string
	tags     bool // it exists; only its tags are uncertain
}

// MarkUncertain records an operation that may have had an effect or not. The next Observed reads the resource of the
// operation, by ARN, id or name, and nothing else of the account. resolve returns the ARN or group id of a reference.
func (i *Inventory) MarkUncertain(key stack.Key, op plan.Operation, resolve func(stack.Ref) string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.came.written[key] = true
	e := i.stacks[key]
	if e == nil {
		return
	}
	e.lagFrom = i.cfg.Now()
	switch effect := op.About().Effect; effect.Kind {
	case stack.KindSecurityGroup:
		i.groups.Forget()
		e.markUncertain(uncertain{kind: effect.Kind, id: resolve(effect.Resource), name: effect.Name})
	case stack.KindLoadBalancer, stack.KindTargetGroup:
		e.markUncertain(uncertain{kind: effect.Kind, id: resolve(effect.Resource), name: effect.Name})
	case stack.KindListener, stack.KindRule:
		e.forgetListeners(resolve(effect.Resource))
		e.forgetListeners(resolve(effect.Below))
		i.recount(key)
	case stack.KindCertificate:
		i.certificates.MarkUncertain(effect, resolve)
	case stack.KindTrustStore:
		i.trustStores.MarkUncertain(effect, resolve)
	case stack.KindBinding: // the cache of TargetGroupBindings shows it
	}
}

func (e *entry) markUncertain(u uncertain) {
	if (u.id != "" || u.name != "") && !slices.Contains(e.uncertain, u) {
		e.uncertain = append(e.uncertain, u)
	}
}

// forgetListeners forgets the listeners of a load balancer and their rules, so that they are read when a plan needs
// them. arn is that of the load balancer, or of one of its listeners or rules.
func (e *entry) forgetListeners(arn string) {
	if n := slices.IndexFunc(e.obs.Rules, func(r awsop.Rule) bool { return r.ARN == arn }); n >= 0 {
		arn = e.obs.Rules[n].Listener.Literal
	}
	if n := slices.IndexFunc(e.obs.Listeners, func(l awsop.Listener) bool { return l.ARN == arn }); n >= 0 {
		arn = e.obs.Listeners[n].LoadBalancer.Literal
	}
	if lb := e.loadBalancer(arn); lb != nil {
		lb.Set(awsop.Unread, awsop.PartListeners)
	}
	e.dropListeners(func(l awsop.Listener) bool { return l.LoadBalancer.Literal == arn })
}

// dropListeners removes listeners and their rules from the observation.
func (e *entry) dropListeners(which func(awsop.Listener) bool) {
	o := &e.obs
	o.Listeners = slices.DeleteFunc(o.Listeners, which)
	o.Rules = slices.DeleteFunc(o.Rules, func(r awsop.Rule) bool {
		return !slices.ContainsFunc(o.Listeners, func(l awsop.Listener) bool { return l.ARN == r.Listener.Literal })
	})
}

// readUncertain reads the uncertain resources of a stack that has not been invalidated. If this process writes to the
// stack meanwhile, they stay uncertain.
func (i *Inventory) readUncertain(ctx context.Context, e *entry) error {
	i.mu.Lock()
	all, wrote, began := slices.Clone(e.uncertain), e.wrote, i.history.Now()
	i.mu.Unlock()
	if len(all) == 0 {
		return nil
	}
	var found awsop.Observed
	var arns []string
	for _, u := range all {
		if u.tags {
			arns = append(arns, u.id)
			continue
		}
		x, err := i.find(ctx, u.kind, u.id, u.name)
		if err != nil {
			return fmt.Errorf("reading %s %s%s, of which it is not known whether a write had an effect: %w", u.kind, u.id,
				u.name, err)
		}
		found.LoadBalancers = append(found.LoadBalancers, x.LoadBalancers...)
		found.TargetGroups = append(found.TargetGroups, x.TargetGroups...)
		found.SecurityGroups = append(found.SecurityGroups, x.SecurityGroups...)
	}
	tags, err := i.allTags(ctx, append(arns, arnsOf(&found)...))
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if e.wrote != wrote {
		return nil
	}
	for _, arn := range arns { // only their tags were read
		i.noteTags(arn, readTags{tags[arn], began})
		if lb := e.loadBalancer(arn); lb != nil {
			found.LoadBalancers = append(found.LoadBalancers, *lb)
		}
		if tg := e.obs.TargetGroup(arn); tg != nil {
			found.TargetGroups = append(found.TargetGroups, *tg)
		}
	}
	own := i.byStack(found, func(arn string) map[string]string { return tags[arn] })[e.obs.Key]
	if own == nil {
		own = &awsop.Observed{}
	}
	for n := range own.LoadBalancers {
		lb := &own.LoadBalancers[n]
		if was := e.loadBalancer(lb.ARN); was != nil { // its listeners stay known
			lb.Set(was.StateOf(awsop.PartListeners), awsop.PartListeners)
		}
	}
	for _, arn := range arnsOf(own) {
		i.noteTags(arn, readTags{tags[arn], began})
	}
	for _, u := range all {
		e.drop(u.id)
	}
	e.put(own)
	e.forgetOrphans()
	i.recount(e.obs.Key)
	e.uncertain = slices.DeleteFunc(e.uncertain, func(u uncertain) bool { return slices.Contains(all, u) })
	return nil
}

// put replaces resources by those that were just read.
func (e *entry) put(own *awsop.Observed) {
	o := &e.obs
	for _, lb := range own.LoadBalancers {
		e.drop(lb.ARN)
		o.LoadBalancers = append(o.LoadBalancers, lb)
	}
	for _, tg := range own.TargetGroups {
		e.drop(tg.ARN)
		o.TargetGroups = append(o.TargetGroups, tg)
	}
	for _, g := range own.SecurityGroups {
		e.drop(g.GroupID)
		o.SecurityGroups = append(o.SecurityGroups, g)
	}
}

// drop removes a resource from the observation of a stack. The listeners of a load balancer stay until it is known to
// be gone; see forgetOrphans.
func (e *entry) drop(id string) {
	e.obs.LoadBalancers = slices.DeleteFunc(e.obs.LoadBalancers, func(lb awsop.LoadBalancer) bool { return lb.ARN == id })
	e.obs.TargetGroups = slices.DeleteFunc(e.obs.TargetGroups, func(tg awsop.TargetGroup) bool { return tg.ARN == id })
	e.obs.SecurityGroups = slices.DeleteFunc(e.obs.SecurityGroups, func(g awsop.SecurityGroup) bool {
		return g.GroupID == id
	})
}

// forgetOrphans forgets the listeners of load balancers that no longer exist.
func (e *entry) forgetOrphans() {
	e.dropListeners(func(l awsop.Listener) bool { return e.loadBalancer(l.LoadBalancer.Literal) == nil })
}

// TakenByOther reads the resource with the name that AWS says is taken. It reports true if the resource does not
// carry the stack's tags: reading the stack again does not help. It reports false if the resource is the stack's or
// does not exist, or if the operation creates no resource with a name of its own. It costs at most two calls.
func (i *Inventory) TakenByOther(ctx context.Context, key stack.Key, op plan.Operation) (bool, error) {
	effect := op.About().Effect
	if effect.Name == "" {
		return false, nil
	}
	found, err := i.find(ctx, effect.Kind, "", effect.Name)
	if err != nil {
		return false, fmt.Errorf("reading which %s has the name %s: %w", effect.Kind, effect.Name, err)
	}
	of, err := i.readStacks(ctx, found)
	return err == nil && len(idsOf(&found)) > 0 && of[key] == nil, err
}
