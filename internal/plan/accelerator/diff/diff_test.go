package diff_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/diff"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/operation"
)

const arn = "arn:aws:globalaccelerator::123456789012:accelerator/a"

var key = stack.Key{Owner: accelerator.Owner, ID: stack.ID{Namespace: "default", Name: "web"}}

// listener has one port range for each text such as "tcp 80-90,443".
func listener(text string, groups ...accelerator.Group) accelerator.Listener {
	protocol, ports, _ := strings.Cut(text, " ")
	l := accelerator.Listener{Protocol: strings.ToUpper(protocol), Affinity: accelerator.NoAffinity, Groups: groups}
	for _, p := range strings.Split(ports, ",") {
		from, to, ok := strings.Cut(p, "-")
		if !ok {
			to = from
		}
		l.Ports = append(l.Ports, accelerator.PortRange{From: number(from), To: number(to)})
	}
	return l
}

func number(s string) (n int32) {
	for _, c := range s {
		n = 10*n + c - '0'
	}
	return n
}

// observed gives listeners and groups ARNs, and the accelerator what nothing changes.
func observed(listeners ...accelerator.Listener) accelerator.Observed {
	o := accelerator.Observed{ARN: arn, Name: "web", IPAddressType: accelerator.IPV4, Enabled: true,
		Status: accelerator.Deployed, Tags: map[string]string{"k": "v"}, Listeners: accelerator.CloneListeners(listeners)}
	for i := range o.Listeners {
		l := &o.Listeners[i]
		l.ARN = arn + "/listener/l" + string(rune('0'+i))
		for j := range l.Groups {
			l.Groups[j].ARN = l.ARN + "/endpoint-group/g" + string(rune('0'+j))
		}
	}
	return o
}

func declared(listeners ...accelerator.Listener) accelerator.Declared {
	return accelerator.Declared{Key: key, UID: "7e1f", Name: "web", IPAddressType: accelerator.IPV4,
		Tags: map[string]string{"k": "v"}, Listeners: listeners}
}

func group(ids ...string) accelerator.Group {
	g := accelerator.Group{Region: "us-west-2", Dial: 100}
	for _, id := range ids {
		yes := true
		g.Endpoints = append(g.Endpoints, accelerator.Endpoint{ID: id, Weight: 128, PreserveClientIP: &yes})
	}
	return g
}

// steps is a line for each step: the operation, the resource, and the first reason.
func steps(p plan.Plan) string {
	var b strings.Builder
	for _, s := range p.Steps {
		name := s.Resource.ID
		if name == "" {
			name = diff.Short(s.Resource.Literal)
		}
		b.WriteString(plan.NameOf(s.Op) + " " + name + ": " + strings.Join(s.Why, "; ") + "\n")
	}
	return b.String()
}

type planned struct {
	from accelerator.Observed
	to   accelerator.Declared
	want string
}

func observedWith(change func(*accelerator.Observed)) accelerator.Observed {
	o := observed()
	change(&o)
	return o
}

func with(d accelerator.Declared, change func(*accelerator.Declared)) accelerator.Declared {
	change(&d)
	return d
}

func edited(g accelerator.Group, change func(*accelerator.Group)) accelerator.Group {
	change(&g)
	return g
}

func in(region string) func(*accelerator.Group) {
	return func(g *accelerator.Group) { g.Region = region }
}

func preserve(clientIP *bool) func(*accelerator.Group) {
	return func(g *accelerator.Group) { g.Endpoints[0].PreserveClientIP = clientIP }
}

func override(pairs ...int32) func(*accelerator.Group) {
	return func(g *accelerator.Group) {
		for i := 0; i < len(pairs); i += 2 {
			g.Overrides = append(g.Overrides, accelerator.Override{ListenerPort: pairs[i], EndpointPort: pairs[i+1]})
		}
	}
}

