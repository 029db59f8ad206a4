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
			text, remedy := unusedAction(name, t.ingress.Annotations[key], err)
			t.findings.Add(diag.New(Object(t.ingress), annotation.Key(key).Path(), diag.IgnoredSetting, text, remedy).In(diag.Route))
		}
	}
}

// unusedAction says why an action that no backend names has no effect. Its name may be that of the annotation that was meant.
func unusedAction(name, value string, err error) (text, remedy string) {
	text = fmt.Sprintf("the action is malformed, and no backend of the Ingress names it: %v", annotation.JSONError(err))
	meant := annotation.Key(annotation.IngressPrefix + name)
	e, known := annotation.Lookup(meant)
	switch {
	case !known || e.Scope == annotation.Written:
		return text, "correct it, or remove it"
	case meant == annotation.SSLRedirect:
		text += "; HTTP ports are served without a redirect"
	}
	return text, fmt.Sprintf("did you mean %s: %q? Else correct it, or remove it", meant, value)
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
