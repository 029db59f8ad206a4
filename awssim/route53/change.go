package route53

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"

	"github.com/k8s-lbc/lbc/awssim/account/domainname"
	"github.com/k8s-lbc/lbc/awssim/account/hostedzone"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
)

// Bounds of one batch: of its records and of the characters of their values, where an UPSERT counts twice (Route 53
// developer guide, "Quotas").
const (
	maxBatchRecords    = 1000
	maxBatchCharacters = 32000
)

// ChangeResourceRecordSets creates, deletes and replaces record sets: the whole batch, or nothing.
func (s *Service) ChangeResourceRecordSets(ctx context.Context, in *route53.ChangeResourceRecordSetsInput,
	_ ...func(*route53.Options)) (*route53.ChangeResourceRecordSetsOutput, error) {
	return call.Write(ctx, s.entry, "ChangeResourceRecordSets", in, s.changeResourceRecordSets)
}

func (s *Service) changeResourceRecordSets(in *route53.ChangeResourceRecordSetsInput) (
	*route53.ChangeResourceRecordSetsOutput, error) {
	z, err := s.zone(in.HostedZoneId)
	if err != nil {
		return nil, err
	}
	if in.ChangeBatch == nil || len(in.ChangeBatch.Changes) == 0 {
		return nil, invalid("1 validation error detected: Value '[]' at 'changeBatch.changes' failed to satisfy " +
			"constraint: Member must have length greater than or equal to 1")
	}
	if len(aws.ToString(in.ChangeBatch.Comment)) > maxComment {
		return nil, invalid("1 validation error detected: Value at 'changeBatch.comment' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", maxComment)
	}
	if s.account.Clock.Now().Before(z.BusyUntil) {
		return nil, apierr.New("PriorRequestNotComplete",
			"The request was rejected because Route 53 was still processing a prior request.")
	}
	b := batch{service: s, zone: z, records: slices.Clone(z.Records())}
	for _, c := range in.ChangeBatch.Changes {
		r, err := s.parseChange(c)
		if err != nil {
			return nil, err
		}
		b.sizes(c.Action, r)
		b.changes = append(b.changes, change{c.Action, r})
	}
	if err := b.run(); err != nil {
		return nil, err
	}
	made := s.account.SetRecords(z, b.records, aws.ToString(in.ChangeBatch.Comment))
	return &route53.ChangeResourceRecordSetsOutput{ChangeInfo: changeInfo(made, s.account)}, nil
}

// change is one step of a batch.
type change struct {
	action types.ChangeAction
	record *hostedzone.RecordSet
}

// batch is a zone's content while it changes, and what is wrong with them.
type batch struct {
	service    *Service
	zone       *hostedzone.Zone
	records    []*hostedzone.RecordSet
	changes    []change
	count      int
	characters int
	findings   []string
}

func (b *batch) find(format string, args ...any) {
	b.findings = append(b.findings, fmt.Sprintf(format, args...))
}

// sizes counts a change against the bounds of a batch.
func (b *batch) sizes(action types.ChangeAction, r *hostedzone.RecordSet) {
	times := 1
	if action == types.ChangeActionUpsert {
		times = 2
	}
	b.count += times * max(1, len(r.Values))
	for _, v := range r.Values {
		b.characters += times * utf8.RuneCountInString(v)
	}
}

// run makes the changes and then checks what came out.
func (b *batch) run() error {
	switch {
	case b.count > maxBatchRecords:
		return refused([]string{fmt.Sprintf("Number of records limit of %d exceeded.", maxBatchRecords)})
	case b.characters > maxBatchCharacters:
		return refused([]string{fmt.Sprintf("Number of characters limit of %d exceeded.", maxBatchCharacters)})
	}
	type touched struct {
		name, kind, id string
		adds           bool
	}
	seen := map[touched]bool{}
	for _, c := range b.changes {
		t := touched{c.record.Name, c.record.Type, c.record.SetIdentifier, c.action != types.ChangeActionDelete}
		if seen[t] {
			b.find("The request contains an invalid set of changes for a resource record set '%s %s'", c.record.Type,
				c.record.Name)
			continue
		}
		seen[t] = true
		if !domainname.Within(c.record.Name, b.zone.Name) {
			b.find("RRSet with DNS name %s is not permitted in zone %s", c.record.Name, b.zone.Name)
			continue
		}
		b.apply(c)
	}
	for _, c := range b.changes {
		if c.action != types.ChangeActionDelete && slices.Contains(b.records, c.record) {
			b.checkPlace(c.record)
			b.checkAlias(c.record)
		}
	}
	b.checkApex()
	if quota := b.service.account.Quota("records-per-hosted-zone"); len(b.records) > quota &&
		len(b.records) > len(b.zone.Records()) {
		b.find("The zone %s would have more than %d resource record sets.", b.zone.Name, quota)
	}
	return refused(b.findings)
}

