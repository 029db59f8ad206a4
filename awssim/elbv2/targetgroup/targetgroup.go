// Package targetgroup is the actions on target groups and their targets: health checks, attributes, registration,
// health, quotas. It checks no targets by itself, which awssim/dataplane does; of elbv2 it imports attribute, request
// and check.
package targetgroup

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
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

// TargetGroups answers the actions on target groups and targets.
type TargetGroups struct {
	account *account.Account
	entry   call.Entry
}

// New is the actions over the account of e.
func New(e call.Entry) *TargetGroups { return &TargetGroups{account: e.Account, entry: e} }

// CreateTargetGroup creates a target group, or answers the one that has the name if it has the same settings.
func (s *TargetGroups) CreateTargetGroup(ctx context.Context, in *elb.CreateTargetGroupInput, _ ...func(*elb.Options)) (
	*elb.CreateTargetGroupOutput, error) {
	return call.Write(ctx, s.entry, "CreateTargetGroup", in, s.createTargetGroup)
}

func (s *TargetGroups) createTargetGroup(in *elb.CreateTargetGroupInput) (*elb.CreateTargetGroupOutput, error) {
	tg, err := wantedTargetGroup(in)
	if err != nil {
		return nil, err
	}
	if tg.TargetType != "lambda" {
		vpc, ok := s.account.VPC(tg.VPC)
		if !ok {
			return nil, check.Invalid("The VPC ID '%s' is not found", tg.VPC)
		}
		if tg.IPAddressType == "ipv6" && len(vpc.IPv6CIDRs) == 0 {
			return nil, check.InvalidConfiguration("The VPC '%s' has no IPv6 CIDR block, which target groups with the IP "+
				"address type 'ipv6' need", tg.VPC)
		}
	}
	out := func(tg *account.TargetGroup) *elb.CreateTargetGroupOutput {
		return &elb.CreateTargetGroupOutput{TargetGroups: []types.TargetGroup{s.describeTargetGroup(tg)}}
	}
	if have := s.account.TargetGroupNamed(tg.Name); have != nil {
		if !sameTargetGroup(have, tg) {
			return nil, apierr.New("DuplicateTargetGroupName",
				"A target group with the same name '%s' exists, but with different settings", tg.Name)
		}
		return out(have), nil
	}
	if n := len(s.account.TargetGroups); n >= s.account.Quota(request.QuotaTargetGroups) {
		return nil, apierr.New("TooManyTargetGroups", "The maximum number of target groups, '%d', has been reached", n)
	}
	if most := s.account.Quota(request.QuotaGeneveGroups); tg.Protocol == "GENEVE" && s.countGeneve() >= most {
		return nil, apierr.New("TooManyTargetGroups", "The maximum number of target groups with the GENEVE protocol, '%d', "+
			"has been reached", most)
	}
	path := "targetgroup/" + tg.Name
	tg.ARN = s.account.BalancingARN(path + "/" + s.account.NewBalancingID(path))
	tg.Attributes = targetGroupAttributes.Complete(tg, nil)
	s.account.AddTargetGroup(tg)
	return out(tg), nil
}

func (s *TargetGroups) countGeneve() int {
	n := 0
	for _, tg := range s.account.TargetGroups {
		if tg.Protocol == "GENEVE" {
			n++
		}
	}
	return n
}

