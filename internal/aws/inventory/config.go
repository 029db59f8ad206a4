package inventory

import (
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/refusal"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Config says whose resources are meant.
type Config struct {
	Cluster string
	VPC     string
	// Now is the clock of lifetimes; nil = time.Now.
	Now func() time.Time
	// AddOnTimeout is how long to wait, in real time, for what AWS answers about add-ons; 0 = two seconds.
	AddOnTimeout time.Duration
	// Moment is how long to wait, in real time, for a new answer where the one that was read last serves on; 0 = as
	// AddOnTimeout, if that is set, else a quarter of a second.
	Moment time.Duration
	// RequestCertificates and ImportCertificates say that stacks may own certificates of these kinds; else their tags are
	// not read.
	RequestCertificates, ImportCertificates bool
	// TrustStores says that stacks may own trust stores; else they are read only where one is seen.
	TrustStores bool
	// WithoutCertificates are owners whose stacks own none.
	WithoutCertificates []stack.Owner
	// CertificatesChanged is called after a listing with the names of the certificates that came, went, or became fit or
	// unfit for listeners since the one before. It must not block; nil = nothing is called.
	CertificatesChanged func(names []string)
	// Refusals has the writes that AWS refuses; nil = the inventory makes a memory of its own, which ends with the
	// process.
	Refusals *refusal.Memory
	// Freed is called with the stacks of which a write that AWS refused is worth another attempt, because this process
	// wrote to what was in its way, those whose tags others changed, and those of which a listing holds what was not
	// known. It must not block; nil = nothing is called.
	Freed func(keys []stack.Key)
	// Progress is called about every ten seconds while a listing is under way, with how many load balancers and target
	// groups of the VPC have been looked through, of how many. It must not block; nil = nothing is called.
	Progress func(read, of int)
	// TaggingAPI says that tags may be read by the Resource Groups Tagging API.
	TaggingAPI bool
	// Authorities says that the authorities of private certificates are of interest.
	Authorities bool
}

// How long what was read is believed. What this process writes is written through and does not age by itself; stacks
// are read again when they are invalidated.
const (
	// goneLifetime is for a target group that this process deleted: its binding goes within seconds.
	goneLifetime = time.Hour

	// confirmedFor is how long the tags of what a plan deletes count as just read; absenceConfirmedFor is how old a
	// listing may be that holds no load balancer of a stack, when one is created.
	confirmedFor        = time.Minute
	absenceConfirmedFor = 10 * time.Minute

	// foreignLifetime is when the tags of load balancers and target groups of others are read again in the background,
	// twenty at a time.
	foreignLifetime = time.Hour

	// listLag is how long after a write AWS's lists may still miss it. AWS promises no bound: its API references say that
	// EC2's and Elastic Load Balancing's reads are eventually consistent, and what people measure is up to a few seconds.
	listLag = 5 * time.Second

	// absentLifetime is for what was looked up by name or id and does not exist: users correct that soon.
	absentLifetime = 15 * time.Second
	// limitLifetime is how long the account's limits are believed: AWS raises them on request, and who has asked waits for
	// it. limitDenied is how long it is believed that they may not be read.
	limitLifetime = 5 * time.Minute
	limitDenied   = 10 * time.Minute
	// loadTimeout bounds a shared read; of a listing, the time in which nothing of it comes back.
	loadTimeout = time.Minute
	// partialLifetime is how long what a failed listing had read may be gone on from.
	partialLifetime = 10 * time.Minute
	// progressEvery is how often a listing under way calls Config.Progress.
	progressEvery = 10 * time.Second
)
