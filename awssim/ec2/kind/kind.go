// Package kind is how EC2 names kinds of resources: prefixes of ids, codes and nouns of errors, types of tags. It has
// no account; it imports awssim/apierr.
package kind

import (
	"strings"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// Kind is how EC2 names one kind of resource.
type Kind struct {
	Name      string // as in account.NotFoundError
	prefix    string // of ids, without the dash
	unknown   string // code when no resource has the id
	malformed string // code when the id cannot be one
	noun      string // in messages: "The {noun} '{id}' does not exist"
	TagType   string // ResourceType of tags
}

// The kinds of resources.
var (
	VPC    = Kind{"vpc", "vpc", "InvalidVpcID.NotFound", "InvalidVpcId.Malformed", "vpc ID", "vpc"}
	Subnet = Kind{"subnet", "subnet", "InvalidSubnetID.NotFound", "InvalidSubnetId.Malformed",
		"subnet ID", "subnet"}
	RouteTable = Kind{"route table", "rtb", "InvalidRouteTableID.NotFound", "InvalidRouteTableId.Malformed",
		"routeTable ID", "route-table"}
	InternetGateway = Kind{"internet gateway", "igw", "InvalidInternetGatewayID.NotFound",
		"InvalidInternetGatewayId.Malformed", "internetGateway ID", "internet-gateway"}
	SecurityGroup = Kind{"security group", "sg", "InvalidGroup.NotFound", "InvalidGroupId.Malformed", "security group",
		"security-group"}
	GroupRule = Kind{"security group rule", "sgr", "InvalidSecurityGroupRuleId.NotFound",
		"InvalidSecurityGroupRuleId.Malformed", "security group rule ID", "security-group-rule"}
	Interface = Kind{"network interface", "eni", "InvalidNetworkInterfaceID.NotFound",
		"InvalidNetworkInterfaceId.Malformed", "networkInterface ID", "network-interface"}
	Instance = Kind{"instance", "i", "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed",
		"instance ID", "instance"}
	PrefixList = Kind{"prefix list", "pl", "InvalidPrefixListID.NotFound", "InvalidPrefixListId.Malformed",
		"prefix list ID", "prefix-list"}
	NATGateway = Kind{"NAT gateway", "nat", "NatGatewayNotFound", "NatGatewayMalformed", "NAT gateway", "natgateway"}
	Peering    = Kind{"peering connection", "pcx", "InvalidVpcPeeringConnectionID.NotFound",
		"InvalidVpcPeeringConnectionId.Malformed", "vpcPeeringConnection ID", "vpc-peering-connection"}
	CustomerPool = Kind{"customer-owned pool", "ipv4pool-coip", "InvalidCoipPoolId.NotFound",
		"InvalidCoipPoolId.Malformed", "coip pool ID", "coip-pool"}
	IPAMPool = Kind{"IPAM pool", "ipam-pool", "InvalidIpamPoolId.NotFound", "InvalidIpamPoolId.Malformed",
		"ipam pool ID", "ipam-pool"}
	Address = Kind{"elastic address", "eipalloc", "InvalidAllocationID.NotFound", "InvalidAllocationID.Malformed",
		"allocation ID", "elastic-ip"}
)

// All is the kinds of resources.
var All = []Kind{
	VPC, Subnet, RouteTable, InternetGateway, SecurityGroup, GroupRule, Interface, Instance,
	PrefixList, Address, NATGateway, Peering, CustomerPool, IPAMPool,
}

// Of is the kind of the resource of that id, by its prefix.
func Of(id string) (Kind, bool) {
	for _, k := range All {
		if strings.HasPrefix(id, k.prefix+"-") {
			return k, true
		}
	}
	return Kind{}, false
}

// NotFound is the error for ids that no resource has: malformed if one cannot be an id of the kind, else unknown.
func (k Kind) NotFound(ids []string) error {
	for _, id := range ids {
		if !k.WellFormed(id) {
			return apierr.New(k.malformed, "Invalid id: %q (expecting %q)", id, k.prefix+"-...")
		}
	}
	if len(ids) == 1 {
		return apierr.New(k.unknown, "The %s '%s' does not exist", k.noun, ids[0])
	}
	return apierr.New(k.unknown, "The %ss '%s' do not exist", k.noun, strings.Join(ids, ", "))
}

// WellFormed reports whether id has the prefix and the 8 or 17 hexadecimal digits of EC2's short and long ids.
func (k Kind) WellFormed(id string) bool {
	digits, ok := strings.CutPrefix(id, k.prefix+"-")
	if !ok || len(digits) != 8 && len(digits) != 17 {
		return false
	}
	return strings.Trim(digits, "0123456789abcdef") == ""
}
