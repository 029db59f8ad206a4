package globalaccelerator

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/call"
)

const defaultWeight = 128

// kind is what an endpoint is.
type kind int

const (
	unknown kind = iota
	loadBalancer
	elasticIP
	instance
)

func kindOf(id string) kind {
	switch {
	case strings.Contains(id, ":elasticloadbalancing:") && strings.Contains(id, ":loadbalancer/"):
		return loadBalancer
	case strings.HasPrefix(id, "eipalloc-"):
		return elasticIP
	case strings.HasPrefix(id, "i-"):
		return instance
	}
	return unknown
}

// endpoints are the endpoints of g with more configured: those that are there get the new settings and keep their age.
func (s *Service) endpoints(x *account.Accelerator, g *account.EndpointGroup, present []*account.AcceleratorEndpoint,
	list []types.EndpointConfiguration) ([]*account.AcceleratorEndpoint, error) {
	out := slices.Clone(present)
	named := map[string]bool{}
	for _, item := range list {
		id := aws.ToString(item.EndpointId)
		if named[id] {
			return nil, invalid("The endpoint %s is given twice.", id)
		}
		named[id] = true
		if aws.ToString(item.AttachmentArn) != "" {
			return nil, invalid("The endpoint %s names a cross-account attachment; endpoints of other accounts do "+
				"not exist here.", id)
		}
		e, err := s.endpoint(x, g.Region, item)
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(g.Endpoints, func(p *account.AcceleratorEndpoint) bool { return p.ID == id }); i >= 0 {
			e.Added = g.Endpoints[i].Added
		}
		if i := slices.IndexFunc(out, func(p *account.AcceleratorEndpoint) bool { return p.ID == id }); i >= 0 {
			out[i] = e
			continue
		}
		out = append(out, e)
	}
	if q := s.account.Quota("endpoints-per-endpoint-group"); len(out) > q {
		return nil, beyond(q, "endpoints per endpoint group")
	}
	return out, nil
}

