package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/compile/rules"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// defaultBackendPath is where an Ingress declares its default backend.
const defaultBackendPath = "spec.defaultBackend"

// declaredRule is a rule as a member declares it. Its routes may be on several ports.
type declaredRule struct {
	member int
	source intent.Source
}

// reach is whether requests reach a declared rule.
type reach struct {
	reached bool
	hidden  *rules.Hidden // one of its rules that none reaches
	port    int32         // an HTTP port all of whose requests redirect
	leftOut bool          // a limit of AWS leaves out one of its rules
	parts   []hiddenPart  // matches, hosts and paths of it that no request reaches on a port, at most mostParts
	served  []servedPart  // its rules that requests reach
}

// mostParts bounds the hidden parts of a rule that are looked at.
const mostParts = 20

// hiddenPart are conditions of a declared rule that a rule in front hides on a port.
type hiddenPart struct {
	port       int32
	conditions []stack.Condition
	hidden     rules.Hidden
}

// servedPart are conditions of a declared rule that requests reach on a port.
type servedPart struct {
	port       int32
	conditions []stack.Condition
}

// hide records a part that no request reaches on a port.
func (r *reach) hide(port int32, h rules.Hidden) {
	part := h.Part
	if part == nil {
		part = h.Rule.Conditions
	}
	if h.By != nil && !ofListener(h.By.Route.Source.Object()) && len(r.parts) < mostParts {
		r.parts = append(r.parts, hiddenPart{port, part, h})
	}
}

// nowhere reports whether requests reach a hidden part on no other port either.
func (r *reach) nowhere(part *hiddenPart) bool {
	return !slices.ContainsFunc(r.served, func(s servedPart) bool {
		return s.port != part.port && overlap.Covers(s.conditions, part.conditions)
	})
}

// reachOf is what is known of a rule as declared.
func (b *build) reachOf(at declaredRule) *reach {
	r := b.reaches[at]
	if r == nil {
		if b.reaches == nil {
			b.reaches = map[declaredRule]*reach{}
		}
		r = &reach{}
		b.reaches[at] = r
		b.reachOrder = append(b.reachOrder, at)
	}
	return r
}

// reached records which rules of a port requests reach. dropped are those that the port does not get.
func (b *build) reached(port int32, all []rules.Rule, dropped []rules.Hidden) {
	hidden := rules.HiddenIn(all)
	whole := map[int]bool{}
	for _, h := range slices.Concat(hidden, dropped) {
		r := b.reachOf(declaredRule{h.Rule.Member, h.Rule.Route.Source})
		if r.hidden == nil && h.Part == nil {
			r.hidden = &h
		}
		r.hide(port, h)
	}
	for i := range hidden {
		whole[hidden[i].At] = whole[hidden[i].At] || hidden[i].Part == nil
	}
	for i := range all {
		if !whole[i] {
			r := b.reachOf(declaredRule{all[i].Member, all[i].Route.Source})
			r.reached, r.served = true, append(r.served, servedPart{port, all[i].Conditions})
		}
	}
}

// leftOut records a rule that a limit leaves out, and those that it was joined of.
func (b *build) leftOut(w *rules.Rule) {
	for _, source := range append(w.With, w.Route.Source) {
		b.reachOf(declaredRule{w.Member, source}).leftOut = true
	}
}

// redirected records the rules of a port whose requests all redirect to another one.
func (b *build) redirected(p *port) {
	for at, i := range p.members {
		source := p.listeners[at].DefaultSource
		if source.Path() != "" && !slices.ContainsFunc(b.members[i].Listeners, func(l intent.Listener) bool {
			return l.Port == b.settings.sslRedirect.Value
		}) {
			b.reachOf(declaredRule{i, source}).port = p.number
		}
		for r := range b.members[i].Routes {
			if route := &b.members[i].Routes[r]; b.onPort(p, i, route) {
				b.reachOf(declaredRule{i, route.Source}).port = p.number
			}
		}
	}
}

