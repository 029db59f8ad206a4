package restart

import (
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestRestartRecordsSuccessOnlyAnew has a group of two Ingresses: web, and api with a failure before some restarts.
func TestRestartRecordsSuccessOnlyAnew(t *testing.T) {
	t.Parallel()
	bad := func(l *lab.Lab) {
		l.Edit("api", func(i *networkingv1.Ingress) { i.Annotations["alb.ingress.kubernetes.io/target-type"] = "nonsense" })
	}
	mend := func(l *lab.Lab) {
		l.Edit("api", func(i *networkingv1.Ingress) { i.Annotations["alb.ingress.kubernetes.io/target-type"] = "ip" })
	}
	note := func(l *lab.Lab) {
		l.Edit("web", func(i *networkingv1.Ingress) { i.Annotations["alb.ingress.kubernetes.io/group.order"] = "7" })
	}
	nothing := func(*lab.Lab) {}
	for name, c := range map[string]struct {
		before, during, then func(*lab.Lab)
		end                  func(*lab.Lab)
		want                 []string
	}{
		"nothing was changed":             {nothing, nothing, nothing, (*lab.Lab).End, nil},
		"the process before crashed":      {nothing, nothing, nothing, (*lab.Lab).Crash, []string{"api", "k8s-shop-apisvc-aebf79dd38",
			"k8s-shop-websvc-a50edb8f71", "web"}},
		"a member was edited between":     {nothing, note, nothing, (*lab.Lab).End, []string{"api", "web"}},
		"a member failed, and still does": {bad, nothing, nothing, (*lab.Lab).End, nil},
		"it was mended between":           {bad, mend, nothing, (*lab.Lab).End, []string{"api", "web"}},
		"it is mended after":              {bad, nothing, mend, (*lab.Lab).End, []string{"api"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.NewKeeper(t, lab.Pair(nil)...)
			l.Settle(lab.FrontKey)
			c.before(l)
			l.Settle(lab.FrontKey)
			c.end(l)
			c.during(l)
			l.Restart()
			from := len(l.Events)
			l.Settle(lab.FrontKey)
			c.then(l)
			l.Settle(lab.FrontKey)
			var told []string
			for _, e := range l.Events[from:] {
				if o, ok := strings.CutSuffix(e, " SuccessfullyReconciled: Successfully reconciled"); ok {
					told = append(told, o[strings.LastIndex(o, "/")+1:])
				}
			}
			slices.Sort(told)
			if !slices.Equal(told, c.want) {
				t.Errorf("success is recorded on %v, want %v; events:\n%s", told, c.want, strings.Join(l.Events[from:], "\n"))
			}
		})
	}
}
