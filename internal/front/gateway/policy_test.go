package gateway

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// policed are Gateways of ours and of others, and routes to the Services that BackendTLSPolicies are about.
const policed = classes + `Gateway shop/web {spec: {gatewayClassName: alb}}
Gateway shop/net {spec: {gatewayClassName: nlb}}
Gateway shop/theirs {spec: {gatewayClassName: other}}
Gateway shop/classless {spec: {gatewayClassName: gone}}
ListenerSet shop/more {spec: {parentRef: {name: web}}}
HTTPRoute shop/a {spec: {parentRefs: [{name: web}, {name: web, sectionName: b}, {name: theirs}, {name: classless}, {name: gone}], rules: [{backendRefs: [{name: a, port: 443}]}]}}
GRPCRoute team/far {spec: {parentRefs: [{name: web, namespace: shop}], rules: [{backendRefs: [{name: far, namespace: shop, port: 443}]}]}}
TCPRoute shop/b {spec: {parentRefs: [{name: net}], rules: [{backendRefs: [{name: a, port: 443}, {name: b, port: 443}]}]}}
HTTPRoute shop/c {spec: {parentRefs: [{kind: ListenerSet, name: more}], rules: [{backendRefs: [{name: c, port: 443}]}]}}
HTTPRoute shop/others {spec: {parentRefs: [{name: theirs}], rules: [{backendRefs: [{name: others, port: 443}]}]}}
ReferenceGrant shop/far {spec: {from: [{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: team}], to: [{group: "", kind: Service, name: far}]}}
Gateway mal/evil {spec: {gatewayClassName: alb}}
HTTPRoute mal/all {spec: {parentRefs: [{name: evil}], rules: [{backendRefs: [{name: a, namespace: shop, port: 443}, {name: far, namespace: shop, port: 443}, {name: unused, namespace: shop, port: 443}]}]}}`

func policy(targets ...string) *gatewayv1.BackendTLSPolicy {
	p := &gatewayv1.BackendTLSPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p", UID: "uid",
		Generation: 3}}
	for _, name := range targets {
		ref := gatewayv1.LocalPolicyTargetReferenceWithSectionName{
			LocalPolicyTargetReference: gatewayv1.LocalPolicyTargetReference{Kind: "Service", Name: gatewayv1.ObjectName(name)}}
		p.Spec.TargetRefs = append(p.Spec.TargetRefs, ref)
	}
	return p
}

