package migration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// service is the backend "api" with a health check of its own.
func service(namespace string) string {
	return strings.Replace(scene.Backend(namespace, "api", 1), "kind: Service\nmetadata: {name: api, namespace: "+
		namespace+"}",
		"kind: Service\nmetadata: {name: api, namespace: "+namespace+
			", annotations: {alb.ingress.kubernetes.io/healthcheck-path: /ready}}", 1)
}

// TestG6Case1ComplexIngressHasTheSamePlanAsAGateway shows that an Ingress read from a live cluster
// gets the same plan as the Gateway that the tool makes of it.
func TestG6Case1ComplexIngressHasTheSamePlanAsAGateway(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of cmd/lbc show the Gateways that it makes")
	}
	t.Parallel()
	c := cluster(t)
	const ns = "complex"
	c.Apply(t, scene.Namespace(ns, 1)+service(ns)+scene.Ingress(ns, "shop", scene.Class, scene.Annotations{
		"scheme": "internet-facing", "target-type": "ip", "tags": "team=shop", "listen-ports": `[{"HTTP":80},{"HTTPS":443}]`,
		"ssl-redirect": "443", "certificate-arn": wildcard,
		"ssl-policy": "ELBSecurityPolicy-TLS13-1-2-2021-06", "load-balancer-attributes": "idle_timeout.timeout_seconds=90",
		"actions.closed":    `{"type":"fixed-response","fixedResponseConfig":{"statusCode":"503","contentType":"text/plain","messageBody":"closed"}}`,
		"conditions.closed": `[{"field":"http-header","httpHeaderConfig":{"httpHeaderName":"X-Closed","values":["yes"]}}]`,
	},
		scene.Path{Host: "shop.example.com", Path: "/api", Service: "api", Port: "number: 80"},
		scene.Path{Host: "shop.example.com", Path: "/closed", Service: "closed", Port: "name: use-annotation"},
		scene.Path{Host: "shop.example.com", Path: "/", Port: "number: 80"}))
	planned(t, c, ns+"/shop")
	out := t.TempDir()
	migrated(t, c, out, "--from-cluster", "--kubeconfig", c.Env.Kubeconfig, "--namespaces", ns)
	mark := c.Mark()
	apply(t, c, filepath.Join(out, "gateway-resources.yaml"))
	name := equivalent(t, c, ns, ns+"/shop", "ingress/"+ns+"/shop")
	// what is made of a Gateway has it in its tags; the load balancer of the Ingress may still be in the making
	if w := scene.Writes(c, mark, ns+"/"+name); len(w) > 0 {
		t.Errorf("a dry run of %s wrote to AWS: %q", name, w)
	}
}

// TestG6Case2GroupHasTheSamePlanAsAGateway shows that a group over namespaces with class parameters
// gets the same plan as its one Gateway in a live cluster.
func TestG6Case2GroupHasTheSamePlanAsAGateway(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of cmd/lbc show the Gateways that it makes")
	}
	t.Parallel()
	c := cluster(t)
	const front, back, group = "cross-front", "cross-back", "cross"
	params := scene.IngressClass("cross",
		`{scheme: internet-facing, tags: [{key: team, value: cross}], loadBalancerAttributes: [{key: idle_timeout.timeout_seconds, value: "75"}]}`)
	member := func(ns, host, order string) string {
		return scene.Ingress(ns, "site", "cross", scene.Annotations{"group.name": group, "group.order": order,
			"target-type": "ip"}, scene.Path{Host: host, Path: "/", Port: "number: 80"})
	}
	text := params + scene.Namespace(front, 1) + scene.Namespace(back, 1) + member(front, "www.example.com", "1") +
		member(back, "api.example.com", "2")
	c.Apply(t, text)
	planned(t, c, front+"/site", back+"/site")
	out := t.TempDir()
	migrated(t, c, out, "-f", write(t, "front.yaml", params+scene.Backend(front, "web", 1)+
		member(front, "www.example.com", "1"))+","+
		write(t, "back.yaml", scene.Backend(back, "web", 1)+member(back, "api.example.com", "2")))
	apply(t, c, filepath.Join(out, "gateway-resources.yaml"))
	equivalent(t, c, front, front+"/site", "ingress-group/"+group)
	if other := gateways(t, c, back); len(other) > 0 {
		t.Errorf("the other namespace has Gateways of its own: %q", other)
	}
}

// TestG6Case3DirectoryIsSplitByNamespace shows that the files that the tool splits by namespace
// apply, and each Gateway gets the plan of its Ingresses.
func TestG6Case3DirectoryIsSplitByNamespace(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own; the tests of cmd/lbc show the Gateways that it makes")
	}
	t.Parallel()
	c := cluster(t)
	const one, two = "split-one", "split-two"
	shared := scene.Annotations{"scheme": "internet-facing", "target-type": "ip", "group.name": "split"}
	alone := scene.Annotations{"scheme": "internet-facing", "target-type": "ip"}
	first := scene.Namespace(one, 1) + scene.Ingress(one, "a", scene.Class, shared, scene.Path{Host: "a.example.com",
		Path: "/", Port: "number: 80"}) + scene.Ingress(one, "b", scene.Class, shared, scene.Path{Host: "b.example.com",
		Path: "/", Port: "number: 80"})
	second := scene.Namespace(two, 1) + scene.Ingress(two, "alone", scene.Class, alone,
		scene.Path{Path: "/", Port: "number: 80"})
	c.Apply(t, first+second)
	planned(t, c, one+"/a", one+"/b")
	planned(t, c, two+"/alone")
	in, out := t.TempDir(), t.TempDir()
	for name, text := range map[string]string{"one.yaml": first, "two.yml": second} {
		if err := os.WriteFile(filepath.Join(in, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	migrated(t, c, out, "--input-dir", in, "--split=namespace")
	for _, file := range []string{"gatewayclass.yaml", one + "/gateway-resources.yaml", two + "/gateway-resources.yaml"} {
		apply(t, c, filepath.Join(out, file))
	}
	equivalent(t, c, one, one+"/a", "ingress-group/split")
	equivalent(t, c, two, two+"/alone", "ingress/"+two+"/alone")
}
