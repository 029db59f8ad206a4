package targets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/apply"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// batch is how many targets one call carries, as the existing controller sends them; AWS takes up to 1,000.
const batch = 200

// Describer reads the health of targets.
type Describer interface {
	DescribeTargetHealth(context.Context, *elbv2.DescribeTargetHealthInput, ...func(*elbv2.Options)) (*elbv2.DescribeTargetHealthOutput, error)
}

// Runner executes a plan; apply.Run with its dependencies bound.
type Runner func(ctx context.Context, p plan.Plan) apply.Result

// Registry knows what is registered in each target group that a binding serves. It reads a group once, when it is first asked
// about one that was not created in this process, and writes its own calls through. It is safe for concurrent use.
type Registry struct {
	read  Describer
	run   Runner
	fresh func(arn string) bool

	mu     sync.Mutex
	groups map[string]*group
}

type group struct {
	mu      sync.Mutex
	known   bool
	doubted atomic.Bool       // to be read again, although it is known
	written bool              // something was sent, so that a group of our own making is no longer empty for certain
	members map[string]Target // without draining ones
	// homeZones: AWS wants to know the zone of each address.
	homeZones bool
	// claims are the targets that a binding may have registered in a group that it shares with other clusters; none = not read.
	claims map[stack.ID]map[string]bool
}

// NewRegistry makes an empty registry. fresh tells whether a target group was created in this process, so that nothing can be
// registered in it but by us.
func NewRegistry(read Describer, run Runner, fresh func(arn string) bool) *Registry {
	return &Registry{read: read, run: run, fresh: fresh, groups: map[string]*group{}}
}

// Request is what a binding wants of its target group.
type Request struct {
	Binding stack.ID // namespace and name of the binding
	ARN     string
	Want    []Endpoint
	// Claims is there if other clusters register targets in the same group: only what is claimed is deregistered.
	Claims Claims
	// Max limits how many targets are registered; 0 = no limit.
	Max int
	// Zone tells the zone to send with an address; nil = none.
	Zone func(Endpoint) string
	// HomeZone tells the zone that an endpoint is in, if that is known. It replaces AllZones in groups for which AWS does not take that,
	// and Max is spread over zones; nil = nothing does, and it is not.
	HomeZone func(Endpoint) string
}

// AllZones is the zone of addresses outside the VPC (ELB API reference, TargetDescription).
const AllZones = "all"

// Change is what a Sync did.
type Change struct {
	Registered, Deregistered int
	LeftOut                  int // because of Max
	// Added are the keys of the registered targets, Omitted of those that were left out.
	Added, Omitted []string
}

// Key is the stack under which the target calls of a binding run; it owns no resources.
func Key(binding stack.ID) stack.Key { return stack.Key{Owner: "elbv2.k8s.aws", ID: binding} }

// Sync registers and deregisters what differs. Registration and deregistration run side by side: nothing of the one waits for
// the other, so that a full rollover never leaves the group empty.
func (r *Registry) Sync(ctx context.Context, q Request) (Change, error) {
	g := r.group(q.ARN)
	g.mu.Lock()
	defer g.mu.Unlock()
	c, err := r.sync(ctx, g, q)
	if q.HomeZone == nil || g.homeZones || !wantsZones(err) {
		return c, err
	}
	g.homeZones = true
	again, err := r.sync(ctx, g, q)
	again.Registered, again.Deregistered = again.Registered+c.Registered, again.Deregistered+c.Deregistered
	again.Added = append(c.Added, again.Added...)
	return again, err
}

// wantsZones reports the refusal of targets because their zone was not said.
func wantsZones(err error) bool {
	return err != nil && cloud.Classify(err).Code == cloud.CodeValidation && strings.Contains(strings.ToLower(err.Error()), "you must specify an availability zone")
}

