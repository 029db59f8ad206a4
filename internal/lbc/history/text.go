package history

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/view/timeline"
)

// timeFormat is that of times on a screen.
const timeFormat = "2006-01-02T15:04:05Z"

// Text returns a list for a screen: a line for each entry, and one below it for each step of a plan.
func Text(all []timeline.Entry) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "TIME\tWHAT\tOBJECT\tBY\tTEXT")
	for _, e := range all {
		text := e.Text
		switch {
		case e.Times > 1 && e.Until != nil:
			text += fmt.Sprintf(" (%d times, until %s)", e.Times, e.Until.UTC().Format(timeFormat))
		case e.Times > 1:
			text += fmt.Sprintf(" (%d times)", e.Times)
		}
		if e.RequestID != "" {
			text += " [" + e.RequestID + "]"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.Time.UTC().Format(timeFormat), e.Kind, shown(e.Object), shown(e.By),
			shown(text))
		for _, s := range e.Steps {
			fmt.Fprintf(w, "\t\t\t\t  %s\n", shown(s))
		}
	}
	_ = w.Flush()
	return b.String()
}

// shown is a text in one line, without what a terminal would not show as it is.
func shown(s string) string {
	if s == "" {
		return "-"
	}
	return diag.Visible(strings.Join(strings.Fields(s), " "))
}
