// Package diff compares the desired stack with the observed AWS resources, and returns the plan that leads from one
// to the other. Dependencies and guards of its steps see to it that no request goes unanswered on the way. The
// package is pure, and never fails.
//
// Stack is the one way in; its example shows what is observed, what is desired and the steps between. Files are named
// after resources. Package transition computes the changes of the rules of a listener and their order; rule.go
// turns that into steps.
package diff

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
	"github.com/k8s-lbc/lbc/internal/plan/transition"
)

// Options are further inputs on which the steps of a plan depend. What only refuses steps, or leaves some out, is a
// plan.Policy.
type Options struct {
	Region Region
	// DeleteAdopted: adopted load balancers are deleted without a tag that consents. lbc cleanup sets it, because its
	// user has the right to delete in AWS.
	DeleteAdopted bool
	// ExternalTags are tag keys that others manage: like AWS's own tags, they are neither changed nor removed on existing
	// resources.
	ExternalTags []string
	// Namespaces are those of the objects that declare the stack or leave it. Bindings in other namespaces are not the
	// stack's.
	Namespaces []string
	// LiftProtection are the identities of load balancers whose objects leave and declare
	// deletion_protection.enabled=false: a step switches the protection off before the deletion.
	LiftProtection []string
	// DeleteDuplicates are the ARNs and group ids of duplicates whose deletion is allowed by annotation
	// DuplicatesAnnotation. Other duplicates keep their bindings, and nothing waits for their deletion.
	DeleteDuplicates     []string
	DuplicatesAnnotation string
	// RulesPerSecurityGroup is AWS's quota of the account; 0 = its default.
	RulesPerSecurityGroup int
	// Duplicates are the guards that earlier plans put on the deletion of duplicates, by ARN or group id. Once the
	// resource that serves is deleted, nothing else distinguishes its duplicates from resources that must still be
	// deleted.
	Duplicates map[string]*plan.Guard
	// Foreign is how many targets of other clusters are registered in a target group that clusters share, by ARN. Such a
	// group is not deleted: it loses the tags of the stack, and its binding is deleted.
	Foreign map[string]int
	// InUse are the target groups, security groups and certificates that others use, by ARN or id. AWS does not delete
	// them: they stay, and nothing waits for their deletion.
	InUse       map[string]bool
	Replacement Replacement
	// Taken reports whether another stack of the cluster has a load balancer, target group or security group with a name;
	// nil = none has.
	Taken func(kind stack.Kind, name string) bool
	// Arriving is true if another load balancer serves hosts of this one until this one can serve them.
	Arriving bool
}

// Region is what ELB cannot do in the region of the load balancer.
type Region struct {
	// Unweighted: no forward has several target groups, so that new targets cannot warm up alongside the old ones.
	Unweighted bool
	// FixedHealthChecks: protocol, codes, interval and timeout of the health checks of an NLB's target group cannot
	// change; another group replaces it.
	FixedHealthChecks bool
}

// Stack plans the steps from the observed to the desired stack, except for parts that keep does not change. A stack
// with a Removal plans the deletion of everything observed. An empty stack without one plans nothing, and neither
// does nil. Without a Removal, a load balancer is deleted only if another one takes its place, if
// it is a frontend, or if it is a duplicate and its objects consent.
//
// Both sides are canonicalised first, so an explicit default is not a change. New resources are created before old
// ones are deleted. The steps of the plan are in an order in which they could be executed one by one.
func Stack(desired *stack.Stack, keep stack.Keep, obs awsop.Observed, opt Options) plan.Plan {
	if desired == nil || desired.Empty() && desired.Removal == stack.NotRemoved {
		return plan.Plan{Key: obs.Key}
	}
	desired, keep = withoutDeparted(desired, keep, &obs)
	if keep.Settings {
		var ok bool
		if desired, keep, ok = keepSettings(desired, keep, &obs); !ok {
			return plan.Plan{Key: obs.Key}
		}
	}
	obs = withoutAmbiguous(desired.Cluster, obs)
	desired = withRetention(desired, &obs, opt)
	desired, refused := keepPlaces(desired, keep, &obs, opt.Replacement)
	d := newDiffer(desired, keep, &obs, opt)
	if retains(desired, &obs) {
		d.retain()
		return d.finish()
	}
	waiting := d.waitingFor(keep.Resources)
	d.keepResources(slices.Concat(keep.Resources, waiting))
	d.keepOpen(slices.Concat(waiting, d.undeclared(keep.Resources)))
	d.matchLoadBalancers()
	d.forwards.Uses = transition.Uses(&obs, d.leavesNetwork())
	d.relieve()
	d.matchSecurityGroups()
	d.matchTargetGroups()

	d.securityGroups()
	d.namedLoadBalancers()
	d.targetGroups()
	d.loadBalancers()
	d.bindings()
	d.refuseReplacements(refused)
	d.closePorts()
	d.leaveOthers()
	d.listeners()
	d.wantedCertificates()
	d.wantedTrustStores()

	d.deleteLoadBalancers()
	d.deleteTargetGroups()
	d.deleteBindings()
	d.deleteSecurityGroups()
	d.deleteCertificates()
	d.deleteTrustStores()

	return d.finish()
}

