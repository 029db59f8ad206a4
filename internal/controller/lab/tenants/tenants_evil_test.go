package tenants

import (
	"fmt"
	"math/rand/v2"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// evil declares objects of namespace mal: those of an attacker and those of somebody who writes by mistake.
type evil struct {
	*rand.Rand
	n       neighbours
	objects []client.Object
	said    []string
}

// acts comes before the passes of a step.
func (e *evil) acts(step int) {
	if step == 0 {
		e.create(lab.Service("evil"), e.service("web"))
		e.create(e.pods()...)
	}
	if step == 2 { // an administrator changes a class that only he uses
		params := &v1beta1.IngressClassParams{}
		e.n.Must(e.n.Client.Get(e.n.Context(), client.ObjectKey{Name: "other"}, params))
		params.Spec = v1beta1.IngressClassParamsSpec{SSLRedirectPort: "443"}
		e.n.Must(e.n.Client.Update(e.n.Context(), params))
	}
	for range 1 + e.IntN(3) {
		switch e.IntN(9) {
		case 0:
			e.create(e.binding())
		case 1:
			e.create(e.slice())
		case 2:
			e.create(e.ingress())
		case 3:
			e.create(e.sharing())
		case 4:
			e.create(&corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Name: naming.ClaimsConfigMap(e.pick("bound", "evil", e.name()))},
				Data:       map[string]string{"targets": "10.0.128.50:8080,10.0.128.51:8080," + precedingTarget}})
		case 5:
			e.leaves()
		case 6:
			e.edits()
		case 7, 8:
			e.create(e.atGate()...)
		}
	}
}

// atGate are objects at Gateway gate of namespace shop, or that routes at it could use.
func (e *evil) atGate() []client.Object {
	backend := e.pick("{name: evil, port: 80}", "{name: web, port: 80}", "{name: web, namespace: shop, port: 80}",
		"{name: missing, port: 80}", "{name: odd_name, port: 0}")
	return lab.GatewayObjects(e.n, e.pick(
		"HTTPRoute mal/"+e.name()+" {spec: {parentRefs: [{name: gate, namespace: shop}], hostnames: ["+
			e.pick("hers.example.com", "\"*.example.com\"", "mal.example.com")+"], rules: [{matches: [{path: {type: "+
			e.pick("PathPrefix", "Exact", "RegularExpression")+", value: "+e.pick("/", "/edited", "/own", "\"(\"")+
			"}}], backendRefs: ["+backend+", "+backend+"]}]}}",
		"GRPCRoute mal/"+e.name()+" {spec: {parentRefs: [{name: gate, namespace: shop}], rules: [{backendRefs: ["+backend+
			"]}]}}",
		"ReferenceGrant mal/"+e.name()+" {spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: mal}], "+
			"to: [{group: \"\", kind: Service}]}}",
		"TargetGroupConfiguration mal/"+e.name()+" {spec: {targetReference: {name: "+e.pick("evil", "web")+
			"}, defaultConfiguration: {targetGroupName: "+e.groupName()+", targetType: ip}}}"))
}

// create creates objects in namespace mal, unless there are such.
func (e *evil) create(objects ...client.Object) {
	for _, o := range objects {
		o.SetNamespace("mal")
		o.SetCreationTimestamp(metav1.Unix(1_700_000_009, 0))
		if client.IgnoreAlreadyExists(e.n.Client.Create(e.n.Context(), o)) == nil {
			e.said = append(e.said, fmt.Sprintf("%T %s %+v", o, o.GetName(), o))
			e.objects = append(e.objects, o)
		}
	}
}

func (e *evil) pick(from ...string) string { return from[e.IntN(len(from))] }

func (e *evil) name() string { return fmt.Sprint("evil-", e.IntN(3)) }

// leaves deletes one of the objects.
func (e *evil) leaves() {
	if len(e.objects) == 0 {
		return
	}
	o := e.objects[e.IntN(len(e.objects))]
	if err := e.n.Client.Delete(e.n.Context(), o); client.IgnoreNotFound(err) != nil {
		e.n.Fatal(err)
	}
	e.said = append(e.said, "deleted "+o.GetName())
}

