package awsclient

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	aga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	agatypes "github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator/operation"
)

// acceleratorRegion is the only Region with the API of Global Accelerator, whatever the Region of the endpoints.
const acceleratorRegion = "us-west-2"

// Accelerators has the operations of Global Accelerator that the controller calls.
type Accelerators interface {
	AddEndpoints(context.Context, *aga.AddEndpointsInput, ...func(*aga.Options)) (*aga.AddEndpointsOutput, error)
	CreateAccelerator(context.Context, *aga.CreateAcceleratorInput, ...func(*aga.Options)) (*aga.CreateAcceleratorOutput,
		error)
	CreateEndpointGroup(context.Context, *aga.CreateEndpointGroupInput, ...func(*aga.Options)) (
		*aga.CreateEndpointGroupOutput, error)
	CreateListener(context.Context, *aga.CreateListenerInput, ...func(*aga.Options)) (*aga.CreateListenerOutput, error)
	DeleteAccelerator(context.Context, *aga.DeleteAcceleratorInput, ...func(*aga.Options)) (*aga.DeleteAcceleratorOutput,
		error)
	DeleteEndpointGroup(context.Context, *aga.DeleteEndpointGroupInput, ...func(*aga.Options)) (
		*aga.DeleteEndpointGroupOutput, error)
	DeleteListener(context.Context, *aga.DeleteListenerInput, ...func(*aga.Options)) (*aga.DeleteListenerOutput, error)
	DescribeAccelerator(context.Context, *aga.DescribeAcceleratorInput, ...func(*aga.Options)) (
		*aga.DescribeAcceleratorOutput, error)
	ListAccelerators(context.Context, *aga.ListAcceleratorsInput, ...func(*aga.Options)) (*aga.ListAcceleratorsOutput,
		error)
	ListEndpointGroups(context.Context, *aga.ListEndpointGroupsInput, ...func(*aga.Options)) (
		*aga.ListEndpointGroupsOutput, error)
	ListListeners(context.Context, *aga.ListListenersInput, ...func(*aga.Options)) (*aga.ListListenersOutput, error)
	ListTagsForResource(context.Context, *aga.ListTagsForResourceInput, ...func(*aga.Options)) (
		*aga.ListTagsForResourceOutput, error)
	RemoveEndpoints(context.Context, *aga.RemoveEndpointsInput, ...func(*aga.Options)) (*aga.RemoveEndpointsOutput, error)
	TagResource(context.Context, *aga.TagResourceInput, ...func(*aga.Options)) (*aga.TagResourceOutput, error)
	UntagResource(context.Context, *aga.UntagResourceInput, ...func(*aga.Options)) (*aga.UntagResourceOutput, error)
	UpdateAccelerator(context.Context, *aga.UpdateAcceleratorInput, ...func(*aga.Options)) (*aga.UpdateAcceleratorOutput,
		error)
	UpdateEndpointGroup(context.Context, *aga.UpdateEndpointGroupInput, ...func(*aga.Options)) (
		*aga.UpdateEndpointGroupOutput, error)
	UpdateListener(context.Context, *aga.UpdateListenerInput, ...func(*aga.Options)) (*aga.UpdateListenerOutput, error)
}

// CodeAcceleratorNotDisabled is the code of a deletion before AWS has disabled the accelerator everywhere.
const CodeAcceleratorNotDisabled = "AcceleratorNotDisabledException"

// acceleratorService is Global Accelerator, which is called only with gate GlobalAcceleratorController.
var acceleratorService = addOnService{
	id: ServiceGlobalAccelerator,
	codes: map[string]diag.Class{
		"AcceleratorNotFoundException": diag.NotFound, "ListenerNotFoundException": diag.NotFound,
		"EndpointGroupNotFoundException": diag.NotFound,
		"EndpointNotFoundException":      diag.NotFound, "ByoipCidrNotFoundException": diag.NotFound,
		CodeAcceleratorNotDisabled: diag.Conflict, "AssociatedListenerFoundException": diag.Conflict,
		"AssociatedEndpointGroupFoundException": diag.Conflict,
		"EndpointGroupAlreadyExistsException":   diag.Conflict, "EndpointAlreadyExistsException": diag.Conflict,
		"InvalidArgumentException": diag.Invalid, "InvalidPortRangeException": diag.Invalid,
		"IncorrectCidrStateException": diag.Invalid,
		"InvalidNextTokenException":   diag.Transient, "InternalServiceErrorException": diag.Transient,
		"TransactionInProgressException": diag.Throttled, // an accelerator takes one change at a time
	},
	connect: func(c *Clients, cfg aws.Config, endpoint *string) {
		c.Accelerators = aga.NewFromConfig(cfg, func(o *aga.Options) {
			override(&o.BaseEndpoint, endpoint)
			o.Region = acceleratorRegion
		})
	},
}

