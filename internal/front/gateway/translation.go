package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/configuration"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// translation is the state of the translation of one Gateway.
type translation struct {
	*Loaded
	view   *objects.View
	config Config
	rules  rule.Construction

	found   diag.List
	told    map[diag.Diagnostic]bool           // those of found
	causes  map[diag.Diagnostic]bool           // those of found, without their fields
	uids    map[types.NamespacedName]types.UID // of the admitted ListenerSets; nil = not gathered
	refsOf  map[int]diag.List                  // what is wrong with certificates of ListenerSets, by listener
	refused *attachment.Problem                // why the Gateway is not accepted
	routes  []attached
	// what is wrong with the certificates, and with the authorities of clients, of each of listeners.All
	refs []*attachment.Problem
	// unserved are listeners that cannot be served although they are valid, by their index.
	unserved     map[int]bool
	named        map[int]bool // listeners with certificates that their configuration names, or named before
	certificates []intent.Certificate
	owned        map[string]bool             // the identities of certificates
	stickiness   map[int32]*stack.Stickiness // of forwards of NLBs, by port
	quic         map[int32]bool              // ports for which QUIC is declared
	clients      map[int32]clientValidation  // of HTTPS ports that spec.tls.frontend is about
	trustStores  []intent.TrustStore
	// What of the configurations names listeners, as intent.Member has it.
	names    []string
	misspelt []intent.Misspelling
}

// report adds a finding on the Gateway, once.
func (t *translation) report(s intent.Source, c diag.Code, text, remedy string) {
	t.add(diag.New(Object(t.Gateway), s.Place(), c, text, remedy))
}

func (t *translation) add(d diag.Diagnostic) {
	if !t.told[d] {
		t.tell(d)
	}
}

// addCause adds a finding about an object that several fields name, once: the first of these fields is in it.
func (t *translation) addCause(d diag.Diagnostic) {
	if !t.causes[withoutField(d)] {
		t.tell(d)
	}
}

// tell adds a finding.
func (t *translation) tell(d diag.Diagnostic) {
	if t.told == nil {
		t.told, t.causes = map[diag.Diagnostic]bool{}, map[diag.Diagnostic]bool{}
	}
	t.told[d], t.causes[withoutField(d)] = true, true
	t.found = append(t.found, d)
}

// withoutField is a finding about an object that several fields name.
func withoutField(d diag.Diagnostic) diag.Diagnostic {
	d.Path = ""
	return d
}

// withCause adds a finding to those of other fields, unless one of them has the same.
func withCause(found diag.List, d diag.Diagnostic) diag.List {
	if slices.ContainsFunc(found, func(o diag.Diagnostic) bool {
		o.Path = d.Path
		return o == d
	}) {
		return found
	}
	return append(found, d)
}

// ignored notes that a setting has no effect, and why.
func (t *translation) ignored(s intent.Source, why, remedy string) {
	t.report(s, diag.IgnoredSetting, why+withoutEffect, remedy)
}

// ignoredGuard notes that a setting has no effect, and why. If it guards, clients or requests are admitted that the
// setting is meant to keep out.
func (t *translation) ignoredGuard(guards bool, s intent.Source, why, remedy string) {
	if !guards {
		t.ignored(s, why, remedy)
		return
	}
	t.report(s, diag.GuardNotApplied, why+withoutEffect+" and does not protect the load balancer", remedy)
}

// here is a source in the Gateway itself.
func (t *translation) here(path string) intent.Source {
	return intent.At(Object(t.Gateway), path)
}

