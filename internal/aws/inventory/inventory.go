package inventory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/addon"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/certificate"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/network"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/securitygroup"
	"github.com/k8s-lbc/lbc/internal/aws/inventory/truststore"
	"github.com/k8s-lbc/lbc/internal/aws/refusal"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/lib/order"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Inventory is the known state of the AWS resources of one scope. It is safe for concurrent use.
type Inventory struct {
	cfg      Config
	clients  awsclient.Clients
	identity *awsclient.Identity
	account  string             // whose resources these are; empty = not known yet
	flight   singleflight.Group // shared reads

	mu      sync.Mutex
	sharing chan struct{} // holds an element while the shared group is created

	history      order.History // of invalidations, writes and begun listings
	listed       order.Mark    // at which the newest complete listing began; zero = there was none
	firstListing time.Time     // when the first listing began
	lists        int           // how many listings are in progress
	// partial is what the last listing had read before a passing error ended it; nil = nothing.
	partial *listing
	// unlisted are the tags of target groups that no listing shows, and that were read one by one.
	unlisted map[string]readTags
	stacks   map[stack.Key]*entry
	// having is, by ARN, the last known stack of a target group or load balancer; listings drop what no longer exists.
	having map[string]stack.Key
	// holders are, by name, the last known stacks with a load balancer, target group or security group.
	holders map[string][]stack.Key
	// starting are the load balancers that were provisioning when they were last read, and some that are not any longer.
	starting map[string]stack.Key
	totals   totals
	tags     map[string]readTags  // by ARN, of every load balancer and target group of the VPC; the newest that are known
	created  map[string]time.Time // target groups that this process created, and when
	gone     map[string]time.Time // load balancers and target groups that this process deleted lately, and when
	// came are resources of stacks that another process created since a listing that could not miss anything.
	came arrivals
	// inAccount counts the resources of the account in all VPCs: those of the newest listing, and those that this process
	// has created or deleted since.
	inAccount map[quota.Limit]int
	// backoffs counts how often a step was put off; it has a lock of its own.
	backoffs *backoff.Failures[stepKey]
	denials  map[string]ownerDenial   // by ARN of the target group
	missed   map[facts.Need]time.Time // when RereadMissing forgot their answers

	network      *network.Network
	groups       *securitygroup.Groups
	targetGroups *cache.Cache[string, *facts.TargetGroup]
	sslPolicies  *cache.Cache[string, bool]
	named        *cache.Cache[string, *facts.NamedLoadBalancer]
	// allTargetGroups and allBalancers show which of several names exist if AWS refuses them together.
	allTargetGroups *cache.Value[[]elbv2types.TargetGroup]
	allBalancers    *cache.Value[[]elbv2types.LoadBalancer]
	allSSLPolicies  *cache.Value[[]elbv2types.SslPolicy]

	trustStores  *truststore.TrustStores
	limits       *cache.Value[map[string]int]
	names        *cache.Cache[stack.Kind, map[string]bool]
	addOns       *addon.AddOns
	certificates *certificate.Certificates

	kept Kept // what an earlier process knew, until the first listing

	confirmed confirmations
}

