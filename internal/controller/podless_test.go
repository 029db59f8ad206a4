package controller

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// handSlice is an EndpointSlice of Service web that a tenant of namespace shop wrote.
func handSlice(name string, port int32, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: "web"}}}
	s.AddressType, s.Ports, s.Endpoints = discoveryv1.AddressTypeIPv4, []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: &port}}, endpoints
	return s
}

// at is an endpoint of such a slice; an empty pod: it names none.
func at(address, namespace, pod string) discoveryv1.Endpoint {
	e := discoveryv1.Endpoint{Addresses: []string{address}, Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(true)}}
	if pod != "" {
		e.TargetRef = &corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: pod}
	}
	return e
}

// tenantLab is a lab with a node, a pod of another namespace and one of the tenant's, and a binding of the tenant's.
func tenantLab(t *testing.T, flag string, slices ...client.Object) (l *lab, arn string) {
	t.Helper()
	n := labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1")
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.128.10"}}
	pod := func(namespace, name, address string) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID("u-" + name)}}
		p.Spec.NodeName, p.Status.PodIP = "a", address
		return p
	}
	l = newLab(t, account.Profile{}, labService("web"), n, pod("victim", "db", "10.0.128.50"), pod("shop", "mine", "10.0.128.51"))
	l.flags("--endpoints-without-pods="+flag, "--binding-networking=any-port")
	arn = l.targetGroup(elbtypes.TargetTypeEnumIp)
	b := labBinding(arn, v1beta1.TargetTypeIP)
	b.Spec.Networking.Ingress[0].Ports[0].Port.IntVal = 10250
	l.create(append(slices, b)...)
	l.settle()
	return l, arn
}

func TestOnlyPodsAndAllowedAddressesAreTargets(t *testing.T) {
	t.Parallel()
	forged := []client.Object{
		handSlice("kubelet", 10250, at("10.0.128.10", "", "")), handSlice("kubelet-as-mine", 10250, at("10.0.128.10", "shop", "mine")),
		handSlice("machine", 5432, at("10.0.0.10", "", "")), handSlice("resolver", 53, at("10.0.0.2", "", "")), handSlice("public", 443, at("203.0.113.7", "", "")),
		handSlice("others-pod", 8080, at("10.0.128.50", "", ""), at("10.0.128.50", "victim", "db"), at("10.0.128.50", "shop", "mine"), at("10.0.128.50", "shop", "ghost")),
		handSlice("mine", 8080, at("10.0.128.51", "shop", "mine")),
	}
	vm := handSlice("vm", 22, at("10.0.0.11", "", ""))
	vm.Endpoints[0].TargetRef = &corev1.ObjectReference{Kind: "VirtualMachine", Name: "vm"}
	forged = append(forged, vm)
	const mine = "10.0.128.51:8080"
	for flag, want := range map[string][]string{
		"none":                  {mine},
		"victim=*":              {mine},
		"shop=10.0.0.0/28":      {"10.0.0.10:5432", "10.0.0.11:22", "10.0.0.2:53", mine},
		"10.0.0.10/32":          {"10.0.0.10:5432", mine},
		"shop=10.0.128.10/32":   {mine},
		"shop=10.0.0.0/16,::/0": {"10.0.0.10:5432", "10.0.0.11:22", "10.0.0.2:53", "10.0.128.50:8080", mine},
		"*":                     {"10.0.0.10:5432", "10.0.0.11:22", "10.0.0.2:53", "10.0.128.50:8080", mine},
	} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			var objects []client.Object
			for _, o := range forged {
				objects = append(objects, o.DeepCopyObject().(client.Object)) //nolint:forcetypeassert // it is one
			}
			l, arn := tenantLab(t, flag, objects...)
			if got := l.targets(arn); !slices.Equal(got, want) {
				t.Errorf("targets %v, want %v", got, want)
			}
			if got, want := l.admitted(labNodeGroup), []string{labPeer + " 10250-10250"}; !slices.Equal(got, want) { // of the tenant's pod
				t.Errorf("rules %v", got)
			}
			events := strings.Join(l.events, "\n")
			for _, text := range []string{"TargetGroupBinding shop/bound FailedNetworkReconcile: endpoints without Pod are not registered: ", "Service shop/web FailedNetworkReconcile: endpoints without Pod are not registered: ",
				"10.0.128.10:10250 (the address of node a)", "--endpoints-without-pods=shop=CIDR", "10.0.128.50:8080 of pod victim/db (its pod is in another namespace)",
				"10.0.128.50:8080 of pod shop/mine (its address is none of its pod's)", "10.0.128.50:8080 of pod shop/ghost (its pod does not exist)", "[" + string(diag.EndpointNotAllowed) + "]"} {
				if !strings.Contains(events, text) {
					t.Errorf("not told: %s\n%s", text, events)
				}
			}
		})
	}
}

