package tenants

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
)

// TestDryRunShowsNothingOfOthers has an Ingress of another namespace name a group, under dry run.
func TestDryRunShowsNothingOfOthers(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, append(lab.GroupMember("shop", "web", 0, map[string]string{
		"inbound-cidrs": "192.0.2.0/24"}), lab.Class())...)
	l.Settle(lab.FrontGroup)
	for _, o := range lab.GroupMember("mal", "evil", 9, map[string]string{"dry-run": "true"}) {
		l.Create(o)
	}
	for range 3 {
		_, _ = l.Round(lab.FrontGroup)
	}
	shown := func(namespace, name string) string {
		i := &networkingv1.Ingress{}
		l.Must(l.Client.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, i))
		return i.Annotations[string(annotation.DryRunPlan)]
	}
	plan := shown("mal", "evil")
	if !strings.Contains(plan, "mal/evil") {
		t.Errorf("the plan lacks what its Ingress declares: %s", plan)
	}
	for _, text := range []string{"shop", "192.0.2.0", "web.example"} {
		if strings.Contains(plan, text) {
			t.Errorf("the plan shows %s of another namespace: %s", text, plan)
		}
	}
	l.Edit("web", func(i *networkingv1.Ingress) { i.Annotations[string(annotation.DryRun)] = "true" })
	for range 3 {
		_, _ = l.Round(lab.FrontGroup)
	}
	if plan := shown("shop", "web"); !strings.Contains(plan, "192.0.2.0") {
		t.Errorf("who decides sees not all: %s", plan)
	}
}
