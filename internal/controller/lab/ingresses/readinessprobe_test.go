package ingresses

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// probedPod is a pod of Service web, with a readiness probe, that was created in a minute.
func probedPod(name string, minute int, handler corev1.ProbeHandler) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{
			"app": "web"}, CreationTimestamp: metav1.NewTime(time.Unix(int64(60*minute), 0))},
		Spec: corev1.PodSpec{Containers: []corev1.Container{
			{Name: "web", Ports: []corev1.ContainerPort{{ContainerPort: 8080}},
				ReadinessProbe: &corev1.Probe{ProbeHandler: handler, PeriodSeconds: 20, TimeoutSeconds: 3, SuccessThreshold: 1,
					FailureThreshold: 4}}}},
	}
}

func httpGet(path string) corev1.ProbeHandler {
	return corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt32(8080)}}
}

func TestAHealthCheckFollowsTheReadinessProbeOfThePods(t *testing.T) {
	t.Parallel()
	selected := func(s *corev1.Service) *corev1.Service {
		s.Spec.Selector = map[string]string{"app": "web"}
		return s
	}
	balancer := lab.CrashBalancer("web")
	balancer.Annotations["service.beta.kubernetes.io/aws-load-balancer-healthcheck"] = "from-readiness-probe"
	gw, class := lab.Gateway("web", "alb", 80, gatewayv1.HTTPProtocolType)
	probed := lab.IPTargets()
	probed.Spec.DefaultConfiguration.HealthCheckConfig = &configv1.HealthCheckConfiguration{
		HealthCheckFrom: ptr.To(configv1.FromReadinessProbe), HealthCheckInterval: ptr.To[int32](20)}
	for name, c := range map[string]struct {
		objects []client.Object
		key     stack.Key
		of      func(*lab.Lab) *stacks.Reconciler
		usual   string // without a probe
	}{
		"an Ingress": {[]client.Object{lab.Class(), selected(lab.Service("web")),
			lab.Ingress("web", map[string]string{"healthcheck": "from-readiness-probe"}, "web")}, lab.Key("web"),
			func(l *lab.Lab) *stacks.Reconciler { return l.Ingresses }, "HTTP traffic-port / 15"},
		"a Service": {[]client.Object{selected(balancer)}, lab.ServiceKey("web"), func(l *lab.Lab) *stacks.Reconciler {
			return l.Services
		}, "TCP traffic-port  10"},
		"a Gateway": {[]client.Object{class, gw, lab.Route("r", "/"), selected(lab.Service("web")), probed},
			lab.GatewayKey(stack.GatewayALB, "web"),
			func(l *lab.Lab) *stacks.Reconciler { return l.Gateways[stack.GatewayALB] }, "HTTP traffic-port / 20"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, c.objects...)
			l.Misreads = &lab.Misreads{}
			l.Restart()
			l.Settle(c.key)
			slice := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-1",
				Labels: map[string]string{discoveryv1.LabelServiceName: "web"}}}
			// pods has Service web have these pods, and returns the writes that the pass makes which its endpoints cause.
			pods := func(all ...*corev1.Pod) []string {
				t.Helper()
				l.Must(l.Client.DeleteAllOf(t.Context(), &corev1.Pod{}, client.InNamespace("shop")))
				after := slice.DeepCopy()
				after.Endpoints = nil
				for _, p := range all {
					l.Must(l.Client.Create(t.Context(), p.DeepCopy()))
					after.Endpoints = append(after.Endpoints, discoveryv1.Endpoint{Addresses: []string{"192.168.1.1"},
						TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: p.Name, UID: p.UID}})
				}
				q := &lab.Woken{}
				(&stacks.OwnerEvents{Reconciler: c.of(l), Classes: reads.NewIndex[types.NamespacedName]()}).EndpointsHandler().Update(
					t.Context(), event.UpdateEvent{ObjectOld: slice, ObjectNew: after}, q)
				if got := q.Take(); !slices.Equal(got, []string{"web"}) {
					t.Fatalf("%v are woken", got)
				}
				slice = after
				mark := l.Mark()
				l.Settle(c.key)
				return l.Writes(mark)
			}
			check := func() string {
				t.Helper()
				out, err := l.Sim.Balancing.DescribeTargetGroups(t.Context(), &elbv2.DescribeTargetGroupsInput{})
				l.Must(err)
				for _, tg := range out.TargetGroups {
					if strings.HasPrefix(aws.ToString(tg.TargetGroupName), "k8s-shop-") {
						return strings.Join([]string{string(tg.HealthCheckProtocol), aws.ToString(tg.HealthCheckPort),
							aws.ToString(tg.HealthCheckPath), time.Duration(aws.ToInt32(tg.HealthCheckIntervalSeconds)).String()}, " ")
					}
				}
				t.Fatal("there is no target group")
				return ""
			}
			expect := func(what, want string, writes []string, wantWrites ...string) {
				t.Helper()
				if got := strings.TrimSuffix(check(), "ns"); got != want || !slices.Equal(writes, wantWrites) {
					t.Errorf("%s: %q, want %q; writes %v, want %v", what, got, want, writes, wantWrites)
				}
			}
			before, after := probedPod("old", 1, httpGet("/old")), probedPod("new", 2, httpGet("/new"))
			expect("a first pod", "HTTP traffic-port /old 20", pods(before), "ModifyTargetGroup")
			expect("a pod of another template beside it", "HTTP traffic-port /old 20", pods(before, after))
			expect("the former pod is gone", "HTTP traffic-port /new 20", pods(after), "ModifyTargetGroup")
			expect("no pod", "HTTP traffic-port /new 20", pods())
			expect("a pod of that template", "HTTP traffic-port /new 20", pods(after))
			l.Misreads.Fail("core/v1.Pod", "denied")
			expect("pods that cannot be read", "HTTP traffic-port /new 20", pods(before))
			if events := strings.Join(l.Events, "\n"); !strings.Contains(events, "a target group keeps its health check") {
				t.Error("no event tells that pods cannot be read:", l.Events)
			}
			l.Misreads.End()
			expect("the former pod can be read", "HTTP traffic-port /old 20", pods(before, after), "ModifyTargetGroup")
			expect("a probe that AWS does not have", c.usual,
				pods(probedPod("exec", 3, corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"ok"}}})),
				"ModifyTargetGroup")
			if events := strings.Join(l.Events, "\n"); !strings.Contains(events, "[UnusableReadinessProbe]") ||
				!strings.Contains(events, "is of kind exec, and health checks of this target group cannot use") {
				t.Error("no event tells why:", l.Events)
			}
		})
	}
}
