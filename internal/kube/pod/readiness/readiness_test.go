package readiness

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const gate = "target-health.elbv2.k8s.aws/web"

var (
	noon  = metav1.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	later = metav1.NewTime(noon.Add(90 * time.Second))
)

func TestTheConditionIsTheHealthThatAWSReportsOfTheTargets(t *testing.T) {
	t.Parallel()
	checking := Health{"initial", "Elb.InitialHealthChecking", "Initial health checks in progress"}
	for name, tc := range map[string]struct {
		targets []Health
		want    corev1.PodCondition
	}{
		"healthy": {[]Health{{State: Healthy}}, corev1.PodCondition{Status: "True"}},
		"healthy, and AWS says more": {[]Health{{Healthy, "R", "d"}}, corev1.PodCondition{Status: "True", Reason: "R",
			Message: "d"}},
		"registered just now": {[]Health{Registering}, corev1.PodCondition{
			Status: "False", Reason: "Elb.RegistrationInProgress", Message: "Target registration is in progress"}},
		"checked for the first time": {[]Health{checking}, corev1.PodCondition{
			Status: "False", Reason: "Elb.InitialHealthChecking", Message: "Initial health checks in progress"}},
		"unhealthy": {[]Health{{"unhealthy", "Target.Timeout", "Request timed out"}}, corev1.PodCondition{
			Status: "False", Reason: "Target.Timeout", Message: "Request timed out"}},
		"of a group that nobody uses": {[]Health{{"unused", "Target.NotInUse", "not configured"}}, corev1.PodCondition{
			Status: "False", Reason: "Target.NotInUse", Message: "not configured"}},
		"not checked": {[]Health{{"unavailable", "Target.HealthCheckDisabled", "off"}}, corev1.PodCondition{
			Status: "False", Reason: "Target.HealthCheckDisabled", Message: "off"}},
		"unknown":                 {[]Health{{}}, corev1.PodCondition{Status: "Unknown"}},
		"no targets":              {nil, corev1.PodCondition{Status: "Unknown"}},
		"two ports, both healthy": {[]Health{{State: Healthy}, {State: Healthy}}, corev1.PodCondition{Status: "True"}},
		"two ports, one is checked": {[]Health{{State: Healthy}, checking}, corev1.PodCondition{
			Status: "False", Reason: "Elb.InitialHealthChecking", Message: "Initial health checks in progress"}},
		"two ports, one unknown": {[]Health{{State: Healthy}, {}}, corev1.PodCondition{Status: "Unknown"}},
		"two ports, the other":   {[]Health{{}, {State: Healthy}}, corev1.PodCondition{Status: "Unknown"}},
	} {
		tc.want.Type = gate
		if diff := cmp.Diff(tc.want, Condition(gate, tc.targets...)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAConditionIsWrittenOnlyWhenItChanges(t *testing.T) {
	t.Parallel()
	was := func(status corev1.ConditionStatus, reason, message string) corev1.PodCondition {
		return corev1.PodCondition{Type: gate, Status: status, Reason: reason, Message: message, LastTransitionTime: noon}
	}
	timeless := was("False", "", "")
	timeless.LastTransitionTime = metav1.Time{}
	for name, tc := range map[string]struct {
		is, want corev1.PodCondition
		write    bool
		since    metav1.Time
		waited   time.Duration
	}{
		"none yet":                        {corev1.PodCondition{}, was("False", "a", "b"), true, later, 0},
		"none yet, and healthy already":   {corev1.PodCondition{}, was("True", "", ""), true, later, 0},
		"the same":                        {was("False", "a", "b"), was("False", "a", "b"), false, noon, 0},
		"another reason":                  {was("False", "a", "b"), was("False", "c", "b"), true, noon, 0},
		"another message":                 {was("False", "a", "b"), was("False", "a", "c"), true, noon, 0},
		"healthy":                         {was("False", "a", "b"), was("True", "", ""), true, later, 90 * time.Second},
		"healthy after nobody knew":       {was("Unknown", "", ""), was("True", "", ""), true, later, 90 * time.Second},
		"healthy, nobody knows since":     {timeless, was("True", "", ""), true, later, 0},
		"still healthy":                   {was("True", "", ""), was("True", "", ""), false, noon, 0},
		"registered again":                {was("True", "", ""), was("False", "a", ""), true, later, 0},
		"unknown where it was unhealthy":  {was("False", "a", "b"), was("Unknown", "", ""), true, later, 0},
		"unhealthy where it was unknown":  {was("Unknown", "", ""), was("False", "a", ""), true, later, 0},
		"unknown is not written a second": {was("Unknown", "", ""), was("Unknown", "", ""), false, noon, 0},
	} {
		tc.want.LastTransitionTime = metav1.Time{} // which is not for whoever wants it to say
		got := Next(tc.is, tc.want, later)
		if got.Write != tc.write || got.Condition.LastTransitionTime != tc.since || got.Waited != tc.waited {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestAPatchNamesThePodAndOneCondition(t *testing.T) {
	t.Parallel()
	got, err := Patch("u-1", corev1.PodCondition{Type: gate, Status: "True", LastTransitionTime: noon})
	const want = `{"metadata":{"uid":"u-1"},"status":{"conditions":[{"type":"target-health.elbv2.k8s.aws/web","status":"True","reason":"","message":"","lastTransitionTime":"2026-01-01T12:00:00Z"}]}}`
	if err != nil || string(got) != want {
		t.Errorf("%s %v", got, err)
	}
}

func TestOnlyTheConditionOfTheBindingCounts(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{Spec: corev1.PodSpec{ReadinessGates: []corev1.PodReadinessGate{
		{ConditionType: "example.com/other"}, {ConditionType: gate}, {ConditionType: "target-health.elbv2.k8s.aws/api"},
		{ConditionType: gate},
		{ConditionType: "target-health.alb.ingress.k8s.aws/web_web_80"},
	}}}
	if got := Bindings(pod); !slices.Equal(got, []string{"web", "api"}) {
		t.Errorf("bindings %v", got)
	}
	for _, tc := range []struct {
		conditions []corev1.PodCondition
		gate       corev1.PodConditionType
		waits      bool
	}{
		{nil, gate, true},
		{nil, "target-health.elbv2.k8s.aws/none", false}, // it has no such gate
		{[]corev1.PodCondition{{Type: "target-health.elbv2.k8s.aws/api", Status: "True"}}, gate, true},
		{[]corev1.PodCondition{{Type: gate, Status: "True"}, {Type: "target-health.elbv2.k8s.aws/api", Status: "False"}},
			gate, false},
		{[]corev1.PodCondition{{Type: gate, Status: "Unknown"}}, gate, true},
		{[]corev1.PodCondition{{Type: gate, Status: "False"}}, gate, true},
	} {
		pod.Status.Conditions = tc.conditions
		if got := Waits(pod, tc.gate); got != tc.waits {
			t.Errorf("%v %s: %t", tc.conditions, tc.gate, got)
		}
	}
}

func TestLooksBecomeRarerTheLongerPodsWait(t *testing.T) {
	t.Parallel()
	var s Schedule
	if !s.Due().IsZero() {
		t.Fatalf("due at %v though nobody asked", s.Due())
	}
	began := noon.Time
	s.Register(began)
	var looks []float64
	for len(looks) < 12 {
		now := s.Due()
		looks = append(looks, now.Sub(began).Seconds())
		s.Looked(now, 15*time.Second)
	}
	want := []float64{1, 2, 3, 4.5, 6.75, 10.125, 15.1875, 22.78125, 34.171875, 49.171875, 64.171875, 79.171875}
	if diff := cmp.Diff(want, looks); diff != "" {
		t.Errorf("looks after seconds: %s", diff)
	}
	s.Looked(began.Add(10*time.Minute), 15*time.Second)
	if got := s.Due().Sub(began); got != 10*time.Minute+15*time.Second {
		t.Errorf("after ten minutes the next look is at %v", got)
	}
	s.Looked(began.Add(11*time.Minute), 15*time.Second)
	if got := s.Due().Sub(began); got != 12*time.Minute {
		t.Errorf("after eleven minutes the next look is at %v", got)
	}
}

func TestSteadyRegistrationIsLookedAtEveryTwoSeconds(t *testing.T) {
	t.Parallel()
	var s Schedule
	looks, last := 0, noon.Time
	for i := range 600 { // a minute, a pod every 100 ms
		now := noon.Add(time.Duration(i) * 100 * time.Millisecond)
		if due := s.Due(); !due.IsZero() && !due.After(now) {
			s.Looked(now, 15*time.Second)
			looks, last = looks+1, now
		}
		s.Register(now)
		s.Find(now)
		if now.Sub(last) > 2*time.Second {
			t.Fatalf("no look for %v", now.Sub(last))
		}
	}
	if looks > 40 {
		t.Errorf("%d looks in a minute", looks)
	}
}

func TestPodsThatAreFoundWaitingAreLookedAtAtOnce(t *testing.T) {
	t.Parallel()
	var s Schedule
	s.Find(noon.Time)
	if s.Due() != noon.Time {
		t.Errorf("due at %v", s.Due())
	}
	s.Looked(noon.Time, 15*time.Second)
	due := s.Due()
	s.Find(noon.Add(time.Millisecond)) // by every pass over the binding
	if s.Due() != due || due != noon.Add(FirstPause) {
		t.Errorf("due at %v, before %v", s.Due(), due)
	}
}
