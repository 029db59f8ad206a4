package compile

import (
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const named = "arn:aws:elasticloadbalancing:us-west-2:111122223333:targetgroup/k8s-shop-app-0123456789/0123456789abcdef"

// ownedBy is an account in which the named target group belongs to an object.
func ownedBy(o stack.Owner, id string) facts.Facts {
	f := account()
	f.TargetGroupOwners = map[string]*facts.TargetGroupOwner{
		named: {Stack: stack.Key{Owner: o, ID: stack.ID{Name: "front"}}, ID: id}}
	return f
}

// forwarding is a load balancer with a member of a namespace that names the target group beside a Service of its own.
func forwarding(namespace string, r *intent.References) intent.LoadBalancer {
	own := ingress(namespace, "a", func(m *intent.Member) {
		second := route(m.Object, "b.example.com", "/*", "")
		second.Actions[0].Backends = []intent.Backend{{TargetGroupARN: named}}
		m.Routes = append(m.Routes, second)
	})
	e := loadBalancer(own)
	e.References = r
	return e
}

func TestTargetGroupsOfOtherNamespaces(t *testing.T) {
	t.Parallel()
	grant := func(change func(*intent.Grant)) *intent.References {
		g := intent.Grant{FromKind: "Ingress", FromNamespace: "evil", Namespace: "shop"}
		change(&g)
		return &intent.References{Grants: []intent.Grant{g}, Services: map[string][]string{"shop": {"app", "other"}}}
	}
	exist := func(namespaces ...string) *intent.References { return &intent.References{Namespaces: namespaces} }
	const ofIngress, ofRoute = "shop/web-app:80", "plat/gw:plat-r:HTTPRoute-shop-prod-app:80"
	for name, c := range map[string]struct {
		namespace, id string
		owner         stack.Owner
		refs          *intent.References
		list          []string
		want          bool
	}{
		"of the same namespace":             {"shop", ofIngress, stack.Ingress, nil, nil, true},
		"of another namespace":              {"evil", ofIngress, stack.Ingress, nil, nil, false},
		"of a namespace with a longer name": {"sho", ofIngress, stack.Ingress, nil, nil, false},
		"of a Service":                      {"evil", "shop/app:80", stack.Service, nil, nil, false},
		"granted": {"evil", ofIngress, stack.Ingress, grant(func(*intent.Grant) {}), nil,
			true},
		"granted to another kind": {"evil", ofIngress, stack.Ingress,
			grant(func(g *intent.Grant) { g.FromKind = "HTTPRoute" }), nil, false},
		"granted to another namespace": {"evil", ofIngress, stack.Ingress,
			grant(func(g *intent.Grant) { g.FromNamespace = "blog" }), nil, false},
		"granted in the namespace of the referrer": {"evil", ofIngress, stack.Ingress,
			grant(func(g *intent.Grant) { g.Namespace = "evil" }), nil, false},
		"granted for its Service": {"evil", ofIngress, stack.Ingress,
			grant(func(g *intent.Grant) { g.Name = "app" }), nil, true},
		"granted for another Service": {"evil", ofIngress, stack.Ingress,
			grant(func(g *intent.Grant) { g.Name = "other" }), nil, false},
		"granted by its name": {"evil", ofIngress, stack.Ingress,
			grant(func(g *intent.Grant) { g.TargetGroup, g.Name = true, "k8s-shop-app-0123456789" }), nil, true},
		"granted by another name": {"evil", ofIngress, stack.Ingress,
			grant(func(g *intent.Grant) { g.TargetGroup, g.Name = true, "k8s-shop-x" }), nil, false},
		"of a Service that may be another": {"evil", "shop/web-other-app:80", stack.Ingress, &intent.References{
			Grants: grant(func(g *intent.Grant) { g.Name = "app" }).Grants, Services: map[string][]string{
				"shop": {"app", "other-app"}}}, nil, false},
		"of a route, same namespace": {"shop-prod", ofRoute, stack.Owner("gateway.k8s.aws.alb"),
			exist("shop-prod", "plat"), nil, true},
		"of a route, a namespace its name begins": {"shop", ofRoute, stack.Owner("gateway.k8s.aws.alb"),
			exist("shop", "shop-prod"), nil, false},
		"of a route, namespaces unknown": {"shop", ofRoute, stack.Owner("gateway.k8s.aws.alb"), nil, nil, false},
		"of a route, the namespace of the Gateway": {"plat", ofRoute, stack.Owner("gateway.k8s.aws.alb"),
			exist("shop-prod", "plat"), nil, false},
		"of a route whose namespace is gone": {"evil", ofRoute, stack.Owner("gateway.k8s.aws.alb"), exist("evil"),
			nil, false},
		"of an identity without meaning": {"evil", "x", stack.Ingress, nil, nil, false},
		"allowed by the flag": {"evil", ofIngress, stack.Ingress, nil, []string{"evil=k8s-shop-*"},
			true},
		"allowed to another namespace by the flag": {"evil", ofIngress, stack.Ingress, nil, []string{"blog=k8s-shop-*"},
			false},
	} {
		cfg := config()
		cfg.CrossNamespaceTargetGroups, _ = allowlist.TargetGroups(c.list)
		r := Compile(forwarding(c.namespace, c.refs), ownedBy(c.owner, c.id), cfg, nil)
		s := mustBuild(t, r)
		last := s.Rules[len(s.Rules)-1].Actions[0]
		refused := last.FixedResponse != nil && last.FixedResponse.StatusCode == strconv.Itoa(http.StatusServiceUnavailable)
		told := len(r.Diagnostics) == 1 && r.Diagnostics[0].Code == diag.RefNotPermitted &&
			r.Diagnostics[0].Object.Namespace == c.namespace
		if len(s.Rules) != 2 || refused == c.want || told == c.want {
			t.Errorf("%s: %v, %v", name, table(s), r.Diagnostics)
		}
		if own := s.Rules[0].Actions[0]; own.Forward == nil {
			t.Errorf("%s: the rest of the Ingress is not served: %v", name, table(s))
		}
	}
}

func TestTargetGroupOfUnknownOwnerChangesNothing(t *testing.T) {
	t.Parallel()
	f := account()
	f.TargetGroupOwners = nil
	r := Compile(forwarding("evil", nil), f, config(), nil)
	need := facts.Need{Kind: facts.NeedTargetGroupOwner, Key: named}
	if r.Stack != nil || len(r.Needs) != 1 || r.Needs[0] != need {
		t.Fatalf("%+v", r)
	}
	f.Errors = map[facts.Need]error{need: errors.New("no answer")}
	if r := Compile(forwarding("evil", nil), f, config(), nil); r.Stack != nil || len(r.Diagnostics) == 0 ||
		!strings.Contains(r.Diagnostics[0].Text, "the owner of target group") {
		t.Errorf("%+v", r)
	}
}

func TestTargetGroupsOutsideTheCluster(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]bool{"*": true, "k8s-shop-*": true, "evil=*": true, "blog=*": false,
		"none": false} {
		cfg, f := config(), account()
		cfg.ExternalTargetGroups, _ = allowlist.TargetGroups([]string{list})
		f.TargetGroupOwners = map[string]*facts.TargetGroupOwner{named: nil}
		s := mustBuild(t, Compile(forwarding("evil", nil), f, cfg, nil))
		if got := s.Rules[1].Actions[0].Forward != nil; got != want {
			t.Errorf("--external-target-groups=%s: %v", list, table(s))
		}
	}
}

