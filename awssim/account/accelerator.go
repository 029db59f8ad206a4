package account

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account/resource"
)

// Acceleration is what Global Accelerator holds. The zero value is empty and ready.
type Acceleration struct {
	Accelerators map[string]*Accelerator // by ARN
	// OwnAddresses are address ranges that the account brought along and that Global Accelerator advertises.
	OwnAddresses []netip.Prefix

	tokens map[string]IdempotentCall // by action and token
}

// IdempotentCall is what a creation with an idempotency token made.
type IdempotentCall struct {
	Parameters string // in any canonical form
	ARN        string
}

// Accelerator is one accelerator with its listeners.
type Accelerator struct {
	ARN              string
	Name             string
	IPAddressType    string // IPV4 or DUAL_STACK
	Enabled          bool
	IPv4             []netip.Addr // two
	IPv6             []netip.Addr // two, of dual-stack accelerators
	DNSName          string
	DualStackDNSName string // empty unless dual-stack
	Created          time.Time
	Modified         time.Time
	ServesAt         time.Time // until then its creation is being deployed
	DeployedAt       time.Time // until then it is IN_PROGRESS
	BusyUntil        time.Time // until then it takes no further change
	Seq              uint64
	Tags             map[string]string
	FlowLogs         FlowLogs
	Listeners        []*AcceleratorListener // in the order of creation

	stuck, bornStuck bool // changed, created while accelerators get stuck
}

// FlowLogs is where an accelerator would log its flows to; nothing is written.
type FlowLogs struct {
	Enabled        bool
	Bucket, Prefix string
}

// AcceleratorListener is a listener of an accelerator.
type AcceleratorListener struct {
	ARN      string
	Protocol string // TCP or UDP
	Affinity string // NONE or SOURCE_IP
	Ports    []PortRange
	Groups   []*EndpointGroup // in the order of creation
}

// PortRange is ports from From to To.
type PortRange struct{ From, To int32 }

// Contains reports whether the port is in the range.
func (r PortRange) Contains(port int32) bool { return r.From <= port && port <= r.To }

// Overlaps reports whether the ranges share a port.
func (r PortRange) Overlaps(o PortRange) bool { return r.From <= o.To && o.From <= r.To }

// Contains reports whether the listener has the port.
func (l *AcceleratorListener) Contains(port int32) bool {
	return slices.ContainsFunc(l.Ports, func(r PortRange) bool { return r.Contains(port) })
}

// EndpointGroup is the endpoints of a listener in one region.
type EndpointGroup struct {
	ARN         string
	Region      string
	Dial        float32 // percentage of the traffic
	HealthCheck EndpointHealthCheck
	Overrides   []PortOverride
	Endpoints   []*AcceleratorEndpoint
}

// EndpointHealthCheck applies to endpoints that are no load balancers.
type EndpointHealthCheck struct {
	Port      int32
	Protocol  string
	Path      string
	Interval  int32 // seconds
	Threshold int32
}

// PortOverride sends a listener's port to another port of the endpoints.
type PortOverride struct{ Listener, Endpoint int32 }

// AcceleratorEndpoint is a load balancer, an Elastic IP address or an instance.
type AcceleratorEndpoint struct {
	ID               string // ARN of a load balancer, allocation id, instance id
	Weight           int32
	PreserveClientIP bool
	Added            time.Time
}

// AddAccelerator files an accelerator under its ARN.
func (a *Account) AddAccelerator(x *Accelerator) {
	x.Seq, x.bornStuck = a.next(), a.Trouble.AcceleratorsStuck
	resource.Put(&a.Accelerators, x.ARN, x)
}

// AcceleratorsInOrder is every accelerator in the order of creation.
func (c *Acceleration) AcceleratorsInOrder() []*Accelerator {
	return inOrder(c.Accelerators, func(x *Accelerator) uint64 { return x.Seq })
}