func plansOfAccelerators() map[string]planned {
	return map[string]planned{
		"nothing to do": {observed(listener("tcp 80", group("a"))), declared(listener("tcp 80", group("a"))), ""},
		"new": {accelerator.Observed{}, declared(listener("tcp 80", group("a"))),
			`CreateAccelerator GlobalAccelerator: it does not exist
CreateListener Listener-0: no listener has these ports: TCP:80-80
CreateEndpointGroup EndpointGroup-0-0: the listener has none in us-west-2
AddEndpoints EndpointGroup-0-0: new: a
`},
		"an accelerator that was disabled by hand": {observedWith(func(o *accelerator.Observed) { o.Enabled = false }),
			declared(), "UpdateAccelerator GlobalAccelerator: it is disabled\n"},
		"another IP address type renames in place": {
			observed(), with(declared(), func(d *accelerator.Declared) {
				d.IPAddressType, d.Name = accelerator.DualStack, "other"
			}),
			"UpdateAccelerator GlobalAccelerator: name web → other; IP address type IPV4 → DUAL_STACK\n"},
		"tags that differ, of others stay": {
			observedWith(func(o *accelerator.Observed) {
				o.Tags = map[string]string{"k": "w", "old": "1", "aws:x": "1", "finance": "2"}
			}),
			with(declared(), func(d *accelerator.Declared) { d.ExternalTags = []string{"finance"} }),
			"TagResource GlobalAccelerator: tag k \"w\" → \"v\"\nUntagResource GlobalAccelerator: not declared any more: old\n"},
		"no listeners": {observed(listener("tcp 80", group("a"))), declared(),
			`DeleteEndpointGroup listener/l0/endpoint-group/g0: no listener of these ports is declared: TCP:80-80
DeleteListener listener/l0: no listener of these ports is declared: TCP:80-80
`},
		"ports that wait for a load balancer leave listeners alone": {observed(listener("tcp 80", group("a"))),
			with(declared(), func(d *accelerator.Declared) { d.Deferred = true }), ""},
	}
}

func plansOfListeners() map[string]planned {
	return map[string]planned{
		// AWS refuses each attempt of the existing controller
		"a listener gives up ports before another one takes them": {
			observed(listener("tcp 80-90"), listener("tcp 95-110")), declared(listener("tcp 80-100"), listener("tcp 105-110")),
			"UpdateListener Listener-1: ports 95-110 → 105-110\nUpdateListener Listener-0: ports 80-90 → 80-100\n"},
		"of two listeners that wait for each other one gives way first": {
			observed(listener("tcp 80-99"), listener("tcp 100-119")), declared(listener("tcp 80-89,110-119"),
				listener("tcp 90-109")),
			"UpdateListener Listener-0: other listeners take the rest of its ports; ports 80-99 → 80-89\nUpdateListener " +
				"Listener-1: ports 100-119 → 90-109\nUpdateListener Listener-0: ports 80-89 → 80-89, 110-119\n"},
		"more ports change the listener in place": {observed(listener("tcp 80-81", group("a"))),
			declared(listener("tcp 80-81,443", group("a"))),
			"UpdateListener Listener-0: ports 80-81 → 80-81, 443\n"},
		"another protocol on the same ports changes the listener in place": {
			observed(listener("tcp 80", group("a")), listener("udp 53")), declared(listener("udp 53"), listener("udp 80")),
			"UpdateListener Listener-1: protocol TCP → UDP\nDeleteEndpointGroup listener/l0/endpoint-group/g0: no endpoint " +
				"group in us-west-2 is declared\n"},
	}
}

