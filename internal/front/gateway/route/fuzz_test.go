package route

import (
	"encoding/json"
	"slices"
	"testing"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	lbcgatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
)

// FuzzEveryRouteIsDecidedAbout takes specs of an HTTPRoute and of the ListenerRuleConfiguration that its rules may
// name, also such as the API server does not admit: nothing panics, what does not serve is refused, and each problem
// has a reason and a message.
func FuzzEveryRouteIsDecidedAbout(f *testing.F) {
	for _, rules := range []string{
		`[{"backendRefs": [{"name": "web", "port": 80, "weight": 2000}, {"name": "web", "port": 82}], "timeouts": {}}]`,
		`[{"matches": [{"path": {"type": "Exact", "value": "/a"}, "method": "GET", "headers": [{"name": "a", "value": "b"}]}, {}], "filters": [{"type": "RequestRedirect", "requestRedirect": {"path": {"type": "ReplacePrefixMatch"}}}]}]`,
		`[{"matches": [{"path": {"type": "PathPrefix", "value": "/a/"}}], "filters": [{"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "$1"}}}, {"type": "ExtensionRef", "extensionRef": {"group": "gateway.k8s.aws", "kind": "ListenerRuleConfiguration", "name": "c"}}]}]`,
		`[{"filters": [{"type": "CORS"}, {"type": "ExtensionRef"}, {"type": "URLRewrite"}, {"type": "RequestRedirect"}]}]`,
	} {
		f.Add(rules, `["a.test"]`,
			`{"actions": [{"type": "authenticate-oidc", "authenticateOIDCConfig": {"issuer": "https://a"}}, {"type": "redirect", "redirectConfig": {}}], "conditions": [{"field": "source-ip", "sourceIPConfig": {"values": ["10.0.0.0/8"]}, "matchIndexes": [0, 7]}]}`)
	}
	f.Fuzz(func(t *testing.T, rules, hosts, configuration string) {
		objects := decode(t, around)
		r := &gatewayv1.HTTPRoute{}
		r.Namespace, r.Name = "shop", "r"
		r.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "gw"}}
		c := &lbcgatewayv1.ListenerRuleConfiguration{}
		c.Namespace, c.Name = "shop", "c"
		if json.Unmarshal([]byte(rules), &r.Spec.Rules) != nil || json.Unmarshal([]byte(hosts), &r.Spec.Hostnames) != nil ||
			json.Unmarshal([]byte(configuration), &c.Spec) != nil {
			t.Skip()
		}
		objects = append(objects, r, c)
		for _, construction := range []rule.Construction{rule.Compatible, rule.Standard} {
			in := input(t, construction, objects)
			decided := Translate(in)
			if len(decided) != 1 {
				t.Fatalf("%d decisions", len(decided))
			}
			d := decided[0]
			attached := slices.ContainsFunc(in.Routes[0].Decisions, func(d attachment.Decision) bool {
				return len(d.Attached) > 0
			})
			if attached && !d.Serves && d.Refused == nil && len(r.Spec.Rules) > 0 {
				t.Errorf("%s: the route does not serve and is not refused", construction)
			}
			for _, p := range []*attachment.Problem{d.Refused, d.Unresolved, d.Partly} {
				if p != nil && (p.Reason == "" || p.Message == "") {
					t.Errorf("%s: a problem without reason or message: %+v", construction, p)
				}
			}
			for _, one := range slices.Concat(d.Found, d.Member.Diagnostics) {
				if one.Text == "" || one.Remedy == "" {
					t.Errorf("%s: a finding without text or remedy: %+v", construction, one)
				}
			}
			compile.Compile(loadBalancer(in, decided), account(), config(), nil)
		}
	})
}