func TestNoRuleIsOpenedForEndpointsWithoutPod(t *testing.T) {
	t.Parallel()
	l, arn := tenantLab(t, "*")
	second := aws.ToString(l.networkInterface(labNodeGroup, 0).PrivateIpAddress) // of a node, which its status does not show
	l.create(handSlice("machine", 10250, at("10.0.0.10", "", ""), at(second, "", "")))
	l.settle()
	if got := l.targets(arn); !slices.Equal(got, []string{"10.0.0.10:10250", second + ":10250"}) {
		t.Errorf("targets %v", got)
	}
	if got := l.admitted(labNodeGroup); len(got) > 0 {
		t.Errorf("rules %v", got)
	}
	if told := strings.Join(l.events, "\n"); strings.Contains(told, "Failed") {
		t.Errorf("told %s", told)
	}
}

func TestEndpointsOutsideTheVPCAreReported(t *testing.T) {
	t.Parallel()
	l, arn := tenantLab(t, "*", handSlice("machines", 8080, at("10.0.128.77", "", ""), at("203.0.113.7", "", "")))
	if got := l.targets(arn); !slices.Equal(got, []string{"10.0.128.77:8080"}) {
		t.Errorf("registered %v", got)
	}
	l.toldOnce("endpoints without Pod are not registered, as their addresses are not in " + labVPC + ": 203.0.113.7:8080")
}

func TestTheOwnerLearnsOfEndpointsThatAreNoTargets(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labClass(), labService("web"), labIngress("web", nil, "web"), handSlice("machine", 5432, at("10.0.0.10", "", "")))
	l.settle(implicit("web"))
	l.toldOnce("Ingress shop/web FailedNetworkReconcile: endpoints without Pod are not registered: 10.0.0.10:5432 (not allowed to namespace shop by --endpoints-without-pods)",
		"Service shop/web FailedNetworkReconcile: endpoints without Pod are not registered: 10.0.0.10:5432")
}

// behind has the cache of a lab show a pod as it is given, nil: not at all. The API server has it as the lab does, or answers with an error.
func (l *lab) behind(name string, cached *corev1.Pod, refuses error) {
	whole, ok := l.client.(client.WithWatch)
	if !ok {
		l.Fatal("no client")
	}
	l.bound.Client = interceptor.NewClient(whole, interceptor.Funcs{
		Get: func(ctx context.Context, inner client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			p, ok := o.(*corev1.Pod)
			switch {
			case !ok || key.Name != name:
				return inner.Get(ctx, key, o, opts...)
			case cached == nil:
				return apierrors.NewNotFound(schema.GroupResource{Resource: "pods"}, name)
			}
			cached.DeepCopyInto(p)
			return nil
		},
	})
	l.bound.APIReader = interceptor.NewClient(whole, interceptor.Funcs{
		Get: func(ctx context.Context, inner client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if _, ok := o.(*corev1.Pod); ok && refuses != nil {
				return refuses
			}
			return inner.Get(ctx, key, o, opts...)
		},
	})
}

func TestAPodThatIsNotInTheCacheYetIsUnknown(t *testing.T) {
	t.Parallel()
	old := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-a-0", UID: "old"}, Status: corev1.PodStatus{PodIP: "10.0.128.49"}}
	for name, cached := range map[string]*corev1.Pod{"no pod": nil, "its predecessor": old, "no address yet": {ObjectMeta: old.ObjectMeta}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, b := boundLab(t)
			slice := &discoveryv1.EndpointSlice{}
			l.get(slice, "web-a")
			l.readdress(slice, "10.0.128.51")
			l.must(l.client.Update(t.Context(), slice))

			l.behind("web-a-0", cached, errors.New("the API server does not answer"))
			if _, err := l.bound.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(b)}); err == nil {
				t.Error("the pass succeeds")
			}
			l.wantTargets(b.Spec.TargetGroupARN, "10.0.128.50:8080")

			l.behind("web-a-0", cached, nil)
			l.clock.Advance(time.Minute)
			l.binding()
			l.wantTargets(b.Spec.TargetGroupARN, "10.0.128.51:8080")

			l.must(l.client.Delete(t.Context(), &corev1.Pod{ObjectMeta: old.ObjectMeta}))
			l.clock.Advance(time.Minute)
			l.binding()
			l.wantTargets(b.Spec.TargetGroupARN)
		})
	}
}

