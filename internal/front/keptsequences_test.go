package front

import (
	"maps"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// then makes edits one after the other, with two passes for each, and returns the objects and the last pass that built
// something.
func (s served) then(t interface{ Fatal(...any) }, last compiled, edits ...edit) (served, compiled) {
	for _, e := range edits {
		s = s.copied()
		e.make(s)
		for range 2 {
			if c := s.compile(t, last.Memory); c.Stack != nil {
				last = c
			}
		}
	}
	return s, last
}

// lostOf are the requests, by their index, that one pass answers and a later one does not.
func lostOf(was, now compiled, ask []traffic.Request) map[int]bool {
	out := map[int]bool{}
	for n := range ask {
		if loses(was, now, []edit{{}}, ask[n:n+1], false) != "" {
			out[n] = true
		}
	}
	return out
}

// addedStays makes an invalid edit, one that adds something, and another invalid one. What the second one added, and
// what was served before, stays, unless the third one asks for less without one of the others, or after both of them in
// the other order.
func addedStays(rt *rapid.T, s served, wound, gain, last edit, ask []traffic.Request) {
	old := s.compile(rt, nil)
	if old.Stack == nil || old.complaint() != "" {
		rt.Fatalf("the scene does not serve: %s\n%s", old.complaint(), s.text())
	}
	wounded, first := s.then(rt, old, wound)
	if len(lostOf(old, first, ask)) > 0 { // it asks for that, or another test fails
		return
	}
	now, before := wounded.then(rt, first, gain)
	now, after := now.then(rt, before, last)
	lost := lostOf(before, after, ask)
	if len(lost) == 0 {
		return
	}
	gained, with := s.then(rt, old, gain)
	_, lawful := gained.then(rt, with, last)
	_, other := wounded.then(rt, first, last)
	_, both := gained.then(rt, with, wound, last)
	allowed := lostOf(with, lawful, ask)
	maps.Copy(allowed, lostOf(first, other, ask))
	maps.Copy(allowed, lostOf(with, both, ask))
	for n := range lost {
		if r := ask[n]; !allowed[n] {
			rt.Fatalf("%s; %s; %s: %s %d %s%s gets %q, before %q; findings %v; of\n%s", wound.name, gain.name, last.name,
				r.Method, r.Port, r.Host, r.Path, after.answer(r), before.answer(r), after.Diagnostics, now.text())
		}
	}
}

// gatewayGain adds a listener, a hostname or a rule to what a Gateway serves.
func (t tenants) gatewayGain(family attachment.Family) edit {
	more := gatewayv1.ParentReference{Name: "gw", Namespace: ptr.To[gatewayv1.Namespace]("infra"),
		SectionName: ptr.To[gatewayv1.SectionName]("more")}
	changes := map[string]func(s served){"a listener": func(s served) {
		gw := sceneObject[*gatewayv1.Gateway](s, "Gateway/infra/gw")
		if gw == nil || len(gw.Spec.Listeners) == 0 {
			return
		}
		l := *gw.Spec.Listeners[0].DeepCopy()
		l.Name, l.Port = *more.SectionName, 90
		gw.Spec.Listeners = append(gw.Spec.Listeners, l)
		if r := sceneObject[*gatewayv1.TCPRoute](s, "TCPRoute/shop/web"); r != nil {
			r.Spec.ParentRefs = append(r.Spec.ParentRefs, more)
		}
		if r := sceneObject[*gatewayv1.HTTPRoute](s, "HTTPRoute/shop/web"); r != nil {
			r.Spec.ParentRefs = append(r.Spec.ParentRefs, more)
		}
	}}
	if family == attachment.Application {
		of := func(change func(*gatewayv1.HTTPRoute)) func(s served) {
			return func(s served) {
				if r := sceneObject[*gatewayv1.HTTPRoute](s, "HTTPRoute/shop/web"); r != nil && len(r.Spec.Rules) > 0 {
					change(r)
				}
			}
		}
		changes["a hostname"] = of(func(r *gatewayv1.HTTPRoute) { r.Spec.Hostnames = append(r.Spec.Hostnames, "new.test") })
		changes["a rule"] = of(func(r *gatewayv1.HTTPRoute) {
			one := *r.Spec.Rules[0].DeepCopy()
			one.Matches = []gatewayv1.HTTPRouteMatch{{Path: &gatewayv1.HTTPPathMatch{
				Type: ptr.To(gatewayv1.PathMatchPathPrefix), Value: ptr.To("/new")}}}
			r.Spec.Rules = append(r.Spec.Rules, one)
		})
	}
	what := t.pick("what is added", slices.Sorted(maps.Keys(changes))...)
	return edit{name: what, make: changes[what]}
}

// withAdded are requests, and those that gains answer.
func withAdded(ask []traffic.Request, hosts ...string) []traffic.Request {
	for _, port := range []int32{80, 90, 443} {
		for _, host := range hosts {
			for _, path := range []string{"/", "/new", "/both", "/admin"} {
				ask = append(ask, traffic.Request{Scheme: "http", Port: port, Host: host, Path: path, Method: "GET"})
			}
		}
	}
	return ask
}

// TestEditsOfGatewaysBesideMistakesStay draws three edits of Gateways that serve, and of what they refer to.
func TestEditsOfGatewaysBesideMistakesStay(t *testing.T) {
	t.Parallel()
	all, ask := readUnfit(t), withAdded(gatewayRequests(), "a.test", "new.test")
	rapid.Check(t, func(rt *rapid.T) {
		of := tenants{rt}
		family := rapid.SampledFrom(servedFamilies).Draw(rt, "family")
		s := servedGateway(t, family, of.pick("construction", allConstruction...), rapid.Bool().Draw(rt, "automatic"))
		addedStays(rt, s, of.gatewayEdit(s, all), of.gatewayGain(family), of.gatewayEdit(s, all), ask)
	})
}

// TestEditsOfIngressesBesideMistakesStay does the same with groups of Ingresses. In one of them an Ingress takes its
// certificate from a Secret.
func TestEditsOfIngressesBesideMistakesStay(t *testing.T) {
	t.Parallel()
	all, ask := readUnfit(t), withAdded(requests(80, 443), "a.test", "x.a.test", "nowhere.example")
	rapid.Check(t, func(rt *rapid.T) {
		of, s := tenants{rt}, tlsGroup()
		s.objects["IngressClassParams/alb"] = &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "alb"}}
		sceneObject[*networkingv1.IngressClass](s, "IngressClass/alb").Spec.Parameters =
			&networkingv1.IngressClassParametersReference{APIGroup: ptr.To("elbv2.k8s.aws"), Kind: "IngressClassParams",
				Name: "alb"}
		if rapid.Bool().Draw(rt, "without a Secret") {
			s = of.servedIngresses()
		}
		host, path := of.pick("host", "a.test", "x.a.test", "nowhere.example"), of.pick("path", "/", "/new")
		gain := edit{name: "a path of " + host, make: func(s served) {
			i := sceneObject[*networkingv1.Ingress](s, "Ingress/one")
			if i == nil || len(i.Spec.Rules) == 0 {
				return
			}
			r := *i.Spec.Rules[0].DeepCopy()
			r.Host, r.HTTP.Paths[0].Path = host, path
			i.Spec.Rules = append(i.Spec.Rules, r)
		}}
		mistake := func() edit {
			if rapid.Bool().Draw(rt, "the Secret") {
				return rapid.SampledFrom(spoiltSecrets("Secret/tls")).Draw(rt, "change")
			}
			return of.editOfGroup(s, all)
		}
		addedStays(rt, s, mistake(), gain, mistake(), ask)
	})
}

