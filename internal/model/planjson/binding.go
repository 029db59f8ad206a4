package planjson

import "github.com/k8s-lbc/lbc/internal/model/stack"

func ofBinding(b stack.Binding) object {
	return object{{"template", object{
		{"metadata", object{
			{"name", b.Name},
			{"namespace", b.Namespace},
			{"creationTimestamp", nil}, // nothing is created yet
			optional("labels", b.Labels),
			optional("annotations", b.Annotations),
		}},
		{"spec", object{
			{"targetGroupARN", reference(b.TargetGroup)},
			optional("targetType", b.TargetType),
			{"serviceRef", object{{"name", b.ServiceName}, {"port", number(b.ServicePort)}}},
			optional("networking", ofNetworking(b.Networking)),
			optional("nodeSelector", ofNodeSelector(b)),
			optional("ipAddressType", b.IPAddress),
			optional("vpcID", b.VPC),
			optional("multiClusterTargetGroup", b.MultiCluster),
			optional("targetGroupProtocol", b.Protocol),
		}},
	}}}
}

func ofNodeSelector(b stack.Binding) object {
	if b.NodeLabels == nil && b.NodeExpressions == nil {
		return nil
	}
	return object{
		optional("matchLabels", b.NodeLabels),
		optional("matchExpressions", list(b.NodeExpressions, func(e stack.NodeExpression) object {
			return object{{"key", e.Key}, {"operator", e.Operator}, optional("values", e.Values)}
		})),
	}
}

func ofNetworking(rules []stack.NetworkingRule) object {
	if rules == nil {
		return nil
	}
	return object{optional("ingress", list(rules, func(r stack.NetworkingRule) object {
		from := append(
			list(r.FromGroups, func(g stack.Ref) object { return object{{"securityGroup", object{{"groupID", reference(g)}}}} }),
			list(r.FromCIDRs, func(c string) object { return object{{"ipBlock", object{{"cidr", c}}}} })...)
		return object{{"from", from}, {"ports", list(r.Ports, func(p stack.NetworkingPort) object {
			return object{optional("protocol", p.Protocol), optional("port", number(p.Port))}
		})}}
	}))}
}

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
