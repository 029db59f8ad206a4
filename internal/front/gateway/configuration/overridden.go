package configuration

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	gatewayv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

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
