package addition

import (
	"fmt"
	"strings"
)

// Page is the table as a section of docs/tasks/going-back.md, in Markdown.
func Page() string {
	var b strings.Builder
	for _, part := range []struct {
		title string
		sorts []Sort
	}{
		{"What objects declare", []Sort{Annotation, Label, Field}},
		{"What the controller writes", []Sort{Kind, Finalizer, Tag, Condition}},
	} {
		fmt.Fprintf(&b, "### %s\n\n| Addition | Effect | Under the existing controller | Before |\n|---|---|---|---|\n", part.title)
		for _, sort := range part.sorts {
			for _, rows := range joined(sort) {
				fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", title(rows), rows[0].Effect, cell(rows[0].After), cell(rows[0].Before))
			}
		}
		b.WriteString("\n")
	}
	b.WriteString("### Flags and feature gates\n\nRemove them in the same edit that changes the image: the existing controller does not start with an unknown flag or gate. Helm removes those of the chart's values.\n\n" +
		"| Flag or gate | Without it, under the existing controller |\n|---|---|\n")
	for _, r := range rows {
		if r.Sort == Flag {
			fmt.Fprintf(&b, "| `--%s` | %s |\n", r.Name, cell(r.After))
		}
		if r.Sort == Gate {
			fmt.Fprintf(&b, "| feature gate `%s` | %s |\n", r.Name, cell(r.After))
		}
	}
	return b.String()
}

// joined are the rows of a sort; those with the same text are one line.
func joined(sort Sort) (out [][]Row) {
	at := map[string]int{}
	for _, r := range rows {
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
func title(rows []Row) string {
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

func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;").Replace(s)
}
