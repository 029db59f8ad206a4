package annotation

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/constraint"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// TestEachKeyHasAnAnswerOnEachKind goes over the tables: on each kind of object, and in each part that a Service has, a
// key is read there, or has a finding that names it. So has a misspelt one.
func TestEachKeyHasAnAnswerOnEachKind(t *testing.T) {
	t.Parallel()
	keys := map[string]Scope{}
	for _, e := range Entries() {
		key := string(e.Key)
		if e.Family != "" {
			key += "x"
		}
		keys[key] = e.Scope
	}
	for k := range onParameters {
		keys[string(k)] = Scope(readOn(k))
	}
	for _, prefix := range prefixes {
		keys[prefix+"load-balancer-shceme-of-it"] = ""
	}
	unread := func(f *Findings, o diag.Object, a map[string]string) { CheckKind(f, o, a) }
	kinds := map[string]func(*Findings, diag.Object, map[string]string){
		"Ingress": func(f *Findings, o diag.Object, a map[string]string) { Check(f, o, OnIngress, a) },
		"Service": func(f *Findings, o diag.Object, a map[string]string) {
			Check(f, o, OnService, a)
			CheckUnnamed(f, o, a, true)
		},
		"backend Service": func(f *Findings, o diag.Object, a map[string]string) {
			Check(f, o, OnBoth, a)
			CheckWithoutLoadBalancer(f, o, a)
		},
		"Service of routes": func(f *Findings, o diag.Object, a map[string]string) {
			CheckRouteBackend(f, o, a)
			if d := WithoutBalancer(o, "ClusterIP", a); d != nil {
				f.Add(*d)
			}
		},
		"Gateway":      func(f *Findings, o diag.Object, a map[string]string) { Check(f, o, OnGateway, a) },
		"HTTPRoute":    func(f *Findings, o diag.Object, a map[string]string) { Check(f, o, OnRoute, a) },
		"GatewayClass": unread, "IngressClass": unread, "IngressClassParams": unread, "LoadBalancerConfiguration": unread,
		"TargetGroupConfiguration": unread, "ListenerRuleConfiguration": unread, "ListenerSet": unread,
		"TargetGroupBinding": unread, "Namespace": unread, "Pod": unread, "GlobalAccelerator": unread,
	}
	for kind, check := range kinds {
		for key, scope := range keys {
			var f Findings
			value := "x"
			if valueProblem(Key(key), value) != "" {
				value = map[Key]string{AllowDeregistration: "true", PodDrainSeconds: "15"}[Key(key)]
			}
			check(&f, diag.Object{Kind: kind}, map[string]string{key: value})
			told := slices.ContainsFunc(f.List(), func(d diag.Diagnostic) bool {
				return d.Path == Key(key).Path() && strings.Contains(d.Text, key) && d.Code != diag.ForeignAnnotation &&
					d.Remedy != ""
			})
			read := scope == Written || slices.Contains(strings.Split(string(scope), ", "), kind)
			if told == read || len(f.List()) > 1 {
				t.Errorf("%s on %s: read %t, %v", key, kind, read, f.List())
			}
		}
	}
}

// TestSlipInAKeyOrValueOfAKindIsTold has keys that users write on objects that declare no load balancer.
func TestSlipInAKeyOrValueOfAKindIsTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, key, value, want string }{
		{"TargetGroupBinding", "elbv2.k8s.aws/allow-deregistration", "true", ""},
		{"TargetGroupBinding", "elbv2.k8s.aws/allow-deregistrations", "true", "did you mean elbv2.k8s.aws/allow-deregistration?"},
		{"TargetGroupBinding", "elbv.k8s.aws/allow-deregistration", "true", "did you mean elbv2.k8s.aws/allow-deregistration?"},
		{"TargetGroupBinding", "elbv2.k8s.aws/allow-deregistration", "True", `write "true" to allow`},
		{"TargetGroupBinding", "elbv2.k8s.aws/original", "shop/web", ""},
		{"TargetGroupBinding", "services.k8s.aws/allow-deregistration", "true", ""},
		{"TargetGroupBinding", "example.com/allow-deregistration", "true", ""},
		{"TargetGroupBinding", "aga.k8s.aws/deletion-protection", "true", "move it there"},
		{"GlobalAccelerator", "aga.k8s.aws/deletion-protection", "enabled", ""},
		{"GlobalAccelerator", "aga.k8s.aws/deletion-protecton", "true", "did you mean aga.k8s.aws/deletion-protection?"},
		{"GlobalAccelerator", "elbv2.k8s.aws/deletion-protection", "true", "did you mean aga.k8s.aws/deletion-protection?"},
		{"Pod", "elbv2.k8s.aws/pod-drain-seconds", "15", ""},
		{"Pod", "elbv2.k8s.aws/pod-drain-second", "15", "did you mean elbv2.k8s.aws/pod-drain-seconds?"},
		{"Pod", "elbv2.k8s.aws/pod-drain-seconds", "15s", "write a number of seconds from 0 to 3600"},
		{"Pod", "elbv2.k8s.aws/alb-target-control-agent-image", "a", ""},
		{"Pod", "elbv2.k8s.aws/alb-target-control-agent-cpu-limits", "1",
			"did you mean elbv2.k8s.aws/alb-target-control-agent-cpu-limit?"},
		{"Namespace", "elbv2.k8s.aws/pod-drain-seconds", "15", "move it there"},
		{"IngressClassParams", "elbv2.k8s.aws/ownershp", "observed", "did you mean elbv2.k8s.aws/ownership?"},
	} {
		found := OfKind(diag.Object{Kind: c.kind}, map[string]string{c.key: c.value})
		if len(found) > 1 || (len(found) == 0) != (c.want == "") || len(found) == 1 && !strings.Contains(found[0].Remedy,
			c.want) {
			t.Errorf("%s: %q on %s: %v, want %q", c.key, c.value, c.kind, found, c.want)
		}
	}
}

