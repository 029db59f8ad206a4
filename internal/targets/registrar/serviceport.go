package registrar

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// InvalidSelector returns the finding that the node selector of a binding cannot be parsed.
func InvalidSelector(b *v1beta1.TargetGroupBinding, err error) diag.Diagnostic {
	return diag.New(bindingobject.BindingObject(b), "spec.nodeSelector", diag.InvalidBinding, err.Error(),
		"correct the selector")
}

// ServicePortOf returns the port of a Service that a binding refers to. If d is not nil, it says why the binding has no
// targets there: the port does not exist, so no targets are wanted; or another problem hides which targets are
// wanted.
func ServicePortOf(b *v1beta1.TargetGroupBinding, svc *corev1.Service) (port corev1.ServicePort, d *diag.Diagnostic) {
	bad := func(path string, code diag.Code, text, remedy string) (corev1.ServicePort, *diag.Diagnostic) {
		d := diag.New(bindingobject.BindingObject(b), path, code, text, remedy)
		return port, &d
	}
	name := svc.Namespace + "/" + svc.Name
	port, ok := PortOf(svc, b.Spec.ServiceRef.Port)
	switch byNode := b.Spec.TargetType != nil && *b.Spec.TargetType == v1beta1.TargetTypeInstance; {
	case !ok:
		return bad("spec.serviceRef.port", diag.ServiceMissing,
			fmt.Sprintf("Service %s has no port %s", name, b.Spec.ServiceRef.Port.String()),
			"name a port of the Service")
	case byNode && svc.Spec.Type != corev1.ServiceTypeNodePort && svc.Spec.Type != corev1.ServiceTypeLoadBalancer:
		return bad("spec.serviceRef", diag.InvalidBinding, "Service "+name+" has no node ports, which instance targets need",
			"change the Service's type, or use ip targets")
	case byNode && port.NodePort == 0:
		return bad("spec.serviceRef.port", diag.InvalidBinding, fmt.Sprintf("service %s has no node port for port %d", name,
			port.Port), "allow node ports on the Service, or use ip targets")
	}
	return port, nil
}
