package compile

import (
	"cmp"
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

// importedAs is the certificate of Secret n/tls in ACM.
func importedAs(arn, status string) facts.OwnCertificate {
	return facts.OwnCertificate{ARN: arn, ID: naming.ImportedCertificateID("n", "tls"), Status: status,
		Names: []string{"a.test"}, Since: time.Unix(100, 0)}
}

// TestExpiredCertificateStaysOnItsListener has the certificate of a member expire in ACM, while its Secret is expired or
// new. The certificates of the other member, in another namespace, change meanwhile.
func TestExpiredCertificateStaysOnItsListener(t *testing.T) {
	t.Parallel()
	spoilt := func(m *intent.Member) { m.Certificates[0].Broken, m.Certificates[0].Import = true, nil }
	renewed := func(*intent.Member) {}
	other := certificate1 + "-former"
	for name, c := range map[string]struct {
		secret func(*intent.Member)
		own    []facts.OwnCertificate
		have   []string // of the listener
		alone  bool     // without the other member
		// of what exists, if it is not as declared
		scheme, protocol string
		want             []string
		tells            string
	}{
		"beside another":       {secret: spoilt, have: []string{certificate1, ownARN}, want: []string{certificate1, ownARN}},
		"as the default":       {secret: spoilt, have: []string{ownARN, certificate1}, want: []string{ownARN, certificate1}},
		"alone":                {secret: spoilt, alone: true, have: []string{ownARN}, want: []string{ownARN}},
		"others change theirs": {secret: spoilt, have: []string{other, ownARN}, want: []string{certificate1, ownARN}},
		"others change theirs, elder": {secret: func(m *intent.Member) { spoilt(m); m.Created = 30 },
			have: []string{other, ownARN}, want: []string{certificate1, ownARN}},
		"the load balancer is replaced": {secret: spoilt, scheme: stack.InternetFacing, have: []string{certificate1, ownARN},
			want: []string{certificate1}},
		"the listener is replaced": {secret: spoilt, protocol: "TLS", have: []string{certificate1, ownARN},
			want: []string{certificate1}},
		"the Secret is renewed": {secret: renewed, have: []string{certificate1, ownARN}, want: []string{certificate1, ownARN},
			tells: "the certificate for a.test is being imported; until then, the listener keeps the certificate that it has"},
		"another is issued": {secret: renewed, own: []facts.OwnCertificate{importedAs(ownARN+"-new", "ISSUED")},
			have: []string{certificate1, ownARN}, want: []string{certificate1, ownARN + "-new"}},
		"not on the listener": {secret: spoilt, have: []string{certificate1}, want: []string{certificate1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := owning(append(c.own, importedAs(ownARN, "EXPIRED"))...)
			f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: cmp.Or(c.scheme, stack.Internal)}
			f.Details = &facts.LoadBalancerDetails{Listeners: map[int32]stack.Listener{443: {Port: 443,
				Protocol:     cmp.Or(c.protocol, "HTTPS"),
				Certificates: c.have[:1], SNI: c.have[1:]}}}
			members := []intent.Member{ingress("n", "web", aged(10), importing("a.test"), c.secret)}
			if !c.alone {
				members = append(members, ingress("shop", "other", aged(20), https(certificate1)))
			}
			lb := loadBalancer(members...)
			lb.Key = stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}}
			r := Compile(lb, f, config(), nil)
			at := slices.IndexFunc(mustBuild(t, r).Listeners, func(l stack.Listener) bool { return l.Port == 443 })
			if at < 0 {
				t.Fatalf("no listener; keep %v, %v", r.Keep.Resources, r.Diagnostics)
			}
			if got := r.Stack.Listeners[at].Certificates; !slices.Equal(got, c.want) || len(r.Keep.Certificates) > 0 ||
				len(r.Keep.Resources) > 0 {
				t.Errorf("%v, want %v; keep %v", got, c.want, r.Keep)
			}
			told := slices.ContainsFunc(r.Diagnostics, func(d diag.Diagnostic) bool {
				return strings.Contains(d.Text, "until then, the listener keeps")
			})
			if told != (c.tells != "") || told && !strings.Contains(r.Diagnostics[0].Text, c.tells) {
				t.Errorf("%v", r.Diagnostics)
			}
		})
	}
}

