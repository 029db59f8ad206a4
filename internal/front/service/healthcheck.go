package service

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/front/probe"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// usualHealthCheck is the health check where annotations say nothing. With instance targets and external traffic policy
// Local, only nodes with a ready pod may get traffic; kube-proxy reports them on the Service's health check node port.
func usualHealthCheck(svc *corev1.Service, targetType string) stack.HealthCheck {
	d := stack.HealthCheck{
		Protocol: tcp, Port: stack.TrafficPort, Path: "/", Matcher: "200-399", IntervalSeconds: 10, TimeoutSeconds: 10,
		HealthyThreshold: 3, UnhealthyThreshold: 3,
	}
	if targetType == stack.TargetInstance && svc.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal &&
		svc.Spec.Type == corev1.ServiceTypeLoadBalancer {
		d.Protocol, d.Path, d.TimeoutSeconds, d.HealthyThreshold, d.UnhealthyThreshold = "HTTP", "/healthz", 6, 2, 2
		if n := svc.Spec.HealthCheckNodePort; n != 0 {
			d.Port = strconv.Itoa(int(n))
		}
	}
	return d
}

// healthCheck is the health check of a target group of svc.
func (t *translation) healthCheck(svc *corev1.Service, port corev1.ServicePort, targetType string) stack.HealthCheck {
	usual := usualHealthCheck(svc, targetType)
	of := probe.Group{Service: svc, Port: port, TargetType: targetType, Network: true}
	d := of.Annotated(t.read, annotation.ServiceHealthCheck, t.view, usual)
	h := stack.HealthCheck{
		Protocol:           t.healthCheckProtocol(d.Protocol),
		Port:               of.AnnotatedPort(t.read, annotation.ServiceHCPort, d.Port),
		IntervalSeconds:    t.read.Int32(annotation.ServiceHCInterval).Or(d.IntervalSeconds),
		TimeoutSeconds:     usual.TimeoutSeconds,
		HealthyThreshold:   t.read.Int32(annotation.ServiceHCHealthy).Or(d.HealthyThreshold),
		UnhealthyThreshold: t.read.Int32(annotation.ServiceHCUnhealthy).Or(d.UnhealthyThreshold),
	}
	if !t.config.BasicHealthCheck {
		h.TimeoutSeconds = t.read.Int32(annotation.ServiceHCTimeout).Or(d.TimeoutSeconds)
	}
	switch h.Protocol {
	case "": // of the target group as it is
	case tcp:
		for _, k := range []annotation.Key{annotation.ServiceHCPath, annotation.ServiceHCSuccessCodes} {
			t.read.Ignored(k, fmt.Sprintf("annotation %s has no effect on TCP health checks", k),
				"set "+string(annotation.ServiceHCProtocol)+": http, or remove annotation "+string(k))
		}
	default:
		t.answers(&h, cmp.Or(d.Path, usual.Path), usual.Matcher)
	}
	if h.TimeoutSeconds > h.IntervalSeconds && h.IntervalSeconds > 0 {
		k := annotation.ServiceHCInterval
		if _, _, ok := t.read.Raw(annotation.ServiceHCTimeout); ok {
			k = annotation.ServiceHCTimeout
		}
		t.read.Invalid(k, fmt.Sprintf("health check timeout '%d' must be smaller than or equal to the interval '%d'",
			h.TimeoutSeconds, h.IntervalSeconds),
			fmt.Sprintf("lower %s, or raise %s", annotation.ServiceHCTimeout, annotation.ServiceHCInterval))
	}
	return h
}

// answers sets the path of a health check by HTTP, and the codes of healthy targets.
func (t *translation) answers(h *stack.HealthCheck, path, codes string) {
	h.Path = t.read.String(annotation.ServiceHCPath).Or(path)
	if !annotation.ValidHealthCheckPath(h.Path) {
		t.read.Invalid(annotation.ServiceHCPath, fmt.Sprintf("health check path must start with a slash and have at most "+
			"1024 characters: %q", h.Path), "")
	}
	if !t.config.BasicHealthCheck {
		h.Matcher = t.read.String(annotation.ServiceHCSuccessCodes).Or(codes)
		if !annotation.ValidCodes(h.Matcher, 200, 599) {
			t.read.Invalid(annotation.ServiceHCSuccessCodes,
				fmt.Sprintf("success codes must be values, lists or ranges from 200 to 599: %q", h.Matcher),
				"write codes such as 200-399")
		}
	}
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
