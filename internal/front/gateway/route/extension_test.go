package route

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func configured(spec string) string {
	return "kind: ListenerRuleConfiguration\nmetadata: {name: c, generation: 3}\nspec: {" + spec + "}"
}

var extended = rules(toWeb, "filters: [{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: "+
	"ListenerRuleConfiguration, name: c}}]")

const (
	oidc    = `actions: [{type: authenticate-oidc, authenticateOIDCConfig: {issuer: "https://a.test", authorizationEndpoint: "https://a.test/a", tokenEndpoint: "https://a.test/t", userInfoEndpoint: "https://a.test/u", secret: {name: login}`
	cognito = `actions: [{type: authenticate-cognito, authenticateCognitoConfig: {userPoolArn: "arn:p", userPoolClientId: c, userPoolDomain: d`
	jwt     = `actions: [{type: jwt-validation, jwtValidationConfig: {issuer: i, jwksEndpoint: "https://a.test/k"`
)

// refusing is a Reader that must not read Secrets.
type refusing struct{ objects.Reader }

func (r refusing) Get(kind objects.Kind, namespace, name string) (metav1.Object, bool) {
	if kind == objects.Secret {
		return nil, false
	}
	return r.Reader.Get(kind, namespace, name)
}

func (refusing) Why(kind objects.Kind, _, _ string) error {
	if kind == objects.Secret {
		return errors.New("forbidden")
	}
	return nil
}

func TestUnreadSecretRefusesRuleConfigurationAndKeepsLogin(t *testing.T) {
	t.Parallel()
	route := "kind: HTTPRoute\nmetadata: {name: r}\nspec:\n  parentRefs: [{name: gw, sectionName: https}]\n  rules:\n" +
		extended
	all := decode(t, around+"\n---\n"+route+"\n---\n"+configured(oidc+"}}]"))
	in := input(t, rule.Standard, all)
	snapshot := objects.Snapshot{}
	for _, o := range all {
		snapshot.Put(o)
	}
	in.View = objects.New(refusing{snapshot})
	d := Translate(in)[0]
	if diff := cmp.Diff([]Configuration{{"shop", "c", 3, false, "secret [shop/login] cannot be read: forbidden"}},
		d.Configurations); diff != "" {
		t.Error(diff)
	}
	if got := strings.Join(routesText(d.Member), "\n"); got != "443 path/* → authenticate-oidc, web=1" {
		t.Error(got)
	}
}

// TestFieldsOfListenerRuleConfigurations has each field of chapter 2.5 of the contract with a valid value.
func TestFieldsOfListenerRuleConfigurations(t *testing.T) {
	t.Parallel()
	const login = "443 path/* → authenticate-oidc, web=1"
	for name, test := range map[string]struct{ spec, want string }{
		"stickiness": {"actions: [{type: forward, forwardConfig: {targetGroupStickinessConfig: " +
			"{enabled: true}}}]", "443 path/* → web=1 sticky true 3600"},
		"its duration": {"actions: [{type: forward, forwardConfig: {targetGroupStickinessConfig: {enabled: true, " +
			"durationSeconds: 60}}}]", "443 path/* → web=1 sticky true 60"},
		"a fixed response": {"actions: [{type: fixed-response, fixedResponseConfig: {statusCode: 404}}]",
			"443 path/* → 404"},
		"its body": {"actions: [{type: fixed-response, fixedResponseConfig: {statusCode: 503, contentType: " +
			"text/html, messageBody: gone}}]", "443 path/* → 503 gone"},
		"OIDC":    {oidc + "}}]", login},
		"cognito": {cognito + "}}]", "443 path/* → authenticate-cognito, web=1"},
		"jwt":     {jwt + "}}]", "443 path/* → jwt-validation, web=1"},
		"login and an answer": {cognito + "}}, {type: fixed-response, fixedResponseConfig: {statusCode: 200}}]",
			"443 path/* → authenticate-cognito, 200"},
		"addresses": {"conditions: [{field: source-ip, sourceIPConfig: {values: [10.0.0.0/8]}}]",
			"443 path/* sour10.0.0.0/8 → web=1"},
		"addresses of a match": {"conditions: [{field: source-ip, sourceIPConfig: {values: [10.0.0.0/8]}, " +
			"matchIndexes: [0]}]", "443 path/* sour10.0.0.0/8 → web=1"},
		"the fields of sessions": {oidc + ", scope: email, sessionCookieName: S, sessionTimeout: 60, " +
			"onUnauthenticatedRequest: deny, authenticationRequestExtraParams: {a: b}}}]", login},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := one(t, rule.Standard, "https", extended, configured(test.spec))
			if diff := cmp.Diff(test.want, strings.Join(routesText(d.Member), "\n")); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]Configuration{{"shop", "c", 3, true, "Accepted"}}, d.Configurations); diff != "" {
				t.Error(diff)
			}
			if d.Refused != nil || d.Partly != nil {
				t.Error(d.Refused, d.Partly)
			}
		})
	}
	d := one(t, rule.Standard, "https", rules("filters: [{type: RequestRedirect, requestRedirect: {hostname: a.test}}, "+
		"{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: c}}]"),
		configured(`actions: [{type: redirect, redirectConfig: {query: "a=b"}}], tags: {k: v}`))
	if got := strings.Join(routesText(d.Member), "\n"); got != "443 path/* → redirect HTTP_302 ://a.test:?a=b" ||
		d.Member.Routes[0].Tags["k"] != "v" {
		t.Error(got, d.Member.Routes[0].Tags)
	}
	d = one(t, rule.Standard, "https", extended, configured(oidc+", scope: email, sessionCookieName: S, sessionTimeout: "+
		"60, onUnauthenticatedRequest: deny, authenticationRequestExtraParams: {a: b}}}]"))
	o := d.Member.Routes[0].Authentication[0].OIDC
	if diff := cmp.Diff(stack.Session{OnUnauthenticated: "deny", Scope: "email", Cookie: "S", TimeoutSeconds: 60,
		ExtraParams: map[string]string{"a": "b"}}, o.Session); diff != "" {
		t.Error(diff)
	}
	if o.ClientID.Reveal() != "me" || o.ClientSecret.Reveal() != "secret" || o.SecretName != "shop/login" {
		t.Error(o.ClientID.Reveal(), o.SecretName)
	}
}

