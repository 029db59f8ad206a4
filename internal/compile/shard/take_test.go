package shard

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestNothingOfAGroupIsLostOrDivided draws members with routes, places their units, and joins what each load balancer
// takes.
func TestNothingOfAGroupIsLostOrDivided(t *testing.T) {
	t.Parallel()
	hosts := []string{"*.a.example", "a.example", "x.a.example", "b.example", "*.b.example", "c.example", "d.example",
		"*.example.test"}
	rapid.Check(t, func(t *rapid.T) {
		var all intent.LoadBalancer
		for range rapid.IntRange(1, 4).Draw(t, "members") {
			var m intent.Member
			for range rapid.IntRange(0, 6).Draw(t, "routes") {
				r := route(rapid.SliceOfNDistinct(rapid.SampledFrom(hosts), 0, 2, rapid.ID).Draw(t, "hosts")...)
				r.Source = intent.At(r.Source.Object(), fmt.Sprint(len(all.Members), len(m.Routes)))
				m.Routes = append(m.Routes, r)
			}
			all.Members = append(all.Members, m)
		}
		shards := rapid.IntRange(1, 3).Draw(t, "shards")
		units, _ := UnitsOf(RoutesOf(all), nil)
		p, err := Place(units, nil, shards, room(rapid.IntRange(1, 9).Draw(t, "room")))
		if err != nil {
			t.Fatal(err)
		}
		times, of := map[string]int{}, map[string]int{}
		for n := range shards {
			here, elsewhere := p.HostsOn(n)
			part := Take(all, stack.Key{}, n, here, elsewhere)
			if len(part.Members) != len(all.Members) {
				t.Fatalf("load balancer %d has %d members of %d", n, len(part.Members), len(all.Members))
			}
			for _, r := range RoutesOf(part) {
				times[r.Source.Path()]++
				of[r.Source.Path()] = n
			}
		}
		for _, r := range RoutesOf(all) {
			on, every := hostsOf(r.Conditions)
			switch {
			case every && times[r.Source.Path()] != shards:
				t.Fatalf("a route without a host is on %d of %d load balancers", times[r.Source.Path()], shards)
			case !every && times[r.Source.Path()] != 1:
				t.Fatalf("the route of %v is on %d load balancers", on, times[r.Source.Path()])
			}
			for _, other := range RoutesOf(all) {
				hosts, too := hostsOf(other.Conditions)
				if !every && !too && slices.ContainsFunc(hosts, func(h string) bool { return slices.Contains(on, h) }) &&
					of[r.Source.Path()] != of[other.Source.Path()] {
					t.Fatalf("the routes of %v are on %d and %d", hosts, of[r.Source.Path()], of[other.Source.Path()])
				}
			}
		}
	})
}

func TestAListenerFindsTheCertificatesOfItsHostsOnly(t *testing.T) {
	t.Parallel()
	all := intent.LoadBalancer{Members: []intent.Member{
		{Listeners: []intent.Listener{{Port: 443, DiscoverHosts: []string{"A.example", "b.example", "tls.example"}}}},
		{Listeners: []intent.Listener{{Port: 443, DiscoverHosts: []string{"a.example", "c.example"}}, {Port: 80}}},
	}}
	part := Take(all, stack.Key{ID: stack.ID{Name: "g_1"}}, 1, map[string]bool{"b.example": true}, map[string]bool{
		"a.example": true, "c.example": true})
	if got := part.Members[0].Listeners[0].DiscoverHosts; !slices.Equal(got, []string{"b.example", "tls.example"}) {
		t.Errorf("with hosts here: %v", got)
	}
	if got := part.Members[1].Listeners[0].DiscoverHosts; !slices.Equal(got, []string{"a.example"}) {
		t.Errorf("without any: %v", got)
	}
	if part.Members[1].Listeners[1].DiscoverHosts != nil || part.Key.ID.Name != "g_1" ||
		len(all.Members[0].Listeners[0].DiscoverHosts) != 3 {
		t.Errorf("%+v, %+v", part, all)
	}
}

