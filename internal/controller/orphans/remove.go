package orphans

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/namesake"
	"github.com/k8s-lbc/lbc/internal/aws/ownership/orphan"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/diff"
	"github.com/k8s-lbc/lbc/internal/plan/policy"
)

// remove deletes an orphan that is due. The caches and the last listing are not believed: the objects are read from the API server, and AWS and the tags again.
func (c *Collector) remove(ctx context.Context, o orphan.Orphan) {
	p, why := c.plan(ctx, o)
	if why != "" {
		c.outcome(o, "not deleted: "+why)
		return
	}
	if p.Empty() {
		return
	}
	c.Log.Info("deleting what no object claims", "stack", o.Key.String(), "summary", p.Summary())
	result := c.Run(ctx, p)
	var left []string
	for _, step := range p.Steps {
		switch r := result.Outcomes[step.ID]; r.State {
		case apply.Failed, apply.Refused:
			left = append(left, string(step.ID)+": "+r.Problem.Message())
		case apply.Waiting:
			left = append(left, string(step.ID)+": waits for "+r.On)
		case apply.Done, apply.Blocked:
		}
	}
	if len(left) == 0 {
		c.outcome(o, "deleted")
		return
	}
	c.outcome(o, "not all of it could be deleted; it is tried again: "+strings.Join(left, "; "))
}

// plan is the plan of the deletion, or why there is none.
func (c *Collector) plan(ctx context.Context, o orphan.Orphan) (p plan.Plan, why string) {
	removal := orphan.Removal(o.Key, c.Cluster, c.VPC)
	observed, err := c.Account.Observed(ctx, o.Key, removal)
	if err != nil {
		return p, err.Error()
	}
	holding := orphan.HoldingOf(o.Key, &observed)
	v := objects.New(c.Live(ctx))
	claims := orphan.ClaimsOf(v)
	if err := v.Err(); err != nil {
		return p, err.Error()
	}
	if by := claims.By(holding); by != "" {
		return p, by
	}
	if found, unclear := orphan.Find([]orphan.Holding{holding}, claims); !slices.ContainsFunc(found, func(f orphan.Orphan) bool { return f.Key == o.Key }) {
		if len(unclear) > 0 {
			return p, unclear[0].Why
		}
		return p, ""
	}
	if fresh := added(holding, o); len(fresh) > 0 {
		return p, "AWS holds more of it than was seen: " + strings.Join(fresh, ", ")
	}
	disowned, err := c.Account.Disowned(ctx, o.Key, holding.Deletable())
	switch {
	case err != nil:
		return p, err.Error()
	case len(disowned) > 0:
		return p, strings.Join(disowned, ", ") + " no longer carries its tags; what is left has a quarantine of its own"
	}
	if c.Targets != nil {
		read, err := c.serving(ctx, o)
		if err != nil {
			return p, err.Error()
		}
		if serving := namesake.Serving(read); len(serving) > 0 {
			return p, "its target " + serving[0] + " is healthy, and neither a pod nor a node of this cluster"
		}
	}
	bindings, err := c.Bindings(ctx, o.Key)
	if err != nil {
		return p, err.Error()
	}
	if why := orphan.Shared(bindings); why != "" {
		return p, why
	}
	observed.Bindings = bindings
	opt := c.Options
	opt.Namespaces = orphan.Namespaces(bindings)
	p = diff.Stack(removal, stack.Keep{}, observed, opt)
	if p.Assumed {
		return plan.Plan{}, "the state of AWS is not verified yet"
	}
	if deletesBalancer(p) && !c.Brake.Allow(o.Key.String(), c.Account.LoadBalancers()) {
		return p.Under(policy.HoldDeletions(plan.Guard{Code: diag.DeletionsHeld, Text: "more load balancers than usual would be deleted at once (--deletion-brake)", Remedy: o.Delete(true)})), ""
	}
	return p, ""
}

func deletesBalancer(p plan.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(s plan.Step) bool {
		_, deletes := s.Op.(awsop.DeleteLoadBalancer)
		return deletes && s.Guard == nil
	})
}

// added are the resources that were not seen during the quarantine. Those that the looks do not list, such as trust stores, go with their stack.
func added(h orphan.Holding, seen orphan.Orphan) (ids []string) {
	for _, id := range h.Deletable() {
		if !slices.ContainsFunc(seen.Resources, func(r orphan.Resource) bool { return r.ID == id }) {
			ids = append(ids, id)
		}
	}
	return ids
}

// outcome logs what became of an attempt, once until it differs.
func (c *Collector) outcome(o orphan.Orphan, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.reported[o.Key]
	if r == nil || r.outcome == text {
		return
	}
	r.outcome = text
	c.Log.Info("orphan: "+text, "stack", o.Key.String())
}

// verify reads the tags of one orphan again, the one whose tags were read longest ago: what lost the tag of the cluster is none any more.
func (c *Collector) verify(ctx context.Context) {
	c.mu.Lock()
	var oldest *report
	for _, r := range c.reported {
		if c.Now().Sub(r.verified) >= verify && (oldest == nil || r.verified.Before(oldest.verified)) {
			oldest = r
		}
	}
	if oldest != nil {
		oldest.verified = c.Now()
	}
	c.mu.Unlock()
	if oldest == nil {
		return
	}
	h := orphan.Holding{Key: oldest.orphan.Key, Resources: oldest.orphan.Resources}
	if _, err := c.Account.Disowned(ctx, h.Key, h.Deletable()); err != nil {
		c.Log.V(1).Info("the tags of an orphan could not be read again", "stack", h.Key.String(), "cause", fmt.Sprint(err))
	}
}
