package ingresses

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestNodeLabelsOfNoNodeAreTold(t *testing.T) {
	t.Parallel()
	svc := lab.Service("web")
	svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	ing := lab.Ingress("web", map[string]string{"target-type": "instance", "target-node-labels": "pool=web"}, "web")
	l := lab.New(t, account.Profile{}, lab.Class(), svc, ing, lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Settle(lab.Key("web"))
	binding := l.AllBindings()[0].Name
	for _, o := range []string{"Ingress shop/web", "Service shop/web", "TargetGroupBinding shop/" + binding} {
		if !l.Saw(o, "Note", "[NoTargets]", "no node has the labels pool=web") {
			t.Errorf("%s does not hear of it:\n%s", o, strings.Join(l.Events, "\n"))
		}
	}
	node := &corev1.Node{}
	l.Must(l.Client.Get(t.Context(), client.ObjectKey{Name: "a"}, node))
	node.Labels["pool"] = "web"
	l.Must(l.Client.Update(t.Context(), node))
	l.Settle()
	if got := l.Sim.Resources().TargetGroups[0].Targets; len(got) != 1 || got[0].ID != "i-0a1de0000000000a1" {
		t.Errorf("targets %v after a node got the labels", got)
	}
}

// withPath adds a path before the others of an Ingress. port names the port of the backend; empty = 80.
func withPath(i *networkingv1.Ingress, path string, kind networkingv1.PathType, service, port string) {
	added := networkingv1.HTTPIngressPath{Path: path, PathType: &kind, Backend: networkingv1.IngressBackend{
		Service: &networkingv1.IngressServiceBackend{Name: service, Port: networkingv1.ServiceBackendPort{Name: port}}}}
	if port == "" {
		added.Backend.Service.Port.Number = 80
	}
	http := i.Spec.Rules[0].HTTP
	http.Paths = append([]networkingv1.HTTPIngressPath{added}, http.Paths...)
}

// TestForwardWithoutTargetOpensNothing has an action that lacks its target group, with a condition on clients, before a
// path of all requests: in a new Ingress, and added to one that serves.
func TestForwardWithoutTargetOpensNothing(t *testing.T) {
	t.Parallel()
	guard := func(i *networkingv1.Ingress) {
		withPath(i, "/admin", networkingv1.PathTypePrefix, "allowlist", "use-annotation")
		i.Annotations["alb.ingress.kubernetes.io/actions.allowlist"] = `{"Type":"forward"}`
		i.Annotations["alb.ingress.kubernetes.io/conditions.allowlist"] =
			`[{"field":"source-ip","sourceIpConfig":{"values":["203.0.113.0/24"]}}]`
	}
	for _, name := range []string{"new", "served"} {
		ing := lab.Ingress("web", nil, "web")
		ing.Spec.Rules[0].HTTP.Paths[0].Path = "/"
		if name == "new" {
			guard(ing)
		}
		l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), ing)
		l.Settle(lab.Key("web"))
		if name == "served" {
			l.EditWeb(guard)
			l.Settle(lab.Key("web"))
		}
		for _, path := range []string{"/admin", "/admin/users"} {
			want := map[string]string{"new": "0 load balancers", "served": "shop/web-web:80"}[name]
			if got := l.Answers(path); got != want {
				t.Errorf("%s: %s is answered by %q, want %s", name, path, got, want)
			}
		}
		if !l.Saw("Ingress shop/web", "actions.allowlist", `"type":"forward"`, "forwardConfig") ||
			l.Saw("Ingress shop/web", "redirectConfig") {
			t.Errorf("%s: events:\n%s", name, strings.Join(l.Events, "\n"))
		}
	}
}

func TestExternalNameIsToldAndOtherPathServes(t *testing.T) {
	t.Parallel()
	proxy := lab.Service("proxy")
	proxy.Spec.Type, proxy.Spec.ExternalName = corev1.ServiceTypeExternalName, "interceptor.keda.svc.cluster.local"
	ing := lab.Ingress("web", nil, "web")
	ing.Spec.Rules[0].HTTP.Paths[0].Path = "/"
	withPath(ing, "/jobs", networkingv1.PathTypePrefix, "proxy", "")
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), proxy, ing)
	l.Settle(lab.Key("web"))
	if !l.Saw("Ingress shop/web", "[NoTargets]", "ExternalName", "interceptor.keda.svc.cluster.local",
		"name a Service that selects the pods", "share the load balancer by annotation group.name") {
		t.Errorf("events:\n%s", strings.Join(l.Events, "\n"))
	}
	if got := l.Answers("/"); !strings.Contains(got, "web:80") {
		t.Errorf("/ is answered by %q", got)
	}
}

// TestCertainRefusalIsNotSent has a path with a character that AWS does not allow.
func TestCertainRefusalIsNotSent(t *testing.T) {
	t.Parallel()
	ing := lab.Ingress("web", nil, "web")
	ing.Spec.Rules[0].HTTP.Paths[0].Path = "/"
	withPath(ing, "/files|old", networkingv1.PathTypeImplementationSpecific, "files", "")
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Service("files"), ing)
	mark := l.Mark()
	l.Settle(lab.Key("web"))
	if got := l.Answers("/"); !strings.Contains(got, "web:80") {
		t.Errorf("/ is answered by %q", got)
	}
	l.PassWith(time.Hour, lab.Key("web"))
	l.Restart()
	l.Settle(lab.Key("web"))
	if got := l.RefusedCalls(mark); len(got) > 0 {
		t.Errorf("AWS refused %v", got)
	}
	if !l.Saw("Ingress shop/web", "[InvalidRule]", "/files|old") {
		t.Errorf("events:\n%s", strings.Join(l.Events, "\n"))
	}
}

