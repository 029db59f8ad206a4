package awsop

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// Observed is a stack as AWS and Kubernetes hold it. It embeds the stack types. Their ID is the value of the
// resource tag, and their references are literals (ARNs and group ids). Lists contain everything that AWS had when
// they were read, with two exceptions: Listeners only cover load balancers whose PartListeners is known, and Rules
// only cover listeners whose PartRules is known.
type Observed struct {
	Key            stack.Key
	SecurityGroups []SecurityGroup `json:",omitempty"`
	TargetGroups   []TargetGroup   `json:",omitempty"`
	LoadBalancers  []LoadBalancer  `json:",omitempty"`
	Listeners      []Listener      `json:",omitempty"`
	Rules          []Rule          `json:",omitempty"` // without default rules
	Bindings       []Binding       `json:",omitempty"` // from Kubernetes; the inventory does not fill them in
	// Hostnames are the names of load balancers that members show in their status, in lower case; from Kubernetes as
	// Bindings are.
	Hostnames []string `json:",omitempty"`
	// Unavailable has the add-ons that are wanted and cannot be had for any load balancer, each with the reason. Nothing
	// is planned of them.
	Unavailable map[AddOn]plan.Guard `json:",omitempty"`
	// Pending is set while an add-on that is wanted is still being read: what is nil of it in a load balancer is not known
	// yet.
	Pending      bool          `json:",omitempty"`
	Certificates []Certificate `json:",omitempty"` // in ACM, owned by the stack
	// CertificatesUnread is why Certificates could not be read: nothing about them is planned, and it is not concluded
	// that there are none.
	CertificatesUnread *plan.Guard  `json:",omitempty"`
	TrustStores        []TrustStore `json:",omitempty"` // owned by the stack
	// TrustStoresUnread is why TrustStores could not be read: nothing about them is planned, and it is not concluded that
	// there are none.
	TrustStoresUnread *plan.Guard `json:",omitempty"`
}

// SecurityGroup is an observed group of ours: a stack's managed one, or the shared backend group.
type SecurityGroup struct {
	GroupID string
	stack.SecurityGroup
}

// LoadBalancer is an observed load balancer. An attribute that is missing in Attributes is at AWS's default if
// PartAttributes is known; else Attributes has those only that this process wrote. Of the add-ons, nil is not known: it
// was not wanted, or could not be read (Unread), or is being read (Observed.Pending).
type LoadBalancer struct {
	Parts
	ARN        string
	DNSName    string
	HostedZone string            // canonical hosted zone id
	Created    time.Time         `json:",omitzero"` // by AWS's clock; zero = this process made it and has not read it yet
	State      string            // provisioning, active, active_impaired, failed
	Protection *ShieldProtection `json:",omitempty"`
	// Unread has the add-ons that are wanted and could not be read, each with the reason.
	Unread map[AddOn]plan.Guard `json:",omitempty"`
	// Foreign marks a load balancer of others, which has no identity: of its listeners and rules, those with the tags of
	// the stack are the stack's.
	Foreign bool `json:",omitempty"`
	stack.LoadBalancer
}

// TargetGroup is an observed target group. Attributes are as those of a load balancer.
type TargetGroup struct {
	Parts
	ARN string
	// Targets are those of a group of type alb, which its stack registers.
	Targets []Target `json:",omitempty"`
	stack.TargetGroup
}

// Listener is an observed listener; LoadBalancer.Literal is the ARN of its load balancer, Certificates holds the
// default certificate only and SNI the others. Attributes are as those of a load balancer. Tags are nil where it was
// created without any.
type Listener struct {
	Parts
	ARN string
	stack.Listener
}

// Rule is an observed rule; Listener.Literal is the ARN of its listener.
type Rule struct {
	ARN      string
	Priority int32
	stack.Rule
}

// Binding is a TargetGroupBinding object as Kubernetes holds it; TargetGroup.Literal is its target group's ARN and ID
// is not filled. Labels may hold more than ours.
type Binding struct {
	Deleting bool
	stack.Binding
}

