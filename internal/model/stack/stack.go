// Package stack holds the desired state of one load balancer and the resources around it, in the terms of AWS: plain
// structs, sorted by identity, without status, and the text of conditions and actions. Package plan/diff compares
// them with the observed state.
package stack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// ID identifies a stack of an owner. The namespace of an explicit group is empty.
type ID struct {
	Namespace string
	Name      string
}

// String returns the value of the stack tag: "name" or "namespace/name".
func (id ID) String() string {
	if id.Namespace == "" {
		return id.Name
	}
	return id.Namespace + "/" + id.Name
}

// ParseID parses the text of ID.String.
func ParseID(text string) ID {
	if namespace, name, ok := strings.Cut(text, "/"); ok {
		return ID{Namespace: namespace, Name: name}
	}
	return ID{Name: text}
}

// Owner is the kind of owner that a stack belongs to (package owner). Its text is the prefix of the tracking tags
// (<owner>/stack, <owner>/resource) and of the labels of bindings.
type Owner string

// Owners.
const (
	Ingress    Owner = "ingress.k8s.aws"
	Service    Owner = "service.k8s.aws"
	GatewayALB Owner = "gateway.k8s.aws.alb"
	GatewayNLB Owner = "gateway.k8s.aws.nlb"
)

// OfGateway reports whether the owner's objects are Gateways.
func (o Owner) OfGateway() bool { return o == GatewayALB || o == GatewayNLB }

// Key identifies a stack among all owners.
type Key struct {
	Owner Owner
	ID    ID
}

// String is "ingress.k8s.aws:namespace/name".
func (k Key) String() string { return string(k.Owner) + ":" + k.ID.String() }

// Tenant names the tenant of a stack as far as its key shows that: the namespace, or the group, whose members may
// belong to several namespaces. No namespace can have such a name as a group gets here.
func (k Key) Tenant() string {
	if k.ID.Namespace != "" {
		return k.ID.Namespace
	}
	return "group/" + k.ID.Name
}

// Compare orders keys by their String.
func (k Key) Compare(other Key) int { return cmp.Compare(k.String(), other.String()) }

// MarshalText implements encoding.TextMarshaler, for JSON and YAML.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// ParseKey parses the text of Key.String.
func ParseKey(text string) (Key, error) {
	owner, id, ok := strings.Cut(text, ":")
	if !ok {
		return Key{}, fmt.Errorf("%q is not a stack, such as ingress.k8s.aws:shop/web", text)
	}
	return Key{Owner: Owner(owner), ID: ParseID(id)}, nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *Key) UnmarshalText(text []byte) (err error) {
	*k, err = ParseKey(string(text))
	return err
}

// Kind is a resource kind of a stack.
type Kind string

// Kinds of resources.
const (
	KindSecurityGroup Kind = "SecurityGroup"
	KindLoadBalancer  Kind = "LoadBalancer"
	KindTargetGroup   Kind = "TargetGroup"
	KindListener      Kind = "Listener"
	KindRule          Kind = "Rule"
	KindBinding       Kind = "TargetGroupBinding"
	KindCertificate   Kind = "Certificate"
	KindTrustStore    Kind = "TrustStore"
)

// Ref points at another resource of the same stack by kind and identity, or carries a literal AWS id or ARN.
// Exactly one of ID and Literal is set.
type Ref struct {
	Kind    Kind   `json:"kind,omitempty"`
	ID      string `json:"id,omitempty"`
	Literal string `json:"literal,omitempty"`
}

// Literal makes a reference to a resource that exists in AWS.
func Literal(k Kind, v string) Ref { return Ref{Kind: k, Literal: v} }

// Stack is the desired state of one load balancer. Slices are sorted by identity (rules: by listener port, then order).
// Exception: a load balancer and its listeners come before the frontend and its listeners.
type Stack struct {
	Key            Key
	Cluster        string
	VPC            string
	SecurityGroups []SecurityGroup `json:"securityGroups,omitempty"`
	// PrefixLists are the prefix lists that rules name, by id, as far as they are known.
	PrefixLists   map[string]PrefixList `json:"prefixLists,omitempty"`
	TargetGroups  []TargetGroup         `json:"targetGroups,omitempty"`
	LoadBalancers []LoadBalancer        `json:"loadBalancers,omitempty"`
	Listeners     []Listener            `json:"listeners,omitempty"`
	Rules         []Rule                `json:"rules,omitempty"`
	Bindings      []Binding             `json:"bindings,omitempty"`
	Certificates  []Certificate         `json:"certificates,omitempty"` // those that the stack owns
	TrustStores   []TrustStore          `json:"trustStores,omitempty"`  // those that the stack owns
	Removal       Removal               `json:"removal,omitempty"`      // set if the stack is to be deleted
	// Beside are load balancers of others, by ARN or name, which may have listeners and rules of the stack.
	Beside []string `json:"beside,omitempty"`
	// Adopts is the ARN of a load balancer of others that the stack adopts; empty = none. Its parts without the stack's
	// tags are not wanted.
	Adopts    string    `json:"adopts,omitempty"`
	Retention Retention `json:"retention,omitempty"` // of a removed stack whose objects are deleted
	// EndsShield is set if a removed stack may have a protection of Shield Advanced, which ends with its load balancer.
	EndsShield bool `json:"endsShield,omitempty"`
}

