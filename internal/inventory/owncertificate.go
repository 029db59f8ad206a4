package inventory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53"

	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// ownCertificates reports whether stacks may own certificates.
func (c Config) ownCertificates() bool { return c.RequestCertificates || c.ImportCertificates }

// mayOwn reports whether stacks may own certificates of a type.
func (c Config) mayOwn(kind string) bool {
	if kind == "IMPORTED" {
		return c.ImportCertificates
	}
	return c.RequestCertificates
}

// certificatesOf are the certificates that a stack owns, sorted by identity and ARN. What was read of them is believed, except
// of those that are not issued yet.
func (i *Inventory) certificatesOf(ctx context.Context, key stack.Key, desired *stack.Stack) ([]elb.Certificate, error) {
	if !i.cfg.ownCertificates() || key.Owner != stack.Ingress {
		return nil, nil
	}
	old, err := i.listOrOld(ctx, ownListingLifetime)
	if err != nil {
		return nil, err
	}
	if err := i.readCertificateTags(ctx); err != nil {
		return nil, err
	}
	own, pending := i.ownARNs(key)
	if desired != nil && i.unwanted(own, desired) { // whether others need their records must be known as of now
		if old, err = i.listOrOld(ctx, certificateLifetime); err != nil {
			return nil, err
		}
		own, pending = i.ownARNs(key)
	}
	details, err := i.details(ctx, own, certificateTagLifetime)
	if err != nil {
		return nil, err
	}
	fresh, err := shared(ctx, i, "pending certificates of "+key.String(), func(ctx context.Context) (map[string]*elb.Certificate, error) {
		return i.details(ctx, pending, pendingLifetime)
	})
	if err != nil {
		return nil, err
	}
	var out []elb.Certificate
	zones := false
	for _, arn := range own {
		d := details[arn]
		if f, ok := fresh[arn]; ok {
			d = f
		}
		if d == nil {
			i.dropCertificate(arn)
			continue
		}
		c := i.ownCertificate(key, *d)
		if old { // others may need its records by now
			c.Records = nil
		}
		out = append(out, c)
		zones = zones || len(c.Records) > 0
	}
	if zones && slices.ContainsFunc(out, func(c elb.Certificate) bool { return needsZones(c, desired) }) {
		if out, err = i.withZones(ctx, out); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b elb.Certificate) int { return strings.Compare(a.ID+"\x00"+a.ARN, b.ID+"\x00"+b.ARN) })
	return out, nil
}

// listOrOld is listCertificates for what stacks own: where listing is not allowed any more, the former one serves on, and old is true.
// What is deleted meanwhile would otherwise leave its certificates for good.
func (i *Inventory) listOrOld(ctx context.Context, age time.Duration) (old bool, err error) {
	err = i.listCertificates(ctx, age)
	i.mu.Lock()
	defer i.mu.Unlock()
	if err != nil && denied(err) && i.certs.known {
		return true, nil
	}
	return false, err
}

// ownARNs are the certificates whose tags name the stack, and those of them that change by themselves.
func (i *Inventory) ownARNs(key stack.Key) (own, pending []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for arn, r := range i.certs.records {
		if k, _, ok := i.identify(r.Tags); !ok || k != key || !i.cfg.mayOwn(r.Type) {
			continue
		}
		own = append(own, arn)
		if r.Status == elb.Pending {
			pending = append(pending, arn)
		}
	}
	slices.Sort(own)
	slices.Sort(pending)
	return own, pending
}

// unwanted reports whether a stack owns what it does not wish for.
func (i *Inventory) unwanted(own []string, desired *stack.Stack) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.ContainsFunc(own, func(arn string) bool {
		r := i.certs.records[arn]
		return r != nil && !slices.ContainsFunc(desired.Certificates, func(w stack.Certificate) bool {
			return w.ID == r.Tags[naming.ResourceTag(stack.Ingress)]
		})
	})
}

// needsZones reports whether records of a certificate are to be written or deleted, as far as can be told here.
func needsZones(c elb.Certificate, desired *stack.Stack) bool {
	if len(c.Records) == 0 || desired == nil {
		return false
	}
	wanted := slices.ContainsFunc(desired.Certificates, func(w stack.Certificate) bool { return w.ID == c.ID && slices.Equal(w.Names, c.Names) })
	return !wanted || c.Status == elb.Pending || c.Overdue
}

