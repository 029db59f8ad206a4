package inventory

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"golang.org/x/sync/errgroup"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/naming"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// readers bounds the reads that one question has under way.
const readers = 8

// deepen reads what a diff with desired needs beyond the bulk listing and is not known yet. A stack that this process
// created is known to the bottom.
func (i *Inventory) deepen(ctx context.Context, e *entry, desired *stack.Stack) error {
	if desired == nil {
		return nil
	}
	i.mu.Lock()
	d := deepRead{i: i, obs: e.obs.Clone()}
	d.planTargets()
	if !desired.Empty() { // deletion needs no more
		d.plan(e, desired)
	}
	i.mu.Unlock()
	if err := d.readTargets(ctx); err != nil {
		return err
	}
	if err := d.run(ctx, desired); err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	d.take(e)
	return nil
}

// deepRead is one deep reading: what to read, and what came back.
type deepRead struct {
	i   *Inventory
	obs elb.Observed

	listenersOf, loadBalancerAttributes, targetGroupAttributes []string // ARNs
	rulesOf, certificatesOf, listenerAttributes                []string
	targetsOf                                                  []string

	listeners  []elb.Listener
	rules      []elb.Rule
	sni        map[string][]string
	attributes map[string]map[string]string
	targets    map[string][]elb.Target
}

// plan decides what to read of what is known.
func (d *deepRead) plan(e *entry, desired *stack.Stack) {
	for _, lb := range d.obs.LoadBalancers {
		if !e.knows.known(listenersOf, lb.ARN) {
			d.listenersOf = append(d.listenersOf, lb.ARN)
		}
		managed := slices.ContainsFunc(desired.LoadBalancers, func(w stack.LoadBalancer) bool { return w.ID == lb.ID && len(w.Attributes) > 0 })
		if lb.Attributes == nil && managed {
			d.loadBalancerAttributes = append(d.loadBalancerAttributes, lb.ARN)
		}
	}
	for _, tg := range d.obs.TargetGroups {
		managed := slices.ContainsFunc(desired.TargetGroups, func(w stack.TargetGroup) bool { return w.ID == tg.ID && len(w.Attributes) > 0 })
		if tg.Attributes == nil && managed {
			d.targetGroupAttributes = append(d.targetGroupAttributes, tg.ARN)
		}
	}
	for _, l := range d.obs.Listeners {
		d.planListener(l, e.knows.known(rulesOf, l.ARN), e.knows.known(certificatesOf, l.ARN), desired)
	}
}

func (d *deepRead) planListener(l elb.Listener, rulesKnown, certificatesKnown bool, desired *stack.Stack) {
	application := slices.ContainsFunc(d.obs.LoadBalancers, func(lb elb.LoadBalancer) bool {
		return lb.ARN == l.LoadBalancer.Literal && lb.Type == stack.Application
	})
	if !rulesKnown && application {
		d.rulesOf = append(d.rulesOf, l.ARN)
	}
	if !certificatesKnown && (l.Protocol == "HTTPS" || l.Protocol == "TLS") {
		d.certificatesOf = append(d.certificatesOf, l.ARN)
	}
	managed := slices.ContainsFunc(desired.Listeners, func(w stack.Listener) bool { return w.ID == l.ID && len(w.Attributes) > 0 })
	if l.Attributes == nil && managed {
		d.listenerAttributes = append(d.listenerAttributes, l.ARN)
	}
}

func (d *deepRead) run(ctx context.Context, desired *stack.Stack) error {
	if err := d.readListeners(ctx); err != nil {
		return err
	}
	for _, l := range d.listeners {
		d.planListener(l, false, false, desired)
	}
	if err := d.readDetails(ctx); err != nil {
		return err
	}
	return d.readTags(ctx)
}

// each runs one read per ARN, some at a time, and hands the results over one by one.
func each[T any](ctx context.Context, arns []string, read func(context.Context, string) (T, error), take func(arn string, v T)) error {
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
		take(arn, results[n])
	}
	return nil
}

func (d *deepRead) readListeners(ctx context.Context) error {
	return each(ctx, d.listenersOf, d.i.describeListeners, func(arn string, ls []elb.Listener) {
		for n := range ls {
			if d.isFrontend(arn) {
				ls[n].ID = naming.FrontendListenerID(ls[n].Port)
			}
		}
		d.listeners = append(d.listeners, ls...)
	})
}