func (r *Registry) sync(ctx context.Context, g *group, q Request) (Change, error) {
	if err := r.learn(ctx, g, q.ARN); err != nil {
		return Change{}, err
	}
	have := make([]Target, 0, len(g.members))
	for _, t := range g.members {
		have = append(have, t)
	}
	slices.SortFunc(have, func(a, b Target) int { return cmp.Compare(a.Key(), b.Key()) })
	register, deregister := Diff(have, q.Want)
	var claims map[string]bool
	if q.Claims != nil {
		known, err := g.claimed(ctx, q)
		if err != nil {
			return Change{}, err
		}
		deregister = slices.DeleteFunc(deregister, func(t Target) bool { return !known[t.Key()] })
		if claims, err = g.claim(ctx, q, known); err != nil {
			return Change{}, err
		}
	}
	var c Change
	if room := q.Max - (len(have) - len(deregister)); q.Max > 0 && len(register) > max(room, 0) {
		registered := slices.DeleteFunc(slices.Clone(q.Want), func(e Endpoint) bool { _, there := g.members[e.Key()]; return !there })
		var omitted []Endpoint
		register, omitted = cut(registered, register, room, q.HomeZone)
		c.LeftOut = len(omitted)
		for _, e := range omitted {
			c.Omitted = append(c.Omitted, e.Key())
		}
	}
	added := make([]Target, 0, len(register))
	for _, e := range register {
		if q.Zone != nil {
			e.Zone = q.Zone(e)
		}
		if g.homeZones && e.Zone == AllZones && q.HomeZone != nil {
			e.Zone = cmp.Or(q.HomeZone(e), AllZones)
		}
		added = append(added, e.Target)
	}
	c, err := r.write(ctx, g, q, added, deregister, c)
	if err == nil && q.Claims != nil {
		err = g.disclaim(ctx, q, claims)
	}
	return c, err
}

func (r *Registry) write(ctx context.Context, g *group, q Request, register, deregister []Target, c Change) (Change, error) {
	ref := stack.Literal(stack.KindTargetGroup, q.ARN)
	var steps []plan.Step
	done, parts := map[plan.StepID]func(){}, map[plan.StepID][]Target{}
	added := func(part []Target) {
		for _, t := range part {
			g.members[t.Key()] = t
			c.Added = append(c.Added, t.Key())
		}
		c.Registered += len(part)
	}
	for i, part := range slices.Collect(slices.Chunk(register, batch)) {
		id := plan.StepID(fmt.Sprintf("RegisterTargets %d", i+1))
		steps = append(steps, registration(id, q.ARN, part))
		done[id] = func() { added(part) }
		parts[id] = part
	}
	for i, part := range slices.Collect(slices.Chunk(deregister, batch)) {
		id := plan.StepID(fmt.Sprintf("DeregisterTargets %d", i+1))
		steps = append(steps, plan.Step{ID: id, Action: plan.Update, Resource: ref, Lane: plan.Vital, Op: plan.DeregisterTargets{TargetGroup: ref, Targets: planned(part)}})
		done[id] = func() {
			for _, t := range part {
				delete(g.members, t.Key())
			}
			c.Deregistered += len(part)
		}
	}
	if len(steps) == 0 {
		return c, nil
	}
	g.written = true
	result := r.run(ctx, plan.Plan{Key: Key(q.Binding), Steps: steps})
	var errs []error
	for _, s := range steps {
		o := result.Outcomes[s.ID]
		if o.State == apply.Done {
			done[s.ID]()
			continue
		}
		g.known = false // who knows how much of it was done
		err := fmt.Errorf("%s: %w", s.Op.Name(), o.Err)
		if part := parts[s.ID]; part != nil && refused(o) {
			err = r.registerOthers(ctx, q, part, err, added)
		}
		errs = append(errs, err)
	}
	return c, errors.Join(errs...)
}

func planned(in []Target) []plan.Target {
	out := make([]plan.Target, 0, len(in))
	for _, t := range in {
		out = append(out, plan.Target{ID: t.ID, Port: t.Port, Zone: t.Zone})
	}
	return out
}

// learn reads what is registered, unless it is known.
func (r *Registry) learn(ctx context.Context, g *group, arn string) error {
	if g.doubted.Swap(false) {
		g.known = false
	}
	if g.known {
		return nil
	}
	g.members = map[string]Target{}
	if !g.written && r.fresh(arn) {
		g.known = true
		return nil
	}
	health, err := r.Health(ctx, arn)
	if err != nil {
		return err
	}
	for _, h := range health {
		if !h.Draining() {
			g.members[h.Key()] = h.Target
		}
	}
	g.known = true
	return nil
}

