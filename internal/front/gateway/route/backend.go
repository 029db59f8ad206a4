package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/front/serviceport"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// backend is a resolved backendRef behind a listener.
type backend struct {
	intent.Backend
	usable bool            // else requests are not sent there, which is recorded
	unfit  string          // why the listener cannot have such a backend, so that the rule fails there
	wrong  string          // a mistake in objects of another namespace: the last valid version of the rule serves
	absent diag.Diagnostic // why the reference leads nowhere, without a consequence; no code = it leads somewhere
}

// groupKey is a reference to a backend, behind listeners of a protocol.
type groupKey struct {
	group, kind, namespace, name string
	port                         int32
	protocol                     string
	terminates                   bool
}

const kindTargetGroupName = "TargetGroupName"

// from is the route as the origin of references.
func (t *translation) from() objects.From {
	return objects.From{Kind: objects.Kind(t.route.Route.Kind), Namespace: t.route.Route.Namespace}
}

// backend resolves a backendRef. What is wrong with it is recorded once.
func (t *translation) backend(w weighted, s *site) *backend {
	r := w.ref
	k := groupKey{
		group: string(ptr.Deref(r.Group, "")), kind: string(ptr.Deref(r.Kind, "Service")),
		namespace: string(ptr.Deref(r.Namespace, "")), name: string(r.Name),
		port: ptr.Deref(r.Port, 0), protocol: s.protocol, terminates: s.terminates(),
	}
	if k.namespace == "" {
		k.namespace = t.route.Route.Namespace
	}
	if b, made := t.groups[k]; made {
		return b
	}
	t.wrong = ""
	b := t.newBackend(k, w.at, s)
	b.wrong = t.wrong
	if b.usable || b.unfit != "" || b.wrong != "" {
		t.reach(objects.Kind(k.kind), k.namespace, k.name)
	}
	t.groups[k] = b
	return b
}

// mistake records a mistake for which a backend of a namespace cannot serve as declared. The last valid version serves:
// that of the whole route, or, where another namespace made the mistake, that of the rules that name the backend.
func (t *translation) mistake(namespace string, d diag.Diagnostic) {
	if namespace != t.route.Route.Namespace {
		t.wrong = d.Text
	}
	if (t.wrong == "" || t.in.Family == attachment.Network) && !slices.Contains(t.member.Diagnostics, d) {
		t.member.Diagnostics = append(t.member.Diagnostics, d)
	}
}

func (t *translation) newBackend(k groupKey, at string, s *site) *backend {
	network := t.in.Family == attachment.Network
	switch {
	case k.kind == string(objects.Service) && (k.group == "" || t.in.Construction == rule.Compatible):
		if k.group != "" {
			t.ignored(at+".group", "group "+k.group+" has no effect in rule construction compatible: the backend is a Service "+
				"of the core group", "remove group")
		}
		return t.service(k, at, s)
	case k.kind == kindTargetGroupName:
		return &backend{Backend: intent.Backend{TargetGroupName: k.name}, usable: k.name != ""}
	case k.kind == string(objects.Gateway) && network && (k.group == "" || k.group == gatewayv1.GroupName):
		return t.chained(k, at, s)
	case k.kind == string(objects.Gateway) && !network:
		t.unresolve(gatewayv1.RouteReasonInvalidKind, at+": a Gateway can be the backend of a TCPRoute, UDPRoute or "+
			"TLSRoute of a network load balancer only")
		return absent(".kind", "a Gateway can be a backend only of a TCPRoute, UDPRoute or TLSRoute of a network load "+
			"balancer", nameService)
	default:
		t.unresolve(gatewayv1.RouteReasonInvalidKind, "Unknown backend reference kind")
		field := ".kind"
		if k.kind == string(objects.Service) {
			field = ".group"
		}
		return absent(field, fmt.Sprintf("%s %s cannot be a backend", strings.TrimPrefix(k.group+"/"+k.kind, "/"), k.name),
			nameService)
	}
}

// unreadable records why an object that a backendRef names cannot be used.
func (t *translation) unreadable(k groupKey, at string, err error) *backend {
	var foreign *objects.ForeignError
	switch {
	case errors.As(err, &foreign):
		t.unresolve(gatewayv1.RouteReasonRefNotPermitted, "No explicit ReferenceGrant exists to allow the reference.")
		from := t.from()
		return missing(fmt.Sprintf("no ReferenceGrant of namespace %s lets %ss of namespace %s name %s %s", k.namespace,
			from.Kind, from.Namespace, k.kind, k.name), fmt.Sprintf("create the ReferenceGrant in namespace %s, or name a %s "+
			"of namespace %s", k.namespace, k.kind, from.Namespace))
	case errors.Is(err, objects.ErrAbsent):
		text := fmt.Sprintf("%s %s/%s does not exist", k.kind, k.namespace, k.name)
		t.unresolve(gatewayv1.RouteReasonBackendNotFound, text)
		return missing(text, fmt.Sprintf("create the %[1]s, or name a %[1]s that exists", k.kind))
	default: // it may serve: what the route had is not taken away
		text := fmt.Sprintf("%s %s/%s cannot be read: %v", k.kind, k.namespace, k.name, err)
		t.unresolve(gatewayv1.RouteReasonBackendNotFound, text)
		t.mistake(k.namespace, diag.New(t.object, at, diag.InvalidRule, text,
			"name an object of a namespace that the controller reads, or have it watch all namespaces").In(diag.Route))
	}
	return &backend{}
}

