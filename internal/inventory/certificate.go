package inventory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	acmtypes "github.com/aws/aws-sdk-go-v2/service/acm/types"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// certificateShelf is what is known of the certificates in ACM. It is guarded by Inventory.mu.
type certificateShelf struct {
	records map[string]*certificateRecord // by ARN
	early   map[string]certificateDetail  // of certificates that were described before a listing of them came to its end
	at      time.Time                     // of the newest listing; zero = none, or not to be believed
	known   bool
	behind

	// all and index are made of the records, and never change: those who asked hold them.
	all   map[string]facts.Certificate
	index *facts.CertificateIndex

	news []string // names of certificates of which discovery would say something else now; nobody was told yet

	unread       error // why tags cannot be read; until retryTags it is the answer to whoever needs them
	retryTags    time.Time
	tagsFailures int            // in a row
	asked        map[string]int // how often this process asked for a certificate, by stack and identity
	imports      importLog
}

// certificateRecord is one certificate.
type certificateRecord struct {
	facts.Certificate
	listed  facts.Certificate // as the listing said
	created time.Time
	wrote   int64 // value of writes when this process made it; a listing that began before cannot know it

	certificateDetail

	tagsAt    time.Time      // zero = never read
	content   string         // hash of what this process imported last
	tried     *stack.KeyPair // what this process imported without hearing of the outcome; nil = nothing
	leaving   bool           // this process deleted it, and did not hear of the outcome
	published []string       // zones into which this process wrote its validation records
	watched   time.Time      // since when this process waits for it
	imports   []time.Time
}

// gone is the status of a certificate that was deleted and is not forgotten yet.
const gone = "GONE"

// certificateDetail is what only DescribeCertificate tells, nil if nobody asked.
type certificateDetail struct {
	detail   *elb.Certificate
	detailAt time.Time
}

// issuedOnly and every are the statuses that are listed.
var issuedOnly = []acmtypes.CertificateStatus{acmtypes.CertificateStatusIssued}

func everyStatus() []acmtypes.CertificateStatus { return acmtypes.CertificateStatus("").Values() }

// certificates answers what discovery asks.
func (a *answer) certificates(ctx context.Context) error {
	i := a.i
	if err := i.certificatesAtHand(ctx); err != nil {
		return err
	}
	i.mu.Lock()
	all, index := i.certs.all, i.certs.index
	i.mu.Unlock()
	a.set(func(f *facts.Facts) { f.Certificates, f.Index = all, index })
	return nil
}

// certificatesAtHand makes sure that the certificates that listeners may take are known. Those that were listed last serve on while they
// are listed again; whom the new listing concerns hears of it by Config.CertificatesChanged.
func (i *Inventory) certificatesAtHand(ctx context.Context) error {
	i.mu.Lock()
	now := i.cfg.Now()
	stale := i.certs.known && now.Sub(i.certs.at) > certificateLifetime && serves(i.certs.at, certificateLifetime, now)
	i.mu.Unlock()
	read := func(ctx context.Context) (struct{}, error) {
		err := i.ReadCertificates(ctx, certificateLifetime)
		if err != nil {
			i.mu.Lock()
			defer i.mu.Unlock()
			i.certs.failed(err, i.cfg.Now())
		}
		return struct{}{}, err
	}
	var err error
	if stale {
		_, err = serveOn(ctx, i, &i.certs.behind, struct{}{}, i.cfg.Moment, read)
	} else {
		_, err = read(ctx)
	}
	return err
}

// forgetListing has the next caller list the certificates again. i.mu is held.
func (s *certificateShelf) forgetListing() { s.at, s.retry = time.Time{}, time.Time{} }

// ReadCertificates makes sure that the certificates that listeners may take are known as they were that long ago, and tells
// Config.CertificatesChanged what is new.
func (i *Inventory) ReadCertificates(ctx context.Context, age time.Duration) error {
	if err := i.listCertificates(ctx, age); err != nil {
		return err
	}
	// Whose they are matters only if stacks may own some; that it cannot be told must not end discovery.
	if i.cfg.ownCertificates() {
		if err := i.readCertificateTags(ctx); err != nil && !denied(err) {
			return err
		}
	}
	i.mu.Lock()
	news := i.certs.news
	i.certs.news = nil
	i.mu.Unlock()
	if len(news) > 0 && i.cfg.CertificatesChanged != nil {
		slices.Sort(news)
		i.cfg.CertificatesChanged(slices.Compact(news))
	}
	return nil
}

// listCertificates makes sure that a listing is known that is not older than that. If listing fails for a passing reason, the
// old one serves on.
func (i *Inventory) listCertificates(ctx context.Context, age time.Duration) error {
	i.mu.Lock()
	enough, known := i.certs.known && i.cfg.Now().Sub(i.certs.at) <= age, i.certs.known
	i.mu.Unlock()
	if enough {
		return nil
	}
	_, err := shared(ctx, i, "certificates", func(ctx context.Context) (struct{}, error) { return struct{}{}, i.readCertificates(ctx) })
	if err != nil && known && cloud.Passing(err) {
		return nil
	}
	return err
}

