package shard

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// route has a condition for each list of hosts.
func route(hosts ...string) intent.Route {
	r := intent.Route{Conditions: []stack.Condition{{Field: stack.PathPattern, Values: []string{"/a"}}}}
	if len(hosts) > 0 {
		r.Conditions = append(r.Conditions, stack.Condition{Field: stack.HostHeader, Values: hosts})
	}
	return r
}

func TestHostsThatOneRequestOrOneRuleMayConcernAreOneUnit(t *testing.T) {
	t.Parallel()
	mine := func(host, arn string) intent.Route {
		r := route(host)
		r.Actions = []intent.Action{{Type: stack.ActionForward, Backends: []intent.Backend{{TargetGroupARN: arn}}}}
		return r
	}
	expression := route()
	expression.Conditions = append(expression.Conditions, stack.Condition{Field: stack.HostHeader, Regex: []string{
		`^a[0-9]\.example$`}})
	for _, c := range []struct {
		name   string
		routes []intent.Route
		want   string
	}{
		{"a unit for each host, whatever its case", []intent.Route{route("B.example"), route("a.example"),
			route("b.example")}, "[{[a.example] 1 false } {[b.example] 2 false }]"},
		{"a wildcard has the hosts that it covers", []intent.Route{route("*.example"), route("a.example"), route("a.test")},
			"[{[*.example a.example] 2 false } {[a.test] 1 false }]"},
		{"wildcards that overlap", []intent.Route{route("*.a.example"), route("x.*.example"), route("y.b.example")},
			"[{[*.a.example x.*.example] 2 false } {[y.b.example] 1 false }]"},
		{"hosts of one rule", []intent.Route{route("a.example", "b.example"), route("b.example", "c.example"),
			route("d.example")}, "[{[a.example b.example c.example] 2 false } {[d.example] 1 false }]"},
		{"no host, any host and an expression are of no unit", []intent.Route{route(), route("*"), expression,
			route("a.example")}, "[{[a.example] 1 false }]"},
		{"a target group of the user", []intent.Route{mine("a.example", "x"), mine("c.example", "y"), mine("b.example", "x")},
			"[{[a.example b.example] 2 true } {[c.example] 1 true }]"},
	} {
		units, _ := UnitsOf(c.routes, nil)
		if got := fmt.Sprint(units); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// room is an oracle: a load balancer has room for so many routes.
func room(most int) Fits {
	return func(_ int, units []Unit) (bool, error) {
		n := 0
		for _, u := range units {
			n += u.Routes
		}
		return n <= most, nil
	}
}

func placed(t *testing.T, units []Unit, before Placement, shards int, fits Fits) Placement {
	t.Helper()
	p, err := Place(units, before, shards, fits)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func text(p Placement) (out []string) {
	for _, x := range p {
		from := ""
		if x.From != nil {
			from = fmt.Sprintf("(from %d)", *x.From)
		}
		out = append(out, fmt.Sprintf("%s:%d%s", x.Hosts[0], x.Shard, from))
	}
	return out
}

func unit(routes int, hosts ...string) Unit { return Unit{Hosts: hosts, Routes: routes} }

func TestUnitsArePlaced(t *testing.T) {
	t.Parallel()
	one := 1
	for _, c := range []struct {
		name   string
		units  []Unit
		before Placement
		shards int
		want   string
	}{
		{"the first load balancer is filled first", []Unit{unit(6, "a"), unit(6, "b"), unit(4, "c")}, nil, 2,
			"[a:0 b:1 c:0]"},
		{"what fits on none is on the last", []Unit{unit(9, "a"), unit(9, "b"), unit(9, "c")}, nil, 2, "[a:0 b:1 c:1]"},
		{"nothing moves to fill a gap", []Unit{unit(1, "b")}, Placement{{Hosts: []string{"a"}},
			{Hosts: []string{"b"}, Shard: 1}}, 2, "[b:1]"},
		{"the youngest moves, not the one that grew", []Unit{unit(8, "b"), unit(3, "a")}, Placement{{Hosts: []string{"b"}},
			{Hosts: []string{"a"}}}, 2, "[b:0 a:1(from 0)]"},
		{"as many of the youngest move as are necessary", []Unit{unit(9, "a"), unit(2, "b"), unit(2, "c")},
			Placement{{Hosts: []string{"a"}}, {Hosts: []string{"b"}}, {Hosts: []string{"c"}}}, 2,
			"[a:0 b:1(from 0) c:1(from 0)]"},
		{"what can go nowhere stays", []Unit{unit(8, "a"), unit(3, "b")}, Placement{{Hosts: []string{"a"}},
			{Hosts: []string{"b"}}}, 1, "[a:0 b:0]"},
		{"what moves already does not move again", []Unit{unit(8, "a"), unit(3, "b")}, Placement{{Hosts: []string{"a"}},
			{Hosts: []string{"b"}, From: &one}}, 2, "[a:1(from 0) b:0(from 1)]"},
		{"what is fixed does not move", []Unit{unit(8, "a"), {Hosts: []string{"b"}, Routes: 3, Fixed: true}},
			Placement{{Hosts: []string{"a"}}, {Hosts: []string{"b"}}}, 2, "[a:1(from 0) b:0]"},
		{"of two that become one the smaller moves", []Unit{unit(3, "*", "a", "b", "c")},
			Placement{{Hosts: []string{"a"}, Shard: 1}, {Hosts: []string{"b", "c"}}}, 2, "[*:0(from 1)]"},
		{"parts of one stay together", []Unit{unit(1, "a"), unit(1, "b")},
			Placement{{Hosts: []string{"*", "a", "b"}, Shard: 1}}, 2, "[a:1 b:1]"},
		{"a load balancer that is not wanted any more is emptied as far as there is room", []Unit{unit(9, "a"), unit(4, "b"),
			unit(1, "c")},
			Placement{{Hosts: []string{"a"}}, {Hosts: []string{"b"}, Shard: 1}, {Hosts: []string{"c"}, Shard: 1}}, 1,
			"[a:0 b:1 c:0(from 1)]"},
	} {
		if got := fmt.Sprint(text(placed(t, c.units, c.before, c.shards, room(10)))); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestAPlacementIsNotMadeIfItIsNotKnownWhatFits(t *testing.T) {
	t.Parallel()
	broken := errors.New("no answer")
	if p, err := Place([]Unit{unit(1, "a")}, nil, 2, func(int, []Unit) (bool, error) { return false, broken }); !errors.Is(
		err, broken) || p != nil {
		t.Errorf("%v, %v", p, err)
	}
}

func TestTheLastOfSeveralLoadBalancersWithAHostHasIt(t *testing.T) {
	t.Parallel()
	p := Observed(map[string]int{"b": 1, "a": 0})
	if got := fmt.Sprint(text(p)); got != "[a:0 b:1]" || p.Last() != 1 || !p.Uses(1) || p.Uses(2) {
		t.Errorf("%s, %d", got, p.Last())
	}
}

var drawnUnits = rapid.Custom(func(t *rapid.T) (out []Unit) {
	for i := range rapid.IntRange(0, 14).Draw(t, "units") {
		if n := rapid.IntRange(0, 7).Draw(t, "routes"); n > 0 {
			out = append(out, unit(n, fmt.Sprintf("%02d", i)))
		}
	}
	return out
})

func TestPlacementsAreSoundWhateverIsDeclared(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var p Placement
		var err error
		shards, most := rapid.IntRange(1, 4).Draw(t, "shards"), rapid.IntRange(5, 20).Draw(t, "room")
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			units, before := drawnUnits.Draw(t, "units"), p
			if p, err = Place(units, before, shards, room(most)); err != nil {
				t.Fatal(err)
			}
			shuffled := slices.Clone(units)
			rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)).Shuffle(len(shuffled),
				func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			if again, err := Place(shuffled, before, shards, room(most)); err != nil || !again.Equal(p) {
				t.Fatalf("in another order: %v, %v", text(again), text(p))
			}
			if again, err := Place(units, p, shards, room(most)); err != nil || !again.Equal(p) {
				t.Fatalf("placed again: %v, %v", text(again), text(p))
			}
			load := map[int]int{}
			for _, u := range units {
				at := slices.IndexFunc(p, func(x Placed) bool { return slices.Equal(x.Hosts, u.Hosts) })
				if at < 0 {
					t.Fatalf("%v has no place in %v", u, text(p))
				}
				load[p[at].Shard] += u.Routes
				for _, b := range before {
					if slices.Equal(b.Hosts, u.Hosts) && b.Shard != p[at].Shard && (p[at].From == nil || *p[at].From != b.Shard) {
						t.Fatalf("%v was on %d and moves to %d without a hand-over", u, b.Shard, p[at].Shard)
					}
				}
			}
			if len(p) != len(units) {
				t.Fatalf("%v has what is not declared: %v", text(p), units)
			}
			kept := map[int]int{}
			for _, u := range units {
				for _, b := range before {
					if slices.Equal(b.Hosts, u.Hosts) {
						kept[b.Shard] += u.Routes
					}
				}
			}
			for _, x := range p {
				for _, b := range before {
					if slices.Equal(b.Hosts, x.Hosts) && b.Shard != x.Shard && kept[b.Shard] <= most {
						t.Fatalf("%v moves off %d, which has room: %v", x.Hosts, b.Shard, kept)
					}
				}
			}
			for n, routes := range load {
				if n >= shards {
					t.Fatalf("%v has %d load balancers", text(p), shards)
				}
				if routes > most {
					for other := range shards { // then nothing of it has room elsewhere
						for _, u := range units {
							at := slices.IndexFunc(p, func(x Placed) bool { return slices.Equal(x.Hosts, u.Hosts) })
							if p[at].Shard == n && n == shards-1 && other != n && p[at].From == nil && load[other]+u.Routes <= most &&
								!slices.ContainsFunc(before, func(b Placed) bool { return slices.Equal(b.Hosts, u.Hosts) }) {
								t.Fatalf("%v does not fit on %d, and fits on %d: %v", u, n, other, load)
							}
						}
					}
				}
			}
			for i := range p { // they have arrived
				p[i].From = nil
			}
		}
	})
}

func TestMovingUnitIsServedByBothForAMinute(t *testing.T) {
	t.Parallel()
	zero, now := 0, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := Placement{{Hosts: []string{"a"}, Shard: 1, From: &zero}, {Hosts: []string{"b"}}}
	routes := []intent.Route{route("A"), route("b"), route()}
	shows := func(p Placement, want string) {
		t.Helper()
		if got := fmt.Sprint(p.Shown()(routes)); got != want {
			t.Errorf("shown on %s, want %s", got, want)
		}
	}
	if !p.Arriving(1) || p.Arriving(0) || !p.Uses(0) || !p.Uses(1) {
		t.Errorf("on its way: %+v", p)
	}
	shows(p, "[0]")
	if q := p.Arrived(0); !q.Equal(p) {
		t.Errorf("another load balancer is ready: %+v", q)
	}
	if q := p.Show(now); !q.Equal(p) {
		t.Errorf("shown before it has arrived: %+v", q)
	}
	p = p.Arrived(1)
	shows(p, "[1 0]")
	if p.Arriving(1) {
		t.Error("it arrives again")
	}
	if got := Describe(p.Shown(), routes); got != "load balancer 2 has a; load balancer 1 has b" {
		t.Error(got)
	}
	p = p.Show(now)
	if q, next := p.Settle(now.Add(59 * time.Second)); !q.Equal(p) || !next.Equal(now.Add(time.Minute)) {
		t.Errorf("%+v, next %v", q, next)
	}
	p, next := p.Settle(now.Add(time.Minute))
	if !next.IsZero() || !p.Equal(Placement{{Hosts: []string{"a"}, Shard: 1}, {Hosts: []string{"b"}}}) {
		t.Errorf("%+v, next %v", p, next)
	}
	shows(p, "[1 0]")
	if n, ok := p.Of("A"); n != 1 || !ok {
		t.Errorf("a is on %d, %v", n, ok)
	}
	if _, ok := p.Of("c"); ok {
		t.Error("c has a place")
	}
	if got := fmt.Sprint(p.Shown()([]intent.Route{route()})); got != "[0]" {
		t.Errorf("without a host: %s", got)
	}
}
