// Package network translates Services of this controller into Gateways with equivalent network load balancers,
// routes and configurations. It reports what it cannot translate. Package service has read the Services. Each
// annotation has a row in a table that says how it is translated. It is pure.
package network

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

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

// order of the kinds in the output. What a target group is made of comes before its route, which would have another one
// meanwhile if all is applied at once.
var order = []string{"GatewayClass", "LoadBalancerConfiguration", "TargetGroupConfiguration", "Gateway",
	"TCPRoute", "UDPRoute"}

// Options are what a translation depends on beside its objects.
type Options struct {
	Service service.Config
	// DryRun marks the Gateways, so that they are planned only.
	DryRun bool
	// Select says which Services are translated; nil = all.
	Select func(*corev1.Service) bool
}

// Translate translates the Services of a view that this controller serves. They stay as they are.
func Translate(v *objects.View, o Options) migrate.Result {
	t := &translator{view: v, options: o, configurations: migrate.Configurations{}, fates: fates()}
	for _, id := range t.groups() {
		t.group(id)
	}
	t.addConfigurations()
	if len(t.result.Pairs) > 0 {
		t.add(&gatewayv1.GatewayClass{
			TypeMeta:   metav1.TypeMeta{APIVersion: gatewayv1.GroupVersion.String(), Kind: "GatewayClass"},
			ObjectMeta: metav1.ObjectMeta{Name: ClassName},
			Spec:       gatewayv1.GatewayClassSpec{ControllerName: Controller},
		})
	}
	migrate.SortObjects(t.result.Objects, order)
	t.result.Findings = migrate.SortFindings(t.result.Findings)
	return t.result
}

// translator is the state of a translation.
type translator struct {
	view           *objects.View
	options        Options
	configurations migrate.Configurations
	fates          map[annotation.Key]migrate.Row
	result         migrate.Result
}

func (t *translator) add(o metav1.Object) { t.result.Objects = append(t.result.Objects, o) }

func (t *translator) find(s migrate.Severity, object diag.Object, field, text, remedy string) {
	t.result.Findings = append(t.result.Findings, migrate.NewFinding(s, object, field, text, remedy))
}

func (t *translator) skip(svc *corev1.Service, why string, invalid bool) {
	t.result.Skipped = append(t.result.Skipped, migrate.Skipped{Object: owner.Object(svc).String(), Why: why,
		Invalid: invalid})
}

func (t *translator) selected(svc *corev1.Service) bool {
	return t.options.Select == nil || t.options.Select(svc)
}

// groups are the stacks of the selected Services: groups by name, then Services alone.
func (t *translator) groups() []stack.ID {
	seen := map[stack.ID]bool{}
	for _, svc := range t.view.Services("") {
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
	slices.SortFunc(t.result.Skipped, func(a, b migrate.Skipped) int { return strings.Compare(a.Object, b.Object) })
	return slices.SortedFunc(maps.Keys(seen), func(a, b stack.ID) int {
		alone := func(id stack.ID) int { return min(len(id.Namespace), 1) }
		return cmp.Or(cmp.Compare(alone(a), alone(b)), strings.Compare(a.Namespace, b.Namespace),
			strings.Compare(a.Name, b.Name))
	})
}

// member is a translated Service of a group.
type member struct {
	intent.Member
	service *corev1.Service
	origin  string // value of migrate.OriginTag
	nodes   bool   // its target groups have nodes
}

// group translates one load balancer.
func (t *translator) group(id stack.ID) {
	g := service.Load(t.view, t.options.Service, id)
	desired := service.Translate(t.view, t.options.Service, g)
	var members []*member
	for i, m := range desired.Members {
		svc := g.Members[i]
		if !t.selected(svc) {
			t.find(migrate.Warning, m.Object, "", "it is a member of group "+id.String()+
				" and not selected, so the Gateway does not contain it", "select all Services of the group")
			continue
		}
		if t.examine(svc, m) {
			members = append(members, &member{Member: m, service: svc, origin: "service/" + svc.Namespace + "/" + svc.Name})
		}
	}
	if len(members) == 0 {
		return
	}
	b := &balancer{translator: t, id: id, members: members}
	b.translate()
}

// examine reports what is known of a Service. valid is false if it has errors, and is skipped: the controller does not
// serve what it declares either.
func (t *translator) examine(svc *corev1.Service, m intent.Member) (valid bool) {
	var wrong []string
	for _, d := range m.Diagnostics {
		if d.Class == diag.Note {
			t.find(migrate.Note, d.Object, d.Path, d.Text, d.Remedy)
			continue
		}
		wrong = append(wrong, d.Path+": "+d.Text)
	}
	if len(wrong) > 0 {
		t.skip(svc, strings.Join(wrong, "; "), true)
		return false
	}
	for _, k := range slices.Sorted(maps.Keys(svc.Annotations)) {
		t.annotation(m.Object, annotation.Key(k), svc.Annotations[k])
	}
	if !m.Settings.Scheme.Set && len(svc.Status.LoadBalancer.Ingress) > 0 {
		t.find(migrate.Warning, m.Object, annotation.ServiceScheme.Path(),
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
		t.find(migrate.Note, o, k.Path(), "external-dns makes a record of it for the Service, and the routes are without "+
			"it, or there would be records of both", "move it to a route when you move DNS to the Gateway")
		return
	}
	e, ok := annotation.Lookup(k)
	if !ok || value == "" {
		return
	}
	r := t.fates[e.Key]
	switch {
	case e.Key == annotation.ServiceName:
		t.find(migrate.Warning, o, k.Path(), r.Why, "if you need a name, write another one in spec.loadBalancerName of the "+
			"LoadBalancerConfiguration")
	case e.Key == annotation.ServiceOwnership && value == annotation.ManagedIt:
	case r.Fate == migrate.Cannot:
		t.find(migrate.Failed, o, k.Path(), r.Why, r.Remedy)
	}
}

// addConfigurations adds the TargetGroupConfigurations, and reports Services that have one already.
func (t *translator) addConfigurations() {
	for _, o := range t.configurations.Objects() {
		t.add(o)
		c, ok := o.(*configv1.TargetGroupConfiguration)
		if !ok {
			continue
		}
		backend := objects.Ref{Kind: objects.Service, Namespace: c.Namespace, Name: c.Spec.TargetReference.Name}
		for _, other := range objects.Naming[*configv1.TargetGroupConfiguration](t.view, objects.TargetGroupConfiguration,
			backend) {
			if other.Name != c.Name {
				t.find(migrate.Failed, diag.Object{Kind: "Service", Namespace: backend.Namespace, Name: backend.Name}, "",
					fmt.Sprintf("TargetGroupConfiguration %s is about it already, and of several the first by name counts",
						other.Name),
					"put what TargetGroupConfiguration "+c.Name+" has into its routeConfigurations, for the routes of the new Gateway")
			}
		}
	}
}