// member is what the Gateway itself declares: all but the rules.
func (t *translation) member(d *Decisions) intent.Member {
	g := t.Gateway
	m := intent.Member{Object: Object(g), Authority: intent.Deciding, Class: string(g.Spec.GatewayClassName)}
	if !g.CreationTimestamp.IsZero() {
		m.Created = g.CreationTimestamp.Unix()
	}
	if len(t.configurations) > 1 && t.configurations[1] != nil {
		m.ClassConfiguration = intent.At(configuration.Object(t.configurations[1]), "spec")
	}
	m.Settings, m.OfClass = t.settings(d), t.ofClasses()
	m.Listeners = t.ports()
	t.passClients(d, m.Listeners)
	t.noteVerifying(m.Listeners)
	m.Certificates, m.TrustStores = t.certificates, t.trustStores
	t.noteIgnored()
	if t.Unknown != nil {
		t.report(intent.Source{}, diag.InvalidConfiguration, t.Unknown.Message,
			"correct the reference, or create the object that it names")
	}
	m.Former = t.Unknown != nil || t.refused != nil || !slices.ContainsFunc(t.listeners.All,
		func(l attachment.Listener) bool { return l.Problem == nil })
	var f annotation.Findings
	f.NameKeys(Object(g), annotation.OnGateway, g.Annotations)
	m.Diagnostics, m.Named = t.found, slices.Concat(t.names, f.Named())
	m.Misspelt = slices.Concat(annotation.Misspellings(Object(g), annotation.OnGateway, g.Annotations), t.misspelt)
	return m
}

// loadBalancer is the load balancer of the Gateway, without members.
func (t *translation) loadBalancer() intent.LoadBalancer {
	e := intent.LoadBalancer{Key: Key(t.Gateway, t.Family), Type: stack.Application, FixedPorts: true, RulePerPort: true}
	if t.Family == attachment.Network {
		e.Type = stack.Network
	}
	if i := t.Gateway.Spec.Infrastructure; i != nil {
		e.BindingLabels, e.BindingAnnotations = infrastructure(i.Labels), infrastructure(i.Annotations)
	}
	e.Names = Names{UID: string(t.Gateway.UID), Gateway: e.Key.ID}
	return e
}

