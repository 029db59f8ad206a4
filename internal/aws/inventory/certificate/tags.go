package certificate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lib/backoff"
)

// tagPauses are those after reads of tags that failed, of all callers together.
var tagPauses = backoff.Policy{First: 2 * time.Second, Longest: time.Minute}

// updateTags reads the tags of certificates that stacks may own, each once in a long while, some at a time.
func (c *Certificates) updateTags(ctx context.Context) error {
	arns, err := c.untagged()
	if err != nil {
		return err
	}
	for some := range slices.Chunk(arns, readers) {
		var got map[string]map[string]string
		if got, err = c.tags.Get(ctx, some...); err != nil {
			break
		}
		c.mu.Lock()
		for arn, tags := range got {
			if r := c.records[arn]; r != nil {
				c.setTags(r, tags)
			}
		}
		c.mu.Unlock()
	}
	if len(arns) == 0 || ctx.Err() != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tagged(err)
	c.publish()
	return err
}

// tagged takes note of what came of a read of tags. c.mu is held.
func (c *Certificates) tagged(err error) {
	now := c.cfg.Now()
	switch {
	case err == nil:
		c.unread, c.tagsFailures = nil, 0
		return
	case c.unread != nil && now.Before(c.retryTags): // the same failure, reported to another caller
		return
	}
	c.unread = err
	c.tagsFailures++
	pause := tagPauses.Pause(c.tagsFailures)
	if denied(err) {
		pause = deniedLifetime
	}
	c.retryTags = now.Add(pause)
}

// untagged lists the certificates whose tags are to be read, or returns why they cannot be read.
func (c *Certificates) untagged() (arns []string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Now()
	if now.Before(c.tagsDue) {
		return nil, nil
	}
	next := now.Add(tagLifetime)
	for arn, r := range c.records {
		switch due := r.tagsAt.Add(tagLifetime); {
		case !c.cfg.mayOwn(r.Type):
		case r.tagsAt.IsZero() || now.After(due):
			arns = append(arns, arn)
		case due.Before(next):
			next = due
		}
	}
	if len(arns) == 0 {
		c.tagsDue = next
	}
	if len(arns) > 0 && c.unread != nil && now.Before(c.retryTags) {
		return nil, c.unread
	}
	slices.Sort(arns)
	return arns, nil
}

// readTags reads the tags of one certificate; one that does not exist has none.
func (c *Certificates) readTags(ctx context.Context, arn string) (map[string]string, bool, error) {
	got, err := c.acm.ListTagsForCertificate(ctx, &acm.ListTagsForCertificateInput{CertificateArn: aws.String(arn)})
	if err != nil && !notFound(err) {
		return nil, false, fmt.Errorf("reading the tags of certificate %s: %w", arn, err)
	}
	tags := map[string]string{}
	if err == nil {
		for _, t := range got.Tags {
			tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
	}
	return tags, true, nil
}

// setTags replaces the tags that were just read or written; those with all keys of the tracking tags mark what some
// stack of some cluster owns. c.mu is held.
func (c *Certificates) setTags(r *record, tags map[string]string) {
	_, cluster := tags[naming.ClusterTag]
	owned := slices.ContainsFunc(owner.Kinds, func(k owner.Kind) bool {
		_, stack := tags[naming.StackTag(k.Owner)]
		return stack && k.OwnsCertificates
	})
	c.unindex(r)
	r.Tags, r.Owned, r.tagsAt = maps.Clone(tags), cluster && owned, c.cfg.Now()
	if key, _, ok := naming.StackOf(c.cfg.Cluster, r.ARN, r.Tags); ok {
		if c.byStack[key] == nil {
			c.byStack[key] = map[string]*record{}
		}
		c.byStack[key][r.ARN] = r
	}
}

// unindex removes a certificate from those of its stack. c.mu is held.
func (c *Certificates) unindex(r *record) {
	key, _, _ := naming.StackOf(c.cfg.Cluster, r.ARN, r.Tags)
	if delete(c.byStack[key], r.ARN); len(c.byStack[key]) == 0 {
		delete(c.byStack, key)
	}
}
