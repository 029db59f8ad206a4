package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Text returns the explanation as text. color adds ANSI colours.
func (e *Explanation) Text(color bool) string {
	t := &Page{Color: color}
	t.Line("%s", t.Bold(e.Object))
	if e.Deletion != nil {
		e.Deletion.text(t)
		return t.String()
	}
	if e.Gateway != nil {
		e.Gateway.text(t, e.focused)
	}
	if e.LoadBalancer == nil {
		t.Line("  cannot be built; existing resources are not changed")
	} else {
		e.overview(t)
		for i := range e.Listeners {
			if l := e.Listeners[i]; !e.focused {
				l.text(t)
			} else if l.concerns(e.Gateway) {
				l.focus(t)
			}
		}
		for i := range e.TargetGroups {
			if e.TargetGroups[i].Mine {
				e.TargetGroups[i].text(t)
			}
		}
	}
	t.Findings(e.Findings)
	if e.Request != nil {
		t.Line("")
		e.Request.text(t)
	}
	return t.String()
}

// Line returns a finding on one line, as in events.
func (f Finding) Line() string {
	out := f.Message
	if f.Field != "" {
		out += " (" + f.Field + ")"
	}
	if f.Remedy != "" {
		out += "; " + f.Remedy
	}
	return out + " [" + f.Reason + "]"
}

func (e *Explanation) overview(t *Page) {
	if e.focused {
		e.LoadBalancer.title(t, "Load balancer")
		return
	}
	if len(e.Members) > 1 && e.Gateway == nil {
		t.Line("  members of its load balancer, in the order of their rules: %s", strings.Join(e.Members, ", "))
	}
	e.LoadBalancer.text(t, "Load balancer")
	if e.Frontend != nil {
		e.Frontend.text(t, "Network load balancer in front")
	}
}

// Invalid reports whether something of the object is not accepted.
func (e *Explanation) Invalid() bool { return e.Gateway != nil && e.Gateway.invalid() }

func (lb *LoadBalancer) text(t *Page, what string) {
	lb.title(t, what)
	t.Fields(lb.Fields)
}

func (lb *LoadBalancer) title(t *Page, what string) {
	state := "does not exist yet"
	if lb.ARN != "" {
		state = lb.DNSName + ", " + cmp.Or(lb.State, "state unknown")
	}
	t.Line("")
	t.Line("%s (%s)", t.Bold(what+" "+lb.Name), state)
}

// concerns reports whether a listener of the load balancer serves what an explanation of a part of a Gateway shows.
func (l *Listener) concerns(g *Gateway) bool {
	return slices.ContainsFunc(g.Listeners, func(d GatewayListener) bool { return d.Port == l.Port && d.Problem == "" })
}

// focus is the listener as a part of a Gateway sees it: its own rules only, with their places among all.
func (l *Listener) focus(t *Page) {
	own := *l
	own.Rules = slices.DeleteFunc(slices.Clone(l.Rules), func(r Rule) bool { return !r.Mine })
	if len(l.Rules) > 0 { // of a network load balancer there are none
		own.Fields = nil
	}
	own.text(t)
	if n := len(l.Rules) - len(own.Rules); n > 0 {
		t.Line("  and %d of other objects", n)
	}
}

func (l *Listener) text(t *Page) {
	t.Line("")
	state := ""
	if !l.Exists {
		state = " (does not exist yet)"
	}
	what := "Listener"
	if l.Frontend {
		what = "Listener in front,"
	}
	t.Line("%s%s", t.Bold(fmt.Sprintf("%s %s %d", what, l.Protocol, l.Port)), state)
	t.Fields(l.Fields)
	if len(l.Rules) == 0 {
		return
	}
	t.Line("  rules, in the order of evaluation:")
	wide, owner := 0, 0
	for _, r := range l.Rules {
		wide, owner = max(wide, Width(r.Conditions)), max(owner, Width(r.Owner))
	}
	wide = min(wide, 60)
	for _, r := range l.Rules {
		at := "new"
		if r.Priority > 0 {
			at = fmt.Sprint(r.Priority)
		}
		text := fmt.Sprintf("  %3d  %-5s  %s  → %s", r.Order, at, Pad(r.Conditions, wide), r.Action)
		if r.Mine {
			text = t.Green(text)
		}
		t.Line("%s", text)
		where := strings.TrimSpace(r.Owner + " " + r.Source)
		if r.Configuration != "" {
			where += ", " + r.Configuration
		}
		t.Line("              %s", t.Dim(where))
	}
}

