// Package resolver is what DNS answers in a simulated account: names of load balancers and of their zones, hosted zones
// with routing policies and aliases, and names of accelerators; to the internet, or to the machines of a VPC. It holds
// no state and speaks no protocol; where load balancers are reached is given to it. It imports awssim/account and
// awssim/dns.
package resolver

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/domainname"
	"github.com/k8s-lbc/lbc/awssim/dns"
)

// Node is the presence of a load balancer in one zone.
type Node struct {
	Zone      string
	InService bool         // DNS failover leaves it in answers
	Outside   []netip.Addr // where this machine reaches it
	Inside    []netip.Addr // where the virtual network's machines reach it
}

// Options configure a Resolver.
type Options struct {
	Account *account.Account
	// Nodes are those of a load balancer by its ARN, none while it does not serve. It is called without the account's
	// lock.
	Nodes func(arn string) []Node
	// Accelerators finds the addresses of an accelerator by its name, without a final dot, where this machine reaches it
	// or, inside, where the virtual network's machines do; nil: there are none.
	Accelerators func(name string, inside bool) ([]netip.Addr, bool)
	// Others finds names, without a final dot, that go before hosted zones; nil: there are none.
	Others func(name string) ([]netip.Addr, bool)
	// Random chooses a number from 0 to n-1.
	Random func(n int) int
}

// Resolver answers questions. It is safe for concurrent use as far as its options are.
type Resolver struct{ o Options }

// New makes a resolver.
func New(o Options) *Resolver { return &Resolver{o} }

// Times to live, in seconds, and bounds.
const (
	balancerTTL    = 60
	acceleratorTTL = 300
	otherTTL       = 60
	maxAnswers     = 8 // addresses
	maxHops        = 8 // of CNAME and alias records
	negativeTTL    = 60
)

// acceleratorDomain holds the names of accelerators.
const acceleratorDomain = "awsglobalaccelerator.com."

// client is the one that resolves: a machine of a VPC, or of the internet when vpc is empty.
type client struct{ vpc, zone string }

// Answer answers a question. A client whose address is one of a VPC gets what that VPC's resolver answers.
func (r *Resolver) Answer(q dns.Question) dns.Answer {
	var who client
	if q.From.IsValid() {
		r.o.Account.Lock()
		who.vpc, who.zone = r.o.Account.ResolverOf(q.From)
		r.o.Account.Unlock()
	}
	out := dns.Answer{Authoritative: true}
	name := q.Name
	for range maxHops {
		found := r.look(name, q.Type, who)
		out.Records = append(out.Records, found.records...)
		switch {
		case found.referral != nil:
			out.Authoritative = len(out.Records) > 0
			out.Authority = found.referral
			return out
		case found.cname != "":
			name = found.cname
			continue
		case found.status == dns.Refused && len(out.Records) > 0:
			return out // a CNAME that leads out of what is served
		}
		out.Status = found.status
		if len(found.records) == 0 {
			out.Authority = found.authority
		}
		out.Authoritative = found.status != dns.Refused
		return out
	}
	return out
}

// Addresses are those of a name, of both families, as a machine at that address gets them; false: the name does not
// exist.
func (r *Resolver) Addresses(name string, from netip.Addr) ([]netip.Addr, bool) {
	canonical, err := domainname.Canonical(strings.TrimSuffix(name, "."))
	if err != nil {
		return nil, false
	}
	var out []netip.Addr
	exists := false
	for _, kind := range []string{"A", "AAAA"} {
		a := r.Answer(dns.Question{Name: canonical, Type: kind, From: from})
		exists = exists || a.Status == dns.Found
		for _, record := range a.Records {
			if record.Type == kind {
				ip, err := netip.ParseAddr(record.Value)
				if err == nil {
					out = append(out, ip)
				}
			}
		}
	}
	return out, exists
}

// finding is what is known of one name.
type finding struct {
	status    dns.Status
	records   []dns.Record
	authority []dns.Record // for an answer without records
	referral  []dns.Record
	cname     string // go on there
}

