package stacks

import (
	"fmt"
	"maps"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/growth"
	"github.com/k8s-lbc/lbc/internal/controller/queue"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/reporting"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/pod/drain"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// wokenKeys is a queue that notes which stacks are added.
type wokenKeys struct {
	queue.Of[stack.Key]
	keys map[stack.Key]bool
}

func (w *wokenKeys) AddAfter(key stack.Key, _ time.Duration) { w.keys[key] = true }

// crowd is n stacks of an owner that have been read, in one namespace, and what all of them share.
type crowd struct {
	*OwnerEvents
	cache *growth.Cluster
}

func objectMeta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, Generation: 1, ResourceVersion: "1",
		Labels: map[string]string{"team": "a"}}
}

// shared are the objects that the stacks of a crowd share.
func shared() []client.Object {
	return []client.Object{
		&corev1.Namespace{ObjectMeta: objectMeta("", "shop")},
		&networkingv1.IngressClass{ObjectMeta: objectMeta("", "alb"), Spec: networkingv1.IngressClassSpec{
			Controller: ingress.Controller, Parameters: &networkingv1.IngressClassParametersReference{
				APIGroup: ptr.To("elbv2.k8s.aws"), Kind: "IngressClassParams", Name: "alb"}}},
		&v1beta1.IngressClassParams{ObjectMeta: objectMeta("", "alb"), Spec: v1beta1.IngressClassParamsSpec{
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "a"}}}},
		&gatewayv1.GatewayClass{ObjectMeta: objectMeta("", "alb"), Spec: gatewayv1.GatewayClassSpec{
			ControllerName: "gateway.k8s.aws/alb"}},
		&gatewayv1.GatewayClass{ObjectMeta: objectMeta("", "nlb"), Spec: gatewayv1.GatewayClassSpec{
			ControllerName: "gateway.k8s.aws/nlb"}},
	}
}

// member are the objects of stack i of an owner, the owner's own one first.
func member(of stack.Owner, i int) []client.Object {
	name := fmt.Sprint("web-", i)
	svc := &corev1.Service{ObjectMeta: objectMeta("shop", name), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{
		Port: 80, NodePort: 30080, Protocol: corev1.ProtocolTCP}}}}
	if of == stack.Ingress {
		o := &networkingv1.Ingress{ObjectMeta: objectMeta("shop", name), Spec: networkingv1.IngressSpec{
			IngressClassName: ptr.To("alb"), DefaultBackend: &networkingv1.IngressBackend{
				Service: &networkingv1.IngressServiceBackend{Name: name, Port: networkingv1.ServiceBackendPort{Number: 80}}}}}
		if i%2 == 0 {
			o.Annotations = map[string]string{"alb.ingress.kubernetes.io/group.name": name}
		}
		return []client.Object{o, svc}
	}
	if of == stack.Service {
		svc.Spec.Type, svc.Spec.LoadBalancerClass = corev1.ServiceTypeLoadBalancer, ptr.To("service.k8s.aws/nlb")
		svc.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
		return []client.Object{svc}
	}
	from := gatewayv1.NamespacesFromSelector
	g := &gatewayv1.Gateway{ObjectMeta: objectMeta("shop", name), Spec: gatewayv1.GatewaySpec{GatewayClassName: "alb",
		Listeners: []gatewayv1.Listener{{Name: "http", Port: 80, Protocol: gatewayv1.HTTPProtocolType,
			AllowedRoutes: &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{From: &from,
				Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "a"}}}}}}}}
	r := &gatewayv1.HTTPRoute{ObjectMeta: objectMeta("shop", name), Spec: gatewayv1.HTTPRouteSpec{
		CommonRouteSpec: gatewayv1.CommonRouteSpec{ParentRefs: []gatewayv1.ParentReference{{
			Name: gatewayv1.ObjectName(name)}}},
		Rules: []gatewayv1.HTTPRouteRule{{BackendRefs: []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{
			BackendObjectReference: gatewayv1.BackendObjectReference{Name: gatewayv1.ObjectName(name),
				Port: ptr.To(gatewayv1.PortNumber(80))}}}}}}}}
	return []client.Object{g, r, svc}
}

