package bindings

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
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// tenantLab is a lab with a node, a pod of another namespace and one of the tenant's, and a binding of the tenant's.
func tenantLab(t *testing.T, flag string, slices ...client.Object) (l *lab.Lab, arn string) {
	t.Helper()
	n := lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1")
	n.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.128.10"}}
	pod := func(namespace, name, address string) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID("u-" + name)}}
		p.Spec.NodeName, p.Status.PodIP = "a", address
		return p
	}
	l = lab.New(t, account.Profile{}, lab.Service("web"), n, pod("victim", "db", "10.0.128.50"),
		pod("shop", "mine", "10.0.128.51"))
	l.Flags("--endpoints-without-pods="+flag, "--binding-networking=any-port")
	arn = l.TargetGroup(elbtypes.TargetTypeEnumIp)
	b := lab.Binding(arn, v1beta1.TargetTypeIP)
	b.Spec.Networking.Ingress[0].Ports[0].Port.IntVal = 10250
	l.Create(append(slices, b)...)
	l.Settle()
	return l, arn
}

func TestOnlyPodsAndAllowedAddressesAreTargets(t *testing.T) {
	t.Parallel()
	forged := []client.Object{
		lab.HandSlice("kubelet", 10250, lab.At("10.0.128.10", "", "")), lab.HandSlice("kubelet-as-mine", 10250,
			lab.At("10.0.128.10", "shop", "mine")),
		lab.HandSlice("machine", 5432, lab.At("10.0.0.10", "", "")),
		lab.HandSlice("resolver", 53, lab.At("10.0.0.2", "", "")),
		lab.HandSlice("public", 443, lab.At("203.0.113.7", "", "")),
		lab.HandSlice("others-pod", 8080, lab.At("10.0.128.50", "", ""), lab.At("10.0.128.50", "victim", "db"),
			lab.At("10.0.128.50", "shop", "mine"), lab.At("10.0.128.50", "shop", "ghost")),
		lab.HandSlice("mine", 8080, lab.At("10.0.128.51", "shop", "mine")),
	}
	vm := lab.HandSlice("vm", 22, lab.At("10.0.0.11", "", ""))
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
				objects = append(objects, o.DeepCopyObject().(client.Object))
			}
			l, arn := tenantLab(t, flag, objects...)
			if got := l.Targets(arn); !slices.Equal(got, want) {
				t.Errorf("targets %v, want %v", got, want)
			}
			// of the tenant's pod
			if got, want := l.Admitted(lab.NodeGroup), []string{lab.Peer + " 10250-10250"}; !slices.Equal(got, want) {
				t.Errorf("rules %v", got)
			}
			events := strings.Join(l.Events, "\n")
			for _, text := range []string{
				"TargetGroupBinding shop/bound FailedNetworkReconcile: endpoints without Pod are not registered: ",
				"Service shop/web FailedNetworkReconcile: endpoints without Pod are not registered: ",
				"10.0.128.10:10250 (the address of node a)", "--endpoints-without-pods=shop=CIDR",
				"10.0.128.50:8080 of pod victim/db (its pod is in another namespace)",
				"10.0.128.50:8080 of pod shop/mine (the pod does not have this address)",
				"10.0.128.50:8080 of pod shop/ghost (its pod does not exist)", "[" + string(diag.EndpointNotAllowed) + "]"} {
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
	// of a node, which its status does not show
	second := aws.ToString(l.NetworkInterface(lab.NodeGroup, 0).PrivateIpAddress)
	l.Create(lab.HandSlice("machine", 10250, lab.At("10.0.0.10", "", ""), lab.At(second, "", "")))
	l.Settle()
	if got := l.Targets(arn); !slices.Equal(got, []string{"10.0.0.10:10250", second + ":10250"}) {
		t.Errorf("targets %v", got)
	}
	if got := l.Admitted(lab.NodeGroup); len(got) > 0 {
		t.Errorf("rules %v", got)
	}
	if told := strings.Join(l.Events, "\n"); strings.Contains(told, "Failed") {
		t.Errorf("told %s", told)
	}
}

