package impact

import (
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func goldenCases() map[string]goldenCase {
	out := map[string]goldenCase{}
	for _, some := range []map[string]goldenCase{portCases(), schemeCases(), answerCases(), loginCases(),
		protectionCases(),
		billCases(), nameCases(), unknownCases()} {
		for name, c := range some {
			out[name] = c
		}
	}
	return out
}

// nothing is a base of which AWS holds nothing.
func nothing() *stack.Stack { return &stack.Stack{Key: alb().Key} }

func managed(s *stack.Stack) *stack.SecurityGroup { return &s.SecurityGroups[0] }

func balancer(s *stack.Stack) *stack.LoadBalancer { return &s.LoadBalancers[0] }

func portCases() map[string]goldenCase {
	return map[string]goldenCase{
		"new":       {about: "a new load balancer", base: nothing, edit: func(s *stack.Stack) { *s = *alb() }},
		"unchanged": {about: "nothing changes"},
		"listener-added": {about: "a port is added, with its rule of the security group", edit: func(s *stack.Stack) {
			s.Listeners = append(s.Listeners, listener("HTTPS", 8443, forward("admin")))
			managed(s).Ingress = append(managed(s).Ingress, tcp(8443, "10.0.0.0/8"))
		}},
		"listener-behind-open-rule": {about: "a port is added that the security group admits already",
			before: open(stack.Permission{Protocol: "-1", CIDR: "0.0.0.0/0"}),
			edit:   func(s *stack.Stack) { s.Listeners = append(s.Listeners, listener("HTTP", 8080, forward("admin"))) }},
		"listener-removed": {about: "a port closes", edit: func(s *stack.Stack) {
			s.Listeners, managed(s).Ingress = s.Listeners[1:], managed(s).Ingress[:1]
		}},
		"cidrs-widened": {about: "inbound-cidrs: a range becomes everyone",
			edit: open(tcp(443, "0.0.0.0/0"), tcp(80, "10.0.0.0/8"))},
		"cidrs-narrowed": {about: "inbound-cidrs: a range becomes a part of it",
			edit: open(tcp(443, "10.1.0.0/16"), tcp(80, "10.0.0.0/8"))},
		"cidrs-halves": {about: "two halves of everything are one range: nothing opens",
			before: open(tcp(443, "0.0.0.0/1"), tcp(443, "128.0.0.0/1")),
			edit:   open(tcp(443, "0.0.0.0/0"))},
		"prefix-list": {about: "a prefix list is added", edit: open(tcp(443, "10.0.0.0/8"), tcp(80, "10.0.0.0/8"),
			stack.Permission{Protocol: "tcp", FromPort: 443, ToPort: 443, PrefixList: "pl-1"})},
		"group-source": {about: "a security group is admitted",
			edit: open(tcp(443, "10.0.0.0/8"), tcp(80, "10.0.0.0/8"),
				stack.Permission{Protocol: "tcp", FromPort: 443, ToPort: 443, Group: stack.Literal(stack.KindSecurityGroup,
					"sg-9")})},
		"groups-of-user": {about: "security-groups: groups of the user take the place of the managed one",
			edit: func(s *stack.Stack) {
				s.SecurityGroups = s.SecurityGroups[1:]
				balancer(s).SecurityGroups = []stack.Ref{stack.Literal(stack.KindSecurityGroup, "sg-7"),
					group(stack.BackendSecurityGroup)}
			}},
		"dualstack": {about: "a rule for all IPv6 addresses counts once the load balancer has some",
			before: open(tcp(443, "0.0.0.0/0"), tcp(443, "::/0")),
			edit:   func(s *stack.Stack) { balancer(s).IPAddressType = stack.Dualstack }},
		"held": {about: "a plan that waits for its approval is judged as if it had it",
			policy: hold(diag.PlanNotApproved), edit: open(tcp(443, "0.0.0.0/0"))},
		"icmp": {about: "the managed group admits ICMP", edit: open(tcp(443, "10.0.0.0/8"), tcp(80, "10.0.0.0/8"),
			stack.Permission{Protocol: "icmp", FromPort: 3, ToPort: 4, CIDR: "0.0.0.0/0"})},
		"drift": {about: "a rule that somebody added by hand goes", seen: func(o *awsop.Observed) {
			o.SecurityGroups[0].Ingress = append(o.SecurityGroups[0].Ingress, tcp(443, "0.0.0.0/0"))
		}},
	}
}

// open has the managed security group admit rules.
func open(ps ...stack.Permission) func(*stack.Stack) {
	return func(s *stack.Stack) { managed(s).Ingress = ps }
}

func schemeCases() map[string]goldenCase {
	internal := func(s *stack.Stack) { balancer(s).Scheme = stack.Internal }
	return map[string]goldenCase{
		"scheme-internet": {about: "scheme: internal becomes internet-facing",
			before: internal, edit: func(s *stack.Stack) {
				balancer(s).Scheme, balancer(s).Name = stack.InternetFacing, "k8s-shop-web-2"
			}},
		"scheme-internal": {about: "scheme: internet-facing becomes internal", edit: func(s *stack.Stack) {
			balancer(s).Scheme, balancer(s).Name = stack.Internal, "k8s-shop-web-2"
		}},
		"scheme-refused": {about: "the replacement policy refuses another scheme",
			before: internal, opt: refuseReplacements(), edit: func(s *stack.Stack) {
				balancer(s).Scheme, balancer(s).Name = stack.InternetFacing, "k8s-shop-web-2"
			}},
		"nlb-new": {about: "an NLB without security groups", base: nothing,
			edit: func(s *stack.Stack) { *s = *nlb() }},
		"nlb-ranges-removed": {about: "source ranges of an NLB without security groups are removed",
			base: nlb, edit: func(s *stack.Stack) {
				s.Bindings[0].Networking[0].FromCIDRs = []string{"0.0.0.0/0"}
			}},
		"nlb-groups-ranges-removed": {about: "source ranges of an NLB with a managed group are removed",
			base: protectedNLB, edit: open(tcp(25, "0.0.0.0/0"))},
		"nlb-other-service": {about: "an NLB forwards to another Service", base: nlb, edit: func(s *stack.Stack) {
			services(s, "imap")
			s.TargetGroups[1].Protocol, s.TargetGroups[1].ProtocolVersion = "TCP", ""
			s.Listeners[0].DefaultActions = []stack.Action{forward("imap")}
		}},
		"nlb-udp": {about: "a listener of TCP becomes one of TCP and UDP", base: nlb, edit: func(s *stack.Stack) {
			s.Listeners[0].Protocol, s.TargetGroups[0].Protocol = "TCP_UDP", "TCP_UDP"
			s.TargetGroups[0].Name = "tg-mail2"
		}},
	}
}

func answerCases() map[string]goldenCase {
	weights := func(front, next int32) stack.Action {
		return stack.Action{Type: stack.ActionForward,
			Forward: &stack.Forward{TargetGroups: []stack.WeightedTargetGroup{weighted("front", &front),
				weighted("admin", &next)}}}
	}
	return map[string]goldenCase{
		"wildcard-host": {about: "a host becomes a wildcard",
			edit: func(s *stack.Stack) { s.Rules[1].Conditions[0] = host("*.example.com") }},
		"wildcard-before-others": {about: "a wildcard host comes before the rules of others and takes their requests",
			edit: func(s *stack.Stack) {
				s.Rules = append([]stack.Rule{rule(443, 1, []stack.Action{forward("office")}, host("*.example.com"))}, s.Rules...)
				for i := range s.Rules {
					s.Rules[i].ID, s.Rules[i].Order = rule(443, i+1, nil).ID, int32(i+1)
				}
			}},
		"path-widened": {about: "a path becomes a prefix", edit: func(s *stack.Stack) {
			s.Rules[2].Conditions = []stack.Condition{host("office.example.com"), path("/x*")}
		}},
		"source-removed": {about: "conditions: the source address does not matter any more",
			edit: func(s *stack.Stack) { s.Rules[2].Conditions = s.Rules[2].Conditions[:1] }},
		"source-widened": {about: "conditions: the range of source addresses becomes wider",
			edit: func(s *stack.Stack) { s.Rules[2].Conditions[1].Values = []string{"10.0.0.0/15"} }},
		"header-removed": {about: "conditions: a header does not matter any more",
			before: func(s *stack.Stack) {
				s.Rules[2].Conditions[1] = stack.Condition{Field: stack.HTTPHeader, HeaderName: "X-Key", Values: []string{"k"}}
			},
			edit: func(s *stack.Stack) { s.Rules[2].Conditions = s.Rules[2].Conditions[:1] }},
		"method-added": {about: "conditions: another method is admitted",
			before: func(s *stack.Stack) {
				s.Rules[2].Conditions[1] = stack.Condition{Field: stack.RequestMethod, Values: []string{"HEAD"}}
			},
			edit: func(s *stack.Stack) { s.Rules[2].Conditions[1].Values = []string{"HEAD", "POST"} }},
		"rewritten": {about: "a transform leads requests to another path of the same Service",
			edit: func(s *stack.Stack) {
				s.Rules[1].Transforms = []stack.Transform{{Type: "url-rewrite", Rewrites: []stack.Rewrite{{Regex: "^/(.*)$",
					Replace: "/internal/$1"}}}}
			}},
		"redirect-removed": {about: "ssl-redirect is removed: port 80 forwards",
			edit: func(s *stack.Stack) { s.Listeners[0].DefaultActions = []stack.Action{forward("front")} }},
		"default-backend": {about: "the default action forwards",
			edit: func(s *stack.Stack) { s.Listeners[1].DefaultActions = []stack.Action{forward("front")} }},
		"other-service": {about: "a path is served by another Service",
			edit: func(s *stack.Stack) { s.Rules[1].Actions = []stack.Action{forward("office")} }},
		"weights": {about: "weights between the same Services: nothing is exposed",
			before: func(s *stack.Stack) { s.Rules[1].Actions = []stack.Action{weights(80, 20)} },
			edit:   func(s *stack.Stack) { s.Rules[1].Actions = []stack.Action{weights(20, 80)} }},
		"weight-from-zero": {about: "a Service gets a weight",
			before: func(s *stack.Stack) { s.Rules[1].Actions = []stack.Action{weights(100, 0)} },
			edit:   func(s *stack.Stack) { s.Rules[1].Actions = []stack.Action{weights(90, 10)} }},
		"weights-zero": {about: "no Service has a weight",
			before: func(s *stack.Stack) { s.Rules[1].Actions = []stack.Action{weights(80, 20)} },
			edit:   func(s *stack.Stack) { s.Rules[1].Actions = []stack.Action{weights(0, 0)} }},
		"fixed-503": {about: "a rule answers 503",
			edit: func(s *stack.Stack) { s.Rules[1].Actions = []stack.Action{fixed("503")} }},
		"unserved": {about: "a host is not served any more", edit: func(s *stack.Stack) { s.Rules = s.Rules[:2] }},
	}
}

func loginCases() map[string]goldenCase {
	admin := func(as ...stack.Action) func(*stack.Stack) {
		return func(s *stack.Stack) { s.Rules[0].Actions = append(as, forward("admin")) }
	}
	allow := oidc("https://idp.example.com")
	allow.OIDC.OnUnauthenticated = "allow"
	mutual := func(m stack.MutualAuthentication) func(*stack.Stack) {
		return func(s *stack.Stack) { s.Listeners[1].Mutual = &m }
	}
	verify := stack.MutualAuthentication{Mode: stack.MutualVerify,
		TrustStore: "arn:aws:elasticloadbalancing:us-west-2:1:truststore/a/1"}
	lenient, another := verify, verify
	lenient.IgnoreExpiry, another.TrustStore = true, "arn:aws:elasticloadbalancing:us-west-2:1:truststore/b/1"
	return map[string]goldenCase{
		"login-removed": {about: "auth-type is removed", edit: admin()},
		"login-passed":  {about: "requests without a login pass", edit: admin(allow)},
		"login-other":   {about: "another identity provider", edit: admin(oidc("https://evil.example.net"))},
		"login-shadowed": {about: "a rule without a login comes before one with a login", edit: func(s *stack.Stack) {
			s.Rules[0], s.Rules[1] = rule(443, 1, s.Rules[1].Actions, s.Rules[1].Conditions...), rule(443, 2,
				s.Rules[0].Actions, s.Rules[0].Conditions...)
		}},
		"login-path-narrowed": {about: "the path with a login becomes narrower",
			edit: func(s *stack.Stack) { s.Rules[0].Conditions[1] = path("/admin") }},
		"token-removed": {about: "a token check is removed", before: admin(jwt("role=admin")), edit: admin()},
		"token-claim-removed": {about: "a claim is removed",
			before: admin(jwt("role=admin", "org=us")), edit: admin(jwt("role=admin"))},
		"token-claim-widened": {about: "a claim admits another value",
			before: admin(jwt("role=admin")), edit: admin(jwt("role=admin,user"))},
		"client-certs-removed": {about: "client certificates are not verified any more",
			before: mutual(verify), edit: mutual(stack.MutualAuthentication{Mode: stack.MutualOff})},
		"client-certs-passed": {about: "client certificates are passed on instead of verified",
			before: mutual(verify), edit: mutual(stack.MutualAuthentication{Mode: stack.MutualPassthrough})},
		"client-certs-expired": {about: "expired client certificates are accepted",
			before: mutual(verify), edit: mutual(lenient)},
		"client-certs-other": {about: "another trust store", before: mutual(verify), edit: mutual(another)},
	}
}

func protectionCases() map[string]goldenCase {
	acl := func(arn string) func(*stack.Stack) { return func(s *stack.Stack) { balancer(s).WebACL = &arn } }
	attributes := func(all map[string]string) func(*stack.Stack) {
		return func(s *stack.Stack) { balancer(s).Attributes = all }
	}
	return map[string]goldenCase{
		"web-acl-removed": {about: "the web ACL goes", before: acl("arn:acl/a"), edit: acl("")},
		"web-acl-other":   {about: "another web ACL", before: acl("arn:acl/a"), edit: acl("arn:acl/b")},
		"web-acl-added":   {about: "a web ACL is added", edit: acl("arn:acl/a")},
		"web-acl-unread": {about: "a load balancer whose web ACL was not read is replaced",
			seen: func(o *awsop.Observed) { o.LoadBalancers[0].AddOns = stack.AddOns{} },
			edit: func(s *stack.Stack) { balancer(s).Scheme, balancer(s).Name = stack.Internal, "k8s-shop-web-2" }},
		"shield-removed": {about: "the Shield protection goes",
			before: func(s *stack.Stack) { balancer(s).Shield = new(true) }, seen: func(o *awsop.Observed) {
				o.LoadBalancers[0].Protection = &awsop.ShieldProtection{ID: "p", Name: "managed by aws-load-balancer-controller"}
			}, edit: func(s *stack.Stack) { balancer(s).Shield = new(false) }},
		"attributes": {about: "attributes that protect are loosened",
			before: attributes(map[string]string{"waf.fail_open.enabled": "false",
				"routing.http.drop_invalid_header_fields.enabled": "true", "routing.http.desync_mitigation_mode": "strictest"}),
			edit: attributes(map[string]string{"waf.fail_open.enabled": "true",
				"routing.http.drop_invalid_header_fields.enabled": "false", "routing.http.desync_mitigation_mode": "monitor"})},
		"private-link": {about: "security groups do not apply to PrivateLink any more",
			base: protectedNLB, edit: func(s *stack.Stack) { balancer(s).PrivateLinkRules = "off" }},
		"tls-removed": {about: "a port loses TLS", edit: func(s *stack.Stack) {
			s.Listeners[1] = listener("HTTP", 443, fixed("404"))
			s.Rules[0].Actions = []stack.Action{forward("admin")}
		}},
	}
}

func billCases() map[string]goldenCase {
	private := stack.Certificate{ID: "private", Domain: "shop.example.com", Names: []string{"shop.example.com"},
		Authority: "arn:aws:acm-pca:us-west-2:1:certificate-authority/1"}
	return map[string]goldenCase{
		"capacity": {about: "capacity units are reserved",
			edit: func(s *stack.Stack) { balancer(s).Capacity = new(int32(500)) }},
		"zone-added": {about: "a zone is added", edit: func(s *stack.Stack) {
			balancer(s).Subnets = append(balancer(s).Subnets, stack.SubnetMapping{Subnet: "subnet-c"})
		}},
		"private-certificate": {about: "a private authority issues a certificate",
			edit: func(s *stack.Stack) { s.Certificates = []stack.Certificate{private} }},
		"ipam-pool": {about: "addresses come from a pool",
			edit: func(s *stack.Stack) { balancer(s).IPAMPool = "ipam-pool-1" }},
		"without-public-ipv4": {about: "a load balancer gives up its public IPv4 addresses: IPv4 clients are in the network",
			before: func(s *stack.Stack) {
				managed(s).Ingress = []stack.Permission{tcp(443, "0.0.0.0/0"), tcp(443, "::/0")}
				balancer(s).IPAddressType = stack.Dualstack
			},
			edit: func(s *stack.Stack) { balancer(s).IPAddressType = stack.DualstackWithoutIPv4 }},
	}
}

func nameCases() map[string]goldenCase {
	return map[string]goldenCase{
		"deleted": {about: "the objects are deleted",
			edit: func(s *stack.Stack) { *s = *stack.ForRemoval(s.Key, "demo", "vpc-1", stack.ObjectsDeleted) }},
		"deletion-refused": {about: "a policy refuses the deletion",
			edit:   func(s *stack.Stack) { *s = *stack.ForRemoval(s.Key, "demo", "vpc-1", stack.ObjectsDeleted) },
			policy: hold(diag.DeletionProtected)},
		"host-moves": {about: "a host moves to the load balancer of another group",
			edit: func(s *stack.Stack) { s.Rules = s.Rules[:2] }, other: func(s *stack.Stack) {
				s.Key.ID.Name = "office"
				balancer(s).Name, s.Rules = "k8s-shop-office-1", []stack.Rule{rule(443, 1,
					[]stack.Action{forward("office")}, host("office.example.com"))}
			}},
		"type": {about: "an ALB is replaced, and stays while objects show its name",
			seen: func(o *awsop.Observed) { o.Hostnames = []string{"k8s-shop-web-1-1.elb.amazonaws.com"} },
			edit: func(s *stack.Stack) { balancer(s).Scheme, balancer(s).Name = stack.Internal, "k8s-shop-web-2" }},
	}
}

func unknownCases() map[string]goldenCase {
	denied := plan.Guard{Code: diag.PlanOnHold, Text: "AccessDenied: not allowed to read", Remedy: "allow it"}
	return map[string]goldenCase{
		"unread": {about: "add-ons, certificates and trust stores could not be read", seen: func(o *awsop.Observed) {
			lb := &o.LoadBalancers[0]
			lb.WebACL, lb.Unread = nil, map[awsop.AddOn]plan.Guard{awsop.AddOnWebACL: denied}
			o.CertificatesUnread, o.TrustStoresUnread = &denied, &denied
		}},
		"listeners-unread": {about: "a load balancer is deleted whose listeners and attributes were not read",
			seen: func(o *awsop.Observed) {
				o.LoadBalancers[0].Set(awsop.Unread, awsop.PartListeners, awsop.PartAttributes)
				o.Listeners, o.Rules = nil, nil
			}, edit: func(s *stack.Stack) { *s = *stack.ForRemoval(s.Key, "demo", "vpc-1", stack.ObjectsDeleted) }},
	}
}
