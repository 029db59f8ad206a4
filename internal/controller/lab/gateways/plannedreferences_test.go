package gateways

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
)

const (
	ofALB = "alb.ingress.kubernetes.io/"
	// plannedClass has parameters, plannedGroups configures the target group of a route, and plannedRule its rule.
	plannedClass  = "IngressClassParams /alb {spec: {loadBalancerAttributes: [{key: idle_timeout.timeout_seconds, value: '70'}]}}"
	plannedGroups = "TargetGroupConfiguration shop/web {spec: {targetReference: {name: web}, defaultConfiguration: " +
		"{healthCheckConfig: {healthCheckPath: /a}}}}"
	plannedRule = "ListenerRuleConfiguration shop/rule {spec: {conditions: [{field: source-ip, sourceIPConfig: {values: " +
		"[192.0.2.0/24]}}]}}"
	plannedProvider = `{"issuer":"https://a.example","authorizationEndpoint":"https://a.example/a",` +
		`"tokenEndpoint":"https://a.example/t","userInfoEndpoint":"https://a.example/u","secretName":"login"}`
)

// plannedSecret has the client of a login.
func plannedSecret() *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "login", UID: "uid-login",
		ResourceVersion: "1"}, Data: map[string][]byte{"clientID": []byte("id"), "clientSecret": []byte("secret")}}
}

// newReferring is a cluster in which a login guards an Ingress, and objects that serve refer to others.
func newReferring(t *testing.T) *planned {
	t.Helper()
	p := newPlanned(t, 1, *plannedSecret())
	p.Edit("solo", func(i *networkingv1.Ingress) {
		maps.Copy(i.Annotations, map[string]string{ofALB + "certificate-arn": lab.CrashCertificate,
			ofALB + "auth-type": "oidc", ofALB + "auth-idp-oidc": plannedProvider})
	})
	p.Apply(strings.Join([]string{plannedClass, plannedGroups, plannedRule,
		"IngressClass /alb {spec: {controller: ingress.k8s.aws/alb, parameters: {apiGroup: elbv2.k8s.aws, kind: " +
			"IngressClassParams, name: alb}}}",
		"HTTPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{filters: [{type: ExtensionRef, extensionRef: {group: " +
			"gateway.k8s.aws, kind: ListenerRuleConfiguration, name: rule}}], backendRefs: [{name: web, port: 80}]}, " +
			"{matches: [{path: {type: PathPrefix, value: /api}}], backendRefs: [{name: api, port: 80}]}]}}"}, "\n"))
	return p
}

// served are the rules of all load balancers as text.
func (p *planned) served() (out []string) {
	for _, lb := range p.Sim.Resources().LoadBalancers {
		for _, l := range lb.Listeners {
			for _, r := range l.Rules {
				out = append(out, fmt.Sprint(lb.Name, " ", l.Port, " ", r.Text))
			}
		}
	}
	slices.Sort(out)
	return out
}

// putSecret brings the Secret of the login to what it is to be.
func (p *planned) putSecret(s *corev1.Secret) {
	all, now := p.Core.CoreV1().Secrets(s.Namespace), p.Clock.Now().Format(time.RFC3339Nano)
	s.ResourceVersion = now
	if _, err := all.Update(p.Context(), s, metav1.UpdateOptions{}); err != nil {
		_, err = all.Create(p.Context(), s, metav1.CreateOptions{})
		p.Must(err)
	}
}

// asking are the edits for which the Gateway API, or a login that cannot be had, asks for an error.
var asking = []string{"a login at HTTP", "ListenerRuleConfiguration removed", "another number of its port, of a route"}

