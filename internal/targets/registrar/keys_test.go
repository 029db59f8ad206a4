package registrar

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// someTarget is made anew for each test: a generator is not to be shared by tests that run at once.
func someTarget() *rapid.Generator[Target] {
	return rapid.Custom(func(t *rapid.T) Target {
		return Target{ID: rapid.SampledFrom([]string{"10.0.0.1", "10.0.0.10", "10.0.0.1:8", "i-1", "i-10", "i-2",
			strings.Repeat("a", 200)}).Draw(t, "id"),
			Port:     rapid.SampledFrom([]int32{8, 80, 443, 8080, 30000}).Draw(t, "port"),
			ServerID: rapid.SampledFrom([]string{"", "0x1", "0x2"}).Draw(t, "server")}
	})
}

func TestTargetsAreOrderedAsTheirKeys(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := someTarget().Draw(t, "a"), someTarget().Draw(t, "b")
		if got, want := compareTargets(&a, &b), cmp.Compare(a.Key(), b.Key()); got != want {
			t.Fatalf("%s and %s: %d, want %d", a.Key(), b.Key(), got, want)
		}
	})
}

// someEndpoints are lists in order, as passes make them, and others.
func someEndpoints() *rapid.Generator[[]Endpoint] {
	return rapid.Custom(func(t *rapid.T) []Endpoint {
		var out []Endpoint
		for _, x := range rapid.SliceOfN(someTarget(), 0, 12).Draw(t, "targets") {
			out = append(out, Endpoint{Target: x})
		}
		if rapid.Float64Range(0, 1).Draw(t, "ordered") < 0.8 {
			slices.SortFunc(out, func(a, b Endpoint) int { return cmp.Compare(a.Key(), b.Key()) })
			out = slices.CompactFunc(out, func(a, b Endpoint) bool { return a.Key() == b.Key() })
		}
		return out
	})
}

func TestKeysAreThoseOfTheListAskedForLast(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := newGroup(Group{}, new(shares))
		var before wants
		for _, list := range rapid.SliceOfN(someEndpoints(), 1, 6).Draw(t, "lists") {
			of := wants{EndpointsOf(list...), 0}
			keys, want := g.keysOf(&Request{Want: of.of}), newKeyCache(of)
			if !slices.Equal(keys.list, want.list) || !maps.Equal(keys.set, want.set) {
				t.Fatalf("%v: %v %v", want.list, keys.list, keys.set)
			}
			var missing, lacking []string
			before.missingIn(of, func(e Endpoint) { missing = append(missing, e.Key()) })
			had := newKeyCache(before).list
			for _, key := range had {
				if !want.set[key] {
					lacking = append(lacking, key)
				}
			}
			if !slices.Equal(missing, lacking) {
				t.Fatalf("from %v to %v: %v, want %v", had, want.list, missing, lacking)
			}
			before = of
		}
	})
}

// TestSharedListIsThatOfItsPort shows that endpoints without port are those of the port of the request.
func TestSharedListIsThatOfItsPort(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		shared, own := newGroup(Group{}, new(shares)), newGroup(Group{}, new(shares))
		var sharedBefore, ownBefore wants
		for _, list := range rapid.SliceOfN(someEndpoints(), 1, 6).Draw(t, "lists") {
			port := rapid.SampledFrom([]int32{8, 80, 30000}).Draw(t, "port")
			without := slices.Clone(list)
			for i := range list {
				list[i].Port, without[i].Port = port, 0
			}
			a, b := Request{Want: EndpointsOf(without...), Port: port}, Request{Want: EndpointsOf(list...)}
			if x, y := shared.keysOf(&a), own.keysOf(&b); !slices.Equal(x.list, y.list) || !maps.Equal(x.set, y.set) {
				t.Fatalf("%v, want %v", x.list, y.list)
			}
			for _, way := range []func(wants, wants) (wants, wants){func(x, y wants) (wants, wants) { return x, y },
				func(x, y wants) (wants, wants) { return y, x }} {
				var x, y []Endpoint
				from, in := way(sharedBefore, a.wants())
				from.missingIn(in, func(e Endpoint) { x = append(x, e) })
				from, in = way(ownBefore, b.wants())
				from.missingIn(in, func(e Endpoint) { y = append(y, e) })
				if !slices.Equal(x, y) {
					t.Fatalf("%v, want %v", x, y)
				}
			}
			sharedBefore, ownBefore = a.wants(), b.wants()
		}
	})
}

