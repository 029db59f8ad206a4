package registrar

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/brake"
)

// ScopeCalls is what a registry calls in one scope. Wiring.ScopeCalls of internal/controller sets Write to
// apply.Deps.Write.
type ScopeCalls struct {
	ELBV2 Describer
	Write apply.Writer
	// CreatedHere reports whether this process created a target group and did not read it since. Then no other process has
	// registered targets in it.
	CreatedHere func(arn string) bool
	// Gone reports whether this process deleted a target group, which is not read then; nil = it is not known.
	Gone func(arn string) bool
}

// Registry knows the registered targets of each target group that a binding serves, and registers and deregisters
// the difference to the wanted targets. It holds no lock during a call: registrations, deregistrations and reads run
// at the same time, and no group waits for another. It is safe for concurrent use. Set the exported fields before
// the first use.
type Registry struct {
	// Async: Sync does not wait for the calls that it starts. Its Change is Pending then, and Progress is called when one
	// of them ends, and when there is room again for targets that were left out. It must not wait.
	Async    bool
	Progress func(binding stack.ID)
	// Clock measures lags, and the pause before targets are registered in a group that could not be read.
	Clock awsclient.Clock
	// Lag is called for each target of a request with a time (Request.Since): after is the time from the change until AWS
	// has accepted the call. nil = no call. Lag must not wait.
	Lag func(operation string, after time.Duration)
	// BecameHealthy is called for each target of a request with a time when a read of health first shows that the target
	// is healthy: cause is what the read was for, and after the time from the change until then. nil = no call.
	BecameHealthy func(cause awsclient.Cause, after time.Duration)
	// Seen is called with the health of each group that is read to learn, or to verify, what is registered; nil = no call.
	Seen func(arn string, health []Health)
	// Compared is called after Recheck has read a group that clusters do not share. deregistered are targets that this
	// process registered and that are no longer registered; others are registered targets that no request has wanted.
	// nil = no call.
	Compared func(of Group, deregistered []string, others []Health)
	// Brake delays the deregistration of most targets of many groups; nil = no brake.
	Brake *brake.Brake

	account func(awsclient.Scope) (ScopeCalls, error)
	shares  shares

	mu      sync.Mutex
	groups  map[Group]*group
	keeping map[Group]*group // those with kept targets
	waiting map[Group]*group // those with targets that wait
}

// NewRegistry makes an empty registry that waits for its calls. account connects to the account of a scope. If account
// fails, each call in that scope fails with its error.
func NewRegistry(account func(awsclient.Scope) (ScopeCalls, error)) *Registry {
	return &Registry{account: account,
		groups: map[Group]*group{}, keeping: map[Group]*group{}, waiting: map[Group]*group{},
		shares: shares{of: map[string]*claims{}, at: map[Group]string{}},
		Clock:  awsclient.WallClock{}, Progress: func(stack.ID) {}}
}

// Request says which targets a binding wants in its target group. Its functions are called under a lock: they must not
// wait.
type Request struct {
	Group
	Binding stack.ID // namespace and name of the binding
	Want    Endpoints
	// Port is the port of the endpoints of Want that have none: the target groups of all node ports share one list of
	// nodes.
	Port int32
	// New: the binding has registered nothing yet, in this process or in an earlier one.
	New bool
	// Withheld: there are endpoints that Want leaves out until their pods change.
	Withheld bool
	// Emptied: an edit of the Service led to there being nothing to want. The targets whose pods serve stay.
	Emptied bool
	// Former are the pods that may be behind the targets of an Emptied group, if an earlier process registered these: by
	// address, zero = it is no pod. Which pods are behind other targets is not known. Nil = this process registered all.
	Former map[string]Endpoint
	// Since is when the change came that caused the request; zero = it is not known.
	Since time.Time
	// Unconfirmed: what is registered was not known yet when the endpoints were read (see Unlisted). Then only targets are
	// deregistered that a request has wanted.
	Unconfirmed bool
	// Keep: nothing is deregistered, because the API server does not show which nodes there are.
	Keep bool
	// Record is set if other clusters register targets in the same group: only targets in the record are deregistered.
	Record RegisteredTargets
	// OfOthers says which targets in the record are, or may be, those of others; nil = none is.
	OfOthers func(Target) bool
	// Unseen: bindings that the controller cannot see may have registered targets in the group. Then only targets are
	// deregistered that a request has wanted, in this process or in the earlier one whose state Assume restored.
	Unseen bool
	// Preceding are the keys of targets that were registered before the binding came: it never deregisters them.
	Preceding map[string]bool
	// Own, if it is not nil, are the keys of the only targets that may be deregistered, besides those that this registry
	// has registered.
	Own map[string]bool
	// Max limits how many targets are registered; 0 = no limit.
	Max int
	// Balancer is the load balancer in front of the group, which several bindings share.
	Balancer Balancer
	// Zone is the zone to send with an address; nil = none.
	Zone func(Endpoint) string
	// HomeZone is the zone of an endpoint; empty = it is not known. HomeZone replaces AllZones in groups for which AWS
	// refuses AllZones, and lets Max be spread over zones; nil = neither.
	HomeZone func(context.Context, Endpoint) string
}

