package node

import (
	"fmt"
	"net/netip"
	"sort"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"

	"github.com/k8s-lbc/lbc/awssim/vnet"
	"github.com/k8s-lbc/lbc/playground/standin"
)

// StandInAnnotation of a pod overrides what is served: comma-separated PORT=KIND, where KIND is http, tcp, udp or none,
// such as "8080=http,9000=tcp,9001=none". Ports that no container declares are served too.
const StandInAnnotation = "playground.k8s-lbc.dev/stand-in"

// kind of a stand-in server.
type kind string

const (
	kindHTTP kind = "http"
	kindTCP  kind = "tcp"
	kindUDP  kind = "udp"
	kindNone kind = "none"

	kindOwn kind = "own" // a server of its own; no annotation asks for it
)

// served is one port that the pod serves.
type served struct {
	port uint16
	kind kind
	udp  bool // of kindOwn: a port of UDP
	id   standin.Identity
	// start is there with kindOwn.
	start func(network *vnet.Network, addr netip.Addr) (standin.Server, error)
}

// endpoint is a port of one transport.
type endpoint struct {
	port uint16
	udp  bool
}

// servedPorts lists what the pod's containers serve. The name of a container port decides (tcp-…: pod name on connect,
// udp-…: pod name per datagram), else its protocol (UDP: pod name, TCP: HTTP echo). A container without ports serves
// the one in its environment variable HTTP_PORT or PORT, where images are used to look. A container with the variables
// of a target control agent is one, and gives its requests to the port that they name. Some images are known by name
// and choose their ports themselves; others are in tables: images, and then the built-in one. files are what they find
// in volumes. err names the malformed part of the annotation; the rest is returned all the same.
func servedPorts(pod *corev1.Pod, files mounted, images []StandIn) (ports []served, err error) {
	chosen := map[endpoint]served{}
	base := standin.Identity{Namespace: pod.Namespace, Pod: pod.Name, Node: pod.Spec.NodeName}
	containers := append(sidecars(pod), pod.Spec.Containers...)
	for _, c := range containers {
		id := base
		id.Service = env(pod, c, "SERVICE_NAME")
		for _, p := range containerPorts(pod, c, id, files, images) {
			chosen[endpoint{p.port, p.kind == kindUDP || p.udp}] = p
		}
	}
	if len(containers) > 0 {
		base.Service = env(pod, containers[len(containers)-1], "SERVICE_NAME")
	}
	for item := range strings.SplitSeq(pod.Annotations[StandInAnnotation], ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		number, value, _ := strings.Cut(item, "=")
		n, parseErr := strconv.ParseUint(number, 10, 16)
		k := kind(value)
		if parseErr != nil || n == 0 || k != kindHTTP && k != kindTCP && k != kindUDP && k != kindNone {
			err = fmt.Errorf("annotation %s: %q is not PORT=http, PORT=tcp, PORT=udp or PORT=none", StandInAnnotation, item)
			continue
		}
		id := base
		for _, udp := range []bool{false, true} {
			if s, ok := chosen[endpoint{uint16(n), udp}]; ok {
				id = s.id
				delete(chosen, endpoint{uint16(n), udp})
			}
		}
		if k != kindNone {
			chosen[endpoint{uint16(n), k == kindUDP}] = served{port: uint16(n), kind: k, id: id}
		}
	}
	for _, s := range chosen {
		ports = append(ports, s)
	}
	sort.Slice(ports, func(i, j int) bool {
		return ports[i].port < ports[j].port || ports[i].port == ports[j].port && ports[i].kind < ports[j].kind
	})
	return ports, err
}

// containerPorts lists what one container serves; what comes later counts.
func containerPorts(pod *corev1.Pod, c corev1.Container, id standin.Identity, files mounted, images []StandIn) (
	ports []served) {
	if a, ok := agentOf(pod, c); ok {
		return []served{{port: a.data, kind: kindOwn, id: id, start: a.serve}}
	}
	for _, p := range c.Ports {
		ports = append(ports, served{port: uint16(p.ContainerPort), kind: kindOf(p), id: id})
	}
	for _, p := range ofImage(pod, c, id, files) {
		ports = append(ports, served{port: p.port, udp: p.udp, kind: kindOwn, id: id, start: p.start})
	}
	ports = append(ports, ofTable(pod, c, id, images)...)
	if len(ports) > 0 {
		return ports
	}
	for _, name := range []string{"HTTP_PORT", "PORT"} {
		if n, err := strconv.ParseUint(env(pod, c, name), 10, 16); err == nil && n > 0 {
			return []served{{port: uint16(n), kind: kindHTTP, id: id}}
		}
	}
	return nil
}

