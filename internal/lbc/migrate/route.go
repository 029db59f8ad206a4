package migrate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// The limits of an HTTPRoute.
const (
	maxRules   = 16
	maxMatches = 64
	maxHosts   = 16
)

// route builds one HTTPRoute: units of one member with the same hosts and listeners.
type route struct {
	member    *member
	hosts     []string
	ports     []int
	isDefault bool
	units     []*unit
}

// addRoutes makes the HTTPRoutes of a group.
func (b *balancer) addRoutes() {
	b.addRedirect()
	var routes []*route
	for _, u := range b.units() {
		i := slices.IndexFunc(routes, func(r *route) bool {
			return r.member == u.member && slices.Equal(r.hosts, u.hosts) && slices.Equal(r.ports, u.ports) &&
				r.isDefault == u.isDefault
		})
		if i < 0 {
			i = len(routes)
			routes = append(routes, &route{member: u.member, hosts: u.hosts, ports: u.ports, isDefault: u.isDefault})
		}
		routes[i].units = append(routes[i].units, u)
	}
	primary := map[*member]bool{}
	for _, r := range routes {
		suffix := "route"
		switch {
		case r.isDefault:
			suffix = "default-route"
		case primary[r.member]:
			suffix = "route-" + strings.Join(append(slices.Clone(r.hosts), b.sections(r.ports)...), ",")
		}
		primary[r.member] = primary[r.member] || !r.isDefault
		b.addRoute(r, suffix)
	}
}

func (b *balancer) sections(ports []int) (out []string) {
	for _, p := range ports {
		out = append(out, b.ports[p].section())
	}
	return out
}

// addRoute adds the HTTPRoutes of a route: more than one where it has too many rules or hosts for one.
func (b *balancer) addRoute(r *route, suffix string) {
	hosts := [][]string{nil}
	if len(r.hosts) > 0 {
		hosts = slices.Collect(slices.Chunk(r.hosts, maxHosts))
	}
	n := 0
	for _, some := range hosts {
		var h *gatewayv1.HTTPRoute
		for _, u := range r.units {
			for _, matches := range b.matches(u) {
				if h == nil || len(h.Spec.Rules) == maxRules {
					if n++; n > 1 {
						h = b.newRoute(r.member.ingress.Namespace, Name(r.member.ingress.Namespace, r.member.ingress.Name, suffix+"-"+
							strconv.Itoa(n)), r.ports, some)
					} else {
						h = b.newRoute(r.member.ingress.Namespace, Name(r.member.ingress.Namespace, r.member.ingress.Name, suffix),
							r.ports, some)
					}
				}
				h.Spec.Rules = append(h.Spec.Rules, b.rule(u, h.Name, matches))
			}
		}
	}
}

func (b *balancer) newRoute(namespace, name string, ports []int, hosts []string) *gatewayv1.HTTPRoute {
	h := &gatewayv1.HTTPRoute{
		TypeMeta:   metav1.TypeMeta{APIVersion: gatewayv1.GroupVersion.String(), Kind: "HTTPRoute"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
	}
	for _, p := range ports {
		h.Spec.ParentRefs = append(h.Spec.ParentRefs, b.ParentRef(namespace, b.ports[p].section()))
	}
	for _, x := range hosts {
		h.Spec.Hostnames = append(h.Spec.Hostnames, gatewayv1.Hostname(x))
	}
	b.Add(h)
	return h
}

// addRedirect adds the route by which the HTTP listeners redirect.
func (b *balancer) addRedirect() {
	if b.redirect == 0 {
		return
	}
	var ports []int
	found := false
	for i, p := range b.ports {
		if p.protocol == protocolHTTP {
			ports = append(ports, i)
		}
		found = found || p.number == b.redirect && p.protocol == protocolHTTPS
	}
	if !found {
		b.Find(Warning, b.members[0].Object, "ssl-redirect",
			fmt.Sprintf("there is no HTTPS listener at port %d, to which HTTP requests are redirected", b.redirect),
			"add the port to listen-ports")
	}
	if len(ports) == 0 {
		return
	}
	base := b.members[0].ingress.Name
	if b.Explicit() {
		base = b.ID.Name
	}
	h := b.newRoute(b.Namespace, Name(b.Namespace, base, "redirect"), ports, nil)
	h.Spec.Rules = []gatewayv1.HTTPRouteRule{{Filters: []gatewayv1.HTTPRouteFilter{{
		Type: gatewayv1.HTTPRouteFilterRequestRedirect,
		RequestRedirect: &gatewayv1.HTTPRequestRedirectFilter{Scheme: ptr.To("https"), Port: ptr.To(b.redirect),
			StatusCode: ptr.To(301)},
	}}}}
}