// ancestorsOf are the entries of a status as "controller Gateway status reason".
func ancestorsOf(p *gatewayv1.BackendTLSPolicy) string {
	var out []string
	for _, a := range p.Status.Ancestors {
		text := string(a.ControllerName) + " " + string(a.AncestorRef.Name)
		for _, c := range a.Conditions {
			text += fmt.Sprintf(" %s=%s %s %d", c.Type, c.Status, c.Reason, c.ObservedGeneration)
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

func TestBackendTLSPolicyIsRefusedAtGatewaysOfItsServices(t *testing.T) {
	t.Parallel()
	v := objects.FromObjects(decode(t, policed))
	const refused = " Accepted=False Invalid 3"
	for target, want := range map[string]string{
		"a": "gateway.k8s.aws/nlb net" + refused + "; gateway.k8s.aws/alb web" + refused, "b": "gateway.k8s.aws/nlb net" +
			refused, "c": "gateway.k8s.aws/alb web" + refused,
		"far": "gateway.k8s.aws/alb web" + refused, "others": "", "unused": "",
	} {
		p := policy(target)
		change, notes := BackendTLSPolicy(v, defaults(), p)
		if change.Apply != nil && (!change.Apply(p, metav1.Now()) || change.Apply(p, metav1.Now())) {
			t.Errorf("%s: the status is not changed, or twice", target)
		}
		if got := ancestorsOf(p); got != want || len(notes) != len(p.Status.Ancestors) {
			t.Errorf("%s: %s, want %s; notes %v", target, got, want, notes)
		}
		if len(notes) > 0 && (notes[0].Object.Kind != "BackendTLSPolicy" || !strings.Contains(notes[0].Text,
			"do not verify the certificates of targets")) {
			t.Errorf("%s: notes %v", target, notes)
		}
	}
}

// TestGatewaysOfATenantLeaveThoseOfOthersInAPolicy has a tenant's routes name a Service at more Gateways than a status
// has room for.
func TestGatewaysOfATenantLeaveThoseOfOthersInAPolicy(t *testing.T) {
	t.Parallel()
	text := strings.Replace(policed, "kind: GRPCRoute, namespace: team}", "kind: HTTPRoute, namespace: mal}", 1) +
		"\nHTTPRoute shop/far {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: far, port: 443}]}]}}"
	for i := range 2 * maxAncestors {
		text += fmt.Sprintf("\nGateway mal/g%[1]d {spec: {gatewayClassName: alb}}\nHTTPRoute mal/r%[1]d {spec: "+
			"{parentRefs: [{name: g%[1]d}], rules: [{backendRefs: [{name: far, namespace: shop, port: 443}]}]}}", i)
	}
	p := policy("far")
	change, notes := BackendTLSPolicy(objects.FromObjects(decode(t, text)), defaults(), p)
	if !change.Apply(p, metav1.Now()) || len(p.Status.Ancestors) != maxAncestors || !strings.Contains(ancestorsOf(p),
		"gateway.k8s.aws/alb web ") || change.Apply(p, metav1.Now()) {
		t.Errorf("the status has %s", ancestorsOf(p))
	}
	if len(notes) != maxAncestors || !slices.ContainsFunc(notes, func(d diag.Diagnostic) bool {
		return strings.HasSuffix(d.Text, "Gateway shop/web")
	}) {
		t.Errorf("notes %v", notes)
	}
}

func TestEntriesOfOthersInAPolicyStayAndOursGoWithTheGateway(t *testing.T) {
	t.Parallel()
	entry := func(controller, gateway string) gatewayv1.PolicyAncestorStatus {
		return gatewayv1.PolicyAncestorStatus{ControllerName: gatewayv1.GatewayController(controller),
			AncestorRef: gatewayv1.ParentReference{
				Namespace: ptr.To[gatewayv1.Namespace]("shop"), Name: gatewayv1.ObjectName(gateway)}}
	}
	v := objects.FromObjects(decode(t, policed))
	p := policy("b")
	p.Status.Ancestors = []gatewayv1.PolicyAncestorStatus{entry("example.com/other", "net"),
		entry("gateway.k8s.aws/alb", "web")}
	if change, _ := BackendTLSPolicy(v, defaults(), p); !change.Apply(p, metav1.Now()) ||
		ancestorsOf(p) != "example.com/other net; gateway.k8s.aws/nlb net Accepted=False Invalid 3" {
		t.Errorf("beside that of another controller: %s", ancestorsOf(p))
	}
	p.Spec.TargetRefs = nil
	if change, _ := BackendTLSPolicy(v, defaults(), p); !change.Apply(p, metav1.Now()) ||
		ancestorsOf(p) != "example.com/other net" {
		t.Errorf("once no Service is named: %s", ancestorsOf(p))
	}
	p = policy("b")
	for i := range maxAncestors {
		p.Status.Ancestors = append(p.Status.Ancestors, entry("example.com/other", fmt.Sprint(i)))
	}
	if change, _ := BackendTLSPolicy(v, defaults(), p); change.Apply(p, metav1.Now()) || len(p.Status.Ancestors) !=
		maxAncestors {
		t.Errorf("without room: %s", ancestorsOf(p))
	}
	newer := policy("b")
	newer.Generation = 4
	if change, _ := BackendTLSPolicy(v, defaults(), policy("b")); change.Apply(newer, metav1.Now()) {
		t.Errorf("of another version: %s", ancestorsOf(newer))
	}
}
