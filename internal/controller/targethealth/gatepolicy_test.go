package targethealth

import (
	"errors"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/pod/readiness"
)

func TestGatesOpenByPolicyWhereTheTargetIsNotTheReason(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		health readiness.Health
		err    error
		opens  bool
		reason string
	}{
		{"no load balancer uses the group", readiness.Health{State: "unused", Reason: "Target.NotInUse",
			Description: "not used"}, nil, true, "Target.NotInUse"},
		{"the target is not registered", readiness.Health{State: "unused", Reason: "Target.NotRegistered",
			Description: "not registered"}, nil, true, "Target.NotRegistered"},
		{"AWS does not list the target", readiness.Health{}, nil, true, "Target.NotRegistered"},
		{"the group does not exist", readiness.Health{}, &awsError{"TargetGroupNotFound"}, true, "TargetGroupNotFound"},
		{"AWS does not answer", readiness.Health{}, errors.New("timeout"), true, "Elb.RegistrationInProgress"},
		{"the target is checked", readiness.Health{State: "initial", Reason: "Elb.InitialHealthChecking"}, nil, false,
			"Elb.InitialHealthChecking"},
		{"the target is unhealthy", readiness.Health{State: "unhealthy", Reason: "Target.Timeout"}, nil, false,
			"Target.Timeout"},
	} {
		for _, after := range []time.Duration{0, 10 * time.Minute} {
			g := newGated(1)
			g.OpenAfter = after
			g.pass(t, 0, 1, 0)
			if tc.health.State != "" {
				g.states = map[string]readiness.Health{"web-0": tc.health}
			}
			g.down = tc.err
			g.look(t, 9*time.Minute)
			if c := g.cached[0].Status.Conditions[0]; c.Status == corev1.ConditionTrue {
				t.Errorf("%s: opened too early: %+v", tc.name, c)
			}
			g.look(t, 2*time.Minute)
			c := g.cached[0].Status.Conditions[0]
			opens := tc.opens && after > 0
			if (c.Status == corev1.ConditionTrue) != opens || after > 0 && c.Reason != tc.reason ||
				strings.Contains(c.Message, "opened after 10m0s by --open-readiness-gates-after") != opens {
				t.Errorf("%s, with %s: %+v", tc.name, after, c)
			}
		}
	}
}

func TestGatesOfABindingThatNeverComesOpenByPolicy(t *testing.T) {
	t.Parallel()
	g := newGated(2)
	g.OpenAfter = 10 * time.Minute
	g.cached[0].CreationTimestamp = metav1.NewTime(g.at.Add(-7 * time.Minute))
	g.cached[1].CreationTimestamp = metav1.NewTime(g.at)
	for _, step := range []struct{ after, again time.Duration }{{0, 3 * time.Minute}, {3 * time.Minute, 7 * time.Minute},
		{7 * time.Minute, 0}} {
		g.at = g.at.Add(step.after)
		again, err := g.Absent(t.Context(), gateKey)
		if err != nil || again != step.again {
			t.Errorf("again after %s, want %s: %v", again, step.again, err)
		}
		g.flush(t.Context())
	}
	expectPatches(t, g, "those that wait", "web-0 True TargetGroupBindingNotFound",
		"web-0 Unknown TargetGroupBindingNotFound",
		"web-1 True TargetGroupBindingNotFound", "web-1 Unknown TargetGroupBindingNotFound")
	if len(g.waited) > 0 { // each name that a pod has would be a series of metrics
		t.Errorf("gates of no binding are measured: %v", g.waited)
	}
	g.OpenAfter = 0
	if again, err := newGated(1).Absent(t.Context(), gateKey); again != 0 || err != nil {
		t.Errorf("without the policy again after %s: %v", again, err)
	}
}
