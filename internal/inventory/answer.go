package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// factShelf holds the answers that were read. It is guarded by Inventory.mu.
type factShelf struct {
	vpc            fact[*facts.VPC]
	foreignVPCs    map[string]*fact[*facts.VPC]
	zones          fact[map[string]facts.Locale]
	subnets        fact[map[string]facts.Subnet]
	routes         fact[routing]
	webACLs        fact[map[string]string]
	trustStores    fact[map[string]string]
	zonesOfDNS     fact[[]facts.HostedZone]
	foreignSubnets *lookups[string, facts.Subnet] // these two have locks of their own
	foreignGroups  *lookups[string, facts.SecurityGroup]
	targetGroups   map[string]*fact[*facts.TargetGroup]
	vpcReads       map[string]bool // VPCs that are read for callers who do not wait
}

func newFactShelf(i *Inventory) factShelf {
	return factShelf{
		foreignVPCs:    map[string]*fact[*facts.VPC]{},
		foreignSubnets: newLookups(i.cfg.Now, foreignFactLifetime, maxFilterValues, i.readForeignSubnets).servingOn(staleLifetime, i.cfg.Moment),
		foreignGroups:  newLookups(i.cfg.Now, foreignFactLifetime, maxFilterValues, i.describeForeignGroups).servingOn(staleLifetime, i.cfg.Moment),
		targetGroups:   map[string]*fact[*facts.TargetGroup]{},
		vpcReads:       map[string]bool{},
	}
}

// fact is one answer.
type fact[T any] struct {
	value T
	at    time.Time
	known bool
	drops int // how often it was forgotten
	behind
}

// young reports whether the answer may still be given. The lock is held.
func (f *fact[T]) young(now time.Time, life func(T) time.Duration) bool {
	return f.known && now.Sub(f.at) <= life(f.value)
}

// forget has the next caller read it again, also if it is being read just now.
func (f *fact[T]) forget() {
	f.at, f.retry = time.Time{}, time.Time{}
	f.drops++
}

// learn returns an answer that is young enough, or reads it. If reading fails for a passing reason, the old answer serves on.
//
// An answer that is not young any more, by staleLifetime at most, serves on while it is read again; wait bounds how long a caller waits for
// the new one, see serveOn. An answer that was forgotten is waited for, since AWS disagrees with it, and so is an absence, which
// people cure.
func learn[T any](ctx context.Context, i *Inventory, name string, f *fact[T], life func(T) time.Duration, wait time.Duration, read func(context.Context) (T, error)) (T, error) {
	i.mu.Lock()
	now, old := i.cfg.Now(), f.value
	if f.young(now, life) {
		defer i.mu.Unlock()
		return old, nil
	}
	stale := f.known && life(old) > absentLifetime && serves(f.at, life(old), now)
	i.mu.Unlock()
	again := func(ctx context.Context) (T, error) {
		return shared(ctx, i, name, func(ctx context.Context) (T, error) { return f.refresh(ctx, i, life, read) })
	}
	if !stale {
		return again(ctx)
	}
	return serveOn(ctx, i, &f.behind, old, wait, again)
}

// refresh reads an answer, unless somebody has done so meanwhile.
func (f *fact[T]) refresh(ctx context.Context, i *Inventory, life func(T) time.Duration, read func(context.Context) (T, error)) (T, error) {
	i.mu.Lock()
	drops, known, young := f.drops, f.value, f.young(i.cfg.Now(), life)
	i.mu.Unlock()
	if young { // somebody has read it since this caller looked
		return known, nil
	}
	v, err := read(ctx)
	i.mu.Lock()
	defer i.mu.Unlock()
	if err == nil {
		f.value, f.at, f.known, f.retry = v, i.cfg.Now(), true, time.Time{}
		if f.drops != drops {
			f.at = time.Time{} // good enough for whoever waits, not for the next
		}
		return v, nil
	}
	f.failed(err, i.cfg.Now())
	if f.known && cloud.Passing(err) {
		return f.value, nil
	}
	return v, err
}

func always[T any](d time.Duration) func(T) time.Duration {
	return func(T) time.Duration { return d }
}