func (g *TargetGroup) text(t *Page) {
	t.Line("")
	state := " (does not exist yet)"
	if g.ARN != "" {
		state = ""
	}
	t.Line("%s%s", t.Bold("Target group "+g.ID+", "+g.Name), state)
	t.Fields(g.Fields)
	if g.Targets != nil {
		t.Line("  targets: %s", cmp.Or(health(g.Targets), "none"))
	}
	for _, x := range slices.DeleteFunc(slices.Clone(g.Targets), func(x Target) bool { return x.Health == "healthy" }) {
		t.Line("    %s:%d %s %s", x.ID, x.Port, x.Health, x.Reason)
	}
}

func (w *Walk) text(t *Page) {
	t.Line("%s", t.Bold(w.Request))
	if w.Listener != "" {
		text := w.Listener
		if w.Of != "" {
			text += ", for listener " + w.Of + " of the Gateway"
		}
		t.Line("  reaches listener %s", text)
	}
	if w.Problem != "" {
		t.Line("  %s", w.Problem)
		return
	}
	for _, r := range w.Tried {
		name := "rule " + r.Rule
		if r.Rule == "default" {
			name = "no rule matches: the default of the listener"
		}
		if r.Failed != "" {
			t.Line("  %s %s (%s): %s", t.Dim("✗"), name, r.Owner, r.Failed)
			continue
		}
		text := name
		if r.Rule != "default" {
			text += ": " + r.Conditions
		}
		t.Line("  %s %s", t.Green("✓"), text)
		if where := strings.TrimSpace(r.Owner + " " + r.Source); where != "" {
			t.Line("    %s", t.Dim(where))
		}
	}
	t.Line("  → %s", w.Result)
	for _, s := range w.TargetGroups {
		text := s.ID
		if len(w.TargetGroups) > 1 {
			text = s.Chance + " " + text
		}
		if s.Health != "" {
			text += ": " + s.Health
		}
		t.Line("    %s", text)
	}
	if w.Stopped != "" {
		t.Line("    %s", w.Stopped)
	}
	if w.Next != nil {
		w.Next.text(t)
	}
}

// Page is text that is being rendered.
type Page struct {
	strings.Builder
	Color bool // adds ANSI colours
}

// Line adds a line, without blanks at its end.
func (p *Page) Line(format string, args ...any) {
	p.WriteString(strings.TrimRight(diag.VisibleStyled(fmt.Sprintf(format, args...)), " ") + "\n")
}

// Findings adds a heading and a line for each finding, if there are any.
func (p *Page) Findings(all []Finding) {
	if len(all) > 0 {
		p.Line("")
		p.Line("%s", p.Bold("Findings"))
	}
	for _, f := range all {
		p.Line("  %s: %s: %s", f.Severity, f.Object, f.Line())
	}
}

// Fields adds a line for each field: its name, its value, and where that comes from.
func (p *Page) Fields(fs []Field) {
	name, value := 0, 0
	for _, f := range fs {
		name, value = max(name, Width(f.Name)), max(value, Width(f.Value))
	}
	value = min(value, 40)
	for _, f := range fs {
		where := ""
		switch {
		case f.Source != "":
			where = p.Dim("← " + f.Source)
		case f.Default != "":
			where = p.Dim("(" + f.Default + ")")
		}
		p.Line("  %s  %s  %s", Pad(f.Name, name), Pad(f.Value, value), where)
	}
}

func (p *Page) style(code, s string) string {
	if !p.Color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// Bold is text that stands out.
func (p *Page) Bold(s string) string { return p.style("1", s) }

// Dim is text that explains other text.
func (p *Page) Dim(s string) string { return p.style("2", s) }

// Green is text about what is as it should be.
func (p *Page) Green(s string) string { return p.style("32", s) }

// Width returns the number of columns of a text.
func Width(s string) int { return len([]rune(s)) }

// Pad adds blanks up to a width.
func Pad(s string, to int) string { return s + strings.Repeat(" ", max(0, to-Width(s))) }

// Text returns the walk as text.
func (w *Walk) Text(color bool) string {
	t := &Page{Color: color}
	w.text(t)
	return t.String()
}
