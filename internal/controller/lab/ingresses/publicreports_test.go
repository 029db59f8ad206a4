package ingresses

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// goText is what events have of the program or of its libraries.
var goText = regexp.MustCompile(`json:|unmarshal|annotation\.[A-Z]|\*[a-z]+\.[A-Z]|runtime error`)

// input is one that users have reported as ignored, misunderstood or refused in silence.
type input struct {
	annotations map[string]string
	service     map[string]string // annotations of Service shop/web
	change      func(*networkingv1.Ingress)
	others      []client.Object
	keys        []stack.Key       // empty = of the Ingress alone
	told        []string          // by an event of Ingress shop/web, or of the object that is named first
	answers     map[string]string // by path
}

const restricted = `[{"field":"source-ip","sourceIpConfig":{"values":["203.0.113.0/24"]}}]`

func useAnnotation(name string) func(*networkingv1.Ingress) {
	return func(i *networkingv1.Ingress) {
		withPath(i, "/"+name, networkingv1.PathTypePrefix, name, "use-annotation")
	}
}

func inputs() map[string]input {
	group := lab.GroupMember("shop", "api", 1, nil)
	return map[string]input{
		"conditions on clients for another name": {annotations: map[string]string{"conditions.wbe": restricted},
			told:    []string{"[GuardNotApplied]", "conditions.wbe", "no backend of the Ingress is wbe"},
			answers: map[string]string{"/web": "web:80"}},
		"conditions of a misspelt field": {annotations: map[string]string{
			"conditions.web": strings.Replace(restricted, "source-ip", "sourceip", 1)},
			told:    []string{"[InvalidAnnotation]", `"sourceip" is unknown`, "source-ip"},
			answers: map[string]string{"/web": "0 load balancers"}},
		"conditions without an action": {annotations: map[string]string{"conditions.admin": restricted},
			change: useAnnotation("admin"), told: []string{"[BackendServiceMissing]", "admin"}},
		"instance targets of a Service without node ports": {annotations: map[string]string{"target-type": "instance"},
			told: []string{"[WrongServiceType]", "no node port", "target-type: ip"}, answers: map[string]string{
				"/web": "0 load balancers"}},
		"ports that are no JSON": {annotations: map[string]string{"listen-ports": `{"HTTPS":443}]`},
			told: []string{"[InvalidAnnotation]", "listen-ports"}, answers: map[string]string{"/web": "0 load balancers"}},
		"a setting of network load balancers on the Service": {service: map[string]string{
			"service.beta.kubernetes.io/aws-load-balancer-healthcheck-path": "/health"},
			told:    []string{"Service shop/web", "alb.ingress.kubernetes.io/healthcheck-path"},
			answers: map[string]string{"/web": "web:80"}},
		"a redirect to a port as a number": {annotations: map[string]string{
			"actions.tls": `{"type":"redirect","redirectConfig":{"protocol":"HTTPS","port":443,"statusCode":"HTTP_301"}}`},
			change: useAnnotation("tls"), told: []string{"actions.tls", "port"}},
		"a member without an HTTPS port behind a redirect": {annotations: map[string]string{"group.name": "front",
			"listen-ports": `[{"HTTP":80},{"HTTPS":443}]`, "ssl-redirect": "443", "certificate-arn": "arn:aws:acm:us-west-2:" +
				"123456789012:certificate/0a1de001-0000-4000-8000-000000000001"}, others: group, keys: []stack.Key{lab.FrontGroup},
			told: []string{"Ingress shop/api", "[HiddenRule]", "port 80 redirects", `{"HTTPS":443}`}},
	}
}

