package node

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/k8s-lbc/lbc/internal/lib/servingcert"
)

func TestImagesAreKnownByNameInAnyRegistryAndVersion(t *testing.T) {
	t.Parallel()
	for image, want := range map[string]bool{
		"registry.k8s.io/gateway-api/echo-basic:v1.5.1":             true,
		"localhost:5000/gateway-api/echo-basic@sha256:01234":        true,
		"gateway-api/echo-basic":                                    true,
		"registry.k8s.io/gateway-api/conformance/echo-basic:v0.2.0": true,
		"registry.k8s.io/gateway-api/echo-basics:v1":                false,
		"registry.k8s.io/other/echo-basic:v1":                       false,
	} {
		if got := isEchoBasic(corev1.Container{Image: image}); got != want {
			t.Errorf("%s: %t", image, got)
		}
	}
}

// webCertificate are the files of a certificate.
func webCertificate(t *testing.T) servingcert.Bundle {
	t.Helper()
	b, _, err := servingcert.Renew(servingcert.Bundle{}, servingcert.Policy{Lifetime: 100 * time.Hour, Hosts: []string{
		"abc.example.com"}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestConformanceImageServesPortsOfEnvironment(t *testing.T) {
	t.Parallel()
	b := webCertificate(t)
	files := mounted{"/c/crt": b.Cert, "/c/key": b.Key, "/c/ca": b.CA}
	for name, c := range map[string]struct {
		env      map[string]string
		declared []corev1.ContainerPort
		want     []string
	}{
		"HTTP": {nil, nil, []string{"3000 own", "3001 own"}},
		"HTTP on other ports": {map[string]string{"HTTP_PORT": "80", "H2C_PORT": "81"}, nil,
			[]string{"80 own", "81 own"}},
		"a declared port also": {nil, []corev1.ContainerPort{{ContainerPort: 8080}}, []string{"3000 own", "3001 own",
			"8080 http"}},
		"HTTPS": {map[string]string{"TLS_SERVER_CERT": "/c/crt", "TLS_SERVER_PRIVKEY": "/c/key",
			"TLS_CLIENT_CACERTS": "/c/ca"}, nil, []string{"3000 own", "3001 own", "8443 own"}},
		"gRPC": {map[string]string{"GRPC_ECHO_SERVER": "1"}, nil, []string{"3000 own"}},
		"TCP": {map[string]string{"TCP_ECHO_SERVER": "1", "TLS_SERVER_CERT": "/c/crt"}, nil,
			[]string{"3000 own"}},
		"TCP with TLS": {map[string]string{"TCP_ECHO_SERVER": "1", "TLS_SERVER_CERT": "/c/crt",
			"TLS_SERVER_PRIV_KEY": "/c/key"}, nil, []string{"3000 own", "8443 own"}},
		"UDP, which is declared": {map[string]string{"UDP_ECHO_SERVER": "1"}, []corev1.ContainerPort{
			{ContainerPort: 8080, Protocol: corev1.ProtocolUDP}}, []string{"8080 udp own"}},
		"a certificate is missing": {map[string]string{"TLS_SERVER_CERT": "/x", "TLS_SERVER_PRIVKEY": "/c/key"}, nil,
			[]string{"3000 own", "3001 own", "8443 own"}},
	} {
		container := corev1.Container{Image: "registry.k8s.io/gateway-api/echo-basic:v1.5.1", Ports: c.declared}
		for k, v := range c.env {
			container.Env = append(container.Env, corev1.EnvVar{Name: k, Value: v})
		}
		ports, err := servedPorts(&corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{container}}}, files, nil)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range ports {
			text := fmt.Sprintf("%d %s", p.port, p.kind)
			if name == "UDP, which is declared" {
				text = fmt.Sprintf("%d udp %s", p.port, p.kind)
			}
			got = append(got, text)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestAPodWithVolumesOfTheConformanceImageWaitsForTheirSecrets(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "infra", Name: "tls-backend"},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Image: "registry.k8s.io/gateway-api/echo-basic:v1.5.1",
				VolumeMounts: []corev1.VolumeMount{{Name: "secret", MountPath: "/etc/secret"},
					{Name: "config", MountPath: "/etc/ca.pem", SubPath: "ca"}, {Name: "none", MountPath: "/none"}},
			}},
			Volumes: []corev1.Volume{
				{Name: "secret", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "certificate",
					Items: []corev1.KeyToPath{{Key: "tls.crt", Path: "crt"}}}}},
				{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
					LocalObjectReference: corev1.LocalObjectReference{Name: "ca"}}}},
				{Name: "none", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
					LocalObjectReference: corev1.LocalObjectReference{Name: "none"}, Optional: new(true)}}},
			},
		},
	}
	client := fake.NewClientset(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "infra", Name: "ca"},
		Data: map[string]string{"ca": "CA"}})
	waits := make(chan string, 1)
	f := &Fleet{options: Options{Client: client, Logf: func(format string, args ...any) {
		waits <- fmt.Sprintf(format, args...)
	}}}
	w := newWorker(f, Spec{}, pod, func() {})
	done := make(chan mounted, 1)
	mount := func() {
		files, err := w.mount(t.Context())
		if err != nil {
			t.Error(err)
		}
		done <- files
	}
	go mount()
	t.Log(<-waits)
	if _, err := client.CoreV1().Secrets("infra").Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "certificate"}, Data: map[string][]byte{"tls.crt": []byte("C"),
			"tls.key": []byte("K")},
	}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	files := <-done
	if len(files) != 2 || string(files["/etc/secret/crt"]) != "C" || string(files["/etc/ca.pem"]) != "CA" {
		t.Errorf("%q", files)
	}

	if err := client.CoreV1().Secrets("infra").Delete(t.Context(), "certificate", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	go mount()
	t.Log(<-waits)
	gone := pod.DeepCopy()
	gone.DeletionTimestamp = new(metav1.Now())
	w.update(gone)
	if files := <-done; files != nil {
		t.Errorf("a deleted pod got %q", files)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	w.update(pod)
	go func() { <-waits }()
	if _, err := w.mount(ended); err == nil {
		t.Error("the end of the node was not noticed")
	}
}
