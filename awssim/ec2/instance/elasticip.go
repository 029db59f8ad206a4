package instance

import (
	"context"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/ec2/kind"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
)

// AllocateAddress gives the account a public address.
func (s *Instances) AllocateAddress(ctx context.Context, in *ec2.AllocateAddressInput, _ ...func(*ec2.Options)) (
	*ec2.AllocateAddressOutput, error) {
	return call.Write(ctx, s.entry, "AllocateAddress", in, s.allocateAddress)
}

func (s *Instances) allocateAddress(in *ec2.AllocateAddressInput) (*ec2.AllocateAddressOutput, error) {
	tags, err := request.SpecifiedTags(in.TagSpecifications, kind.Address)
	if err != nil {
		return nil, err
	}
	if g := in.NetworkBorderGroup; g != nil && *g != s.account.Region && !s.borderGroup(*g) {
		return nil, request.InvalidValue("Invalid value '%s' for networkBorderGroup", *g)
	}
	e := &vpc.ElasticAddress{Tags: tags}
	out := &ec2.AllocateAddressOutput{Domain: types.DomainTypeVpc, NetworkBorderGroup: aws.String(s.account.Region),
		PublicIpv4Pool: aws.String("amazon")}
	if in.Address != nil {
		if e.Public, err = netip.ParseAddr(*in.Address); err != nil || !e.Public.Is4() {
			return nil, request.InvalidValue("Invalid value '%s' for address", *in.Address)
		}
		for _, o := range s.account.Addresses {
			if o.Public == e.Public {
				return nil, apierr.New("InvalidAddress.NotFound", "Address '%s' is not available", *in.Address)
			}
		}
	}
	if p := in.CustomerOwnedIpv4Pool; p != nil {
		if _, ok := s.account.CustomerPools[*p]; !ok {
			return nil, kind.CustomerPool.NotFound([]string{*p})
		}
		out.CustomerOwnedIpv4Pool, e.CustomerPool = p, *p
	}
	if p := in.IpamPoolId; p != nil {
		if _, ok := s.account.IPAMPools[*p]; !ok {
			return nil, kind.IPAMPool.NotFound([]string{*p})
		}
	}
	if len(s.account.Addresses) >= s.account.Quota("elastic-ips") {
		return nil, apierr.New("AddressLimitExceeded", "The maximum number of addresses has been reached.")
	}
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	s.account.AddAddress(e)
	s.account.CreatedCompute(e.Allocation)
	out.AllocationId, out.PublicIp = aws.String(e.Allocation), aws.String(e.Public.String())
	if e.CustomerPool != "" {
		out.CustomerOwnedIp = out.PublicIp
	}
	return out, nil
}

func (s *Instances) borderGroup(name string) bool {
	for _, z := range s.account.Zones {
		if z.Group == name {
			return true
		}
	}
	return false
}

// elastic finds an Elastic IP by allocation or public address.
func (s *Instances) elastic(allocation, public *string) (*vpc.ElasticAddress, error) {
	if allocation != nil || public == nil {
		return request.Named(s.account, kind.Address, "allocationId", allocation, s.account.Addresses)
	}
	for _, e := range s.account.Addresses {
		if e.Public.String() == *public {
			return e, nil
		}
	}
	return nil, apierr.New("InvalidAddress.NotFound", "Address '%s' not found.", *public)
}

