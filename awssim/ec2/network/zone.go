package network

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/account/vpc"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/ec2/filter"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
)

var zoneFilters = map[string]filter.Accessor[*vpc.AvailabilityZone]{
	"zone-name":        filter.One(func(z *vpc.AvailabilityZone) string { return z.Name }),
	"zone-id":          filter.One(func(z *vpc.AvailabilityZone) string { return z.ID }),
	"zone-type":        filter.One(func(z *vpc.AvailabilityZone) string { return z.Type }),
	"state":            func(a *account.Account, z *vpc.AvailabilityZone) []string { return []string{zoneState(a, z)} },
	"group-name":       filter.One(func(z *vpc.AvailabilityZone) string { return z.Group }),
	"opt-in-status":    filter.One(func(z *vpc.AvailabilityZone) string { return z.OptInStatus }),
	"parent-zone-id":   filter.One(func(z *vpc.AvailabilityZone) string { return z.ParentID }),
	"parent-zone-name": filter.One(func(z *vpc.AvailabilityZone) string { return z.ParentName }),
	"parentZoneID":     filter.One(func(z *vpc.AvailabilityZone) string { return z.ParentID }),
	"parentZoneName":   filter.One(func(z *vpc.AvailabilityZone) string { return z.ParentName }),
	"region-name":      func(a *account.Account, _ *vpc.AvailabilityZone) []string { return []string{a.Region} },
	"message":          func(*account.Account, *vpc.AvailabilityZone) []string { return nil },
}

// DescribeAvailabilityZones lists zones; those that the account has not opted in to, only with AllAvailabilityZones.
func (s *Networks) DescribeAvailabilityZones(ctx context.Context, in *ec2.DescribeAvailabilityZonesInput,
	_ ...func(*ec2.Options)) (*ec2.DescribeAvailabilityZonesOutput, error) {
	return call.Read(ctx, s.entry, "DescribeAvailabilityZones", in, s.describeAvailabilityZones)
}

func (s *Networks) describeAvailabilityZones(in *ec2.DescribeAvailabilityZonesInput) (
	*ec2.DescribeAvailabilityZonesOutput, error) {
	if err := request.DryRun(in.DryRun); err != nil {
		return nil, err
	}
	conditions, err := filter.CompileFilters(in.Filters, zoneFilters, false)
	if err != nil {
		return nil, err
	}
	byName, byID := map[string]bool{}, map[string]bool{}
	for name, z := range s.account.Zones {
		if z.OptInStatus != "not-opted-in" || aws.ToBool(in.AllAvailabilityZones) {
			byName[name], byID[z.ID] = true, true
		}
	}
	if err := knownZones(in.ZoneNames, byName); err != nil {
		return nil, err
	}
	if err := knownZones(in.ZoneIds, byID); err != nil {
		return nil, err
	}
	out := &ec2.DescribeAvailabilityZonesOutput{}
	for _, name := range resource.AnswerOrder(byName) {
		z := s.account.Zones[name]
		asked := (len(in.ZoneNames) == 0 || slices.Contains(in.ZoneNames, z.Name)) &&
			(len(in.ZoneIds) == 0 || slices.Contains(in.ZoneIds, z.ID))
		if asked && filter.Passes(s.account, z, nil, conditions) {
			out.AvailabilityZones = append(out.AvailabilityZones, zoneOut(s.account, z))
		}
	}
	return out, nil
}

func knownZones(asked []string, known map[string]bool) error {
	for _, z := range asked {
		if !known[z] {
			return request.InvalidValue("Invalid availability zone: [%s]", z)
		}
	}
	return nil
}

func zoneState(a *account.Account, z *vpc.AvailabilityZone) string {
	if a.Trouble.ZoneOut(z.Name) {
		return "unavailable"
	}
	return z.State
}

func zoneOut(a *account.Account, z *vpc.AvailabilityZone) types.AvailabilityZone {
	out := types.AvailabilityZone{
		ZoneName:           aws.String(z.Name),
		ZoneId:             aws.String(z.ID),
		ZoneType:           aws.String(z.Type),
		GroupName:          aws.String(z.Group),
		NetworkBorderGroup: aws.String(z.Group),
		OptInStatus:        types.AvailabilityZoneOptInStatus(z.OptInStatus),
		RegionName:         aws.String(a.Region),
		State:              types.AvailabilityZoneState(zoneState(a, z)),
	}
	if z.ParentID != "" {
		out.ParentZoneId, out.ParentZoneName = aws.String(z.ParentID), aws.String(z.ParentName)
	}
	return out
}
