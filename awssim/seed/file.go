// Package seed is what a simulated account holds before its first call, read from YAML: networks, security groups,
// cluster nodes, certificates, and resources of other services. It applies the part that the account keeps itself;
// package awssim makes load balancers, target groups and what else has a service. It imports awssim/account and a YAML
// reader.
//
// [Load] reads an account file, [Default] is the built-in one (default.yaml); both go into
// awssim.Options:
//
//	file, err := seed.Load(reader)
//	…
//	sim, err := awssim.New(awssim.Options{Seed: &file})
//
// A [File] is also a plain struct: a program may take the default, change fields, and call [File.Validate].
package seed

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"sigs.k8s.io/yaml"
)

// File is an account as written down. Field names in YAML are those of the json tags; unknown ones are refused.
type File struct {
	Account            string          `json:"account"`
	Region             string          `json:"region"`
	Cluster            Cluster         `json:"cluster,omitzero"`
	Zones              []Zone          `json:"zones,omitempty"` // besides the region's a to d
	VPC                VPC             `json:"vpc"`
	SecurityGroups     []SecurityGroup `json:"securityGroups,omitempty"`
	PrefixLists        []PrefixList    `json:"prefixLists,omitempty"`
	ElasticIPs         []ElasticIP     `json:"elasticIPs,omitempty"`
	Certificates       []Certificate   `json:"certificates,omitempty"`
	WebACLs            []WebACL        `json:"webACLs,omitempty"`
	IPSets             []IPSet         `json:"ipSets,omitempty"`
	AcceleratorCIDRs   []string        `json:"acceleratorCIDRs,omitempty"` // address ranges brought to Global Accelerator
	Buckets            []Bucket        `json:"buckets,omitempty"`
	HostedZones        []HostedZone    `json:"hostedZones,omitempty"`
	TargetGroups       []TargetGroup   `json:"targetGroups,omitempty"`
	LoadBalancers      []LoadBalancer  `json:"loadBalancers,omitempty"`
	IAM                IAM             `json:"iam,omitzero"`
	IPAMPools          []IPAMPool      `json:"ipamPools,omitempty"`
	CustomerPools      []CustomerPool  `json:"customerPools,omitempty"`
	Quotas             map[string]int  `json:"quotas,omitempty"`             // by name, in place of AWS's defaults
	ShieldSubscription string          `json:"shieldSubscription,omitempty"` // ACTIVE or INACTIVE

	// Accounts are other accounts of the same region, for roles that are assumed across accounts.
	Accounts []File `json:"accounts,omitempty"`

	UserPools        []UserPool       `json:"userPools,omitempty"`
	IdentityProvider IdentityProvider `json:"identityProvider,omitzero"`
}

// Cluster is the Kubernetes cluster that lives in the VPC.
type Cluster struct {
	Name     string   `json:"name,omitempty"`
	PodCIDRs []string `json:"podCIDRs,omitempty"`
	NodeRole string   `json:"nodeRole,omitempty"` // name of the role of the nodes' instance profile
	Nodes    []Node   `json:"nodes,omitempty"`
}

// Node is a machine of the cluster. A name such as ip-10-0-128-10 gives its private address.
type Node struct {
	Name     string `json:"name"`
	Instance string `json:"instance"`
	Zone     string `json:"zone"`
	Arch     string `json:"arch,omitempty"` // amd64 (default) or arm64
	Type     string `json:"type,omitempty"` // instance type
}

