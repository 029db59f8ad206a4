package route53

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/k8s-lbc/lbc/awssim/account/domainname"
	"github.com/k8s-lbc/lbc/awssim/account/hostedzone"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
)

const (
	maxReference = 128
	maxComment   = 256
)

// apexRecords is the number of record sets that no zone is without.
const apexRecords = 2

var vpcForm = regexp.MustCompile(`^vpc-[0-9a-z]+$`)

// CreateHostedZone makes a public zone or, with a VPC, a private one.
func (s *Service) CreateHostedZone(ctx context.Context, in *route53.CreateHostedZoneInput,
	_ ...func(*route53.Options)) (*route53.CreateHostedZoneOutput, error) {
	return call.Write(ctx, s.entry, "CreateHostedZone", in, s.createHostedZone)
}

func (s *Service) createHostedZone(in *route53.CreateHostedZoneInput) (*route53.CreateHostedZoneOutput, error) {
	z, err := s.newZone(in)
	if err != nil {
		return nil, err
	}
	change := s.account.AddHostedZone(z)
	out := &route53.CreateHostedZoneOutput{
		HostedZone: describe(z), ChangeInfo: changeInfo(change, s.account), DelegationSet: delegationSet(z), VPC: in.VPC,
		Location: aws.String("https://route53.amazonaws.com/2013-04-01/hostedzone/" + z.ID),
	}
	return out, nil
}

// newZone checks the call and makes its zone.
func (s *Service) newZone(in *route53.CreateHostedZoneInput) (*hostedzone.Zone, error) {
	reference := aws.ToString(in.CallerReference)
	if reference == "" || len(reference) > maxReference {
		return nil, invalid("1 validation error detected: Value at 'callerReference' failed to satisfy constraint: Member "+
			"must have length between 1 and %d", maxReference)
	}
	name, err := zoneName(aws.ToString(in.Name))
	if err != nil {
		return nil, err
	}
	z := &hostedzone.Zone{Name: name, CallerReference: reference, Private: in.VPC != nil, Tags: map[string]string{}}
	if c := in.HostedZoneConfig; c != nil {
		z.Comment = aws.ToString(c.Comment)
		if c.PrivateZone && in.VPC == nil {
			return nil, invalid("When you're creating a private hosted zone (when you specify true for PrivateZone), you must " +
				"also specify values for VPCId and VPCRegion.")
		}
	}
	switch {
	case len(z.Comment) > maxComment:
		return nil, invalid("1 validation error detected: Value at 'hostedZoneConfig.comment' failed to satisfy "+
			"constraint: Member must have length less than or equal to %d", maxComment)
	case in.DelegationSetId != nil:
		return nil, apierr.New("NoSuchDelegationSet", "The delegation set %s does not exist.", *in.DelegationSetId)
	}
	for _, other := range s.account.HostedZones {
		if other.CallerReference == reference {
			return nil, apierr.WithStatus(http.StatusConflict, "HostedZoneAlreadyExists",
				"A hosted zone has already been created with the specified caller reference.")
		}
	}
	if z.Private {
		v, err := s.vpc(in.VPC)
		if err != nil {
			return nil, err
		}
		if err := s.conflict(name, v); err != nil {
			return nil, err
		}
		z.VPCs = []hostedzone.VPC{v}
	}
	if quota := s.account.Quota("hosted-zones"); len(s.account.HostedZones) >= quota {
		return nil, apierr.New("TooManyHostedZones", "Limits Exceeded: MAX_HOSTED_ZONES_BY_ACCOUNT - Cannot create more "+
			"hosted zones: the account has %d.", quota)
	}
	return z, nil
}

