package impact

import (
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/accelerator"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Unit is something that AWS's bill counts.
type Unit struct {
	Unit   string `json:"unit"`
	Before int    `json:"before"`
	After  int    `json:"after"`
	// UnknownBefore and UnknownAfter are load balancers, or stacks for certificates, of which it is not known how many
	// there are.
	UnknownBefore int `json:"unknownBefore,omitempty"`
	UnknownAfter  int `json:"unknownAfter,omitempty"`
}

// Changes reports whether the plans change the unit, or may change it.
func (u Unit) Changes() bool { return u.Before != u.After || u.UnknownBefore != u.UnknownAfter }

// unit is the index of a unit.
type unit int

const (
	applicationBalancers unit = iota
	networkBalancers
	applicationCapacity
	networkCapacity
	publicAddresses
	elasticAddresses
	poolAddresses
	accelerators
	acceleratorAddresses
	privateCertificates
	webACLs
	shields
	trustStores
	unitCount
)

// Units names and explains the units, in their order; docs/lbc.md has this table.
var Units = [unitCount]struct{ Name, About string }{
	applicationBalancers: {"application load balancers", "load balancers of the plans, without those of other owners"},
	networkBalancers:     {"network load balancers", "load balancers of the plans, without those of other owners"},
	applicationCapacity: {"reserved capacity units of ALBs",
		"the minimum that objects reserve by `minimum-load-balancer-capacity`"},
	networkCapacity: {"reserved capacity units of NLBs",
		"the minimum that objects reserve by `minimum-load-balancer-capacity`"},
	publicAddresses:      {"public IPv4 addresses", "at least one for each zone of an internet-facing load balancer"},
	elasticAddresses:     {"of these, Elastic IP addresses", "AWS bills Elastic IP addresses until you release them"},
	poolAddresses:        {"public IPv4 addresses of an IPAM pool", "AWS does not bill addresses of your own ranges"},
	accelerators:         {"accelerators", "of AWS Global Accelerator"},
	acceleratorAddresses: {"IPv4 addresses of accelerators", "two for each accelerator"},
	privateCertificates:  {"certificates of a private CA", "certificates that a private CA issues for the stack"},
	webACLs:              {"associated web ACLs", "AWS WAF bills requests by web ACL"},
	shields:              {"Shield Advanced protections", "load balancers that Shield Advanced protects"},
	trustStores: {"trust stores of listeners",
		"trust stores with which ALBs verify clients, counted for each ALB"},
}

// tally counts units.
type tally struct{ known, unknown [unitCount]int }

// units are both tallies as rows.
func units(before, after tally) (out []Unit) {
	for i, u := range Units {
		out = append(out, Unit{u.Name, before.known[i], after.known[i], before.unknown[i], after.unknown[i]})
	}
	return out
}

// stack adds a stack.
func (t *tally) stack(o *awsop.Observed) {
	for i := range o.LoadBalancers {
		if lb := &o.LoadBalancers[i]; !lb.Foreign && lb.LoadBalancer.ARN == "" {
			t.balancer(lb)
		}
	}
	if o.CertificatesUnread != nil {
		t.unknown[privateCertificates]++
	}
	for _, c := range o.Certificates {
		if c.Authority != "" && !c.Imported {
			t.known[privateCertificates]++
		}
	}
	stores := map[[2]string]bool{}
	for _, l := range o.Listeners {
		if m := l.Mutual; m != nil && m.TrustStore != "" {
			stores[[2]string{l.LoadBalancer.Literal, m.TrustStore}] = true
		}
	}
	t.known[trustStores] += len(stores)
}

func (t *tally) balancer(lb *awsop.LoadBalancer) {
	kind, capacity := applicationBalancers, applicationCapacity
	if lb.Type == stack.Network {
		kind, capacity = networkBalancers, networkCapacity
	}
	t.known[kind]++
	if lb.Capacity == nil {
		t.unknown[capacity]++
	} else {
		t.known[capacity] += int(*lb.Capacity)
	}
	if lb.Type == stack.Application {
		t.may(webACLs, lb.WebACL == nil, lb.WebACL != nil && *lb.WebACL != "")
	}
	t.may(shields, lb.Shield == nil, lb.Shield != nil && *lb.Shield)
	t.addresses(lb)
}

// may counts one of a unit, if there is one or nobody knows.
func (t *tally) may(u unit, unread, there bool) {
	switch {
	case unread:
		t.unknown[u]++
	case there:
		t.known[u]++
	}
}

// addresses counts the public IPv4 addresses of a load balancer.
func (t *tally) addresses(lb *awsop.LoadBalancer) {
	if !publicIPv4(lb) || lb.CustomerOwnedPool != "" {
		return
	}
	if lb.IPAMPool != "" {
		t.known[poolAddresses] += len(lb.Subnets)
		return
	}
	t.known[publicAddresses] += len(lb.Subnets)
	for _, s := range lb.Subnets {
		if s.AllocationID != "" {
			t.known[elasticAddresses]++
		}
	}
}

// publicIPv4 reports whether a load balancer has public IPv4 addresses.
func publicIPv4(lb *awsop.LoadBalancer) bool {
	return lb.Scheme == stack.InternetFacing &&
		lb.IPAddressType != stack.DualstackWithoutIPv4 && lb.IPAddressType != stack.IPv6
}

// accelerator adds an accelerator.
func (t *tally) accelerator(o *accelerator.Observed) {
	if !o.Exists() {
		return
	}
	t.known[accelerators]++
	n := 0
	for _, s := range o.IPSets {
		if strings.EqualFold(s.Family, "IPv4") {
			n += len(s.Addresses)
		}
	}
	if n == 0 { // of one that AWS has not answered for yet
		n = 2
	}
	t.known[acceleratorAddresses] += n
}
