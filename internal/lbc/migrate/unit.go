package migrate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// unit is a rule of the load balancer, as an Ingress declares it.
type unit struct {
	member *member
	route  intent.Route
	about  string   // name of the Service or action
	hosts  []string // empty = any
	ports  []int    // indexes of the listeners of the Gateway
	// last has the unit come after those with regular expressions, which a prefix would precede.
	last      bool
	isDefault bool
	// also are paths that the unit has already by a prefix of its own. They have it come before later units that are more
	// specific.
	also []gatewayv1.HTTPPathMatch
}

// conditionOf is the condition of a field; ok is false if there is none.
func (u *unit) conditionOf(f stack.ConditionField) (c stack.Condition, ok bool) {
	i := slices.IndexFunc(u.route.Conditions, func(c stack.Condition) bool { return c.Field == f })
	if i < 0 {
		return c, false
	}
	return u.route.Conditions[i], true
}

// others reports whether there are conditions in addition to those on host and path.
func (u *unit) others() bool {
	return slices.ContainsFunc(u.route.Conditions, func(c stack.Condition) bool {
		return c.Field != stack.HostHeader && c.Field != stack.PathPattern
	})
}

// everything reports whether a unit matches every path, and any request of its hosts.
func (u *unit) everything() bool {
	c, ok := u.conditionOf(stack.PathPattern)
	return !u.others() && (!ok || slices.Contains(c.Values, "/*"))
}

func (b *balancer) fail(u *unit, text, remedy string) {
	b.Find(Failed, u.member.Object, u.route.Source.Path(), text, remedy)
}

// units are the rules of the members in the order in which the load balancer of the Ingresses tries them.
func (b *balancer) units() (out []*unit) {
	for i := range b.members {
		m := &b.members[i]
		for _, r := range m.Routes {
			u := &unit{member: m, route: r, about: aboutOf(m, r.Source.Path()), ports: b.portsOf(m)}
			if b.hostsOf(u) {
				out = append(out, u)
			}
		}
	}
	for i := range b.members {
		if u := b.defaultOf(&b.members[i]); u != nil {
			out = append(out, u)
		}
	}
	for _, u := range out {
		u.ports = slices.DeleteFunc(u.ports, func(p int) bool { return loops(u.route.Actions, b.ports[p]) })
	}
	out = slices.DeleteFunc(out, func(u *unit) bool { return len(u.ports) == 0 })
	for _, u := range hide(out, anyHosts) {
		b.Find(Note, u.member.Object, u.route.Source.Path(),
			"no request reaches the rule behind the others, so it is not in the output", "remove it from the Ingress")
	}
	reached := func() {
		out = slices.DeleteFunc(out, func(u *unit) bool { return len(u.ports) == 0 })
	}
	reached()
	out = withCopies(out)
	hide(out, itsHosts)
	reached()
	out = b.withTails(out)
	for i, u := range out {
		u.last = u.everything() && slices.ContainsFunc(out[:i], func(before *unit) bool {
			return before.needsExpression() &&
				sameHosts(before, u)
		})
	}
	b.hoist(out)
	return out
}

// anyHosts admits each unit to hide another one.
func anyHosts(_, _ *unit) bool { return true }

// itsHosts admits a unit with the hosts of the other one. One with less specific hosts, as a copy may have, comes later
// in a Gateway.
func itsHosts(before, u *unit) bool {
	return len(before.hosts) == 0 && len(u.hosts) == 0 || len(u.hosts) > 0 &&
		!slices.ContainsFunc(u.hosts, func(h string) bool { return !slices.Contains(before.hosts, h) })
}

// hide takes the listeners from units where earlier ones match all of their requests and may hide them, and returns
// those that are left without any.
func hide(units []*unit, may func(before, u *unit) bool) (hidden []*unit) {
	for i, u := range units {
		u.ports = slices.DeleteFunc(slices.Clone(u.ports), func(p int) bool {
			return slices.ContainsFunc(units[:i], func(before *unit) bool {
				return slices.Contains(before.ports, p) && may(before, u) && overlap.Covers(before.route.Conditions,
					u.route.Conditions)
			})
		})
		if len(u.ports) == 0 {
			hidden = append(hidden, u)
		}
	}
	return hidden
}

