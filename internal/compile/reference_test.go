package compile

import (
	"errors"
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

// TestNetworkListenerGoesWithoutRefusedTargetGroups has a Service that is served name a target group that it may no
// longer: the listener forwards to the others, and goes without any.
func TestNetworkListenerGoesWithoutRefusedTargetGroups(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		own  *int32 // weight of the Service's own target group; -1 = there is none
		want int
	}{"beside its own": {nil, 1}, "beside one without weight": {ptr.To[int32](0), 0}, "alone": {ptr.To[int32](-1), 0}} {
		e := forwarding("evil", nil)
		e.Key.Owner, e.Type, e.OnePerPort = stack.Service, stack.Network, true
		m := &e.Members[0]
		backends := []intent.Backend{{TargetGroup: m.Routes[0].Actions[0].Backends[0].TargetGroup, Weight: c.own},
			{TargetGroupARN: named, Weight: ptr.To[int32](1)}}
		backends[0].TargetGroup.Protocol, backends[0].TargetGroup.ProtocolVersion = "TCP", ""
		if c.own != nil && *c.own < 0 {
			backends = backends[1:]
		}
		m.Object.Kind, m.Routes = "Service", nil
		m.Listeners = []intent.Listener{{Port: 80, Protocol: "TCP", Default: []intent.Action{{Type: stack.ActionForward,
			Backends: backends}}}}
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
