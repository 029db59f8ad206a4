package compile

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/compile/rules"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// What a member may declare at most without being set aside before anything of it is compared or multiplied: AWS allows
// a small part of it.
const (
	hugeTags    = 10 * mostTags
	hugeSources = 2_000_000 // source ranges and prefix lists, each as often as there are ports
	hugeRules   = 50_000    // routes, each as often as there are ports
)

// refuseHuge refuses members that declare so much that a build with them would take long, and reports whether there are
// some. The build ends then; the next one is without their present versions. Members with too many tags have failed
// already.
func (b *build) refuseHuge() (found bool) {
	named := make([]namedGroups, len(b.members))
	for i := range b.members {
		m := &b.members[i]
		if !m.State.LeftOut() {
			named[i] = namedBy(&m.Member)
		}
		if m.State == quarantine.Rejected {
			continue
		}
		d, huge := tooManyRoutes(m)
		if !huge {
			d, huge = tooManySources(m)
		}
		if !huge {
			d, huge = tooManyNames(m, named[i])
		}
		if huge {
			b.fail(i, d)
		}
		huge = huge || len(m.Settings.Tags) > hugeTags
		found = found || huge && len(b.failures[i]) > 0 // reserved keys of tags do not count
	}
	return found || b.boundGroup(named)
}

// tooManyRoutes is the finding that a member that is built declares too many routes; huge is false if it does not.
func tooManyRoutes(m *quarantine.Member) (d diag.Diagnostic, huge bool) {
	n, ports := len(m.Routes), len(m.Listeners)
	if ports == 0 || n <= intent.MaxMemberRules && n*ports <= hugeRules || m.State.LeftOut() {
		return d, false
	}
	return intent.TooManyRules(m.Object, m.Routes[n-1].Source.Place(), m.Listeners[0].Port), true
}

// tooManySources is the finding that the ports of a member have too many sources; huge is false if they do not.
func tooManySources(m *quarantine.Member) (d diag.Diagnostic, huge bool) {
	sources, most := 0, 0
	for at, l := range m.Listeners {
		n := len(l.InboundCIDRs.Value) + len(l.PrefixLists.Value)
		if sources += n; n > len(m.Listeners[most].InboundCIDRs.Value) {
			most = at
		}
	}
	if sources <= hugeSources {
		return d, false
	}
	ranges := m.Listeners[most].InboundCIDRs
	return diag.New(m.Object, ranges.Source.Place(), diag.QuotaExceeded,
		fmt.Sprintf("%d ports with up to %d source ranges each need more inbound rules than AWS allows", len(m.Listeners),
			len(ranges.Value)), "declare fewer ports, or fewer or wider ranges").In(diag.Route), true
}

// tooManyNames is the finding that a member names too many target groups; huge is false if it does not.
func tooManyNames(m *quarantine.Member, named namedGroups) (d diag.Diagnostic, huge bool) {
	if named.count <= intent.MaxMemberNames {
		return d, false
	}
	return intent.TooManyNames(m.Object, named.last.Place(), named.count), true
}

// boundGroup refuses the rules of members for which the group has no room, and members that name too many target
// groups for it. It reports whether that fails a member that is built. Members that have failed before keep the rules
// that AWS has. named are the target groups that the members which are built name.
func (b *build) boundGroup(named []namedGroups) (failed bool) {
	loads, redirected := make([]intent.Load, len(b.members)), b.allRedirect()
	for i := range b.members {
		loads[i] = b.load(i, redirected)
		loads[i].Names = named[i].count
	}
	for i, over := range intent.Excess(loads) {
		m := &b.members[i]
		switch {
		case !over || len(m.Routes) == 0:
		case !m.State.LeftOut():
			b.fail(i, intent.TooManyOfGroup(m.Object, m.Routes[len(m.Routes)-1].Source.Place()))
			failed = failed || len(b.failures[i]) > 0
		case m.State == quarantine.Frozen:
			m.Routes = b.existingRoutes(m.Routes)
			b.shortened = append(b.shortened, i)
		default:
			m.Routes = nil
		}
	}
	for i, over := range intent.ExcessNames(loads) {
		if m := &b.members[i]; over && loads[i].Names > 0 && !m.State.LeftOut() {
			b.fail(i, intent.TooManyNamesOfGroup(m.Object, named[i].last.Place()))
			failed = failed || len(b.failures[i]) > 0
		}
	}
	return failed
}

// allRedirect reports whether HTTP ports redirect all requests, and have no rules: each member declares the same
// ssl-redirect, and its port. A value that only some declare may not be in effect.
func (b *build) allRedirect() bool {
	return !slices.ContainsFunc(b.members, func(m quarantine.Member) bool {
		to := m.Settings.SSLRedirectPort
		return !to.Set || to.Value != b.members[0].Settings.SSLRedirectPort.Value ||
			!slices.ContainsFunc(m.Listeners, func(l intent.Listener) bool {
				return l.Port == to.Value && l.Protocol == "HTTPS"
			})
	})
}

// load is how many rules a member declares on all its ports, at most. redirected: HTTP ports have no rules. What
// exceeds ELB's limits is not split for it.
func (b *build) load(i int, redirected bool) intent.Load {
	m := &b.members[i]
	l := intent.Load{Object: m.Object, Created: m.Created}
	var none []int32
	for _, listener := range m.Listeners {
		if redirected && listener.Protocol == "HTTP" {
			none = append(none, listener.Port)
		}
	}
	for r := range m.Routes {
		route := &m.Routes[r]
		n := max(1, len(m.Listeners)-len(none))
		if len(route.Ports) > 0 {
			n = len(quarantine.PortsWithout(&m.Member, route, none))
		}
		values := 0
		for _, c := range route.Conditions {
			values += c.Count()
		}
		if rules.OverLimit(route.Conditions) != "" {
			n *= 1 + values/2
		}
		l.Rules += n
	}
	return l
}

// existingRoutes are the routes of which AWS has a rule.
func (b *build) existingRoutes(all []intent.Route) []intent.Route {
	d, known := b.detailsOfExisting()
	if !known {
		return nil
	}
	exist, values := map[string]bool{}, map[string]bool{}
	for _, on := range d.Rules {
		for i := range on {
			for _, part := range rules.Parts(on[i].Conditions) {
				exist[quarantine.ConditionsKey(part)] = true
			}
			for _, c := range on[i].Conditions {
				for _, v := range c.Values {
					values[v] = true
				}
			}
		}
	}
	other := func(c stack.Condition) bool { // few of thousands need the comparison below
		return len(c.Values) > 0 && !slices.ContainsFunc(c.Values, func(v string) bool { return values[v] })
	}
	var out []intent.Route
	for i := range all {
		if !slices.ContainsFunc(all[i].Conditions, other) && slices.ContainsFunc(rules.Split(all[i].Conditions),
			func(part []stack.Condition) bool { return exist[quarantine.ConditionsKey(part)] }) {
			out = append(out, all[i])
		}
	}
	return out
}