// wantedTargetGroup is the target group of a request, with the checks that need no account.
func wantedTargetGroup(in *elb.CreateTargetGroupInput) (*account.TargetGroup, error) {
	name, version := aws.ToString(in.Name), strings.ToUpper(aws.ToString(in.ProtocolVersion))
	tags, err := request.NewTags(in.Tags)
	if err := check.First(
		check.Present("name", in.Name),
		check.OneOf("targetType", in.TargetType, in.TargetType.Values()),
		check.OneOf("protocol", in.Protocol, in.Protocol.Values()),
		check.OneOf("ipAddressType", in.IpAddressType, in.IpAddressType.Values()),
		check.OneOf("protocolVersion", version, []string{"HTTP1", "HTTP2", "GRPC"}),
		check.Between("port", in.Port, 1, 65535),
		check.Between("targetControlPort", in.TargetControlPort, 1, 65535),
		err,
		check.ResourceName("Target group name", "or", name),
		check.When(strings.Contains(name, "--"), check.Invalid("Target group name '%s' cannot contain consecutive hyphens",
			name)),
	); err != nil {
		return nil, err
	}
	tg := &account.TargetGroup{
		Name: name, TargetType: cmp.Or(string(in.TargetType), "instance"), Protocol: string(in.Protocol),
		ProtocolVersion: version,
		Port:            aws.ToInt32(in.Port), VPC: aws.ToString(in.VpcId),
		IPAddressType: cmp.Or(string(in.IpAddressType), "ipv4"),
		ControlPort:   aws.ToInt32(in.TargetControlPort), Tags: tags,
	}
	if tg.TargetType == "lambda" {
		if err := notForLambda(in); err != nil {
			return nil, err
		}
		tg.IPAddressType = ""
	} else if err := check.First(
		check.When(in.Protocol == "", check.Invalid("A protocol must be specified")),
		check.When(in.Port == nil, check.Invalid("A port must be specified")),
		check.When(tg.VPC == "", check.Invalid("A VPC ID must be specified")),
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
	return check.First(
		check.When(in.Protocol != "", check.Invalid(text, "A protocol")),
		check.When(in.Port != nil, check.Invalid(text, "A port")),
		check.When(in.VpcId != nil, check.Invalid(text, "A VPC ID")),
		check.When(in.ProtocolVersion != nil, check.InvalidConfiguration(text, "A protocol version")),
		check.When(in.IpAddressType != "", check.InvalidConfiguration(text, "An IP address type")),
		check.When(in.TargetControlPort != nil, check.InvalidConfiguration(text, "A target control port")),
	)
}

// checkTargetGroup holds the rules between the settings of target groups that are not for functions.
func checkTargetGroup(tg *account.TargetGroup) error {
	web := family(tg) == httpFamily
	return check.First(
		check.When(tg.Protocol == "GENEVE" && tg.Port != 6081,
			check.Invalid("The port of target groups with the GENEVE protocol must be '6081'")),
		check.When(tg.TargetType == "alb" && tg.Protocol != "TCP",
			check.InvalidConfiguration("Target groups with target type 'alb' must have the TCP protocol")),
		check.When(tg.TargetType == "alb" && tg.IPAddressType != "ipv4",
			check.InvalidConfiguration("Target groups with target type 'alb' must have the IP address type 'ipv4'")),
		check.When(IsQUIC(tg.Protocol) && tg.IPAddressType != "ipv4",
			check.InvalidConfiguration("Target groups with the %s protocol must have the IP address type 'ipv4'", tg.Protocol)),
		check.When(tg.ProtocolVersion != "" && !web, check.InvalidConfiguration("A protocol version cannot be specified "+
			"for target groups with the %s protocol", tg.Protocol)),
		check.When(tg.ControlPort != 0 && !web, check.InvalidConfiguration("A target control port cannot be specified for "+
			"target groups with the %s protocol", tg.Protocol)),
	)
}

func sameTargetGroup(have, want *account.TargetGroup) bool {
	return have.Protocol == want.Protocol && have.Port == want.Port && have.VPC == want.VPC &&
		have.TargetType == want.TargetType &&
		have.ProtocolVersion == want.ProtocolVersion && have.IPAddressType == want.IPAddressType &&
		have.ControlPort == want.ControlPort &&
		have.HealthCheck == want.HealthCheck
}

// ModifyTargetGroup changes the health check.
func (s *TargetGroups) ModifyTargetGroup(ctx context.Context, in *elb.ModifyTargetGroupInput, _ ...func(*elb.Options)) (
	*elb.ModifyTargetGroupOutput, error) {
	return call.Write(ctx, s.entry, "ModifyTargetGroup", in, func(in *elb.ModifyTargetGroupInput) (
		*elb.ModifyTargetGroupOutput, error) {
		r := modifiedHealthCheck(in)
		if err := check.First(check.Present("targetGroupArn", in.TargetGroupArn), r.shape(),
			check.When(r.empty(), check.Invalid("At least one health check setting must be specified"))); err != nil {
			return nil, err
		}
		tg, err := request.FindTargetGroup(s.account, in.TargetGroupArn)
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
func (s *TargetGroups) DescribeTargetGroups(ctx context.Context, in *elb.DescribeTargetGroupsInput,
	_ ...func(*elb.Options)) (*elb.DescribeTargetGroupsOutput, error) {
	return call.Read(ctx, s.entry, "DescribeTargetGroups", in, s.describeTargetGroups)
}

func (s *TargetGroups) describeTargetGroups(in *elb.DescribeTargetGroupsInput) (*elb.DescribeTargetGroupsOutput,
	error) {
	if err := request.CheckPageSize(in.PageSize); err != nil {
		return nil, err
	}
	ways := 0
	for _, given := range []bool{in.LoadBalancerArn != nil, len(in.TargetGroupArns) > 0, len(in.Names) > 0} {
		if given {
			ways++
		}
	}
	if ways > 1 {
		return nil, check.Invalid("Target group names, target group ARNs and a load balancer ARN cannot be specified at " +
			"the same time")
	}
	if len(in.TargetGroupArns) > request.MaxNamed || len(in.Names) > request.MaxNamed {
		return nil, check.Invalid("You cannot specify more than '%d' target groups", request.MaxNamed)
	}
	if err := check.ResourceNames("Target group name", "or", in.Names); err != nil {
		return nil, err
	}
	var list []*account.TargetGroup
	var err error
	out := &elb.DescribeTargetGroupsOutput{}
	switch {
	case len(in.TargetGroupArns) > 0:
		list, err = request.FindAll(s.account, request.KindTargetGroup, s.account.TargetGroups, in.TargetGroupArns)
	case len(in.Names) > 0:
		for _, name := range request.Distinct(in.Names) {
			tg := s.account.TargetGroupNamed(name)
			if tg == nil {
				return nil, request.KindTargetGroup.NotFound(name)
			}
			list = append(list, tg)
		}
	case in.LoadBalancerArn != nil:
		lb, err := request.FindLoadBalancer(s.account, in.LoadBalancerArn)
		if err != nil {
			return nil, err
		}
		for arn := range lb.TargetGroups() {
			list = append(list, s.account.TargetGroups[arn])
		}
		slices.SortFunc(list, func(x, y *account.TargetGroup) int { return cmp.Compare(x.Seq, y.Seq) })
		if list, out.NextMarker, err = request.Page(list, func(tg *account.TargetGroup) uint64 { return tg.Seq }, in.Marker,
			in.PageSize, request.PagesOf(s.account, request.LargePage)); err != nil {
			return nil, err
		}
	}
	entries := request.Current[types.TargetGroup](list)
	if ways == 0 {
		entries, out.NextMarker, err = request.ListedPage[account.TargetGroup, types.TargetGroup](s.account,
			s.account.TargetGroupsInOrder(),
			func(tg *account.TargetGroup) (string, uint64) { return tg.ARN, tg.Seq }, in.Marker, in.PageSize)
	}
	if err != nil {
		return nil, err
	}
	out.TargetGroups = request.Show(entries, s.describeTargetGroup)
	return out, nil
}

// changingGroup keeps the target group as it is now for lists that lag behind; it precedes every change and deletion.
func (s *TargetGroups) changingGroup(tg *account.TargetGroup) {
	s.account.ChangingBalancing(tg.ARN, tg.Seq, func() any { return s.describeTargetGroup(tg) })
}

// describeTargetGroup converts to the SDK's form.
func (s *TargetGroups) describeTargetGroup(tg *account.TargetGroup) types.TargetGroup {
	h := tg.HealthCheck
	out := types.TargetGroup{
		TargetGroupArn: aws.String(tg.ARN), TargetGroupName: aws.String(tg.Name), TargetType: types.TargetTypeEnum(
			tg.TargetType),
		Protocol: types.ProtocolEnum(tg.Protocol), ProtocolVersion: request.Optional(tg.ProtocolVersion),
		VpcId:         request.Optional(tg.VPC),
		IpAddressType: types.TargetGroupIpAddressTypeEnum(tg.IPAddressType), LoadBalancerArns: []string{},
		HealthCheckEnabled: aws.Bool(h.Enabled), HealthCheckProtocol: types.ProtocolEnum(h.Protocol),
		HealthCheckPort: request.Optional(h.Port),
		HealthCheckPath: request.Optional(h.Path), HealthCheckIntervalSeconds: aws.Int32(h.Interval),
		HealthCheckTimeoutSeconds: aws.Int32(h.Timeout),
		HealthyThresholdCount:     aws.Int32(h.HealthyThreshold), UnhealthyThresholdCount: aws.Int32(h.UnhealthyThreshold),
	}
	if tg.Port != 0 {
		out.Port = aws.Int32(tg.Port)
	}
	if tg.ControlPort != 0 {
		out.TargetControlPort = aws.Int32(tg.ControlPort)
	}
	if h.HTTPCodes != "" || h.GRPCCodes != "" {
		out.Matcher = &types.Matcher{HttpCode: request.Optional(h.HTTPCodes), GrpcCode: request.Optional(h.GRPCCodes)}
	}
	if tg.LoadBalancer != nil {
		out.LoadBalancerArns = append(out.LoadBalancerArns, tg.LoadBalancer.ARN)
	} else if s.account.Clock.Now().Before(tg.ReleasedAt.Add(s.account.Profile.TargetGroupRelease)) {
		out.LoadBalancerArns = append(out.LoadBalancerArns, tg.ReleasedFrom)
	}
	return out
}

// DeleteTargetGroup deletes a target group that no rule names; one that does not exist is no error.
func (s *TargetGroups) DeleteTargetGroup(ctx context.Context, in *elb.DeleteTargetGroupInput, _ ...func(*elb.Options)) (
	*elb.DeleteTargetGroupOutput, error) {
	return call.Write(ctx, s.entry, "DeleteTargetGroup", in, func(in *elb.DeleteTargetGroupInput) (
		*elb.DeleteTargetGroupOutput, error) {
		tg, err := request.FindTargetGroup(s.account, in.TargetGroupArn)
		if e := apierr.As(err); e != nil && e.Code == request.KindTargetGroup.Code {
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
