package addon

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/shield"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/lib/cache"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// kind is one kind of add-on: a reading of whatever type.
type kind interface {
	wanted(*stack.AddOns) bool
	// read is a read of the load balancer with an index and an ARN.
	read(lb int, arn string) *read
	// put takes over what lb, an effect of a write, holds of the add-on.
	put(arn string, lb *awsop.LoadBalancer)
	// show puts what is known into an observation.
	show(lb *awsop.LoadBalancer)
	forget(arn string)
}

// reading is an add-on that AWS describes as a T.
type reading[T any] struct {
	on        awsop.AddOn
	operation string // the call that reads it
	isWanted  func(*stack.AddOns) bool
	of        *cache.Cache[string, T] // by ARN of the load balancer
	from      func(*awsop.LoadBalancer) (v T, known bool)
	into      func(*awsop.LoadBalancer, T)
}

// newReading completes a reading by its cache.
func newReading[T any](a *AddOns, now func() time.Time, r reading[T], describe func(ctx context.Context, arn string) (
	T, error)) kind {
	r.of = cache.New(cache.Config{
		Now: now, Lifetime: lifetime, FailureLifetime: keepFailure, Batch: 1,
	}, cache.One(func(ctx context.Context, arn string) (T, bool, error) {
		v, err := counted(a, func(ctx context.Context) (T, error) { return describe(ctx, arn) })(ctx)
		return v, true, err
	}))
	return r
}

func (k reading[T]) wanted(w *stack.AddOns) bool { return k.isWanted(w) }

func (k reading[T]) read(lb int, arn string) *read {
	return &read{
		on: k.on, operation: k.operation, lb: lb,
		get:     func(ctx context.Context) error { _, err := k.of.Get(ctx, arn); return err },
		failure: func() error { return k.of.Failure(arn) },
	}
}

func (k reading[T]) put(arn string, lb *awsop.LoadBalancer) {
	if v, known := k.from(lb); known {
		k.of.Put(arn, v)
	}
}

func (k reading[T]) show(lb *awsop.LoadBalancer) {
	if v, known := k.of.Peek(lb.ARN); known {
		k.into(lb, v)
	}
}

func (k reading[T]) forget(arn string) {
	k.of.Forget(arn) // also what is being read
	k.of.Drop(arn)
}

// kinds are the kinds of add-ons.
func kinds(a *AddOns, clients awsclient.Clients, now func() time.Time) []kind {
	return []kind{
		newReading(a, now, reading[string]{
			on: awsop.AddOnWebACL, operation: "GetWebACLForResource",
			isWanted: func(w *stack.AddOns) bool { return w.WebACL != nil },
			from:     func(lb *awsop.LoadBalancer) (string, bool) { return aws.ToString(lb.WebACL), lb.WebACL != nil },
			into:     func(lb *awsop.LoadBalancer, arn string) { lb.WebACL = &arn },
		}, func(ctx context.Context, arn string) (string, error) {
			out, err := clients.WAFv2.GetWebACLForResource(ctx, &wafv2.GetWebACLForResourceInput{ResourceArn: aws.String(arn)})
			switch {
			case err != nil:
				return "", fmt.Errorf("reading the web ACL of %s: %w", arn, err)
			case out.WebACL == nil:
				return "", nil
			}
			return aws.ToString(out.WebACL.ARN), nil
		}),
		newReading(a, now, reading[*awsop.ShieldProtection]{
			on: awsop.AddOnShield, operation: "DescribeProtection",
			isWanted: func(w *stack.AddOns) bool { return w.Shield != nil },
			from:     func(lb *awsop.LoadBalancer) (*awsop.ShieldProtection, bool) { return lb.Protection, lb.Shield != nil },
			into: func(lb *awsop.LoadBalancer, p *awsop.ShieldProtection) {
				protected := p != nil
				lb.Shield, lb.Protection = &protected, p
			},
		}, func(ctx context.Context, arn string) (*awsop.ShieldProtection, error) {
			out, err := clients.Shield.DescribeProtection(ctx, &shield.DescribeProtectionInput{ResourceArn: aws.String(arn)})
			switch {
			case err != nil && awsclient.Classify(err).Class == diag.NotFound:
				return nil, nil
			case err != nil:
				return nil, fmt.Errorf("reading the protection of %s: %w", arn, err)
			case out.Protection == nil:
				return nil, nil
			}
			return &awsop.ShieldProtection{ID: aws.ToString(out.Protection.Id), Name: aws.ToString(out.Protection.Name)}, nil
		}),
		newReading(a, now, reading[int32]{
			on: awsop.AddOnCapacity, operation: "DescribeCapacityReservation",
			isWanted: func(w *stack.AddOns) bool { return w.Capacity != nil },
			from:     func(lb *awsop.LoadBalancer) (int32, bool) { return aws.ToInt32(lb.Capacity), lb.Capacity != nil },
			into:     func(lb *awsop.LoadBalancer, units int32) { lb.Capacity = &units },
		}, func(ctx context.Context, arn string) (int32, error) {
			out, err := clients.ELBV2.DescribeCapacityReservation(ctx, &elbv2.DescribeCapacityReservationInput{
				LoadBalancerArn: aws.String(arn)})
			switch {
			case err != nil:
				return 0, fmt.Errorf("reading the capacity of %s: %w", arn, err)
			case out.MinimumLoadBalancerCapacity == nil:
				return 0, nil
			}
			return aws.ToInt32(out.MinimumLoadBalancerCapacity.CapacityUnits), nil
		}),
	}
}