// edits edits an Ingress or Service: what was valid may have a mistake then, and the other way round.
func (e *evil) edits() {
	if len(e.objects) == 0 {
		return
	}
	o := e.objects[e.IntN(len(e.objects))]
	now, valid := e.ingress(), client.Object(lab.Ingress("evil", map[string]string{"group.name": "front"}, "evil"))
	switch o.(type) {
	case *networkingv1.Ingress:
	case *corev1.Service:
		now, valid = e.sharing(), lab.Sharing("evil", 5433)
	default:
		return
	}
	if e.IntN(3) == 0 {
		now = valid
	}
	have, is := o.DeepCopyObject().(client.Object)
	if !is || e.n.Client.Get(e.n.Context(), client.ObjectKeyFromObject(o), have) != nil ||
		have.GetDeletionTimestamp() != nil {
		return
	}
	have.SetAnnotations(now.GetAnnotations())
	have.SetFinalizers(now.GetFinalizers())
	have.SetGeneration(have.GetGeneration() + 1)
	if i, is := have.(*networkingv1.Ingress); is {
		i.Spec = now.(*networkingv1.Ingress).Spec
	}
	e.n.Must(e.n.Client.Update(e.n.Context(), have))
	e.said = append(e.said, fmt.Sprintf("edited %T %s: %+v", have, have.GetName(), have))
}

// service is a Service without selector, of the name of one in shop.
func (e *evil) service(name string) client.Object {
	s := lab.Service(name)
	s.UID = "uid-mal-web"
	return s
}

// pods are those of Service evil.
func (e *evil) pods() []client.Object {
	all := lab.Pods("a", "10.0.128.66")
	for _, o := range all {
		if s, ok := o.(*discoveryv1.EndpointSlice); ok {
			s.Labels[discoveryv1.LabelServiceName], s.Endpoints[0].TargetRef.Namespace = "evil", "mal"
		}
	}
	return all
}

// groupName is the name of such a target group, or another one.
func (e *evil) groupName() string {
	name, _ := e.group()
	return e.pick(name, "mine")
}

// group is the name or the ARN of a target group of the tenant of shop.
func (e *evil) group() (name, arn string) {
	all := e.n.Sim.Resources().TargetGroups
	g := all[e.IntN(len(all))]
	return g.Name, g.ARN
}

// binding is one of a target group that is not his.
func (e *evil) binding() client.Object {
	name, arn := e.group()
	b := lab.Binding(arn, v1beta1.TargetTypeIP)
	b.Name, b.UID = e.pick("bound", name, e.name()), ""
	switch e.IntN(4) {
	case 0:
		b.Spec.TargetGroupARN, b.Spec.TargetGroupName = "", name
	case 1:
		b.Spec.TargetGroupARN = e.pick(" "+arn, strings.ToUpper(arn), arn+"/",
			"arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/"+name+"/0000000000000000")
	}
	b.Spec.ServiceRef = v1beta1.ServiceReference{Name: e.pick("web", "evil", "gone"), Port: intstr.FromInt32(80)}
	b.Spec.MultiClusterTargetGroup = e.IntN(2) == 0
	switch e.IntN(4) {
	case 0:
		b.Labels = map[string]string{"ingress.k8s.aws/stack": "front", "ingress.k8s.aws/stack-namespace": "shop",
			"ingress.k8s.aws/stack-name": "web"}
	case 1:
		b.Annotations = map[string]string{naming.OriginalBinding: "shop/bound", naming.AllowDeregistration: "true"}
	case 2:
		b.Finalizers = []string{naming.BindingFinalizer}
	}
	if e.IntN(3) == 0 {
		b.Spec.TargetType = ptr.To(v1beta1.TargetTypeInstance)
	}
	if e.IntN(3) == 0 {
		b.Spec.Networking = nil
	}
	return b
}

