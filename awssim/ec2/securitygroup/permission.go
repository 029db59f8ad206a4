package securitygroup

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/ec2/kind"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
)

const (
	maxDescription = 255
	maxPort        = 65535
	anyPort        = -1
)

// descriptionChars are the characters of group names and descriptions besides letters and digits; rule descriptions may
// hold the same.
const descriptionChars = " ._-:/()#,@[]+=&;{}!$*"

// protocolNames are the protocols that EC2 calls by name.
var protocolNames = map[string]string{"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6", "all": "-1"}

// parsePermissions splits permissions of the API into single ones and checks all that does not depend on the group.
func parsePermissions(list []types.IpPermission) ([]vpc.Permission, error) {
	if len(list) == 0 {
		return nil, request.Missing("ipPermissions")
	}
	var all []vpc.Permission
	seen := map[vpc.PermissionKey]bool{}
	for _, p := range list {
		protocol, from, to, err := parsePorts(p)
		if err != nil {
			return nil, err
		}
		peers, err := parsePeers(p)
		if err != nil {
			return nil, err
		}
		for _, peer := range peers {
			peer.Protocol, peer.From, peer.To = protocol, from, to
			if err := checkDescription("rule description", peer.Description); err != nil {
				return nil, err
			}
			if seen[peer.PermissionKey] {
				return nil, request.InvalidValue("The same permission must not appear multiple times")
			}
			seen[peer.PermissionKey] = true
			all = append(all, peer)
		}
	}
	return all, nil
}

// parsePorts reads protocol and ports in EC2's canonical form: names for the four protocols that have one, -1 for all,
// and ports of -1 where a protocol has none.
func parsePorts(p types.IpPermission) (protocol string, from, to int32, err error) {
	protocol = strings.ToLower(aws.ToString(p.IpProtocol))
	if protocol == "" {
		return "", 0, 0, request.Missing("ipProtocol")
	}
	if name, ok := protocolNames[protocol]; ok {
		protocol = name
	}
	switch protocol {
	case "-1":
		return protocol, anyPort, anyPort, nil
	case "tcp", "udp":
		if p.FromPort == nil || p.ToPort == nil || *p.FromPort == anyPort || *p.ToPort == anyPort {
			return "", 0, 0, request.InvalidValue("Invalid value 'Must specify both from and to ports with TCP/UDP.' " +
				"for portRange.")
		}
		for _, port := range []int32{*p.FromPort, *p.ToPort} {
			if port < 0 || port > maxPort {
				return "", 0, 0, request.InvalidValue("Invalid value '%d' for portRange. Ports must be between 0 and %d.",
					port, maxPort)
			}
		}
		if *p.FromPort > *p.ToPort {
			return "", 0, 0, request.InvalidValue("Invalid TCP/UDP port range (%d:%d)", *p.FromPort, *p.ToPort)
		}
		return protocol, *p.FromPort, *p.ToPort, nil
	case "icmp", "icmpv6":
		from, to = anyPort, anyPort
		if p.FromPort != nil {
			from = *p.FromPort
		}
		if p.ToPort != nil {
			to = *p.ToPort
		}
		if from < anyPort || from > 255 || to < anyPort || to > 255 {
			return "", 0, 0, request.InvalidValue("Invalid ICMP type or code (%d:%d)", from, to)
		}
		return protocol, from, to, nil
	}
	if n, err := strconv.Atoi(protocol); err != nil || n < 0 || n > 255 {
		return "", 0, 0, request.InvalidValue("Invalid value '%s' for IP protocol. Unknown protocol.", protocol)
	}
	return protocol, anyPort, anyPort, nil
}

// parsePeers reads all peers of one permission.
func parsePeers(p types.IpPermission) ([]vpc.Permission, error) {
	var peers []vpc.Permission
	for _, r := range p.IpRanges {
		prefix, err := request.ParseCIDR(aws.ToString(r.CidrIp), netip.Addr.Is4)
		if err != nil {
			return nil, err
		}
		peers = append(peers, vpc.Permission{PermissionKey: vpc.PermissionKey{CIDR: prefix},
			Description: aws.ToString(r.Description)})
	}
	for _, r := range p.Ipv6Ranges {
		prefix, err := request.ParseCIDR(aws.ToString(r.CidrIpv6), netip.Addr.Is6)
		if err != nil {
			return nil, err
		}
		peers = append(peers, vpc.Permission{PermissionKey: vpc.PermissionKey{CIDR: prefix},
			Description: aws.ToString(r.Description)})
	}
	for _, r := range p.PrefixListIds {
		id := aws.ToString(r.PrefixListId)
		if id == "" {
			return nil, request.Missing("prefixListId")
		}
		peers = append(peers, vpc.Permission{PermissionKey: vpc.PermissionKey{PrefixList: id},
			Description: aws.ToString(r.Description)})
	}
	for _, r := range p.UserIdGroupPairs {
		id := aws.ToString(r.GroupId)
		if id == "" {
			return nil, request.Missing("groupId")
		}
		peers = append(peers, vpc.Permission{
			PermissionKey: vpc.PermissionKey{Group: id},
			Description:   aws.ToString(r.Description),
			PeerOwner:     aws.ToString(r.UserId),
			Peering:       aws.ToString(r.VpcPeeringConnectionId),
		})
	}
	if len(peers) == 0 {
		return nil, request.Missing("cidrIp, cidrIpv6, prefixListId or groupId")
	}
	return peers, nil
}

