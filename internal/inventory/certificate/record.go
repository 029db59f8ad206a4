package certificate

import (
	"maps"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Record takes over what a successful operation of a stack did; resolve gives the ARN behind a reference. Operations on anything but
// certificates have no effect.
func (c *Certificates) Record(key stack.Key, op plan.Operation, out plan.Output, resolve func(stack.Ref) string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes++
	now := c.cfg.Now()
	switch op := op.(type) {
	case elb.RequestCertificate:
		kind := "AMAZON_ISSUED"
		if op.Certificate.Authority != "" {
			kind = "PRIVATE"
		}
		c.add(out.ID, op.Certificate, kind, elb.Pending)
		c.requested[ownerOf(key, op.Certificate.ID)]++
	case elb.ImportCertificate:
		pair := op.Certificate.Import
		d := elb.Certificate{ARN: out.ID, Status: "ISSUED", Imported: true, Algorithm: pair.Algorithm, Serial: pair.Serial, Certificate: op.Certificate}
		d.Import = nil
		if op.At == (stack.Ref{}) {
			c.add(out.ID, op.Certificate, "IMPORTED", "ISSUED")
		} else {
			d.ARN = resolve(op.At)
		}
		c.imported(ownerOf(key, op.Certificate.ID), d.ARN, now)
		if r := c.records[d.ARN]; r != nil {
			r.Status, r.Domains = "ISSUED", domains(op.Certificate.Domain, op.Certificate.Names)
			r.listed = r.Certificate
			r.content, r.tried = pair.Hash, nil
			c.details.Put(d.ARN, &d)
			c.publish()
		}
	case elb.AddTagsToCertificate:
		if r := c.records[resolve(op.Certificate)]; r != nil {
			tags := maps.Clone(r.Tags)
			if tags == nil {
				tags = map[string]string{}
			}
			maps.Copy(tags, op.Tags)
			c.tag(r, tags)
			c.publish()
		}
	case elb.PublishValidation:
		if r := c.records[resolve(op.Certificate)]; r != nil {
			r.published, r.watched = append(slices.Clone(r.published), op.Zone), now
		}
	case elb.DeleteCertificate:
		c.forget(resolve(op.Certificate), now)
		c.publish()
	}
}

// add adds a certificate that this process has just made. c.mu is held.
func (c *Certificates) add(arn string, of stack.Certificate, kind, status string) {
	now := c.cfg.Now()
	r := &record{
		Certificate: facts.Certificate{ARN: arn, Status: status, Domains: domains(of.Domain, of.Names), Type: kind, CA: of.Authority},
		createdAt:   now, wrote: c.writes, watched: now,
	}
	r.listed = r.Certificate
	c.records[arn] = r
	c.tag(r, of.Tags)
	c.publish()
}

// tag takes over tags that this process wrote. c.mu is held.
func (c *Certificates) tag(r *record, tags map[string]string) {
	r.setTags(tags, c.cfg.Now())
	c.tags.Put(r.ARN, r.Tags)
}

// MarkUncertain takes note of an operation of which it is not known whether it had an effect. What it concerns is read again.
func (c *Certificates) MarkUncertain(op plan.Operation, resolve func(stack.Ref) string) {
	switch op.(type) {
	case elb.ImportCertificate, elb.DeleteCertificate, elb.RequestCertificate, elb.AddTagsToCertificate, elb.PublishValidation:
		c.Forget()
	default:
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch op := op.(type) {
	case elb.ImportCertificate:
		// The certificate is described again. If its serial number is then that of what was imported, and was not before, the import had its
		// effect, and takes nothing more of the year's quota. Of a chain that alone is another one this cannot be known.
		arn, pair := resolve(op.At), op.Certificate.Import
		if r := c.records[arn]; r != nil {
			if d, known := c.details.Peek(arn); known && d.Serial != pair.Serial {
				r.tried = &stack.KeyPair{Hash: pair.Hash, Serial: pair.Serial}
			}
			c.forgetDetail(arn)
		}
	case elb.DeleteCertificate:
		if r := c.records[resolve(op.Certificate)]; r != nil {
			r.leaving = true
		}
	}
}

// Wait is how long to wait before another look at the certificates of a stack; 0 = none of them changes by itself. It counts no failures:
// the pause follows from the age of the youngest certificate that is not issued, and ends at a minute.
func (c *Certificates) Wait(key stack.Key) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	var wait time.Duration
	for _, r := range c.records {
		if k, _, ok := naming.StackOf(c.cfg.Cluster, r.Tags); !ok || k != key || !c.cfg.mayOwn(r.Type) || r.Status == "ISSUED" {
			continue
		}
		next := time.Minute
		if age := c.cfg.Now().Sub(r.createdAt); r.Status == elb.Pending && age < patience {
			next = max(time.Second, min(age/4, 15*time.Second))
		}
		if wait == 0 || next < wait {
			wait = next
		}
	}
	return wait
}