// noteHidden notes the rules that no request reaches on any port.
func (b *build) noteHidden(redirect int32) {
	tells := b.tells()
	for _, at := range b.reachOrder {
		r := b.reaches[at]
		m := &b.members[at.member]
		if at.source.Path() == "" || r.reached && len(r.parts) == 0 || ofListener(at.source.Object()) ||
			b.answersTold(at, r) {
			continue
		}
		if r.reached {
			b.noteHiddenParts(at, r, tells)
			continue
		}
		d := diag.New(m.Object, at.source.Place(), diag.HiddenRule, "", "")
		switch {
		case r.hidden == nil:
			s := b.settings.sslRedirect
			what := "this rule"
			if at.source.Path() == defaultBackendPath {
				what = "the default backend"
			}
			d.Text = fmt.Sprintf("no request reaches %s: port %d redirects all requests to port %d (%s), where the "+
				"object has no listener", what, r.port, redirect, s.Source)
			d.Remedy = fmt.Sprintf(
				`add {"HTTPS":%d} to annotation alb.ingress.kubernetes.io/listen-ports of this Ingress; if cert-manager created it for an ACME challenge, set the annotation in ingressTemplate of the issuer's HTTP-01 solver`, redirect)
		case r.hidden.By == nil:
			d.Text = "this redirect leads to itself, so the controller leaves it out; the next rule that matches " +
				"answers its requests"
			d.Remedy = "redirect to another protocol, host, port or path, or remove the rule"
		default:
			by := r.hidden.By
			if tells(declaredRule{by.Member, by.Route.Source}) {
				continue
			}
			d.Code = codeOf(r.hidden)
			d.Text, d.Remedy = b.hiddenText(r.hidden)
		}
		b.note(at.member, d)
	}
}

// tells reports whether a finding says already that a rule, which hides others, does not answer its requests. It looks
// at each rule once, as one rule may hide thousands.
func (b *build) tells() func(by declaredRule) bool {
	known := map[declaredRule]bool{}
	return func(by declaredRule) bool {
		told, ok := known[by]
		if !ok {
			told = b.told(by, "")
			known[by] = told
		}
		return told
	}
}

// noteHiddenParts notes the parts of a rule that no request reaches, in one note for each rule that hides some.
func (b *build) noteHiddenParts(at declaredRule, r *reach, tells func(declaredRule) bool) {
	var order []declaredRule
	texts, first := map[declaredRule][]string{}, map[declaredRule]*rules.Hidden{}
	for i := range r.parts {
		part := &r.parts[i]
		by := declaredRule{part.hidden.By.Member, part.hidden.By.Route.Source}
		text := "(" + stack.ConditionsText(part.conditions) + ")"
		if slices.Contains(texts[by], text) || tells(by) || !r.nowhere(part) {
			continue
		}
		if first[by] == nil {
			order, first[by] = append(order, by), &part.hidden
		}
		texts[by] = append(texts[by], text)
	}
	for _, by := range order {
		_, remedy := b.hiddenText(first[by])
		b.note(at.member, diag.New(b.members[at.member].Object, at.source.Place(), codeOf(first[by]), fmt.Sprintf(
			"no request reaches a part of this rule %s: %s of %s comes first and matches the same requests",
			diag.Some(texts[by]), by.source.Path(), b.members[by.member].Object), remedy))
	}
}

// ofListener reports whether a rule is one that a listener of a Gateway needs, which no route declares.
func ofListener(o diag.Object) bool { return o.Kind == "Gateway" || o.Kind == "ListenerSet" }

// told reports whether a finding says already that a rule as declared does not answer its requests: its object or the
// rule is invalid, a limit leaves the rule out, or there is a note with a code.
func (b *build) told(at declaredRule, note diag.Code) bool {
	m, place := &b.members[at.member], at.source.Place()
	if r := b.reaches[at]; m.State != quarantine.Current || r != nil && r.leftOut {
		return true
	}
	tells := func(d diag.Diagnostic) bool {
		rest, within := strings.CutPrefix(d.Path, place)
		return within && (rest == "" || rest[0] == '.' || rest[0] == '[') && (d.Class != diag.Note || d.Code == note)
	}
	return slices.ContainsFunc(m.Diagnostics, tells) || slices.ContainsFunc(b.notes[at.member], tells)
}