func TestAmbiguousTargetGroupIsRefused(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]bool{"none": false, "evil=*": true} {
		cfg, f := config(), account()
		cfg.CrossNamespaceTargetGroups, _ = allowlist.TargetGroups([]string{list})
		f.TargetGroupOwners = map[string]*facts.TargetGroupOwner{named: {Ambiguous: true}}
		s := mustBuild(t, Compile(forwarding("evil", nil), f, cfg, nil))
		if got := s.Rules[1].Actions[0].Forward != nil; got != want {
			t.Errorf("--cross-namespace-target-groups=%s: %v", list, table(s))
		}
	}
}

// forwardingPorts is a load balancer of a Service that forwards from ports 80, 81, … to target groups. A backend
// without name is the Service itself.
func forwardingPorts(ports ...[]intent.Backend) intent.LoadBalancer {
	e := forwarding("evil", nil)
	e.Key.Owner, e.Type, e.OnePerPort = stack.Service, stack.Network, true
	m := &e.Members[0]
	own := m.Routes[0].Actions[0].Backends[0].TargetGroup
	own.Protocol, own.ProtocolVersion = "TCP", ""
	m.Object.Kind, m.Routes, m.Listeners = "Service", nil, nil
	for n, backends := range ports {
		for i := range backends {
			if backends[i].TargetGroupARN == "" {
				backends[i].TargetGroup = own
			}
		}
		m.Listeners = append(m.Listeners, intent.Listener{Port: 80 + int32(n), Protocol: "TCP",
			Default: []intent.Action{{Type: stack.ActionForward, Backends: backends}}})
	}
	return e
}

// targetsByPort are the numbers of target groups to which the listeners forward, by port.
func targetsByPort(s *stack.Stack) map[int32]int {
	out := map[int32]int{}
	for _, l := range s.Listeners {
		out[l.Port] = len(l.DefaultActions[0].Forward.TargetGroups)
	}
	return out
}

