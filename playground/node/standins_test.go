package node

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/vnet"
)

// get asks a port of a pod that runs a container.
func get(t *testing.T, c corev1.Container, images []StandIn, port uint16) (int, string) {
	t.Helper()
	network, pod := vnet.New(), netip.MustParseAddr("10.0.1.5")
	network.AddAddress(pod)
	ports, err := servedPorts(&corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{c}}}, nil, images)
	if err != nil {
		t.Fatal(err)
	}
	servers := serve(network, pod, ports, t.Logf)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return network.DialTCP(ctx, netip.MustParseAddr("10.0.0.9"), netip.AddrPortFrom(pod, port))
	}}
	defer func() {
		transport.CloseIdleConnections()
		for _, s := range servers {
			s.Shutdown(t.Context())
		}
	}()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://shop.example.com/path", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func container(image string, env map[string]string, args ...string) corev1.Container {
	c := corev1.Container{Name: "app", Image: image, Args: args}
	for k, v := range env {
		c.Env = append(c.Env, corev1.EnvVar{Name: k, Value: v})
	}
	return c
}

func TestKnownImagesServeWhatTheirProgramsServe(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		container corev1.Container
		port      uint16
		want      string // part of the answer
	}{
		"a text and port of variables": {container("970805265562.dkr.ecr.us-west-2.amazonaws.com/colorteller:latest",
			map[string]string{"COLOR": "green", "SERVER_PORT": "9080"}), 9080, "green"},
		"without variables":    {container("colorteller", nil), 8080, "black"},
		"one of several ports": {container("kishorj/hello-multi:v1", nil), 333, "Hello World!"},
		"arguments": {container("docker.io/hashicorp/http-echo:1.0", nil, "-listen=127.0.0.1:9000",
			"-text=hi there"), 9000, "hi there"},
		"arguments of two words": {container("hashicorp/http-echo@sha256:00", nil, "--text", "hi"), 5678, "hi"},
		"the key of a challenge": {container("quay.io/jetstack/cert-manager-acmesolver:v1.21.2", nil,
			"--listen-port=8089", "--domain=a.dev", "--token=t", "--key=t.print"), 8089, "t.print"},
		"references": {corev1.Container{Image: "hashicorp/http-echo", Args: []string{"-listen=:$(PORT)",
			"-text=$(GREETING) $$(PORT) $(OTHER)"}, Env: []corev1.EnvVar{{Name: "PORT", Value: "9000"},
			{Name: "WHO", Value: "shop"}, {Name: "GREETING", Value: "hi $(WHO)"}}}, 9000, "hi shop $(PORT) $(OTHER)"},
		"an echo": {container("registry:5000/nginx", nil), 80, `"host": "shop.example.com"`},
	} {
		if status, body := get(t, tc.container, nil, tc.port); status != http.StatusOK || !strings.Contains(body, tc.want) {
			t.Errorf("%s: %d %q, want %q", name, status, body, tc.want)
		}
	}
}

