package ingress

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// ofBackends are the families of annotations whose keys name backends.
var ofBackends = []annotation.Key{annotation.Actions, annotation.Conditions, annotation.Transforms,
	annotation.TargetControlPort}

// noteUnused notes annotations about actions and Services that no backend names. They have no effect until a backend
// names them.
func (t *translation) noteUnused() {
	used := t.usedKeys()
	for _, key := range slices.Sorted(maps.Keys(t.ingress.Annotations)) {
		for _, family := range ofBackends {
			name, ok := strings.CutPrefix(key, string(family.For("")))
			if !ok || name == "" || used[family][name] || family == annotation.TargetControlPort && t.namesPort(name) {
				continue
			}
			t.noteUnusedKey(family, name, used)
		}
	}
	for _, family := range ofBackends {
		t.read.CheckKeys(family, slices.Sorted(maps.Keys(used[family])))
	}
	t.noteDefault(used)
}

// usedKeys are the names, by family of annotations, for which the Ingress reads an annotation. A default action has
// neither conditions nor transforms.
func (t *translation) usedKeys() map[annotation.Key]map[string]bool {
	used := map[annotation.Key]map[string]bool{}
	for _, family := range ofBackends {
		used[family] = map[string]bool{}
	}
	for b := range objects.IngressBackends(t.ingress) {
		if b.Port.Name == useAnnotation {
			used[annotation.Actions][b.Name] = true
		} else if b.Port.Name != "" {
			used[annotation.TargetControlPort][b.Name+"."+b.Port.Name] = true
		}
		if b.Port.Number != 0 {
			used[annotation.TargetControlPort][fmt.Sprint(b.Name, ".", b.Port.Number)] = true
		}
		if t.ingress.Spec.DefaultBackend == nil || b != t.ingress.Spec.DefaultBackend.Service {
			used[annotation.Conditions][b.Name], used[annotation.Transforms][b.Name] = true, true
		}
	}
	return used
}

// noteUnusedKey notes an annotation that no backend names. used are the names that backends have, by family.
func (t *translation) noteUnusedKey(family annotation.Key, name string, used map[annotation.Key]map[string]bool) {
	key := family.For(name)
	value, code := t.ingress.Annotations[string(key)], diag.IgnoredSetting
	text, remedy := fmt.Sprintf("annotation %s has no effect: no backend of the Ingress is %s", key, name),
		"name a backend, or remove the annotation"
	service, _, ported := strings.Cut(name, ".")
	ported = ported && used[family][service]
	switch err := json.Unmarshal([]byte(value), &annotation.Action{}); {
	case family == annotation.Actions && err != nil:
		text, remedy = unusedAction(name, value, err)
	case family == annotation.Actions:
		text = fmt.Sprintf("annotation %s has no effect: no backend of the Ingress has service name %s and port name %s",
			key, name, useAnnotation)
		if used[annotation.Conditions][name] {
			remedy = fmt.Sprintf("write port name %s in the backend of Service %s, or remove the annotation", useAnnotation,
				name)
		}
		if strings.Contains(value, string(stack.ActionFixedResponse)) {
			code, text = diag.GuardNotApplied, text+"; it answers no requests"
		}
	case family == annotation.Conditions:
		code, text = diag.GuardNotApplied, text+"; it restricts the clients of no path"
	}
	if ported && family != annotation.TargetControlPort {
		remedy = fmt.Sprintf("did you mean %s? The key has no port", family.For(service))
	}
	t.findings.Add(diag.New(Object(t.ingress), key.Path(), code, text, remedy).In(diag.Route))
	if ported && family == annotation.Conditions {
		t.guardLost(key, text)
	}
}

// noteDefault notes annotations about the default backend that a default action cannot have.
func (t *translation) noteDefault(used map[annotation.Key]map[string]bool) {
	b := t.ingress.Spec.DefaultBackend
	if b == nil || b.Service == nil {
		return
	}
	for _, family := range []annotation.Key{annotation.Conditions, annotation.Transforms} {
		key := family.For(b.Service.Name)
		if _, _, ok := t.read.Raw(key); !ok {
			continue
		}
		text := fmt.Sprintf("annotation %s has no effect on spec.defaultBackend: a default action has no conditions and no "+
			"transforms", key)
		code, remedy := diag.IgnoredSetting, "name the Service in a rule with path /, or remove the annotation"
		ofRules := used[family][b.Service.Name]
		if ofRules {
			remedy = "name the Service in a rule with path / instead of spec.defaultBackend"
		}
		if family == annotation.Conditions {
			if code = diag.GuardNotApplied; !ofRules {
				t.guardLost(key, text)
			}
		}
		t.findings.Add(diag.New(Object(t.ingress), key.Path(), code, text, remedy).In(diag.Route))
	}
}

// guardLost has a new Ingress serve nothing because it would serve without the restriction of an annotation. One that
// serves already keeps serving: it never had the restriction.
func (t *translation) guardLost(key annotation.Key, text string) {
	t.findings.Misspell(intent.Misspelling{Setting: string(key), Key: string(key), Meant: string(key),
		Source: t.here(key.Path()), Text: text, Guards: true, Lacks: []string{text}})
}

