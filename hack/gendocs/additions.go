package main

import (
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/addition"
)

// additions is the table of additions as a section of docs/tasks/going-back.md, in Markdown.
func additions() string {
	var b strings.Builder
	for _, part := range []struct {
		title string
		sorts []addition.Sort
	}{
		{"What objects declare", []addition.Sort{addition.Annotation, addition.Label, addition.Field}},
		{"What the controller writes", []addition.Sort{addition.Kind, addition.Finalizer, addition.Tag, addition.Condition}},
	} {
		fmt.Fprintf(&b, "### %s\n\n| Addition | Effect | Under the existing controller | Before you go back |\n"+
			"|---|---|---|---|\n", part.title)
		for _, sort := range part.sorts {
			for _, rows := range joined(sort) {
				fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", title(rows), rows[0].Effect, cell(rows[0].After), cell(rows[0].Before))
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("### Flags and feature gates\n\nRemove these flags and gates in the same edit that changes the image: " +
		"the existing controller does not start with an unknown flag or gate.\n`helm rollback` restores the " +
		"earlier values, and so removes the flags and gates that you set in values.\n\n" +
		"| Flag or gate | Effect | Without it, under the existing controller |\n|---|---|---|\n")
	for _, r := range addition.Table() {
		if r.Sort == addition.Flag {
			fmt.Fprintf(&b, "| `--%s` | %s | %s |\n", r.Name, r.Effect, cell(r.After))
		}
		if r.Sort == addition.Gate {
			fmt.Fprintf(&b, "| feature gate `%s` | %s | %s |\n", r.Name, r.Effect, cell(r.After))
		}
	}
	return b.String()
}

// joined are the rows of a sort; those with the same text are one line.
func joined(sort addition.Sort) (out [][]addition.Row) {
	at := map[string]int{}
	for _, r := range addition.Table() {
		if r.Sort != sort {
			continue
		}
		text := r.After + r.Before
		i, ok := at[text]
		if !ok {
			i, at[text], out = len(out), len(out), append(out, nil)
		}
		out[i] = append(out[i], r)
	}
	return out
}

// title names the additions of a line.
func title(rows []addition.Row) string {
	var names []string
	for _, r := range rows {
		names = append(names, "`"+r.Name+"`")
	}
	on := ""
	if r := rows[0]; r.On != "" {
		on = " of " + r.On
	}
	if r := rows[0]; len(r.Only) > 0 {
		on += " with value `" + strings.Join(r.Only, "`, `") + "`"
	} else if len(r.Harmless) > 0 {
		on += " with another value than `" + strings.Join(r.Harmless, "`, `") + "`"
	}
	if len(names) == 1 {
		return string(rows[0].Sort) + " " + names[0] + on
	}
	return string(rows[0].Sort) + "s " + strings.Join(names, ", ") + on
}
