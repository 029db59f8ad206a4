package lab

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Woken is a queue that remembers who is queued.
type Woken struct {
	queue.Of[stack.Key]
	stacks []string
}

// AddAfter notes a stack that is queued.
func (w *Woken) AddAfter(key stack.Key, _ time.Duration) { w.stacks = append(w.stacks, key.ID.Name) }

// Take empties the queue and returns its stacks, sorted.
func (w *Woken) Take() []string {
	out := slices.Sorted(slices.Values(w.stacks))
	w.stacks = nil
	return out
}

// Secure is an Ingress that finds its certificate by host.
func Secure(name, host string) *networkingv1.Ingress {
	i := Ingress(name, map[string]string{"listen-ports": `[{"HTTPS":443}]`}, "web")
	i.Spec.Rules[0].Host = host
	return i
}

// Certify has ACM issue a certificate.
func (l *Lab) Certify(domain string) (arn string) {
	l.Helper()
	out, err := l.Sim.Trust.RequestCertificate(l.Context(), &acm.RequestCertificateInput{DomainName: aws.String(domain),
		ValidationMethod:        acmtypes.ValidationMethodDns,
		CertificateAuthorityArn: aws.String("arn:aws:acm-pca:us-west-2:123456789012:certificate-authority/1")})
	l.Must(err)
	l.Clock.Advance(time.Minute)
	return aws.ToString(out.CertificateArn)
}
