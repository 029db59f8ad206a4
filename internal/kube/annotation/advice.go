package annotation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// serviceLoadBalancerPrefix is the prefix of the keys of load balancers on a Service. Other keys below ServicePrefix
// belong to other controllers, except for those of the table.
const serviceLoadBalancerPrefix = ServicePrefix + "aws-load-balancer-"

// foreign are keys with that prefix that the cloud provider's own controller reads for Classic Load Balancers.
var foreign = map[Key]bool{
	service("connection-draining-enabled"):     true,
	service("connection-draining-timeout"):     true,
	service("connection-idle-timeout"):         true,
	service("access-log-emit-interval"):        true,
	service("extra-security-groups"):           true,
	service("security-group-rule-description"): true,
}

// Check reports the annotation keys of an object that are unknown, that this version ignores, or that have no effect
// on the kind of the object. on is OnIngress for an Ingress, OnBoth for a backend Service of an Ingress, OnService
// for a Service with a load balancer, OnGateway for a Gateway, and OnRoute for a route of any kind.
func Check(f *Findings, o diag.Object, on Scope, annotations map[string]string) {
	for _, k := range examined(annotations) {
		key := Key(k)
		if !claims(on, k) {
			checkOthers(f, o, on, key, annotations)
			continue
		}
		e, ok := Lookup(key)
		switch {
		case !ok && foreign[key]:
			f.Add(diag.New(o, key.Path(), diag.IgnoredSetting,
				fmt.Sprintf("annotation %s belongs to Classic Load Balancers and has no effect", k), "remove it"))
		case !ok:
			f.Add(unknown(o, key))
		case !applies(e.Scope, on):
			f.Add(withoutEffect(o, key, annotations, unread(k, e.Scope), moveOrRemove(on)))
		}
	}
}

// CheckLabels reports labels of an object that are annotations, the first ten.
func CheckLabels(f *Findings, o diag.Object, labels map[string]string) {
	told := 0
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		e, known := Lookup(Key(k))
		if !known || told == 10 {
			continue
		}
		told++
		code := diag.IgnoredSetting
		if restricts(e.Key, labels[k]) {
			code = diag.GuardNotApplied
		}
		f.Add(diag.New(o, "metadata.labels["+k+"]", code, fmt.Sprintf("label %s has no effect: it is an annotation", k),
			"move it to metadata.annotations, or remove it"))
	}
}

// mostMisspelt is how many unknown keys of an object are compared with known ones: an object may have thousands, and
// each takes as long as a hundred known ones.
const mostMisspelt = 100

// examined are the keys of an object, in order, without the unknown ones beyond mostMisspelt.
func examined(annotations map[string]string) []string {
	compared := 0
	return slices.DeleteFunc(slices.Sorted(maps.Keys(annotations)), func(k string) bool {
		if _, known := Lookup(Key(k)); known || !hasPrefix(k, []string{IngressPrefix, ServicePrefix, GatewayPrefix}) {
			return false
		}
		compared++
		return compared > mostMisspelt
	})
}

// checkOthers reports a key that such objects do not have: of another controller, of the other prefix, or of a
// misspelt domain.
func checkOthers(f *Findings, o diag.Object, on Scope, k Key, annotations map[string]string) {
	meant := otherDomain(on, k)
	_, there := annotations[string(meant)]
	switch {
	case on == OnIngress && (ofBalancer(k) || foreign[k]):
		f.Add(otherPrefix(o, k, annotations))
	case on == OnService && strings.HasPrefix(string(k), IngressPrefix):
		checkIngressKey(f, o, k, annotations)
	case meant != "" && !there:
		d := unknown(o, k)
		d.Remedy = fmt.Sprintf("did you mean %s?", meant)
		f.Add(d)
	case readOn(k) == string(Written):
	case prefix(k) == GatewayPrefix && readOn(k) == "":
		f.Add(unknown(o, k))
	case prefix(k) == GatewayPrefix, onParameters[k] != nil:
		f.Add(withoutEffect(o, k, annotations, unread(k, readOn(k)), moveOrRemove(on)))
	default:
		if d, ok := ofOther(o, string(k), annotations[string(k)]); ok {
			f.Add(d)
		}
	}
}

// checkIngressKey reports a key with the prefix of Ingresses on a Service with a load balancer of its own. Those of
// target groups have an effect for Ingresses that name the Service.
func checkIngressKey(f *Findings, o diag.Object, k Key, annotations map[string]string) {
	e, known := Lookup(k)
	if known && (e.Scope == OnBoth || e.Scope == Written || e.Key == TargetControlPort) {
		return
	}
	remedy := "remove it"
	if c := counterpart(k); c != "" {
		remedy = "write " + string(c) + ", or remove it"
	}
	if !known {
		f.Add(unknown(o, k))
		return
	}
	f.Add(withoutEffect(o, k, annotations, unread(k, OnIngress), remedy))
}

