package tenants

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// spellings write an annotation of a policy in other ways, by the kind's prefix and the annotation's name.
var spellings = map[string]func(prefix, name, value string) map[string]string{
	"as it is": func(p, n, v string) map[string]string { return map[string]string{p + n: v} },
	"key in capitals": func(p, n, v string) map[string]string {
		return map[string]string{p + strings.ToUpper(n): v, p + strings.ToUpper(n[:1]) + n[1:]: v}
	},
	"value in capitals": func(p, n, v string) map[string]string { return map[string]string{p + n: strings.ToUpper(v)} },
	"value in spaces":   func(p, n, v string) map[string]string { return map[string]string{p + n: " " + v + "\n"} },
	"other prefixes": func(_, n, v string) map[string]string {
		return map[string]string{"alb.ingress.kubernetes.io/" + n: v, "gateway.k8s.aws/" + n: v, "elbv2.k8s.aws/" + n: v,
			"service.beta.kubernetes.io/aws-load-balancer-" + n: v, "service.kubernetes.io/aws-load-balancer-" + n: v,
			"ingress.k8s.aws/" + n: v}
	},
	"parts of the key": func(p, n, v string) map[string]string {
		return map[string]string{p + n + ".front": v, p + n + "s": v, p + strings.ReplaceAll(n, "-", "_"): v, n: v}
	},
}

// newcomers are members of namespace mal, one for each spelling of each policy, beside a Namespace with all of them.
func newcomers(kind string) []client.Object {
	g, namespace := lab.GroupsOfTwo[kind], &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "mal"}}
	namespace.Annotations = map[string]string{}
	out := []client.Object{namespace}
	prefix := map[string]string{"Ingresses": "alb.ingress.kubernetes.io/",
		"Services": "service.beta.kubernetes.io/aws-load-balancer-"}[kind]
	n := 0
	for _, how := range []string{"as it is", "key in capitals", "value in capitals", "value in spaces", "other prefixes",
		"parts of the key"} {
		for _, policy := range []string{"ownership=observed", "approved-plan=none", "deletion-policy=Retain",
			"replacement-policy=refuse", "drift-policy=ignore", "allow-deletion=true", "delete-duplicates=all"} {
			name, value, _ := strings.Cut(policy, "=")
			for _, o := range g.Attack(nil) {
				all := o.GetAnnotations()
				if all == nil {
					all = map[string]string{}
				}
				for k, v := range spellings[how](prefix, name, value) {
					all[k], namespace.Annotations[k] = v, v
				}
				o.SetAnnotations(all)
				o.SetName(fmt.Sprint("evil-", n))
				o.SetUID("")
				if s, ok := o.(*corev1.Service); ok && kind == "Services" {
					s.Spec.Ports[0].Port = int32(1000 + n)
				}
				out = append(out, o)
			}
			n++
		}
	}
	return out
}

// TestNoSpellingOfAPolicyHoldsOthers has one newcomer for each policy in each spelling. The victim edits before and
// after a restart, and then deletes its object.
func TestNoSpellingOfAPolicyHoldsOthers(t *testing.T) {
	t.Parallel()
	for kind, g := range lab.GroupsOfTwo {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, append(g.Victim(map[string]string{g.Idle: g.Before}), lab.Class())...)
			l.Settle(g.Key)
			l.Create(newcomers(kind)...)
			l.Settle(g.Key)
			l.Put(g, "shop/web", map[string]string{g.Idle: g.After})
			l.Settle(g.Key)
			if !attribute(l, g.After) {
				t.Errorf("an edit is held:\n%s", strings.Join(l.Events, "\n"))
			}
			l.Restart()
			l.Put(g, "shop/web", map[string]string{g.Idle: g.Before})
			l.Settle(g.Key)
			if !attribute(l, g.Before) {
				t.Errorf("an edit after a restart is held:\n%s", strings.Join(l.Events, "\n"))
			}
			if at := slices.IndexFunc(l.Events, func(e string) bool {
				return strings.HasPrefix(e, g.Kind+" shop/web ") && strings.Contains(e, "mal/evil")
			}); at >= 0 {
				t.Errorf("the victim is told %s", l.Events[at])
			}
			for _, o := range g.Victim(nil) {
				if fmt.Sprintf("%T", o) == fmt.Sprintf("%T", g.Empty()) {
					l.Must(l.Client.Delete(t.Context(), o))
				}
			}
			l.Settle(g.Key)
			if l.Get(g.Empty(), "web") {
				t.Errorf("the victim's object is not released")
			}
		})
	}
}

