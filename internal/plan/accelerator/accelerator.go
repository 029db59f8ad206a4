// Package accelerator defines an accelerator of AWS Global Accelerator as a value: its listeners, endpoint groups and
// endpoints, as an object declares them and as they are observed in AWS. Packages below it make it from objects
// (declare) and plan changes (diff, operation); aws/accelerator/account executes them. It decides nothing.
package accelerator

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Owner is the prefix of the tracking tags of accelerators.
const Owner stack.Owner = "aga.k8s.aws"

// Kinds of resources. Those of listeners are called as those of load balancers.
const (
	KindAccelerator   stack.Kind = "Accelerator"
	KindListener                 = stack.KindListener
	KindEndpointGroup stack.Kind = "EndpointGroup"
)

// Identity is the value of the resource tag of every accelerator, and its identity in plans.
const Identity = "GlobalAccelerator"

// Values of AWS.
const (
	Deployed   = "DEPLOYED"
	InProgress = "IN_PROGRESS"

	TCP = "TCP"
	UDP = "UDP"

	NoAffinity = "NONE"
	IPV4       = "IPV4"
	DualStack  = "DUAL_STACK"
)

// Limits of the API, which AWS does not raise (API reference of CreateListener and CreateEndpointGroup; tags:
// TagResource).
const (
	MaxPortRanges    = 10 // of a listener
	MaxPortOverrides = 10 // of an endpoint group
	MaxEndpoints     = 10 // of an endpoint group
	MaxTags          = 50
)

// Quotas by default; AWS raises them on request.
const (
	MaxListeners      = 10 // of an accelerator
	MaxEndpointGroups = 42 // of a listener
)

// PortRange is a range of ports, both ends included.
type PortRange struct{ From, To int32 }

// String is "80" or "80-81".
func (r PortRange) String() string {
	if r.From == r.To {
		return decimal(r.From)
	}
	return decimal(r.From) + "-" + decimal(r.To)
}

// Contains reports whether a port is in the range.
func (r PortRange) Contains(port int32) bool { return r.From <= port && port <= r.To }

// Overlaps reports whether both ranges have a port.
func (r PortRange) Overlaps(o PortRange) bool { return r.From <= o.To && o.From <= r.To }

// Override sends what arrives at a port of a listener to another port of the endpoints.
type Override struct{ ListenerPort, EndpointPort int32 }

// Endpoint is an endpoint of a group.
type Endpoint struct {
	ID     string // an ARN, the id of an allocation or of an instance
	Weight int32
	// PreserveClientIP is nil where the endpoint cannot preserve addresses of clients: observed, AWS returns nothing;
	// declared, nothing is asked for.
	PreserveClientIP *bool `json:",omitempty"`
}

// Group holds the endpoints of a listener in a Region.
type Group struct {
	ARN       string `json:",omitempty"` // observed
	Region    string
	Dial      float32    // percent
	Overrides []Override `json:",omitempty"`
	Endpoints []Endpoint `json:",omitempty"`

	// Held, declared: endpoints that stay if AWS has them, as it is not known at this moment whether they still are the
	// load balancers of their objects.
	Kept []string `json:",omitempty"`
	// Waiting, declared: the load balancers of some endpoints were never known. What AWS has beyond Endpoints may be one
	// of them, and stays, unless it is in Gone.
	Waiting bool     `json:",omitempty"`
	Gone    []string `json:",omitempty"`
}

// Listener is a listener.
type Listener struct {
	ARN      string `json:",omitempty"` // observed
	Protocol string
	Ports    []PortRange
	Affinity string
	Groups   []Group `json:",omitempty"`
}

// Key returns the protocol and the ports, such as "TCP:80-80,443-443", in the order of ports.
func (l Listener) Key() string { return l.Protocol + ":" + portsKey(l.Ports) }

func portsKey(ranges []PortRange) string {
	var parts []string
	for _, r := range Sorted(ranges) {
		parts = append(parts, decimal(r.From)+"-"+decimal(r.To))
	}
	return strings.Join(parts, ",")
}

// Contains reports whether a port is one of the listener's.
func (l Listener) Contains(port int32) bool {
	return slices.ContainsFunc(l.Ports, func(r PortRange) bool { return r.Contains(port) })
}

// Conflicts reports whether AWS allows only one of two listeners on an accelerator: they have a protocol and a port in
// common.
func (l Listener) Conflicts(o Listener) bool {
	return l.Protocol == o.Protocol && slices.ContainsFunc(l.Ports, func(r PortRange) bool {
		return slices.ContainsFunc(o.Ports, r.Overlaps)
	})
}

// Declared is an accelerator as an object declares it.
type Declared struct {
	Key stack.Key
	// of the object: the token by which AWS makes one accelerator of several attempts
	UID           string `json:",omitempty"`
	Name          string
	IPAddressType string
	// IPAddresses are addresses that the account brought along; they count when the accelerator is created.
	IPAddresses []string          `json:",omitempty"`
	Tags        map[string]string // of the accelerator, those that identify it among them
	// ExternalTags are keys of tags that are neither changed nor removed.
	ExternalTags []string `json:",omitempty"`
	// Deferred: ports and protocols are to be those of a load balancer that is not known at this moment. The listeners of
	// AWS stay as they are.
	Deferred bool `json:",omitempty"`
	// Emptied, in addition to Deferred: the only endpoint is known to be gone, so that groups are to have none.
	Emptied   bool       `json:",omitempty"`
	Listeners []Listener `json:",omitempty"`
}

