package tenants

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// said waits until an event or a condition of a tenant's object has a text.
func said(t *testing.T, c *harness.Cluster, kind, namespace, name, text string) {
	t.Helper()
	c.WaitFor(t, fmt.Sprintf("%s %s/%s to say %s", kind, namespace, name, text), func(context.Context) error {
		for _, e := range c.Events(t, kind, namespace, name) {
			if strings.Contains(e.Message, text) {
				return nil
			}
		}
		out, err := c.TryKubectl(t, "get", kind, "-n", namespace, name, "-o", "jsonpath={.status}")
		if err == nil && !strings.Contains(out, text) {
			err = fmt.Errorf("%d events, status %s", len(c.Events(t, kind, namespace, name)), out)
		}
		return err
	})
}

// TestReservedTagsAreRefusedInEachKind shows that no kind of object whose tags a user of one namespace may write takes
// tags that say whose a resource is.
func TestReservedTagsAreRefusedInEachKind(t *testing.T) {
	c := playgroundOf(t)
	mal := tenant(t, c, "kindtags")
	objects := map[string]string{
		"Ingress": scene.Ingress("kindtags", "refused", scene.Class, scene.Annotations{"tags": "%s=%s"}),
		"Service": `apiVersion: v1
kind: Service
metadata:
  name: refused
  namespace: kindtags
  annotations: {service.beta.kubernetes.io/aws-load-balancer-additional-resource-tags: "%s=%s"}
spec: {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, selector: {app: web}, ports: [{port: 80}]}
`,
		"LoadBalancerConfiguration": `apiVersion: gateway.k8s.aws/v1
kind: LoadBalancerConfiguration
metadata: {name: refused, namespace: kindtags}
spec: {tags: {"%s": "%s"}}
`,
		"TargetGroupConfiguration": scene.TargetGroups("kindtags", "refused",
			`defaultConfiguration: {tags: {"%s": "%s"}}, targetReference: {name: web}`),
		"ListenerRuleConfiguration": scene.RuleConfiguration("kindtags", "refused", `tags: {"%s": "%s"}`),
		"GlobalAccelerator": `apiVersion: aga.k8s.aws/v1beta1
kind: GlobalAccelerator
metadata: {name: refused, namespace: kindtags}
spec: {tags: {"%s": "%s"}}
`,
	}
	for kind, object := range objects {
		for key, value := range map[string]string{
			"elbv2.k8s.aws/resource": "backend-sg", "ingress.k8s.aws/stack": "a/b", "service.k8s.aws/stack": "a/b",
			"gateway.k8s.aws.alb/stack": "a/b", "kubernetes.io/cluster/demo-cluster": "owned",
			"ELBV2.K8S.AWS/Cluster": "demo-cluster",
		} {
			if out := mal.ApplyRefused(t, fmt.Sprintf(object, key, value)); !strings.Contains(out, "is reserved") {
				t.Errorf("%s with tag %s: %s", kind, key, out)
			}
		}
	}
}