// TestTagsThatAWSRefusesAreLeftOut has a rule with tags of which AWS takes one.
func TestTagsThatAWSRefusesAreLeftOut(t *testing.T) {
	t.Parallel()
	d := one(t, rule.Standard, "https", extended, configured("actions: [{type: fixed-response, fixedResponseConfig: "+
		"{statusCode: 503}}], tags: {k: v, 'aws:x': y, z: '#'}"))
	if diff := cmp.Diff(map[string]string{"k": "v"}, d.Member.Routes[0].Tags); diff != "" || len(d.Found) != 3 ||
		d.Found[0].Path != "spec.tags[aws:x]" || d.Found[0].Object.Kind != "ListenerRuleConfiguration" || d.Refused != nil {
		t.Error(diff, d.Found, d.Refused)
	}
}

// TestStickinessOfOneBackendIsNoted has rules with one backend, and with two.
func TestStickinessOfOneBackendIsNoted(t *testing.T) {
	t.Parallel()
	const names = "filters: [{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: " +
		"ListenerRuleConfiguration, name: c}}]"
	for backends, want := range map[string]int{toWeb: 1, "backendRefs: [{name: web, port: 80}, {name: api, port: 80}]": 0} {
		for enabled, notes := range map[string]int{"true": want, "false": 0} {
			d := one(t, rule.Standard, "https", rules(backends, names), configured(
				"actions: [{type: forward, forwardConfig: {targetGroupStickinessConfig: {enabled: "+enabled+"}}}]"))
			if got := d.Found; len(got) != notes || notes > 0 && got[0].Code != diag.IgnoredSetting {
				t.Errorf("%s, enabled %s: %v", backends, enabled, got)
			}
		}
	}
}

// TestPartsOfARuleThatDoNotAnswerAreNoted has rules of which another part answers all requests.
func TestPartsOfARuleThatDoNotAnswerAreNoted(t *testing.T) {
	t.Parallel()
	const (
		names    = "{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: c}}"
		redirect = "{type: RequestRedirect, requestRedirect: {hostname: b.test}}"
		rewrite  = "{type: URLRewrite, urlRewrite: {hostname: b.test}}"
		response = "actions: [{type: fixed-response, fixedResponseConfig: {statusCode: 404}}]"
		sticky   = "actions: [{type: forward, forwardConfig: {targetGroupStickinessConfig: {enabled: true}}}]"
		answers  = " no effect: fixed-response of ListenerRuleConfiguration c answers all requests"
	)
	for _, c := range []struct{ backends, filters, spec, want string }{
		{"", names, response, ""},
		{toWeb, names, response, "backendRefs have" + answers},
		{"", redirect + ", " + names, response, "filter of type RequestRedirect has" + answers},
		{"", rewrite + ", " + names, response, "filter of type URLRewrite has" + answers},
		{"", redirect + ", " + names, sticky, "targetGroupStickinessConfig of its ListenerRuleConfiguration has no " +
			"effect: the rule redirects all requests"},
		{"", redirect + ", " + names, strings.Replace(sticky, "true", "false", 1), ""},
	} {
		parts := []string{"filters: [" + c.filters + "]"}
		if c.backends != "" {
			parts = append(parts, c.backends)
		}
		for _, construction := range []rule.Construction{rule.Compatible, rule.Standard} {
			got := ""
			for _, f := range one(t, construction, "https", rules(parts...), configured(c.spec)).Found {
				got += f.Text
			}
			if got != c.want {
				t.Errorf("%s, %s, %s, %s: %q, want %q", construction, c.backends, c.filters, c.spec, got, c.want)
			}
		}
	}
}

