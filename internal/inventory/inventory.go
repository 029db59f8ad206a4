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

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/plan"
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
	// RequestCertificates and ImportCertificates tell that stacks may own certificates of these kinds; else nobody asks whose
	// they are.
	RequestCertificates, ImportCertificates bool
	// CertificatesChanged is told, after a listing, the names of the certificates that came, went, or became fit or unfit for
	// listeners since the one before. It must not wait for anything. Nil = nobody wants to know.
	CertificatesChanged func(names []string)
	// Authorities tells that somebody asks for the authorities of private certificates.
	Authorities bool
}

// Inventory knows the AWS resources of one scope. It is safe for concurrent use.
type Inventory struct {
	cfg     Config
	clients cloud.Clients
	flight  singleflight.Group // shared reads

	mu      sync.Mutex
	sharing sync.Mutex // held while the shared group is created

	seq    int64     // grows with each invalidation
	listed int64     // value of seq when the newest complete listing began; 0 = none yet
	at     time.Time // when that was
	born   time.Time // when the first listing began
	writes int64     // grows with each write-through
	lists  int       // listings under way
	stacks map[stack.Key]*entry
	tags   map[string]readTags // by ARN, of every load balancer and target group of the VPC
	shared []plan.SecurityGroup
	made   map[string]time.Time // target groups that this process created, and when
	gone   map[string]time.Time // target groups that this process deleted lately, and when
	waits  map[string]int       // how often a step was put off, by stack and step
	groups groupShelf
	facts  factShelf
	addOns addOnShelf
	certs  certificateShelf
}

// entry is one stack.
type entry struct {
	read sync.Mutex // held while the stack is read, so that it is read once

	// The rest is guarded by Inventory.mu.
	obs   plan.Observed
	stale int64     // value of seq at the newest invalidation; 0 = trustworthy
	wrote int64     // value of writes at the newest write-through
	at    time.Time // when the newest listing began that it rests on
	doubt time.Time // when something was written that the newest listing may miss; zero = never
	made  time.Time // when this process last created something of it that listings find; zero = never
	// What was read below the level of the bulk listing, by ARN of the load balancer or listener.
	listeners, rules, certificates map[string]bool
}

// readTags are the tags of a resource, and the value of seq when they began to be read.
type readTags struct {
	tags map[string]string
	seq  int64
}

// New makes an empty inventory; the first question loads it, or Load does.
func New(clients cloud.Clients, cfg Config) *Inventory {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Patience <= 0 {
		cfg.Patience = patience
	}
	return &Inventory{
		cfg: cfg, clients: clients, seq: 1,
		stacks: map[stack.Key]*entry{},
		tags:   map[string]readTags{},
		made:   map[string]time.Time{},
		gone:   map[string]time.Time{},
		waits:  map[string]int{},
		groups: newGroupShelf(),
		facts:  newFactShelf(),
		addOns: addOnShelf{of: map[string]*addOns{}},
		certs:  certificateShelf{records: map[string]*certificateRecord{}, asked: map[string]int{}, imports: importLog{own: map[string][]time.Time{}}},
	}
}

// Load reads in bulk what the cluster owns, and the network facts that nearly every stack asks for, unless somebody who asked
// before has caused that already.
func (i *Inventory) Load(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return i.list(ctx, 1) })
	g.Go(func() error { _, err := i.subnets(ctx); return err })
	g.Go(func() error { _, err := i.vpc(ctx); return err })
	return g.Wait()
}

// Observed is what AWS holds for a stack. Desired tells how deep to look: what it does not manage is not read; nil reads the
// bulk listing only. Bindings are not filled in.
func (i *Inventory) Observed(ctx context.Context, key stack.Key, desired *stack.Stack) (plan.Observed, error) {
	e := i.entry(key)
	e.read.Lock()
	defer e.read.Unlock()
	for attempt := 0; ; attempt++ {
		if err := i.fresh(ctx, e); err != nil {
			return plan.Observed{}, fmt.Errorf("listing the resources of the cluster: %w", err)
		}
		err := i.deepen(ctx, e, desired)
		if err == nil {
			break
		}
		if !vanished(err) || attempt > 0 { // something was deleted behind our back: look once more
			return plan.Observed{}, fmt.Errorf("reading the resources of %s: %w", key, err)
		}
		i.Invalidate(key)
	}
	certificates, err := i.certificatesOf(ctx, key, desired)
	if err != nil && !denied(err) { // without the permission everything else goes on
		return plan.Observed{}, fmt.Errorf("reading the certificates of %s: %w", key, err)
	}
	i.mu.Lock()
	out := e.obs.Clone()
	out.SecurityGroups = append(out.SecurityGroups, i.shared...)
	out.ImportsHeld = i.certs.held(key, desired, i.cfg.Now())
	i.mu.Unlock()
	out.Certificates, out.CertificatesUnknown = certificates, err != nil
	i.observeAddOns(ctx, &out, desired)
	return out, nil
}

// fresh makes sure that the entry rests on a listing that began after its last invalidation.
func (i *Inventory) fresh(ctx context.Context, e *entry) error {
	for {
		i.mu.Lock()
		need := max(e.stale, 1)
		settled := e.stale == 0 && i.listed >= need
		i.mu.Unlock()
		if settled {
			return nil
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
			e.stale = i.seq
		}
		i.stacks[key] = e
	}
	return e
}

