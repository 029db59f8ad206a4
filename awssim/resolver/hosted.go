package resolver

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/domainname"
	"github.com/k8s-lbc/lbc/awssim/account/hostedzone"
	"github.com/k8s-lbc/lbc/awssim/dns"
)

// pointer is an alias that is to be followed: the target's addresses under the owner's name.
type pointer struct{ owner, kind, target string }

// hosted answers from the hosted zone that has a name; false: none has.
func (r *Resolver) hosted(name, kind string, who client) (finding, bool) {
	out, pointers, ok := r.fromZone(name, kind, who)
	for _, p := range pointers {
		records, _ := r.target(p.target, p.owner, p.kind, who)
		out.records = append(out.records, records...)
	}
	return out, ok
}

// fromZone reads the account; what needs more than that is returned as pointers, to be followed without its lock.
func (r *Resolver) fromZone(name, kind string, who client) (finding, []pointer, bool) {
	a := r.o.Account
	a.Lock()
	defer a.Unlock()
	found, ok := a.FindRecords(name, who.vpc)
	if !ok {
		return finding{}, nil, false
	}
	out := finding{authority: soa(found.Zone, a, who)}
	if found.Referral != nil {
		out.referral = values(found.Referral, found.Referral.Name)
		return out, nil, true
	}
	if !found.Exists {
		out.status = dns.NoName
		return out, nil, true
	}
	var pointers []pointer
	for _, t := range typesFor(kind, found.Records) {
		for _, set := range r.choose(ofType(found.Records, t), who) {
			records, more := r.expand(set, name, who, 0)
			out.records, pointers = append(out.records, records...), append(pointers, more...)
		}
		if t == "CNAME" && kind != "CNAME" && kind != "ANY" && len(out.records) > 0 {
			if target, err := domainname.Canonical(out.records[0].Value); err == nil {
				out.cname = target
			}
		}
	}
	return out, pointers, true
}

// typesFor are the types of records that answer a question, of those that there are.
func typesFor(kind string, records []*hostedzone.RecordSet) []string {
	has := func(t string) bool {
		return slices.ContainsFunc(records, func(r *hostedzone.RecordSet) bool { return r.Type == t })
	}
	switch {
	case kind == "ANY":
		var all []string
		for _, r := range records {
			if !slices.Contains(all, r.Type) {
				all = append(all, r.Type)
			}
		}
		return all
	case has("CNAME"):
		return []string{"CNAME"}
	}
	return []string{kind}
}

func ofType(records []*hostedzone.RecordSet, kind string) []*hostedzone.RecordSet {
	return slices.DeleteFunc(slices.Clone(records), func(r *hostedzone.RecordSet) bool { return r.Type != kind })
}

// expand turns a record set into records of the owner: a wildcard's answer is in the name that was asked for. An alias
// to another set of the zone is followed at once, one to a load balancer or accelerator is a pointer.
func (r *Resolver) expand(set *hostedzone.RecordSet, owner string, who client, hops int) ([]dns.Record, []pointer) {
	if set.Alias == nil {
		return values(set, owner), nil
	}
	a := r.o.Account
	zone := a.HostedZones[set.Alias.HostedZoneID]
	if zone == nil || hops > maxHops {
		return nil, []pointer{{owner, set.Type, set.Alias.DNSName}}
	}
	found, ok := a.FindRecords(set.Alias.DNSName, who.vpc)
	if !ok {
		return nil, nil
	}
	var records []dns.Record
	var pointers []pointer
	for _, target := range r.choose(ofType(found.Records, set.Type), who) {
		more, further := r.expand(target, owner, who, hops+1)
		records, pointers = append(records, more...), append(pointers, further...)
	}
	return records, pointers
}

func values(set *hostedzone.RecordSet, owner string) []dns.Record {
	var out []dns.Record
	for _, v := range set.Values {
		out = append(out, dns.Record{Name: owner, Type: set.Type, TTL: uint32(set.TTL), Value: v})
	}
	return out
}

// soa is a zone's SOA record for negative answers, which live no longer than its minimum (RFC 2308).
func soa(z *hostedzone.Zone, a *account.Account, who client) []dns.Record {
	found, _ := a.FindRecords(z.Name, who.vpc)
	for _, set := range found.Records {
		if set.Type == hostedzone.SOA {
			return values(set, z.Name)
		}
	}
	return nil
}

// choose applies the routing policy of record sets of one name and type, among those that are healthy or, if none is,
// all.
func (r *Resolver) choose(sets []*hostedzone.RecordSet, who client) []*hostedzone.RecordSet {
	if len(sets) == 0 || sets[0].Routing.Policy() == "" {
		return sets
	}
	healthy := slices.DeleteFunc(slices.Clone(sets), func(s *hostedzone.RecordSet) bool { return !r.healthy(s, who, 0) })
	if len(healthy) == 0 {
		healthy = sets
	}
	switch sets[0].Routing.Policy() {
	case "Weight":
		return r.byWeight(healthy)
	case "MultiValueAnswer":
		return healthy[:min(len(healthy), maxAnswers)]
	case "Failover":
		return first(healthy, func(s *hostedzone.RecordSet) bool { return s.Routing.Failover == "PRIMARY" })
	case "Region":
		return first(healthy, func(s *hostedzone.RecordSet) bool { return s.Routing.Region == r.o.Account.Region })
	}
	// Addresses on loopback have no location: the default location, if there is one.
	i := slices.IndexFunc(healthy, func(s *hostedzone.RecordSet) bool { return s.Routing.Country == "*" })
	if i < 0 {
		return nil
	}
	return healthy[i : i+1]
}

// first is the first set that fits, else the first of all.
func first(sets []*hostedzone.RecordSet, fits func(*hostedzone.RecordSet) bool) []*hostedzone.RecordSet {
	i := max(0, slices.IndexFunc(sets, fits))
	return sets[i : i+1]
}

// byWeight draws one set; when all weights are 0 each has the same chance.
func (r *Resolver) byWeight(sets []*hostedzone.RecordSet) []*hostedzone.RecordSet {
	total := 0
	for _, s := range sets {
		total += int(*s.Routing.Weight)
	}
	if total == 0 {
		i := r.o.Random(len(sets))
		return sets[i : i+1]
	}
	at := r.o.Random(total)
	for i, s := range sets {
		if at -= int(*s.Routing.Weight); at < 0 {
			return sets[i : i+1]
		}
	}
	return nil
}

// healthy reports whether a record set is healthy: an alias that evaluates its target's health is as healthy as that,
// all others are.
func (r *Resolver) healthy(set *hostedzone.RecordSet, who client, hops int) bool {
	if set.Alias == nil || !set.Alias.EvaluateTargetHealth || hops > maxHops {
		return true
	}
	a := r.o.Account
	if lb, _ := a.LoadBalancerAt(set.Alias.DNSName); lb != nil {
		state, _ := lb.StateAt(a.Clock.Now())
		return strings.HasPrefix(state, "active") && a.TargetsHealthy(lb)
	}
	if a.HostedZones[set.Alias.HostedZoneID] == nil {
		return true // an accelerator
	}
	found, _ := a.FindRecords(set.Alias.DNSName, who.vpc)
	targets := ofType(found.Records, set.Type)
	return slices.ContainsFunc(targets, func(t *hostedzone.RecordSet) bool { return r.healthy(t, who, hops+1) })
}
