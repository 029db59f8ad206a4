package ingress

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// noteUnused notes malformed actions that no backend names. They have no effect until a backend names them.
func (t *translation) noteUnused() {
	prefix := string(annotation.Actions.For(""))
	used := map[string]bool{}
	for _, b := range backendsOf(t.ingress) {
		used[b] = true
	}
	for _, key := range slices.Sorted(maps.Keys(t.ingress.Annotations)) {
		name, ok := strings.CutPrefix(key, prefix)
		if !ok || used[name] {
			continue
		}
		if err := json.Unmarshal([]byte(t.ingress.Annotations[key]), &annotation.Action{}); err != nil {
			t.findings.Add(diag.New(Object(t.ingress), annotation.Key(key).Path(), diag.IgnoredSetting,
				fmt.Sprintf("the action is malformed, and no backend of the Ingress names it: %v", err), "correct it, or remove it").In(diag.Route))
		}
	}
}

// backendsOf are the names of the Services, and of annotated actions, that are backends of an Ingress.
func backendsOf(ing *networkingv1.Ingress) []string {
	var out []string
	add := func(b *networkingv1.IngressBackend) {
		if b != nil && b.Service != nil {
			out = append(out, b.Service.Name)
		}
	}
	add(ing.Spec.DefaultBackend)
	for _, r := range ing.Spec.Rules {
		if r.HTTP == nil {
			continue
		}
		for i := range r.HTTP.Paths {
			add(&r.HTTP.Paths[i].Backend)
		}
	}
	return out
}
