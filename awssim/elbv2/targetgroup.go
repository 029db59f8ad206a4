package elbv2

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// CreateTargetGroup creates a target group, or answers the one that has the name if it has the same settings.
func (s *Service) CreateTargetGroup(ctx context.Context, in *elb.CreateTargetGroupInput, _ ...func(*elb.Options)) (*elb.CreateTargetGroupOutput, error) {
	return write(ctx, s, "CreateTargetGroup", in, s.createTargetGroup)
}

func (s *Service) createTargetGroup(in *elb.CreateTargetGroupInput) (*elb.CreateTargetGroupOutput, error) {
	tg, err := wantedTargetGroup(in)
	if err != nil {
		return nil, err
	}
	if tg.TargetType != "lambda" {
		vpc, ok := s.account.VPC(tg.VPC)
		if !ok {
			return nil, invalid("The VPC ID '%s' is not found", tg.VPC)
		}
		if tg.IPAddressType == "ipv6" && len(vpc.IPv6CIDRs) == 0 {
			return nil, contradiction("The VPC '%s' has no IPv6 CIDR block, which target groups with the IP address type 'ipv6' need", tg.VPC)
		}
	}
	out := func(tg *account.TargetGroup) *elb.CreateTargetGroupOutput {
		return &elb.CreateTargetGroupOutput{TargetGroups: []types.TargetGroup{s.describeTargetGroup(tg)}}
	}
	if have := s.account.TargetGroupNamed(tg.Name); have != nil {
		if !sameTargetGroup(have, tg) {
			return nil, apierr.New("DuplicateTargetGroupName", "A target group with the same name '%s' exists, but with different settings", tg.Name)
		}
		return out(have), nil
	}
	if n := len(s.account.TargetGroups); n >= s.limit(quotaTargetGroups) {
		return nil, apierr.New("TooManyTargetGroups", "The maximum number of target groups, '%d', has been reached", n)
	}
	if most := s.limit(quotaGeneveGroups); tg.Protocol == "GENEVE" && s.countGeneve() >= most {
		return nil, apierr.New("TooManyTargetGroups", "The maximum number of target groups with the GENEVE protocol, '%d', has been reached", most)
	}
	path := "targetgroup/" + tg.Name
	tg.ARN = s.account.BalancingARN(path + "/" + s.account.NewBalancingID(path))
	tg.Attributes = targetGroupAttributes.complete(tg, nil)
	s.account.AddTargetGroup(tg)
	return out(tg), nil
}

func (s *Service) countGeneve() int {
	n := 0
	for _, tg := range s.account.TargetGroups {
		if tg.Protocol == "GENEVE" {
			n++
		}
	}
	return n
}

// wantedTargetGroup is what the request says by itself, checked as far as that goes.
func wantedTargetGroup(in *elb.CreateTargetGroupInput) (*account.TargetGroup, error) {
	name, version := aws.ToString(in.Name), strings.ToUpper(aws.ToString(in.ProtocolVersion))
	tags, err := newTags(in.Tags)
	if err := first(
		present("name", in.Name),
		oneOf("targetType", in.TargetType, in.TargetType.Values()),
		oneOf("protocol", in.Protocol, in.Protocol.Values()),
		oneOf("ipAddressType", in.IpAddressType, in.IpAddressType.Values()),
		oneOf("protocolVersion", version, []string{"HTTP1", "HTTP2", "GRPC"}),
		between("port", in.Port, 1, 65535),
		between("targetControlPort", in.TargetControlPort, 1, 65535),
		err,
		resourceName("Target group name", "or", name),
		when(strings.Contains(name, "--"), invalid("Target group name '%s' cannot contain consecutive hyphens", name)),
	); err != nil {
		return nil, err
	}
	tg := &account.TargetGroup{
		Name: name, TargetType: cmp.Or(string(in.TargetType), "instance"), Protocol: string(in.Protocol), ProtocolVersion: version,
		Port: aws.ToInt32(in.Port), VPC: aws.ToString(in.VpcId), IPAddressType: cmp.Or(string(in.IpAddressType), "ipv4"),
		ControlPort: aws.ToInt32(in.TargetControlPort), Tags: tags,
	}
	if tg.TargetType == "lambda" {
		if err := notForLambda(in); err != nil {
			return nil, err
		}
		tg.IPAddressType = ""
	} else if err := first(
		when(in.Protocol == "", invalid("A protocol must be specified")),
		when(in.Port == nil, invalid("A port must be specified")),
		when(tg.VPC == "", invalid("A VPC ID must be specified")),
		checkTargetGroup(tg),
	); err != nil {
		return nil, err
	}
	if family(tg) == httpFamily {
		tg.ProtocolVersion = cmp.Or(tg.ProtocolVersion, "HTTP1")
	}
	tg.HealthCheck, err = newHealthCheck(tg, createdHealthCheck(in))
	return tg, err
}

