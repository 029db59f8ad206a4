package admission

import (
	"encoding/json"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/kube/pod/serverid"
)

func TestNewPodsGetAServerIDForEachContainerThatServesQUIC(t *testing.T) {
	t.Parallel()
	const one, two = "AAAAAAAAAAE=", "AAAAAAAAAAI="
	container := func(name string, env ...corev1.EnvVar) corev1.Container {
		return corev1.Container{Name: name, Env: env}
	}
	other, own := corev1.EnvVar{Name: "OTHER", Value: "x"}, corev1.EnvVar{Name: "ID", Value: "theirs"}
	for name, tc := range map[string]struct {
		annotation       string
		containers, init []corev1.Container
		patch, warnings  []string
	}{
		"without annotation": {"-", []corev1.Container{container("a")}, nil, nil, nil},
		"a container": {"a", []corev1.Container{container("b"), container("a")}, nil,
			[]string{`{"op":"add","path":"/spec/containers/1/env","value":[{"name":"ID","value":"` + one + `"}]}`}, nil},
		"beside other values": {"a", []corev1.Container{container("a", other)}, nil,
			[]string{`{"op":"add","path":"/spec/containers/0/env/-","value":{"name":"ID","value":"` + one + `"}}`}, nil},
		"two, and a sidecar": {" b, s", []corev1.Container{container("a"), container("b")}, []corev1.Container{
			container("s")}, []string{`{"op":"add","path":"/spec/containers/1/env","value":[{"name":"ID","value":"` + one +
			`"}]}`, `{"op":"add","path":"/spec/initContainers/0/env","value":[{"name":"ID","value":"` + two + `"}]}`}, nil},
		"one that has it": {"a", []corev1.Container{container("a", own)}, nil, nil,
			[]string{"container a sets ID itself, so the webhook generates no QUIC server id; if several pods have the " +
				"same id, the controller registers only one of them"}},
		"one that is not there": {"a,x", []corev1.Container{container("a")}, nil,
			[]string{`{"op":"add","path":"/spec/containers/0/env","value":[{"name":"ID","value":"` + one + `"}]}`},
			[]string{"annotation " + serverid.Annotation + " names container x, which does not exist in the pod"}},
	} {
		pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: tc.containers, InitContainers: tc.init}}
		if tc.annotation != "-" {
			pod.Annotations = map[string]string{serverid.Annotation: tc.annotation}
		}
		n := byte(0)
		r := ServerIDs(pod, "ID", func() serverid.ID { n++; return serverid.ID{7: n} })
		var patch []string
		for _, op := range r.Patch {
			text, err := json.Marshal(op)
			if err != nil {
				t.Fatal(err)
			}
			patch = append(patch, string(text))
		}
		if !slices.Equal(patch, tc.patch) || !slices.Equal(r.Warnings, tc.warnings) || int(n) != len(tc.patch) ||
			r.Denied != "" {
			t.Errorf("%s: %q, %q, %d ids", name, patch, r.Warnings, n)
		}
	}
}
