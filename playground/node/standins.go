package node

import (
	"net"
	"path"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/playground/standin"
)

// StandIn says what containers of some images serve in place of their programs.
type StandIn struct {
	// Image is a pattern of an image's name: its last parts, of which * stands for any text without a slash. Registry, tag
	// and digest do not count, unless the pattern has a tag.
	Image string        `yaml:"image"`
	Ports []StandInPort `yaml:"ports"`
}

// StandInPort is a port of a StandIn. PortFrom and TextFrom name an environment variable of the container, or an
// argument of its command if they begin with a hyphen. If the container has it, it counts in place of Port and Text.
type StandInPort struct {
	Port     uint16 `yaml:"port"`
	PortFrom string `yaml:"portFrom"`
	Serve    Serves `yaml:"serve"`
	Text     string `yaml:"text"`
	TextFrom string `yaml:"textFrom"`
}

// Serves is what a port of a StandIn answers.
type Serves string

// What ports answer: a fixed text, the request as JSON, gRPC calls their messages, connections and datagrams the name
// of the pod, or nothing.
const (
	ServesText Serves = "text"
	ServesEcho Serves = "echo"
	ServesGRPC Serves = "grpc"
	ServesTCP  Serves = "tcp"
	ServesUDP  Serves = "udp"
	ServesNone Serves = "none"
)

// builtIn are the images that suites and guides of this field use, beside those that ofImage knows.
var builtIn = []StandIn{
	{"colorteller", []StandInPort{{Port: 8080, PortFrom: "SERVER_PORT", Serve: ServesText, Text: "black",
		TextFrom: "COLOR"}}},
	{"hello-multi", []StandInPort{
		{Port: 80, Serve: ServesText, Text: helloWorld}, {Port: 333, Serve: ServesText, Text: helloWorld},
		{Port: 443, Serve: ServesText, Text: helloWorld}, {Port: 8080, Serve: ServesText, Text: helloWorld},
	}},
	{"google-samples/hello-app", []StandInPort{{Port: 8080, PortFrom: "PORT", Serve: ServesText,
		Text: "Hello, world!\n"}}},
	{"hashicorp/http-echo", []StandInPort{{Port: 5678, PortFrom: "-listen", Serve: ServesText, Text: "hello-world\n",
		TextFrom: "-text"}}},
	{"cert-manager-acmesolver", []StandInPort{{Port: 8089, PortFrom: "--listen-port", Serve: ServesText,
		TextFrom: "--key"}}},
	{"mccutchen/go-httpbin", []StandInPort{{Port: 8080, PortFrom: "PORT", Serve: ServesEcho}}},
	{"kennethreitz/httpbin", []StandInPort{{Port: 80, Serve: ServesEcho}}},
	{"traefik/whoami", []StandInPort{{Port: 80, PortFrom: "WHOAMI_PORT_NUMBER", Serve: ServesEcho}}},
	{"e2e-test-images/agnhost", []StandInPort{{PortFrom: "--http-port", Serve: ServesEcho},
		{PortFrom: "--udp-port", Serve: ServesUDP}}},
	{"ingressconformance/echoserver", []StandInPort{{Port: 3000, PortFrom: "HTTP_PORT", Serve: ServesEcho}}},
	{"echoserver", []StandInPort{{Port: 8080, Serve: ServesEcho}}},
	{"nginx", []StandInPort{{Port: 80, Serve: ServesEcho}}},
	{"httpd", []StandInPort{{Port: 80, Serve: ServesEcho}}},
	{"docker-2048", []StandInPort{{Port: 80, Serve: ServesEcho}}},
	{"grpcbin", []StandInPort{{Port: 9000, Serve: ServesGRPC}}},
	{"*grpc*", []StandInPort{{Port: 50051, PortFrom: "PORT", Serve: ServesGRPC}}},
}

const helloWorld = "Hello World!"

// matches reports whether an image has a name that the pattern describes.
func (s StandIn) matches(image string) bool {
	image, _, _ = strings.Cut(image, "@")
	name, tag := image, ""
	// the colon of a registry's port is before a slash
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		name, tag = image[:i], image[i:]
	}
	if strings.Contains(path.Base(s.Image), ":") {
		name += tag
	}
	parts := strings.Split(name, "/")
	n := strings.Count(s.Image, "/") + 1
	if n > len(parts) {
		return false
	}
	ok, err := path.Match(s.Image, strings.Join(parts[len(parts)-n:], "/"))
	return ok && err == nil
}

// standInFor is the first of the stand-ins that an image has; nil: none.
func standInFor(image string, of []StandIn) *StandIn {
	for _, list := range [][]StandIn{of, builtIn} {
		for i := range list {
			if list[i].matches(image) {
				return &list[i]
			}
		}
	}
	return nil
}

// setting is the value of an environment variable of a container, or of an argument of its command.
func setting(pod *corev1.Pod, c corev1.Container, name string) string {
	if !strings.HasPrefix(name, "-") {
		return env(pod, c, name)
	}
	words := expanded(pod, c, slices.Concat(c.Command, c.Args))
	flag := strings.TrimLeft(name, "-")
	for i, word := range words {
		key, value, joined := strings.Cut(word, "=")
		switch {
		case !strings.HasPrefix(key, "-") || strings.TrimLeft(key, "-") != flag:
		case joined:
			return value
		case i+1 < len(words):
			return words[i+1]
		}
	}
	return ""
}

// number is the port, which a container may choose: as a number, or at the end of an address. 0: none.
func (p StandInPort) number(pod *corev1.Pod, c corev1.Container) uint16 {
	if p.PortFrom != "" {
		text := setting(pod, c, p.PortFrom)
		if n, err := strconv.ParseUint(text[strings.LastIndexByte(text, ':')+1:], 10, 16); err == nil && n > 0 {
			return uint16(n)
		}
	}
	return p.Port
}

// served is what the container serves at the port.
func (p StandInPort) served(pod *corev1.Pod, c corev1.Container, id standin.Identity) served {
	s := served{port: p.number(pod, c), id: id}
	switch p.Serve {
	case ServesTCP:
		s.kind = kindTCP
	case ServesUDP:
		s.kind = kindUDP
	case ServesNone:
		s.kind = kindNone
	case ServesText:
		text := p.Text
		if p.TextFrom != "" {
			if t := setting(pod, c, p.TextFrom); t != "" {
				text = t
			}
		}
		s.kind = kindOwn
		s.start = stream(s.port, func(l net.Listener) standin.Server { return standin.ServeText(l, text) }).start
	default: // the echo answers gRPC, too
		s.kind = kindHTTP
	}
	return s
}

// ofTable lists what a container serves as the tables say; nothing if its image is in none.
func ofTable(pod *corev1.Pod, c corev1.Container, id standin.Identity, images []StandIn) []served {
	known := standInFor(c.Image, images)
	if known == nil {
		return nil
	}
	var out []served
	for _, p := range known.Ports {
		if s := p.served(pod, c, id); s.port != 0 {
			out = append(out, s)
		}
	}
	return out
}
