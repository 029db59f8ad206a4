package inventory

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	shieldtypes "github.com/aws/aws-sdk-go-v2/service/shield/types"
	"github.com/aws/aws-sdk-go-v2/service/wafregional"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"

	"github.com/k8s-lbc/lbc/internal/cloud"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// addOnReader is one reading of what is wanted.
type addOnReader struct {
	i        *Inventory
	ctx      context.Context //nolint:containedctx // of one call
	o        *plan.Observed
	patience *time.Timer
	crowded  bool // so many reads are under way that nobody should wait for his
	asked    []asked
}

// asked is a read under way.
type asked struct {
	on   plan.AddOn
	lb   int // index of the load balancer, -1 = the account
	done <-chan error
	last error // why an earlier try failed, if it did
}

func (r *addOnReader) refuse(on plan.AddOn, g plan.Guard) {
	if r.o.Unavailable == nil {
		r.o.Unavailable = map[plan.AddOn]plan.Guard{}
	}
	r.o.Unavailable[on] = g
}

// read begins the reads for one wanted load balancer.
func (r *addOnReader) read(w *stack.LoadBalancer) {
	i := r.i
	if w.Shield != nil {
		ask(r, plan.AddOnShield, -1, "shield subscription", place[bool]{&i.addOns.subscribed, &i.addOns.trouble, &i.addOns.written}, i.subscription)
	}
	if w.ClassicWebACL != nil && i.clients.WAFRegional == nil {
		r.refuse(plan.AddOnClassicWebACL, plan.Guard{Code: diag.AWSRejected, Text: cloud.ErrNoClassic.Error(), Remedy: "use a web ACL of WAFv2 (wafv2-acl-arn)"})
	}
	for n := range r.o.LoadBalancers {
		lb := &r.o.LoadBalancers[n]
		if lb.ID != w.ID || lb.Type != w.Type {
			continue
		}
		i.mu.Lock()
		a := i.addOns.at(lb.ARN)
		for _, on := range []plan.AddOn{plan.AddOnWebACL, plan.AddOnClassicWebACL, plan.AddOnShield, plan.AddOnCapacity} {
			if a.failures[on] == nil {
				a.failures[on] = &trouble{}
			}
		}
		i.mu.Unlock()
		if w.WebACL != nil {
			ask(r, plan.AddOnWebACL, n, "web ACL of "+lb.ARN, place[string]{&a.webACL, a.failures[plan.AddOnWebACL], &a.writes}, i.webACLOf(lb.ARN))
		}
		if w.ClassicWebACL != nil && i.clients.WAFRegional != nil {
			ask(r, plan.AddOnClassicWebACL, n, "classic web ACL of "+lb.ARN, place[string]{&a.classic, a.failures[plan.AddOnClassicWebACL], &a.writes}, i.classicWebACLOf(lb.ARN))
		}
		if w.Shield != nil {
			ask(r, plan.AddOnShield, n, "protection of "+lb.ARN, place[*plan.ShieldProtection]{&a.protection, a.failures[plan.AddOnShield], &a.writes}, i.protectionOf(lb.ARN))
		}
		if w.Capacity != nil {
			ask(r, plan.AddOnCapacity, n, "capacity of "+lb.ARN, place[int32]{&a.capacity, a.failures[plan.AddOnCapacity], &a.writes}, i.capacityOf(lb.ARN))
		}
	}
}

// place is where the answer of a read belongs.
type place[T any] struct {
	fact   *fact[T]
	last   *trouble
	writes *int64
}

// ask begins a read, unless what is known is young enough or the last try has just failed. It goes on when nobody waits.
func ask[T any](r *addOnReader, on plan.AddOn, lb int, name string, p place[T], read func(context.Context) (T, error)) {
	i := r.i
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.cfg.Now()
	if p.fact.young(now, lifeOf[T]) {
		return
	}
	done := make(chan error, 1)
	r.asked = append(r.asked, asked{on, lb, done, p.last.err})
	if p.last.err != nil && now.Sub(p.last.at) <= absentLifetime {
		done <- p.last.err
		return
	}
	writes := *p.writes
	i.addOns.reading++
	ctx := cloud.WithPatience(context.WithoutCancel(r.ctx), turnTimeout)
	go func() {
		v, err := shared(ctx, i, name, read)
		i.mu.Lock()
		defer i.mu.Unlock()
		i.addOns.reading--
		switch {
		case err == nil && *p.writes == writes:
			*p.fact, *p.last = known(v, i.cfg.Now()), trouble{}
		case err != nil && !errors.Is(err, cloud.ErrBusy): // which says only that its turn did not come
			*p.last = trouble{err, i.cfg.Now()}
		}
		done <- err
	}()
}

