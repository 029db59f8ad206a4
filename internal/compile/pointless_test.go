package compile

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// secureOnly takes the HTTP listener away.
func secureOnly(m *intent.Member) { m.Listeners = m.Listeners[1:] }

// loginWithoutSecret has all routes answer 503, as a login does whose Secret is missing.
func loginWithoutSecret(m *intent.Member) {
	for i := range m.Routes {
		m.Routes[i].Actions = []intent.Action{
			{Type: stack.ActionFixedResponse, FixedResponse: stack.UnavailableOf(stack.Ingress)[0].FixedResponse}}
	}
	m.Diagnostics = append(m.Diagnostics, diag.New(m.Object, "metadata.annotations[x]", diag.SecretNotFound,
		"secret n/idp does not exist", "create it"))
}

// hosts has the certificates of the last listener found by hosts.
func hosts(names ...string) func(*intent.Member) {
	return func(m *intent.Member) {
		l := &m.Listeners[len(m.Listeners)-1]
		l.Certificates, l.DiscoverHosts = intent.Field[[]string]{}, names
	}
}

func TestALoadBalancerThatWouldServeNothingIsNotMade(t *testing.T) {
	t.Parallel()
	several := func(m ...intent.Member) []intent.Member { return m }
	for name, c := range map[string]struct {
		members []intent.Member
		made    bool
		says    []string // if nothing is made
	}{
		"HTTPS only, no certificate found": {several(ingress("n", "a", https(), hosts("a.b.example.net"), secureOnly)),
			false, []string{"CertificateNotFound"}},
		"HTTPS only, no host": {several(ingress("n", "a", https(), hosts(), secureOnly)), false,
			[]string{"CertificateNotFound"}},
		"HTTPS only, malformed certificate": {several(ingress("n", "a", https(malformed), secureOnly)), false,
			[]string{"InvalidAnnotation"}},
		"a login without its Secret": {several(ingress("n", "a", https(certificate1), secureOnly, loginWithoutSecret)),
			false, []string{"SecretNotFound"}},
		"two that serve nothing": {several(ingress("n", "a", https(malformed), secureOnly),
			ingress("n", "b", https(malformed), secureOnly)), false,
			[]string{"InvalidAnnotation", "InvalidAnnotation"}},
		"HTTP, too":           {several(ingress("n", "a", https(malformed))), true, nil},
		"HTTP that redirects": {several(ingress("n", "a", https(malformed), redirecting)), true, nil},
		"one of two certificates": {several(ingress("n", "a", https(malformed, certificate1), secureOnly)), true,
			nil},
		"another member that serves": {several(ingress("n", "a", https(certificate1), secureOnly, loginWithoutSecret),
			ingress("n", "b", https(certificate1), secureOnly)), true, nil},
		"a member that says 404 by itself": {
			several(ingress("n", "a", https(certificate1), secureOnly, func(m *intent.Member) { m.Routes = nil })), true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := account()
			r := Compile(loadBalancer(c.members...), f, config(), nil)
			if (r.Stack != nil) != c.made || len(r.Needs) > 0 {
				t.Fatalf("made %v, needs %v, %v", r.Stack != nil, r.Needs, r.Diagnostics)
			}
			if !c.made {
				var got []string
				for _, d := range r.Diagnostics {
					got = append(got, string(d.Code))
					if !strings.HasSuffix(d.Text, unserving) || strings.Count(d.Text, unserving) != 1 {
						t.Errorf("it does not say what comes of it: %s", d.Text)
					}
				}
				same(t, "findings", got, c.says)
			}
			f.ExistingKnown = false
			if r := Compile(loadBalancer(c.members...), f, config(), nil); !c.made && (r.Stack != nil || len(r.Needs) == 0) {
				t.Errorf("what exists is not asked for: %+v", r)
			}
			f.ExistingKnown = true
			f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal, Subnets: []string{
				"subnet-0a2", "subnet-0b2"}}
			kept := Compile(loadBalancer(c.members...), f, config(), nil)
			mustBuild(t, kept)
			for _, d := range kept.Diagnostics {
				if strings.Contains(d.Text, unserving) {
					t.Errorf("a load balancer exists, but %s", d.Text)
				}
			}
		})
	}
}

// TestACertificateThatIsStillToComeGetsItsLoadBalancer: the stack requests it, so that nothing is missing that others
// must make.
func TestACertificateThatIsStillToComeGetsItsLoadBalancer(t *testing.T) {
	t.Parallel()
	b := &build{e: intent.LoadBalancer{Type: stack.Application}, certificatesOwned: []stack.Certificate{{ID: "c"}},
		members: make([]quarantine.Member, 1), notes: []diag.List{
			{diag.New(diag.Object{}, "", diag.CertificateFailed, "ACM refuses it", "wait")},
		}}
	if yes, known := b.pointless(); yes || !known {
		t.Errorf("pointless %v, known %v", yes, known)
	}
}

// TestListenerWithoutCertificateHoldsBackNoOther has a Gateway without routes: its HTTP listener
// answers 404 until a route attaches, which is what its author asks for.
func TestListenerWithoutCertificateHoldsBackNoOther(t *testing.T) {
	t.Parallel()
	gateway := intent.Member{Object: diag.Object{Kind: "Gateway", Namespace: "shop", Name: "web"},
		Authority: intent.Deciding, Listeners: []intent.Listener{
			{Port: 80, Protocol: "HTTP"}, {Port: 443, Protocol: "HTTPS"},
		}}
	for name, listeners := range map[string][]intent.Listener{"both": gateway.Listeners,
		"HTTPS only": gateway.Listeners[1:]} {
		gateway.Listeners = listeners
		e := loadBalancer(gateway)
		e.Key.Owner = stack.GatewayALB
		r := Compile(e, account(), config(), nil)
		if (r.Stack != nil) != (len(listeners) == 2) || len(r.Diagnostics) != 1 {
			t.Fatalf("%s: made %v, %v", name, r.Stack != nil, r.Diagnostics)
		}
		if d := r.Diagnostics[0]; d.Port != 443 || strings.Contains(d.Remedy, "certificate-arn") ||
			!strings.Contains(d.Remedy, "tls.certificateRefs") || strings.Contains(d.Text, unserving) != (r.Stack == nil) {
			t.Errorf("%s: port %d, %s", name, d.Port, d.Message())
		}
		if r.Stack != nil && (len(r.Stack.Listeners) != 1 || r.Stack.Listeners[0].Port != 80) {
			t.Errorf("listeners %+v", r.Stack.Listeners)
		}
	}
}
