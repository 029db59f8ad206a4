package configuration

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	gatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// Repeated is an entry of a list that has no effect, because another entry of the list has the same key.
type Repeated struct {
	intent.Source
	Key   string
	Index int // of the entry that applies
}

// Text says why the entry has no effect.
func (r Repeated) Text() string {
	return fmt.Sprintf("entry %d has the same %s and applies", r.Index, r.Key)
}

// RepeatedInLoadBalancer returns the entries of a LoadBalancerConfiguration that later entries override.
func RepeatedInLoadBalancer(c *gatewayv1.LoadBalancerConfiguration) []Repeated {
	of := repeats{object: Object(c)}
	of.attributes("spec.loadBalancerAttributes", c.Spec.LoadBalancerAttributes)
	const path = "spec.listenerConfigurations"
	of.entries(path, len(c.Spec.ListenerConfigurations), true, func(i int) (key, value string) {
		one := &c.Spec.ListenerConfigurations[i]
		return "protocolPort " + strings.ToUpper(string(one.ProtocolPort)), textOf(one)
	})
	for i := range c.Spec.ListenerConfigurations {
		of.attributes(fmt.Sprintf("%s[%d].listenerAttributes", path, i), c.Spec.ListenerConfigurations[i].ListenerAttributes)
	}
	return of.found
}

// RepeatedInTargetGroups returns the entries of a TargetGroupConfiguration that other entries override.
func RepeatedInTargetGroups(c *gatewayv1.TargetGroupConfiguration) []Repeated {
	of := repeats{object: diag.Object{Kind: "TargetGroupConfiguration", Namespace: c.Namespace, Name: c.Name}}
	const field, path = "targetGroupAttributes", "spec.routeConfigurations"
	of.attributes("spec.defaultConfiguration."+field, c.Spec.DefaultConfiguration.TargetGroupAttributes)
	of.entries(path, len(c.Spec.RouteConfigurations), false, func(i int) (key, value string) {
		one := &c.Spec.RouteConfigurations[i]
		return "routeIdentifier " + textOf(one.RouteIdentifier), textOf(one)
	})
	for i := range c.Spec.RouteConfigurations {
		of.attributes(fmt.Sprintf("%s[%d].targetGroupProps.%s", path, i, field),
			c.Spec.RouteConfigurations[i].TargetGroupProps.TargetGroupAttributes)
	}
	return of.found
}

type repeats struct {
	object diag.Object
	found  []Repeated
}

func (r *repeats) attributes(path string, all []gatewayv1.Attribute) {
	r.entries(path, len(all), true, func(i int) (key, value string) { return "key " + all[i].Key, all[i].Value })
}

// entries finds the entries of a list that have the key of another entry and another value. last is true if the last
// entry of a key applies, otherwise the first one does.
func (r *repeats) entries(path string, n int, last bool, entry func(i int) (key, value string)) {
	applies := map[string]int{}
	for i := range n {
		key, _ := entry(i)
		if _, seen := applies[key]; last || !seen {
			applies[key] = i
		}
	}
	for i := range n {
		key, value := entry(i)
		at := applies[key]
		if _, other := entry(at); other != value {
			r.found = append(r.found, Repeated{intent.At(r.object, fmt.Sprintf("%s[%d]", path, i)), key, at})
		}
	}
}

// Overridden returns the fields of the part without precedence that have no effect, because the other part has another
// value.
func Overridden(ls Layers[gatewayv1.LoadBalancerConfigurationSpec]) (out []intent.Source) {
	if len(ls) < 2 {
		return nil
	}
	holds, lost := entriesOf(ls[0].Spec), entriesOf(ls[1].Spec)
	for _, field := range slices.Sorted(maps.Keys(lost)) {
		if value, ok := holds[field]; ok && value != lost[field] {
			out = append(out, ls[1].source(field))
		}
	}
	return out
}

// entriesOf are the values of a configuration by field, and by key where parts are joined by key.
func entriesOf(spec *gatewayv1.LoadBalancerConfigurationSpec) map[string]string {
	out := map[string]string{}
	for k, v := range spec.Tags {
		out["tags["+k+"]"] = v
	}
	for _, a := range spec.LoadBalancerAttributes {
		out["loadBalancerAttributes["+a.Key+"]"] = a.Value
	}
	for i := range spec.ListenerConfigurations {
		c := &spec.ListenerConfigurations[i]
		out[fmt.Sprintf("listenerConfigurations[%s]", c.ProtocolPort)] = textOf(c)
	}
	rest := *spec
	rest.Tags, rest.LoadBalancerAttributes, rest.ListenerConfigurations, rest.MergingMode = nil, nil, nil, nil
	rest.DefaultTargetGroupConfiguration = nil // each of the two that it names has an effect
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(textOf(rest)), &fields) == nil {
		for field, v := range fields {
			out[field] = string(v)
		}
	}
	return out
}

// textOf is a value as JSON. What comes from the API server can be written so.
func textOf(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
