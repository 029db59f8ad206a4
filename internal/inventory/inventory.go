package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"github.com/k8s-lbc/lbc/internal/backoff"
	"github.com/k8s-lbc/lbc/internal/cache"
	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/inventory/addon"
	"github.com/k8s-lbc/lbc/internal/inventory/certificate"
	"github.com/k8s-lbc/lbc/internal/inventory/network"
	"github.com/k8s-lbc/lbc/internal/inventory/securitygroup"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Config says whose resources are meant.
type Config struct {
	Cluster string
	VPC     string
	// Now is the clock of lifetimes; nil = time.Now.
	Now func() time.Time
	// Patience is how long to wait, in real time, for AWS to tell of optional features; 0 = two seconds.
	Patience time.Duration
	// Moment is how long to wait, in real time, for a new answer where the one that was read last serves on; 0 = as Patience, if that
	// is set, else a quarter of a second.
	Moment time.Duration
	// RequestCertificates and ImportCertificates tell that stacks may own certificates of these kinds; else nobody asks whose
	// they are.
	RequestCertificates, ImportCertificates bool
	// CertificatesChanged is told, after a listing, the names of the certificates that came, went, or became fit or unfit for
	// listeners since the one before. It must not wait for anything. Nil = nobody wants to know.
	CertificatesChanged func(names []string)
	// Freed is told the stacks of which a write that AWS refused is worth another attempt, because this process wrote to what
	// was in its way, those whose tags others changed, and those of which a listing holds what was not known. It must not wait for
	// anything. Nil = nobody wants to know.
	Freed func(keys []stack.Key)
	// Progress is told about every ten seconds how many of the load balancers and target groups of the VPC have been looked through, of how
	// many, while a listing is under way. It must not wait for anything. Nil = nobody wants to know.
	Progress func(read, of int)
	// Authorities tells that somebody asks for the authorities of private certificates.
	Authorities bool
}

// Inventory knows the AWS resources of one scope. It is safe for concurrent use.
type Inventory struct {
	cfg     Config
	clients cloud.Clients
	flight  singleflight.Group // shared reads

	mu      sync.Mutex
	sharing chan struct{} // holds an element while the shared group is created

	seq    int64     // grows with each invalidation
	listed int64     // value of seq when the newest complete listing began; 0 = none yet
	at     time.Time // when that was
	born   time.Time // when the first listing began
	writes int64     // grows with each write-through
	lists  int       // listings under way
	// partial is what the last attempt at a listing had read when a passing error ended it; nil = nothing.
	partial *listing
	// retagged is the value of writes when this process last wrote the tags of a resource, while a listing is under way.
	retagged map[string]int64
	stacks   map[stack.Key]*entry
	tags     map[string]readTags // by ARN, of every load balancer and target group of the VPC
	shared   []elb.SecurityGroup
	made     map[string]time.Time // target groups that this process created, and when
	gone     map[string]time.Time // load balancers and target groups that this process deleted lately, and when
	// putOff counts how often a step was put off; it has a lock of its own.
	putOff   *backoff.Failures[stepKey]
	refusals map[stepKey]refusal // writes that AWS refuses because something else is in their way

	network      *network.Network
	groups       *securitygroup.Groups
	targetGroups *cache.Cache[string, *facts.TargetGroup]
	trustStores  *cache.Value[map[string]string]
	addOns       *addon.AddOns
	certificates *certificate.Certificates

	// kept is what an earlier process knew, until the first listing, and keptSince when it wrote that down.
	kept      map[stack.Key]Deep
	keptSince time.Time

	confirmed confirmations
}

// entry is one stack.
type entry struct {
	// reading holds an element while the stack is read, so that it is read once. It is no mutex, as AWS may not answer, and whoever waits may
	// give up.
	reading chan struct{}

	// The rest is guarded by Inventory.mu.
	obs   elb.Observed
	stale int64     // value of seq at the newest invalidation; 0 = trustworthy
	wrote int64     // value of writes at the newest write-through
	at    time.Time // when the newest listing began that it rests on
	doubt time.Time // when something was written that the newest listing may miss; zero = never
	made  time.Time // when this process last created something of it that listings find; zero = never
	knows knowledge // of what is below the level of the bulk listing
	since time.Time // when an earlier process wrote down what is assumed; zero = nothing is
	// suspects are to be read before the stack is planned again.
	suspects []suspect
}

