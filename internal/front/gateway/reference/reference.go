// Package reference has the tables of what the fields of LoadBalancerConfigurations, TargetGroupConfigurations and
// ListenerRuleConfigurations effect in AWS. It makes docs/gateway-reference.md of the tables and of the schemas in
// config/crd, which have the types. It reads no files, and the controller does not need it.
package reference

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
)

// entry is what a field does.
type entry struct {
	path string // as in the schema: listenerConfigurations[].protocolPort
	of   family
	// of LoadBalancerConfigurations, where class and Gateway have one each; empty for parts of fields that are merged as a
	// whole
	merge   string
	absent  string // what holds without the field, unless the schema has a default
	effect  string
	ignored bool // it has no effect
}

// family is the load balancers that a field is for.
type family string

// The families.
const (
	both family = "both"
	alb  family = "ALB"
	nlb  family = "NLB"
)

// How the values of class and Gateway combine.
const (
	one      = "one"
	perKey   = "per key"
	perEntry = "per protocolPort"
)

// Kinds are the names of the files of the definitions in config/crd.
var Kinds = []string{
	"gateway.k8s.aws_loadbalancerconfigurations.yaml", "gateway.k8s.aws_targetgroupconfigurations.yaml",
	"gateway.k8s.aws_listenerruleconfigurations.yaml",
}

// tables are in the order of Kinds.
func tables() [][]entry { return [][]entry{loadBalancer, targetGroup(), listenerRule()} }

const head = `# Reference of the configurations of Gateways

For application and platform teams who configure Gateways.
Afterwards you know each field of the three kinds, and what it sets.

This page is generated; ` + "`make generate`" + ` writes it.

Three namespaced kinds of the API group ` + "`gateway.k8s.aws`" +
	` configure settings for which the Gateway API has no fields.
The version is ` + "`v1`" + `; ` + "`v1beta1`" + ` has the same fields and is deprecated.
[` + "`lbc explain gateway NAME`" + `](lbc.md) shows where each setting of a load balancer comes from, and ` +
	"`lbc lint`" + ` checks manifests.

| Kind | Named by | Configures |
|---|---|---|
| LoadBalancerConfiguration | ` + "`spec.parametersRef`" + ` of a GatewayClass, with a namespace; ` +
	"`spec.infrastructure.parametersRef`" +
	` of a Gateway, in its namespace | the load balancer, its listeners and its security group |
| TargetGroupConfiguration | ` + "`defaultTargetGroupConfiguration`" +
	` of a LoadBalancerConfiguration, if it has no ` + "`targetReference`" + `; otherwise, its own ` +
	"`targetReference`" + ` names a Service or Gateway of its namespace | target groups |
| ListenerRuleConfiguration | a filter of type ExtensionRef in a rule of an HTTPRoute or GRPCRoute, in the route's namespace; one ListenerRuleConfiguration for each rule | rules of an ALB |

Required fields are in bold.
The column *Load balancers* names the family of load balancers to which a field applies; *both* means ALB and NLB. On load balancers of another family, the field has no effect, and an event on the Gateway says so.
If you remove a setting, it returns to its default, unless its row says otherwise.
`