func (r *Resolver) look(name, kind string, who client) finding {
	if records, exists := r.target(name, name, kind, who); exists {
		return finding{records: records, authority: authorityOf(name)}
	}
	if r.o.Others != nil {
		if addresses, ok := r.o.Others(strings.TrimSuffix(name, ".")); ok {
			return finding{records: r.addressRecords(name, kind, otherTTL, addresses)}
		}
	}
	if found, ok := r.hosted(name, kind, who); ok {
		return found
	}
	authority := authorityOf(name)
	switch {
	case authority == nil:
		return finding{status: dns.Refused}
	case authority[0].Name == name:
		if kind == "SOA" {
			return finding{records: authority}
		}
		return finding{authority: authority}
	}
	return finding{status: dns.NoName, authority: authority}
}

// authorityOf is the SOA record of the AWS domain that a name is in, nil if it is in none.
func authorityOf(name string) []dns.Record {
	for _, domain := range []string{"amazonaws.com.", "amazonaws.com.cn.", acceleratorDomain} {
		if domainname.Within(name, domain) {
			return []dns.Record{{Name: domain, Type: "SOA", TTL: negativeTTL, Value: "ns." + domain + " hostmaster." + domain +
				" 1 7200 900 1209600 60"}}
		}
	}
	return nil
}

// target are the addresses of a load balancer, of its node in a zone, or of an accelerator, for a record of the owner.
func (r *Resolver) target(name, owner, kind string, who client) ([]dns.Record, bool) {
	if r.o.Accelerators != nil && domainname.Within(name, acceleratorDomain) {
		addresses, ok := r.o.Accelerators(strings.TrimSuffix(name, "."), who.vpc != "")
		return r.addressRecords(owner, kind, acceleratorTTL, addresses), ok
	}
	r.o.Account.Lock()
	lb, zone := r.o.Account.LoadBalancerAt(name)
	var arn, policy string
	if lb != nil {
		arn, policy = lb.ARN, lb.Attributes["dns_record.client_routing_policy"]
	}
	r.o.Account.Unlock()
	if arn == "" {
		return nil, false
	}
	nodes := r.o.Nodes(arn)
	serving := slices.DeleteFunc(slices.Clone(nodes), func(n Node) bool { return !n.InService })
	if zone != "" {
		serving = slices.DeleteFunc(serving, func(n Node) bool { return n.Zone != zone })
	} else {
		serving = r.near(serving, policy, who)
	}
	if len(serving) == 0 {
		return nil, false
	}
	var addresses []netip.Addr
	for _, n := range serving {
		for _, a := range n.at(who) {
			if !slices.Contains(addresses, a) {
				addresses = append(addresses, a)
			}
		}
	}
	return r.addressRecords(owner, kind, balancerTTL, addresses), true
}

// nearShare is how many of a hundred questions a partial affinity answers with the client's own zone.
const nearShare = 85

// near applies a network load balancer's client routing policy, which counts for questions from VPCs.
func (r *Resolver) near(nodes []Node, policy string, who client) []Node {
	i := slices.IndexFunc(nodes, func(n Node) bool { return who.zone != "" && n.Zone == who.zone })
	switch {
	case i < 0:
	case policy == "availability_zone_affinity", policy == "partial_availability_zone_affinity" &&
		r.o.Random(100) < nearShare:
		return nodes[i : i+1]
	}
	return nodes
}

func (n Node) at(who client) []netip.Addr {
	if who.vpc != "" {
		return n.Inside
	}
	return n.Outside
}

// addressRecords are the addresses of the family that is asked for, in a random order; of many, some.
func (r *Resolver) addressRecords(owner, kind string, ttl uint32, addresses []netip.Addr) []dns.Record {
	var out []dns.Record
	for _, a := range addresses {
		family := "AAAA"
		if a.Is4() {
			family = "A"
		}
		if kind == family || kind == "ANY" {
			out = append(out, dns.Record{Name: owner, Type: family, TTL: ttl, Value: a.String()})
		}
	}
	for i := len(out) - 1; i > 0; i-- {
		j := r.o.Random(i + 1)
		out[i], out[j] = out[j], out[i]
	}
	return out[:min(len(out), maxAnswers)]
}