// ownCertificate completes what DescribeCertificate told.
func (i *Inventory) ownCertificate(key stack.Key, c elb.Certificate) elb.Certificate {
	i.mu.Lock()
	defer i.mu.Unlock()
	r := i.certs.records[c.ARN]
	if r == nil {
		return c
	}
	_, c.ID, _ = i.identify(r.Tags)
	c.Tags, c.Published = r.Tags, r.published
	if c.Imported {
		c.Content = r.Tags[naming.ContentTag]
		if r.tried != nil && r.tried.Serial == c.Serial {
			i.certs.imported(certificateOwner(key, c.ID), c.ARN, i.cfg.Now())
			r.content, r.tried = r.tried.Hash, nil
		}
		if r.content != "" {
			c.Content = r.content // whatever became of the tag
		}
	}
	now := i.cfg.Now()
	if c.Status == elb.Pending && r.watched.IsZero() && now.Sub(r.created) <= certificatePatience {
		r.watched = now
	}
	c.Overdue = i.certs.overdue(key, c, r, now)
	c.Records = slices.Clone(c.Records)
	for n := range c.Records {
		c.Records[n].Shared = i.certs.needed(c.Records[n].Domain, c.ARN)
	}
	if r.Status == gone {
		c.Status, c.Overdue = gone, true
	}
	return c
}

// overdue: a certificate that somebody else, or an earlier life of this process, asked for and that is not issued after a few
// minutes is asked for anew, as is one that this process has waited for in vain for long, or that ACM has given up. Each further
// attempt takes twice as long, because the number of requests in a year is limited.
func (s *certificateShelf) overdue(key stack.Key, c elb.Certificate, r *certificateRecord, now time.Time) bool {
	longer := time.Duration(1) << min(max(s.asked[certificateOwner(key, c.ID)]-1, 0), 8)
	switch {
	case c.Imported || c.Status == "ISSUED":
		return false
	case c.Status != elb.Pending:
		return now.Sub(r.created) > certificatePatience*longer
	case r.watched.IsZero():
		return now.Sub(r.created) > certificatePatience*longer
	}
	return now.Sub(r.watched) > longestCertificateWait*longer
}

// needed reports whether another certificate needs the validation record of a domain.
func (s *certificateShelf) needed(domain, except string) bool {
	for arn, r := range s.records {
		if arn == except || r.Type != "AMAZON_ISSUED" || r.Status != "ISSUED" && r.Status != elb.Pending {
			continue
		}
		if slices.ContainsFunc(r.Domains, func(d string) bool { return strings.EqualFold(strings.TrimPrefix(d, "*."), domain) }) {
			return true
		}
	}
	return false
}

func (i *Inventory) dropCertificate(arn string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.certs.forget(arn, i.cfg.Now())
	i.certs.publish()
}

// withZones fills in where the records belong.
func (i *Inventory) withZones(ctx context.Context, cs []elb.Certificate) ([]elb.Certificate, error) {
	zones, err := i.hostedZones(ctx)
	if err != nil && !denied(err) { // without them no record is written or deleted
		return nil, err
	}
	for n := range cs {
		for m := range cs[n].Records {
			if z, ok := facts.ZoneOf(zones, cs[n].Records[m].Domain); ok {
				cs[n].Records[m].Zone = z.ID
			}
		}
	}
	return cs, nil
}

func (i *Inventory) hostedZones(ctx context.Context) ([]facts.HostedZone, error) {
	return i.zones.Get(ctx)
}

// listHostedZones lists the public ones of all pages: nobody outside asks private ones.
func (i *Inventory) listHostedZones(ctx context.Context) ([]facts.HostedZone, error) {
	out := []facts.HostedZone{}
	for p := route53.NewListHostedZonesPaginator(i.clients.Route53, &route53.ListHostedZonesInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing hosted zones: %w", err)
		}
		for _, z := range page.HostedZones {
			if z.Config != nil && z.Config.PrivateZone || z.Id == nil || z.Name == nil {
				continue
			}
			out = append(out, facts.HostedZone{ID: strings.TrimPrefix(*z.Id, "/hostedzone/"), Name: strings.ToLower(strings.TrimSuffix(*z.Name, "."))})
		}
	}
	return out, nil
}

func (a *answer) hostedZones(ctx context.Context) error {
	zones, err := a.i.hostedZones(ctx)
	if err == nil {
		a.set(func(f *facts.Facts) { f.HostedZones = zones })
	}
	return err
}

