package front

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// secured are the certificates of a listener and what it does with those of clients.
func secured(c compiled, port int32) string {
	for i := range c.Stack.Listeners {
		if l := &c.Stack.Listeners[i]; l.Port == port && l.Mutual != nil {
			return fmt.Sprint(l.Certificates, " ", l.Mutual.Mode)
		} else if l.Port == port {
			return fmt.Sprint(l.Certificates)
		}
	}
	return "no listener"
}

// clientsOf sets spec.tls.frontend.perPort of the Gateway: clients of a port are asked for certificates.
func clientsOf(s served, port gatewayv1.PortNumber) {
	crt, _ := keyPair()
	authority, err := base64.StdEncoding.DecodeString(crt)
	if err != nil {
		panic(err)
	}
	s.objects["ConfigMap/infra/ca"] = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "infra", Name: "ca"},
		Data: map[string]string{"ca.crt": string(authority)}}
	sceneObject[*gatewayv1.Gateway](s, "Gateway/infra/gw").Spec.TLS = &gatewayv1.GatewayTLSConfig{
		Frontend: &gatewayv1.FrontendTLSConfig{PerPort: []gatewayv1.TLSPortConfig{{Port: port, TLS: gatewayv1.TLSConfig{
			Validation: &gatewayv1.FrontendTLSValidation{Mode: gatewayv1.AllowInsecureFallback,
				CACertificateRefs: []gatewayv1.ObjectReference{{Kind: "ConfigMap", Name: "ca"}}}}}}}}
}

// TestStrayListenerEntryKeepsSettings has the settings of a listener stay where an edit of the entry that has them makes
// it name no listener, until the entry is removed.
func TestStrayListenerEntryKeepsSettings(t *testing.T) {
	t.Parallel()
	const own = "LoadBalancerConfiguration/infra/own"
	spec := func(s served) *lbcgatewayv1.LoadBalancerConfigurationSpec {
		return &sceneObject[*lbcgatewayv1.LoadBalancerConfiguration](s, own).Spec
	}
	for name, test := range map[string]struct {
		serve, edit, remove func(s served)
		says                string
	}{
		"listenerConfigurations": {
			serve: func(s served) {
				spec(s).ListenerConfigurations[0].MutualAuthentication = &lbcgatewayv1.MutualAuthentication{Mode: "passthrough"}
			},
			edit:   func(s served) { spec(s).ListenerConfigurations[0].ProtocolPort = "HTTPS:433" },
			remove: func(s served) { spec(s).ListenerConfigurations[0].MutualAuthentication = nil },
			says: "no listener has protocolPort HTTPS:433, and listenerConfigurations[HTTPS:443] is missing; the last valid " +
				"version of Gateway infra/gw keeps serving",
		},
		"perPort": {
			serve:  func(s served) { clientsOf(s, 443) },
			edit:   func(s served) { clientsOf(s, 433) },
			remove: func(s served) { sceneObject[*gatewayv1.Gateway](s, "Gateway/infra/gw").Spec.TLS = nil },
			says: "no HTTPS listener has port 433, and spec.tls.frontend.perPort[443] is missing; the last valid version of " +
				"Gateway infra/gw keeps serving",
		},
	} {
		const serves = "[" + accountCertificate + "] passthrough"
		s := servedGateway(t, attachment.Application, "standard", false)
		test.serve(s)
		old := s.compile(t, nil)
		if secured(old, 443) != serves || old.complaint() != "" {
			t.Fatalf("%s: the scene has %s; %s", name, secured(old, 443), old.complaint())
		}
		now := s.copied()
		test.edit(now)
		memory := old.Memory
		for range 2 {
			c := now.compile(t, memory)
			if memory = c.Memory; secured(c, 443) != serves || !strings.Contains(c.said(diag.InvalidConfiguration),
				"Gateway infra/gw: "+test.says) {
				t.Errorf("%s: %s; %q", name, secured(c, 443), c.said(diag.InvalidConfiguration))
			}
		}
		removed := s.copied()
		test.remove(removed)
		if c := removed.compile(t, memory); secured(c, 443) == serves || c.complaint() != "" {
			t.Errorf("%s: removed: %s; %s", name, secured(c, 443), c.complaint())
		}
	}
}

