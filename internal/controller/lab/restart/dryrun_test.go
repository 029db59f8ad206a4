package restart

import (
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func underDryRun(i *networkingv1.Ingress) { i.Annotations[string(annotation.DryRun)] = "true" }

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
		l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Service("new"))
		for _, m := range test.members {
			l.Must(l.Client.Create(t.Context(), lab.Ingress(m, map[string]string{"group.name": "front"}, "web")))
		}
		l.Settle(key)
		l.Restart()
		l.Events = nil
		l.Edit("a", underDryRun)
		if test.edited {
			l.Edit("a", lab.ToNew)
		}
		mark := l.Mark()
		l.Settle(key)
		if w := l.Writes(mark); len(w) > 0 {
			t.Errorf("%s: written: %v", test.name, w)
		}
		if !l.Told("a", "DryRun: dry run: the deployed version of this Ingress stays as it is", test.want) {
			t.Errorf("%s: %s", test.name, strings.Join(l.Events, "\n"))
		}
		if test.edited && l.Told("a", "Successfully") {
			t.Errorf("%s: nothing was done, and yet: %s", test.name, strings.Join(l.Events, "\n"))
		}
		i := &networkingv1.Ingress{}
		if l.Get(i, "a"); strings.Contains(i.Annotations[string(annotation.DryRunPlan)], `"/new"`) != test.edited {
			t.Errorf("%s: the plan is %s", test.name, i.Annotations[string(annotation.DryRunPlan)])
		}
		if len(test.members) == 1 {
			continue
		}
		// What the other member shares waits only if nobody can know what is deployed of this one; its rules do not.
		l.Edit("b", lab.ToNew)
		l.Settle(key)
		if waits := l.Told("b", "SettingsWait"); waits != test.edited {
			t.Errorf("%s: the other one waits: %v: %s", test.name, waits, strings.Join(l.Events, "\n"))
		}
		if got, want := l.Writes(mark), []string{"CreateRule", "CreateTargetGroup"}; !slices.Equal(
			slices.Sorted(slices.Values(got)), want) {
			t.Errorf("%s: written: %v, want %v for the other one", test.name, got, want)
		}
	}
}
