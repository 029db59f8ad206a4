package globalaccelerator

import (
	"context"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
)

var pathForm = regexp.MustCompile(`^/[-a-zA-Z0-9@:%_\\+.~#?&/=]*$`)

// CreateEndpointGroup makes the endpoint group of a listener in a region.
func (s *Service) CreateEndpointGroup(ctx context.Context, in *globalaccelerator.CreateEndpointGroupInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.CreateEndpointGroupOutput, error) {
	return call.Write(ctx, s.entry, "CreateEndpointGroup", in, func(in *globalaccelerator.CreateEndpointGroupInput) (
		*globalaccelerator.CreateEndpointGroupOutput, error) {
		bare := *in
		bare.IdempotencyToken = nil
		find := func(arn string) (*account.EndpointGroup, bool) {
			_, _, g, err := s.group(&arn)
			return g, err == nil
		}
		g, err := once(s, creation{"CreateEndpointGroup", in.IdempotencyToken, bare}, find, func() (*account.EndpointGroup,
			string, error) {
			g, err := s.createGroup(in)
			if err != nil {
				return nil, "", err
			}
			return g, g.ARN, nil
		})
		if err != nil {
			return nil, err
		}
		return &globalaccelerator.CreateEndpointGroupOutput{EndpointGroup: s.describeGroup(g)}, nil
	})
}

func (s *Service) createGroup(in *globalaccelerator.CreateEndpointGroupInput) (*account.EndpointGroup, error) {
	x, l, err := s.listener(in.ListenerArn)
	if _, err = s.changing(x, err); err != nil {
		return nil, err
	}
	region := aws.ToString(in.EndpointGroupRegion)
	if !s.account.KnowsRegion(region) {
		return nil, invalid("The region %q of the endpoint group is not valid.", region)
	}
	if slices.ContainsFunc(l.Groups, func(g *account.EndpointGroup) bool { return g.Region == region }) {
		return nil, apierr.New("EndpointGroupAlreadyExistsException", "The listener %s has an endpoint group in %s already.",
			l.ARN, region)
	}
	if q := s.account.Quota("endpoint-groups-per-listener"); len(l.Groups) >= q {
		return nil, beyond(q, "endpoint groups per listener")
	}
	g := &account.EndpointGroup{Region: region, Dial: 100, HealthCheck: account.EndpointHealthCheck{
		Port: l.Ports[0].From, Protocol: string(types.HealthCheckProtocolTcp), Path: "/", Interval: 30, Threshold: 3,
	}}
	set := settings{
		in.TrafficDialPercentage, in.HealthCheckPort, in.HealthCheckProtocol, in.HealthCheckPath,
		in.HealthCheckIntervalSeconds, in.ThresholdCount,
		in.PortOverrides, in.EndpointConfigurations,
	}
	if err := s.apply(x, l, nil, g, set); err != nil {
		return nil, err
	}
	g.ARN = l.ARN + "/endpoint-group/" + hash(s.account.NewUUID(), 12)
	l.Groups = append(l.Groups, g)
	s.changed(x)
	s.attach()
	return g, nil
}

// settings are what creation and update of an endpoint group have in common; nil and "" leave what is.
type settings struct {
	dial      *float32
	port      *int32
	protocol  types.HealthCheckProtocol
	path      *string
	interval  *int32
	threshold *int32
	overrides []types.PortOverride
	endpoints []types.EndpointConfiguration
}

