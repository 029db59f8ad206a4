package compile

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const ownARN = "arn:aws:acm:us-west-2:111122223333:certificate/own"

// requesting gives a member an HTTPS listener with a requested certificate.
func requesting(ca string, names ...string) func(*intent.Member) {
	return func(m *intent.Member) {
		c := intent.Certificate{
			ID: naming.CertificateID(ca != "", names[0], m.Object.Namespace, m.Object.Name), Names: names, Authority: ca,
			Source: intent.At(m.Object, "metadata.annotations[alb.ingress.kubernetes.io/create-acm-cert]"),
		}
		m.Certificates = []intent.Certificate{c}
		m.Listeners = append(m.Listeners, intent.Listener{Port: 443, Protocol: "HTTPS", Owned: []string{c.ID}})
	}
}

// owning is an account in which the stack's certificates are known, with a zone example.com.
func owning(own ...facts.OwnCertificate) facts.Facts {
	f := account()
	f.Own, f.OwnKnown, f.HostedZones = own, true, []facts.HostedZone{{ID: "Z1", Name: "example.com"}}
	return f
}

func ownCertificate(arn, status string, names ...string) facts.OwnCertificate {
	return facts.OwnCertificate{ARN: arn, ID: naming.CertificateID(false, names[0], "n", "a"), Status: status,
		Names: names, Since: time.Unix(100, 0)}
}

func TestListenerWaitsUntilRequestedCertificateIsIssued(t *testing.T) {
	t.Parallel()
	m := ingress("n", "a", requesting("", "a.example.com", "b.example.com"))
	r := Compile(loadBalancer(m), owning(), config(), nil)
	s := mustBuild(t, r)
	if len(s.Certificates) != 1 || s.Certificates[0].Tags[naming.ResourceTag(stack.Ingress)] != s.Certificates[0].ID {
		t.Fatalf("certificates %+v", s.Certificates)
	}
	if len(s.Listeners) != 1 || !slices.Contains(r.Keep.Resources, stack.Ref{Kind: stack.KindListener, ID: "443"}) ||
		len(s.TargetGroups) != 1 {
		t.Errorf("the rest must not wait: listeners %v, keep %v", s.Listeners, r.Keep.Resources)
	}
	same(t, "diagnostics", codes(r.Diagnostics), []string{"a CertificatePending"})
	if r.Diagnostics.HasErrors() {
		t.Error("waiting is no error")
	}

	r = Compile(loadBalancer(m), owning(ownCertificate(ownARN, "ISSUED", "a.example.com", "b.example.com")), config(), nil)
	s = mustBuild(t, r)
	if len(s.Listeners) != 2 || len(r.Diagnostics) != 0 {
		t.Fatalf("listeners %v, diagnostics %v", s.Listeners, r.Diagnostics)
	}
	same(t, "certificates", s.Listeners[1].Certificates, []string{ownARN})
	if len(s.Listeners[1].SNI) != 0 {
		t.Errorf("SNI %v", s.Listeners[1].SNI)
	}
}

func TestAFormerCertificateServesUntilItsSuccessorIsIssued(t *testing.T) {
	t.Parallel()
	former := ownCertificate(ownARN, "ISSUED", "a.example.com")
	pending := ownCertificate(ownARN+"2", "PENDING_VALIDATION", "b.example.com")
	s := mustBuild(t, Compile(loadBalancer(ingress("n", "a", requesting("", "b.example.com"))), owning(former, pending),
		config(), nil))
	if len(s.Listeners) != 2 {
		t.Fatalf("listeners %v", s.Listeners)
	}
	same(t, "certificates", s.Listeners[1].Certificates, []string{ownARN})

	failed := pending
	failed.Status, failed.Reason = "FAILED", "CAA_ERROR"
	r := Compile(loadBalancer(ingress("n", "a", requesting("", "b.example.com"))), owning(former, failed), config(), nil)
	s = mustBuild(t, r)
	same(t, "certificates", s.Listeners[1].Certificates, []string{ownARN})
	same(t, "diagnostics", codes(r.Diagnostics), []string{"a CertificateFailed"})
	if !strings.Contains(r.Diagnostics[0].Text, "CAA_ERROR") {
		t.Errorf("%v", r.Diagnostics[0])
	}
}