// WriteAccelerator sends one operation on an accelerator to AWS. The error is the SDK's own, for Classify.
func WriteAccelerator(ctx context.Context, c Accelerators, op operation.Operation, resolve operation.Resolve) (
	operation.Output, error) {
	s := acceleratorRequestBuilder{c: c, resolve: resolve}
	acceleratorRequests.prepare(&s, op)
	return s.call(ctx)
}

var acceleratorRequests = newRequestTable(
	(*acceleratorRequestBuilder).CreateAccelerator, (*acceleratorRequestBuilder).UpdateAccelerator,
	(*acceleratorRequestBuilder).DeleteAccelerator, (*acceleratorRequestBuilder).TagResource,
	(*acceleratorRequestBuilder).UntagResource, (*acceleratorRequestBuilder).CreateListener,
	(*acceleratorRequestBuilder).UpdateListener, (*acceleratorRequestBuilder).DeleteListener,
	(*acceleratorRequestBuilder).CreateEndpointGroup, (*acceleratorRequestBuilder).UpdateEndpointGroup,
	(*acceleratorRequestBuilder).DeleteEndpointGroup, (*acceleratorRequestBuilder).AddEndpoints,
	(*acceleratorRequestBuilder).RemoveEndpoints,
)

// acceleratorRequestBuilder builds the request of an operation.
type acceleratorRequestBuilder struct {
	c       Accelerators
	resolve operation.Resolve
	call    func(context.Context) (operation.Output, error)
}

// exchange sets the request of an operation, and how its answer is read; nil = it is of no interest.
func exchange[I, O any](s *acceleratorRequestBuilder, action func(context.Context, *I, ...func(*aga.Options)) (*O,
	error),
	in *I, read func(*O) operation.Output) {
	s.call = func(ctx context.Context) (operation.Output, error) {
		out, err := action(ctx, in)
		if err != nil || read == nil {
			return operation.Output{}, err
		}
		return read(out), nil
	}
}

func (s *acceleratorRequestBuilder) CreateAccelerator(op operation.CreateAccelerator) {
	exchange(s, s.c.CreateAccelerator, &aga.CreateAcceleratorInput{
		Name: aws.String(op.Name), IpAddressType: agatypes.IpAddressType(op.IPAddressType), IpAddresses: op.IPAddresses,
		Enabled:          aws.Bool(true),
		IdempotencyToken: optional(op.Token), Tags: acceleratorTags(op.Tags),
	}, func(out *aga.CreateAcceleratorOutput) operation.Output {
		o := FromAccelerator(out.Accelerator)
		return operation.Output{ID: o.ARN, Accelerator: &o}
	})
}

func (s *acceleratorRequestBuilder) UpdateAccelerator(op operation.UpdateAccelerator) {
	exchange(s, s.c.UpdateAccelerator, &aga.UpdateAcceleratorInput{
		AcceleratorArn: aws.String(s.resolve(op.Accelerator)), Name: aws.String(op.Name),
		IpAddressType: agatypes.IpAddressType(op.IPAddressType), Enabled: aws.Bool(op.Enabled),
	}, func(out *aga.UpdateAcceleratorOutput) operation.Output {
		o := FromAccelerator(out.Accelerator)
		return operation.Output{Accelerator: &o}
	})
}

func (s *acceleratorRequestBuilder) DeleteAccelerator(op operation.DeleteAccelerator) {
	exchange(s, s.c.DeleteAccelerator, &aga.DeleteAcceleratorInput{AcceleratorArn: aws.String(s.resolve(op.Accelerator))},
		nil)
}

