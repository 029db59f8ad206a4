package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// differenceEntry is one field of a resource on both sides.
type differenceEntry struct {
	ResourceType      string `json:"resourceType"`
	CorrelationID     string `json:"correlationId"`
	IngressResourceID string `json:"ingressResourceId,omitempty"`
	GatewayResourceID string `json:"gatewayResourceId,omitempty"`
	Field             string `json:"field"`
	Ingress           any    `json:"ingress,omitempty"`
	Gateway           any    `json:"gateway,omitempty"`
	Status            string `json:"status"` // same, changed, added or removed
	Known             bool   `json:"known,omitempty"`
	KnownCause        string `json:"knownCause,omitempty"`
}

// flat is a resource as values by the path of their field.
type flat struct {
	id     string
	fields map[string]any
}

// flatten makes the resources of a plan flat, by type and correlation.
func flatten(p planned) map[[2]string]flat {
	out := map[[2]string]flat{}
	correlation := map[string]string{}
	for id, b := range p.Resources[typeTargetGroupBinding] {
		if ref, ok := lookup(b.Spec, "template", "spec", "serviceRef").(map[string]any); ok {
			ns, _ := lookup(b.Spec, "template", "metadata", "namespace").(string)
			correlation[id] = fmt.Sprintf("%s/%v:%v", ns, ref["name"], ref["port"])
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(p.Resources)) {
		for _, id := range slices.Sorted(maps.Keys(p.Resources[kind])) {
			key := [2]string{kind, id}
			if c := correlation[id]; c != "" && (kind == typeTargetGroup || kind == typeTargetGroupBinding) {
				key[1] = c
				for n := 2; ; n++ { // two target groups of one port of a Service stay two
					if _, taken := out[key]; !taken {
						break
					}
					key[1] = fmt.Sprintf("%s (%d)", c, n)
				}
			}
			f := flat{id, map[string]any{}}
			f.add("spec", p.Resources[kind][id].Spec)
			out[key] = f
		}
	}
	return out
}

func lookup(v any, keys ...string) any {
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

func (f flat) add(at string, v any) {
	if m, ok := v.(map[string]any); ok && len(m) > 0 {
		for k, x := range m {
			f.add(at+"."+k, x)
		}
		return
	}
	f.fields[at] = v
}

func compared(before, after planned, annotations map[string]string) []differenceEntry {
	a, b := flatten(before), flatten(after)
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	out := []differenceEntry{}
	for _, k := range slices.SortedFunc(maps.Keys(keys), func(x, y [2]string) int {
		return cmp.Or(cmp.Compare(rank(x[0]), rank(y[0])), cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]))
	}) {
		fields := maps.Clone(a[k].fields)
		if fields == nil {
			fields = map[string]any{}
		}
		maps.Copy(fields, b[k].fields)
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			e := differenceEntry{ResourceType: k[0], CorrelationID: k[1], IngressResourceID: a[k].id, GatewayResourceID: b[k].id,
				Field: name}
			x, inA := a[k].fields[name]
			y, inB := b[k].fields[name]
			e.Ingress, e.Gateway = x, y
			switch {
			case !inA:
				e.Status = "added"
			case !inB:
				e.Status = "removed"
			case canonical(x) == canonical(y):
				e.Status = "same"
			default:
				e.Status = "changed"
			}
			e.KnownCause = knownCause(e, annotations)
			e.Known = e.KnownCause != ""
			out = append(out, e)
		}
	}
	return out
}

func rank(kind string) int {
	order := []string{typeLoadBalancer, "AWS::ElasticLoadBalancingV2::Listener", typeListenerRule, typeTargetGroup}
	if i := slices.Index(order, kind); i >= 0 {
		return i
	}
	return len(order)
}

// canonical is a value as text in which the order of lists does not matter.
func canonical(v any) string {
	switch v := v.(type) {
	case []any:
		all := make([]string, len(v))
		for i, x := range v {
			all[i] = canonical(x)
		}
		slices.Sort(all)
		return "[" + strings.Join(all, ",") + "]"
	case map[string]any:
		var all []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			all = append(all, fmt.Sprintf("%q:%s", k, canonical(v[k])))
		}
		return "{" + strings.Join(all, ",") + "}"
	}
	text, _ := json.Marshal(v) // decoded from JSON
	return string(text)
}

// generated is a name that the controller makes.
var generated = regexp.MustCompile(`^k8s-[a-z0-9]+(-[a-z0-9]+)?-[0-9a-f]{10}$`)

// nameFields are the fields with the names of resources.
var nameFields = map[[2]string]bool{
	{typeLoadBalancer, "spec.name"}: true, {typeTargetGroup, "spec.name"}: true,
	{typeSecurityGroup, "spec.groupName"}:                   true,
	{typeTargetGroupBinding, "spec.template.metadata.name"}: true,
}

// checkFields are the settings of health checks whose defaults are others for Gateways, with the annotations that set
// them on Ingresses.
var checkFields = map[string]string{
	"spec.healthCheckConfig.healthyThresholdCount":   "healthy-threshold-count",
	"spec.healthCheckConfig.unhealthyThresholdCount": "unhealthy-threshold-count",
	"spec.healthCheckConfig.matcher.httpCode":        "success-codes",
}

// knownCause is why a difference is in every migration; empty = it is not.
func knownCause(e differenceEntry, annotations map[string]string) string {
	changed := e.Status == "changed"
	x, _ := e.Ingress.(string)
	y, _ := e.Gateway.(string)
	annotation, check := checkFields[e.Field]
	_, set := annotations[ingressPrefix+annotation]
	switch {
	case e.Status == "added" && e.Field == "spec.tags."+migratedFrom:
		return "the tag of the migration"
	case changed && nameFields[[2]string{e.ResourceType, e.Field}] && generated.MatchString(x) && generated.MatchString(y):
		return "names are generated"
	case changed && e.ResourceType == typeTargetGroup && check && !set:
		return "Gateways have another default, and the Ingress does not set the field"
	case changed && e.ResourceType == typeListenerRule && e.Field == "spec.actions" && canonical(anonymous(e.Ingress)) ==
		canonical(anonymous(e.Gateway)):
		return "the target groups are new ones"
	case changed && e.ResourceType == typeTargetGroupBinding && e.Field == "spec.template.spec.targetGroupARN.$ref":
		return "the target groups are new ones"
	}
	return ""
}

// anonymous are actions without the identities of target groups, and without weights of 1.
func anonymous(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = anonymous(x)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			ref, isText := x.(string)
			switch {
			case k == "$ref" && isText && strings.Contains(ref, typeTargetGroup+"/"):
				out[k] = "target group"
			case k == "weight" && x == float64(1):
			default:
				out[k] = anonymous(x)
			}
		}
		return out
	}
	return v
}