func TestWithoutAHostedZoneNothingIsRequested(t *testing.T) {
	t.Parallel()
	m := ingress("n", "a", requesting("", "*.example.com", "a.example.org"))
	r := Compile(loadBalancer(m), owning(), config(), nil)
	if s := mustBuild(t, r); len(s.Certificates) != 0 {
		t.Errorf("requested: %v", s.Certificates)
	}
	i := slices.IndexFunc(r.Diagnostics, func(d diag.Diagnostic) bool { return d.Code == diag.HostedZoneNotFound })
	if i < 0 || !strings.Contains(r.Diagnostics[i].Text,
		`can hold the validation record of "a.example.org"`) {
		t.Errorf("diagnostics %v", r.Diagnostics)
	}
	// A private authority needs none, and nobody asks Route 53.
	f := owning()
	f.HostedZones = nil
	if r := Compile(loadBalancer(ingress("n", "a", requesting("ca", "a.example.org"))), f, config(), nil); len(r.Needs) !=
		0 || len(mustBuild(t, r).Certificates) != 1 {
		t.Errorf("needs %v", r.Needs)
	}
	// Nor once it was requested.
	f.Own = []facts.OwnCertificate{ownCertificate(ownARN, "PENDING_VALIDATION", "a.example.com")}
	if r := Compile(loadBalancer(ingress("n", "a", requesting("", "a.example.com"))), f, config(), nil); len(
		r.Needs) != 0 {
		t.Errorf("needs %v", r.Needs)
	}
}

func TestCertificatesAreReadOnlyWhereStacksOwnSome(t *testing.T) {
	t.Parallel()
	f := account()
	r := Compile(loadBalancer(ingress("n", "a", requesting("", "a.example.com"))), f, config(), nil)
	if r.Stack != nil || len(r.Needs) != 1 || r.Needs[0].Kind != facts.NeedOwnCertificates {
		t.Errorf("needs %v", r.Needs)
	}
	if r := Compile(loadBalancer(ingress("n", "a", https(certificate1))), f, config(), nil); r.Stack == nil ||
		len(r.Needs) != 0 {
		t.Errorf("needs %v", r.Needs)
	}
}

func TestAMissingPermissionCostsOnlyTheListenerOfTheFeature(t *testing.T) {
	t.Parallel()
	f := account()
	e := loadBalancer(ingress("n", "a", requesting("", "a.example.com")), ingress("n", "b"))
	f.Errors = map[facts.Need]error{{Kind: facts.NeedOwnCertificates, Key: e.Key.String()}: errors.New("no permission")}
	r := Compile(e, f, config(), nil)
	s := mustBuild(t, r)
	if len(s.Listeners) != 1 || len(s.TargetGroups) != 2 || len(s.Certificates) != 0 {
		t.Errorf("stack %+v", s)
	}
	if !slices.Contains(r.Keep.Resources, stack.Ref{Kind: stack.KindCertificate}) {
		t.Errorf("certificates that nobody can see are not kept: %v", r.Keep.Resources)
	}
}

func TestCertificatesOfALeftOutMemberAreKept(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.OwnCertificates = true
	r := Compile(loadBalancer(ingress("n", "a", requesting("", "a.example.com"), broken("spec.rules[0]")),
		ingress("n", "b")), owning(), cfg, nil)
	mustBuild(t, r)
	if !slices.Contains(r.Keep.Resources, stack.Ref{Kind: stack.KindCertificate}) {
		t.Errorf("keep %v", r.Keep.Resources)
	}
}

func TestCertificatesOfAGroupAreThoseOfAllItsMembers(t *testing.T) {
	t.Parallel()
	a := ownCertificate(ownARN+"a", "ISSUED", "a.example.com")
	b := a
	b.ARN, b.ID, b.Names = ownARN+"b", naming.CertificateID(false, "b.example.com", "n", "b"), []string{"b.example.com"}
	e := loadBalancer(ingress("n", "a", requesting("", "a.example.com")),
		ingress("n", "b", requesting("", "b.example.com")), ingress("n", "c", https(certificate1, a.ARN)))
	s := mustBuild(t, Compile(e, owning(a, b), config(), nil))
	same(t, "certificates", s.Listeners[1].Certificates, []string{a.ARN, b.ARN, certificate1})
	same(t, "SNI", s.Listeners[1].SNI, []string{b.ARN, certificate1})
	if len(s.Certificates) != 2 {
		t.Errorf("%v", s.Certificates)
	}
}

