package ingresses

import (
	"fmt"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestAnOwnerOfCertificatesStaysUntilTheseAreProvenGone has a new process delete Ingresses without a right that it
// needs to tell their certificates.
func TestAnOwnerOfCertificatesStaysUntilTheseAreProvenGone(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"ListCertificates", "ListTagsForCertificate", "DescribeCertificate"} {
		for _, keeps := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, with checkpoints %v", action, keeps), func(t *testing.T) {
				t.Parallel()
				l := lab.CrashLab(t, keeps, true)
				f := lab.Denying("acm:" + action)
				f.Action = action
				l.Fault(f)
				l.Restart()
				mark, from := l.Mark(), len(l.Events)
				l.Remove("sealed")
				l.Remove("asked")
				l.CrashWait(10 * time.Minute)
				for _, name := range []string{"sealed", "asked"} {
					if !l.Get(&networkingv1.Ingress{}, name) {
						t.Errorf("Ingress %s is gone, its certificates are not:\n%s", name, strings.Join(l.Owned(), "\n"))
					}
					if told := l.Warnings(from)["Ingress shop/"+name]; len(told) != 1 || !strings.Contains(told[0], "acm:"+action) {
						t.Errorf("Ingress %s is told %q", name, told)
					}
				}
				for _, lb := range l.Sim.Resources().LoadBalancers {
					if strings.Contains(lb.Name, "sealed") || strings.Contains(lb.Name, "asked") {
						t.Errorf("load balancer %s waits for certificates", lb.Name)
					}
				}
				if _, by := l.Counts(mark); by[action] > 40 {
					t.Errorf("%d calls of %s", by[action], action)
				}
				l.Sim.Gate.ClearFaults()
				l.CrashWait(10 * time.Minute)
				for _, name := range []string{"sealed", "asked"} {
					if l.Get(&networkingv1.Ingress{}, name) {
						t.Errorf("Ingress %s stays", name)
					}
				}
				if left := l.Owned(); len(left) > 0 {
					t.Errorf("left in the account:\n%s", strings.Join(left, "\n"))
				}
			})
		}
	}
}
