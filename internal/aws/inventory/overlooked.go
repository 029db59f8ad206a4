package inventory

import "context"

// LostParts are the parts that load balancers lose by a plan: certificates by ARN, security groups and subnets by id.
type LostParts struct{ Certificates, SecurityGroups, Subnets []string }

// Overlooked confirms, before load balancers lose parts, that AWS's lists do not lack them by mistake, as an empty page
// does. Parts that the lists have cost nothing: the lists decided about them. The others are read by their ids. found
// reports that some exist, so that the caller must compile again; what is neither known to exist nor proven to be
// absent is an error.
func (i *Inventory) Overlooked(ctx context.Context, parts LostParts) (found bool, err error) {
	certificates, err := i.certificates.Overlooked(ctx, parts.Certificates)
	if err != nil {
		return false, err
	}
	groups, err := i.groups.Overlooked(ctx, parts.SecurityGroups)
	if err != nil {
		return false, err
	}
	return certificates || groups, i.network.Overlooked(ctx, parts.Subnets)
}
