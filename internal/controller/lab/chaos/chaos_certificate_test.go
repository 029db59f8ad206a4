package chaos

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// certificateScenarios are changes of certificates that stacks own; sealed and asked own one each before.
var certificateScenarios = map[string]func(*lab.Lab){
	"a Secret is imported": func(l *lab.Lab) { l.Create(lab.Sealed("again", "another-tls")) },
	"a Secret is renewed":  func(l *lab.Lab) { l.Renew("tls") },
	"a certificate is requested": func(l *lab.Lab) {
		l.Create(lab.Asking("again", "again.asked.dev"))
	},
	"another host asks": func(l *lab.Lab) {
		l.Edit("asked", func(i *networkingv1.Ingress) { i.Spec.Rules[0].Host = "other.asked.dev" })
	},
	"what owns certificates goes": func(l *lab.Lab) {
		l.Remove("sealed")
		l.Remove("asked")
	},
}

// spent is how many certificates were imported and requested, which AWS limits in a year.
func spent(l *lab.Lab) (imports, requests int) {
	l.Sim.Account.Lock()
	defer l.Sim.Account.Unlock()
	return len(l.Sim.Account.CertificateImports), len(l.Sim.Account.CertificateRequests)
}

// TestALostAnswerOfACMLeadsToNoSecondCertificate has ACM import and request without telling for ten minutes.
func TestALostAnswerOfACMLeadsToNoSecondCertificate(t *testing.T) {
	t.Parallel()
	chosen := sample.OneOf(2)
	for _, name := range slices.Sorted(maps.Keys(certificateScenarios)) {
		change := certificateScenarios[name]
		if !chosen.Next() {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole, l := lab.CrashLab(t, false, true), lab.CrashLab(t, false, true)
			for _, action := range []string{"ImportCertificate", "RequestCertificate", "AddTagsToCertificate",
				"DeleteCertificate", "ChangeResourceRecordSets"} {
				_, err := l.Sim.Gate.AddFault(gate.Fault{Action: action, Lose: true, Until: l.Clock.Now().Add(10 * time.Minute)})
				l.Must(err)
			}
			mark := l.Mark()
			for _, l := range []*lab.Lab{whole, l} {
				change(l)
				l.CrashWait(30 * time.Minute)
			}
			if d := lab.LinesApart(l.Account(), whole.Account()); d != "" {
				t.Errorf("the account (+) is not as with answers (-):\n%s", d)
			}
			imports, requests := spent(l)
			if i, r := spent(whole); imports != i || requests != r {
				t.Errorf("%d imports and %d requests, with answers %d and %d", imports, requests, i, r)
			}
			_, by := l.Counts(mark)
			for _, action := range slices.Sorted(maps.Keys(by)) {
				if strings.Contains(action, "Certificate") && by[action] > 100 {
					t.Errorf("%d calls of %s", by[action], action)
				}
			}
		})
	}
}
