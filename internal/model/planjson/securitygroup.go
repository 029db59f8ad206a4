package planjson

import "github.com/k8s-lbc/lbc/internal/model/stack"

func ofSecurityGroup(g stack.SecurityGroup) object {
	return object{
		{"groupName", g.Name},
		{"description", g.Description},
		optional("tags", g.Tags),
		optional("ingress", list(g.Ingress, ofPermission)),
	}
}

func ofPermission(p stack.Permission) object {
	out := object{{"ipProtocol", p.Protocol}}
	if p.Protocol != "-1" {
		out = append(out, member{"fromPort", p.FromPort}, member{"toPort", p.ToPort})
	}
	from := func(kind, name string, source any) object {
		return append(out, member{kind, []object{{{name, source}, optional("description", p.Description)}}})
	}
	switch {
	case p.CIDR != "":
		return from("ipRanges", "cidrIP", p.CIDR)
	case p.IPv6CIDR != "":
		return from("ipv6Ranges", "cidrIPv6", p.IPv6CIDR)
	case p.PrefixList != "":
		return from("prefixLists", "listID", p.PrefixList)
	}
	return from("userIDGroupPairs", "groupID", reference(p.Group))
}
