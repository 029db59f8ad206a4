package main

import (
	"encoding/json"
	"strings"
	"testing"
)

const boundServices = `
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, ports: [{name: http, port: 80, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {name: inside}
spec: {ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: unexposed}
spec: {type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{port: 80}]}
`

// TestLintFindsWhatIsWrongWithABindingWithoutAnAccount has what admission, the definition and the controller refuse of
// a binding whatever AWS holds.
func TestLintFindsWhatIsWrongWithABindingWithoutAnAccount(t *testing.T) {
	t.Parallel()
	const arn,
		ref = "targetGroupARN: 'arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/web/1234567890abcdef'",
		"serviceRef: {name: web, port: 80}"
	open := func(rule string) string { return arn + ", " + ref + ", networking: {ingress: [{" + rule + "}]}" }
	for _, c := range []struct{ spec, field, says string }{
		{arn + ", targetType: instance, nodeSelector: {matchLabels: {pool: web}}, " + ref, "", ""},
		{arn + ", targetType: ip, serviceRef: {name: inside, port: 80}", "", ""},
		{arn + ", targetType: ip, serviceRef: {name: elsewhere, port: 80}", "", ""}, // it may be in the cluster
		{open("from: [{ipBlock: {cidr: 10.0.0.0/8}}, {securityGroup: {groupID: sg-1}}], ports: []"), "", ""},
		{ref, "spec.targetGroupARN", "either TargetGroupARN or TargetGroupName"},
		{arn, "spec", "serviceRef is missing"},
		{arn + ", targetType: lambda, " + ref, "spec.targetType", "is not one of instance, ip"},
		{arn + ", targetGroupProtocol: GENEVE, " + ref, "spec.targetGroupProtocol", "is not one of"},
		{arn + ", targetType: ip, nodeSelector: {}, " + ref, "spec.nodeSelector",
			"cannot set NodeSelector when TargetType is ip"},
		{arn + ", nodeSelector: {matchExpressions: [{key: pool, operator: Foo}]}, " + ref, "spec.nodeSelector",
			"not a valid label selector operator"},
		{arn + ", targetType: instance, iamRoleArnToAssume: 'arn:aws:iam::123456789012:role/r', " + ref,
			"spec.iamRoleArnToAssume", "iamRoleArnToAssume is set, and allows no instance targets"},
		{arn + ", targetType: instance, targetGroupProtocol: QUIC, " + ref, "spec.targetGroupProtocol",
			"QUIC protocol is not supported for Instance target types."},
		{arn + ", vpcID: vpc-1, " + ref, "spec.vpcID", "is not the ID of a VPC"},
		{arn + ", serviceRef: {name: web, port: https}", "spec.serviceRef.port",
			"Service default/web has no port https"},
		{arn + ", targetType: instance, serviceRef: {name: inside, port: 80}", "spec.serviceRef",
			"Service default/inside has no node ports"},
		{arn + ", targetType: instance, serviceRef: {name: unexposed, port: 80}", "spec.serviceRef.port",
			"service default/unexposed has no node port for port 80"},
		{open("from: [{ipBlock: {cidr: 10.0.0.0/33}}], ports: []"), "spec.networking.ingress[0].from[0]", "is not a CIDR"},
		{open("from: [{ipBlock: {cidr: here}}], ports: []"), "spec.networking.ingress[0].from[0]", "is not a CIDR"},
		{open("from: [{securityGroup: {groupID: web}}], ports: []"),
			"spec.networking.ingress[0].from[0].securityGroup.groupID", "does not match"},
		{open("from: [{ipBlock: {cidr: 198.51.100.0/24}}], ports: []"), "", ""},
		{open("from: [{ipBlock: {cidr: 10.0.0.0/8}}, {ipBlock: {cidr: 0.0.0.0/0}}], ports: []"),
			"spec.networking.ingress[0].from[1].ipBlock.cidr", "do not admit 0.0.0.0/0"},
		{open("from: [{ipBlock: {cidr: 0.0.0.0/1}}, {ipBlock: {cidr: 128.0.0.0/1}}], ports: []"),
			"spec.networking.ingress[0].from[0].ipBlock.cidr", "do not admit 0.0.0.0/1, 128.0.0.0/1"},
		{open("from: [], ports: []"), "spec.networking.ingress[0].from", "the rule admits nobody"},
		{open("from: [{}], ports: []"), "spec.networking.ingress[0].from[0]",
			"either ipBlock or securityGroup should be specified"},
		{open("from: [{ipBlock: {cidr: 10.0.0.0/8}, securityGroup: {groupID: sg-1}}], ports: []"),
			"spec.networking.ingress[0].from[0]", "either an ipBlock or a securityGroup"},
		{"targetType: instance, " + open("from: [{securityGroup: {groupID: sg-1}}], ports: [{port: http}]"),
			"spec.networking.ingress[0].ports[0].port", "named ports can only be used with pod endpoints"},
		{open("from: [{securityGroup: {groupID: sg-1}}], ports: [{port: 70000}]"),
			"spec.networking.ingress[0].ports[0].port", "port 70000 is not within 1 and 65535"},
		{open("from: [{securityGroup: {groupID: sg-1}}], ports: [{protocol: SCTP}]"),
			"spec.networking.ingress[0].ports[0].protocol", "is not one of TCP, UDP"},
	} {
		manifest := "apiVersion: elbv2.k8s.aws/v1beta1\nkind: TargetGroupBinding\nmetadata: {name: web}\nspec: {" + c.spec +
			"}\n---" + boundServices
		out, _, _ := lbc(t, manifest, "lint", "-o", "json", "-")
		var got struct{ Findings []finding }
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatal(err)
		}
		if c.says == "" && len(got.Findings) == 0 {
			continue
		}
		if len(got.Findings) != 1 {
			t.Errorf("%s: %+v", c.spec, got.Findings)
			continue
		}
		if f := got.Findings[0]; f.Object != "TargetGroupBinding default/web" || f.Severity != severityError ||
			f.Field != c.field || !strings.Contains(f.Message, c.says) || f.Remedy == "" || f.Line == 0 {
			t.Errorf("%s: %+v", c.spec, f)
		}
	}
}

