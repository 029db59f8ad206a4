package diff

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/transition"
)

// testLogin signs in as client "shop" with a secret; an empty one is withheld.
func testLogin(secret string) stack.Action {
	o := &stack.AuthenticateOIDC{
		Issuer: "https://idp.example.com", AuthorizationEndpoint: "https://idp.example.com/a",
		TokenEndpoint:    "https://idp.example.com/t",
		UserInfoEndpoint: "https://idp.example.com/u", SecretName: "shop/idp",
		Session: stack.Session{OnUnauthenticated: "authenticate", Scope: "openid", Cookie: "AWSELBAuthSessionCookie",
			TimeoutSeconds: 604800},
	}
	if secret != "" {
		o.ClientID, o.ClientSecret = stack.NewSecret("shop", ""), stack.NewSecret(secret, "uid")
	}
	return stack.Action{Type: stack.ActionAuthenticateOIDC, OIDC: o}
}

// guardedStack has a guard in front of the first of two rules.
func guardedStack(guard stack.Action) *stack.Stack {
	s := testStack("/a", "/b")
	s.Rules[0].Actions = slices.Concat([]stack.Action{guard}, s.Rules[0].Actions)
	return s
}

// reread is the observation as AWS tells it: without client secrets.
func reread(o awsop.Observed) awsop.Observed {
	strip := func(as []stack.Action) []stack.Action {
		as = slices.Clone(as)
		for i, a := range as {
			if a.OIDC != nil {
				told := *a.OIDC
				told.ClientSecret, told.SecretName, told.SecretChanged = stack.Secret{}, "", false
				as[i].OIDC = &told
			}
		}
		return as
	}
	o = o.Clone()
	for i := range o.Rules {
		o.Rules[i].Actions = strip(o.Rules[i].Actions)
	}
	for i := range o.Listeners {
		o.Listeners[i].DefaultActions = strip(o.Listeners[i].DefaultActions)
	}
	return o
}

func with(a stack.Action, f func(*stack.AuthenticateOIDC)) stack.Action {
	o := *a.OIDC
	f(&o)
	a.OIDC = &o
	return a
}

