package acm

import (
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// use is a certificate in a load balancer.
type use struct{ certificate, loadBalancer string }

// uses are the uses of certificates as ACM reports them. It drops one some time after its end.
type uses struct {
	last  map[use]bool
	ended map[use]time.Time // when ACM drops it
}

// noteReleases compares the account with what it was after the last change.
func (s *Service) noteReleases() {
	s.account.Lock()
	defer s.account.Unlock()
	now := map[use]bool{}
	for _, l := range s.account.Listeners {
		for _, arn := range append([]string{l.Certificate}, l.Certificates...) {
			if arn != "" {
				now[use{arn, l.LoadBalancer.ARN}] = true
			}
		}
	}
	at := s.account.Clock.Now()
	for u, until := range s.uses.ended {
		if now[u] || !at.Before(until) {
			delete(s.uses.ended, u)
		}
	}
	for u := range s.uses.last {
		if now[u] {
			continue
		}
		if s.uses.ended == nil {
			s.uses.ended = map[use]time.Time{}
		}
		s.uses.ended[u] = at.Add(s.account.Profile.CertificateRelease)
	}
	s.uses.last = now
}

// users are the load balancers that serve the certificate, as ACM shows them.
func (s *Service) users(c *account.Certificate) []string {
	users := append([]string{}, s.account.CertificateUsers(c.ARN)...) // empty, AWS sends it as well
	for u, until := range s.uses.ended {
		if u.certificate == c.ARN && s.account.Clock.Now().Before(until) && !slices.Contains(users, u.loadBalancer) {
			users = append(users, u.loadBalancer)
		}
	}
	slices.Sort(users)
	return users
}