// readCertificates lists the certificates. The summaries suffice, except for those with very many names, and for private ones
// if their authority, which summaries leave out, is asked for. What was read of a certificate before is not read again.
func (i *Inventory) readCertificates(ctx context.Context) error {
	i.mu.Lock()
	began, writes := i.cfg.Now(), i.writes
	i.mu.Unlock()
	in := &acm.ListCertificatesInput{CertificateStatuses: issuedOnly, Includes: &acmtypes.Filters{KeyTypes: acmtypes.KeyAlgorithm("").Values()}}
	if i.cfg.ownCertificates() {
		in.CertificateStatuses = everyStatus()
	}
	listed := map[string]certificateRecord{}
	var more []string
	for p := acm.NewListCertificatesPaginator(i.clients.ACM, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("listing certificates: %w", err)
		}
		for n := range page.CertificateSummaryList {
			s := &page.CertificateSummaryList[n]
			c := facts.Certificate{
				ARN: aws.ToString(s.CertificateArn), Status: string(s.Status), Type: string(s.Type),
				Domains: domains(aws.ToString(s.DomainName), s.SubjectAlternativeNameSummaries),
			}
			r := certificateRecord{Certificate: c, listed: c, created: aws.ToTime(s.CreatedAt)}
			r.noticed(aws.ToTime(s.ImportedAt))
			listed[c.ARN] = r
			if s.Type == acmtypes.CertificateTypePrivate && i.cfg.Authorities || aws.ToBool(s.HasAdditionalSubjectAlternativeNames) ||
				len(s.SubjectAlternativeNameSummaries) == 0 {
				more = append(more, c.ARN)
			}
		}
	}
	details, err := i.details(ctx, more, certificateDetailLife)
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.certs.merge(listed, details, began, writes)
	return nil
}

// merge takes a listing over: certificates that are new or changed, and those that are gone. i.mu is held.
func (s *certificateShelf) merge(listed map[string]certificateRecord, details map[string]*elb.Certificate, began time.Time, writes int64) {
	changed := !s.known
	for arn, r := range s.records {
		if _, there := listed[arn]; !there && r.leaving {
			r.Status = gone // its records are withdrawn after another deletion, which has nothing left to do
			changed = true
		} else if !there && r.wrote <= writes && (r.wrote == 0 || began.Sub(r.created) > time.Minute) { // lists lag behind creations
			s.forget(arn, began)
			changed = true
		}
	}
	for arn, n := range listed {
		if d := details[arn]; d != nil {
			n.Domains, n.CA = domains(d.Domain, d.Names), d.Authority
		}
		old := s.records[arn]
		if old != nil {
			for _, at := range n.imports {
				old.noticed(at)
			}
		}
		switch {
		case old == nil:
			n.certificateDetail = s.early[arn]
			s.records[arn] = &n
			changed = true
		case !sameListing(old.listed, n.listed) || !slices.Equal(old.Domains, n.Domains) || old.CA != n.CA:
			old.Status, old.Type, old.Domains, old.CA, old.listed = n.Status, n.Type, n.Domains, n.CA, n.listed
			old.detail = nil
			changed = true
		}
	}
	s.at, s.known, s.early = began, true, nil
	if changed {
		s.publish()
	}
}

// publish makes new answers of the records. i.mu is held.
func (s *certificateShelf) publish() {
	before := s.all
	s.all = make(map[string]facts.Certificate, len(s.records))
	for arn, r := range s.records {
		s.all[arn] = r.Certificate
	}
	s.index = facts.IndexCertificates(s.all)
	if before == nil {
		return // nobody has asked yet
	}
	for arn, c := range s.all {
		was, there := before[arn]
		fit, wasFit := c.Discoverable(), there && was.Discoverable()
		if fit != wasFit || fit && (was.CA != c.CA || !slices.Equal(was.Domains, c.Domains)) {
			s.news = append(append(s.news, was.Domains...), c.Domains...)
		}
	}
	for arn, was := range before {
		if _, still := s.all[arn]; !still && was.Discoverable() {
			s.news = append(s.news, was.Domains...)
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

// details describes certificates of which nothing is known that is young enough. One that vanished is nil.
func (i *Inventory) details(ctx context.Context, arns []string, age time.Duration) (map[string]*elb.Certificate, error) {
	out := map[string]*elb.Certificate{}
	var ask []string
	i.mu.Lock()
	for _, arn := range arns {
		d := i.certs.early[arn]
		if r := i.certs.records[arn]; r != nil {
			d = r.certificateDetail
		}
		if d.detail != nil && i.cfg.Now().Sub(d.detailAt) <= age {
			out[arn] = d.detail
		} else {
			ask = append(ask, arn)
		}
	}
	i.mu.Unlock()
	return out, each(ctx, ask, i.describeCertificate, func(arn string, c *elb.Certificate) { out[arn] = c })
}

// describeCertificate keeps what it reads at once, so that a long reading that is cut off need not begin anew.
func (i *Inventory) describeCertificate(ctx context.Context, arn string) (*elb.Certificate, error) {
	at := i.cfg.Now()
	got, err := i.clients.ACM.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: aws.String(arn)})
	if err != nil && vanished(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("describing certificate %s: %w", arn, err)
	}
	if got.Certificate == nil {
		return nil, nil
	}
	c := cloud.FromCertificate(got.Certificate)
	i.mu.Lock()
	defer i.mu.Unlock()
	r := i.certs.records[arn]
	if r == nil {
		if i.certs.early == nil {
			i.certs.early = map[string]certificateDetail{}
		}
		i.certs.early[arn] = certificateDetail{&c, at}
		return &c, nil
	}
	r.detail, r.detailAt = &c, at
	if r.Status != c.Status {
		r.Status, r.listed.Status = c.Status, c.Status
		i.certs.publish()
	}
	return &c, nil
}

func denied(err error) bool { return cloud.Classify(err).Class == diag.Denied }
