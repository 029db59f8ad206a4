package cases

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

const albKey = "alb.ingress.kubernetes.io/"

// listener is that of a port of the load balancer of a stack.
func (p *played) listener(of string, port int32) simclient.Listener {
	p.Helper()
	for _, lb := range p.Sim.Resources().LoadBalancers {
		if lb.Tags["ingress.k8s.aws/stack"] != of && lb.Tags["service.k8s.aws/stack"] != of {
			continue
		}
		for _, l := range lb.Listeners {
			if l.Port == port {
				return l
			}
		}
	}
	p.Errorf("no listener %d of %s", port, of)
	return simclient.Listener{}
}

// TestRegexPathsHaveRulesAndRemedyServes has paths by regular expression that the prefix of the same rule hides, and
// the edit that the finding asks for.
func TestRegexPathsHaveRulesAndRemedyServes(t *testing.T) {
	t.Parallel()
	p := play(t, "03-regex-ingress", nil)
	for n, path := range []string{"^/legacy/[0-9]+$", "^/orders(/.*)?$", "^/stock/[a-z]+$"} {
		rules := 0
		for _, r := range p.listener("rxi/shop", 443).Rules {
			if strings.Contains(r.Text, path) {
				rules++
			}
		}
		if rules != 1 {
			t.Errorf("port 443 has %d rules with path %s", rules, path)
		}
		p.wantTold("Ingress rxi/shop", "no request reaches this rule", path, "paths[3] of Ingress rxi/shop",
			"[HiddenRule]", "paths["+string(rune('0'+n))+"])", "/^/.* for /")
	}
	p.wantAnswers(map[string]string{"443 shop.example.com /orders/7": "rxi/shop-web:80"})
	edit(p, "shop", func(i *networkingv1.Ingress) {
		last := &i.Spec.Rules[0].HTTP.Paths[3]
		last.Path, last.PathType = "/^/.*", ptr.To(networkingv1.PathTypeImplementationSpecific)
	})
	events := len(p.Events)
	p.settle()
	p.wantAnswers(map[string]string{
		"443 shop.example.com /orders/7": "rxi/shop-orders:80", "443 shop.example.com /stock/abc": "rxi/shop-stock:80",
		"443 shop.example.com /legacy/1": "redirect", "443 shop.example.com /": "rxi/shop-web:80",
		"443 shop.example.com /other/x": "rxi/shop-web:80", "80 shop.example.com /orders/7": "redirect"})
	if later := strings.Join(p.Events[events:], "\n"); strings.Contains(later, "HiddenRule") {
		t.Errorf("the remedy leaves %s", later)
	}
	if got := p.RefusedCalls(p.since); len(got) > 0 {
		t.Errorf("AWS refuses %v", got)
	}
}

func TestAttributeOfListenerLeavesOthersInEffect(t *testing.T) {
	t.Parallel()
	p := play(t, "16-attribute-of-a-listener", nil)
	const prefix = "service.beta.kubernetes.io/aws-load-balancer-"
	p.wantTold("Service at/web", "tcp.idle_timeout.seconds is not an attribute of a target group",
		prefix+"target-group-attributes", "listener-attributes")
	p.wantTold("Service at/web", "healthcheck-interval-seconds", "did you mean "+prefix+"healthcheck-interval?")
	p.wantTold("Service at/web", "enable-zonal-shift", "did you mean")
	if got := p.Sim.Resources().TargetGroups[0].Attributes["deregistration_delay.timeout_seconds"]; got != "30" {
		t.Errorf("delay %s", got)
	}
}

func TestCommasOfHeadersAreToldAndEscapedOnesServe(t *testing.T) {
	t.Parallel()
	p := play(t, "19-cors-headers", nil)
	for name, texts := range map[string][]string{"cors-quoted": {`GET\,POST\,OPTIONS`}, "cors-plain": {
		`header_value=GET\,POST`}, "wrong-key": {"listener-attributes.HTTP-80"}} {
		p.wantTold("Ingress cors/"+name, texts...)
	}
	const header = "routing.http.response.access_control_allow_"
	got := p.listener("cors/cors-escaped", 80).Attributes
	if got[header+"methods.header_value"] != "GET,POST,OPTIONS" ||
		got[header+"origin.header_value"] != "https://www.example.com" {
		t.Errorf("attributes %v", got)
	}
}

