package inbound

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// podsAt are pods of Service web that listen at a port.
func podsAt(port int32) []client.Object {
	out := lab.Pods("a", "10.0.128.50")
	out[0].(*discoveryv1.EndpointSlice).Ports[0].Port = &port
	return out
}

// bareBalancer is a Service with a network load balancer without security groups, which preserves client addresses.
func bareBalancer(port int32) *corev1.Service {
	s := lab.CrashBalancer("web")
	s.Spec.Ports[0].TargetPort.IntVal = port
	for k, v := range map[string]string{"disable-nlb-sg": "true",
		"target-group-attributes": "preserve_client_ip.enabled=true"} {
		s.Annotations["service.beta.kubernetes.io/aws-load-balancer-"+k] = v
	}
	return s
}

func nodePortLab(t *testing.T, svc *corev1.Service, port int32, flags ...string) *lab.Lab {
	t.Helper()
	l := lab.New(t, account.Profile{}, lab.Class(), svc, lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	l.Flags(flags...)
	l.Create(podsAt(port)...)
	return l
}

// portsOf are the ports of rules "SOURCE FROM-TO".
func portsOf(rules []string) (out []string) {
	for _, r := range rules {
		out = append(out, r[strings.Index(r, " ")+1:])
	}
	return slices.Compact(slices.Sorted(slices.Values(out)))
}

func TestServiceOpensNoPortOfNodes(t *testing.T) {
	t.Parallel()
	change := func(port int32, annotations ...string) *corev1.Service {
		s := lab.CrashBalancer("web")
		s.Spec.Ports[0].TargetPort.IntVal = port
		for i := 0; i < len(annotations); i += 2 {
			s.Annotations["service.beta.kubernetes.io/aws-load-balancer-"+annotations[i]] = annotations[i+1]
		}
		return s
	}
	for name, c := range map[string]struct {
		svc  *corev1.Service
		flag string
		port int32
		want []string
		told bool
	}{
		"kubelet":             {bareBalancer(10250), "", 10250, nil, true},
		"SSH":                 {bareBalancer(22), "", 22, nil, true},
		"SSH, another flag":   {bareBalancer(22), "other=any-port", 22, nil, true},
		"SSH, allowed":        {bareBalancer(22), "shop=any-port", 22, []string{"22-22"}, false},
		"a port of pods":      {bareBalancer(8080), "", 8080, []string{"8080-8080"}, false},
		"SSH of pods, groups": {change(22), "", 22, []string{"22-22"}, false},
		"its health checks":   {change(8080, "healthcheck-port", "10250"), "", 8080, []string{"8080-8080"}, true},
		"kube-proxy's health checks": {change(8080, "healthcheck-port", "10256"), "", 8080, []string{"10256-10256",
			"8080-8080"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := nodePortLab(t, c.svc, c.port, "--binding-networking="+c.flag)
			l.Settle(lab.ServiceKey("web"))
			if got := portsOf(opened(l)); !slices.Equal(got, c.want) {
				t.Errorf("rules %v, want ports %v", opened(l), c.want)
			}
			told := strings.Join(l.Events, "\n")
			if strings.Contains(told, "["+string(diag.NetworkingNotAllowed)+"]") != c.told {
				t.Errorf("told:\n%s", told)
			}
			if c.told && (!strings.Contains(told, "--binding-networking=shop=any-port") ||
				!strings.Contains(told, "Service shop/web FailedNetworkReconcile")) {
				t.Errorf("the Service is told:\n%s", told)
			}
		})
	}
}

// TestGatewayOpensNoPortOfNodes has a network load balancer of a Gateway without security groups.
func TestGatewayOpensNoPortOfNodes(t *testing.T) {
	t.Parallel()
	for port, want := range map[int32][]string{10250: nil, 8080: {"8080-8080"}} {
		l := lab.NewGateway(t, lab.GatewayClasses+fmt.Sprintf(`
Service shop/web {spec: {ports: [{name: http, port: 80, targetPort: %d}]}}
LoadBalancerConfiguration shop/web {spec: {scheme: internet-facing, disableSecurityGroup: true}}
TargetGroupConfiguration shop/web {spec: {targetReference: {name: web}, defaultConfiguration: {targetType: ip, targetGroupAttributes: [{key: preserve_client_ip.enabled, value: "true"}]}}}
Gateway shop/web {spec: {gatewayClassName: nlb, infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: web}}, listeners: [{name: tcp, port: 80, protocol: TCP}]}}
TCPRoute shop/web {spec: {parentRefs: [{name: web}], rules: [{backendRefs: [{name: web, port: 80}]}]}}`, port))
		l.Create(lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
		l.Create(podsAt(port)...)
		l.SettleWeb()
		l.SettleWeb()
		if got := portsOf(opened(l)); !slices.Equal(got, want) {
			t.Errorf("port %d: rules %v", port, opened(l))
		}
		if told := strings.Join(l.Events, "\n"); strings.Contains(told, "["+string(diag.NetworkingNotAllowed)+"]") !=
			(want == nil) || want == nil && !strings.Contains(told, "Gateway shop/web FailedNetworkReconcile") {
			t.Errorf("port %d: told:\n%s", port, told)
		}
	}
}

// TestControlPortsOpenNoPortOfNodes has an Ingress whose health checks, or whose control of targets, name a port of
// nodes.
func TestControlPortsOpenNoPortOfNodes(t *testing.T) {
	t.Parallel()
	for _, annotation := range []string{"healthcheck-port", "target-control-port.web.80"} {
		ingress := lab.Ingress("front", map[string]string{annotation: "10250"}, "web")
		l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), ingress,
			lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
		l.Create(lab.Pods("a", "10.0.128.50")...)
		l.Settle(lab.Key("front"))
		if got := portsOf(opened(l)); !slices.Equal(got, []string{"8080-8080"}) {
			t.Errorf("%s: rules %v", annotation, opened(l))
		}
		if told := strings.Join(l.Events, "\n"); !strings.Contains(told, "["+string(diag.NetworkingNotAllowed)+"]") {
			t.Errorf("%s: told:\n%s", annotation, told)
		}
	}
}

// TestBindingToPodsAtAPortOfNodesOpensNothing has pods of a tenant listen at the port of SSH.
func TestBindingToPodsAtAPortOfNodesOpensNothing(t *testing.T) {
	t.Parallel()
	for flag, want := range map[string][]string{"none": nil, "shop=any-port": {"10.0.0.0/8 22-22", lab.Peer + " 22-22"}} {
		l, b := limitedLab(t, "--binding-networking="+flag)
		l.Must(l.Client.Delete(t.Context(), podsAt(22)[0]))
		l.Create(podsAt(22)[0])
		b.Spec.Networking = lab.NetworkingOf("10.0.0.0/8 22", lab.Peer+" 22")
		b.CreationTimestamp = metav1.NewTime(l.Clock.Now().Add(time.Minute))
		l.Create(b)
		l.Settle()
		if got := opened(l); !slices.Equal(got, want) {
			t.Errorf("%s: rules %v, want %v", flag, got, want)
		}
		if told := strings.Join(l.Events, "\n"); strings.Contains(told, "["+string(diag.NetworkingNotAllowed)+
			"]") != (want == nil) {
			t.Errorf("%s: told:\n%s", flag, told)
		}
		l.Get(b, "bound")
		b.Generation++ // as the API server does
		b.Spec.Networking = lab.NetworkingOf("10.0.0.0/8 8080", lab.Peer+" 8080")
		l.Must(l.Client.Update(t.Context(), b))
		l.Settle()
		if got := opened(l); want == nil && len(got) > 0 {
			t.Errorf("after an edit to a port of no target: rules %v", got)
		}
	}
}

// TestOpenPortOfNodesStaysForItsService starts with the rule that the existing controller wrote for a server of SSH in
// pods.
func TestOpenPortOfNodesStaysForItsService(t *testing.T) {
	t.Parallel()
	key := lab.ServiceKey("web")
	l := nodePortLab(t, bareBalancer(22), 22, "--binding-networking=any-port")
	l.Settle(key)
	before := opened(l)
	if !slices.Equal(portsOf(before), []string{"22-22"}) {
		t.Fatalf("rules %v", before)
	}
	l.Events = nil
	stays := func(when string) {
		t.Helper()
		for range 3 {
			_, _ = l.Round() // before its stack is known
		}
		l.Settle(key)
		l.Drain(10 * time.Minute)
		l.Settle(key)
		if got := opened(l); !slices.Equal(got, before) {
			t.Fatalf("%s: rules %v, want %v", when, got, before)
		}
		if told := strings.Join(l.Events, "\n"); strings.Contains(told, string(diag.NetworkingNotAllowed)) {
			t.Errorf("%s: told:\n%s", when, told)
		}
	}
	mark := l.Mark()
	l.Flags()
	stays("after the swap")
	if w := l.Writes(mark); len(w) > 0 {
		t.Errorf("written %v", w)
	}
	for _, o := range podsAt(22) {
		l.Must(l.Client.Delete(t.Context(), o))
	}
	stays("without pods")
	l.Restart()
	stays("without pods, after a start")
	l.Create(podsAt(22)...)
	stays("with pods again")
	svc := &corev1.Service{}
	l.Get(svc, "web")
	svc.Spec.LoadBalancerSourceRanges = []string{"198.51.100.0/24"}
	l.Must(l.Client.Update(t.Context(), svc))
	l.Settle(key)
	l.Settle(key)
	if got := opened(l); !slices.Contains(got, "198.51.100.0/24 22-22") || slices.Contains(got, "0.0.0.0/0 22-22") {
		t.Errorf("a narrower range: rules %v", got)
	}
	l.Drop(svc, "web")
	l.Settle(key)
	l.Drain(10 * time.Minute)
	l.Settle(key)
	if got := opened(l); len(got) > 0 {
		t.Errorf("without the Service: rules %v", got)
	}
}

// TestPortOfNodesStaysUntilItsStackIsKnown starts a process that has not seen the binding of a load balancer with
// security groups, whose pods serve SSH.
func TestPortOfNodesStaysUntilItsStackIsKnown(t *testing.T) {
	t.Parallel()
	svc := lab.CrashBalancer("web")
	svc.Spec.Ports[0].TargetPort.IntVal = 22
	l := nodePortLab(t, svc, 22)
	l.Settle(lab.ServiceKey("web"))
	before := opened(l)
	b := l.AllBindings()[0]
	b.CreationTimestamp = metav1.NewTime(l.Clock.Now().Add(time.Hour))
	l.Must(l.Client.Update(t.Context(), &b))
	if l.Get(&b, b.Name); b.CreationTimestamp.IsZero() {
		t.Fatal("the binding has no age")
	}
	l.Restart()
	l.Events = nil
	for range 5 { // bindings come before their stack
		_, err := l.Round()
		l.Must(err)
		l.Clock.Advance(20 * time.Second)
	}
	if got := opened(l); !slices.Equal(got, before) || !slices.Equal(portsOf(got), []string{"22-22"}) {
		t.Errorf("rules %v, want %v", got, before)
	}
	l.Settle(lab.ServiceKey("web"))
	if told := strings.Join(l.Events, "\n"); strings.Contains(told, string(diag.NetworkingNotAllowed)) {
		t.Errorf("told:\n%s", told)
	}
}

// TestNewBindingKeepsNoPortOfNodesOpen has another tenant ask for a rule that is open for a binding of the shop, which
// then ends.
func TestNewBindingKeepsNoPortOfNodesOpen(t *testing.T) {
	t.Parallel()
	l, b := limitedLab(t, "--binding-networking=any-port")
	for _, o := range podsAt(22) {
		l.Must(l.Client.Delete(t.Context(), o))
	}
	l.Create(podsAt(22)...)
	b.Spec.Networking = lab.NetworkingOf("10.0.0.0/8 22")
	l.Create(b)
	l.Settle()
	l.Flags()
	l.Settle()
	want := []string{"10.0.0.0/8 22-22"}
	if got := opened(l); !slices.Equal(got, want) {
		t.Fatalf("rules %v", got)
	}
	l.Clock.Advance(time.Hour)
	svc := lab.Service("web")
	svc.Namespace = "mal"
	evil := lab.Binding(l.TargetGroupNamed("mal", elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	evil.Namespace, evil.UID, evil.CreationTimestamp = "mal", types.UID("uid-mal"), metav1.NewTime(l.Clock.Now())
	evil.Spec.Networking = lab.NetworkingOf("10.0.0.0/8 22")
	evil.Status.ObservedGeneration = ptr.To[int64](0)
	for _, o := range podsAt(22) {
		o.SetNamespace("mal")
		switch o := o.(type) {
		case *discoveryv1.EndpointSlice:
			o.Endpoints[0].TargetRef.Namespace, o.Endpoints[0].Addresses = "mal", []string{"10.0.128.51"}
		case *corev1.Pod:
			o.Status.PodIP = "10.0.128.51"
		}
		l.Create(o)
	}
	l.Create(svc, evil)
	l.Settle()
	if got := opened(l); !slices.Equal(got, want) {
		t.Errorf("beside the new one: rules %v", got)
	}
	l.Drop(&v1beta1.TargetGroupBinding{}, "bound")
	l.Settle()
	l.Drain(10 * time.Minute)
	l.Settle()
	if got := opened(l); len(got) > 0 {
		t.Errorf("rules %v stay", got)
	}
}