// TestRequestCostsWhatDiffersFromTheOneBefore shows that one target more or less costs the same in a group of any size.
func TestRequestCostsWhatDiffersFromTheOneBefore(t *testing.T) { // not parallel: it counts bytes
	var calls []growth.Point
	growth.AtMost(t, growth.Constant, "bytes", func(n int) float64 {
		b := &balancing{}
		r := newRegistry(b, b.write, func(string) bool { return true })
		var all []Endpoint
		for i := range n {
			all = append(all, Endpoint{Target: Target{ID: fmt.Sprintf("i-%04d", i)}, Node: fmt.Sprint("n", i)})
		}
		full := EndpointsOf(all...)
		fewer := full.revised(slices.Delete(slices.Clone(all), n/2, n/2+1))
		pass := func(want Endpoints) {
			q := Request{Group: tg, Want: want, Port: 30080, Since: time.Unix(1, 0), Balancer: Balancer{"lb", 2 * n, 0}}
			r.KeepServing(q, false, func(Endpoint) bool { return false })
			r.Moved(q)
			if c, err := r.Sync(t.Context(), q); err != nil || c.Pending {
				t.Fatal(c, err)
			}
		}
		pass(full)
		spent := growth.Bytes(func() {
			b.steps = nil
			pass(fewer)
			pass(full)
		})
		if len(b.steps) != 2 {
			t.Errorf("%d endpoints: %v", n, b.steps)
		}
		calls = append(calls, growth.Point{N: n, Cost: float64(len(b.steps))})
		return spent
	})
	growth.Log(t, "calls of AWS for one target less and one more", calls)
}

// TestRequestCostsNothingOfOtherGroupsOfItsBalancer has one target less and one more of a target group, among many
// behind the same load balancer, each in a namespace of its own.
func TestRequestCostsNothingOfOtherGroupsOfItsBalancer(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes, by target groups of the load balancer", func(n int) float64 {
		b := &balancing{}
		r := newRegistry(b, b.write, func(string) bool { return true })
		pass := func(group int, ids ...string) {
			q := Request{Binding: stack.ID{Namespace: fmt.Sprint("ns-", group), Name: "b"},
				Group: Group{ARN: fmt.Sprint("arn-", group)}, Want: want(ids...), Balancer: Balancer{"lb", 3 * n, 0}}
			if c, err := r.Sync(t.Context(), q); err != nil || c.Pending || c.LeftOut > 0 {
				t.Fatal(c, err)
			}
		}
		for group := range n {
			pass(group, "10.0.0.1", "10.0.0.2")
		}
		return growth.Bytes(func() {
			pass(7, "10.0.0.1")
			pass(7, "10.0.0.1", "10.0.0.2")
			if needs := r.Needed("lb", Group{ARN: "arn-7"}, 5); needs != 2*(n-1)+5 {
				t.Errorf("%d targets are needed of %d groups", needs, n)
			}
			b.steps = nil
		})
	})
}

// TestScrapeCostsNothingOfGroupsAtRest asks how many targets wait, as each scrape of the metrics does.
func TestScrapeCostsNothingOfGroupsAtRest(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes of a look at what waits, by target groups", func(n int) float64 {
		b := &balancing{}
		r := newRegistry(b, b.write, func(string) bool { return true })
		pass := func(group int) {
			q := Request{Group: Group{ARN: fmt.Sprint("arn-", group)}, Want: want("10.0.0.1")}
			if _, err := r.Sync(t.Context(), q); err != nil && b.fail == nil {
				t.Fatal(err)
			}
		}
		for group := range n {
			pass(group)
		}
		b.fail = errors.New("throttled")
		pass(n)
		return growth.Bytes(func() {
			if waits, _ := r.Waiting(); waits != 1 {
				t.Errorf("%d targets of %d groups wait", waits, n)
			}
		})
	})
}
