package inventory

import "context"

// LostParts are the parts that load balancers lose by a plan: certificates by ARN, security groups and subnets by id.
type LostParts struct{ Certificates, SecurityGroups, Subnets []string }

// Lists counts changes of the lists that Overlooked uses: new lists, and parts that returned to a list.
func (i *Inventory) Lists() uint64 {
	return i.certificates.Lists() + i.groups.Lists() + i.network.Lists()
}

// Overlooked is called before load balancers lose parts. It confirms that AWS's lists do not lack the parts by
// mistake, such as an empty page. A part that is on a list costs nothing: the compiler decided about it, unless the
// lists have changed since lists, the value of Lists before the stack was compiled. Overlooked reads other parts by
// their ids. again is true if the lists have changed, or if one of these parts exists: the caller must compile again.
// A part that is neither known to exist nor proven to be absent is an error.
func (i *Inventory) Overlooked(ctx context.Context, parts LostParts, lists uint64) (again bool, err error) {
	if len(parts.Certificates)+len(parts.SecurityGroups)+len(parts.Subnets) > 0 && lists != i.Lists() {
		return true, nil
	}
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
