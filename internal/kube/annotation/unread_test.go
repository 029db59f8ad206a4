package annotation

import (
	"slices"
	"strings"
	"testing"

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
			CheckUnnamed(f, o, a)
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
		"TargetGroupBinding": unread, "Namespace": unread, "Pod": unread,
	}
	for kind, check := range kinds {
		for key, scope := range keys {
			var f Findings
			check(&f, diag.Object{Kind: kind}, map[string]string{key: "x"})
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
