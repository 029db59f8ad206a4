package planjson

import "github.com/k8s-lbc/lbc/internal/model/stack"

type securityGroup struct {
	GroupName   string            `json:"groupName"`
	Description string            `json:"description"`
	Tags        map[string]string `json:"tags,omitempty"`
	Ingress     []permission      `json:"ingress,omitempty"`
}

type permission struct {
	IPProtocol       string       `json:"ipProtocol"`
	FromPort         *int32       `json:"fromPort,omitempty"`
	ToPort           *int32       `json:"toPort,omitempty"`
	IPRanges         []ipRange    `json:"ipRanges,omitempty"`
	IPv6Ranges       []ipv6Range  `json:"ipv6Ranges,omitempty"`
	UserIDGroupPairs []groupPair  `json:"userIDGroupPairs,omitempty"`
	PrefixLists      []prefixList `json:"prefixLists,omitempty"`
}

type ipRange struct {
	CIDR        string `json:"cidrIP"`
	Description string `json:"description,omitempty"`
}

type ipv6Range struct {
	CIDR        string `json:"cidrIPv6"`
	Description string `json:"description,omitempty"`
}

type groupPair struct {
	GroupID     any    `json:"groupID"`
	Description string `json:"description,omitempty"`
}

type prefixList struct {
	ListID      string `json:"listID"`
	Description string `json:"description,omitempty"`
}

func ofSecurityGroup(g stack.SecurityGroup) securityGroup {
	out := securityGroup{GroupName: g.Name, Description: g.Description, Tags: g.Tags}
	for _, p := range g.Ingress {
		out.Ingress = append(out.Ingress, ofPermission(p))
	}
	return out
}

func ofPermission(p stack.Permission) permission {
	out := permission{IPProtocol: p.Protocol}
	if p.Protocol != "-1" {
		out.FromPort, out.ToPort = &p.FromPort, &p.ToPort
	}
	switch {
	case p.CIDR != "":
		out.IPRanges = []ipRange{{p.CIDR, p.Description}}
	case p.IPv6CIDR != "":
		out.IPv6Ranges = []ipv6Range{{p.IPv6CIDR, p.Description}}
	case p.PrefixList != "":
		out.PrefixLists = []prefixList{{p.PrefixList, p.Description}}
	default:
		out.UserIDGroupPairs = []groupPair{{reference(p.Group), p.Description}}
	}
	return out
}
