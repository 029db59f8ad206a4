package controller

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/lib/await"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
)

// elector is a manager that leads once elected is closed.
type elector struct {
	ctrl.Manager
	elected chan struct{}
}

func (e elector) Elected() <-chan struct{} { return e.elected }

// watchingHolds runs a watch of holds against an API server until the end of the test.
func watchingHolds(t *testing.T, api *fake.Clientset) *hold.Book {
	t.Helper()
	b := hold.NewBook(time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	w := &holdWatcher{book: b, client: api, api: api.CoreV1().ConfigMaps("kube-system"), changed: func() {},
		unread: func([]hold.Problem) {}, denied: func(error) {}}
	go func() { defer close(ended); _ = w.Start(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return b
}

// holds is a ConfigMap that holds one scope.
func holds(name, scope string) *corev1.ConfigMap {
	value := hold.Hold{Until: time.Now().Add(time.Hour), Reason: "test"}.Value()
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: name}, Data: map[string]string{
		scope: value}}
}

// inForceOf is what a book holds.
func inForceOf(b *hold.Book) string {
	var keys []string
	for _, k := range b.InForce() {
		keys = append(keys, k.Key)
	}
	return strings.Join(keys, " ")
}

func TestHoldsAreWatched(t *testing.T) {
	t.Parallel()
	api := fake.NewClientset(holds("another", "namespace.bank"))
	b := watchingHolds(t, api)
	maps := api.CoreV1().ConfigMaps("kube-system")
	if !b.Await(t.Context().Done()) {
		t.Fatal("the holds are not known")
	}
	for _, step := range []struct {
		want string
		do   func() error
	}{
		{"all", func() error {
			_, err := maps.Create(t.Context(), holds(hold.ConfigMap, "all"), metav1.CreateOptions{})
			return err
		}},
		{"namespace.shop", func() error {
			_, err := maps.Update(t.Context(), holds(hold.ConfigMap, "namespace.shop"), metav1.UpdateOptions{})
			return err
		}},
		{"", func() error { return maps.Delete(t.Context(), hold.ConfigMap, metav1.DeleteOptions{}) }},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		await.Until(t, "held: "+step.want, func() bool { return inForceOf(b) == step.want })
	}
}

func TestHoldsAreReadWhereTheyCannotBeWatched(t *testing.T) {
	t.Parallel()
	for name, verbs := range map[string][]string{"all": {"list", "watch"}, "": {"list", "watch", "get"}} {
		t.Run("held: "+name, func(t *testing.T) {
			t.Parallel()
			api := fake.NewClientset(holds(hold.ConfigMap, "all"))
			forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, hold.ConfigMap, nil)
			for _, verb := range verbs {
				api.PrependReactor(verb, "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
					return true, nil,
						forbidden
				})
			}
			api.PrependWatchReactor("configmaps", func(clienttesting.Action) (bool, watch.Interface, error) {
				return true, nil,
					forbidden
			})
			b := watchingHolds(t, api)
			if !b.Await(t.Context().Done()) || inForceOf(b) != name {
				t.Errorf("held: %q", inForceOf(b))
			}
		})
	}
}

func TestUnreadableHoldIsReportedByLeader(t *testing.T) {
	t.Parallel()
	var events []string
	record := func(o diag.Object, e reporting.Event) { events = append(events, o.String()+" "+e.Type+": "+e.Message) }
	m, now := elector{elected: make(chan struct{})}, time.Now()
	w := &Wiring{mgr: m, holdReporter: reporting.NewReporter(record, func() time.Time { return now })}
	b := hold.NewBook(time.Now)
	report := func() { w.reportHolds("kube-system", b.Set(map[string]string{"all": "soon"})) }
	if report(); len(events) > 0 {
		t.Errorf("a standby reports %v", events)
	}
	close(m.elected)
	report()
	report()
	if len(events) != 1 || !strings.HasPrefix(events[0], "ConfigMap kube-system/aws-lbc-holds Warning: ") ||
		!strings.Contains(events[0], "["+string(diag.HoldUnreadable)+"]") {
		t.Errorf("events %v", events)
	}
	now = now.Add(time.Hour)
	if report(); len(events) != 2 {
		t.Errorf("a finding that lasts is not repeated: %v", events)
	}
	now = now.Add(time.Hour)
	if w.reportHolds("kube-system", b.Set(nil)); len(events) != 2 { // it is removed
		t.Errorf("events after the remedy %v", events)
	}
}
