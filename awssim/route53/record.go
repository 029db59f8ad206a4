package route53

import (
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/k8s-lbc/lbc/awssim/account/domainname"
	"github.com/k8s-lbc/lbc/awssim/account/hostedzone"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

const (
	maxTTL        = 2147483647
	maxWeight     = 255
	maxIdentifier = 128
)

// parseChange checks a change by itself and reads its record set.
func (s *Service) parseChange(c types.Change) (*hostedzone.RecordSet, error) {
	set := c.ResourceRecordSet
	if !slices.Contains(c.Action.Values(), c.Action) {
		return nil, invalid("1 validation error detected: Value '%s' at 'changeBatch.changes.1.member.action' failed to "+
			"satisfy constraint: Member must satisfy enum value set: [CREATE, DELETE, UPSERT]", c.Action)
	}
	if set == nil || set.Name == nil {
		return nil, invalid("1 validation error detected: Value null at 'changeBatch.changes.1.member.resourceRecordSet' " +
			"failed to satisfy constraint: Member must not be null")
	}
	if !slices.Contains(set.Type.Values(), set.Type) {
		return nil, invalid("1 validation error detected: Value '%s' at "+
			"'changeBatch.changes.1.member.resourceRecordSet.type' failed to satisfy constraint: Member must satisfy enum "+
			"value set: %v", set.Type, set.Type.Values())
	}
	name, err := domainname.Canonical(*set.Name)
	if err != nil {
		return nil, refused([]string{nameFinding(err)})
	}
	r := &hostedzone.RecordSet{Name: name, Type: string(set.Type), SetIdentifier: aws.ToString(set.SetIdentifier)}
	subject := fmt.Sprintf("Change with [Action=%s, Name=%s, Type=%s, SetIdentifier=%s]", c.Action, name, r.Type,
		orNull(r.SetIdentifier))
	if r.Routing, err = parseRouting(set, subject); err != nil {
		return nil, err
	}
	if set.HealthCheckId != nil {
		return nil, apierr.WithStatus(404, "NoSuchHealthCheck", "No health check exists with ID: %s", *set.HealthCheckId)
	}
	return r, parseContent(set, r, subject)
}

func orNull(s string) string {
	if s == "" {
		return "null"
	}
	return s
}

func nameFinding(err error) string {
	var problem *domainname.Problem
	if errors.As(err, &problem) {
		return problem.Error()
	}
	return err.Error()
}

// parseContent reads either the values or the alias of a record set.
func parseContent(set *types.ResourceRecordSet, r *hostedzone.RecordSet, subject string) error {
	values := set.TTL != nil || len(set.ResourceRecords) > 0
	const either = "[AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]"
	switch {
	case set.TrafficPolicyInstanceId != nil:
		return apierr.New("NoSuchTrafficPolicyInstance", "No traffic policy instance exists with ID: %s",
			*set.TrafficPolicyInstanceId)
	case values && set.AliasTarget != nil:
		return invalid("Invalid request: Expected exactly one of %s, but found more than one in %s", either, subject)
	case !values && set.AliasTarget == nil:
		return invalid("Invalid request: Expected exactly one of %s, but found none in %s", either, subject)
	case set.AliasTarget != nil:
		return parseAlias(set.AliasTarget, r, subject)
	case set.TTL == nil:
		return invalid("Invalid request: Missing field 'TTL' in %s", subject)
	case len(set.ResourceRecords) == 0:
		return invalid("Invalid request: Missing field 'ResourceRecords' in %s", subject)
	case *set.TTL < 0 || *set.TTL > maxTTL:
		return invalid("1 validation error detected: Value '%d' at 'tTL' failed to satisfy constraint: Member must be "+
			"between 0 and %d", *set.TTL, maxTTL)
	}
	r.TTL = *set.TTL
	var findings []string
	for _, record := range set.ResourceRecords {
		value, problem := parseValue(r.Type, aws.ToString(record.Value))
		switch {
		case problem != "":
			findings = append(findings, "Invalid Resource Record: '"+problem+"'")
		case slices.Contains(r.Values, value):
			findings = append(findings, "Duplicate Resource Record: '"+value+"'")
		}
		r.Values = append(r.Values, value)
	}
	if one := onlyOne[r.Type]; one && len(r.Values) > 1 {
		findings = append(findings, fmt.Sprintf("Invalid Resource Record: 'FATAL problem: %sRRDATAOnlyOneValue (a record "+
			"set of type %s has one value) encountered with '%s''", r.Type, r.Type, r.Values[1]))
	}
	return refused(findings)
}

func parseAlias(target *types.AliasTarget, r *hostedzone.RecordSet, subject string) error {
	if aws.ToString(target.HostedZoneId) == "" || aws.ToString(target.DNSName) == "" {
		return invalid("Invalid request: Missing field 'HostedZoneId' or 'DNSName' of the AliasTarget in %s", subject)
	}
	if r.Type == hostedzone.NS || r.Type == hostedzone.SOA {
		return refused([]string{fmt.Sprintf("RRSet of type %s with DNS name %s cannot be an alias", r.Type, r.Name)})
	}
	name, err := domainname.Canonical(*target.DNSName)
	if err != nil {
		return refused([]string{nameFinding(err)})
	}
	r.Alias = &hostedzone.Alias{HostedZoneID: *target.HostedZoneId, DNSName: name,
		EvaluateTargetHealth: target.EvaluateTargetHealth}
	if r.Routing.MultiValue != nil {
		return invalid("Invalid request: a multivalue answer record set cannot be an alias, in %s", subject)
	}
	return nil
}

// parseRouting reads the routing policy, of which a record set has at most one, and then a set identifier.
func parseRouting(set *types.ResourceRecordSet, subject string) (hostedzone.Routing, error) {
	r := hostedzone.Routing{Weight: set.Weight, Region: string(set.Region), Failover: string(set.Failover),
		MultiValue: set.MultiValueAnswer}
	given := 0
	for _, is := range []bool{set.Weight != nil, set.Region != "", set.Failover != "", set.MultiValueAnswer != nil,
		set.GeoLocation != nil, set.CidrRoutingConfig != nil, set.GeoProximityLocation != nil} {
		if is {
			given++
		}
	}
	const policies = "[Weight, Region, Failover, GeoLocation, MultiValueAnswer, CidrRoutingConfig, or " +
		"GeoProximityLocation]"
	id := aws.ToString(set.SetIdentifier)
	switch {
	case given > 1:
		return r, invalid("Invalid request: Expected exactly one of %s, but found more than one in %s", policies, subject)
	case given == 0 && set.SetIdentifier != nil:
		return r, invalid("Invalid request: Expected exactly one of %s, but found none in %s", policies, subject)
	case given == 1 && id == "":
		return r, invalid("Invalid request: Missing field 'SetIdentifier' in %s", subject)
	case len(id) > maxIdentifier:
		return r, invalid("1 validation error detected: Value at 'setIdentifier' failed to satisfy constraint: Member must "+
			"have length between 1 and %d", maxIdentifier)
	case set.CidrRoutingConfig != nil:
		return r, apierr.New("NoSuchCidrCollectionException", "The CIDR collection %s does not exist.",
			aws.ToString(set.CidrRoutingConfig.CollectionId))
	case set.GeoProximityLocation != nil:
		return r, invalid("Geoproximity routing is not simulated, in %s", subject)
	case set.Weight != nil && (*set.Weight < 0 || *set.Weight > maxWeight):
		return r, invalid("1 validation error detected: Value '%d' at 'weight' failed to satisfy constraint: Member must "+
			"be between 0 and %d", *set.Weight, maxWeight)
	case set.Failover != "" && !slices.Contains(set.Failover.Values(), set.Failover):
		return r, invalid("1 validation error detected: Value '%s' at 'failover' failed to satisfy constraint: Member must "+
			"satisfy enum value set: [PRIMARY, SECONDARY]", set.Failover)
	case set.Region != "" && !slices.Contains(set.Region.Values(), set.Region):
		return r, invalid("1 validation error detected: Value '%s' at 'region' failed to satisfy constraint: Member must "+
			"satisfy enum value set", set.Region)
	}
	if g := set.GeoLocation; g != nil {
		r.Continent, r.Country, r.Subdivision = aws.ToString(g.ContinentCode), aws.ToString(g.CountryCode),
			aws.ToString(g.SubdivisionCode)
		if (r.Continent == "") == (r.Country == "") || r.Subdivision != "" && r.Country != "US" && r.Country != "UA" {
			return r, invalid("Invalid request: a geolocation is a continent, or a country, of which US and UA have "+
				"subdivisions, in %s", subject)
		}
	}
	return r, nil
}

// describeRecords is a record set as the API shows it.
func describeRecords(r *hostedzone.RecordSet) types.ResourceRecordSet {
	out := types.ResourceRecordSet{
		Name: aws.String(r.Name), Type: types.RRType(r.Type), Weight: r.Routing.Weight, Region: types.ResourceRecordSetRegion(
			r.Routing.Region),
		Failover: types.ResourceRecordSetFailover(r.Routing.Failover), MultiValueAnswer: r.Routing.MultiValue,
	}
	if r.SetIdentifier != "" {
		out.SetIdentifier = aws.String(r.SetIdentifier)
	}
	if r.Routing.Policy() == "GeoLocation" {
		out.GeoLocation = &types.GeoLocation{ContinentCode: notEmpty(r.Routing.Continent),
			CountryCode: notEmpty(r.Routing.Country), SubdivisionCode: notEmpty(r.Routing.Subdivision)}
	}
	if r.Alias != nil {
		out.AliasTarget = &types.AliasTarget{
			HostedZoneId: aws.String(r.Alias.HostedZoneID), DNSName: aws.String(r.Alias.DNSName),
			EvaluateTargetHealth: r.Alias.EvaluateTargetHealth,
		}
		return out
	}
	out.TTL = aws.Int64(r.TTL)
	for _, v := range r.Values {
		out.ResourceRecords = append(out.ResourceRecords, types.ResourceRecord{Value: aws.String(v)})
	}
	return out
}

func notEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return aws.String(s)
}
