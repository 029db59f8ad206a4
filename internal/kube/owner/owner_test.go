package owner

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestEachKindIsCompleteAndHasAnOwnerOfItsOwn(t *testing.T) {
	t.Parallel()
	owners := map[stack.Owner]bool{}
	for _, k := range Kinds {
		if owners[k.Owner] {
			t.Errorf("two kinds of owners are %s", k.Owner)
		}
		owners[k.Owner] = true
		v := reflect.ValueOf(k)
		for i := range v.NumField() {
			if f := v.Type().Field(i).Name; v.Field(i).IsZero() &&
				!slices.Contains([]string{"GroupPrefix", "GroupFinalizer", "GroupType", "DryRun", "MultiCluster",
					"OwnsCertificates", "OwnsTrustStores", "InAccelerators"}, f) {
				t.Errorf("%s has no %s", k.Kind, f)
			}
		}
		if got := Of(k.Owner); got.Kind != k.Kind {
			t.Errorf("Of(%s) = %s", k.Owner, got.Kind)
		}
		known := map[annotation.Key]bool{}
		for _, e := range annotation.Entries() {
			known[e.Key] = true
		}
		if !known[k.ApprovedPlan] || !known[k.AllowDeletion] || !known[k.DeleteDuplicates] {
			t.Errorf("the annotations of %s are not in the table of annotations: %s, %s, %s", k.Owner, k.ApprovedPlan,
				k.AllowDeletion, k.DeleteDuplicates)
		}
	}
	s := &corev1.Service{}
	s.Namespace, s.Name, s.UID = "shop", "web", "u"
	if o := Object(s); o.Kind != "Service" || o.Namespace != "shop" || o.Name != "web" || o.UID != "u" {
		t.Errorf("object %+v", o)
	}
	if o := Object(&corev1.PersistentVolume{}); o.Kind != "" {
		t.Errorf("a kind that is not read is %s", o.Kind)
	}
}

func TestTheStatusOfAnIngressIsOneLowerCaseEntryWithSortedPorts(t *testing.T) {
	t.Parallel()
	o := &networkingv1.Ingress{}
	if !showOnIngress(o, LoadBalancer{Hostname: "K8s-Shop.example", Ports: []int32{443, 80, 443}}) {
		t.Error("an empty status is not changed")
	}
	entry := networkingv1.IngressLoadBalancerIngress{Hostname: "k8s-shop.example", Ports: []networkingv1.IngressPortStatus{
		{Port: 80}, {Port: 443}}}
	if diff := cmp.Diff([]networkingv1.IngressLoadBalancerIngress{entry}, o.Status.LoadBalancer.Ingress); diff != "" {
		t.Error(diff)
	}
	if showOnIngress(o, LoadBalancer{Hostname: "k8s-shop.example", Ports: []int32{80, 443}}) {
		t.Error("an equal status is written again")
	}
	if !showOnIngress(o.DeepCopy(), LoadBalancer{Hostname: "k8s-shop.example", Ports: []int32{80}}) {
		t.Error("a lost port is not noticed")
	}
	o.Status.LoadBalancer.Ingress[0].IP = "192.0.2.1"
	if !showOnIngress(o, LoadBalancer{Hostname: "k8s-shop.example", Ports: []int32{80, 443}}) {
		t.Error("an entry with an address is not replaced")
	}
}

func TestTheStatusOfAnIngressNamesTheFrontendAfterTheALB(t *testing.T) {
	t.Parallel()
	o, alone := &networkingv1.Ingress{}, LoadBalancer{Hostname: "alb.example", Ports: []int32{80}}
	both := LoadBalancer{Hostname: "alb.example", Ports: []int32{80}, Frontend: "NLB.example"}
	showOnIngress(o, alone)
	changed := showOnIngress(o, both)
	if diff := cmp.Diff([]string{"alb.example", "nlb.example"}, ingressHostnames(o)); diff != "" || !changed {
		t.Error(changed, diff)
	}
	if showOnIngress(o, both) {
		t.Error("an equal status is written again")
	}
	if !showOnIngress(o, alone) || len(o.Status.LoadBalancer.Ingress) != 1 {
		t.Errorf("the frontend's name stays: %v", o.Status.LoadBalancer.Ingress)
	}
}

