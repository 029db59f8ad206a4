package tenants

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// routeTo is an HTTPRoute of a namespace at a parent, which sends clients to NAMESPACE.test.
func routeTo(namespace, parent, host string) string {
	return fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: %[1]s}
spec:
  parentRefs: [%[2]s]
  hostnames: [%[3]s]
  rules:
  - filters: [{type: RequestRedirect, requestRedirect: {hostname: %[1]s.test}}]
---
`, namespace, parent, host)
}

// setFor is a ListenerSet of a namespace for Gateway lsetowner/web.
func setFor(namespace, host string) string {
	return fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: more, namespace: %s}
spec: {parentRef: {name: web, namespace: lsetowner}, listeners: [{name: more, protocol: HTTP, port: 80, hostname: %q}]}
---
`, namespace, host)
}

// TestListenerSetTakesNoHostnameOfOthers shows that a tenant whom a Gateway admits gets no requests for the hostname of
// another tenant's route.
func TestListenerSetTakesNoHostnameOfOthers(t *testing.T) {
	c := playgroundOf(t)
	c.Apply(t, `apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: lset}
spec: {controllerName: gateway.k8s.aws/alb}
---
apiVersion: v1
kind: Namespace
metadata: {name: lsetowner}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: lsetowner}
spec:
  gatewayClassName: lset
  allowedListeners: {namespaces: {from: All}}
  listeners: [{name: http, protocol: HTTP, port: 80, allowedRoutes: {namespaces: {from: All}}}]
`)
	team, mal := tenant(t, c, "lsetteam"), tenant(t, c, "lsetmal")
	team.Apply(t, routeTo("lsetteam", "{name: web, namespace: lsetowner}", "t.example.com"))
	address := ""
	c.WaitFor(t, "an address of the Gateway", func(context.Context) error {
		address = c.Kubectl(t, "get", "gateway", "web", "-n", "lsetowner", "-o", "jsonpath={.status.addresses[0].value}")
		if address == "" {
			return fmt.Errorf("it has none")
		}
		return nil
	})
	goesTo := func(host, namespace string) {
		t.Helper()
		c.WaitFor(t, host+" goes to "+namespace, func(ctx context.Context) error {
			out, err := c.Get(ctx, "http://"+address+"/", host)
			if err == nil && !strings.Contains(out.Header.Get("Location"), namespace+".test") {
				err = fmt.Errorf("status %d, location %s", out.Status, out.Header.Get("Location"))
			}
			return err
		})
	}
	told := func(kind, name string) {
		t.Helper()
		c.WaitFor(t, "an event on "+kind, func(context.Context) error {
			for _, e := range c.Events(t, kind, "lsetmal", name) {
				if strings.Contains(e.Message, "HTTPRoute lsetteam/web") && strings.Contains(e.Message, "[HostnameTaken]") &&
					e.Type == "Warning" {
					return nil
				}
			}
			return fmt.Errorf("there is none")
		})
	}
	goesTo("t.example.com", "lsetteam")

	mal.Apply(t, setFor("lsetmal", "*.example.com")+routeTo("lsetmal", "{group: gateway.networking.k8s.io, kind: "+
		"ListenerSet, name: more}", "'*.example.com'"))
	goesTo("m.example.com", "lsetmal") // it is deployed
	goesTo("t.example.com", "lsetteam")
	told("ListenerSet", "more")

	mal.Apply(t, setFor("lsetmal", "t.example.com")+routeTo("lsetmal", "{group: gateway.networking.k8s.io, kind: "+
		"ListenerSet, name: more}", "t.example.com"))
	told("HTTPRoute", "web")
	c.WaitFor(t, "condition Conflicted", func(context.Context) error {
		conflicted := mal.Kubectl(t, "get", "listenerset", "more", "-n", "lsetmal", "-o",
			`jsonpath={.status.listeners[0].conditions[?(@.type=="Conflicted")].message}`)
		if !strings.Contains(conflicted, "HTTPRoute lsetteam/web") {
			return fmt.Errorf("it says %q", conflicted)
		}
		return nil
	})
	goesTo("t.example.com", "lsetteam")

	c.Kubectl(t, "annotate", "gateway", "web", "-n", "lsetowner", "gateway.k8s.aws/settings-namespaces=lsetmal")
	goesTo("t.example.com", "lsetmal")
	c.Kubectl(t, "annotate", "gateway", "web", "-n", "lsetowner", "gateway.k8s.aws/settings-namespaces-")
	goesTo("t.example.com", "lsetteam")
}
