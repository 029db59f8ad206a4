package survey

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/cmd/lbc/doctor"
)

func TestEachSourceHasALoader(t *testing.T) {
	t.Parallel()
	loaders := (&reader{}).loaders()
	for _, s := range doctor.Sources {
		if loaders[s.Name] == nil {
			t.Errorf("%s has none", s.Name)
		}
	}
	if len(loaders) != len(doctor.Sources) {
		t.Errorf("%d loaders of %d sources", len(loaders), len(doctor.Sources))
	}
}

// surveyed reads sources by loaders of a test, in the order of doctor.Sources.
func surveyed(o Options, loaders map[doctor.Source]loader) doctor.Facts {
	r := &reader{options: o, done: map[doctor.Source]chan struct{}{}}
	r.state.facts.Unread = map[doctor.Source]doctor.Unread{}
	for _, s := range doctor.Sources {
		if load := loaders[s.Name]; load != nil {
			r.done[s.Name] = make(chan struct{})
			r.options.Wanted = append(r.options.Wanted, s.Name)
		}
	}
	for _, s := range doctor.Sources {
		if load := loaders[s.Name]; load != nil {
			go func() { defer close(r.done[s.Name]); r.read(context.Background(), s, load) }()
		}
	}
	r.await()
	return r.state.facts
}

func answer(f func(*state)) loader {
	return func(context.Context, state) (put, error) { return f, nil }
}

func TestALoaderThatHangsAndOneThatFailsKeepNoOtherFromBeingRead(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	defer close(over)
	f := surveyed(Options{Timeout: 20 * time.Millisecond}, map[doctor.Source]loader{
		doctor.APIServer: answer(func(*state) {}),
		doctor.Nodes:     func(context.Context, state) (put, error) { <-over; return nil, nil },
		doctor.Objects:   func(context.Context, state) (put, error) { return nil, errors.New("forbidden") },
		doctor.Workloads: answer(func(s *state) { t.Error("it is read without what it is read through") }),
		doctor.Events:    answer(func(s *state) { s.facts.Events = []corev1.Event{{}} }),
		doctor.Account:   answer(func(s *state) { s.facts.Settings.VPC = "vpc-1" }), // is read after nodes, without them
	})
	if len(f.Events) != 1 || f.Settings.VPC != "vpc-1" {
		t.Errorf("%+v", f)
	}
	want := map[doctor.Source]doctor.Unread{
		doctor.Nodes: {Reason: "no answer within 20ms (--timeout)"}, doctor.Objects: {Reason: "forbidden"}, doctor.Workloads: {Reason: "forbidden", Because: doctor.Objects},
	}
	if fmt.Sprint(f.Unread) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", f.Unread, want)
	}
}

func TestAWSIsLeftOutOffline(t *testing.T) {
	t.Parallel()
	called := answer(func(*state) { t.Error("AWS is called") })
	f := surveyed(Options{Timeout: time.Minute, Offline: true}, map[doctor.Source]loader{doctor.Account: called, doctor.LoadBalancers: called, doctor.Listeners: called})
	for _, s := range []doctor.Source{doctor.Account, doctor.LoadBalancers, doctor.Listeners} {
		if !f.Unread[s].Unwanted {
			t.Errorf("%s: %+v", s, f.Unread[s])
		}
	}
}

func TestAClockIsComparedWithinTheSecondThatADateResolves(t *testing.T) {
	t.Parallel()
	sent := time.Date(2026, 6, 1, 12, 0, 0, 300e6, time.UTC)
	received := sent.Add(2 * time.Second)
	for _, tt := range []struct {
		date string
		want time.Duration
		ok   bool
	}{
		{"Mon, 01 Jun 2026 12:00:00 GMT", 0, true},
		{"Mon, 01 Jun 2026 12:00:02 GMT", 0, true},
		{"Mon, 01 Jun 2026 12:01:02 GMT", 59700 * time.Millisecond, true},
		{"Mon, 01 Jun 2026 11:58:59 GMT", -60300 * time.Millisecond, true},
		{"", 0, false},
	} {
		if got, ok := aheadBy(http.Header{"Date": {tt.date}}, sent, received); got != tt.want || ok != tt.ok {
			t.Errorf("%q: %s %t, want %s", tt.date, got, ok, tt.want)
		}
	}
}

// TestTheRightsAreThoseThatThePlaygroundGrants reads the rights with which the end-to-end tests are sufficient.
func TestTheRightsAreThoseThatThePlaygroundGrants(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../playground/cluster/rbac.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var granted []rbacv1.PolicyRule
	for _, doc := range bytes.Split(text, []byte("\n---\n")) {
		var role rbacv1.ClusterRole
		if err := yaml.Unmarshal(doc, &role); err != nil {
			t.Fatal(err)
		}
		granted = append(granted, role.Rules...)
	}
	for _, r := range expand("kube-system") {
		if !slices.ContainsFunc(granted, func(g rbacv1.PolicyRule) bool {
			return slices.Contains(g.APIGroups, r.Group) && slices.Contains(g.Resources, r.Resource) && slices.Contains(g.Verbs, r.Verb)
		}) {
			t.Errorf("%+v is not granted", r)
		}
	}
}

func TestAPodThatIsNotReadyHasAReason(t *testing.T) {
	t.Parallel()
	status := func(c ...corev1.ContainerStatus) corev1.PodStatus {
		return corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: c}
	}
	for _, tt := range []struct {
		status corev1.PodStatus
		want   string
	}{
		{status(corev1.ContainerStatus{
			State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error"}},
		}), "CrashLoopBackOff; exit status 1 Error"},
		{status(), "is running and not ready"},
		{corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/3 nodes are available"}}}, "0/3 nodes are available"},
		{corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}, ""},
	} {
		if got := podProblem(&corev1.Pod{Status: tt.status}); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestASelectorThatLeavesOutTheControllerOnlyDoesNotNarrow(t *testing.T) {
	t.Parallel()
	express := func(op metav1.LabelSelectorOperator) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "k", Operator: op, Values: []string{"v"}}}}
	}
	for _, tt := range []struct {
		selector *metav1.LabelSelector
		want     bool
	}{
		{nil, false}, {&metav1.LabelSelector{}, false}, {express(metav1.LabelSelectorOpNotIn), false}, {express(metav1.LabelSelectorOpIn), true},
		{&metav1.LabelSelector{MatchLabels: map[string]string{"k": "v"}}, true},
	} {
		if got := narrows(tt.selector); got != tt.want {
			t.Errorf("%v: %t", tt.selector, got)
		}
	}
}

func TestCallsInParallelEndWithTheFirstError(t *testing.T) {
	t.Parallel()
	failure := errors.New("no")
	err := parallel(t.Context(), 1000, func(_ context.Context, i int) error {
		if i == 20 {
			return failure
		}
		return nil
	})
	if !errors.Is(err, failure) {
		t.Error(err)
	}
	if err := parallel(t.Context(), 0, nil); err != nil {
		t.Error(err)
	}
}

func TestComponentsOfEventsAreThoseOfAllControllers(t *testing.T) {
	t.Parallel()
	if got := strings.Join(components(), " "); got != "targetGroupBinding ingress service gateway.k8s.aws/alb gateway.k8s.aws/nlb" {
		t.Error(got)
	}
}