var titles = []string{`
## LoadBalancerConfiguration

If both the GatewayClass and the Gateway have a LoadBalancerConfiguration, the column *Class and Gateway* says how the values of the two configurations combine:

| Value | Meaning |
|---|---|
| *one* | the whole value of the preferred configuration; if the preferred configuration does not have the field, the whole value of the other configuration |
| *per key*, *per protocolPort* | the entries of both configurations; if both have an entry, the entry of the preferred configuration applies |

The configuration of the GatewayClass is preferred, unless it has ` + "`mergingMode: prefer-gateway`" + `.

| Field | Type | Default | Load balancers | Class and Gateway | In AWS |
|---|---|---|---|---|---|
`, `
## TargetGroupConfiguration

For a target group of a route and a Service, each field has the first value that exists in this order:

1. the best match in ` + "`routeConfigurations`" +
	` of the Service's own TargetGroupConfiguration: the route itself, then its kind and namespace, then its kind;
2. ` + "`defaultConfiguration`" + ` of the Service's own TargetGroupConfiguration;
3. the same two fields of the preferred default configuration (the configuration of the GatewayClass, unless ` + "`mergingMode`" + ` says otherwise);
4. ` + "`defaultConfiguration`" + ` of the other default configuration.

Attributes and tags are combined by key. If two TargetGroupConfigurations name one Service, the configuration whose name is first in alphabetical order applies, and an event says so. If you edit a ` + "`targetReference`" + ` or ` + "`routeIdentifier`" + ` so that it names nothing, no target group changes.

| Field | Type | Default | Load balancers | In AWS |
|---|---|---|---|---|
`, `
## ListenerRuleConfiguration

A rule uses all of a ListenerRuleConfiguration or nothing of it. The status of the ListenerRuleConfiguration has ` + "`accepted`" +
	`, with a reason if it is false.
If the ListenerRuleConfiguration does not exist, the rule answers 500.
If the ListenerRuleConfiguration is not accepted, a rule that served before keeps its last valid version, and a new rule answers 500.
A ListenerRuleConfiguration can have at most one of the actions ` + "`authenticate-oidc`, `authenticate-cognito`, `jwt-validation`, and at most one " +
	"of `fixed-response`, `forward`, `redirect`" + `.
HTTP listeners do not serve a rule with authentication.

| Field | Type | Default | Load balancers | In AWS |
|---|---|---|---|---|
`}

// Page returns the page, made of the definitions in the order of Kinds, and of the texts of annotations by key.
func Page(definitions [][]byte, texts map[string]string) (string, error) {
	var b strings.Builder
	b.WriteString(head)
	for i, table := range tables() {
		all, err := fields(definitions[i])
		if err != nil {
			return "", fmt.Errorf("%s: %w", Kinds[i], err)
		}
		for _, f := range all {
			path := f.path
			if same, ok := strings.CutPrefix(path, ofRoutes); ok {
				path = ofAll + same
			}
			if !slices.ContainsFunc(table, func(e entry) bool { return e.path == path }) {
				return "", fmt.Errorf("%s: the table has no row for %s", Kinds[i], path)
			}
		}
		b.WriteString(titles[i])
		for _, e := range table {
			at := slices.IndexFunc(all, func(f field) bool { return f.path == e.path })
			if at < 0 {
				return "", fmt.Errorf("%s has no field %s", Kinds[i], e.path)
			}
			b.WriteString(e.row(all[at], i == 0))
		}
	}
	b.WriteString("\n## Annotations of Gateways\n\n| Annotation | Type | Default | Meaning |\n|---|---|---|---|\n")
	for _, a := range annotation.Entries() {
		if !strings.HasPrefix(string(a.Key), annotation.GatewayPrefix) {
			continue
		}
		by := ""
		if a.Scope == annotation.Written {
			by = "Written by the controller. "
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s%s. |\n", a.Key, a.Syntax, code(a.Default), by,
			texts[string(a.Key)])
	}
	return b.String(), nil
}

func (e entry) row(f field, merged bool) string {
	name := code(e.path)
	if f.required {
		name = "**" + name + "**"
	}
	absent := e.absent
	if f.schema.Default != nil {
		absent = code(fmt.Sprint(f.schema.Default))
		if f.schema.Default == "" {
			absent = "the core group"
		}
	}
	effect := e.effect
	if e.ignored {
		effect = "No effect: " + effect
	}
	columns := []string{name, text(f.schema), absent, string(e.of)}
	if merged {
		columns = append(columns, e.merge)
	}
	return "| " + strings.Join(append(columns, effect), " | ") + " |\n"
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}