// New makes an empty inventory; the first question loads it, or Load does.
func New(clients cloud.Clients, cfg Config) *Inventory {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Moment <= 0 {
		cfg.Moment = cache.Wait
		if cfg.Patience > 0 {
			cfg.Moment = cfg.Patience
		}
	}
	if cfg.Patience <= 0 {
		cfg.Patience = addon.Patience
	}
	i := &Inventory{
		cfg: cfg, clients: clients, seq: 1, sharing: make(chan struct{}, 1),
		stacks: map[stack.Key]*entry{},

		confirmed: confirmations{of: map[string]confirmation{}, asked: map[string]bool{}},
		tags:      map[string]readTags{}, retagged: map[string]int64{},
		made:   map[string]time.Time{},
		gone:   map[string]time.Time{},
		putOff: backoff.NewFailures[stepKey](backoff.Policy{}, cfg.Now, nil), refusals: map[stepKey]refusal{},
	}
	i.network = network.New(clients.EC2, cfg.VPC, cfg.Now, cfg.Moment)
	i.targetGroups, i.trustStores = i.newTargetGroups(), i.newTrustStores()
	i.groups = securitygroup.New(clients.EC2, securitygroup.Config{
		Cluster: cfg.Cluster, VPC: cfg.VPC, Now: cfg.Now, Wait: cfg.Moment, Loaded: func(ctx context.Context) error { return i.list(ctx, 1) },
	})
	i.addOns = addon.New(clients, cfg.Now, cfg.Patience, cfg.Moment)
	i.certificates = certificate.New(clients, certificate.Config{
		Cluster: cfg.Cluster, Now: cfg.Now, Wait: cfg.Moment, Request: cfg.RequestCertificates, Import: cfg.ImportCertificates,
		Authorities: cfg.Authorities, Changed: cfg.CertificatesChanged,
	})
	return i
}

// Load reads in bulk what the cluster owns, and the network facts that nearly every stack asks for, unless somebody who asked
// before has caused that already.
func (i *Inventory) Load(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return i.list(ctx, 1) })
	g.Go(func() error { _, err := i.network.Subnets(ctx); return err })
	g.Go(func() error { _, err := i.network.VPC(ctx); return err })
	return g.Wait()
}

// Observed is what AWS holds for a stack. Desired tells how deep to look: what it does not manage is not read; nil reads the
// bulk listing only. Bindings are not filled in.
func (i *Inventory) Observed(ctx context.Context, key stack.Key, desired *stack.Stack) (elb.Observed, error) {
	e := i.entry(key)
	select {
	case e.reading <- struct{}{}:
	case <-ctx.Done():
		return elb.Observed{}, fmt.Errorf("reading the resources of %s: %w", key, ctx.Err())
	}
	defer func() { <-e.reading }()
	for attempt := 0; ; attempt++ {
		if err := i.fresh(ctx, e); err != nil {
			return elb.Observed{}, fmt.Errorf("listing the resources of the cluster: %w", err)
		}
		err := i.deepen(ctx, e, desired)
		if err == nil {
			break
		}
		if !vanished(err) || attempt > 0 { // something was deleted behind our back: look once more
			return elb.Observed{}, fmt.Errorf("reading the resources of %s: %w", key, err)
		}
		i.Invalidate(key)
	}
	certificates, err := i.certificates.Of(ctx, key, desired)
	if err != nil && !denied(err) { // without the permission everything else goes on
		return elb.Observed{}, fmt.Errorf("reading the certificates of %s: %w", key, err)
	}
	i.mu.Lock()
	out, since := e.obs.Clone(), e.assumption()
	if desired != nil && desired.Empty() {
		out, since = e.withoutAssumed(), nil
	}
	out.Assumed = since
	out.SecurityGroups = append(out.SecurityGroups, i.shared...)
	i.mu.Unlock()
	out.Certificates, out.ImportsHeld = certificates, i.certificates.Held(key, desired)
	if err != nil {
		d := cloud.Problem("", err)
		out.CertificatesUnread = &plan.Guard{Code: d.Code, Text: d.Text, Remedy: d.Remedy, RequestID: d.RequestID}
	}
	i.addOns.Observe(ctx, &out, desired)
	return out, nil
}

// fresh makes sure that the entry rests on a listing that began after its last invalidation, and that nothing in it is doubtful.
func (i *Inventory) fresh(ctx context.Context, e *entry) error {
	for {
		i.mu.Lock()
		need := max(e.stale, 1)
		settled := e.stale == 0 && i.listed >= need
		i.mu.Unlock()
		if settled {
			return i.settle(ctx, e)
		}
		if err := i.list(ctx, need); err != nil {
			return err
		}
	}
}