// never is a member none of whose rules was good before.
func never(m intent.Member) intent.Member {
	for _, u := range m.Unserved {
		m.Routes = append(m.Routes, u.Route)
	}
	return m
}

// TestARedirectOfAConfigurationNeedsTheFilter has the ExtensionRef alone, and beside another filter, where the redirect
// is ignored as by the existing controller.
func TestARedirectOfAConfigurationNeedsTheFilter(t *testing.T) {
	t.Parallel()
	const spec = `actions: [{type: redirect, redirectConfig: {query: "a=b"}}]`
	for _, c := range []rule.Construction{rule.Compatible, rule.Standard} {
		d := one(t, c, "https", extended, configured(spec))
		if got := strings.Join(routesText(never(d.Member)), "\n"); got != "443 path/* → 500" ||
			len(d.Member.Unserved) != 1 || problemText(d.Refused) != "IncompatibleFilters: spec.rules[0]: redirect of "+
			"ListenerRuleConfiguration shop/c needs a filter of type RequestRedirect" {
			t.Errorf("%s, alone: %s, %s", c, got, problemText(d.Refused))
		}
		d = one(t, c, "https", strings.Replace(extended, "filters: [", "filters: [{type: URLRewrite, urlRewrite: "+
			"{hostname: in.test}}, ", 1), configured(spec))
		if got := strings.Join(routesText(d.Member), "\n"); got != "443 path/* → host-header-rewrite(.*→in.test) web=1" ||
			d.Refused != nil || len(d.Found) != 1 {
			t.Errorf("%s, beside another: %s, %s, %v", c, got, problemText(d.Refused), d.Found)
		}
	}
}