func (t *translation) service(k groupKey, at string, s *site) *backend {
	if k.port == 0 {
		t.refuse(gatewayv1.RouteReasonUnsupportedValue, "Port is required")
		return absent(".port", fmt.Sprintf("the backendRef to Service %s/%s has no port", k.namespace, k.name),
			"name a port of the Service")
	}
	svc, err := objects.Get[*corev1.Service](t.in.View, t.from(), objects.Ref{Kind: objects.Service,
		Namespace: k.namespace, Name: k.name})
	if err != nil {
		return t.unreadable(k, at, err)
	}
	port, ok := serviceport.Find(svc, fmt.Sprint(k.port))
	if !ok {
		t.unresolve(gatewayv1.RouteReasonBackendNotFound, fmt.Sprintf("Unable to find service port for port %d", k.port))
		return absent(".port", fmt.Sprintf("Service %s/%s has no port %d", k.namespace, k.name, k.port),
			"use one of the Service's ports: "+serviceport.Describe(svc))
	}
	t.noteAnnotations(svc)
	b := t.ofService(svc, port, at, s)
	if text, remedy := serviceport.WithoutEndpoints(svc); text != "" {
		t.unresolve(gatewayv1.RouteReasonBackendNotFound, text+"; "+remedy)
		if b.usable { // else ofService reports it
			t.mistake(k.namespace, diag.New(t.object, at, diag.NoTargets, text, remedy))
		}
	}
	return b
}

// nameService is a remedy for a backend of an unsuitable kind.
const nameService = "name a Service as backend"

// absent is a backend whose reference leads nowhere. field is the wrong field of the reference; empty = all of it.
func absent(field, text, remedy string) *backend {
	return &backend{absent: diag.New(diag.Object{}, field, diag.BackendUnresolved, text, remedy)}
}

// missing is a backend whose reference an object would make valid that does not exist.
func missing(text, remedy string) *backend {
	b := absent("", text, remedy)
	b.absent.Absent = true
	return b
}

// reportAbsent adds a finding for each backend of a rule that does not exist or may not be named, with the answer that
// its requests get. usable is the sum of the weights of its usable backends.
func (t *translation) reportAbsent(refs []weighted, s *site, usable int) {
	answer := "requests of the rule get 500"
	switch {
	case usable > 0:
		answer = "the other backends of the rule get its share of the requests"
	case t.in.Family == attachment.Network:
		answer = "the rule has no other backend that could answer"
	}
	for _, w := range refs {
		if d := t.backend(w, s).absent; d.Code != "" {
			d.Object, d.Path, d.Text = t.object, w.at+d.Path, d.Text+"; "+answer
			t.tell(d)
		}
	}
}

// noteAnnotations notes annotations of a Service that have no effect, as routes read none. Where an Ingress names the
// Service, its pass judges them.
func (t *translation) noteAnnotations(svc *corev1.Service) {
	f := annotation.Findings{}
	annotation.CheckRouteBackend(&f, ObjectOf(svc, gatewayv1.Kind(objects.Service)), svc.Annotations)
	if len(f.List()) == 0 || objects.NamedByIngress(t.in.View, svc) {
		return
	}
	t.tell(f.List()...)
}

// chained is an ALB Gateway behind a network load balancer. Its condition Programmed has the ARN of its load balancer.
func (t *translation) chained(k groupKey, at string, s *site) *backend {
	if k.port == 0 {
		t.refuse(gatewayv1.RouteReasonUnsupportedValue, "Port is required")
		return absent(".port", fmt.Sprintf("the backendRef to Gateway %s/%s has no port", k.namespace, k.name),
			"name the port of a listener of the Gateway")
	}
	g, err := objects.Get[*gatewayv1.Gateway](t.in.View, t.from(), objects.Ref{Kind: objects.Gateway,
		Namespace: k.namespace, Name: k.name})
	if err != nil {
		return t.unreadable(k, at, err)
	}
	arn := ""
	for _, c := range g.Status.Conditions {
		if c.Type == string(gatewayv1.GatewayConditionProgrammed) && c.Status == metav1.ConditionTrue {
			arn = c.Message
		}
	}
	parts := strings.Split(arn, "/")
	switch {
	// its load balancer exists, and nothing shows that another one is to take its place
	case arn == "" && len(g.Status.Addresses) > 0:
		text := fmt.Sprintf("Gateway (%s:%s) is not programmed, so the ARN of its load balancer is unknown",
			k.namespace, k.name)
		t.unresolve(gatewayv1.RouteReasonBackendNotFound, text)
		t.mistake(k.namespace, diag.New(t.object, at, diag.InvalidRule, text,
			"correct the problem that the condition Programmed of that Gateway shows").In(diag.Route))
		return &backend{}
	case arn == "":
		t.unresolve(gatewayv1.RouteReasonBackendNotFound,
			fmt.Sprintf("Gateway (%s:%s) is not usable yet, LB ARN is not provisioned)", k.namespace, k.name))
		return &backend{}
	case len(parts) < 2 || parts[1] != "app" || !strings.HasPrefix(arn, "arn:"):
		t.unresolve(gatewayv1.RouteReasonBackendNotFound,
			fmt.Sprintf("Gateway (%s:%s) has no application load balancer: its condition Programmed says %q", k.namespace,
				k.name, arn))
		return absent("", fmt.Sprintf("Gateway %s/%s has no application load balancer", k.namespace, k.name),
			"name a Gateway of an application load balancer")
	}
	return t.ofBalancer(g, k.port, arn, at, s)
}
