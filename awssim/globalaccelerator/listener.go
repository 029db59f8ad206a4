package globalaccelerator

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
)

// CreateListener makes a listener on ports that no other listener of the protocol has.
func (s *Service) CreateListener(ctx context.Context, in *globalaccelerator.CreateListenerInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.CreateListenerOutput, error) {
	return call.Write(ctx, s.entry, "CreateListener", in, func(in *globalaccelerator.CreateListenerInput) (
		*globalaccelerator.CreateListenerOutput, error) {
		bare := *in
		bare.IdempotencyToken = nil
		find := func(arn string) (*account.AcceleratorListener, bool) {
			_, l, err := s.listener(&arn)
			return l, err == nil
		}
		l, err := once(s, creation{"CreateListener", in.IdempotencyToken, bare}, find, func() (*account.AcceleratorListener,
			string, error) {
			l, err := s.createListener(in)
			if err != nil {
				return nil, "", err
			}
			return l, l.ARN, nil
		})
		if err != nil {
			return nil, err
		}
		return &globalaccelerator.CreateListenerOutput{Listener: describeListener(l)}, nil
	})
}

func (s *Service) createListener(in *globalaccelerator.CreateListenerInput) (*account.AcceleratorListener, error) {
	x, err := s.changing(s.accelerator(in.AcceleratorArn))
	if err != nil {
		return nil, err
	}
	l := &account.AcceleratorListener{Protocol: string(in.Protocol), Affinity: string(in.ClientAffinity)}
	if l.Affinity == "" {
		l.Affinity = string(types.ClientAffinityNone)
	}
	if l.Ports, err = s.portRanges(in.PortRanges); err != nil {
		return nil, err
	}
	if err := checkListener(x, nil, l); err != nil {
		return nil, err
	}
	if q := s.account.Quota("listeners-per-accelerator"); len(x.Listeners) >= q {
		return nil, beyond(q, "listeners per accelerator")
	}
	l.ARN = x.ARN + "/listener/" + hash(s.account.NewUUID(), 8)
	x.Listeners = append(x.Listeners, l)
	s.changed(x)
	return l, nil
}

// portRanges are the ranges of a listener, which do not overlap.
func (s *Service) portRanges(given []types.PortRange) ([]account.PortRange, error) {
	if q := s.account.Quota("port-ranges-per-listener"); len(given) < 1 || len(given) > q {
		return nil, invalid("A listener has 1 to %d port ranges; %d are given.", q, len(given))
	}
	var ranges []account.PortRange
	for _, g := range given {
		r := account.PortRange{From: aws.ToInt32(g.FromPort), To: aws.ToInt32(g.ToPort)}
		if r.From < 1 || r.To > 65535 || r.From > r.To {
			return nil, apierr.New("InvalidPortRangeException",
				"The port range %d-%d is not valid: ports are 1 to 65535, the lower one first.", r.From, r.To)
		}
		if slices.ContainsFunc(ranges, r.Overlaps) {
			return nil, apierr.New("InvalidPortRangeException",
				"The port range %d-%d overlaps with another one of the listener.", r.From, r.To)
		}
		ranges = append(ranges, r)
	}
	return ranges, nil
}

// checkListener validates what l would be on x, in place of old if that is not nil.
func checkListener(x *account.Accelerator, old, l *account.AcceleratorListener) error {
	if p := types.Protocol(l.Protocol); !slices.Contains(p.Values(), p) {
		return invalid("The protocol %q is neither TCP nor UDP.", p)
	}
	if a := types.ClientAffinity(l.Affinity); !slices.Contains(a.Values(), a) {
		return invalid("The client affinity %q is neither NONE nor SOURCE_IP.", a)
	}
	for _, other := range x.Listeners {
		for _, r := range l.Ports {
			if other != old && other.Protocol == l.Protocol && slices.ContainsFunc(other.Ports, r.Overlaps) {
				return apierr.New("InvalidPortRangeException",
					"The port numbers that you specified are not valid numbers or are not unique for this accelerator: %d-%d "+
						"overlaps with %s.", r.From, r.To, other.ARN)
			}
		}
		for _, g := range other.Groups {
			for _, o := range g.Overrides {
				if other == old && !l.Contains(o.Listener) {
					return invalid("The listener port %d is overridden in %s: remove the override first.", o.Listener, g.ARN)
				}
				if l.Contains(o.Endpoint) {
					return invalid("The port %d is the endpoint port of an override in %s, so that no listener can have it.",
						o.Endpoint, g.ARN)
				}
			}
		}
	}
	return nil
}