// A slice that was written by hand outlives its pod, whose address another tenant's pod may get.
func TestTheEndOfAPodFreesItsAddress(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*corev1.Pod) *corev1.Pod{
		"it is gone":             func(*corev1.Pod) *corev1.Pod { return nil },
		"it is done":             func(p *corev1.Pod) *corev1.Pod { p.Status.Phase = corev1.PodSucceeded; return p },
		"it has another address": func(p *corev1.Pod) *corev1.Pod { p.Status.PodIP = "10.0.128.52"; return p },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, arn := tenantLab(t, "none", handSlice("mine", 8080, at("10.0.128.51", "shop", "mine")))
			l.wantTargets(arn, "10.0.128.51:8080")
			was := &corev1.Pod{}
			l.get(was, "mine")
			is, q := end(was.DeepCopy()), &wokenBindings{}
			if is == nil {
				l.must(l.client.Delete(t.Context(), was.DeepCopy()))
				l.bound.PodEvent().Delete(t.Context(), event.DeleteEvent{Object: was}, q)
			} else {
				l.must(l.client.Status().Update(t.Context(), is))
				l.bound.PodEvent().Update(t.Context(), event.UpdateEvent{ObjectOld: was, ObjectNew: is}, q)
			}
			if !slices.Equal(q.names, []string{"bound"}) {
				t.Errorf("woken: %v", q.names)
			}
			l.binding()
			l.wantTargets(arn)

			again := was.DeepCopy()
			again.ResourceVersion, again.UID = "", "u-again"
			q = &wokenBindings{}
			l.bound.PodEvent().Create(t.Context(), event.CreateEvent{Object: again}, q)
			if !slices.Equal(q.names, []string{"bound"}) {
				t.Errorf("woken by the pod that comes: %v", q.names)
			}
		})
	}
}

func TestANodeThatGetsAnAddressTakesItFromEndpoints(t *testing.T) {
	t.Parallel()
	l, arn := tenantLab(t, "*", handSlice("machine", 10250, at("10.0.128.11", "", "")))
	l.wantTargets(arn, "10.0.128.11:10250")
	was, q := &corev1.Node{}, &wokenBindings{}
	l.must(l.client.Get(t.Context(), client.ObjectKey{Name: "a"}, was))
	is := was.DeepCopy()
	is.Status.Addresses = append(is.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: "10.0.128.11"})
	l.must(l.client.Status().Update(t.Context(), is))
	l.bound.NodeEvent().Update(t.Context(), event.UpdateEvent{ObjectOld: was, ObjectNew: is}, q)
	if !slices.Equal(q.names, []string{"bound"}) {
		t.Errorf("woken: %v", q.names)
	}
	l.binding()
	l.wantTargets(arn)
}

func TestACachedPodHasItsAddresses(t *testing.T) {
	t.Parallel()
	whole := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
	whole.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.0.0.1", PodIPs: []corev1.PodIP{{IP: "10.0.0.1"}, {IP: "2001:db8::1"}}, HostIP: "10.0.9.9", HostIPs: []corev1.HostIP{{IP: "10.0.9.9"}, {IP: "2001:db8::9"}}}
	p := reducePod(whole, "ID")
	if p.Status.PodIP != "10.0.0.1" || len(p.Status.PodIPs) != 2 || p.Status.HostIP != "" || p.Status.HostIPs != nil || p.Status.Phase != "" {
		t.Errorf("kept: %+v", p.Status)
	}
	whole.Spec.HostNetwork, whole.Status.Phase = true, corev1.PodFailed
	if p = reducePod(whole, "ID"); !p.Spec.HostNetwork || p.Status.HostIP != "10.0.9.9" || len(p.Status.HostIPs) != 2 || p.Status.Phase != corev1.PodFailed {
		t.Errorf("kept: %+v", p.Status)
	}
}

func TestTargetsOfAnEarlierVersionGoWithAnEvent(t *testing.T) {
	t.Parallel()
	l, arn := tenantLab(t, "*", handSlice("machine", 10250, at("10.0.0.10", "", "")), handSlice("mine", 8080, at("10.0.128.51", "shop", "mine")))
	l.wantTargets(arn, "10.0.0.10:10250", "10.0.128.51:8080")
	l.flags("--endpoints-without-pods=none")
	l.events = nil
	l.settle()
	l.wantTargets(arn, "10.0.128.51:8080")
	l.toldOnce("TargetGroupBinding shop/bound FailedNetworkReconcile: endpoints without Pod are not registered: 10.0.0.10:10250 (not allowed to namespace shop by --endpoints-without-pods)")
}
