package globalaccelerator

import (
	"context"
	"net/netip"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
)

// nameForm is what the API reference and the console accept; underscores are taken too, as the real service does.
var nameForm = regexp.MustCompile(`^[a-zA-Z0-9_]([a-zA-Z0-9_.-]{0,62}[a-zA-Z0-9_])?$`)

func checkName(name string) error {
	if !nameForm.MatchString(name) {
		return invalid("The name %q must have 1 to 64 letters, digits, full stops and hyphens, and begin and end with a "+
			"letter or a digit.", name)
	}
	return nil
}

func checkType(t types.IpAddressType) error {
	if !slices.Contains(t.Values(), t) {
		return invalid("The IP address type %q is neither IPV4 nor DUAL_STACK.", t)
	}
	return nil
}

// CreateAccelerator makes an accelerator with two static addresses.
func (s *Service) CreateAccelerator(ctx context.Context, in *globalaccelerator.CreateAcceleratorInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.CreateAcceleratorOutput, error) {
	return call.Write(ctx, s.entry, "CreateAccelerator", in, func(in *globalaccelerator.CreateAcceleratorInput) (
		*globalaccelerator.CreateAcceleratorOutput, error) {
		bare := *in
		bare.IdempotencyToken = nil
		find := func(arn string) (*account.Accelerator, bool) {
			x := s.account.Accelerators[arn]
			return x, x != nil
		}
		x, err := once(s, creation{"CreateAccelerator", in.IdempotencyToken, bare}, find,
			func() (*account.Accelerator, string, error) {
				x, err := s.createAccelerator(in)
				if err != nil {
					return nil, "", err
				}
				return x, x.ARN, nil
			})
		if err != nil {
			return nil, err
		}
		return &globalaccelerator.CreateAcceleratorOutput{Accelerator: s.describe(x)}, nil
	})
}