// New makes an empty inventory; the first question loads it, or Load does.
func New(clients awsclient.Clients, cfg Config) *Inventory {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Refusals == nil {
		cfg.Refusals = refusal.New(cfg.Now, "")
	}
	if cfg.Moment <= 0 {
		cfg.Moment = cache.Wait
		if cfg.AddOnTimeout > 0 {
			cfg.Moment = cfg.AddOnTimeout
		}
	}
	if cfg.AddOnTimeout <= 0 {
		cfg.AddOnTimeout = addon.Timeout
	}
	i := &Inventory{
		cfg: cfg, clients: clients, identity: awsclient.NewIdentity(clients.STS, cfg.Now), history: order.New(cfg.Now),
		sharing: make(chan struct{}, 1),
		stacks:  map[stack.Key]*entry{}, starting: map[string]stack.Key{},

		confirmed: confirmations{of: map[string]confirmation{}, asked: map[string]bool{}},
		tags:      map[string]readTags{}, unlisted: map[string]readTags{},
		created: map[string]time.Time{}, came: arrivals{seen: map[string]bool{}, of: map[stack.Key][]string{},
			written: map[stack.Key]bool{}},
		gone: map[string]time.Time{}, inAccount: map[quota.Limit]int{},
		backoffs: backoff.NewFailures[stepKey](backoff.Policy{}, cfg.Now, nil), denials: map[string]ownerDenial{},
		missed: map[facts.Need]time.Time{},
	}
	i.network = network.New(clients.EC2, cfg.VPC, cfg.Now, cfg.Moment)
	i.targetGroups = byName(&i.cfg, targetGroupLifetime, absentPauses, i.targetGroupsByName)
	i.sslPolicies = byName(&i.cfg, policyLifetime, backoff.Policy{First: policyLifetime, Longest: policyLifetime},
		i.sslPoliciesByName)
	i.allSSLPolicies = wholeList(&i.cfg, absentLifetime, i.sslPolicyPage)
	i.named = byName(&i.cfg, namedLifetime, absentPauses, i.readNamed)
	i.allTargetGroups = wholeList(&i.cfg, listLag, func(ctx context.Context, next *string) (
		[]elbv2types.TargetGroup, *string, error) {
		return i.targetGroupPage(ctx, &elbv2.DescribeTargetGroupsInput{Marker: next})
	})
	i.allBalancers = wholeList(&i.cfg, listLag, func(ctx context.Context, next *string) (
		[]elbv2types.LoadBalancer, *string, error) {
		return i.balancerPage(ctx, &elbv2.DescribeLoadBalancersInput{Marker: next})
	})
	i.trustStores = truststore.New(clients.ELBV2, truststore.Config{Cluster: cfg.Cluster, Now: cfg.Now, Wait: cfg.Moment,
		Tags: i.allTags})
	i.limits, i.names = i.newLimits(), i.newNames()
	i.groups = securitygroup.New(clients.EC2, securitygroup.Config{
		Cluster: cfg.Cluster, VPC: cfg.VPC, Now: cfg.Now, Wait: cfg.Moment, Loaded: func(ctx context.Context) error {
			return i.list(ctx, order.Mark{})
		},
	})
	i.addOns = addon.New(clients, cfg.Now, cfg.AddOnTimeout, cfg.Moment)
	i.certificates = certificate.New(clients, certificate.Config{
		Cluster: cfg.Cluster, Now: cfg.Now, Wait: cfg.Moment, Request: cfg.RequestCertificates,
		Import: cfg.ImportCertificates, Without: cfg.WithoutCertificates,
		Authorities: cfg.Authorities, Changed: cfg.CertificatesChanged,
	})
	return i
}

// Load reads in bulk what the cluster owns, and the network facts that nearly every stack needs, unless an earlier call
// has read them already.
func (i *Inventory) Load(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return i.list(ctx, order.Mark{}) })
	g.Go(func() error { _, err := i.network.Subnets(ctx); return err })
	g.Go(func() error { _, err := i.network.VPC(ctx); return err })
	return g.Wait()
}

// Observed returns the AWS resources of a stack. What desired does not manage is not read; if it is nil, only the
// listing is read. The caller adds bindings.
func (i *Inventory) Observed(ctx context.Context, key stack.Key, desired *stack.Stack) (awsop.Observed, error) {
	e := i.entry(key)
	select {
	case e.reading <- struct{}{}:
	case <-ctx.Done():
		return awsop.Observed{}, fmt.Errorf("reading the resources of %s: %w", key, ctx.Err())
	}
	defer func() { <-e.reading }()
	for attempt := 0; ; attempt++ {
		if err := i.ensureListed(ctx, e); err != nil {
			return awsop.Observed{}, fmt.Errorf("listing the resources of the cluster: %w", err)
		}
		err := i.readOnOthers(ctx, e, desired)
		if err == nil {
			err = i.readDetails(ctx, e, desired)
		}
		if err == nil {
			break
		}
		if !vanished(err) || attempt > 0 { // others deleted a resource meanwhile: read once more
			return awsop.Observed{}, fmt.Errorf("reading the resources of %s: %w", key, err)
		}
		i.Invalidate(key)
	}
	certificates, err := i.certificates.Of(ctx, key, desired)
	if err != nil && !denied(err) { // without the permission, the controller does everything else
		return awsop.Observed{}, fmt.Errorf("reading the certificates of %s: %w", key, err)
	}
	i.mu.Lock()
	out := e.obs.Clone()
	adopted(&out, desired)
	if desired != nil && desired.Empty() && desired.Retention != stack.RetainWithoutTags {
		out = withoutAssumed(out)
	}
	out.SecurityGroups = append(out.SecurityGroups, i.groups.Backend()...)
	i.mu.Unlock()
	out.Certificates = certificates
	if err != nil {
		d := awsclient.Problem("", err)
		out.CertificatesUnread = &plan.Guard{Code: d.Code, Text: d.Text, Remedy: d.Remedy, RequestID: d.RequestID}
	}
	if i.readsTrustStores(&out, desired) {
		if out.TrustStores, err = i.trustStores.Of(ctx, key); err != nil {
			if !denied(err) {
				return awsop.Observed{}, fmt.Errorf("reading the trust stores of %s: %w", key, err)
			}
			d := awsclient.Problem("", err)
			out.TrustStoresUnread = &plan.Guard{Code: d.Code, Text: d.Text, Remedy: d.Remedy, RequestID: d.RequestID}
		}
	}
	i.addOns.Observe(ctx, &out, desired)
	return out, nil
}

