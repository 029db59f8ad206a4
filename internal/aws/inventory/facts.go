package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Answer answers needs in bulk. Needs without an answer are in Facts.Errors, each with its error; the returned error is
// that of ctx. The maps of the answer must not be changed.
func (i *Inventory) Answer(ctx context.Context, needs []facts.Need) (facts.Facts, error) {
	keys := map[facts.NeedKind][]string{}
	for _, n := range needs {
		keys[n.Kind] = append(keys[n.Kind], n.Key)
	}
	var mu sync.Mutex
	out := facts.Facts{}
	var reads sync.WaitGroup
	for kind, keys := range keys {
		reads.Go(func() {
			put, err := i.answer(ctx, kind, slices.Compact(slices.Sorted(slices.Values(keys))))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				put(&out)
				return
			}
			// A diagnostic names the missing permission, and its text is the same for each attempt that fails for the same
			// reason.
			if known := (diag.Diagnostic{}); !errors.As(err, &known) {
				err = awsclient.Problem("", err)
			}
			for _, n := range needs {
				if n.Kind == kind {
					out.Fail(n, err)
				}
			}
		})
	}
	reads.Wait()
	if err := ctx.Err(); err != nil {
		return facts.Facts{}, err
	}
	out.Listed = i.certificates.Listed()
	return out, nil
}

// answer reads what answers a kind of need for its keys, which are sorted. The result enters it into facts. Of stacks,
// at most one is asked for at a time.
func (i *Inventory) answer(ctx context.Context, kind facts.NeedKind, keys []string) (func(*facts.Facts), error) {
	switch kind {
	case facts.NeedVPC:
		v, err := i.network.VPC(ctx)
		return func(f *facts.Facts) { f.VPC = v }, err
	case facts.NeedSubnets:
		s, err := i.network.Subnets(ctx)
		return func(f *facts.Facts) {
			if !f.Routes { // otherwise f has the subnets with their routes
				f.Subnets = s
			}
		}, err
	case facts.NeedRoutes:
		s, err := i.network.RoutedSubnets(ctx)
		return func(f *facts.Facts) { f.Subnets, f.Routes = s, true }, err
	case facts.NeedForeignSubnet:
		s, err := i.network.ForeignSubnets(ctx, keys)
		return func(f *facts.Facts) { f.ForeignSubnets = orNil(s, keys) }, err
	case facts.NeedSecurityGroups, facts.NeedForeignGroup, facts.NeedPrefixList:
		return i.sourceFacts(ctx, kind, keys)
	case facts.NeedCertificates:
		all, index, err := i.certificates.All(ctx)
		return func(f *facts.Facts) { f.Certificates, f.Index = all, index }, err
	case facts.NeedOwnCertificates:
		return i.ownCertificateFacts(ctx, keys[0])
	case facts.NeedAddresses:
		a, err := i.network.Addresses(ctx)
		return func(f *facts.Facts) { f.Addresses = a }, err
	case facts.NeedHostedZones:
		z, err := i.certificates.HostedZones(ctx)
		return func(f *facts.Facts) { f.HostedZones = z }, err
	case facts.NeedTargetGroupName:
		return named(ctx, i.targetGroups, kind, keys, func(f *facts.Facts, t map[string]*facts.TargetGroup) {
			f.TargetGroups = t
		})
	case facts.NeedTargetGroupOwner:
		return i.ownerFacts(ctx, keys)
	case facts.NeedLoadBalancer:
		return named(ctx, i.named, kind, keys, func(f *facts.Facts, l map[string]*facts.NamedLoadBalancer) {
			f.LoadBalancers = l
		})
	case facts.NeedTrustStore:
		t, err := i.trustStores.ByName(ctx, keys)
		return func(f *facts.Facts) { f.TrustStores = t }, err
	case facts.NeedSSLPolicy:
		return named(ctx, i.sslPolicies, kind, keys, func(f *facts.Facts, p map[string]bool) { f.SSLPolicies = p })
	case facts.NeedOwnTrustStores:
		return i.ownTrustStoreFacts(ctx, keys[0])
	case facts.NeedStack:
		return i.stackFacts(ctx, keys[0])
	case facts.NeedStackDetails:
		return i.stackDetailFacts(ctx, keys)
	case facts.NeedStackWebACL:
		return i.stackWebACLFacts(ctx, keys[0])
	case facts.NeedLimits:
		return i.limitFacts(ctx)
	case facts.NeedWebACLs:
		w, err := i.addOns.WebACLs(ctx)
		return func(f *facts.Facts) { f.WebACLs = w }, err
	}
	return nil, fmt.Errorf("no answer is known to needs of kind %q", kind)
}