// Health is the state of one target as AWS reports it.
type Health struct {
	Target
	State, Reason, Description string
}

// Health reads the state of every target of a group, or only of the given ones, of which AWS calls those "unused" that are not
// registered.
func (r *Registry) Health(ctx context.Context, arn string, only ...Target) ([]Health, error) {
	in := &elbv2.DescribeTargetHealthInput{TargetGroupArn: aws.String(arn)}
	for _, t := range only {
		d := types.TargetDescription{Id: aws.String(t.ID), Port: aws.Int32(t.Port)}
		if t.Zone != "" {
			d.AvailabilityZone = aws.String(t.Zone)
		}
		in.Targets = append(in.Targets, d)
	}
	out, err := r.read.DescribeTargetHealth(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("describing targets of %s: %w", arn, err)
	}
	var all []Health
	for _, d := range out.TargetHealthDescriptions {
		if d.Target == nil || d.TargetHealth == nil {
			continue
		}
		all = append(all, Health{
			Target: Target{ID: aws.ToString(d.Target.Id), Port: aws.ToInt32(d.Target.Port), Zone: aws.ToString(d.Target.AvailabilityZone)},
			State:  string(d.TargetHealth.State), Reason: string(d.TargetHealth.Reason), Description: aws.ToString(d.TargetHealth.Description),
		})
	}
	return all, nil
}

// Recheck reads a group again and compares: drifted tells that somebody else registered or deregistered targets, or deleted the
// group, and that the next Sync of the group will read it again. It does not hold up those who write meanwhile; a write makes it see a drift that
// is none, at the cost of that read.
func (r *Registry) Recheck(ctx context.Context, arn string) (health []Health, drifted bool, err error) {
	health, err = r.Health(ctx, arn)
	gone := codeOf(err) == cloud.CodeTargetGroupNotFound
	if err != nil && !gone {
		return nil, false, err
	}
	g := r.group(arn)
	g.mu.Lock()
	defer g.mu.Unlock()
	if gone { // which the next Sync finds out as well, and tells
		g.known, g.written = false, true
		return nil, true, nil
	}
	if !g.known {
		return health, false, nil
	}
	n := 0
	for _, h := range health {
		if h.Draining() {
			continue
		}
		n++
		if _, ok := g.members[h.Key()]; !ok {
			drifted = true
		}
	}
	if drifted = drifted || n != len(g.members); drifted {
		g.known = false
	}
	return health, drifted, nil
}

// Draining reports that the target is deregistered, or cut off for its health, while requests to it are finished.
func (h Health) Draining() bool {
	return h.State == string(types.TargetHealthStateEnumDraining) || h.State == string(types.TargetHealthStateEnumUnhealthyDraining)
}

// Clear deregisters every target of a group, of a shared one (claims not nil) those that the binding registered, except where
// the group is gone: then there is nothing to do.
func (r *Registry) Clear(ctx context.Context, binding stack.ID, arn string, claims Claims) error {
	_, err := r.Sync(ctx, Request{Binding: binding, ARN: arn, Claims: claims})
	if codeOf(err) == cloud.CodeInvalidTarget { // one that somebody else took away: look again which there are
		_, err = r.Sync(ctx, Request{Binding: binding, ARN: arn, Claims: claims})
	}
	if code := codeOf(err); code == cloud.CodeTargetGroupNotFound || code == cloud.CodeValidation || code == cloud.CodeInvalidTarget {
		err = nil
	}
	if err == nil {
		r.Forget(arn)
	}
	return err
}

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return cloud.Classify(err).Code
}

// Distrust makes the next Sync of a group read it again. It never waits, not even for a Sync that hangs.
func (r *Registry) Distrust(arn string) { r.group(arn).doubted.Store(true) }

// Forget drops a group that no binding serves any more.
func (r *Registry) Forget(arn string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.groups, arn)
}

func (r *Registry) group(arn string) *group {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.groups[arn]
	if g == nil {
		g = &group{members: map[string]Target{}}
		r.groups[arn] = g
	}
	return g
}
