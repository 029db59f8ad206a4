package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

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
	if a.routed != nil {
		a.f.Subnets, a.f.Routes = a.routed, true
	}
	return a.f, nil
}

// answer is one Answer under way.
type answer struct {
	i     *Inventory
	needs []facts.Need

	mu     sync.Mutex
	f      facts.Facts
	routed map[string]facts.Subnet
}

// answers has a loader per kind of need.
var answers = map[facts.NeedKind]func(*answer, context.Context) error{
	facts.NeedVPC:             (*answer).vpc,
	facts.NeedSubnets:         (*answer).subnets,
	facts.NeedRoutes:          (*answer).routedSubnets,
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

func (a *answer) webACLs(ctx context.Context) error {
	names, err := a.i.addOns.WebACLs(ctx)
	if err == nil {
		a.set(func(f *facts.Facts) { f.WebACLs = names })
	}
	return err
}

func (a *answer) vpc(ctx context.Context) error {
	v, err := a.i.network.VPC(ctx)
	if err == nil {
		a.set(func(f *facts.Facts) { f.VPC = v })
	}
	return err
}

func (a *answer) subnets(ctx context.Context) error {
	s, err := a.i.network.Subnets(ctx)
	if err == nil {
		a.set(func(f *facts.Facts) { f.Subnets = s })
	}
	return err
}

func (a *answer) routedSubnets(ctx context.Context) error {
	s, err := a.i.network.RoutedSubnets(ctx)
	if err == nil {
		a.set(func(*facts.Facts) { a.routed = s })
	}
	return err
}

func (a *answer) foreignSubnets(ctx context.Context) error {
	ids := a.keys(facts.NeedForeignSubnet)
	got, err := a.i.network.ForeignSubnets(ctx, ids)
	if err == nil {
		a.set(func(f *facts.Facts) { f.ForeignSubnets = orNil(got, ids) })
	}
	return err
}

func (a *answer) foreignGroups(ctx context.Context) error {
	ids := a.keys(facts.NeedForeignGroup)
	got, err := a.i.groups.Foreign(ctx, ids)
	if err == nil {
		a.set(func(f *facts.Facts) { f.ForeignGroups = orNil(got, ids) })
	}
	return err
}

// orNil has an element for each key: nil for what was not found.
func orNil[T any](found map[string]T, keys []string) map[string]*T {
	out := map[string]*T{}
	for _, k := range keys {
		out[k] = nil
		if v, ok := found[k]; ok {
			out[k] = &v
		}
	}
	return out
}

func (a *answer) securityGroups(ctx context.Context) error {
	groups, err := a.i.groups.AtHand(ctx)
	if err == nil {
		a.set(func(f *facts.Facts) { f.SecurityGroups = groups })
	}
	return err
}

func (a *answer) certificates(ctx context.Context) error {
	all, index, err := a.i.certificates.All(ctx)
	if err == nil {
		a.set(func(f *facts.Facts) { f.Certificates, f.Index = all, index })
	}
	return err
}

func (a *answer) hostedZones(ctx context.Context) error {
	zones, err := a.i.certificates.HostedZones(ctx)
	if err == nil {
		a.set(func(f *facts.Facts) { f.HostedZones = zones })
	}
	return err
}

// ownCertificates answers for the stack that is being compiled: at most one at a time.
func (a *answer) ownCertificates(ctx context.Context) error {
	of := a.i.certificates
	for _, k := range a.keys(facts.NeedOwnCertificates) {
		key, err := stack.ParseKey(k)
		if err != nil {
			return err
		}
		own, err := of.Of(ctx, key, nil)
		if err != nil {
			return err
		}
		a.set(func(f *facts.Facts) {
			f.OwnKnown, f.Own, f.ImportsLastYear = true, nil, of.ImportsLastYear()
			for _, c := range own {
				f.Own = append(f.Own, facts.OwnCertificate{
					ARN: c.ARN, ID: c.ID, Status: c.Status, Reason: c.Reason, Names: c.Names, Authority: c.Authority, Since: of.CreatedAt(c.ARN),
				})
			}
		})
	}
	return nil
}

// stack answers from the bulk listing: at most one stack is asked for at a time.
func (a *answer) stack(ctx context.Context) error {
	for _, k := range a.keys(facts.NeedStack) {
		key, err := stack.ParseKey(k)
		if err != nil {
			return err
		}
		o, err := a.i.Observed(ctx, key, nil)
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
		key, err := stack.ParseKey(k)
		if err != nil {
			return err
		}
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
	for _, n := range needs {
		switch n.Kind {
		case facts.NeedVPC:
			i.network.ForgetVPC()
		case facts.NeedSubnets:
			i.network.ForgetSubnets()
		case facts.NeedRoutes:
			i.network.ForgetRoutes()
		case facts.NeedSecurityGroups:
			i.groups.Forget()
		case facts.NeedCertificates:
			i.certificates.Forget()
		case facts.NeedWebACLs:
			i.addOns.ForgetWebACLs()
		case facts.NeedHostedZones:
			i.certificates.ForgetHostedZones()
		case facts.NeedOwnCertificates: // pending ones are read again by themselves
		case facts.NeedForeignSubnet:
			i.network.ForgetForeignSubnets(keysOf(n)...)
		case facts.NeedForeignGroup:
			i.groups.ForgetForeign(keysOf(n)...)
		case facts.NeedTargetGroupName:
			i.targetGroups.Forget(keysOf(n)...)
		case facts.NeedTrustStore:
			i.trustStores.Forget()
		case facts.NeedStack, facts.NeedStackDetails:
			if key, err := stack.ParseKey(n.Key); err == nil {
				i.invalidate(key)
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

var (
	subnetFacts = []facts.Need{{Kind: facts.NeedSubnets}, {Kind: facts.NeedRoutes}, {Kind: facts.NeedForeignSubnet}}
	groupFacts  = []facts.Need{{Kind: facts.NeedSecurityGroups}, {Kind: facts.NeedForeignGroup}}
)

// refuted are the facts of which AWS says by an error that they are not true any more: what a plan was made of is gone, or has no
// room left.
var refuted = map[string][]facts.Need{
	"SubnetNotFound": subnetFacts, "InvalidSubnetID.NotFound": subnetFacts, "InvalidSubnet": subnetFacts,
	"CertificateNotFound": {{Kind: facts.NeedCertificates}},
	"TrustStoreNotFound":  {{Kind: facts.NeedTrustStore}},
	"TargetGroupNotFound": {{Kind: facts.NeedTargetGroupName}},
}

// Refuted forgets the answers that the error of a write shows to be wrong, so that the next pass does not plan with them again.
func (i *Inventory) Refuted(e cloud.Error) {
	if e.Missing() == stack.KindSecurityGroup {
		i.InvalidateFacts(groupFacts...)
	}
	i.InvalidateFacts(refuted[e.Code]...)
}
