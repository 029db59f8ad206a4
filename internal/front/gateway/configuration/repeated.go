package configuration

import (
	"fmt"
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