// notForLambda refuses what functions do not have.
func notForLambda(in *elb.CreateTargetGroupInput) error {
	const text = "%s cannot be specified for target groups with target type 'lambda'"
	return first(
		when(in.Protocol != "", invalid(text, "A protocol")),
		when(in.Port != nil, invalid(text, "A port")),
		when(in.VpcId != nil, invalid(text, "A VPC ID")),
		when(in.ProtocolVersion != nil, contradiction(text, "A protocol version")),
		when(in.IpAddressType != "", contradiction(text, "An IP address type")),
		when(in.TargetControlPort != nil, contradiction(text, "A target control port")),
	)
}

// checkTargetGroup holds the rules between the settings of target groups that are not for functions.
func checkTargetGroup(tg *account.TargetGroup) error {
	web := family(tg) == httpFamily
	return first(
		when(tg.Protocol == "GENEVE" && tg.Port != 6081, invalid("The port of target groups with the GENEVE protocol must be '6081'")),
		when(tg.TargetType == "alb" && tg.Protocol != "TCP", contradiction("Target groups with target type 'alb' must have the TCP protocol")),
		when(tg.TargetType == "alb" && tg.IPAddressType != "ipv4", contradiction("Target groups with target type 'alb' must have the IP address type 'ipv4'")),
		when(isQUIC(tg.Protocol) && tg.IPAddressType != "ipv4",
			contradiction("Target groups with the %s protocol must have the IP address type 'ipv4'", tg.Protocol)),
		when(tg.ProtocolVersion != "" && !web, contradiction("A protocol version cannot be specified for target groups with the %s protocol", tg.Protocol)),
		when(tg.ControlPort != 0 && !web, contradiction("A target control port cannot be specified for target groups with the %s protocol", tg.Protocol)),
	)
}

func sameTargetGroup(have, want *account.TargetGroup) bool {
	return have.Protocol == want.Protocol && have.Port == want.Port && have.VPC == want.VPC && have.TargetType == want.TargetType &&
		have.ProtocolVersion == want.ProtocolVersion && have.IPAddressType == want.IPAddressType && have.ControlPort == want.ControlPort &&
		have.HealthCheck == want.HealthCheck
}

// ModifyTargetGroup changes the health check.
func (s *Service) ModifyTargetGroup(ctx context.Context, in *elb.ModifyTargetGroupInput, _ ...func(*elb.Options)) (*elb.ModifyTargetGroupOutput, error) {
	return write(ctx, s, "ModifyTargetGroup", in, func(in *elb.ModifyTargetGroupInput) (*elb.ModifyTargetGroupOutput, error) {
		r := modifiedHealthCheck(in)
		if err := first(present("targetGroupArn", in.TargetGroupArn), r.shape(),
			when(r.empty(), invalid("At least one health check setting must be specified"))); err != nil {
			return nil, err
		}
		tg, err := s.targetGroup(in.TargetGroupArn)
		if err != nil {
			return nil, err
		}
		h, err := healthCheckRulesOf(tg).apply(tg, tg.HealthCheck, r)
		if err != nil {
			return nil, err
		}
		s.changingGroup(tg)
		tg.HealthCheck = h
		return &elb.ModifyTargetGroupOutput{TargetGroups: []types.TargetGroup{s.describeTargetGroup(tg)}}, nil
	})
}

// DescribeTargetGroups answers all target groups, in pages, or those of a load balancer or of the given ARNs or names.
func (s *Service) DescribeTargetGroups(ctx context.Context, in *elb.DescribeTargetGroupsInput, _ ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error) {
	return read(ctx, s, "DescribeTargetGroups", in, s.describeTargetGroups)
}

