package controller

import (
	"slices"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
)

const (
	firstCertificate   = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-0000000000f1"
	revokedCertificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-0000000000f2"
	absentCertificate  = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-00000000dead"
)

// attached are the certificates of the only load balancer's listener 443.
func (l *lab) attached() (out []string) {
	for _, lb := range l.sim.Resources().LoadBalancers {
		for _, li := range lb.Listeners {
			if li.Port == 443 {
				out = append(out, li.Certificates...)
			}
		}
	}
	return out
}

// TestBadCertificateHoldsOnlyItsNamespace has a newcomer name a certificate that AWS refuses while others remove one of theirs.
func TestBadCertificateHoldsOnlyItsNamespace(t *testing.T) {
	t.Parallel()
	g := groupsOfTwo["Ingresses"]
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
			l := newLab(t, account.Profile{}, append(g.victim(secure(firstCertificate+","+revokedCertificate)), labClass())...)
			l.sim.Account.Lock()
			for arn, domain := range map[string]string{firstCertificate: "first.example.com", revokedCertificate: "revoked.example.com"} {
				l.sim.Account.AddCertificate(&account.Certificate{ARN: arn, Domain: domain, AlternativeNames: []string{domain}, Status: "ISSUED", Type: "PRIVATE", KeyAlgorithm: "RSA_2048"})
			}
			l.sim.Account.Unlock()
			l.create(g.attack(secure(exampleCertificate))...)
			l.settle(g.key)
			if c.own {
				l.put(g, "shop/web", secure(firstCertificate+","+absentCertificate))
			} else {
				l.put(g, "mal/evil", secure(exampleCertificate+","+absentCertificate))
				l.passWith(time.Minute, g.key)
				l.put(g, "shop/web", secure(firstCertificate))
			}
			l.passWith(5*time.Minute, g.key)
			got := l.attached()
			if slices.Contains(got, revokedCertificate) != c.stays || !slices.Contains(got, firstCertificate) || !slices.Contains(got, exampleCertificate) {
				t.Errorf("%v", got)
			}
		})
	}
}
