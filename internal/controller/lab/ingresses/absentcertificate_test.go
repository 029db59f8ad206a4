package ingresses

import (
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestAbsentCertificateIsToldOnItsIngress has a new Ingress name a certificate that does not exist.
func TestAbsentCertificateIsToldOnItsIngress(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", map[string]string{
		"listen-ports": `[{"HTTP":80},{"HTTPS":443}]`, "certificate-arn": absentCertificate}, "web"))
	mark := l.Mark()
	l.Pass(10*time.Minute, nil, lab.Key("web"))
	if !l.Saw("Ingress shop/web", "[CertificateNotFound]", absentCertificate, "certificate-arn") {
		t.Errorf("%s", strings.Join(l.Events, "\n"))
	}
	if got := l.Answers("/web"); !strings.Contains(got, "web:80") {
		t.Errorf("HTTP is answered by %q", got)
	}
	if n := len(l.RefusedCalls(mark)); n < 1 || n > 3 {
		t.Errorf("%d calls are refused", n)
	}
}