func TestEndpointsOutsideTheVPCAreReported(t *testing.T) {
	t.Parallel()
	l, arn := tenantLab(t, "*", lab.HandSlice("machines", 8080, lab.At("10.0.128.77", "", ""),
		lab.At("203.0.113.7", "", "")))
	if got := l.Targets(arn); !slices.Equal(got, []string{"10.0.128.77:8080"}) {
		t.Errorf("registered %v", got)
	}
	l.ToldOnce("endpoints without Pod are not registered, as their addresses are not in " + lab.VPC + ": 203.0.113.7:8080")
}

func TestTheOwnerLearnsOfEndpointsThatAreNoTargets(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"),
		lab.HandSlice("machine", 5432, lab.At("10.0.0.10", "", "")))
	l.Settle(lab.Key("web"))
	l.ToldOnce("Ingress shop/web FailedNetworkReconcile: endpoints without Pod are not registered: 10.0.0.10:5432 (not "+
		"allowed to namespace shop by --endpoints-without-pods)",
		"Service shop/web FailedNetworkReconcile: endpoints without Pod are not registered: 10.0.0.10:5432")
}

// TestOwnersLearnThatAServiceHasNoPods has a Service whose selector no pod has: its binding, the Service and the Ingress
// hear of it after a minute, once, and again after pods came and went.
func TestOwnersLearnThatAServiceHasNoPods(t *testing.T) {
	t.Parallel()
	svc := lab.Service("web")
	svc.Spec.Selector = map[string]string{"app": "web"}
	l := lab.New(t, account.Profile{}, lab.Class(), svc, lab.Ingress("web", nil, "web"))
	l.Settle(lab.Key("web"))
	const text = "no pod with the labels app=web, which Service web selects, has been ready for a minute"
	if told := strings.Join(l.Events, "\n"); strings.Contains(told, text) {
		t.Errorf("told at once: %s", told)
	}
	for range 2 {
		l.Clock.Advance(time.Minute)
		l.Settle()
	}
	b := l.AllBindings()[0]
	for _, o := range []string{"Ingress shop/web", "Service shop/web", "TargetGroupBinding shop/" + b.Name} {
		if !l.Saw(o, "Note", "[NoTargets]", text) {
			t.Errorf("%s does not hear of it:\n%s", o, strings.Join(l.Events, "\n"))
		}
	}
	if n := strings.Count(strings.Join(l.Events, "\n"), text); n != 3 {
		t.Errorf("told %d times", n)
	}
	l.Events = nil
	l.Create(lab.Pods("a", "10.0.128.50")...)
	l.Clock.Advance(time.Minute)
	l.Settle()
	if told := strings.Join(l.Events, "\n"); strings.Contains(told, "[NoTargets]") {
		t.Errorf("told with pods: %s", told)
	}
}

