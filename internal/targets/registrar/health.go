package registrar

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Describer reads the health of targets.
type Describer interface {
	DescribeTargetHealth(context.Context, *elbv2.DescribeTargetHealthInput, ...func(*elbv2.Options)) (
		*elbv2.DescribeTargetHealthOutput, error)
}

// Health is the state of one target as AWS reports it.
type Health struct {
	Target
	State, Reason, Description string
}

// errDeleted is AWS's answer for a target group that this process has deleted.
var errDeleted = &awsclient.Remembered{Answer: awsclient.Error{
	Class: diag.NotFound, Code: awsclient.CodeTargetGroupNotFound, Message: "this controller has deleted the target group",
}}

// Health reads the state of all targets of a group, or only of the given ones. AWS calls given targets "unused" if
// they are not registered.
func (r *Registry) Health(ctx context.Context, of Group, only ...Target) ([]Health, error) {
	account, err := r.account(of.Scope)
	if err != nil {
		return nil, err
	}
	if account.Gone != nil && account.Gone(of.ARN) {
		return nil, fmt.Errorf("describing targets of %s: %w", of.ARN, errDeleted)
	}
	all, err := Describe(ctx, account.ELBV2, of.ARN, only...)
	if err != nil {
		return nil, err
	}
	r.proven(of, all, awsclient.CauseOf(ctx))
	return all, nil
}

// Describe reads the same as Registry.Health, but concludes nothing from it.
func Describe(ctx context.Context, d Describer, arn string, only ...Target) ([]Health, error) {
	in := &elbv2.DescribeTargetHealthInput{TargetGroupArn: aws.String(arn)}
	for _, t := range only {
		d := types.TargetDescription{Id: aws.String(t.ID), Port: aws.Int32(t.Port)}
		if t.Zone != "" {
			d.AvailabilityZone = aws.String(t.Zone)
		}
		in.Targets = append(in.Targets, d)
	}
	out, err := d.DescribeTargetHealth(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("describing targets of %s: %w", arn, err)
	}
	var all []Health
	for _, d := range out.TargetHealthDescriptions {
		if d.Target == nil || d.TargetHealth == nil {
			continue
		}
		t := Target{ID: aws.ToString(d.Target.Id), Port: aws.ToInt32(d.Target.Port),
			Zone: aws.ToString(d.Target.AvailabilityZone), ServerID: aws.ToString(d.Target.QuicServerId)}
		if at := slices.IndexFunc(only, func(o Target) bool { return o.Address() == t.Address() }); at >= 0 &&
			t.ServerID == "" {
			t.ServerID = only[at].ServerID // neither the request nor AWS has the id of a target that is not registered
		}
		all = append(all, Health{
			Target: t,
			State:  string(d.TargetHealth.State), Reason: string(d.TargetHealth.Reason),
			Description: aws.ToString(d.TargetHealth.Description),
		})
	}
	return all, nil
}

// Draining reports whether the target is deregistered, or cut off because of its health, and still finishes requests.
func (h Health) Draining() bool {
	return h.State == string(types.TargetHealthStateEnumDraining) ||
		h.State == string(types.TargetHealthStateEnumUnhealthyDraining)
}

// FoundDraining reports whether the last read of a group found draining targets. known is true if the registered
// targets are known, or will not be known soon.
func (r *Registry) FoundDraining(of Group) (draining, known bool) {
	g := r.known(of)
	if g == nil {
		return false, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.draining, g.known || g.overdue
}

// KeepRules makes the next process read a group instead of assuming its registered targets, because rules stay for
// draining targets.
func (r *Registry) KeepRules(of Group, keep bool) {
	if g := r.known(of); g != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.keepsRules = keep
	}
}

// Leaving reports whether targets of a group must still be deregistered.
func (r *Registry) Leaving(of Group) bool {
	g := r.known(of)
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.request == nil {
		return false
	}
	wanted := g.wanted(g.request)
	for key := range g.members {
		if !wanted[key] && g.mayLeave(g.request, key) {
			return true
		}
	}
	return false
}

// known returns the state of a group; nil = nothing is known of it. A nil Registry knows nothing.
func (r *Registry) known(of Group) *group {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.groups[of]
}

// Drains reports whether any of these targets drains.
func Drains(all []Health) bool { return slices.ContainsFunc(all, Health.Draining) }
