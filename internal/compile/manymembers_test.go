package compile

import (
	"fmt"
	"testing"

	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/lib/cputime"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestManySmallMembersCostInProportion has a tenant create more and more small Ingresses in a group with another one.
func TestManySmallMembersCostInProportion(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(i int, m *intent.Member){
		"with hosts of their own": func(int, *intent.Member) {},
		"with ports of their own": func(i int, m *intent.Member) { m.Listeners[0].Port = int32(1000 + i) }, //nolint:gosec // small
		"that set the scheme":     func(_ int, m *intent.Member) { scheme(stack.InternetFacing)(m) },
		"that set a protection":   func(_ int, m *intent.Member) { shield(true)(m) },
		"with ranges of their own": func(i int, m *intent.Member) {
			m.Listeners[0].InboundCIDRs = set(m, "inbound-cidrs", []string{fmt.Sprintf("10.0.%d.%d/32", i>>8, i&255)})
		},
		"with tags of their own": func(i int, m *intent.Member) {
			m.Settings.Tags = map[string]intent.Field[string]{fmt.Sprint("k", i): set(m, "tags", "v")}
		},
		"with attributes of their own": func(i int, m *intent.Member) {
			m.Settings.Attributes = map[string]intent.Field[string]{fmt.Sprint("k", i): set(m, "load-balancer-attributes", "v")}
		},
	} {
		growth.AtMost(t, 1.35, "microseconds of a compilation, by members "+name, func(n int) float64 {
			members := []intent.Member{ingress("shop", "web", born(1), alike(1))}
			for i := range 4 * n {
				m := ingress("mal", fmt.Sprintf("m%04d", i), born(int64(2+i)), alike(1))
				change(i, &m)
				members = append(members, m)
			}
			f := ample(100)
			before := Compile(loadBalancer(members...), f, config(), nil).Memory
			return float64(cputime.PerCall(func() { Compile(loadBalancer(members...), f, config(), before) }).Microseconds())
		})
	}
}

// TestBindingGetsNoLabelsOfOthers has a member of a group without labels.
func TestBindingGetsNoLabelsOfOthers(t *testing.T) {
	t.Parallel()
	web, other := ingress("shop", "web", born(1)), ingress("mal", "other", born(2))
	lb, cfg := loadBalancer(web, other), config()
	lb.Labels = map[diag.Object]map[string]string{web.Object: nil, other.Object: {"team": "mal"}}
	cfg.ObjectLabels = naming.ObjectLabels{Copied: []string{"team"}}
	for _, b := range mustBuild(t, Compile(lb, account(), cfg, nil)).Bindings {
		want := map[string]string{"shop": "", "mal": "mal"}[b.Namespace]
		if got := b.Labels["team"]; got != want {
			t.Errorf("the binding of namespace %s has label team %q, want %q", b.Namespace, got, want)
		}
	}
}
