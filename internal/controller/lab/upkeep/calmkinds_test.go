package upkeep

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// tlsOf has Ingress web take the certificate for a host by an annotation, from a Secret if it is named.
func tlsOf(l *lab.Lab, annotation, secret string) {
	l.Helper()
	l.EditWeb(func(web *networkingv1.Ingress) {
		web.Annotations["alb.ingress.kubernetes.io/"+annotation] = "true"
		web.Annotations["alb.ingress.kubernetes.io/listen-ports"] = `[{"HTTP":80},{"HTTPS":443}]`
		web.Spec.Rules[0].Host = "web.example.com"
		web.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{"web.example.com"}, SecretName: secret}}
	})
}

// calmKinds are kinds of standing trouble of what a load balancer rests on. A lab has an Ingress web for Service web.
var calmKinds = map[string]struct {
	trouble func(*lab.Lab)
	calls   int      // to AWS in ten minutes, at most
	later   int      // and in the ten minutes after these
	told    []string // each once
}{
	"a broken TLS Secret": {func(l *lab.Lab) {
		l.Flags("--enable-tls-secret-import=true")
		api, secrets := secretReader(l.T, l.Clock.Now, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "tls", ResourceVersion: "1"}, Type: corev1.SecretTypeTLS,
			Data: map[string][]byte{"tls.crt": []byte("no certificate"), "tls.key": []byte("no key")}})
		l.Ingresses.Secrets = secrets
		tlsOf(l, "import-tls-secrets", "tls")
		l.Cleanup(func() {
			if n := len(api.Actions()); n > 15 {
				l.Errorf("the API server was asked for Secrets %d times", n)
			}
		})
	}, 20, 0, []string{"[InvalidSecret]"}},
	"a certificate in validation": {func(l *lab.Lab) {
		l.Flags("--feature-gates=EnableCertificateManagement=true")
		tlsOf(l, "create-acm-cert", "")
	}, 100, 20, []string{"[CertificatePending]"}},
	"a missing node": {func(l *lab.Lab) { l.Create(lab.Pods("gone", "10.0.128.50")...) }, 30, 5,
		[]string{"[EndpointNotResolved]"}},
	"a missing instance": {func(l *lab.Lab) {
		l.Create(append(lab.Pods("a", "10.0.128.50"), lab.Node("a", "aws:///us-west-2a/i-0a1de00000000dead"))...)
	}, 40, 10, []string{"[EndpointNotResolved]"}},
	"an endpoint that no interface has": {func(l *lab.Lab) {
		l.Create(append(lab.Pods("a", "10.0.0.77"), lab.Node("a", "aws:///us-west-2a/4ee9/fargate-ip-10-0-0-77"))...)
	}, 40, 10, []string{"[EndpointNotResolved]"}},
	"the quota of targets": {func(l *lab.Lab) {
		l.Create(append(lab.Pods("a", "10.0.128.50"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))...)
		_, err := l.Sim.Gate.AddFault(gate.Fault{ID: "quota", Action: "RegisterTargets", Code: "TooManyTargets",
			Message: "limit"})
		l.Must(err)
	}, 30, 10, []string{"[QuotaExceeded]"}},
}

func TestStandingTroubleOfWhatALoadBalancerRestsOnIsCalm(t *testing.T) {
	t.Parallel()
	for name, tc := range calmKinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{CertificateIssue: 24 * time.Hour}, lab.Class(), lab.Service("web"),
				lab.Ingress("web", nil, "web"))
			tc.trouble(l)
			mark := l.Mark()
			l.Pass(10*time.Minute, nil, lab.Key("web"))
			total, by := l.Counts(mark)
			first := l.Mark()
			l.Pass(10*time.Minute, nil, lab.Key("web"))
			later, laterBy := l.Counts(first)
			t.Logf("%d calls, then %d: %v", total, later, laterBy)
			if total > tc.calls || later > tc.later {
				t.Errorf("%d calls in ten minutes, %d in the next, want at most %d and %d: %v, %v", total, later, tc.calls,
					tc.later, by, laterBy)
			}
			all := strings.Join(l.Events, "\n")
			for _, code := range tc.told {
				if strings.Count(all, code) != 1 {
					t.Errorf("%s is not told once:\n%s", code, all)
				}
			}
			warned := 0
			for _, texts := range l.Warnings(0) {
				for _, text := range texts {
					if !strings.Contains(text, "NoTargets") { // the Service has no pods, which each of its owners is told
						warned++
					}
				}
			}
			if warned > len(tc.told) {
				t.Errorf("%d events in twenty minutes tell of trouble:\n%s", warned, all)
			}
			if n, m := l.Ingresses.Retries.Len(), l.Bound.Failures.Len(); n > 3 || m > 1 {
				t.Errorf("%d counts of retries for one stack, %d of failures for one binding", n, m)
			}
		})
	}
}
