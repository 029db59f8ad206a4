package simclient

import "net/netip"

// WebACL is a web ACL of either generation of AWS WAF.
type WebACL struct {
	ARN           string            `json:"arn"`
	Name          string            `json:"name"`
	LoadBalancers []string          `json:"loadBalancers,omitempty"` // ARNs
	Tags          map[string]string `json:"tags,omitempty"`
}

// Protection is a protection of Shield Advanced.
type Protection struct {
	ID       string            `json:"id"`
	Name     string            `json:"name"`
	Resource string            `json:"resource"` // ARN
	Tags     map[string]string `json:"tags,omitempty"`
}

// Accelerator is one accelerator with all below it.
type Accelerator struct {
	ARN              string                `json:"arn"`
	Name             string                `json:"name"`
	DNSName          string                `json:"dnsName"`
	DualStackDNSName string                `json:"dualStackDnsName,omitempty"`
	IPAddressType    string                `json:"ipAddressType"`
	Enabled          bool                  `json:"enabled"`
	Status           string                `json:"status"`
	Addresses        []netip.Addr          `json:"addresses"` // its static ones
	Tags             map[string]string     `json:"tags,omitempty"`
	Listeners        []AcceleratorListener `json:"listeners"`
}

// AcceleratorListener is a listener of an accelerator.
type AcceleratorListener struct {
	ARN            string          `json:"arn"`
	Protocol       string          `json:"protocol"`
	ClientAffinity string          `json:"clientAffinity"`
	Ports          []PortRange     `json:"ports"`
	Groups         []EndpointGroup `json:"endpointGroups,omitempty"`
}

// PortRange is ports from From to To.
type PortRange struct {
	From int32 `json:"from"`
	To   int32 `json:"to"`
}

// EndpointGroup is the endpoints in one region.
type EndpointGroup struct {
	ARN           string                `json:"arn"`
	Region        string                `json:"region"`
	TrafficDial   float32               `json:"trafficDial"` // percent
	PortOverrides []PortOverride        `json:"portOverrides,omitempty"`
	Endpoints     []AcceleratorEndpoint `json:"endpoints,omitempty"`
}

// PortOverride sends a listener's port to another port of the endpoints.
type PortOverride struct {
	Listener int32 `json:"listener"`
	Endpoint int32 `json:"endpoint"`
}

// AcceleratorEndpoint is a load balancer, an Elastic IP address or an instance.
type AcceleratorEndpoint struct {
	ID               string `json:"id"`
	Weight           int32  `json:"weight"`
	PreserveClientIP bool   `json:"preserveClientIp"`
	State            string `json:"state"`
	Reason           string `json:"reason,omitempty"`
}
