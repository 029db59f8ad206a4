package compute

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// NewGateway makes a case of a Gateway with so many HTTPRoutes with so many rules each, which are read and translated
// in each run; the account holds everything as wished.
func NewGateway(routes, rules int) (Case, error) {
	flags, err := flags()
	if err != nil {
		return Case{}, err
	}
	key := stack.Key{Owner: stack.GatewayALB, ID: stack.ID{Namespace: "shop", Name: "web"}}
	loader := settings.Gateway(flags, attachment.Application)
	cluster := objects.Snapshot{}
	for _, o := range gateway(key.ID) {
		cluster.Put(o)
	}
	for i := range routes {
		for _, o := range route(i, rules) {
			cluster.Put(o)
		}
	}
	return settled(flags, key, func() intent.LoadBalancer {
		return loader.Load(objects.New(cluster), key.ID).LoadBalancer
	})
}

// gateway is a Gateway with a listener, and its class with a configuration that all target groups have.
func gateway(id stack.ID) []metav1.Object {
	in := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: id.Namespace, Name: name, UID: types.UID("uid-" + name), Generation: 1}
	}
	return []metav1.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: id.Namespace}},
		&configv1.TargetGroupConfiguration{ObjectMeta: in("defaults"), Spec: configv1.TargetGroupConfigurationSpec{
			DefaultConfiguration: configv1.TargetGroupProps{TargetType: ptr.To(configv1.TargetType("ip"))},
		}},
		&configv1.LoadBalancerConfiguration{ObjectMeta: in("defaults"), Spec: configv1.LoadBalancerConfigurationSpec{
			DefaultTargetGroupConfiguration: &configv1.DefaultTargetGroupConfiguration{Name: "defaults"},
		}},
		&gatewayv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "alb", Generation: 1}, Spec: gatewayv1.GatewayClassSpec{
			ControllerName: "gateway.k8s.aws/alb",
			ParametersRef: &gatewayv1.ParametersReference{
				Group: gatewayv1.Group(configv1.GroupVersion.Group), Kind: "LoadBalancerConfiguration",
				Namespace: ptr.To(gatewayv1.Namespace(id.Namespace)), Name: "defaults",
			},
		}},
		&gatewayv1.Gateway{ObjectMeta: in(id.Name), Spec: gatewayv1.GatewaySpec{
			GatewayClassName: "alb", Listeners: []gatewayv1.Listener{
				{Name: "http", Port: 80, Protocol: gatewayv1.HTTPProtocolType}},
		}},
	}
}

// route has one host, and one Service for each of its rules, which is a path.
func route(i, rules int) []metav1.Object {
	name := fmt.Sprintf("web-%d", i)
	r := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name),
		Generation: 1}}
	r.Spec.ParentRefs = []gatewayv1.ParentReference{{Name: "web"}}
	r.Spec.Hostnames = []gatewayv1.Hostname{gatewayv1.Hostname(name + ".example.com")}
	out := []metav1.Object{r}
	for j := range rules {
		service := fmt.Sprintf("%s-%d", name, j)
		out = append(out, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: service, UID: types.UID("uid-" + service)},
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80, Protocol: corev1.ProtocolTCP}}},
		})
		r.Spec.Rules = append(r.Spec.Rules, gatewayv1.HTTPRouteRule{
			Matches: []gatewayv1.HTTPRouteMatch{
				{Path: &gatewayv1.HTTPPathMatch{Type: ptr.To(gatewayv1.PathMatchPathPrefix),
					Value: ptr.To(fmt.Sprintf("/p%d", j))}}},
			BackendRefs: []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{
				BackendObjectReference: gatewayv1.BackendObjectReference{Name: gatewayv1.ObjectName(service),
					Port: ptr.To[gatewayv1.PortNumber](80)},
			}}},
		})
	}
	return out
}
