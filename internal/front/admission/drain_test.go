package admission

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/pod/drain"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestThePatchOfADrainAddsWhatThePodLacks(t *testing.T) {
	t.Parallel()
	alb := []drain.Target{{Type: stack.Application}}
	for _, tc := range []struct {
		name, pod, want string
		targets         []drain.Target
		warned          bool
	}{
		{name: "nothing declared", pod: "spec: {containers: [{name: a}]}", targets: alb,
			want: `/spec/containers/0/lifecycle {"preStop":{"sleep":{"seconds":45}}}` +
				"\n/spec/terminationGracePeriodSeconds 75"},
		{name: "another hook beside", pod: "spec: {terminationGracePeriodSeconds: 90, containers: [{name: a, lifecycle: " +
			"{preStop: {exec: {command: [x]}}}}, {name: b, lifecycle: {postStart: {exec: {command: [x]}}}}]}", targets: alb,
			want: `/spec/containers/1/lifecycle/preStop {"sleep":{"seconds":45}}`},
		{name: "a grace period that is too short", pod: "spec: {terminationGracePeriodSeconds: 10, containers: [{name: a}]}",
			targets: alb, warned: true,
			want: `/spec/containers/0/lifecycle {"preStop":{"sleep":{"seconds":5}}}`},
		{name: "no load balancer", pod: "spec: {containers: [{name: a}]}"},
	} {
		got := Drain(agentPod(t, tc.pod), tc.targets)
		if diff := cmp.Diff(tc.want, operations(t, got.Patch)); diff != "" || got.Denied != "" ||
			len(got.Warnings) > 0 != tc.warned {
			t.Errorf("%s: %+v %s", tc.name, got, diff)
		}
	}
}

func TestTheLabelOfANamespaceAsksForDrains(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"enabled": true, "disabled": false, "": false} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: map[string]string{
			drain.NamespaceLabel: value}}}
		if got := WantsDrain(objects.FromObjects([]metav1.Object{ns}), "shop"); got != want {
			t.Errorf("%q: %t", value, got)
		}
	}
	if WantsDrain(objects.FromObjects[metav1.Object](nil), "shop") {
		t.Error("a namespace that nobody knows")
	}
}
