package inventory

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/inventory/certificate"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// share is what one stack adds to the totals.
type share struct {
	balancers, retained int
	uses                []quota.Use // of each load balancer
	certificates        []string    // ARNs that its listeners use
}

// totals are sums over all stacks. A read of them costs one step per stack that has changed since the read before, so
// that a scrape of the metrics and a deletion do not visit all stacks. Inventory.mu guards them.
type totals struct {
	of                  map[stack.Key]share
	changed             map[stack.Key]bool // stacks whose share may be another one by now
	balancers, retained int
	uses                map[quota.Use]int             // how many load balancers use so much of a limit
	users               map[string]map[stack.Key]bool // by ARN of the certificate
	unsorted            map[string]bool               // ARNs of certificates of users that byEnd may lack
	byEnd, byOverdue    []certificate.End             // ascending, some of certificates that have no user any more
	lists               uint64                        // certificate.Certificates.EndsRead when these were made
}

func newTotals() totals {
	return totals{of: map[stack.Key]share{}, changed: map[stack.Key]bool{}, uses: map[quota.Use]int{},
		users: map[string]map[stack.Key]bool{}, unsorted: map[string]bool{}}
}

// recount has the share of a stack computed again, because its observation changes. The caller holds i.mu.
func (i *Inventory) recount(key stack.Key) {
	if i.totals.of == nil {
		i.totals = newTotals()
	}
	i.totals.changed[key] = true
}

// sums returns the totals of now. The caller holds i.mu.
func (i *Inventory) sums() *totals {
	t := &i.totals
	for key := range t.changed {
		t.add(key, t.of[key], -1)
		delete(t.of, key)
		if e := i.stacks[key]; e != nil {
			t.of[key] = shareOf(&e.obs)
			t.add(key, t.of[key], 1)
		}
	}
	clear(t.changed)
	return t
}

func shareOf(o *awsop.Observed) (s share) {
	for n := range o.LoadBalancers {
		if lb := &o.LoadBalancers[n]; !lb.Foreign {
			s.balancers++
		}
		if o.LoadBalancers[n].Retained() {
			s.retained++
		}
	}
	for _, lb := range balancersOf(o) {
		s.uses = append(s.uses, lb.Uses()...)
	}
	for n := range o.Listeners {
		s.certificates = append(append(s.certificates, o.Listeners[n].Certificates...), o.Listeners[n].SNI...)
	}
	return s
}

// add adds the share of a stack to the totals (by = 1), or removes it (by = -1).
func (t *totals) add(key stack.Key, s share, by int) {
	t.balancers += by * s.balancers
	t.retained += by * s.retained
	for _, u := range s.uses {
		if t.uses[u] += by; t.uses[u] == 0 {
			delete(t.uses, u)
		}
	}
	for _, arn := range s.certificates {
		switch of := t.users[arn]; {
		case by > 0 && of == nil:
			t.users[arn] = map[stack.Key]bool{key: true}
			t.unsorted[arn] = true
		case by > 0:
			of[key] = true
		default:
			if delete(of, key); len(of) == 0 {
				delete(t.users, arn)
			}
		}
	}
}

// LoadBalancers returns how many load balancers of the cluster's stacks are known.
func (i *Inventory) LoadBalancers() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.sums().balancers
}

// HasRetained reports whether a load balancer stays in AWS without an object.
func (i *Inventory) HasRetained() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.sums().retained > 0
}

// UsesCertificates reports whether a listener of the stacks has a certificate of ACM.
func (i *Inventory) UsesCertificates() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	for arn := range i.sums().users {
		if strings.Contains(arn, ":acm:") {
			return true
		}
	}
	return false
}

// FirstCertificateEnd returns when the first ACM certificate of the stacks' listeners expires or has expired, according
// to the last list of certificates; zero = it is not known. It reads nothing.
func (i *Inventory) FirstCertificateEnd() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	t := i.sortedEnds()
	return i.firstUsed(&t.byEnd).NotAfter
}

// FirstCertificateOverdue returns from when on the first of these certificates is overdue for renewal. A certificate
// with a short lifetime may expire before one that is overdue.
func (i *Inventory) FirstCertificateOverdue() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	t := i.sortedEnds()
	return i.firstUsed(&t.byOverdue).Overdue()
}

// sortedEnds returns the totals with the ends of all certificates in use. The caller holds i.mu.
func (i *Inventory) sortedEnds() *totals {
	t := i.sums()
	if lists := i.certificates.EndsRead(); lists != t.lists {
		t.lists, t.byEnd, t.byOverdue = lists, nil, nil
		for arn := range t.users {
			t.unsorted[arn] = true
		}
	}
	if found := i.certificates.Ends(slices.Collect(maps.Keys(t.unsorted))); len(found) > 0 {
		t.byEnd = withEnds(t.byEnd, found, func(e certificate.End) time.Time { return e.NotAfter })
		t.byOverdue = withEnds(t.byOverdue, found, certificate.End.Overdue)
	}
	clear(t.unsorted)
	return t
}

// withEnds adds ends to others, ascending by a time, each certificate once.
func withEnds(ends, more []certificate.End, by func(certificate.End) time.Time) []certificate.End {
	ends = append(ends, more...)
	slices.SortFunc(ends, func(a, b certificate.End) int {
		return cmp.Or(by(a).Compare(by(b)), cmp.Compare(a.ARN, b.ARN))
	})
	return slices.CompactFunc(ends, func(a, b certificate.End) bool { return a.ARN == b.ARN })
}

// firstUsed returns the first of ends whose certificate a listener still uses, and drops those before it. The caller
// holds i.mu.
func (i *Inventory) firstUsed(ends *[]certificate.End) (first certificate.End) {
	for len(*ends) > 0 {
		arn := (*ends)[0].ARN
		if len(i.totals.users[arn]) > 0 && len(i.certificates.Ends([]string{arn})) > 0 {
			return (*ends)[0]
		}
		*ends = (*ends)[1:]
	}
	return certificate.End{}
}

// CertificateUse is a certificate that listeners of stacks use. Its names and its end are unknown if the last list of
// ACM's certificates lacks it.
type CertificateUse struct {
	certificate.End

	Stacks []stack.Key // sorted
}

// CertificateUses returns the certificates that listeners of stacks use, sorted by ARN. It reads nothing.
func (i *Inventory) CertificateUses() (out []CertificateUse) {
	i.mu.Lock()
	defer i.mu.Unlock()
	users := i.sums().users
	arns := slices.Sorted(maps.Keys(users))
	ends := i.certificates.Ends(arns)
	for _, arn := range arns {
		use := CertificateUse{End: certificate.End{ARN: arn}, Stacks: slices.SortedFunc(maps.Keys(users[arn]), stack.Key.Compare)}
		if len(ends) > 0 && ends[0].ARN == arn {
			use.End, ends = ends[0], ends[1:]
		}
		out = append(out, use)
	}
	return out
}
