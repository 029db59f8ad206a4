package serverid

import (
	"encoding/binary"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func constant(n int) func(int) int { return func(int) int { return n } }

func TestServerIDLayoutMatchesExistingInstallations(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		ms         int64
		worker     uint32
		number     int
		value, hex string
	}{
		{1767225600000, 5, 9, "LBhzwAAAAok=", "0x2c1873c000000289"},
		{1750000000000, 42, 5, "KBW59AAAFQU=", "0x2815b9f400001505"},
	} {
		id := NewGenerator(tc.worker, constant(tc.number)).Next(time.UnixMilli(tc.ms))
		if id.Value() != tc.value || id.String() != tc.hex {
			t.Errorf("%d ms, worker %d, number %d: %s, %s", tc.ms, tc.worker, tc.number, id.Value(), id)
		}
	}
}

func TestIDsDifferWhateverTheClockDoes(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1767225600000)
	g := NewGenerator(Workers-1, constant(126))
	seen := map[ID]bool{}
	for i := range 2000 {
		now := at.Add(time.Duration(i/1500) * time.Millisecond) // 1500 in one millisecond
		if i%3 == 0 {
			now = at.Add(-time.Hour) // the clock goes back
		}
		id := g.Next(now)
		if seen[id] {
			t.Fatalf("id %d, %s, was there before", i, id)
		}
		seen[id] = true
		if worker := binary.BigEndian.Uint64(id[:]) >> numberBits % Workers; worker != Workers-1 {
			t.Fatalf("id %s is one of worker %d", id, worker)
		}
	}
	if ahead := g.at - at.UnixMilli(); ahead < 1 || ahead > 2000 {
		t.Errorf("the last id is %d ms ahead", ahead)
	}
}

func TestIDsOfTwoWorkersDifferInOneMillisecond(t *testing.T) {
	t.Parallel()
	seen := map[ID]bool{}
	for _, worker := range []uint32{7, 8} {
		g := NewGenerator(worker, constant(0))
		for range 128 {
			seen[g.Next(time.UnixMilli(1767225600000))] = true
		}
	}
	if len(seen) != 256 {
		t.Errorf("%d ids of 256", len(seen))
	}
}

func TestTheNextWorkerIsCountedAsByExistingInstallations(t *testing.T) {
	t.Parallel()
	for w, want := range map[uint32]uint32{0: 1, 41: 42, 131069: 131070, 131070: 0, 131071: 1} {
		if got := NextWorker(w); got != want {
			t.Errorf("after %d: %d, want %d", w, got, want)
		}
	}
}

func TestTheIDOfAPortIsThatOfItsContainer(t *testing.T) {
	t.Parallel()
	a, b := NewGenerator(1, constant(1)).Next(time.UnixMilli(1767225600000)), NewGenerator(2, constant(2)).Next(
		time.UnixMilli(1767225600000))
	container := func(name, value string, ports ...int32) corev1.Container {
		c := corev1.Container{Name: name}
		if value != "" {
			c.Env = []corev1.EnvVar{{Name: "OTHER", Value: "x"}, {Name: DefaultVariable, Value: value}}
		}
		for _, p := range ports {
			c.Ports = append(c.Ports, corev1.ContainerPort{ContainerPort: p})
		}
		return c
	}
	sidecar := container("side", b.Value(), 8443)
	sidecar.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	for name, tc := range map[string]struct {
		annotation string
		containers []corev1.Container
		init       []corev1.Container
		want       string
	}{
		"of the one container": {"a", []corev1.Container{container("a", a.Value())}, nil, a.String()},
		"of the container with the port": {"a,b", []corev1.Container{container("a", a.Value(), 80),
			container("b", b.Value(), 8443)}, nil, b.String()},
		"of the first that is named": {"b", []corev1.Container{container("a", a.Value()), container("b", b.Value())},
			nil, b.String()},
		"of one that users set by themselves": {"c", []corev1.Container{container("a", a.Value())}, nil, a.String()},
		"of a sidecar": {"side", []corev1.Container{container("a", "")}, []corev1.Container{sidecar},
			b.String()},
		"not of a container that ends first": {"side", []corev1.Container{container("a", "")}, []corev1.Container{
			container("side", b.Value())}, ""},
		"not without variable":     {"a", []corev1.Container{container("a", "")}, nil, ""},
		"not of another length":    {"a", []corev1.Container{container("a", "AAAA")}, nil, ""},
		"not of what is no base64": {"a", []corev1.Container{container("a", "0x2c1873c000000289")}, nil, ""},
		"not without annotation":   {"", []corev1.Container{container("a", a.Value())}, nil, ""},
	} {
		pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: tc.containers, InitContainers: tc.init}}
		if tc.annotation != "" {
			pod.ObjectMeta = metav1.ObjectMeta{Annotations: map[string]string{Annotation: tc.annotation}}
		}
		if got := OfPort(pod, DefaultVariable, 8443); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	pod := &corev1.Pod{
		Spec: corev1.PodSpec{Containers: []corev1.Container{
			{Name: "a", Env: []corev1.EnvVar{{Name: DefaultVariable, ValueFrom: &corev1.EnvVarSource{}}}}}}}
	pod.Annotations = map[string]string{Annotation: " a , "}
	if got := OfPort(pod, DefaultVariable, 1); got != "" {
		t.Errorf("of a variable whose value is elsewhere: %q", got)
	}
	if names, ok := Containers(pod); !ok || len(names) != 1 || names[0] != "a" {
		t.Errorf("names %q, %t", names, ok)
	}
}
