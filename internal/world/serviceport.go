package world

import (
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k8s-lbc/lbc/internal/stack"
)

// FindPort finds a port of a Service by its number, if written is one, else by its name.
func FindPort(svc *corev1.Service, written string) (corev1.ServicePort, bool) {
	number, err := strconv.ParseInt(written, 10, 32)
	for _, p := range svc.Spec.Ports {
		if err == nil && int64(p.Port) == number || err != nil && p.Name == written {
			return p, true
		}
	}
	return corev1.ServicePort{}, false
}

// DescribePorts lists the ports that a Service has, for the message about one that it has not.
func DescribePorts(svc *corev1.Service) string {
	if len(svc.Spec.Ports) == 0 {
		return "no ports"
	}
	ports := make([]string, len(svc.Spec.Ports))
	for i, p := range svc.Spec.Ports {
		ports[i] = strconv.Itoa(int(p.Port))
		if p.Name != "" {
			ports[i] += " (" + p.Name + ")"
		}
	}
	return "ports " + strings.Join(ports, ", ")
}

// TargetPort is the port of the target group of a Service port, and the port that targets listen on, decimal or a name. The number
// is the node port of instance targets, 0 if there is none; 1 for ip targets with a named port, which may differ from pod to
// pod, so that targets carry their own. The API server fills in an absent targetPort by the port; objects read from files may
// not have been there.
func TargetPort(p corev1.ServicePort, targetType string) (number int32, written string) {
	if targetType == stack.TargetInstance {
		return p.NodePort, strconv.Itoa(int(p.NodePort))
	}
	target := p.TargetPort
	if target.Type == intstr.Int && target.IntVal == 0 {
		target.IntVal = p.Port
	}
	if target.Type == intstr.String {
		return 1, target.StrVal
	}
	return target.IntVal, target.String()
}
