package targetgroup

import (
	"context"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

// DescribeTargetHealth answers the state of all targets, or of the given ones.
func (s *TargetGroups) DescribeTargetHealth(ctx context.Context, in *elb.DescribeTargetHealthInput,
	_ ...func(*elb.Options)) (*elb.DescribeTargetHealthOutput, error) {
	return call.Read(ctx, s.entry, "DescribeTargetHealth", in, s.describeTargetHealth)
}

func (s *TargetGroups) describeTargetHealth(in *elb.DescribeTargetHealthInput) (*elb.DescribeTargetHealthOutput,
	error) {
	if err := check.Present("targetGroupArn", in.TargetGroupArn); err != nil {
		return nil, err
	}
	anomalies, overrides := false, false
	for _, i := range in.Include {
		if err := check.OneOf("include", i, i.Values()); err != nil {
			return nil, err
		}
		anomalies = true
		overrides = overrides || i == types.DescribeTargetHealthInputIncludeEnumAll
	}
	tg, err := request.FindTargetGroup(s.account, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	s.account.PurgeTargets(tg)
	out := &elb.DescribeTargetHealthOutput{TargetHealthDescriptions: []types.TargetHealthDescription{}}
	add := func(t *account.Target, h account.Health) {
		d := describeTarget(tg, t, h)
		if anomalies && family(tg) == httpFamily && h.State == account.Healthy {
			d.AnomalyDetection = s.anomaly(tg, t)
		}
		if overrides {
			d.AdministrativeOverride = s.override(tg, t)
		}
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, d)
	}
	if len(in.Targets) == 0 {
		for _, t := range tg.SortedTargets() {
			add(t, s.account.TargetHealth(tg, t))
		}
		return out, nil
	}
	for _, d := range in.Targets {
		id, err := identity(tg, d)
		if err != nil {
			return nil, err
		}
		if t := tg.Target(id.id, id.port); t != nil {
			add(t, s.account.TargetHealth(tg, t))
			continue
		}
		if _, ok := s.account.Instance(id.id); tg.TargetType == "instance" && !ok {
			return nil, invalidTarget("The following targets are not valid: '%s'", id.id)
		}
		add(&account.Target{ID: id.id, Port: id.port}, account.NotRegistered)
	}
	return out, nil
}

// override says whether a zonal shift keeps traffic from a target.
func (s *TargetGroups) override(tg *account.TargetGroup, t *account.Target) *types.AdministrativeOverride {
	if !s.account.TargetShifted(tg, t) {
		return &types.AdministrativeOverride{
			State:       types.TargetAdministrativeOverrideStateEnumNoOverride,
			Reason:      types.TargetAdministrativeOverrideReasonEnumNoOverrideEngaged,
			Description: aws.String("No override is currently active on target"),
		}
	}
	out := &types.AdministrativeOverride{
		State:       types.TargetAdministrativeOverrideStateEnumZonalShiftActive,
		Reason:      types.TargetAdministrativeOverrideReasonEnumZonalShiftEngaged,
		Description: aws.String("Zonal shift is currently active on target"),
	}
	if zonal(tg) { // only DNS leads away from it
		out.State = types.TargetAdministrativeOverrideStateEnumZonalShiftDelegatedToDns
		out.Reason = types.TargetAdministrativeOverrideReasonEnumZonalShiftDelegatedToDns
	}
	return out
}

// anomaly is what is known of a healthy target's failures.
func (s *TargetGroups) anomaly(tg *account.TargetGroup, t *account.Target) *types.AnomalyDetection {
	out := &types.AnomalyDetection{Result: types.AnomalyResultEnumNormal,
		MitigationInEffect: types.MitigationInEffectEnumNo}
	if s.account.Anomaly == nil {
		return out
	}
	anomalous, mitigated := s.account.Anomaly(tg.ARN, t.ID, t.Port)
	if anomalous {
		out.Result = types.AnomalyResultEnumAnomalous
	}
	if mitigated {
		out.MitigationInEffect = types.MitigationInEffectEnumYes
	}
	return out
}

func describeTarget(tg *account.TargetGroup, t *account.Target, h account.Health) types.TargetHealthDescription {
	out := types.TargetHealthDescription{
		Target: &types.TargetDescription{Id: aws.String(t.ID), QuicServerId: request.Optional(t.QUICServerID)},
		TargetHealth: &types.TargetHealth{
			State: types.TargetHealthStateEnum(h.State), Reason: types.TargetHealthReasonEnum(h.Reason),
			Description: request.Optional(h.Description),
		},
	}
	if t.Port != 0 {
		out.Target.Port = aws.Int32(t.Port)
		out.HealthCheckPort = aws.String(strings.Replace(tg.HealthCheck.Port, "traffic-port", strconv.Itoa(int(t.Port)), 1))
	}
	if tg.TargetType == "ip" {
		out.Target.AvailabilityZone = request.Optional(t.Zone)
	}
	return out
}

// zonal reports whether traffic to the target group stays within a zone, by its own attribute or its load balancer's.
func zonal(tg *account.TargetGroup) bool {
	if v := tg.Attributes[targetCrossZone]; v == "true" || v == "false" || tg.LoadBalancer == nil {
		return v == "false"
	}
	return tg.LoadBalancer.Attributes[targetCrossZone] == "false"
}