// slice has addresses that are not his.
func (e *evil) slice() client.Object {
	s := lab.HandSlice(e.name(), int32(e.IntN(2)*8080),
		lab.At(e.pick("10.0.128.50", "10.0.128.51", "10.0.128.10", "10.0.1.77", "169.254.169.254", "x"),
			e.pick("shop", "mal"), e.pick("", "web-a-0", "gone")))
	s.Labels[discoveryv1.LabelServiceName] = e.pick("web", "evil", "shop/web")
	return s
}

// ingress is one of the group, or one that says so.
func (e *evil) ingress() client.Object {
	name, arn := e.group()
	i := lab.Ingress("evil", map[string]string{"group.name": e.pick("front", "front", "Front", "shop/web", "front_1")},
		e.pick("web", "evil"))
	i.Name, i.UID = e.pick("evil", "web"), ""
	i.Spec.IngressClassName = ptr.To(e.pick("alb", "alb", "other"))
	for range e.IntN(4) {
		kv := [][2]string{
			{"scheme", e.pick("internal", "internet-facing", "odd")},
			{"load-balancer-name", e.pick("k8s-front-ca130f628e", name)},
			{"ownership", e.pick("observed", "shared", "adopted", "manged")},
			{"existing-load-balancer", e.pick("k8s-front-ca130f628e", name, arn)},
			{"deletion-policy", e.pick("Retain", "retain")}, {"approved-plan", "none"}, {"dry-run", e.pick("true", "sure")},
			{"load-balancer-attributes", e.pick("no.such.attribute=1", "deletion_protection.enabled=true", "x")},
			{"tags", e.pick("ingress.k8s.aws/stack=front", "a", "aws:x=y")},
			{"security-groups", e.pick("sg-0a1de000000000001", "none")},
			{"inbound-cidrs", e.pick("0.0.0.0/0", "10.0.0.0", "192.0.2.0/24")},
			{"listen-ports", e.pick(`[{"HTTP":81}]`, `[{"TCP":80}]`, `[]`)},
			{"actions.evil", fmt.Sprintf(`{"type":"forward","targetGroupName":%q}`, name)},
			{"actions.web", fmt.Sprintf(`{"type":"forward","targetGroupARN":%q}`, arn)}, {"target-type", "instance"},
			{"group.nam", "front"}, {"manage-backend-security-group-rules", "false"}, {"healthcheck-port", "10250"},
			{"replacement-policy", "refuse"}, {"allow-deletion", "true"},
		}[e.IntN(20)]
		i.Annotations["alb.ingress.kubernetes.io/"+kv[0]] = kv[1]
	}
	if e.IntN(2) == 0 {
		i.Finalizers = []string{naming.Finalizer(lab.FrontGroup)}
	}
	return i
}

// sharing is a Service of the group with the port of another one.
func (e *evil) sharing() client.Object {
	s := lab.Sharing("evil", 5432)
	s.Name, s.UID = e.pick("db", e.name()), ""
	if e.IntN(2) == 0 {
		s.Spec.Ports[0].Port = 5433
	}
	const prefix = "service.beta.kubernetes.io/aws-load-balancer-"
	for range e.IntN(3) {
		kv := [][2]string{
			{"scheme", e.pick("internal", "internet-facing", "odd")}, {"name", "k8s-shared-0123456789"},
			{"inbound-sg-rules-on-private-link-traffic", "off"}, {"disable-nlb-sg", "true"},
			{"attributes", e.pick("no.such.attribute=1", "deletion_protection.enabled=true")},
			{"additional-resource-tags", e.pick("service.k8s.aws/stack=shared", "x")}, {"ownership", "observed"},
			{"approved-plan", "none"},
		}[e.IntN(8)]
		s.Annotations[prefix+kv[0]] = kv[1]
	}
	if e.IntN(2) == 0 {
		s.Finalizers = []string{naming.Finalizer(lab.SharedServices)}
	}
	return s
}
