package compile

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func signedIn(m *intent.Member) {
	m.Routes[0].Authentication = []intent.Action{{Type: stack.ActionAuthenticateOIDC, OIDC: &stack.AuthenticateOIDC{
		Issuer: "https://idp.example.com"}}}
}

// TestALoginIsNotLeftOutByHTTPWhereTheGroupDoesNotRedirect: a newcomer whose ssl-redirect is ignored has its rules with
// a login redirect, and nobody else's.
func TestALoginIsNotLeftOutByHTTPWhereTheGroupDoesNotRedirect(t *testing.T) {
	t.Parallel()
	web := ingress("shop", "web", https(certificate1), born(1))
	first := Compile(loadBalancer(web, ingress("shop", "api", https(certificate1), born(1))), account(), config(), nil)
	for name, c := range map[string]struct {
		change []func(*intent.Member)
		want   stack.ActionType // of the newcomer's rule on port 80
		told   string
	}{
		"login and redirect": {[]func(*intent.Member){signedIn, redirecting, https(certificate1)},
			stack.ActionRedirect, "does not apply to this Ingress, except that rules with authentication redirect to port 443"},
		"login without redirect": {[]func(*intent.Member){signedIn, https(certificate1)}, stack.ActionForward,
			"add annotation alb.ingress.kubernetes.io/ssl-redirect"},
		"login without port 443": {[]func(*intent.Member){signedIn, redirecting}, stack.ActionForward,
			"add annotation alb.ingress.kubernetes.io/ssl-redirect"},
		"redirect without any login":  {[]func(*intent.Member){redirecting, https(certificate1)}, stack.ActionForward, ""},
		"neither login, nor redirect": {[]func(*intent.Member){https(certificate1)}, stack.ActionForward, ""},
	} {
		zz := ingress("zz", "new", append(c.change, born(9))...)
		r := Compile(loadBalancer(web, ingress("shop", "api", https(certificate1), born(1)), zz), account(), config(),
			first.Memory)
		s := mustBuild(t, r)
		seen := 0
		for _, rule := range s.Rules {
			if rule.Listener.ID != "80" {
				continue
			}
			want := stack.ActionForward
			if rule.Conditions[0].Values[0] == "new.example.com" {
				want = c.want
			}
			if seen++; len(rule.Actions) != 1 || rule.Actions[0].Type != want || want == stack.ActionRedirect &&
				rule.Actions[0].Redirect.Port != "443" {
				t.Errorf("%s: %+v", name, rule)
			}
		}
		if seen != 3 {
			t.Errorf("%s: %d rules on port 80", name, seen)
		}
		told := ""
		for _, d := range r.Diagnostics {
			if d.Code == diag.IgnoredSetting || d.Code == diag.GuardNotApplied {
				told += d.Text + d.Remedy
			}
		}
		if c.told == "" && told != "" || !strings.Contains(told, c.told) {
			t.Errorf("%s: told %q", name, told)
		}
	}
}

// TestLoginStaysWhileItsSecretIsMissing edits a login so that its Secret cannot be read.
func TestLoginStaysWhileItsSecretIsMissing(t *testing.T) {
	t.Parallel()
	of := func(issuer string, id stack.Secret, service string) intent.LoadBalancer {
		m := ingress("shop", "a", https(certificate1))
		m.Routes[0].Actions = forwardTo(targetGroup(m.Object, service))
		m.Listeners[1].Default, m.Listeners[1].DefaultSource = m.Routes[0].Actions, intent.At(m.Object, "spec.defaultBackend")
		if issuer != "" {
			m.Routes[0].Authentication = []intent.Action{{Type: stack.ActionAuthenticateOIDC,
				OIDC: &stack.AuthenticateOIDC{Issuer: issuer, AuthorizationEndpoint: issuer, TokenEndpoint: issuer,
					UserInfoEndpoint: issuer, ClientID: id, ClientSecret: id, Session: stack.Session{TimeoutSeconds: 60}}}}
			m.Listeners[1].Default = slices.Concat(m.Routes[0].Authentication, m.Routes[0].Actions)
		}
		return loadBalancer(m)
	}
	shown := func(r Result) (out []string) {
		s := mustBuild(t, r)
		add := func(actions []stack.Action) {
			text := ""
			for _, a := range actions {
				if a.OIDC != nil {
					text += a.OIDC.Issuer + " "
				}
				if a.Forward != nil {
					text += a.Forward.TargetGroups[0].TargetGroup.ID
				}
			}
			out = append(out, text)
		}
		for _, rule := range s.Rules {
			if rule.Listener.ID == "443" {
				add(rule.Actions)
			}
		}
		for _, l := range s.Listeners {
			if l.Port == 443 {
				add(l.DefaultActions)
			}
		}
		return out
	}
	const first, second = "https://first.test", "https://second.test"
	id := stack.NewSecret("id", "")
	good := Compile(of(first, id, "web"), account(), config(), nil)
	kept := []string{first + " shop/a-web:80", first + " shop/a-web:80"}
	same(t, "with a login", shown(good), kept)
	edited := Compile(of(second, stack.Secret{}, "web"), account(), config(), good.Memory)
	same(t, "another provider", shown(edited), kept)
	same(t, "a backend after that", shown(Compile(of(second, stack.Secret{}, "api"), account(), config(), edited.Memory)),
		kept)
	same(t, "the Secret comes", shown(Compile(of(second, id, "api"), account(), config(), edited.Memory)),
		[]string{second + " shop/a-api:80", second + " shop/a-api:80"})

	open := Compile(of("", stack.Secret{}, "web"), account(), config(), nil)
	same(t, "open before", shown(Compile(of(second, stack.Secret{}, "web"), account(), config(), open.Memory)),
		[]string{second + " shop/a-web:80", second + " shop/a-web:80"}) // without credentials, the plan answers 503
}
