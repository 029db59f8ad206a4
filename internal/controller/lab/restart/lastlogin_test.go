package restart

import (
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	lastProvider = `{"issuer":"https://a.example","authorizationEndpoint":"https://a.example/a",` +
		`"tokenEndpoint":"https://a.example/t","userInfoEndpoint":"https://a.example/u","secretName":"login"}`
	lastGateway = lab.GatewayClasses + `
LoadBalancerConfiguration shop/web {spec: {listenerConfigurations: [{protocolPort: 'HTTPS:443', defaultCertificate: '` +
		lab.CrashCertificate + `'}]}}
Gateway shop/web {spec: {gatewayClassName: alb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web}}, listeners: [{name: https, port: 443, protocol: HTTPS}]}}
Service shop/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
ListenerRuleConfiguration shop/login {spec: {actions: [{type: authenticate-oidc, authenticateOIDCConfig: {issuer: "https://a.example", authorizationEndpoint: "https://a.example/a", tokenEndpoint: "https://a.example/t", userInfoEndpoint: "https://a.example/u", secret: {name: login}}}]}}
HTTPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{` + lastFilters + `matches: [{path: {type: PathPrefix, value: /web}}], backendRefs: [{name: web, port: 80}]}]}}`
	lastFilters = `filters: [{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: login}}], `
	lastEdit    = `HTTPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{timeouts: {request: 10h}, ` + lastFilters +
		`matches: [{path: {type: PathPrefix, value: /web}}], backendRefs: [{name: web, port: 80}]}]}}`
)

// TestLastLoginIsMadeAgainAfterRestart deletes a rule by hand while no controller runs. Its object is invalid, so that
// the last valid version serves, and a checkpoint does not have the credentials of that version's login.
func TestLastLoginIsMadeAgainAfterRestart(t *testing.T) {
	t.Parallel()
	edited := func(change func(a map[string]string)) func(*lab.Lab) {
		return func(l *lab.Lab) {
			l.Edit("web", func(i *networkingv1.Ingress) { change(i.Annotations) })
		}
	}
	const of = "alb.ingress.kubernetes.io/"
	for name, c := range map[string]struct {
		key  stack.Key
		edit func(*lab.Lab)
	}{
		"another setting": {lab.Key("web"), edited(func(a map[string]string) { a[of+"healthcheck-path"] = "none" })},
		"the provider":    {lab.Key("web"), edited(func(a map[string]string) { a[of+"auth-idp-oidc"] = `{` })},
		"HTTPRoute":       {lab.GatewayKey(stack.GatewayALB, "web"), func(l *lab.Lab) { l.Apply(lastEdit) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Class())
			l.Checkpointed = true
			l.Core = fake.NewSimpleClientset(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "login",
				UID: "uid-login", ResourceVersion: "1"}, Data: map[string][]byte{"clientID": []byte("id"),
				"clientSecret": []byte("secret")}})
			l.Flags("--default-target-type=ip")
			l.Restart()
			if l.Apply(lastGateway); c.key.Owner == stack.Ingress {
				l.Discard("Gateway shop/web {}")
				l.Create(lab.Ingress("web", map[string]string{"certificate-arn": lab.CrashCertificate, "auth-type": "oidc",
					"auth-idp-oidc": lastProvider}, "web"))
			}
			l.Settle(c.key)
			before := logins(l)
			c.edit(l)
			l.Settle(c.key)
			if got := logins(l); len(before) != 1 || !slices.Equal(got, before) {
				t.Fatalf("rules with a login %v, before the edit %v; events %q", got, before, l.Events)
			}
			l.End()
			_, err := l.Sim.Balancing.DeleteRule(l.Context(), &elbv2.DeleteRuleInput{RuleArn: aws.String(before[0])})
			l.Must(err)
			l.Clock.Advance(controller.LongestAge + time.Minute)
			l.Restart()
			l.Settle(c.key)
			if got := logins(l); len(got) != 1 {
				t.Errorf("rules with a login %v, want one; events %q", got, l.Events)
			}
			mark := l.Mark()
			if l.Settle(c.key); len(l.Writes(mark)) > 0 {
				t.Errorf("without an edit, %v", l.Writes(mark))
			}
		})
	}
}

// logins are the ARNs of rules with a login.
func logins(l *lab.Lab) (out []string) {
	for _, lb := range l.Sim.Resources().LoadBalancers {
		for _, listener := range lb.Listeners {
			for _, r := range listener.Rules {
				if r.Actions[0].Type == stack.ActionAuthenticateOIDC {
					out = append(out, r.ARN)
				}
			}
		}
	}
	return out
}
