package gateway

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// withLast translates a Gateway with what was remembered of another version of it.
func withLast(t *testing.T, before, after string) (intent.LoadBalancer, *Decisions) {
	t.Helper()
	cfg := defaults()
	read := func(text string) (intent.LoadBalancer, *Decisions) {
		v := objects.FromObjects(decode(t, classes+text))
		return Translate(v, cfg, Load(v, cfg, albKey()), false)
	}
	first, _ := read(before)
	cfg.Last = first.Listeners
	return read(after)
}

// TestListenerKeepsItsLastCertificates edits the references of a listener to ones that cannot be used.
func TestListenerKeepsItsLastCertificates(t *testing.T) {
	t.Parallel()
	gateway := func(refs string) string {
		return "Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: p, port: 80, protocol: HTTP}, {name: a, " +
			"port: 443, protocol: HTTPS, tls: {certificateRefs: [" + refs + "]}}]}}\n" +
			secret("shop/tls") + secret("shop/two") + secret("infra/tls")
	}
	for name, c := range map[string]struct{ before, after, owned string }{
		"another kind":                {"{name: tls}", "{name: tls, kind: ConfigMap}", "imported/shop/tls"},
		"a namespace without a grant": {"{name: tls}", "{name: tls, namespace: infra}", "imported/shop/tls"},
		"a name that no Secret has":   {"{name: tls}", "{name: '../tls'}", "imported/shop/tls"},
		"one of two": {"{name: tls}, {name: two}", "{name: two}, {name: tls, kind: ConfigMap}",
			"imported/shop/two imported/shop/tls"},
		"a good one beside a new one": {"{name: tls}", "{name: two}, {name: x, kind: ConfigMap}",
			"imported/shop/two imported/shop/tls"},
		"one that is taken away":        {"{name: tls}, {name: two}", "{name: two}", "imported/shop/two"},
		"never one that could be used":  {"{name: tls, kind: ConfigMap}", "{name: two, kind: ConfigMap}", ""},
		"a Secret that does not exist":  {"{name: tls}", "{name: gone}", "imported/shop/gone"},
		"the version before is no help": {"{name: tls, namespace: infra}", "{name: tls, kind: ConfigMap}", ""},
	} {
		lb, d := withLast(t, gateway(c.before), gateway(c.after))
		owned := ""
		for _, l := range lb.Members[0].Listeners {
			owned += strings.Join(l.Owned, " ")
		}
		if owned != c.owned {
			t.Errorf("%s: %q, want %q", name, owned, c.owned)
		}
		told := slices.ContainsFunc(d.Findings, func(f diag.Diagnostic) bool {
			return f.Code == diag.InvalidListener && strings.HasSuffix(f.Text, "; its last valid version keeps serving") &&
				f.Path == "spec.listeners[1]"
		})
		if keeps := strings.Contains(c.after, "ConfigMap") || strings.Contains(c.after, "infra") ||
			strings.Contains(c.after, ".."); told != (keeps && owned != "") {
			t.Errorf("%s: %s", name, findings(d.Findings))
		}
	}
}

// TestEditOfOneListenerKeepsTheFamily has Gateways of an automatic class, of which one listener gets a protocol of the
// other family.
func TestEditOfOneListenerKeepsTheFamily(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		finalizers, protocols string
		want                  attachment.Family
	}{
		"new":                    {"", "TCP HTTP", attachment.Network},
		"an ALB":                 {finalizerALB, "TCP HTTP", attachment.Application},
		"an NLB":                 {finalizerNLB, "HTTP UDP", attachment.Network},
		"all listeners":          {finalizerALB, "TCP UDP", attachment.Network},
		"one leaves for another": {finalizerALB + ", " + finalizerNLB, "TCP HTTP", attachment.Network},
	} {
		first, second, _ := strings.Cut(c.protocols, " ")
		v := objects.FromObjects(decode(t, classes+"Gateway shop/web {metadata: {finalizers: ["+c.finalizers+
			"]}, spec: {gatewayClassName: auto, listeners: [{name: a, port: 80, protocol: "+first+
			"}, {name: b, port: 81, protocol: "+second+"}]}}"))
		if got := Load(v, defaults(), albKey()).listeners.Family; got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
