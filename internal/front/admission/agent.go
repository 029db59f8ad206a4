package admission

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// Names of the target control agent in pods, namespaces and installations.
const (
	agentPodLabel       = "elbv2.k8s.aws/alb-target-control-agent-inject"
	AgentNamespaceLabel = "elbv2.k8s.aws/alb-target-control-agent-injection"
	agentAnnotation     = string(annotation.TargetControlAgent)
	agentContainer      = "alb-target-control-agent"
	checkAgent          = "albTargetControlAgentInjector"

	// AgentConfigName is the name of the ALBTargetControlConfig in effect: the one in the pod's namespace, else the one in
	// AgentConfigNamespace.
	AgentConfigName      = "aws-load-balancer-controller-alb-target-control-agent-config"
	AgentConfigNamespace = "kube-system"
)

// WantsAgent reports whether a new pod gets a target control agent. The pod's label decides, otherwise the
// namespace's. A pod that already has a container of that name keeps it.
func WantsAgent(v *objects.View, pod *corev1.Pod) bool {
	named := func(c corev1.Container) bool { return c.Name == agentContainer }
	if slices.ContainsFunc(pod.Spec.Containers, named) || slices.ContainsFunc(pod.Spec.InitContainers, named) {
		return false
	}
	switch pod.Labels[agentPodLabel] {
	case "false":
		return false
	case "true":
		return true
	}
	ns, ok := v.Namespace(pod.Namespace)
	return ok && ns.Labels[AgentNamespaceLabel] == "enabled"
}

// NoAgentConfig refuses a pod while the configuration of its agent cannot be read. Without an agent, the pod would get
// no requests.
func NoAgentConfig(cause string) Response {
	return denied(checkAgent, "ALBTargetControlConfig "+AgentConfigName+" cannot be read: "+cause+
		"; try again, or set the pod's label "+agentPodLabel+`: "false"`)
}

// Agent adds a target control agent to a pod as its annotations and the configuration, which is not modified, describe
// it.
func Agent(config *v1beta1.ALBTargetControlConfig, pod *corev1.Pod) Response {
	a := agent{pod: pod}
	s := config.Spec.DeepCopy()
	c := corev1.Container{Name: agentContainer, Image: a.text("image", s.Image)}
	data, dataPort := a.address("data", s.DataAddress)
	control, controlPort := a.address("control", s.ControlAddress)
	destination, _ := a.address("destination", s.DestinationAddress)
	c.Ports = []corev1.ContainerPort{
		{Name: "data", ContainerPort: dataPort, Protocol: corev1.ProtocolTCP},
		{Name: "control", ContainerPort: controlPort, Protocol: corev1.ProtocolTCP},
	}
	c.Env = []corev1.EnvVar{
		{Name: "TARGET_CONTROL_DATA_ADDRESS", Value: data},
		{Name: "TARGET_CONTROL_CONTROL_ADDRESS", Value: control},
		{Name: "TARGET_CONTROL_DESTINATION_ADDRESS", Value: destination},
		{Name: "TARGET_CONTROL_MAX_CONCURRENCY", Value: a.concurrency(s.MaxConcurrency)},
	}
	for _, e := range []struct{ name, value string }{
		{"TARGET_CONTROL_TLS_CERT_PATH", a.text("tls-cert-path", s.TLSCertPath)},
		{"TARGET_CONTROL_TLS_KEY_PATH", a.text("tls-key-path", s.TLSKeyPath)},
		{"TARGET_CONTROL_TLS_SECURITY_POLICY", a.text("tls-security-policy", s.TLSSecurityPolicy)},
		{"TARGET_CONTROL_PROTOCOL_VERSION", a.oneOf("protocol-version", s.ProtocolVersion, "protocol version", "HTTP1",
			"HTTP2", "GRPC")},
		{"RUST_LOG", a.oneOf("rust-log", s.RustLog, "rust log level", "debug", "info", "error")},
	} {
		if e.value != "" {
			c.Env = append(c.Env, corev1.EnvVar{Name: e.name, Value: e.value})
		}
	}
	if s.Resources != nil {
		c.Resources = *s.Resources
	}
	c.Resources.Requests = a.quantities(c.Resources.Requests, "request")
	c.Resources.Limits = a.quantities(c.Resources.Limits, "limit")
	if a.wrong != "" {
		return Response{Denied: a.wrong, Check: checkAgent, Warnings: a.warnings}
	}
	return Response{Warnings: a.warnings, Patch: []Operation{set("/spec/containers/-", c),
		annotate(pod, agentAnnotation+"injected", "true")}}
}

// agent reads the annotations of a pod.
type agent struct {
	pod      *corev1.Pod
	wrong    string // the first mistake
	warnings []string
}

func (a *agent) text(suffix, configured string) string {
	if v, ok := a.pod.Annotations[agentAnnotation+suffix]; ok {
		return v
	}
	return configured
}

func (a *agent) fail(text string) { a.wrong = cmp.Or(a.wrong, text) }

// address reads "IP:port". The address of the configuration need not be an IP; the port is required in both.
func (a *agent) address(which, configured string) (string, int32) {
	v := a.text(which+"-address", configured)
	at, err := netip.ParseAddrPort(v)
	if err == nil && at.Port() > 0 {
		return v, int32(at.Port())
	}
	// a host name, which the pattern of the definition admits
	if i := strings.LastIndexByte(v, ':'); i > 0 && v == configured {
		if n, err := strconv.ParseUint(v[i+1:], 10, 16); err == nil && n > 0 {
			return v, int32(n)
		}
	}
	a.fail(fmt.Sprintf("invalid %s address format: %s", which, v))
	return v, 0
}

func (a *agent) concurrency(configured *int32) string {
	n := int32(1)
	if configured != nil {
		n = *configured
	}
	v := a.text("max-concurrency", strconv.Itoa(int(n)))
	if n, err := strconv.ParseInt(v, 10, 32); err != nil || n < 0 || n > 1000 {
		a.fail(fmt.Sprintf("invalid concurrency value: %s (must be 0-1000)", v))
	}
	return v
}

func (a *agent) oneOf(suffix, configured, what string, admitted ...string) string {
	v := a.text(suffix, configured)
	if v != "" && !slices.Contains(admitted, v) {
		a.fail(fmt.Sprintf("invalid %s: %s (must be one of %v)", what, v, admitted))
	}
	return v
}

// quantities returns the quantities of the configuration, overridden by valid ones of the pod. An invalid one is a
// warning.
func (a *agent) quantities(l corev1.ResourceList, which string) corev1.ResourceList {
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		key := agentAnnotation + string(name) + "-" + which
		v, ok := a.pod.Annotations[key]
		if !ok {
			continue
		}
		q, err := resource.ParseQuantity(v)
		if err != nil {
			a.warnings = append(a.warnings, fmt.Sprintf("annotation %s has no effect: %q is not a quantity", key, v))
			continue
		}
		if l == nil {
			l = corev1.ResourceList{}
		}
		l[name] = q
	}
	return l
}