// TestCertificateWithoutTagsStaysUntilItIsReplaced has ACM show a certificate of a listener without the tags that name
// its stack, as an empty answer does.
func TestCertificateWithoutTagsStaysUntilItIsReplaced(t *testing.T) {
	t.Parallel()
	spoilt := func(m *intent.Member) {
		m.Certificates[0].Broken, m.Certificates[0].Import, m.Certificates[0].Names = true, nil, nil
	}
	imported := facts.Certificate{ARN: ownARN, Status: "ISSUED", Type: "IMPORTED", Domains: []string{"a.test"}}
	requested := facts.Certificate{ARN: ownARN, Status: "ISSUED", Type: "AMAZON_ISSUED", Domains: []string{"a.example.com"}}
	with := func(c facts.Certificate, change func(*facts.Certificate)) facts.Certificate {
		change(&c)
		return c
	}
	secret, request := []func(*intent.Member){importing("a.test"), servingHosts("a.test"), spoilt},
		[]func(*intent.Member){requesting("", "a.example.com"), servingHosts("a.example.com")}
	for name, c := range map[string]struct {
		member []func(*intent.Member)
		listed facts.Certificate
		own    []facts.OwnCertificate
		other  string // what the elder member of another namespace serves; empty = other.test
		stays  bool
	}{
		"a spoilt Secret": {member: secret, listed: imported, stays: true},
		"a spoilt Secret, expired": {member: secret, stays: true, listed: with(imported, func(c *facts.Certificate) {
			c.Status = facts.Expired
		})},
		"some of the tags": {member: secret, stays: true, listed: with(imported, func(c *facts.Certificate) {
			c.Owned, c.Tags = true, map[string]string{naming.StackTag(stack.Ingress): "g"}
		})},
		"of another stack": {member: secret, listed: with(imported, func(c *facts.Certificate) {
			c.Owned, c.Tags = true, map[string]string{naming.ResourceTag(stack.Ingress): "imported/x/y"}
		})},
		"for another host": {member: secret, listed: with(imported, func(c *facts.Certificate) {
			c.Domains = []string{"b.test"}
		})},
		"for a host of others": {member: append(secret, servingHosts("x.test")), other: "a.test",
			listed: with(imported, func(c *facts.Certificate) { c.Domains = []string{"a.test", "x.test"} })},
		"of another type":       {member: secret, listed: requested},
		"being requested again": {member: request, listed: requested, stays: true},
		"issued again": {member: request, listed: requested,
			own: []facts.OwnCertificate{ownCertificate(ownARN+"-new", "ISSUED", "a.example.com")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := owning(c.own...)
			f.Listed = map[string]facts.Certificate{ownARN: c.listed}
			f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal}
			f.Details = &facts.LoadBalancerDetails{Listeners: map[int32]stack.Listener{443: {Port: 443, Protocol: "HTTPS",
				Certificates: []string{certificate1}, SNI: []string{ownARN}}}}
			other := servingHosts(cmp.Or(c.other, "other.test"))
			lb := loadBalancer(ingress("shop", "other", aged(10), https(certificate1), other),
				ingress("n", "a", append([]func(*intent.Member){aged(20)}, c.member...)...))
			lb.Key = stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}}
			cfg := config()
			cfg.OwnCertificates = true
			r := Compile(lb, f, cfg, nil)
			at := slices.IndexFunc(mustBuild(t, r).Listeners, func(l stack.Listener) bool { return l.Port == 443 })
			if at < 0 {
				t.Fatalf("no listener; keep %v, %v", r.Keep.Resources, r.Diagnostics)
			}
			if got := r.Stack.Listeners[at].Certificates; slices.Contains(got, ownARN) != c.stays {
				t.Errorf("%v, %v", got, r.Diagnostics)
			}
		})
	}
}

// TestExpiredCertificateBecomesNoDefault has the member leave whose certificate is the default one of the listener: AWS
// accepts no expired certificate instead, so the listener does not change.
func TestExpiredCertificateBecomesNoDefault(t *testing.T) {
	t.Parallel()
	f := owning(importedAs(ownARN, "EXPIRED"))
	f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal}
	f.Details = &facts.LoadBalancerDetails{Listeners: map[int32]stack.Listener{443: {Port: 443, Protocol: "HTTPS",
		Certificates: []string{certificate1}, SNI: []string{ownARN}}}}
	r := Compile(loadBalancer(ingress("n", "web", importing("a.test"), func(m *intent.Member) {
		m.Certificates[0].Broken, m.Certificates[0].Import = true, nil
	})), f, config(), nil)
	for _, l := range mustBuild(t, r).Listeners {
		if l.Port == 443 {
			t.Errorf("certificates %v", l.Certificates)
		}
	}
	if !slices.Contains(r.Keep.Resources, stack.Ref{Kind: stack.KindListener, ID: naming.ListenerID(443)}) {
		t.Errorf("keep %v", r.Keep.Resources)
	}
}

// TestUnreadListenerKeepsExpiredCertificate has AWS not tell, and then refuse to tell, which certificates a listener has.
func TestUnreadListenerKeepsExpiredCertificate(t *testing.T) {
	t.Parallel()
	f := owning(importedAs(ownARN, "EXPIRED"))
	f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal}
	lb := loadBalancer(ingress("n", "web", importing("a.test")), ingress("shop", "other", https(certificate1)))
	r := Compile(lb, f, config(), nil)
	if len(r.Needs) != 1 || r.Needs[0].Kind != facts.NeedStackDetails {
		t.Fatalf("needs %v", r.Needs)
	}
	f.Errors = map[facts.Need]error{r.Needs[0]: errors.New("no answer")}
	r = Compile(lb, f, config(), nil)
	mustBuild(t, r)
	if !slices.Equal(r.Keep.Certificates, []stack.Ref{{Kind: stack.KindListener, ID: naming.ListenerID(443)}}) {
		t.Errorf("keep %v", r.Keep.Certificates)
	}
	if !slices.ContainsFunc(r.Diagnostics, func(d diag.Diagnostic) bool {
		return d.Object.Name == "web" && strings.Contains(d.Text, "no answer")
	}) {
		t.Errorf("%v", r.Diagnostics)
	}
}
