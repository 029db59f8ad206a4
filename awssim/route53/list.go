package route53

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/k8s-lbc/lbc/awssim/account/domainname"
	"github.com/k8s-lbc/lbc/awssim/account/hostedzone"
	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
)

// Upper bounds, and defaults, of pages.
const (
	zonesPerPage   = 100
	recordsPerPage = 300
)

// ListHostedZones lists the zones in an order that means nothing.
func (s *Service) ListHostedZones(ctx context.Context, in *route53.ListHostedZonesInput, _ ...func(*route53.Options)) (
	*route53.ListHostedZonesOutput, error) {
	return call.Read(ctx, s.entry, "ListHostedZones", in, s.listHostedZones)
}

func (s *Service) listHostedZones(in *route53.ListHostedZonesInput) (*route53.ListHostedZonesOutput, error) {
	size, err := pageSize(in.MaxItems, zonesPerPage)
	switch {
	case err != nil:
		return nil, err
	case in.DelegationSetId != nil:
		return nil, apierr.New("NoSuchDelegationSet", "The delegation set %s does not exist.", *in.DelegationSetId)
	case in.HostedZoneType != "" && in.HostedZoneType != types.HostedZoneTypePrivateHostedZone:
		return nil, invalid("1 validation error detected: Value '%s' at 'hostedZoneType' failed to satisfy constraint: "+
			"Member must satisfy enum value set: [PrivateHostedZone]", in.HostedZoneType)
	}
	ids := resource.AnswerOrder(s.account.HostedZones)
	if in.HostedZoneType != "" {
		ids = slices.DeleteFunc(ids, func(id string) bool { return !s.account.HostedZones[id].Private })
	}
	if marker := aws.ToString(in.Marker); marker != "" {
		i := slices.Index(ids, strings.TrimPrefix(marker, "/hostedzone/"))
		if i < 0 {
			return nil, invalid("The marker %s is no hosted zone.", marker)
		}
		ids = ids[i:]
	}
	out := &route53.ListHostedZonesOutput{Marker: in.Marker, MaxItems: aws.Int32(int32(size)),
		HostedZones: []types.HostedZone{}}
	if len(ids) > size {
		out.IsTruncated, out.NextMarker = true, aws.String(ids[size])
		ids = ids[:size]
	}
	for _, id := range ids {
		out.HostedZones = append(out.HostedZones, *describe(s.account.HostedZones[id]))
	}
	return out, nil
}

// ListHostedZonesByName lists the zones by the labels of their names, last label first, from a name on; it does not
// filter.
func (s *Service) ListHostedZonesByName(ctx context.Context, in *route53.ListHostedZonesByNameInput,
	_ ...func(*route53.Options)) (*route53.ListHostedZonesByNameOutput, error) {
	return call.Read(ctx, s.entry, "ListHostedZonesByName", in, s.listHostedZonesByName)
}

func (s *Service) listHostedZonesByName(in *route53.ListHostedZonesByNameInput) (*route53.ListHostedZonesByNameOutput,
	error) {
	size, err := pageSize(in.MaxItems, zonesPerPage)
	if err != nil {
		return nil, err
	}
	if in.HostedZoneId != nil && in.DNSName == nil {
		return nil, invalid("A hosted zone id needs the DNS name of the zone.")
	}
	position := func(name, id string) string { return domainname.Key(name) + "\x00\x00" + id }
	zones := slices.SortedFunc(maps.Values(s.account.HostedZones), func(x, y *hostedzone.Zone) int {
		return strings.Compare(position(x.Name, x.ID), position(y.Name, y.ID))
	})
	if in.DNSName != nil {
		name, err := domainname.Canonical(*in.DNSName)
		var problem *domainname.Problem
		if errors.As(err, &problem) {
			return nil, apierr.New("InvalidDomainName", "%s (%s) encountered with '%s'", problem.Code, problem.Text,
				problem.Name)
		}
		from := position(name, strings.TrimPrefix(aws.ToString(in.HostedZoneId), "/hostedzone/"))
		zones = slices.DeleteFunc(zones, func(z *hostedzone.Zone) bool { return position(z.Name, z.ID) < from })
	}
	out := &route53.ListHostedZonesByNameOutput{DNSName: in.DNSName, HostedZoneId: in.HostedZoneId,
		MaxItems: aws.Int32(int32(size)), HostedZones: []types.HostedZone{}}
	if len(zones) > size {
		out.IsTruncated, out.NextDNSName, out.NextHostedZoneId = true, aws.String(zones[size].Name),
			aws.String(zones[size].ID)
		zones = zones[:size]
	}
	for _, z := range zones {
		out.HostedZones = append(out.HostedZones, *describe(z))
	}
	return out, nil
}

// ListHostedZonesByVPC lists the private zones that a VPC's resolver answers.
func (s *Service) ListHostedZonesByVPC(ctx context.Context, in *route53.ListHostedZonesByVPCInput,
	_ ...func(*route53.Options)) (*route53.ListHostedZonesByVPCOutput, error) {
	return call.Read(ctx, s.entry, "ListHostedZonesByVPC", in, s.listHostedZonesByVPC)
}

