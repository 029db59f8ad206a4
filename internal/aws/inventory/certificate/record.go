package certificate

import (
	"reflect"
	"time"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Record takes over what a successful operation of a stack did; resolve gives the ARN behind a reference. Operations on
// anything but certificates have no effect.
func (c *Certificates) Record(key stack.Key, op plan.Operation, out awsop.Output, resolve func(stack.Ref) string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.history.Next()
	effect := op.About().Effect
	arn, now := resolve(effect.Resource), c.cfg.Now()
	switch {
	case effect.Kind != stack.KindCertificate:
		return
	case effect.Verb == plan.Deletes:
		c.forget(arn)
		c.ends.forget(arn)
		c.publish()
		return
	}
	var before awsop.Observed
	r := c.records[arn]
	if r != nil {
		was := awsop.Certificate{ARN: arn, Published: r.published, Certificate: stack.Certificate{Tags: r.Tags}}
		_, was.ID, _ = naming.StackOf(c.cfg.Cluster, r.ARN, r.Tags)
		before.Certificates = []awsop.Certificate{was}
	}
	var shown facts.Certificate // before the operation
	if r != nil {
		shown = r.Certificate
	}
	for _, is := range awsop.Advance(before, op, out, resolve).Certificates {
		if r == nil {
			r = c.add(is)
			if effect.Import == nil {
				c.requested[ownerOf(key, is.ID)]++
				r.namespace = is.Namespace
				c.imports.add(now, requestsOf(key, is.ID), requestsOfNamespace(is.Namespace))
			}
		}
		if effect.Import != nil {
			c.imported(ownerOf(key, is.ID), is.ARN, now)
			r.Status, r.Domains = is.Status, domains(is.Domain, is.Names)
			r.listed = r.Certificate
			r.content, r.tried = is.Content, nil
			c.details.Put(is.ARN, &is)
		}
		if effect.Verb == plan.Retags {
			c.tag(r, is.Tags)
		}
		if len(is.Published) > len(r.published) {
			r.published, r.watched = is.Published, now
		}
		if !reflect.DeepEqual(shown, r.Certificate) { // else all of them would be published with each renewal of one
			c.publish()
		}
	}
}

// add adds a certificate that this process has just made. c.mu is held.
func (c *Certificates) add(is awsop.Certificate) *record {
	kind := "AMAZON_ISSUED"
	switch {
	case is.Imported:
		kind = "IMPORTED"
	case is.Authority != "":
		kind = "PRIVATE"
	}
	now := c.cfg.Now()
	r := &record{
		Certificate: facts.Certificate{ARN: is.ARN, Status: is.Status, Domains: domains(is.Domain, is.Names), Type: kind,
			CA: is.Authority},
		createdAt: now, wrote: c.history.Now(), watched: now,
	}
	r.listed = r.Certificate
	c.records[is.ARN] = r
	c.tag(r, is.Tags)
	return r
}

// tag takes over tags that this process wrote. c.mu is held.
func (c *Certificates) tag(r *record, tags map[string]string) {
	c.setTags(r, tags)
	c.tags.Put(r.ARN, r.Tags)
}

// MarkUncertain takes note of an operation on a certificate of which it is not known whether it had an effect. What it
// concerns is read again.
func (c *Certificates) MarkUncertain(effect plan.Effect, resolve func(stack.Ref) string) {
	c.Forget()
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.records[resolve(effect.Resource)]
	switch {
	case r == nil:
	case effect.Import != nil:
		// The certificate is described again. If its serial number is then that of what was imported, and was not before, the
		// import had its effect, and takes nothing more of the year's quota. Of a chain that alone is another one this cannot
		// be known.
		if d, known := c.details.Peek(r.ARN); known && d.Serial != effect.Import.Serial {
			r.tried = &stack.KeyPair{Hash: effect.Import.Hash, Serial: effect.Import.Serial}
		}
		c.forgetDetail(r.ARN)
	case effect.Verb == plan.Deletes:
		r.leaving = true
	}
}

// Wait returns how long to wait before another look at the certificates of a stack; 0 = none of them changes by itself.
// It counts no failures: the pause follows from the age of the youngest certificate that is not issued, and ends at a
// minute.
func (c *Certificates) Wait(key stack.Key) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	var wait time.Duration
	for _, r := range c.byStack[key] {
		if !c.cfg.mayOwn(r.Type) || r.Status == facts.Issued {
			continue
		}
		next := time.Minute
		if age := c.cfg.Now().Sub(r.createdAt); r.Status == facts.Pending && age < longestPending {
			next = max(time.Second, min(age/4, 15*time.Second))
		}
		if wait == 0 || next < wait {
			wait = next
		}
	}
	return wait
}
