package account

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"
)

// Compute is the EC2 part of the account: networks and what lives in them, by id. Its methods need the account's lock.
// The maps may be read directly; additions and removals go through the methods, which keep the address book right.
type Compute struct {
	VPCs             map[string]*VPC
	Subnets          map[string]*Subnet
	RouteTables      map[string]*RouteTable
	InternetGateways map[string]*InternetGateway
	Zones            map[string]*AvailabilityZone // by name
	SecurityGroups   map[string]*SecurityGroup
	Interfaces       map[string]*NetworkInterface
	Instances        map[string]*Instance
	PrefixLists      map[string]*PrefixList
	Addresses        map[string]*ElasticAddress // by allocation id
	NATGateways      map[string]*NATGateway
	Peerings         map[string]*Peering
	CustomerPools    map[string]*CustomerPool // of customer-owned addresses, by id
	IPAMPools        map[string]*IPAMPool     // nil: every id is that of a pool of Amazon's public addresses

	sequence    uint64
	book        map[addressKey]string // address in a VPC → interface that holds it
	publicsUsed uint32
}

type addressKey struct {
	vpc  string
	addr netip.Addr
}

// NotFoundError says that no resource of Kind ("subnet", "security group", …) has the id.
type NotFoundError struct{ Kind, ID string }

func (e *NotFoundError) Error() string { return fmt.Sprintf("%s %s does not exist", e.Kind, e.ID) }

// DependencyError says that resource ID cannot be deleted while By (a resource id) depends on it.
type DependencyError struct{ ID, By string }

func (e *DependencyError) Error() string {
	return fmt.Sprintf("%s cannot be deleted: %s depends on it", e.ID, e.By)
}

// AddressInUseError says that an address is taken by the interface Holder.
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

// put stores v under id in a map that may not exist yet.
func put[K comparable, T any](m *map[K]T, id K, v T) {
	if *m == nil {
		*m = make(map[K]T)
	}
	(*m)[id] = v
}

// NewID makes an id of AWS's long form, such as sg- followed by 17 hexadecimal digits. Ids depend only on how many were
// made before, so that a run can be repeated.
func (c *Compute) NewID(prefix string) string {
	c.sequence++
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", prefix, c.sequence))
	return prefix + "-0" + hex.EncodeToString(sum[:8])
}

// NewUUID makes a UUID of version 4, as repeatable as NewID.
func (c *Compute) NewUUID() string {
	c.sequence++
	sum := sha256.Sum256(fmt.Appendf(nil, "uuid/%d", c.sequence))
	sum[6], sum[8] = sum[6]&0x0f|0x40, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// AnswerOrder lists the keys of m in the order in which Describe calls answer: the same each time, but unrelated to
// creation, name or id, because AWS promises no order and callers must not come to rely on one.
func AnswerOrder[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	SortForAnswer(keys)
	return keys
}

// SortForAnswer puts ids into the order of AnswerOrder.
func SortForAnswer(ids []string) {
	hashes := make(map[string]uint64, len(ids))
	for _, id := range ids {
		hashes[id] = scatter(id)
	}
	slices.SortFunc(ids, func(x, y string) int {
		return cmp.Or(cmp.Compare(hashes[x], hashes[y]), cmp.Compare(x, y))
	})
}

// AnsweredBefore tells whether the resource with id x comes before that with id y in AnswerOrder.
func AnsweredBefore(x, y string) bool {
	hx, hy := scatter(x), scatter(y)
	if hx != hy {
		return hx < hy
	}
	return x < y
}

// scatter is FNV-1a with a final mix, since ids of one kind differ in their last characters only.
func scatter(id string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	h ^= h >> 29
	h *= 0xbf58476d1ce4e5b9
	return h ^ h>>32
}

// SortedKeys lists the keys of m in ascending order.
func SortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// ARN of a resource of this account and region, such as a.ARN("ec2", "subnet/subnet-1").
func (a *Account) ARN(service, resource string) string {
	return strings.Join([]string{"arn", a.Partition, service, a.Region, a.ID, resource}, ":")
}

// TagsOf finds the tag map of any EC2 resource by id. ok is false if no resource has the id; the map is never nil otherwise
// and may be changed in place.
func (c *Compute) TagsOf(id string) (tags map[string]string, ok bool) {
	p := c.tagField(id)
	if p == nil {
		return nil, false
	}
	if *p == nil {
		*p = make(map[string]string)
	}
	return *p, true
}

func (c *Compute) tagField(id string) *map[string]string {
	switch prefix, _, _ := strings.Cut(id, "-"); prefix {
	case "vpc":
		if r, ok := c.VPCs[id]; ok {
			return &r.Tags
		}
	case "subnet":
		if r, ok := c.Subnets[id]; ok {
			return &r.Tags
		}
	case "rtb":
		if r, ok := c.RouteTables[id]; ok {
			return &r.Tags
		}
	case "igw":
		if r, ok := c.InternetGateways[id]; ok {
			return &r.Tags
		}
	case "sg":
		if r, ok := c.SecurityGroups[id]; ok {
			return &r.Tags
		}
	case "sgr":
		if p := c.permissionByID(id); p != nil {
			return &p.Tags
		}
	case "eni":
		if r, ok := c.Interfaces[id]; ok {
			return &r.Tags
		}
	case "i":
		if r, ok := c.Instances[id]; ok {
			return &r.Tags
		}
	case "pl":
		if r, ok := c.PrefixLists[id]; ok {
			return &r.Tags
		}
	case "eipalloc":
		if r, ok := c.Addresses[id]; ok {
			return &r.Tags
		}
	case "nat":
		if r, ok := c.NATGateways[id]; ok {
			return &r.Tags
		}
	case "pcx":
		if r, ok := c.Peerings[id]; ok {
			return &r.Tags
		}
	case "ipv4pool":
		if r, ok := c.CustomerPools[id]; ok {
			return &r.Tags
		}
	case "ipam":
		if r, ok := c.IPAMPools[id]; ok {
			return &r.Tags
		}
	}
	return nil
}