func TestADeclaredNameIsThatOfTheFirstLoadBalancer(t *testing.T) {
	t.Parallel()
	all := intent.LoadBalancer{Members: make([]intent.Member, 2)}
	all.Members[1].Settings.Name.Value, all.Members[1].Settings.Name.Set = "a-name-of-thirty-two-characters-", true
	for n, want := range map[int]string{0: "a-name-of-thirty-two-characters-", 1: "a-name-of-thirty-two-character-1",
		12: "a-name-of-thirty-two-characte-12"} {
		part := Take(all, stack.Key{}, n, nil, nil)
		if got := part.Members[1].Settings.Name.Value; got != want || part.Members[0].Settings.Name.Value != "" ||
			len(got) > 32 {
			t.Errorf("%d: %q, %q", n, got, part.Members[0].Settings.Name.Value)
		}
	}
}

// TestRouteOfOthersMovesNoHost has namespace mal declare a wildcard that covers hosts of others on two load balancers,
// a rule with both, and rules that forward to the target groups of both.
func TestRouteOfOthersMovesNoHost(t *testing.T) {
	t.Parallel()
	of := func(namespace string, arns []string, hosts ...string) intent.Route {
		r := route(hosts...)
		r.Source = intent.At(diag.Object{Kind: "Ingress", Namespace: namespace, Name: "web"}, fmt.Sprint(hosts))
		for _, arn := range arns {
			r.Actions = append(r.Actions, intent.Action{Type: stack.ActionForward, Backends: []intent.Backend{{
				TargetGroupARN: arn}}})
		}
		return r
	}
	before := Placement{{Hosts: []string{"a.example"}, Shard: 0}, {Hosts: []string{"b.example"}, Shard: 1}}
	for name, c := range map[string]struct {
		more  intent.Route
		every bool // it is on both load balancers
	}{
		"a wildcard":          {of("mal", nil, "*.example"), true},
		"a rule with both":    {of("mal", nil, "a.example", "b.example"), true},
		"their target groups": {of("mal", []string{"x", "y"}, "evil.test"), false},
	} {
		for _, others := range []string{"team", "mal"} { // whose the second host is
			routes := []intent.Route{of("shop", []string{"x"}, "a.example"), of(others, []string{"y"}, "b.example"), c.more}
			units, apart := UnitsOf(routes, before)
			p := before
			for range 2 {
				var err error
				if p, err = Place(units, p, 2, room(9)); err != nil {
					t.Fatal(err)
				}
				units, apart = UnitsOf(routes, p)
			}
			for host, want := range map[string]int{"a.example": 0, "b.example": 1} {
				if n, ok := p.Of(host); !ok || n != want || p.Moves() {
					t.Errorf("%s: %s is on %d of %s", name, host, n, text(p))
				}
			}
			on := 0
			for n := range 2 {
				here, elsewhere := p.HostsOn(n)
				lb := intent.LoadBalancer{Members: []intent.Member{{Routes: routes}}}
				for _, r := range RoutesOf(Take(lb, stack.Key{}, n, here, elsewhere)) {
					if r.Source == c.more.Source {
						on++
					}
				}
				counted, _ := p.HostsOn(n)
				if Cover(counted, apart); len(counted) != len(here) {
					t.Errorf("%s: load balancer %d has %v, and counts %v", name, n, here, counted)
				}
			}
			if every := on == 2; every != c.every {
				t.Errorf("%s: the route is on %d load balancers", name, on)
			}
		}
	}
	own := []intent.Route{of("shop", nil, "a.example"), of("shop", nil, "b.example"), of("shop", nil, "*.example")}
	if units, apart := UnitsOf(own, before); len(units) != 1 || len(apart) != 0 {
		t.Errorf("a wildcard of the same namespace: %v apart from %v", units, apart)
	}
}