func newCrowd(t *testing.T, of stack.Owner, n int, edits ...func(o client.Object)) *crowd {
	t.Helper()
	all := shared()
	var owners []client.Object
	for i := range n {
		one := member(of, i)
		for _, edit := range edits {
			edit(one[0])
		}
		all, owners = append(all, one...), append(owners, one[0])
	}
	c, err := config.Parse([]string{"--cluster-name=demo", "--aws-vpc-id=vpc-01234567", "--aws-region=us-west-2"})
	if err != nil {
		t.Fatal(err)
	}
	var loader front.Loader = settings.Ingress(c)
	if of == stack.Service {
		loader = settings.Service(c)
	}
	if of == stack.GatewayALB {
		loader = settings.Gateway(c, attachment.Application)
	}
	x := &crowd{cache: growth.NewCluster(t, all...)}
	s := &Reconciler{Front: loader, Client: readCache(x.cache), Index: reads.NewIndex[stack.Key](),
		Reporter: reporting.NewReporter(func(diag.Object, reporting.Event) {}, time.Now)}
	x.OwnerEvents = &OwnerEvents{Reconciler: s, Classes: reads.NewIndex[types.NamespacedName]()}
	for _, o := range owners { // as at a start
		keys := x.stacksOf(t.Context(), o)
		if len(keys) != 1 {
			t.Fatalf("%s has stacks %v", o.GetName(), keys)
		}
		begun, v := s.Index.Begin(), objects.New(s.reader(t.Context(), nil))
		if in := loader.Load(v, keys[0].ID); !in.Declared || v.Err() != nil {
			t.Fatalf("%v is not served: %v", keys[0], v.Err())
		}
		s.Index.Update(keys[0], begun, v.Reads())
	}
	return x
}

// sharedEvents are edits of objects that many stacks share, and creations of such objects. None of them changes what a
// stack is made of.
var sharedEvents = map[string]struct {
	kind   objects.Kind
	object func() client.Object
	change func(o client.Object) // nil = the object is created
}{
	"a label of the Namespace": {objects.Namespace, func() client.Object { return shared()[0] },
		func(o client.Object) { o.GetLabels()["example.com/x"] = "1" }},
	"an annotation of the Namespace": {objects.Namespace, func() client.Object { return shared()[0] },
		func(o client.Object) { o.SetAnnotations(map[string]string{"example.com/x": "1"}) }},
	"another Namespace": {objects.Namespace, func() client.Object {
		return &corev1.Namespace{ObjectMeta: objectMeta("", "blog")}
	}, nil},
	"an annotation of the IngressClass": {objects.IngressClass, func() client.Object { return shared()[1] },
		func(o client.Object) { o.SetAnnotations(map[string]string{corev1.LastAppliedConfigAnnotation: "{}"}) }},
	"a label of the IngressClass": {objects.IngressClass, func() client.Object { return shared()[1] },
		func(o client.Object) { o.GetLabels()["example.com/x"] = "1" }},
	"an annotation of the IngressClassParams": {objects.IngressClassParams, func() client.Object { return shared()[2] },
		func(o client.Object) { o.SetAnnotations(map[string]string{"example.com/x": "1"}) }},
	"other IngressClassParams": {objects.IngressClassParams, func() client.Object {
		return &v1beta1.IngressClassParams{ObjectMeta: objectMeta("", "other")}
	}, nil},
	"an annotation of the GatewayClass": {objects.GatewayClass, func() client.Object { return shared()[3] },
		func(o client.Object) { o.SetAnnotations(map[string]string{"example.com/x": "1"}) }},
	"another GatewayClass": {objects.GatewayClass, func() client.Object {
		return &gatewayv1.GatewayClass{ObjectMeta: objectMeta("", "other")}
	}, nil},
	"a ReferenceGrant": {objects.ReferenceGrant, func() client.Object {
		return &gatewayv1beta1.ReferenceGrant{ObjectMeta: objectMeta("shop", "grant")}
	}, nil},
	"a TargetGroupConfiguration of nobody": {objects.TargetGroupConfiguration, func() client.Object {
		return &configv1.TargetGroupConfiguration{ObjectMeta: objectMeta("shop", "other"),
			Spec: configv1.TargetGroupConfigurationSpec{TargetReference: &configv1.TargetReference{Name: "other"}}}
	}, nil},
	"a LoadBalancerConfiguration of nobody": {objects.LoadBalancerConfiguration, func() client.Object {
		return &configv1.LoadBalancerConfiguration{ObjectMeta: objectMeta("shop", "other")}
	}, nil},
	"a Service of nobody": {objects.Service, func() client.Object {
		return &corev1.Service{ObjectMeta: objectMeta("shop", "other")}
	}, nil},
	"a route of another Gateway": {objects.HTTPRoute, func() client.Object {
		return &gatewayv1.HTTPRoute{ObjectMeta: objectMeta("shop", "other")}
	}, nil},
}