// apply changes g, which will take old's place, to what is set. Overrides and endpoints replace those that were.
func (s *Service) apply(x *account.Accelerator, l *account.AcceleratorListener, old, g *account.EndpointGroup,
	set settings) error {
	check := &g.HealthCheck
	given(&g.Dial, set.dial)
	given(&check.Port, set.port)
	given(&check.Path, set.path)
	given(&check.Interval, set.interval)
	given(&check.Threshold, set.threshold)
	if set.protocol != "" {
		check.Protocol = string(set.protocol)
	}
	protocol := types.HealthCheckProtocol(check.Protocol)
	switch {
	case !(g.Dial >= 0 && g.Dial <= 100): // also what is no number
		return invalid("The traffic dial must be between 0 and 100 percent, not %g.", g.Dial)
	case check.Port < 1 || check.Port > 65535:
		return invalid("The health check port %d is not a port.", check.Port)
	case !slices.Contains(protocol.Values(), protocol):
		return invalid("The health check protocol %q is not TCP, HTTP or HTTPS.", protocol)
	case len(check.Path) > 255 || !pathForm.MatchString(check.Path):
		return invalid("The health check path %q is not valid: up to 255 characters are expected, the first a slash.",
			check.Path)
	case check.Interval != 10 && check.Interval != 30:
		return invalid("The health check interval is 10 or 30 seconds, not %d.", check.Interval)
	case check.Threshold < 1 || check.Threshold > 10:
		return invalid("The threshold count must be between 1 and 10, not %d.", check.Threshold)
	}
	if set.overrides != nil {
		overrides, err := s.overrides(x, l, old, g.Region, set.overrides)
		if err != nil {
			return err
		}
		g.Overrides = overrides
	}
	if set.endpoints != nil {
		endpoints, err := s.endpoints(x, g, nil, set.endpoints)
		if err != nil {
			return err
		}
		g.Endpoints = endpoints
	}
	return nil
}

