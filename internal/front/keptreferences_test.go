package front

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// strayEdits are edits by which references and selectors of what serves lead nowhere, by family.
func strayEdits(family attachment.Family) (out []edit) {
	set := func(name, path string, at int, value any) {
		out = append(out, fieldEditOf(name, path, at, value, unfitRow{}))
	}
	route, listener := "HTTPRoute/shop/web", 1
	if family == attachment.Network {
		route, listener = "TCPRoute/shop/web", 0
	} else {
		set("GRPCRoute/shop/grpc", "spec.parentRefs[].sectionName", 0, "htps")
		set(route, "spec.parentRefs[].name", 1, "missing") // of a ListenerSet
		set("Gateway/infra/gw", "spec.allowedListeners.namespaces.from", 0, "Selector")
		set("ListenerSet/shop/set", "spec.parentRef.name", 0, "wg")
		set("ListenerSet/shop/set", "spec.parentRef.kind", 0, "Gatway")
	}
	set(route, "spec.parentRefs[].name", 0, "missing")
	set(route, "spec.parentRefs[].namespace", 0, "elsewhere")
	set(route, "spec.parentRefs[].kind", 0, "Gatway")
	set(route, "spec.parentRefs[].sectionName", 0, "htp")
	set(route, "spec.parentRefs[].port", 0, 99)
	set("Gateway/infra/gw", "spec.listeners[].name", listener, "renamed")
	set("Gateway/infra/gw", "spec.listeners[].allowedRoutes.namespaces.from", listener, "Selector")
	return append(out, edit{name: "a selector that does not parse", make: func(s served) {
		from := gatewayv1.NamespacesFromSelector
		sceneObject[*gatewayv1.Gateway](s, "Gateway/infra/gw").Spec.Listeners[listener].AllowedRoutes.Namespaces =
			&gatewayv1.RouteNamespaces{From: &from, Selector: &metav1.LabelSelector{MatchExpressions: []metav1.
				LabelSelectorRequirement{{Key: "team", Operator: "Near", Values: []string{"shop"}}}}}
	}})
}

func TestStrayReferencesKeepAnswers(t *testing.T) {
	t.Parallel()
	for _, family := range servedFamilies {
		for i, construction := range allConstruction {
			for _, e := range strayEdits(family) {
				s := servedGateway(t, family, construction, i == 1)
				invalid, wrong, _ := s.edited(t, s.compile(t, nil), []edit{e}, gatewayRequests(), false)
				// that a reference of a Gateway's listener or ListenerSet was another one, only the memory knows
				if !invalid && !strings.Contains(e.name, "renamed") && !strings.HasPrefix(e.name, "ListenerSet/") || wrong != "" {
					t.Errorf("%s, %s: it is told: %t; %s", construction, e.name, invalid, wrong)
				}
			}
		}
	}
}

// TestStrayParentRefIsTold has the finding and the status of a route that names a Gateway that does not exist, and of
// one that is detached on purpose.
func TestStrayParentRefIsTold(t *testing.T) {
	t.Parallel()
	s := servedGateway(t, attachment.Application, "standard", false)
	old := s.compile(t, nil)
	stray := s.copied()
	route := func(s served) *gatewayv1.HTTPRoute { return sceneObject[*gatewayv1.HTTPRoute](s, "HTTPRoute/shop/web") }
	route(stray).Spec.ParentRefs[0].Name = "wg"
	now := stray.compile(t, old.Memory)
	const want = "HTTPRoute shop/web: Gateway infra/wg does not exist; the route stays attached to Gateway infra/gw as " +
		"before; the last valid version of HTTPRoute shop/web keeps serving; correct the parentRef; to detach the route, " +
		"delete the parentRef"
	if said := now.said(diag.InvalidRule); said != want {
		t.Errorf("%q, want %q", said, want)
	}
	shown := ""
	for _, p := range route(stray).Status.Parents {
		shown += string(p.ParentRef.Name) + ":"
		for _, c := range p.Conditions {
			shown += fmt.Sprintf(" %s=%s", c.Type, c.Status)
		}
		shown += "; "
	}
	if want := "gw: Accepted=True ResolvedRefs=True PartiallyInvalid=True; set: Accepted=True ResolvedRefs=True " +
		"PartiallyInvalid=True; "; shown != want {
		t.Errorf("status %q, want %q", shown, want)
	}
	for name, change := range map[string]func(*gatewayv1.HTTPRoute){
		"removed": func(r *gatewayv1.HTTPRoute) { r.Spec.ParentRefs = r.Spec.ParentRefs[1:] },
		"another listener": func(r *gatewayv1.HTTPRoute) {
			section := gatewayv1.SectionName("own")
			r.Spec.ParentRefs[0].SectionName = &section
		},
	} {
		for _, from := range []served{s, stray} {
			detached := from.copied()
			route(detached).Spec.ParentRefs[0].Name = "gw"
			change(route(detached))
			c := detached.compile(t, now.Memory)
			if got := c.answer(gatewayRequests()[0]); got != "404" || c.complaint() != "" {
				t.Errorf("%s: answered by %s, %s", name, got, c.complaint())
			}
		}
	}
}

// TestStrayTargetGroupConfigurationKeepsSettings has the target groups of a Service keep the settings of a
// configuration whose targetReference is misspelt, until it names another Service or is deleted.
func TestStrayTargetGroupConfigurationKeepsSettings(t *testing.T) {
	t.Parallel()
	const name = "TargetGroupConfiguration/shop/web"
	intervals := func(c compiled) map[string]int32 {
		out := map[string]int32{}
		for i := range c.Stack.TargetGroups {
			out[c.Stack.TargetGroups[i].ID] = c.Stack.TargetGroups[i].HealthCheck.IntervalSeconds
		}
		return out
	}
	for _, family := range servedFamilies {
		s := servedGateway(t, family, "standard", false)
		old := s.compile(t, nil)
		for _, edit := range []edit{fieldEditOf(name, "spec.targetReference.name", 0, "wbe", unfitRow{}),
			fieldEditOf(name, "spec.targetReference.kind", 0, "Servce", unfitRow{})} {
			stray := s.copied()
			edit.make(stray)
			memory := old.Memory
			for range 2 {
				now := stray.compile(t, memory)
				if memory = now.Memory; !maps.Equal(intervals(now), intervals(old)) {
					t.Errorf("%s: %v, before %v", edit.name, intervals(now), intervals(old))
				}
				if said := now.said(diag.IgnoredSetting); !strings.Contains(said, "TargetGroupConfiguration shop/web: ") ||
					!strings.Contains(said, "does not exist; the settings still apply to Service shop/web") {
					t.Errorf("%s: said %q", edit.name, said)
				}
			}
			deleted := stray.copied()
			delete(deleted.objects, name)
			if now := deleted.compile(t, memory); maps.Equal(intervals(now), intervals(old)) {
				t.Error("a configuration that is deleted still applies")
			}
		}
		moved := s.copied()
		fieldEditOf(name, "spec.targetReference.name", 0, "wbe", unfitRow{}).make(moved)
		moved.objects["Service/shop/wbe"] = &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "wbe"}}
		if now := moved.compile(t, old.Memory); maps.Equal(intervals(now), intervals(old)) {
			t.Error("a configuration of another Service still applies")
		}
	}
}
