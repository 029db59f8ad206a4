// Package awsop defines the AWS resources of a stack as they are observed, and the operations that change them. An
// operation says what it is called, what it refers to and which resource it writes (About), and what an observation
// looks like after it (Advance). State says which parts of an observation are read, and what may be concluded from
// the others. Package awsop decides nothing: package diff plans, and package awsclient sends.
package awsop

import (
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// Operation is one write to AWS or Kubernetes: a struct per AWS action or Kubernetes verb, in the file of its resource.
// About describes it. How it is sent is in the method of its name in package awsclient.
type Operation interface {
	plan.Operation
	// advance changes an observation to what it is after the operation.
	advance(a *advancer)
}

// Operations returns the zero values of all operations, for tests.
func Operations() []Operation {
	return []Operation{
		CreateSecurityGroup{}, AuthorizeSecurityGroupIngress{}, RevokeSecurityGroupIngress{}, DeleteSecurityGroup{},
		CreateTags{}, DeleteTags{},
		CreateTargetGroup{}, ModifyTargetGroup{}, ModifyTargetGroupAttributes{}, DeleteTargetGroup{}, AwaitTargets{},
		RegisterTargets{}, DeregisterTargets{}, RegisterLoadBalancer{}, DeregisterLoadBalancer{},
		CreateLoadBalancer{}, SetSecurityGroups{}, SetSubnets{}, SetIpAddressType{}, ModifyLoadBalancerAttributes{},
		ModifyIpPools{}, DeleteLoadBalancer{},
		AssociateWebACL{}, DisassociateWebACL{}, CreateProtection{}, DeleteProtection{}, ModifyCapacityReservation{},
		CreateListener{}, ModifyListener{}, DeleteListener{}, AddListenerCertificates{}, RemoveListenerCertificates{},
		ModifyListenerAttributes{},
		CreateRule{}, ModifyRule{}, SetRulePriorities{}, DeleteRule{}, AddTags{}, RemoveTags{},
		RequestCertificate{}, ImportCertificate{}, AddTagsToCertificate{}, DeleteCertificate{}, PublishValidation{},
		WithdrawValidation{},
		PutObject{}, CreateTrustStore{}, ModifyTrustStore{}, DeleteTrustStore{}, DeleteObject{},
		CreateBinding{}, UpdateBinding{}, ReleaseBinding{}, DeleteBinding{},
	}
}

// Output is the answer to a write.
type Output struct {
	ID         string // ARN or group id of what was created
	DNSName    string // of load balancers
	HostedZone string
	State      string
	Protection string // id of a protection of Shield Advanced
}

// Advance returns the observation after an operation succeeded; resolve gives the ARN or group id behind a reference.
// The observation that was given in stays as it is. An operation on what is not of a stack changes nothing.
func Advance(obs Observed, op plan.Operation, out Output, resolve func(stack.Ref) string) Observed {
	o := obs.Clone()
	if op, ok := op.(Operation); ok {
		op.advance(&advancer{&o, out, resolve})
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
func (a *advancer) known(r stack.Ref) stack.Ref { return stack.Literal(r.Kind, a.resolve(r)) }

func (a *advancer) refs(rs []stack.Ref) []stack.Ref {
	out := make([]stack.Ref, len(rs))
	for i, r := range rs {
		out[i] = a.known(r)
	}
	return out
}

func (a *advancer) actions(as []stack.Action) []stack.Action {
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

// update changes the element of a list with an id, if there is one.
func update[T any](list []T, want string, id func(*T) string, change func(*T)) {
	if p := found(list, want, id); p != nil {
		change(p)
	}
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
