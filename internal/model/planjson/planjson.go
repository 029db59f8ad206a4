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
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// document is the whole text.
type document struct {
	ID        string                         `json:"id"`
	Resources map[string]map[string]resource `json:"resources"`
}

// resource is one entry. It has no status, because a desired stack is not deployed.
type resource struct {
	Spec any `json:"spec,omitempty"`
	// TargetGroups belongs to the one entry without a spec, which the existing controller writes for every ALB.
	TargetGroups any `json:"TargetGroups,omitempty"`
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
	d := document{ID: s.Key.ID.String(), Resources: map[string]map[string]resource{}}
	put := func(kind, id string, spec any) {
		if d.Resources[kind] == nil {
			d.Resources[kind] = map[string]resource{}
		}
		d.Resources[kind][id] = resource{Spec: spec}
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
		d.Resources[typeFrontend] = map[string]resource{typeFrontend: {TargetGroups: frontends(s)}}
	}
	text, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("writing stack %s as JSON: %w", s.Key, err)
	}
	return text, nil
}

// Digest is a short name of a stack: of what Marshal writes, and so without secrets.
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

type keyValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

func pairs(m map[string]string) []keyValue {
	var out []keyValue
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, keyValue{k, m[k]})
	}
	return out
}