func (s *Service) createAccelerator(in *globalaccelerator.CreateAcceleratorInput) (*account.Accelerator, error) {
	if err := checkName(aws.ToString(in.Name)); err != nil {
		return nil, err
	}
	kind := in.IpAddressType
	if kind == "" {
		kind = types.IpAddressTypeIpv4
	}
	if err := checkType(kind); err != nil {
		return nil, err
	}
	own, err := s.ownAddresses(in.IpAddresses, nil)
	if err != nil {
		return nil, err
	}
	tags, err := merge(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	if q := s.account.Quota("accelerators"); len(s.account.Accelerators) >= q {
		return nil, beyond(q, "accelerators")
	}
	now := s.account.Clock.Now()
	id := s.account.UUIDFor("accelerator")
	x := &account.Accelerator{
		ARN: s.acceleratorARN(id), Name: *in.Name, Enabled: in.Enabled == nil || *in.Enabled, Tags: tags,
		DNSName: "a" + hash(id, 16) + ".awsglobalaccelerator.com", Created: now,
		ServesAt: now.Add(s.account.Profile.AcceleratorDeploy),
	}
	v4, _ := s.addresses(x.ARN)
	x.IPv4 = append(own, v4[len(own):]...)
	s.setType(x, kind)
	s.account.TouchAccelerator(x, s.account.Profile.AcceleratorDeploy)
	s.account.AddAccelerator(x)
	return x, nil
}

// setType gives the accelerator IPv6 addresses and a name for both families, or takes them away.
func (s *Service) setType(x *account.Accelerator, kind types.IpAddressType) {
	if x.IPAddressType == string(kind) {
		return
	}
	x.IPAddressType, x.IPv6, x.DualStackDNSName = string(kind), nil, ""
	if kind == types.IpAddressTypeDualStack {
		_, x.IPv6 = s.addresses(x.ARN)
		x.DualStackDNSName = x.DNSName[:len("a")+16] + ".dualstack.awsglobalaccelerator.com"
	}
}

// ownAddresses are the addresses that the caller brought along; they must lie in an advertised range and be free, but
// for the accelerator that has them.
func (s *Service) ownAddresses(list []string, has *account.Accelerator) ([]netip.Addr, error) {
	if len(list) > 2 {
		return nil, invalid("An accelerator has two addresses; %d are given.", len(list))
	}
	var own []netip.Addr
	for _, text := range list {
		ip, err := netip.ParseAddr(text)
		if err != nil || !ip.Is4() || slices.Contains(own, ip) {
			return nil, invalid("%q is not an IPv4 address, or is given twice.", text)
		}
		if has != nil && slices.Contains(has.IPv4, ip) {
			own = append(own, ip)
			continue
		}
		if !slices.ContainsFunc(s.account.OwnAddresses, func(p netip.Prefix) bool { return p.Contains(ip) }) {
			return nil, invalid("The address %s is not in an address range that you brought to Global Accelerator.", ip)
		}
		for _, x := range s.account.Accelerators {
			if slices.Contains(x.IPv4, ip) {
				return nil, invalid("The address %s is in use by %s.", ip, x.ARN)
			}
		}
		own = append(own, ip)
	}
	return own, nil
}

func (s *Service) describe(x *account.Accelerator) *types.Accelerator {
	d := &types.Accelerator{
		AcceleratorArn: aws.String(x.ARN), Name: aws.String(x.Name), IpAddressType: types.IpAddressType(x.IPAddressType),
		Enabled: aws.Bool(x.Enabled),
		DnsName: aws.String(x.DNSName), Status: types.AcceleratorStatus(s.account.AcceleratorStatus(x)),
		Events:      []types.AcceleratorEvent{},
		CreatedTime: aws.Time(x.Created), LastModifiedTime: aws.Time(x.Modified),
		IpSets: []types.IpSet{{IpAddressFamily: types.IpAddressFamilyIPv4, IpAddresses: texts(x.IPv4)}},
	}
	if x.DualStackDNSName != "" {
		d.DualStackDnsName = aws.String(x.DualStackDNSName)
		d.IpSets = append(d.IpSets, types.IpSet{IpAddressFamily: types.IpAddressFamilyIPv6, IpAddresses: texts(x.IPv6)})
	}
	return d
}

func texts(list []netip.Addr) []string {
	out := make([]string, len(list))
	for i, ip := range list {
		out[i] = ip.String()
	}
	return out
}

// UpdateAccelerator changes name, type, addresses, or whether the accelerator takes traffic.
func (s *Service) UpdateAccelerator(ctx context.Context, in *globalaccelerator.UpdateAcceleratorInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.UpdateAcceleratorOutput, error) {
	return call.Write(ctx, s.entry, "UpdateAccelerator", in, func(in *globalaccelerator.UpdateAcceleratorInput) (
		*globalaccelerator.UpdateAcceleratorOutput, error) {
		x, err := s.changing(s.accelerator(in.AcceleratorArn))
		if err != nil {
			return nil, err
		}
		if in.Name != nil {
			if err := checkName(*in.Name); err != nil {
				return nil, err
			}
		}
		if in.IpAddressType != "" {
			if err := checkType(in.IpAddressType); err != nil {
				return nil, err
			}
			if err := s.checkDualStack(x, in.IpAddressType); err != nil {
				return nil, err
			}
		}
		own, err := s.ownAddresses(in.IpAddresses, x)
		if err != nil {
			return nil, err
		}
		if in.Name != nil {
			x.Name = *in.Name
		}
		if in.Enabled != nil {
			x.Enabled = *in.Enabled
		}
		if in.IpAddressType != "" {
			s.setType(x, in.IpAddressType)
		}
		for _, ip := range x.IPv4 { // an accelerator has always two addresses
			if len(own) > 0 && len(own) < 2 && !slices.Contains(own, ip) {
				own = append(own, ip)
			}
		}
		if len(own) > 0 {
			x.IPv4 = own
		}
		s.changed(x)
		return &globalaccelerator.UpdateAcceleratorOutput{Accelerator: s.describe(x)}, nil
	})
}

// checkDualStack refuses dual-stack for an accelerator with endpoints that are not.
func (s *Service) checkDualStack(x *account.Accelerator, kind types.IpAddressType) error {
	if kind != types.IpAddressTypeDualStack {
		return nil
	}
	for _, l := range x.Listeners {
		for _, g := range l.Groups {
			for _, e := range g.Endpoints {
				if err := s.checkFamily(e.ID); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// changed starts the deployment of a change of the accelerator or of what is below it.
func (s *Service) changed(x *account.Accelerator) {
	s.account.TouchAccelerator(x, s.account.Profile.AcceleratorChange)
	x.BusyUntil = x.Modified.Add(s.account.Profile.AcceleratorTransaction)
}

// DescribeAccelerator describes an accelerator.
func (s *Service) DescribeAccelerator(ctx context.Context, in *globalaccelerator.DescribeAcceleratorInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.DescribeAcceleratorOutput, error) {
	return call.Read(ctx, s.entry, "DescribeAccelerator", in, func(in *globalaccelerator.DescribeAcceleratorInput) (
		*globalaccelerator.DescribeAcceleratorOutput, error) {
		x, err := s.accelerator(in.AcceleratorArn)
		if err != nil {
			return nil, err
		}
		return &globalaccelerator.DescribeAcceleratorOutput{Accelerator: s.describe(x)}, nil
	})
}

// ListAccelerators lists the accelerators in the order of their creation.
func (s *Service) ListAccelerators(ctx context.Context, in *globalaccelerator.ListAcceleratorsInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.ListAcceleratorsOutput, error) {
	return call.Read(ctx, s.entry, "ListAccelerators", in, func(in *globalaccelerator.ListAcceleratorsInput) (
		*globalaccelerator.ListAcceleratorsOutput, error) {
		page, next, err := pageOf(s, s.account.AcceleratorsInOrder(), func(x *account.Accelerator) string { return x.ARN },
			in.MaxResults, in.NextToken)
		if err != nil {
			return nil, err
		}
		out := &globalaccelerator.ListAcceleratorsOutput{Accelerators: []types.Accelerator{}, NextToken: next}
		for _, x := range page {
			out.Accelerators = append(out.Accelerators, *s.describe(x))
		}
		return out, nil
	})
}

// DeleteAccelerator deletes an accelerator that is disabled, deployed as such, and has no listener. Its addresses are
// gone for good.
func (s *Service) DeleteAccelerator(ctx context.Context, in *globalaccelerator.DeleteAcceleratorInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.DeleteAcceleratorOutput, error) {
	return call.Write(ctx, s.entry, "DeleteAccelerator", in, func(in *globalaccelerator.DeleteAcceleratorInput) (
		*globalaccelerator.DeleteAcceleratorOutput, error) {
		x, err := s.changing(s.accelerator(in.AcceleratorArn))
		if err != nil {
			return nil, err
		}
		if x.Enabled || s.account.AcceleratorStatus(x) == account.InProgress {
			return nil, apierr.New("AcceleratorNotDisabledException",
				"The accelerator that you specified could not be disabled.")
		}
		if len(x.Listeners) > 0 {
			return nil, apierr.New("AssociatedListenerFoundException",
				"The accelerator that you specified has a listener associated with it. You must remove all dependent resources "+
					"from an accelerator before you can delete it.")
		}
		delete(s.account.Accelerators, x.ARN)
		return &globalaccelerator.DeleteAcceleratorOutput{}, nil
	})
}

// DescribeAcceleratorAttributes returns where flow logs go.
func (s *Service) DescribeAcceleratorAttributes(ctx context.Context,
	in *globalaccelerator.DescribeAcceleratorAttributesInput, _ ...func(*globalaccelerator.Options)) (
	*globalaccelerator.DescribeAcceleratorAttributesOutput, error) {
	return call.Read(ctx, s.entry, "DescribeAcceleratorAttributes", in,
		func(in *globalaccelerator.DescribeAcceleratorAttributesInput) (
			*globalaccelerator.DescribeAcceleratorAttributesOutput, error) {
			x, err := s.accelerator(in.AcceleratorArn)
			if err != nil {
				return nil, err
			}
			return &globalaccelerator.DescribeAcceleratorAttributesOutput{AcceleratorAttributes: flowLogs(x)}, nil
		})
}

func flowLogs(x *account.Accelerator) *types.AcceleratorAttributes {
	a := &types.AcceleratorAttributes{FlowLogsEnabled: aws.Bool(x.FlowLogs.Enabled)}
	if x.FlowLogs.Bucket != "" {
		a.FlowLogsS3Bucket, a.FlowLogsS3Prefix = aws.String(x.FlowLogs.Bucket), aws.String(x.FlowLogs.Prefix)
	}
	return a
}

// UpdateAcceleratorAttributes changes where flow logs go; with flow logs a bucket and a prefix are required.
func (s *Service) UpdateAcceleratorAttributes(ctx context.Context,
	in *globalaccelerator.UpdateAcceleratorAttributesInput, _ ...func(*globalaccelerator.Options)) (
	*globalaccelerator.UpdateAcceleratorAttributesOutput, error) {
	return call.Write(ctx, s.entry, "UpdateAcceleratorAttributes", in,
		func(in *globalaccelerator.UpdateAcceleratorAttributesInput) (*globalaccelerator.UpdateAcceleratorAttributesOutput,
			error) {
			x, err := s.changing(s.accelerator(in.AcceleratorArn))
			if err != nil {
				return nil, err
			}
			logs := x.FlowLogs
			if in.FlowLogsEnabled != nil {
				logs.Enabled = *in.FlowLogsEnabled
			}
			if in.FlowLogsS3Bucket != nil {
				logs.Bucket = *in.FlowLogsS3Bucket
			}
			if in.FlowLogsS3Prefix != nil {
				logs.Prefix = *in.FlowLogsS3Prefix
			}
			if logs.Enabled && (logs.Bucket == "" || logs.Prefix == "") {
				return nil, invalid("Flow logs need the name of an S3 bucket and a prefix.")
			}
			x.FlowLogs = logs
			s.changed(x)
			return &globalaccelerator.UpdateAcceleratorAttributesOutput{AcceleratorAttributes: flowLogs(x)}, nil
		})
}

// ListByoipCidrs lists the address ranges that the account brought along; they are all advertised.
func (s *Service) ListByoipCidrs(ctx context.Context, in *globalaccelerator.ListByoipCidrsInput,
	_ ...func(*globalaccelerator.Options)) (*globalaccelerator.ListByoipCidrsOutput, error) {
	return call.Read(ctx, s.entry, "ListByoipCidrs", in, func(in *globalaccelerator.ListByoipCidrsInput) (
		*globalaccelerator.ListByoipCidrsOutput, error) {
		page, next, err := pageOf(s, s.account.OwnAddresses, netip.Prefix.String, in.MaxResults, in.NextToken)
		if err != nil {
			return nil, err
		}
		out := &globalaccelerator.ListByoipCidrsOutput{ByoipCidrs: []types.ByoipCidr{}, NextToken: next}
		for _, p := range page {
			out.ByoipCidrs = append(out.ByoipCidrs, types.ByoipCidr{Cidr: aws.String(p.String()),
				State: types.ByoipCidrStateAdvertising})
		}
		return out, nil
	})
}
