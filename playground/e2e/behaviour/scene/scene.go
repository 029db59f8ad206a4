// Package scene has the common beginning of the end-to-end tests of behaviour and of bad input: a namespace with a
// backend, short Ingresses, requests that continue while something happens, and questions about writes. It asserts
// nothing. It may import harness.
package scene

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Annotations are annotations of an Ingress without the prefix alb.ingress.kubernetes.io/, or in full.
type Annotations map[string]string

// Class is the IngressClass that every playground has.
const Class = "alb"

// Namespace is a namespace with a backend "web" of so many pods.
func Namespace(name string, replicas int) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n---\n", name) +
		Backend(name, "web", replicas)
}

// Backend is a Deployment and a Service of type NodePort with port 80, named http. Pods stop serving only after the
// load balancer has deregistered them.
func Backend(namespace, name string, replicas int) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  replicas: %[3]d
  selector: {matchLabels: {app: %[2]s}}
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  template:
    metadata: {labels: {app: %[2]s}}
    spec:
      terminationGracePeriodSeconds: 5
      containers:
      - name: app
        image: example.com/app
        env: [{name: SERVICE_NAME, value: %[2]s}]
        ports: [{name: http, containerPort: 8080}]
        readinessProbe: {httpGet: {path: /health, port: http}, periodSeconds: 1}
        lifecycle: {preStop: {sleep: {seconds: 2}}}
---
`, namespace, name, replicas) + Service(namespace, name, "type: NodePort")
}

// InZone is the manifest of a Backend whose pods run only on nodes of the zone, for a load balancer that serves no
// other.
func InZone(zone, backend string) string {
	return strings.Replace(backend, "      containers:\n", "      nodeSelector: {topology.kubernetes.io/zone: "+zone+
		"}\n      containers:\n", 1)
}

// Patient is the manifest of a Backend whose pods serve for a long time after their deletion, as they must where every
// request counts: on a loaded machine, load balancers and nodes may send them requests for some time.
func Patient(backend string) string {
	return strings.NewReplacer("terminationGracePeriodSeconds: 5", "terminationGracePeriodSeconds: 30",
		"preStop: {sleep: {seconds: 2}}", "preStop: {sleep: {seconds: 15}}").Replace(backend)
}

// Service is a Service with port 80, named http, over the pods of a Backend of the same name. spec has further fields.
func Service(namespace, name, spec string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  selector: {app: %[2]s}
  ports: [{name: http, port: 80, targetPort: http}]
  %[3]s
---
`, namespace, name, spec)
}

// Path is one path of an Ingress. Without Service it goes to "web", without Port to the port named http, without Type
// it is a Prefix.
type Path struct {
	Host, Path, Service, Port, Type string
}

// Ingress is an Ingress of the class, which may be empty, with the paths; without any, "/" of every host. Health checks
// ask for /health unless the annotations set another path.
func Ingress(namespace, name, class string, annotations Annotations, paths ...Path) string {
	if len(paths) == 0 {
		paths = []Path{{Path: "/"}}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: %s\n  namespace: %s\n  "+
		"annotations:\n", name, namespace)
	all := Annotations{"alb.ingress.kubernetes.io/healthcheck-path": "/health"}
	for key, value := range annotations {
		if !strings.Contains(key, "/") {
			key = "alb.ingress.kubernetes.io/" + key
		}
		all[key] = value
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "    %s: %q\n", key, all[key])
	}
	b.WriteString("spec:\n")
	if class != "" {
		fmt.Fprintf(&b, "  ingressClassName: %s\n", class)
	}
	b.WriteString("  rules:\n")
	for _, p := range paths {
		service, port, pathType := cmp.Or(p.Service, "web"), cmp.Or(p.Port, "name: http"), cmp.Or(p.Type, "Prefix")
		b.WriteString("  - ")
		if p.Host != "" {
			fmt.Fprintf(&b, "host: %q\n    ", p.Host)
		}
		fmt.Fprintf(&b, "http: {paths: [{path: %q, pathType: %s, backend: {service: {name: %s, port: {%s}}}}]}\n", p.Path,
			pathType, service, port)
	}
	b.WriteString("---\n")
	return b.String()
}

// IngressClass is a class of ours that has the IngressClassParams of the same name, and these with the spec, in YAML's
// flow style, unless that is empty.
func IngressClass(name, params string) string {
	class := fmt.Sprintf(`apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: %[1]s}
spec:
  controller: ingress.k8s.aws/alb
  parameters: {apiGroup: elbv2.k8s.aws, kind: IngressClassParams, name: %[1]s}
---
`, name)
	if params == "" {
		return class
	}
	return Params(name, params) + class
}

// Params are IngressClassParams.
func Params(name, spec string) string {
	return fmt.Sprintf("apiVersion: elbv2.k8s.aws/v1beta1\nkind: IngressClassParams\nmetadata: {name: "+
		"%s}\nspec: %s\n---\n", name, spec)
}
