package ec2

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// AttachNetworkInterface attaches a free interface to an instance of the same zone.
func (s *Service) AttachNetworkInterface(ctx context.Context, in *ec2.AttachNetworkInterfaceInput, _ ...func(*ec2.Options)) (*ec2.AttachNetworkInterfaceOutput, error) {
	return write(ctx, s, "AttachNetworkInterface", in, func(in *ec2.AttachNetworkInterfaceInput) (*ec2.AttachNetworkInterfaceOutput, error) {
		n, err := s.ownInterface(in.NetworkInterfaceId)
		if err != nil {
			return nil, err
		}
		i, err := named(s, instanceKind, "instanceId", in.InstanceId, s.account.Instances)
		if err != nil {
			return nil, err
		}
		if in.DeviceIndex == nil {
			return nil, missing("deviceIndex")
		}
		if n.Attachment != nil {
			return nil, apierr.New("InvalidNetworkInterface.InUse", "Interface: %s in use.", n.ID)
		}
		if i.State != "running" && i.State != "stopped" {
			return nil, apierr.New("IncorrectState", "Instance '%s' is not 'running' or 'stopped'.", i.ID)
		}
		if n.Zone != i.Zone {
			return nil, apierr.New("InvalidParameterCombination", "Networkinterface '%s' and instance '%s' are not in the same availability zone", n.ID, i.ID)
		}
		for _, eni := range i.Interfaces {
			if o, ok := s.account.Interface(eni); ok && o.Attachment.DeviceIndex == *in.DeviceIndex {
				return nil, invalidValue("Instance '%s' already has an interface attached at device index '%d'.", i.ID, *in.DeviceIndex)
			}
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		s.account.ChangingInterface(n)
		if err := s.account.AttachInterface(n.ID, i.ID); err != nil {
			return nil, wireError(err)
		}
		n.Attachment.DeviceIndex, n.Attachment.NetworkCard = *in.DeviceIndex, aws.ToInt32(in.NetworkCardIndex)
		return &ec2.AttachNetworkInterfaceOutput{AttachmentId: aws.String(n.Attachment.ID), NetworkCardIndex: aws.Int32(n.Attachment.NetworkCard)}, nil
	})
}

// DetachNetworkInterface detaches any but the primary interface from its instance.
func (s *Service) DetachNetworkInterface(ctx context.Context, in *ec2.DetachNetworkInterfaceInput, _ ...func(*ec2.Options)) (*ec2.DetachNetworkInterfaceOutput, error) {
	return write(ctx, s, "DetachNetworkInterface", in, func(in *ec2.DetachNetworkInterfaceInput) (*ec2.DetachNetworkInterfaceOutput, error) {
		n, err := s.attachedAs(in.AttachmentId)
		if err != nil {
			return nil, err
		}
		switch {
		case n.RequesterManaged:
			return nil, apierr.New("OperationNotPermitted", "You are not allowed to manage '%s' attachments.", n.Attachment.ID)
		case n.Attachment.DeviceIndex == 0:
			return nil, apierr.New("OperationNotPermitted", "The network interface at device index 0 cannot be detached.")
		}
		if err := dryRun(in.DryRun); err != nil {
			return nil, err
		}
		if i, ok := s.account.Instance(n.Attachment.Instance); ok {
			i.Interfaces = slices.DeleteFunc(i.Interfaces, func(eni string) bool { return eni == n.ID })
		}
		s.account.ChangingInterface(n)
		n.Attachment = nil
		return &ec2.DetachNetworkInterfaceOutput{}, nil
	})
}

func (s *Service) attachedAs(id *string) (*vpc.Interface, error) {
	if aws.ToString(id) == "" {
		return nil, missing("attachmentId")
	}
	for _, n := range s.account.Interfaces {
		if n.Attachment != nil && n.Attachment.ID == *id {
			return n, nil
		}
	}
	return nil, apierr.New("InvalidAttachmentID.NotFound", "The attachment ID '%s' does not exist", *id)
}