// moveOrRemove is what to do about an annotation that such an object does not have.
func moveOrRemove(on Scope) string {
	if on == OnGateway || on == OnRoute {
		return "remove it; for a Gateway, use a field of a LoadBalancerConfiguration, TargetGroupConfiguration or " +
			"ListenerRuleConfiguration"
	}
	return "move it there, or remove it"
}

// OfIngress reports whether an object has an annotation with the prefix of those of Ingresses.
func OfIngress(annotations map[string]string) bool { return anyBegins(annotations, IngressPrefix) }

// OfService reports whether an object has an annotation with the prefix of those for load balancers of Services.
func OfService(annotations map[string]string) bool {
	return anyBegins(annotations, serviceLoadBalancerPrefix)
}

// ofBalancer reports whether a key is one of load balancers of Services.
func ofBalancer(k Key) bool {
	e, _ := Lookup(k)
	return strings.HasPrefix(string(k), serviceLoadBalancerPrefix) && !foreign[k] || e.Scope == OnService
}

func anyBegins(annotations map[string]string, prefix string) bool {
	for k := range annotations {
		if strings.HasPrefix(k, prefix) {
			return true
		}
	}
	return false
}

// claims reports whether a key has a prefix of the keys that are read on such objects.
func claims(on Scope, k string) bool {
	if on == OnGateway || on == OnRoute {
		return strings.HasPrefix(k, GatewayPrefix) || strings.HasPrefix(k, IngressPrefix) ||
			strings.HasPrefix(k, serviceLoadBalancerPrefix) || ofBalancer(Key(k))
	}
	if on != OnService {
		return strings.HasPrefix(k, IngressPrefix)
	}
	_, known := Lookup(Key(k))
	return strings.HasPrefix(k, ServicePrefix+"aws-") || strings.HasPrefix(k, ServicePrefix) && (known ||
		Misspelt(Key(k)) != "")
}

func applies(scope, on Scope) bool {
	return scope == on || scope == Written || scope == OnBoth && on == OnIngress
}

func unknown(o diag.Object, k Key) diag.Diagnostic {
	remedy := "remove it, or look it up in the list of annotations"
	if meant := suggestion(k); meant != "" {
		remedy = meant
	}
	return diag.New(o, k.Path(), diag.UnknownAnnotation, fmt.Sprintf("annotation %s is unknown and has no effect", k),
		remedy)
}

// longestName is the maximum length of the part of a key after the slash (Kubernetes, "Annotations": 63 characters).
const longestName = 63

// Misspelt returns the known key that an unknown one most likely stands for; empty if the key is known, belongs to
// another controller or resembles none.
func Misspelt(k Key) Key {
	if _, ok := Lookup(k); ok || foreign[k] || unlike[k] != "" {
		return ""
	}
	meant := cmp.Or(formerNames[k], Nearest(k), restriction(k))
	if hasPrefix(string(k), prefixes) || !strings.HasPrefix(string(meant), serviceLoadBalancerPrefix) {
		return meant
	}
	return "" // of another cloud
}

// meantBy is the known key that a key of such objects most likely stands for, whose name or domain is misspelt. A key
// without a domain is never misspelt: users have such keys.
func meantBy(on Scope, k string) Key {
	switch {
	case claims(on, k):
		return Misspelt(Key(k))
	case ofOurs(prefix(Key(k))):
		return otherDomain(on, Key(k))
	}
	return ""
}

// MisspeltFor returns the first key of an object that most likely stands for a known one, which the object lacks.
func MisspeltFor(meant Key, annotations map[string]string) (k Key, ok bool) {
	if _, there := annotations[string(meant)]; there {
		return "", false
	}
	e, _ := Lookup(meant)
	for _, k := range examined(annotations) {
		if meantBy(e.Scope, k) == meant {
			return Key(k), true
		}
	}
	return "", false
}

