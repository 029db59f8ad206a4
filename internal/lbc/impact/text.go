package impact

import (
	"fmt"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Text returns the report for people: the units that change, then the exposure; empty if there is nothing to say.
func (r *Report) Text() string {
	if r.Empty() {
		return ""
	}
	var b strings.Builder
	for _, u := range r.Bill {
		if !u.Changes() {
			continue
		}
		if b.Len() == 0 {
			b.WriteString("bill:\n")
		}
		fmt.Fprintf(&b, "  %s  %s → %s\n", pad(u.Unit, r.wide()), number(u.Before, u.UnknownBefore), number(u.After,
			u.UnknownAfter))
	}
	if len(r.Exposure) > 0 {
		b.WriteString("exposure:\n")
	}
	for _, c := range r.Exposure {
		sign := " "
		if c.Exposes {
			sign = "!"
		}
		fmt.Fprintf(&b, "  %s %s: %s\n", sign, c.Of, diag.Visible(c.sentence()))
	}
	if len(r.Unknown) > 0 {
		b.WriteString("unknown:\n")
	}
	for _, u := range r.Unknown {
		fmt.Fprintf(&b, "  ? %s: %s\n", u.Of, diag.Visible(u.What))
	}
	return b.String()
}

// Markdown returns the report as tables; empty if there is nothing to say.
func (r *Report) Markdown() string {
	if r.Empty() {
		return ""
	}
	var b strings.Builder
	if changed := r.changed(); len(changed) > 0 {
		b.WriteString("\n| Bill | Before | After |\n|---|---:|---:|\n")
		for _, u := range changed {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", u.Unit, number(u.Before, u.UnknownBefore), number(u.After, u.UnknownAfter))
		}
	}
	if len(r.Exposure)+len(r.Unknown) > 0 {
		b.WriteString("\n| | Exposure | Of |\n|---|---|---|\n")
	}
	for _, c := range r.Exposure {
		sign := ""
		if c.Exposes {
			sign = "**!**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", sign, cell(c.sentence()), cell(c.Of))
	}
	for _, u := range r.Unknown {
		fmt.Fprintf(&b, "| ? | %s | %s |\n", cell("unknown: "+u.What), cell(u.Of))
	}
	return b.String()
}

// cell is a text in a table of Markdown: as code, which shows it as it is.
func cell(s string) string {
	return "`" + strings.NewReplacer("|", "¦", "`", "'").Replace(diag.Visible(s)) + "`"
}

func (r *Report) changed() (out []Unit) {
	for _, u := range r.Bill {
		if u.Changes() {
			out = append(out, u)
		}
	}
	return out
}

func (r *Report) wide() (n int) {
	for _, u := range r.changed() {
		n = max(n, len(u.Unit))
	}
	return n
}

func pad(s string, width int) string { return s + strings.Repeat(" ", max(0, width-len(s))) }

func number(known, unknown int) string {
	switch {
	case unknown == 0:
		return fmt.Sprint(known)
	case known == 0:
		return "unknown"
	}
	return fmt.Sprintf("%d, and unknown of %d more", known, unknown)
}

// sentence says what changes.
func (c *Change) sentence() string {
	change := c.Before + " → " + c.After
	var text string
	switch c.Kind {
	case Opens, Closes:
		text = fmt.Sprintf("%s %s to %s", c.Where, c.Kind, strings.Join(c.To, ", "))
		if c.Before != "" && c.After != "" && c.Before != nobody && c.After != nobody {
			text += "; open to: " + change
		}
		return text
	case LosesLogin:
		text = "a login or token check is lost"
	case ChangesLogin:
		text = "another login"
	case LosesCertificate:
		text = "the check of client certificates is lost"
	case LosesProtection:
		text = "a protection is lost"
	case ChangesProtection:
		text = "another protection"
	case Reaches:
		text = "requests reach backends or paths that they did not reach before"
	case Fails:
		text = "requests fail"
	case Unserved:
		text = "requests are no longer served"
	case Renames:
		text = "another DNS name"
	}
	text = fmt.Sprintf("%s: %s: %s", c.Where, text, change)
	if c.Example != "" {
		text += "; such as " + c.Example
	}
	if len(c.Hosts) > 0 && !strings.HasPrefix(c.Where, "host ") {
		text += "; hosts: " + diag.Some(c.Hosts)
	}
	return text
}
