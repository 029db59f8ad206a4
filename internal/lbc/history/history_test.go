package history

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/view/timeline"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestEntryThatGoesOnIsListedSinceItsLastTime(t *testing.T) {
	t.Parallel()
	until := start.Add(time.Hour)
	got := Since([]timeline.Entry{{Time: start, Until: &until, Times: 9, Kind: timeline.Plan, Text: "fails"}},
		start.Add(time.Minute))
	if text := Text(got); !strings.Contains(text, "fails (9 times, until 2026-01-02T04:04:05Z)") {
		t.Error(text)
	}
}

func TestEventsOfOtherObjectsAreLeftOut(t *testing.T) {
	t.Parallel()
	of := func(name string) corev1.Event {
		return corev1.Event{InvolvedObject: corev1.ObjectReference{Kind: "Ingress", Namespace: "shop", Name: name},
			Type: "Warning", Reason: "R", Message: name, Count: 3,
			FirstTimestamp: metav1.NewTime(start), LastTimestamp: metav1.NewTime(start.Add(time.Minute))}
	}
	got := Events([]corev1.Event{of("web"), of("secret")}, map[string]bool{"Ingress shop/web": true})
	if len(got) != 2 || got[0].Text != "Warning R: web" || got[0].Times != 0 || !got[0].Time.Equal(start) ||
		got[1].Times != 3 || !got[1].Time.Equal(start.Add(time.Minute)) {
		t.Errorf("%+v", got)
	}
}

// TestListHasCauseBeforeEffect: the API server rounds the times of edits and events down to seconds.
func TestListHasCauseBeforeEffect(t *testing.T) {
	t.Parallel()
	got := Since([]timeline.Entry{
		{Time: start, Kind: timeline.Event, Object: "Ingress shop/web", Text: "reconciled"},
		{Time: start.Add(500 * time.Millisecond), Kind: timeline.Call, Object: "shop/web", Text: "ModifyRule"},
		{Time: start.Add(400 * time.Millisecond), Kind: timeline.Plan, Object: "shop/web", Text: "1 to change"},
		{Time: start, Kind: timeline.Edit, Object: "Ingress shop/web", By: "kubectl", Text: timeline.Edited},
		{Time: start, Kind: timeline.Edit, Object: "Ingress shop/web", By: "kubectl", Text: "Update: spec.rules"},
		{Time: start.Add(-time.Hour), Kind: timeline.Edit, Object: "Ingress shop/web", By: "kubectl", Text: timeline.Edited},
		{Time: start.Add(-3 * time.Hour), Kind: timeline.Plan, Text: "too old"},
	}, start.Add(-2*time.Hour))
	var texts []string
	for _, e := range got {
		texts = append(texts, e.Text)
	}
	if list := strings.Join(texts, ", "); list != "edited, Update: spec.rules, 1 to change, ModifyRule, reconciled" {
		t.Error(list)
	}
}
