package inventory

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"golang.org/x/sync/errgroup"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// readers limits how many reads run in parallel for one question.
const readers = 8

// readDetails reads what a diff with desired needs beyond the listing and what is not known yet. Of a stack that this
// process created, everything is known.
func (i *Inventory) readDetails(ctx context.Context, e *entry, desired *stack.Stack) error {
	if desired == nil {
		return nil
	}
	i.mu.Lock()
	d := details{i: i, obs: e.obs, reads: func(x awsop.Part, arn, id string, p *awsop.Parts) bool {
		if arn == desired.Adopts {
			id = stack.LoadBalancerIdentity
		}
		return !p.Known(x) && (x != awsop.PartAttributes || managesAttributes(desired, kindOf(arn), id))
	}}
	for n := range d.obs.TargetGroups { // the target of groups of type alb, which a stack registers itself
		if tg := &d.obs.TargetGroups[n]; tg.TargetType == stack.TargetALB && !tg.Known(awsop.PartTargets) {
			d.targetsOf = append(d.targetsOf, tg.ARN)
		}
	}
	// deletion needs no more
	if !desired.Empty() || desired.Retention == stack.RetainWithoutTags || len(desired.Beside) > 0 {
		d.plan()
	}
	if len(d.listenersOf)+len(d.rulesOf)+len(d.certificatesOf)+len(d.attributesOf)+len(d.targetsOf) == 0 {
		i.mu.Unlock()
		return nil
	}
	d.obs = e.obs.Clone()
	i.mu.Unlock()
	if err := d.run(ctx); err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	d.read.putInto(&e.obs, awsop.Read)
	i.recount(e.obs.Key)
	return nil
}

// managesAttributes reports whether a stack declares attributes for its resource with an identity. Only then they are
// read.
func managesAttributes(s *stack.Stack, kind stack.Kind, id string) bool {
	return kind == stack.KindLoadBalancer && slices.ContainsFunc(s.LoadBalancers,
		func(w stack.LoadBalancer) bool { return w.ID == id && len(w.Attributes) > 0 }) ||
		kind == stack.KindTargetGroup && slices.ContainsFunc(s.TargetGroups, func(w stack.TargetGroup) bool {
			return w.ID == id && len(w.Attributes) > 0
		}) ||
		kind == stack.KindListener && slices.ContainsFunc(s.Listeners, func(w stack.Listener) bool {
			return w.ID == id &&
				len(w.Attributes) > 0
		})
}

// details is one read below the level of listings: what to read, and the answers.
type details struct {
	i   *Inventory
	obs awsop.Observed
	// reads reports whether to read a part of the resource with an ARN and an identity; p says what is known of it.
	reads func(x awsop.Part, arn, id string, p *awsop.Parts) bool

	listenersOf, rulesOf, certificatesOf, attributesOf, targetsOf []string // ARNs

	read Snapshot // without tags
}

// plan decides what to read, by what is known.
func (d *details) plan() {
	for n := range d.obs.LoadBalancers {
		lb := &d.obs.LoadBalancers[n]
		if d.reads(awsop.PartListeners, lb.ARN, lb.ID, &lb.Parts) {
			d.listenersOf = append(d.listenersOf, lb.ARN)
		}
		d.planAttributes(lb.ARN, lb.ID, &lb.Parts)
	}
	for n := range d.obs.TargetGroups {
		d.planAttributes(d.obs.TargetGroups[n].ARN, d.obs.TargetGroups[n].ID, &d.obs.TargetGroups[n].Parts)
	}
	for n := range d.obs.Listeners {
		d.planListener(&d.obs.Listeners[n])
	}
}

func (d *details) planAttributes(arn, id string, p *awsop.Parts) {
	if d.reads(awsop.PartAttributes, arn, id, p) {
		d.attributesOf = append(d.attributesOf, arn)
	}
}

func (d *details) planListener(l *awsop.Listener) {
	application := slices.ContainsFunc(d.obs.LoadBalancers, func(lb awsop.LoadBalancer) bool {
		return lb.ARN == l.LoadBalancer.Literal && lb.Type == stack.Application
	})
	if application && d.reads(awsop.PartRules, l.ARN, l.ID, &l.Parts) {
		d.rulesOf = append(d.rulesOf, l.ARN)
	}
	if (l.Protocol == "HTTPS" || l.Protocol == "TLS") && d.reads(awsop.PartCertificates, l.ARN, l.ID, &l.Parts) {
		d.certificatesOf = append(d.certificatesOf, l.ARN)
	}
	d.planAttributes(l.ARN, l.ID, &l.Parts)
}

