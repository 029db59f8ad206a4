package certificate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/route53"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Of returns the certificates that a stack owns, sorted by identity and ARN; the list belongs to the caller. What was
// read of them is believed, except of those that are not issued yet. desired is what the stack wants; nil = it is not
// compared. On an error nothing may be concluded about what the stack owns; one that says that a permission is missing
// lasts until the role's policy is changed.
func (c *Certificates) Of(ctx context.Context, key stack.Key, desired *stack.Stack) ([]awsop.Certificate, error) {
	if !c.mayHave(key.Owner) {
		return nil, nil
	}
	old, err := c.listOrOld(ctx, ownListLifetime)
	if err != nil {
		return nil, err
	}
	if err := c.updateTags(ctx); err != nil {
		return nil, err
	}
	own, pending := c.ownARNs(key)
	if desired != nil && c.unwanted(own, desired) { // whether others need their records must be known as of now
		if old, err = c.listOrOld(ctx, Lifetime); err != nil {
			return nil, err
		}
		own, pending = c.ownARNs(key)
	}
	details, err := c.detailsOf(ctx, own, tagLifetime)
	if err != nil {
		return nil, err
	}
	fresh, err := c.detailsOf(ctx, pending, pendingLifetime)
	if err != nil {
		return nil, err
	}
	var out []awsop.Certificate
	zones := false
	for _, arn := range own {
		d := details[arn]
		if slices.Contains(pending, arn) {
			d = fresh[arn]
		}
		if d == nil {
			c.drop(arn)
			continue
		}
		own := c.complete(key, *d)
		if old { // others may need its records by now
			own.Records = nil
		}
		out = append(out, own)
		zones = zones || len(own.Records) > 0
	}
	if zones && slices.ContainsFunc(out, func(own awsop.Certificate) bool { return needsZones(own, desired) }) {
		if out, err = c.withZones(ctx, out); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b awsop.Certificate) int { return strings.Compare(a.ID+"\x00"+a.ARN, b.ID+"\x00"+b.ARN) })
	return out, nil
}

// mayHave reports whether stacks of an owner may own certificates.
func (c *Certificates) mayHave(o stack.Owner) bool {
	return c.cfg.owned() && owner.Of(o).OwnsCertificates && !slices.Contains(c.cfg.Without, o)
}

// Prefetch begins to read the list in the background if stacks of an owner may own certificates and no list was begun
// for this reason before. Of, which needs it for the first stack, waits for the rest of the read only. What comes of it
// is the answer of that call.
func (c *Certificates) Prefetch(ctx context.Context, o stack.Owner) {
	if !c.mayHave(o) || c.prefetched.Swap(true) {
		return
	}
	go c.list.Within(ctx, ownListLifetime) //nolint:errcheck // Of returns the error of the same read, or of its own
}

// listOrOld makes sure that a list is known that is no older than age. Where listing is no longer allowed, the former
// list serves on, and old is true: what is deleted meanwhile would otherwise leave its certificates for good.
func (c *Certificates) listOrOld(ctx context.Context, age time.Duration) (old bool, err error) {
	if _, err = c.list.Within(ctx, age); err == nil || !denied(err) {
		return false, err
	}
	if _, known := c.list.Peek(); known {
		return true, nil
	}
	return false, err
}

// ownARNs are the certificates whose tags name the stack, and those of them that change by themselves.
func (c *Certificates) ownARNs(key stack.Key) (own, pending []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for arn, r := range c.byStack[key] {
		if !c.cfg.mayOwn(r.Type) {
			continue
		}
		own = append(own, arn)
		if r.Status == facts.Pending {
			pending = append(pending, arn)
		}
	}
	slices.Sort(own)
	slices.Sort(pending)
	return own, pending
}

// Owned returns the ARNs of the certificates that stacks own, by stack, as they were within an age. It is nil where
// stacks may own none.
func (c *Certificates) Owned(ctx context.Context, age time.Duration) (map[stack.Key][]string, error) {
	if !c.cfg.owned() {
		return nil, nil
	}
	if _, err := c.list.Within(ctx, age); err != nil {
		return nil, err
	}
	if err := c.updateTags(ctx); err != nil {
		return nil, err
	}
	return c.KnownOwned(), nil
}

// KnownOwned returns the ARNs of the certificates that stacks own, by stack, as far as they were listed for what stacks
// want. It reads nothing.
func (c *Certificates) KnownOwned() map[stack.Key][]string {
	if _, listed := c.list.Peek(); !c.cfg.owned() || !listed {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[stack.Key][]string{}
	for key, own := range c.byStack {
		for arn, r := range own {
			if c.cfg.mayOwn(r.Type) && !slices.Contains(c.cfg.Without, key.Owner) {
				out[key] = append(out[key], arn)
			}
		}
	}
	return out
}

// unwanted reports whether a stack owns what it does not want.
func (c *Certificates) unwanted(own []string, desired *stack.Stack) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(own, func(arn string) bool {
		r := c.records[arn]
		return r != nil && !slices.ContainsFunc(desired.Certificates, func(w stack.Certificate) bool {
			return w.ID == r.Tags[naming.ResourceTag(desired.Key.Owner)]
		})
	})
}