// infrastructure are labels or annotations of a Gateway for the objects that the controller creates for it, without
// those by which the objects of stacks are found.
func infrastructure[K, V ~string](all map[K]V) map[string]string {
	var out map[string]string
	for k, v := range all {
		if reserved(string(k)) {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[string(k)] = string(v)
	}
	return out
}

// reserved reports whether a key is one of those that mark objects of a stack.
func reserved(key string) bool {
	prefix, _, _ := strings.Cut(key, "/")
	return slices.Contains([]stack.Owner{stack.Ingress, stack.Service, stack.GatewayALB, stack.GatewayNLB},
		stack.Owner(prefix))
}

// reservedPrefix is the finding about a reserved key.
func reservedPrefix(key string) string {
	prefix, _, _ := strings.Cut(key, "/")
	return "the prefix " + prefix + " is reserved for the controller"
}

// noteIgnored notes fields that a load balancer of AWS has nothing for.
func (t *translation) noteIgnored() {
	g := t.Gateway
	var f annotation.Findings
	annotation.Check(&f, Object(g), annotation.OnGateway, g.Annotations)
	t.found = append(t.found, f.List()...)
	if i := g.Spec.Infrastructure; i != nil {
		for _, k := range slices.Sorted(maps.Keys(i.Labels)) {
			if reserved(string(k)) {
				t.ignored(t.here("spec.infrastructure.labels["+string(k)+"]"),
					reservedPrefix(string(k)), "remove the key")
			}
		}
		t.noteInfrastructure(i.Annotations)
		for _, k := range slices.Sorted(maps.Keys(i.Annotations)) {
			if reserved(string(k)) {
				t.ignored(t.here("spec.infrastructure.annotations["+string(k)+"]"),
					reservedPrefix(string(k)), "remove the key")
			}
		}
	}
	if g.Spec.TLS != nil && g.Spec.TLS.Backend != nil {
		t.ignored(t.here("spec.tls.backend"), "load balancers present no certificates to targets",
			"remove spec.tls.backend")
	}
	if s := g.Spec.DefaultScope; s != "" && s != gatewayv1.GatewayDefaultScopeNone {
		t.ignored(t.here("spec.defaultScope"), "routes attach only to Gateways that they name",
			"name the Gateway in parentRefs of routes")
	}
	t.noteUnwatched()
	t.noteOverridden()
	t.noteRepeated()
	t.noteUnusedPorts()
	if a := g.Spec.AllowedListeners; a != nil && a.Namespaces != nil {
		t.noteSelector(t.here("spec.allowedListeners.namespaces.selector"), a.Namespaces.From, a.Namespaces.Selector)
	}
	for i := range t.listeners.All {
		l := &t.listeners.All[i]
		if a := l.AllowedRoutes; a != nil && a.Namespaces != nil {
			t.noteSelector(t.source(l, "allowedRoutes.namespaces.selector"), a.Namespaces.From, a.Namespaces.Selector)
		}
		if l.Filters != nil {
			t.ignored(t.source(l, "filters"), "listeners of load balancers have no filters and nothing checks these requests",
				"remove it; a ListenerRuleConfiguration of routes has logins and conditions")
		}
		if l.TLS != nil && len(l.TLS.Options) > 0 {
			t.ignored(t.source(l, "tls.options"), "the controller knows no option",
				"use a LoadBalancerConfiguration, such as its sslPolicy")
		}
	}
}

// noteInfrastructure notes annotations of spec.infrastructure, which only TargetGroupBindings get, that the controller
// reads elsewhere.
func (t *translation) noteInfrastructure(all map[gatewayv1.AnnotationKey]gatewayv1.AnnotationValue) {
	written := make(map[string]string, len(all))
	for k, v := range all {
		written[string(k)] = string(v)
	}
	var f annotation.Findings
	annotation.CheckKind(&f, diag.Object{Kind: "TargetGroupBinding"}, written)
	for _, d := range f.List() {
		d.Object = Object(t.Gateway)
		d.Path = "spec.infrastructure.annotations" + strings.TrimPrefix(d.Path, "metadata.annotations")
		d.Text = "TargetGroupBindings get the annotations of spec.infrastructure: " +
			strings.Replace(d.Text, " on this object", " there", 1)
		t.add(d)
	}
}

// noteSelector notes a selector of namespaces that does not select.
func (t *translation) noteSelector(at intent.Source, from *gatewayv1.FromNamespaces, selector *metav1.LabelSelector) {
	if selector == nil || from == nil || *from == gatewayv1.NamespacesFromSelector {
		return
	}
	t.ignored(at, fmt.Sprintf("the field from is %s", *from), "set from: Selector, or remove selector")
}

// noteOverridden notes what the Gateway's configuration declares in vain. What the class's declares is a default where
// it prefers the Gateway's.
func (t *translation) noteOverridden() {
	if t.defaults.PreferGateway {
		return
	}
	for _, s := range configuration.Overridden(t.configuration) {
		t.ignoredGuard(t.looser(s), s, fmt.Sprintf("%s of the GatewayClass has another value", t.configuration[0].Object),
			"remove it here, or have the configuration of the class set mergingMode to prefer-gateway")
	}
}

// looser reports whether the class's value of a field admits what the Gateway's own value keeps out.
func (t *translation) looser(s intent.Source) bool {
	class, own := t.configuration[0].Spec, t.configuration[1].Spec
	switch s.Path() {
	case "spec.sourceRanges":
		return overlap.Admits(ptr.Deref(class.SourceRanges, nil), ptr.Deref(own.SourceRanges, nil))
	case "spec.securityGroupPrefixes":
		return overlap.Admits(class.SecurityGroupPrefixes, own.SecurityGroupPrefixes)
	case "spec.scheme":
		return class.Scheme != nil && *class.Scheme == "internet-facing"
	case "spec.shieldConfiguration":
		return own.ShieldConfiguration != nil && own.ShieldConfiguration.Enabled
	case "spec.wafV2":
		return own.WAFv2 != nil && own.WAFv2.WebACL != "" && own.WAFv2.WebACL != intent.None
	}
	for _, a := range own.LoadBalancerAttributes {
		if s.Path() == "spec."+entryOf("loadBalancerAttributes", a.Key) {
			return slices.ContainsFunc(class.LoadBalancerAttributes, func(o configv1.Attribute) bool {
				return o.Key == a.Key && constraint.Weakens(a.Key, o.Value, a.Value)
			})
		}
	}
	for i := range own.ListenerConfigurations {
		c := &own.ListenerConfigurations[i]
		if s.Path() == "spec."+entryOf("listenerConfigurations", string(c.ProtocolPort)) {
			return verifies(c.MutualAuthentication) && !slices.ContainsFunc(class.ListenerConfigurations,
				func(o configv1.ListenerConfiguration) bool {
					return o.ProtocolPort == c.ProtocolPort && verifies(o.MutualAuthentication)
				})
		}
	}
	return false
}

// noteRepeated notes entries of the configurations that other entries of the same list override.
func (t *translation) noteRepeated() {
	for _, c := range t.configurations {
		if c == nil {
			continue
		}
		for _, r := range configuration.RepeatedInLoadBalancer(c) {
			t.ignored(r.Source, r.Text(), "join the entries, or remove one")
		}
	}
}

// noteUnusedPorts notes settings of spec.tls.frontend for ports without an HTTPS listener.
func (t *translation) noteUnusedPorts() {
	if t.Gateway.Spec.TLS == nil || t.Gateway.Spec.TLS.Frontend == nil {
		return
	}
	const list = "spec.tls.frontend.perPort"
	written, of := map[int32]bool{}, map[string]bool{}
	for _, p := range t.Gateway.Spec.TLS.Frontend.PerPort {
		written[p.Port] = true
	}
	for i := range t.listeners.All {
		if l := &t.listeners.All[i]; l.Protocol == gatewayv1.HTTPSProtocolType {
			of[entryOf(list, fmt.Sprint(l.Port))] = written[l.Port]
		}
	}
	lacking := t.nameEntries(of)
	byDefault := validates(t.Gateway.Spec.TLS.Frontend.Default)
	for i, p := range t.Gateway.Spec.TLS.Frontend.PerPort {
		entry := entryOf(list, fmt.Sprint(p.Port))
		if _, used := of[entry]; used {
			continue
		}
		at, text := t.here(fmt.Sprintf("%s[%d].port", list, i)), fmt.Sprintf("no HTTPS listener has port %d", p.Port)
		t.ignoredGuard(validates(p.TLS), at, text, "write the port of an HTTPS listener, or remove the entry")
		t.misspell(entry, at, text, lacking, validates(p.TLS) && !byDefault)
	}
}

// validates reports whether a part of spec.tls.frontend keeps out clients without a valid certificate.
func validates(c gatewayv1.TLSConfig) bool {
	return c.Validation != nil && c.Validation.Mode != gatewayv1.AllowInsecureFallback
}

// noteUnwatched notes that routes and ListenerSets of other namespaces are not read although they are admitted.
func (t *translation) noteUnwatched() {
	if t.config.WatchNamespace == "" {
		return
	}
	note := func(s intent.Source, what string) {
		t.addCause(diag.New(Object(t.Gateway), s.Place(), diag.UnwatchedNamespaces, fmt.Sprintf("%s of other namespaces "+
			"than %s are not served: the controller runs with --watch-namespace=%s", what,
			t.config.WatchNamespace, t.config.WatchNamespace), "run the controller for all namespaces, or set this field to "+
			"Same"))
	}
	others := func(from *gatewayv1.FromNamespaces) bool {
		return from != nil && (*from == gatewayv1.NamespacesFromAll || *from == gatewayv1.NamespacesFromSelector)
	}
	for i := range t.listeners.All {
		l := &t.listeners.All[i]
		if l.AllowedRoutes != nil && l.AllowedRoutes.Namespaces != nil && others(l.AllowedRoutes.Namespaces.From) {
			note(t.source(l, "allowedRoutes.namespaces.from"), "routes")
		}
	}
	if a := t.Gateway.Spec.AllowedListeners; a != nil && a.Namespaces != nil && others(a.Namespaces.From) {
		note(t.here("spec.allowedListeners.namespaces.from"), "ListenerSets")
	}
}

// source is a field of a listener.
func (t *translation) source(l *attachment.Listener, field string) intent.Source {
	o := Object(t.Gateway)
	if l.Parent.Kind != kindGateway {
		o = diag.Object{Kind: string(l.Parent.Kind), Namespace: l.Parent.Namespace, Name: l.Parent.Name}
	}
	path := fmt.Sprintf("spec.listeners[%d]", l.Index)
	if field != "" {
		path += "." + field
	}
	return intent.At(o, path)
}