func plansOfEndpointGroups() map[string]planned {
	return map[string]planned{
		"the only endpoint is gone": {observed(listener("tcp 80", group("a"))),
			with(declared(), func(d *accelerator.Declared) { d.Deferred, d.Emptied = true, true }),
			"RemoveEndpoints listener/l0/endpoint-group/g0: not declared any more: a\n"},
		"endpoints are added before others are removed": {observed(listener("tcp 80", group("a"))),
			declared(listener("tcp 80", group("b"))),
			"AddEndpoints EndpointGroup-0-0: new: b\nRemoveEndpoints EndpointGroup-0-0: not declared any more: a\n"},
		"a group without room for both gets its endpoints at once": {
			observed(listener("tcp 80", group("a", "b", "c", "d", "e", "f", "g", "h", "i", "j"))),
			declared(listener("tcp 80", group("a", "b", "c", "d", "e", "f", "g", "h", "i", "k"))),
			"UpdateEndpointGroup EndpointGroup-0-0: new: k; not declared any more: j\n"},
		"a weight takes one call": {observed(listener("tcp 80", group("a", "b"))),
			declared(listener("tcp 80", edited(group("a", "c"), func(g *accelerator.Group) { g.Endpoints[0].Weight = 1 }))),
			"UpdateEndpointGroup EndpointGroup-0-0: a: weight 128 → 1; new: c; not declared any more: b\n"},
		"an endpoint of which AWS returns no client IP preservation does not differ": { // as Elastic IP addresses
			observed(listener("tcp 80", edited(group("a"), preserve(nil)))), declared(listener("tcp 80", group("a"))), ""},
		"client IP preservation": {observed(listener("tcp 80", edited(group("a"), preserve(new(bool))))),
			declared(listener("tcp 80", group("a"))),
			"UpdateEndpointGroup EndpointGroup-0-0: a: client IP preservation false → true\n"},
		"an endpoint whose load balancer is not known at this moment stays": {observed(listener("tcp 80", group("a", "b"))),
			declared(listener("tcp 80", edited(group("b"), func(g *accelerator.Group) { g.Waiting = true }))), ""},
		"and others that are known to be gone do not": {observed(listener("tcp 80", group("a", "b", "c"))),
			declared(listener("tcp 80", edited(group("b"), func(g *accelerator.Group) {
				g.Waiting, g.Gone = true, []string{"c"}
			}))), "RemoveEndpoints EndpointGroup-0-0: not declared any more: c\n"},
		"the one that was known stays, and none besides": {observed(listener("tcp 80", group("a", "b", "c"))),
			declared(listener("tcp 80", edited(group("b"), func(g *accelerator.Group) { g.Kept = []string{"a"} }))),
			"RemoveEndpoints EndpointGroup-0-0: not declared any more: c\n"},
		"a new Region serves before the former one goes": {observed(listener("tcp 80", edited(group("a"), in("us-west-2")))),
			declared(listener("tcp 80", edited(group("b"), in("eu-west-1")))),
			"CreateEndpointGroup EndpointGroup-0-0: the listener has none in eu-west-1\nAddEndpoints EndpointGroup-0-0: new: " +
				"b\nDeleteEndpointGroup listener/l0/endpoint-group/g0: no endpoint group in us-west-2 is declared\n"},
		"dial within the precision of AWS": {
			observed(listener("tcp 80", edited(group(), func(g *accelerator.Group) { g.Dial = 99.9995 }))),
			declared(listener("tcp 80", group())), ""},
		"overrides in another order": {observed(listener("tcp 80-81", edited(group(), override(80, 8080, 81, 8081)))),
			declared(listener("tcp 80-81", edited(group(), override(81, 8081, 80, 8080)))), ""},
		"overrides that are in the way of ports go first": {
			observed(listener("tcp 80", edited(group("a"), override(80, 8080)))),
			declared(listener("tcp 80,8080", group("a"))),
			"UpdateEndpointGroup listener/l0/endpoint-group/g0: port override 80 → 8080: Listener-0 gets port " +
				"8080\nUpdateListener Listener-0: ports 80 → 80, 8080\n"},
		"an override that moves to another listener leaves the first": {
			observed(listener("tcp 80", edited(group(), override(80, 8080))), listener("tcp 81", group())),
			declared(listener("tcp 80", group()), listener("tcp 81", edited(group(), override(81, 8080)))),
			"UpdateEndpointGroup listener/l0/endpoint-group/g0: port override 80 → 8080: Listener-1 overrides to port " +
				"8080\nUpdateEndpointGroup EndpointGroup-1-0: port overrides none → 81:8080\n"},
	}
}

func TestPlansOfAccelerators(t *testing.T) {
	t.Parallel()
	cases := plansOfAccelerators()
	maps.Copy(cases, plansOfListeners())
	maps.Copy(cases, plansOfEndpointGroups())
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := diff.Plan(c.to, c.from)
			if got := steps(p); got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
			for i, s := range p.Steps {
				for _, n := range s.Needs {
					if !slices.ContainsFunc(p.Steps[:i], func(b plan.Step) bool { return b.ID == n }) {
						t.Errorf("%s needs %s, which does not come before it", s.ID, n)
					}
				}
			}
		})
	}
}

