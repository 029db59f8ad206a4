package upkeep

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
)

// referring has an Ingress and a Gateway with objects that they refer to, two of each kind.
const referring = lab.WebGateway + `
IngressClassParams /alb {spec: {}}
IngressClassParams /other {spec: {}}
IngressClass /alb {spec: {controller: ingress.k8s.aws/alb, parameters: {apiGroup: elbv2.k8s.aws, kind: IngressClassParams, name: alb}}}
Service shop/s0 {spec: {ports: [{port: 80, targetPort: 8080}]}}
Service shop/other {spec: {ports: [{port: 80, targetPort: 8080}]}}
TargetGroupConfiguration shop/web {spec: {targetReference: {name: web}, defaultConfiguration: {}}}
TargetGroupConfiguration shop/other {spec: {targetReference: {name: api}, defaultConfiguration: {}}}
LoadBalancerConfiguration shop/edge {spec: {}}
LoadBalancerConfiguration shop/other {spec: {}}
Gateway shop/web {spec: {gatewayClassName: alb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: edge}}, listeners: [{name: http, port: 80, protocol: HTTP}]}}`

// TestRefusalByReferenceIsRemembered has an object to which another refers declare what only AWS can refuse. The write
// has its budget of attempts; it is sent again after an edit of this object, and not after that of another one or a
// start.
func TestRefusalByReferenceIsRemembered(t *testing.T) {
	t.Parallel()
	const unknown = "[{key: no.such.attribute, value: '1'}]"
	for name, c := range map[string]struct{ wrong, other, action string }{
		"IngressClassParams": {"IngressClassParams /alb {spec: {loadBalancerAttributes: " + unknown + "}}",
			"IngressClassParams /other {spec: {}}", "ModifyLoadBalancerAttributes"},
		"LoadBalancerConfiguration": {"LoadBalancerConfiguration shop/edge {spec: {loadBalancerAttributes: " + unknown + "}}",
			"LoadBalancerConfiguration shop/other {spec: {}}", "ModifyLoadBalancerAttributes"},
		"TargetGroupConfiguration": {"TargetGroupConfiguration shop/web {spec: {targetReference: {name: web}, " +
			"defaultConfiguration: {targetGroupAttributes: " + unknown + "}}}",
			"TargetGroupConfiguration shop/other {spec: {}}", "ModifyTargetGroupAttributes"},
		"Service": {"Service shop/s0 {metadata: {annotations: {alb.ingress.kubernetes.io/target-group-attributes: " +
			"no.such.attribute=1}}, spec: {ports: [{port: 80, targetPort: 8080}]}}", "Service shop/other {spec: {}}",
			"ModifyTargetGroupAttributes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.NewGateway(t, lab.GatewayClasses)
			l.Apply(strings.TrimPrefix(referring, lab.GatewayClasses+"\n"))
			l.Create(lab.Ingress("solo", nil, "s0"))
			l.Checkpointed = true
			l.Restart()
			keys := append(l.WebKeys(), lab.Key("solo"))
			l.Settle(keys...)
			o := lab.GatewayObjects(t, c.wrong)[0]
			change := func(text string, change func(client.Object)) {
				o := lab.GatewayObjects(t, text)[0]
				kind, _ := objects.KindOf(o)
				have, _ := readable.Kinds[kind].Object.DeepCopyObject().(client.Object)
				l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(o), have))
				change(have)
				if kind != objects.Service { // the API server counts none of Services
					have.SetGeneration(have.GetGeneration() + 1)
				}
				l.Must(l.Client.Update(t.Context(), have))
			}
			touch := func(o client.Object) { o.SetLabels(map[string]string{"touched": "yes"}) }
			if name == "Service" { // Apply keeps annotations
				change(c.wrong, func(have client.Object) { have.SetAnnotations(o.GetAnnotations()) })
			} else {
				l.Apply(c.wrong)
			}
			sent := func(spans time.Duration) int {
				mark := l.Mark()
				l.PassWith(spans, keys...)
				_, by := l.Counts(mark)
				return by[c.action]
			}
			if n := sent(15 * time.Minute); n < 1 || n > 3 {
				t.Errorf("%d attempts in 15 minutes", n)
			}
			if change(c.other, touch); sent(time.Second) != 0 {
				t.Error("sent again after an edit of another object")
			}
			l.End()
			if l.Restart(); sent(time.Second) != 0 {
				t.Error("sent again after a start")
			}
			change(c.wrong, func(o client.Object) {
				o.SetAnnotations(with(o.GetAnnotations(), "alb.ingress.kubernetes.io/x", "y"))
			})
			if n := sent(time.Second); n != 1 {
				t.Errorf("%d attempts after an edit of the object", n)
			}
			change(c.wrong, func(o client.Object) {
				if s, is := o.(*corev1.Service); is {
					s.Spec.SessionAffinity = corev1.ServiceAffinityClientIP
				}
			})
			if n := sent(time.Second); n != 1 {
				t.Errorf("%d attempts after an edit of the spec", n)
			}
			if t.Failed() {
				t.Logf("events:\n%s", strings.Join(l.Events, "\n"))
			}
		})
	}
}

func with(all map[string]string, key, value string) map[string]string {
	out := map[string]string{key: value}
	for k, v := range all {
		out[k] = v
	}
	return out
}