// Address is the private address in the node's name, if there is one.
func (n Node) Address() (netip.Addr, bool) {
	host, _, _ := strings.Cut(n.Name, ".")
	digits, ok := strings.CutPrefix(host, "ip-")
	if !ok {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(strings.ReplaceAll(digits, "-", "."))
	return addr, err == nil && addr.Is4()
}

// ProviderID is spec.providerID of the node's object in Kubernetes.
func (n Node) ProviderID() string { return "aws:///" + n.Zone + "/" + n.Instance }

// Zone is a further zone, such as a local one.
type Zone struct {
	Name   string `json:"name"`
	ID     string `json:"id"`
	Type   string `json:"type"`             // availability-zone, local-zone, wavelength-zone
	Parent string `json:"parent,omitempty"` // name of the zone that a local or wavelength zone hangs on
	OptIn  string `json:"optIn,omitempty"`  // opted-in (default) or not-opted-in
}

// VPC is the one network of an account.
type VPC struct {
	ID              string            `json:"id"`
	CIDR            string            `json:"cidr"`
	ExtraCIDRs      []string          `json:"extraCIDRs,omitempty"`
	IPv6CIDR        string            `json:"ipv6CIDR,omitempty"`
	InternetGateway string            `json:"internetGateway,omitempty"`
	Tags            map[string]string `json:"tags,omitempty"`
	Subnets         []Subnet          `json:"subnets,omitempty"`
	Peers           []Peer            `json:"peers,omitempty"`
}

// Peer is a VPC of another account that a VPC is peered with.
type Peer struct {
	VPC     string `json:"vpc"`
	Account string `json:"account"`
}

// Subnet of the VPC; public ones have a default route to the internet gateway.
type Subnet struct {
	ID       string            `json:"id"`
	Zone     string            `json:"zone"`
	CIDR     string            `json:"cidr"`
	IPv6CIDR string            `json:"ipv6CIDR,omitempty"`
	Public   bool              `json:"public"`
	Outpost  string            `json:"outpost,omitempty"` // ARN
	Tags     map[string]string `json:"tags,omitempty"`
}

// SecurityGroup with its ingress rules; egress is open.
type SecurityGroup struct {
	ID          string            `json:"id"`
	Name        string            `json:"name,omitempty"`        // default: the tag Name, else the id
	Description string            `json:"description,omitempty"` // default: the name
	Tags        map[string]string `json:"tags,omitempty"`
	Ingress     []Rule            `json:"ingress,omitempty"`
}

// Rule is an ingress rule for one peer.
type Rule struct {
	Protocol    string `json:"protocol"`        // tcp, udp, icmp, icmpv6, a number, or all
	Port        int32  `json:"port,omitempty"`  // tcp and udp: either this …
	Ports       string `json:"ports,omitempty"` // … or a range such as 30000-32767
	CIDR        string `json:"cidr,omitempty"`
	Source      string `json:"source,omitempty"`     // security group id
	PrefixList  string `json:"prefixList,omitempty"` // prefix list id
	Description string `json:"description,omitempty"`
}

// PrefixList is a list of blocks that rules may refer to.
type PrefixList struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	MaxEntries int      `json:"maxEntries,omitempty"` // default: as many as there are
	Entries    []string `json:"entries,omitempty"`
}

// ElasticIP is a public address of the account.
type ElasticIP struct {
	Allocation string            `json:"allocation"`
	Address    string            `json:"address,omitempty"` // default: any
	Tags       map[string]string `json:"tags,omitempty"`
}

// Certificate of ACM.
type Certificate struct {
	ARN          string            `json:"arn"`
	Status       string            `json:"status,omitempty"`       // default ISSUED
	Type         string            `json:"type,omitempty"`         // default AMAZON_ISSUED
	KeyAlgorithm string            `json:"keyAlgorithm,omitempty"` // default RSA_2048
	Domains      []string          `json:"domains"`
	Tags         map[string]string `json:"tags,omitempty"`
}

// WebACL is a WAFv2 access control list that lets all through but what it blocks, or the other way round.
type WebACL struct {
	ARN     string          `json:"arn"`
	Default string          `json:"default,omitempty"` // allow (default) or block
	Block   Block           `json:"block,omitzero"`
	Rules   json.RawMessage `json:"rules,omitempty"`           // as in the API; byte strings in base64
	Central bool            `json:"firewallManager,omitempty"` // Firewall Manager made it for the organization
}

