// Package probe makes health checks of target groups from readiness probes of pods, for all front ends, and reads what
// annotations of Ingresses and Services say of health checks in the same words. Its caller reads the pods.
package probe

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k8s-lbc/lbc/internal/front/serviceport"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Group is what decides about the health checks that a target group can have.
type Group struct {
	Service         *corev1.Service
	Port            corev1.ServicePort
	TargetType      string
	ProtocolVersion string // of the target groups of application load balancers
	Network         bool   // the target group is one of a network load balancer
}

// Bounds of health checks: elasticloadbalancing CreateTargetGroup. The timeout of an application load balancer is less
// than the interval.
const (
	minInterval, maxInterval   = 5, 300
	minTimeout, maxTimeout     = 2, 120
	minThreshold, maxThreshold = 2, 10
)

// GRPCHealthPath is the method that grpc probes call, as a path: https://grpc.io/docs/guides/health-checking.
const GRPCHealthPath = "/grpc.health.v1.Health/Check"

// HealthCheck returns the health check that matches the readiness probe of the pods behind the Service, with times
// within AWS's limits. Without a pod, or while none can be read, nothing is set, so the target group keeps its health
// check. If AWS has no such check, it is otherwise. problem is the reason, with the check that is used instead.
func (g Group) HealthCheck(v *objects.View, otherwise stack.HealthCheck) (h stack.HealthCheck, problem string) {
	pod, ok := v.PodOfService(g.Service.Namespace, g.Service.Name)
	if !ok {
		if err := v.Why(objects.PodOfService, g.Service.Namespace, g.Service.Name); err != nil {
			return stack.HealthCheck{}, fmt.Sprintf("the pods of Service %s/%s cannot be read: %v; a target group keeps its "+
				"health check, and a new one gets AWS's default", g.Service.Namespace, g.Service.Name, err)
		}
		return stack.HealthCheck{}, ""
	}
	h, problem = g.of(pod, otherwise)
	if problem != "" {
		return otherwise, fmt.Sprintf("pod %s of Service %s/%s: %s; the health check ignores the probe", pod.Name,
			g.Service.Namespace, g.Service.Name, problem)
	}
	return h, ""
}

// Annotated returns HealthCheck if annotation k asks for it, and otherwise if it does not. It notes the problem.
func (g Group) Annotated(read annotation.Reader, k annotation.Key, v *objects.View,
	otherwise stack.HealthCheck) stack.HealthCheck {
	if !read.String(k).Set {
		return otherwise
	}
	h, problem := g.HealthCheck(v, otherwise)
	if problem != "" {
		read.Note(k, diag.UnusableReadinessProbe, problem, Remedy)
	}
	return h
}

// AnnotatedPort returns the port that annotation k gives to a health check if it is valid, else def. Port names are
// those of the target group's Service.
func (g Group) AnnotatedPort(read annotation.Reader, k annotation.Key, def string) string {
	f := read.String(k)
	if !f.Set {
		return def
	}
	port, problem, remedy := serviceport.HealthCheck(g.Service, f.Value, g.TargetType)
	if problem != "" {
		read.Invalid(k, problem, remedy)
		return def
	}
	return port
}

func (g Group) of(pod *corev1.Pod, h stack.HealthCheck) (_ stack.HealthCheck, problem string) {
	if g.TargetType == stack.TargetInstance && g.Network && g.Service.Spec.ExternalTrafficPolicy ==
		corev1.ServiceExternalTrafficPolicyLocal {
		return h, "with instance targets and external traffic policy Local, nodes are checked on the health check node " +
			"port of the Service"
	}
	c, number, problem := g.container(pod)
	if problem != "" {
		return h, problem
	}
	p := c.ReadinessProbe
	if p == nil {
		return h, fmt.Sprintf("container %s has no readiness probe", c.Name)
	}
	var at intstr.IntOrString
	switch {
	case p.HTTPGet != nil && g.ProtocolVersion == "GRPC":
		return h, "a target group of version GRPC is checked by gRPC, and the probe is httpGet"
	case p.HTTPGet != nil:
		at = p.HTTPGet.Port
		h.Protocol, h.Path, h.Matcher = string(cmp.Or(p.HTTPGet.Scheme, corev1.URISchemeHTTP)),
			"/"+strings.TrimPrefix(p.HTTPGet.Path, "/"), "200-399"
		if !annotation.ValidHealthCheckPath(h.Path) {
			return h, "the path of the probe has more than 1024 characters"
		}
	case p.TCPSocket != nil && g.Network:
		at = p.TCPSocket.Port
		h.Protocol, h.Path, h.Matcher = string(corev1.ProtocolTCP), "", ""
	case p.GRPC != nil && g.Network:
		at = intstr.FromInt32(p.GRPC.Port)
		h.Protocol, h.Path, h.Matcher = string(corev1.ProtocolTCP), "", ""
	case p.GRPC != nil && g.ProtocolVersion == "GRPC" && p.GRPC.Service != nil && *p.GRPC.Service != "":
		return h, fmt.Sprintf("the probe asks for the health of gRPC service %q, and checks of AWS send no message",
			*p.GRPC.Service)
	case p.GRPC != nil && g.ProtocolVersion == "GRPC":
		at = intstr.FromInt32(p.GRPC.Port)
		h.Path, h.Matcher = GRPCHealthPath, "0"
	default:
		return h, fmt.Sprintf("the readiness probe of container %s is of kind %[2]s, and health checks of this target group "+
			"cannot use probes of kind %[2]s", c.Name, kindOf(p))
	}
	if h.Port, problem = g.port(c, at, number); problem != "" {
		return h, problem
	}
	h.IntervalSeconds = within(minInterval, cmp.Or(p.PeriodSeconds, 10), maxInterval)
	h.TimeoutSeconds = min(within(minTimeout, p.TimeoutSeconds, maxTimeout), h.IntervalSeconds-1)
	h.HealthyThreshold = within(minThreshold, p.SuccessThreshold, maxThreshold)
	h.UnhealthyThreshold = within(minThreshold, cmp.Or(p.FailureThreshold, 3), maxThreshold)
	return h, ""
}

