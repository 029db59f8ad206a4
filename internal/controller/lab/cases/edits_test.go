package cases

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// losing are the calls by which requests may lose their answer.
var losing = []string{"DeleteRule", "DeleteListener", "DeleteLoadBalancer", "SetSubnets"}

// wantKept expects that no call since a mark was refused or took away what serves.
func (p *played) wantKept(mark uint64) {
	p.Helper()
	for _, c := range p.Sim.Gate.Calls(gate.Filter{After: mark}) {
		if c.Failed() || slices.Contains(losing, c.Action) {
			p.Errorf("%s: %s %s", c.Action, c.Code, c.Message)
		}
	}
}

// TestProtocolVersionOfConfigurationKeepsHTTPRule edits the health check path, then the protocol version, of a route at
// an HTTP port.
func TestProtocolVersionOfConfigurationKeepsHTTPRule(t *testing.T) {
	t.Parallel()
	p := play(t, "47-target-group-changes", nil)
	served := p.AnswersHost("a.example.com", "/")
	if !strings.Contains(served, "HTTPRoute-tgu-web") {
		t.Fatal(served)
	}
	before, mark := p.Sim.Resources().TargetGroups, p.Mark()
	edit(p, "web", func(c *configv1.TargetGroupConfiguration) {
		c.Spec.DefaultConfiguration.HealthCheckConfig = &configv1.HealthCheckConfiguration{HealthCheckPath: ptr.To("/health")}
	})
	p.settle()
	if now := p.Sim.Resources().TargetGroups; len(now) != 1 || now[0].ARN != before[0].ARN ||
		!strings.Contains(now[0].HealthCheck, " /health ") {
		t.Errorf("target groups %+v", now)
	}
	events := len(p.Events)
	edit(p, "web", func(c *configv1.TargetGroupConfiguration) {
		c.Spec.DefaultConfiguration.ProtocolVersion = ptr.To(configv1.ProtocolVersion("HTTP2"))
	})
	p.settle()
	p.wantKept(mark)
	p.wantAnswers(map[string]string{"80 a.example.com /": served})
	p.wantTold("HTTPRoute tgu/web", "the backend speaks HTTP2", "keeps serving")
	if slices.ContainsFunc(p.Events[events:], func(e string) bool {
		return strings.HasPrefix(e, "HTTPRoute tgu/web") && strings.Contains(e, "Successfully")
	}) {
		t.Errorf("a success hides it:\n%s", strings.Join(p.Events[events:], "\n"))
	}
}

// TestHTTP2BackendKeepsHTTPRule edits the protocol of a Service of a route at an HTTP and an HTTPS port, while the
// controller runs and while none does.
func TestHTTP2BackendKeepsHTTPRule(t *testing.T) {
	t.Parallel()
	for _, down := range []bool{false, true} {
		p := play(t, "51-http2-backend-of-a-served-route", nil)
		plain := p.AnswersAt(80, "www.example.com", "/")
		if !strings.Contains(plain, "HTTPRoute-h2-web") || p.AnswersAt(443, "www.example.com", "/") != plain {
			t.Fatal(plain)
		}
		mark := p.Mark()
		edit(p, "web", func(s *corev1.Service) { s.Spec.Ports[0].AppProtocol = ptr.To("kubernetes.io/h2c") })
		if down {
			p.Restart()
		}
		p.settle()
		p.wantKept(mark)
		p.wantTold("HTTPRoute h2/web", "HTTP2")
		p.wantVersions("www.example.com", map[int32]string{80: "HTTP1", 443: "HTTP2"})
	}
}