// newDiffer makes the differ of one plan. It has identified the observed resources.
func newDiffer(desired *stack.Stack, keep stack.Keep, obs *awsop.Observed, opt Options) *differ {
	groups := len(desired.TargetGroups)
	d := &differ{
		want:     desired,
		keep:     keep,
		obs:      obs,
		opt:      opt,
		known:    make(map[stack.Ref]string, groups),
		made:     map[stack.Ref]plan.StepID{},
		ids:      map[plan.StepID]int{},
		releases: map[string][]plan.StepID{},
		frees:    map[string][]plan.StepID{},
		kept:     map[string]bool{},

		keptActions:      refSet(keep.Actions),
		keptCertificates: refSet(keep.Certificates),

		identities:       stack.Labels{},
		groups:           map[string]*awsop.SecurityGroup{},
		targets:          make(map[string]*awsop.TargetGroup, groups),
		names:            make(map[string]string, groups),
		balancers:        map[string]*awsop.LoadBalancer{},
		spared:           map[string]bool{},
		deletedBalancers: map[string]plan.StepID{},
		deletedTargets:   map[string]plan.StepID{},
		handledBindings:  make(map[string]bool, groups),
		registered:       map[stack.Ref]plan.StepID{},
		deregistered:     map[string]plan.StepID{},
		ownCertificates:  map[string]bool{},
		ownTrustStores:   map[string]bool{},
		renewed:          map[string]plan.StepID{},
		relieved:         map[string]*awsop.LoadBalancer{},
		later:            map[string]time.Time{},
		outgoing:         map[string]bool{},
		beside:           map[string]bool{},
		asides:           map[int32]bool{},
	}
	d.plan.Key = desired.Key
	if d.plan.Key == (stack.Key{}) {
		d.plan.Key = obs.Key
	}
	for _, lb := range obs.LoadBalancers {
		if lb.Foreign {
			d.beside[lb.ARN] = true
		}
	}
	for r := range obs.Resources(stack.KindTargetGroup, stack.KindSecurityGroup) {
		d.identities[r.Literal] = r.ID
	}
	d.forwards = &transition.Targets{
		Resolve: d.resolve, Labels: d.identities, Observed: obs, Wanted: d.want.TargetGroups,
		Unweighted: opt.Region.Unweighted,
		Namespaces: keep.Namespaces,
	}
	return d
}

// finish returns the plan of the steps.
func (d *differ) finish() plan.Plan {
	d.awaitTakeover()
	refs := slices.SortedFunc(maps.Keys(d.known), compareRefs)
	for _, r := range refs {
		d.plan.Known = append(d.plan.Known, plan.Known{Ref: r, Value: d.known[r]})
	}
	for _, s := range d.steps {
		d.plan.Steps = append(d.plan.Steps, *s)
	}
	d.plan.Assumed = d.obs.Assumed() && len(d.steps) > 0
	return d.plan
}

