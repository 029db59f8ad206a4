package iampolicy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Feature is a part of the controller that needs actions of its own.
type Feature string

// The features, by what uses them.
const (
	AccountLimits         Feature = "account-limits"
	AssumedRoles          Feature = "assumed-roles"
	Capacity              Feature = "capacity"
	CertificateRequests   Feature = "certificate-requests"
	Cognito               Feature = "cognito"
	Discovery             Feature = "certificate-discovery"
	ExistingBalancers     Feature = "existing-load-balancers"
	ForeignSecurityGroups Feature = "foreign-security-groups"
	ForeignTargetGroups   Feature = "foreign-target-groups"
	IAMCertificates       Feature = "iam-certificates"
	IPAM                  Feature = "ipam"
	Outposts              Feature = "outposts"
	SecretImport          Feature = "secret-import"
	Shield                Feature = "shield"
	TaggingAPI            Feature = "tagging-api"
	TrustStores           Feature = "trust-stores"
	TrustStoreUploads     Feature = "trust-store-uploads"
	UntaggedListeners     Feature = "untagged-listeners"
	WAFv2                 Feature = "wafv2"
)

// Info describes a feature.
type Info struct {
	Name    Feature
	Default bool // used with the controller's default flags
	Doc     string
}

// Features are all features.
var Features = []Info{
	{AccountLimits, true, "reads the account's limits and the size of prefix lists. The controller then leaves out an " +
		"excess before it calls AWS. Without the feature, AWS refuses the excess"},
	{AssumedRoles, false, "target groups of other accounts: flag `--assumable-roles` with the ARNs of their roles"},
	{Capacity, true, "reserved capacity: `minimum-load-balancer-capacity`"},
	{Discovery, true, "certificates of ACM that the controller finds by host name"},
	{CertificateRequests, false, "certificates that the controller requests: gate `EnableCertificateManagement`"},
	{Cognito, true, "logins by Amazon Cognito"},
	{ExistingBalancers, false, "existing load balancers that objects share or adopt: flag `--existing-load-balancers` " +
		"with their names or ARNs"},
	{ForeignSecurityGroups, false, "rules in security groups of nodes and pods without tag " +
		"`kubernetes.io/cluster/NAME`: flag `--node-security-group` with the id of such a security group"},
	{ForeignTargetGroups, false, "targets in target groups that TargetGroupBindings name and that do not have the " +
		"cluster's tag: flag `--bindable-target-groups` with their names or ARNs"},
	{GlobalAccelerator, false, "accelerators of AWS Global Accelerator: gate `GlobalAcceleratorController`; `--only " +
		"global-accelerator` prints their separate policy"},
	{IAMCertificates, true, "listeners with server certificates of IAM"},
	{IPAM, true, "public addresses of IPAM pools: `ipam-ipv4-pool-id`"},
	{Outposts, true, "customer-owned addresses on Outposts: `customer-owned-ipv4-pool`"},
	{SecretImport, true, "certificates of TLS Secrets that listeners of Gateways name and, with flag " +
		"`--enable-tls-secret-import`, of TLS Secrets that Ingresses name"},
	{Shield, true, "Shield Advanced: `shield-advanced-protection`"},
	{TaggingAPI, false, "tags by the Resource Groups Tagging API: gate `EnableRGTAPI`"},
	{TrustStores, true, "mutual TLS with trust stores that objects name"},
	{TrustStoreUploads, false, "trust stores for the CA certificates that Gateways name: flag `--trust-store-bucket`"},
	{UntaggedListeners, false, "listeners and rules without the tag of any cluster. They exist if the gate " +
		"`ListenerRulesTagging` is off or was off at their creation, or if somebody adds them by hand to the controller's " +
		"load balancers"},
	{WAFv2, true, "web ACLs of AWS WAF: `wafv2-acl-arn`, `wafv2-acl-name`"},
}

// Defaults returns the features of a controller with its default flags.
func Defaults() (out []Feature) {
	for _, f := range Features {
		if f.Default {
			out = append(out, f.Name)
		}
	}
	return out
}

// Options describe the controller that a policy is for.
type Options struct {
	Partition      string   // as in ARNs; empty = aws
	Cluster        string   // value of the tag of the cluster on all that the controller makes; empty = any
	VPC            string   // to whose security groups rules are restricted; empty = any
	Bucket         string   // of TrustStoreUploads
	Prefix         string   // of keys in Bucket
	Roles          []string // ARNs of AssumedRoles, in which * stands for any characters; none = all
	Existing       []string // names or ARNs of ExistingBalancers, in which * stands for any characters; none = all
	TargetGroups   []string // names or ARNs of ForeignTargetGroups, in which * stands for any characters; none = all
	SecurityGroups []string // ids of ForeignSecurityGroups; none = all
	Features       []Feature
	// Apart leaves out what every controller needs: the policy is for what only the features need, and stands next to
	// another one. IAM takes less in one policy than all features need.
	Apart bool
}