// TestHTTP2BackendOfIngressKeepsHTTPRule does the same with an Ingress, whose ports have one target group.
func TestHTTP2BackendOfIngressKeepsHTTPRule(t *testing.T) {
	t.Parallel()
	for _, down := range []bool{false, true} {
		p := play(t, "44-two-certificates-for-a-host", func(p *played) {
			delete(p.objects, "Ingress found")
			p.objects["Ingress named"].GetAnnotations()[albKey+"listen-ports"] = `[{"HTTP":80},{"HTTPS":443}]`
		})
		mark := p.Mark()
		edit(p, "named", func(i *networkingv1.Ingress) { i.Annotations[albKey+"backend-protocol-version"] = "HTTP2" })
		if down {
			p.Restart()
		}
		p.settle()
		p.wantKept(mark)
		p.wantTold("Ingress crt/named", "HTTP2")
		p.wantVersions("named.example.com", map[int32]string{80: "HTTP1", 443: "HTTP2"})
		mark = p.Mark()
		p.settle()
		if got := p.Writes(mark); len(got) > 0 {
			t.Errorf("down %t: a further pass writes %v", down, got)
		}
		edit(p, "named", func(i *networkingv1.Ingress) { delete(i.Annotations, albKey+"backend-protocol-version") })
		p.Clock.Advance(time.Hour)
		p.settle()
		p.wantVersions("named.example.com", map[int32]string{80: "HTTP1", 443: "HTTP1"})
		if got := p.Sim.Resources().TargetGroups; len(got) != 1 {
			t.Errorf("down %t: %d target groups after the edit is taken back", down, len(got))
		}
	}
}

// wantVersions compares the protocol versions of the target groups that a host is forwarded to, by port.
func (p *played) wantVersions(host string, want map[int32]string) {
	p.Helper()
	of := map[string]string{}
	for _, tg := range p.Sim.Resources().TargetGroups {
		of[tg.ARN] = tg.ProtocolVersion
	}
	for port, version := range want {
		if got := of[p.ForwardsAt(port, host, "/")]; got != version {
			p.Errorf("%s:%d gets %q, want %s", host, port, got, version)
		}
	}
}

const subnetsKey = "service.beta.kubernetes.io/aws-load-balancer-subnets"

// TestSubnetOfZoneIsNotSwappedAndRemedyWorks names another subnet of a zone, and follows the remedy: with a zone that
// stays, and without one.
func TestSubnetOfZoneIsNotSwappedAndRemedyWorks(t *testing.T) {
	t.Parallel()
	const a1, a2, b2 = "subnet-0a1de0000000000a1", "subnet-0a1de0000000000a2", "subnet-0a1de0000000000b2"
	for name, c := range map[string]struct {
		first, then, remedy string
		steps               []string
	}{
		"one of two": {a2 + "," + b2, a1 + "," + b2, "name " + b2 + " alone first", []string{b2, a1 + "," + b2}},
		"the only":   {a2, a1, "name a subnet of another zone in place of these first", []string{b2, a1}},
	} {
		p := play(t, "53-subnet-of-the-same-zone", func(p *played) {
			p.objects["Service edge"].GetAnnotations()[subnetsKey] = c.first
		})
		name1 := func(v string) {
			edit(p, "edge", func(s *corev1.Service) { s.Annotations[subnetsKey] = v })
			p.settle()
		}
		zones := func() (out []string) {
			for _, z := range p.Sim.Resources().LoadBalancers[0].Zones {
				out = append(out, z.Subnet)
			}
			slices.Sort(out)
			return out
		}
		mark, before := p.Mark(), zones()
		name1(c.then)
		p.wantKept(mark)
		p.wantTold("Service sub/edge", a1+" instead of "+a2+" in zone", c.remedy)
		if got := zones(); !slices.Equal(got, before) {
			t.Errorf("%s: subnets %v, before %v", name, got, before)
		}
		for _, step := range c.steps {
			name1(step)
		}
		if got := strings.Join(zones(), ","); got != c.then || len(p.RefusedCalls(mark)) > 0 {
			t.Errorf("%s: the remedy leads to %s, refused %v", name, got, p.RefusedCalls(mark))
		}
	}
}