// withCopies adds a copy of a unit for the hosts of a later one that a route would prefer for its hosts, though the
// earlier one matches some of its requests. What is before a copy and matches some of its requests is copied, too.
func withCopies(units []*unit) (out []*unit) {
	made := map[string]bool{}
	copies := make([][]*unit, len(units)) // by what they are copies of, whose place they have
	for j, u := range units {
		behind := []*unit{u}
		for i := j - 1; i >= 0; i-- {
			before := units[i]
			hosts := slices.DeleteFunc(slices.Clone(u.hosts), func(h string) bool { return !within(h, before.hosts) })
			ports := slices.DeleteFunc(slices.Clone(before.ports), func(p int) bool { return !slices.Contains(u.ports, p) })
			if len(hosts) == 0 || len(ports) == 0 ||
				!slices.ContainsFunc(behind, func(x *unit) bool {
					return !overlap.Disjoint(before.route.Conditions, x.route.Conditions)
				}) {
				continue
			}
			one := *before
			one.hosts, one.ports, one.isDefault = hosts, ports, false
			one.route.Conditions = slices.DeleteFunc(slices.Clone(before.route.Conditions),
				func(c stack.Condition) bool { return c.Field == stack.HostHeader })
			one.route.Conditions = append(one.route.Conditions, stack.Condition{Field: stack.HostHeader, Values: hosts})
			behind = append(behind, &one)
			if key := fmt.Sprint(i, hosts, ports); !made[key] {
				made[key] = true
				copies[i] = append(copies[i], &one)
			}
		}
	}
	for i, u := range units {
		out = append(append(out, copies[i]...), u)
	}
	return out
}

// within reports whether less specific hosts include a host.
func within(host string, hosts []string) bool {
	return len(hosts) == 0 || !slices.Contains(hosts, host) && slices.ContainsFunc(hosts, func(w string) bool {
		return strings.HasPrefix(w, "*.") && strings.HasSuffix(host, w[1:])
	})
}

// hoist adds the paths of later units to those that have them by a prefix.
func (b *balancer) hoist(units []*unit) {
	paths := make([][]gatewayv1.HTTPPathMatch, len(units))
	for i, u := range units {
		paths[i] = b.paths(u)
	}
	for i, u := range units {
		for j := i + 1; j < len(units); j++ {
			later := units[j]
			if !sameHosts(u, later) || overlap.Disjoint(u.route.Conditions, later.route.Conditions) ||
				!slices.ContainsFunc(u.ports, func(p int) bool { return slices.Contains(later.ports, p) }) {
				continue
			}
			for _, m := range paths[j] {
				if slices.ContainsFunc(paths[i], func(own gatewayv1.HTTPPathMatch) bool { return prefixes(own, m) }) &&
					!slices.ContainsFunc(append(slices.Clone(paths[i]), u.also...), func(o gatewayv1.HTTPPathMatch) bool {
						return *o.Type == *m.Type && *o.Value == *m.Value
					}) {
					u.also = append(u.also, m)
				}
			}
		}
	}
}

// prefixes reports whether a path match is a prefix of another one that is more specific.
func prefixes(own, m gatewayv1.HTTPPathMatch) bool {
	if *own.Type != gatewayv1.PathMatchPathPrefix || *m.Type == gatewayv1.PathMatchRegularExpression {
		return false
	}
	prefix := strings.TrimSuffix(*own.Value, "/")
	return *m.Value == prefix || strings.HasPrefix(*m.Value, prefix+"/")
}

func sameHosts(a, b *unit) bool {
	return len(a.hosts) == 0 && len(b.hosts) == 0 ||
		slices.ContainsFunc(a.hosts, func(h string) bool { return slices.Contains(b.hosts, h) })
}

// aboutOf is the name of the Service, or of the action, of the path at a field.
func aboutOf(m *member, field string) string {
	backend := m.ingress.Spec.DefaultBackend
	var rule, path int
	if n, err := fmt.Sscanf(field, "spec.rules[%d].http.paths[%d]", &rule, &path); err == nil && n == 2 {
		backend = &m.ingress.Spec.Rules[rule].HTTP.Paths[path].Backend
	}
	if backend == nil || backend.Service == nil {
		return "default"
	}
	return backend.Service.Name
}

// portsOf are the listeners that serve a member's rules: where HTTP listeners redirect, those of HTTPS.
func (b *balancer) portsOf(m *member) (out []int) {
	for i, p := range b.ports {
		if b.redirect > 0 && p.protocol == protocolHTTP {
			continue
		}
		if slices.ContainsFunc(m.Listeners, func(l intent.Listener) bool {
			return l.Port == p.number && l.Protocol == p.protocol
		}) {
			out = append(out, i)
		}
	}
	return out
}

