package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	aga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/absence"
	"github.com/k8s-lbc/lbc/internal/lib/order"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
)

const (
	// pageSize is the most that the API returns at once (API reference, ListAccelerators).
	pageSize = 100
	// shareFor is how long a list of the account counts for other accelerators, as after a start, when all are read.
	shareFor = 10 * time.Second
	// foreignFor is how long an accelerator that is another's is not asked for its tags again.
	foreignFor = 10 * time.Minute
)

// listing is a list of all accelerators of the account, without tags and listeners.
type listing struct {
	at  order.Mark // at which it was begun
	all []listed
}

type listed struct {
	accelerator.Observed
	created time.Time
}

// foreign are tags of an accelerator.
type foreign struct {
	tags map[string]string
	at   time.Time
}

// list lists the account, or returns a list that covers since, has all accelerators of this process, and is young.
func (a *Account) list(ctx context.Context, since order.Mark) ([]listed, error) {
	select {
	case a.listing <- struct{}{}:
		defer func() { <-a.listing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	a.mu.Lock()
	last, changed, now := a.listed, a.changed, a.history.Now()
	a.mu.Unlock()
	if last.at.Covers(since) && last.at.Covers(changed) && now.At.Before(last.at.At.Add(shareFor)) {
		return last.all, nil
	}
	out := listing{at: now}
	for token := (*string)(nil); ; {
		page, err := a.clients.Accelerators.ListAccelerators(ctx, &aga.ListAcceleratorsInput{MaxResults: aws.Int32(pageSize),
			NextToken: token})
		if err != nil {
			return nil, err
		}
		for i := range page.Accelerators {
			x := &page.Accelerators[i]
			out.all = append(out.all, listed{awsclient.FromAccelerator(x), aws.ToTime(x.CreatedTime)})
		}
		if token = page.NextToken; token == nil {
			break
		}
	}
	slices.SortFunc(out.all, func(a, b listed) int { return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.ARN, b.ARN)) })
	a.mu.Lock()
	defer a.mu.Unlock()
	a.listed = out
	return out.all, nil
}

// written records a creation or deletion, which makes lists incomplete that began before.
func (a *Account) written() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.changed = a.history.Next()
}

func (a *Account) describe(ctx context.Context, arn string) (accelerator.Observed, error) {
	out, err := a.clients.Accelerators.DescribeAccelerator(ctx, &aga.DescribeAcceleratorInput{
		AcceleratorArn: aws.String(arn)})
	if err != nil {
		return accelerator.Observed{}, err
	}
	o := awsclient.FromAccelerator(out.Accelerator)
	if _, err := absence.OfRead(o.ARN == arn, false, nil); err != nil {
		return accelerator.Observed{}, fmt.Errorf("accelerator %s: %w", arn, err)
	}
	return o, nil
}

func (a *Account) tags(ctx context.Context, arn string) (map[string]string, error) {
	out, err := a.clients.Accelerators.ListTagsForResource(ctx, &aga.ListTagsForResourceInput{
		ResourceArn: aws.String(arn)})
	if err != nil {
		return nil, err
	}
	return awsclient.FromAcceleratorTags(out.Tags), nil
}

// read reads an accelerator with all that is below it. The zero value means that there is none.
func (a *Account) read(ctx context.Context, key stack.Key, shown string, since order.Mark) (
	accelerator.Observed, error) {
	all, unlisted := a.list(ctx, since)
	if unlisted != nil && (shown == "" || awsclient.Classify(unlisted).Class != diag.Denied) {
		return accelerator.Observed{}, unlisted
	}
	all, err := a.withShown(ctx, shown, all)
	if unlisted != nil && len(all) == 0 { // a policy for the existing controller alone may lack the list
		return accelerator.Observed{}, unlisted
	}
	if err != nil {
		return accelerator.Observed{}, err
	}
	o, err := a.find(ctx, key, shown, all)
	if err != nil || !o.Exists() {
		return accelerator.Observed{}, err
	}
	if o.Listeners, err = a.listeners(ctx, o.ARN); missing(err) { // it was deleted just now
		a.written()
		return accelerator.Observed{}, nil
	}
	return o, err
}