func describeListener(l *account.AcceleratorListener) *types.Listener {
	d := &types.Listener{ListenerArn: aws.String(l.ARN), Protocol: types.Protocol(l.Protocol),
		ClientAffinity: types.ClientAffinity(l.Affinity)}
	for _, r := range l.Ports {
		d.PortRanges = append(d.PortRanges, types.PortRange{FromPort: aws.Int32(r.From), ToPort: aws.Int32(r.To)})
	}
	return d
}

// UpdateListener changes what is given: ports, protocol or client affinity.
func (s *Service) UpdateListener(ctx context.Context, in *globalaccelerator.UpdateListenerInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.UpdateListenerOutput, error) {
	return call.Write(ctx, s.entry, "UpdateListener", in, func(in *globalaccelerator.UpdateListenerInput) (
		*globalaccelerator.UpdateListenerOutput, error) {
		x, l, err := s.listener(in.ListenerArn)
		if _, err = s.changing(x, err); err != nil {
			return nil, err
		}
		changed := *l
		if in.Protocol != "" {
			changed.Protocol = string(in.Protocol)
		}
		if in.ClientAffinity != "" {
			changed.Affinity = string(in.ClientAffinity)
		}
		if in.PortRanges != nil {
			if changed.Ports, err = s.portRanges(in.PortRanges); err != nil {
				return nil, err
			}
		}
		if err := checkListener(x, l, &changed); err != nil {
			return nil, err
		}
		*l = changed
		s.changed(x)
		return &globalaccelerator.UpdateListenerOutput{Listener: describeListener(l)}, nil
	})
}

// DescribeListener describes a listener.
func (s *Service) DescribeListener(ctx context.Context, in *globalaccelerator.DescribeListenerInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.DescribeListenerOutput, error) {
	return call.Read(ctx, s.entry, "DescribeListener", in, func(in *globalaccelerator.DescribeListenerInput) (
		*globalaccelerator.DescribeListenerOutput, error) {
		_, l, err := s.listener(in.ListenerArn)
		if err != nil {
			return nil, err
		}
		return &globalaccelerator.DescribeListenerOutput{Listener: describeListener(l)}, nil
	})
}

// ListListeners lists the listeners of an accelerator in the order of their creation.
func (s *Service) ListListeners(ctx context.Context, in *globalaccelerator.ListListenersInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.ListListenersOutput, error) {
	return call.Read(ctx, s.entry, "ListListeners", in, func(in *globalaccelerator.ListListenersInput) (
		*globalaccelerator.ListListenersOutput, error) {
		x, err := s.accelerator(in.AcceleratorArn)
		if err != nil {
			return nil, err
		}
		page, next, err := pageOf(s, x.Listeners, func(l *account.AcceleratorListener) string { return l.ARN }, in.MaxResults,
			in.NextToken)
		if err != nil {
			return nil, err
		}
		out := &globalaccelerator.ListListenersOutput{Listeners: []types.Listener{}, NextToken: next}
		for _, l := range page {
			out.Listeners = append(out.Listeners, *describeListener(l))
		}
		return out, nil
	})
}

// DeleteListener deletes a listener that has no endpoint group.
func (s *Service) DeleteListener(ctx context.Context, in *globalaccelerator.DeleteListenerInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.DeleteListenerOutput, error) {
	return call.Write(ctx, s.entry, "DeleteListener", in, func(in *globalaccelerator.DeleteListenerInput) (
		*globalaccelerator.DeleteListenerOutput, error) {
		x, l, err := s.listener(in.ListenerArn)
		if _, err = s.changing(x, err); err != nil {
			return nil, err
		}
		if len(l.Groups) > 0 {
			return nil, apierr.New("AssociatedEndpointGroupFoundException",
				"The listener that you specified has an endpoint group associated with it. You must remove all dependent "+
					"resources from a listener before you can delete it.")
		}
		x.Listeners = slices.DeleteFunc(x.Listeners, func(other *account.AcceleratorListener) bool { return other == l })
		s.changed(x)
		return &globalaccelerator.DeleteListenerOutput{}, nil
	})
}