// TestInvalidFieldsOfListenerRuleConfigurations has each field of chapter 2.5 with an invalid value: the rule answers
// 500.
func TestInvalidFieldsOfListenerRuleConfigurations(t *testing.T) {
	t.Parallel()
	for spec, want := range map[string]string{
		"actions: [{type: forward, forwardConfig: {targetGroupStickinessConfig: {durationSeconds: 604801}}}]": "spec.actions[0].forwardConfig.targetGroupStickinessConfig.durationSeconds: 604801",
		"actions: [{type: forward}]": "forward without its configuration",
		"actions: [{type: dance}]":   "unknown type dance",
		`actions: [{type: redirect, redirectConfig: {query: "` + strings.Repeat("a", 200) +
			`"}}]`: "redirectConfig.query: it has 200",
		"actions: [{type: fixed-response, fixedResponseConfig: {statusCode: 301}}]":                         "statusCode: 301 is not",
		"actions: [{type: fixed-response, fixedResponseConfig: {statusCode: 200, contentType: image/png}}]": "contentType: unknown type image/png",
		"actions: [{type: fixed-response, fixedResponseConfig: {statusCode: 200, messageBody: " + strings.Repeat("a", 1025) +
			"}}]": "messageBody: it has 1025",
		cognito +
			", sessionTimeout: 604801}}]": "sessionTimeout: 604801",
		cognito +
			", onUnauthenticatedRequest: shout}}]": `onUnauthenticatedRequest: "shout"`,
		"actions: [{type: authenticate-cognito, authenticateCognitoConfig: {userPoolArn: '', userPoolClientId: c, " +
			"userPoolDomain: d}}]": "userPoolArn: it is required",
		cognito + ", authenticationRequestExtraParams: {a: a, b: a, c: a, d: a, e: a, f: a, g: a, h: a, i: a, " +
			"j: a, k: a}}}]": "11 parameters",
		strings.Replace(oidc, "https://a.test/t", "http://a.test/t", 1) +
			"}}]": "tokenEndpoint: \"http://a.test/t\" is not an https URL",
		strings.Replace(oidc, "login", "none", 1) +
			"}}]": "Reason: secret [shop/none] not found",
		strings.Replace(oidc, "login", "halfway", 1) +
			"}}]": "Reason: missing clientSecret, secret: shop/halfway",
		strings.Replace(jwt, "https", "ftp", 1) +
			"}}]": "jwksEndpoint",
		jwt +
			", additionalClaims: [{format: yaml, name: a, values: [b]}]}}]": "additionalClaims[0].format",
		jwt +
			", additionalClaims: [{format: string-array, name: '', values: [b]}]}}]": "additionalClaims[0].name",
		jwt +
			", additionalClaims: [{format: string-array, name: a, values: []}]}}]": "additionalClaims[0].values",
		jwt + "}}, {type: authenticate-cognito, authenticateCognitoConfig: {userPoolArn: a, userPoolClientId: c, " +
			"userPoolDomain: d}}]": "at most one of authenticate-oidc",
		"actions: [{type: fixed-response, fixedResponseConfig: {statusCode: 200}}, {type: forward, forwardConfig: {}}]": "at most one of fixed-response",
		"conditions: [{field: source-ip}]":                                  "spec.conditions[0]: field source-ip",
		"conditions: [{field: source-ip, sourceIPConfig: {values: [ten]}}]": `values[0]: "ten" is no CIDR`,
		"conditions: [{field: source-ip, sourceIPConfig: {values: [10.0.0.0/8]}}, {field: source-ip, sourceIPConfig: " +
			"{values: [10.0.0.0/8]}}]": "write all values into one",
	} {
		d := one(t, rule.Standard, "https", extended, configured(spec))
		if got := problemText(d.Refused); !strings.HasPrefix(got,
			"IncompatibleFilters: spec.rules[0]: ListenerRuleConfiguration shop/c is not accepted. Reason: ") ||
			!strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", spec, got, want)
		}
		if got := strings.Join(routesText(never(d.Member)), "\n"); got != "443 path/* → 500" || len(d.Configurations) != 1 ||
			d.Configurations[0].Accepted {
			t.Errorf("%s: %s %v", spec, got, d.Configurations)
		}
	}
	two := rules(toWeb, "filters: [{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: "+
		"ListenerRuleConfiguration, name: c}}, {type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: "+
		"ListenerRuleConfiguration, name: d}}]")
	for text, want := range map[string]string{extended: "shop/c does not exist",
		two: "a rule can have one ListenerRuleConfiguration, and this one has 2: c, d"} {
		d := one(t, rule.Standard, "https", text, "")
		if got := problemText(d.Refused); !strings.HasPrefix(got, "IncompatibleFilters: ") || !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		told := len(d.Found) == 1 && d.Found[0].Code == diag.InvalidConfiguration && strings.HasSuffix(d.Found[0].Text,
			"does not exist; requests of the rule get 500")
		if kept := len(d.Member.Unserved) == 1; told == kept { // what is unserved, compile tells
			t.Errorf("%s: unserved %t, found %v", want, kept, d.Found)
		}
	}
}

// TestARuleWithAuthenticationIsNeverServedWithoutIt has the rule at HTTP listeners, where AWS cannot authenticate, in
// both constructions.
func TestARuleWithAuthenticationIsNeverServedWithoutIt(t *testing.T) {
	t.Parallel()
	for _, c := range []rule.Construction{rule.Compatible, rule.Standard} {
		d := one(t, c, "", extended, configured(jwt+"}}]"))
		var guarded, open int
		for _, r := range d.Member.Routes {
			switch {
			case r.Ports[0] == 443 && len(r.Authentication) == 1:
				guarded++
			case r.Ports[0] == 80 && actionsText(r.Actions) == "500":
				open++
			}
		}
		if guarded != 1 || open != 1 || len(d.Member.Routes) != 2 || d.Partly == nil || !strings.Contains(d.Partly.Message,
			"port 80 has protocol HTTP") {
			t.Errorf("%s: %q, %v", c, routesText(d.Member), d.Partly)
		}
		if len(d.Found) != 1 || d.Found[0].Code != diag.InvalidRule || !strings.HasSuffix(d.Found[0].Text, "answers 500") {
			t.Errorf("%s: found %v", c, d.Found)
		}
		if d = one(t, c, "http", extended, configured(jwt+"}}]")); d.Refused == nil ||
			d.Refused.Reason != "UnsupportedValue" {
			t.Errorf("%s, HTTP only: %v", c, d.Refused)
		}
	}
}
