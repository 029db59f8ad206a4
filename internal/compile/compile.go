// Package compile lowers intents to stacks: merge of a group's members, quarantine of invalid ones, defaults, rule order, names.
// It asks AWS nothing: what it needs to know comes as facts, and what is missing it returns as needs.
// It imports only pure packages: diag, facts, intent, naming and stack.
package compile

import (
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Config is what the controller's flags and gates say about load balancers; every field is under its flag's or gate's name.
type Config struct {
	Cluster             string
	VPC                 string
	DefaultTags         map[string]string
	ExternalManagedTags []string
	DefaultScheme       string // empty = internal
	DefaultTargetType   string // empty = instance
	DefaultSSLPolicy    string // empty = ELBSecurityPolicy-2016-08
	// AllowedAuthorities restricts the discovery of certificates to those of these authorities; empty = all.
	AllowedAuthorities []string
	// OwnCertificates tells that stacks may own certificates in ACM, requested or imported.
	OwnCertificates bool

	EnableBackendSecurityGroup      bool
	BackendSecurityGroup            string // id of a group of the user; empty = the cluster's shared one
	ManageBackendSecurityGroupRules bool   // default of the annotation, for groups that users name
	DisableRestrictedSecurityGroups bool   // open all ports of targets to the load balancer
	StrictGroups                    bool   // any error of any member stops its whole group
	// Without them the annotations of the feature are not acted on, and nobody asks AWS about it.
	EnableWAF    bool // WAF Classic
	EnableWAFv2  bool
	EnableShield bool
	Gates        Gates
}

// Gates are the feature gates that change what is compiled.
type Gates struct {
	SubnetsClusterTagCheck        bool
	SubnetDiscoveryByReachability bool
	ALBSingleSubnet               bool
	EnableDefaultTagsLowPriority  bool
	EnableIPTargetType            bool
	ListenerRulesTagging          bool
	WeightedTargetGroups          bool
	EnhancedDefaultBehavior       bool // removing mutual authentication or capacity from all members resets it
	NLBSecurityGroup              bool
	LBCapacityReservation         bool
}

// Defaults are the values of a controller started with only its cluster's name and VPC.
func Defaults(cluster, vpc string) Config {
	return Config{
		Cluster:                    cluster,
		VPC:                        vpc,
		DefaultScheme:              stack.Internal,
		DefaultTargetType:          stack.TargetInstance,
		DefaultSSLPolicy:           "ELBSecurityPolicy-2016-08",
		EnableBackendSecurityGroup: true,
		EnableWAF:                  true,
		EnableWAFv2:                true,
		EnableShield:               true,
		Gates: Gates{
			SubnetsClusterTagCheck:        true,
			SubnetDiscoveryByReachability: true,
			EnableIPTargetType:            true,
			ListenerRulesTagging:          true,
			WeightedTargetGroups:          true,
			NLBSecurityGroup:              true,
			LBCapacityReservation:         true,
		},
	}
}

// Result is what an entrance compiles to.
type Result struct {
	// Stack is the wish; nil = cannot be built now: with Needs, as soon as they are answered; without, when an object
	// changes. Nothing that exists may be touched while it is nil. A stack without resources asks for deletion of everything.
	Stack *stack.Stack
	Needs []facts.Need
	// Diagnostics are the members' own and those that compile found, in member order.
	Diagnostics diag.List
	// Good are the members to pass as good next time: as they are if they compiled cleanly, else their last good version.
	// One with errors among its diagnostics never was good in the caller's memory; it tells how the member was left out, so
	// that the next compilation does the same. Members that are no longer part of the entrance are dropped.
	Good map[diag.Object]intent.Member
	// Origins tells which objects and settings each resource comes from, for reporting AWS's refusals where they belong.
	Origins map[stack.Ref]Origin
	// Keep names resources that must be neither deleted nor modified although the stack lacks them, because an error hides
	// what they should be. A kept listener keeps its rules too. A reference of kind Certificate without identity means all
	// certificates of the stack.
	Keep []stack.Ref
}

// Origin tells where a resource comes from.
type Origin struct {
	Objects []diag.Object // members, in group order
	// Fields has the source of single settings: "Name", "Scheme", "IPAddressType", "Subnets",
	// "SecurityGroups", "Mappings", "Attributes", "Tags", "IPAMPool", "CustomerOwnedPool", "Capacity", "WebACL",
	// "ClassicWebACL", "Shield", "Certificates", "SSLPolicy", "ALPN", "DefaultActions",
	// "InboundCIDRs", "Conditions", "Actions", "Backend". Single attributes and tags are under "Attributes[key]", "Tags[key]".
	Fields map[string]intent.Source
}

// Compile makes the stack of an entrance. good are the last versions of members that compiled cleanly (Result.Good of the
// previous call); they serve in place of members that have become invalid.
func Compile(e intent.Entrance, f facts.Facts, cfg Config, good map[diag.Object]intent.Member) Result {
	c := &compiler{e: e, f: f, cfg: cfg, good: good}
	return c.compile()
}