func newEntry(key stack.Key) *entry {
	e := &entry{obs: plan.Observed{Key: key}}
	e.shallow(plan.Observed{Key: key})
	return e
}

// shallow replaces what is known by the result of a listing.
func (e *entry) shallow(o plan.Observed) {
	e.obs = o
	e.listeners, e.rules, e.certificates = map[string]bool{}, map[string]bool{}, map[string]bool{}
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

// Invalidate forgets what is known of a stack; the next Observed reads it again.
func (i *Inventory) Invalidate(key stack.Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.seq++
	if e := i.stacks[key]; e != nil {
		e.stale = i.seq
	}
	if key.Owner == stack.Ingress && i.cfg.ownCertificates() {
		i.certs.at = time.Time{}
	}
}

// Lost takes note that a target group of a stack does not exist any more, and reports whether that is news: then the stack is
// read again. Of one that this process has just created it is not believed: AWS may not know it everywhere.
func (i *Inventory) Lost(key stack.Key, arn string) bool {
	i.mu.Lock()
	e := i.stacks[key]
	at, made := i.made[arn]
	news := e != nil && e.stale == 0 && (!made || i.cfg.Now().Sub(at) > listLag) && slices.ContainsFunc(e.obs.TargetGroups, func(tg plan.TargetGroup) bool { return tg.ARN == arn })
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
func (i *Inventory) CreateShared(create func() (plan.Output, error)) (plan.Output, error) {
	i.sharing.Lock()
	defer i.sharing.Unlock()
	if id, ok := i.SharedGroup(); ok {
		return plan.Output{ID: id}, nil
	}
	return create()
}

// PutOff counts how often a step of a stack was put off in a row, this time included.
func (i *Inventory) PutOff(key stack.Key, id plan.StepID) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	k := key.String() + " " + string(id)
	i.waits[k]++
	return i.waits[k]
}

// Settled ends the count of PutOff.
func (i *Inventory) Settled(key stack.Key, id plan.StepID) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.waits, key.String()+" "+string(id))
}

// Record writes a successful operation through; resolve gives the ARN or group id behind a reference.
func (i *Inventory) Record(key stack.Key, op plan.Op, out plan.Output, resolve func(stack.Ref) string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.writes++
	i.groups.record(op, out, resolve, i.writes, i.cfg.VPC, i.cfg.Now())
	i.addOns.record(op, out, resolve, i.cfg.Now())
	i.recordCertificate(key, op, out, resolve)
	e := i.stacks[key]
	switch op := op.(type) {
	case plan.CreateSecurityGroup:
		if op.Group.Shared {
			g := plan.SecurityGroup{GroupID: out.ID, SecurityGroup: op.Group}
			i.shared = append(i.shared, g)
			return
		}
	case plan.DeleteSecurityGroup:
		id := resolve(op.Group)
		i.shared = slices.DeleteFunc(i.shared, func(g plan.SecurityGroup) bool { return g.GroupID == id })
	case plan.CreateTargetGroup:
		i.made[out.ID] = i.cfg.Now()
		i.tags[out.ID] = readTags{maps.Clone(op.TargetGroup.Tags), i.seq}
	case plan.CreateLoadBalancer:
		i.tags[out.ID] = readTags{maps.Clone(op.LoadBalancer.Tags), i.seq}
		if e != nil {
			e.listeners[out.ID] = true
		}
	case plan.CreateListener:
		if e != nil {
			e.rules[out.ID], e.certificates[out.ID] = true, true
		}
	case plan.DeleteTargetGroup:
		arn := resolve(op.TargetGroup)
		delete(i.made, arn)
		delete(i.tags, arn)
		maps.DeleteFunc(i.gone, func(_ string, at time.Time) bool { return i.cfg.Now().Sub(at) > goneLifetime })
		i.gone[arn] = i.cfg.Now()
	case plan.DeleteLoadBalancer:
		delete(i.tags, resolve(op.LoadBalancer))
	case plan.AddTags, plan.RemoveTags:
		for _, r := range plan.Refs(op) {
			delete(i.tags, resolve(r)) // a later listing reads them
		}
	}
	if e == nil {
		return
	}
	e.wrote = i.writes
	switch op.(type) {
	case plan.CreateSecurityGroup, plan.CreateTargetGroup, plan.CreateLoadBalancer:
		e.made = i.cfg.Now()
	}
	e.obs = plan.Advance(e.obs, op, out, resolve)
	if _, deleted := op.(plan.DeleteLoadBalancer); deleted {
		e.prune()
	}
}

// prune forgets marks of listeners and load balancers that do not exist any more.
func (e *entry) prune() {
	balancers, listeners := map[string]bool{}, map[string]bool{}
	for _, lb := range e.obs.LoadBalancers {
		balancers[lb.ARN] = true
	}
	for _, l := range e.obs.Listeners {
		listeners[l.ARN] = true
	}
	keep := func(m, of map[string]bool) { maps.DeleteFunc(m, func(arn string, _ bool) bool { return !of[arn] }) }
	keep(e.listeners, balancers)
	keep(e.rules, listeners)
	keep(e.certificates, listeners)
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
	lb, err := shared(ctx, i, "load balancer "+arn, func(ctx context.Context) (plan.LoadBalancer, error) { return i.describeLoadBalancer(ctx, arn) })
	if err != nil {
		return "", err
	}
	i.setState(key, arn, lb.State)
	return lb.State, nil
}
