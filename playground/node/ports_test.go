package node

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/playground/standin"
)

func TestContainerPortsDecideWhatIsServed(t *testing.T) {
	t.Parallel()
	named := func(name string, port int32, protocol corev1.Protocol) corev1.ContainerPort {
		return corev1.ContainerPort{Name: name, ContainerPort: port, Protocol: protocol}
	}
	service := []corev1.EnvVar{{Name: "SERVICE_NAME", Value: "web"}}
	id := standin.Identity{Namespace: "shop", Pod: "web-1", Node: "node-a", Service: "web"}
	for name, c := range map[string]struct {
		container  corev1.Container
		annotation string
		want       []served
		wantErr    string
	}{
		"a TCP port without a name is an HTTP echo": {
			container: corev1.Container{Ports: []corev1.ContainerPort{named("", 80, corev1.ProtocolTCP)}},
			want:      []served{{port: 80, kind: kindHTTP, id: id}},
		},
		"the name's prefix chooses": {
			container: corev1.Container{Ports: []corev1.ContainerPort{
				named("http", 8080, ""), named("tcp-db", 5432, ""), named("udp-dns", 5353, corev1.ProtocolUDP),
				named("tcp-dns", 5353, ""),
			}},
			want: []served{{port: 5353, kind: kindTCP, id: id}, {port: 5353, kind: kindUDP, id: id},
				{port: 5432, kind: kindTCP, id: id}, {port: 8080, kind: kindHTTP, id: id}},
		},
		"UDP by protocol": {
			container: corev1.Container{Ports: []corev1.ContainerPort{named("dns", 53, corev1.ProtocolUDP)}},
			want:      []served{{port: 53, kind: kindUDP, id: id}},
		},
		"a container without ports serves HTTP_PORT": {
			container: corev1.Container{Env: []corev1.EnvVar{{Name: "HTTP_PORT", Value: "3000"}}},
			want:      []served{{port: 3000, kind: kindHTTP, id: id}},
		},
		"the annotation overrides, adds and removes": {
			container:  corev1.Container{Ports: []corev1.ContainerPort{named("http", 80, ""), named("http2", 81, "")}},
			annotation: "80=tcp, 81=none, 82=udp",
			want:       []served{{port: 80, kind: kindTCP, id: id}, {port: 82, kind: kindUDP, id: id}},
		},
		"a malformed annotation is reported and the rest counts": {
			annotation: "80=http,x=tcp",
			want:       []served{{port: 80, kind: kindHTTP, id: id}},
			wantErr:    `"x=tcp" is not PORT=http`,
		},
	} {
		c.container.Env = append(c.container.Env, service...)
		got, err := servedPorts(&corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1", Annotations: map[string]string{
				StandInAnnotation: c.annotation}},
			Spec: corev1.PodSpec{NodeName: "node-a", Containers: []corev1.Container{c.container}},
		}, nil, nil)
		if (err == nil) != (c.wantErr == "") || err != nil && !strings.Contains(err.Error(), c.wantErr) {
			t.Errorf("%s: error %v, want %q", name, err, c.wantErr)
		}
		for i := range got {
			got[i].start = nil
		}
		if d := cmp.Diff(c.want, got, cmp.AllowUnexported(served{})); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestEnvironmentVariablesFollowReferencesToThePodItself(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1", Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{NodeName: "node-a"},
	}
	for path, want := range map[string]string{
		"metadata.name": "web-1", "metadata.namespace": "shop", "spec.nodeName": "node-a", "metadata.labels['app']": "web",
		"status.hostIP": "",
	} {
		c := corev1.Container{Env: []corev1.EnvVar{{
			Name: "X", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}},
		}}}
		if got := env(pod, c, "X"); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}
