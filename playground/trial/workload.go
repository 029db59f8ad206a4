package trial

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func labelSelector(selector map[string]string) string {
	return labels.SelectorFromSet(selector).String()
}

// speaksHTTP tells whether the container port behind a Service port is one of the HTTP stand-ins; a port that no container
// declares is not.
func speaksHTTP(p corev1.ServicePort, pods []corev1.Pod) bool {
	for _, pod := range pods {
		for _, c := range pod.Spec.Containers {
			for _, cp := range c.Ports {
				target := p.TargetPort
				if target.Type == intstr.Int && target.IntVal == 0 {
					target = intstr.FromInt32(p.Port)
				}
				if target.Type == intstr.Int && target.IntVal != cp.ContainerPort || target.Type == intstr.String && target.StrVal != cp.Name {
					continue
				}
				return cp.Protocol != corev1.ProtocolUDP && !strings.HasPrefix(cp.Name, "tcp-") && !strings.HasPrefix(cp.Name, "udp-")
			}
		}
	}
	return false
}