// TestEditToRefusedTargetGroupKeepsTheListener has a Service that is served name a target group that it may not.
func TestEditToRefusedTargetGroupKeepsTheListener(t *testing.T) {
	t.Parallel()
	denied := intent.Backend{TargetGroupARN: named}
	for name, edited := range map[string][]intent.Backend{"alone": {denied}, "beside its own": {{}, denied}} {
		cfg, f := config(), account()
		cfg.ExternalTargetGroups = nil
		f.TargetGroupOwners = map[string]*facts.TargetGroupOwner{named: nil}
		before := Compile(forwardingPorts([]intent.Backend{{}}), f, cfg, nil)
		served := mustBuild(t, before)
		memory := before.Memory
		for range 2 {
			r := Compile(forwardingPorts(edited), asFacts(f, served), cfg, memory)
			if got := targetsByPort(mustBuild(t, r)); !maps.Equal(got, map[int32]int{80: 1}) {
				t.Errorf("%s: %v", name, got)
			}
			same(t, name, codes(r.Diagnostics), []string{"a RefNotPermitted"})
			if strings.Contains(r.Diagnostics[0].Text, "no listener") {
				t.Errorf("%s: %s", name, r.Diagnostics[0].Text)
			}
			memory = r.Memory
		}
	}
}

// TestListenerOfWeightZeroStays has another port of the same Service name a target group that it may no longer.
func TestListenerOfWeightZeroStays(t *testing.T) {
	t.Parallel()
	e := forwardingPorts([]intent.Backend{{TargetGroupARN: named}}, []intent.Backend{{Weight: ptr.To[int32](0)}})
	f := account()
	f.TargetGroupOwners = map[string]*facts.TargetGroupOwner{named: nil}
	before := Compile(e, f, config(), nil)
	cfg := config()
	cfg.ExternalTargetGroups = nil
	got := targetsByPort(mustBuild(t, Compile(e, asFacts(f, mustBuild(t, before)), cfg, before.Memory)))
	if !maps.Equal(got, map[int32]int{81: 1}) {
		t.Errorf("%v", got)
	}
}

// TestNetworkListenerGoesWithoutRefusedTargetGroups has a Service that is served name a target group that it may no
// longer: the listener forwards to the others, and goes without any.
func TestNetworkListenerGoesWithoutRefusedTargetGroups(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		own  *int32 // weight of the Service's own target group; -1 = there is none
		want int
	}{"beside its own": {nil, 1}, "beside one without weight": {ptr.To[int32](0), 0}, "alone": {ptr.To[int32](-1), 0}} {
		backends := []intent.Backend{{Weight: c.own}, {TargetGroupARN: named, Weight: ptr.To[int32](1)}}
		if c.own != nil && *c.own < 0 {
			backends = backends[1:]
		}
		e := forwardingPorts(backends)
		f := account()
		f.TargetGroupOwners = map[string]*facts.TargetGroupOwner{named: nil}
		before := Compile(e, f, config(), nil)
		served := mustBuild(t, before)
		if n := len(served.Listeners[0].DefaultActions[0].Forward.TargetGroups); n != len(backends) {
			t.Fatalf("%s: %d target groups", name, n)
		}
		cfg := config()
		cfg.ExternalTargetGroups = nil
		existing := asFacts(f, served)
		for when, memory := range map[string]*Memory{"remembered": before.Memory, "started": nil} {
			r := Compile(e, existing, cfg, memory)
			s := mustBuild(t, r)
			n := 0
			for _, l := range s.Listeners {
				n += len(l.DefaultActions[0].Forward.TargetGroups)
			}
			if n != c.want || len(r.Keep.Resources) > 0 {
				t.Errorf("%s, %s: %+v, keep %v", name, when, s.Listeners, r.Keep)
			}
			same(t, name+", "+when, codes(r.Diagnostics), []string{"a RefNotPermitted"})
			if tells := strings.Contains(r.Diagnostics[0].Text, "port 80 has no listener"); tells != (c.want == 0) {
				t.Errorf("%s, %s: %s", name, when, r.Diagnostics[0].Text)
			}
		}
	}
}

// TestListenerWithRefusedTargetGroupIsNotMade has a new Service of which nothing would be served.
func TestListenerWithRefusedTargetGroupIsNotMade(t *testing.T) {
	t.Parallel()
	e := forwarding("evil", nil)
	e.Key.Owner, e.Type, e.OnePerPort = stack.Service, stack.Network, true
	m := &e.Members[0]
	m.Object.Kind, m.Routes = "Service", nil
	m.Listeners = []intent.Listener{
		{Port: 80, Protocol: "TCP", Default: []intent.Action{
			{Type: stack.ActionForward, Backends: []intent.Backend{{TargetGroupARN: named}}}}}}
	r := Compile(e, ownedBy(stack.Ingress, "shop/web-app:80"), config(), nil)
	if r.Stack != nil && len(r.Stack.Listeners) > 0 {
		t.Errorf("%+v", r.Stack.Listeners)
	}
	if len(r.Diagnostics) == 0 || r.Diagnostics[0].Code != diag.RefNotPermitted {
		t.Errorf("%v", r.Diagnostics)
	}
}
