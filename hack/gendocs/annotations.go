package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/k8s-lbc/lbc/hack/comments"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
)

// annotations is the reference page of all annotations, in Markdown. root is the directory of the module.
func annotations(root string) (string, error) {
	texts, err := comments.OfRows(filepath.Join(root, "internal/kube/annotation"))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(`# Annotations

For users who annotate Ingresses, Services and Gateways.
Afterwards you know each annotation, how to write its value, and what a mistake costs.

This page is generated from the controller's own table (` + "`internal/kube/annotation`" + `) by ` +
		"`make generate`" + `.

How values are written:

| Syntax | Grammar |
|---|---|
| string | taken as it is, not trimmed |
| bool | ` + "`true`, `false`, `1`, `0`, `t`, `f`, `T`, `F`, `TRUE`, `FALSE`, `True`, `False`" + ` |
| int32, int64 | a decimal number without blanks |
| list | items separated by commas; blanks around items and empty items are dropped; there is no escaping |
| map | ` + "`key=value`" +
		` items separated by commas; blanks around keys and values are dropped; a backslash takes the next character literally, so ` + "`\\,`" + ` is a comma in a value; the last of several equal keys applies; a comma at the end is ignored |
| json | JSON; member names are matched without regard to case, unknown members have no effect, and a note names them; an edit that misspells one is invalid |

An invalid value is reported as an event on its object, with the annotation's name and the form of a valid value.
The other members of the object's group are not affected. An unknown key with one of the prefixes below is reported with the most
similar known key.

"Class field" is the field of IngressClassParams that takes precedence: if it is set, the annotation is not read (attributes and
tags: per key). "In a group" is how the values of several Ingresses of a group combine. "A mistake costs" is what is not created or
changed while the value is invalid: the member's own routes, a listener, the load balancer that the group shares, the network load
balancer in front of it, a certificate, or an add-on that traffic does not depend on.
`)
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
All other settings of Gateways are fields of [their configurations](gateway-reference.md). Annotations of Ingresses and Services have no effect on Gateways, and no annotation has any on
routes; a note says so. Behind a Gateway, annotations of a Service that is a backend have no effect either. Annotations with prefix ` + "`gateway.k8s.aws.addon.`" + ` are records of the
controller: which add-ons it has to take away once the configuration has them no more.
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