// endpoint validates one endpoint of a group in a region.
func (s *Service) endpoint(x *account.Accelerator, region string, c types.EndpointConfiguration) (
	*account.AcceleratorEndpoint, error) {
	e := &account.AcceleratorEndpoint{ID: aws.ToString(c.EndpointId), Weight: defaultWeight, Added: s.account.Clock.Now()}
	given(&e.Weight, c.Weight)
	if e.Weight < 0 || e.Weight > 255 {
		return nil, invalid("The weight of an endpoint must be between 0 and 255, not %d.", e.Weight)
	}
	var mayPreserve, mustPreserve bool
	switch kindOf(e.ID) {
	case loadBalancer:
		parts := strings.SplitN(e.ID, ":", 6)
		if len(parts) < 6 || parts[3] != region {
			return nil, invalid("The endpoint %s is not in the region %s of the endpoint group.", e.ID, region)
		}
		application := strings.HasPrefix(parts[5], "loadbalancer/app/")
		if !application && !strings.HasPrefix(parts[5], "loadbalancer/net/") {
			return nil, invalid("The endpoint %s is neither an application nor a network load balancer.", e.ID)
		}
		mayPreserve, e.PreserveClientIP = true, application
		if region != s.account.Region {
			break // nothing is known of other regions
		}
		lb := s.account.LoadBalancers[e.ID]
		if lb == nil {
			return nil, invalid("The endpoint %s does not exist.", e.ID)
		}
		if state, _ := lb.StateAt(s.account.Clock.Now()); state != "active" && state != "active_impaired" {
			return nil, invalid("The endpoint %s is not active, but %s.", e.ID, state)
		}
		mustPreserve = application && lb.Scheme == "internal"
		mayPreserve = application || len(lb.SecurityGroups) > 0
	case elasticIP:
		if region == s.account.Region && s.account.Addresses[e.ID] == nil {
			return nil, invalid("The endpoint %s does not exist.", e.ID)
		}
	case instance:
		if i, ok := s.account.Instance(e.ID); region == s.account.Region && (!ok || i.State == "terminated") {
			return nil, invalid("The endpoint %s does not exist.", e.ID)
		}
		mayPreserve, mustPreserve, e.PreserveClientIP = true, true, true
	default:
		return nil, invalid("The endpoint id %q is not the ARN of a load balancer, the allocation id of an Elastic IP "+
			"address or the id of an instance.", e.ID)
	}
	given(&e.PreserveClientIP, c.ClientIPPreservationEnabled)
	if err := checkPreservation(e, mayPreserve, mustPreserve); err != nil {
		return nil, err
	}
	if x.IPAddressType == string(types.IpAddressTypeDualStack) {
		if err := s.checkFamily(e.ID); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// checkPreservation checks whether an endpoint preserves client addresses only if it may, and if it must.
func checkPreservation(e *account.AcceleratorEndpoint, may, must bool) error {
	if e.PreserveClientIP && !may {
		return invalid("The endpoint %s does not support client IP address preservation.", e.ID)
	}
	if !e.PreserveClientIP && must {
		return invalid("The endpoint %s needs client IP address preservation.", e.ID)
	}
	return nil
}

// checkFamily refuses endpoints that a dual-stack accelerator cannot have: all but dual-stack load balancers.
func (s *Service) checkFamily(id string) error {
	if kindOf(id) == loadBalancer {
		lb := s.account.LoadBalancers[id]
		if lb == nil || strings.HasPrefix(lb.IPAddressType, "dualstack") {
			return nil
		}
	}
	return invalid("The endpoint %s is not dual-stack, as the endpoints of a dual-stack accelerator must be.", id)
}

func (s *Service) describeEndpoints(list []*account.AcceleratorEndpoint) []types.EndpointDescription {
	out := []types.EndpointDescription{}
	for _, e := range list {
		state, reason := s.account.EndpointHealth(e)
		d := types.EndpointDescription{EndpointId: aws.String(e.ID), Weight: aws.Int32(e.Weight),
			HealthState: types.HealthState(state)}
		if reason != "" {
			d.HealthReason = aws.String(reason)
		}
		if kindOf(e.ID) != elasticIP { // which cannot have it
			d.ClientIPPreservationEnabled = aws.Bool(e.PreserveClientIP)
		}
		out = append(out, d)
	}
	return out
}

// AddEndpoints adds endpoints to a group, or changes the settings of those that are in it.
func (s *Service) AddEndpoints(ctx context.Context, in *globalaccelerator.AddEndpointsInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.AddEndpointsOutput, error) {
	return call.Write(ctx, s.entry, "AddEndpoints", in, func(in *globalaccelerator.AddEndpointsInput) (
		*globalaccelerator.AddEndpointsOutput, error) {
		x, _, g, err := s.group(in.EndpointGroupArn)
		if _, err = s.changing(x, err); err != nil {
			return nil, err
		}
		if len(in.EndpointConfigurations) == 0 {
			return nil, invalid("No endpoint is given.")
		}
		all, err := s.endpoints(x, g, g.Endpoints, in.EndpointConfigurations)
		if err != nil {
			return nil, err
		}
		g.Endpoints = all
		s.changed(x)
		out := &globalaccelerator.AddEndpointsOutput{EndpointGroupArn: in.EndpointGroupArn}
		for _, d := range s.describeEndpoints(all) {
			if slices.ContainsFunc(in.EndpointConfigurations, func(c types.EndpointConfiguration) bool {
				return aws.ToString(c.EndpointId) == *d.EndpointId
			}) {
				out.EndpointDescriptions = append(out.EndpointDescriptions, d)
			}
		}
		s.attach()
		return out, nil
	})
}

// RemoveEndpoints takes endpoints out of a group.
func (s *Service) RemoveEndpoints(ctx context.Context, in *globalaccelerator.RemoveEndpointsInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.RemoveEndpointsOutput, error) {
	return call.Write(ctx, s.entry, "RemoveEndpoints", in, func(in *globalaccelerator.RemoveEndpointsInput) (
		*globalaccelerator.RemoveEndpointsOutput, error) {
		x, _, g, err := s.group(in.EndpointGroupArn)
		if _, err = s.changing(x, err); err != nil {
			return nil, err
		}
		if len(in.EndpointIdentifiers) == 0 {
			return nil, invalid("No endpoint is given.")
		}
		rest := slices.Clone(g.Endpoints)
		for _, gone := range in.EndpointIdentifiers {
			i := slices.IndexFunc(rest, func(e *account.AcceleratorEndpoint) bool {
				return e.ID == aws.ToString(gone.EndpointId) &&
					(gone.ClientIPPreservationEnabled == nil || *gone.ClientIPPreservationEnabled == e.PreserveClientIP)
			})
			if i < 0 {
				return nil, invalid("The endpoint %s is not in the endpoint group.", aws.ToString(gone.EndpointId))
			}
			rest = slices.Delete(rest, i, i+1)
		}
		g.Endpoints = rest
		s.changed(x)
		s.attach()
		return &globalaccelerator.RemoveEndpointsOutput{}, nil
	})
}
