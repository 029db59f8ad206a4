package controller

import (
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// edit changes an Ingress of the lab.
func (l *lab) edit(name string, change func(*networkingv1.Ingress)) {
	l.Helper()
	i := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	l.get(i, name)
	change(i)
	l.must(l.client.Update(l.Context(), i))
}

func toNew(i *networkingv1.Ingress) {
	paths := labIngress("x", nil, "new").Spec.Rules[0].HTTP.Paths
	i.Spec.Rules[0].HTTP.Paths = append(i.Spec.Rules[0].HTTP.Paths, paths...)
}

func underDryRun(i *networkingv1.Ingress) { i.Annotations[string(annotation.DryRun)] = "true" }

// told reports whether an event about an Ingress has all of the texts.
func (l *lab) told(name string, texts ...string) bool {
	return slices.ContainsFunc(l.events, func(e string) bool {
		return strings.HasPrefix(e, "Ingress shop/"+name+" ") && !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(e, text) })
	})
}

func TestADryRunOfWhatIsDeployedReportsItsPlanRightAfterARestart(t *testing.T) {
	t.Parallel()
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "front"}}
	for _, test := range []struct {
		name    string
		members []string
		edited  bool
		want    string
	}{
		{"one that is as it was", []string{"a"}, false, "deploying it would change nothing"},
		{"one that was edited", []string{"a"}, true, "deploying it means 3 to create"},
		{"one of two that is as it was", []string{"a", "b"}, false, "deploying it would change nothing"},
		{"one of two that was edited", []string{"a", "b"}, true, "deploying it means 3 to create"},
	} {
		l := newLab(t, account.Profile{}, labClass(), labService("web"), labService("new"))
		for _, m := range test.members {
			l.must(l.client.Create(t.Context(), labIngress(m, map[string]string{"group.name": "front"}, "web")))
		}
		l.settle(key)
		l.restart()
		l.events = nil
		l.edit("a", underDryRun)
		if test.edited {
			l.edit("a", toNew)
		}
		mark := l.mark()
		l.settle(key)
		if w := l.writes(mark); len(w) > 0 {
			t.Errorf("%s: written: %v", test.name, w)
		}
		if !l.told("a", "DryRun: dry run: what was deployed of this Ingress stays as it is", test.want) {
			t.Errorf("%s: %s", test.name, strings.Join(l.events, "\n"))
		}
		if test.edited && l.told("a", "Successfully") {
			t.Errorf("%s: nothing was done, and yet: %s", test.name, strings.Join(l.events, "\n"))
		}
		i := &networkingv1.Ingress{}
		if l.get(i, "a"); strings.Contains(i.Annotations[string(annotation.DryRunPlan)], `"/new"`) != test.edited {
			t.Errorf("%s: the plan is %s", test.name, i.Annotations[string(annotation.DryRunPlan)])
		}
		if len(test.members) == 1 {
			continue
		}
		// What the other member shares waits only if nobody can know what is deployed of this one; its rules do not.
		l.edit("b", toNew)
		l.settle(key)
		if waits := l.told("b", "SettingsWait"); waits != test.edited {
			t.Errorf("%s: the other one waits: %v: %s", test.name, waits, strings.Join(l.events, "\n"))
		}
		if got, want := l.writes(mark), []string{"CreateRule", "CreateTargetGroup"}; !slices.Equal(slices.Sorted(slices.Values(got)), want) {
			t.Errorf("%s: written: %v, want %v for the other one", test.name, got, want)
		}
	}
}
