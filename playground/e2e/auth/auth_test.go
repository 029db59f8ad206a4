// Package auth shows end to end that what Ingresses protect is protected: logins with OpenID providers and Cognito,
// checks of tokens, and Secrets that come, change and go. It has an account of its own, whose identity provider has its
// clients.
package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// What may appear nowhere but in Secrets and in calls to AWS.
const (
	wrongSecret  = "s3cret-that-is-wrong"
	rightSecret  = "s3cret-that-is-right"
	secretAgain  = "s3cret-that-came-later"
	userPool     = "arn:aws:cognito-idp:us-west-2:123456789012:userpool/us-west-2_shop"
	certificate  = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"
	site         = "www.example.com"
	openProvider = `{"issuer":"https://idp.example.com","authorizationEndpoint":"https://idp.example.com/authorize",` +
		`"tokenEndpoint":"https://idp.example.com/token","userInfoEndpoint":"https://idp.example.com/userinfo","secretName":"idp"}`
)

const identities = `
userPools: [{arn: "` + userPool + `", domain: shop, clients: [{id: web, secret: cognito-secret}]}]
identityProvider:
  hosts: [idp.example.com]
  autoLogin: alice
  users: [{name: alice}]
  clients: [{id: shop, secret: ` + rightSecret + `}]
`

var account string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "auth-account-")
	if err != nil {
		panic(err)
	}
	usual, err := os.ReadFile("../../../awssim/seed/default.yaml")
	if err != nil {
		panic(err)
	}
	account = filepath.Join(dir, "account.yaml")
	if err := os.WriteFile(account, append(usual, identities...), 0o600); err != nil {
		panic(err)
	}
	harness.Main(m)
}

func cluster(t *testing.T) *harness.Cluster {
	t.Helper()
	return harness.Start(t, harness.Options{Account: account, Policy: harness.Minimal})
}

func secure(more scene.Annotations) scene.Annotations {
	a := scene.Annotations{"scheme": "internet-facing", "target-type": "ip", "certificate-arn": certificate}
	for k, v := range more {
		a[k] = v
	}
	return a
}

func secret(namespace, clientSecret string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: idp, namespace: %s}\nstringData: {clientID: "+
		"shop, clientSecret: %s}\n---\n", namespace, clientSecret)
}

// allowed lets the controller read the one Secret.
func allowed(namespace string) string {
	return fmt.Sprintf(`apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: idp, namespace: %[1]s}
rules: [{apiGroups: [""], resources: [secrets], resourceNames: [idp], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: idp, namespace: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: idp}
subjects: [{kind: ServiceAccount, name: aws-load-balancer-controller, namespace: kube-system}]
---
`, namespace)
}

// visit is a visit by a new browser, which follows redirects to the identity provider and back.
func visit(t *testing.T, c *harness.Cluster, lb simclient.LoadBalancer, path string, header ...string) (status int,
	body string, err error) {
	t.Helper()
	base, ok := c.HTTP.Transport.(*http.Transport)
	if !ok {
		t.Fatal("the transport is another one")
	}
	transport := base.Clone()
	defer transport.CloseIdleConnections()
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == site+":443" {
			address = lb.DNSName + ":443"
		}
		return c.Simulator.DialContext(ctx, network, address)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Transport: transport, Jar: jar, Timeout: c.HTTP.Timeout}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+site+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := browser.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// await repeats visits until one ends with the status and its body holds text.
func await(t *testing.T, c *harness.Cluster, lb simclient.LoadBalancer, path string, status int, text string,
	header ...string) {
	t.Helper()
	c.WaitFor(t, fmt.Sprintf("%d %s from %s", status, text, path), func(context.Context) error {
		got, body, err := visit(t, c, lb, path, header...)
		if err == nil && (got != status || !strings.Contains(body, text)) {
			err = fmt.Errorf("got %d: %s", got, body)
		}
		if err != nil {
			return err
		}
		return nil
	})
}

// written are the client secrets that calls after a mark brought to AWS.
func written(c *harness.Cluster, mark uint64) (all []string) {
	for _, call := range c.Calls(mark) {
		switch in := call.Input.(type) {
		case *elb.CreateRuleInput:
			for _, a := range in.Actions {
				if a.AuthenticateOidcConfig != nil && a.AuthenticateOidcConfig.ClientSecret != nil {
					all = append(all, *a.AuthenticateOidcConfig.ClientSecret)
				}
			}
		case *elb.ModifyRuleInput:
			for _, a := range in.Actions {
				if a.AuthenticateOidcConfig != nil && a.AuthenticateOidcConfig.ClientSecret != nil {
					all = append(all, *a.AuthenticateOidcConfig.ClientSecret)
				}
			}
		}
	}
	return all
}

