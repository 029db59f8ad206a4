package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/k8s-lbc/lbc/hack/comments"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
)

// annotationsIntro is the part of the page above the tables.
const annotationsIntro = `# Annotations

For users who annotate Ingresses, Services and Gateways.
Afterwards you know each annotation, how to write its value, and what a mistake costs.

` + "`make generate`" + ` writes this page from the table by which the controller reads annotations (` +
	"`internal/kube/annotation`" + `).

## Values

| Syntax | How to write a value |
|---|---|
| string | any text; the controller does not trim it |
| bool | ` + "`true`, `false`, `1`, `0`, `t`, `f`, `T`, `F`, `TRUE`, `FALSE`, `True`, `False`" + ` |
| int32, int64 | a decimal number without blanks |
| list | items separated by commas. The controller ignores empty items and the blanks around items. An item cannot contain a comma |
| map | ` + "`key=value`" +
	` items separated by commas. The controller ignores the blanks around keys and values, and a comma at the end. A backslash makes the next character part of the value: ` + "`\\,`" + ` is a comma. If a key occurs twice, its last value applies |
| json | JSON. The names of members are not case-sensitive. An unknown member has no effect, and a note names the member. An edit that misspells the name of a member is invalid |

If a value is invalid, an event on the object names the annotation and says how to write a valid value.
The other members of its group are not affected.
If a key has one of the prefixes below and is unknown, an event names the most similar known key.

## Columns

| Column | Meaning |
|---|---|
| Read on | the kinds of objects on which the controller reads the annotation |
| Class field | the field of IngressClassParams that takes precedence. If the field is set, the controller ignores the annotation. For attributes and tags, the controller ignores only keys that the field has. If the value of an ignored annotation differs from the field, a note on the Ingress names the annotation |
| In a group | how the values of several Ingresses of a group combine |
| A mistake costs | what the controller does not create or change while the value is invalid. *route*: routes of the object. *listener*: a listener. *load balancer*: the load balancer, which a group shares. *frontend*: the network load balancer in front of the ALB. *certificate*: a certificate. *add-on*: a setting on which no traffic depends |
`

// annotations is the reference page of all annotations, in Markdown. root is the directory of the module.
func annotations(root string) (string, error) {
	texts, err := comments.OfRows(filepath.Join(root, "internal/kube/annotation"))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(annotationsIntro)
	table := func(title, prefix string) {
		fmt.Fprintf(&b, "\n## %s: `%s…`\n\n| Annotation | Syntax | Read on | Default | Class field | In a group | A "+
			"mistake costs | |\n|---|---|---|---|---|---|---|---|\n", title, prefix)
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
All other settings of Gateways are fields of [their configurations](gateway-reference.md).

These annotations have no effect, and a note on the object says so:

- annotations of Ingresses and Services on a Gateway;
- any annotation on a route;
- annotations of a Service that is a backend only of routes.

The controller itself writes annotations with prefix ` + "`gateway.k8s.aws.addon.`" + `.
They record that the controller must remove a web ACL, a Shield protection or reserved capacity when the configuration no longer has it.
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