// refused is the error with everything that is wrong, nil if nothing is.
func refused(findings []string) error {
	if len(findings) == 0 {
		return nil
	}
	e := apierr.New("InvalidChangeBatch", "[%s]", strings.Join(findings, ", "))
	e.Messages = findings
	return e
}

// label names a record set in messages.
func label(r *hostedzone.RecordSet) string {
	text := fmt.Sprintf("name='%s', type='%s'", r.Name, r.Type)
	if r.SetIdentifier != "" {
		text += fmt.Sprintf(", set-identifier='%s'", r.SetIdentifier)
	}
	return "[" + text + "]"
}

func (b *batch) apply(c change) {
	i := slices.IndexFunc(b.records, func(r *hostedzone.RecordSet) bool {
		return r.Name == c.record.Name && r.Type == c.record.Type && r.SetIdentifier == c.record.SetIdentifier
	})
	switch {
	case c.action == types.ChangeActionCreate && i >= 0:
		b.find("Tried to create resource record set %s but it already exists", label(c.record))
	case c.action == types.ChangeActionDelete && i < 0:
		b.find("Tried to delete resource record set %s but it was not found", label(c.record))
	case c.action == types.ChangeActionDelete && !sameRecords(b.records[i], c.record):
		b.find("Tried to delete resource record set %s but the values provided do not match the current values",
			label(c.record))
	case c.action == types.ChangeActionDelete:
		b.records = slices.Delete(b.records, i, i+1)
	case i >= 0:
		if sameRecords(b.records[i], c.record) {
			c.record.Since = b.records[i].Since // nothing changes
		}
		b.records[i] = c.record
	default:
		b.records = append(b.records, c.record)
	}
}

// sameRecords compares everything that a caller can set of record sets; the order of values means nothing.
func sameRecords(x, y *hostedzone.RecordSet) bool {
	if x.TTL != y.TTL || (x.Alias == nil) != (y.Alias == nil) || x.Alias != nil && *x.Alias != *y.Alias ||
		!sameRouting(x.Routing, y.Routing) {
		return false
	}
	return slices.Equal(slices.Sorted(slices.Values(x.Values)), slices.Sorted(slices.Values(y.Values)))
}

func sameRouting(x, y hostedzone.Routing) bool {
	same := aws.ToInt64(x.Weight) == aws.ToInt64(y.Weight) && (x.Weight == nil) == (y.Weight == nil) &&
		aws.ToBool(x.MultiValue) == aws.ToBool(y.MultiValue) && (x.MultiValue == nil) == (y.MultiValue == nil)
	x.Weight, x.MultiValue, y.Weight, y.MultiValue = nil, nil, nil, nil
	return same && x == y
}

// checkPlace checks a record set against the others of its name.
func (b *batch) checkPlace(r *hostedzone.RecordSet) {
	atApex := r.Name == b.zone.Name
	switch {
	case r.Type == "CNAME" && atApex:
		b.find("RRSet of type CNAME with DNS name %s is not permitted at apex in zone %s", r.Name, b.zone.Name)
		return
	case r.Type == hostedzone.SOA && !atApex:
		b.find("RRSet of type SOA with DNS name %s is not permitted outside of the apex of zone %s", r.Name, b.zone.Name)
		return
	}
	for _, o := range b.records {
		switch {
		case o == r || o.Name != r.Name:
		case o.Type != r.Type && (o.Type == "CNAME" || r.Type == "CNAME"):
			b.find("RRSet of type %s with DNS name %s is not permitted as it conflicts with other records with the same DNS "+
				"name in zone %s", r.Type, r.Name, b.zone.Name)
			return
		case o.Type == r.Type && o.Routing.Policy() != r.Routing.Policy():
			b.find("RRSet with DNS name %s, type %s%s cannot be created as other RRSets exist with the same name and type.",
				r.Name, r.Type, identified(r))
			return
		case o.Type == r.Type && sameTurn(o.Routing, r.Routing):
			b.find("RRSet with DNS name %s, type %s%s cannot be created as another RRSet has the same %s.", r.Name, r.Type,
				identified(r), r.Routing.Policy())
			return
		}
	}
}

