package policy

import (
	"encoding/json"
	"hash/fnv"
	"maps"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Fields are hashes of the values of a stack's fields, by name: as they are wanted, or as they were last applied.
type Fields map[string]string

// fieldOf returns the name of a field of a resource, as in plan.Fields; for attributes and tags, the part before the
// key.
func fieldOf(name string, of stack.Ref) string {
	switch name {
	case awsop.FieldInbound: // all resources have one
		return name
	case awsop.FieldAttribute, awsop.FieldTag:
		return name + " " + string(of.Kind) + "/" + of.ID + "/"
	}
	return name + " " + of.ID
}

// FieldsOf returns the fields of a stack.
func FieldsOf(s *stack.Stack) Fields {
	f := Fields{}
	each := func(k stack.Kind, id string, attributes, tags map[string]string) stack.Ref {
		r := stack.Ref{Kind: k, ID: id}
		f.entries(fieldOf(awsop.FieldAttribute, r), attributes)
		f.entries(fieldOf(awsop.FieldTag, r), tags)
		return r
	}
	for _, lb := range s.LoadBalancers {
		r := each(stack.KindLoadBalancer, lb.ID, lb.Attributes, lb.Tags)
		f.set(fieldOf(awsop.FieldSecurityGroups, r), lb.SecurityGroups, lb.PrivateLinkRules)
		f.set(fieldOf(awsop.FieldSubnets, r), lb.Subnets, lb.NetworkSourceNAT)
		f.set(fieldOf(awsop.FieldAddressType, r), lb.IPAddressType)
	}
	rules := map[string][]any{}
	for _, r := range s.Rules {
		rules[r.Listener.ID] = append(rules[r.Listener.ID], r.Conditions, r.Actions, secrets(r.Actions), r.Transforms)
		each(stack.KindRule, r.ID, nil, r.Tags)
	}
	for _, l := range s.Listeners {
		r := each(stack.KindListener, l.ID, l.Attributes, l.Tags)
		f.set(fieldOf(awsop.FieldListener, r), l.LoadBalancer, l.Protocol, l.DefaultActions, secrets(l.DefaultActions),
			l.SSLPolicy, l.Certificates, l.ALPN, l.Mutual)
		f.set(fieldOf(awsop.FieldCertificates, r), l.Certificates, l.SNI)
		f.set(fieldOf(awsop.FieldRules, r), rules[l.ID]...)
	}
	for _, tg := range s.TargetGroups {
		r := each(stack.KindTargetGroup, tg.ID, tg.Attributes, tg.Tags)
		f.set(fieldOf(awsop.FieldHealthCheck, r), tg.HealthCheck, tg.ProtocolVersion)
	}
	var inbound []any
	for _, g := range s.SecurityGroups {
		if !g.Shared {
			inbound = append(inbound, g.ID, g.Ingress)
		}
		each(stack.KindSecurityGroup, g.ID, nil, g.Tags)
	}
	f.set(fieldOf(awsop.FieldInbound, stack.Ref{}), inbound...)
	return f
}

func (f Fields) set(field string, values ...any) {
	h := fnv.New64a()
	_ = json.NewEncoder(h).Encode(values) // neither JSON of a stack nor a hash returns an error
	f[field] = strconv.FormatUint(h.Sum64(), 36)
}

func (f Fields) entries(prefix string, values map[string]string) {
	for k, v := range values {
		f.set(prefix+k, v)
	}
}

// secrets returns texts that differ if credentials of clients differ: credentials have no JSON form.
func secrets(as []stack.Action) (out []string) {
	for _, a := range as {
		if a.OIDC != nil {
			out = append(out, a.OIDC.ClientID.Fingerprint(), a.OIDC.ClientSecret.Fingerprint())
		}
	}
	return out
}

// Settle returns the fields that count as last applied after the execution of a plan: the wanted ones, except for the
// fields of steps that were not done or were withheld, and of tags that were not read. applied counted before; nil =
// nothing is known, and the fields of withheld steps count as wanted.
func Settle(wanted, applied Fields, p *plan.Plan, o awsop.Observed, done func(plan.StepID) bool) Fields {
	out, ids := maps.Clone(wanted), identitiesOf(o)
	former := func(field string) {
		if v, ok := applied[field]; ok {
			out[field] = v
		} else {
			delete(out, field)
		}
	}
	each := func(s plan.Step) {
		w := writtenBy(s, ids)
		for _, field := range w.fields {
			if !w.keyed {
				former(field)
				continue
			}
			for _, key := range s.Op.About().Keys() {
				former(field + key)
			}
		}
	}
	for _, s := range p.Steps {
		if !done(s.ID) {
			each(s)
		}
	}
	if applied != nil {
		for _, w := range p.Withheld {
			each(w.Step)
		}
	}
	for field := range out {
		if unread(o, field) {
			former(field)
		}
	}
	return out
}

// unread reports whether a field is a tag of a resource whose tags were not read.
func unread(o awsop.Observed, field string) bool {
	for r := range o.Resources(stack.KindLoadBalancer, stack.KindTargetGroup, stack.KindSecurityGroup) {
		key, is := strings.CutPrefix(field, fieldOf(awsop.FieldTag, r.Ref))
		if is && key != "" && r.Tags == nil {
			return true
		}
	}
	return false
}

// written says which fields of a group a step writes. The zero value means that no drift policy applies to the step.
type written struct {
	group  drift.Group
	fields []string
	keyed  bool // fields has one prefix, and a field is the prefix with a key of the operation
}

// writtenBy returns the fields that a step writes.
func writtenBy(s plan.Step, ids map[string]string) written {
	f := s.Op.About().Writes
	f.Of.ID = idOf(f.Of, ids)
	out := written{group: f.Group}
	for _, name := range f.Names {
		out.fields = append(out.fields, fieldOf(name, f.Of))
		out.keyed = name == awsop.FieldAttribute || name == awsop.FieldTag
	}
	return out
}

// tracks reports whether the controller finds resources by a tag of this key.
func tracks(ids map[string]string, key string) bool {
	owner := stack.Owner(ids[""])
	return key == naming.ClusterTag || key == naming.ReplacesTag || key == naming.StackTag(owner) ||
		key == naming.ResourceTag(owner)
}

// withKeys returns a step with some of the keys of its operation; ok is false if none are left. A step has either one
// reason for each key, or reasons for all keys together.
func withKeys(s plan.Step, keep func(key string) bool) (_ plan.Step, ok bool) {
	about := s.Op.About()
	keys := about.Keys()
	var left, why []string
	for i, k := range keys {
		if !keep(k) {
			continue
		}
		left = append(left, k)
		if len(s.Why) == len(keys) {
			why = append(why, s.Why[i])
		}
	}
	if len(left) == len(keys) || len(left) == 0 {
		return s, len(left) > 0
	}
	if len(s.Why) == len(keys) {
		s.Why = why
	}
	s.Op = about.Only(left)
	return s, true
}
