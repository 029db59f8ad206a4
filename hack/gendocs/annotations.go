package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
)

// annotationsIntro is the part of the page above the tables.
const annotationsIntro = `# Annotations

For users who annotate Ingresses, Services and Gateways.
Afterwards you know each annotation, how to write its value, and what a mistake costs.

` + "`make generate`" + ` writes this page from the table that the controller uses to read annotations (` +
	"`internal/kube/annotation`" + `).

## Values

| Syntax | How to write a value |
|---|---|
| string | any text. Blanks at the beginning and end are part of the value |
| bool | ` + "`true`, `false`, `1`, `0`, `t`, `f`, `T`, `F`, `TRUE`, `FALSE`, `True`, `False`" + ` |
| int32, int64 | a decimal number without blanks |
| list | items separated by commas. The controller ignores empty items and the blanks around items. An item cannot contain a comma |
| map | ` + "`key=value`" +
	` items separated by commas. The controller ignores the blanks around keys and values, and a comma at the end. A backslash makes the next character part of the value: ` + "`\\,`" + ` is a comma. If a key occurs twice, its last value applies |
| json | JSON. The names of fields are not case-sensitive. The controller ignores an unknown field, and an event with reason Note names the field ([findings](findings.md)). Exception: if an edit adds a misspelled field, the value is invalid. An unknown field counts as misspelled if its name resembles a known field that the value does not contain. In the annotations conditions, jwt-validation, auth-idp-cognito and auth-idp-oidc, every unknown field counts as misspelled. In these four annotations, a misspelled field makes the value invalid on a new Ingress, too, not only after an edit |

If a value is invalid, an event on the object names the annotation and says how to write a valid value.
Ingresses with the same group name, or Services with the same group name, share one load balancer and are a *group*.
An invalid value does not affect the other objects of the group, unless the controller runs with [--strict-groups](flags.md).
If an annotation has one of the prefixes below but is unknown, an event reports the annotation and, if possible, suggests a known annotation.
On Services, the event reports only annotations that begin with service.beta.kubernetes.io/aws-load-balancer-.

## Columns

| Column | Meaning |
|---|---|
| Read on | the kinds of objects on which the controller reads the annotation. If an Ingress and its backend Service both have the annotation, the value of the Service applies, unless the column Meaning says otherwise |
| Default | the value or the effect without the annotation. A name that begins with -- is a [flag](flags.md); the default of the flag follows in parentheses |
| Class field | the field that takes precedence over the annotation. The field is in the [IngressClassParams](reference.md#ingressclassparams) that the IngressClass of the Ingress names in spec.parameters. If the field is set, the controller ignores the annotation. Exception: in annotations for attributes and tags, the controller ignores only the keys that the field contains. If the value of an ignored annotation differs from the field, an event with reason Note on the Ingress names the annotation |
| In a group | how the values of the Ingresses of a group (*members*) combine. *shared*: one value applies to all members. If a member declares a different value, the effect depends on the annotation ([details](shared/annotations.md)). The controller ignores the value of this member, or serves the [last valid version](shared/last-valid-version.md) of this member. *shared, per port* and *shared, per key*: one value for each port or key applies to all members. *added by each, per port*: for each port, the values of all members apply. [Annotations in a group](shared/annotations.md) has the rule for each annotation, even if this cell is empty. A [policy](shared/policies.md), such as drift-policy, applies to a group only if its object is in a [namespace that decides](shared/policies.md#which-namespaces-decide). By default, only the namespace of the oldest member decides |
| A mistake costs | the part of the object that an invalid value affects ([effects and exceptions](shared/invalid-edits.md#what-a-mistake-affects)). *route*: rules and target groups of the object. *load balancer*: settings of the load balancer. *frontend*: the network load balancer in front of the ALB. *add-on*: a setting on which no traffic depends. If the part is a route, a listener or the load balancer, the last valid version of the whole object serves: other edits wait, too. If the part is a certificate, the frontend or an add-on, the controller does not create or change this part, and all other settings apply. If an Ingress never had a valid version, its hosts and paths answer 503. If a policy, such as ownership, is invalid, its last valid value applies; without such a value, the policy has no effect ([exceptions](shared/policies.md#what-a-policy-does-in-a-group)). For annotations that the controller itself writes, this column has no meaning |
`

// annotations is the reference page of all annotations, in Markdown. root is the directory of the module.
func annotations(root string) (string, error) {
	texts, err := rowComments(filepath.Join(root, "internal/kube/annotation"))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(annotationsIntro)
	table := func(title, prefix string) {
		fmt.Fprintf(&b, "\n## %s: `%s…`\n\n| Annotation | Syntax | Read on | Default | Class field | In a group | A "+
			"mistake costs | Meaning |\n|---|---|---|---|---|---|---|---|\n", title, prefix)
		for _, e := range annotation.Entries() {
			if name, ok := strings.CutPrefix(string(e.Key), prefix); ok {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s | %s | %s |\n",
					name+e.Family, syntax(e), e.Scope, cell(e.Default), code(e.Class), cell(e.Merge), e.Affects,
					cell(texts[string(e.Key)])+". Example: "+code(e.Example))
			}
		}
	}
	table("Ingresses, and Services behind them", annotation.IngressPrefix)
	table("Services of type LoadBalancer", annotation.ServicePrefix)
	table("Gateways", annotation.GatewayPrefix)
	b.WriteString(`
All other settings of Gateways are fields of the [configurations of Gateways](gateway-reference.md).

These annotations have no effect, and an event with reason Note on the object reports this:

- annotations for Ingresses and Services, on a Gateway;
- any annotation of this page, on a route of the Gateway API, such as an HTTPRoute;
- any annotation of this page, on a Service that is a backend only of routes and has no load balancer of its own.

The controller itself writes annotations to Gateways, with prefix ` + "`gateway.k8s.aws.addon.`" + `.
These annotations record which add-ons (web ACL, Shield protection, reserved capacity) the controller must remove when the configuration no longer contains them.
`)
	return b.String(), nil
}

// syntax is how the value of an annotation is written.
func syntax(e annotation.Entry) string {
	s := string(e.Syntax)
	if e.Values != nil {
		quoted := make([]string, len(e.Values))
		for i, v := range e.Values {
			quoted[i] = code(v)
		}
		return strings.Join(quoted, ", ")
	}
	if e.Min != e.Max {
		s += fmt.Sprintf(", %d to %d", e.Min, e.Max)
	}
	return s
}

// cell keeps text from ending a table cell or opening a tag.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;", ">", "&gt;").Replace(s)
}

// code is text of a table cell as code.
func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(s, "|", "\\|") + "`"
}