// TestEditOfRegexRouteKeepsRule gives a route that serves filters that a load balancer cannot have.
func TestEditOfRegexRouteKeepsRule(t *testing.T) {
	t.Parallel()
	p := play(t, "64-edit-of-a-served-route", nil)
	served := p.AnswersHost("a.example.com", "/app/abc")
	if !strings.Contains(served, "HTTPRoute-edit-web") {
		t.Fatal(served)
	}
	mark := p.Mark()
	for _, e := range []struct {
		filters []gatewayv1.HTTPRouteFilter
		told    string
	}{
		{[]gatewayv1.HTTPRouteFilter{{Type: gatewayv1.HTTPRouteFilterRequestMirror,
			RequestMirror: &gatewayv1.HTTPRequestMirrorFilter{BackendRef: gatewayv1.BackendObjectReference{Name: "web",
				Port: ptr.To(gatewayv1.PortNumber(80))}}}}, "RequestMirror"},
		{nil, ""},
		{[]gatewayv1.HTTPRouteFilter{{Type: gatewayv1.HTTPRouteFilterURLRewrite, URLRewrite: &gatewayv1.HTTPURLRewriteFilter{
			Path: &gatewayv1.HTTPPathModifier{Type: gatewayv1.FullPathHTTPPathModifier, ReplaceFullPath: ptr.To("/$1")}}}},
			"$1"},
	} {
		edit(p, "web", func(r *gatewayv1.HTTPRoute) { r.Spec.Rules[0].Filters = e.filters })
		p.settle()
		p.wantAnswers(map[string]string{"80 a.example.com /app/abc": served})
		if e.told != "" {
			p.wantTold("HTTPRoute edit/web", e.told, "keeps serving")
		}
	}
	p.wantKept(mark)
	if got := p.Writes(mark); len(got) > 0 {
		t.Errorf("the edits write %v", got)
	}
}

// withPods gives Service web of a namespace two ready pods, which have port http.
func (p *played) withPods(namespace string) (slice *discoveryv1.EndpointSlice) {
	p.Helper()
	p.Create(lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	for _, o := range lab.Pods("a", "10.0.130.11", "10.0.130.12") {
		o.SetNamespace(namespace)
		switch o := o.(type) {
		case *discoveryv1.EndpointSlice:
			slice = o
			for i := range o.Endpoints {
				o.Endpoints[i].TargetRef.Namespace = namespace
			}
		case *corev1.Pod:
			o.Labels = map[string]string{"app": "web"}
			o.Spec.Containers = []corev1.Container{{Name: "app", Ports: []corev1.ContainerPort{{Name: "http",
				ContainerPort: 8080}}}}
			o.Status.Conditions = []corev1.PodCondition{{Type: corev1.ContainersReady, Status: corev1.ConditionTrue},
				{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		}
		p.Create(o)
	}
	return slice
}

// TestTargetPortThatNoPodHasKeepsTargets edits the targetPort of the Service of a route to a name that pods get later.
func TestTargetPortThatNoPodHasKeepsTargets(t *testing.T) {
	t.Parallel()
	p := play(t, "47-target-group-changes", func(p *played) { p.unsettled = true })
	slice := p.withPods("tgu")
	p.settle()
	targets := func() (out []string) {
		for _, tg := range p.Sim.Resources().TargetGroups {
			if strings.Contains(p.ForwardsAt(80, "a.example.com", "/"), tg.ARN) {
				for _, one := range tg.Targets {
					out = append(out, fmt.Sprint(one.ID, ":", one.Port))
				}
			}
		}
		slices.Sort(out)
		return out
	}
	before := targets()
	if len(before) != 2 {
		t.Fatalf("targets %v", before)
	}
	mark, former := p.Mark(), p.ForwardsAt(80, "a.example.com", "/")
	edit(p, "web", func(s *corev1.Service) { s.Spec.Ports[0].TargetPort = intstr.FromString("metrics") })
	slice.Ports = nil
	p.Must(p.Client.Update(p.Context(), slice))
	for range 3 {
		p.settle()
		if got := targets(); !slices.Equal(got, before) {
			t.Fatalf("targets %v, before %v:\n%s", got, before, strings.Join(p.Events, "\n"))
		}
		p.Clock.Advance(11 * time.Minute)
	}
	p.wantKept(mark)
	p.wantTold("HTTPRoute tgu/web", "since an edit of Service tgu/web", "has its port")
	slice.Ports = []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To[int32](9090)}}
	p.Must(p.Client.Update(p.Context(), slice))
	p.settle()
	p.Clock.Advance(time.Minute)
	p.settle()
	if got := targets(); !slices.Equal(got, []string{"10.0.130.11:9090", "10.0.130.12:9090"}) {
		t.Errorf("targets %v after pods have the port", got)
	}
	if now := p.Sim.Resources().TargetGroups; len(now) != 1 || now[0].ARN == former {
		t.Errorf("the former target group is there: %+v", now)
	}
}