// The tests in this file are not parallel: one restarts the controller.

// TestALoginServesNothingWithoutItsSecretAndFollowsItsEdits shows that browsers sign in only with a
// Secret that the provider accepts, and that edits of the Secret reach AWS once.
func TestALoginServesNothingWithoutItsSecretAndFollowsItsEdits(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own, for logins; golden cases show their actions")
	}
	c := cluster(t)
	const ns = "oidc"
	login := secure(scene.Annotations{"auth-type": "oidc", "auth-idp-oidc": openProvider, "group.name": "doors"})
	c.Apply(t, scene.Namespace(ns, 1)+
		scene.Ingress(ns, "login", scene.Class, login, scene.Path{Path: "/login"})+
		scene.Ingress(ns, "open", scene.Class, secure(scene.Annotations{"group.name": "doors"}), scene.Path{Path: "/open"}))
	lb := c.LoadBalancer(t, c.IngressAddress(t, ns, "login"))

	// The controller may read no Secret until it is allowed to. The others are served, and nothing behind the login.
	await(t, c, lb, "/open", 200, "")
	await(t, c, lb, "/login", 503, "")
	if e := c.WaitEvent(t, "Ingress", ns, "login", "FailedBuildModel"); !strings.Contains(e.Message,
		"cannot read secret oidc/idp") {
		t.Errorf("the event contains: %s", e.Message)
	}

	// A Secret that the provider refuses: the load balancer redirects users to sign in, and is refused itself.
	c.Apply(t, allowed(ns)+secret(ns, wrongSecret))
	await(t, c, lb, "/login", 561, "")
	mark := c.Mark()
	scene.Change(t, c, secret(ns, rightSecret))
	edited := time.Now()
	c.WaitFor(t, "the edit in AWS", func(context.Context) error {
		if len(written(c, mark)) == 0 {
			return errors.New("nothing was written")
		}
		return nil
	})
	t.Logf("the edit was in AWS after %v", time.Since(edited))
	await(t, c, lb, "/login", 200, `"X-Amzn-Oidc-Identity"`)
	if got := written(c, mark); len(got) != 1 || got[0] != rightSecret {
		t.Errorf("the edit brought %d secrets to AWS", len(got))
	}

	t.Run("a restart writes nothing", func(t *testing.T) {
		record(t, c, ns) // so that the first controller has come to its end
		mark := c.Mark()
		c.RestartController(t)
		scene.Change(t, c, scene.Ingress(ns, "open", scene.Class, secure(scene.Annotations{"group.name": "doors"}),
			scene.Path{Path: "/open"}, scene.Path{Path: "/new"}))
		await(t, c, lb, "/new", 200, "")
		if got := written(c, mark); len(got) != 0 {
			t.Errorf("%d secrets were written", len(got))
		}
	})
	t.Run("an edit while no controller runs is noticed", func(t *testing.T) {
		c.Env.StopController()
		scene.Change(t, c, secret(ns, secretAgain))
		mark := c.Mark()
		c.RestartController(t)
		c.WaitFor(t, "the new secret in AWS", func(context.Context) error {
			if got := written(c, mark); len(got) != 1 || got[0] != secretAgain {
				return fmt.Errorf("%d were written", len(got))
			}
			return nil
		})
		scene.Change(t, c, secret(ns, rightSecret))
		await(t, c, lb, "/login", 200, `"X-Amzn-Oidc-Identity"`)
	})
	t.Run("a login outlives its Secret", func(t *testing.T) {
		c.Kubectl(t, "delete", "secret", "-n", ns, "idp")
		c.WaitFor(t, "the warning", func(context.Context) error {
			for _, e := range c.Events(t, "Ingress", ns, "login") {
				if e.Type == "Warning" && strings.Contains(e.Message, "secret oidc/idp does not exist") {
					return nil
				}
			}
			return errors.New("there is no warning")
		})
		c.RestartController(t)
		scene.Change(t, c, scene.Ingress(ns, "open", scene.Class, secure(scene.Annotations{"group.name": "doors"}),
			scene.Path{Path: "/open"}, scene.Path{Path: "/newer"}))
		await(t, c, lb, "/newer", 200, "")
		await(t, c, lb, "/login", 200, `"X-Amzn-Oidc-Identity"`)
	})
	nowhere(t, c, ns)
}