// ownCertificates answers for the stack that is being compiled: at most one at a time.
func (a *answer) ownCertificates(ctx context.Context) error {
	for _, k := range a.keys(facts.NeedOwnCertificates) {
		cs, err := a.i.certificatesOf(ctx, parseKey(k), nil)
		if err != nil {
			return err
		}
		a.set(func(f *facts.Facts) {
			f.OwnKnown, f.Own, f.ImportsLastYear = true, nil, a.i.ImportsLastYear()
			for _, c := range cs {
				f.Own = append(f.Own, facts.OwnCertificate{
					ARN: c.ARN, ID: c.ID, Status: c.Status, Reason: c.Reason, Names: c.Names, Authority: c.Authority, Since: a.i.createdAt(c.ARN),
				})
			}
		})
	}
	return nil
}

func (i *Inventory) createdAt(arn string) time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	if r := i.certs.records[arn]; r != nil {
		return r.created
	}
	return time.Time{}
}

// recordCertificate writes an operation on certificates through. i.mu is held.
func (i *Inventory) recordCertificate(key stack.Key, op plan.Operation, out plan.Output, resolve func(stack.Ref) string) {
	s, now := &i.certs, i.cfg.Now()
	add := func(c stack.Certificate, kind, status string, d *elb.Certificate) {
		r := &certificateRecord{
			Certificate: facts.Certificate{ARN: out.ID, Status: status, Domains: domains(c.Domain, c.Names), Type: kind, CA: c.Authority},
			created:     now, wrote: i.writes, watched: now, certificateDetail: certificateDetail{d, now},
		}
		r.listed = r.Certificate
		r.setTags(c.Tags, now)
		s.records[out.ID] = r
		s.publish()
	}
	switch op := op.(type) {
	case elb.RequestCertificate:
		kind := "AMAZON_ISSUED"
		if op.Certificate.Authority != "" {
			kind = "PRIVATE"
		}
		add(op.Certificate, kind, elb.Pending, nil)
		s.asked[certificateOwner(key, op.Certificate.ID)]++
	case elb.ImportCertificate:
		pair := op.Certificate.Import
		d := elb.Certificate{ARN: out.ID, Status: "ISSUED", Imported: true, Algorithm: pair.Algorithm, Serial: pair.Serial, Certificate: op.Certificate}
		d.Import = nil
		if op.At == (stack.Ref{}) {
			add(op.Certificate, "IMPORTED", "ISSUED", &d)
			s.records[out.ID].content = pair.Hash
			s.imported(certificateOwner(key, op.Certificate.ID), out.ID, now)
			return
		}
		d.ARN = resolve(op.At)
		s.imported(certificateOwner(key, op.Certificate.ID), d.ARN, now)
		if r := s.records[d.ARN]; r != nil {
			r.Status, r.Domains = "ISSUED", domains(op.Certificate.Domain, op.Certificate.Names)
			r.listed = r.Certificate
			r.detail, r.detailAt, r.content, r.tried = &d, now, pair.Hash, nil
			s.publish()
		}
	case elb.AddTagsToCertificate:
		if r := s.records[resolve(op.Certificate)]; r != nil {
			tags := map[string]string{}
			for _, m := range []map[string]string{r.Tags, op.Tags} {
				for k, v := range m {
					tags[k] = v
				}
			}
			r.setTags(tags, now)
			s.publish()
		}
	case elb.PublishValidation:
		if r := s.records[resolve(op.Certificate)]; r != nil {
			r.published, r.watched = append(slices.Clone(r.published), op.Zone), now
		}
	case elb.DeleteCertificate:
		s.forget(resolve(op.Certificate), now)
		s.publish()
	}
}

// CertificateWait is how long to wait before another look at the certificates of a stack; 0 = none of them changes by itself. It counts no
// failures: the pause follows from the age of the youngest certificate that is not issued, and ends at a minute.
func (i *Inventory) CertificateWait(key stack.Key) time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	var wait time.Duration
	for _, r := range i.certs.records {
		if k, _, ok := i.identify(r.Tags); !ok || k != key || !i.cfg.mayOwn(r.Type) || r.Status == "ISSUED" {
			continue
		}
		next := time.Minute
		if age := i.cfg.Now().Sub(r.created); r.Status == elb.Pending && age < certificatePatience {
			next = max(time.Second, min(age/4, 15*time.Second))
		}
		if wait == 0 || next < wait {
			wait = next
		}
	}
	return wait
}
