package account

import (
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

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