func TestEqualPairsOfListenersAreMatchedByTheirOrderAndARN(t *testing.T) {
	t.Parallel()
	from := observed(listener("tcp 1"), listener("tcp 2"), listener("tcp 3"))
	to := declared(listener("tcp 11"), listener("tcp 12"), listener("tcp 13"))
	want := steps(diff.Plan(to, from))
	if !strings.Contains(want, "UpdateListener Listener-0: ports 1 → 11\nUpdateListener Listener-1: ports 2 → "+
		"12\nUpdateListener Listener-2: ports 3 → 13\n") {
		t.Errorf("got\n%s", want)
	}
	for range 20 { // AWS may list them in any order
		slices.Reverse(from.Listeners)
		if got := steps(diff.Plan(to, from)); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	}
}

func TestAFailedChangeBlocksOnlyWhatTakesItsPorts(t *testing.T) {
	t.Parallel()
	p := diff.Plan(declared(listener("tcp 80-100"), listener("tcp 105-110"), listener("udp 54")),
		observed(listener("tcp 80-90"), listener("tcp 95-110"), listener("udp 53")))
	byID := map[plan.StepID]plan.Step{}
	for _, s := range p.Steps {
		byID[s.ID] = s
	}
	if n := byID["UpdateListener Listener-0"].Needs; !slices.Equal(n, []plan.StepID{"UpdateListener Listener-1"}) {
		t.Errorf("the listener that takes ports needs %v", n)
	}
	if n := byID["UpdateListener Listener-2"].Needs; len(n) > 0 {
		t.Errorf("the listener beside them needs %v", n)
	}
}

func TestAnAcceleratorIsDeletedOnceItIsDisabledEverywhere(t *testing.T) {
	t.Parallel()
	o := observed(listener("tcp 80", group("a")))
	for _, c := range []struct {
		change func()
		want   string
		wait   bool
	}{
		{func() {}, "UpdateAccelerator GlobalAccelerator: the object is deleted, and AWS deletes only disabled " +
			"accelerators\n", true},
		{func() { o.Enabled, o.Status = false, accelerator.InProgress }, "", true},
		{func() {
			o.Status = accelerator.Deployed
		}, "DeleteEndpointGroup listener/l0/endpoint-group/g0: the object is deleted\nDeleteListener listener/l0: the " +
			"object is deleted\n", true},
		{func() { o.Listeners, o.Status = nil, accelerator.InProgress }, "", true},
		{func() { o.Status = accelerator.Deployed }, "DeleteAccelerator GlobalAccelerator: the object is deleted\n", false},
		{func() { o = accelerator.Observed{} }, "", false},
	} {
		c.change()
		p, wait := diff.Removal(declared(), o)
		if got := steps(p); got != c.want || wait != c.wait {
			t.Errorf("got\n%s%v, want\n%s%v", got, wait, c.want, c.wait)
		}
	}
}

// TestReplacedListKeepsClientIPPreservation replaces the endpoints of a group because of one of them: an endpoint of
// which it is not known whether AWS preserves addresses keeps what AWS has.
func TestReplacedListKeepsClientIPPreservation(t *testing.T) {
	on, off := true, false
	for name, c := range map[string]struct{ observed, want *bool }{
		"preserved":     {&on, &on},
		"not preserved": {&off, nil},
		"none":          {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := observed(listener("tcp 80", edited(group("a", "b"), func(g *accelerator.Group) {
				g.Endpoints[1].PreserveClientIP = c.observed
			})))
			d := declared(listener("tcp 80", edited(group("a", "b"), func(g *accelerator.Group) {
				g.Endpoints[0].Weight, g.Endpoints[1].PreserveClientIP = 1, nil
			})))
			p := diff.Plan(d, o)
			if len(p.Steps) != 1 {
				t.Fatalf("steps: %v", p.Steps)
			}
			op, ok := p.Steps[0].Op.(operation.UpdateEndpointGroup)
			if !ok || len(op.Endpoints) != 2 {
				t.Fatalf("step: %#v", p.Steps[0].Op)
			}
			if got := op.Endpoints[1].PreserveClientIP; !ptr.Equal(got, c.want) {
				t.Errorf("client IP preservation: %v, want %v", ptr.Deref(got, false), ptr.Deref(c.want, false))
			}
		})
	}
}