// TestWildcardsOfATenantCostInProportion has a tenant declare as many wildcards as others have hosts, in a group with
// several load balancers.
func TestWildcardsOfATenantCostInProportion(t *testing.T) { // not parallel: it counts bytes
	for name, wild := range map[string]string{"ends": "*.t%d.example", "beginnings": "t%d.*", "both": "t%d.*.example"} {
		growth.AtMost(t, 1.25, "bytes for the units of a group, by hosts and wildcards with "+name, func(n int) float64 {
			var routes []intent.Route
			here := map[string]bool{}
			var wildcards []string
			for i := range n {
				routes = append(routes, route(fmt.Sprintf("h%d.shop.example", i)), route(fmt.Sprintf(wild, i)))
				here[fmt.Sprintf("h%d.shop.example", i)] = true
				wildcards = append(wildcards, fmt.Sprintf(wild, i))
			}
			return growth.Bytes(func() {
				if units, apart := UnitsOf(routes, nil); len(units) != 2*n || len(apart) > 0 {
					t.Fatalf("%d units, %d apart", len(units), len(apart))
				}
				if Cover(here, wildcards); len(here) != n {
					t.Fatalf("%d hosts", len(here))
				}
			})
		})
	}
}

// TestHostsOfATenantAreTriedFewTimes has a tenant declare more and more hosts in a group whose load balancers are full:
// each attempt to place some compiles the group. The small host of another tenant finds its place.
func TestHostsOfATenantAreTriedFewTimes(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"attempts", "units"} {
		growth.AtMost(t, 0.35, what+" to place the hosts of a group", func(n int) float64 {
			units := []Unit{{Hosts: []string{"z.example"}, Routes: 1, Of: "shop"}}
			for i := range 8 * n {
				units = append(units, Unit{Hosts: []string{fmt.Sprintf("h%05d.example", i)}, Routes: 2, Of: "mal"})
			}
			var p Placement
			asked := 0
			for range 2 { // the second time they are all placed
				var err error
				asked = 0
				p, err = Place(units, p, 2, func(n int, units []Unit) (bool, error) {
					if asked++; what == "units" {
						asked += len(units) - 1
					}
					return room(21)(n, units)
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if at, _ := p.Of("z.example"); at != 0 {
				t.Errorf("the host of the other tenant is on load balancer %d", at)
			}
			if what == "units" {
				return float64(asked - 8*n) // all on the last one, once
			}
			return float64(asked)
		})
	}
}

// TestIndexFindsWhatOverlaps compares the index of ends with a search through all hosts.
func TestIndexFindsWhatOverlaps(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		hosts := rapid.SliceOfN(rapid.StringMatching(`[ab.*?]{1,6}`), 1, 12).Draw(t, "hosts")
		near, pattern := indexEnds(hosts), hosts[0]
		found := slices.Collect(near.of(pattern))
		for _, h := range hosts {
			if !overlap.Disjoint(ofHost(pattern), ofHost(h)) && !slices.Contains(found, h) {
				t.Fatalf("%s overlaps %s, which is not among %v", pattern, h, found)
			}
		}
	})
}

// TestNamespaceThatGrowsMovesItsOwnHosts has the oldest of three units get so many routes that they do not fit together
// any more, while that of another namespace is the youngest.
func TestNamespaceThatGrowsMovesItsOwnHosts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		own  string // whose the second unit is
		want string
	}{
		"with a younger unit of its own": {"mal", "[a.example:0 b.example:1(from 0) c.example:0]"},
		"as its only unit":               {"shop", "[a.example:1(from 0) b.example:0 c.example:0]"},
	} {
		units := []Unit{{Hosts: []string{"a.example"}, Routes: 2, Of: "mal"}, {Hosts: []string{"b.example"}, Routes: 3,
			Of: c.own}, {Hosts: []string{"c.example"}, Routes: 3, Of: "shop"}}
		p, err := Place(units, nil, 2, room(9))
		if err != nil || fmt.Sprint(text(p)) != "[a.example:0 b.example:0 c.example:0]" {
			t.Fatalf("%v (%v)", text(p), err)
		}
		units[0].Routes = 5
		if c.own == "mal" {
			units[0].Routes = 4
		}
		full, err := Place(units, p, 1, room(9)) // while there is no other load balancer
		if err != nil || fmt.Sprint(text(full)) != fmt.Sprint(text(p)) {
			t.Errorf("%s: %v (%v)", name, text(full), err)
		}
		for _, before := range []Placement{p, full} {
			if got, err := Place(units, before, 2, room(9)); err != nil || fmt.Sprint(text(got)) != c.want {
				t.Errorf("%s: %v (%v), want %s", name, text(got), err, c.want)
			}
		}
	}
}
