package service

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/front/serviceport"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// healthCheck is the health check of a target group of svc. With instance targets and external traffic policy Local, only nodes with a
// ready pod may get traffic; kube-proxy reports them on the Service's health check node port.
func (t *translation) healthCheck(svc *corev1.Service, targetType string) stack.HealthCheck {
	protocol, port, path := tcp, stack.TrafficPort, "/"
	timeout, threshold := int32(10), int32(3)
	if targetType == stack.TargetInstance && svc.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal && svc.Spec.Type == corev1.ServiceTypeLoadBalancer {
		protocol, path, timeout, threshold = "HTTP", "/healthz", 6, 2
		if n := svc.Spec.HealthCheckNodePort; n != 0 {
			port = strconv.Itoa(int(n))
		}
	}
	h := stack.HealthCheck{
		Protocol:           t.healthCheckProtocol(protocol),
		Port:               t.healthCheckPort(svc, targetType, port),
		IntervalSeconds:    t.read.Int32(annotation.ServiceHCInterval).Or(10),
		TimeoutSeconds:     timeout,
		HealthyThreshold:   t.read.Int32(annotation.ServiceHCHealthy).Or(threshold),
		UnhealthyThreshold: t.read.Int32(annotation.ServiceHCUnhealthy).Or(threshold),
	}
	if !t.config.BasicHealthCheck {
		h.TimeoutSeconds = t.read.Int32(annotation.ServiceHCTimeout).Or(timeout)
	}
	if h.Protocol == tcp {
		for _, k := range []annotation.Key{annotation.ServiceHCPath, annotation.ServiceHCSuccessCodes} {
			t.read.Ignored(k, fmt.Sprintf("annotation %s has no effect on TCP health checks", k), "set "+string(annotation.ServiceHCProtocol)+": http, or remove it")
		}
	} else {
		h.Path = t.read.String(annotation.ServiceHCPath).Or(path)
		if !annotation.ValidHealthCheckPath(h.Path) {
			t.read.Invalid(annotation.ServiceHCPath, fmt.Sprintf("health check path must start with a slash and have at most 1024 characters: %q", h.Path), "")
		}
		if !t.config.BasicHealthCheck {
			h.Matcher = t.read.String(annotation.ServiceHCSuccessCodes).Or("200-399")
			if !annotation.ValidCodes(h.Matcher, 200, 599) {
				t.read.Invalid(annotation.ServiceHCSuccessCodes, fmt.Sprintf("success codes must be values, lists or ranges from 200 to 599: %q", h.Matcher), "write codes such as 200-399")
			}
		}
	}
	if h.TimeoutSeconds > h.IntervalSeconds {
		k := annotation.ServiceHCInterval
		if _, _, ok := t.read.Raw(annotation.ServiceHCTimeout); ok {
			k = annotation.ServiceHCTimeout
		}
		t.read.Invalid(k, fmt.Sprintf("health check timeout '%d' must be smaller than or equal to the interval '%d'", h.TimeoutSeconds, h.IntervalSeconds),
			fmt.Sprintf("set both %s and %s", annotation.ServiceHCInterval, annotation.ServiceHCTimeout))
	}
	return h
}

// healthCheckProtocol is the protocol of the annotation, in any case, if it is valid, else def.
func (t *translation) healthCheckProtocol(def string) string {
	f := t.read.String(annotation.ServiceHCProtocol)
	if !f.Set {
		return def
	}
	switch p := strings.ToUpper(f.Value); p {
	case tcp, "HTTP", "HTTPS":
		return p
	}
	t.read.Invalid(annotation.ServiceHCProtocol, "unsupported health check protocol "+f.Value, "write tcp, http or https")
	return def
}

// healthCheckPort is the port of the annotation if it is valid, else def. Port names are those of the target group's Service.
func (t *translation) healthCheckPort(svc *corev1.Service, targetType, def string) string {
	f := t.read.String(annotation.ServiceHCPort)
	if !f.Set {
		return def
	}
	port, problem, remedy := serviceport.HealthCheck(svc, f.Value, targetType)
	if problem != "" {
		t.read.Invalid(annotation.ServiceHCPort, problem, remedy)
		return def
	}
	return port
}
