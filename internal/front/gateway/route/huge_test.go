package route

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// TestHugeConfigurationsOfRoutesTakeLittle has a tenant at a shared Gateway write configurations as large as etcd
// accepts, which name each other's parts or the parts of a rule. The routes of others wait for the translation.
func TestHugeConfigurationsOfRoutesTakeLittle(t *testing.T) {
	t.Parallel()
	conditions, groups := &lbcgatewayv1.ListenerRuleConfiguration{}, &lbcgatewayv1.TargetGroupConfiguration{}
	conditions.Name, groups.Name = "c", "c"
	for i := range 1_000 {
		var indexes []int
		for j := range 50 {
			indexes = append(indexes, 1_000+50*i+j)
		}
		conditions.Spec.Conditions = append(conditions.Spec.Conditions, lbcgatewayv1.Condition{
			Field: lbcgatewayv1.ConditionSourceIP, MatchIndexes: &indexes,
			SourceIPConfig: &lbcgatewayv1.SourceIPConditionConfig{Values: []string{"10.0.0.0/8"}}})
	}
	groups.Spec.TargetReference = &lbcgatewayv1.TargetReference{Name: "web"}
	last := &intent.TargetGroup{Configuration: "c"}
	for i := range 20_000 {
		id := lbcgatewayv1.RouteIdentifier{Kind: "HTTPRoute", Namespace: "shop", Name: fmt.Sprint("none", i)}
		groups.Spec.RouteConfigurations = append(groups.Spec.RouteConfigurations,
			lbcgatewayv1.RouteConfiguration{RouteIdentifier: id})
		last.Strays = append(last.Strays, intent.Identifier{Configuration: "shop/c", Kind: id.Kind, Namespace: id.Namespace,
			Name: id.Name})
	}
	for want, c := range map[string]struct {
		huge metav1.Object
		rule string
	}{
		"52000 conditions, matchIndexes, values and tags": {conditions, extended},
		"20000 routeConfigurations":                       {groups, rules(toWeb)},
	} {
		c.huge.SetNamespace("shop")
		route := "kind: HTTPRoute\nmetadata: {name: r}\nspec:\n  parentRefs: [{name: gw, sectionName: http}]\n  rules:\n" +
			c.rule
		in := input(t, rule.Standard, append(decode(t, around+"\n---\n"+route), c.huge))
		in.Configured = func(diag.Object, objects.Ref) *intent.TargetGroup { return last }
		d := Translate(in)[0]
		if text := fmt.Sprint(d.Refused, d.Unresolved, d.Member.Diagnostics, d.Configurations); !strings.Contains(text, want) {
			t.Errorf("%s: %s", want, text)
		}
	}
}

// TestUnitsOfRoutesAreCountedBeforeTheyAreBuilt has a tenant attach small routes of many matches and hostnames to a
// Gateway of many ports: all of their rules together would take gigabytes. The route of another namespace is younger.
func TestUnitsOfRoutesAreCountedBeforeTheyAreBuilt(t *testing.T) {
	t.Parallel()
	all := decode(t, around)
	gateway, _ := all[0].(*gatewayv1.Gateway)
	gateway.Spec.Listeners = nil
	for i := range int32(64) {
		gateway.Spec.Listeners = append(gateway.Spec.Listeners, gatewayv1.Listener{
			Name: gatewayv1.SectionName(fmt.Sprint("l", i)), Protocol: gatewayv1.HTTPProtocolType, Port: 8000 + i,
			AllowedRoutes: &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{
				From: ptr.To(gatewayv1.NamespacesFromAll)}}})
	}
	route := func(namespace string, n, matches, hosts int) {
		r := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprint("r", n),
			CreationTimestamp: metav1.Unix(int64(n), 0)}}
		r.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "gw", Namespace: ptr.To(gatewayv1.Namespace("shop"))}}
		for i := range hosts {
			r.Spec.Hostnames = append(r.Spec.Hostnames, gatewayv1.Hostname(fmt.Sprintf("h%d.%s.test", i, namespace)))
		}
		one := gatewayv1.HTTPRouteRule{}
		for i := range matches {
			one.Matches = append(one.Matches, gatewayv1.HTTPRouteMatch{Path: &gatewayv1.HTTPPathMatch{
				Type: ptr.To(gatewayv1.PathMatchExact), Value: ptr.To(fmt.Sprint("/", i))}})
		}
		r.Spec.Rules = []gatewayv1.HTTPRouteRule{one}
		all = append(all, r)
	}
	route("evil", 1, 2, 2)
	for i := range 20 {
		route("evil", 2+i, 64, 16)
	}
	route("other", 100, 2, 2)
	in := input(t, rule.Standard, all)
	units := 0
	for i, d := range Translate(in) {
		n := len(d.Member.Routes) + len(d.Member.Unserved)
		units += n
		if huge := i > 0 && i < 21; huge != d.Member.Diagnostics.HasErrors() || !huge && n != 2*2*64 {
			t.Errorf("route %s/%s has %d units: %v", in.Routes[i].Route.Namespace, in.Routes[i].Route.Name, n,
				d.Member.Diagnostics)
		}
	}
	if units > 2*mostUnits {
		t.Errorf("%d units", units)
	}
}
