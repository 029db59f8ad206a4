// Package certificate caches the certificates in ACM: those that listeners may use, those that stacks own, and how
// often Secrets were imported. It also caches the hosted zones of Route 53, in which validation records are written.
// It reads lists and details, records writes, and plans nothing.
//
//	what is read          | believed for                           | forgotten by
//	the list              | Lifetime for discovery; for what       | MarkUncertain, Forget
//	                      | stacks own, ownListLifetime            |
//	details by ARN        | detailLifetime; for what stacks own,   | a list that shows another status, type or names
//	                      | tagLifetime; while it is being         |
//	                      | issued, pendingLifetime                |
//	ends by ARN           | EndsInterval                           | the deletion of the certificate by this process
//	tags by ARN           | tagLifetime                            | (this process records its own writes)
//
// A certificate that this process made is known at once, and stays until a list that began after its creation misses
// it.
package certificate

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/lib/order"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

const (
	// Lifetime is how long the list is believed by discovery.
	Lifetime       = time.Minute
	detailLifetime = time.Hour // names and authority of one certificate never change; imports may be replaced
	// tagLifetime is for tags and details of issued certificates: only this process changes those of stacks.
	tagLifetime = 10 * time.Hour
	// ownListLifetime is for the list that shows which certificates stacks own; this process takes over new ones when it
	// makes them.
	ownListLifetime = 10 * time.Hour
	// pendingLifetime is for a certificate that is being issued.
	pendingLifetime = 500 * time.Millisecond
	zoneLifetime    = 5 * time.Minute
	// deniedLifetime is for a permission that is missing.
	deniedLifetime = time.Minute
	// longestPending is how long a certificate that this process did not wait for may be pending, and a failed one stays,
	// before another one is requested; longestWait is how long this process waits for one.
	longestPending = 5 * time.Minute
	longestWait    = 30 * time.Minute
	// readers bounds the reads that one question has under way.
	readers = 8

	// AwaitedInterval is how often to look for a certificate that some stack misses.
	AwaitedInterval = 10 * time.Second
	// OtherInterval is how often to look for certificates that came or went while no stack missed one.
	OtherInterval = 10 * time.Minute
)

// Config says which certificates are meant.
type Config struct {
	Cluster string
	// Now is the clock of lifetimes.
	Now func() time.Time
	// Wait is how long, in real time, a caller waits for a new answer where an old one serves.
	Wait time.Duration
	// Request and Import say that stacks may own certificates of these kinds; else tags are not read.
	Request, Import bool
	// Without are owners whose stacks own none: no permission in ACM is needed for them.
	Without []stack.Owner
	// Authorities says that the authorities of private certificates are of interest.
	Authorities bool
	// Changed is called, after the list was read, with the names of the certificates that came, went, or became fit or
	// unfit for listeners. It must not block; nil = nothing is called.
	Changed func(names []string)
}

// owned reports whether stacks may own certificates.
func (c Config) owned() bool { return c.Request || c.Import }

// mayOwn reports whether stacks may own certificates of a type.
func (c Config) mayOwn(kind string) bool {
	if kind == "IMPORTED" {
		return c.Import
	}
	return c.Request
}

// Certificates is the known state of the certificates of one account and region. It is safe for concurrent use, and
// holds no lock over a call. What its methods return must not be changed.
type Certificates struct {
	cfg     Config
	acm     awsclient.ACM
	route53 awsclient.Route53

	list      *cache.Value[struct{}] // whether records show the list; the records themselves are below
	discovery *cache.Value[struct{}] // the list with tags, after which Changed was called
	details   *cache.Cache[string, *awsop.Certificate]
	tags      *cache.Cache[string, map[string]string]
	zones     *cache.Value[[]facts.HostedZone]

	prefetched atomic.Bool   // Prefetch was called for an owner that may have certificates
	lists      atomic.Uint64 // lists that were read, and certificates that they lacked and got back
	ends       ends

	mu      sync.Mutex
	records map[string]*record               // by ARN
	byStack map[stack.Key]map[string]*record // those whose tags name a stack
	tagsDue time.Time                        // when tags are due to be read, of certificates that no list has shown since
	history order.History                    // of writes of this process

	// all and index are computed from the records, and never change: callers keep them.
	all   map[string]facts.Certificate
	index *facts.CertificateIndex
	news  []string // names of certificates of which discovery would say something else now, Changed not being called yet

	// validated are ARNs by the domain of a validation record; nil = computed when needed.
	validated map[string][]string

	unread       error // why tags cannot be read; until retryTags it is the answer wherever they are needed
	retryTags    time.Time
	tagsFailures int            // in a row
	requested    map[string]int // how often this process requested a certificate, by owner
	imports      importLog
}

