// Package facts holds what compile may need to know about AWS: subnets, VPC, certificates, security groups, existing
// load balancers. Queries and answers are plain values. The choosers return what they chose, or the problem with a
// table of reasons. Package facts makes no calls: inventory answers the queries.
package facts

import (
	"time"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// NeedKind is a kind of knowledge; the inventory loads each kind in bulk.
type NeedKind string

// The kinds of needs; the key is empty where none is described.
const (
	NeedVPC             NeedKind = "vpc"
	NeedSubnets         NeedKind = "subnets"         // all subnets of the VPC with zones
	NeedRoutes          NeedKind = "routes"          // Subnet.Public of all subnets (route tables)
	NeedForeignSubnet   NeedKind = "subnet"          // key: a subnet id that is not of the VPC
	NeedSecurityGroups  NeedKind = "security-groups" // all groups of the VPC
	NeedForeignGroup    NeedKind = "security-group"  // key: a group id that is not of the VPC
	NeedPrefixList      NeedKind = "prefix-list"     // key: id of a prefix list
	NeedCertificates    NeedKind = "certificates"    // all issued certificates with domains
	NeedTargetGroupName NeedKind = "target-group"    // key: name of a target group of the user
	// key: ARN of a target group or load balancer that an object names
	NeedTargetGroupOwner NeedKind = "target-group-owner"
	NeedOwnCertificates  NeedKind = "own-certificates" // key: stack.Key string; the certificates in ACM that it owns
	NeedHostedZones      NeedKind = "hosted-zones"     // the public hosted zones of Route 53
	NeedTrustStore       NeedKind = "trust-store"      // key: name of a trust store
	NeedOwnTrustStores   NeedKind = "own-trust-stores" // key: stack.Key string; the trust stores that it owns
	NeedSSLPolicy        NeedKind = "ssl-policy"       // key: name of a TLS policy
	NeedWebACLs          NeedKind = "web-acls"         // all regional WAFv2 web ACLs by name
	NeedAddresses        NeedKind = "addresses"        // all Elastic IP addresses
	NeedStack            NeedKind = "stack"            // key: stack.Key string; the load balancer that exists for it
	// key: stack.Key string; listeners, rules and attributes of that load balancer. See NeedGroupDetails.
	NeedStackDetails NeedKind = "stack-details"
	NeedStackWebACL  NeedKind = "stack-web-acl" // key: stack.Key string; the web ACL of that load balancer
	NeedLoadBalancer NeedKind = "load-balancer" // key: ARN or name of a load balancer of others
	NeedLimits       NeedKind = "limits"        // the account's limits of Elastic Load Balancing
)

// Need is one unanswered query.
type Need struct {
	Kind NeedKind
	Key  string
}

// Facts are the answers known so far. A nil map or pointer = not read yet; an empty one = read, and nothing is there.
type Facts struct {
	VPC            *VPC
	Subnets        map[string]Subnet // by id; Public is valid if Routes
	Routes         bool
	ForeignSubnets map[string]*Subnet // by id; nil value = does not exist
	SecurityGroups map[string]SecurityGroup
	ForeignGroups  map[string]*SecurityGroup    // nil value = does not exist
	PrefixLists    map[string]*stack.PrefixList // by id; nil value = does not exist
	Certificates   map[string]Certificate       // by ARN; nil = not loaded
	// Listed are the certificates that ACM listed last, by ARN, for whatever stack; nil = none were listed. No need asks
	// for them.
	Listed       map[string]Certificate
	TargetGroups map[string]*TargetGroup // by name; nil value = does not exist
	// TargetGroupOwners have the owner of each target group or load balancer by ARN; nil value = it has no tags of this
	// cluster. If its tags cannot be read, the owner is unknown: it has no entry, and its need is in Errors.
	TargetGroupOwners map[string]*TargetGroupOwner
	TrustStores       map[string]string // ARN by name; empty = does not exist
	SSLPolicies       map[string]bool   // by name of a TLS policy; false = does not exist
	// LoadBalancers are those of others, by the ARN or name that was asked for; nil value = does not exist.
	LoadBalancers map[string]*NamedLoadBalancer
	// OwnTrustStores are those that the stack being compiled owns. Valid if OwnTrustStoresKnown.
	OwnTrustStores      []OwnTrustStore
	OwnTrustStoresKnown bool
	WebACLs             map[string]string  // ARNs of regional WAFv2 web ACLs by name; nil = not loaded
	Addresses           map[string]Address // Elastic IP addresses by their text; nil = not loaded
	// Own are the certificates that the stack being compiled owns, whatever their status. Valid if OwnKnown.
	Own      []OwnCertificate
	OwnKnown bool
	// ImportsLastYear is how many imports into ACM of the last 365 days are known, for the account and region. Valid if
	// OwnKnown.
	ImportsLastYear int
	// HostedZones are the public ones; nil = not loaded.
	HostedZones []HostedZone
	// Index finds Certificates by host; nil = it is built when it is needed.
	Index *CertificateIndex
	// Existing is the load balancer that AWS holds for the stack being compiled; nil = none. Valid if ExistingKnown.
	Existing      *LoadBalancer
	ExistingKnown bool
	// Details are those of Existing; nil = not read yet.
	Details *LoadBalancerDetails
	// Associated is the ARN of the WAFv2 web ACL of Existing, empty = it has none; nil = not read yet.
	Associated *string
	// ExistingFrontend is the network load balancer in front of Existing, nil = none. Valid if ExistingKnown.
	ExistingFrontend *LoadBalancer
	// Limits are those of the account, by their names in DescribeAccountLimits; nil = not loaded.
	Limits map[string]int
	// Errors has the error of each need whose look-up failed, such as a denied or throttled call.
	Errors map[Need]error
}

// VPC of the cluster.
type VPC struct {
	ID        string
	CIDRs     []string
	IPv6CIDRs []string
}

// Locale of a subnet.
type Locale string

// The locales of subnets; an ALB cannot span two.
const (
	AvailabilityZone Locale = "availability-zone"
	LocalZone        Locale = "local-zone"
	WavelengthZone   Locale = "wavelength-zone"
	Outpost          Locale = "outpost"
)

// Subnet as EC2 describes it.
type Subnet struct {
	ID           string
	VPC          string
	Zone         string // zone name
	Locale       Locale
	CIDR         string
	IPv6Native   bool     // it has no IPv4 addresses
	IPv6CIDRs    []string // associated ones only
	AvailableIPs int32
	Public       bool // route to an internet gateway; valid if Facts.Routes
	Tags         map[string]string
}

// SecurityGroup as EC2 describes it.
type SecurityGroup struct {
	ID   string
	Name string
	VPC  string
	Tags map[string]string
}

// Certificate of ACM.
type Certificate struct {
	ARN     string
	Status  string // ISSUED, …
	Domains []string
	Type    string // IMPORTED, AMAZON_ISSUED, PRIVATE
	CA      string // certificate authority ARN of private ones
	Tags    map[string]string
	// Owned marks a certificate that a stack of any cluster owns: discovery ignores it.
	Owned bool
	// Unproven marks a certificate that a stack may own: ACM denies its tags.
	Unproven bool
}

// OwnCertificate is a certificate of ACM that a stack owns.
type OwnCertificate struct {
	ARN       string
	ID        string // identity: value of the resource tag
	Status    string // PENDING_VALIDATION, ISSUED, FAILED, VALIDATION_TIMED_OUT, …
	Reason    string // ACM's reason of a failure
	Names     []string
	Authority string // ARN of the private authority; empty = Amazon, or imported
	Since     time.Time
}

// OwnTrustStore is a trust store that a stack owns.
type OwnTrustStore struct {
	ARN    string
	ID     string // identity: value of the resource tag
	Active bool   // listeners can use it
}

// Address is an Elastic IP address of the account.
type Address struct {
	AllocationID string
	InUse        bool // it is associated with something
}

// ImportsPerYear is how many imports into ACM an account and region has within 365 days unless AWS raises it: twice the
// 2,500 imported certificates (ACM user guide, quotas).
const ImportsPerYear = 5000

// HostedZone is a public hosted zone of Route 53.
type HostedZone struct {
	ID   string // without the prefix /hostedzone/
	Name string // without final dot, in lower case
}

// TargetGroup of a user, found by name.
type TargetGroup struct{ ARN, Name, Protocol, TargetType string }

// TargetGroupOwner is whose a target group of this cluster is, by its tags.
type TargetGroupOwner struct {
	Stack stack.Key
	ID    string // identity: value of the resource tag
	// Ambiguous: the tags name several stacks, and nothing shows which one the target group belongs to.
	Ambiguous bool
}

// NamedLoadBalancer is a load balancer that an object names, whose ever it is.
type NamedLoadBalancer struct {
	LoadBalancer
	VPC       string
	Listeners []NamedListener
}

// NamedListener is a listener of such a load balancer.
type NamedListener struct {
	Port     int32
	Protocol string
	Tags     map[string]string
}

// LoadBalancer is what exists for a stack.
type LoadBalancer struct {
	ARN           string
	Name          string
	Type          stack.LoadBalancerType
	Scheme        string
	IPAddressType string // empty = not known
	Subnets       []string
	// Fixed has the subnets where the addresses of an NLB were chosen by a request, with these.
	Fixed          map[string]stack.SubnetMapping
	SecurityGroups []string
	ManagedGroup   bool                 // it has a security group whose rules the controller writes
	Ingress        []stack.Permission   // of these security groups
	ManagedRules   [][]stack.Permission // the same by group
	IPAMPool       string               // empty = Amazon's addresses
	// CustomerOwnedPool is the pool that it was created with.
	CustomerOwnedPool string
	Tags              map[string]string
	// Families has the IP address types of the stack's target groups by identity, without repetition.
	Families map[string][]string
}

// Has reports whether an allocation of an Elastic IP address is that of a subnet.
func (lb *LoadBalancer) Has(allocation string) bool {
	for _, m := range lb.Fixed {
		if m.AllocationID == allocation {
			return true
		}
	}
	return false
}

// Sources returns the ranges and prefix lists that the managed groups allow on a port, alone or among others; open is
// false if they allow nothing.
func (lb *LoadBalancer) Sources(port int32) (ranges, lists []string, open bool) {
	for _, p := range lb.Ingress {
		if p.FromPort > port || p.ToPort < port || p.Protocol == "icmp" || p.Protocol == "icmpv6" {
			continue
		}
		open = true
		for _, r := range []string{p.CIDR, p.IPv6CIDR} {
			if r != "" {
				ranges = append(ranges, r)
			}
		}
		if p.PrefixList != "" {
			lists = append(lists, p.PrefixList)
		}
	}
	return ranges, lists, open
}

// LoadBalancerDetails are the parts of a load balancer that take further calls to AWS.
type LoadBalancerDetails struct {
	Attributes map[string]string
	Listeners  map[int32]stack.Listener // by port
	Rules      map[int32][]stack.Rule   // by port, besides default ones
	// TargetGroups are the identities of the stack's target groups, by ARN.
	TargetGroups map[string]string
	Groups       map[string]TargetGroupDetails // by identity
	// GroupAttributes are those of the target groups that were asked for, by identity; nil value = not known, or the
	// target group does not exist.
	GroupAttributes map[string]map[string]string
}

// TargetGroupDetails are the health check of a target group, and what decides whether it can stay.
type TargetGroupDetails struct {
	Protocol, ProtocolVersion, TargetType string
	HealthCheck                           stack.HealthCheck
}

// NeedGroupDetails returns the need for NeedStackDetails with the attributes of a target group of the stack.
func NeedGroupDetails(key stack.Key, id string) Need {
	return Need{Kind: NeedStackDetails, Key: key.String() + " " + id}
}