func checkDescription(what, text string) error {
	if len(text) > maxDescription {
		return request.InvalidValue("Invalid %s. The value exceeds the maximum length of %d characters", what, maxDescription)
	}
	for _, r := range text {
		alphanumeric := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !alphanumeric && !strings.ContainsRune(descriptionChars, r) {
			return request.InvalidValue("Invalid %s. Valid descriptions are strings less than 256 characters from the "+
				"following set:  a-zA-Z0-9%s", what, descriptionChars)
		}
	}
	return nil
}

// checkPeers refuses permissions for groups and prefix lists that do not exist, and completes those for groups.
func (s *SecurityGroups) checkPeers(g *vpc.SecurityGroup, list []vpc.Permission) error {
	for i, p := range list {
		switch {
		case p.Group != "" && p.Peering == "":
			peer, ok := s.account.SecurityGroup(p.Group)
			if !ok || !s.account.Usable(p.Group) || !s.together(g, peer) {
				return kind.SecurityGroup.NotFound([]string{p.Group})
			}
			list[i].PeerOwner = peer.Owner
		case p.PrefixList != "":
			if _, ok := s.account.PrefixLists[p.PrefixList]; !ok {
				return kind.PrefixList.NotFound([]string{p.PrefixList})
			}
		}
	}
	return nil
}

// together reports whether rules of g may refer to peer: it is of the same VPC, may be used in it, or is of a peered
// one.
func (s *SecurityGroups) together(g, peer *vpc.SecurityGroup) bool {
	return peer.UsableIn(g.VPC) || slices.Contains(g.AssociatedVPCs, peer.VPC) ||
		s.account.Peered(g.VPC, peer.VPC)
}

// checkQuota counts rules by family: a block counts in its own, a group in both, a prefix list as its maximal number of
// entries in its own.
func (s *SecurityGroups) checkQuota(list []vpc.Permission) error {
	var v4, v6 int
	for _, p := range list {
		switch {
		case p.Group != "":
			v4, v6 = v4+1, v6+1
		case p.PrefixList != "":
			l := s.account.PrefixLists[p.PrefixList]
			if l == nil {
				continue
			}
			if l.AddressFamily() == "IPv6" {
				v6 += l.MaxEntries
			} else {
				v4 += l.MaxEntries
			}
		case p.CIDR.Addr().Is4():
			v4++
		default:
			v6++
		}
	}
	if max(v4, v6) > s.account.Quota("rules-per-security-group") {
		return apierr.New("RulesPerSecurityGroupLimitExceeded",
			"The maximum number of rules per security group has been reached.")
	}
	return nil
}

// describeKey describes a permission as InvalidPermission.Duplicate does.
func describeKey(k vpc.PermissionKey) string {
	peer := k.Group + k.PrefixList
	if k.CIDR.IsValid() {
		peer = k.CIDR.String()
	}
	switch k.Protocol {
	case "-1":
		return fmt.Sprintf("peer: %s, ALL, ALLOW", peer)
	case "tcp", "udp":
		return fmt.Sprintf("peer: %s, %s, from port: %d, to port: %d, ALLOW", peer, strings.ToUpper(k.Protocol), k.From, k.To)
	case "icmp", "icmpv6":
		return fmt.Sprintf("peer: %s, %s, type: %d, code: %d, ALLOW", peer, strings.ToUpper(k.Protocol), k.From, k.To)
	}
	return fmt.Sprintf("peer: %s, %s, ALLOW", peer, k.Protocol)
}

// groupPermissions merges single permissions into one per protocol and ports, as Describe calls show them.
func groupPermissions(list []vpc.Permission) []types.IpPermission {
	type ports struct {
		protocol string
		from, to int32
	}
	out := []types.IpPermission{} // EC2 sends the lists of a group and of a permission empty, too: some clients rely on it
	index := map[ports]int{}
	for _, p := range list {
		key := ports{p.Protocol, p.From, p.To}
		i, ok := index[key]
		if !ok {
			i = len(out)
			index[key] = i
			out = append(out, types.IpPermission{IpProtocol: aws.String(p.Protocol),
				IpRanges: []types.IpRange{}, Ipv6Ranges: []types.Ipv6Range{}, PrefixListIds: []types.PrefixListId{},
				UserIdGroupPairs: []types.UserIdGroupPair{}})
			if hasPorts(p.PermissionKey) {
				out[i].FromPort, out[i].ToPort = aws.Int32(p.From), aws.Int32(p.To)
			}
		}
		addPeer(&out[i], p)
	}
	return out
}

// hasPorts reports whether EC2 shows ports (or ICMP type and code) for the protocol.
func hasPorts(k vpc.PermissionKey) bool {
	switch k.Protocol {
	case "tcp", "udp", "icmp", "icmpv6":
		return true
	}
	return false
}

func addPeer(out *types.IpPermission, p vpc.Permission) {
	var description *string
	if p.Description != "" {
		description = aws.String(p.Description)
	}
	switch {
	case p.Group != "":
		pair := types.UserIdGroupPair{GroupId: aws.String(p.Group), UserId: aws.String(p.PeerOwner), Description: description}
		if p.Peering != "" {
			pair.VpcPeeringConnectionId = aws.String(p.Peering)
		}
		out.UserIdGroupPairs = append(out.UserIdGroupPairs, pair)
	case p.PrefixList != "":
		out.PrefixListIds = append(out.PrefixListIds, types.PrefixListId{PrefixListId: aws.String(p.PrefixList),
			Description: description})
	case p.CIDR.Addr().Is4():
		out.IpRanges = append(out.IpRanges, types.IpRange{CidrIp: aws.String(p.CIDR.String()), Description: description})
	default:
		out.Ipv6Ranges = append(out.Ipv6Ranges, types.Ipv6Range{CidrIpv6: aws.String(p.CIDR.String()),
			Description: description})
	}
}