func TestAnImportNearTheYearlyQuotaIsNotedAndStillMade(t *testing.T) {
	t.Parallel()
	importing := func(m *intent.Member) {
		c := intent.Certificate{ID: naming.ImportedCertificateID("n", "tls"), Names: []string{"a.example.com"},
			Import: &stack.KeyPair{Hash: "h"},
			Source: intent.At(m.Object, "spec.tls[0].secretName")}
		m.Certificates = []intent.Certificate{c}
		m.Listeners = append(m.Listeners, intent.Listener{Port: 443, Protocol: "HTTPS", Owned: []string{c.ID}})
	}
	for n, want := range map[int][]string{3999: {"a CertificatePending"}, 4000: {"a CertificatePending",
		"a ImportsNearQuota"}} {
		f := owning()
		f.ImportsLastYear = n
		r := Compile(loadBalancer(ingress("n", "a", importing)), f, config(), nil)
		if s := mustBuild(t, r); len(s.Certificates) != 1 {
			t.Errorf("%d imports: certificates %v", n, s.Certificates)
		}
		got := codes(r.Diagnostics)
		slices.Sort(got)
		same(t, "diagnostics", got, want)
		if r.Diagnostics.HasErrors() {
			t.Errorf("%d imports: a note is no error", n)
		}
	}
	requested := owning()
	requested.ImportsLastYear = 4999
	r := Compile(loadBalancer(ingress("n", "a", requesting("", "a.example.com"))), requested, config(), nil)
	same(t, "diagnostics of a request", codes(r.Diagnostics), []string{"a CertificatePending"})
}

// TestHostOfImportedCertificateOfMemberIsCovered has a member name a host whose certificate another member of the group
// imports, as cert-manager's Ingress for a challenge does.
func TestHostOfImportedCertificateOfMemberIsCovered(t *testing.T) {
	t.Parallel()
	finding := func(hosts ...string) func(*intent.Member) {
		return func(m *intent.Member) {
			m.Listeners = append(m.Listeners, intent.Listener{Port: 443, Protocol: "HTTPS", DiscoverHosts: hosts})
		}
	}
	imported := func(status string, names ...string) facts.OwnCertificate {
		return facts.OwnCertificate{ARN: ownARN, ID: naming.ImportedCertificateID("n", "tls"), Status: status, Names: names,
			Since: time.Unix(100, 0)}
	}
	for name, c := range map[string]struct {
		own    []facts.OwnCertificate
		brings string
		hosts  []string
		lacks  string // in what the other member is told; empty = nothing
	}{
		"the host": {own: []facts.OwnCertificate{imported("ISSUED", "a.test")}, brings: "a.test",
			hosts: []string{"a.test"}},
		"by a wildcard": {own: []facts.OwnCertificate{imported("ISSUED", "*.test")}, brings: "*.test",
			hosts: []string{"a.test"}},
		"not two labels": {own: []facts.OwnCertificate{imported("ISSUED", "*.test")}, brings: "*.test",
			hosts: []string{"b.a.test"}, lacks: "host: b.a.test"},
		"one of two": {own: []facts.OwnCertificate{imported("ISSUED", "a.test")}, brings: "a.test",
			hosts: []string{"a.test", "b.test"}, lacks: "host: b.test"},
		"not imported yet": {brings: "a.test", hosts: []string{"a.test"}, lacks: "host: a.test; until this is fixed"},
		"what serves is of others": {own: []facts.OwnCertificate{imported("ISSUED", "old.test")}, brings: "a.test",
			hosts: []string{"a.test"}, lacks: "host: a.test"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lb := loadBalancer(ingress("n", "web", aged(10), importing(c.brings)), ingress("n", "solver", aged(20),
				finding(c.hosts...)))
			lb.Key = stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}}
			f, cfg := owning(c.own...), config()
			f.Certificates, cfg.OwnCertificates = map[string]facts.Certificate{}, true
			var told []string
			for _, d := range Compile(lb, f, cfg, nil).Diagnostics {
				if d.Object.Name == "solver" && d.Code == diag.CertificateNotFound {
					told = append(told, d.Text)
				}
			}
			if c.lacks == "" && len(told) > 0 || c.lacks != "" && (len(told) != 1 || !strings.Contains(told[0], c.lacks)) {
				t.Errorf("told %q, want %q", told, c.lacks)
			}
		})
	}
}