// unlessAbsent believes an absence only briefly.
func unlessAbsent[T any](d time.Duration) func(*T) time.Duration {
	return func(v *T) time.Duration {
		if v == nil {
			return absentLifetime
		}
		return d
	}
}

// shelfOf returns the place of a keyed fact, making it on first use.
func shelfOf[T any](i *Inventory, m map[string]*fact[T], key string) *fact[T] {
	i.mu.Lock()
	defer i.mu.Unlock()
	f := m[key]
	if f == nil {
		f = &fact[T]{}
		m[key] = f
	}
	return f
}

// Answer answers needs in bulk. What cannot be answered is in Facts.Errors, each with what went wrong; the error is that of
// ctx. The maps of the answer must not be changed.
func (i *Inventory) Answer(ctx context.Context, needs []facts.Need) (facts.Facts, error) {
	a := answer{i: i, needs: needs}
	g, gctx := errgroup.WithContext(ctx)
	done := map[facts.NeedKind]bool{}
	for _, n := range needs {
		if load := answers[n.Kind]; load == nil {
			a.fail(n.Kind, fmt.Errorf("nobody knows how to answer %q", n.Kind))
		} else if !done[n.Kind] {
			done[n.Kind] = true
			g.Go(func() error {
				if err := load(&a, gctx); err != nil {
					a.fail(n.Kind, err)
				}
				return nil
			})
		}
	}
	_ = g.Wait() // its functions report by fail
	if err := ctx.Err(); err != nil {
		return facts.Facts{}, err
	}
	if done[facts.NeedRoutes] && a.f.Subnets != nil {
		a.f.Subnets, a.f.Routes = a.routes.apply(a.f.Subnets), a.routesKnown
	}
	return a.f, nil
}

// answer is one Answer under way.
type answer struct {
	i     *Inventory
	needs []facts.Need

	mu          sync.Mutex
	f           facts.Facts
	routes      routing
	routesKnown bool
}

// answers has a loader per kind of need.
var answers = map[facts.NeedKind]func(*answer, context.Context) error{
	facts.NeedVPC:             (*answer).vpc,
	facts.NeedSubnets:         (*answer).subnets,
	facts.NeedRoutes:          (*answer).routeTables,
	facts.NeedForeignSubnet:   (*answer).foreignSubnets,
	facts.NeedSecurityGroups:  (*answer).securityGroups,
	facts.NeedForeignGroup:    (*answer).foreignGroups,
	facts.NeedCertificates:    (*answer).certificates,
	facts.NeedOwnCertificates: (*answer).ownCertificates,
	facts.NeedHostedZones:     (*answer).hostedZones,
	facts.NeedTargetGroupName: (*answer).targetGroups,
	facts.NeedTrustStore:      (*answer).trustStores,
	facts.NeedStack:           (*answer).stack,
	facts.NeedStackDetails:    (*answer).stackDetails,
	facts.NeedWebACLs:         (*answer).webACLs,
}

