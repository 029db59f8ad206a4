package inventory

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	shieldtypes "github.com/aws/aws-sdk-go-v2/service/shield/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// addOnKinds are the add-ons, each with how it is read, kept and shown.
var addOnKinds = []addOnKind{
	reading[string]{
		on: elb.AddOnWebACL, operation: "GetWebACLForResource", what: "web ACL",
		wanted: func(w *stack.AddOns) bool { return w.WebACL != nil },
		fact:   func(a *addOns) *fact[string] { return &a.webACL }, read: (*Inventory).webACLOf,
		tell: func(lb *elb.LoadBalancer) (string, bool) { return aws.ToString(lb.WebACL), lb.WebACL != nil },
		put:  func(lb *elb.LoadBalancer, arn string) { lb.WebACL = &arn },
	},
	wafClassic, // decision 16: WAF Classic
	reading[*elb.ShieldProtection]{
		on: elb.AddOnShield, operation: "DescribeProtection", what: "protection",
		wanted: func(w *stack.AddOns) bool { return w.Shield != nil },
		fact:   func(a *addOns) *fact[*elb.ShieldProtection] { return &a.protection }, read: (*Inventory).protectionOf,
		tell: func(lb *elb.LoadBalancer) (*elb.ShieldProtection, bool) { return lb.Protection, lb.Shield != nil },
		put: func(lb *elb.LoadBalancer, p *elb.ShieldProtection) {
			protected := p != nil
			lb.Shield, lb.Protection = &protected, p
		},
	},
	reading[int32]{
		on: elb.AddOnCapacity, operation: "DescribeCapacityReservation", what: "capacity",
		wanted: func(w *stack.AddOns) bool { return w.Capacity != nil },
		fact:   func(a *addOns) *fact[int32] { return &a.capacity }, read: (*Inventory).capacityOf,
		tell: func(lb *elb.LoadBalancer) (int32, bool) { return aws.ToInt32(lb.Capacity), lb.Capacity != nil },
		put:  func(lb *elb.LoadBalancer, units int32) { lb.Capacity = &units },
	},
}

// addOnKind is a reading of whatever type.
type addOnKind interface {
	addOn() elb.AddOn
	// refusal is why it cannot be had at all although it is wanted; nil = it can.
	refusal(i *Inventory, w *stack.LoadBalancer) *plan.Guard
	// begin reads it of the load balancer at an index of the observation, if it is wanted.
	begin(r *addOnReader, w *stack.LoadBalancer, lb int)
	// keep remembers what an observation tells of it.
	keep(a *addOns, lb *elb.LoadBalancer, now time.Time)
	// show puts what is known of it into an observation.
	show(a *addOns, lb *elb.LoadBalancer)
}

// reading is an add-on of which AWS tells a T.
type reading[T any] struct {
	on        elb.AddOn
	operation string // the call that reads it
	what      string
	wanted    func(*stack.AddOns) bool
	// missing is why the service is not there; nil = services are everywhere.
	missing func(*Inventory) *plan.Guard
	fact    func(*addOns) *fact[T]
	read    func(i *Inventory, ctx context.Context, lb string) (T, error)
	tell    func(*elb.LoadBalancer) (v T, known bool)
	put     func(*elb.LoadBalancer, T)
}

func (k reading[T]) addOn() elb.AddOn { return k.on }

func (k reading[T]) refusal(i *Inventory, w *stack.LoadBalancer) *plan.Guard {
	if k.missing == nil || !k.wanted(&w.AddOns) {
		return nil
	}
	return k.missing(i)
}

func (k reading[T]) begin(r *addOnReader, w *stack.LoadBalancer, lb int) {
	if !k.wanted(&w.AddOns) || k.refusal(r.i, w) != nil {
		return
	}
	arn := r.o.LoadBalancers[lb].ARN
	r.i.mu.Lock()
	a := r.i.addOns.at(arn)
	if a.failures[k.on] == nil {
		a.failures[k.on] = &trouble{}
	}
	last := a.failures[k.on]
	r.i.mu.Unlock()
	q := asked{on: k.on, operation: k.operation, lb: lb}
	ask(r, q, k.what+" of "+arn, place[T]{k.fact(a), last, &a.writes}, func(ctx context.Context) (T, error) { return k.read(r.i, ctx, arn) })
}

func (k reading[T]) keep(a *addOns, lb *elb.LoadBalancer, now time.Time) {
	if v, ok := k.tell(lb); ok {
		*k.fact(a) = known(v, now)
	}
}

func (k reading[T]) show(a *addOns, lb *elb.LoadBalancer) {
	if f := k.fact(a); f.known {
		k.put(lb, f.value)
	}
}

func (i *Inventory) webACLOf(ctx context.Context, arn string) (string, error) {
	out, err := i.clients.WAFv2.GetWebACLForResource(ctx, &wafv2.GetWebACLForResourceInput{ResourceArn: aws.String(arn)})
	switch {
	case err != nil:
		return "", fmt.Errorf("reading the web ACL of %s: %w", arn, err)
	case out.WebACL == nil:
		return "", nil
	}
	return aws.ToString(out.WebACL.ARN), nil
}

// protectionOf reads the protection of a load balancer, nil if it has none.
func (i *Inventory) protectionOf(ctx context.Context, arn string) (*elb.ShieldProtection, error) {
	out, err := i.clients.Shield.DescribeProtection(ctx, &shield.DescribeProtectionInput{ResourceArn: aws.String(arn)})
	switch {
	case err != nil && vanished(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading the protection of %s: %w", arn, err)
	case out.Protection == nil:
		return nil, nil
	}
	return &elb.ShieldProtection{ID: aws.ToString(out.Protection.Id), Name: aws.ToString(out.Protection.Name)}, nil
}

func (i *Inventory) capacityOf(ctx context.Context, arn string) (int32, error) {
	out, err := i.clients.ELBV2.DescribeCapacityReservation(ctx, &elbv2.DescribeCapacityReservationInput{LoadBalancerArn: aws.String(arn)})
	switch {
	case err != nil:
		return 0, fmt.Errorf("reading the capacity of %s: %w", arn, err)
	case out.MinimumLoadBalancerCapacity == nil:
		return 0, nil
	}
	return aws.ToInt32(out.MinimumLoadBalancerCapacity.CapacityUnits), nil
}

func (i *Inventory) subscription(ctx context.Context) (bool, error) {
	out, err := i.clients.Shield.GetSubscriptionState(ctx, &shield.GetSubscriptionStateInput{})
	if err != nil {
		return false, fmt.Errorf("reading the subscription to Shield Advanced: %w", err)
	}
	return out.SubscriptionState == shieldtypes.SubscriptionStateActive, nil
}
