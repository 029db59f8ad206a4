package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"

	"github.com/k8s-lbc/lbc/internal/backoff"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// readCertificateTags reads the tags of certificates that stacks may own, each once in a long while.
func (i *Inventory) readCertificateTags(ctx context.Context) error {
	for {
		ask, err := i.untagged()
		if err != nil || len(ask) == 0 {
			return err
		}
		_, err = shared(ctx, i, "certificate tags", func(ctx context.Context) (struct{}, error) {
			err := each(ctx, ask, i.describeCertificateTags, func(string, struct{}) {})
			i.mu.Lock()
			defer i.mu.Unlock()
			i.certs.tagged(err, i.cfg.Now())
			i.certs.publish()
			return struct{}{}, err
		})
		if err != nil {
			return err
		}
	}
}

// certificateTagPauses are those after reads of tags that failed, of all who need them together.
var certificateTagPauses = backoff.Policy{First: 2 * time.Second, Longest: time.Minute}

// tagged takes note of what came of a read of tags. i.mu is held.
func (s *certificateShelf) tagged(err error, now time.Time) {
	if s.unread = err; err == nil {
		s.tagsFailures = 0
		return
	}
	s.tagsFailures++
	pause := certificateTagPauses.Pause(s.tagsFailures)
	if denied(err) {
		pause = deniedLifetime
	}
	s.retryTags = now.Add(pause)
}

// untagged lists the certificates whose tags are to be read, or tells why they cannot be read.
func (i *Inventory) untagged() (arns []string, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.cfg.Now()
	for arn, r := range i.certs.records {
		if i.cfg.mayOwn(r.Type) && (r.tagsAt.IsZero() || now.Sub(r.tagsAt) > certificateTagLifetime) {
			arns = append(arns, arn)
		}
	}
	if len(arns) > 0 && i.certs.unread != nil && now.Before(i.certs.retryTags) {
		return nil, i.certs.unread
	}
	slices.Sort(arns)
	return arns, nil
}

// describeCertificateTags keeps what it reads at once, so that a long reading that is cut off need not begin anew.
func (i *Inventory) describeCertificateTags(ctx context.Context, arn string) (struct{}, error) {
	got, err := i.clients.ACM.ListTagsForCertificate(ctx, &acm.ListTagsForCertificateInput{CertificateArn: aws.String(arn)})
	if err != nil && !vanished(err) {
		return struct{}{}, fmt.Errorf("reading the tags of certificate %s: %w", arn, err)
	}
	tags := map[string]string{}
	if err == nil {
		for _, t := range got.Tags {
			tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if r := i.certs.records[arn]; r != nil {
		r.setTags(tags, i.cfg.Now())
	}
	return struct{}{}, nil
}

// setTags replaces the tags; those with all keys of the tracking tags mark what some stack of some cluster owns.
func (r *certificateRecord) setTags(tags map[string]string, at time.Time) {
	_, cluster := tags[naming.ClusterTag]
	_, owner := tags[naming.StackTag(stack.Ingress)]
	r.Tags, r.Owned, r.tagsAt = maps.Clone(tags), cluster && owner, at
}