func TestTheStatusOfAServiceKeepsTheOrderOfPorts(t *testing.T) {
	t.Parallel()
	o, lb := &corev1.Service{}, LoadBalancer{Hostname: "NLB.example"}
	o.Spec.Ports = []corev1.ServicePort{{Port: 443, Protocol: corev1.ProtocolTCP},
		{Port: 80, Protocol: corev1.ProtocolTCP}}
	if showOnService(o, lb) || unshownOnService(o) == "" {
		t.Error("the API server refuses a load balancer in the status of a ClusterIP")
	}
	if o.Spec.Type = corev1.ServiceTypeLoadBalancer; unshownOnService(o) != "" || !showOnService(o, lb) ||
		o.Status.LoadBalancer.Ingress[0].Hostname != "nlb.example" || o.Status.LoadBalancer.Ingress[0].Ports[0].Port != 443 {
		t.Errorf("status = %+v", o.Status.LoadBalancer)
	}
	if showOnService(o, lb) {
		t.Error("an equal status is written again")
	}
	o.Spec.Ports[1].Protocol = corev1.ProtocolUDP
	if !showOnService(o, lb) {
		t.Error("a change of protocol is not noticed")
	}
	if showOnService(o, LoadBalancer{Hostname: "NLB.example", OthersPorts: []int32{
		80}}); o.Status.LoadBalancer.Ingress[0].Ports[0].Error != nil ||
		ptr.Deref(o.Status.LoadBalancer.Ingress[0].Ports[1].Error, "") != "service.k8s.aws/PortTaken" {
		t.Errorf("a port that another Service of the group has: %+v", o.Status.LoadBalancer)
	}
	o.Finalizers = []string{"service.k8s.aws/resources", "group.service.k8s.aws/shared"}
	if releaseService(o) || len(serviceHostnames(o)) == 0 {
		t.Error("a Service that is moving loses the name of the load balancer to which it moves")
	}
	o.Finalizers = o.Finalizers[1:]
	if !releaseService(o) || len(serviceHostnames(o)) > 0 || releaseService(o) {
		t.Errorf("a Service that is released shows %v", serviceHostnames(o))
	}
}

func TestAGatewayThatIsBeingDeletedKeepsTheNameOfItsLoadBalancer(t *testing.T) {
	t.Parallel()
	kind := gatewayv1.HostnameAddressType
	for deleted, want := range map[bool]int{false: 0, true: 1} {
		o := &gatewayv1.Gateway{Status: gatewayv1.GatewayStatus{Addresses: []gatewayv1.GatewayStatusAddress{
			{Type: &kind, Value: "alb.example"}}}}
		if deleted {
			o.DeletionTimestamp = &metav1.Time{Time: time.Unix(1000, 0)}
		}
		if changed := clearGateway(o, []string{"alb.example"}); changed == deleted || len(o.Status.Addresses) != want {
			t.Errorf("deleted %t: changed %t, addresses %v", deleted, changed, o.Status.Addresses)
		}
	}
}

func TestAResourceIsNamedAsInRulesOfRoles(t *testing.T) {
	t.Parallel()
	for o, want := range map[stack.Owner]string{stack.Ingress: "ingresses.networking.k8s.io", stack.Service: "services",
		stack.GatewayNLB: "gateways.gateway.networking.k8s.io"} {
		if got := Of(o).Resource(); got != want {
			t.Errorf("%s: %s, want %s", o, got, want)
		}
	}
}

func TestIngressStatusHasEachLoadBalancerOfItsHosts(t *testing.T) {
	t.Parallel()
	o := &networkingv1.Ingress{}
	lb := LoadBalancer{Hostname: "One.example", Ports: []int32{80}, Frontend: "Front.example", Beside: []LoadBalancer{
		{Hostname: "Two.example", Ports: []int32{80}}}}
	if !showOnIngress(o, lb) || showOnIngress(o, lb) {
		t.Error("it is not shown once")
	}
	if got := ingressHostnames(o); !slices.Equal(got, []string{"one.example", "front.example", "two.example"}) ||
		len(o.Status.LoadBalancer.Ingress[2].Ports) != 1 {
		t.Errorf("%+v", o.Status.LoadBalancer.Ingress)
	}
}
