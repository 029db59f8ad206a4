package annotation

import (
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Syntax is the grammar of a value.
type Syntax string

// The grammars; decode.go defines them.
const (
	String Syntax = "string" // not trimmed
	Bool   Syntax = "bool"   // as strconv.ParseBool
	Int32  Syntax = "int32"  // decimal
	Int64  Syntax = "int64"  // decimal
	List   Syntax = "list"   // comma separated
	Map    Syntax = "map"    // key=value, comma separated
	JSON   Syntax = "json"   // member names without regard to case, unknown members ignored
)

// Scope says on which kinds of objects an annotation is read. It has nothing to do with diag.Scope.
type Scope string

// The scopes.
const (
	OnIngress Scope = "Ingress"
	OnBoth    Scope = "Ingress, backend Service" // the Service's value wins
	OnService Scope = "Service"
	OnPod     Scope = "Pod"
	OnGateway Scope = "Gateway"
	OnRoute   Scope = "route" // on which no annotation is read
	Written   Scope = "written by the controller"
)

// Entry is the row of one annotation. docs/architecture.md (Places of an annotation) lists what else a new one needs.
type Entry struct {
	Key    Key
	Family string // what follows a Key that ends in a dot, for documentation: "<protocol>-<port>"
	Syntax Syntax
	Scope  Scope
	// Affects is the scope of an invalid value: the controller does not create or change it.
	Affects diag.Scope
	// SettingName is the name that package compile has for the setting (intent.Misspelling). Empty = what follows the
	// slash of the key.
	SettingName string
	// Class is the field of IngressClassParams that takes precedence; empty = none.
	Class string
	// Default is the value if the annotation is absent, for documentation; empty = the feature is not used.
	Default string
	// Merge says how the values of a group's members combine, for documentation and the tests of groups; package compile
	// decides. Empty = they do not combine.
	Merge string
	// Values are the valid values, if they are enumerated.
	Values []string
	// Min and Max are AWS's bounds of a number, if they differ.
	Min, Max int64
	Example  string
}

// Merge rules.
const (
	agree   = "shared"
	perPort = "shared, per port"
	perKey  = "shared, per key"
	union   = "added by each, per port"
)

// entries is the table, and table its index. Both are constant. Above each row is its text of docs/annotations.md.
var (
	entries = slices.Concat(ingressEntries, serviceEntries, gatewayEntries)
	table   = index()
)

func index() map[Key]Entry {
	m := make(map[Key]Entry, len(entries))
	for _, e := range entries {
		m[e.Key] = e
	}
	return m
}

// Entries returns the table: Ingress annotations, then those of Services and of Gateways, in reading order.
func Entries() []Entry { return slices.Clone(entries) }

// Lookup returns the entry of a key, or of the longest family that the key belongs to.
func Lookup(k Key) (Entry, bool) {
	if e, ok := table[k]; ok && !strings.HasSuffix(string(k), ".") {
		return e, true
	}
	for i := strings.LastIndexByte(string(k), '.'); i > 0; i = strings.LastIndexByte(string(k[:i]), '.') {
		if e, ok := table[k[:i+1]]; ok && i+1 < len(k) {
			return e, true
		}
	}
	return Entry{}, false
}

// gatewayEntries are the annotations with prefix gateway.k8s.aws/.
var gatewayEntries = []Entry{
	// ARN or name of an existing load balancer, for ownership `shared`
	// ([sharing-existing.md](tasks/sharing-existing.md)) or `adopted` ([ownership.md](tasks/ownership.md)).
	{Key: GatewayExisting, Syntax: String, Scope: OnGateway, Affects: diag.AddOn,
		Example: "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/app/platform/0123456789abcdef"},
	// Which changes the controller may make to the load balancer. `managed`: everything that the object declares.
	// `shared`: only listeners and rules, with their target groups, on the existing load balancer that
	// `existing-load-balancer` names. `adopted`: everything that the object declares, on the existing load balancer that
	// `existing-load-balancer` names. With `adopted`, deletions and most changes of existing parts wait until you approve
	// the plan with `approved-plan`. `observed`: the controller writes nothing to AWS, with [a few
	// exceptions](tasks/ownership.md#what-observed-stops), and shows the address and the plan of the load balancer
	// ([ownership.md](tasks/ownership.md)). Annotation elbv2.k8s.aws/ownership of a
	// [LoadBalancerConfiguration](gateway-reference.md#loadbalancerconfiguration) of the Gateway or of its GatewayClass
	// takes precedence.
	{Key: GatewayOwnership, Syntax: String, Scope: OnGateway, Affects: diag.AddOn, Default: "`managed`",
		Example: "observed"},
	// As DeletionPolicy.
	{Key: GatewayDeletionPolicy, Syntax: String, Scope: OnGateway, Affects: diag.AddOn, Default: "`Delete`",
		Example: "Retain"},
	// As ApprovedPlan.
	{Key: GatewayApprovedPlan, Syntax: String, Scope: OnGateway, Affects: diag.AddOn,
		Default: "the controller applies every plan, except some plans of adopted load balancers", Example: "none"},
	// As AllowDeletion.
	{Key: GatewayAllowDeletion, Syntax: Bool, Scope: OnGateway, Affects: diag.AddOn, Default: "false", Example: "true"},
	// As DeleteDuplicates.
	{Key: GatewayDeleteDuplicates, Syntax: List, Scope: OnGateway, Affects: diag.AddOn, Example: "sg-0123456789abcdef0"},
	// Policy for changes made in AWS by hand: `correct`, `report` or `ignore`. For single groups of fields, add
	// `GROUP=POLICY`, separated by commas ([by-hand.md](tasks/by-hand.md)). Annotation elbv2.k8s.aws/drift-policy of a
	// LoadBalancerConfiguration of the Gateway or of its GatewayClass takes precedence for the groups of fields to which
	// it gives a policy. A policy without GROUP is for all groups of fields that the value does not name.
	{Key: GatewayDriftPolicy, Syntax: String, Scope: OnGateway, Affects: diag.AddOn,
		Default: "the policy of the LoadBalancerConfiguration, otherwise --drift-policy (correct)",
		Example: "report,tags=ignore"},
	// Policy for edits that would replace the load balancer and its DNS name, such as a change of scheme: `allow` or
	// `refuse`. `,except=NAME` allows the replacement of the load balancer NAME. `,keep=1h` keeps the old load balancer
	// for an hour ([replacement.md](tasks/replacement.md)). Annotation elbv2.k8s.aws/replacement-policy of a
	// LoadBalancerConfiguration of the Gateway or of its GatewayClass takes precedence.
	{Key: GatewayReplacementPolicy, Syntax: String, Scope: OnGateway, Affects: diag.AddOn,
		Default: "the policy of the LoadBalancerConfiguration, otherwise --replacement-policy (allow)",
		Example: "refuse,except=k8s-shop-web-0123456789"},
	// If true, the controller plans the Gateway, its ListenerSets and its routes, but deploys nothing. The controller
	// writes the planned load balancer with its resources ([stack](architecture.md#glossary)) to dry-run-plan, and an
	// event counts the planned changes. Deployed resources do not change. Only the value true, in this spelling, has an
	// effect.
	{Key: GatewayDryRun, Syntax: Bool, Scope: OnGateway, Affects: diag.LoadBalancer, Default: "false", Example: "true"},
	// Planned load balancer of a Gateway with dry-run, with its resources ([stack](architecture.md#glossary)). The
	// controller does not read this annotation.
	{Key: GatewayDryRunPlan, Syntax: JSON, Scope: Written, Affects: diag.LoadBalancer, Example: "{}"},
	// The content of dry-run-plan, compressed with gzip and in base64. If the content is too large for dry-run-plan, the
	// controller writes this annotation instead. The controller does not read this annotation.
	{Key: GatewayDryRunPlanGzip, Syntax: String, Scope: Written, Affects: diag.LoadBalancer,
		Example: "H4sIAAAAAAAA/6quBQQAAP//Q7+mowIAAAA="},
	// How the controller creates rules from routes. `compatible`: as the AWS Load Balancer Controller v3.5 does.
	// `standard`: as the Gateway API defines. `plain-hosts`: like `standard`, but on ports 80 and 443, rules for a
	// hostname match only requests whose Host header has no port. If the annotation is absent and the Gateway has a load
	// balancer, the controller keeps the construction of the existing rules. If the Gateway has no load balancer, the same
	// annotation of the GatewayClass applies. If the GatewayClass has no such annotation, `plain-hosts` applies. The
	// controller records the value that applies in this annotation. To change the rule construction, write another value
	// ([details](gateway.md#coming-from-the-aws-load-balancer-controller)).
	{Key: GatewayRuleConstruction, Syntax: String, Values: []string{"compatible", "standard", "plain-hosts"},
		Scope: OnGateway, Affects: diag.Route, Example: "standard",
		Default: "see the column Meaning"},
	// Namespaces whose ListenerSets may serve a hostname or port that a route outside the ListenerSet's namespace already
	// serves at the Gateway. ListenerSets of the Gateway's namespace may always do this, and ListenerSets of all other
	// namespaces may not ([ListenerSets of other namespaces](shared/listenersets.md)). Despite its name, the annotation
	// applies only to ListenerSets.
	{Key: GatewaySettingsNamespaces, Syntax: List, Scope: OnGateway, Affects: diag.AddOn, Example: "platform,team-a",
		Default: "only the namespace of the Gateway"},
}
