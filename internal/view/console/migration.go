package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/lib/sorting"
)

// Planned is an object with the plan of its load balancer in an annotation.
type Planned struct {
	Gateway         bool // else it is an Ingress
	Namespace, Name string
	Group           string // of the Ingress
	Annotations     map[string]string
	Plan            []byte // as package planjson writes it
	Problem         string // why the plan cannot be read
}

// The marks of the existing tool on what it has translated.
const (
	migratedFrom  = "gateway.k8s.aws/migrated-from"
	ingressPrefix = "alb.ingress.kubernetes.io/"
)

func migrationRoutes(mux *http.ServeMux, s Source) {
	mux.HandleFunc("GET /api/namespaces", answer(func(r *http.Request) (any, error) {
		all, err := s.Plans(r.Context())
		return namespacesOf(all), err
	}))
	mux.HandleFunc("GET /api/gateways", answer(func(r *http.Request) (any, error) {
		namespace, err := required(r, "namespace")
		if err != nil {
			return nil, err
		}
		all, err := s.Plans(r.Context())
		return gatewaysOf(all, namespace), err
	}))
	mux.HandleFunc("GET /api/diff", answer(func(r *http.Request) (any, error) {
		namespace, err := required(r, "namespace")
		if err != nil {
			return nil, err
		}
		name, err := required(r, "gateway")
		if err != nil {
			return nil, err
		}
		all, err := s.Plans(r.Context())
		if err != nil {
			return nil, err
		}
		for _, p := range all {
			if p.Gateway && p.Namespace == namespace && p.Name == name {
				return differenceOf(all, p)
			}
		}
		return nil, fmt.Errorf("a plan of Gateway %s/%s: %w", namespace, name, ErrNotFound)
	}))
}

type namespaceOfGateways struct {
	Namespace    string `json:"namespace"`
	GatewayCount int    `json:"gatewayCount"`
}

func namespacesOf(all []Planned) []namespaceOfGateways {
	count := map[string]int{}
	for _, p := range all {
		if p.Gateway {
			count[p.Namespace]++
		}
	}
	out := []namespaceOfGateways{}
	for _, n := range slices.Sorted(maps.Keys(count)) {
		out = append(out, namespaceOfGateways{n, count[n]})
	}
	return out
}

type comparedGateway struct {
	Name         string          `json:"name"`
	Namespace    string          `json:"namespace"`
	Error        string          `json:"error,omitempty"`
	MigratedFrom string          `json:"migratedFrom,omitempty"`
	Summary      differenceCount `json:"summary"`
}

// differenceCount counts fields, the known ones included.
type differenceCount struct {
	Same    int `json:"same"`
	Changed int `json:"changed"`
	Added   int `json:"added"`
	Removed int `json:"removed"`
}

type difference struct {
	Entries []differenceEntry `json:"entries"`
	Summary differenceCount   `json:"summary"`
	From    string            `json:"migratedFrom"`
}

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

func gatewaysOf(all []Planned, namespace string) []comparedGateway {
	out := []comparedGateway{}
	for _, p := range all {
		if !p.Gateway || p.Namespace != namespace {
			continue
		}
		g := comparedGateway{Name: p.Name, Namespace: p.Namespace}
		if d, err := differenceOf(all, p); err != nil {
			g.Error = err.Error()
		} else {
			g.MigratedFrom, g.Summary = d.From, d.Summary
		}
		out = append(out, g)
	}
	sorting.By(out, func(a, b comparedGateway) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// planned is the JSON of a plan: resources by type and identity.
type planned struct {
	Resources map[string]map[string]struct {
		Spec map[string]any `json:"spec"`
	} `json:"resources"`
}

func parsePlan(p Planned) (out planned, err error) {
	if p.Problem != "" {
		return out, fmt.Errorf("%s: %s", p.Name, p.Problem)
	}
	if err := json.Unmarshal(p.Plan, &out); err != nil {
		return out, fmt.Errorf("the plan of %s/%s cannot be read: %w", p.Namespace, p.Name, err)
	}
	return out, nil
}

const (
	typeLoadBalancer       = "AWS::ElasticLoadBalancingV2::LoadBalancer"
	typeTargetGroup        = "AWS::ElasticLoadBalancingV2::TargetGroup"
	typeTargetGroupBinding = "K8S::ElasticLoadBalancingV2::TargetGroupBinding"
	typeListenerRule       = "AWS::ElasticLoadBalancingV2::ListenerRule"
	typeSecurityGroup      = "AWS::EC2::SecurityGroup"
)

// differenceOf compares the plan of a Gateway with that of the Ingresses that it was translated from.
func differenceOf(all []Planned, gateway Planned) (difference, error) {
	after, err := parsePlan(gateway)
	if err != nil {
		return difference{}, err
	}
	from := ""
	for _, lb := range after.Resources[typeLoadBalancer] {
		if tags, ok := lb.Spec["tags"].(map[string]any); ok {
			from, _ = tags[migratedFrom].(string)
		}
	}
	holder, err := holderOf(all, from)
	if err != nil {
		return difference{}, err
	}
	before, err := parsePlan(holder)
	if err != nil {
		return difference{}, err
	}
	d := difference{Entries: compared(before, after, holder.Annotations), From: from}
	for _, e := range d.Entries {
		switch e.Status {
		case "same":
			d.Summary.Same++
		case "changed":
			d.Summary.Changed++
		case "added":
			d.Summary.Added++
		case "removed":
			d.Summary.Removed++
		}
	}
	return d, nil
}

// holderOf is the Ingress that has the plan of what a Gateway was translated from.
func holderOf(all []Planned, from string) (Planned, error) {
	var found []Planned
	group, isGroup := strings.CutPrefix(from, "ingress-group/")
	one, isOne := strings.CutPrefix(from, "ingress/")
	for _, p := range all {
		if !p.Gateway && (isGroup && p.Group == group || isOne && p.Namespace+"/"+p.Name == one) {
			found = append(found, p)
		}
	}
	switch {
	case strings.HasPrefix(from, "service"):
		return Planned{}, fmt.Errorf("it is translated from %s, and Services have no plan in an annotation: the report of "+
			"lbc migrate compares both: %w", from, ErrNotFound)
	case !isGroup && !isOne:
		return Planned{}, fmt.Errorf("could not determine ingress plan holder: the load balancer of the Gateway has "+
			"no tag %s: %w", migratedFrom, ErrNotFound)
	case len(found) == 0:
		return Planned{}, fmt.Errorf("%s has no plan: it is not reconciled yet, or feature gate "+
			"IngressPlanAnnotation is off: %w", from, ErrNotFound)
	case len(found) > 1:
		var names []string
		for _, p := range found {
			names = append(names, p.Namespace+"/"+p.Name)
		}
		slices.Sort(names)
		return Planned{}, fmt.Errorf("several Ingresses of %s have a plan: %s: remove the stale annotations by hand: %w",
			from, strings.Join(names, ", "), ErrInvalid)
	}
	return found[0], nil
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
	for _, k := range sorting.Sorted(maps.Keys(keys), func(x, y [2]string) int {
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
		return "the defaults of Gateways are others, and the Ingress does not set it"
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