func (i *Inventory) entry(key stack.Key) *entry {
	i.mu.Lock()
	defer i.mu.Unlock()
	e := i.stacks[key]
	if e == nil {
		e = newEntry(key)
		e.at = i.at // which had nothing of it
		if i.listed == 0 {
			e.stale = 1 // any listing will do
		}
		i.stacks[key] = e
	}
	return e
}

func newEntry(key stack.Key) *entry {
	e := &entry{obs: elb.Observed{Key: key}, reading: make(chan struct{}, 1)}
	e.shallow(elb.Observed{Key: key})
	return e
}

// shallow replaces what is known by the result of a listing.
func (e *entry) shallow(o elb.Observed) {
	e.obs = o
	e.knows, e.since = knowledge{}, time.Time{}
}

// Keys lists the stacks of which AWS holds something, sorted.
func (i *Inventory) Keys(ctx context.Context) ([]stack.Key, error) {
	if err := i.list(ctx, 1); err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	var out []stack.Key
	for k, e := range i.stacks {
		if len(e.obs.LoadBalancers)+len(e.obs.TargetGroups)+len(e.obs.SecurityGroups) > 0 {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b stack.Key) int { return strings.Compare(a.String(), b.String()) })
	return out, nil
}

// SecurityGroups is what is known of security groups.
func (i *Inventory) SecurityGroups() *securitygroup.Groups { return i.groups }

// Certificates is what is known of the certificates in ACM.
func (i *Inventory) Certificates() *certificate.Certificates { return i.certificates }

// Invalidate forgets what is known of a stack; the next Observed reads it again.
func (i *Inventory) Invalidate(key stack.Key) {
	i.invalidate(key)
	if key.Owner == stack.Ingress && (i.cfg.RequestCertificates || i.cfg.ImportCertificates) {
		i.certificates.Forget()
	}
}

func (i *Inventory) invalidate(key stack.Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.seq++
	if e := i.stacks[key]; e != nil {
		e.stale = i.seq
	}
}

// Lost takes note that a target group of a stack does not exist any more, and reports whether that is news: then the stack is
// read again. Of one that this process has just created it is not believed: AWS may not know it everywhere.
func (i *Inventory) Lost(key stack.Key, arn string) bool {
	i.mu.Lock()
	e := i.stacks[key]
	at, made := i.made[arn]
	news := e != nil && e.stale == 0 && (!made || i.cfg.Now().Sub(at) > listLag) && slices.ContainsFunc(e.obs.TargetGroups, func(tg elb.TargetGroup) bool { return tg.ARN == arn })
	i.mu.Unlock()
	if news {
		i.Invalidate(key)
	}
	return news
}

// Fresh reports whether this process created a target group, so that nobody else registered anything in it.
func (i *Inventory) Fresh(arn string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	_, ok := i.made[arn]
	return ok
}

// Gone reports whether this process deleted a target group lately.
func (i *Inventory) Gone(arn string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	_, ok := i.gone[arn]
	return ok
}

// SharedGroup is the cluster's backend security group, if it is known to exist.
func (i *Inventory) SharedGroup() (id string, ok bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.shared) == 0 {
		return "", false
	}
	return i.shared[0].GroupID, true
}

// CreateShared creates the cluster's shared group unless it exists: of stacks that need it at the same time, one creates it.
// create must record what it does before it returns.
func (i *Inventory) CreateShared(ctx context.Context, create func() (plan.Output, error)) (plan.Output, error) {
	select {
	case i.sharing <- struct{}{}:
	case <-ctx.Done():
		return plan.Output{}, ctx.Err()
	}
	defer func() { <-i.sharing }()
	if id, ok := i.SharedGroup(); ok {
		return plan.Output{ID: id}, nil
	}
	return create()
}

// stepKey names a step through all passes over its stack.
type stepKey struct {
	stack stack.Key
	step  plan.StepID
}

// PutOff counts how often a step of a stack was put off in a row, this time included.
func (i *Inventory) PutOff(key stack.Key, id plan.StepID) int {
	n, _ := i.putOff.Failed(stepKey{key, id})
	return n
}

// Settled ends the count of PutOff, and what Refused keeps of the step.
func (i *Inventory) Settled(key stack.Key, id plan.StepID) {
	i.putOff.Forget(stepKey{key, id})
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.refusals, stepKey{key, id})
}

