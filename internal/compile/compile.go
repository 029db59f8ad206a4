// Package compile lowers intents to stacks. It builds a stack from the members that count; if the version of a member
// proves invalid, it builds the stack again without that version. It joins its subpackages, which deal with members,
// rules and certificates, and fills in defaults. It makes no calls to AWS: its input are facts, and it returns
// missing facts as needs. It is pure. Compile is the way in; build.run (build.go) lists the parts of a stack in
// order.
package compile

import (
	"cmp"
	"fmt"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/allowlist"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/policy/consent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Config has the controller's flags and gates about load balancers, most under their own names; docs/flags.md explains
// them.
type Config struct {
	Cluster             string
	VPC                 string
	Region              string // empty = unknown: AWS decides about ARNs of other Regions
	DefaultTags         map[string]string
	ExternalManagedTags []string
	ObjectLabels        naming.ObjectLabels // of TargetGroupBindings
	DefaultScheme       string              // empty = internal
	DefaultTargetType   string              // empty = instance
	DefaultAddressType  string              // --default-ip-address-type, of new load balancers; empty = ipv4
	DefaultSSLPolicy    string              // empty = ELBSecurityPolicy-2016-08
	// AllowedAuthorities restricts the discovery of certificates to those of these authorities; empty = all.
	AllowedAuthorities []string
	// OwnCertificates permits stacks to own certificates in ACM, requested or imported: gate
	// EnableCertificateManagement, or the import of Secrets.
	OwnCertificates bool

	// TrustStores say where the bundles of trust stores are uploaded.
	TrustStores TrustStores

	// LoadBalancersOfOthers are those that objects may share or adopt (--existing-load-balancers), besides those that
	// consent by a tag.
	LoadBalancersOfOthers consent.Balancers

	EnableBackendSecurityGroup      bool
	BackendSecurityGroup            string // id of a group of the user; empty = the cluster's shared one
	ManageBackendSecurityGroupRules bool   // default of the annotation, for groups that users name
	DisableRestrictedSecurityGroups bool   // open all ports of targets to the load balancer
	RulesPerSecurityGroup           int    // AWS's quota; 0 = its default
	StrictGroups                    bool   // any error of any member stops its whole group
	ExistingFeaturesOnly            bool   // rules of new Gateways are those of the existing controller
	// ExternalTargetGroups are the target groups without tags of this cluster that objects may forward to,
	// CrossNamespaceTargetGroups those with them to which objects of other namespaces may forward without a
	// ReferenceGrant. A nil list is none.
	ExternalTargetGroups, CrossNamespaceTargetGroups allowlist.List
	// DefaultLimits reports that AWS's default limits count where those of the account cannot be read. Otherwise AWS is
	// left to decide.
	DefaultLimits bool
	// Without these the annotations of the feature have no effect, and AWS is not called for it.
	EnableWAFv2  bool
	EnableShield bool
	Gates        Gates
}

// TrustStores say where in S3 the authorities are from which AWS makes trust stores.
type TrustStores struct{ Bucket, Prefix string }

// Gates are the feature gates that change what is compiled.
type Gates struct {
	SubnetsClusterTagCheck        bool
	SubnetDiscoveryByReachability bool
	ALBSingleSubnet               bool
	EnableDefaultTagsLowPriority  bool
	EnableIPTargetType            bool
	ListenerRulesTagging          bool
	WeightedTargetGroups          bool
	// removing mutual authentication, capacity or the ALPN policy from all members resets it
	EnhancedDefaultBehavior bool
	NLBSecurityGroup        bool
	LBCapacityReservation   bool
}

// Result is what a load balancer compiles to.
type Result struct {
	// Stack is the desired state; nil = it cannot be built now: with Needs, as soon as they are answered; without, when an
	// object changes. While it is nil, nothing in AWS may be changed. It is never a stack that is to be removed.
	Stack *stack.Stack
	Needs []facts.Need
	// Diagnostics are the members' own and those that compile found, in member order.
	Diagnostics diag.List
	// Memory is an input of the next compilation of the load balancer.
	Memory *Memory
	// Origins are the objects and settings that each resource comes from, to which errors of AWS are reported.
	Origins map[stack.Ref]Origin
	// Unmade are the members all of whose rules are left out, because the load balancer would have more than AWS allows.
	Unmade []diag.Object
	// Kept are the members of which the last valid version of some rule or listener serves instead of the declared one.
	Kept []diag.Object
	// Full reports that rules, target groups or certificates are left out, because the load balancer would have more than
	// AWS allows.
	Full bool
	// Keep is what stays as AWS holds it, because an error hides what it should be, or because members cannot be seen.
	Keep stack.Keep
	// Departure reports that nothing can be built of the members that stay. The stack is only for deleting what those that
	// leave have.
	Departure bool
	// Consents are the values of the tag elbv2.k8s.aws/shared-with on which the stack rests, by the ARN of the load
	// balancer: they may be older than what AWS has.
	Consents map[string]string
	// DriftPolicy has the policies that members and classes declare for what is changed in AWS by hand, by group of
	// fields.
	DriftPolicy map[string]string
	// ReplacementPolicy is what members or their class declare for an edit that would replace the load balancer, as
	// package replacement prints it.
	ReplacementPolicy intent.Field[string]
}

// Origin is where a resource comes from.
type Origin struct {
	Objects []diag.Object // members, in group order
	// Fields has the source of single settings: "Name", "Scheme", "IPAddressType", "Subnets", "SecurityGroups",
	// "Mappings", "Attributes", "Tags", "IPAMPool", "CustomerOwnedPool", "PrivateLinkRules", the fields of stack.AddOns,
	// "Protocol", "Certificates", "SSLPolicy", "ALPN", "DefaultActions", "InboundCIDRs", "Conditions", "Actions",
	// "Backend". Single attributes and tags are under "Attributes[key]", "Tags[key]".
	Fields map[string]intent.Source
}

// mostEffects bounds how often a compilation begins again with the values that it put into effect.
const mostEffects = 20

// Compile returns the stack of a load balancer. before is Result.Memory of the previous call, nil for the first: last
// valid versions replace members that have become invalid. If the result has Needs, the caller calls Compile again
// with the same e and before, and with facts that also answer these. There is no error: what is wrong with a member, or
// could not be read, is in Result.Diagnostics. The same arguments give the same result.
func Compile(e intent.LoadBalancer, f facts.Facts, cfg Config, before *Memory) Result {
	if before == nil {
		before = &Memory{}
	}
	before = before.withCredentials(e.Logins)
	for n := 1; ; n++ {
		c := &compiler{e: e, f: f, cfg: cfg, before: before, owners: before.Owners(),
			past:    quarantine.Past{Good: before.Good, Members: before.Members},
			refused: map[refusedGroup]diag.Diagnostic{}}
		r := c.compile()
		// A member that was set aside for a value of a shared setting may be valid together with another member's value,
		// which is in effect now: the next compilation would find so. Where settings are kept, none is put into effect.
		if r.Stack == nil || c.keepsSettings || !c.rejected || n == mostEffects ||
			sameEffect(before.Effect, r.Memory.Effect) {
			for i := range r.Diagnostics {
				r.Diagnostics[i].Phase = cmp.Or(r.Diagnostics[i].Phase, diag.Building)
			}
			return r
		}
		before = r.Memory
	}
}

// keepUnseen keeps the settings that members share, if members that cannot be seen may be part of the load balancer
// that AWS holds: their settings are not known. done reports that there is nothing else to compile.
func (c *compiler) keepUnseen() (r Result, done bool) {
	b := c.newBuild()
	lb, known := b.existing()
	switch {
	case b.stuck:
		return c.stuck(b), true
	case !known:
		return c.waiting(b.needs...), true
	}
	c.keepsSettings = lb != nil
	if len(c.e.Members) > 0 || lb == nil {
		return Result{}, false
	}
	// The members that can be seen have left. Only resources that are known to be theirs are deleted.
	b = c.newBuild()
	b.lb = stack.LoadBalancer{ID: stack.LoadBalancerIdentity, Type: c.e.Type}
	return Result{Stack: b.stack(), Keep: b.keep, Memory: c.carry()}, true
}

// UnseenMembers returns the finding that changes of an object wait because members of its group cannot be seen.
func UnseenMembers(o diag.Object, u *intent.Unseen) diag.Diagnostic {
	return diag.New(o, "", diag.UnseenMembers, fmt.Sprintf("parts of the load balancer that may belong to members of "+
		"other namespaces stay, because %s: changes to its settings, ports and certificates are on hold, "+
		"and rules are deleted only if they forward to target groups of %s of namespace %s", u.Why, diag.Plural(o.Kind),
		u.Namespace), u.Remedy)
}