// LoadBalancer returns the observed load balancer of an identity that fits the wanted type and scheme, or nil. Of
// several it is the one that serves.
func (o *Observed) LoadBalancer(want stack.LoadBalancer) *LoadBalancer {
	var out *LoadBalancer
	for i := range o.LoadBalancers {
		lb := &o.LoadBalancers[i]
		if want.ARN != "" {
			if lb.ARN == want.ARN {
				return lb
			}
			continue
		}
		if lb.ID == want.ID && lb.Type == want.Type && lb.Scheme == want.Scheme &&
			(out == nil || o.compareBalancers(lb, out) < 0) {
			out = lb
		}
	}
	return out
}

// Owned reports whether a load balancer of the stack's own is observed.
func (o *Observed) Owned() bool {
	return slices.ContainsFunc(o.LoadBalancers, func(lb LoadBalancer) bool { return !lb.Foreign })
}

// Actions returns the default actions of each listener and the actions of each rule, with its listener, which is empty
// if it is not observed.
func (o *Observed) Actions() iter.Seq2[*Listener, []stack.Action] {
	return func(yield func(*Listener, []stack.Action) bool) {
		listeners, unseen := make(map[string]*Listener, len(o.Listeners)), &Listener{}
		for i := range o.Listeners {
			l := &o.Listeners[i]
			if listeners[l.ARN] = l; !yield(l, l.DefaultActions) {
				return
			}
		}
		for i := range o.Rules {
			if r := &o.Rules[i]; !yield(cmp.Or(listeners[r.Listener.Literal], unseen), r.Actions) {
				return
			}
		}
	}
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

// Clone copies the observation so that writing through to one copy does not show in the other. Maps and nested slices
// are shared: Advance replaces them, it never writes into them.
func (o *Observed) Clone() Observed {
	c := *o
	c.SecurityGroups = append([]SecurityGroup(nil), o.SecurityGroups...)
	c.TargetGroups = append([]TargetGroup(nil), o.TargetGroups...)
	c.LoadBalancers = append([]LoadBalancer(nil), o.LoadBalancers...)
	c.Listeners = append([]Listener(nil), o.Listeners...)
	c.Rules = append([]Rule(nil), o.Rules...)
	c.Bindings = append([]Binding(nil), o.Bindings...)
	c.Certificates = append([]Certificate(nil), o.Certificates...)
	c.TrustStores = append([]TrustStore(nil), o.TrustStores...)
	return c
}

// compareBalancers orders load balancers of one identity, type and scheme: the one that serves comes first. That is the
// one that has listeners, else the one whose name members show in their status, else the one that forwards to a target
// group with a binding, as the targets of the others are not registered, else the older one. One without a creation
// time was made by this process, and is the youngest.
func (o *Observed) compareBalancers(x, y *LoadBalancer) int {
	listens := func(lb *LoadBalancer) bool {
		return slices.ContainsFunc(o.Listeners, func(l Listener) bool { return l.LoadBalancer.Literal == lb.ARN })
	}
	hasTargets := func(lb *LoadBalancer) bool {
		return slices.ContainsFunc(o.Bindings, func(b Binding) bool {
			return !b.Deleting && o.forwards(lb.ARN, b.TargetGroup.Literal)
		})
	}
	older := x.Created.Compare(y.Created)
	if x.Created.IsZero() || y.Created.IsZero() {
		older = trueFirst(!x.Created.IsZero(), !y.Created.IsZero())
	}
	return cmp.Or(trueFirst(listens(x), listens(y)), trueFirst(o.Shown(x), o.Shown(y)),
		trueFirst(hasTargets(x), hasTargets(y)), older, cmp.Compare(x.ARN, y.ARN))
}

// forwards reports whether a listener or rule of a load balancer forwards to a target group.
func (o *Observed) forwards(balancer, targetGroup string) bool {
	leadsThere := func(as []stack.Action) bool {
		return slices.ContainsFunc(TargetGroupsOf(as), func(r stack.Ref) bool { return r.Literal == targetGroup })
	}
	return slices.ContainsFunc(o.Listeners, func(l Listener) bool {
		return l.LoadBalancer.Literal == balancer && (leadsThere(l.DefaultActions) ||
			slices.ContainsFunc(o.Rules, func(r Rule) bool {
				return r.Listener.Literal == l.ARN && leadsThere(r.Actions)
			}))
	})
}

func trueFirst(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return -1
	}
	return 1
}

// Shown reports whether a member shows the name of a load balancer in its status.
func (o *Observed) Shown(lb *LoadBalancer) bool {
	return lb.DNSName != "" && slices.Contains(o.Hostnames, strings.ToLower(lb.DNSName))
}