// zoneName is the canonical form of a zone's name.
func zoneName(given string) (string, error) {
	name, err := domainname.Canonical(given)
	var problem *domainname.Problem
	switch {
	case given == "":
		return "", invalid("1 validation error detected: Value null at 'name' failed to satisfy constraint: Member " +
			"must not be null")
	case errors.As(err, &problem):
		return "", apierr.New("InvalidDomainName", "%s (%s) encountered with '%s'", problem.Code, problem.Text, problem.Name)
	case err != nil:
		return "", err
	case name == "." || strings.Contains(name, `\`):
		return "", apierr.New("InvalidDomainName", "The domain name %s cannot be that of a hosted zone.", given)
	case !strings.Contains(strings.TrimSuffix(name, "."), "."):
		return "", apierr.New("InvalidDomainName", "%s is reserved by AWS!", given)
	}
	return name, nil
}

// vpc checks the VPC that a call names.
func (s *Service) vpc(v *types.VPC) (hostedzone.VPC, error) {
	if v == nil || !vpcForm.MatchString(aws.ToString(v.VPCId)) || v.VPCRegion == "" {
		return hostedzone.VPC{}, apierr.New("InvalidVPCId", "The VPC ID is invalid or missing, or its region is.")
	}
	id := *v.VPCId
	if _, ok := s.account.VPC(id); !ok || string(v.VPCRegion) != s.account.Region {
		return hostedzone.VPC{},
			apierr.New("InvalidVPCId", "The VPC: %s in region %s that you provided is not authorized to make the association.",
				id, v.VPCRegion)
	}
	return hostedzone.VPC{ID: id, Region: string(v.VPCRegion)}, nil
}

// conflict refuses a second private zone of the same name in a VPC.
func (s *Service) conflict(name string, v hostedzone.VPC) error {
	for _, z := range s.account.HostedZones {
		if z.Name == name && slices.Contains(z.VPCs, v) {
			return apierr.New("ConflictingDomainExists", "The VPC %s in region %s has already been associated with the hosted "+
				"zone %s with the same domain name.", v.ID, v.Region, z.ID)
		}
	}
	return nil
}

func describe(z *hostedzone.Zone) *types.HostedZone {
	out := &types.HostedZone{
		Id: aws.String("/hostedzone/" + z.ID), Name: aws.String(z.Name), CallerReference: aws.String(z.CallerReference),
		Config:                 &types.HostedZoneConfig{PrivateZone: z.Private},
		ResourceRecordSetCount: aws.Int64(int64(len(z.Records()))),
	}
	if z.Comment != "" {
		out.Config.Comment = aws.String(z.Comment)
	}
	return out
}

func delegationSet(z *hostedzone.Zone) *types.DelegationSet {
	if z.Private {
		return nil
	}
	return &types.DelegationSet{NameServers: slices.Clone(z.NameServers)}
}

// GetHostedZone returns one zone, with its name servers or its VPCs.
func (s *Service) GetHostedZone(ctx context.Context, in *route53.GetHostedZoneInput, _ ...func(*route53.Options)) (
	*route53.GetHostedZoneOutput, error) {
	return call.Read(ctx, s.entry, "GetHostedZone", in, func(in *route53.GetHostedZoneInput) (*route53.GetHostedZoneOutput,
		error) {
		z, err := s.zone(in.Id)
		if err != nil {
			return nil, err
		}
		out := &route53.GetHostedZoneOutput{HostedZone: describe(z), DelegationSet: delegationSet(z)}
		for _, v := range z.VPCs {
			out.VPCs = append(out.VPCs, types.VPC{VPCId: aws.String(v.ID), VPCRegion: types.VPCRegion(v.Region)})
		}
		return out, nil
	})
}

// GetHostedZoneCount counts the zones.
func (s *Service) GetHostedZoneCount(ctx context.Context, in *route53.GetHostedZoneCountInput,
	_ ...func(*route53.Options)) (*route53.GetHostedZoneCountOutput, error) {
	return call.Read(ctx, s.entry, "GetHostedZoneCount", in, func(*route53.GetHostedZoneCountInput) (
		*route53.GetHostedZoneCountOutput, error) {
		return &route53.GetHostedZoneCountOutput{HostedZoneCount: aws.Int64(int64(len(s.account.HostedZones)))}, nil
	})
}

// UpdateHostedZoneComment changes a zone's comment.
func (s *Service) UpdateHostedZoneComment(ctx context.Context, in *route53.UpdateHostedZoneCommentInput,
	_ ...func(*route53.Options)) (*route53.UpdateHostedZoneCommentOutput, error) {
	return call.Write(ctx, s.entry, "UpdateHostedZoneComment", in, func(in *route53.UpdateHostedZoneCommentInput) (
		*route53.UpdateHostedZoneCommentOutput, error) {
		z, err := s.zone(in.Id)
		switch {
		case err != nil:
			return nil, err
		case len(aws.ToString(in.Comment)) > maxComment:
			return nil, invalid("1 validation error detected: Value at 'comment' failed to satisfy constraint: Member must "+
				"have length less than or equal to %d", maxComment)
		}
		z.Comment = aws.ToString(in.Comment)
		return &route53.UpdateHostedZoneCommentOutput{HostedZone: describe(z)}, nil
	})
}

// DeleteHostedZone deletes a zone that holds nothing but what every zone holds.
func (s *Service) DeleteHostedZone(ctx context.Context, in *route53.DeleteHostedZoneInput,
	_ ...func(*route53.Options)) (*route53.DeleteHostedZoneOutput, error) {
	return call.Write(ctx, s.entry, "DeleteHostedZone", in, func(in *route53.DeleteHostedZoneInput) (
		*route53.DeleteHostedZoneOutput, error) {
		z, err := s.zone(in.Id)
		if err != nil {
			return nil, err
		}
		if len(z.Records()) > apexRecords {
			return nil, apierr.New("HostedZoneNotEmpty", "The specified hosted zone contains non-required resource record "+
				"sets and so cannot be deleted.")
		}
		return &route53.DeleteHostedZoneOutput{ChangeInfo: changeInfo(s.account.RemoveHostedZone(z), s.account)}, nil
	})
}

// AssociateVPCWithHostedZone makes one more VPC's resolver answer a private zone.
func (s *Service) AssociateVPCWithHostedZone(ctx context.Context, in *route53.AssociateVPCWithHostedZoneInput,
	_ ...func(*route53.Options)) (*route53.AssociateVPCWithHostedZoneOutput, error) {
	return call.Write(ctx, s.entry, "AssociateVPCWithHostedZone", in, func(in *route53.AssociateVPCWithHostedZoneInput) (
		*route53.AssociateVPCWithHostedZoneOutput, error) {
		z, v, err := s.association(in.HostedZoneId, in.VPC)
		if err != nil {
			return nil, err
		}
		if err := s.conflict(z.Name, v); err != nil {
			return nil, err
		}
		z.VPCs = append(z.VPCs, v)
		return &route53.AssociateVPCWithHostedZoneOutput{
			ChangeInfo: changeInfo(s.account.NewRecordChange(aws.ToString(in.Comment)), s.account)}, nil
	})
}

// DisassociateVPCFromHostedZone ends that; the last VPC of a zone stays.
func (s *Service) DisassociateVPCFromHostedZone(ctx context.Context, in *route53.DisassociateVPCFromHostedZoneInput,
	_ ...func(*route53.Options)) (*route53.DisassociateVPCFromHostedZoneOutput, error) {
	return call.Write(ctx, s.entry, "DisassociateVPCFromHostedZone", in,
		func(in *route53.DisassociateVPCFromHostedZoneInput) (*route53.DisassociateVPCFromHostedZoneOutput, error) {
			z, v, err := s.association(in.HostedZoneId, in.VPC)
			i := slices.Index(zoneVPCs(z), v)
			switch {
			case err != nil:
				return nil, err
			case i < 0:
				return nil, apierr.WithStatus(http.StatusNotFound, "VPCAssociationNotFound",
					"The VPC %s in region %s is not associated with the hosted zone.", v.ID, v.Region)
			case len(z.VPCs) == 1:
				return nil, apierr.New("LastVPCAssociation", "The VPC %s is the last one of the hosted zone %s: delete the "+
					"zone instead.", v.ID, z.ID)
			}
			z.VPCs = slices.Delete(slices.Clone(z.VPCs), i, i+1)
			return &route53.DisassociateVPCFromHostedZoneOutput{
				ChangeInfo: changeInfo(s.account.NewRecordChange(aws.ToString(in.Comment)), s.account)}, nil
		})
}

func zoneVPCs(z *hostedzone.Zone) []hostedzone.VPC {
	if z == nil {
		return nil
	}
	return z.VPCs
}

// association checks zone and VPC of a call about the two.
func (s *Service) association(id *string, given *types.VPC) (*hostedzone.Zone, hostedzone.VPC, error) {
	z, err := s.zone(id)
	if err != nil {
		return nil, hostedzone.VPC{}, err
	}
	if !z.Private {
		return nil, hostedzone.VPC{}, apierr.New("PublicZoneVPCAssociation",
			"You're trying to associate a VPC with a public hosted zone. Amazon Route 53 doesn't support associating a VPC "+
				"with a public hosted zone.")
	}
	v, err := s.vpc(given)
	return z, v, err
}