func TestALoginIsWrittenOnlyWhenItOrItsSecretChanged(t *testing.T) {
	t.Parallel()
	changed := func(o *stack.AuthenticateOIDC) { o.SecretChanged = true }
	for _, c := range []struct {
		name   string
		reread bool
		to     stack.Action
		writes map[string]int
		why    string
	}{
		{name: "nothing", to: testLogin("one"), writes: map[string]int{}},
		{name: "nothing, and AWS was asked again", reread: true, to: testLogin("one"), writes: map[string]int{}},
		{name: "defaults left out", to: with(testLogin("one"), func(o *stack.AuthenticateOIDC) {
			o.Session = stack.Session{}
		}), writes: map[string]int{}},
		{name: "another secret", to: testLogin("two"), writes: map[string]int{"ModifyRule": 1},
			why: "the client secret changed"},
		{name: "another secret, unnoticed by the record", reread: true, to: testLogin("two"), writes: map[string]int{}},
		{name: "another secret, by the record", reread: true, to: with(testLogin("two"), changed), writes: map[string]int{
			"ModifyRule": 1}, why: "the client secret changed"},
		{name: "a record that is behind", to: with(testLogin("one"), changed), writes: map[string]int{}},
		{name: "another client", to: with(testLogin("one"), func(o *stack.AuthenticateOIDC) {
			o.ClientID = stack.NewSecret("web", "")
		}), writes: map[string]int{"ModifyRule": 1}},
		{name: "another scope", to: with(testLogin("one"), func(o *stack.AuthenticateOIDC) { o.Scope = "email" }),
			writes: map[string]int{"ModifyRule": 1}},
		{name: "parameters", to: with(testLogin("one"), func(o *stack.AuthenticateOIDC) {
			o.ExtraParams = map[string]string{
				"lang": "de"}
		}), writes: map[string]int{"ModifyRule": 1}},
		{name: "withheld", to: testLogin(""), writes: map[string]int{}},
		{name: "withheld, and AWS was asked again", reread: true, to: testLogin(""), writes: map[string]int{}},
		{name: "withheld, and another provider", to: with(testLogin(""), func(o *stack.AuthenticateOIDC) {
			o.Issuer = "https://b.example.com"
		}), writes: map[string]int{"ModifyRule": 1}, why: "→ fixed response 503"},
		{name: "a check of tokens", to: stack.Action{Type: stack.ActionValidateJWT, JWT: &stack.ValidateJWT{
			JWKSEndpoint: "https://a.example.com/k", Issuer: "a"}},
			writes: map[string]int{"ModifyRule": 1}, why: "token of a"},
		{name: "a user pool", to: stack.Action{Type: stack.ActionAuthenticateCognito, Cognito: &stack.AuthenticateCognito{
			UserPoolARN: "arn:p", UserPoolClientID: "c", UserPoolDomain: "d"}},
			writes: map[string]int{"ModifyRule": 1}, why: "log in with the Cognito domain d"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(testKey())
			f.converge(t, guardedStack(testLogin("one")), Options{})
			if c.reread {
				f.obs = reread(f.obs)
			}
			p := Stack(guardedStack(c.to), stack.Keep{}, f.obs, Options{})
			if text := p.Text(plan.TextOptions{}); !strings.Contains(text, c.why) {
				t.Errorf("no word of %q in %s", c.why, text)
			}
			if diff := cmp.Diff(c.writes, f.converge(t, guardedStack(c.to), Options{})); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestALoginWithheldFromTheStartAnswers503(t *testing.T) {
	t.Parallel()
	f := newFake(testKey())
	s := guardedStack(testLogin(""))
	s.Listeners[0].DefaultActions = slices.Concat([]stack.Action{testLogin("")}, s.Rules[1].Actions)
	f.converge(t, s, Options{})
	if diff := cmp.Diff(stack.UnavailableOf(stack.Ingress), f.obs.Rules[0].Actions); diff != "" {
		t.Errorf("the rule: %s", diff)
	}
	if diff := cmp.Diff(stack.UnavailableOf(stack.Ingress), f.obs.Listeners[0].DefaultActions); diff != "" {
		t.Errorf("the default actions: %s", diff)
	}
	// As soon as the Secret can be read, the same rule becomes what it should be.
	s = guardedStack(testLogin("one"))
	s.Listeners[0].DefaultActions = slices.Concat([]stack.Action{testLogin("one")}, s.Rules[1].Actions)
	if diff := cmp.Diff(map[string]int{"ModifyRule": 1, "ModifyListener": 1}, f.converge(t, s, Options{})); diff != "" {
		t.Error(diff)
	}
	// And a withheld default login goes on, also where the listener has to change.
	f.obs = reread(f.obs)
	s = guardedStack(testLogin(""))
	s.Listeners[0].DefaultActions = slices.Concat([]stack.Action{testLogin("")}, s.Rules[1].Actions)
	if diff := cmp.Diff(map[string]int{}, f.converge(t, s, Options{})); diff != "" {
		t.Error(diff)
	}
}

// TestCredentialsOfALoginServeNoOtherNamespace has a listener's default action turn from the backend of one namespace
// to that of another one, behind a login of the same provider whose Secret cannot be read.
func TestCredentialsOfALoginServeNoOtherNamespace(t *testing.T) {
	t.Parallel()
	const routed = "infra/gw:shop-one:HTTPRoute-shop-web:8080" // of a route of shop at a Gateway of infra
	build := func(to, secret, secretName string) *stack.Stack {
		s := testStack("shop/web", "shop/api", "mal/web", routed, strings.ReplaceAll(routed, "shop", "mal"))
		s.Rules = s.Rules[:1]
		login := with(testLogin(secret), func(o *stack.AuthenticateOIDC) { o.SecretName = secretName })
		s.Listeners[0].DefaultActions = []stack.Action{login, testRule(80, 1, "/", to).Actions[0]}
		return s
	}
	for name, c := range map[string]struct {
		have string
		want *stack.Stack
		kept bool
	}{
		"the same backend":                    {"shop/web", build("shop/web", "", "shop/idp"), true},
		"another backend of its namespace":    {"shop/web", build("shop/api", "", "shop/idp"), true},
		"a backend and a Secret of others":    {"shop/web", build("mal/web", "", "mal/idp"), false},
		"a backend of others and no Secret":   {"shop/web", build("mal/web", "", ""), false},
		"a Secret of others that can be read": {"shop/web", build("mal/web", "other", "mal/idp"), true},
		"a route of its namespace":            {routed, build("shop/api", "", "shop/idp"), true},
		"a route of others": {routed, build(strings.ReplaceAll(routed, "shop", "mal"), "", "mal/idp"),
			false},
		"a Secret beside the Gateway": {routed, build("mal/web", "", "infra/idp"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(testKey())
			f.converge(t, build(c.have, "one", "shop/idp"), Options{})
			f.obs = reread(f.obs)
			f.converge(t, c.want, Options{})
			if got := f.obs.Listeners[0].DefaultActions; transition.Authenticates(got) != c.kept {
				t.Errorf("default actions %+v", got)
			}
		})
	}
}

func TestWithheldLoginAnswerNamesKindOfOwner(t *testing.T) {
	t.Parallel()
	s := guardedStack(testLogin(""))
	s.Key.Owner = stack.GatewayALB
	p := Stack(s, stack.Keep{}, awsop.Observed{Key: s.Key}, Options{})
	create, _ := p.Step("CreateRule 80:1")
	if op, ok := create.Op.(awsop.CreateRule); !ok || !cmp.Equal(op.Rule.Actions, stack.UnavailableOf(stack.GatewayALB)) ||
		cmp.Equal(op.Rule.Actions, stack.UnavailableOf(stack.Ingress)) {
		t.Errorf("the rule is created with %+v\n%s", create.Op, p.Text(plan.TextOptions{}))
	}
}

func TestRefusedDefaultLoginCreatesListener(t *testing.T) {
	t.Parallel()
	s := testStack("/a")
	s.Listeners[0].DefaultActions = slices.Concat([]stack.Action{testLogin("one")}, s.Rules[0].Actions)
	p := Stack(s, stack.Keep{}, awsop.Observed{Key: testKey()}, Options{})
	create, _ := p.Step("CreateListener 80")
	if op, ok := create.Op.(awsop.CreateListener); !ok || !cmp.Equal(op.Listener.DefaultActions,
		stack.UnavailableOf(stack.Ingress)) {
		t.Errorf("the listener is created with %+v", create.Op)
	}
	modify, _ := p.Step("ModifyListener 80")
	if op, ok := modify.Op.(awsop.ModifyListener); !ok || !transition.Authenticates(op.Listener.DefaultActions) ||
		!slices.Contains(modify.Needs, create.ID) {
		t.Errorf("and modified with %+v", modify)
	}
	for _, step := range p.Steps {
		if slices.Contains(step.Needs, modify.ID) {
			t.Errorf("%s needs the login", step.ID)
		}
	}
}

func TestNoFormOfAPlanShowsAClientSecret(t *testing.T) {
	t.Parallel()
	s := guardedStack(testLogin("s3cret"))
	s.Listeners[0].DefaultActions = slices.Concat([]stack.Action{testLogin("s3cret")}, s.Rules[0].Actions)
	f := newFake(testKey())
	p := Stack(s, stack.Keep{}, f.obs, Options{})
	f.run(t, p)
	again := Stack(guardedStack(testLogin("s3cret-too")), stack.Keep{}, f.obs, Options{})
	for name, v := range map[string]any{"plan": p, "next plan": again, "observation": f.obs, "stack": s} {
		encoded, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		for form, text := range map[string]string{"JSON": string(encoded), "%+v": fmt.Sprintf("%+v", v),
			"%#v": fmt.Sprintf("%#v", v)} {
			if strings.Contains(text, "s3cret") {
				t.Errorf("%s of the %s shows it", form, name)
			}
		}
	}
	if text := p.Text(plan.TextOptions{}) + again.Text(plan.TextOptions{}); strings.Contains(text, "s3cret") ||
		!strings.Contains(text, "log in at https://idp.example.com") {
		t.Error(text)
	}
}
