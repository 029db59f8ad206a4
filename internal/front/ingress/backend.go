package ingress

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/front/serviceport"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// forward is a forward action before Services are looked up.
type forward struct {
	tuples     []tuple
	stickiness *stack.Stickiness
	at         string // field path that declares it
}

// tuple is one target of a forward: a Service port, or a target group of the user.
type tuple struct {
	service, port string
	arn, name     string
	weight        *int32
}

// instead is what to do about a Service that does not exist.
func (t *translation) instead(service string) string {
	action := annotation.Actions.For(service)
	switch _, _, declared := t.read.Raw(action); {
	case strings.Contains(service, "/"):
		return "name a Service of the namespace of the Ingress, without a slash; for one of another namespace, put an " +
			"Ingress into that namespace and share the load balancer by annotation group.name"
	case declared:
		return fmt.Sprintf("for annotation %s, write port name %s in the backend; else create the Service, or correct its "+
			"name", action, useAnnotation)
	}
	return "create the Service, or correct its name"
}

// forward makes the action; nil if a target is invalid, which is reported.
func (t *translation) forward(f forward) []intent.Action {
	a := intent.Action{Type: stack.ActionForward, Stickiness: f.stickiness}
	complete := true
	for _, one := range f.tuples {
		b := intent.Backend{Weight: one.weight, TargetGroupARN: one.arn, TargetGroupName: one.name, Source: t.here(f.at)}
		if one.service != "" {
			svc, err := t.service("", one.service)
			if err != nil {
				text := fmt.Sprintf("Service %s/%s does not exist", t.ingress.Namespace, one.service)
				if len(f.tuples) == 1 && t.config.TolerateMissingService {
					return t.answer503(f.at, text, t.instead(one.service), "Backend service does not exist")
				}
				t.findings.Add(diag.New(Object(t.ingress), f.at, diag.ServiceNotFound, text, t.instead(one.service)))
				complete = false
				continue
			}
			b.TargetGroup = t.targetGroup(svc, one.port, f.at)
			complete = complete && b.TargetGroup != nil
		}
		a.Backends = append(a.Backends, b)
	}
	if !complete {
		return nil
	}
	return []intent.Action{a}
}

// from is the Ingress as the origin of references.
func (t *translation) from() objects.From {
	return objects.From{Kind: objects.Ingress, Namespace: t.ingress.Namespace}
}

// service returns a Service that the Ingress names.
func (t *translation) service(namespace, name string) (*corev1.Service, error) {
	return objects.Get[*corev1.Service](t.view, t.from(), objects.Ref{Kind: objects.Service, Namespace: namespace,
		Name: name})
}

// targetGroup is the target group of a Service port as written; nil if it is invalid, which is reported.
func (t *translation) targetGroup(svc *corev1.Service, written, at string) *intent.TargetGroup {
	id := naming.IngressTargetGroupID(t.ingress.Namespace, t.ingress.Name, svc.Name, written)
	if g, ok := t.targetGroups[id]; ok {
		return g
	}
	g := t.newTargetGroup(id, svc, written, at)
	t.targetGroups[id] = g
	return g
}

// withoutEndpoints is the backend of actions whose Service can never have endpoints, and why; nil if there is none.
func (t *translation) withoutEndpoints(actions []intent.Action) (b *intent.Backend, text, remedy string) {
	for _, a := range actions {
		for i := range a.Backends {
			b := &a.Backends[i]
			if b.TargetGroup == nil || b.Weight != nil && *b.Weight == 0 {
				continue
			}
			svc, err := t.service(b.TargetGroup.ServiceNamespace, b.TargetGroup.ServiceName)
			if err != nil {
				continue
			}
			if text, remedy = serviceport.NoEndpoints(svc); text != "" {
				return b, text, remedy
			}
		}
	}
	return nil, "", ""
}

// check checks the annotations of a Service, whichever of its ports are targets.
func (t *translation) check(svc *corev1.Service, read annotation.Reader) {
	object := owner.Object(svc)
	annotation.Check(t.findings, object, annotation.OnBoth, svc.Annotations)
	annotation.CheckLabels(t.findings, object, svc.Labels)
	t.findings.NameKeys(object, annotation.OnBoth, svc.Annotations)
	for _, m := range annotation.Misspellings(object, annotation.OnBoth, svc.Annotations) {
		t.findings.Misspell(m)
	}
	if kind := svc.Annotations[string(annotation.ServiceType)]; kind != "nlb-ip" && kind != "external" &&
		svc.Spec.Type != corev1.ServiceTypeLoadBalancer {
		annotation.CheckWithoutLoadBalancer(t.findings, object, svc.Annotations)
	}
	read.NoteUnneeded(t.ofGroup()...)
}