// sidecars are init containers that keep running.
func sidecars(pod *corev1.Pod) []corev1.Container {
	var out []corev1.Container
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			out = append(out, c)
		}
	}
	return out
}

func kindOf(p corev1.ContainerPort) kind {
	switch {
	case p.Protocol == corev1.ProtocolUDP || strings.HasPrefix(p.Name, "udp-"):
		return kindUDP
	case strings.HasPrefix(p.Name, "tcp-"):
		return kindTCP
	case p.Protocol == corev1.ProtocolSCTP:
		return kindNone
	}
	return kindHTTP
}

// env is the value of a container's environment variable; empty if the container lacks it.
func env(pod *corev1.Pod, c corev1.Container, name string) string { return variables(pod, c)[name] }

// variables are the environment variables of a container. As a kubelet does, it expands $(NAME) with the variables that
// are defined before, and keeps a reference to any other name. Of valueFrom, only references to the pod are followed.
func variables(pod *corev1.Pod, c corev1.Container) map[string]string {
	out := map[string]string{}
	for _, e := range c.Env {
		switch {
		case e.ValueFrom == nil:
			out[e.Name] = expansion.Expand(e.Value, expansion.MappingFuncFor(out))
		case e.ValueFrom.FieldRef != nil:
			out[e.Name] = field(pod, e.ValueFrom.FieldRef.FieldPath)
		default:
			delete(out, e.Name) // the value is not known
		}
	}
	return out
}

// expanded are words of a container's command line. As a kubelet does, it expands $(NAME) with the variables of the
// container.
func expanded(pod *corev1.Pod, c corev1.Container, words []string) []string {
	value := expansion.MappingFuncFor(variables(pod, c))
	var out []string
	for _, word := range words {
		out = append(out, expansion.Expand(word, value))
	}
	return out
}

// field is the value of a field of the pod; empty if it is not one of those that are followed.
func field(pod *corev1.Pod, path string) string {
	switch path {
	case "metadata.name":
		return pod.Name
	case "metadata.namespace":
		return pod.Namespace
	case "spec.nodeName":
		return pod.Spec.NodeName
	}
	for prefix, values := range map[string]map[string]string{"metadata.labels": pod.Labels,
		"metadata.annotations": pod.Annotations} {
		if key, ok := strings.CutPrefix(path, prefix+"['"); ok {
			return values[strings.TrimSuffix(key, "']")]
		}
	}
	return ""
}

// serve starts the stand-ins on the address. A port that cannot be taken (two pods on the node's own address) is
// reported; the others are served.
func serve(network *vnet.Network, addr netip.Addr, ports []served, logf func(string, ...any)) []standin.Server {
	var servers []standin.Server
	for _, p := range ports {
		if p.kind == kindNone {
			continue
		}
		if p.kind == kindOwn {
			s, err := p.start(network, addr)
			if err != nil {
				logf("pod %s/%s: port %d: %v", p.id.Namespace, p.id.Pod, p.port, err)
				continue
			}
			servers = append(servers, s)
			continue
		}
		if p.kind == kindUDP {
			c, err := network.ListenUDP(addr, p.port)
			if err != nil {
				logf("pod %s/%s: udp port %d: %v", p.id.Namespace, p.id.Pod, p.port, err)
				continue
			}
			servers = append(servers, standin.ServeUDP(c, p.id))
			continue
		}
		l, err := network.ListenTCP(addr, p.port)
		if err != nil {
			logf("pod %s/%s: tcp port %d: %v", p.id.Namespace, p.id.Pod, p.port, err)
			continue
		}
		if p.kind == kindTCP {
			servers = append(servers, standin.ServeTCP(l, p.id))
		} else {
			servers = append(servers, standin.ServeHTTP(l, p.id))
		}
	}
	return servers
}