// Contains reports whether an observed target group has a load balancer as its target, and at which port. One whose
// targets were never read may have: taking out what is not there is no error.
func (tg *TargetGroup) Contains(balancer string) (port int32, ok bool) {
	if tg.TargetType != stack.TargetALB {
		return 0, false
	}
	if !tg.Known(PartTargets) {
		return tg.Port, true
	}
	for _, t := range tg.Targets {
		if t.ID == balancer {
			return t.Port, true
		}
	}
	return 0, false
}

// Reaches reports whether a target group leads, or can lead, to a port of a load balancer: its own port must be that
// port, unless AWS admitted a target at the other one before.
func (tg *TargetGroup) Reaches(port int32) bool {
	return tg.Port == port || slices.ContainsFunc(tg.Targets, func(t Target) bool { return t.Port == port })
}

// ShieldProtection is an observed protection of Shield Advanced.
type ShieldProtection struct{ ID, Name string }

// Ours reports whether the controller made the protection.
func (p *ShieldProtection) Ours() bool { return p != nil && naming.OurProtection(p.Name) }

// ValidationRecord is a CNAME record that proves to ACM that the account owns a name. It is the same for a domain and
// its wildcard, and for all certificates of an account.
type ValidationRecord struct {
	Name  string // owner name of the record
	Value string
	TTL   int64 `json:",omitempty"` // in seconds; the records that others create have another one
}

// CertificateRecord is what an observed certificate needs, or needed, in DNS.
type CertificateRecord struct {
	ValidationRecord
	Domain string // that it validates, without "*."
	Zone   string // id of the hosted zone for it; empty = there is none
	// Shared is set if another certificate of the account and Region needs the record, too.
	Shared bool
}

// Certificate is an observed certificate of the stack, with the value of the resource tag as its ID and sorted Names.
type Certificate struct {
	ARN       string
	Status    string // PENDING_VALIDATION, ISSUED, FAILED, …
	Reason    string // why it failed
	Imported  bool
	Algorithm string // of the key, of imported ones
	Serial    string // in hexadecimal digits without leading zeros
	Content   string // of imported ones: hash of what was imported last, as far as is known
	// Overdue is set once it is time to request another one instead of waiting for it.
	Overdue bool
	Records []CertificateRecord
	// Published are the hosted zones into which this process wrote the records.
	Published []string
	stack.Certificate
}

// Part is a part of an observed resource that takes a read of its own.
type Part int

// The parts.
const (
	PartTags         Part = iota // of a load balancer or target group; listeners and rules are read with theirs
	PartAttributes               // of a load balancer, target group or listener
	PartListeners                // of a load balancer
	PartRules                    // of a listener
	PartCertificates             // of a listener, those besides the default one: SNI
	PartTargets                  // of a target group of type alb
	partCount
)

// State says what may be concluded from a part of an observed resource.
type State int

// The states.
const (
	// Unread: nothing. The part is empty, whatever AWS holds.
	Unread State = iota
	// Assumed: an earlier process left the part in a checkpoint. It may show that nothing is to be done. Nothing is
	// written or deleted, and nothing is taken for absent, because of it: a plan of which any step may rest on it is not
	// executed.
	Assumed
	// Read: this process read or wrote the part. What is missing in it does not exist, unless others made it since.
	Read
)

// Parts are the states of the parts of a resource. They are not in its JSON: what is read from a file is Unread.
type Parts struct{ states [partCount]State }

// StateOf returns the state of a part.
func (p *Parts) StateOf(x Part) State { return p.states[x] }

// Known reports whether a part is read or assumed.
func (p *Parts) Known(x Part) bool { return p.states[x] != Unread }

// Set sets the state of parts.
func (p *Parts) Set(s State, parts ...Part) {
	for _, x := range parts {
		p.states[x] = s
	}
}

func (p *Parts) assumed() bool { return slices.Contains(p.states[:], Assumed) }

// Assumed reports whether any part of the observation is Assumed.
func (o *Observed) Assumed() bool {
	return slices.ContainsFunc(o.LoadBalancers, func(lb LoadBalancer) bool { return lb.assumed() }) ||
		slices.ContainsFunc(o.TargetGroups, func(tg TargetGroup) bool { return tg.assumed() }) ||
		slices.ContainsFunc(o.Listeners, func(l Listener) bool { return l.assumed() })
}