// fail keeps why a kind of need is not answered, as a diagnostic: it names the missing permission, and its text is the same for each
// attempt that fails for the same reason.
func (a *answer) fail(k facts.NeedKind, err error) {
	if known := (diag.Diagnostic{}); !errors.As(err, &known) {
		err = cloud.Problem("", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.f.Errors == nil {
		a.f.Errors = map[facts.Need]error{}
	}
	for _, n := range a.needs {
		if n.Kind == k {
			a.f.Errors[n] = err
		}
	}
}

// set changes the answer under its lock.
func (a *answer) set(f func(*facts.Facts)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f(&a.f)
}

// keys are the distinct keys of a kind, sorted.
func (a *answer) keys(k facts.NeedKind) []string {
	var out []string
	for _, n := range a.needs {
		if n.Kind == k {
			out = append(out, n.Key)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (a *answer) securityGroups(ctx context.Context) error {
	groups, err := a.i.groupsAtHand(ctx)
	if err == nil {
		a.set(func(f *facts.Facts) { f.SecurityGroups = groups })
	}
	return err
}

// stack answers from the bulk listing: at most one stack is asked for at a time.
func (a *answer) stack(ctx context.Context) error {
	for _, k := range a.keys(facts.NeedStack) {
		o, err := a.i.Observed(ctx, parseKey(k), nil)
		if err != nil {
			return err
		}
		a.set(func(f *facts.Facts) {
			f.ExistingKnown = true
			for _, lb := range o.LoadBalancers {
				place := map[string]**facts.LoadBalancer{stack.LoadBalancerIdentity: &f.Existing, stack.FrontendIdentity: &f.ExistingFrontend}[lb.ID]
				if place == nil || *place != nil {
					continue
				}
				x := &facts.LoadBalancer{ARN: lb.ARN, Type: lb.Type, Scheme: lb.Scheme, IPAddressType: lb.IPAddressType, IPAMPool: lb.IPAMPool, CustomerOwnedPool: lb.CustomerOwnedPool, Tags: lb.Tags}
				for _, m := range lb.Subnets {
					x.Subnets = append(x.Subnets, m.Subnet)
				}
				for _, g := range lb.SecurityGroups {
					x.SecurityGroups = append(x.SecurityGroups, g.Literal)
					for _, own := range o.SecurityGroups {
						if own.ID == stack.ManagedSecurityGroup && own.GroupID == g.Literal {
							x.ManagedGroup, x.Ingress = true, own.Ingress
						}
					}
				}
				*place = x
			}
		})
	}
	return nil
}

// stackDetails answers from the reading that a diff of the stack needs as well: what is read here is not read again for the diff.
func (a *answer) stackDetails(ctx context.Context) error {
	for _, k := range a.keys(facts.NeedStackDetails) {
		key := parseKey(k)
		// A load balancer whose attributes are managed: only of such a one they are read.
		managed := stack.LoadBalancer{ID: stack.LoadBalancerIdentity, Attributes: map[string]string{"": ""}}
		o, err := a.i.Observed(ctx, key, &stack.Stack{Key: key, LoadBalancers: []stack.LoadBalancer{managed}})
		if err != nil {
			return err
		}
		d := &facts.LoadBalancerDetails{Listeners: map[int32]stack.Listener{}}
		if at := slices.IndexFunc(o.LoadBalancers, func(lb elb.LoadBalancer) bool { return lb.ID == managed.ID }); at >= 0 {
			lb := o.LoadBalancers[at]
			d.Attributes = lb.Attributes
			for _, l := range o.Listeners {
				if l.LoadBalancer.Literal == lb.ARN {
					d.Listeners[l.Port] = l.Listener
				}
			}
		}
		a.set(func(f *facts.Facts) { f.Details = d })
	}
	return nil
}

// InvalidateFacts forgets answers, so that the next Answer reads them again. A need of something by name or id that gives none is
// all of its kind.
func (i *Inventory) InvalidateFacts(needs ...facts.Need) {
	i.mu.Lock()
	defer i.mu.Unlock()
	s := &i.facts
	for _, n := range needs {
		switch n.Kind {
		case facts.NeedVPC:
			s.vpc.forget()
		case facts.NeedSubnets:
			s.subnets.forget()
		case facts.NeedRoutes:
			s.routes.forget()
		case facts.NeedSecurityGroups:
			i.groups.forget()
		case facts.NeedCertificates:
			i.certs.forgetListing()
		case facts.NeedWebACLs:
			s.webACLs.forget()
		case facts.NeedHostedZones:
			s.zonesOfDNS.forget()
		case facts.NeedOwnCertificates: // pending ones are read again by themselves
		case facts.NeedForeignSubnet:
			s.foreignSubnets.forget(keysOf(n)...)
		case facts.NeedForeignGroup:
			s.foreignGroups.forget(keysOf(n)...)
		case facts.NeedTargetGroupName:
			drop(s.targetGroups, n.Key)
		case facts.NeedTrustStore:
			s.trustStores.forget()
		case facts.NeedStack, facts.NeedStackDetails:
			if e := i.stacks[parseKey(n.Key)]; e != nil {
				i.seq++
				e.stale = i.seq
			}
		}
	}
}

// keysOf is the key of a need; none if it has none, which stands for all of its kind.
func keysOf(n facts.Need) []string {
	if n.Key == "" {
		return nil
	}
	return []string{n.Key}
}

// drop deletes a key, or all if it is empty.
func drop[T any](m map[string]T, key string) {
	if key == "" {
		clear(m)
	}
	delete(m, key)
}