// TestReportedInputsAreTold has inputs of public reports. Users hear of each on its object, without texts of the
// program, and AWS refuses no call.
func TestReportedInputsAreTold(t *testing.T) {
	t.Parallel()
	for name, c := range inputs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ing := lab.Ingress("web", c.annotations, "web")
			if c.change != nil {
				c.change(ing)
			}
			svc := lab.Service("web")
			svc.Annotations = c.service
			l := lab.New(t, account.Profile{}, slices.Concat(c.others, []client.Object{lab.Class(), svc, ing})...)
			mark := l.Mark()
			l.Pass(10*time.Minute, nil, append(c.keys, lab.Key("web"))...)
			object := "Ingress shop/web"
			if strings.Contains(c.told[0], " shop/") {
				object = c.told[0]
			}
			if !l.Saw(object, c.told...) {
				t.Errorf("no event of %s has %q:\n%s", object, c.told, strings.Join(l.Events, "\n"))
			}
			if text := goText.FindString(strings.Join(l.Events, "\n")); text != "" {
				t.Errorf("an event has %q:\n%s", text, strings.Join(l.Events, "\n"))
			}
			for path, want := range c.answers {
				if got := l.Answers(path); !strings.Contains(got, want) {
					t.Errorf("%s is answered by %q, want %s", path, got, want)
				}
			}
			if refused := l.RefusedCalls(mark); len(refused) > 0 {
				t.Errorf("AWS refuses %v", refused)
			}
		})
	}
}

// TestEditOfReportedInputKeepsWhatServes makes each of them an edit of an Ingress that serves.
func TestEditOfReportedInputKeepsWhatServes(t *testing.T) {
	t.Parallel()
	for name, c := range inputs() {
		if len(c.keys) > 0 { // it is in another group then
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
			l.Settle(lab.Key("web"))
			l.EditWeb(func(i *networkingv1.Ingress) {
				for k, v := range c.annotations {
					i.Annotations["alb.ingress.kubernetes.io/"+k] = v
				}
				if c.change != nil {
					c.change(i)
				}
			})
			l.Pass(10*time.Minute, nil, lab.Key("web"))
			if got := l.Answers("/web"); !strings.Contains(got, "web:80") {
				t.Errorf("/web is answered by %q after the edit:\n%s", got, strings.Join(l.Events, "\n"))
			}
		})
	}
}

// TestFirstNamedCertificateIsTheDefault names certificates in an order that is not that of their ARNs.
func TestFirstNamedCertificateIsTheDefault(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"))
	arns := []string{l.Certify("a.new.dev"), l.Certify("b.new.dev"), l.Certify("c.new.dev")}
	slices.Sort(arns)
	slices.Reverse(arns)
	ing := lab.Secure("web", "a.new.dev")
	ing.Annotations["alb.ingress.kubernetes.io/certificate-arn"] = strings.Join(arns, ", ")
	l.Create(ing)
	l.Settle(lab.Key("web"))
	if got := l.Sim.Resources().LoadBalancers[0].Listeners[0].Certificates; len(got) != 3 || got[0] != arns[0] {
		t.Errorf("certificates %v, want %s as the default", got, arns[0])
	}
}

// TestEachIdleFrontendSettingOfAGroupIsTold has a member declare every setting of a frontend that nobody enables.
func TestEachIdleFrontendSettingOfAGroupIsTold(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"scheme": "internal", "subnets": "subnet-0a1de0000000000a1", "security-groups": "sg-1",
		"listener-port-mapping": "80=80", "eip-allocations": "eipalloc-1", "tags": "a=b",
		"attributes":       "dns_record.client_routing_policy=any_availability_zone",
		"healthcheck-port": "80", "healthcheck-protocol": "HTTP", "healthcheck-path": "/health",
		"healthcheck-interval-seconds": "20", "healthcheck-timeout-seconds": "7", "healthcheck-success-codes": "200",
		"healthcheck-healthy-threshold-count": "4", "healthcheck-unhealthy-threshold-count": "4"}
	for _, enabled := range []string{"", "false"} {
		annotations := map[string]string{}
		for k, v := range settings {
			annotations["frontend-nlb-"+k] = v
		}
		if enabled != "" {
			annotations["enable-frontend-nlb"] = enabled
		}
		l := lab.New(t, account.Profile{}, append(append(lab.GroupMember("shop", "web", 0, nil),
			lab.GroupMember("shop", "api", 1, annotations)...), lab.Class())...)
		l.PassWith(time.Minute, lab.FrontGroup)
		for k := range settings {
			if !l.Saw("Ingress shop/api", "frontend-nlb-"+k+"]", "so this annotation has no effect", "set enable-frontend-nlb to true") {
				t.Errorf("enable-frontend-nlb %q: frontend-nlb-%s is silent:\n%s", enabled, k, strings.Join(l.Events, "\n"))
			}
		}
	}
}
