package ingresses

import (
	"slices"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

const (
	firstCertificate   = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-0000000000f1"
	revokedCertificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-0000000000f2"
	absentCertificate  = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-00000000dead"
)

// TestBadCertificateHoldsOnlyItsNamespace has a newcomer name a certificate that AWS refuses while others remove one of
// theirs.
func TestBadCertificateHoldsOnlyItsNamespace(t *testing.T) {
	t.Parallel()
	g := lab.GroupsOfTwo["Ingresses"]
	secure := func(arns string) map[string]string {
		return map[string]string{"certificate-arn": arns, "listen-ports": `[{"HTTPS":443}]`}
	}
	for name, c := range map[string]struct {
		own, stays bool // whose bad certificate it is, and whether the former one stays
	}{
		"of others":  {},
		"of its own": {own: true, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, append(g.Victim(secure(firstCertificate+","+revokedCertificate)), lab.Class())...)
			l.Sim.Account.Lock()
			for arn, domain := range map[string]string{firstCertificate: "first.example.com",
				revokedCertificate: "revoked.example.com"} {
				l.Sim.Account.AddCertificate(&account.Certificate{ARN: arn, Domain: domain, AlternativeNames: []string{domain},
					Status: "ISSUED", Type: "PRIVATE", KeyAlgorithm: "RSA_2048"})
			}
			l.Sim.Account.Unlock()
			l.Create(g.Attack(secure(lab.ExampleCertificate))...)
			l.Settle(g.Key)
			if c.own {
				l.Put(g, "shop/web", secure(firstCertificate+","+absentCertificate))
			} else {
				l.Put(g, "mal/evil", secure(lab.ExampleCertificate+","+absentCertificate))
				l.PassWith(time.Minute, g.Key)
				l.Put(g, "shop/web", secure(firstCertificate))
			}
			l.PassWith(5*time.Minute, g.Key)
			got := l.Attached()
			if slices.Contains(got, revokedCertificate) != c.stays || !slices.Contains(got, firstCertificate) ||
				!slices.Contains(got, lab.ExampleCertificate) {
				t.Errorf("%v", got)
			}
		})
	}
}
