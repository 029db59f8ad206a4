package compile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const malformed = "arn:aws:acm:region:account:certificate/cert-id"

func redirecting(m *intent.Member) { m.Settings.SSLRedirectPort = set(m, "ssl-redirect", int32(443)) }

func TestAMalformedCertificateCostsOnlyItsListener(t *testing.T) {
	t.Parallel()
	r := Compile(loadBalancer(ingress("n", "a", https(malformed), redirecting)), account(), config(), nil)
	s := mustBuild(t, r)
	if len(s.Listeners) != 1 || s.Listeners[0].DefaultActions[0].Redirect == nil || s.Listeners[0].Port != 80 {
		t.Errorf("port 80 does not redirect: %+v", s.Listeners)
	}
	if len(r.Keep.Resources) != 1 || r.Keep.Resources[0] != (stack.Ref{Kind: stack.KindListener, ID: "443"}) {
		t.Errorf("a listener that may exist is not kept: %v", r.Keep.Resources)
	}
	if len(s.TargetGroups) != 1 || len(s.Bindings) != 1 || len(s.Rules) != 0 {
		t.Errorf("what a kept listener uses is gone: %v %v %v", s.TargetGroups, s.Bindings, s.Rules)
	}
	if len(s.SecurityGroups[0].Ingress) != 2 {
		t.Errorf("the kept listener's port is closed: %+v", s.SecurityGroups[0].Ingress)
	}
	same(t, "diagnostics", codes(r.Diagnostics), []string{"a InvalidAnnotation"})
	d := r.Diagnostics[0]
	if !strings.Contains(d.Text, malformed) || !strings.Contains(d.Path, "certificate-arn") ||
		!strings.Contains(d.Text, "listener on port 443") {
		t.Errorf("the diagnostic is not clear: %v", d)
	}
	if again := Compile(loadBalancer(ingress("n", "a", broken("spec.rules[0]"))), account(), config(),
		r.Memory); again.Stack == nil || len(again.Stack.TargetGroups) != 1 {
		t.Errorf("the version whose certificates alone were wrong does not serve: %+v", again)
	}
}

func TestAMalformedCertificateLeavesTheLastGoodOnes(t *testing.T) {
	t.Parallel()
	before := ingress("n", "a", https(certificate1))
	r := Compile(loadBalancer(ingress("n", "a", https(malformed))), account(), config(), remember(before))
	s := mustBuild(t, r)
	if len(s.Listeners) != 2 || s.Listeners[1].Certificates[0] != certificate1 || len(r.Keep.Resources) != 0 {
		t.Errorf("listeners %+v, keep %v", s.Listeners, r.Keep.Resources)
	}
	if r.Memory.Good[before.Object].Listeners[1].Certificates.Value[0] != certificate1 {
		t.Error("the last valid version was replaced")
	}
}

// TestEditBesideWrongCertificateIsRemembered has an edit that adds a route and spoils the certificates, and another one
// that is invalid: what the first one added serves on.
func TestEditBesideWrongCertificateIsRemembered(t *testing.T) {
	t.Parallel()
	more := func(m *intent.Member) {
		m.Routes = append(m.Routes, route(m.Object, "more.example.com", "/*", "more"))
	}
	found := func(hosts ...string) func(*intent.Member) {
		return func(m *intent.Member) {
			m.Listeners = append(m.Listeners, intent.Listener{Port: 443, Protocol: "HTTPS", DiscoverHosts: hosts})
		}
	}
	for name, c := range map[string]struct{ was, now func(*intent.Member) }{
		"a malformed ARN":            {https(certificate1), https(malformed)},
		"a host without certificate": {found("a.example.com"), found("a.example.com", "more.test")},
		"no ARN, and none is found":  {https(certificate1), found("a.test")},
	} {
		memory := Compile(loadBalancer(ingress("n", "a", c.was)), account(), config(), nil).Memory
		for step, m := range []intent.Member{ingress("n", "a", c.now, more),
			ingress("n", "a", c.now, more, broken("spec.rules[0]"))} {
			r := Compile(loadBalancer(m), account(), config(), memory)
			s := mustBuild(t, r)
			memory = r.Memory
			if len(s.Listeners) != 2 || !slices.Equal(s.Listeners[1].Certificates, []string{certificate1}) ||
				len(r.Keep.Resources) > 0 || len(s.Rules) != 4 {
				t.Errorf("%s, step %d: %d rules, listeners %+v, keep %v", name, step, len(s.Rules), s.Listeners,
					r.Keep.Resources)
			}
		}
	}
}

// TestHostWithoutCertificateStopsNoOther has hosts added to a listener, of which only one has a certificate.
func TestHostWithoutCertificateStopsNoOther(t *testing.T) {
	t.Parallel()
	c2 := strings.Replace(certificate1, "c1", "c2", 1)
	f := account()
	f.Certificates[c2] = facts.Certificate{ARN: c2, Status: "ISSUED", Domains: []string{"new.test"}}
	memory := Compile(secureGateway([]string{"web.example.com"}, "web"), f, config(), nil).Memory
	for range 2 {
		r := Compile(secureGateway([]string{"web.example.com", "late.test", "new.test"}, "web", "late", "new"), f, config(),
			memory)
		memory = r.Memory
		if got := mustBuild(t, r).Listeners[1].Certificates; !slices.Equal(got, []string{certificate1, c2}) {
			t.Errorf("certificates %v", got)
		}
	}
}