func lifeOf[T any](v T) time.Duration {
	if subscribed, ok := any(v).(bool); ok {
		if subscribed {
			return subscribedLifetime
		}
		return unsubscribedLifetime
	}
	return addOnLifetime
}

// collect waits for the reads, as long as patience lasts.
func (r *addOnReader) collect() {
	out := r.crowded
	for _, q := range r.asked {
		var err error
		select {
		case err = <-q.done:
		default:
			if !out {
				select {
				case err = <-q.done:
				case <-r.patience.C:
					out = true
				case <-r.ctx.Done():
					out = true
				}
			}
			if out {
				err = cloud.ErrBusy
			}
		}
		if errors.Is(err, cloud.ErrBusy) {
			r.o.Pending, err = true, q.last // what was told stays true until more is known
		}
		if err != nil {
			r.unread(q, err)
		}
	}
}

// operations are the calls that read add-ons.
var operations = map[plan.AddOn]string{
	plan.AddOnWebACL: "GetWebACLForResource", plan.AddOnClassicWebACL: "GetRegionalWebACLForResource",
	plan.AddOnShield: "DescribeProtection", plan.AddOnCapacity: "DescribeCapacityReservation",
}

func (r *addOnReader) unread(q asked, err error) {
	d := cloud.Problem(operations[q.on], err)
	if q.lb < 0 {
		d = cloud.Problem("GetSubscriptionState", err)
	}
	g := plan.Guard{Code: d.Code, Text: d.Text, Remedy: d.Remedy, RequestID: d.RequestID}
	if q.lb < 0 {
		r.refuse(q.on, g)
		return
	}
	lb := &r.o.LoadBalancers[q.lb]
	if lb.Unread == nil {
		lb.Unread = map[plan.AddOn]plan.Guard{}
	}
	lb.Unread[q.on] = g
}

func (i *Inventory) webACLOf(arn string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		out, err := i.clients.WAFv2.GetWebACLForResource(ctx, &wafv2.GetWebACLForResourceInput{ResourceArn: aws.String(arn)})
		if err != nil {
			return "", fmt.Errorf("reading the web ACL of %s: %w", arn, err)
		}
		if out.WebACL == nil {
			return "", nil
		}
		return aws.ToString(out.WebACL.ARN), nil
	}
}

func (i *Inventory) classicWebACLOf(arn string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		out, err := i.clients.WAFRegional.GetWebACLForResource(ctx, &wafregional.GetWebACLForResourceInput{ResourceArn: aws.String(arn)})
		if err != nil {
			return "", fmt.Errorf("reading the WAF Classic web ACL of %s: %w", arn, err)
		}
		if out.WebACLSummary == nil {
			return "", nil
		}
		return aws.ToString(out.WebACLSummary.WebACLId), nil
	}
}

// protectionOf reads the protection of a load balancer, nil if it has none.
func (i *Inventory) protectionOf(arn string) func(context.Context) (*plan.ShieldProtection, error) {
	return func(ctx context.Context) (*plan.ShieldProtection, error) {
		out, err := i.clients.Shield.DescribeProtection(ctx, &shield.DescribeProtectionInput{ResourceArn: aws.String(arn)})
		switch {
		case err != nil && vanished(err):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("reading the protection of %s: %w", arn, err)
		case out.Protection == nil:
			return nil, nil
		}
		return &plan.ShieldProtection{ID: aws.ToString(out.Protection.Id), Name: aws.ToString(out.Protection.Name)}, nil
	}
}

func (i *Inventory) capacityOf(arn string) func(context.Context) (int32, error) {
	return func(ctx context.Context) (int32, error) {
		out, err := i.clients.ELBV2.DescribeCapacityReservation(ctx, &elbv2.DescribeCapacityReservationInput{LoadBalancerArn: aws.String(arn)})
		if err != nil {
			return 0, fmt.Errorf("reading the capacity of %s: %w", arn, err)
		}
		if out.MinimumLoadBalancerCapacity == nil {
			return 0, nil
		}
		return aws.ToInt32(out.MinimumLoadBalancerCapacity.CapacityUnits), nil
	}
}

func (i *Inventory) subscription(ctx context.Context) (bool, error) {
	out, err := i.clients.Shield.GetSubscriptionState(ctx, &shield.GetSubscriptionStateInput{})
	if err != nil {
		return false, fmt.Errorf("reading the subscription to Shield Advanced: %w", err)
	}
	return out.SubscriptionState == shieldtypes.SubscriptionStateActive, nil
}
