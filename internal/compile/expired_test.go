package compile

import (
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
		want   []string
		tells  string
	}{
		"beside another":       {secret: spoilt, have: []string{certificate1, ownARN}, want: []string{certificate1, ownARN}},
		"as the default":       {secret: spoilt, have: []string{ownARN, certificate1}, want: []string{ownARN, certificate1}},
		"alone":                {secret: spoilt, alone: true, have: []string{ownARN}, want: []string{ownARN}},
		"others change theirs": {secret: spoilt, have: []string{other, ownARN}, want: []string{ownARN, certificate1}},
		"the Secret is renewed": {secret: renewed, have: []string{certificate1, ownARN}, want: []string{certificate1, ownARN},
			tells: "the certificate for a.test is being imported; until then, the listener keeps the expired certificate"},
		"another is issued": {secret: renewed, own: []facts.OwnCertificate{importedAs(ownARN+"-new", "ISSUED")},
			have: []string{certificate1, ownARN}, want: []string{certificate1, ownARN + "-new"}},
		"not on the listener": {secret: spoilt, have: []string{certificate1}, want: []string{certificate1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := owning(append(c.own, importedAs(ownARN, "EXPIRED"))...)
			f.Existing = &facts.LoadBalancer{ARN: "arn:lb", Type: stack.Application, Scheme: stack.Internal}
			f.Details = &facts.LoadBalancerDetails{Listeners: map[int32]stack.Listener{443: {Port: 443, Protocol: "HTTPS",
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
				return strings.Contains(d.Text, "expired")
			})
			if told != (c.tells != "") || told && !strings.Contains(r.Diagnostics[0].Text, c.tells) {
				t.Errorf("%v", r.Diagnostics)
			}
		})
	}
}

// TestUnreadListenerKeepsExpiredCertificate has AWS refuse to tell which certificates a listener has.
func TestUnreadListenerKeepsExpiredCertificate(t *testing.T) {
	t.Parallel()
	f := owning(importedAs(ownARN, "EXPIRED"))
	lb := loadBalancer(ingress("n", "web", importing("a.test"), https(certificate1)))
	if r := Compile(lb, f, config(), nil); len(r.Needs) != 1 || r.Needs[0].Kind != facts.NeedStackDetails {
		t.Errorf("needs %v", r.Needs)
	}
}