func identified(r *hostedzone.RecordSet) string {
	if r.SetIdentifier == "" {
		return ""
	}
	return ", SetIdentifier " + r.SetIdentifier
}

// sameTurn reports whether two routings, which are of one policy, would be chosen at the same time.
func sameTurn(x, y hostedzone.Routing) bool {
	switch x.Policy() {
	case "Region":
		return x.Region == y.Region
	case "Failover":
		return x.Failover == y.Failover
	case "GeoLocation":
		return x.Continent == y.Continent && x.Country == y.Country && x.Subdivision == y.Subdivision
	}
	return false
}

// checkApex requires what every zone has.
func (b *batch) checkApex() {
	has := func(kind string) bool {
		return slices.ContainsFunc(b.records, func(r *hostedzone.RecordSet) bool {
			return r.Name == b.zone.Name &&
				r.Type == kind
		})
	}
	if !has(hostedzone.SOA) {
		b.find("A HostedZone must contain exactly one SOA record.")
	}
	if !has(hostedzone.NS) {
		b.find("A HostedZone must contain at least one NS record for the zone itself.")
	}
}

// acceleratorZone is the hosted zone of all accelerators' names.
const acceleratorZone = "Z2BJ6XQ5FK7U4H"

// checkAlias requires that an alias leads to a load balancer by its own zone, or to a record set of the same zone and
// type.
func (b *batch) checkAlias(r *hostedzone.RecordSet) {
	if r.Alias == nil {
		return
	}
	tried := fmt.Sprintf("Tried to create an alias that targets %s, type %s in zone %s, but ", r.Alias.DNSName, r.Type,
		r.Alias.HostedZoneID)
	var within, found bool
	if r.Alias.HostedZoneID == b.zone.ID {
		within = domainname.Within(r.Alias.DNSName, b.zone.Name)
		found = slices.ContainsFunc(b.records, func(o *hostedzone.RecordSet) bool {
			return o != r && o.Name == r.Alias.DNSName && o.Type == r.Type
		})
	} else {
		within, found = b.service.aliasTarget(r)
	}
	switch {
	case !within:
		b.find("%sthe alias target name does not lie within the target zone", tried)
	case !found:
		b.find("%sthat target was not found", tried)
	}
}

// aliasTarget reports whether the name of an alias's target is one that its zone, which is AWS's, can have, and does.
func (s *Service) aliasTarget(r *hostedzone.RecordSet) (within, found bool) {
	address := r.Type == "A" || r.Type == "AAAA"
	if r.Alias.HostedZoneID == acceleratorZone {
		within = domainname.Within(r.Alias.DNSName, "awsglobalaccelerator.com.")
		_, _, found = s.account.AcceleratorNamed(strings.TrimSuffix(r.Alias.DNSName, "."))
		return within, found && address
	}
	tail := ".elb.amazonaws.com."
	if s.account.Partition == "aws-cn" {
		tail = ".elb.amazonaws.com.cn."
	}
	application, network := s.account.BalancerZones()
	switch r.Alias.HostedZoneID {
	case application:
		within = strings.HasSuffix(r.Alias.DNSName, "."+s.account.Region+tail)
	case network:
		within = strings.HasSuffix(r.Alias.DNSName, ".elb."+s.account.Region+strings.TrimPrefix(tail, ".elb"))
	}
	lb, _ := s.account.LoadBalancerAt(r.Alias.DNSName)
	return within, address && lb != nil
}