// readsTrustStores reports whether to read the trust stores of a stack: it wants some; a listener has one that may be
// the stack's; the list is known, so that the read costs nothing; or the controller creates trust stores, and an
// earlier process may have left one.
func (i *Inventory) readsTrustStores(o *awsop.Observed, desired *stack.Stack) bool {
	if desired == nil || !owner.Of(desired.Key.Owner).OwnsTrustStores {
		return false
	}
	return len(desired.TrustStores) > 0 || i.trustStores.Listed() || i.cfg.TrustStores ||
		slices.ContainsFunc(o.Listeners, func(l awsop.Listener) bool {
			return l.Mutual != nil && naming.MayBeTrustStore(l.Mutual.TrustStore)
		})
}

// ensureListed makes sure that the entry rests on a listing that began after its last invalidation, and has no
// uncertain resource.
func (i *Inventory) ensureListed(ctx context.Context, e *entry) error {
	for {
		i.mu.Lock()
		need, invalid := e.needs(), e.invalid()
		i.mu.Unlock()
		if !invalid {
			return i.readUncertain(ctx, e)
		}
		if err := i.list(ctx, need); err != nil {
			return err
		}
	}
}

// RefusedFirstListing reports whether an error says that the role may not read the account, before this process has
// listed it once. If no object declares a load balancer, that is an answer: the role is only for TargetGroupBindings.
func (i *Inventory) RefusedFirstListing(err error) bool {
	known := diag.Diagnostic{}
	if err == nil || !denied(err) && (!errors.As(err, &known) || known.Class != diag.Denied) {
		return false
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.listed.N == 0
}

// Keys lists the stacks with resources in AWS, sorted.
func (i *Inventory) Keys(ctx context.Context) ([]stack.Key, error) {
	if err := i.list(ctx, order.Mark{}); err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	var out []stack.Key
	for k, e := range i.stacks {
		if e.obs.Owned() || len(e.obs.TargetGroups)+len(e.obs.SecurityGroups) > 0 {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, stack.Key.Compare)
	return out, nil
}

// Listed returns the load balancers, target groups and security groups of a stack, by the last listing and the writes
// since. It reads nothing.
func (i *Inventory) Listed(key stack.Key) awsop.Observed {
	i.mu.Lock()
	defer i.mu.Unlock()
	e := i.stacks[key]
	if e == nil {
		return awsop.Observed{Key: key}
	}
	return e.obs.Clone()
}

// SecurityGroups returns the cache of security groups.
func (i *Inventory) SecurityGroups() *securitygroup.Groups { return i.groups }

// Certificates returns the cache of the certificates in ACM.
func (i *Inventory) Certificates() *certificate.Certificates { return i.certificates }

// TrustStores returns the cache of trust stores.
func (i *Inventory) TrustStores() *truststore.TrustStores { return i.trustStores }

// Invalidate forgets what is known of a stack; the next Observed reads it again.
func (i *Inventory) Invalidate(key stack.Key) {
	i.invalidate(key)
	i.trustStores.ForgetOf(key)
	if owner.Of(key.Owner).OwnsCertificates && (i.cfg.RequestCertificates || i.cfg.ImportCertificates) &&
		!slices.Contains(i.cfg.WithoutCertificates, key.Owner) {
		i.certificates.Forget()
	}
}

func (i *Inventory) invalidate(key stack.Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if e := i.stacks[key]; e != nil {
		i.markInvalid(e)
	}
}

// NotFound records that a target group of a stack no longer exists, and reports whether that is news: then the stack is
// read again. If this process has just created the group, it is no news: not every part of AWS may know the group yet.
func (i *Inventory) NotFound(key stack.Key, arn string) bool {
	i.mu.Lock()
	e := i.stacks[key]
	at, made := i.created[arn]
	news := e != nil && !e.invalid() && (!made || i.cfg.Now().Sub(at) > listLag) && slices.ContainsFunc(e.obs.TargetGroups,
		func(tg awsop.TargetGroup) bool { return tg.ARN == arn })
	i.mu.Unlock()
	if news {
		i.Invalidate(key)
	}
	return news
}

// CreatedHere reports whether this process created a target group. All its targets are then registered by this process.
func (i *Inventory) CreatedHere(arn string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	_, ok := i.created[arn]
	return ok
}

// Gone reports whether this process deleted a target group lately.
func (i *Inventory) Gone(arn string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	_, ok := i.gone[arn]
	return ok
}

// SharedGroup returns the cluster's shared backend security group, if it is known to exist.
func (i *Inventory) SharedGroup() (id string, ok bool) {
	if groups := i.groups.Backend(); len(groups) > 0 {
		return groups[0].GroupID, true
	}
	return "", false
}

// CreateShared creates the cluster's shared security group unless it exists. If several stacks need it at the same
// time, one of them creates it. create must record its result before it returns.
func (i *Inventory) CreateShared(ctx context.Context, create func() (awsop.Output, error)) (awsop.Output, error) {
	select {
	case i.sharing <- struct{}{}:
	case <-ctx.Done():
		return awsop.Output{}, ctx.Err()
	}
	defer func() { <-i.sharing }()
	if id, ok := i.SharedGroup(); ok {
		return awsop.Output{ID: id}, nil
	}
	return create()
}

// ForgetAddOns makes the next Observed read the add-ons of a load balancer again.
func (i *Inventory) ForgetAddOns(arn string) { i.addOns.Forget(arn) }

// VPCAtHand returns a VPC, the cluster's or another one, as it was read last; see network.Network.VPCAtHand.
func (i *Inventory) VPCAtHand(ctx context.Context, id string) (vpc *facts.VPC, known bool) {
	return i.network.VPCAtHand(ctx, id)
}

// Refusals returns the memory of writes that AWS refuses.
func (i *Inventory) Refusals() *refusal.Memory { return i.cfg.Refusals }

// Config says whose resources the inventory reads, and how.
type Config struct {
	Cluster string
	VPC     string
	// Now is the clock of lifetimes; nil = time.Now.
	Now func() time.Time
	// AddOnTimeout limits, in real time, the wait for answers about add-ons; 0 = two seconds.
	AddOnTimeout time.Duration
	// Moment limits, in real time, the wait for a new answer if an old answer can serve instead; 0 = AddOnTimeout if
	// that is set, otherwise a quarter of a second.
	Moment time.Duration
	// RequestCertificates and ImportCertificates say that stacks may own certificates of these kinds. Otherwise the tags
	// of certificates are not read.
	RequestCertificates, ImportCertificates bool
	// TrustStores says that stacks may own trust stores. Otherwise they are read only if a listener shows one.
	TrustStores bool
	// WithoutCertificates are owners whose stacks own none.
	WithoutCertificates []stack.Owner
	// CertificatesChanged is called after a listing with the names of the certificates that were added or removed, or
	// became fit or unfit for listeners, since the listing before. It must not block; nil = no call.
	CertificatesChanged func(names []string)
	// Refusals remembers the writes that AWS refuses; nil = the inventory makes its own memory, which ends with the
	// process.
	Refusals *refusal.Memory
	// Freed is called with stacks that need another pass: a refused write may succeed now, because this process changed
	// what was in its way; others changed the tags of their resources; or a listing shows resources that were not known.
	// It must not block; nil = no call.
	Freed func(keys []stack.Key)
	// Progress is called about every ten seconds during a listing. read of the VPC's load balancers and target groups are
	// done, out of of. It must not block; nil = no call.
	Progress func(read, of int)
	// TaggingAPI says that tags may be read by the Resource Groups Tagging API.
	TaggingAPI bool
	// Authorities says that the authorities of private certificates are read.
	Authorities bool
}

// How long answers of AWS count. What this process writes is recorded, and does not age; stacks are read again when
// they are invalidated.
const (
	// goneLifetime is for a target group that this process deleted: its binding is deleted within seconds.
	goneLifetime = time.Hour

	// confirmedFor is how long the tags of a resource count as just read when a plan deletes it. absenceConfirmedFor is
	// how old a listing without a load balancer of the stack may be when a plan creates one.
	confirmedFor        = time.Minute
	absenceConfirmedFor = 10 * time.Minute

	// foreignLifetime is the age at which the tags of load balancers and target groups of others are read again in the
	// background, twenty at a time.
	foreignLifetime = time.Hour

	// listLag is how long after a write AWS's lists may still miss it. AWS promises no bound: its API references say that
	// EC2's and Elastic Load Balancing's reads are eventually consistent, and what people measure is up to a few seconds.
	listLag = 5 * time.Second

	// absentLifetime is for a name or id that does not exist: users correct that soon.
	absentLifetime = 15 * time.Second
	// limitLifetime is how long the account's limits count: AWS raises them on request, and the user waits for that.
	// limitDenied is how long a denied read of them counts.
	limitLifetime = 5 * time.Minute
	limitDenied   = 10 * time.Minute
	// loadTimeout limits the time of a shared read, and the time without any answer during a listing.
	loadTimeout = time.Minute
	// partialLifetime is how long the next listing may continue a failed one.
	partialLifetime = 10 * time.Minute
	// progressEvery is how often a listing calls Config.Progress.
	progressEvery = 10 * time.Second
)