// TestPlanFollowsReferences edits what objects that serve refer to, so that it cannot be served, and takes the edit
// back. Each time the writes are those of the plan, and AWS refuses none.
func TestPlanFollowsReferences(t *testing.T) {
	t.Parallel()
	for kind, edits := range map[string]map[string]func(*planned){"IngressClassParams": classEdits(),
		"TargetGroupConfiguration": groupEdits(), "ListenerRuleConfiguration": ruleEdits(), "Service": serviceEdits(),
		"login": loginEdits(), "Secret": secretEdits()} {
		names := slices.Sorted(maps.Keys(edits))
		if testing.Short() {
			names = names[:1]
		}
		for _, name := range names {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				asks := slices.Contains(asking, name) || slices.Contains(asking, kind+" "+name)
				newReferring(t).checkEdit(name, edits[name], asks)
			})
		}
	}
}

// classEdits are edits of the parameters of the class of an Ingress.
func classEdits() map[string]func(*planned) {
	class := func(spec string) func(*planned) {
		return func(p *planned) { p.Apply("IngressClassParams /alb {spec: {" + spec + "}}") }
	}
	return map[string]func(*planned){
		"an attribute out of range": class("loadBalancerAttributes: [{key: idle_timeout.timeout_seconds, value: '9999'}]"),
		"an odd address type":       class("ipAddressType: odd"),
		"an odd target type":        class("targetType: lambda"),
		"too little capacity":       class("minimumLoadBalancerCapacity: {capacityUnits: 10}"),
		"an odd scheme":             class("scheme: both"),
		"a tag of AWS":              class("tags: [{key: 'aws:x', value: y}]"),
	}
}

// groupEdits are edits of the configuration of a target group of a route.
func groupEdits() map[string]func(*planned) {
	groups := func(properties string) func(*planned) {
		return func(p *planned) {
			p.Apply("TargetGroupConfiguration shop/web {spec: {targetReference: {name: web}, defaultConfiguration: {" +
				properties + "}}}")
		}
	}
	return map[string]func(*planned){
		"too short an interval":  groups("healthCheckConfig: {healthCheckInterval: 1}"),
		"gRPC at an HTTP port":   groups("protocolVersion: GRPC"),
		"UDP":                    groups("protocol: UDP"),
		"a tag of AWS":           groups("tags: {'aws:x': y}"),
		"an unknown target type": groups("targetType: lambda"),
	}
}

// ruleEdits are edits of the configuration of a rule of a route.
func ruleEdits() map[string]func(*planned) {
	rule := func(spec string) func(*planned) {
		return func(p *planned) { p.Apply("ListenerRuleConfiguration shop/rule {spec: {" + spec + "}}") }
	}
	return map[string]func(*planned){
		"a range that is none": rule("conditions: [{field: source-ip, sourceIPConfig: {values: [192.0.2.0/99]}}]"),
		"a login at HTTP": rule("actions: [{type: authenticate-cognito, authenticateCognitoConfig: {userPoolArn: " +
			"'arn:aws:cognito-idp:us-west-2:123456789012:userpool/us-west-2_demo', userPoolClientID: client, " +
			"userPoolDomain: demo}}]"),
		"removed": func(p *planned) {
			o := lab.GatewayObjects(p.T, plannedRule)[0]
			p.Must(p.Client.Delete(p.Context(), o))
		},
	}
}

// serviceEdits are edits of the Services of an Ingress and of a route.
func serviceEdits() map[string]func(*planned) {
	service := func(name string, change func(*corev1.Service)) func(*planned) {
		return func(p *planned) { p.Edited(name, change) }
	}
	return map[string]func(*planned){
		"another number of its port": service("s0", func(s *corev1.Service) { s.Spec.Ports[0].Port = 81 }),
		"another number of its port, of a route": service("web", func(s *corev1.Service) {
			s.Spec.Ports[0].Port = 81
		}),
		"no ports": service("s0", func(s *corev1.Service) { s.Spec.Ports = nil }),
		"ExternalName": service("s0", func(s *corev1.Service) {
			s.Spec.Type, s.Spec.ExternalName = corev1.ServiceTypeExternalName, "x.test"
		}),
		"h2c": service("web", func(s *corev1.Service) {
			h2c := "kubernetes.io/h2c"
			s.Spec.Ports[0].AppProtocol = &h2c
		}),
	}
}