// record waits until the Ingress records which secret AWS was given, and returns that.
func record(t *testing.T, c *harness.Cluster, ns string) (text string) {
	t.Helper()
	c.WaitFor(t, "the record", func(context.Context) error {
		text = scene.Query(t, c, "get", "ingress", "-n", ns, "login", "-o",
			`jsonpath={.metadata.annotations.alb\.ingress\.kubernetes\.io/written-secrets}`)
		if !strings.HasPrefix(text, "idp=") || len(text) != len("idp=")+32 {
			return fmt.Errorf("it is %q", text)
		}
		return nil
	})
	return text
}

// nowhere fails the test if a client secret shows in the log, an event, or an object other than the Secret.
func nowhere(t *testing.T, c *harness.Cluster, ns string) {
	t.Helper()
	log, err := os.ReadFile(c.Env.LogPath("controller"))
	if err != nil {
		t.Fatal(err)
	}
	places := map[string]string{
		"the log": string(log), "events": c.Kubectl(t, "get", "events", "-n", ns, "-o", "yaml"),
		"objects": c.Kubectl(t, "get", "ingress,service,targetgroupbinding", "-n", ns, "-o", "yaml"),
	}
	for place, text := range places {
		if strings.Contains(text, "s3cret") {
			t.Errorf("%s shows a client secret", place)
		}
	}
	if !strings.Contains(places["the log"], "log in at https://idp.example.com") {
		t.Error("the log does not mention the login at all")
	}
}

// TestTokensAreCheckedAndUserPoolsSignIn shows that an ALB admits requests by JWT and by a Cognito
// login as annotations declare, and that a restart rewrites neither.
func TestTokensAreCheckedAndUserPoolsSignIn(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own, for logins; golden cases show their actions")
	}
	c := cluster(t)
	const ns = "tokens"
	jwt, pool := scene.Ingress(ns, "jwt", scene.Class, secure(scene.Annotations{"group.name": "tokens",
		"jwt-validation": `{"jwksEndpoint":"https://idp.example.com/.well-known/jwks.json","issuer":"https://idp.example.com",` +
			`"additionalClaims":[{"format":"string-array","name":"groups","values":["admins","staff"]}]}`}),
		scene.Path{Path: "/jwt"}),
		scene.Ingress(ns, "pool", scene.Class, secure(scene.Annotations{"group.name": "tokens", "auth-type": "cognito",
			"auth-idp-cognito": `{"userPoolARN":"` + userPool + `","userPoolClientID":"web","userPoolDomain":"shop"}`}),
			scene.Path{Path: "/pool"})
	pool = strings.Replace(pool, "  rules:\n", "  defaultBackend: {service: {name: web, port: {name: http}}}\n  rules:\n",
		1)
	c.Apply(t, scene.Namespace(ns, 1)+jwt+pool)
	lb := c.LoadBalancer(t, c.IngressAddress(t, ns, "jwt"))
	token := func(groups ...any) string {
		text, err := c.Simulator.Provider.Token("idp.example.com", map[string]any{"sub": "machine", "groups": groups})
		if err != nil {
			t.Fatal(err)
		}
		return "Authorization: Bearer " + text
	}
	await(t, c, lb, "/jwt", 200, "", token("staff"))
	for name, header := range map[string][]string{"none": nil, "no token": {"Authorization: Bearer x"}, "other groups": {
		token("guests")}} {
		if status, _, err := visit(t, c, lb, "/jwt", header...); status != 401 {
			t.Errorf("%s: got %d %v", name, status, err)
		}
	}
	await(t, c, lb, "/pool", 200, `"X-Amzn-Oidc-Identity"`)
	await(t, c, lb, "/anything", 200, `"X-Amzn-Oidc-Identity"`)

	// AWS describes all this as it is wanted: another controller finds nothing to write but what is new.
	mark := c.Mark()
	c.RestartController(t)
	scene.Change(t, c, strings.Replace(jwt, "  rules:\n", "  rules:\n  - http: {paths: [{path: /new, pathType: Exact, "+
		"backend: {service: {name: web, port: {name: http}}}}]}\n", 1))
	c.WaitFor(t, "the new rule", func(context.Context) error {
		if scene.Count(c, mark, "CreateRule", "/new") == 0 {
			return errors.New("not there")
		}
		return nil
	})
	for _, call := range c.Calls(mark) {
		if call.Action == "ModifyRule" || call.Action == "ModifyListener" {
			t.Errorf("%s after a restart: %+v", call.Action, call.Input)
		}
	}
	if w := scene.Warnings(t, c, ns); len(w) > 0 {
		t.Errorf("warnings:\n%s", strings.Join(w, "\n"))
	}
}
