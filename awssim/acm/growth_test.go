package acm

import (
	"fmt"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
)

// TestReleaseCostsNoBytesOfOtherListeners has a listener with a certificate go and come, among many.
func TestReleaseCostsNoBytesOfOtherListeners(t *testing.T) { // not parallel: it counts bytes
	growth.AtMost(t, growth.Constant, "bytes of a listener that goes and comes, by listeners", func(n int) float64 {
		s, _ := newService(t)
		add := func(i int) *account.Listener {
			lb := &account.LoadBalancer{ARN: fmt.Sprint("arn:lb-", i), Name: fmt.Sprint("lb-", i)}
			l := &account.Listener{ARN: fmt.Sprint("arn:listener-", i), LoadBalancer: lb, Port: 443, Protocol: "HTTPS",
				Certificate: fmt.Sprint("arn:certificate-", i)}
			s.account.AddListener(l, &account.Rule{ARN: fmt.Sprint("arn:rule-", i)})
			s.account.Changed()
			return l
		}
		var l *account.Listener
		for i := range n {
			l = add(i)
		}
		return growth.Bytes(func() {
			s.account.RemoveListener(l)
			s.account.Changed()
			l = add(n - 1)
			if users := s.account.CertificateUsers(l.Certificate); len(users) != 1 {
				t.Errorf("used by %v", users)
			}
		})
	})
}
