package ec2

import (
	"strings"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// kind is how EC2 speaks of one kind of resource in its errors.
type kind struct {
	name      string // as in account.NotFoundError
	prefix    string // of ids, without the dash
	unknown   string // code when no resource has the id
	malformed string // code when the id cannot be one
	noun      string // in messages: "The {noun} '{id}' does not exist"
	tagType   string // ResourceType of tags
}

var (
	vpcKind             = kind{"vpc", "vpc", "InvalidVpcID.NotFound", "InvalidVpcId.Malformed", "vpc ID", "vpc"}
	subnetKind          = kind{"subnet", "subnet", "InvalidSubnetID.NotFound", "InvalidSubnetId.Malformed", "subnet ID", "subnet"}
	routeTableKind      = kind{"route table", "rtb", "InvalidRouteTableID.NotFound", "InvalidRouteTableId.Malformed", "routeTable ID", "route-table"}
	internetGatewayKind = kind{"internet gateway", "igw", "InvalidInternetGatewayID.NotFound", "InvalidInternetGatewayId.Malformed", "internetGateway ID", "internet-gateway"}
	securityGroupKind   = kind{"security group", "sg", "InvalidGroup.NotFound", "InvalidGroupId.Malformed", "security group", "security-group"}
	groupRuleKind       = kind{"security group rule", "sgr", "InvalidSecurityGroupRuleId.NotFound", "InvalidSecurityGroupRuleId.Malformed", "security group rule ID", "security-group-rule"}
	interfaceKind       = kind{"network interface", "eni", "InvalidNetworkInterfaceID.NotFound", "InvalidNetworkInterfaceId.Malformed", "networkInterface ID", "network-interface"}
	instanceKind        = kind{"instance", "i", "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed", "instance ID", "instance"}
	prefixListKind      = kind{"prefix list", "pl", "InvalidPrefixListID.NotFound", "InvalidPrefixListId.Malformed", "prefix list ID", "prefix-list"}
	natGatewayKind      = kind{"NAT gateway", "nat", "NatGatewayNotFound", "NatGatewayMalformed", "NAT gateway", "natgateway"}
	peeringKind         = kind{"peering connection", "pcx", "InvalidVpcPeeringConnectionID.NotFound", "InvalidVpcPeeringConnectionId.Malformed", "vpcPeeringConnection ID", "vpc-peering-connection"}
	customerPoolKind    = kind{"customer-owned pool", "ipv4pool-coip", "InvalidCoipPoolId.NotFound", "InvalidCoipPoolId.Malformed", "coip pool ID", "coip-pool"}
	ipamPoolKind        = kind{"IPAM pool", "ipam-pool", "InvalidIpamPoolId.NotFound", "InvalidIpamPoolId.Malformed", "ipam pool ID", "ipam-pool"}
	addressKind         = kind{"elastic address", "eipalloc", "InvalidAllocationID.NotFound", "InvalidAllocationID.Malformed", "allocation ID", "elastic-ip"}
)

var kinds = []kind{
	vpcKind, subnetKind, routeTableKind, internetGatewayKind, securityGroupKind, groupRuleKind, interfaceKind, instanceKind,
	prefixListKind, addressKind, natGatewayKind, peeringKind, customerPoolKind, ipamPoolKind,
}

// kindOf is the kind that an id is of by its prefix.
func kindOf(id string) (kind, bool) {
	for _, k := range kinds {
		if strings.HasPrefix(id, k.prefix+"-") {
			return k, true
		}
	}
	return kind{}, false
}

// notFound is the error for ids that no resource has: malformed if one cannot be an id of the kind, else unknown.
func (k kind) notFound(ids []string) error {
	for _, id := range ids {
		if !k.wellFormed(id) {
			return apierr.New(k.malformed, "Invalid id: %q (expecting %q)", id, k.prefix+"-...")
		}
	}
	if len(ids) == 1 {
		return apierr.New(k.unknown, "The %s '%s' does not exist", k.noun, ids[0])
	}
	return apierr.New(k.unknown, "The %ss '%s' do not exist", k.noun, strings.Join(ids, ", "))
}

// wellFormed tells whether id has the prefix and the 8 or 17 hexadecimal digits of EC2's short and long ids.
func (k kind) wellFormed(id string) bool {
	digits, ok := strings.CutPrefix(id, k.prefix+"-")
	if !ok || len(digits) != 8 && len(digits) != 17 {
		return false
	}
	return strings.Trim(digits, "0123456789abcdef") == ""
}
