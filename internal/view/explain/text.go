package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Text is the explanation as text. color adds ANSI colours.
func (e *Explanation) Text(color bool) string {
	t := &page{color: color}
	t.line("%s", t.bold(e.Object))
	if e.Gateway != nil {
		e.Gateway.text(t, e.focused)
	}
	if e.LoadBalancer == nil {
		t.line("  cannot be built; existing resources are not changed")
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
	if len(e.Findings) > 0 {
		t.line("")
		t.line("%s", t.bold("Findings"))
	}
	for _, f := range e.Findings {
		t.line("  %s: %s: %s", f.Severity, f.Object, f.message())
	}
	if e.Request != nil {
		t.line("")
		e.Request.text(t)
	}
	return t.String()
}

// message is a finding on one line, as in events.
func (f Finding) message() string {
	out := f.Message
	if f.Field != "" {
		out += " (" + f.Field + ")"
	}
	if f.Remedy != "" {
		out += "; " + f.Remedy
	}
	return out + " [" + f.Reason + "]"
}

func (e *Explanation) overview(t *page) {
	if e.focused {
		e.LoadBalancer.title(t, "Load balancer")
		return
	}
	if len(e.Members) > 1 && e.Gateway == nil {
		t.line("  members of its load balancer, in the order of their rules: %s", strings.Join(e.Members, ", "))
	}
	e.LoadBalancer.text(t, "Load balancer")
	if e.Frontend != nil {
		e.Frontend.text(t, "Network load balancer in front")
	}
}

// Invalid reports whether something of the object is not accepted.
func (e *Explanation) Invalid() bool { return e.Gateway != nil && e.Gateway.invalid() }

func (lb *LoadBalancer) text(t *page, what string) {
	lb.title(t, what)
	t.fields(lb.Fields)
}

func (lb *LoadBalancer) title(t *page, what string) {
	state := "does not exist yet"
	if lb.ARN != "" {
		state = lb.DNSName + ", " + cmp.Or(lb.State, "state unknown")
	}
	t.line("")
	t.line("%s (%s)", t.bold(what+" "+lb.Name), state)
}

// concerns reports whether a listener of the load balancer serves what an explanation of a part of a Gateway shows.
func (l *Listener) concerns(g *Gateway) bool {
	return slices.ContainsFunc(g.Listeners, func(d GatewayListener) bool { return d.Port == l.Port && d.Problem == "" })
}

// focus is the listener as a part of a Gateway sees it: its own rules only, with their places among all.
func (l *Listener) focus(t *page) {
	own := *l
	own.Rules = slices.DeleteFunc(slices.Clone(l.Rules), func(r Rule) bool { return !r.Mine })
	if len(l.Rules) > 0 { // of a network load balancer there are none
		own.Fields = nil
	}
	own.text(t)
	if n := len(l.Rules) - len(own.Rules); n > 0 {
		t.line("  and %d of other objects", n)
	}
}

func (l *Listener) text(t *page) {
	t.line("")
	state := ""
	if !l.Exists {
		state = " (does not exist yet)"
	}
	what := "Listener"
	if l.Frontend {
		what = "Listener in front,"
	}
	t.line("%s%s", t.bold(fmt.Sprintf("%s %s %d", what, l.Protocol, l.Port)), state)
	t.fields(l.Fields)
	if len(l.Rules) == 0 {
		return
	}
	t.line("  rules, in the order of evaluation:")
	wide, owner := 0, 0
	for _, r := range l.Rules {
		wide, owner = max(wide, width(r.Conditions)), max(owner, width(r.Owner))
	}
	wide = min(wide, 60)
	for _, r := range l.Rules {
		at := "new"
		if r.Priority > 0 {
			at = fmt.Sprint(r.Priority)
		}
		text := fmt.Sprintf("  %3d  %-5s  %s  → %s", r.Order, at, pad(r.Conditions, wide), r.Action)
		if r.Mine {
			text = t.green(text)
		}
		t.line("%s", text)
		where := strings.TrimSpace(r.Owner + " " + r.Source)
		if r.Configuration != "" {
			where += ", " + r.Configuration
		}
		t.line("              %s", t.dim(where))
	}
}

func (g *TargetGroup) text(t *page) {
	t.line("")
	state := " (does not exist yet)"
	if g.ARN != "" {
		state = ""
	}
	t.line("%s%s", t.bold("Target group "+g.ID+", "+g.Name), state)
	t.fields(g.Fields)
	if g.Targets != nil {
		t.line("  targets: %s", cmp.Or(health(g.Targets), "none"))
	}
	for _, x := range slices.DeleteFunc(slices.Clone(g.Targets), func(x Target) bool { return x.Health == "healthy" }) {
		t.line("    %s:%d %s %s", x.ID, x.Port, x.Health, x.Reason)
	}
}

func (w *Walk) text(t *page) {
	t.line("%s", t.bold(w.Request))
	if w.Listener != "" {
		text := w.Listener
		if w.Of != "" {
			text += ", for listener " + w.Of + " of the Gateway"
		}
		t.line("  reaches listener %s", text)
	}
	if w.Problem != "" {
		t.line("  %s", w.Problem)
		return
	}
	for _, r := range w.Tried {
		name := "rule " + r.Rule
		if r.Rule == "default" {
			name = "no rule matches: the default of the listener"
		}
		if r.Failed != "" {
			t.line("  %s %s (%s): %s", t.dim("✗"), name, r.Owner, r.Failed)
			continue
		}
		text := name
		if r.Rule != "default" {
			text += ": " + r.Conditions
		}
		t.line("  %s %s", t.green("✓"), text)
		if where := strings.TrimSpace(r.Owner + " " + r.Source); where != "" {
			t.line("    %s", t.dim(where))
		}
	}
	t.line("  → %s", w.Result)
	for _, s := range w.TargetGroups {
		text := s.ID
		if len(w.TargetGroups) > 1 {
			text = s.Chance + " " + text
		}
		if s.Health != "" {
			text += ": " + s.Health
		}
		t.line("    %s", text)
	}
	if w.Stopped != "" {
		t.line("    %s", w.Stopped)
	}
	if w.Next != nil {
		w.Next.text(t)
	}
}

// page is text that is being rendered.
type page struct {
	strings.Builder
	color bool
}

func (p *page) line(format string, args ...any) {
	p.WriteString(strings.TrimRight(diag.VisibleStyled(fmt.Sprintf(format, args...)), " ") + "\n")
}

func (p *page) fields(fs []Field) {
	name, value := 0, 0
	for _, f := range fs {
		name, value = max(name, width(f.Name)), max(value, width(f.Value))
	}
	value = min(value, 40)
	for _, f := range fs {
		where := ""
		switch {
		case f.Source != "":
			where = p.dim("← " + f.Source)
		case f.Default != "":
			where = p.dim("(" + f.Default + ")")
		}
		p.line("  %s  %s  %s", pad(f.Name, name), pad(f.Value, value), where)
	}
}

func (p *page) style(code, s string) string {
	if !p.color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *page) bold(s string) string  { return p.style("1", s) }
func (p *page) dim(s string) string   { return p.style("2", s) }
func (p *page) green(s string) string { return p.style("32", s) }

func width(s string) int { return len([]rune(s)) }

func pad(s string, to int) string { return s + strings.Repeat(" ", max(0, to-width(s))) }

// Text is the walk as text.
func (w *Walk) Text(color bool) string {
	t := &page{color: color}
	w.text(t)
	return t.String()
}