// behind has the cache of a lab show a pod as it is given, nil: not at all. The API server has it as the lab does, or
// answers with an error.
func behind(l *lab.Lab, name string, cached *corev1.Pod, refuses error) {
	whole, ok := l.Client.(client.WithWatch)
	if !ok {
		l.Fatal("no client")
	}
	l.Bound.Client = interceptor.NewClient(whole, interceptor.Funcs{
		Get: func(ctx context.Context, inner client.WithWatch, key client.ObjectKey, o client.Object,
			opts ...client.GetOption) error {
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
	l.Bound.APIReader = interceptor.NewClient(whole, interceptor.Funcs{
		Get: func(ctx context.Context, inner client.WithWatch, key client.ObjectKey, o client.Object,
			opts ...client.GetOption) error {
			if _, ok := o.(*corev1.Pod); ok && refuses != nil {
				return refuses
			}
			return inner.Get(ctx, key, o, opts...)
		},
	})
}

func TestAPodThatIsNotInTheCacheYetIsUnknown(t *testing.T) {
	t.Parallel()
	old := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-a-0", UID: "old"},
		Status: corev1.PodStatus{PodIP: "10.0.128.49"}}
	for name, cached := range map[string]*corev1.Pod{"no pod": nil, "its predecessor": old, "no address yet": {
		ObjectMeta: old.ObjectMeta}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, b := lab.BoundLab(t)
			slice := &discoveryv1.EndpointSlice{}
			l.Get(slice, "web-a")
			l.Readdress(slice, "10.0.128.51")
			l.Must(l.Client.Update(t.Context(), slice))

			behind(l, "web-a-0", cached, errors.New("the API server does not answer"))
			if _, err := l.Bound.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(b)}); err ==
				nil {
				t.Error("the pass succeeds")
			}
			l.WantTargets(b.Spec.TargetGroupARN, "10.0.128.50:8080")

			behind(l, "web-a-0", cached, nil)
			l.Clock.Advance(time.Minute)
			binding(l)
			l.WantTargets(b.Spec.TargetGroupARN, "10.0.128.51:8080")

			l.Must(l.Client.Delete(t.Context(), &corev1.Pod{ObjectMeta: old.ObjectMeta}))
			l.Clock.Advance(time.Minute)
			binding(l)
			l.WantTargets(b.Spec.TargetGroupARN)
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
			l, arn := tenantLab(t, "none", lab.HandSlice("mine", 8080, lab.At("10.0.128.51", "shop", "mine")))
			l.WantTargets(arn, "10.0.128.51:8080")
			was := &corev1.Pod{}
			l.Get(was, "mine")
			is, q := end(was.DeepCopy()), &wokenBindings{}
			if is == nil {
				l.Must(l.Client.Delete(t.Context(), was.DeepCopy()))
				l.Bound.PodEvent().Delete(t.Context(), event.DeleteEvent{Object: was}, q)
			} else {
				l.Must(l.Client.Status().Update(t.Context(), is))
				l.Bound.PodEvent().Update(t.Context(), event.UpdateEvent{ObjectOld: was, ObjectNew: is}, q)
			}
			if !slices.Equal(q.names, []string{"bound"}) {
				t.Errorf("woken: %v", q.names)
			}
			binding(l)
			l.WantTargets(arn)

			again := was.DeepCopy()
			again.ResourceVersion, again.UID = "", "u-again"
			q = &wokenBindings{}
			l.Bound.PodEvent().Create(t.Context(), event.CreateEvent{Object: again}, q)
			if !slices.Equal(q.names, []string{"bound"}) {
				t.Errorf("woken by the pod that comes: %v", q.names)
			}
		})
	}
}

func TestANodeThatGetsAnAddressTakesItFromEndpoints(t *testing.T) {
	t.Parallel()
	l, arn := tenantLab(t, "*", lab.HandSlice("machine", 10250, lab.At("10.0.128.11", "", "")))
	l.WantTargets(arn, "10.0.128.11:10250")
	was, q := &corev1.Node{}, &wokenBindings{}
	l.Must(l.Client.Get(t.Context(), client.ObjectKey{Name: "a"}, was))
	is := was.DeepCopy()
	is.Status.Addresses = append(is.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP,
		Address: "10.0.128.11"})
	l.Must(l.Client.Status().Update(t.Context(), is))
	l.Bound.NodeEvent().Update(t.Context(), event.UpdateEvent{ObjectOld: was, ObjectNew: is}, q)
	if !slices.Equal(q.names, []string{"bound"}) {
		t.Errorf("woken: %v", q.names)
	}
	binding(l)
	l.WantTargets(arn)
}

func TestTargetsGoWithTheFlagThatAllowsThem(t *testing.T) {
	t.Parallel()
	l, arn := tenantLab(t, "*")
	l.Checkpointed = true
	l.Restart()
	l.Settle()
	l.Create(lab.HandSlice("machine", 10250, lab.At("10.0.0.10", "", "")),
		lab.HandSlice("mine", 8080, lab.At("10.0.128.51", "shop", "mine")))
	l.Settle()
	l.WantTargets(arn, "10.0.0.10:10250", "10.0.128.51:8080")
	l.Crash()
	l.Flags("--endpoints-without-pods=none")
	l.Events = nil
	l.Settle()
	l.WantTargets(arn, "10.0.128.51:8080")
	l.ToldOnce("TargetGroupBinding shop/bound FailedNetworkReconcile: endpoints without Pod are not registered: " +
		"10.0.0.10:10250 (not allowed to namespace shop by --endpoints-without-pods)")
}
