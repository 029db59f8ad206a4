package compile

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// asking gives the HTTPS listener of a member hosts.
func asking(hosts ...string) func(*intent.Member) {
	return func(m *intent.Member) { m.Listeners[len(m.Listeners)-1].ToCover = hosts }
}

// certified is an Ingress with certificates and hosts.
func certified(hosts []string, certificates ...string) intent.Member {
	return ingress("shop", "a", https(certificates...), asking(hosts...))
}

// notCovered lists the findings about hosts that named certificates do not cover.
func notCovered(r Result) []string {
	var out []string
	for _, l := range told(r.Diagnostics) {
		if strings.Contains(l, string(diag.HostNotCovered)) {
			out = append(out, l)
		}
	}
	return out
}

func TestNamedCertificatesThatMissAHostAreTold(t *testing.T) {
	t.Parallel()
	c2 := strings.Replace(certificate1, "c1", "c2", 1)
	const bare = "Ingress a HostNotCovered no certificate covers a.other.test; at the HTTPS listener on port 443, clients " +
		"of a host without certificate get the certificate of another host. Certificates of the listener: " + certificate1 + " (*.example.com)"
	finding := func(m *intent.Member) {
		m.Listeners = append(m.Listeners, intent.Listener{Port: 443, Protocol: "HTTPS", DiscoverHosts: []string{
			"a.other.test"}})
	}
	listed := map[string]facts.Certificate{c2: {Domains: []string{"B.Other.test"}}}
	for name, c := range map[string]struct {
		members []intent.Member
		listed  map[string]facts.Certificate
		unread  bool
		want    []string
	}{
		"covered":  {members: []intent.Member{certified([]string{"a.example.com"}, certificate1)}},
		"wildcard": {members: []intent.Member{certified([]string{"*.example.com"}, certificate1)}},
		"one host": {members: []intent.Member{certified([]string{"a.example.com", "a.other.test"}, certificate1)},
			want: []string{bare}},
		"HTTP only":           {members: []intent.Member{ingress("shop", "a")}},
		"names are not known": {members: []intent.Member{certified([]string{"a.other.test"}, certificate1, c2)}},
		"nothing is read":     {members: []intent.Member{certified([]string{"a.other.test"}, certificate1)}, unread: true},
		"listed for another stack": {members: []intent.Member{certified([]string{"b.other.test", "c.other.test"}, c2)},
			listed: listed, unread: true, want: []string{strings.NewReplacer("a.other", "c.other", "*.example.com", "b.other.test",
				certificate1, c2).Replace(bare)}},
		"another member has one": {members: []intent.Member{certified([]string{"b.other.test"}, certificate1),
			ingress("shop", "b", https(c2))}, listed: listed},
		"told as not found": {members: []intent.Member{ingress("shop", "a", finding, asking("a.other.test")),
			ingress("shop", "b", https(certificate1))}},
	} {
		f := account()
		if f.Listed = c.listed; c.unread {
			f.Certificates = nil
		}
		r := Compile(loadBalancer(c.members...), f, config(), nil)
		same(t, name, notCovered(r), c.want)
		if len(r.Needs) > 0 && c.unread {
			t.Errorf("%s: it asks for %v", name, r.Needs)
		}
	}
}

func TestNamedCertificatesOfGatewayAreCompared(t *testing.T) {
	t.Parallel()
	const beside = "; at the HTTPS listener on port 443, clients of a host without certificate get the certificate of another host. " +
		"Certificates of the listener: "
	e := secureGateway(nil, "web", "late")
	g := &e.Members[0]
	g.Certificates = []intent.Certificate{{ID: "imported/shop/tls", Names: []string{"web.example.com"},
		Import: &stack.KeyPair{},
		Source: intent.At(g.Object, "spec.listeners[1].tls.certificateRefs[0]")}}
	g.Listeners[1].Owned, g.Listeners[1].ToCover = []string{"imported/shop/tls"}, []string{"gw.example.com"}
	const secret = beside + "imported/shop/tls (web.example.com)"
	want := []string{
		"Gateway gw HostNotCovered no certificate covers gw.example.com" + secret,
		"Gateway gw HostNotCovered no certificate covers these hosts of routes: late.example.com of HTTPRoute shop/late" +
			secret,
		"HTTPRoute late HostNotCovered no certificate covers late.example.com" + secret,
	}
	f := account()
	f.OwnKnown = true
	same(t, "before the import", notCovered(Compile(e, f, config(), nil)), want)
	f.Own = []facts.OwnCertificate{{ARN: "arn:own", ID: "imported/shop/tls", Status: "ISSUED", Names: []string{
		"web.example.com"}}}
	same(t, "after it", notCovered(Compile(e, f, config(), nil)), want)
	g.Certificates[0].Broken = true
	same(t, "no Secret", notCovered(Compile(e, f, config(), nil)), nil)
	g.Listeners[1].Owned, g.Certificates = nil, nil
	g.Listeners[1].Certificates = intent.Of([]string{certificate1}, intent.At(g.Object, "spec"))
	same(t, "an ARN that covers all", notCovered(Compile(e, f, config(), nil)), nil)
}