// TestEventsOfSharedObjectsCostNoPass shows that an event which changes no load balancer wakes no stack, however
// many share the object.
func TestEventsOfSharedObjectsCostNoPass(t *testing.T) { // not parallel: it counts bytes
	for _, of := range []stack.Owner{stack.Ingress, stack.Service, stack.GatewayALB} {
		crowds := map[int]*crowd{}
		for _, n := range growth.Sizes {
			crowds[n] = newCrowd(t, of, n)
		}
		for what, e := range sharedEvents {
			t.Run(fmt.Sprint(of, ": ", what), func(t *testing.T) {
				growth.AtMost(t, 0.1, "bytes", func(n int) float64 {
					before, after := e.object(), e.object()
					if e.change == nil {
						before = nil
					} else {
						e.change(after)
						after.SetResourceVersion("2")
					}
					q := &wokenKeys{keys: map[stack.Key]bool{}}
					h := crowds[n].DependencyHandler(e.kind)
					spent := growth.Bytes(func() {
						if before == nil {
							h.Create(t.Context(), event.CreateEvent{Object: after}, q)
							return
						}
						h.Update(t.Context(), event.UpdateEvent{ObjectOld: before, ObjectNew: after}, q)
					})
					if len(q.keys) > 0 {
						t.Errorf("among %d, %d stacks are woken", n, len(q.keys))
					}
					return spent
				})
			})
		}
	}
}

// TestTypoMakesNoStackDependOnEverything shows that stacks with an invalid annotation are not woken by what decides
// about references to target groups, which they do not name.
func TestTypoMakesNoStackDependOnEverything(t *testing.T) { // not parallel: it counts bytes
	typos := map[stack.Owner]string{stack.Ingress: "alb.ingress.kubernetes.io/scheme",
		stack.Service: "service.beta.kubernetes.io/aws-load-balancer-scheme"}
	grant := &gatewayv1beta1.ReferenceGrant{ObjectMeta: objectMeta("blog", "grant")}
	grant.Spec.From = []gatewayv1beta1.ReferenceGrantFrom{{Group: networkingv1.GroupName, Kind: "Ingress",
		Namespace: "shop"}}
	grant.Spec.To = []gatewayv1beta1.ReferenceGrantTo{{Kind: "Service", Name: ptr.To(gatewayv1.ObjectName("other"))}}
	for of, key := range typos {
		growth.AtMost(t, growth.Constant, "stacks woken, by stacks of "+string(of), func(n int) float64 {
			x := newCrowd(t, of, n, func(o client.Object) {
				all := maps.Clone(o.GetAnnotations())
				if all == nil {
					all = map[string]string{}
				}
				all[key] = "extrnal"
				o.SetAnnotations(all)
			})
			q := &wokenKeys{keys: map[stack.Key]bool{}}
			for kind, o := range map[objects.Kind]client.Object{
				objects.Namespace: &corev1.Namespace{ObjectMeta: objectMeta("", "blog")}, objects.ReferenceGrant: grant,
				objects.Service: &corev1.Service{ObjectMeta: objectMeta("blog", "new")},
			} {
				x.DependencyHandler(kind).Create(t.Context(), event.CreateEvent{Object: o}, q)
			}
			if len(q.keys) > 0 {
				t.Errorf("%s: %d of %d stacks are woken", of, len(q.keys), n)
			}
			return float64(len(q.keys))
		})
	}
}

// TestReadLabelOfANamespaceWakesItsReaders shows that the labels which a selector names, and those that the controller
// reads itself, still wake each stack that reads them.
func TestReadLabelOfANamespaceWakesItsReaders(t *testing.T) {
	t.Parallel()
	for of, label := range map[stack.Owner]string{stack.Ingress: "team", stack.GatewayALB: "team",
		stack.Service: drain.NamespaceLabel} {
		const n = 5
		x := newCrowd(t, of, n)
		before, after := shared()[0], shared()[0]
		after.GetLabels()[label] = "other"
		after.SetResourceVersion("2")
		for what, e := range map[string][2]client.Object{"its label": {before, after}, "its end": {before, nil},
			"its creation": {nil, after}} {
			q := &wokenKeys{keys: map[stack.Key]bool{}}
			switch h := x.DependencyHandler(objects.Namespace); {
			case e[0] == nil:
				h.Create(t.Context(), event.CreateEvent{Object: e[1]}, q)
			case e[1] == nil:
				h.Delete(t.Context(), event.DeleteEvent{Object: e[0]}, q)
			default:
				h.Update(t.Context(), event.UpdateEvent{ObjectOld: e[0], ObjectNew: e[1]}, q)
			}
			if len(q.keys) != n {
				t.Errorf("%s: %s wakes %d stacks, want %d", of, what, len(q.keys), n)
			}
		}
	}
}