// notePathless notes rules without paths, in one finding.
func (t *translation) notePathless() {
	const shown = 5
	first, pathless := -1, []string{}
	for i, r := range t.ingress.Spec.Rules {
		if r.HTTP == nil || len(r.HTTP.Paths) == 0 {
			if first < 0 {
				first = i
			}
			pathless = append(pathless, cmp.Or(r.Host, "any"))
		}
	}
	if first < 0 {
		return
	}
	hosts := strings.Join(pathless[:min(shown, len(pathless))], ", ")
	if more := len(pathless) - shown; more > 0 {
		hosts += fmt.Sprintf(" and %d more", more)
	}
	t.findings.Add(diag.New(Object(t.ingress), fmt.Sprintf("spec.rules[%d]", first), diag.IgnoredSetting, fmt.Sprintf(
		"the rule has no paths and no effect: requests for its host get the default action (host %s)", hosts),
		"add a path such as /, or remove the rule").In(diag.Route))
}

// noteRegex notes the annotation for regular expressions if no path can be one.
func (t *translation) noteRegex() {
	if !t.lenient(annotation.RegexPathMatch) || slices.ContainsFunc(t.ingress.Spec.Rules, func(
		r networkingv1.IngressRule) bool {
		return r.HTTP != nil && slices.ContainsFunc(r.HTTP.Paths, func(p networkingv1.HTTPIngressPath) bool {
			return path{HTTPIngressPath: p}.pathType() == networkingv1.PathTypeImplementationSpecific
		})
	}) {
		return
	}
	t.read.Ignored(annotation.RegexPathMatch, fmt.Sprintf("annotation %s has no effect: no path of the Ingress has "+
		"pathType ImplementationSpecific", annotation.RegexPathMatch),
		"set that pathType at paths that are regular expressions, or remove the annotation")
}

// grouped reports whether the Ingress is in a group, or may be.
func (t *translation) grouped() bool {
	id, d := groupOf(t.class, t.ingress)
	return d != nil || id.Namespace == ""
}

// told reports whether an annotation has a finding, with one of some codes if any are given.
func (t *translation) told(k annotation.Key, codes ...diag.Code) bool {
	return slices.ContainsFunc(t.findings.List(), func(d diag.Diagnostic) bool {
		return d.Path == k.Path() && (len(codes) == 0 || slices.Contains(codes, d.Code))
	})
}

// noteClass notes what the class of the Ingress makes meaningless.
func (t *translation) noteClass() {
	if c, ok := t.view.IngressClass(t.class.Name); ok && t.class.Name != "" {
		annotation.CheckKind(t.findings, owner.Object(c), c.Annotations)
		if ref := c.Spec.Parameters; ref != nil && ref.Namespace != nil {
			text := fmt.Sprintf("namespace %q of spec.parameters has no effect: IngressClassParams have no namespace",
				*ref.Namespace)
			t.findings.Add(diag.New(owner.Object(c), "spec.parameters.namespace", diag.IgnoredSetting, text,
				"remove it, and set scope: Cluster"))
		}
	}
	if p := t.class.Params; p != nil {
		annotation.CheckKind(t.findings, owner.Object(p), p.Annotations)
		t.findings.NameKeys(t.params("").Object(), "", p.Annotations)
		for _, wrong := range annotation.MisspeltParameters(t.params("").Object(), p.Annotations) {
			t.findings.Misspell(wrong)
		}
	}
	if !t.grouped() && !t.told(annotation.GroupOrder) {
		t.read.Ignored(annotation.GroupOrder, fmt.Sprintf("annotation %s has no effect: the Ingress is in no group",
			annotation.GroupOrder), fmt.Sprintf("set %s, or remove this annotation", annotation.GroupName))
	}
	t.noteLegacyClass()
}

// noteTLS notes what of spec.tls has no effect: all of it without an HTTPS listener, and Secrets that are not imported.
func (t *translation) noteTLS(imports bool) {
	note := func(path, text, remedy string) {
		t.findings.Add(diag.New(Object(t.ingress), path, diag.IgnoredSetting, text, remedy).In(diag.Certificate))
	}
	if t.told(annotation.ImportTLSSecrets) || slices.ContainsFunc(t.findings.List(), func(d diag.Diagnostic) bool {
		return strings.HasPrefix(d.Path, "spec.importTLSSecrets")
	}) {
		return // it says so
	}
	for i, tls := range t.ingress.Spec.TLS[:min(len(t.ingress.Spec.TLS), mostTLS)] {
		switch {
		case !t.secure:
			note("spec.tls", "spec.tls has no effect: the Ingress has no HTTPS listener, and its requests are not encrypted",
				fmt.Sprintf(`set annotation %s: '[{"HTTPS":443}]', or remove spec.tls`, annotation.ListenPorts))
			return
		case tls.SecretName != "" && !imports:
			note(fmt.Sprintf("spec.tls[%d].secretName", i), fmt.Sprintf("Secret %s has no effect: the load balancer takes its "+
				"certificates from ACM", tls.SecretName), fmt.Sprintf(`set annotation %s: "true" to import the Secret, or remove `+
				"secretName", annotation.ImportTLSSecrets))
		}
	}
}

// namesPort reports whether an action forwards to SERVICE.PORT, or may do so.
func (t *translation) namesPort(name string) bool {
	service, port, _ := strings.Cut(name, ".")
	for key, value := range t.ingress.Annotations {
		if strings.HasPrefix(key, string(annotation.Actions.For(""))) && strings.Contains(value, service) &&
			strings.Contains(value, port) {
			return true
		}
	}
	return false
}

// unusedAction says why an action that no backend names has no effect. Its name may be that of the annotation that was
// meant.
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