// differ is the state of one diff.
type differ struct {
	want  *stack.Stack
	keep  stack.Keep
	obs   *awsop.Observed
	opt   Options
	plan  plan.Plan    // its Steps are filled at the end
	steps []*plan.Step // pointers stay valid as the slice grows

	known map[stack.Ref]string      // references to existing resources that stay
	made  map[stack.Ref]plan.StepID // references that a step produces
	ids   map[plan.StepID]int
	kept  map[string]bool // ARNs, group ids, and "namespace/name" of bindings that must not be touched

	keptActions      map[stack.Ref]bool // of keep
	keptCertificates map[stack.Ref]bool // likewise

	// releases are the steps after which no observed resource uses a target group or security group any longer.
	releases map[string][]plan.StepID

	identities stack.Labels // of observed target groups and security groups, by ARN or group id

	// frees are the deletions of load balancers that still use a target group, by its ARN: in AWS, a target group
	// belongs to one load balancer at a time.
	frees map[string][]plan.StepID

	groups       map[string]*awsop.SecurityGroup // matches of wanted resources, by identity
	targets      map[string]*awsop.TargetGroup
	alike        map[string][]*awsop.TargetGroup // observed target groups, by identity
	names        map[string]string               // of wanted target groups, as they are or will be, by identity
	balancers    map[string]*awsop.LoadBalancer
	oldBalancers []*awsop.LoadBalancer
	first        []plan.StepID // create load balancers whose names may be taken
	// relieved are old load balancers that members still show, by the identity that they share with their successors
	relieved map[string]*awsop.LoadBalancer
	// later says until when such load balancers stay that no member shows any longer, by ARN
	later    map[string]time.Time
	outgoing map[string]bool // target groups of these, by ARN
	beside   map[string]bool // load balancers of others, by ARN
	taken    plan.StepID     // gives the adopted load balancer the tags of the stack

	forwards *transition.Targets
	asides   map[int32]bool // ports of the listeners aside that are planned

	tgUse, sgUse map[string]int  // of observed target groups by ARN, of security groups by id
	spared       map[string]bool // duplicates that are left alone, by ARN or group id

	deletedBalancers map[string]plan.StepID // by ARN
	deletedTargets   map[string]plan.StepID // by ARN
	deletedBindings  []plan.StepID
	handledBindings  map[string]bool // "namespace/name" of objects that are wanted, or deleted early

	registered       map[stack.Ref]plan.StepID // by target group: its load balancer becomes its target
	deregistered     map[string]plan.StepID    // by target group, load balancer and port: it ceases to be
	deletedFrontends []plan.StepID
	opened           []grant                // in managed security groups
	toClose          []revocation           // revocations that follow these grants
	closeLater       []revocation           // revocations that wait for the listeners of other ports
	arrivals         *arrivals              // what new listeners serve; nil = not known yet
	moved            []moved                // rules that wait for new listeners
	awaitsPort       bool                   // a kept listener does not exist in AWS yet
	unused           map[string]bool        // wanted target groups of no wanted rule, by ARN; nil = not known yet
	attached         plan.StepID            // the step that gives the load balancer its security groups
	ownCertificates  map[string]bool        // ARNs of observed ones that are wanted
	ownTrustStores   map[string]bool        // likewise
	renewed          map[string]plan.StepID // imports of new content, by ARN
}

// resolve returns the ARN or group id of a reference, or a text that equals no other.
func (d *differ) resolve(r stack.Ref) string {
	if r.Literal == "" {
		if v, ok := d.known[r]; ok {
			return v
		}
	}
	return canonical.Literal(r)
}

// step appends a step. It needs the steps that create the resources of its references.
func (d *differ) step(a plan.Action, r stack.Ref, lane plan.Lane, op awsop.Operation, why ...string) *plan.Step {
	id := plan.StepID(plan.NameOf(op) + " " + cmp.Or(r.ID, r.Literal))
	d.ids[id]++
	if n := d.ids[id]; n > 1 {
		id += plan.StepID("#" + strconv.Itoa(n))
	}
	s := &plan.Step{ID: id, Action: a, Resource: r, Op: op, Lane: lane, Why: why}
	for _, ref := range op.About().Refs {
		if _, ok := d.known[ref]; ok {
			continue
		}
		if n, ok := d.made[ref]; ok && !slices.Contains(s.Needs, n) {
			s.Needs = append(s.Needs, n)
		}
	}
	d.steps = append(d.steps, s)
	return s
}

func compareRefs(a, b stack.Ref) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Literal, b.Literal))
}