// TestLintFindsTwoBindingsOfATargetGroupThatTheyDoNotShare has them in one file.
func TestLintFindsTwoBindingsOfATargetGroupThatTheyDoNotShare(t *testing.T) {
	t.Parallel()
	one := func(name, more string) string {
		return "apiVersion: elbv2.k8s.aws/v1beta1\nkind: TargetGroupBinding\nmetadata: {name: " + name +
			"}\nspec: {targetGroupARN: " +
			"'arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/web/1234567890abcdef', serviceRef: {name: " +
			"web, port: 80}" + more + "}\n---\n"
	}
	for more, want := range map[string]int{"": 2, ", multiClusterTargetGroup: true": 0} {
		out, _, _ := lbc(t, one("a", more)+one("b", more), "lint", "-")
		if n := strings.Count(out, "is already bound by TargetGroupBinding default/"); n != want ||
			strings.Count(out, "(spec.targetGroupARN) [TargetGroupBound]\n  → set spec.multiClusterTargetGroup: true") != want {
			t.Errorf("%d findings, want %d:\n%s", n, want, out)
		}
	}
}

// TestLintWarnsOfRoleOfAnotherAccount has bindings whose role is of the account of the target group, and of
// another one.
func TestLintWarnsOfRoleOfAnotherAccount(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		"serviceRef: {name: web, port: 80}, iamRoleArnToAssume: 'arn:aws:iam::888888888888:role/x'": "the role is of account " +
			"888888888888, and the target group of account 123456789012",
		"serviceRef: {name: web, port: 80}, iamRoleArnToAssume: 'arn:aws:iam::123456789012:role/x'": "",
	} {
		out, _, err := lbc(t, "apiVersion: elbv2.k8s.aws/v1beta1\nkind: TargetGroupBinding\nmetadata: {name: b}\nspec: "+
			"{targetGroupARN: 'arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/web/1234567890abcdef', "+
			"targetType: ip, "+spec+"}\n---"+boundServices, "lint", "-")
		if warned := strings.Contains(out, "warning: TargetGroupBinding default/b: "); err != nil || warned != (want != "") ||
			!strings.Contains(out, want) {
			t.Errorf("%s: %v\n%s", spec, err, out)
		}
	}
}
