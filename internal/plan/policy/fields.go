package policy

import (
	"encoding/json"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// Fields are hashes of the values of fields, by name: of a stack as it is wanted, or as it was applied last.
type Fields map[string]string

// Names of fields, of which several resources have one each; the identity of the resource follows.
const (
	rulesField       = "rules "
	listenerField    = "listener "
	certificateField = "certificates "
	groupsField      = "security groups "
	subnetsField     = "subnets "
	addressField     = "address type "
	checkField       = "health check "
	inboundField     = "inbound rules"
)

func attributeField(r stack.Ref, id string) string {
	return "attribute " + string(r.Kind) + "/" + id + "/"
}
func tagField(r stack.Ref, id string) string { return "tag " + string(r.Kind) + "/" + id + "/" }

// Wanted are the fields of a stack.
func Wanted(s *stack.Stack) Fields {
	f := Fields{}
	for _, lb := range s.LoadBalancers {
		r := stack.Ref{Kind: stack.KindLoadBalancer, ID: lb.ID}
		f.set(groupsField+lb.ID, lb.SecurityGroups, lb.PrivateLinkRules)
		f.set(subnetsField+lb.ID, lb.Subnets, lb.NetworkSourceNAT)
		f.set(addressField+lb.ID, lb.IPAddressType)
		f.entries(attributeField(r, lb.ID), lb.Attributes)
		f.entries(tagField(r, lb.ID), lb.Tags)
	}
	for _, l := range s.Listeners {
		r := stack.Ref{Kind: stack.KindListener, ID: l.ID}
		f.set(listenerField+l.ID, l.LoadBalancer, l.Protocol, l.DefaultActions, secrets(l.DefaultActions), l.SSLPolicy,
			l.Certificates, l.ALPN, l.Mutual)
		f.set(certificateField+l.ID, l.Certificates, l.SNI)
		f.entries(attributeField(r, l.ID), l.Attributes)
		f.entries(tagField(r, l.ID), l.Tags)
	}
	rules := map[string][]any{}
	for _, r := range s.Rules {
		rules[r.Listener.ID] = append(rules[r.Listener.ID], r.Conditions, r.Actions, secrets(r.Actions), r.Transforms)
		f.entries(tagField(stack.Ref{Kind: stack.KindRule}, r.ID), r.Tags)
	}
	for _, l := range s.Listeners {
		f.set(rulesField+l.ID, rules[l.ID]...)
	}
	for _, tg := range s.TargetGroups {
		r := stack.Ref{Kind: stack.KindTargetGroup, ID: tg.ID}
		f.set(checkField+tg.ID, tg.HealthCheck, tg.ProtocolVersion)
		f.entries(attributeField(r, tg.ID), tg.Attributes)
		f.entries(tagField(r, tg.ID), tg.Tags)
	}
	var inbound []any
	for _, g := range s.SecurityGroups {
		if !g.Shared {
			inbound = append(inbound, g.ID, g.Ingress)
		}
		f.entries(tagField(stack.Ref{Kind: stack.KindSecurityGroup}, g.ID), g.Tags)
	}
	f.set(inboundField, inbound...)
	return f
}

func (f Fields) set(field string, values ...any) {
	h := fnv.New64a()
	_ = json.NewEncoder(h).Encode(values) // structs of a stack have a JSON form, and a hash takes everything
	f[field] = strconv.FormatUint(h.Sum64(), 36)
}

func (f Fields) entries(prefix string, values map[string]string) {
	for k, v := range values {
		f.set(prefix+k, v)
	}
}

// secrets tell credentials of clients apart, which have no JSON form.
func secrets(as []stack.Action) (out []string) {
	for _, a := range as {
		if a.OIDC != nil {
			out = append(out, a.OIDC.ClientID.Fingerprint(), a.OIDC.ClientSecret.Fingerprint())
		}
	}
	return out
}

// Settle are the fields that count as applied last after a plan was carried out: as they are wanted, but for those of
// steps that were not done, of withheld ones, and of tags that were not read. applied is what counted before; nil =
// nothing is known, and the fields of withheld steps count as they are wanted.
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
			for _, key := range keysOf(s.Op) {
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
	is := func(tags map[string]string, k stack.Kind, id string) bool {
		prefix := tagField(stack.Ref{Kind: k}, id)
		return tags == nil && len(field) > len(prefix) && field[:len(prefix)] == prefix
	}
	return slices.ContainsFunc(o.LoadBalancers, func(r awsop.LoadBalancer) bool {
		return is(r.Tags, stack.KindLoadBalancer, r.ID)
	}) ||
		slices.ContainsFunc(o.TargetGroups, func(r awsop.TargetGroup) bool {
			return is(r.Tags, stack.KindTargetGroup, r.ID)
		}) ||
		slices.ContainsFunc(o.SecurityGroups, func(r awsop.SecurityGroup) bool {
			return is(r.Tags, stack.KindSecurityGroup, r.ID)
		})
}

// written is what a step writes of a group of fields. The zero value is that of a step to which no drift policy
// applies.
type written struct {
	group  drift.Group
	fields []string
	keyed  bool // fields has one prefix, which the keys of the operation complete
}

// writtenBy is what a step writes.
func writtenBy(s plan.Step, ids map[string]string) written {
	is := func(g drift.Group, fields ...string) written { return written{group: g, fields: fields} }
	keyed := func(g drift.Group, prefix string) written { return written{g, []string{prefix}, true} }
	attributes := func(g drift.Group, r stack.Ref) written { return keyed(g, attributeField(r, idOf(r, ids))) }
	switch op := s.Op.(type) {
	case awsop.CreateRule:
		return is(drift.Rules, rulesField+idOf(op.Rule.Listener, ids))
	case awsop.ModifyRule:
		return is(drift.Rules, rulesField+listenerOf(op.Ref, op.Rule.Listener, ids))
	case awsop.SetRulePriorities:
		return is(drift.Rules, rulesField+idOf(op.Listener, ids))
	case awsop.DeleteRule:
		return is(drift.Rules, rulesField+idOf(op.Rule, ids))
	case awsop.CreateListener:
		return is(drift.Listeners, listenerField+op.Listener.ID)
	case awsop.ModifyListener:
		return is(drift.Listeners, listenerField+idOf(op.Ref, ids))
	case awsop.DeleteListener:
		return is(drift.Listeners, listenerField+idOf(op.Listener, ids))
	case awsop.AddListenerCertificates:
		return is(drift.Listeners, certificateField+idOf(op.Listener, ids))
	case awsop.RemoveListenerCertificates:
		return is(drift.Listeners, certificateField+idOf(op.Listener, ids))
	case awsop.ModifyListenerAttributes:
		return attributes(drift.Listeners, op.Listener)
	case awsop.ModifyLoadBalancerAttributes:
		return attributes(drift.LoadBalancer, op.LoadBalancer)
	case awsop.SetSecurityGroups:
		return is(drift.LoadBalancer, groupsField+idOf(op.LoadBalancer, ids))
	case awsop.SetSubnets:
		fields := []string{subnetsField + idOf(op.LoadBalancer, ids)}
		if op.IPAddressType != "" {
			fields = append(fields, addressField+idOf(op.LoadBalancer, ids))
		}
		return is(drift.LoadBalancer, fields...)
	case awsop.SetIpAddressType:
		return is(drift.LoadBalancer, addressField+idOf(op.LoadBalancer, ids))
	case awsop.ModifyTargetGroup:
		return is(drift.TargetGroups, checkField+idOf(op.TargetGroup, ids))
	case awsop.ModifyTargetGroupAttributes:
		return attributes(drift.TargetGroups, op.TargetGroup)
	case awsop.AuthorizeSecurityGroupIngress, awsop.RevokeSecurityGroupIngress:
		return is(drift.SecurityGroupRules, inboundField)
	case awsop.AddTags:
		return keyed(drift.Tags, tagField(op.Resource, idOf(op.Resource, ids)))
	case awsop.RemoveTags:
		return keyed(drift.Tags, tagField(op.Resource, idOf(op.Resource, ids)))
	case awsop.CreateTags:
		return keyed(drift.Tags, tagField(op.Group, idOf(op.Group, ids)))
	case awsop.DeleteTags:
		return keyed(drift.Tags, tagField(op.Group, idOf(op.Group, ids)))
	}
	return written{}
}

// listenerOf is the identity of the listener of a rule.
func listenerOf(rule, listener stack.Ref, ids map[string]string) string {
	if id := idOf(listener, ids); id != "" {
		return id
	}
	return idOf(rule, ids)
}

// tracks reports whether the controller finds resources by a tag of this key.
func tracks(ids map[string]string, key string) bool {
	owner := stack.Owner(ids[""])
	return key == naming.ClusterTag || key == naming.ReplacesTag || key == naming.StackTag(owner) ||
		key == naming.ResourceTag(owner)
}

// keysOf are the keys that an operation sets or removes, in order.
func keysOf(op plan.Operation) []string {
	switch op := op.(type) {
	case awsop.RemoveTags:
		return op.Keys
	case awsop.DeleteTags:
		return op.Keys
	}
	return slices.Sorted(maps.Keys(op.Traits().Values))
}

// withKeys is a step with some of the keys of its operation; ok is false if none are left. A step has a reason for each
// of its keys, or reasons for all of them.
func withKeys(s plan.Step, keep func(key string) bool) (_ plan.Step, ok bool) {
	keys := keysOf(s.Op)
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
	values := func(all map[string]string) map[string]string {
		out := map[string]string{}
		for _, k := range left {
			out[k] = all[k]
		}
		return out
	}
	switch op := s.Op.(type) {
	case awsop.ModifyListenerAttributes:
		op.Attributes = values(op.Attributes)
		s.Op = op
	case awsop.ModifyLoadBalancerAttributes:
		op.Attributes = values(op.Attributes)
		s.Op = op
	case awsop.ModifyTargetGroupAttributes:
		op.Attributes = values(op.Attributes)
		s.Op = op
	case awsop.AddTags:
		op.Tags = values(op.Tags)
		s.Op = op
	case awsop.CreateTags:
		op.Tags = values(op.Tags)
		s.Op = op
	case awsop.RemoveTags:
		op.Keys = left
		s.Op = op
	case awsop.DeleteTags:
		op.Keys = left
		s.Op = op
	}
	return s, true
}