// AcceleratorNamed finds the accelerator that has a DNS name, be it the one for IPv4 or the dual-stack one. Case and a
// final dot do not matter.
func (c *Acceleration) AcceleratorNamed(dns string) (x *Accelerator, dualStack, ok bool) {
	dns = strings.ToLower(strings.TrimSuffix(dns, "."))
	for _, x := range c.Accelerators {
		switch dns {
		case "":
		case x.DNSName:
			return x, false, true
		case x.DualStackDNSName:
			return x, true, true
		}
	}
	return nil, false, false
}

// Idempotent is what an earlier call of the action with that token made.
func (c *Acceleration) Idempotent(action, token string) (IdempotentCall, bool) {
	made, ok := c.tokens[action+"/"+token]
	return made, ok
}

// Remember notes what a call with a token made.
func (c *Acceleration) Remember(action, token string, made IdempotentCall) {
	resource.Put(&c.tokens, action+"/"+token, made)
}

// The states of an accelerator.
const (
	Deployed   = "DEPLOYED"
	InProgress = "IN_PROGRESS"
)

// AcceleratorStatus is whether all changes of an accelerator are deployed now.
func (a *Account) AcceleratorStatus(x *Accelerator) string {
	if a.Clock.Now().Before(x.DeployedAt) || x.stuck && a.Trouble.AcceleratorsStuck {
		return InProgress
	}
	return Deployed
}

// AcceleratorDeployed reports whether the creation of an accelerator has been deployed, so that its listeners are open.
// Later changes act at once, whatever the status.
func (a *Account) AcceleratorDeployed(x *Accelerator) bool {
	stuck := x.bornStuck && a.Trouble.AcceleratorsStuck
	return !stuck && !a.Clock.Now().Before(x.ServesAt)
}

// TouchAccelerator notes a change that takes d to be deployed.
func (a *Account) TouchAccelerator(x *Accelerator, d time.Duration) {
	x.Modified = a.Clock.Now()
	if at := x.Modified.Add(d); at.After(x.DeployedAt) {
		x.DeployedAt = at
	}
	x.stuck = a.Trouble.AcceleratorsStuck
}

// EndpointHealth is INITIAL, HEALTHY or UNHEALTHY with a reason. A load balancer is healthy when each of its target
// groups that has targets has a healthy one, and one has; an Elastic IP address when it is associated with a running
// instance or an interface; an instance when it runs.
func (a *Account) EndpointHealth(e *AcceleratorEndpoint) (state, reason string) {
	if a.Clock.Now().Before(e.Added.Add(a.Profile.EndpointInitial)) {
		return "INITIAL", ""
	}
	if reason := a.endpointFault(e.ID); reason != "" {
		return "UNHEALTHY", reason
	}
	return "HEALTHY", ""
}

func (a *Account) endpointFault(id string) string {
	switch {
	case strings.HasPrefix(id, "eipalloc-"):
		e := a.Addresses[id]
		if e == nil {
			return "The Elastic IP address does not exist."
		}
		n, ok := a.Interface(e.Interface)
		if !ok || n.Attachment == nil {
			return "The Elastic IP address is not associated."
		}
		if n.Attachment.Instance != "" {
			return a.endpointFault(n.Attachment.Instance)
		}
		return ""
	case strings.HasPrefix(id, "i-"):
		if i, ok := a.Instance(id); !ok || i.State != "running" {
			return "The instance is not running."
		}
		return ""
	}
	lb := a.LoadBalancers[id]
	if lb == nil {
		return "The load balancer does not exist."
	}
	if state, _ := lb.StateAt(a.Clock.Now()); state != "active" && state != "active_impaired" {
		return "The load balancer is not active."
	}
	served := false
	for arn := range lb.TargetGroups() {
		tg := a.TargetGroups[arn]
		if tg == nil || len(tg.Targets) == 0 {
			continue
		}
		if !slices.ContainsFunc(tg.Targets, func(t *Target) bool { return a.TargetHealth(tg, t).State == Healthy }) {
			return "A target group of the load balancer has no healthy target."
		}
		served = true
	}
	if !served {
		return "The load balancer has no target."
	}
	return ""
}
