package compile

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// secureGateway is a Gateway with an HTTPS listener that finds certificates for hosts, beside HTTP, and routes on both
// ports.
func secureGateway(hosts []string, routes ...string) intent.LoadBalancer {
	secure := intent.Listener{Port: 443, Protocol: "HTTPS"}
	var members []intent.Member
	for n, name := range routes {
		members = append(members, attachedRoute(name, int32(n), func(m *intent.Member) {
			secure := secure
			secure.Hosts = []string{name + ".example.com"}
			m.Listeners = append(m.Listeners, secure)
		}))
	}
	e := gatewayOf(stack.Application, members...)
	secure.DiscoverHosts = hosts
	e.Members[0].Listeners = append(e.Members[0].Listeners, secure)
	return e
}

// told lists the findings as "object code text".
func told(l diag.List) (out []string) {
	for _, d := range l {
		out = append(out, d.Object.Kind+" "+d.Object.Name+" "+string(d.Code)+" "+d.Text)
	}
	slices.Sort(out)
	return out
}

func TestRouteHearsOfItsHostWithoutCertificate(t *testing.T) {
	t.Parallel()
	f := account()
	f.Certificates[certificate1] = facts.Certificate{ARN: certificate1, Status: "ISSUED", Domains: []string{
		"web.example.com"}}
	r := Compile(secureGateway([]string{"web.example.com", "late.example.com"}, "web", "late"), f, config(), nil)
	if s := mustBuild(t, r); len(s.Listeners) != 2 {
		t.Errorf("listeners %+v", s.Listeners)
	}
	same(t, "one host", told(r.Diagnostics), []string{
		"Gateway gw HostWithoutCertificate no certificate covers these hosts of routes: late.example.com of HTTPRoute shop/" +
			"late; at the HTTPS listener on port 443, clients of a host without certificate get the certificate of another host",
		"HTTPRoute late CertificateNotFound no certificate found for host: late.example.com; at the HTTPS " +
			"listener on port 443, clients of a host without certificate get the certificate of another host",
	})
	r = Compile(secureGateway([]string{"*.other.test", "late.example.com", "web.example.com"}, "web", "late"), f,
		config(), nil)
	same(t, "a host of the listener, too", told(r.Diagnostics), []string{
		"Gateway gw CertificateNotFound no certificate found for host: *.other.test",
		"Gateway gw HostWithoutCertificate no certificate covers these hosts of routes: late.example.com of HTTPRoute shop/" +
			"late; at the HTTPS listener on port 443, clients of a host without certificate get the certificate of another host",
		"HTTPRoute late CertificateNotFound no certificate found for host: late.example.com; at the HTTPS " +
			"listener on port 443, clients of a host without certificate get the certificate of another host",
	})
	f.Certificates = map[string]facts.Certificate{}
	r = Compile(secureGateway([]string{"late.example.com"}, "late"), f, config(), nil)
	same(t, "no certificate at all", told(r.Diagnostics), []string{
		"Gateway gw CertificateNotFound no certificate found for host: late.example.com; until this is fixed, the controller does " +
			"not create or change the HTTPS listener on port 443",
		"HTTPRoute late CertificateNotFound no certificate found for host: late.example.com; until this is fixed, the controller " +
			"does not create or change the HTTPS listener on port 443",
	})
}

func TestRouteHearsWhatTheGatewaysSecretLacks(t *testing.T) {
	t.Parallel()
	e := secureGateway(nil, "app")
	g := &e.Members[0]
	at := intent.At(g.Object, "spec.listeners[1].tls.certificateRefs[0]")
	g.Certificates = []intent.Certificate{{ID: "tls", Source: at, Broken: true}}
	g.Diagnostics = diag.List{diag.New(g.Object, at.Place(), diag.SecretNotFound, "secret shop/app-tls does not exist",
		"create it").In(diag.Certificate)}
	g.Listeners[1].Owned = []string{"tls"}
	f := account()
	f.OwnKnown = true
	r := Compile(e, f, config(), nil)
	if s := mustBuild(t, r); len(s.Listeners) != 1 || len(s.Rules) != 1 {
		t.Errorf("HTTP does not serve: %+v, rules %v", s.Listeners, table(s))
	}
	for _, d := range r.Diagnostics {
		if d.Code != diag.SecretNotFound || !strings.HasPrefix(d.Text, "secret shop/app-tls does not exist") {
			t.Errorf("%s: %s", d.Object, d.Message())
		}
	}
	same(t, "told", codes(r.Diagnostics), []string{"gw SecretNotFound", "app SecretNotFound"})
}

func TestDefaultCertificateStaysAsAWSHasIt(t *testing.T) {
	t.Parallel()
	c2 := strings.Replace(certificate1, "c1", "c2", 1)
	for _, want := range [][]string{{certificate1, c2}, {c2, certificate1}} {
		f := account()
		f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal, Subnets: []string{
			"subnet-0a2", "subnet-0b2"}, ManagedGroup: true}
		f.Details = &facts.LoadBalancerDetails{Listeners: map[int32]stack.Listener{
			443: {Port: 443, Protocol: "HTTPS", Certificates: want[:1]}}}
		r := Compile(loadBalancer(ingress("shop", "a", https(c2)), ingress("shop", "b", https(certificate1))), f,
			config(), nil)
		same(t, "certificates", mustBuild(t, r).Listeners[1].Certificates, want)
	}
}

func TestCertificatesThatCoverOneHostAreNoted(t *testing.T) {
	t.Parallel()
	f := account()
	c2 := strings.Replace(certificate1, "c1", "c2", 1)
	f.Certificates[c2] = facts.Certificate{ARN: c2, Status: "ISSUED", Domains: []string{"a.example.com"}}
	found := ingress("shop", "a", func(m *intent.Member) {
		m.Listeners = append(m.Listeners, intent.Listener{Port: 443, Protocol: "HTTPS", DiscoverHosts: []string{
			"a.example.com"}})
	})
	named := ingress("shop", "b", https(strings.Replace(certificate1, "c1", "c3", 1)))
	r := Compile(loadBalancer(found, named), f, config(), nil)
	same(t, "told", told(r.Diagnostics), []string{
		"Ingress a SeveralCertificates 2 certificates cover a.example.com; all are attached, and AWS chooses one for each " +
			"client. Certificates for a.example.com: " + certificate1 + ", " + c2,
	})
	l := mustBuild(t, r).Listeners[1]
	fields := r.Origins[stack.Ref{Kind: stack.KindListener, ID: "443"}].Fields
	var from []string
	for _, c := range l.Certificates {
		s := fields["Certificates["+c+"]"]
		from = append(from, strings.TrimSpace(s.Object().Name+" "+s.Path()))
	}
	same(t, "origins", from, []string{"a", "a", "b metadata.annotations[alb.ingress.kubernetes.io/certificate-arn]"})
}
