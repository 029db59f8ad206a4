package account

import (
	"slices"
	"time"
)

// LoadBalancer is one load balancer.
type LoadBalancer struct {
	ARN            string
	Name           string
	ID             string // last part of the ARN
	DNSName        string
	HostedZone     string // Route 53 zone of DNSName
	Type           string // application, network, gateway
	Scheme         string // internet-facing, internal
	IPAddressType  string
	VPC            string
	Created        time.Time
	ActiveAt       time.Time // until then it is provisioning
	Seq            uint64
	Zones          []Zone   // sorted by name
	SecurityGroups []string // nil: a network load balancer without groups
	EnforceInbound string   // on, off; empty until it was set
	SourceNAT      string   // EnablePrefixForIpv6SourceNat: on, off; empty until it was set
	IPAMPool       string
	CustomerPool   string            // CustomerOwnedIpv4Pool
	Attributes     map[string]string // every key of its type, defaults included
	Tags           map[string]string
	Capacity       Capacity
	Associated     []string    // ids of VPC endpoint services that lead to it; they keep it from being deleted
	Listeners      []*Listener // in the order of creation
	Outcome        Outcome     // where provisioning ends instead of with active; zero: active
}

// Zone is a load balancer's presence in one availability zone.
type Zone struct {
	Name          string
	Subnet        string
	Interface     string // id of its network interface
	AllocationID  string
	PublicIPv4    string // of AllocationID
	PrivateIPv4   string // as asked for; empty when AWS chose it
	IPv6          string // as asked for
	SourceNATIPv6 string // prefix of source NAT; empty without
}

// Capacity is a reserved capacity.
type Capacity struct {
	Units     int32 // 0: nothing reserved
	Modified  time.Time
	ReadyAt   time.Time // until then the reservation is pending
	Decreases int32     // made today
}

// StateAt is the load balancer's state code and reason at that time.
func (lb *LoadBalancer) StateAt(now time.Time) (code, reason string) {
	switch {
	case now.Before(lb.ActiveAt):
		return "provisioning", ""
	case lb.Outcome.State != "":
		return lb.Outcome.State, lb.Outcome.Reason
	}
	return "active", ""
}

// HasZone reports whether that availability zone is enabled.
func (lb *LoadBalancer) HasZone(name string) bool {
	return slices.ContainsFunc(lb.Zones, func(z Zone) bool { return z.Name == name })
}

// InSubnet is its presence in that subnet, or nil.
func (lb *LoadBalancer) InSubnet(subnet string) *Zone {
	for i := range lb.Zones {
		if lb.Zones[i].Subnet == subnet {
			return &lb.Zones[i]
		}
	}
	return nil
}

// Listener is the listener on that port, or nil.
func (lb *LoadBalancer) Listener(port int32) *Listener {
	for _, l := range lb.Listeners {
		if l.Port == port {
			return l
		}
	}
	return nil
}

// TargetGroups is the set of ARNs of the target groups that its rules name.
func (lb *LoadBalancer) TargetGroups() map[string]bool {
	set := map[string]bool{}
	for _, l := range lb.Listeners {
		for _, r := range l.Rules {
			for _, arn := range r.TargetGroups() {
				set[arn] = true
			}
		}
	}
	return set
}

// AddLoadBalancer files a load balancer by ARN and name.
func (a *Account) AddLoadBalancer(lb *LoadBalancer) {
	lb.Outcome = a.Trouble.outcome(lb.Name)
	b := &a.Balancing
	if b.LoadBalancers == nil {
		b.LoadBalancers = map[string]*LoadBalancer{}
	}
	lb.Seq = b.next()
	b.LoadBalancers[lb.ARN] = lb
	b.name(nameOfLoadBalancer+lb.Name, lb.ARN)
	a.CreatedBalancing(lb.ARN)
}

// LoadBalancerNamed is the load balancer of that name, or nil.
func (b *Balancing) LoadBalancerNamed(name string) *LoadBalancer {
	return b.LoadBalancers[b.named[nameOfLoadBalancer+name]]
}

// LoadBalancersInOrder is every load balancer in the order of creation.
func (b *Balancing) LoadBalancersInOrder() []*LoadBalancer {
	return inOrder(b.LoadBalancers, func(lb *LoadBalancer) uint64 { return lb.Seq })
}

// RemoveLoadBalancer removes a load balancer with its listeners and rules; its target groups stay, unused. Its network
// interfaces are left to the caller.
func (a *Account) RemoveLoadBalancer(lb *LoadBalancer) {
	for _, l := range slices.Clone(lb.Listeners) {
		a.RemoveListener(l)
	}
	a.dissociate(lb.ARN)
	delete(a.LoadBalancers, lb.ARN)
	delete(a.named, nameOfLoadBalancer+lb.Name)
}