// run reads what is planned, and what these answers show to be needed in addition.
func (d *details) run(ctx context.Context) error {
	d.read = newSnapshot()
	if err := each(ctx, d.targetsOf, d.i.describeTargets, d.read.Targets); err != nil {
		return err
	}
	if err := each(ctx, d.listenersOf, d.i.describeListeners, d.read.Listeners); err != nil {
		return err
	}
	for _, lb := range d.listenersOf {
		for n := range d.read.Listeners[lb] {
			l := &d.read.Listeners[lb][n]
			if slices.ContainsFunc(d.obs.LoadBalancers, func(lb awsop.LoadBalancer) bool {
				return lb.ARN == l.LoadBalancer.Literal && lb.ID == stack.FrontendIdentity
			}) {
				l.ID = naming.FrontendListenerID(l.Port)
			}
			d.planListener(l)
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return each(gctx, d.rulesOf, d.i.describeRules, d.read.Rules) })
	g.Go(func() error { return each(gctx, d.certificatesOf, d.i.describeCertificates, d.read.Certificates) })
	g.Go(func() error { return each(gctx, d.attributesOf, d.i.describeAttributes, d.read.Attributes) })
	if err := g.Wait(); err != nil {
		return err
	}
	return d.readTags(ctx)
}

// each runs one read per ARN, some in parallel, and records the results once all have succeeded.
func each[T any](ctx context.Context, arns []string, read func(context.Context, string) (T, error),
	into map[string]T) error {
	results := make([]T, len(arns))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(readers)
	for n, arn := range arns {
		g.Go(func() (err error) { results[n], err = read(ctx, arn); return err })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for n, arn := range arns {
		into[arn] = results[n]
	}
	return nil
}

// readTags reads the tags of the listeners and rules that were just read.
func (d *details) readTags(ctx context.Context) error {
	var arns []string
	for _, lb := range d.listenersOf {
		for _, l := range d.read.Listeners[lb] {
			arns = append(arns, l.ARN)
		}
	}
	for _, l := range d.rulesOf {
		for _, r := range d.read.Rules[l] {
			arns = append(arns, r.ARN)
		}
	}
	tags, err := d.i.allTags(ctx, arns)
	if err != nil {
		return err
	}
	for _, ls := range d.read.Listeners {
		for n := range ls {
			ls[n].Tags = tags[ls[n].ARN]
		}
	}
	resource := naming.ResourceTag(d.obs.Key.Owner)
	for _, rs := range d.read.Rules {
		for n := range rs {
			rs[n].Tags = tags[rs[n].ARN]
			rs[n].ID = rs[n].Tags[resource]
		}
	}
	return nil
}

func (i *Inventory) describeListeners(ctx context.Context, lb string) ([]awsop.Listener, error) {
	var out []awsop.Listener
	for p := elbv2.NewDescribeListenersPaginator(i.clients.ELBV2, &elbv2.DescribeListenersInput{
		LoadBalancerArn: aws.String(lb)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing listeners of %s: %w", lb, err)
		}
		for _, l := range page.Listeners {
			out = append(out, awsclient.FromListener(l))
		}
	}
	return out, nil
}

func (i *Inventory) describeRules(ctx context.Context, listener string) ([]awsop.Rule, error) {
	var out []awsop.Rule
	for p := elbv2.NewDescribeRulesPaginator(i.clients.ELBV2, &elbv2.DescribeRulesInput{
		ListenerArn: aws.String(listener)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing rules of %s: %w", listener, err)
		}
		for _, r := range page.Rules {
			if rule, ok := awsclient.FromRule(listener, r); ok {
				out = append(out, rule)
			}
		}
	}
	return out, nil
}

// describeCertificates lists the certificates of a listener besides the default one, sorted, never nil.
func (i *Inventory) describeCertificates(ctx context.Context, listener string) ([]string, error) {
	out := []string{}
	for p := elbv2.NewDescribeListenerCertificatesPaginator(i.clients.ELBV2, &elbv2.DescribeListenerCertificatesInput{
		ListenerArn: aws.String(listener)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing certificates of %s: %w", listener, err)
		}
		for _, c := range page.Certificates {
			if !aws.ToBool(c.IsDefault) {
				out = append(out, aws.ToString(c.CertificateArn))
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

// Registered reads the targets that are registered in a target group and do not drain.
func (i *Inventory) Registered(ctx context.Context, targetGroup string) ([]awsop.Target, error) {
	return i.describeTargets(ctx, targetGroup)
}

// describeTargets lists the registered targets that do not drain, never nil.
func (i *Inventory) describeTargets(ctx context.Context, targetGroup string) ([]awsop.Target, error) {
	got, err := i.clients.ELBV2.DescribeTargetHealth(ctx, &elbv2.DescribeTargetHealthInput{
		TargetGroupArn: aws.String(targetGroup)})
	if err != nil {
		return nil, fmt.Errorf("describing targets of %s: %w", targetGroup, err)
	}
	out := []awsop.Target{}
	for _, t := range got.TargetHealthDescriptions {
		if t.Target != nil && (t.TargetHealth == nil || t.TargetHealth.State != elbv2types.TargetHealthStateEnumDraining) {
			out = append(out, awsop.Target{ID: aws.ToString(t.Target.Id), Port: aws.ToInt32(t.Target.Port),
				ServerID: aws.ToString(t.Target.QuicServerId)})
		}
	}
	return out, nil
}
