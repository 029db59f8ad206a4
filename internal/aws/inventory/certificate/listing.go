package certificate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/order"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Read makes sure that the certificates that listeners may take are known as they were that long ago, and calls
// Config.Changed with what is new. If the list cannot be read for a passing reason, the old one serves.
func (c *Certificates) Read(ctx context.Context, age time.Duration) error {
	if _, err := c.list.Within(ctx, age); err != nil {
		return err
	}
	// Owners matter only if stacks may own certificates. That they cannot be known must not end discovery.
	if c.cfg.owned() {
		if err := c.updateTags(ctx); err != nil && !denied(err) {
			return err
		}
	}
	c.mu.Lock()
	news := c.news
	c.news = nil
	c.mu.Unlock()
	if len(news) > 0 && c.cfg.Changed != nil {
		slices.Sort(news)
		c.cfg.Changed(slices.Compact(news))
	}
	return nil
}

// readList reads the list. The summaries suffice, except for those with very many names, and for private ones if their
// authority, which summaries leave out, is of interest. What was read of a certificate before is not read again.
func (c *Certificates) readList(ctx context.Context) (struct{}, error) {
	c.mu.Lock()
	began := c.history.Now()
	c.mu.Unlock()
	listed := map[string]record{}
	var more []string
	if err := c.eachListed(ctx, func(s *acmtypes.CertificateSummary, names []string) {
		if s.Status != acmtypes.CertificateStatusIssued && !c.cfg.owned() {
			return
		}
		cert := facts.Certificate{
			ARN: aws.ToString(s.CertificateArn), Status: string(s.Status), Type: string(s.Type), Domains: names,
		}
		r := record{Certificate: cert, listed: cert, createdAt: aws.ToTime(s.CreatedAt)}
		if s.ImportedAt != nil {
			r.imports = []time.Time{*s.ImportedAt}
		}
		listed[cert.ARN] = r
		if s.Type == acmtypes.CertificateTypePrivate && c.cfg.Authorities ||
			aws.ToBool(s.HasAdditionalSubjectAlternativeNames) ||
			len(s.SubjectAlternativeNameSummaries) == 0 {
			more = append(more, cert.ARN)
		}
	}); err != nil {
		return struct{}{}, err
	}
	c.confirmed(ctx, listed, began)
	details, err := c.detailsOf(ctx, more, detailLifetime)
	if err != nil {
		return struct{}{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.merge(listed, details, began)
	return struct{}{}, nil
}

// merge takes a list over: certificates that are new or changed, and those that are gone. c.mu is held.
func (c *Certificates) merge(listed map[string]record, details map[string]*awsop.Certificate, began order.Mark) {
	changed := c.Lists() == 0
	for arn, r := range c.records {
		if _, there := listed[arn]; !there && r.leaving {
			r.Status = gone // its records are withdrawn after another deletion, which has nothing left to do
			changed = true
		} else if !there && r.showsIn(began) {
			c.forget(arn)
			changed = true
		}
	}
	for arn, n := range listed {
		if d := details[arn]; d != nil {
			n.Domains, n.CA = domains(d.Domain, d.Names), d.Authority
		}
		old, imports := c.records[arn], n.imports
		switch n.imports = nil; {
		case old == nil:
			c.records[arn] = &n
			changed = true
		case !sameListing(old.listed, n.listed) || !slices.Equal(old.Domains, n.Domains) || old.CA != n.CA:
			old.Status, old.Type, old.Domains, old.CA, old.listed = n.Status, n.Type, n.Domains, n.CA, n.listed
			c.forgetDetail(arn)
			changed = true
		}
		r := c.records[arn]
		for _, at := range imports {
			c.noticed(r, at)
		}
	}
	c.lists.Add(1)
	if changed {
		c.tagsDue = time.Time{}
		c.publish()
	}
}

// publish makes new answers of the records. c.mu is held.
func (c *Certificates) publish() {
	before := c.all
	c.validated = nil
	c.all = make(map[string]facts.Certificate, len(c.records))
	for arn, r := range c.records {
		is := r.Certificate
		is.Unproven = c.unread != nil && c.cfg.mayOwn(r.Type) && r.tagsAt.IsZero()
		c.all[arn] = is
	}
	c.index = facts.IndexCertificates(c.all)
	if before == nil {
		return // there was no answer before
	}
	for arn, is := range c.all {
		was, there := before[arn]
		fit, wasFit := is.Discoverable(), there && was.Discoverable()
		if fit != wasFit || fit && (was.Unproven && !is.Unproven || was.CA != is.CA || !slices.Equal(was.Domains, is.Domains)) {
			c.news = append(append(c.news, was.Domains...), is.Domains...)
		}
	}
	for arn, was := range before {
		if _, still := c.all[arn]; !still && was.Discoverable() {
			c.news = append(c.news, was.Domains...)
		}
	}
}

func sameListing(a, b facts.Certificate) bool {
	return a.Status == b.Status && a.Type == b.Type && slices.Equal(a.Domains, b.Domains)
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

// detailsOf describes certificates of which nothing is known that is young enough, some at a time. One that does not
// exist is missing.
func (c *Certificates) detailsOf(ctx context.Context, arns []string, age time.Duration) (map[string]*awsop.Certificate,
	error) {
	out := map[string]*awsop.Certificate{}
	for some := range slices.Chunk(arns, readers) {
		got, err := c.details.Within(ctx, age, some...)
		if err != nil {
			return nil, err
		}
		maps.Copy(out, got)
	}
	return out, nil
}

// forgetDetail has a certificate described again.
func (c *Certificates) forgetDetail(arn string) {
	c.details.Forget(arn) // also what is being read
	c.details.Drop(arn)
}

func (c *Certificates) describe(ctx context.Context, arn string) (*awsop.Certificate, bool, error) {
	got, err := c.acm.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: aws.String(arn)})
	switch {
	case err != nil && notFound(err):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("describing certificate %s: %w", arn, err)
	case got.Certificate == nil: // for one that does not exist, AWS answers an error
		return nil, false, fmt.Errorf("describing certificate %s: AWS answered without it", arn)
	}
	d := awsclient.FromCertificate(got.Certificate)
	c.mu.Lock()
	defer c.mu.Unlock()
	if r := c.records[arn]; r != nil && r.Status != d.Status {
		r.Status, r.listed.Status = d.Status, d.Status
		c.publish()
	}
	return &d, true, nil
}
