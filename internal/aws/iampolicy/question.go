package iampolicy

import (
	"maps"
	"slices"
	"strings"
)

// Question asks whether a role may make calls as a controller makes them.
type Question struct {
	Sid      string // of the statement of the smallest policy that allows them
	Actions  []string
	Resource string // ARN, or *
	Keys     map[string][]string
}

// Subject is where the controller runs for which questions are asked.
type Subject struct{ Partition, Region, Account, Cluster, VPC, Role string }

// anyCluster is the value of the cluster's tag where the name of the cluster is not known.
const anyCluster = "example"

// examples are resources below the partition, as a controller names them, by kind. R, A and V stand for Region, account
// and VPC.
var examples = map[string]string{
	"application":   "elasticloadbalancing:R:A:loadbalancer/app/k8s-example/0123456789abcdef",
	"network":       "elasticloadbalancing:R:A:loadbalancer/net/k8s-example/0123456789abcdef",
	"listener":      "elasticloadbalancing:R:A:listener/app/k8s-example/0123456789abcdef/0123456789abcdef",
	"listener-rule": "elasticloadbalancing:R:A:listener-rule/app/k8s-example/0123456789abcdef/0123456789abcdef/0123456789abcdef",
	"target-group":  "elasticloadbalancing:R:A:targetgroup/k8s-example/0123456789abcdef",
	"trust-store":   "elasticloadbalancing:R:A:truststore/k8s-example/0123456789abcdef",
	"group":         "ec2:R:A:security-group/sg-0123456789abcdef0",
	"vpc":           "ec2:R:A:vpc/V",
	"certificate":   "acm:R:A:certificate/01234567-89ab-4def-8123-456789abcdef",
	"web-acl":       "wafv2:R:A:regional/webacl/example/01234567-89ab-4def-8123-456789abcdef",
	"protection":    "shield::A:protection/01234567-89ab-4def-8123-456789abcdef",
	"zone":          "route53:::hostedzone/Z0123456789ABCDEFGHIJ",
	"accelerator":   "globalaccelerator::A:accelerator/01234567-89ab-4def-8123-456789abcdef",
	"linked-role":   "iam::A:role/aws-service-role/elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing",

	"accelerator-role":     "iam::A:role/aws-service-role/globalaccelerator.amazonaws.com/AWSServiceRoleForGlobalAccelerator",
	"accelerator-listener": "globalaccelerator::A:accelerator/01234567-89ab-4def-8123-456789abcdef/listener/0123abcd",
	"endpoint-group":       "globalaccelerator::A:accelerator/01234567-89ab-4def-8123-456789abcdef/listener/0123abcd/endpoint-group/0123456789ab",
}

// kinds are those of the resources of actions. Actions that are not among them are about none, or about one that
// policies do not restrict them to.
var kinds = func() map[string][]string {
	all := map[string][]string{
		"acm:DescribeCertificate": {"certificate"}, "acm:DeleteCertificate": {"certificate"}, "acm:AddTagsToCertificate": {
			"certificate"}, "acm:ListTagsForCertificate": {"certificate"},
		"acm:RequestCertificate": {"certificate"}, "acm:ImportCertificate": {"certificate"},
		"wafv2:AssociateWebACL": {"web-acl", "application"}, "wafv2:DisassociateWebACL": {"application"}, "wafv2:GetWebACL": {
			"web-acl"}, "wafv2:GetWebACLForResource": {"application"},
		"shield:CreateProtection": {"protection"}, "shield:DeleteProtection": {"protection"}, "shield:DescribeProtection": {
			"protection"},
		"route53:ChangeResourceRecordSets": {"zone"}, "iam:CreateServiceLinkedRole": {"linked-role"},
	}
	for _, x := range []struct{ actions, kinds []string }{
		{elb("CreateLoadBalancer", "CreateListener", "DeleteLoadBalancer", "ModifyLoadBalancerAttributes", "SetIpAddressType",
			"SetSecurityGroups", "SetSubnets", "ModifyCapacityReservation"), []string{"application", "network"}},
		{elb("ModifyIpPools"), []string{"application"}},
		{elb("CreateTargetGroup", "DeleteTargetGroup", "ModifyTargetGroup", "ModifyTargetGroupAttributes", "RegisterTargets",
			"DeregisterTargets"), []string{"target-group"}},
		{elb("CreateTrustStore", "DeleteTrustStore", "ModifyTrustStore"), []string{"trust-store"}},
		{elb("AddListenerCertificates", "CreateRule", "DeleteListener", "ModifyListener", "ModifyListenerAttributes",
			"RemoveListenerCertificates"), []string{"listener"}},
		{elb("DeleteRule", "ModifyRule", "SetRulePriorities"), []string{"listener-rule"}},
		{elb("AddTags", "RemoveTags"), []string{"application", "network", "target-group", "listener", "listener-rule"}},
		{ec2("CreateSecurityGroup", "DeleteSecurityGroup", "CreateTags", "DeleteTags", "AuthorizeSecurityGroupIngress",
			"RevokeSecurityGroupIngress"), []string{"group"}},
		{ec2("GetSecurityGroupsForVpc"), []string{"vpc"}},
		{aga("CreateListener", "DeleteAccelerator", "DescribeAccelerator", "TagResource", "UntagResource",
			"UpdateAccelerator"), []string{"accelerator"}},
		{aga("CreateEndpointGroup", "DeleteListener", "UpdateListener"), []string{"accelerator-listener"}},
		{aga("AddEndpoints", "DeleteEndpointGroup", "RemoveEndpoints", "UpdateEndpointGroup"), []string{"endpoint-group"}},
	} {
		for _, a := range x.actions {
			all[a] = x.kinds
		}
	}
	return all
}()

