// Package awsop is what AWS holds of a stack, and the operations that change it: what each is called, what it refers
// to, which resource it writes (Effect), and what an observation looks like after it (Advance). Which parts of an
// observation are read, and what may be concluded from the others, is in their State. It decides nothing: package diff
// plans, package awsclient sends. It imports only the standard library, diag, naming, plan, canonical and stack.
package awsop

import (
	"maps"
	"reflect"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// Operation is one write to AWS or Kubernetes: a struct per AWS action or Kubernetes verb, in the file of its resource.
// All that is known of an operation is in its methods; how it is sent is in the method of package awsclient that Send
// calls.
type Operation interface {
	plan.Operation
	// Send calls the method of s that is for the operation.
	Send(s Sender)
	// effect is which resource the operation writes, and how. With advance, caches are kept by it.
	effect() Effect
	// advance changes an observation to what it is after the operation.
	advance(a advancer)
}

// Sender has a method for each operation.
type Sender interface {
	CreateSecurityGroup(CreateSecurityGroup)
	AuthorizeSecurityGroupIngress(AuthorizeSecurityGroupIngress)
	RevokeSecurityGroupIngress(RevokeSecurityGroupIngress)
	DeleteSecurityGroup(DeleteSecurityGroup)
	CreateTags(CreateTags)
	DeleteTags(DeleteTags)

	CreateTargetGroup(CreateTargetGroup)
	ModifyTargetGroup(ModifyTargetGroup)
	ModifyTargetGroupAttributes(ModifyTargetGroupAttributes)
	DeleteTargetGroup(DeleteTargetGroup)
	AwaitTargets(AwaitTargets)
	RegisterTargets(RegisterTargets)
	DeregisterTargets(DeregisterTargets)
	RegisterLoadBalancer(RegisterLoadBalancer)
	DeregisterLoadBalancer(DeregisterLoadBalancer)

	CreateLoadBalancer(CreateLoadBalancer)
	SetSecurityGroups(SetSecurityGroups)
	SetSubnets(SetSubnets)
	SetIpAddressType(SetIpAddressType)
	ModifyLoadBalancerAttributes(ModifyLoadBalancerAttributes)
	ModifyIpPools(ModifyIpPools)
	DeleteLoadBalancer(DeleteLoadBalancer)

	AssociateWebACL(AssociateWebACL)
	DisassociateWebACL(DisassociateWebACL)
	CreateProtection(CreateProtection)
	DeleteProtection(DeleteProtection)
	ModifyCapacityReservation(ModifyCapacityReservation)

	CreateListener(CreateListener)
	ModifyListener(ModifyListener)
	DeleteListener(DeleteListener)
	AddListenerCertificates(AddListenerCertificates)
	RemoveListenerCertificates(RemoveListenerCertificates)
	ModifyListenerAttributes(ModifyListenerAttributes)

	CreateRule(CreateRule)
	ModifyRule(ModifyRule)
	SetRulePriorities(SetRulePriorities)
	DeleteRule(DeleteRule)

	AddTags(AddTags)
	RemoveTags(RemoveTags)

	RequestCertificate(RequestCertificate)
	ImportCertificate(ImportCertificate)
	AddTagsToCertificate(AddTagsToCertificate)
	DeleteCertificate(DeleteCertificate)
	PublishValidation(PublishValidation)
	WithdrawValidation(WithdrawValidation)

	PutObject(PutObject)
	CreateTrustStore(CreateTrustStore)
	ModifyTrustStore(ModifyTrustStore)
	DeleteTrustStore(DeleteTrustStore)
	DeleteObject(DeleteObject)

	CreateBinding(CreateBinding)
	UpdateBinding(UpdateBinding)
	ReleaseBinding(ReleaseBinding)
	DeleteBinding(DeleteBinding)
}

// Operations are the zero values of all operations, for tests: those that Sender has a method for.
func Operations() []Operation {
	var out []Operation
	for t, n := reflect.TypeFor[Sender](), 0; n < t.NumMethod(); n++ {
		if op, ok := reflect.Zero(t.Method(n).Type.In(0)).Interface().(Operation); ok {
			out = append(out, op)
		}
	}
	return out
}

// Output is what a write answered.
type Output struct {
	ID         string // ARN or group id of what was created
	DNSName    string // of load balancers
	HostedZone string
	State      string
	Protection string // id of a protection of Shield Advanced
}

// Advance is the observation after an operation succeeded; resolve gives the ARN or group id behind a reference. The
// observation that was given in stays as it is. An operation on what is not of a stack changes nothing.
func Advance(obs Observed, op plan.Operation, out Output, resolve func(stack.Ref) string) Observed {
	o := obs.Clone()
	if op, ok := op.(Operation); ok {
		op.advance(advancer{&o, out, resolve})
	}
	return o
}

// advancer is what operations change an observation by.
type advancer struct {
	o       *Observed
	out     Output
	resolve canonical.Resolver
}

// known turns a reference into the literal that an observation holds.
func (a advancer) known(r stack.Ref) stack.Ref { return stack.Literal(r.Kind, a.resolve(r)) }

func (a advancer) refs(rs []stack.Ref) []stack.Ref {
	out := make([]stack.Ref, len(rs))
	for i, r := range rs {
		out[i] = a.known(r)
	}
	return out
}

func (a advancer) actions(as []stack.Action) []stack.Action {
	out := slices.Clone(as)
	for i := range out {
		if f := out[i].Forward; f != nil {
			c := *f
			c.TargetGroups = slices.Clone(f.TargetGroups)
			for j := range c.TargetGroups {
				c.TargetGroups[j].TargetGroup = a.known(c.TargetGroups[j].TargetGroup)
			}
			out[i].Forward = &c
		}
	}
	return out
}

// merged copies a map and lays changes over it; the result is never nil.
func merged(m, change map[string]string) map[string]string {
	out := make(map[string]string, len(m)+len(change))
	maps.Copy(out, m)
	maps.Copy(out, change)
	return out
}

// without copies a map without some keys; the result is never nil.
func without(m map[string]string, keys []string) map[string]string {
	out := merged(m, nil)
	for _, k := range keys {
		delete(out, k)
	}
	return out
}

// found is the element of a list with an id, or nil.
func found[T any](list []T, want string, id func(*T) string) *T {
	for i := range list {
		if id(&list[i]) == want {
			return &list[i]
		}
	}
	return nil
}

// added appends something new; AWS may have answered with what was there already, which it then replaces.
func added[T any](list []T, v T, id func(*T) string) []T {
	if p := found(list, id(&v), id); p != nil {
		*p = v
		return list
	}
	return append(list, v)
}

// dropped is a list without the elements of an id.
func dropped[T any](list []T, gone string, id func(*T) string) []T {
	return slices.DeleteFunc(list, func(v T) bool { return id(&v) == gone })
}

// refsTo are references of which some may be absent.
func refsTo(first stack.Ref, more *stack.Ref) []stack.Ref {
	if more == nil {
		return []stack.Ref{first}
	}
	return []stack.Ref{first, *more}
}
