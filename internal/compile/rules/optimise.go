package rules

import (
	"slices"
	"strconv"

	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Rule is a rule of a listener without order and identity, with its route.
type Rule struct {
	Member int
	Route  *intent.Route
	Keep   bool            // it does what AWS does now for its conditions
	With   []intent.Source // of the rules that it was joined with
	// Parts are the conditions of the rules that it was joined of; nil = it is one rule.
	Parts [][]stack.Condition
	stack.Rule
}

// Declared returns the conditions of the rules that it was joined of, or its own.
func (w *Rule) Declared() [][]stack.Condition {
	if w.Parts == nil {
		return [][]stack.Condition{w.Conditions}
	}
	return w.Parts
}

// Optimise drops redirects to themselves, then rules that a redirect in front of them hides entirely. It returns the
// dropped ones, too.
func (l *Listener) Optimise(in []Rule) (out []Rule, dropped []Hidden) {
	out = make([]Rule, 0, len(in))
	front := redirects{}
	for i, w := range in {
		r := w.redirect()
		if r != nil && len(w.Transforms) == 0 && Loops(l.Port, l.Protocol, w.Conditions, r) {
			dropped = append(dropped, Hidden{At: i, Rule: w})
			continue
		}
		if by := front.hider(w.Conditions); !w.Route.Verbatim && by != nil {
			dropped = append(dropped, Hidden{At: i, Rule: w, By: by})
			continue
		}
		if r != nil {
			front.add(&in[i])
		}
		out = append(out, w)
	}
	return out, dropped
}

// redirects are redirects by host and path, so that a rule is compared only with the few that may hide it:
// groups may have thousands of rules. An empty host or path matches any.
type redirects map[[2]string][]*Rule

func (f redirects) add(w *Rule) {
	hosts, paths := keysOf(w.Conditions)
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	if len(paths) == 0 || slices.Contains(paths, "/*") {
		paths = []string{""}
	}
	for _, h := range hosts {
		for _, p := range paths {
			f[[2]string{h, p}] = append(f[[2]string{h, p}], w)
		}
	}
}

// hider is the redirect that hides a rule; nil = none does. Such a redirect has all of the rule's hosts and paths, so
// it is found by the first of each.
func (f redirects) hider(conditions []stack.Condition) *Rule {
	hosts, paths := keysOf(conditions)
	for _, h := range append([]string{""}, hosts[:min(1, len(hosts))]...) {
		for _, p := range append([]string{""}, paths[:min(1, len(paths))]...) {
			for _, w := range f[[2]string{h, p}] {
				if hides(w.Conditions, conditions) {
					return w
				}
			}
		}
	}
	return nil
}

// keysOf are the hosts, and the paths and regular expressions of paths.
func keysOf(conditions []stack.Condition) (hosts, paths []string) {
	hosts, _ = valuesOf(conditions, stack.HostHeader)
	return hosts, pathsOf(conditions)
}

// pathsOf are the patterns and regular expressions of paths; a prefix distinguishes the latter.
func pathsOf(conditions []stack.Condition) []string {
	paths, regex := valuesOf(conditions, stack.PathPattern)
	for _, r := range regex {
		paths = append(paths, "~"+r)
	}
	return paths
}

// redirect is where a rule sends its requests; nil = nowhere else. The actions of a rule that is kept were made of its
// route.
func (w *Rule) redirect() *stack.Redirect {
	if w.Keep {
		for _, a := range w.Route.Actions {
			if a.Redirect != nil {
				return a.Redirect
			}
		}
		return nil
	}
	for _, a := range w.Actions {
		if a.Type == stack.ActionRedirect && a.Redirect != nil {
			return a.Redirect
		}
	}
	return nil
}

// Loops reports whether a redirect sends the requests that conditions match, at a port with a protocol, back to where
// they came from: every part that it sets is the same as before.
func Loops(port int32, protocol string, conditions []stack.Condition, r *stack.Redirect) bool {
	hosts, _ := valuesOf(conditions, stack.HostHeader)
	paths, regex := valuesOf(conditions, stack.PathPattern)
	same := func(set, unchanged string, among ...string) bool {
		return set == "" || set == unchanged || slices.Contains(among, set)
	}
	return len(regex) == 0 &&
		same(r.Host, "#{host}", hosts...) &&
		same(r.Path, "/#{path}", paths...) &&
		same(r.Port, "#{port}", strconv.Itoa(int(port))) &&
		same(r.Protocol, "#{protocol}", protocol) &&
		same(r.Query, "#{query}")
}

// hides reports whether every request that r matches is matched by l, by hosts and paths alone.
func hides(l, r []stack.Condition) bool {
	for _, c := range l {
		if c.Field != stack.HostHeader && c.Field != stack.PathPattern {
			return false
		}
	}
	lHosts, lHostRegex := valuesOf(l, stack.HostHeader)
	rHosts, rHostRegex := valuesOf(r, stack.HostHeader)
	lPaths, rPaths := pathsOf(l), pathsOf(r)
	if len(lHostRegex) > 0 && !slices.Equal(lHostRegex, rHostRegex) {
		return false // a redirect for some hosts must not hide rules of all
	}
	return (len(lHosts) == 0 || len(rHosts) > 0 && contains(lHosts, rHosts)) &&
		(len(lPaths) == 0 || slices.Contains(lPaths, "/*") || len(rPaths) > 0 && contains(lPaths, rPaths))
}

func contains(set, all []string) bool {
	return !slices.ContainsFunc(all, func(s string) bool { return !slices.Contains(set, s) })
}

// valuesOf are the values and the regular expressions of the conditions on a field.
func valuesOf(conditions []stack.Condition, field stack.ConditionField) (values, regex []string) {
	for _, c := range conditions {
		switch {
		case c.Field != field:
		case len(values)+len(regex) == 0: // most often there is one
			values, regex = slices.Clip(c.Values), slices.Clip(c.Regex)
		default:
			values, regex = append(values, c.Values...), append(regex, c.Regex...)
		}
	}
	return values, regex
}