// needsZones reports whether records of a certificate are to be written or deleted, as far as is known here.
func needsZones(c awsop.Certificate, desired *stack.Stack) bool {
	if len(c.Records) == 0 || desired == nil {
		return false
	}
	wanted := slices.ContainsFunc(desired.Certificates, func(w stack.Certificate) bool {
		return w.ID == c.ID &&
			slices.Equal(w.Names, c.Names)
	})
	return !wanted || c.Status == facts.Pending || c.Overdue
}

// complete adds what is known of a certificate besides its description.
func (c *Certificates) complete(key stack.Key, d awsop.Certificate) awsop.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.records[d.ARN]
	if r == nil {
		return d
	}
	now := c.cfg.Now()
	_, d.ID, _ = naming.StackOf(c.cfg.Cluster, r.ARN, r.Tags)
	d.Tags, d.Published = r.Tags, r.published
	if d.Imported {
		d.Content = r.Tags[naming.ContentTag]
		if r.tried != nil && r.tried.Serial == d.Serial {
			c.imported(ownerOf(key, d.ID), d.ARN, now)
			r.content, r.tried = r.tried.Hash, nil
		}
		d.Content = cmp.Or(r.content, d.Content) // whatever became of the tag
	}
	if d.Status == facts.Pending && r.watched.IsZero() && now.Sub(r.createdAt) <= longestPending {
		r.watched = now
	}
	d.Overdue = c.overdue(key, d, r, now)
	d.Records = slices.Clone(d.Records)
	for n := range d.Records {
		d.Records[n].Shared = c.needed(d.Records[n].Domain, d.ARN)
	}
	if r.Status == gone {
		d.Status, d.Overdue = gone, true
	}
	return d
}

// overdue reports whether another certificate is to be requested in place of one: of one that another controller, or an
// earlier process, requested and that is not issued after a few minutes, one that this process has waited for in vain
// for long, and one that ACM has given up. Each further request takes twice as long, because the number of requests in
// a year is limited. c.mu is held.
func (c *Certificates) overdue(key stack.Key, d awsop.Certificate, r *record, now time.Time) bool {
	longer := time.Duration(1) << min(max(c.requested[ownerOf(key, d.ID)]-1, 0), 8)
	switch {
	case d.Imported || d.Status == facts.Issued:
		return false
	case d.Status != facts.Pending, r.watched.IsZero():
		return now.Sub(r.createdAt) > longestPending*longer
	}
	return now.Sub(r.watched) > longestWait*longer
}

// needed reports whether another certificate needs the validation record of a domain. c.mu is held.
func (c *Certificates) needed(domain, except string) bool {
	if c.validated == nil {
		c.validated = map[string][]string{}
		for arn, r := range c.records {
			for _, d := range r.Domains {
				d = validatedBy(d)
				c.validated[d] = append(c.validated[d], arn)
			}
		}
	}
	return slices.ContainsFunc(c.validated[validatedBy(domain)], func(arn string) bool {
		r := c.records[arn]
		return arn != except && r.Type == "AMAZON_ISSUED" && (r.Status == facts.Issued || r.Status == facts.Pending)
	})
}

// validatedBy is the domain whose validation record proves a name.
func validatedBy(name string) string { return strings.ToLower(strings.TrimPrefix(name, "*.")) }

func (c *Certificates) drop(arn string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(arn)
	c.publish()
}

// withZones fills in where the records belong.
func (c *Certificates) withZones(ctx context.Context, cs []awsop.Certificate) ([]awsop.Certificate, error) {
	zones, err := c.zones.Get(ctx)
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

// listZones lists the public zones: private ones are not asked from outside.
func (c *Certificates) listZones(ctx context.Context) ([]facts.HostedZone, error) {
	out := []facts.HostedZone{}
	for p := route53.NewListHostedZonesPaginator(c.route53, &route53.ListHostedZonesInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing hosted zones: %w", err)
		}
		for _, z := range page.HostedZones {
			if z.Config != nil && z.Config.PrivateZone || z.Id == nil || z.Name == nil {
				continue
			}
			out = append(out, facts.HostedZone{ID: strings.TrimPrefix(*z.Id, "/hostedzone/"),
				Name: strings.ToLower(strings.TrimSuffix(*z.Name, "."))})
		}
	}
	return out, nil
}