// sourceFacts answers what sources of traffic there are: security groups and prefix lists.
func (i *Inventory) sourceFacts(ctx context.Context, kind facts.NeedKind, keys []string) (func(*facts.Facts), error) {
	switch kind { //nolint:exhaustive // the others are answer's
	case facts.NeedForeignGroup:
		g, err := i.groups.Foreign(ctx, keys)
		return func(f *facts.Facts) { f.ForeignGroups = orNil(g, keys) }, err
	case facts.NeedPrefixList:
		l, err := i.network.PrefixLists(ctx, keys)
		return func(f *facts.Facts) { f.PrefixLists = orNil(l, keys) }, err
	}
	g, err := i.groups.AtHand(ctx)
	return func(f *facts.Facts) { f.SecurityGroups = g }, err
}

func (i *Inventory) limitFacts(ctx context.Context) (put func(*facts.Facts), err error) {
	l, err := i.limits.Get(ctx)
	return func(f *facts.Facts) { f.Limits = l }, err
}

// orNil returns an element for each key: nil if found has none.
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

func (i *Inventory) ownCertificateFacts(ctx context.Context, name string) (put func(*facts.Facts), err error) {
	key, err := stack.ParseKey(name)
	if err != nil {
		return nil, err
	}
	own, err := i.certificates.Of(ctx, key, nil)
	if err != nil {
		return nil, err
	}
	return func(f *facts.Facts) {
		f.OwnKnown, f.ImportsLastYear = true, i.certificates.ImportsLastYear()
		for _, c := range own {
			f.Own = append(f.Own, facts.OwnCertificate{
				ARN: c.ARN, ID: c.ID, Status: c.Status, Reason: c.Reason, Names: c.Names, Authority: c.Authority,
				Since: i.certificates.CreatedAt(c.ARN),
			})
		}
	}, nil
}

func (i *Inventory) ownTrustStoreFacts(ctx context.Context, name string) (put func(*facts.Facts), err error) {
	key, err := stack.ParseKey(name)
	if err != nil {
		return nil, err
	}
	own, err := i.trustStores.Of(ctx, key)
	return func(f *facts.Facts) {
		f.OwnTrustStoresKnown = true
		for _, t := range own {
			f.OwnTrustStores = append(f.OwnTrustStores, facts.OwnTrustStore{ARN: t.ARN, ID: t.ID,
				Active: t.Status == awsop.TrustStoreActive})
		}
	}, err
}

// stackFacts answers a need of a stack from the listing.
func (i *Inventory) stackFacts(ctx context.Context, name string) (put func(*facts.Facts), err error) {
	key, err := stack.ParseKey(name)
	if err != nil {
		return nil, err
	}
	o, err := i.Observed(ctx, key, nil)
	if err != nil {
		return nil, err
	}
	return func(f *facts.Facts) {
		f.ExistingKnown = true
		for _, lb := range o.LoadBalancers {
			place := map[string]**facts.LoadBalancer{stack.LoadBalancerIdentity: &f.Existing,
				stack.FrontendIdentity: &f.ExistingFrontend}[lb.ID]
			if place == nil || *place != nil {
				continue
			}
			of := balancerFacts(&lb)
			x := &of
			for _, tg := range o.TargetGroups {
				if x.Families == nil {
					x.Families = map[string][]string{}
				}
				if kind := cmp.Or(tg.IPAddressType, stack.IPv4); !slices.Contains(x.Families[tg.ID], kind) {
					x.Families[tg.ID] = append(x.Families[tg.ID], kind)
				}
			}
			for _, g := range lb.SecurityGroups {
				x.SecurityGroups = append(x.SecurityGroups, g.Literal)
				for _, own := range o.SecurityGroups {
					if stack.IsManagedSecurityGroup(own.ID) && own.GroupID == g.Literal {
						x.ManagedGroup, x.Ingress = true, append(x.Ingress[:len(x.Ingress):len(x.Ingress)], own.Ingress...)
						x.ManagedRules = append(x.ManagedRules, own.Ingress)
					}
				}
			}
			*place = x
		}
	}, nil
}

