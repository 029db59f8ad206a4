package front

import (
	"maps"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

const webConfiguration = "TargetGroupConfiguration/shop/web"

// teams are the values of the tag team by target group: shared/web sets it for route shop/web only.
func teams(c compiled) map[string]string {
	out := map[string]string{}
	for i := range c.Stack.TargetGroups {
		out[c.Stack.TargetGroups[i].ID] = c.Stack.TargetGroups[i].Tags["team"]
	}
	return out
}

// identifierEdits are edits of the routeIdentifier by which settings apply to route web, and what each is told to be.
func identifierEdits(kind string) map[string]func(id *lbcgatewayv1.RouteIdentifier) string {
	return map[string]func(id *lbcgatewayv1.RouteIdentifier) string{
		"name": func(id *lbcgatewayv1.RouteIdentifier) string {
			id.Name = "wbe"
			return kind + " shop/wbe does not exist"
		},
		"kind": func(id *lbcgatewayv1.RouteIdentifier) string {
			id.Kind = "HTPRoute"
			return `"HTPRoute" is not a kind of routes`
		},
		"namespace": func(id *lbcgatewayv1.RouteIdentifier) string {
			id.Namespace = "shpo"
			return "namespace shpo does not exist"
		},
		"without namespace": func(id *lbcgatewayv1.RouteIdentifier) string {
			id.Namespace = ""
			return "the identifier has name web without a namespace"
		},
	}
}

// TestStrayRouteIdentifierKeepsSettings has the target groups of a route keep the settings of a routeConfiguration whose
// routeIdentifier is misspelt, with an error on the route, until it is removed or names another route.
func TestStrayRouteIdentifierKeepsSettings(t *testing.T) {
	t.Parallel()
	for _, family := range servedFamilies {
		kind := "HTTPRoute"
		if family == attachment.Network {
			kind = "TCPRoute"
		}
		s := servedGateway(t, family, "standard", false)
		old := s.compile(t, nil)
		configuration := func(s served) *lbcgatewayv1.TargetGroupConfiguration {
			return sceneObject[*lbcgatewayv1.TargetGroupConfiguration](s, webConfiguration)
		}
		for name, edit := range identifierEdits(kind) {
			stray := s.copied()
			want := edit(&configuration(stray).Spec.RouteConfigurations[0].RouteIdentifier)
			memory := old.Memory
			for range 2 {
				now := stray.compile(t, memory)
				if memory = now.Memory; !maps.Equal(teams(now), teams(old)) {
					t.Errorf("%s: %v, before %v", name, teams(now), teams(old))
				}
				if said := now.said(diag.InvalidRule); !strings.Contains(said, kind+" shop/web: TargetGroupConfiguration "+
					"shop/web, spec.routeConfigurations[0].routeIdentifier: "+want) {
					t.Errorf("%s: said %q", name, said)
				}
			}
			removed := stray.copied()
			configuration(removed).Spec.RouteConfigurations = nil
			if now := removed.compile(t, memory); maps.Equal(teams(now), teams(old)) || now.complaint() != "" {
				t.Errorf("%s: an entry that is removed still applies; %s", name, now.complaint())
			}
		}
	}
}

// TestRouteIdentifierOfAnotherRouteResetsSettings has edits that ask for the defaults: the identifier of a route that
// exists, and a removal beside an entry that named no route before.
func TestRouteIdentifierOfAnotherRouteResetsSettings(t *testing.T) {
	t.Parallel()
	s := servedGateway(t, attachment.Application, "standard", false)
	spec := func(s served) *lbcgatewayv1.TargetGroupConfigurationSpec {
		return &sceneObject[*lbcgatewayv1.TargetGroupConfiguration](s, webConfiguration).Spec
	}
	spec(s).RouteConfigurations = append(spec(s).RouteConfigurations, lbcgatewayv1.RouteConfiguration{
		RouteIdentifier: lbcgatewayv1.RouteIdentifier{Kind: "HTTPRoute", Namespace: "shop", Name: "planned"}})
	old := s.compile(t, nil)
	for name, edit := range map[string]func(s served){
		"another route": func(s served) {
			s.objects["HTTPRoute/shop/other"] = &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop",
				Name: "other"}}
			spec(s).RouteConfigurations[0].RouteIdentifier.Name = "other"
		},
		"removed": func(s served) { spec(s).RouteConfigurations = spec(s).RouteConfigurations[1:] },
	} {
		now := s.copied()
		edit(now)
		if c := now.compile(t, old.Memory); c.complaint() != "" || maps.Equal(teams(c), teams(old)) {
			t.Errorf("%s: %v, %s", name, teams(c), c.complaint())
		}
	}
}

// TestMatcherOfAnotherProtocolKeepsCodes has an edit that replaces the codes of a health check by those of a protocol
// that the target group does not speak.
func TestMatcherOfAnotherProtocolKeepsCodes(t *testing.T) {
	t.Parallel()
	s := servedGateway(t, attachment.Application, "standard", false)
	check := func(s served) *lbcgatewayv1.HealthCheckConfiguration {
		return sceneObject[*lbcgatewayv1.TargetGroupConfiguration](s, webConfiguration).Spec.DefaultConfiguration.
			HealthCheckConfig
	}
	codes := func(c compiled) string {
		for i := range c.Stack.TargetGroups {
			if g := &c.Stack.TargetGroups[i]; strings.Contains(g.ID, "HTTPRoute-shop-web") {
				return g.HealthCheck.Matcher
			}
		}
		return "no target group"
	}
	http, grpc := "200-404", "12"
	check(s).Matcher = &lbcgatewayv1.HealthCheckMatcher{HTTPCode: &http}
	old := s.compile(t, nil)
	now := s.copied()
	check(now).Matcher = &lbcgatewayv1.HealthCheckMatcher{GRPCCode: &grpc}
	memory := old.Memory
	for range 2 {
		c := now.compile(t, memory)
		if memory = c.Memory; codes(c) != http || !strings.Contains(c.said(diag.InvalidRule), "matcher.grpcCode has no "+
			"effect: the target group does not speak gRPC, and it had codes 200-404") {
			t.Errorf("codes %s; %s", codes(c), c.said(diag.InvalidRule))
		}
	}
	check(now).Matcher = nil
	if c := now.compile(t, memory); codes(c) != "200-399" || c.complaint() != "" {
		t.Errorf("removed: codes %s; %s", codes(c), c.complaint())
	}
}