// Record writes a successful operation through; resolve gives the ARN or group id behind a reference.
func (i *Inventory) Record(key stack.Key, op plan.Operation, out plan.Output, resolve func(stack.Ref) string) {
	i.addOns.Record(op, out, resolve)
	i.groups.Record(op, out, resolve)
	i.certificates.Record(key, op, out, resolve)
	i.record(key, op, out, resolve)
	if keys := i.freed(key, op, resolve); len(keys) > 0 && i.cfg.Freed != nil {
		i.cfg.Freed(keys)
	}
}

func (i *Inventory) record(key stack.Key, op plan.Operation, out plan.Output, resolve func(stack.Ref) string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.writes++
	e := i.stacks[key]
	switch op := op.(type) {
	case elb.CreateSecurityGroup:
		if op.Group.Shared {
			g := elb.SecurityGroup{GroupID: out.ID, SecurityGroup: op.Group}
			i.shared = append(i.shared, g)
			return
		}
	case elb.DeleteSecurityGroup:
		id := resolve(op.Group)
		i.shared = slices.DeleteFunc(i.shared, func(g elb.SecurityGroup) bool { return g.GroupID == id })
	case elb.CreateTargetGroup:
		i.made[out.ID] = i.cfg.Now()
		i.retag(out.ID, op.TargetGroup.Tags)
	case elb.CreateLoadBalancer:
		i.retag(out.ID, op.LoadBalancer.Tags)
		if e != nil {
			e.knows.verify(listenersOf, out.ID)
		}
	case elb.CreateListener:
		if e != nil {
			e.knows.verify(rulesOf, out.ID)
			e.knows.verify(certificatesOf, out.ID)
		}
	case elb.DeleteTargetGroup:
		arn := resolve(op.TargetGroup)
		delete(i.made, arn)
		i.retag(arn, nil)
		i.goneNow(arn)
	case elb.DeleteLoadBalancer:
		arn := resolve(op.LoadBalancer)
		i.retag(arn, nil)
		i.goneNow(arn)
	case elb.AddTags, elb.RemoveTags:
		for _, r := range op.Refs() {
			i.retag(resolve(r), nil) // a later listing reads them
		}
	}
	if e == nil {
		return
	}
	e.wrote = i.writes
	switch op.(type) {
	case elb.CreateSecurityGroup, elb.CreateTargetGroup, elb.CreateLoadBalancer:
		e.made = i.cfg.Now()
	}
	e.obs = elb.Advance(e.obs, op, out, resolve)
	switch op.(type) {
	case elb.DeleteLoadBalancer, elb.DeleteListener, elb.DeleteTargetGroup:
		e.prune()
	}
}

// goneNow records that this process deleted a load balancer or target group. i.mu is held.
func (i *Inventory) goneNow(arn string) {
	now := i.cfg.Now()
	maps.DeleteFunc(i.gone, func(_ string, at time.Time) bool { return now.Sub(at) > goneLifetime })
	i.gone[arn] = now
}

// prune forgets what was known of resources that do not exist any more.
func (e *entry) prune() {
	arns := map[string]bool{}
	for _, lb := range e.obs.LoadBalancers {
		arns[lb.ARN] = true
	}
	for _, l := range e.obs.Listeners {
		arns[l.ARN] = true
	}
	for _, tg := range e.obs.TargetGroups {
		arns[tg.ARN] = true
	}
	e.knows.keep(arns)
}

// ForgetAddOns makes the next Observed read again what lies over a load balancer.
func (i *Inventory) ForgetAddOns(arn string) { i.addOns.Forget(arn) }

// VPCAtHand is the cluster's VPC or another one as it was read last, see network.Network.VPCAtHand.
func (i *Inventory) VPCAtHand(ctx context.Context, id string) (vpc *facts.VPC, known bool) {
	return i.network.VPCAtHand(ctx, id)
}

// State is the state of a load balancer as last seen; "" = not known.
func (i *Inventory) State(key stack.Key, arn string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	if e := i.stacks[key]; e != nil {
		for _, lb := range e.obs.LoadBalancers {
			if lb.ARN == arn {
				return lb.State
			}
		}
	}
	return ""
}

// Refresh updates the state of a load balancer by one read, and returns it; "" = it does not exist. One that is known to be
// active stays so, and is not read.
func (i *Inventory) Refresh(ctx context.Context, key stack.Key, arn string) (state string, err error) {
	if i.State(key, arn) == "active" {
		return "active", nil
	}
	lb, err := shared(ctx, i, "load balancer "+arn, func(ctx context.Context) (elb.LoadBalancer, error) { return i.describeLoadBalancer(ctx, arn) })
	if err != nil {
		return "", err
	}
	i.setState(key, arn, lb.State)
	return lb.State, nil
}