func given[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// overrides validates port overrides: the listener's port is one of its own, the endpoint's port is on no listener of
// the accelerator, and in the group's region no other listener overrides to it.
func (s *Service) overrides(x *account.Accelerator, l *account.AcceleratorListener, old *account.EndpointGroup,
	region string, list []types.PortOverride) ([]account.PortOverride, error) {
	if q := s.account.Quota("port-overrides-per-endpoint-group"); len(list) > q {
		return nil, beyond(q, "port overrides per endpoint group")
	}
	out := []account.PortOverride{}
	for _, item := range list {
		o := account.PortOverride{Listener: aws.ToInt32(item.ListenerPort), Endpoint: aws.ToInt32(item.EndpointPort)}
		if !l.Contains(o.Listener) {
			return nil, invalid("The listener port %d of a port override is not in the port ranges of the listener.", o.Listener)
		}
		if o.Endpoint < 1 || o.Endpoint > 65535 {
			return nil, invalid("The endpoint port %d of a port override is not a port.", o.Endpoint)
		}
		for _, before := range out {
			if before.Listener == o.Listener || before.Endpoint == o.Endpoint {
				return nil, invalid("The ports %d and %d of a port override are in another one of the endpoint group.",
					o.Listener, o.Endpoint)
			}
		}
		for _, other := range x.Listeners {
			if other.Contains(o.Endpoint) {
				return nil, invalid("The endpoint port %d of a port override is in the port ranges of the listener %s.",
					o.Endpoint, other.ARN)
			}
			for _, g := range other.Groups {
				if other != l && g != old && g.Region == region && slices.ContainsFunc(g.Overrides,
					func(p account.PortOverride) bool { return p.Endpoint == o.Endpoint }) {
					return nil, invalid("The endpoint port %d is used by a port override of the listener %s in %s.", o.Endpoint,
						other.ARN, region)
				}
			}
		}
		out = append(out, o)
	}
	return out, nil
}

func (s *Service) describeGroup(g *account.EndpointGroup) *types.EndpointGroup {
	d := &types.EndpointGroup{
		EndpointGroupArn: aws.String(g.ARN), EndpointGroupRegion: aws.String(g.Region),
		TrafficDialPercentage: aws.Float32(g.Dial),
		HealthCheckPort:       aws.Int32(g.HealthCheck.Port), HealthCheckProtocol: types.HealthCheckProtocol(
			g.HealthCheck.Protocol),
		HealthCheckIntervalSeconds: aws.Int32(g.HealthCheck.Interval), ThresholdCount: aws.Int32(g.HealthCheck.Threshold),
		EndpointDescriptions: s.describeEndpoints(g.Endpoints), PortOverrides: []types.PortOverride{},
	}
	if g.HealthCheck.Protocol != string(types.HealthCheckProtocolTcp) {
		d.HealthCheckPath = aws.String(g.HealthCheck.Path)
	}
	for _, o := range g.Overrides {
		d.PortOverrides = append(d.PortOverrides, types.PortOverride{ListenerPort: aws.Int32(o.Listener),
			EndpointPort: aws.Int32(o.Endpoint)})
	}
	return d
}

// UpdateEndpointGroup changes what is given; endpoints and port overrides, if given, replace those that were.
func (s *Service) UpdateEndpointGroup(ctx context.Context, in *globalaccelerator.UpdateEndpointGroupInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.UpdateEndpointGroupOutput, error) {
	return call.Write(ctx, s.entry, "UpdateEndpointGroup", in, func(in *globalaccelerator.UpdateEndpointGroupInput) (
		*globalaccelerator.UpdateEndpointGroupOutput, error) {
		x, l, g, err := s.group(in.EndpointGroupArn)
		if _, err = s.changing(x, err); err != nil {
			return nil, err
		}
		changed := *g
		set := settings{
			in.TrafficDialPercentage, in.HealthCheckPort, in.HealthCheckProtocol, in.HealthCheckPath,
			in.HealthCheckIntervalSeconds, in.ThresholdCount,
			in.PortOverrides, in.EndpointConfigurations,
		}
		if err := s.apply(x, l, g, &changed, set); err != nil {
			return nil, err
		}
		*g = changed
		s.changed(x)
		s.attach()
		return &globalaccelerator.UpdateEndpointGroupOutput{EndpointGroup: s.describeGroup(g)}, nil
	})
}

// DescribeEndpointGroup describes an endpoint group with its endpoints and their health.
func (s *Service) DescribeEndpointGroup(ctx context.Context, in *globalaccelerator.DescribeEndpointGroupInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.DescribeEndpointGroupOutput, error) {
	return call.Read(ctx, s.entry, "DescribeEndpointGroup", in, func(in *globalaccelerator.DescribeEndpointGroupInput) (
		*globalaccelerator.DescribeEndpointGroupOutput, error) {
		_, _, g, err := s.group(in.EndpointGroupArn)
		if err != nil {
			return nil, err
		}
		return &globalaccelerator.DescribeEndpointGroupOutput{EndpointGroup: s.describeGroup(g)}, nil
	})
}

// ListEndpointGroups lists the endpoint groups of a listener in the order of their creation.
func (s *Service) ListEndpointGroups(ctx context.Context, in *globalaccelerator.ListEndpointGroupsInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.ListEndpointGroupsOutput, error) {
	return call.Read(ctx, s.entry, "ListEndpointGroups", in, func(in *globalaccelerator.ListEndpointGroupsInput) (
		*globalaccelerator.ListEndpointGroupsOutput, error) {
		_, l, err := s.listener(in.ListenerArn)
		if err != nil {
			return nil, err
		}
		page, next, err := pageOf(s, l.Groups, func(g *account.EndpointGroup) string { return g.ARN }, in.MaxResults,
			in.NextToken)
		if err != nil {
			return nil, err
		}
		out := &globalaccelerator.ListEndpointGroupsOutput{EndpointGroups: []types.EndpointGroup{}, NextToken: next}
		for _, g := range page {
			out.EndpointGroups = append(out.EndpointGroups, *s.describeGroup(g))
		}
		return out, nil
	})
}

// DeleteEndpointGroup deletes an endpoint group with its endpoints.
func (s *Service) DeleteEndpointGroup(ctx context.Context, in *globalaccelerator.DeleteEndpointGroupInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.DeleteEndpointGroupOutput, error) {
	return call.Write(ctx, s.entry, "DeleteEndpointGroup", in, func(in *globalaccelerator.DeleteEndpointGroupInput) (
		*globalaccelerator.DeleteEndpointGroupOutput, error) {
		x, l, g, err := s.group(in.EndpointGroupArn)
		if _, err = s.changing(x, err); err != nil {
			return nil, err
		}
		l.Groups = slices.DeleteFunc(l.Groups, func(other *account.EndpointGroup) bool { return other == g })
		s.changed(x)
		s.attach()
		return &globalaccelerator.DeleteEndpointGroupOutput{}, nil
	})
}
