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

// ID identifies a stack: an explicit Ingress group has an empty namespace.
type ID struct {
	Namespace string
	Name      string
}

// String is the value of the stack tag: "name" or "namespace/name".
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

// Owner is the front end that a stack belongs to; it is the prefix of the tracking tags (<owner>/stack,
// <owner>/resource) and of the binding labels.
type Owner string

// Owners.
const (
	Ingress    Owner = "ingress.k8s.aws"
	Service    Owner = "service.k8s.aws"
	GatewayALB Owner = "gateway.k8s.aws.alb"
	GatewayNLB Owner = "gateway.k8s.aws.nlb"
)

// OfGateway reports whether the stacks of an owner are made for Gateways.
func (o Owner) OfGateway() bool { return o == GatewayALB || o == GatewayNLB }

// Key identifies a stack among all owners.
type Key struct {
	Owner Owner
	ID    ID
}

// String is "ingress.k8s.aws:namespace/name".
func (k Key) String() string { return string(k.Owner) + ":" + k.ID.String() }

// Tenant names who shares AWS's limits with others through this stack: its namespace, or its group, which may have
// members of several namespaces. No namespace has a name as that of a group.
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
		return Key{}, fmt.Errorf("%q is no key of a stack: want owner:namespace/name", text)
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

// Literal makes a reference to something that AWS already holds.
func Literal(k Kind, v string) Ref { return Ref{Kind: k, Literal: v} }

// Stack is the desired state of one load balancer. Slices are sorted by identity (rules: by listener port, then order),
// but for a load balancer and its listeners, which come before those in front of it.
type Stack struct {
	Key            Key
	Cluster        string
	VPC            string
	SecurityGroups []SecurityGroup `json:"securityGroups,omitempty"`
	// PrefixLists are those that rules name, by id, as far as they are known.
	PrefixLists   map[string]PrefixList `json:"prefixLists,omitempty"`
	TargetGroups  []TargetGroup         `json:"targetGroups,omitempty"`
	LoadBalancers []LoadBalancer        `json:"loadBalancers,omitempty"`
	Listeners     []Listener            `json:"listeners,omitempty"`
	Rules         []Rule                `json:"rules,omitempty"`
	Bindings      []Binding             `json:"bindings,omitempty"`
	Certificates  []Certificate         `json:"certificates,omitempty"` // those that the stack owns
	TrustStores   []TrustStore          `json:"trustStores,omitempty"`  // those that the stack owns
	Removal       Removal               `json:"removal,omitempty"`      // set where nothing is to stay
	// Beside are load balancers of others, by ARN or name, on which there may be listeners and rules of the stack.
	Beside []string `json:"beside,omitempty"`
	// Adopts is the ARN of the load balancer of others that is the stack's from now on; empty = none. What is there and
	// has no tags of the stack is not wanted.
	Adopts    string    `json:"adopts,omitempty"`
	Retention Retention `json:"retention,omitempty"` // of one that is removed because its objects are deleted
}

// Removal is the reason that a stack is to be deleted. Without a reason nothing is deleted, also if the stack has no
// resources.
type Removal string

// Reasons of removals.
const (
	NotRemoved     Removal = ""
	ObjectsDeleted Removal = "its objects are deleted"
	NotDeclared    Removal = "its objects exist and do not declare it any more"
	Orphaned       Removal = "no object claims it"
)

// Retention is what stays in AWS of a stack whose objects are deleted.
type Retention string

// Retentions.
const (
	RetainNothing     Retention = ""
	RetainTagged      Retention = "retained"              // all of it, with the tags of the stack and a mark
	RetainWithoutTags Retention = "retained without tags" // all of it, and nothing is the stack's any more
	// RetainUnlessDeletable is of a load balancer that was taken over: all of it stays, with the tags, unless a tag of the
	// load balancer consents to its deletion.
	RetainUnlessDeletable Retention = "retained unless deletable"
)

// Removed is the desired state of a stack that is to be deleted.
func Removed(key Key, cluster, vpc string, why Removal) *Stack {
	return &Stack{Key: key, Cluster: cluster, VPC: vpc, Removal: why}
}