// Misspellings returns the keys of an object, in order, that most likely stand for an annotation that the object lacks.
func Misspellings(o diag.Object, on Scope, annotations map[string]string) []intent.Misspelling {
	var out []intent.Misspelling
	for _, k := range examined(annotations) {
		meant, inEdit := meantBy(on, k), false
		if _, known := Lookup(Key(k)); meant == "" && !known {
			meant, inEdit = undotted(Key(k)), true
		}
		e, known := Lookup(meant)
		if _, there := annotations[string(meant)]; there || !known || e.Scope == Written || !applies(e.Scope, on) {
			continue
		}
		if cmp.Or(formerNames[Key(k)], Nearest(Key(k))) == "" && meant == restriction(Key(k)) &&
			asksForNothing(annotations[k]) {
			continue // nothing but a word of the key resembles the restriction
		}
		w := intent.Misspelling{Setting: cmp.Or(e.SettingName, suffix(meant)), Key: k, Meant: string(meant),
			Source: intent.At(o, Key(k).Path()), Guards: !inEdit && restricts(e.Key, annotations[k])}
		if e.Family != "" {
			w.Setting = string(meant)
		}
		if inEdit || !slices.Contains(restricting, e.Key) {
			w.Lacks = []string{annotated(o, on, string(meant))}
		}
		out = append(out, w)
	}
	return out
}

// annotated is an annotation as Misspelling.Lacks and Member.Named have it; on is as of Check, and empty for class
// parameters.
func annotated(o diag.Object, on Scope, k string) string {
	if on == OnBoth || on == "" {
		return k + " of " + o.String()
	}
	return k // of the member itself
}

// NameKeys adds the known keys of an object to what is named, which tell an edit that misspells one of them from one
// that adds an unknown key. Those that restrict need it not: in doubt, an unknown key was meant as one. In doubt about
// the dot after the name of a family, it was not.
func (f *Findings) NameKeys(o diag.Object, on Scope, annotations map[string]string) {
	for _, k := range slices.Sorted(maps.Keys(annotations)) {
		e, _ := Lookup(Key(k))
		if read := readOn(Key(k)); read == "" || read == string(Written) ||
			slices.Contains(restricting, e.Key) && e.Family == "" {
			continue
		}
		if once := (finding{o, k, "named"}); !f.seen[once] {
			f.saw(once)
			f.named = append(f.named, annotated(o, on, k))
		}
	}
}

// Nearest returns the known key that a misspelt one most likely stands for; empty if none is near. Of a family, the
// rest of the key is kept. For a name that is too long for the API server, which only files can have, the result is
// empty: comparing it could take seconds.
func Nearest(k Key) Key {
	if len(suffix(k)) > longestName {
		return ""
	}
	var best Key
	bestDistance := longestName
	for _, e := range entries {
		if prefix(e.Key) != prefix(k) {
			continue
		}
		name, known, rest := suffix(k), suffix(e.Key), ""
		if e.Family != "" {
			// Compare as many dots as the family has; the rest is a name of the user.
			if rest = cutDots(name, strings.Count(known, ".")); rest == "" {
				continue
			}
			name, known = strings.TrimSuffix(name[:len(name)-len(rest)], "."), strings.TrimSuffix(known, ".")
		}
		name, known = differing(strings.ToLower(name), known)
		tolerance := min(bestDistance, 2+len(name)/8)
		// The difference in length is a lower bound of the distance.
		if lengths := len(known) - len(name); max(lengths, -lengths) >= tolerance {
			continue
		}
		if d := Distance(name, known); d < tolerance {
			best, bestDistance = e.Key+Key(rest), d
		}
	}
	return best
}

// undotted is the key of a family that a key stands for if the dot after the family's name is missing, as in
// actionsTCP-80; empty if there is none.
func undotted(k Key) Key {
	for _, e := range entries {
		if e.Family == "" {
			continue
		}
		if rest, ok := strings.CutPrefix(string(k), strings.TrimSuffix(string(e.Key), ".")); ok && rest != "" {
			return e.Key + Key(rest)
		}
	}
	return ""
}

// differing cuts the words off with which both names begin: load-balancer-arn is no misspelt load-balancer-name.
func differing(a, b string) (restOfA, restOfB string) {
	for {
		word, rest, more := strings.Cut(a, "-")
		other, restOfOther, moreOfOther := strings.Cut(b, "-")
		if !more || !moreOfOther || word != other {
			return a, b
		}
		a, b = rest, restOfOther
	}
}

func prefix(k Key) string { return string(k[:strings.IndexByte(string(k), '/')+1]) }

func suffix(k Key) string { return string(k[strings.IndexByte(string(k), '/')+1:]) }

// cutDots is what follows the n-th dot; empty if there are fewer.
func cutDots(s string, n int) string {
	for ; n > 0; n-- {
		_, rest, ok := strings.Cut(s, ".")
		if !ok {
			return ""
		}
		s = rest
	}
	return s
}

// Distance returns the Levenshtein distance of two strings, with a swap of neighbours counted as one edit.
func Distance(a, b string) int {
	previous2, previous, current := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], previous2[j-2]+1)
			}
		}
		previous2, previous, current = previous, current, previous2
	}
	return previous[len(b)]
}