// TestANewcomersCertificateDoesNotBecomeTheDefault has a newcomer put itself in front of the group: clients that give
// no host name get the certificate that they got before, until its owner changes it or goes.
func TestANewcomersCertificateDoesNotBecomeTheDefault(t *testing.T) {
	t.Parallel()
	c2, c3 := strings.Replace(certificate1, "c1", "c2", 1), strings.Replace(certificate1, "c1", "c3", 1)
	web, evil := ingress("shop", "web", https(certificate1), born(1)), ingress("zz", "evil", https(c2, c3),
		lowest, born(9))
	moved := ingress("shop", "web", https(c3), born(1))
	var memory *Memory
	for i, step := range []struct {
		members []intent.Member
		want    []string
	}{
		{[]intent.Member{web}, []string{certificate1}},
		{[]intent.Member{evil, web}, []string{certificate1, c2, c3}},
		{[]intent.Member{evil, moved}, []string{c3, c2}},
		{[]intent.Member{evil}, []string{c2, c3}},
		{[]intent.Member{evil, web}, []string{c2, c3, certificate1}}, // who comes back is a newcomer
	} {
		e := loadBalancer(step.members...)
		e.Key.ID = stack.ID{Name: "group"}
		r := Compile(e, account(), config(), memory)
		l := mustBuild(t, r).Listeners[1]
		same(t, fmt.Sprintf("step %d", i), l.Certificates, step.want)
		same(t, fmt.Sprintf("findings of step %d", i), codes(r.Diagnostics), nil)
		memory = r.Memory
	}
}

// TestNewcomerHoldsNoDefaultCertificate has a newcomer name the default certificate of an older member, which then
// replaces it.
func TestNewcomerHoldsNoDefaultCertificate(t *testing.T) {
	t.Parallel()
	c2 := strings.Replace(certificate1, "c1", "c2", 1)
	web, evil := ingress("shop", "web", https(certificate1), born(1)), ingress("mal", "evil", https(certificate1), lowest,
		born(9))
	var memory *Memory
	for _, web := range []intent.Member{web, web, ingress("shop", "web", https(c2), born(1))} {
		e := loadBalancer(evil, web)
		if e.Key.ID = (stack.ID{Name: "group"}); memory == nil {
			e.Members = e.Members[1:]
		}
		memory = Compile(e, account(), config(), memory).Memory
	}
	e := loadBalancer(evil, ingress("shop", "web", https(c2), born(1)))
	e.Key.ID = stack.ID{Name: "group"}
	same(t, "certificates", mustBuild(t, Compile(e, account(), config(), memory)).Listeners[1].Certificates,
		[]string{c2, certificate1})
}

func TestCertificatesOfAGroupAreAnOrderedUnion(t *testing.T) {
	t.Parallel()
	c2 := strings.Replace(certificate1, "c1", "c2", 1)
	y, x := ingress("b", "y", https(c2, certificate1)), ingress("a", "x", https(certificate1))
	y.Order, x.Order = -5, 10
	s := mustBuild(t, Compile(loadBalancer(y, x), account(), config(), nil))
	l := s.Listeners[1]
	same(t, "certificates", l.Certificates, []string{c2, certificate1})
	same(t, "SNI", l.SNI, []string{certificate1}) // the default one needs no further attachment
}

func TestCertificatesAreFoundForHosts(t *testing.T) {
	t.Parallel()
	tls := func(hosts ...string) intent.Member {
		return ingress("n", "a", func(m *intent.Member) {
			m.Listeners = append(m.Listeners, intent.Listener{Port: 443, Protocol: "HTTPS", DiscoverHosts: hosts})
		})
	}
	s := mustBuild(t, Compile(loadBalancer(tls("a.example.com")), account(), config(), nil))
	same(t, "certificates", s.Listeners[1].Certificates, []string{certificate1})

	r := Compile(loadBalancer(tls("a.b.example.com")), account(), config(), nil)
	if s := mustBuild(t, r); len(s.Listeners) != 1 || len(r.Keep.Resources) != 1 ||
		!strings.Contains(r.Diagnostics[0].Text, "a.b.example.com") {
		t.Errorf("listeners %v, keep %v, diagnostics %v", s.Listeners, r.Keep.Resources, r.Diagnostics)
	}

	r = Compile(loadBalancer(tls()), account(), config(), nil)
	if mustBuild(t, r); len(r.Keep.Resources) != 1 || len(r.Diagnostics) != 1 {
		t.Errorf("no hosts: keep %v, diagnostics %v", r.Keep.Resources, r.Diagnostics)
	}

	f := account()
	f.Certificates = nil
	if r := Compile(loadBalancer(tls("a.example.com")), f, config(), nil); len(r.Needs) != 1 || r.Stack != nil {
		t.Errorf("the certificates were not asked for: %+v", r)
	}
}

func TestManyMalformedCertificatesAreOneFinding(t *testing.T) {
	t.Parallel()
	several := func(m *intent.Member) {
		https(malformed)(m)
		m.Listeners[len(m.Listeners)-1].Certificates.Value = []string{"one", certificate1, "two", "one"}
	}
	r := Compile(loadBalancer(ingress("n", "a", several)), account(), config(), nil)
	same(t, "diagnostics", codes(r.Diagnostics), []string{"a InvalidAnnotation"})
	if text := r.Diagnostics[0].Text; !strings.HasPrefix(text, `"one", "two" are not ARNs of certificates`) {
		t.Error(text)
	}
}