func (s *acceleratorRequestBuilder) TagResource(op operation.TagResource) {
	exchange(s, s.c.TagResource, &aga.TagResourceInput{ResourceArn: aws.String(s.resolve(op.Accelerator)),
		Tags: acceleratorTags(op.Tags)}, nil)
}

func (s *acceleratorRequestBuilder) UntagResource(op operation.UntagResource) {
	exchange(s, s.c.UntagResource, &aga.UntagResourceInput{ResourceArn: aws.String(s.resolve(op.Accelerator)),
		TagKeys: op.Keys}, nil)
}

func (s *acceleratorRequestBuilder) CreateListener(op operation.CreateListener) {
	exchange(s, s.c.CreateListener, &aga.CreateListenerInput{
		AcceleratorArn: aws.String(s.resolve(op.Accelerator)), Protocol: agatypes.Protocol(op.Protocol),
		PortRanges: portRanges(op.Ports), ClientAffinity: agatypes.ClientAffinity(op.Affinity),
	}, func(out *aga.CreateListenerOutput) operation.Output {
		return operation.Output{ID: value(value(out.Listener).ListenerArn)}
	})
}

func (s *acceleratorRequestBuilder) UpdateListener(op operation.UpdateListener) {
	exchange(s, s.c.UpdateListener, &aga.UpdateListenerInput{
		ListenerArn: aws.String(s.resolve(op.Listener)), Protocol: agatypes.Protocol(op.Protocol),
		PortRanges: portRanges(op.Ports), ClientAffinity: agatypes.ClientAffinity(op.Affinity),
	}, nil)
}

func (s *acceleratorRequestBuilder) DeleteListener(op operation.DeleteListener) {
	exchange(s, s.c.DeleteListener, &aga.DeleteListenerInput{ListenerArn: aws.String(s.resolve(op.Listener))}, nil)
}

func (s *acceleratorRequestBuilder) CreateEndpointGroup(op operation.CreateEndpointGroup) {
	exchange(s, s.c.CreateEndpointGroup, &aga.CreateEndpointGroupInput{
		ListenerArn: aws.String(s.resolve(op.Listener)), EndpointGroupRegion: aws.String(op.Region),
		TrafficDialPercentage: aws.Float32(op.Dial), PortOverrides: portOverrides(op.Overrides),
	}, func(out *aga.CreateEndpointGroupOutput) operation.Output {
		return operation.Output{ID: value(value(out.EndpointGroup).EndpointGroupArn)}
	})
}

func (s *acceleratorRequestBuilder) UpdateEndpointGroup(op operation.UpdateEndpointGroup) {
	in := &aga.UpdateEndpointGroupInput{EndpointGroupArn: aws.String(s.resolve(op.Group)), TrafficDialPercentage: op.Dial,
		PortOverrides: portOverrides(op.Overrides), EndpointConfigurations: endpoints(op.Endpoints)}
	if op.NoOverrides {
		in.PortOverrides = []agatypes.PortOverride{}
	}
	exchange(s, s.c.UpdateEndpointGroup, in, func(out *aga.UpdateEndpointGroupOutput) operation.Output {
		return operation.Output{Endpoints: fromEndpoints(value(out.EndpointGroup).EndpointDescriptions)}
	})
}

func (s *acceleratorRequestBuilder) DeleteEndpointGroup(op operation.DeleteEndpointGroup) {
	exchange(s, s.c.DeleteEndpointGroup, &aga.DeleteEndpointGroupInput{EndpointGroupArn: aws.String(s.resolve(op.Group))},
		nil)
}

func (s *acceleratorRequestBuilder) AddEndpoints(op operation.AddEndpoints) {
	exchange(s, s.c.AddEndpoints, &aga.AddEndpointsInput{EndpointGroupArn: aws.String(s.resolve(op.Group)),
		EndpointConfigurations: endpoints(op.Endpoints)},
		func(out *aga.AddEndpointsOutput) operation.Output {
			return operation.Output{Endpoints: fromEndpoints(out.EndpointDescriptions)}
		})
}