func (d *deepRead) readDetails(ctx context.Context) error {
	d.sni, d.attributes = map[string][]string{}, map[string]map[string]string{}
	g, ctx := errgroup.WithContext(ctx)
	var sni map[string][]string
	parts := make([]map[string]map[string]string, 3)
	g.Go(func() error {
		return each(ctx, d.rulesOf, d.i.describeRules, func(_ string, rs []elb.Rule) { d.rules = append(d.rules, rs...) })
	})
	g.Go(func() error {
		sni = map[string][]string{}
		return each(ctx, d.certificatesOf, d.i.describeCertificates, func(arn string, cs []string) { sni[arn] = cs })
	})
	for n, r := range []struct {
		arns []string
		read func(context.Context, string) (map[string]string, error)
	}{
		{d.loadBalancerAttributes, d.i.describeLoadBalancerAttributes},
		{d.targetGroupAttributes, d.i.describeTargetGroupAttributes},
		{d.listenerAttributes, d.i.describeListenerAttributes},
	} {
		parts[n] = map[string]map[string]string{}
		g.Go(func() error {
			return each(ctx, r.arns, r.read, func(arn string, a map[string]string) { parts[n][arn] = a })
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	d.sni = sni
	for _, p := range parts {
		for arn, a := range p {
			d.attributes[arn] = a
		}
	}
	return nil
}

// readTags reads the tags of the listeners and rules that were just read.
func (d *deepRead) readTags(ctx context.Context) error {
	var arns []string
	for _, l := range d.listeners {
		arns = append(arns, l.ARN)
	}
	for _, r := range d.rules {
		arns = append(arns, r.ARN)
	}
	tags, err := d.i.allTags(ctx, arns)
	if err != nil {
		return err
	}
	for n := range d.listeners {
		d.listeners[n].Tags = tags[d.listeners[n].ARN]
	}
	resource := naming.ResourceTag(d.obs.Key.Owner)
	for n := range d.rules {
		d.rules[n].Tags = tags[d.rules[n].ARN]
		d.rules[n].ID = d.rules[n].Tags[resource]
	}
	return nil
}

// take puts the results into the entry. The inventory's lock is held.
func (d *deepRead) take(e *entry) {
	o := e.obs.Clone()
	o.Listeners = slices.DeleteFunc(o.Listeners, func(l elb.Listener) bool { return slices.Contains(d.listenersOf, l.LoadBalancer.Literal) })
	o.Listeners = append(o.Listeners, d.listeners...)
	o.Rules = slices.DeleteFunc(o.Rules, func(r elb.Rule) bool { return slices.Contains(d.rulesOf, r.Listener.Literal) })
	o.Rules = append(o.Rules, d.rules...)
	for n := range o.Listeners {
		l := &o.Listeners[n]
		if cs, ok := d.sni[l.ARN]; ok {
			l.SNI = cs
		}
		if a, ok := d.attributes[l.ARN]; ok {
			l.Attributes = a
		}
	}
	for n := range o.LoadBalancers {
		if a, ok := d.attributes[o.LoadBalancers[n].ARN]; ok {
			o.LoadBalancers[n].Attributes = a
		}
	}
	for n := range o.TargetGroups {
		if a, ok := d.attributes[o.TargetGroups[n].ARN]; ok {
			o.TargetGroups[n].Attributes = a
		}
		if ts, ok := d.targets[o.TargetGroups[n].ARN]; ok {
			o.TargetGroups[n].Targets = ts
		}
	}
	e.obs = o
	e.knows.verify(listenersOf, d.listenersOf...)
	e.knows.verify(rulesOf, d.rulesOf...)
	e.knows.verify(certificatesOf, d.certificatesOf...)
	e.knows.verify(attributesOf, slices.Collect(maps.Keys(d.attributes))...)
	e.knows.verify(targetsOf, slices.Collect(maps.Keys(d.targets))...)
}

func (i *Inventory) describeListeners(ctx context.Context, lb string) ([]elb.Listener, error) {
	var out []elb.Listener
	for p := elbv2.NewDescribeListenersPaginator(i.clients.ELBV2, &elbv2.DescribeListenersInput{LoadBalancerArn: aws.String(lb)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing listeners of %s: %w", lb, err)
		}
		for _, l := range page.Listeners {
			out = append(out, cloud.FromListener(l))
		}
	}
	return out, nil
}

func (i *Inventory) describeRules(ctx context.Context, listener string) ([]elb.Rule, error) {
	var out []elb.Rule
	for p := elbv2.NewDescribeRulesPaginator(i.clients.ELBV2, &elbv2.DescribeRulesInput{ListenerArn: aws.String(listener)}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("describing rules of %s: %w", listener, err)
		}
		for _, r := range page.Rules {
			if rule, ok := cloud.FromRule(listener, r); ok {
				out = append(out, rule)
			}
		}
	}
	return out, nil
}

// describeCertificates lists the further certificates of a listener, sorted, never nil.
func (i *Inventory) describeCertificates(ctx context.Context, listener string) ([]string, error) {
	out := []string{}
	for p := elbv2.NewDescribeListenerCertificatesPaginator(i.clients.ELBV2, &elbv2.DescribeListenerCertificatesInput{ListenerArn: aws.String(listener)}); p.HasMorePages(); {
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

func (i *Inventory) describeLoadBalancerAttributes(ctx context.Context, arn string) (map[string]string, error) {
	out, err := i.clients.ELBV2.DescribeLoadBalancerAttributes(ctx, &elbv2.DescribeLoadBalancerAttributesInput{LoadBalancerArn: aws.String(arn)})
	if err != nil {
		return nil, fmt.Errorf("describing attributes of %s: %w", arn, err)
	}
	m := map[string]string{}
	for _, a := range out.Attributes {
		m[aws.ToString(a.Key)] = aws.ToString(a.Value)
	}
	return m, nil
}

func (i *Inventory) describeTargetGroupAttributes(ctx context.Context, arn string) (map[string]string, error) {
	out, err := i.clients.ELBV2.DescribeTargetGroupAttributes(ctx, &elbv2.DescribeTargetGroupAttributesInput{TargetGroupArn: aws.String(arn)})
	if err != nil {
		return nil, fmt.Errorf("describing attributes of %s: %w", arn, err)
	}
	m := map[string]string{}
	for _, a := range out.Attributes {
		m[aws.ToString(a.Key)] = aws.ToString(a.Value)
	}
	return m, nil
}

func (i *Inventory) describeListenerAttributes(ctx context.Context, arn string) (map[string]string, error) {
	out, err := i.clients.ELBV2.DescribeListenerAttributes(ctx, &elbv2.DescribeListenerAttributesInput{ListenerArn: aws.String(arn)})
	if err != nil {
		return nil, fmt.Errorf("describing attributes of %s: %w", arn, err)
	}
	m := map[string]string{}
	for _, a := range out.Attributes {
		m[aws.ToString(a.Key)] = aws.ToString(a.Value)
	}
	return m, nil
}

// planTargets decides of which target groups the target is read: of those of type alb, which a stack registers itself.
func (d *deepRead) planTargets() {
	for _, tg := range d.obs.TargetGroups {
		if tg.TargetType == stack.TargetALB && tg.Targets == nil {
			d.targetsOf = append(d.targetsOf, tg.ARN)
		}
	}
}

func (d *deepRead) readTargets(ctx context.Context) error {
	d.targets = map[string][]elb.Target{}
	return each(ctx, d.targetsOf, d.i.describeTargets, func(arn string, ts []elb.Target) { d.targets[arn] = ts })
}

// describeTargets lists what is registered and does not drain, never nil.
func (i *Inventory) describeTargets(ctx context.Context, targetGroup string) ([]elb.Target, error) {
	got, err := i.clients.ELBV2.DescribeTargetHealth(ctx, &elbv2.DescribeTargetHealthInput{TargetGroupArn: aws.String(targetGroup)})
	if err != nil {
		return nil, fmt.Errorf("describing targets of %s: %w", targetGroup, err)
	}
	out := []elb.Target{}
	for _, t := range got.TargetHealthDescriptions {
		if t.Target != nil && (t.TargetHealth == nil || t.TargetHealth.State != elbv2types.TargetHealthStateEnumDraining) {
			out = append(out, elb.Target{ID: aws.ToString(t.Target.Id), Port: aws.ToInt32(t.Target.Port)})
		}
	}
	return out, nil
}

// isFrontend reports whether a load balancer stands in front of the stack's ALB.
func (d *deepRead) isFrontend(arn string) bool {
	return slices.ContainsFunc(d.obs.LoadBalancers, func(lb elb.LoadBalancer) bool { return lb.ARN == arn && lb.ID == stack.FrontendIdentity })
}