func (s *Service) listHostedZonesByVPC(in *route53.ListHostedZonesByVPCInput) (*route53.ListHostedZonesByVPCOutput,
	error) {
	size, err := pageSize(in.MaxItems, zonesPerPage)
	if err != nil {
		return nil, err
	}
	v, err := s.vpc(&types.VPC{VPCId: in.VPCId, VPCRegion: in.VPCRegion})
	if err != nil {
		return nil, err
	}
	ids := slices.Sorted(maps.Keys(s.account.HostedZones))
	ids = slices.DeleteFunc(ids, func(id string) bool { return !slices.Contains(s.account.HostedZones[id].VPCs, v) })
	if token := aws.ToString(in.NextToken); token != "" {
		i := slices.Index(ids, token)
		if i < 0 {
			return nil, apierr.New("InvalidPaginationToken", "The token %s is of no page.", token)
		}
		ids = ids[i:]
	}
	out := &route53.ListHostedZonesByVPCOutput{MaxItems: aws.Int32(int32(size)),
		HostedZoneSummaries: []types.HostedZoneSummary{}}
	if len(ids) > size {
		out.NextToken, ids = aws.String(ids[size]), ids[:size]
	}
	for _, id := range ids {
		out.HostedZoneSummaries = append(out.HostedZoneSummaries, types.HostedZoneSummary{
			HostedZoneId: aws.String(id), Name: aws.String(s.account.HostedZones[id].Name),
			Owner: &types.HostedZoneOwner{OwningAccount: aws.String(s.account.ID)},
		})
	}
	return out, nil
}

// ListResourceRecordSets lists a zone's record sets by name, last label first, type and set identifier.
func (s *Service) ListResourceRecordSets(ctx context.Context, in *route53.ListResourceRecordSetsInput,
	_ ...func(*route53.Options)) (*route53.ListResourceRecordSetsOutput, error) {
	return call.Read(ctx, s.entry, "ListResourceRecordSets", in, s.listResourceRecordSets)
}

func (s *Service) listResourceRecordSets(in *route53.ListResourceRecordSetsInput) (
	*route53.ListResourceRecordSetsOutput, error) {
	z, err := s.zone(in.HostedZoneId)
	if err != nil {
		return nil, err
	}
	size, err := pageSize(in.MaxItems, recordsPerPage)
	if err != nil {
		return nil, err
	}
	kind, id := string(in.StartRecordType), aws.ToString(in.StartRecordIdentifier)
	records := z.Records()
	switch {
	case in.StartRecordName == nil && (kind != "" || id != ""), kind == "" && id != "":
		return nil, invalid("A start identifier needs a start type, and a start type needs a start name.")
	case kind != "" && !slices.Contains(in.StartRecordType.Values(), in.StartRecordType):
		return nil, invalid("1 validation error detected: Value '%s' at 'startRecordType' failed to satisfy constraint: "+
			"Member must satisfy enum value set", kind)
	case in.StartRecordName != nil:
		name, err := domainname.Canonical(*in.StartRecordName)
		if err != nil {
			return nil, invalid("%v", err)
		}
		position := func(name, kind, id string) string { return domainname.Key(name) + "\x00\x00" + kind + "\x00" + id }
		from := position(name, kind, id)
		i := slices.IndexFunc(records, func(r *hostedzone.RecordSet) bool {
			return position(r.Name, r.Type, r.SetIdentifier) >= from
		})
		if i < 0 {
			i = len(records)
		}
		records = records[i:]
	}
	out := &route53.ListResourceRecordSetsOutput{MaxItems: aws.Int32(int32(size)),
		ResourceRecordSets: []types.ResourceRecordSet{}}
	if len(records) > size {
		next := records[size]
		out.IsTruncated, out.NextRecordName, out.NextRecordType = true, aws.String(next.Name), types.RRType(next.Type)
		if next.SetIdentifier != "" {
			out.NextRecordIdentifier = aws.String(next.SetIdentifier)
		}
		records = records[:size]
	}
	for _, r := range records {
		out.ResourceRecordSets = append(out.ResourceRecordSets, describeRecords(r))
	}
	return out, nil
}

// GetChange returns whether a change has reached all name servers.
func (s *Service) GetChange(ctx context.Context, in *route53.GetChangeInput, _ ...func(*route53.Options)) (
	*route53.GetChangeOutput, error) {
	return call.Read(ctx, s.entry, "GetChange", in, func(in *route53.GetChangeInput) (*route53.GetChangeOutput, error) {
		id := strings.TrimPrefix(aws.ToString(in.Id), "/change/")
		c, ok := s.account.RecordChanges[id]
		if !ok {
			return nil, apierr.WithStatus(http.StatusNotFound, "NoSuchChange", "Could not find resource with ID: %s", id)
		}
		return &route53.GetChangeOutput{ChangeInfo: changeInfo(c, s.account)}, nil
	})
}
