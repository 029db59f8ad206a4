package restart

import (
	"slices"
	"strings"
	"testing"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
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
		"nothing was changed": {nothing, nothing, nothing, (*lab.Lab).End, nil},
		"the process before crashed": {nothing, nothing, nothing, (*lab.Lab).Crash, []string{"api",
			"k8s-shop-apisvc-aebf79dd38", "k8s-shop-websvc-a50edb8f71", "web"}},
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

// TestRestartPassesOnceOverEachBinding has bindings whose rules stand: the end of the look at the rules queues a
// binding only if there is something to report.
func TestRestartPassesOnceOverEachBinding(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end    func(*lab.Lab)
		during func(*lab.Lab)
		woken  bool
	}{
		"nothing was changed":        {end: (*lab.Lab).End},
		"the process before crashed": {end: (*lab.Lab).Crash, woken: true},
		"the rules cannot be read": {end: (*lab.Lab).End, woken: true, during: func(l *lab.Lab) {
			l.Misread("ec2:DescribeSecurityGroups", "denied", 0)
		}},
		"a status shows a failure": {end: (*lab.Lab).End, woken: true, during: func(l *lab.Lab) {
			for _, b := range l.AllBindings() {
				b.Status.Conditions[0].Status = metav1.ConditionFalse
				l.Must(l.Client.Status().Update(l.Context(), &b))
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.NewKeeper(t, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
			l.Create(lab.Pods("a", "10.0.128.50")...)
			l.Create(lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP))
			l.Settle()
			c.end(l)
			if c.during != nil {
				c.during(l)
			}
			l.Restart()
			l.BindingsWoken = nil
			for _, b := range l.AllBindings() {
				_, err := l.Bound.Reconcile(l.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&b)})
				l.Must(err)
				if _, settled := l.Bound.Networking.Findings(&b); settled {
					t.Error("rules are settled before anybody has looked at them")
				}
			}
			l.RunQueues(l.Context())
			for _, b := range l.AllBindings() {
				if found, settled := l.Bound.Networking.Findings(&b); !settled {
					t.Errorf("not settled: %v", found)
				}
				if woken := slices.Contains(l.BindingsWoken, client.ObjectKeyFromObject(&b)); woken != c.woken {
					t.Errorf("binding %s is queued: %v, want %v", b.Name, woken, c.woken)
				}
			}
		})
	}
}
