package plan

import (
	"time"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// Observed is a stack as AWS and Kubernetes hold it. The embedded stack types carry the shape: their ID is the value of the
// resource tag, their references are literals (ARNs and group ids), and a nil Attributes or Tags map means "never read".
type Observed struct {
	Key            stack.Key
	SecurityGroups []SecurityGroup `json:",omitempty"`
	TargetGroups   []TargetGroup   `json:",omitempty"`
	LoadBalancers  []LoadBalancer  `json:",omitempty"`
	Listeners      []Listener      `json:",omitempty"`
	Rules          []Rule          `json:",omitempty"` // without default rules
	Bindings       []Binding       `json:",omitempty"` // given in by whoever reads Kubernetes
	// Hostnames are the names of load balancers that members show in their status, in lower case; given in as Bindings are.
	Hostnames []string `json:",omitempty"`
	// Unavailable tells why nothing can be done with an add-on that is wanted, whatever load balancer it is for.
	Unavailable map[AddOn]Guard `json:",omitempty"`
	// Pending is set while an add-on that is wanted is still being read: another look soon tells more.
	Pending      bool          `json:",omitempty"`
	Certificates []Certificate `json:",omitempty"` // in ACM, owned by the stack
	// CertificatesUnread tells why Certificates could not be read: nothing about them is planned, and nobody concludes that there are none.
	CertificatesUnread *Guard `json:",omitempty"`
	// Assumed is there if parts were left by an earlier process; nil = everything was read or written by this one.
	Assumed *Assumption `json:",omitempty"`
	// ImportsHeld tells why Secrets must not be imported into ACM now, by identity of the certificate.
	ImportsHeld map[string]Guard `json:",omitempty"`
}

// SecurityGroup is an observed group of ours: a stack's managed one, or the shared backend group.
type SecurityGroup struct {
	GroupID string
	stack.SecurityGroup
}

// LoadBalancer is an observed load balancer. A non-nil Attributes map lists the attributes that are known to be set; one
// that it does not list is at AWS's default.
type LoadBalancer struct {
	ARN        string
	DNSName    string
	HostedZone string            // canonical hosted zone id
	Created    time.Time         `json:",omitzero"` // by AWS's clock; zero = this process made it and has not read it yet
	State      string            // provisioning, active, active_impaired, failed
	Protection *ShieldProtection `json:",omitempty"`
	// Unread tells why an add-on that is wanted could not be read.
	Unread map[AddOn]Guard `json:",omitempty"`
	stack.LoadBalancer
}

// TargetGroup is an observed target group.
type TargetGroup struct {
	ARN string
	// Targets are those of a group of type alb, which its stack registers; nil = never read.
	Targets []Target `json:",omitempty"`
	stack.TargetGroup
}

// Listener is an observed listener; LoadBalancer.Literal is the ARN of its load balancer, Certificates holds the default
// certificate only and SNI the others.
type Listener struct {
	ARN string
	stack.Listener
}

// Rule is an observed rule; Listener.Literal is the ARN of its listener.
type Rule struct {
	ARN      string
	Priority int32
	stack.Rule
}

// Binding is a TargetGroupBinding object as Kubernetes holds it; TargetGroup.Literal is its target group's ARN and ID is
// not filled. Labels may hold more than ours.
type Binding struct {
	Deleting bool
	stack.Binding
}

// LoadBalancer returns the observed load balancer of an identity that fits the wanted type and scheme, or nil. Of several it is the
// one that serves.
func (o *Observed) LoadBalancer(want stack.LoadBalancer) *LoadBalancer {
	var out *LoadBalancer
	for i := range o.LoadBalancers {
		lb := &o.LoadBalancers[i]
		if lb.ID == want.ID && lb.Type == want.Type && lb.Scheme == want.Scheme && (out == nil || o.compareBalancers(lb, out) < 0) {
			out = lb
		}
	}
	return out
}

// TargetGroup returns the observed target group with an ARN, or nil.
func (o *Observed) TargetGroup(arn string) *TargetGroup {
	for i := range o.TargetGroups {
		if o.TargetGroups[i].ARN == arn {
			return &o.TargetGroups[i]
		}
	}
	return nil
}

// Clone copies the observation so that writing through to one copy does not show in the other. Maps and nested slices are
// shared: Advance replaces them, it never writes into them.
func (o *Observed) Clone() Observed {
	c := *o
	c.SecurityGroups = append([]SecurityGroup(nil), o.SecurityGroups...)
	c.TargetGroups = append([]TargetGroup(nil), o.TargetGroups...)
	c.LoadBalancers = append([]LoadBalancer(nil), o.LoadBalancers...)
	c.Listeners = append([]Listener(nil), o.Listeners...)
	c.Rules = append([]Rule(nil), o.Rules...)
	c.Bindings = append([]Binding(nil), o.Bindings...)
	c.Certificates = append([]Certificate(nil), o.Certificates...)
	return c
}