// Empty reports whether the stack has no resources.
func (s *Stack) Empty() bool {
	return len(s.SecurityGroups)+len(s.TargetGroups)+len(s.LoadBalancers)+len(s.Listeners)+len(s.Rules)+len(s.Bindings)+
		len(s.Certificates)+len(s.TrustStores) == 0
}

// Keep is what stays as AWS holds it, whatever a Stack has: an input of the diff beside the stack, because what should
// be there is not known. The zero value keeps nothing.
type Keep struct {
	// Resources are neither changed nor deleted although the stack may lack them, nor is what hangs on them: a listener
	// keeps its rules. A reference of kind Certificate or TrustStore without identity means all those of the stack.
	Resources []Ref `json:"resources,omitempty"`
	// Actions are rules and listeners of the stack. A rule does what AWS does now for its conditions, a listener has the
	// default actions that AWS holds. Those of the stack are for where AWS has none.
	Actions []Ref `json:"actions,omitempty"`
	// Certificates are listeners of the stack some of whose certificates are not known. Such a listener keeps the
	// certificates that AWS holds, its default one included. Those of the stack are attached as well.
	Certificates []Ref `json:"certificates,omitempty"`
	// Brought are the certificates of listeners with those who declare them, or did. Nobody's certificate waits for one of
	// others. A certificate that is not among them may be anybody's.
	Brought []BroughtCertificate `json:"brought,omitempty"`
	// Namespaces are those of the routes that declare target groups, or did, by the identity of the target group. An
	// identity that is not among them may not say which namespace it means.
	Namespaces map[string]string `json:"-"`
	// Rules are existing rules that the stack lacks, by the identity of the listener.
	Rules map[string]KeptRules `json:"rules,omitempty"`
	// Tags are keys that a user declares and may not: what AWS has under such a key stays, and nothing is written.
	Tags []string `json:"tags,omitempty"`
	// Settings are load balancers, security groups, listeners, certificates and tags. Only rules, target groups and
	// bindings become as they are in the stack, on listeners that exist. Where AWS holds no load balancer, nothing is
	// planned.
	Settings bool `json:"settings,omitempty"`
	// SeenNamespace is that of all objects that the stack was made of, where those of other namespaces cannot be seen:
	// only rules and target groups that are known to be of its objects go. Empty = all objects were seen. It needs
	// Settings.
	SeenNamespace string `json:"seenNamespace,omitempty"`
	// Departed are the objects that leave the group. The listeners, rules and target groups that are known to be of these
	// objects are deleted, whatever else is kept; with Settings, also on ports of which the stack has no listener.
	Departed Departed `json:"departed,omitzero"`
}

// Departed are objects by the identities of their target groups: those that begin with one of the prefixes, and with
// none of Except.
type Departed struct {
	Prefixes []string `json:"prefixes,omitempty"`
	Except   []string `json:"except,omitempty"`
}

// Any reports whether there are such objects.
func (d Departed) Any() bool { return len(d.Prefixes) > 0 }

// Made reports whether a target group was made for one of the objects, by its identity.
func (d Departed) Made(id string) bool {
	begins := func(p string) bool { return strings.HasPrefix(id, p) }
	return slices.ContainsFunc(d.Prefixes, begins) && !slices.ContainsFunc(d.Except, begins)
}

// BroughtCertificate is a certificate of the listener on a port with the namespaces whose objects declare it, or did.
type BroughtCertificate struct {
	Port       int32    `json:"port"`
	ARN        string   `json:"arn"`
	Namespaces []string `json:"namespaces"`
}

// KeptRules selects rules that may belong to a member whose rules are unknown at the moment: rules that forward to a
// target group whose identity begins with one of the prefixes, and rules that forward to no target group of the
// stack.
type KeptRules struct {
	Prefixes []string `json:"prefixes"`
	// Except are identities that begin so, but whose target groups are known to be of others.
	Except []string `json:"except,omitempty"`
}
