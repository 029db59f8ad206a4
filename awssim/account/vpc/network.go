// Package vpc is the networks of a simulated account as EC2 holds them: VPCs, subnets, routes, security groups, network
// interfaces, instances and addresses, with the book of which interface has which address. It validates no request and
// has no clock: times and transitions of instances are awssim/account's. It imports only awssim/account/resource.
package vpc

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// Network is the EC2 part of an account: networks and what lives in them, by id. Its methods need the account's lock.
// The maps may be read directly; additions and removals go through the methods, which keep the address book right.
type Network struct {
	resource.IDs

	VPCs             map[string]*VPC
	Subnets          map[string]*Subnet
	RouteTables      map[string]*RouteTable
	InternetGateways map[string]*InternetGateway
	Zones            map[string]*AvailabilityZone // by name
	SecurityGroups   map[string]*SecurityGroup
	Interfaces       map[string]*Interface
	Instances        map[string]*Instance
	PrefixLists      map[string]*PrefixList
	Addresses        map[string]*ElasticAddress // by allocation id
	NATGateways      map[string]*NATGateway
	Peerings         map[string]*Peering
	CustomerPools    map[string]*CustomerPool // of customer-owned addresses, by id
	IPAMPools        map[string]*IPAMPool     // nil: every id is that of a pool of Amazon's public addresses

	book        map[addressKey]string // address in a VPC → interface that holds it
	publicsUsed uint32
}

type addressKey struct {
	vpc  string
	addr netip.Addr
}

// AddressInUseError is returned if an address is taken by the interface Holder.
type AddressInUseError struct {
	Addr   netip.Addr
	Holder string
}

func (e *AddressInUseError) Error() string {
	return fmt.Sprintf("address %s is already in use by %s", e.Addr, e.Holder)
}

var (
	// ErrNoFreeAddress is returned when a subnet has no address left.
	ErrNoFreeAddress = errors.New("no free address in the subnet")
	// ErrAddressOutside is returned for an address that the subnet does not contain or that AWS reserves in it.
	ErrAddressOutside = errors.New("address is not an assignable address of the subnet")
)

// TagsOf finds the tag map of any EC2 resource by id. ok is false if no resource has the id; the map is never nil
// otherwise and may be changed in place.
func (c *Network) TagsOf(id string) (tags map[string]string, ok bool) {
	p := c.tagField(id)
	if p == nil {
		return nil, false
	}
	if *p == nil {
		*p = make(map[string]string)
	}
	return *p, true
}

func (c *Network) tagField(id string) *map[string]string {
	switch prefix, _, _ := strings.Cut(id, "-"); prefix {
	case "sgr":
		if p := c.permissionByID(id); p != nil {
			return &p.Tags
		}
	case "vpc":
		return tagsIn(c.VPCs, id, func(r *VPC) *map[string]string { return &r.Tags })
	case "subnet":
		return tagsIn(c.Subnets, id, func(r *Subnet) *map[string]string { return &r.Tags })
	case "rtb":
		return tagsIn(c.RouteTables, id, func(r *RouteTable) *map[string]string { return &r.Tags })
	case "igw":
		return tagsIn(c.InternetGateways, id, func(r *InternetGateway) *map[string]string { return &r.Tags })
	case "sg":
		return tagsIn(c.SecurityGroups, id, func(r *SecurityGroup) *map[string]string { return &r.Tags })
	case "eni":
		return tagsIn(c.Interfaces, id, func(r *Interface) *map[string]string { return &r.Tags })
	case "i":
		return tagsIn(c.Instances, id, func(r *Instance) *map[string]string { return &r.Tags })
	case "pl":
		return tagsIn(c.PrefixLists, id, func(r *PrefixList) *map[string]string { return &r.Tags })
	case "eipalloc":
		return tagsIn(c.Addresses, id, func(r *ElasticAddress) *map[string]string { return &r.Tags })
	case "nat":
		return tagsIn(c.NATGateways, id, func(r *NATGateway) *map[string]string { return &r.Tags })
	case "pcx":
		return tagsIn(c.Peerings, id, func(r *Peering) *map[string]string { return &r.Tags })
	case "ipv4pool":
		return tagsIn(c.CustomerPools, id, func(r *CustomerPool) *map[string]string { return &r.Tags })
	case "ipam":
		return tagsIn(c.IPAMPools, id, func(r *IPAMPool) *map[string]string { return &r.Tags })
	}
	return nil
}

// tagsIn are the tags of a resource among all of its kind; nil if it does not exist.
func tagsIn[R any](all map[string]R, id string, tags func(R) *map[string]string) *map[string]string {
	if r, ok := all[id]; ok {
		return tags(r)
	}
	return nil
}