// TestDefaultCertificateStaysWithoutMemory has an Ingress that names a certificate, and one that comes before it by its
// name and has two found ones.
func TestDefaultCertificateStaysWithoutMemory(t *testing.T) {
	t.Parallel()
	const certificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"
	secured := func(name, host string, annotations map[string]string) *networkingv1.Ingress {
		i := lab.Secure(name, host)
		i.Annotations["alb.ingress.kubernetes.io/group.name"] = "certified"
		for k, v := range annotations {
			i.Annotations["alb.ingress.kubernetes.io/"+k] = v
		}
		return i
	}
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), secured("named", "named.example.com",
		map[string]string{"certificate-arn": certificate}))
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "certified"}}
	l.Certify("twice.new.dev")
	l.Certify("*.new.dev")
	l.Settle(key)
	l.Create(secured("found", "twice.new.dev", nil))
	l.Settle(key)
	if got := l.Sim.Resources().LoadBalancers[0].Listeners[0].Certificates; len(got) != 3 || got[0] != certificate {
		t.Fatalf("certificates %v", got)
	}
	if !l.Saw("Ingress shop/found", "[SeveralCertificates]", "twice.new.dev") {
		t.Errorf("events:\n%s", strings.Join(l.Events, "\n"))
	}
	mark := l.Mark()
	l.Restart()
	l.Settle(key)
	if got := l.Writes(mark); len(got) > 0 {
		t.Errorf("a start without checkpoints writes %v", got)
	}
}

func TestNamedCertificateThatMissesAHostIsTold(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Secure("found", "found.new.dev"))
	l.Certify("found.new.dev")
	other := l.Certify("other.new.dev")
	l.Settle(lab.Key("found")) // which has the certificates listed
	named := lab.Secure("named", "named.new.dev")
	named.Annotations["alb.ingress.kubernetes.io/certificate-arn"] = other
	l.Create(named)
	l.Settle(lab.Key("named"))
	if !l.Saw("Ingress shop/named", "[HostNotCovered]", "named.new.dev", other+" (other.new.dev)") ||
		l.Saw("Ingress shop/found", "[HostNotCovered]") {
		t.Errorf("events:\n%s", strings.Join(l.Events, "\n"))
	}
	listeners := 0
	for _, lb := range l.Sim.Resources().LoadBalancers {
		listeners += len(lb.Listeners)
	}
	if listeners != 2 {
		t.Errorf("%d listeners serve, want 2", listeners)
	}
}

func TestIdleFrontendSettingOfAGroupIsToldOnce(t *testing.T) {
	t.Parallel()
	setting := map[string]string{"frontend-nlb-healthcheck-path": "/health"}
	l := lab.New(t, account.Profile{}, append(append(lab.GroupMember("shop", "web", 0, nil),
		lab.GroupMember("shop", "api", 1, setting)...), lab.Class())...)
	l.PassWith(time.Minute, lab.FrontGroup)
	l.Annotate("web", "load-balancer-attributes", "idle_timeout.timeout_seconds=75")
	l.PassWith(time.Minute, lab.FrontGroup)
	told := 0
	for _, e := range l.Events {
		if strings.Contains(e, "frontend-nlb-healthcheck-path") && strings.Contains(e, "Ingress shop/api") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times:\n%s", told, strings.Join(l.Events, "\n"))
	}
}

func TestRouteShowsItsHostWithoutCertificate(t *testing.T) {
	t.Parallel()
	l := lab.NewGateway(t, lab.GatewayClasses+`
Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: http, port: 80, protocol: HTTP}, {name: https, port: 443, protocol: HTTPS}]}}
Service shop/web {spec: {ports: [{port: 80, targetPort: 8080}]}}
HTTPRoute shop/web {spec: {parentRefs: [{name: web}], hostnames: [web.example.com], rules: [{backendRefs: [{name: web, port: 80}]}]}}
HTTPRoute shop/late {spec: {parentRefs: [{name: web}], hostnames: [late.new.dev], rules: [{backendRefs: [{name: web, port: 80}]}]}}`)
	l.SettleWeb()
	if !l.Saw("HTTPRoute shop/late", "[CertificateNotFound]", "late.new.dev") ||
		!l.Saw("Gateway shop/web", "[HostWithoutCertificate]", "HTTPRoute shop/late") ||
		l.Saw("Gateway shop/web", "FailedBuildModel") || l.Saw("HTTPRoute shop/web", "late.new.dev") {
		t.Errorf("events:\n%s", strings.Join(l.Events, "\n"))
	}
	l.WantParents(lab.HTTPRoute("late"), "web: Accepted, PartiallyInvalid True UnsupportedValue, ResolvedRefs")
	l.WantParents(lab.HTTPRoute("web"), "web: Accepted, ResolvedRefs")
	if got := l.Attached(); len(got) != 1 {
		t.Errorf("certificates %v, want that of web.example.com", got)
	}
	late := l.Certify("late.new.dev")
	l.Clock.Advance(10 * time.Minute)
	l.SettleWeb()
	l.WantParents(lab.HTTPRoute("late"), "web: Accepted, ResolvedRefs")
	if got := l.Attached(); len(got) != 2 || !slices.Contains(got, late) {
		t.Errorf("certificates %v, want %s, too", got, late)
	}
}
