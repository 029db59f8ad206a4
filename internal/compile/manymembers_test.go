package compile

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

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