// TestGuardWithoutTargetAnswers503InItsGroup has the Ingress whose forward lacks its target group join a load balancer
// that serves the backend without the condition.
func TestGuardWithoutTargetAnswers503InItsGroup(t *testing.T) {
	t.Parallel()
	open := lab.Ingress("open", map[string]string{"group.name": "wl"}, "web")
	open.Namespace, open.CreationTimestamp = "wl", metav1.Unix(1_600_000_000, 0)
	open.Spec.Rules[0].HTTP.Paths[0].Path = "/"
	p := play(t, "23-forward-without-target", func(p *played) {
		p.objects["Ingress open"] = open
		p.objects["Ingress admin"].GetAnnotations()[albKey+"group.name"] = "wl"
	})
	p.wantAnswers(map[string]string{"80 a.example.com /admin": "503", "80 a.example.com /admin/users": "503"})
	p.wantTold("Ingress wl/admin", "actions.allowlist", `"type":"forward"`, "forwardConfig")
	if p.Saw("Ingress wl/admin", "redirectConfig") {
		t.Error("the example of a forward is a redirect")
	}
	alone := play(t, "23-forward-without-target", nil)
	alone.wantAnswers(map[string]string{"80 a.example.com /admin": "0 load balancers"})
}

// TestMissingSecretIsToldTheSameUntilItComes has the Secret of a listener come after a challenge was served.
func TestMissingSecretIsToldTheSameUntilItComes(t *testing.T) {
	t.Parallel()
	p := play(t, "25-acme-challenge-on-gateway", nil)
	const challenge = "80 app.acme.test /.well-known/acme-challenge/tok3n"
	solver := "acme/edge:acme-cm-acme-http-solver-x7k2p:HTTPRoute-acme-solver:http"
	p.wantAnswers(map[string]string{challenge: solver, "443 app.acme.test /": "no listener"})
	for _, o := range []string{"Gateway acme/edge", "HTTPRoute acme/app"} {
		p.wantTold(o, "secret acme/app-tls does not exist", "[SecretNotFound]")
	}
	for _, e := range p.Events {
		if strings.Contains(e, "none is named") || strings.HasPrefix(e, "HTTPRoute acme/cm-acme") &&
			strings.Contains(e, "Warning") {
			t.Error(e)
		}
	}
	_, err := p.Core.CoreV1().Secrets("acme").Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Namespace: "acme", Name: "app-tls", ResourceVersion: "1"}, Type: corev1.SecretTypeTLS, Data: lab.TLSPairs()[0]},
		metav1.CreateOptions{})
	p.Must(err)
	p.Clock.Advance(10 * time.Minute)
	p.settle()
	p.wantAnswers(map[string]string{challenge: solver,
		"443 app.acme.test /": "acme/edge:acme-app:HTTPRoute-acme-web:http"})
}

// TestChallengeBehindRedirectIsToldAndRemedyServes has a challenge on port 80 of a group that redirects it, and the
// edit that the finding asks for.
func TestChallengeBehindRedirectIsToldAndRemedyServes(t *testing.T) {
	t.Parallel()
	p := play(t, "26-acme-challenge-on-ingress", nil)
	const challenge, solver = " web.example.com /.well-known/acme-challenge/tok3n", "cm-acme-http-solver-9qz4v"
	p.wantAnswers(map[string]string{"80" + challenge: "redirect", "443" + challenge: "cmi/web-web:80"})
	p.wantTold("Ingress cmi/"+solver, "port 80 redirects all requests to port 443", "Ingress cmi/web",
		`add {"HTTPS":443} to annotation alb.ingress.kubernetes.io/listen-ports`, "ingressTemplate", "[HiddenRule]")
	edit(p, solver, func(i *networkingv1.Ingress) { i.Annotations[albKey+"listen-ports"] = `[{"HTTP":80},{"HTTPS":443}]` })
	p.settle()
	p.wantAnswers(map[string]string{"443" + challenge: "cmi/" + solver + "-solver:80"})
}

func TestNodesWithoutLabelsAreToldOnBindingAndIngress(t *testing.T) {
	t.Parallel()
	p := play(t, "28-no-node-has-the-labels", nil)
	for _, o := range []string{"Ingress nl/web", "TargetGroupBinding nl/" + p.AllBindings()[0].Name} {
		p.wantTold(o, "no node has the labels karpenter.sh/nodepool=web", "[NoTargets]")
	}
	node := lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1")
	node.Labels["karpenter.sh/nodepool"] = "web"
	p.Create(node)
	p.settle()
	if got := p.Sim.Resources().TargetGroups[0].Targets; len(got) != 1 {
		t.Errorf("targets %v after a node with the labels came", got)
	}
}

