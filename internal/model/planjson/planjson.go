// Package planjson holds the JSON forms of the existing controller: Marshal writes a stack as in its plan annotations,
// with resources by type and identity, and references as {"$ref": "#/resources/…"}; conditions, transforms and actions
// have the same form in annotations. Equal stacks give equal text, byte by byte; secrets are redacted.
package planjson

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// object is a JSON object with its members in the order of the existing controller.
type object []member

type member struct {
	name  string
	value any
}

// optional is a member that an object omits if its value is empty, as encoding/json does.
func optional(name string, value any) member {
	v := reflect.ValueOf(value)
	if !v.IsValid() || v.IsZero() || (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0 {
		return member{}
	}
	return member{name, value}
}

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for _, m := range o {
		if m.name == "" {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		out = append(append(strconv.AppendQuote(out, m.name), ':'), value...)
	}
	return append(out, '}'), nil
}

// list converts each element. It is never nil, so that an empty list is written.
func list[T, O any](from []T, of func(T) O) []O {
	out := make([]O, 0, len(from))
	for _, x := range from {
		out = append(out, of(x))
	}
	return out
}

// Types of resources in plan annotations.
const (
	typeSecurityGroup = "AWS::EC2::SecurityGroup"
	typeLoadBalancer  = "AWS::ElasticLoadBalancingV2::LoadBalancer"
	typeListener      = "AWS::ElasticLoadBalancingV2::Listener"
	typeRule          = "AWS::ElasticLoadBalancingV2::ListenerRule"
	typeTargetGroup   = "AWS::ElasticLoadBalancingV2::TargetGroup"
	typeFrontend      = "FrontendNLBTargetGroup"
	typeBinding       = "K8S::ElasticLoadBalancingV2::TargetGroupBinding"
)

// statuses are, per kind, the type of a resource and the status field that references name.
var statuses = map[stack.Kind]struct{ kind, field string }{
	stack.KindSecurityGroup: {typeSecurityGroup, "groupID"},
	stack.KindLoadBalancer:  {typeLoadBalancer, "loadBalancerARN"},
	stack.KindListener:      {typeListener, "listenerARN"},
	stack.KindTargetGroup:   {typeTargetGroup, "targetGroupARN"},
}

// Marshal writes a stack on one line.
func Marshal(s *stack.Stack) ([]byte, error) {
	resources := map[string]map[string]object{}
	put := func(kind, id string, spec object) {
		if resources[kind] == nil {
			resources[kind] = map[string]object{}
		}
		// without a status, because a desired stack is not deployed
		resources[kind][id] = object{{"spec", spec}}
	}
	for _, g := range s.SecurityGroups {
		put(typeSecurityGroup, g.ID, ofSecurityGroup(g))
	}
	for _, c := range s.Certificates {
		put(typeCertificate, c.ID, ofCertificate(c))
	}
	for _, lb := range s.LoadBalancers {
		put(typeLoadBalancer, lb.ID, ofLoadBalancer(lb))
		addOns(lb, put)
	}
	for _, l := range s.Listeners {
		put(typeListener, l.ID, ofListener(l))
	}
	for _, r := range s.Rules {
		put(typeRule, r.ID, ofRule(r))
	}
	for _, t := range s.TargetGroups {
		put(typeTargetGroup, t.ID, ofTargetGroup(t))
	}
	for _, b := range s.Bindings {
		put(typeBinding, b.ID, ofBinding(b))
	}
	if slices.ContainsFunc(s.LoadBalancers, func(lb stack.LoadBalancer) bool { return lb.Type == stack.Application }) {
		// the one entry without a spec, which the existing controller writes for every ALB
		resources[typeFrontend] = map[string]object{typeFrontend: {{"TargetGroups", frontends(s)}}}
	}
	text, err := json.Marshal(object{{"id", s.Key.ID.String()}, {"resources", resources}})
	if err != nil {
		return nil, fmt.Errorf("writing stack %s as JSON: %w", s.Key, err)
	}
	return text, nil
}

// Digest returns a short name of a stack: of what Marshal writes, and so without secrets.
func Digest(s *stack.Stack) (string, error) {
	text, err := Marshal(s)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), nil
}

// reference is a $ref to a resource of the plan, or the id of an existing one.
func reference(r stack.Ref) any {
	if r.Literal != "" {
		return r.Literal
	}
	s := statuses[r.Kind]
	return map[string]string{"$ref": "#/resources/" + s.kind + "/" + r.ID + "/status/" + s.field}
}

// pairs lists the entries of a map by key, as objects with a member for the key and one for the value.
func pairs(m map[string]string, key, value string) (out []object) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, object{{key, k}, {value, m[k]}})
	}
	return out
}