func (s *acceleratorRequestBuilder) RemoveEndpoints(op operation.RemoveEndpoints) {
	in := &aga.RemoveEndpointsInput{EndpointGroupArn: aws.String(s.resolve(op.Group))}
	for _, id := range op.IDs {
		in.EndpointIdentifiers = append(in.EndpointIdentifiers, agatypes.EndpointIdentifier{EndpointId: aws.String(id)})
	}
	exchange(s, s.c.RemoveEndpoints, in, nil)
}

func acceleratorTags(tags map[string]string) []agatypes.Tag {
	return pairs(tags, func(k, v *string) agatypes.Tag { return agatypes.Tag{Key: k, Value: v} })
}

// FromAcceleratorTags turns the tags of an accelerator into a map, never nil.
func FromAcceleratorTags(tags []agatypes.Tag) map[string]string {
	return unpaired(tags, func(t agatypes.Tag) (k, v *string) { return t.Key, t.Value })
}

func portRanges(list []accelerator.PortRange) []agatypes.PortRange {
	var out []agatypes.PortRange
	for _, r := range list {
		out = append(out, agatypes.PortRange{FromPort: aws.Int32(r.From), ToPort: aws.Int32(r.To)})
	}
	return out
}

func portOverrides(list []accelerator.Override) []agatypes.PortOverride {
	var out []agatypes.PortOverride
	for _, o := range list {
		out = append(out, agatypes.PortOverride{ListenerPort: aws.Int32(o.ListenerPort),
			EndpointPort: aws.Int32(o.EndpointPort)})
	}
	return out
}

func endpoints(list []accelerator.Endpoint) []agatypes.EndpointConfiguration {
	var out []agatypes.EndpointConfiguration
	for _, e := range list {
		out = append(out, agatypes.EndpointConfiguration{EndpointId: aws.String(e.ID), Weight: aws.Int32(e.Weight),
			ClientIPPreservationEnabled: e.PreserveClientIP})
	}
	return out
}

func fromEndpoints(list []agatypes.EndpointDescription) []accelerator.Endpoint {
	var out []accelerator.Endpoint
	for _, e := range list {
		out = append(out, accelerator.Endpoint{ID: value(e.EndpointId), Weight: value(e.Weight),
			PreserveClientIP: e.ClientIPPreservationEnabled})
	}
	return out
}

// FromAccelerator turns an accelerator of AWS into ours, without tags and listeners.
func FromAccelerator(x *agatypes.Accelerator) accelerator.Observed {
	a := value(x)
	out := accelerator.Observed{
		ARN: value(a.AcceleratorArn), Name: value(a.Name), IPAddressType: string(a.IpAddressType), Enabled: value(a.Enabled),
		Status:  string(a.Status),
		DNSName: value(a.DnsName), DualStackDNSName: value(a.DualStackDnsName),
	}
	for _, s := range a.IpSets {
		family := string(s.IpAddressFamily)
		out.IPSets = append(out.IPSets, accelerator.IPSet{Family: family, Addresses: s.IpAddresses})
	}
	return out
}

// FromAcceleratorListener turns a listener of AWS into ours, without endpoint groups.
func FromAcceleratorListener(l agatypes.Listener) accelerator.Listener {
	out := accelerator.Listener{ARN: value(l.ListenerArn), Protocol: string(l.Protocol),
		Affinity: string(l.ClientAffinity)}
	for _, r := range l.PortRanges {
		out.Ports = append(out.Ports, accelerator.PortRange{From: value(r.FromPort), To: value(r.ToPort)})
	}
	return out
}

// FromEndpointGroup turns an endpoint group of AWS into ours.
func FromEndpointGroup(g agatypes.EndpointGroup) accelerator.Group {
	out := accelerator.Group{ARN: value(g.EndpointGroupArn), Region: value(g.EndpointGroupRegion),
		Dial: value(g.TrafficDialPercentage), Endpoints: fromEndpoints(g.EndpointDescriptions)}
	for _, o := range g.PortOverrides {
		out.Overrides = append(out.Overrides, accelerator.Override{ListenerPort: value(o.ListenerPort),
			EndpointPort: value(o.EndpointPort)})
	}
	return out
}
