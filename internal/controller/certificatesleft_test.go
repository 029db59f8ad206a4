package controller

import (
	"fmt"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
)

// TestAnOwnerOfCertificatesStaysUntilTheseAreProvenGone has a new process delete Ingresses without a right that it needs to tell their
// certificates.
func TestAnOwnerOfCertificatesStaysUntilTheseAreProvenGone(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"ListCertificates", "ListTagsForCertificate", "DescribeCertificate"} {
		for _, keeps := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, with checkpoints %v", action, keeps), func(t *testing.T) {
				t.Parallel()
				l := crashLab(t, keeps, true)
				f := denying("acm:" + action)
				f.Action = action
				l.fault(f)
				l.restart()
				mark, from := l.mark(), len(l.events)
				l.remove("sealed")
				l.remove("asked")
				l.crashWait(10 * time.Minute)
				for _, name := range []string{"sealed", "asked"} {
					if !l.get(&networkingv1.Ingress{}, name) {
						t.Errorf("Ingress %s is gone, its certificates are not:\n%s", name, strings.Join(l.owned(), "\n"))
					}
					if told := l.warnings(from)["Ingress shop/"+name]; len(told) != 1 || !strings.Contains(told[0], "acm:"+action) {
						t.Errorf("Ingress %s is told %q", name, told)
					}
				}
				for _, lb := range l.sim.Resources().LoadBalancers {
					if strings.Contains(lb.Name, "sealed") || strings.Contains(lb.Name, "asked") {
						t.Errorf("load balancer %s waits for certificates", lb.Name)
					}
				}
				if _, by := l.counts(mark); by[action] > 40 {
					t.Errorf("%d calls of %s", by[action], action)
				}
				l.sim.Gate.ClearFaults()
				l.crashWait(10 * time.Minute)
				for _, name := range []string{"sealed", "asked"} {
					if l.get(&networkingv1.Ingress{}, name) {
						t.Errorf("Ingress %s stays", name)
					}
				}
				if left := l.owned(); len(left) > 0 {
					t.Errorf("left in the account:\n%s", strings.Join(left, "\n"))
				}
			})
		}
	}
}
