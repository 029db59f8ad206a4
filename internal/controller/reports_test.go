package controller

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// What users of such a controller have reported, as far as it needs the whole of a pass.

// saw reports whether an event of an object has all the texts.
func (l *lab) saw(object string, texts ...string) bool {
	return slices.ContainsFunc(l.events, func(e string) bool {
		return strings.HasPrefix(e, object+" ") && !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(e, text) })
	})
}

func TestNodeLabelsOfNoNodeAreTold(t *testing.T) {
	t.Parallel()
	svc := labService("web")
	svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	ing := labIngress("web", map[string]string{"target-type": "instance", "target-node-labels": "pool=web"}, "web")
	l := newLab(t, account.Profile{}, labClass(), svc, ing, labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.settle(implicit("web"))
	binding := l.allBindings()[0].Name
	for _, o := range []string{"Ingress shop/web", "Service shop/web", "TargetGroupBinding shop/" + binding} {
		if !l.saw(o, "Note", "[NoTargets]", "no node has the labels pool=web") {
			t.Errorf("%s does not hear of it:\n%s", o, strings.Join(l.events, "\n"))
		}
	}
}

// TestDefaultCertificateStaysWithoutMemory has an Ingress that names a certificate, and one that comes before it by its name and has two found
// ones.
func TestDefaultCertificateStaysWithoutMemory(t *testing.T) {
	t.Parallel()
	const certificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"
	secured := func(name, host string, annotations map[string]string) *networkingv1.Ingress {
		i := secure(name, host)
		i.Annotations["alb.ingress.kubernetes.io/group.name"] = "certified"
		for k, v := range annotations {
			i.Annotations["alb.ingress.kubernetes.io/"+k] = v
		}
		return i
	}
	l := newLab(t, account.Profile{}, labClass(), labService("web"), secured("named", "named.example.com", map[string]string{"certificate-arn": certificate}))
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "certified"}}
	l.certify("twice.new.dev")
	l.certify("*.new.dev")
	l.settle(key)
	l.create(secured("found", "twice.new.dev", nil))
	l.settle(key)
	if got := l.sim.Resources().LoadBalancers[0].Listeners[0].Certificates; len(got) != 3 || got[0] != certificate {
		t.Fatalf("certificates %v", got)
	}
	if !l.saw("Ingress shop/found", "[SeveralCertificates]", "twice.new.dev") {
		t.Errorf("events:\n%s", strings.Join(l.events, "\n"))
	}
	mark := l.mark()
	l.restart()
	l.settle(key)
	if got := l.writes(mark); len(got) > 0 {
		t.Errorf("a start without checkpoints writes %v", got)
	}
}

func TestRouteShowsItsHostWithoutCertificate(t *testing.T) {
	t.Parallel()
	l := newGatewayLab(t, gatewayClasses+`
Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}, {name: https, port: 443, protocol: HTTPS}]}}
Service shop/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
HTTPRoute shop/web {spec: {parentRefs: [{name: web}], hostnames: [web.example.com], rules: [{backendRefs: [{name: web, port: 80}]}]}}
HTTPRoute shop/late {spec: {parentRefs: [{name: web}], hostnames: [late.new.dev], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
	l.settleWeb()
	if !l.saw("HTTPRoute shop/late", "[CertificateNotFound]", "late.new.dev") || !l.saw("Gateway shop/web", "[HostWithoutCertificate]", "HTTPRoute shop/late") ||
		l.saw("Gateway shop/web", "FailedBuildModel") || l.saw("HTTPRoute shop/web", "late.new.dev") {
		t.Errorf("events:\n%s", strings.Join(l.events, "\n"))
	}
	l.wantParents(httpRoute("late"), "web: Accepted, PartiallyInvalid True UnsupportedValue, ResolvedRefs")
	l.wantParents(httpRoute("web"), "web: Accepted, ResolvedRefs")
	l.certify("late.new.dev")
	l.clock.Advance(10 * time.Minute)
	l.settleWeb()
	l.wantParents(httpRoute("late"), "web: Accepted, ResolvedRefs")
}
