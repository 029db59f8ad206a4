// Package registrar registers and deregisters targets. It resolves the endpoints of a TargetGroupBinding, compares
// them with the registered targets, and makes the calls for the difference, batched per target group. These calls
// never wait for work on load balancers. The resolution of endpoints is pure. The registry of target groups uses no
// Kubernetes client.
package registrar

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/targets/bindingobject"
)

// Target is one member of a target group.
type Target = awsop.Target

// KeySet returns a set of keys of targets.
func KeySet(keys []string) map[string]bool {
	out := make(map[string]bool, len(keys))
	for _, k := range keys {
		out[k] = true
	}
	return out
}

// Endpoint is a target with the Kubernetes objects behind it.
type Endpoint struct {
	Target
	Namespace, Pod string // of ip targets; without Pod, the address does not belong to a pod
	Node           string
}

// Cluster reads the pods and nodes of endpoints.
type Cluster interface {
	Pod(ctx context.Context, namespace, name string) (*corev1.Pod, bool)
	Node(ctx context.Context, name string) (*corev1.Node, bool)
}

// PortOf finds the Service port that a reference names: a number is compared with port, a string with the port's name.
func PortOf(svc *corev1.Service, ref intstr.IntOrString) (corev1.ServicePort, bool) {
	for _, p := range svc.Spec.Ports {
		if ref.Type == intstr.String && p.Name == ref.StrVal || ref.Type == intstr.Int && p.Port == ref.IntVal {
			return p, true
		}
	}
	return corev1.ServicePort{}, false
}

// Candidate is an endpoint of a Service, and whether it may be a target.
type Candidate struct {
	Endpoint
	// Ready is Unknown for an endpoint on a node that does not report.
	Ready corev1.ConditionStatus
	// Why says why the endpoint is no target; empty = it may be one.
	Why string
	// Lacks: Why says what the node lacks, and is reported.
	Lacks bool
	// Refused: the pod that the endpoint names does not show the address, which is reported.
	Refused bool
}

// ChooseServing returns the ready endpoints, each once, sorted by key. With failOpen, if none is ready, it returns
// those of unknown readiness.
func ChooseServing(all []Candidate, failOpen bool) []Endpoint {
	in := ofStatus(all, corev1.ConditionTrue)
	if len(in) == 0 && failOpen {
		in = ofStatus(all, corev1.ConditionUnknown)
	}
	return sortOnce(in)
}

// sortOnce sorts a list by key in place, and leaves each key once.
func sortOnce(in []Endpoint) []Endpoint {
	if inOrder(in) {
		return in
	}
	slices.SortFunc(in, func(a, b Endpoint) int { return compareTargets(&a.Target, &b.Target) })
	return slices.CompactFunc(in, func(a, b Endpoint) bool { return compareTargets(&a.Target, &b.Target) == 0 })
}

func ofStatus(all []Candidate, ready corev1.ConditionStatus) []Endpoint {
	n := 0
	for i := range all {
		if all[i].Ready == ready {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	out := make([]Endpoint, 0, n)
	for i := range all {
		if all[i].Ready == ready {
			out = append(out, all[i].Endpoint)
		}
	}
	return out
}

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