// balancerFacts returns the facts about a load balancer, whoever owns it.
func balancerFacts(lb *awsop.LoadBalancer) facts.LoadBalancer {
	x := facts.LoadBalancer{ARN: lb.ARN, Name: lb.Name, Type: lb.Type, Scheme: lb.Scheme, IPAddressType: lb.IPAddressType,
		IPAMPool: lb.IPAMPool, CustomerOwnedPool: lb.CustomerOwnedPool, Tags: lb.Tags}
	for _, m := range lb.Subnets {
		x.Subnets = append(x.Subnets, m.Subnet)
		if m.Fixed() {
			if x.Fixed == nil {
				x.Fixed = map[string]stack.SubnetMapping{}
			}
			x.Fixed[m.Subnet] = m
		}
	}
	return x
}

// stackDetailFacts answers from the read that the diff of the stack needs too, so the diff does not repeat it.
func (i *Inventory) stackDetailFacts(ctx context.Context, names []string) (put func(*facts.Facts), err error) {
	name, _, _ := strings.Cut(names[0], " ")
	key, err := stack.ParseKey(name)
	if err != nil {
		return nil, err
	}
	// Attributes are read only if the desired resource declares some: these do.
	some := map[string]string{"": ""}
	managed := stack.LoadBalancer{ID: stack.LoadBalancerIdentity, Attributes: some}
	desired := &stack.Stack{Key: key, LoadBalancers: []stack.LoadBalancer{managed}}
	d := &facts.LoadBalancerDetails{Listeners: map[int32]stack.Listener{}, Rules: map[int32][]stack.Rule{},
		TargetGroups: map[string]string{}, Groups: map[string]facts.TargetGroupDetails{},
		GroupAttributes: map[string]map[string]string{}}
	for _, name := range names {
		if _, id, ofGroup := strings.Cut(name, " "); ofGroup {
			desired.TargetGroups = append(desired.TargetGroups, stack.TargetGroup{ID: id, Attributes: some})
			d.GroupAttributes[id] = nil
		}
	}
	o, err := i.Observed(ctx, key, desired)
	if err != nil {
		return nil, err
	}
	for n := range o.TargetGroups {
		tg := &o.TargetGroups[n]
		d.TargetGroups[tg.ARN] = tg.ID
		d.Groups[tg.ID] = facts.TargetGroupDetails{Protocol: tg.Protocol, ProtocolVersion: tg.ProtocolVersion,
			TargetType: tg.TargetType, HealthCheck: tg.HealthCheck}
		if _, asked := d.GroupAttributes[tg.ID]; asked {
			d.GroupAttributes[tg.ID] = tg.Attributes
		}
	}
	if at := slices.IndexFunc(o.LoadBalancers, func(lb awsop.LoadBalancer) bool { return lb.ID == managed.ID }); at >= 0 {
		lb := o.LoadBalancers[at]
		d.Attributes = lb.Attributes
		for _, l := range o.Listeners {
			if l.LoadBalancer.Literal == lb.ARN {
				d.Listeners[l.Port] = l.Listener
				for k := range o.Rules {
					if o.Rules[k].Listener.Literal == l.ARN {
						d.Rules[l.Port] = append(d.Rules[l.Port], o.Rules[k].Rule)
					}
				}
			}
		}
	}
	return func(f *facts.Facts) { f.Details = d }, nil
}

// stackWebACLFacts answers from the read that the diff of the stack needs too.
func (i *Inventory) stackWebACLFacts(ctx context.Context, name string) (put func(*facts.Facts), err error) {
	key, err := stack.ParseKey(name)
	if err != nil {
		return nil, err
	}
	wanted := stack.LoadBalancer{ID: stack.LoadBalancerIdentity, AddOns: stack.AddOns{WebACL: new(string)}}
	o, err := i.Observed(ctx, key, &stack.Stack{Key: key, LoadBalancers: []stack.LoadBalancer{wanted}})
	if err != nil {
		return nil, err
	}
	associated := new(string)
	for n := range o.LoadBalancers {
		lb := &o.LoadBalancers[n]
		if lb.ID != wanted.ID {
			continue
		}
		if associated = lb.WebACL; associated == nil {
			g := lb.Unread[awsop.AddOnWebACL]
			d := diag.New(diag.Object{}, "", cmp.Or(g.Code, diag.AWSUnavailable), cmp.Or(g.Text,
				"AWS WAF has not answered yet"), g.Remedy)
			d.RequestID = g.RequestID
			return nil, d
		}
	}
	return func(f *facts.Facts) { f.Associated = associated }, nil
}