// hostsOf sets the hostnames of a unit. ok is false if a route cannot have them, which is reported.
func (b *balancer) hostsOf(u *unit) (ok bool) {
	c, has := u.conditionOf(stack.HostHeader)
	if !has {
		return true
	}
	for _, r := range c.Regex {
		b.fail(u, "a route has no regular expressions for hosts: "+r,
			"list the hosts in conditions of field host-header, or in rules of their own")
	}
	for _, h := range c.Values {
		h = strings.ToLower(h)
		problems := validation.IsDNS1123Subdomain(h)
		if strings.Contains(h, "*") {
			problems = validation.IsWildcardDNS1123Subdomain(h)
		}
		if len(problems) > 0 {
			b.fail(u, "a route cannot have host "+h, "list the hosts; a wildcard is allowed only for the first labels, such "+
				"as *.example.com")
			continue
		}
		if !slices.Contains(u.hosts, h) {
			u.hosts = append(u.hosts, h)
		}
	}
	return len(u.hosts) > 0
}

// defaultOf is the unit of a member's default backend; nil if it has none.
func (b *balancer) defaultOf(m *member) *unit {
	u := &unit{member: m, isDefault: true, route: intent.Route{
		Conditions: []stack.Condition{{Field: stack.PathPattern, Values: []string{"/*"}}}}}
	for i, p := range b.ports {
		for _, l := range m.Listeners {
			if l.Port != p.number || l.Protocol != p.protocol || len(l.Default) == 0 || b.redirect > 0 &&
				p.protocol == protocolHTTP {
				continue
			}
			u.ports = append(u.ports, i)
			u.route.Source = l.DefaultSource
			last := len(l.Default) - 1
			u.route.Actions = l.Default[last:]
			if last > 0 {
				u.route.Authentication = l.Default[:last]
			}
		}
	}
	if len(u.ports) == 0 {
		return nil
	}
	u.about = aboutOf(m, u.route.Source.Path())
	return u
}

// loops reports whether actions redirect requests of a listener to where they come from, so that AWS has no such rule.
func loops(actions []intent.Action, p port) bool {
	if len(actions) != 1 || actions[0].Redirect == nil {
		return false
	}
	r := plain(*actions[0].Redirect)
	return r.Host == "" && r.Path == "" && r.Query == "" && (r.Protocol == "" || r.Protocol == p.protocol) &&
		(r.Port == "" || r.Port == strconv.Itoa(int(p.number)))
}

// plain is a redirect without the placeholders that stand for no change.
func plain(r stack.Redirect) stack.Redirect {
	drop := func(s *string, placeholder string) {
		if *s == placeholder {
			*s = ""
		}
	}
	drop(&r.Host, "#{host}")
	drop(&r.Path, "/#{path}")
	drop(&r.Port, "#{port}")
	drop(&r.Protocol, "#{protocol}")
	drop(&r.Query, "#{query}")
	return r
}

// withTails adds a unit for each path such as /api that is not matched by /api/*, but by the prefix that takes its
// place: the one that requests for it reach today.
func (b *balancer) withTails(units []*unit) (out []*unit) {
	for i, u := range units {
		out = append(out, u)
		c, _ := u.conditionOf(stack.PathPattern)
		for _, v := range c.Values {
			prefix, ok := below(v)
			if !ok || slices.Contains(c.Values, prefix) || u.others() {
				continue
			}
			exact := []stack.Condition{{Field: stack.PathPattern, Values: []string{prefix}}}
			if len(u.hosts) > 0 {
				exact = append(exact, stack.Condition{Field: stack.HostHeader, Values: u.hosts})
			}
			for j, other := range units {
				if j != i && overlap.Covers(other.route.Conditions, exact) {
					tail := *other
					tail.hosts, tail.isDefault, tail.ports = u.hosts, false, slices.DeleteFunc(slices.Clone(other.ports),
						func(p int) bool { return !slices.Contains(u.ports, p) })
					tail.route.Conditions = exact
					if len(tail.ports) > 0 {
						out = append(out, &tail)
					}
					break
				}
			}
		}
	}
	return out
}

// below is the prefix of a pattern that matches all paths below it.
func below(pattern string) (prefix string, ok bool) {
	prefix, ok = strings.CutSuffix(pattern, "/*")
	return prefix, ok && prefix != "" && strings.HasPrefix(prefix, "/") && !strings.ContainsAny(prefix, overlap.Wildcards)
}