// Block is what a web ACL refuses.
type Block struct {
	Path string `json:"path,omitempty"` // exactly
}

// IPSet of WAFv2, for rules of web ACLs to refer to.
type IPSet struct {
	ARN       string   `json:"arn"`
	Addresses []string `json:"addresses"` // ranges of one address family
}

// Bucket of S3 that takes access logs under a prefix.
type Bucket struct {
	Name   string `json:"name"`
	Prefix string `json:"prefix,omitempty"`
}

// HostedZone of Route 53. A private one is of the VPC.
type HostedZone struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Private bool              `json:"private"`
	Records []Record          `json:"records,omitempty"` // besides those that every zone has
	Tags    map[string]string `json:"tags,omitempty"`
}

// Record set of a hosted zone, with simple routing: values or an alias.
type Record struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"`
	TTL    int64    `json:"ttl,omitempty"` // seconds; default 300
	Values []string `json:"values,omitempty"`
	Alias  string   `json:"alias,omitempty"` // name of a load balancer of the file
}

// TargetGroup that is there from the start.
type TargetGroup struct {
	ARN             string            `json:"arn"`
	Name            string            `json:"name"`
	TargetType      string            `json:"targetType"`
	Protocol        string            `json:"protocol"`
	ProtocolVersion string            `json:"protocolVersion,omitempty"`
	Port            int32             `json:"port"`
	HealthCheck     HealthCheck       `json:"healthCheck,omitzero"`
	Attributes      map[string]string `json:"attributes,omitempty"`
	Tags            map[string]string `json:"tags,omitempty"`
}

// HealthCheck of a target group; what is left out has AWS's default.
type HealthCheck struct {
	Protocol string `json:"protocol,omitempty"`
	Path     string `json:"path,omitempty"`
	Port     string `json:"port,omitempty"`
	Matcher  string `json:"matcher,omitempty"`
}

// LoadBalancer that is there from the start.
type LoadBalancer struct {
	Name           string            `json:"name"`
	ARN            string            `json:"arn"`
	Type           string            `json:"type"`   // application or network
	Scheme         string            `json:"scheme"` // internal or internet-facing
	IPAddressType  string            `json:"ipAddressType,omitempty"`
	Subnets        []string          `json:"subnets"`
	SecurityGroups []string          `json:"securityGroups,omitempty"`
	Listeners      []Listener        `json:"listeners,omitempty"`
	Tags           map[string]string `json:"tags,omitempty"`
}

// Listener forwards everything to one target group.
type Listener struct {
	Protocol     string   `json:"protocol"`
	Port         int32    `json:"port"`
	Forward      string   `json:"forward"` // name of a target group
	Certificates []string `json:"certificates,omitempty"`
}

//go:embed default.yaml
var defaultYAML []byte

// Default is the built-in account: a cluster of three nodes in a VPC of three zones, each with a public and a private
// subnet.
func Default() File {
	f, err := parse(defaultYAML)
	if err != nil {
		panic(fmt.Sprintf("the built-in account is broken: %v", err)) // a test reads it
	}
	return f
}

// Load reads an account. Errors name the field and its value.
func Load(r io.Reader) (File, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return File{}, fmt.Errorf("read the account: %w", err)
	}
	return parse(text)
}

func parse(text []byte) (File, error) {
	var f File
	if err := yaml.UnmarshalStrict(text, &f); err != nil {
		return File{}, fmt.Errorf("account file: %w", err)
	}
	if err := f.Validate(); err != nil {
		return File{}, fmt.Errorf("account file: %w", err)
	}
	return f, nil
}

// InRegion is the same account in another region: the region's name is replaced wherever it stands, in zones and ARNs
// too.
func (f File) InRegion(region string) (File, error) {
	if region == f.Region {
		return f, nil
	}
	text, err := yaml.Marshal(f)
	if err != nil {
		return File{}, fmt.Errorf("move the account to %s: %w", region, err)
	}
	return parse([]byte(strings.ReplaceAll(string(text), f.Region, region)))
}