// TestNoKindTakesLoadBalancersOfOthers shows that a user of one namespace gets nothing on a load balancer of others by
// a Gateway or a Service that names it.
func TestNoKindTakesLoadBalancersOfOthers(t *testing.T) {
	c := playgroundOf(t)
	arn, address := payroll(t, c, "payroll-kinds")
	c.Apply(t, `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: kinds}
spec: {controllerName: gateway.k8s.aws/alb}
`)
	mal := tenant(t, c, "kindmal")
	before := touched(t, c, arn)
	for _, ownership := range []string{"shared", "adopted"} {
		mal.Apply(t, scene.Backend("kindmal", "web", 1)+fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata:
  name: steal
  namespace: kindmal
  annotations: {gateway.k8s.aws/ownership: %[1]s, gateway.k8s.aws/existing-load-balancer: "%[2]s"}
spec: {gatewayClassName: kinds, listeners: [{name: http, protocol: HTTP, port: 80}]}
---
apiVersion: v1
kind: Service
metadata:
  name: steal
  namespace: kindmal
  annotations:
    service.beta.kubernetes.io/aws-load-balancer-ownership: %[1]s
    service.beta.kubernetes.io/aws-load-balancer-existing: "%[2]s"
spec: {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, selector: {app: web}, ports: [{port: 81, targetPort: http}]}
---
`, ownership, arn)+routeTo("kindmal", "{name: steal}", "x.example.com"))
		said(t, c, "Gateway", "kindmal", "steal", "--existing-load-balancers")
		said(t, c, "Service", "kindmal", "steal", "--existing-load-balancers")
		if got := touched(t, c, arn); got != before {
			t.Errorf("%s: %s, was %s", ownership, got, before)
		}
		c.WaitGet(t, "http://"+address+"/login", "", 200, "")
		mal.Kubectl(t, "delete", "gateway/steal", "service/steal", "-n", "kindmal", "--timeout=2m")
		if got := touched(t, c, arn); got != before {
			t.Errorf("%s, deleted: %s, was %s", ownership, got, before)
		}
	}
}

// TestNewcomerOfServiceGroupHoldsItselfOnly shows that no annotation of a user who joins a group of Services holds the
// load balancer of its members.
func TestNewcomerOfServiceGroupHoldsItselfOnly(t *testing.T) {
	c := playgroundOf(t)
	vic, mal := tenant(t, c, "nlbvic"), tenant(t, c, "nlbmal")
	member := func(namespace string, ports string, annotations ...string) string {
		all := append([]string{`service.beta.kubernetes.io/aws-load-balancer-group-name: ports`,
			`service.beta.kubernetes.io/aws-load-balancer-scheme: internet-facing`,
			`service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip`}, annotations...)
		return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: door, namespace: %s, annotations: {%s}}
spec: {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, selector: {app: web}, ports: [%s]}
---
`, namespace, strings.Join(all, ", "), ports)
	}
	vic.Apply(t, scene.Backend("nlbvic", "web", 1)+member("nlbvic", "{name: p80, port: 80, targetPort: http}"))
	mal.Apply(t, scene.Backend("nlbmal", "web", 1))
	address := ""
	c.WaitFor(t, "the address of the group", func(context.Context) (err error) {
		address, err = c.TryKubectl(t, "get", "service", "-n", "nlbvic", "door", "-o",
			"jsonpath={.status.loadBalancer.ingress[0].hostname}")
		if err == nil && address == "" {
			err = fmt.Errorf("there is none")
		}
		return err
	})
	c.WaitGet(t, "http://"+address+"/", "", 200, "")
	for i, policy := range []string{"ownership: observed", "ownership: manged", "replacement-policy: refuse",
		"drift-policy: ignore", "deletion-policy: Retain", "approved-plan: none"} {
		mal.Apply(t, member("nlbmal", "{name: p, port: 7000, targetPort: http}",
			"service.beta.kubernetes.io/aws-load-balancer-"+policy))
		port := 8000 + i
		vic.Apply(t, member("nlbvic", fmt.Sprintf(
			"{name: p80, port: 80, targetPort: http}, {name: more, port: %d, targetPort: http}", port)))
		c.WaitGet(t, fmt.Sprintf("http://%s:%d/", address, port), "", 200, "")
		want := "[SettingNotPermitted]"
		if strings.Contains(policy, "manged") {
			want = `"manged" is not one of`
		}
		said(t, c, "Service", "nlbmal", "door", want)
		mal.Kubectl(t, "delete", "service", "door", "-n", "nlbmal", "--timeout=60s")
	}
	c.WaitGet(t, "http://"+address+"/", "", 200, "")
	vic.Kubectl(t, "delete", "service", "door", "-n", "nlbvic", "--timeout=60s")
}

// TestRouteReachesNoTargetGroupOfOthers shows that a route of a user of one namespace cannot forward to another's target
// group by its name.
func TestRouteReachesNoTargetGroupOfOthers(t *testing.T) {
	c := playgroundOf(t)
	c.Apply(t, `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: routes}
spec: {controllerName: gateway.k8s.aws/alb}
`)
	vic, mal := tenant(t, c, "routevic"), tenant(t, c, "routemal")
	vic.Apply(t, scene.Backend("routevic", "web", 1)+scene.Ingress("routevic", "web", scene.Class, scene.Annotations{
		"scheme": "internet-facing", "target-type": "ip"}, scene.Path{Host: "vic.example.com", Path: "/"}))
	status(t, c, c.IngressAddress(t, "routevic", "web"), "vic.example.com", 200)
	name := ""
	for _, g := range c.Simulator.Resources().TargetGroups {
		if strings.HasPrefix(g.Name, "k8s-routevic-web-") {
			name = g.Name
		}
	}
	if name == "" {
		t.Fatal("the victim has no target group")
	}
	mal.Apply(t, scene.Gateway("routemal", "web", "routes", "scheme: internet-facing",
		"name: http, protocol: HTTP, port: 80")+scene.Route("HTTPRoute", "routemal", "web", fmt.Sprintf(
		"parentRefs: [{name: web}], rules: [{backendRefs: [{group: \"\", kind: TargetGroupName, name: %s}]}]", name)))
	said(t, c, "HTTPRoute", "routemal", "web", "RefNotPermitted")
	c.WaitFor(t, "a refusal of requests", func(ctx context.Context) error {
		out, err := c.Get(ctx, "http://"+scene.GatewayAddress(t, c, "routemal", "web")+"/", "")
		if err == nil && out.Status < 500 {
			err = fmt.Errorf("status %d: %s", out.Status, out.Body)
		}
		return err
	})
	vic.Kubectl(t, "delete", "ingress", "web", "-n", "routevic", "--timeout=60s")
}