// record is one certificate.
type record struct {
	facts.Certificate
	listed    facts.Certificate // as the list shows it
	createdAt time.Time
	wrote     order.Mark // of its creation by this process: older lists cannot show it; zero = others made it

	tagsAt    time.Time      // when the tags were read; zero = never
	content   string         // hash of what this process imported last
	tried     *stack.KeyPair // what this process imported with unknown outcome; nil = nothing
	leaving   bool           // this process deleted it with unknown outcome
	published []string       // zones into which this process wrote its validation records
	watched   time.Time      // since when this process waits for it
	imports   []time.Time
	namespace string // of the Ingress that requested it; empty = it is not known yet
}

// gone is the status of a certificate that was deleted and is not forgotten yet.
const gone = "GONE"

// errOld is why discovery looks again soon: the list could not be read again, and the old one serves.
var errOld = errors.New("the list of certificates is not of today")

// New makes Certificates of which nothing is known.
func New(clients awsclient.Clients, cfg Config) *Certificates {
	c := &Certificates{
		cfg: cfg, acm: clients.ACM, route53: clients.Route53,
		history: order.New(cfg.Now), records: map[string]*record{}, byStack: map[stack.Key]map[string]*record{},
		requested: map[string]int{}, imports: importLog{own: map[string][]time.Time{}},
	}
	c.list = cache.NewValue(cache.Config{Now: cfg.Now, Lifetime: ownListLifetime,
		Passing: awsclient.Passing}, c.readList)
	c.discovery = cache.NewValue(cache.Config{
		Now: cfg.Now, Lifetime: Lifetime, Stale: cache.Stale, Wait: cfg.Wait,
		Passing: func(err error) bool { return errors.Is(err, errOld) || awsclient.Passing(err) },
	}, func(ctx context.Context) (struct{}, error) {
		ctx, stale := cache.NoteStale(ctx)
		err := c.Read(ctx, Lifetime)
		if err == nil && stale() {
			err = errOld
		}
		return struct{}{}, err
	})
	c.details = cache.New(cache.Config{
		Now: cfg.Now, Lifetime: tagLifetime, Absence: backoff.Policy{}, Batch: 1,
	}, cache.One(c.describe))
	c.tags = cache.New(cache.Config{Now: cfg.Now, Lifetime: tagLifetime, Batch: 1}, cache.One(c.readTags))
	c.zones = cache.NewValue(cache.Config{
		Now: cfg.Now, Lifetime: zoneLifetime, Stale: cache.Stale, Wait: cfg.Wait, Passing: awsclient.Passing,
	}, c.listZones)
	return c
}

// All returns the certificates that listeners may take, by ARN and by host. Those that were listed last serve on while
// they are listed again.
func (c *Certificates) All(ctx context.Context) (map[string]facts.Certificate, *facts.CertificateIndex, error) {
	if _, err := c.discovery.Get(ctx); err != nil {
		return nil, nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all, c.index, nil
}

// Listed returns the certificates that listeners may take as ACM listed them last, by ARN; nil = it has listed none
// yet. It makes no call.
func (c *Certificates) Listed() map[string]facts.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Lists() == 0 {
		return nil
	}
	return c.all
}

// Forget has the list read again.
func (c *Certificates) Forget() {
	c.list.Forget()
	c.discovery.Forget()
}

// HostedZones returns the public hosted zones.
func (c *Certificates) HostedZones(ctx context.Context) ([]facts.HostedZone, error) {
	return c.zones.Get(ctx)
}

// ForgetHostedZones has the hosted zones listed again.
func (c *Certificates) ForgetHostedZones() { c.zones.Forget() }

// CreatedAt is when a certificate was made; zero = it is not known.
func (c *Certificates) CreatedAt(arn string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.records[arn]; r != nil {
		return r.createdAt
	}
	return time.Time{}
}

func denied(err error) bool   { return awsclient.Classify(err).Class == diag.Denied }
func notFound(err error) bool { return awsclient.Classify(err).Class == diag.NotFound }
