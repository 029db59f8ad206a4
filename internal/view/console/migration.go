package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
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
	slices.SortFunc(out, func(a, b comparedGateway) int { return cmp.Compare(a.Name, b.Name) })
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