// partsOfGateway are what a tenant of namespace mal adds to Gateway shop/web, which admits routes and ListenerSets of
// all namespaces.
const partsOfGateway = `
Service mal/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
LoadBalancerConfiguration mal/web {spec: {scheme: internal}}
TargetGroupConfiguration mal/web {spec: {targetReference: {name: web}}}
ListenerRuleConfiguration mal/web {spec: {tags: {team: mal}}}
ListenerSet mal/web {spec: {parentRef: {name: web, namespace: shop}, listeners: [{name: more, port: 8080, protocol: HTTP}]}}
HTTPRoute mal/web {spec: {parentRefs: [{name: web, namespace: shop}, {kind: ListenerSet, name: web}], rules: [{matches: [{path: {value: /mal}}], filters: [{type: ExtensionRef, extensionRef: {group: gateway.k8s.aws, kind: ListenerRuleConfiguration, name: web}}], backendRefs: [{name: web, port: 80}]}]}}`

// TestNoSpellingOfAPolicyHoldsAGateway has each object that a tenant adds to a Gateway carry each policy in each
// spelling. The victim edits before and after a restart, and then deletes the Gateway.
func TestNoSpellingOfAPolicyHoldsAGateway(t *testing.T) {
	t.Parallel()
	for how := range spellings {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			l := lab.NewGateway(t, strings.NewReplacer("gatewayClassName: alb", "gatewayClassName: alb, allowedListeners: "+
				"{namespaces: {from: All}}", "protocol: HTTP}", "protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}").
				Replace(lab.WebGateway))
			l.SettleWeb()
			for _, o := range lab.GatewayObjects(t, partsOfGateway) {
				all := map[string]string{}
				for _, policy := range []string{"ownership=observed", "approved-plan=none", "deletion-policy=Retain",
					"replacement-policy=refuse", "drift-policy=ignore", "allow-deletion=false", "delete-duplicates=all",
					"dry-run=true", "existing-load-balancer=payroll"} {
					name, value, _ := strings.Cut(policy, "=")
					for _, prefix := range []string{"gateway.k8s.aws/", "elbv2.k8s.aws/"} {
						maps.Copy(all, spellings[how](prefix, name, value))
					}
				}
				o.SetAnnotations(all)
				l.Create(o)
			}
			l.SettleWeb()
			if got := l.Answers("/mal"); !strings.Contains(got, "mal-web") {
				t.Errorf("the tenant's route is answered by %s", got)
			}
			for _, path := range []string{"/one", "/two"} {
				l.Apply(`HTTPRoute shop/edit {spec: {parentRefs: [{name: web}], rules: [{matches: [{path: {value: ` + path +
					`}}], backendRefs: [{name: api, port: 80}]}]}}`)
				l.SettleWeb()
				if got := l.Answers(path); !strings.Contains(got, "api") {
					t.Errorf("the edit to %s is answered by %s:\n%s", path, got, strings.Join(l.Events, "\n"))
				}
				l.Restart()
			}
			if at := slices.IndexFunc(l.Events, func(e string) bool {
				return strings.Contains(e, " shop/") && strings.Contains(e, "mal/")
			}); at >= 0 {
				t.Errorf("the victim is told %s", l.Events[at])
			}
			l.Discard("Gateway shop/web {}")
			l.SettleWeb()
			if l.Get(&gatewayv1.Gateway{}, "web") || len(l.Sim.Resources().LoadBalancers) > 0 {
				t.Errorf("the victim's Gateway is not released:\n%s", strings.Join(l.Events, "\n"))
			}
		})
	}
}