// ErrTooLong is the error of a policy that is longer than IAM takes, which comes with the policy.
var ErrTooLong = errors.New("the policy is too long: move features to a second policy with --without and --only")

// Minimal returns the smallest policy with which a controller can make calls of actions. Actions of features that are
// not among the options are left out. It fails for an action that has no rule, and for a policy that is longer than IAM
// takes.
func Minimal(actions []string, o Options) (Document, error) {
	if o.Partition == "" {
		o.Partition = "aws"
	}
	if !slices.ContainsFunc(Partitions, func(p Partition) bool { return p.Name == o.Partition }) {
		return Document{}, fmt.Errorf("partition %q: must be %s", o.Partition,
			listed(Partitions, func(p Partition) string { return p.Name }))
	}
	for _, f := range o.Features {
		if !slices.ContainsFunc(Features, func(i Info) bool { return i.Name == f }) {
			return Document{}, fmt.Errorf("feature %q: must be %s", f,
				listed(Features, func(i Info) string { return string(i.Name) }))
		}
	}
	if uploads := slices.Contains(o.Features, TrustStoreUploads); uploads != (o.Bucket != "") {
		return Document{}, fmt.Errorf("feature %s needs a bucket, and a bucket needs the feature", TrustStoreUploads)
	}
	var d Document
	var unknown []error
	for _, a := range actions {
		if !slices.ContainsFunc(rules, func(r rule) bool { return r.within == "" && slices.Contains(r.actions, a) }) &&
			!allowedAlways[a] {
			unknown = append(unknown, fmt.Errorf("action %s has no rule", a))
		}
	}
	if err := errors.Join(unknown...); err != nil {
		return d, err
	}
	for _, r := range rules {
		if r.unless != nil && r.unless(o) {
			continue
		}
		allowed := slices.DeleteFunc(slices.Clone(r.actions), func(a string) bool {
			call := a
			if r.within != "" {
				call = r.within
			}
			return lacks(o.Partition, a) || !slices.Contains(actions, call)
		})
		if len(allowed) > 0 && (r.feature == "" && !o.Apart || slices.Contains(o.Features, r.feature)) {
			d.allow(r, allowed, o)
		}
	}
	out := document(d.Statement...)
	if n := out.Length(); n > Longest {
		return out, fmt.Errorf("%w: it has %d characters, and IAM allows %d", ErrTooLong, n, Longest)
	}
	return out, nil
}

// allow adds actions of a rule to the statement of its Sid.
func (d *Document) allow(r rule, actions []string, o Options) {
	i := slices.IndexFunc(d.Statement, func(s Statement) bool { return s.Sid == r.sid })
	if i < 0 {
		s := Statement{Sid: r.sid, Resource: Values{"*"}}
		if r.on != nil {
			s.Resource = arns(o.Partition, r.on(o)...)
		}
		if r.when != nil {
			s.Condition = r.when(o)
		}
		d.Statement = append(d.Statement, s)
		i = len(d.Statement) - 1
	}
	s := &d.Statement[i]
	s.Action = slices.Compact(slices.Sorted(slices.Values(slices.Concat(s.Action, actions))))
}

// Actions returns the actions that a document allows.
func (d Document) Actions() []string {
	all := map[string]bool{}
	for _, s := range d.Statement {
		for _, a := range s.Action {
			all[a] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Statements returns the Sids of the statements of the smallest policy that have an action.
func Statements(action string) (out []string) {
	for _, r := range rules {
		if slices.Contains(r.actions, action) {
			out = append(out, r.sid)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// StatementsByAction says for each action of a rule which statements of the smallest policy have the action, and which
// features those need that are about what belongs to others. hack/gendocs writes them where the controller reads them,
// so that it does not link this package.
func StatementsByAction() map[string]string {
	out := map[string]string{}
	for _, r := range rules {
		for _, action := range r.actions {
			out[action] = place(action)
		}
	}
	return out
}

func place(action string) string {
	var own, others []string
	for _, sid := range Statements(action) {
		if !ofOthers[sid] {
			own = append(own, sid)
			continue
		}
		var features []string
		for _, r := range rules {
			if r.sid == sid && slices.Contains(r.actions, action) {
				features = append(features, string(r.feature))
			}
		}
		others = append(others, sid+" with feature "+strings.Join(slices.Compact(slices.Sorted(slices.Values(features))),
			" or "))
	}
	if len(others) == 0 {
		return "statement " + strings.Join(own, ", ")
	}
	return "statement " + strings.Join(append(own, "or "+strings.Join(others, ", or ")), ", ") + ","
}

// Calls returns the actions that have rules and that a controller calls itself.
func Calls() []string {
	var out []string
	for _, r := range rules {
		if r.within == "" {
			out = append(out, r.actions...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// allowedAlways are actions that need no policy.
var allowedAlways = map[string]bool{"sts:GetCallerIdentity": true}

func listed[T any](all []T, name func(T) string) string {
	names := make([]string, len(all))
	for i, v := range all {
		names[i] = name(v)
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}