// TestConditionOfNoMatchOpensNoRule has a condition on the addresses of clients whose matchIndexes name no match: an
// edit takes no restriction away, and a new rule answers 500.
func TestConditionOfNoMatchOpensNoRule(t *testing.T) {
	t.Parallel()
	for _, construction := range allConstruction {
		s := servedGateway(t, attachment.Application, construction, false)
		indexes := func(s served, at ...int) {
			sceneObject[*lbcgatewayv1.ListenerRuleConfiguration](s, "ListenerRuleConfiguration/shop/one").Spec.Conditions =
				[]lbcgatewayv1.Condition{{Field: "source-ip", MatchIndexes: &at, SourceIPConfig: &lbcgatewayv1.
					SourceIPConditionConfig{Values: []string{"10.0.0.0/8"}}}}
		}
		indexes(s, 0)
		old := s.compile(t, nil)
		now := s.copied()
		indexes(now, 1)
		for _, memory := range []*compile.Memory{old.Memory, nil} {
			c := now.compile(t, memory)
			rules := 0
			for i := range c.Stack.Rules {
				r := &c.Stack.Rules[i]
				text := fmt.Sprint(r.Conditions)
				if !strings.Contains(text, "GET") { // of the rule with the configuration
					continue
				}
				rules++
				if memory != nil && !strings.Contains(text, "10.0.0.0/8") ||
					memory == nil && (r.Actions[0].FixedResponse == nil ||
						r.Actions[0].FixedResponse.StatusCode != fmt.Sprint(http.StatusInternalServerError)) {
					t.Errorf("%s, memory %t: %s does %+v", construction, memory != nil, text, r.Actions[0])
				}
			}
			if said := c.said(diag.InvalidRule); rules == 0 || !strings.Contains(said, "ListenerRuleConfiguration one has a "+
				"condition for match 1, and the rule has 1; match 0 would be open to all addresses") {
				t.Errorf("%s: %d rules; said %q", construction, rules, said)
			}
		}
	}
}

// TestConditionOfNoMatchKeepsAServedRule has such a condition after the swap from the existing controller, which serves
// the rule without it: it goes on, and later passes keep it.
func TestConditionOfNoMatchKeepsAServedRule(t *testing.T) {
	t.Parallel()
	for _, construction := range allConstruction {
		s := servedGateway(t, attachment.Application, construction, false)
		sceneObject[*lbcgatewayv1.ListenerRuleConfiguration](s, "ListenerRuleConfiguration/shop/one").Spec.Conditions =
			[]lbcgatewayv1.Condition{{Field: "source-ip", MatchIndexes: &[]int{1}, SourceIPConfig: &lbcgatewayv1.
				SourceIPConditionConfig{Values: []string{"10.0.0.0/8"}}}}
		sceneObject[*gatewayv1.Gateway](s, "Gateway/infra/gw").Status.Addresses = []gatewayv1.GatewayStatusAddress{
			{Value: "gw-1.us-west-2.elb.amazonaws.com"}}
		var memory *compile.Memory
		for pass := range 3 {
			c := s.copied().compile(t, memory)
			memory = c.Memory
			rules := 0
			for i := range c.Stack.Rules {
				r := &c.Stack.Rules[i]
				if !strings.Contains(fmt.Sprint(r.Conditions), "GET") {
					continue
				}
				if rules++; r.Actions[0].FixedResponse != nil {
					t.Errorf("%s, pass %d: %+v does %+v", construction, pass, r.Conditions, r.Actions[0].FixedResponse)
				}
			}
			if rules == 0 {
				t.Errorf("%s, pass %d: no rules", construction, pass)
			}
		}
	}
}

// controllersOf are the controllers of the entries in the status of a route.
func controllersOf(s served, name string) (out []string) {
	var all []gatewayv1.RouteParentStatus
	switch r := s.objects[name].(type) {
	case *gatewayv1.HTTPRoute:
		all = r.Status.Parents
	case *gatewayv1.TCPRoute:
		all = r.Status.Parents
	}
	for _, p := range all {
		out = append(out, string(p.ControllerName))
	}
	return out
}

// TestMissingClassKeepsEntriesOfRoutes has the statuses of routes keep the name of the controller while the GatewayClass
// does not exist: an edit of parentRefs meanwhile takes nothing away.
func TestMissingClassKeepsEntriesOfRoutes(t *testing.T) {
	t.Parallel()
	for _, family := range servedFamilies {
		name := "HTTPRoute/shop/web"
		if family == attachment.Network {
			name = "TCPRoute/shop/web"
		}
		for _, automatic := range []bool{false, true} {
			s := servedGateway(t, family, "standard", automatic)
			old := s.compile(t, nil)
			was := fmt.Sprint(controllersOf(s, name))
			now := s.copied()
			delete(now.objects, "GatewayClass/mine")
			memory := old.Memory
			if c := now.compile(t, memory); c.Memory != nil {
				memory = c.Memory
			}
			if is := fmt.Sprint(controllersOf(now, name)); is != was || was == "[]" {
				t.Errorf("%s: the status has entries of %s, before of %s", family, is, was)
			}
			fieldEditOf(name, "spec.parentRefs[].name", 0, "missing", unfitRow{}).make(now)
			ask := gatewayRequests()[0]
			if c := now.compile(t, memory); c.Stack != nil && c.answer(ask) != old.answer(ask) {
				t.Errorf("%s: answered by %q, before by %q", family, c.answer(ask), old.answer(ask))
			}
		}
	}
}
