// Package facts is what AWS knows that compile may ask: subnets, VPC, certificates, security groups, existing load balancers.
// Queries and answers as plain values; the choosers return decisions with a table of why. No I/O: inventory fetches.
// It imports only the standard library, diag and stack.
package facts

import "github.com/k8s-lbc/lbc/internal/stack"

// NeedKind is a kind of knowledge; the inventory loads each kind in bulk.
type NeedKind string

// The kinds of needs; keys are unused where nothing is said.
const (
	NeedVPC             NeedKind = "vpc"             // key unused
	NeedSubnets         NeedKind = "subnets"         // all subnets of the VPC with zones
	NeedRoutes          NeedKind = "routes"          // Subnet.Public of all subnets (route tables)
	NeedForeignSubnet   NeedKind = "subnet"          // key: a subnet id that is not of the VPC
	NeedSecurityGroups  NeedKind = "security-groups" // all groups of the VPC
	NeedForeignGroup    NeedKind = "security-group"  // key: a group id that is not of the VPC
	NeedCertificates    NeedKind = "certificates"    // all issued certificates with domains
	NeedTargetGroupName NeedKind = "target-group"    // key: name of a target group of the user
	NeedWebACLs         NeedKind = "web-acls"        // all regional WAFv2 web ACLs by name
	NeedTrustStore      NeedKind = "trust-store"     // key: name of a trust store
	NeedStack           NeedKind = "stack"           // key: stack.Key string; the load balancer that exists for it
)

// Need is one unanswered query.
type Need struct {
	Kind NeedKind
	Key  string
}

// Facts are the answers known so far. A nil map or pointer = not asked yet; an empty one = asked, nothing there.
type Facts struct {
	VPC            *VPC
	Subnets        map[string]Subnet // by id; Routes tells whether Public is filled
	Routes         bool
	ForeignSubnets map[string]*Subnet // by id; nil value = does not exist
	SecurityGroups map[string]SecurityGroup
	ForeignGroups  map[string]*SecurityGroup // nil value = does not exist
	Certificates   map[string]Certificate    // by ARN; nil = not loaded
	TargetGroups   map[string]*TargetGroup   // by name; nil value = does not exist
	TrustStores    map[string]string         // ARN by name; empty = does not exist
	WebACLs        map[string]string         // ARNs of regional WAFv2 web ACLs by name; nil = not loaded
	// Existing is the load balancer that AWS holds for the stack being compiled; nil = none. Valid if ExistingKnown.
	Existing      *LoadBalancer
	ExistingKnown bool
	// ExistingFrontend is the network load balancer in front of Existing, nil = none. Valid if ExistingKnown.
	ExistingFrontend *LoadBalancer
	// Errors tells why a need could not be answered (denied, throttled); compile turns it into a diagnostic of whoever needs it.
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
}

// TargetGroup of a user, found by name.
type TargetGroup struct{ ARN, Name, Protocol, TargetType string }

// LoadBalancer is what exists for a stack.
type LoadBalancer struct {
	ARN            string
	Type           stack.LoadBalancerType
	Scheme         string
	IPAddressType  string // empty = not known
	Subnets        []string
	SecurityGroups []string
	IPAMPool       string // empty = Amazon's addresses
	// CustomerOwnedPool is the pool that it was created with.
	CustomerOwnedPool string
}