// loginEdits are edits of the annotations by which an Ingress asks for a login.
func loginEdits() map[string]func(*planned) {
	solo := func(change func(map[string]string)) func(*planned) {
		return func(p *planned) {
			p.Edit("solo", func(i *networkingv1.Ingress) {
				change(i.Annotations)
				i.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name = "s1"
				i.Annotations[ofALB+"healthcheck-path"] = "/beside"
			})
		}
	}
	return map[string]func(*planned){
		"a misspelt type": solo(func(a map[string]string) { a[ofALB+"auth-type"] = "odic" }),
		"a misspelt key": solo(func(a map[string]string) {
			a[ofALB+"auth-typ"] = a[ofALB+"auth-type"]
			delete(a, ofALB+"auth-type")
		}),
		"a broken provider": solo(func(a map[string]string) { a[ofALB+"auth-idp-oidc"] = `{"issuer":"x"` }),
		"a Secret that does not exist": solo(func(a map[string]string) {
			a[ofALB+"auth-idp-oidc"] = strings.Replace(plannedProvider, `"login"`, `"gone"`, 1)
		}),
	}
}

// secretEdits are edits of the Secret of that login.
func secretEdits() map[string]func(*planned) {
	secret := func(change func(*corev1.Secret)) func(*planned) {
		return func(p *planned) {
			s := plannedSecret()
			change(s)
			p.putSecret(s)
		}
	}
	return map[string]func(*planned){
		"without a key":  secret(func(s *corev1.Secret) { delete(s.Data, "clientSecret") }),
		"empty":          secret(func(s *corev1.Secret) { s.Data = nil }),
		"another secret": secret(func(s *corev1.Secret) { s.Data["clientSecret"] = []byte("new") }),
		"removed": func(p *planned) {
			p.Must(p.Core.CoreV1().Secrets("shop").Delete(p.Context(), "login", metav1.DeleteOptions{}))
		},
	}
}

// checkEdit makes an edit and takes it back. Rules stay as they were, unless the edit asks for an error.
func (p *planned) checkEdit(name string, edit func(*planned), asks bool) {
	p.check("the objects are new")
	before := p.served()
	var solo networkingv1.Ingress
	p.Get(&solo, "solo")
	var services []*corev1.Service
	for _, name := range []string{"s0", "web"} {
		s := &corev1.Service{}
		p.Get(s, name)
		services = append(services, s)
	}
	mark := p.Mark()
	edit(p)
	p.check(name)
	if now := p.served(); !asks && !slices.Equal(now, before) {
		p.Errorf("rules\n%s\nwere\n%s", strings.Join(now, "\n"), strings.Join(before, "\n"))
	}
	p.putSecret(plannedSecret())
	p.Apply(plannedClass + "\n" + plannedGroups + "\n" + plannedRule)
	p.Edit("solo", func(i *networkingv1.Ingress) {
		const written = string(annotation.WrittenSecrets) // is the controller's
		solo.Annotations[written] = i.Annotations[written]
		i.Annotations, i.Spec = solo.Annotations, solo.Spec
	})
	for _, s := range services {
		p.Edited(s.Name, func(now *corev1.Service) { now.Spec = s.Spec })
	}
	p.check(name + " is taken back")
	if now := p.served(); !slices.Equal(now, before) {
		p.Errorf("after the edit is taken back, rules\n%s\nwere\n%s", strings.Join(now, "\n"),
			strings.Join(before, "\n"))
	}
	if refused := p.RefusedCalls(mark); len(refused) > 0 {
		p.Errorf("refused: %v", refused)
	}
	if p.Failed() {
		p.Logf("events:\n%s", strings.Join(p.Events, "\n"))
	}
}