// kindsOf are those of the resources of an action in a statement, which differ from those of kinds where several
// statements allow it.
func kindsOf(sid, action string) []string {
	switch sid {
	case "CreateInVPC":
		return []string{"vpc"}
	case "AcceleratorServiceLinkedRole":
		return []string{"accelerator-role"}
	case "TagUntagged":
		return []string{"application", "network", "listener", "listener-rule"}
	}
	return kinds[action]
}

// createdKinds are those of what a call creates, which differ from those of kinds where AWS authorises the call on what
// it is created below.
func createdKinds(call string) []string {
	switch call {
	case "CreateListener":
		return []string{"listener"}
	case "CreateRule":
		return []string{"listener-rule"}
	}
	return kinds["elasticloadbalancing:"+call]
}

// ofOthers are the statements for what has no tag of the cluster.
var ofOthers = map[string]bool{"TagUntagged": true, "ChangeUntagged": true, "ForeignTargetGroups": true,
	"ForeignSecurityGroups": true}

// Questions ask for all that a policy of Minimal allows, with resources and condition keys as in the calls that a
// controller makes about what is its own.
func Questions(d Document, of Subject) (out []Question) {
	for _, s := range d.Statement {
		for _, keys := range of.keysOf(s, d) {
			for _, action := range s.Action {
				resources := of.resources(s, action)
				if created := keys["elasticloadbalancing:CreateAction"]; created != nil {
					resources = of.named(createdKinds(created[0]))
				}
				for _, r := range resources {
					out = ask(out, Question{s.Sid, []string{action}, r, of.complete(keys, s.Sid, action, r)})
				}
			}
		}
	}
	return out
}

// ask adds a question to one that differs by its actions only, or to the list.
func ask(all []Question, q Question) []Question {
	for i, x := range all {
		if x.Sid == q.Sid && x.Resource == q.Resource && maps.EqualFunc(x.Keys, q.Keys, slices.Equal) {
			all[i].Actions = append(x.Actions, q.Actions...)
			return all
		}
	}
	return append(all, q)
}

func (of Subject) resources(s Statement, action string) []string {
	if kinds := kindsOf(s.Sid, action); kinds != nil {
		named := of.named(kinds)
		if !ofOthers[s.Sid] || s.Resource[0] == "*" {
			return named
		}
		return fitting(named, s.Resource)
	}
	if pattern := s.Resource[0]; strings.HasPrefix(action, "s3:") {
		return []string{strings.TrimSuffix(pattern, "*") + "example"}
	}
	if action == "sts:AssumeRole" {
		var roles []string
		for _, pattern := range s.Resource {
			roles = append(roles, strings.ReplaceAll(strings.Replace(pattern, "::*:", "::"+of.Account+":", 1), "*", "example"))
		}
		return roles
	}
	return []string{"*"}
}

// fitting are resources of a statement for what belongs to others, named as its patterns have it: the examples with the
// parts that a pattern gives. A pattern of another kind of resource gives none.
func fitting(examples []string, patterns Values) (out []string) {
	for _, pattern := range patterns {
		for _, example := range examples {
			if r, ok := filled(pattern, example); ok && !slices.Contains(out, r) {
				out = append(out, r)
			}
		}
	}
	return out
}

