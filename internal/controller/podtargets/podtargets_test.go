package podtargets

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const web = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, uid: u-web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: alb}
spec: {controller: ingress.k8s.aws/alb}
---
`

func ingress(status, annotations, service string) string {
	return fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front, namespace: shop, annotations: {alb.ingress.kubernetes.io/target-type: ip, %s}}
spec:
  ingressClassName: alb
  rules: [{http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: %s, port: {number: 80}}}}]}}]
status: {%s}
---
`, annotations, service, status)
}

// ofSecond adds the finalizers of both load balancers of a group to an Ingress.
func ofSecond(ingress string) string {
	return strings.Replace(ingress, "namespace: shop", "namespace: shop, finalizers: [group.ingress.k8s.aws/front, "+
		"group.ingress.k8s.aws/front_1]", 1)
}

func balancer(annotations string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: tcp, namespace: shop, uid: u-tcp, annotations: {%s}}
spec: {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
---
`, annotations)
}

func binding(name, targetType, protocol string) string {
	return fmt.Sprintf(`
apiVersion: elbv2.k8s.aws/v1beta1
kind: TargetGroupBinding
metadata: {name: %s, namespace: shop}
spec: {targetGroupARN: x, targetType: %s, targetGroupProtocol: %s, serviceRef: {name: web, port: 80}}
---
`, name, targetType, protocol)
}

// bindingOf is a binding that the controller made for an Ingress.
func bindingOf(ingress, name, targetType, protocol string) string {
	return strings.Replace(binding(name, targetType, protocol), "namespace: shop",
		"namespace: shop, labels: {ingress.k8s.aws/stack-namespace: shop, ingress.k8s.aws/stack-name: "+ingress+"}", 1)
}

const gateway = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: alb}
spec: {controllerName: gateway.k8s.aws/alb}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop, uid: u-edge}
spec: {gatewayClassName: alb, listeners: [{name: http, protocol: HTTP, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{name: web, port: 80}]}]}
---
apiVersion: gateway.k8s.aws/v1
kind: TargetGroupConfiguration
metadata: {name: web, namespace: shop}
spec: {targetReference: {name: web}, defaultConfiguration: {targetType: ip, targetGroupAttributes: [{key: deregistration_delay.timeout_seconds, value: "20"}]}}
---
`

func TestThePodsLoadBalancersAreThoseOfItsServices(t *testing.T) {
	t.Parallel()
	c, err := config.Parse([]string{"--cluster-name=demo", "--feature-gates=ALBGatewayAPI=true"})
	if err != nil {
		t.Fatal(err)
	}
	const hostname = "loadBalancer: {ingress: [{hostname: front.elb.amazonaws.com}]}"
	for _, tc := range []struct {
		name, objects string
		want          []string // type, ip or instance, seconds, and what the binding is
	}{
		{"no Service", "", nil},
		{"a Service that no load balancer has", web, nil},
		{"a binding of a user", web + binding("mine", "ip", "HTTP"), []string{"application ip 45"}},
		{"a binding of a user to an NLB", web + binding("mine", "ip", "TCP"), []string{"network ip 180"}},
		{"a binding of node ports", web + binding("mine", "instance", "HTTP"), []string{"application instance 30"}},
		{"an Ingress", web + ingress("", "", "web"), []string{"application ip 45 awaited"}},
		{"an Ingress that serves", web + ingress(hostname, "", "web"), []string{"application ip 45 awaited serving"}},
		{"an Ingress with a forged finalizer of a further load balancer", web + ofSecond(ingress(hostname,
			"alb.ingress.kubernetes.io/group.name: front", "web")), []string{"application ip 45 awaited serving"}},
		{"an Ingress on two load balancers", web + ofSecond(ingress(strings.Replace(hostname, "[", "[{hostname: "+
			"second.elb.amazonaws.com}, ", 1), "alb.ingress.kubernetes.io/group.name: front", "web")), nil},
		{"an Ingress whose binding keeps the name that it had before an edit", web + ingress(hostname, "", "web") +
			bindingOf("front", "kept", "ip", "HTTP"), []string{"application ip 45 serving"}},
		{"an Ingress that changes its target type", web + ingress(hostname, "", "web") + bindingOf("front", "former",
			"instance", "HTTP"), []string{"application instance 30", "application ip 45 awaited serving"}},
		{"an Ingress that changes its protocol", web + ingress(hostname, "", "web") + bindingOf("front", "former", "ip",
			"HTTPS"), []string{"application ip 45", "application ip 45 awaited serving"}},
		{"an Ingress beside another one of the Service", web + ingress(hostname, "", "web") + bindingOf("side", "of-side",
			"ip", "HTTP"), []string{"application ip 45 awaited serving", "application ip 45"}},
		{"an Ingress with a delay", web + ingress("", "alb.ingress.kubernetes.io/target-group-attributes: "+
			"deregistration_delay.timeout_seconds=5", "web"), []string{"application ip 20 awaited"}},
		{"an Ingress with an action",
			web +
				strings.Replace(
					ingress("",
						`alb.ingress.kubernetes.io/actions.pick: '{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"web","servicePort":80}]}}'`, "pick"),
					"number: 80", "name: use-annotation", 1), []string{"application ip 45 awaited"}},
		{"an Ingress of another Service", web + ingress(hostname, "", "other"), nil},
		{"an Ingress that is invalid", web + ingress(hostname, "alb.ingress.kubernetes.io/listen-ports: nonsense", "web"),
			nil},
		{"a Service of its own", web + balancer("service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip"),
			[]string{"network ip 180 awaited"}},
		{"a Service of its own with node ports", web + balancer(""), []string{"network instance 30 awaited"}},
		{"a Service and an Ingress", web + ingress("", "", "web") +
			balancer("service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip"), []string{"network ip 180 awaited",
			"application ip 45 awaited"}},
		{"a Gateway", web + gateway, []string{"application ip 35 awaited"}},
	} {
		var got []string
		for _, f := range FromFlags(c).Of(view(t, tc.objects), podOf("web")) {
			kind := "ip"
			if f.Instance {
				kind = "instance"
			}
			line := fmt.Sprintf("%s %s %d", f.Type, kind, f.Seconds())
			if f.Awaited {
				line += " awaited"
			}
			if f.Serving {
				line += " serving"
			}
			got = append(got, line)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
}

// TestABindingIsThatOfOneTargetGroupOnly: two routes of a Gateway to one port of a Service have a target group each.
func TestABindingIsThatOfOneTargetGroupOnly(t *testing.T) {
	t.Parallel()
	c, err := config.Parse([]string{"--cluster-name=demo", "--feature-gates=ALBGatewayAPI=true"})
	if err != nil {
		t.Fatal(err)
	}
	f := FromFlags(c)
	const api = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api, namespace: shop}
spec: {parentRefs: [{name: edge}], rules: [{matches: [{path: {value: /api}}], backendRefs: [{name: web, port: 80}]}]}
---
`
	labels := naming.Labels(stack.Key{Owner: stack.GatewayALB, ID: stack.ID{Namespace: "shop", Name: "edge"}})
	of := func(name string) string {
		return strings.Replace(binding(name, "ip", "HTTP"), "namespace: shop",
			fmt.Sprintf("namespace: shop, labels: {gateway.k8s.aws.alb/stack-namespace: %s, gateway.k8s.aws.alb/stack-name: %s}",
				labels["gateway.k8s.aws.alb/stack-namespace"], labels["gateway.k8s.aws.alb/stack-name"]), 1)
	}
	nameOf := func(route string) string {
		return f.Of(view(t, web+strings.Replace(gateway, "HTTPRoute\nmetadata: {name: web", "HTTPRoute\nmetadata: {name: "+
			route, 1)), podOf("web"))[0].Binding
	}
	first, second := nameOf("web"), nameOf("api")
	for _, tc := range []struct {
		name, bindings string
		want           map[string]bool // whether each is awaited
	}{
		{"neither exists", "", map[string]bool{first: true, second: true}},
		{"that of the first route exists", of(first), map[string]bool{first: false, second: true}},
		{"both exist", of(first) + of(second), map[string]bool{first: false, second: false}},
		{"both have the names that they had before an edit", of("kept-1") + of("kept-2"), map[string]bool{
			"kept-1": false, "kept-2": false}},
		{"one has the name that it had before an edit, the other is to come", of("kept-1"), map[string]bool{
			"kept-1": false, first: true}},
	} {
		got := map[string]bool{}
		for _, x := range f.Of(view(t, web+gateway+api+tc.bindings), podOf("web")) {
			got[x.Binding] = x.Awaited
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
	v := view(t, web+gateway+of(first)+of(second))
	for _, b := range v.TargetGroupBindings("shop") {
		if got, want := f.Dropped(v, b), b.Name == second; got != want {
			t.Errorf("the route of %s is gone: %t, want %t", b.Name, got, want)
		}
	}
}

func podOf(app string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Labels: map[string]string{"app": app}}}
}

func view(t *testing.T, text string) *objects.View {
	t.Helper()
	all, _, err := manifest.Decode([]byte(text), "shop")
	if err != nil {
		t.Fatal(err)
	}
	return objects.FromObjects(all)
}

// counting counts how often stacks are loaded.
type counting struct {
	front.Loader
	loads *atomic.Int32
}

func (c counting) Load(v *objects.View, id stack.ID) front.Input {
	c.loads.Add(1)
	return c.Loader.Load(v, id)
}

// TestPodsOfARolloutLoadTheirGroupOnce shows that pods that come at once do not each load all members of their group,
// that an edit of their own Ingress counts at once, and one of other objects a moment later.
func TestPodsOfARolloutLoadTheirGroupOnce(t *testing.T) {
	t.Parallel()
	c, err := config.Parse([]string{"--cluster-name=demo"})
	if err != nil {
		t.Fatal(err)
	}
	text := web + ingress("loadBalancer: {ingress: [{hostname: front.elb.amazonaws.com}]}", "", "web")
	synctest.Test(t, func(t *testing.T) {
		var loads atomic.Int32
		f := FromFlags(c)
		f.Loaded = NewLoaded()
		for of, l := range f.Loaders {
			f.Loaders[of] = counting{l, &loads}
		}
		for range 100 {
			if found := f.Of(view(t, text), podOf("web")); len(found) != 1 || !found[0].Awaited {
				t.Fatalf("found %v", found)
			}
		}
		if n := loads.Load(); n != 1 {
			t.Errorf("the stack is loaded %d times", n)
		}
		edited := strings.Replace(text, "{name: front,", "{resourceVersion: '2', name: front,", 1)
		if f.Of(view(t, edited), podOf("web")); loads.Load() != 2 {
			t.Errorf("with an edit, the stack is loaded %d times", loads.Load())
		}
		time.Sleep(keepLoaded + time.Millisecond)
		synctest.Wait()
		if f.Of(view(t, text), podOf("web")); loads.Load() != 3 || len(f.Loaded.by) != 1 {
			t.Errorf("%d loads, %d stacks are kept", loads.Load(), len(f.Loaded.by))
		}
	})
}
