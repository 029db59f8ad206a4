package front

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

const orderedGroup = `apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: alb}
spec: {controller: ingress.k8s.aws/alb}
---
apiVersion: v1
kind: Service
metadata: {namespace: shop, name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {namespace: shop, name: api}
spec: {type: NodePort, selector: {app: api}, ports: [{port: 80, targetPort: 8080, nodePort: 30081}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  namespace: shop
  name: api
  finalizers: [group.ingress.k8s.aws/g]
  annotations: {alb.ingress.kubernetes.io/group.name: g, alb.ingress.kubernetes.io/group.order: "10"}
spec:
  ingressClassName: alb
  rules:
  - http: {paths: [{path: /api, pathType: Prefix, backend: {service: {name: api, port: {number: 80}}}}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  namespace: shop
  name: web
  finalizers: [group.ingress.k8s.aws/g]
  annotations: {alb.ingress.kubernetes.io/group.name: g, alb.ingress.kubernetes.io/group.order: "20"}
spec:
  ingressClassName: alb
  rules:
  - http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
`

// TestMisspeltOrderKeepsRules edits the order of an Ingress whose rule would hide that of another one.
func TestMisspeltOrderKeepsRules(t *testing.T) {
	t.Parallel()
	key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}}
	f := Ingress{Config: ingress.Config{IngressClass: "alb"}}
	asks := traffic.Request{Scheme: "http", Port: 80, Host: "a.test", Path: "/api", Method: "GET"}
	old := served{f: f, key: key, objects: byName(decode(t, orderedGroup))}.compile(t, nil)
	if is := old.answer(asks); !strings.Contains(is, "api") {
		t.Fatalf("%q %v", is, old.Diagnostics)
	}
	for name, e := range map[string][2]string{
		"no number":     {`order: "20"`, `order: "2O"`},
		"beyond":        {`order: "20"`, `order: "2000"`},
		"misspelt key":  {`group.order: "20"`, `group.odrer: "20"`},
		"misspelt both": {`group.order:`, `group.odrer:`},
	} {
		memory := old.Memory
		for range 2 {
			s := served{f: f, key: key, objects: byName(decode(t, strings.ReplaceAll(orderedGroup, e[0], e[1])))}
			c := s.compile(t, memory)
			if is := c.answer(asks); !strings.Contains(is, "api") {
				t.Errorf("%s: %q %v", name, is, c.Diagnostics)
			}
			memory = c.Memory
		}
	}
}

// TestMisspeltKeyOfPolicyKeepsIt misspells the keys of annotations that decide about the load balancer as a whole.
func TestMisspeltKeyOfPolicyKeepsIt(t *testing.T) {
	t.Parallel()
	for _, key := range groups {
		for name, k := range policyKeysOf(t, key.Owner) {
			wrong := k[:len(k)-2] + k[len(k)-1:] + k[len(k)-2:len(k)-1]
			o := of(key, "shop/web", 1, map[annotation.Key]string{wrong: policyValues[name]})
			before := &compile.Memory{Policies: map[diag.Object]map[string]string{
				owner.Object(o): {string(k): policyValues[name]}}}
			w := inGroup(key, o, of(key, "team/b", 2, nil)).Governed(key, before)
			if got := w.LoadBalancer.Policies[owner.Object(o)][string(k)]; got != policyValues[name] {
				t.Errorf("%s: %q", wrong, got)
			}
			if p, set := w.deletionPolicy(key.Owner, o); name == "deletion-policy" && (!set || p != annotation.RetainIt) {
				t.Errorf("%s: the load balancer is deleted", wrong)
			}
			w = inGroup(key, o).Governed(key, nil)
			p, set := w.deletionPolicy(key.Owner, o)
			if set != (name == "deletion-policy") || set && p != annotation.RetainIt {
				t.Errorf("%s, for the first time: deletion policy %q", wrong, p)
			}
		}
	}
}