// withShown is a list with the accelerator that an object shows. If the list lacks it, only AWS's answer to a read of
// it proves that it does not exist: AWS's lists may be empty by mistake.
func (a *Account) withShown(ctx context.Context, shown string, all []listed) ([]listed, error) {
	if shown == "" || slices.ContainsFunc(all, func(x listed) bool { return x.ARN == shown }) {
		return all, nil
	}
	root, err := a.describe(ctx, shown)
	switch {
	case missing(err):
		return all, a.identity.Other(ctx, shown)
	case err != nil:
		return nil, err
	}
	return append(slices.Clip(all), listed{Observed: root}), nil
}

// find is the accelerator of a key, with its tags: the one that its object shows, else the oldest with the tags of the
// object.
func (a *Account) find(ctx context.Context, key stack.Key, shown string, all []listed) (accelerator.Observed, error) {
	if at := slices.IndexFunc(all, func(x listed) bool { return x.ARN == shown }); at >= 0 && shown != "" {
		o := all[at].Observed
		tags, err := a.tags(ctx, shown)
		switch {
		case missing(err):
		case err != nil:
			return o, err
		case !a.config.Owns(key, tags):
			return o, &NotOwnedError{ARN: shown, Cluster: tags[naming.ClusterTag],
				Stack: tags[naming.StackTag(accelerator.Owner)]}
		default:
			o.Tags = tags
			return o, nil
		}
	}
	for _, x := range all {
		if x.ARN == shown || a.isOther(key, x.ARN) {
			continue
		}
		tags, err := a.tags(ctx, x.ARN)
		switch {
		case missing(err):
		case err != nil:
			return accelerator.Observed{}, err
		case a.config.Owns(key, tags):
			x.Tags = tags
			return x.Observed, nil
		default:
			a.mu.Lock()
			a.foreign[x.ARN] = foreign{tags, a.now()}
			a.mu.Unlock()
		}
	}
	return accelerator.Observed{}, nil
}

// isOther reports whether an accelerator is known to be not that of a key.
func (a *Account) isOther(key stack.Key, arn string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for k, e := range a.entries {
		if k != key && e.observed.ARN == arn {
			return true
		}
	}
	f, ok := a.foreign[arn]
	return ok && a.now().Before(f.at.Add(foreignFor)) && !a.config.Owns(key, f.tags)
}

// listeners reads the listeners of an accelerator with their endpoint groups: one list of listeners, and one of the
// groups of each.
func (a *Account) listeners(ctx context.Context, arn string) ([]accelerator.Listener, error) {
	var out []accelerator.Listener
	for token := (*string)(nil); ; {
		page, err := a.clients.Accelerators.ListListeners(ctx, &aga.ListListenersInput{AcceleratorArn: aws.String(arn),
			MaxResults: aws.Int32(pageSize), NextToken: token})
		if err != nil {
			return nil, err
		}
		for _, l := range page.Listeners {
			out = append(out, awsclient.FromAcceleratorListener(l))
		}
		if token = page.NextToken; token == nil {
			break
		}
	}
	var all error
	for i := range out {
		err := a.groups(ctx, &out[i])
		if !missing(err) { // a listener that was deleted just now has none
			all = errors.Join(all, err)
		}
	}
	return out, all
}

func (a *Account) groups(ctx context.Context, l *accelerator.Listener) error {
	for token := (*string)(nil); ; {
		page, err := a.clients.Accelerators.ListEndpointGroups(ctx, &aga.ListEndpointGroupsInput{
			ListenerArn: aws.String(l.ARN), MaxResults: aws.Int32(pageSize), NextToken: token})
		if err != nil {
			return err
		}
		for _, g := range page.EndpointGroups {
			l.Groups = append(l.Groups, awsclient.FromEndpointGroup(g))
		}
		if token = page.NextToken; token == nil {
			return nil
		}
	}
}
