package inventory

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"
	"golang.org/x/sync/errgroup"

	"github.com/k8s-lbc/lbc/internal/facts"
)

// keyTypes must be listed: without them ACM leaves out all but two kinds of RSA keys.
var keyTypes = []acmtypes.KeyAlgorithm{
	acmtypes.KeyAlgorithmRsa1024, acmtypes.KeyAlgorithmRsa2048, acmtypes.KeyAlgorithmRsa3072, acmtypes.KeyAlgorithmRsa4096,
	acmtypes.KeyAlgorithmEcPrime256v1, acmtypes.KeyAlgorithmEcSecp384r1, acmtypes.KeyAlgorithmEcSecp521r1,
}

// certificateDetail is what only DescribeCertificate tells.
type certificateDetail struct {
	domains []string
	ca      string
	at      time.Time
}

func (a *answer) certificates(ctx context.Context) error {
	i := a.i
	c, err := learn(ctx, i, "certificates", &i.facts.certificates, always[map[string]facts.Certificate](certificateLifetime), i.listCertificates)
	if err == nil {
		a.set(func(f *facts.Facts) { f.Certificates = c })
	}
	return err
}

// listCertificates lists the issued certificates. The summaries suffice, except for private ones (whose authority they leave
// out) and those with very many names.
func (i *Inventory) listCertificates(ctx context.Context) (map[string]facts.Certificate, error) {
	out := map[string]facts.Certificate{}
	var more []string
	in := &acm.ListCertificatesInput{
		CertificateStatuses: []acmtypes.CertificateStatus{acmtypes.CertificateStatusIssued},
		Includes:            &acmtypes.Filters{KeyTypes: keyTypes},
	}
	for p := acm.NewListCertificatesPaginator(i.clients.ACM, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing certificates: %w", err)
		}
		for n := range page.CertificateSummaryList {
			s := &page.CertificateSummaryList[n]
			c := facts.Certificate{
				ARN: aws.ToString(s.CertificateArn), Status: string(s.Status), Type: string(s.Type),
				Domains: domains(aws.ToString(s.DomainName), s.SubjectAlternativeNameSummaries),
			}
			out[c.ARN] = c
			if s.Type == acmtypes.CertificateTypePrivate || aws.ToBool(s.HasAdditionalSubjectAlternativeNames) || len(s.SubjectAlternativeNameSummaries) == 0 {
				more = append(more, c.ARN)
			}
		}
	}
	details, err := i.certificateDetails(ctx, more)
	if err != nil {
		return nil, err
	}
	for arn, d := range details {
		c := out[arn]
		c.Domains, c.CA = d.domains, d.ca
		out[arn] = c
	}
	return out, nil
}

func domains(first string, others []string) []string {
	var out []string
	if first != "" {
		out = append(out, first)
	}
	for _, o := range others {
		if o != first {
			out = append(out, o)
		}
	}
	return out
}

func (i *Inventory) certificateDetails(ctx context.Context, arns []string) (map[string]certificateDetail, error) {
	out := map[string]certificateDetail{}
	var ask []string
	i.mu.Lock()
	for _, arn := range arns {
		if d, ok := i.facts.details[arn]; ok && i.cfg.Now().Sub(d.at) <= certificateDetailLife {
			out[arn] = d
		} else {
			ask = append(ask, arn)
		}
	}
	i.mu.Unlock()
	results := make([]certificateDetail, len(ask))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	for n, arn := range ask {
		g.Go(func() error {
			got, err := i.clients.ACM.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: aws.String(arn)})
			if err != nil && vanished(err) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("describing certificate %s: %w", arn, err)
			}
			if c := got.Certificate; c != nil {
				results[n] = certificateDetail{
					domains: domains(aws.ToString(c.DomainName), c.SubjectAlternativeNames), ca: aws.ToString(c.CertificateAuthorityArn), at: i.cfg.Now(),
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for n, arn := range ask {
		i.facts.details[arn] = results[n]
		out[arn] = results[n]
	}
	return out, nil
}
