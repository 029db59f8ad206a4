package secgroup

import (
	"context"
	"maps"
	"time"

	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Rules is what the inventory knows of the rules of security groups.
type Rules interface {
	// Rules lists the inbound rules of a group, one source each.
	Rules(ctx context.Context, id string) ([]stack.Permission, error)
	// RulesAtHand are the rules as they were read last, perhaps long ago; young tells that they are as Rules would give them.
	RulesAtHand(ctx context.Context, id string) (rules []stack.Permission, young bool, err error)
	// ForgetRules forgets them.
	ForgetRules(id string)
	// OfAnotherCluster tells that a group is not this cluster's but another's, as far as can be told.
	OfAnotherCluster(ctx context.Context, id string) bool
	// OfSeveralClusters tells that the tags of a group name another cluster, be it beside this one.
	OfSeveralClusters(ctx context.Context, id string) bool
}

// Runner executes a plan; apply.Run with its dependencies bound.
type Runner func(ctx context.Context, p plan.Plan) apply.Result

// Keeper brings the inbound rules of one security group after the other to what the table says that bindings need. It holds no
// lock while it calls AWS; its caller reconciles each group at one place at a time.
type Keeper struct {
	cluster string
	table   *Table
	rules   Rules
	run     Runner
}

// NewKeeper makes a keeper of the groups in a cluster's table.
func NewKeeper(cluster string, table *Table, rules Rules, run Runner) *Keeper {
	return &Keeper{cluster: cluster, table: table, rules: rules, run: run}
}

// Key is the stack under which rule changes run; it owns no resources.
var Key = stack.Key{Owner: "elbv2.k8s.aws", ID: stack.ID{Name: "target-security-groups"}}

// Outcome is what a reconciliation of a group came to.
type Outcome struct {
	// Err is why the group is not as it should be for the bindings that need it.
	Err error
	// Missing are the sources that do not exist, with EC2's error: they fail only the bindings that name them.
	Missing map[string]error
	// Waits tells that something is left to do once more is known of other bindings.
	Waits bool
	// Until is when AWS is worth another try, if the group waits for it; zero if it does not.
	Until time.Time
}

// Of is why a group is not as it should be for a binding that needs permissions of it; nil if it is.
func (o Outcome) Of(perms []stack.Permission) error {
	if len(perms) == 0 {
		return nil
	}
	if o.Err != nil {
		return o.Err
	}
	for _, p := range perms {
		if err := o.Missing[p.Group.Literal]; err != nil {
			return err
		}
	}
	return nil
}

// Reconcile brings one group to the union of needs. partial tells that there are bindings whose needs are not known. If the account
// turns out to differ from what the inventory believes, it looks again and tries once more. A source that does not exist makes EC2
// refuse everything; then all but what it is named for is done.
//
// What is missing is granted by the rules as they were read last, so that it does not wait for AWS to tell them again. What is revoked
// rests on rules that were just read, for another cluster may have made one of them its own.
func (k *Keeper) Reconcile(ctx context.Context, group string, partial func() bool) Outcome {
	out := Outcome{Missing: map[string]error{}}
	for again, sure := false, false; ; {
		current, young, err := k.current(ctx, group, sure)
		if err != nil {
			if cloud.Classify(err).Code != cloud.CodeGroupNotFound || len(k.table.union(group, nil)) > 0 {
				out.Err = err
			} // a group that is gone needs no cleaning
			return out
		}
		m, as := marks{k.cluster, k.rules.OfSeveralClusters(ctx, group)}, descriptions(current)
		grant, revoke, waits := Changes(m.own(current), k.table.union(group, out.Missing), k.fate(ctx, m, as), partial())
		m.sign(grant)
		for n, p := range revoke {
			revoke[n].Description = as[identityOf(p)]
		}
		if len(revoke) > 0 && !young {
			if sure = len(grant) == 0; sure {
				continue
			}
			revoke = nil // with the next look: a grant does not wait for what is to be revoked
		}
		out.Waits = waits
		if len(grant)+len(revoke) == 0 {
			return out
		}
		until, err := k.write(ctx, group, grant, revoke)
		if err == nil {
			out.Until = until
			return out
		}
		switch code := cloud.Classify(err).Code; {
		case code == cloud.CodeGroupNotFound && len(out.Missing) == 0:
			if out.Missing = k.missing(ctx, grant, err); len(out.Missing) > 0 {
				continue
			}
		case again:
		case code == cloud.CodeDuplicatePermission, code == cloud.CodePermissionNotFound, code == cloud.CodeTooManyPermissions:
			again = true
			k.rules.ForgetRules(group)
			continue
		}
		if out.Until = until; until.IsZero() {
			out.Err = err
		}
		return out
	}
}

// current are the rules of a group: if they must be sure, as AWS tells them, else those at hand do.
func (k *Keeper) current(ctx context.Context, group string, sure bool) (rules []stack.Permission, young bool, err error) {
	if !sure {
		return k.rules.RulesAtHand(ctx, group)
	}
	rules, err = k.rules.Rules(ctx, group)
	return rules, true, err
}

// fate tells what may become of rules that nothing known needs.
func (k *Keeper) fate(ctx context.Context, m marks, as map[identity]string) func(stack.Permission) Fate {
	return func(rule stack.Permission) Fate {
		switch {
		case m.undecided(rule, as):
			return Foreign
		case rule.Group.Literal != "" && k.rules.OfAnotherCluster(ctx, rule.Group.Literal): // clusters that share nodes' groups share the label, too
			return Foreign
		case k.table.mayBeNeeded(rule):
			return Held
		}
		return Removable
	}
}

// missing are the groups among the sources of permissions that do not exist, each with the error that told so.
func (k *Keeper) missing(ctx context.Context, perms []stack.Permission, told error) map[string]error {
	out := map[string]error{}
	for _, p := range perms {
		id := p.Group.Literal
		if _, asked := out[id]; id == "" || asked {
			continue
		}
		k.rules.ForgetRules(id)
		out[id] = nil
		if _, err := k.rules.Rules(ctx, id); err != nil && cloud.Classify(err).Code == cloud.CodeGroupNotFound {
			out[id] = told
		}
	}
	maps.DeleteFunc(out, func(_ string, err error) bool { return err == nil })
	return out
}

// write grants before it revokes; at the group's rule quota the executor lets the revocation go first. until is when a call that
// waits for AWS is worth another try, with or without its error.
func (k *Keeper) write(ctx context.Context, group string, grant, revoke []stack.Permission) (until time.Time, err error) {
	ref := stack.Literal(stack.KindSecurityGroup, group)
	step := func(op plan.Operation) plan.Step {
		return plan.Step{ID: plan.StepID(op.Name() + " " + group), Action: plan.Update, Resource: ref, Op: op, Lane: plan.Vital, Why: []string{"targets need it"}}
	}
	var steps []plan.Step
	if len(grant) > 0 {
		steps = append(steps, step(elb.AuthorizeSecurityGroupIngress{Group: ref, Permissions: grant}))
	}
	if len(revoke) > 0 {
		steps = append(steps, step(elb.RevokeSecurityGroupIngress{Group: ref, Permissions: revoke}))
	}
	if len(steps) == 2 {
		steps[1].Needs = []plan.StepID{steps[0].ID}
	}
	r := k.run(ctx, plan.Plan{Key: Key, Steps: steps})
	for _, s := range steps {
		switch o := r.Outcomes[s.ID]; o.State {
		case apply.Failed:
			return time.Time{}, o.Err
		case apply.Waiting:
			return o.Until, o.Err
		case apply.Done, apply.Blocked, apply.Refused:
		}
	}
	return time.Time{}, nil
}
