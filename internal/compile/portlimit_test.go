package compile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// serviceOf makes a member as a Service with ports has it.
func serviceOf(namespace, name string, age int64, ports ...int32) intent.Member {
	m := ingress(namespace, name, born(age))
	m.Object.Kind, m.Listeners, m.Routes = "Service", nil, nil
	for n, port := range ports {
		g := targetGroup(m.Object, name)
		g.ID, g.Protocol, g.ProtocolVersion = fmt.Sprintf("%s/%s:%d", namespace, name, port), "TCP", ""
		source := intent.At(m.Object, fmt.Sprintf("spec.ports[%d]", n))
		m.Listeners = append(m.Listeners, intent.Listener{Source: source, Port: port, Protocol: "TCP", Default: forwardTo(g),
			DefaultSource: source})
	}
	return m
}

// numbers are count ports from one on.
func numbers(from, count int32) (out []int32) {
	for n := range count {
		out = append(out, from+n)
	}
	return out
}

// servicesOf is the network load balancer of Services.
func servicesOf(members ...intent.Member) intent.LoadBalancer {
	e := loadBalancer(members...)
	e.Key.Owner, e.Type, e.OnePerPort = stack.Service, stack.Network, true
	return e
}

// TestPortsBeyondTheListenersOfANetworkLoadBalancerAreNamed has ports that have listeners already, and others.
func TestPortsBeyondTheListenersOfANetworkLoadBalancerAreNamed(t *testing.T) {
	t.Parallel()
	const most = "a network load balancer allows 50 listeners, and "
	for name, c := range map[string]struct {
		members []intent.Member
		exist   []int32
		left    []int32
		told    []string // object, field and text
	}{
		"fifty": {members: []intent.Member{serviceOf("shop", "web", 1, numbers(1000, 50)...)}},
		"one Service": {
			members: []intent.Member{serviceOf("shop", "web", 1, append([]int32{9000}, numbers(1000, 52)...)...)},
			left:    []int32{1049, 1050, 1051},
			told: []string{"shop/web spec.ports[50]: ports 1049-1051 have no listener: " + most +
				"Service shop/web declares 53;"},
		},
		"ports that have listeners": {
			members: []intent.Member{serviceOf("shop", "web", 1, numbers(1000, 52)...)},
			exist:   numbers(1002, 50),
			left:    []int32{1000, 1001},
			told: []string{"shop/web spec.ports[0]: ports 1000-1001 have no listener: " + most +
				"Service shop/web declares 52;"},
		},
		"a group": {
			members: []intent.Member{serviceOf("shop", "old", 1, numbers(1000, 30)...),
				serviceOf("db", "new", 2, append(numbers(2000, 20), 3000, 3002)...)},
			left: []int32{3000, 3002},
			told: []string{"db/new spec.ports[20]: ports 3000, 3002 have no listener: " + most +
				"the members of its group declare 52, of which Service db/new declares 22;"},
		},
		"a group with a newcomer that is older": {
			members: []intent.Member{serviceOf("shop", "old", 1, 900, 901), serviceOf("db", "new", 2, numbers(1000, 49)...)},
			exist:   numbers(1000, 49),
			left:    []int32{901},
			told: []string{"shop/old spec.ports[1]: port 901 has no listener: " + most +
				"the members of its group declare 51, of which Service shop/old declares 2;"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := account()
			if c.exist != nil {
				f.Existing, f.Details = standingNLB(stack.IPv4), &facts.LoadBalancerDetails{Listeners: map[int32]stack.Listener{}}
				for _, n := range c.exist {
					f.Details.Listeners[n] = stack.Listener{Port: n, Protocol: "TCP"}
				}
			}
			r := Compile(servicesOf(c.members...), f, config(), nil)
			s := mustBuild(t, r)
			for _, m := range c.members {
				for _, l := range m.Listeners {
					made := slices.ContainsFunc(s.Listeners, func(x stack.Listener) bool { return x.Port == l.Port })
					bound := slices.ContainsFunc(s.TargetGroups, func(x stack.TargetGroup) bool {
						return x.ID == l.Default[0].Backends[0].TargetGroup.ID
					})
					open := slices.ContainsFunc(s.SecurityGroups, func(g stack.SecurityGroup) bool {
						return slices.ContainsFunc(g.Ingress, func(p stack.Permission) bool {
							return p.FromPort <= l.Port &&
								p.ToPort >= l.Port
						})
					})
					if want := !slices.Contains(c.left, l.Port); made != want || bound != want || open != want &&
						len(s.SecurityGroups) > 0 {
						t.Errorf("port %d: listener %v, target group %v, open %v, want %v", l.Port, made, bound, open, want)
					}
				}
			}
			var told []string
			for _, d := range r.Diagnostics {
				text, _, _ := strings.Cut(d.Text, ";")
				told = append(told, fmt.Sprintf("%s/%s %s: %s;", d.Object.Namespace, d.Object.Name, d.Path, text))
			}
			same(t, "findings", told, c.told)
		})
	}
}

// TestEachGatewayListenerBeyondNLBLimitHasItsFinding has listeners without route, which take
// no room.
func TestEachGatewayListenerBeyondNLBLimitHasItsFinding(t *testing.T) {
	t.Parallel()
	e := gatewayOf(stack.Network)
	g := &e.Members[0]
	g.Listeners = nil
	route := serviceOf("shop", "db", 0, numbers(1000, 52)...)
	route.Object.Kind, route.Authority = "TCPRoute", intent.RoutesOnly
	for n, port := range append(numbers(10, 5), numbers(1000, 52)...) {
		g.Listeners = append(g.Listeners, intent.Listener{Source: intent.At(g.Object, fmt.Sprintf("spec.listeners[%d]", n)),
			Port: port, Protocol: "TCP"})
	}
	e.Members = append(e.Members, route)
	r := Compile(e, account(), config(), nil)
	if s := mustBuild(t, r); len(s.Listeners) != 50 {
		t.Errorf("%d listeners", len(s.Listeners))
	}
	var told []string
	for _, d := range r.Diagnostics {
		told = append(told, fmt.Sprintf("%s %s %d", d.Object.Kind, d.Path, d.Port))
	}
	same(t, "findings", told, []string{"Gateway spec.listeners[55] 1050", "Gateway spec.listeners[56] 1051"})
}
