package acm

import (
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// released notes that a load balancer does not serve a certificate any more: ACM reports the use for some time after.
func (s *Service) released(certificate, loadBalancer string) {
	if s.ended == nil {
		s.ended = map[string]map[string]time.Time{}
	}
	if s.ended[certificate] == nil {
		s.ended[certificate] = map[string]time.Time{}
	}
	s.ended[certificate][loadBalancer] = s.account.Clock.Now().Add(s.account.Profile.CertificateRelease)
}

// users are the load balancers that serve the certificate, as ACM shows them.
func (s *Service) users(c *account.Certificate) []string {
	users := append([]string{}, s.account.CertificateUsers(c.ARN)...) // empty, AWS sends it as well
	for lb, until := range s.ended[c.ARN] {
		switch {
		case !s.account.Clock.Now().Before(until):
			delete(s.ended[c.ARN], lb)
		case !slices.Contains(users, lb):
			users = append(users, lb)
		}
	}
	slices.Sort(users)
	return users
}