func (t *translation) newTargetGroup(id string, svc *corev1.Service, written, at string) *intent.TargetGroup {
	object := owner.Object(svc)
	read := t.read.Under(object, svc.Annotations)
	if !t.checked[svc.Name] {
		t.checked[svc.Name] = true
		t.check(svc, read)
	}
	port, ok := serviceport.Find(svc, written)
	if !ok {
		text, remedy := serviceport.NoEndpoints(svc)
		if text == "" {
			text = fmt.Sprintf("Service %[2]s/%[3]s has no port %[1]s; it has %[4]s", written, svc.Namespace, svc.Name,
				serviceport.Describe(svc))
			remedy = "use one of the Service's ports, or add the port to the Service"
		}
		t.findings.Add(diag.New(Object(t.ingress), at, diag.ServicePortNotFound, text, remedy))
		return nil
	}
	g := &intent.TargetGroup{
		ID: id, Object: Object(t.ingress), ServiceNamespace: svc.Namespace, ServiceName: svc.Name,
		ServiceUID: string(svc.UID), ServicePort: written,
		TargetType:      t.targetType(read),
		Protocol:        read.String(annotation.BackendProtocol).Or(protocolHTTP),
		ProtocolVersion: read.String(annotation.BackendProtocolVersion).Or("HTTP1"),
		IPv6:            slices.Contains(svc.Spec.IPFamilies, corev1.IPv6Protocol),
		Tags:            t.targetGroupTags(object, svc),
		MultiCluster: t.read.Bool(annotation.MultiCluster).Value || annotation.NewReader(t.findings, object, svc.Annotations).
			Bool(annotation.MultiCluster).Value,
		Source: t.here(at),
	}
	g.SetAttributes(intent.Entries(read.Attributes(annotation.TargetGroupAttributes)))
	if without, _ := serviceport.NoEndpoints(svc); without != "" && !t.config.IPTargetTypeDisabled {
		g.TargetType = stack.TargetIP // withoutEndpoints reports that no type helps
	}
	g.Port, g.TargetPort = serviceport.Target(port, g.TargetType)
	if g.TargetType == stack.TargetInstance {
		if g.Port == 0 {
			t.reportNoNodePort(svc, port, read, at)
			return nil
		}
		g.NodeLabels = read.Labels(annotation.TargetNodeLabels).Value
	} else {
		read.Ignored(annotation.TargetNodeLabels, fmt.Sprintf("annotation %s has no effect on ip targets",
			annotation.TargetNodeLabels), "remove it, or use instance targets")
	}
	k := annotation.TargetControlPort.For(svc.Name + "." + written)
	if control := read.Int32(k); control.Set {
		g.ControlPort = control.Value
		if g.TargetType == stack.TargetInstance {
			read.Invalid(k, "a target control port has no effect on instance targets",
				"use target type ip, or remove the annotation")
			g.ControlPort = 0
		}
	}
	g.HealthCheck = t.healthCheck(read, svc, port, g)
	return g
}

// targetType is the target type, in order of precedence: of the class, the Service, the Ingress, the flag.
func (t *translation) targetType(read annotation.Reader) string {
	kind := cmp.Or(t.config.DefaultTargetType, stack.TargetInstance)
	fromClass := t.class.Params != nil && t.class.Params.Spec.TargetType != ""
	if fromClass {
		kind = string(t.class.Params.Spec.TargetType)
		if raw, _, declared := read.Raw(annotation.TargetType); declared && raw != kind {
			t.overruled(read, annotation.TargetType, t.params("spec.targetType"), "")
		}
	} else {
		kind = read.String(annotation.TargetType).Or(kind)
	}
	if kind == stack.TargetIP && t.config.IPTargetTypeDisabled {
		const text = "target type ip is not allowed: the feature gate EnableIPTargetType is off"
		const remedy = "use target type instance, or enable the feature gate EnableIPTargetType"
		if fromClass {
			t.findings.Add(diag.New(Object(t.ingress), "spec.targetType of IngressClassParams "+t.class.Params.Name,
				diag.InvalidAnnotation, text, remedy).In(diag.Route))
		} else {
			read.Invalid(annotation.TargetType, text, remedy)
		}
	}
	return kind
}

// reportNoNodePort reports that a Service cannot have instance targets, and where the target type is declared.
func (t *translation) reportNoNodePort(svc *corev1.Service, port corev1.ServicePort, read annotation.Reader,
	at string) {
	if text, remedy := serviceport.NoEndpoints(svc); text != "" {
		t.findings.Add(diag.New(Object(t.ingress), at, diag.WrongServiceType, text, remedy))
		return
	}
	why := "the default target type"
	if t.class.Params != nil && t.class.Params.Spec.TargetType != "" {
		why = "declared by IngressClassParams " + t.class.Params.Name
	} else if _, source, ok := read.Raw(annotation.TargetType); ok {
		why = "declared by " + source.Object().String()
	}
	t.findings.Add(diag.New(Object(t.ingress), at, diag.WrongServiceType,
		fmt.Sprintf("port %[2]d of Service %[3]s/%[4]s (type %[5]s) has no node port, and target type instance, "+
			"%[1]s, needs a node port",
			why, port.Port, svc.Namespace, svc.Name, cmp.Or(svc.Spec.Type, corev1.ServiceTypeClusterIP)),
		"change the Service to type NodePort or LoadBalancer, or set annotation "+string(annotation.TargetType)+": ip"))
}

// targetGroupTags are the tags of the class, the Service and the Ingress, in this order of precedence for each key.
func (t *translation) targetGroupTags(object diag.Object, svc *corev1.Service) map[string]string {
	out := map[string]string{}
	for k, f := range t.tags(t.read) {
		out[k] = f.Value
	}
	for k, f := range t.tags(annotation.NewReader(t.findings, object, svc.Annotations)) {
		out[k] = f.Value
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
