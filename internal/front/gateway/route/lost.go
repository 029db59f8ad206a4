package route

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// noteLost records what of the route has no effect, because the listener that it is attached to loses hostnames to
// others, and notes which of its hostnames other listeners have.
func (t *translation) noteLost() {
	const remedy = "use another hostname"
	ls := t.in.Listeners
	for _, d := range t.route.Decisions {
		for _, a := range d.Attached {
			l := &ls.All[a.Listener]
			for _, i := range ls.Losses(a.Listener) {
				c := &ls.Claims[i]
				hosts := a.Hostnames
				if len(hosts) == 0 && l.Problem != nil {
					hosts = []attachment.Hostname{{Name: hostnameOf(l)}}
				}
				if slices.ContainsFunc(hosts, func(h attachment.Hostname) bool { return attachment.Covers(c.Hostname, h.Name) }) {
					t.lost = true
					t.drop("spec.parentRefs", ls.Text(c), remedy)
					t.found = append(t.found, diag.New(t.object, "spec.parentRefs", diag.HostnameTaken, ls.Text(c),
						remedy))
				}
			}
			t.noteIsolated(a)
		}
		t.noteInvalid(d)
	}
}

// noteInvalid notes that none of the listeners that a parentRef attaches to is valid. What of them others have, is
// noted already.
func (t *translation) noteInvalid(d attachment.Decision) {
	ls := t.in.Listeners
	if len(d.Attached) == 0 || slices.ContainsFunc(d.Attached, func(a attachment.Attached) bool {
		return ls.All[a.Listener].Problem == nil || len(ls.Losses(a.Listener)) > 0
	}) {
		return
	}
	l := &ls.All[d.Attached[0].Listener]
	t.found = append(t.found, diag.New(t.object, fmt.Sprintf("spec.parentRefs[%d]", d.ParentRef), diag.RouteNotAttached,
		fmt.Sprintf("listener %s of %s %s/%s is not valid, so the route serves no requests through it: %s", l.Name,
			l.Parent.Kind, l.Parent.Namespace, l.Parent.Name, l.Problem.Message), "correct the listener, or name another one"))
}

// noteIsolated notes the hostnames of the route that a more specific listener of another namespace has, where the route
// is not attached.
func (t *translation) noteIsolated(a attachment.Attached) {
	all, l := t.in.Listeners.All, &t.in.Listeners.All[a.Listener]
	if l.Problem != nil || t.in.Construction != rule.Standard {
		return
	}
	var wider []int
	for _, host := range a.Hostnames {
		wider = append(wider, t.in.Listeners.Covering(l.Port, host.Name)...)
	}
	slices.Sort(wider)
	for _, i := range slices.Compact(wider) {
		o := &all[i]
		own, h := hostnameOf(l), hostnameOf(o)
		foreign := o.Problem == nil && o.Port == l.Port && o.Parent.Namespace != t.route.Route.Namespace &&
			o.Parent.Namespace != l.Parent.Namespace
		if !foreign || h == own || !attachment.Covers(own, h) || t.attachedTo(i) {
			continue
		}
		for _, host := range a.Hostnames {
			if !t.in.Listeners.Loses(i, host.Name) && attachment.Covers(h, host.Name) {
				t.found = append(t.found, diag.New(t.object, "spec.parentRefs", diag.OverlappingRule, fmt.Sprintf(
					"requests for hostname %s on port %d go to listener %s of %s %s/%s, which has a more specific hostname, and not "+
						"to this route",
					host.Name, o.Port, o.Name, o.Parent.Kind, o.Parent.Namespace, o.Parent.Name),
					"use another hostname, or attach the route to that listener"))
			}
		}
	}
}

// noteUncovered notes hostnames of the route that no listener has. A route that names other parents, too, may have them
// served there, and the route's status says that a parent does not admit the route.
func (t *translation) noteUncovered() {
	_, spec, ok := Common(t.route.Object)
	if !ok || len(t.route.Decisions) < len(spec.ParentRefs) || slices.ContainsFunc(t.route.Decisions,
		func(d attachment.Decision) bool { return d.Problem != nil }) {
		return
	}
	for i, h := range t.route.Route.Hostnames {
		if !t.covered(string(h)) {
			t.ignored(fmt.Sprintf("spec.hostnames[%d]", i), fmt.Sprintf("hostname %s has no effect: no listener to which the "+
				"route is attached has it", h), "add a listener with this hostname, or remove it here")
		}
	}
}

// covered reports whether a listener to which the route is attached has a hostname, or a part of it.
func (t *translation) covered(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false // no listener has addresses
	}
	return slices.ContainsFunc(t.route.Decisions, func(d attachment.Decision) bool {
		return slices.ContainsFunc(d.Attached, func(a attachment.Attached) bool {
			_, common := attachment.Narrower(hostnameOf(&t.in.Listeners.All[a.Listener]), host)
			return common
		})
	})
}

// attachedTo reports whether the route is attached to a listener.
func (t *translation) attachedTo(listener int) bool {
	return slices.ContainsFunc(t.route.Decisions, func(d attachment.Decision) bool {
		return slices.ContainsFunc(d.Attached, func(a attachment.Attached) bool { return a.Listener == listener })
	})
}
