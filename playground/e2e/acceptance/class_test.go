package acceptance

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

// byAnnotation names the class of an Ingress as it was done before there were IngressClasses.
func byAnnotation(class string, more scene.Annotations) scene.Annotations {
	a := public(more)
	a["kubernetes.io/ingress.class"] = class
	return a
}

// nodePort is the port of a Service at each node.
func nodePort(t *testing.T, c *harness.Cluster, namespace, name string) int32 {
	t.Helper()
	s, err := c.Client.CoreV1().Services(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s.Spec.Ports[0].NodePort
}

// one is a target group of pods with one of them, or of the nodes of every playground.
func one(t *testing.T, c *harness.Cluster, namespace, service, targetType string) []string {
	t.Helper()
	if targetType == "instance" {
		return []string{fmt.Sprintf("instance HTTP %d, 3 targets", nodePort(t, c, namespace, service))}
	}
	return []string{"ip HTTP 8080, 1 targets"}
}

// numbered is a Service over the pods of web whose target port is a number.
const numbered = `apiVersion: v1
kind: Service
metadata: {name: numbered, namespace: %s}
spec: {type: NodePort, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
`

// TestIngressesOfOurClassServeAndOthersGetNothing shows that the running controller serves
// Ingresses of its class, by field or annotation, and writes nothing for others. These are cases 1
// to 7.
func TestIngressesOfOurClassServeAndOthersGetNothing(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "classes"
	nginx := "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: acceptance-nginx}\nspec: " +
		"{controller: k8s.io/ingress-nginx}\n---\n"
	exact := scene.Path{Path: "/path", Type: "Exact", Service: "numbered"}
	c.Apply(t, nginx+scene.Namespace(ns, 1)+fmt.Sprintf(numbered, ns)+
		scene.Ingress(ns, "of-nginx", "acceptance-nginx", public(nil), exact)+
		scene.Ingress(ns, "annotated-nginx", "", byAnnotation("nginx", nil), exact)+
		scene.Ingress(ns, "classless", "", public(nil), exact))

	for _, row := range []struct {
		name        string // begins with the number of the case
		class       string
		annotations scene.Annotations
	}{
		{"1 class by name and targets are pods", scene.Class, public(nil)},
		{"2 class by name and targets are nodes", scene.Class, public(scene.Annotations{"target-type": "instance"})},
		{"3 class by annotation and targets are pods", "", byAnnotation("alb", nil)},
		{"4 class by annotation and targets are nodes", "",
			byAnnotation("alb", scene.Annotations{"target-type": "instance"})},
	} {
		t.Run(row.name, func(t *testing.T) {
			name := "case-" + row.name[:1]
			c.Apply(t, scene.Ingress(ns, name, row.class, row.annotations, exact))
			lb := check(t, c, ns, name, balancer{groups: one(t, c, ns, "numbered", row.annotations["target-type"])})
			c.WaitGet(t, url(lb, "/path"), "", 200, "web")
			c.WaitGet(t, url(lb, "/path/below"), "", 404, "")
		})
	}
	// All four came after these, which were not processed.
	for name, row := range map[string]string{"of-nginx": "5 class of another controller",
		"annotated-nginx": "6 annotation of another controller", "classless": "7 no class"} {
		t.Run(row, func(t *testing.T) {
			i, err := c.Client.NetworkingV1().Ingresses(ns).Get(t.Context(), name, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if len(i.Status.LoadBalancer.Ingress) > 0 || len(i.Finalizers) > 0 {
				t.Errorf("status %v, finalizers %v", i.Status.LoadBalancer.Ingress, i.Finalizers)
			}
			if left := scene.Left(c, ns+"/"+name); len(left) > 0 {
				t.Errorf("it has %v", left)
			}
			if e := c.Events(t, "Ingress", ns, name); len(e) > 0 {
				t.Errorf("events: %v", e)
			}
		})
	}
	expectNoWarnings(t, c, ns)
}

// slice is a hand-made EndpointSlice of a Service without selector.
const slice = `apiVersion: v1
kind: Service
metadata: {name: sliced, namespace: %[1]s}
spec: {type: NodePort, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: sliced-by-hand, namespace: %[1]s, labels: {kubernetes.io/service-name: sliced}}
addressType: IPv4
ports: [{name: http, port: 8080, protocol: TCP}]
endpoints: [{addresses: [%[2]s], conditions: {ready: true}, targetRef: {kind: Pod, name: %[3]s, namespace: %[1]s}}]
---
`

// TestTargetsAreFoundByNamedPortsAndInEndpointSlices shows that requests reach pods by a named
// target port and by an EndpointSlice that a user wrote. These are cases 9 and 10.
func TestTargetsAreFoundByNamedPortsAndInEndpointSlices(t *testing.T) {
	t.Parallel()
	c := cluster(t)
	const ns = "ports"
	c.Apply(t, scene.Namespace(ns, 1)+scene.Ingress(ns, "named", scene.Class, public(nil),
		scene.Path{Path: "/path", Type: "Exact", Port: "number: 80"}))
	t.Run("9 a target port by name", func(t *testing.T) {
		// The port of the group is 1: a name has another number in each pod. Targets have the number.
		lb := check(t, c, ns, "named", balancer{groups: []string{"ip HTTP 1, 1 targets"}})
		c.WaitGet(t, url(lb, "/path"), "", 200, "web")
		if targets := scene.Targets(c, c.TargetGroups(lb)[0].ARN); targets[0].Port != 8080 {
			t.Errorf("target %+v", targets[0])
		}
	})
	t.Run("10 endpoints in slices", func(t *testing.T) {
		var pod []string
		wait(t, c, "a pod with an address", func() string {
			pod = strings.Fields(scene.Query(t, c, "get", "pods", "-n", ns, "-l", "app=web", "-o",
				"jsonpath={.items[*].status.podIP} {.items[*].metadata.name}"))
			return differs("address and name", len(pod), 2)
		})
		c.Apply(t, fmt.Sprintf(slice, ns, pod[0], pod[1]))
		c.Apply(t, scene.Ingress(ns, "sliced", scene.Class, public(nil), scene.Path{Path: "/path", Type: "Exact",
			Service: "sliced"}))
		lb := check(t, c, ns, "sliced", balancer{groups: []string{"ip HTTP 1, 1 targets"}})
		c.WaitGet(t, url(lb, "/path"), "", 200, "web")
		expectNoWarnings(t, c, ns)
	})
}
