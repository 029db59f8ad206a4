package inventory

import (
	"context"
	"slices"
)

// LostParts are the parts that load balancers lose by a plan: certificates by ARN, security groups and subnets by id;
// and the subnets that they get instead.
type LostParts struct{ Certificates, SecurityGroups, Subnets, NewSubnets []string }

// Lists counts changes of the lists that ConfirmMissing uses: new lists, and parts that returned to a list.
func (i *Inventory) Lists() uint64 {
	return i.certificates.Lists() + i.groups.Lists() + i.network.Lists()
}

// ConfirmMissing confirms, before load balancers lose parts, that AWS's lists do not lack them by mistake, as an empty
// page does. Parts that the lists have cost nothing: the lists decided about them, unless they have changed since
// lists, the value of Lists before the stack was compiled. The others are read by their ids. again reports that the
// lists have changed, or that some of the others exist, so that the caller must compile again; what is neither known to
// exist nor proven to be absent is an error, and so are subnets whose routes are not as the list of route tables has
// them.
func (i *Inventory) ConfirmMissing(ctx context.Context, parts LostParts, lists uint64) (again bool, err error) {
	moved := slices.Concat(parts.Subnets, parts.NewSubnets)
	if len(parts.Certificates)+len(parts.SecurityGroups)+len(moved) > 0 && lists != i.Lists() {
		return true, nil
	}
	certificates, err := i.certificates.ConfirmMissing(ctx, parts.Certificates)
	if err != nil {
		return false, err
	}
	groups, err := i.groups.ConfirmMissing(ctx, parts.SecurityGroups)
	if err != nil {
		return false, err
	}
	if err := i.network.ConfirmMissing(ctx, parts.Subnets); err != nil {
		return false, err
	}
	return certificates || groups, i.network.Misrouted(ctx, moved)
}