// TestRestrictionWithoutEffectIsAWarning has each annotation that restricts or protects on each kind of object: the
// finding that it has no effect there says that nothing does so instead.
func TestRestrictionWithoutEffectIsAWarning(t *testing.T) {
	t.Parallel()
	values := []string{"x"}
	for _, p := range constraint.ProtectiveAttributes {
		values = append(values, p.Key+"="+p.Values[len(p.Values)-1])
	}
	var keys []Key
	for _, e := range Entries() {
		if e.Scope != Written && !slices.Contains(creating, e.Key) && !slices.Contains(schemes, e.Key) {
			keys = append(keys, e.Key)
		}
	}
	unread := func(f *Findings, o diag.Object, a map[string]string) { CheckKind(f, o, a) }
	kinds := map[string]func(*Findings, diag.Object, map[string]string){
		"Service of routes": CheckRouteBackend, "Service without load balancer": CheckWithoutLoadBalancer,
		"IngressClass": unread, "IngressClassParams": unread, "GatewayClass": unread, "ListenerSet": unread,
		"LoadBalancerConfiguration": unread, "TargetGroupBinding": unread, "Namespace": unread,
	}
	for _, on := range []Scope{OnIngress, OnService, OnBoth, OnGateway, OnRoute} {
		kinds[string(on)] = func(f *Findings, o diag.Object, a map[string]string) { Check(f, o, on, a) }
	}
	for kind, check := range kinds {
		told := 0
		for _, k := range keys {
			at := slices.IndexFunc(values, func(v string) bool { return restricts(k, v) })
			if at < 0 {
				continue
			}
			key := string(k)
			if strings.HasSuffix(key, ".") {
				key += "x"
			}
			var f Findings
			check(&f, diag.Object{Kind: kind}, map[string]string{key: values[at]})
			for _, d := range f.List() {
				told++
				if d.Code != diag.GuardNotApplied || !strings.Contains(d.Text, "; ") {
					t.Errorf("%s: %s on %s: %v", key, values[at], kind, d)
				}
			}
		}
		if told == 0 {
			t.Errorf("%s: nothing is told", kind)
		}
	}
}

// TestRestrictionWithItsCounterpartIsNoWarning has an Ingress whose ranges are in the annotations of both prefixes.
func TestRestrictionWithItsCounterpartIsNoWarning(t *testing.T) {
	t.Parallel()
	var f Findings
	Check(&f, diag.Object{Kind: "Ingress"}, OnIngress, map[string]string{string(InboundCIDRs): "10.0.0.0/8",
		string(ServiceSourceRanges): "10.0.0.0/8"})
	if found := f.List(); len(found) != 1 || found[0].Code != diag.IgnoredSetting {
		t.Errorf("%v", found)
	}
}

// TestEachKeyOfTargetGroupsHasAFieldForRoutes goes over the keys that backend Services of Ingresses have.
func TestEachKeyOfTargetGroupsHasAFieldForRoutes(t *testing.T) {
	t.Parallel()
	for _, e := range Entries() {
		if e.Scope != OnBoth {
			continue
		}
		var f Findings
		CheckRouteBackend(&f, diag.Object{Kind: "Service", Name: "web"}, map[string]string{string(e.Key) + "x": "x",
			string(e.Key): "x"})
		if !slices.ContainsFunc(f.List(), func(d diag.Diagnostic) bool {
			return strings.Contains(d.Remedy, " of a TargetGroupConfiguration") && d.Code == diag.IgnoredSetting ||
				strings.Contains(d.Remedy, "ListenerRuleConfiguration with an action") && d.Code == diag.GuardNotApplied
		}) {
			t.Errorf("%s: %v", e.Key, f.List())
		}
	}
}
