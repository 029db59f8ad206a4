// Package network translates Services of this controller into Gateways with equivalent network load balancers,
// routes and configurations. It reports what it cannot translate. Package service has read the Services. Each
// annotation has a row in a table that says how it is translated. It is pure.
package network

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lbc/migrate"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// The GatewayClass of translated Gateways.
const (
	ClassName  = "aws-nlb"
	Controller = "gateway.k8s.aws/nlb"
)

// kind is what is particular to Services.
func kind() migrate.Kind {
	return migrate.Kind{
		Name: "Service", Plural: "Services", Before: stack.Service, After: stack.GatewayNLB,
		Class: ClassName, Controller: Controller, GroupName: annotation.ServiceGroupName, Carried: carried, Rows: Rows(),
		// The configuration of a target group comes before its route, which would have another target group meanwhile if all
		// is applied at once.
		Order: []string{"GatewayClass", "LoadBalancerConfiguration", "TargetGroupConfiguration", "Gateway",
			"TCPRoute", "UDPRoute"},
	}
}

// Options are the inputs of a translation other than its objects.
type Options struct {
	Service service.Config
	// DryRun marks the Gateways, so that they are planned only.
	DryRun bool
	// Select says which Services are translated; nil = all.
	Select func(*corev1.Service) bool
}

// Translate translates the Services of a view that this controller serves. They stay as they are.
func Translate(v *objects.View, o Options) migrate.Result {
	t := &translator{migrate.NewTranslation(v, kind(), o.DryRun), o}
	for _, id := range t.groups() {
		t.group(id)
	}
	t.addConfigurations()
	return t.Finish()
}

// translator is the translation of Services.
type translator struct {
	*migrate.Translation
	options Options
}

func (t *translator) skip(svc *corev1.Service, why string, invalid bool) {
	t.Skip(owner.Object(svc), why, invalid)
}

func (t *translator) selected(svc *corev1.Service) bool {
	return t.options.Select == nil || t.options.Select(svc)
}

// groups are the stacks of the selected Services: groups by name, then Services alone.
func (t *translator) groups() []stack.ID {
	seen := map[stack.ID]bool{}
	for _, svc := range t.View.Services("") {
		_, typed := svc.Annotations[string(annotation.ServiceType)]
		if !t.selected(svc) || svc.Spec.Type != corev1.ServiceTypeLoadBalancer && svc.Spec.LoadBalancerClass == nil &&
			!typed {
			continue
		}
		id, ok, d := service.StackOf(t.options.Service, svc)
		switch {
		case ok:
			seen[id] = true
		case svc.DeletionTimestamp != nil:
			t.skip(svc, "it is being deleted", false)
		case d != nil && d.Class != diag.Note:
			t.skip(svc, d.Message(), true)
		case svc.Spec.LoadBalancerClass != nil:
			t.skip(svc, "it is of class "+*svc.Spec.LoadBalancerClass+", which is another controller's", false)
		case d != nil:
			t.skip(svc, d.Text, false)
		default:
			t.skip(svc, "this controller does not serve it; lbc migrate --from service is for Services of the cloud "+
				"provider's controller", false)
		}
	}
	return t.Groups(seen)
}

// member is a translated Service of a group.
type member struct {
	*migrate.Member
	service *corev1.Service
	nodes   bool // its target groups have nodes
}

// group translates one load balancer.
func (t *translator) group(id stack.ID) {
	g := service.Load(t.View, t.options.Service, id)
	desired := service.Translate(t.View, t.options.Service, g)
	var members []*member
	var shared []*migrate.Member
	for i, m := range desired.Members {
		svc := g.Members[i]
		if !t.selected(svc) {
			t.Unselected(m.Object, id)
			continue
		}
		if t.examine(svc, m) {
			one := t.NewMember(m, svc)
			members, shared = append(members, &member{Member: one, service: svc}), append(shared, one)
		}
	}
	if len(members) == 0 {
		return
	}
	b := &balancer{Group: t.NewGroup(id, shared), members: members}
	b.translate()
}

// examine reports what is known of a Service. valid is false if it has errors, and is skipped: the controller does not
// serve what it declares either.
func (t *translator) examine(svc *corev1.Service, m intent.Member) (valid bool) {
	if !t.Valid(owner.Object(svc), m) {
		return false
	}
	for _, k := range slices.Sorted(maps.Keys(svc.Annotations)) {
		t.annotation(m.Object, annotation.Key(k), svc.Annotations[k])
	}
	if !m.Settings.Scheme.Set && len(svc.Status.LoadBalancer.Ingress) > 0 {
		t.Find(migrate.Warning, m.Object, annotation.ServiceScheme.Path(),
			"it declares no scheme, so its load balancer keeps the current scheme; the Gateway's load balancer has "+
				"--default-load-balancer-scheme",
			"set spec.scheme of the LoadBalancerConfiguration to the scheme of the present load balancer, if that "+
				"is another one")
	}
	return true
}

// annotation reports an annotation that has no equal, or that is to be looked at.
func (t *translator) annotation(o diag.Object, k annotation.Key, value string) {
	if migrate.OfExternalDNS(string(k)) {
		t.Find(migrate.Note, o, k.Path(), "external-dns creates a record from it for the Service; the routes do not "+
			"have it, because external-dns would create records for both", "move it to a route when you move DNS to the Gateway")
		return
	}
	e, ok := annotation.Lookup(k)
	if !ok || value == "" {
		return
	}
	r := t.Fates[e.Key]
	switch {
	case e.Key == annotation.ServiceName:
		t.Find(migrate.Warning, o, k.Path(), r.Why, "if you need a name, write another one in spec.loadBalancerName of the "+
			"LoadBalancerConfiguration")
	case e.Key == annotation.ServiceOwnership && value == annotation.ManagedIt:
	case r.Fate == migrate.Cannot:
		t.Find(migrate.Failed, o, k.Path(), r.Why, r.Remedy)
	}
}

// addConfigurations adds the TargetGroupConfigurations, and reports Services that have one already.
func (t *translator) addConfigurations() {
	for _, o := range t.Configurations.Objects() {
		t.Add(o)
		c, ok := o.(*configv1.TargetGroupConfiguration)
		if !ok {
			continue
		}
		backend := objects.Ref{Kind: objects.Service, Namespace: c.Namespace, Name: c.Spec.TargetReference.Name}
		for _, other := range objects.Naming[*configv1.TargetGroupConfiguration](t.View, objects.TargetGroupConfiguration,
			backend) {
			if other.Name != c.Name {
				t.Find(migrate.Failed, diag.Object{Kind: "Service", Namespace: backend.Namespace, Name: backend.Name}, "",
					fmt.Sprintf("TargetGroupConfiguration %s is about it already, and of several the first by name counts",
						other.Name),
					"put what TargetGroupConfiguration "+c.Name+" has into its routeConfigurations, for the routes of the new Gateway")
			}
		}
	}
}