// AllZones is the zone of addresses outside the VPC (ELB API reference, TargetDescription).
const AllZones = "all"

// Change is what the registry did since the last Sync of the group returned.
type Change struct {
	// Registered and Deregistered count targets. They are 0 while Pending: the Change that is no longer Pending has them.
	Registered, Deregistered int
	LeftOut                  int // because of Max or Share
	// Share is how many targets the namespace may have behind the load balancer, if there is not room for all.
	Share int
	// Added are the keys of the registered targets, Omitted of those that were left out.
	Added, Omitted []string
	// Elsewhere are the wanted instances that are not registered because they are not in the VPC of the group.
	Elsewhere []string
	// Pending is true while calls are in progress. Unanswered are the keys of the wanted targets that they register.
	Pending    bool
	Unanswered []string
	// NotOurs are the keys of targets that are not wanted and stay registered because of Unseen or, in a shared group,
	// because of OfOthers; sorted.
	NotOurs []string
	// Retry is the pause before AWS may accept targets that it refused because of its limits; 0 = it is not known.
	Retry time.Duration
}

// TargetCalls returns the stack under which the target calls of a binding run; it owns no resources.
func TargetCalls(binding stack.ID) stack.Key { return stack.Key{Owner: "elbv2.k8s.aws", ID: binding} }

// Sync replaces the request of a group, and starts the calls that the new request needs: it registers missing
// targets and deregisters unwanted ones. A target with a call in progress waits for the end of this call. Other
// registrations of the group wait while four of the group are in progress. The error has everything that failed since
// the last Sync; the next Sync tries again. ctx also bounds the calls that continue after Sync returns.
func (r *Registry) Sync(ctx context.Context, q Request) (Change, error) {
	return r.sync(ctx, q, !r.Async)
}

func (r *Registry) sync(ctx context.Context, q Request, wait bool) (Change, error) {
	g := r.group(q.Group)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.changed(g.request, q)
	g.inherit(&q)
	g.request = &q
	for _, key := range g.keysOf(&q).list {
		if !g.requested[key] {
			g.requested[key] = true
		}
	}
	r.startCalls(ctx, g)
	for wait && g.busy() {
		ended := g.ended
		g.waiters++
		g.mu.Unlock()
		select {
		case <-ended:
		case <-ctx.Done():
			wait = false
		}
		g.mu.Lock()
		g.waiters--
	}
	return g.collect(r.Clock.Now())
}

