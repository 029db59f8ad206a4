package certificate

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/renewal"
)

// EndsInterval is how often to list certificates only to know when they expire, which changes seldom.
const EndsInterval = 6 * time.Hour

// endKept is how long the end of a certificate that lists lack is kept after it has passed.
const endKept = 30 * 24 * time.Hour

// lastDays is how long before its end a certificate with a long lifetime is overdue. ACM renews its own long before.
const lastDays = 14 * 24 * time.Hour

// End is when a certificate expires.
type End struct {
	ARN       string
	Domains   []string
	NotBefore time.Time // zero = not known
	NotAfter  time.Time
}

// Overdue is from when on the certificate should have been renewed.
func (e End) Overdue() time.Time {
	return renewal.Late(e.NotBefore, e.NotAfter, renewal.Share, lastDays)
}

// ends are the ends of ACM's certificates, also of those that have expired: a listener keeps them until somebody
// replaces them. They are apart from the records, of which stacks find certificates, and outlive these.
type ends struct {
	mu      sync.Mutex
	of      map[string]End // by ARN
	read    time.Time
	changes uint64
}

// take takes over the ends that a list shows. What an answer lacks, such as an empty page, keeps its end.
func (e *ends) take(shown map[string]End, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for arn, old := range e.of {
		if _, there := shown[arn]; !there && now.Sub(old.NotAfter) < endKept {
			shown[arn] = old
		}
	}
	e.of, e.read = shown, now
	e.changes++
}

// forget forgets a certificate that was deleted.
func (e *ends) forget(arn string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.of, arn)
}

// Ends returns the ends of some certificates, without those that no list has shown.
func (c *Certificates) Ends(arns []string) (out []End) {
	c.ends.mu.Lock()
	defer c.ends.mu.Unlock()
	for _, arn := range arns {
		if end, known := c.ends.of[arn]; known {
			out = append(out, end)
		}
	}
	return out
}

// EndsRead counts the lists that have shown ends.
func (c *Certificates) EndsRead() uint64 {
	c.ends.mu.Lock()
	defer c.ends.mu.Unlock()
	return c.ends.changes
}

// ReadEnds makes sure that ends are known as they were that long ago. It lists certificates only for that: stacks do
// not find certificates by what it lists.
func (c *Certificates) ReadEnds(ctx context.Context, age time.Duration) error {
	c.ends.mu.Lock()
	read, now := c.ends.read, c.cfg.Now()
	c.ends.mu.Unlock()
	if !read.IsZero() && now.Sub(read) < age {
		return nil
	}
	return c.eachListed(awsclient.WithCause(ctx, awsclient.CertificateEnds),
		func(*acmtypes.CertificateSummary, []string) {})
}

// eachListed lists the certificates of statuses, visits each with its names, and then takes over their ends.
func (c *Certificates) eachListed(ctx context.Context,
	visit func(s *acmtypes.CertificateSummary, names []string)) error {
	shown, now := map[string]End{}, c.cfg.Now()
	for p := acm.NewListCertificatesPaginator(c.acm, &acm.ListCertificatesInput{CertificateStatuses: c.statuses(),
		Includes: &acmtypes.Filters{KeyTypes: acmtypes.KeyAlgorithm("").Values()}}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("listing certificates: %w", err)
		}
		for n := range page.CertificateSummaryList {
			s := &page.CertificateSummaryList[n]
			names := domains(aws.ToString(s.DomainName), s.SubjectAlternativeNameSummaries)
			if s.NotAfter != nil {
				arn := aws.ToString(s.CertificateArn)
				shown[arn] = End{arn, names, aws.ToTime(s.NotBefore), *s.NotAfter}
			}
			visit(s, names)
		}
	}
	c.ends.take(shown, now)
	return nil
}

// statuses are those that are listed: expired certificates too, of which only the ends are of interest unless stacks
// own certificates.
func (c *Certificates) statuses() []acmtypes.CertificateStatus {
	if c.cfg.owned() {
		return acmtypes.CertificateStatus("").Values()
	}
	return []acmtypes.CertificateStatus{acmtypes.CertificateStatusIssued, acmtypes.CertificateStatusExpired}
}