// filled is an example with the parts that a pattern gives. It fails if the pattern is for another kind.
func filled(pattern, example string) (string, bool) {
	want, have := strings.SplitN(pattern, ":", 6), strings.SplitN(example, ":", 6)
	if len(want) < 6 {
		return "", false
	}
	for i := 2; i < 5; i++ {
		if want[i] != "*" {
			have[i] = strings.ReplaceAll(want[i], "*", "")
		}
	}
	given, path := strings.Split(want[5], "/"), strings.Split(have[5], "/")
	if kind, ends := strings.CutSuffix(given[0], "*"); given[0] != path[0] &&
		(!ends || !strings.HasPrefix(path[0], kind)) {
		return "", false
	}
	for i := 1; i < min(len(given), len(path)); i++ {
		if part := strings.TrimSuffix(given[i], "*"); part != "" {
			path[i] = strings.ReplaceAll(part, "*", "example")
		}
	}
	have[5] = strings.Join(path, "/")
	return strings.Join(have, ":"), true
}

func (of Subject) named(kinds []string) (out []string) {
	for _, k := range kinds {
		parts := strings.Split(examples[k], ":")
		for i, p := range parts {
			switch p {
			case "R":
				parts[i] = of.Region
			case "A":
				parts[i] = of.Account
			case "vpc/V":
				parts[i] = "vpc/" + of.vpc()
			}
		}
		out = append(out, "arn:"+of.Partition+":"+strings.Join(parts, ":"))
	}
	return out
}

func (of Subject) vpc() string {
	if of.VPC == "" {
		return "vpc-0123456789abcdef0"
	}
	return of.VPC
}

// keysOf are the condition keys with which a statement allows calls: of each call that creates something, where it is
// about what such a call tags.
func (of Subject) keysOf(s Statement, d Document) (out []map[string][]string) {
	keys := map[string][]string{}
	var created []string
	for operator, compared := range s.Condition {
		for key, values := range compared {
			switch {
			case key == "elasticloadbalancing:CreateAction":
				created = values
			case operator == "Null" && values[0] == present:
				keys[key] = []string{anyCluster}
			case operator == "ArnLike":
				keys[key] = of.named([]string{"vpc"})
			case operator != "Null":
				keys[key] = values
			}
		}
	}
	if created == nil {
		return append(out, keys)
	}
	for _, call := range created {
		if slices.Contains(d.Actions(), "elasticloadbalancing:"+call) {
			x := maps.Clone(keys)
			x["elasticloadbalancing:CreateAction"] = []string{call}
			out = append(out, x)
		}
	}
	return out
}

// complete adds the keys that every call has, and the tags of what a controller has created. What belongs to others has
// none.
func (of Subject) complete(keys map[string][]string, sid, action, resource string) map[string][]string {
	all := maps.Clone(keys)
	set := func(key, value string) {
		if value != "" {
			all[key] = []string{value}
		}
	}
	set("aws:RequestedRegion", of.Region)
	if strings.HasPrefix(action, "globalaccelerator:") {
		set("aws:RequestedRegion", "us-west-2") // the only one with its API
	}
	set("aws:SecureTransport", "true")
	set("aws:PrincipalAccount", of.Account)
	set("aws:PrincipalArn", of.Role)
	set("aws:PrincipalTag/eks-cluster-name", of.Cluster)
	if resource == "*" {
		return all
	}
	set("aws:ResourceAccount", of.Account)
	service, _, _ := strings.Cut(action, ":")
	if service == "ec2" { // also where the policy does not restrict rules to the VPC, because a user's may
		all["ec2:Vpc"] = of.named([]string{"vpc"})
	}
	const requested, existing = "aws:RequestTag/" + clusterTag, "aws:ResourceTag/" + clusterTag
	tag := of.Cluster
	if tag == "" {
		tag = anyCluster
	}
	switch {
	case all[requested] != nil:
		all["aws:TagKeys"] = []string{clusterTag}
	case service == "elasticloadbalancing" && !ofOthers[sid]:
		set(existing, tag)
	case sid == "NodeSecurityGroups": // as EKS tags them
		set(nodesTag+tag, "owned")
		set(eksTag, tag)
	}
	if tag := all[existing]; tag != nil {
		all[service+":ResourceTag/"+clusterTag] = tag
	}
	return all
}

// Needed reports how much a controller needs an action that a statement of the smallest policy allows: whether all do,
// and, of one that serves features, whether the standard policy has it.
func Needed(partition, sid, action string) (always, standard bool) {
	for _, r := range rules {
		always = always || r.sid == sid && r.feature == "" && slices.Contains(r.actions, action)
	}
	return always, slices.Contains(Standard(partition).Actions(), action)
}