// Recheck reads a group again and compares. drifted is true if targets were registered or deregistered, or the group
// was deleted, outside the controller: then the next Sync reads the group again. Recheck does not delay writes. A
// write meanwhile can look like drift, which costs one read.
func (r *Registry) Recheck(ctx context.Context, of Group) (health []Health, drifted bool, err error) {
	g := r.group(of)
	if health, err = r.Health(ctx, of); err == nil {
		health, err = r.confirmed(ctx, g, health)
	}
	gone := codeOf(err) == awsclient.CodeTargetGroupNotFound
	if err != nil && !gone {
		return nil, false, err
	}
	if !gone && r.Seen != nil {
		r.Seen(of.ARN, health)
	}
	deregistered, others, compared := []string(nil), []Health(nil), false
	defer func() {
		if compared && r.Compared != nil {
			r.Compared(of, deregistered, others)
		}
	}()
	g.mu.Lock()
	defer g.mu.Unlock()
	if gone { // the next Sync reports it
		g.known, g.overdue, g.written, g.members, g.inherited = false, false, true, map[string]registeredTarget{}, nil
		return nil, true, nil
	}
	if !g.known || g.busy() {
		return health, false, nil
	}
	drifted = g.differs(health)
	if compared = g.request != nil && g.request.Record == nil; compared {
		deregistered, others = g.foreign(health)
	}
	g.reread = g.reread || drifted
	return health, drifted, nil
}

// Clear deregisters every target of a request's group. In a shared group (Record not nil), it deregisters the
// targets that the binding registered; with Unseen, the targets of this registry. If the group no longer exists,
// there is nothing to do. Clear ignores the targets that the request wants, and waits for the end of its calls.
func (r *Registry) Clear(ctx context.Context, q Request) (left Change, err error) {
	q.Want = Endpoints{}
	r.KeepServing(q, true, func(Endpoint) bool { return false })
	left, err = r.sync(ctx, q, true)
	// a target was deregistered outside the controller: this Sync reads the group again
	if codeOf(err) == awsclient.CodeInvalidTarget {
		left, err = r.sync(ctx, q, true)
	}
	if code := codeOf(err); code == awsclient.CodeTargetGroupNotFound || code == awsclient.CodeValidation ||
		code == awsclient.CodeInvalidTarget {
		err = nil
	}
	if err == nil {
		err = context.Cause(ctx) // if ctx ended the wait, the result of the calls is not known
	}
	if err == nil {
		r.Forget(q.Group)
	}
	return left, err
}

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return awsclient.Classify(err).Code
}

// wantsZones reports whether AWS refused targets because the call did not name their zone.
func wantsZones(err error) bool {
	return err != nil && awsclient.Classify(err).Code == awsclient.CodeValidation &&
		strings.Contains(strings.ToLower(err.Error()), "you must specify an availability zone")
}

// Expected says whether the last request for a group wants targets, and whether they are registered, as far as this
// process knows. Without a request yet, it says that the group has targets.
func (r *Registry) Expected(of Group) apply.Expected {
	r.mu.Lock()
	g := r.groups[of]
	r.mu.Unlock()
	if g == nil {
		return apply.Expected{Any: true}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.request == nil {
		return apply.Expected{Any: true}
	}
	keys, missing := g.keysOf(g.request).list, false
	for i, e := range g.request.Want.All() {
		missing = missing || !g.inOtherVPC[e.ID] && !g.inPlace(keys[i])
	}
	return apply.Expected{Any: g.request.Want.Len() > 0, Registered: !missing, Withheld: g.request.Withheld,
		Stays: g.request.Emptied && len(g.members) > 0}
}

// WithoutRefused returns endpoints without the instances that AWS refused in a group because they are in another VPC.
func (r *Registry) WithoutRefused(of Group, all Endpoints) Endpoints {
	g := r.known(of)
	if g == nil {
		return all
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.inOtherVPC) == 0 {
		return all
	}
	return all.Without(func(e Endpoint) bool { return g.inOtherVPC[e.ID] })
}

// Invalidate makes the next Sync of a group read it again.
func (r *Registry) Invalidate(of Group) {
	g := r.group(of)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.reread = true
}

// Forget drops a group that no binding serves any longer.
func (r *Registry) Forget(of Group) {
	r.Brake.Forget(of.ARN)
	for _, binding := range r.shares.leave(of) {
		r.Progress(binding)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.groups, of)
	delete(r.keeping, of)
	delete(r.waiting, of)
}

func (r *Registry) group(of Group) *group {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.groups[of]
	if g == nil {
		g = newGroup(of, &r.shares)
		r.groups[of] = g
	}
	return g
}

// createdHere reports whether this process created a group.
func (r *Registry) createdHere(of Group) bool {
	account, err := r.account(of.Scope)
	return err == nil && account.CreatedHere(of.ARN)
}