// IPSet are the addresses of a family.
type IPSet struct {
	Family    string // IPv4 or IPv6
	Addresses []string
}

// Observed is an accelerator as AWS holds it. The zero value is none.
type Observed struct {
	ARN              string
	Name             string
	IPAddressType    string
	Enabled          bool
	Status           string
	DNSName          string
	DualStackDNSName string            `json:",omitempty"`
	IPSets           []IPSet           `json:",omitempty"`
	Tags             map[string]string `json:",omitempty"`
	Listeners        []Listener        `json:",omitempty"`
}

// Exists reports whether there is an accelerator.
func (o Observed) Exists() bool { return o.ARN != "" }

// Clone shares nothing with o.
func (o Observed) Clone() Observed {
	o.IPSets, o.Tags, o.Listeners = slices.Clone(o.IPSets), maps.Clone(o.Tags), CloneListeners(o.Listeners)
	for i := range o.IPSets {
		o.IPSets[i].Addresses = slices.Clone(o.IPSets[i].Addresses)
	}
	return o
}

// CloneListeners shares nothing with list.
func CloneListeners(list []Listener) []Listener {
	list = slices.Clone(list)
	for i := range list {
		l := &list[i]
		l.Ports, l.Groups = slices.Clone(l.Ports), slices.Clone(l.Groups)
		for j := range l.Groups {
			g := &l.Groups[j]
			g.Overrides, g.Endpoints, g.Gone = slices.Clone(g.Overrides), slices.Clone(g.Endpoints), slices.Clone(g.Gone)
			g.Kept = slices.Clone(g.Kept)
		}
	}
	return list
}

// Listener finds a listener by its ARN.
func (o *Observed) Listener(arn string) *Listener {
	for i := range o.Listeners {
		if o.Listeners[i].ARN == arn {
			return &o.Listeners[i]
		}
	}
	return nil
}

// Group finds an endpoint group by its ARN, with its listener.
func (o *Observed) Group(arn string) (*Listener, *Group) {
	for i := range o.Listeners {
		l := &o.Listeners[i]
		for j := range l.Groups {
			if l.Groups[j].ARN == arn {
				return l, &l.Groups[j]
			}
		}
	}
	return nil, nil
}

// ListenerID returns the identity of the listener with an index in the declared accelerator.
func ListenerID(i int) string { return "Listener-" + strconv.Itoa(i) }

// GroupID returns the identity of the endpoint group with an index in the listener with an index.
func GroupID(i, j int) string { return "EndpointGroup-" + strconv.Itoa(i) + "-" + strconv.Itoa(j) }

func decimal(n int32) string { return strconv.FormatInt(int64(n), 10) }

// Sorted returns the ranges in the order of their ports.
func Sorted(ranges []PortRange) []PortRange {
	return slices.SortedFunc(slices.Values(ranges), func(a, b PortRange) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
}

// Text is "80, 443-444", in the order of ports.
func Text(ranges []PortRange) string {
	var parts []string
	for _, r := range Sorted(ranges) {
		parts = append(parts, r.String())
	}
	return strings.Join(parts, ", ")
}

// SamePorts reports whether the ranges are the same, in whatever order.
func SamePorts(a, b []PortRange) bool { return slices.Equal(Sorted(a), Sorted(b)) }

// Join returns the ranges of single ports, sorted, adjacent ones in one range: 443, 80, 80, 81 are 80-81 and 443.
func Join(ports []int32) []PortRange {
	var out []PortRange
	for _, p := range slices.Compact(slices.Sorted(slices.Values(ports))) {
		if n := len(out); n > 0 && out[n-1].To+1 == p {
			out[n-1].To = p
			continue
		}
		out = append(out, PortRange{p, p})
	}
	return out
}

// normal is the ranges without overlaps, sorted.
func normal(ranges []PortRange) []PortRange {
	var out []PortRange
	for _, r := range Sorted(ranges) {
		if n := len(out); n > 0 && r.From <= out[n-1].To {
			out[n-1].To = max(out[n-1].To, r.To)
			continue
		}
		out = append(out, r)
	}
	return out
}

// Count returns the number of different ports.
func Count(ranges []PortRange) int {
	n := 0
	for _, r := range normal(ranges) {
		n += int(r.To-r.From) + 1
	}
	return n
}

// Intersect returns the ports that are in both.
func Intersect(a, b []PortRange) []PortRange {
	var out []PortRange
	for _, x := range normal(a) {
		for _, y := range normal(b) {
			if x.Overlaps(y) {
				out = append(out, PortRange{max(x.From, y.From), min(x.To, y.To)})
			}
		}
	}
	return out
}

// Subtract returns the ports of a that are not in b.
func Subtract(a, b []PortRange) []PortRange {
	out := normal(a)
	for _, y := range normal(b) {
		var rest []PortRange
		for _, x := range out {
			if !x.Overlaps(y) {
				rest = append(rest, x)
				continue
			}
			if x.From < y.From {
				rest = append(rest, PortRange{x.From, y.From - 1})
			}
			if y.To < x.To {
				rest = append(rest, PortRange{y.To + 1, x.To})
			}
		}
		out = rest
	}
	return out
}