// ReleaseAddress gives a public address back that nothing uses.
func (s *Instances) ReleaseAddress(ctx context.Context, in *ec2.ReleaseAddressInput, _ ...func(*ec2.Options)) (
	*ec2.ReleaseAddressOutput, error) {
	return call.Write(ctx, s.entry, "ReleaseAddress", in, func(in *ec2.ReleaseAddressInput) (
		*ec2.ReleaseAddressOutput, error) {
		e, err := s.elastic(in.AllocationId, in.PublicIp)
		if err != nil {
			return nil, err
		}
		if e.Association != "" {
			return nil, apierr.New("InvalidIPAddress.InUse", "Address %s is in use.", e.Public)
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		delete(s.account.Addresses, e.Allocation)
		return &ec2.ReleaseAddressOutput{}, nil
	})
}

// AssociateAddress makes a public address that of an interface, or of an instance's only one.
func (s *Instances) AssociateAddress(ctx context.Context, in *ec2.AssociateAddressInput, _ ...func(*ec2.Options)) (
	*ec2.AssociateAddressOutput, error) {
	return call.Write(ctx, s.entry, "AssociateAddress", in, s.associateAddress)
}

func (s *Instances) associateAddress(in *ec2.AssociateAddressInput) (*ec2.AssociateAddressOutput, error) {
	e, err := s.elastic(in.AllocationId, in.PublicIp)
	if err != nil {
		return nil, err
	}
	id := in.NetworkInterfaceId
	if in.InstanceId != nil {
		i, err := request.Named(s.account, kind.Instance, "instanceId", in.InstanceId, s.account.Instances)
		if err != nil {
			return nil, err
		}
		if len(i.Interfaces) != 1 {
			return nil, apierr.New("InvalidInstanceID", "There are multiple interfaces attached to instance '%s'. Please "+
				"specify an interface ID for the operation instead.", i.ID)
		}
		id = &i.Interfaces[0]
	}
	n, err := request.Named(s.account, kind.Interface, "networkInterfaceId", id, s.account.Interfaces)
	if err != nil {
		return nil, err
	}
	if n.RequesterManaged {
		return nil, apierr.New("OperationNotPermitted", "You do not have permission to access the specified resource.")
	}
	if !s.account.HasInternetGateway(n.VPC) {
		return nil, apierr.New("Gateway.NotAttached", "Network %s is not attached to any internet gateway", n.VPC)
	}
	private, err := request.OptionalAddress(in.PrivateIpAddress)
	if err != nil {
		return nil, err
	}
	if !private.IsValid() {
		private = n.PrimaryAddress()
	}
	at := slices.IndexFunc(n.Addresses, func(p vpc.PrivateAddress) bool { return p.Addr == private })
	if at < 0 {
		return nil, request.InvalidValue("Invalid value '%s' for privateIpAddress. The address is not assigned "+
			"to interface %s", private, n.ID)
	}
	again := e.Association != "" || n.Addresses[at].Allocation != ""
	if again && in.AllowReassociation != nil && !*in.AllowReassociation && (e.Interface != n.ID || e.Private != private) {
		return nil, apierr.New("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s",
			e.Allocation, e.Association)
	}
	if owner, ok := s.account.Interface(e.Interface); ok && owner.RequesterManaged {
		return nil, apierr.New("AuthFailure", "You do not have permission to access the specified resource.")
	}
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	s.account.Associate(e, n, private)
	return &ec2.AssociateAddressOutput{AssociationId: aws.String(e.Association)}, nil
}

// DisassociateAddress frees a public address, but not one that a load balancer or a NAT gateway uses.
func (s *Instances) DisassociateAddress(ctx context.Context, in *ec2.DisassociateAddressInput,
	_ ...func(*ec2.Options)) (*ec2.DisassociateAddressOutput, error) {
	return call.Write(ctx, s.entry, "DisassociateAddress", in, func(in *ec2.DisassociateAddressInput) (
		*ec2.DisassociateAddressOutput, error) {
		e, err := s.associatedAddress(in.AssociationId, in.PublicIp)
		if err != nil {
			return nil, err
		}
		if n, ok := s.account.Interface(e.Interface); ok && n.RequesterManaged {
			return nil, apierr.New("AuthFailure", "You do not have permission to access the specified resource.")
		}
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		s.account.Dissociate(e)
		return &ec2.DisassociateAddressOutput{}, nil
	})
}

func (s *Instances) associatedAddress(association, public *string) (*vpc.ElasticAddress, error) {
	if association == nil {
		if public == nil {
			return nil, request.Missing("associationId")
		}
		return s.elastic(nil, public)
	}
	for _, e := range s.account.Addresses {
		if e.Association != "" && e.Association == *association {
			return e, nil
		}
	}
	return nil, apierr.New("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", *association)
}