func within(low, n, high int32) int32 { return min(max(low, n), high) }

// Remedy is what to do about a problem.
const Remedy = "give the container an httpGet probe, or write the health check in annotations or in a " +
	"TargetGroupConfiguration"

// kindOf names the handler of a probe.
func kindOf(p *corev1.Probe) string {
	switch {
	case p.TCPSocket != nil:
		return "tcpSocket"
	case p.GRPC != nil:
		return "grpc"
	case p.Exec != nil:
		return "exec"
	}
	return "of an unknown kind"
}

// container is the container that serves the port of the Service, and the number of its port.
func (g Group) container(pod *corev1.Pod) (c *corev1.Container, number int32, problem string) {
	var all []*corev1.Container
	for i := range pod.Spec.Containers {
		all = append(all, &pod.Spec.Containers[i])
	}
	apps := len(all)
	for i := range pod.Spec.InitContainers {
		// a sidecar
		if x := &pod.Spec.InitContainers[i]; x.RestartPolicy != nil &&
			*x.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			all = append(all, x)
		}
	}
	_, written := serviceport.Target(g.Port, stack.TargetIP)
	for _, c := range all {
		for _, p := range c.Ports {
			if p.Name == written || strconv.Itoa(int(p.ContainerPort)) == written {
				return c, p.ContainerPort, ""
			}
		}
	}
	n, err := strconv.ParseInt(written, 10, 32)
	if err != nil {
		return nil, 0, fmt.Sprintf("no container has a port named %s", written)
	}
	number = int32(n)
	if apps == 1 {
		return all[0], number, ""
	}
	probed := slices.DeleteFunc(all, func(c *corev1.Container) bool { return !probes(c, number) })
	if len(probed) != 1 {
		return nil, 0, fmt.Sprintf("which of %d containers serves port %d is not known: declare it in one of "+
			"them under ports", apps, number)
	}
	return probed[0], number, ""
}

// probes reports whether the readiness probe of a container is one of a port.
func probes(c *corev1.Container, number int32) bool {
	p := c.ReadinessProbe
	switch {
	case p == nil:
		return false
	case p.HTTPGet != nil:
		return p.HTTPGet.Port.IntVal == number
	case p.TCPSocket != nil:
		return p.TCPSocket.Port.IntVal == number
	case p.GRPC != nil:
		return p.GRPC.Port == number
	}
	return false
}

// port is the port of the health check for a probe of a port of a container that serves the number.
func (g Group) port(c *corev1.Container, at intstr.IntOrString, serves int32) (port, problem string) {
	n := at.IntVal
	if at.Type == intstr.String {
		i := slices.IndexFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == at.StrVal })
		if i < 0 {
			return "", fmt.Sprintf("container %s has no port named %s, which its readiness probe names", c.Name, at.StrVal)
		}
		n = c.Ports[i].ContainerPort
	}
	switch {
	case n == serves:
		return stack.TrafficPort, ""
	case g.TargetType == stack.TargetIP:
		return strconv.Itoa(int(n)), ""
	}
	for _, p := range g.Service.Spec.Ports {
		if _, written := serviceport.Target(p, stack.TargetIP); p.NodePort != 0 && (written == strconv.Itoa(int(n)) ||
			at.Type == intstr.String && written == at.StrVal) {
			return strconv.Itoa(int(p.NodePort)), ""
		}
	}
	return "", fmt.Sprintf("the readiness probe is of port %d, and targets are nodes: no node port of the Service leads "+
		"there; add a port to the Service, or use target type ip", n)
}