// TestHostWithoutCertificateWaitsAlone has one of two hostnames without a certificate, which comes later.
func TestHostWithoutCertificateWaitsAlone(t *testing.T) {
	t.Parallel()
	p := play(t, "32-certificate-comes-later", nil)
	if got := p.AnswersAt(443, "web.example.com", "/"); !strings.Contains(got, "-web:") {
		t.Errorf("the hostname with a certificate is answered by %q", got)
	}
	p.wantTold("HTTPRoute awc/late", "no certificate found for host: late.pending.test", "spec.hostnames")
	if p.Saw("Gateway awc/edge", "FailedBuildModel") || p.Saw("HTTPRoute awc/web", "late.pending.test") {
		t.Errorf("events:\n%s", strings.Join(p.Events, "\n"))
	}
	late := p.Certify("late.pending.test")
	p.Clock.Advance(10 * time.Minute)
	p.settle()
	if got := p.Attached(); !slices.Contains(got, late) {
		t.Errorf("certificates %v, want %s, too", got, late)
	}
}

func TestRulesByHandWithoutGroupsAreToldAndManaged(t *testing.T) {
	t.Parallel()
	p := play(t, "40-rules-of-the-pods-by-hand", nil)
	p.wantTold("Service mbs/edge", "manage-backend-security-group-rules has no effect without", "security-groups",
		"disable-nlb-sg")
	for _, b := range p.AllBindings() {
		if b.Spec.Networking == nil || len(b.Spec.Networking.Ingress) == 0 {
			t.Errorf("binding %s has no rules", b.Name)
		}
	}
}

// TestDefaultCertificateOfGroupStays has an Ingress that names a certificate, and one before it with two found ones.
func TestDefaultCertificateOfGroupStays(t *testing.T) {
	t.Parallel()
	var arns []string
	p := play(t, "44-two-certificates-for-a-host", func(p *played) {
		arns = append(arns, p.Certify("twice.doubled.test"), p.Certify("*.doubled.test"))
	})
	got := p.Sim.Resources().LoadBalancers[0].Listeners[0].Certificates
	if len(got) != 3 || !slices.Contains(arns, got[0]) || !slices.Contains(got, arns[0]) ||
		!slices.Contains(got, arns[1]) {
		t.Errorf("certificates %v", got)
	}
	p.wantTold("Ingress crt/found", "2 certificates cover twice.doubled.test", "[SeveralCertificates]")
	mark := p.Mark()
	p.touch()
	p.settle()
	p.Restart()
	p.settle()
	if got := p.Writes(mark); len(got) > 0 {
		t.Errorf("a touch and a start write %v", got)
	}
}

// TestRefusedRuleIsRarelySentAndTold has AWS refuse a rule in which the controller finds nothing wrong.
func TestRefusedRuleIsRarelySentAndTold(t *testing.T) {
	t.Parallel()
	p := play(t, "50-refused-for-good", func(p *played) {
		i, _ := p.objects["Ingress files"].(*networkingv1.Ingress)
		i.Spec.Rules[0].HTTP.Paths[0].Path = "/files"
		p.Fault(gate.Fault{Action: "CreateRule", Code: "ValidationError", Message: "not like this", Status: 400})
		p.unsettled = true
	})
	for hour, most := range []int{8, 2, 2} { // of each of two rules
		mark, events := p.Mark(), len(p.Events)
		p.PassWith(time.Hour, p.keys...)
		if got := p.RefusedCalls(mark); len(got) > most || hour == 0 && len(got) == 0 {
			t.Errorf("hour %d: AWS refuses %v, want %d at most", hour+1, got, most)
		}
		if !slices.ContainsFunc(p.Events[events:], func(e string) bool {
			return strings.HasPrefix(e, "Ingress gone/files") && strings.Contains(e, "not like this")
		}) {
			t.Errorf("hour %d: the Ingress does not hear of it", hour+1)
		}
	}
	mark := p.Mark()
	p.Sim.Gate.ClearFaults()
	edit(p, "files", func(i *networkingv1.Ingress) {
		path := &i.Spec.Rules[0].HTTP.Paths[0]
		path.Path, path.PathType = "/other", ptr.To(networkingv1.PathTypeExact)
	})
	p.PassWith(time.Minute, p.keys...)
	p.wantAnswers(map[string]string{"80 a.example.com /other": "gone/files-files:80",
		"80 a.example.com /": "gone/files-web:80"})
	if got := p.RefusedCalls(mark); len(got) > 0 {
		t.Errorf("after an edit, AWS refuses %v", got)
	}
}
