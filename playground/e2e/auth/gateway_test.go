package auth

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// TestRoutesOfAGatewaySignVisitorsIn shows that browsers sign in at a Gateway by a user pool and by
// an OIDC provider, with pods and with nodes as targets.
func TestRoutesOfAGatewaySignVisitorsIn(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own, for logins; golden cases show their actions")
	}
	c := cluster(t)
	for _, targets := range []string{"ip", "instance"} {
		ns := "gateway-" + targets
		use := func(path, name string) string {
			return "matches: [{path: {type: PathPrefix, value: " + path + "}}], backendRefs: [{name: web, port: 80}], " +
				"filters: [{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: " +
				name + "}}]"
		}
		c.Apply(t, scene.Namespace(ns, 1)+secret(ns, rightSecret)+allowed(ns)+
			scene.RuleConfiguration(ns, "pool",
				`actions: [{type: authenticate-cognito, authenticateCognitoConfig: {userPoolArn: "`+userPool+
					`", userPoolClientId: web, userPoolDomain: shop}}]`)+
			scene.RuleConfiguration(ns, "provider",
				`actions: [{type: authenticate-oidc, authenticateOIDCConfig: {issuer: "https://idp.example.com", authorizationEndpoint: "https://idp.example.com/authorize", `+
					`tokenEndpoint: "https://idp.example.com/token", userInfoEndpoint: "https://idp.example.com/userinfo", secret: {name: idp}}}]`)+
			scene.TargetGroups(ns, "targets", "defaultConfiguration: {targetType: "+targets+
				", healthCheckConfig: {healthCheckPath: /health}}")+
			scene.Gateway(ns, "web", "alb",
				`scheme: internet-facing, defaultTargetGroupConfiguration: {name: targets}, listenerConfigurations: [{protocolPort: "HTTPS:443", defaultCertificate: "`+certificate+`"}]`,
				"name: https, protocol: HTTPS, port: 443")+
			scene.Route("HTTPRoute", ns, "web", "parentRefs: [{name: web}], rules: [{"+use("/pool", "pool")+"}, {"+
				use("/provider", "provider")+"}]"))
		lb := c.LoadBalancer(t, scene.GatewayAddress(t, c, ns, "web"))
		for _, row := range []struct{ name, path, action, location string }{
			{"9 a user pool", "/pool", "authenticate-cognito", "https://shop.auth.us-west-2.amazoncognito.com/"},
			{"10 a provider", "/provider", "authenticate-oidc", "https://idp.example.com/authorize?"},
		} {
			t.Run(row.name+" "+targets, func(t *testing.T) {
				c.WaitFor(t, "a redirect to the login", func(ctx context.Context) error {
					r, err := c.Get(ctx, "https://"+lb.DNSName+row.path, site)
					if err == nil && (r.Status != 302 || !strings.HasPrefix(r.Header.Get("Location"), row.location)) {
						err = fmt.Errorf("%d to %s", r.Status, r.Header.Get("Location"))
					}
					return err
				})
				found := false
				for _, r := range c.LoadBalancer(t, lb.Name).Listeners[0].Rules {
					if strings.Contains(r.Text, " "+row.path+" ") {
						found = len(r.Actions) == 2 && string(r.Actions[0].Type) == row.action && string(r.Actions[1].Type) == "forward"
					}
				}
				if !found {
					t.Errorf("rules %+v", c.LoadBalancer(t, lb.Name).Listeners[0].Rules)
				}
				await(t, c, lb, row.path, 200, `"X-Amzn-Oidc-Identity"`)
			})
		}
	}
}