// codeOf is the code of the finding about a hidden rule: a guard that another guard hides loses nothing.
func codeOf(h *rules.Hidden) diag.Code {
	if guards(&h.Rule) && !guards(h.By) {
		return diag.GuardNotApplied
	}
	return diag.HiddenRule
}

// guards reports whether a rule protects what it matches: it denies requests, or lets them pass with a login only.
func guards(r *rules.Rule) bool {
	return r.Route.Guard || slices.ContainsFunc(r.Actions, func(a stack.Action) bool {
		switch a.Type {
		case stack.ActionAuthenticateOIDC, stack.ActionAuthenticateCognito, stack.ActionValidateJWT:
			return true
		case stack.ActionFixedResponse:
			return strings.HasPrefix(a.FixedResponse.StatusCode, "4")
		case stack.ActionForward, stack.ActionRedirect:
		}
		return false
	})
}

// answersTold reports whether findings say already which rule answers the requests of a rule as declared. That a guard
// answers with an error does not say that the guard answers no request.
func (b *build) answersTold(at declaredRule, r *reach) bool {
	m := &b.members[at.member]
	if slices.ContainsFunc(b.notes[at.member], func(d diag.Diagnostic) bool {
		return d.Code == diag.GuardNotApplied && d.Path == at.source.Place()
	}) {
		return true
	}
	failing := !r.reached && r.hidden != nil && r.hidden.By != nil && r.hidden.Rule.Route.Guard &&
		r.hidden.Rule.Route.Failing && m.State == quarantine.Current && !r.leftOut
	return !failing && b.told(at, diag.OverlappingRule)
}

// hiddenText says which rule answers the requests of another one, and what to write instead.
func (b *build) hiddenText(h *rules.Hidden) (text, remedy string) {
	first := &b.members[h.By.Member]
	by, where := first.Object, h.By.Route.Source.Path()
	if h.Rule.Route.Source.Path() == defaultBackendPath {
		return fmt.Sprintf("no request reaches the default backend: %s of %s matches all requests", where, by),
			"remove the default backend, or narrow that rule"
	}
	text = fmt.Sprintf("no request reaches this rule (%s): %s of %s comes first and matches the same requests",
		stack.ConditionsText(h.Rule.Conditions), where, by)
	remedy = "use another host or path"
	own, ingress := h.By.Member == h.Rule.Member, by.Kind == "Ingress"
	switch patterns := expression(h.Rule.Conditions) && !expression(h.By.Conditions); {
	case h.Rule.Route.Guard && !h.Rule.Route.Verbatim && own:
		remedy = "write that rule after this one, or narrow it"
	case patterns && ingress && own:
		remedy = "paths of type Prefix come before regular expressions: write that path after this one, with pathType " +
			"ImplementationSpecific and as a regular expression (/^/.* for /, with use-regex-path-match), or narrow it"
	case patterns && !ingress:
		remedy = "prefixes come before regular expressions: write that path as a regular expression in a later " +
			"rule, or narrow it"
	case ingress && overlap.Covers(h.Rule.Conditions, h.By.Conditions):
		remedy += ", or remove one of the two rules"
	case ingress && own:
		remedy += ", or write this path before the other path, both with pathType ImplementationSpecific"
	case ingress && first.Order > rules.LowestOrder:
		remedy += fmt.Sprintf(", or give this Ingress a group.order below %d, to come first", first.Order)
	default:
		remedy += ", or narrow that rule"
	}
	return text, remedy
}

// expression reports whether a rule compares paths with regular expressions.
func expression(conditions []stack.Condition) bool {
	return slices.ContainsFunc(conditions, func(c stack.Condition) bool {
		return c.Field == stack.PathPattern &&
			len(c.Regex) > 0
	})
}