func (s *Service) describeTargetGroups(in *elb.DescribeTargetGroupsInput) (*elb.DescribeTargetGroupsOutput, error) {
	if err := pageSize(in.PageSize); err != nil {
		return nil, err
	}
	ways := 0
	for _, given := range []bool{in.LoadBalancerArn != nil, len(in.TargetGroupArns) > 0, len(in.Names) > 0} {
		if given {
			ways++
		}
	}
	if ways > 1 {
		return nil, invalid("Target group names, target group ARNs and a load balancer ARN cannot be specified at the same time")
	}
	if len(in.TargetGroupArns) > maxNamed || len(in.Names) > maxNamed {
		return nil, invalid("You cannot specify more than '%d' target groups", maxNamed)
	}
	var list []*account.TargetGroup
	var err error
	out := &elb.DescribeTargetGroupsOutput{}
	switch {
	case len(in.TargetGroupArns) > 0:
		list, err = findAll(s, kindTargetGroup, s.account.TargetGroups, in.TargetGroupArns)
	case len(in.Names) > 0:
		for _, name := range distinct(in.Names) {
			tg := s.account.TargetGroupNamed(name)
			if tg == nil {
				return nil, kindTargetGroup.notFound(name)
			}
			list = append(list, tg)
		}
	case in.LoadBalancerArn != nil:
		lb, err := s.loadBalancer(in.LoadBalancerArn)
		if err != nil {
			return nil, err
		}
		for arn := range lb.TargetGroups() {
			list = append(list, s.account.TargetGroups[arn])
		}
		slices.SortFunc(list, func(x, y *account.TargetGroup) int { return cmp.Compare(x.Seq, y.Seq) })
		if list, out.NextMarker, err = page(list, func(tg *account.TargetGroup) uint64 { return tg.Seq }, in.Marker, in.PageSize, s.pages(largePage)); err != nil {
			return nil, err
		}
	}
	entries := current[types.TargetGroup](list)
	if ways == 0 {
		entries = listed[account.TargetGroup, types.TargetGroup](s, s.account.TargetGroupsInOrder(), func(tg *account.TargetGroup) (string, uint64) { return tg.ARN, tg.Seq })
		entries, out.NextMarker, err = page(entries, func(e entry[account.TargetGroup, types.TargetGroup]) uint64 { return e.seq }, in.Marker, in.PageSize, s.pages(largePage))
	}
	if err != nil {
		return nil, err
	}
	out.TargetGroups = make([]types.TargetGroup, len(entries))
	for i, e := range entries {
		out.TargetGroups[i] = e.show(s.describeTargetGroup)
	}
	return out, nil
}

// changingGroup says that the target group is about to change or to go, which lists show later.
func (s *Service) changingGroup(tg *account.TargetGroup) {
	s.account.ChangingBalancing(tg.ARN, tg.Seq, func() any { return s.describeTargetGroup(tg) })
}

// describeTargetGroup converts to the SDK's form.
func (s *Service) describeTargetGroup(tg *account.TargetGroup) types.TargetGroup {
	h := tg.HealthCheck
	out := types.TargetGroup{
		TargetGroupArn: aws.String(tg.ARN), TargetGroupName: aws.String(tg.Name), TargetType: types.TargetTypeEnum(tg.TargetType),
		Protocol: types.ProtocolEnum(tg.Protocol), ProtocolVersion: optional(tg.ProtocolVersion), VpcId: optional(tg.VPC),
		IpAddressType: types.TargetGroupIpAddressTypeEnum(tg.IPAddressType), LoadBalancerArns: []string{},
		HealthCheckEnabled: aws.Bool(h.Enabled), HealthCheckProtocol: types.ProtocolEnum(h.Protocol), HealthCheckPort: optional(h.Port),
		HealthCheckPath: optional(h.Path), HealthCheckIntervalSeconds: aws.Int32(h.Interval), HealthCheckTimeoutSeconds: aws.Int32(h.Timeout),
		HealthyThresholdCount: aws.Int32(h.HealthyThreshold), UnhealthyThresholdCount: aws.Int32(h.UnhealthyThreshold),
	}
	if tg.Port != 0 {
		out.Port = aws.Int32(tg.Port)
	}
	if tg.ControlPort != 0 {
		out.TargetControlPort = aws.Int32(tg.ControlPort)
	}
	if h.HTTPCodes != "" || h.GRPCCodes != "" {
		out.Matcher = &types.Matcher{HttpCode: optional(h.HTTPCodes), GrpcCode: optional(h.GRPCCodes)}
	}
	if tg.LoadBalancer != nil {
		out.LoadBalancerArns = append(out.LoadBalancerArns, tg.LoadBalancer.ARN)
	} else if s.account.Clock.Now().Before(tg.ReleasedAt.Add(s.account.Profile.TargetGroupRelease)) {
		out.LoadBalancerArns = append(out.LoadBalancerArns, tg.ReleasedFrom)
	}
	return out
}

// DeleteTargetGroup deletes a target group that no rule names; one that does not exist is no error.
func (s *Service) DeleteTargetGroup(ctx context.Context, in *elb.DeleteTargetGroupInput, _ ...func(*elb.Options)) (*elb.DeleteTargetGroupOutput, error) {
	return write(ctx, s, "DeleteTargetGroup", in, func(in *elb.DeleteTargetGroupInput) (*elb.DeleteTargetGroupOutput, error) {
		tg, err := s.targetGroup(in.TargetGroupArn)
		if e := apierr.As(err); e != nil && e.Code == kindTargetGroup.code {
			return &elb.DeleteTargetGroupOutput{}, nil
		}
		if err != nil {
			return nil, err
		}
		settled := tg.ReleasedAt.Add(s.account.Profile.TargetGroupRelease)
		if tg.Used() || !tg.ReleasedAt.IsZero() && s.account.Clock.Now().Before(settled) {
			return nil, apierr.New("ResourceInUse", "Target group '%s' is currently in use by a listener or a rule", tg.ARN)
		}
		s.changingGroup(tg)
		s.account.RemoveTargetGroup(tg)
		return &elb.DeleteTargetGroupOutput{}, nil
	})
}
