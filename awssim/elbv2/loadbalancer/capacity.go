package loadbalancer

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

const (
	quotaCapacity = "reserved-load-balancer-capacity-units" // of the region; AWS's default is 0
	minALBUnits   = 100
	maxALBUnits   = 15000
	minNLBUnits   = 2750 // in each zone
	maxDecreases  = 2    // a day
)

// DescribeCapacityReservation answers what is reserved for a load balancer.
func (s *LoadBalancers) DescribeCapacityReservation(ctx context.Context, in *elb.DescribeCapacityReservationInput,
	_ ...func(*elb.Options)) (*elb.DescribeCapacityReservationOutput, error) {
	return call.Read(ctx, s.entry, "DescribeCapacityReservation", in, func(in *elb.DescribeCapacityReservationInput) (
		*elb.DescribeCapacityReservationOutput, error) {
		lb, err := request.FindLoadBalancer(s.account, in.LoadBalancerArn)
		if err != nil {
			return nil, err
		}
		out := s.describeCapacity(lb)
		return &out, nil
	})
}

// ModifyCapacityReservation reserves capacity for a load balancer, or gives it back.
func (s *LoadBalancers) ModifyCapacityReservation(ctx context.Context, in *elb.ModifyCapacityReservationInput,
	_ ...func(*elb.Options)) (*elb.ModifyCapacityReservationOutput, error) {
	return call.Write(ctx, s.entry, "ModifyCapacityReservation", in, s.modifyCapacity)
}

func (s *LoadBalancers) modifyCapacity(in *elb.ModifyCapacityReservationInput) (*elb.ModifyCapacityReservationOutput,
	error) {
	reset := aws.ToBool(in.ResetCapacityReservation)
	if reset == (in.MinimumLoadBalancerCapacity != nil) {
		return nil, check.Invalid("You must specify either a minimum capacity or ResetCapacityReservation")
	}
	lb, err := request.FindLoadBalancer(s.account, in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	now, have, units := s.account.Clock.Now(), lb.Capacity, int32(0)
	if in.MinimumLoadBalancerCapacity != nil {
		units = aws.ToInt32(in.MinimumLoadBalancerCapacity.CapacityUnits)
	}
	zones := int32(len(lb.Zones))
	switch {
	case lb.Type == request.Gateway:
		return nil, check.InvalidConfiguration("Capacity reservations are not supported for load balancers with " +
			"type 'gateway'")
	case s.onOutpost(lb):
		return nil, check.InvalidConfiguration("Capacity reservations are not supported for load balancers on Outposts")
	case now.Before(have.ReadyAt):
		return nil, apierr.WithStatus(http.StatusTooManyRequests, "PriorRequestNotComplete",
			"A prior capacity request is not complete")
	case lb.Type == request.Application && !reset && (units < minALBUnits || units > maxALBUnits):
		return nil, check.Invalid("The capacity units '%d' must be between '%d' and '%d'", units, minALBUnits, maxALBUnits)
	case lb.Type == request.Network && !reset && units < minNLBUnits*zones:
		return nil, check.Invalid("The capacity units '%d' must be at least '%d' for each of '%d' Availability Zones", units,
			minNLBUnits, zones)
	}
	have.Decreases = decreases(have, now)
	if units < have.Units {
		if have.Decreases >= maxDecreases {
			return nil, apierr.New("CapacityDecreaseRequestLimitExceeded",
				"The maximum number of decreases per day, '%d', has been reached", maxDecreases)
		}
		have.Decreases++
	}
	total := int64(units)
	for _, o := range s.account.LoadBalancers {
		if o != lb {
			total += int64(o.Capacity.Units)
		}
	}
	if units > have.Units && int(total) > s.account.Quota(quotaCapacity) {
		return nil, apierr.New("CapacityUnitsLimitExceeded",
			"The maximum number of reserved capacity units, '%d', would be exceeded", s.account.Quota(quotaCapacity))
	}
	have.Units, have.Modified, have.ReadyAt = units, now, now.Add(s.account.Profile.CapacityReservation)
	lb.Capacity = have
	d := s.describeCapacity(lb)
	return &elb.ModifyCapacityReservationOutput{
		CapacityReservationState: d.CapacityReservationState, DecreaseRequestsRemaining: d.DecreaseRequestsRemaining,
		LastModifiedTime: d.LastModifiedTime, MinimumLoadBalancerCapacity: d.MinimumLoadBalancerCapacity,
	}, nil
}

// decreases is how many were made on the day of now, in UTC.
func decreases(c account.Capacity, now time.Time) int32 {
	if c.Modified.UTC().Truncate(24*time.Hour) != now.UTC().Truncate(24*time.Hour) {
		return 0
	}
	return c.Decreases
}

func (s *LoadBalancers) onOutpost(lb *account.LoadBalancer) bool {
	return slices.ContainsFunc(lb.Zones, func(z account.Zone) bool {
		subnet, ok := s.account.Subnet(z.Subnet)
		return ok && subnet.Outpost != ""
	})
}

func (s *LoadBalancers) describeCapacity(lb *account.LoadBalancer) elb.DescribeCapacityReservationOutput {
	c, now := lb.Capacity, s.account.Clock.Now()
	out := elb.DescribeCapacityReservationOutput{CapacityReservationState: []types.ZonalCapacityReservationState{},
		DecreaseRequestsRemaining: aws.Int32(maxDecreases - decreases(c, now))}
	if c.Modified.IsZero() {
		return out
	}
	out.LastModifiedTime = aws.Time(c.Modified)
	if c.Units == 0 {
		return out
	}
	out.MinimumLoadBalancerCapacity = &types.MinimumLoadBalancerCapacity{CapacityUnits: aws.Int32(c.Units)}
	code := types.CapacityReservationStateEnumProvisioned
	if now.Before(c.ReadyAt) {
		code = types.CapacityReservationStateEnumPending
	}
	for _, z := range lb.Zones {
		out.CapacityReservationState = append(out.CapacityReservationState, types.ZonalCapacityReservationState{
			AvailabilityZone: aws.String(z.Name), State: &types.CapacityReservationStatus{Code: code},
			EffectiveCapacityUnits: aws.Float64(float64(c.Units) / float64(len(lb.Zones))),
		})
	}
	return out
}
