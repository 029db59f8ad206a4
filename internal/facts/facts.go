// Package facts is what AWS knows that compile may ask: subnets, VPC, certificates, security groups, existing load balancers.
// Queries and answers as plain values; the choosers return decisions with a table of why. No I/O: inventory fetches.
// It imports only the standard library, diag and stack.
package facts

import (
	"time"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// NeedKind is a kind of knowledge; the inventory loads each kind in bulk.
type NeedKind string

// The kinds of needs; keys are unused where nothing is said.
const (
	NeedVPC             NeedKind = "vpc"              // key unused
	NeedSubnets         NeedKind = "subnets"          // all subnets of the VPC with zones
	NeedRoutes          NeedKind = "routes"           // Subnet.Public of all subnets (route tables)
	NeedForeignSubnet   NeedKind = "subnet"           // key: a subnet id that is not of the VPC
	NeedSecurityGroups  NeedKind = "security-groups"  // all groups of the VPC
	NeedForeignGroup    NeedKind = "security-group"   // key: a group id that is not of the VPC
	NeedCertificates    NeedKind = "certificates"     // all issued certificates with domains
	NeedTargetGroupName NeedKind = "target-group"     // key: name of a target group of the user
	NeedOwnCertificates NeedKind = "own-certificates" // key: stack.Key string; the certificates in ACM that it owns
	NeedHostedZones     NeedKind = "hosted-zones"     // the public hosted zones of Route 53
	NeedTrustStore      NeedKind = "trust-store"      // key: name of a trust store
	NeedWebACLs         NeedKind = "web-acls"         // all regional WAFv2 web ACLs by name
	NeedStack           NeedKind = "stack"            // key: stack.Key string; the load balancer that exists for it
	NeedStackDetails    NeedKind = "stack-details"    // key: stack.Key string; listeners and attributes of that load balancer
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
	// Own are the certificates that the stack being compiled owns, whatever their status. Valid if OwnKnown.
	Own      []OwnCertificate
	OwnKnown bool
	// ImportsLastYear is how many imports into ACM are known of in the account and region, within 365 days. Valid if OwnKnown.
	ImportsLastYear int
	// HostedZones are the public ones; nil = not loaded.
	HostedZones []HostedZone
	// Index finds Certificates by host; nil = it is made of them when it is needed.
	Index *CertificateIndex
	// Existing is the load balancer that AWS holds for the stack being compiled; nil = none. Valid if ExistingKnown.
	Existing      *LoadBalancer
	ExistingKnown bool
	// Details are those of Existing; nil = not asked yet.
	Details *LoadBalancerDetails
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
	// Owned marks one that some stack of some cluster owns: discovery passes it over.
	Owned bool
}

// OwnCertificate is a certificate of ACM that a stack owns.
type OwnCertificate struct {
	ARN       string
	ID        string // identity: value of the resource tag
	Status    string // PENDING_VALIDATION, ISSUED, FAILED, VALIDATION_TIMED_OUT, …
	Reason    string // why it failed, as ACM says
	Names     []string
	Authority string // ARN of the private authority; empty = Amazon, or imported
	Since     time.Time
}

// ImportsPerYear is how many imports into ACM an account and region has within 365 days unless AWS raises it: twice the 2,500
// imported certificates (ACM user guide, quotas).
const ImportsPerYear = 5000

// HostedZone is a public hosted zone of Route 53.
type HostedZone struct {
	ID   string // without the prefix /hostedzone/
	Name string // without final dot, in lower case
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
	ManagedGroup   bool               // it has the security group whose rules the controller writes
	Ingress        []stack.Permission // of that group
	IPAMPool       string             // empty = Amazon's addresses
	// CustomerOwnedPool is the pool that it was created with.
	CustomerOwnedPool string
	Tags              map[string]string
}

// Admits is the ranges and prefix lists that the managed group admits to a port; open is false if it admits nothing.
func (lb *LoadBalancer) Admits(port int32) (ranges, lists []string, open bool) {
	for _, p := range lb.Ingress {
		if p.FromPort != port || p.ToPort != port {
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

// LoadBalancerDetails is what AWS gives of a load balancer by calls of its own.
type LoadBalancerDetails struct {
	Attributes map[string]string
	Listeners  map[int32]stack.Listener // by port
}
