package awsclient

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// protocolGRPC is the protocol version whose matcher holds gRPC codes.
const protocolGRPC = "GRPC"

func matcher(version, codes string) *elbv2types.Matcher {
	switch {
	case codes == "":
		return nil
	case version == protocolGRPC:
		return &elbv2types.Matcher{GrpcCode: aws.String(codes)}
	}
	return &elbv2types.Matcher{HttpCode: aws.String(codes)}
}

func (s *requestBuilder) CreateTargetGroup(op awsop.CreateTargetGroup) {
	tg := op.TargetGroup
	hc := tg.HealthCheck
	in := &elbv2.CreateTargetGroupInput{
		Name:                       aws.String(tg.Name),
		TargetType:                 elbv2types.TargetTypeEnum(tg.TargetType),
		Port:                       aws.Int32(tg.Port),
		Protocol:                   elbv2types.ProtocolEnum(tg.Protocol),
		ProtocolVersion:            optional(tg.ProtocolVersion),
		VpcId:                      aws.String(op.VPC),
		TargetControlPort:          optional(tg.ControlPort),
		HealthCheckEnabled:         aws.Bool(true),
		HealthCheckPort:            optional(hc.Port),
		HealthCheckProtocol:        elbv2types.ProtocolEnum(hc.Protocol),
		HealthCheckPath:            optional(hc.Path),
		Matcher:                    matcher(tg.ProtocolVersion, hc.Matcher),
		HealthCheckIntervalSeconds: optional(hc.IntervalSeconds),
		HealthCheckTimeoutSeconds:  optional(hc.TimeoutSeconds),
		HealthyThresholdCount:      optional(hc.HealthyThreshold),
		UnhealthyThresholdCount:    optional(hc.UnhealthyThreshold),
		Tags:                       balancingPairs[elbv2types.Tag](tg.Tags),
	}
	if tg.IPAddressType == stack.IPv6 {
		in.IpAddressType = elbv2types.TargetGroupIpAddressTypeEnumIpv6
	}
	setCreate(s, s.c.ELBV2.CreateTargetGroup, in, func(out *elbv2.CreateTargetGroupOutput) awsop.Output {
		return awsop.Output{ID: value(first(out.TargetGroups).TargetGroupArn)}
	})
}

func (s *requestBuilder) ModifyTargetGroup(op awsop.ModifyTargetGroup) {
	hc := op.HealthCheck
	setCall(s, s.c.ELBV2.ModifyTargetGroup, &elbv2.ModifyTargetGroupInput{
		TargetGroupArn:             s.id(op.TargetGroup),
		HealthCheckEnabled:         aws.Bool(true),
		HealthCheckPort:            optional(hc.Port),
		HealthCheckProtocol:        elbv2types.ProtocolEnum(hc.Protocol),
		HealthCheckPath:            optional(hc.Path),
		Matcher:                    matcher(op.ProtocolVersion, hc.Matcher),
		HealthCheckIntervalSeconds: optional(hc.IntervalSeconds),
		HealthCheckTimeoutSeconds:  optional(hc.TimeoutSeconds),
		HealthyThresholdCount:      optional(hc.HealthyThreshold),
		UnhealthyThresholdCount:    optional(hc.UnhealthyThreshold),
	})
}

func (s *requestBuilder) ModifyTargetGroupAttributes(op awsop.ModifyTargetGroupAttributes) {
	setCall(s, s.c.ELBV2.ModifyTargetGroupAttributes, &elbv2.ModifyTargetGroupAttributesInput{
		TargetGroupArn: s.id(op.TargetGroup),
		Attributes:     balancingPairs[elbv2types.TargetGroupAttribute](op.Attributes),
	})
}

func (s *requestBuilder) DeleteTargetGroup(op awsop.DeleteTargetGroup) {
	setCall(s, s.c.ELBV2.DeleteTargetGroup, &elbv2.DeleteTargetGroupInput{TargetGroupArn: s.id(op.TargetGroup)})
}

// FromTargetGroup returns an observed target group; identity, tags and attributes are the caller's to fill in.
func FromTargetGroup(t elbv2types.TargetGroup) awsop.TargetGroup {
	tg := awsop.TargetGroup{ARN: value(t.TargetGroupArn), TargetGroup: stack.TargetGroup{
		Name:            value(t.TargetGroupName),
		TargetType:      string(t.TargetType),
		Port:            value(t.Port),
		Protocol:        string(t.Protocol),
		ProtocolVersion: value(t.ProtocolVersion),
		IPAddressType:   string(t.IpAddressType),
		ControlPort:     value(t.TargetControlPort),
		HealthCheck: stack.HealthCheck{
			Protocol:           string(t.HealthCheckProtocol),
			Port:               value(t.HealthCheckPort),
			Path:               value(t.HealthCheckPath),
			IntervalSeconds:    value(t.HealthCheckIntervalSeconds),
			TimeoutSeconds:     value(t.HealthCheckTimeoutSeconds),
			HealthyThreshold:   value(t.HealthyThresholdCount),
			UnhealthyThreshold: value(t.UnhealthyThresholdCount),
		},
	}}
	if m := t.Matcher; m != nil {
		tg.HealthCheck.Matcher = value(m.HttpCode)
		if m.GrpcCode != nil {
			tg.HealthCheck.Matcher = *m.GrpcCode
		}
	}
	return tg
}

func targetDescriptions(ts []awsop.Target) []elbv2types.TargetDescription {
	out := make([]elbv2types.TargetDescription, len(ts))
	for i, t := range ts {
		out[i] = elbv2types.TargetDescription{Id: aws.String(t.ID), Port: optional(t.Port),
			AvailabilityZone: optional(t.Zone), QuicServerId: optional(t.ServerID)}
	}
	return out
}

func (s *requestBuilder) RegisterTargets(op awsop.RegisterTargets) {
	setCall(s, s.c.ELBV2.RegisterTargets, &elbv2.RegisterTargetsInput{
		TargetGroupArn: s.id(op.TargetGroup), Targets: targetDescriptions(op.Targets),
	})
}

// DeregisterTargets omits the zone: address and port identify a target.
func (s *requestBuilder) DeregisterTargets(op awsop.DeregisterTargets) {
	in := &elbv2.DeregisterTargetsInput{TargetGroupArn: s.id(op.TargetGroup), Targets: targetDescriptions(op.Targets)}
	for i := range in.Targets {
		in.Targets[i].AvailabilityZone = nil
	}
	setCall(s, s.c.ELBV2.DeregisterTargets, in)
}

func (s *requestBuilder) RegisterLoadBalancer(op awsop.RegisterLoadBalancer) {
	s.RegisterTargets(awsop.RegisterTargets{TargetGroup: op.TargetGroup, Targets: []awsop.Target{
		{ID: s.resolve(op.LoadBalancer), Port: op.Port}}})
}

func (s *requestBuilder) DeregisterLoadBalancer(op awsop.DeregisterLoadBalancer) {
	s.DeregisterTargets(awsop.DeregisterTargets{TargetGroup: op.TargetGroup, Targets: []awsop.Target{
		{ID: s.resolve(op.LoadBalancer), Port: op.Port}}})
}