func TestAFileOfImagesComesBeforeTheBuiltInTable(t *testing.T) {
	t.Parallel()
	images, err := ParseStandIns("images.yaml", []byte(`images:
- image: nginx:1.*
  ports: [{port: 8080, serve: text, text: mine}]
- image: team/*
  ports:
  - {port: 80, serve: none}
  - {port: 81, portFrom: APP_PORT, serve: echo}
  - {port: 53, serve: udp}
  - {port: 9000, serve: tcp}
  - {port: 50051, serve: grpc}
`))
	if err != nil {
		t.Fatal(err)
	}
	if status, body := get(t, container("nginx:1.27", nil), images, 8080); status != http.StatusOK || body != "mine" {
		t.Errorf("nginx: %d %q", status, body)
	}
	if status, body := get(t, container("nginx:2", nil), images, 80); status != http.StatusOK || body == "mine" {
		t.Errorf("another tag: %d %q", status, body)
	}
	c := container("registry.example.com:5000/team/shop:v1", map[string]string{"APP_PORT": "8081"})
	c.Ports = []corev1.ContainerPort{{ContainerPort: 80}, {ContainerPort: 90}}
	ports, err := servedPorts(&corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{c}}}, nil, images)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range ports {
		got = append(got, fmt.Sprintf("%d=%s", p.port, p.kind))
	}
	if want := []string{"53=udp", "80=none", "90=http", "8081=http", "9000=tcp", "50051=http"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestMistakesInAFileOfImagesAreNamedWithTheirLine(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"":                                   "images.yaml: no images",
		"images: []\n":                       "images.yaml: no images",
		"images:\n- image: a\n  prots: []\n": `images.yaml: line 3: unknown field "prots"`,
		"images:\n- image: a\n  ports:\n  - port: many\n": `images.yaml: line 4: port "many" is not a number from 1 to 65535`,
		"images:\n- image: a\n  ports:\n  - {port: 70000, serve: echo}\n": `images.yaml: line 4: port "70000" is not a ` +
			"number from 1 to 65535",
		"images:\n- image: a\n  ports: 80\n":   "images.yaml: line 3: ports is not a list: write items such as {port: 80",
		"images:\n- image: a\n  ports: [80]\n": "images.yaml: line 3: this is not a port: write an item such as {port: 80",
		"images:\n- colorteller\n":             "images.yaml: line 2: this is not a list of images: write items with",
		"images: colorteller\n":                "images.yaml: line 1: this is not a list of images: write items with",
		"images:\n- image: a\n  ports:\n  - {port: 80, serve: echo}\n  - {port: 81, serve: ftp}": `images.yaml: line 5: serve "ftp" is not text, echo, grpc, tcp, udp or none`,
		"images:\n- ports:\n  - {port: 80, serve: echo}\n": "images.yaml: line 2: " +
			"image is missing",
		"images:\n\n- image: a\n": "images.yaml: line 3: " +
			"image a has no ports",
		"images:\n- image: '[a'\n  ports: [{port: 80, serve: echo}]\n": `images.yaml: line 2: image "[a" is no pattern`,
		"images:\n- image: a\n  ports:\n  - serve: echo\n": "images.yaml: line 4: a " +
			"port has neither port nor portFrom",
		"images:\n- image: a\n  ports:\n  - {port: 80, serve: text}\n": "images.yaml: line 4: " +
			"serve text needs text or textFrom",
		"images:\n- image: a\n  ports:\n  - {port: 80, serve: tcp, text: x}\n": "images.yaml: line 4: " +
			"text and textFrom are for serve text, not tcp",
		"images:\n- image: a\n ports: 1\n": "images.yaml: line 2: " +
			"did not find expected key",
		"- image: a\n": "images.yaml: line 1: this is not a list of images: write items with",
	} {
		if _, err := ParseStandIns("images.yaml", []byte(content)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %q", content, err, want)
		}
	}
}

func TestBuiltInImagesAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, s := range builtIn {
		problems := []string{s.problem()}
		for _, p := range s.Ports {
			problems = append(problems, p.problem())
		}
		for _, problem := range problems {
			if problem != "" {
				t.Errorf("%s: %s", s.Image, problem)
			}
		}
	}
}

// TestReferencesAreExpandedAsByKubelets: a variable counts from its definition on.
func TestReferencesAreExpandedAsByKubelets(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-1", Namespace: "shop",
		Labels: map[string]string{"app": "web"}}}
	of := func(path string) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}
	}
	secret := &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{Key: "key"}}
	c := corev1.Container{Args: []string{"--pod=$(FULL)", "$$(FULL)", "$(SECRET)", "$(", "$(FULL", "a$b"},
		Env: []corev1.EnvVar{
			{Name: "EARLY", Value: "$(FULL)"},
			{Name: "NAME", ValueFrom: of("metadata.name")}, {Name: "APP", ValueFrom: of("metadata.labels['app']")},
			{Name: "FULL", Value: "$(NAME).$(APP)"}, {Name: "SECRET", ValueFrom: secret},
			{Name: "FULL", Value: "$(FULL)!"}, {Name: "TWICE", Value: "$(EARLY)$(FULL)"},
		}}
	want := []string{"EARLY=$(FULL)", "NAME=web-1", "APP=web", "FULL=web-1.web!", "FULL=web-1.web!",
		"TWICE=$(FULL)web-1.web!"}
	if got := Environment(pod, c); !slices.Equal(got, want) {
		t.Errorf("variables %q, want %q", got, want)
	}
	want = []string{"--pod=web-1.web!", "$(FULL)", "$(SECRET)", "$(", "$(FULL", "a$b"}
	if got := Arguments(pod, c); !slices.Equal(got, want) {
		t.Errorf("arguments %q, want %q", got, want)
	}
}
