package certificate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/lib/order"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// mostConfirmed bounds the reads by which one list is confirmed. Certificates beyond it stay until the next list.
const mostConfirmed = 20

// ConfirmMissing reads certificates that the list lacks and that listeners are about to lose, and reports whether any
// of them is issued. These are discovered from then on. Without a list, or for certificates of IAM, nothing is read: no
// list decided about them.
func (c *Certificates) ConfirmMissing(ctx context.Context, arns []string) (found bool, err error) {
	for _, arn := range arns {
		c.mu.Lock()
		skip := c.Lists() == 0 || c.records[arn] != nil || !strings.Contains(arn, ":acm:")
		c.mu.Unlock()
		if skip {
			continue
		}
		d, err := c.exists(ctx, arn)
		if err != nil {
			return false, fmt.Errorf("looking whether certificate %s, which the list lacks, exists: %w", arn, err)
		}
		if d != nil && d.Status != facts.Pending && c.lives(d.Status) {
			c.restore(arn, d)
			found = true
		}
	}
	if found && c.cfg.owned() { // one that a stack owns is for that stack only
		if err := c.updateTags(ctx); err != nil && !denied(err) {
			return false, err
		}
	}
	return found, nil
}

// exists reads a certificate by its ARN; nil = it is proven not to exist.
func (c *Certificates) exists(ctx context.Context, arn string) (*awsop.Certificate, error) {
	got, err := c.acm.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: aws.String(arn)})
	there := err == nil && got.Certificate != nil
	gone, err := absence.OfRead(there, err != nil && notFound(err), err)
	if err != nil || gone.Proven() {
		return nil, err
	}
	d := awsclient.FromCertificate(got.Certificate)
	return &d, nil
}

// restore adds a certificate that the list lacks to the records.
func (c *Certificates) restore(arn string, d *awsop.Certificate) {
	cert := facts.Certificate{ARN: arn, Status: d.Status, Type: typeOf(d), Domains: domains(d.Domain, d.Names),
		CA: d.Authority}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.records[arn] == nil {
		c.records[arn], c.tagsDue = &record{Certificate: cert, listed: cert}, time.Time{}
		c.lists.Add(1)
		c.publish()
	}
}

// Lists counts the lists that were read, and the certificates that they lacked and got back.
func (c *Certificates) Lists() uint64 { return c.lists.Load() }

func typeOf(d *awsop.Certificate) string {
	switch {
	case d.Imported:
		return "IMPORTED"
	case d.Authority != "":
		return "PRIVATE"
	}
	return "AMAZON_ISSUED"
}

// confirmed adds to a list the certificates that the list before it had, unless they are proven to be gone or not to be
// issued any longer: an answer without them, such as an empty page, is no proof.
func (c *Certificates) confirmed(ctx context.Context, listed map[string]record, began order.Mark) {
	c.mu.Lock()
	var lacks []record
	for arn, r := range c.records {
		if _, there := listed[arn]; !there && !r.leaving && c.lives(r.Status) && r.showsIn(began) {
			lacks = append(lacks, *r)
		}
	}
	c.mu.Unlock()
	slices.SortFunc(lacks, func(x, y record) int { return strings.Compare(x.ARN, y.ARN) })
	for n, r := range lacks {
		if n < mostConfirmed {
			if d, err := c.exists(ctx, r.ARN); err == nil && (d == nil || !c.lives(d.Status)) {
				continue
			}
		}
		listed[r.ARN] = r
	}
}

// lives reports whether listeners use certificates of a status, now or once they are issued. An expired one of a stack
// stays on its listener until it can be replaced.
func (c *Certificates) lives(status string) bool {
	return status == facts.Issued || (status == facts.Pending || status == facts.Expired) && c.cfg.owned()
}

// showsIn reports whether a list that began then shows the certificate if it exists: lists lag behind creations.
func (r *record) showsIn(began order.Mark) bool {
	return r.wrote.N == 0 || began.Covers(r.wrote) && began.At.Sub(r.createdAt) > time.Minute
}
