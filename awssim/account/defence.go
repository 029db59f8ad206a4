package account

import (
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/webacl"
)

// Defence is what AWS WAF and Shield Advanced hold. The zero value is empty and ready.
type Defence struct {
	WebACLs map[string]*WebACL // of WAFv2, by ARN
	IPSets  map[string]*IPSet  // of WAFv2, by ARN

	Subscription *ShieldSubscription    // nil: not subscribed to Shield Advanced
	Protections  map[string]*Protection // of Shield Advanced, by id

	associations map[string]association // load balancer's ARN → its web ACL
}

// association is that of a web ACL with a load balancer.
type association struct {
	acl         string
	effectiveAt time.Time
	before      string // the web ACL that is in effect until then
}

// WebACL is a web ACL of WAFv2.
type WebACL struct {
	ARN         string
	ID          string
	Name        string
	Scope       string // REGIONAL or CLOUDFRONT
	Description string
	LockToken   string
	Created     time.Time
	Tags        map[string]string
	Central     bool // made by Firewall Manager for the whole organization

	// Rules is what it does; replaced, never changed.
	Rules *webacl.ACL
	// Definition is the web ACL in the form of the service that created it. No other service reads it.
	Definition any
}

// IPSet is a set of addresses that rules of web ACLs refer to.
type IPSet struct {
	ARN         string
	ID          string
	Name        string
	Scope       string
	Description string
	Version     string // IPV4 or IPV6
	Addresses   []string
	LockToken   string
	Tags        map[string]string

	Set *webacl.AddressSet // the addresses as rules see them
}

// AddWebACL files a web ACL under its ARN.
func (d *Defence) AddWebACL(w *WebACL) { resource.Put(&d.WebACLs, w.ARN, w) }

// AddIPSet files an address set under its ARN.
func (d *Defence) AddIPSet(s *IPSet) { resource.Put(&d.IPSets, s.ARN, s) }

// WebACLOf is the web ACL that is associated with a load balancer, or nil.
func (d *Defence) WebACLOf(loadBalancer string) *WebACL {
	return d.WebACLs[d.associations[loadBalancer].acl]
}

// AssociateWebACL associates a web ACL with a load balancer in place of the present one, from the profile's time on; ""
// takes it away.
func (a *Account) AssociateWebACL(loadBalancer, acl string) {
	now := a.Clock.Now()
	resource.Put(&a.associations, loadBalancer, association{acl: acl, effectiveAt: now.Add(a.Profile.WebACLEffective),
		before: a.effective(loadBalancer, now)})
}

// effective is the ARN of the web ACL that evaluates a load balancer's requests at that time.
func (a *Account) effective(loadBalancer string, now time.Time) string {
	g := a.associations[loadBalancer]
	if now.Before(g.effectiveAt) {
		return g.before
	}
	return g.acl
}

// Firewall is what evaluates a load balancer's requests now, nil if nothing does, and when that changes by itself, zero
// if never.
func (a *Account) Firewall(loadBalancer string) (acl *webacl.ACL, next time.Time) {
	now := a.Clock.Now()
	if g := a.associations[loadBalancer]; now.Before(g.effectiveAt) {
		next = g.effectiveAt
	}
	if w := a.WebACLs[a.effective(loadBalancer, now)]; w != nil {
		return w.Rules, next
	}
	return nil, next
}

// LoadBalancersOf is the ARNs of the load balancers that a web ACL is associated with, in ascending order.
func (d *Defence) LoadBalancersOf(acl string) []string {
	var arns []string
	for lb, g := range d.associations {
		if g.acl == acl {
			arns = append(arns, lb)
		}
	}
	slices.Sort(arns)
	return arns
}

// dissociate forgets the associations of a load balancer that is gone. Shield's protections stay until they are
// deleted.
func (d *Defence) dissociate(loadBalancer string) {
	delete(d.associations, loadBalancer)
}

// UUIDFor is the id of a new resource of that path ("regional/webacl/web"): the reserved one (see ReserveID), else a
// new one.
func (a *Account) UUIDFor(path string) string {
	if id, ok := a.reserved[path]; ok {
		delete(a.reserved, path)
		return id
	}
	return a.NewUUID()
}

// ShieldSubscription is the account's subscription to Shield Advanced.
type ShieldSubscription struct {
	Started   time.Time
	AutoRenew bool
}

// ShieldCommitment is how long a subscription to Shield Advanced lasts at least: one year.
const ShieldCommitment = 365 * 24 * time.Hour

// Protection is a resource's protection by Shield Advanced.
type Protection struct {
	ID       string
	ARN      string
	Name     string
	Resource string // ARN, of any region
	Tags     map[string]string
}

// AddProtection files a protection under its id.
func (d *Defence) AddProtection(p *Protection) { resource.Put(&d.Protections, p.ID, p) }

// ProtectionOf is the protection of a resource, or nil.
func (d *Defence) ProtectionOf(resource string) *Protection {
	for _, p := range d.Protections {
		if p.Resource == resource {
			return p
		}
	}
	return nil
}