// serviceGain adds a port, a backend or a member to what Services serve.
func (t tenants) serviceGain(s served) edit {
	added := corev1.ServicePort{Name: "added", Port: 85, Protocol: corev1.ProtocolTCP,
		TargetPort: intstr.FromInt32(8085), NodePort: 30085}
	changes := map[string]func(s served, svc *corev1.Service){
		"a port": func(_ served, svc *corev1.Service) { svc.Spec.Ports = append(svc.Spec.Ports, added) },
		"a backend": func(_ served, svc *corev1.Service) {
			svc.Annotations[ofNLB+"actions.TCP-81"] = `{"type":"forward","forwardConfig":{"baseServiceWeight":10,` +
				`"targetGroups":[{"serviceName":"api","servicePort":80,"weight":1}]}}`
		},
	}
	if s.key.ID.Namespace == "" {
		changes["a member"] = func(s served, _ *corev1.Service) {
			o := t.service(metav1.ObjectMeta{Namespace: "a", Name: "more"}, nil)
			o.Spec.Ports = []corev1.ServicePort{added}
			s.objects["Service/more"] = o
		}
	}
	what := t.pick("what is added", slices.Sorted(maps.Keys(changes))...)
	return edit{name: what, make: func(s served) {
		if svc := sceneObject[*corev1.Service](s, "Service/one"); svc != nil {
			changes[what](s, svc)
		}
	}}
}

// TestEditsOfServicesBesideMistakesStay does the same with Services of network load balancers.
func TestEditsOfServicesBesideMistakesStay(t *testing.T) {
	t.Parallel()
	ask := []traffic.Request{{Port: 85}}
	for _, port := range servicePorts {
		ask = append(ask, traffic.Request{Port: port})
	}
	rapid.Check(t, func(rt *rapid.T) {
		of := tenants{rt}
		s := of.servedService()
		addedStays(rt, s, of.editOfService(s), of.serviceGain(s), of.editOfService(s), ask)
	})
}