// Removal is the reason why a stack is to be deleted. Without a reason nothing is deleted, even if the stack has no
// resources.
type Removal string

// Reasons of removals.
const (
	NotRemoved     Removal = ""
	ObjectsDeleted Removal = "its objects are deleted"
	NotDeclared    Removal = "its objects exist and do not declare it any more"
	Orphaned       Removal = "no object claims it"
)

// Retention says what stays in AWS of a stack whose objects are deleted.
type Retention string

// Retentions.
const (
	RetainNothing     Retention = ""
	RetainTagged      Retention = "retained"              // all of it, with the tags of the stack and a mark
	RetainWithoutTags Retention = "retained without tags" // all of it, without the tags of the stack
	// RetainUnlessDeletable is for an adopted load balancer: all of it stays, with the tags, unless a tag of the load
	// balancer consents to its deletion.
	RetainUnlessDeletable Retention = "retained unless deletable"
)

// ForRemoval returns the desired state of a stack that is to be deleted.
func ForRemoval(key Key, cluster, vpc string, why Removal) *Stack {
	return &Stack{Key: key, Cluster: cluster, VPC: vpc, Removal: why}
}

// Empty reports whether the stack has no resources.
func (s *Stack) Empty() bool {
	return len(s.SecurityGroups)+len(s.TargetGroups)+len(s.LoadBalancers)+len(s.Listeners)+len(s.Rules)+len(s.Bindings)+
		len(s.Certificates)+len(s.TrustStores) == 0
}

// Keep names resources that stay as they are in AWS, whatever the Stack has, because their desired state is not
// known. It is an input of the diff, together with the stack. The zero value keeps nothing.
type Keep struct {
	// Resources are neither changed nor deleted, even if the stack lacks them. The same applies to their parts: a listener
	// keeps its rules. A reference of kind Certificate or TrustStore without identity means all those of the stack.
	Resources []Ref `json:"resources,omitempty"`
	// Actions are rules and listeners of the stack that keep their present actions: a rule those of the observed rule with
	// the same conditions, a listener its observed default actions. The actions of the stack apply only if AWS has none.
	Actions []Ref `json:"actions,omitempty"`
	// Certificates are listeners of the stack with certificates that are not known. Such a listener keeps all its
	// certificates in AWS, including the default one. The certificates of the stack are attached too.
	Certificates []Ref `json:"certificates,omitempty"`
	// Brought says which namespaces declare or declared the certificates of listeners: no certificate waits for one of
	// other namespaces. A certificate that Brought does not name may belong to any namespace.
	Brought []BroughtCertificate `json:"brought,omitempty"`
	// Namespaces says, by the identity of a target group, which namespace has or had the route that declares the group.
	// For other identities, the namespace may not be known.
	Namespaces map[string]string `json:"-"`
	// Rules selects existing rules that stay although the stack lacks them, by the identity of the listener.
	Rules map[string]KeptRules `json:"rules,omitempty"`
	// Tags are keys that users declare but must not: tags with such keys are neither changed nor written.
	Tags []string `json:"tags,omitempty"`
	// Settings keeps load balancers, security groups, listeners, certificates and tags. The diff then plans only rules,
	// target groups and bindings, on existing listeners. If AWS has no load balancer, it plans nothing.
	Settings bool `json:"settings,omitempty"`
	// SeenNamespace is set if objects of other namespaces cannot be read: the stack was made of the objects of this
	// namespace alone. Then only rules and target groups are deleted that are known to belong to its objects. Empty = all
	// objects were read. It needs Settings.
	SeenNamespace string `json:"seenNamespace,omitempty"`
	// Departed are the objects that leave the group. The listeners, rules and target groups that are known to belong to
	// them are deleted, whatever else is kept; with Settings, also on ports for which the stack has no listener.
	Departed Departed `json:"departed,omitzero"`
}

// Departed selects objects by the identities of their target groups: identities that begin with one of Prefixes, and
// with none of Except.
type Departed struct {
	Prefixes []string `json:"prefixes,omitempty"`
	Except   []string `json:"except,omitempty"`
}

// Any reports whether Departed selects any objects.
func (d Departed) Any() bool { return len(d.Prefixes) > 0 }

// Made reports whether a target group belongs to one of the objects, by its identity.
func (d Departed) Made(id string) bool {
	begins := func(p string) bool { return strings.HasPrefix(id, p) }
	return slices.ContainsFunc(d.Prefixes, begins) && !slices.ContainsFunc(d.Except, begins)
}

// BroughtCertificate is a certificate of the listener on a port, with the namespaces whose objects declare or
// declared it.
type BroughtCertificate struct {
	Port       int32    `json:"port"`
	ARN        string   `json:"arn"`
	Namespaces []string `json:"namespaces"`
}

// KeptRules selects rules that may belong to a member whose rules are not known now: rules that forward to a target
// group whose identity begins with one of the prefixes, and rules that forward to no target group of the stack.
type KeptRules struct {
	Prefixes []string `json:"prefixes"`
	// Except are identities with such a prefix whose target groups are known to belong to others.
	Except []string `json:"except,omitempty"`
}
