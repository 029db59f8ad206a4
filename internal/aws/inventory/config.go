package inventory

import (
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/refusal"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

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