// InvalidateFacts forgets answers, so that the next Answer reads them again. A need without name or id stands for all
// needs of its kind.
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
		case facts.NeedAddresses:
			i.network.ForgetAddresses()
		// pending ones are read again by themselves
		case facts.NeedOwnCertificates, facts.NeedOwnTrustStores, facts.NeedLimits:
		case facts.NeedTargetGroupOwner:
			i.doubt(n.Key)
		case facts.NeedForeignSubnet:
			i.network.ForgetForeignSubnets(keysOf(n)...)
		case facts.NeedForeignGroup:
			i.groups.ForgetForeign(keysOf(n)...)
		case facts.NeedPrefixList:
			i.network.ForgetPrefixLists(keysOf(n)...)
		case facts.NeedTargetGroupName:
			i.targetGroups.Forget(keysOf(n)...)
		case facts.NeedLoadBalancer:
			i.named.Forget(keysOf(n)...)
		case facts.NeedTrustStore:
			i.trustStores.Forget()
		case facts.NeedSSLPolicy:
			i.sslPolicies.Forget(keysOf(n)...)
			if n.Key == "" { // the list serves for names that objects misspell
				i.allSSLPolicies.Forget()
			}
		case facts.NeedStack, facts.NeedStackDetails, facts.NeedStackWebACL:
			name, _, _ := strings.Cut(n.Key, " ")
			if key, err := stack.ParseKey(name); err == nil {
				i.invalidate(key)
			}
		}
	}
}

// RereadMissing forgets answers that lack what objects declare, so that the next Answer reads them again. For all
// stacks together, each is forgotten at most once in absentLifetime: edits of objects must not cause a read each.
// Absent names of target groups have pauses of their own.
func (i *Inventory) RereadMissing(needs ...facts.Need) {
	i.mu.Lock()
	now := i.cfg.Now()
	maps.DeleteFunc(i.missed, func(_ facts.Need, at time.Time) bool { return now.Sub(at) >= absentLifetime })
	needs = slices.DeleteFunc(slices.Clone(needs), func(n facts.Need) bool {
		_, lately := i.missed[n]
		return lately || n.Kind == facts.NeedTargetGroupName
	})
	for _, n := range needs {
		i.missed[n] = now
	}
	i.mu.Unlock()
	i.InvalidateFacts(needs...)
}

// keysOf returns the key of a need; none for a need that stands for all of its kind.
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

// refuted are the needs whose answers an error code of AWS shows to be outdated: the resource no longer exists, or
// has no room left.
var refuted = map[string][]facts.Need{
	"SubnetNotFound": subnetFacts, "InvalidSubnetID.NotFound": subnetFacts, "InvalidSubnet": subnetFacts,
	"CertificateNotFound": {{Kind: facts.NeedCertificates}}, "SSLPolicyNotFound": {{Kind: facts.NeedSSLPolicy}},
	"TrustStoreNotFound": {{Kind: facts.NeedTrustStore}}, "DuplicateTrustStoreName": {{Kind: facts.NeedTrustStore}},
	"RulesPerSecurityGroupLimitExceeded": {{Kind: facts.NeedPrefixList}}, // a prefix list may have more entries now
	"DuplicateListener":                  {{Kind: facts.NeedLoadBalancer}}, "ListenerNotFound": {
		{Kind: facts.NeedLoadBalancer}}, "LoadBalancerNotFound": {{Kind: facts.NeedLoadBalancer}},
}

// Refuted forgets the answers that the error of a write shows to be wrong, so that the next pass does not plan with
// them again. Of target groups that objects name, these are the ones that the write names.
func (i *Inventory) Refuted(op plan.Operation, e awsclient.Error) {
	for _, ref := range op.About().Refs {
		if e.Missing() == stack.KindTargetGroup && ref.Kind == stack.KindTargetGroup && ref.Literal != "" {
			i.targetGroups.Forget(naming.OfTargetGroup(ref.Literal))
		}
	}
	if e.Missing() == stack.KindSecurityGroup {
		i.InvalidateFacts(groupFacts...)
	}
	i.InvalidateFacts(refuted[e.Code]...)
}
