package badinput

import "github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"

const (
	knownCertificate   = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"
	unknownCertificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de00f-0000-4000-8000-00000000000f"
)

// annotated is an Ingress web with annotations, given as key, value, key, value …
func annotated(pairs ...string) func(string) string {
	return func(namespace string) string {
		a := scene.Annotations{}
		for i := 0; i < len(pairs); i += 2 {
			a[pairs[i]] = pairs[i+1]
		}
		return scene.Ingress(namespace, "web", scene.Class, a)
	}
}

// annotation is the row of a bad annotation of an Ingress, corrected by leaving it out.
func annotation(namespace, key, value string, contains ...string) mistake {
	return mistake{
		name: namespace, bad: annotated(key, value), good: annotated(), reason: "FailedBuildModel", warning: true,
		contains: append([]string{"alb.ingress.kubernetes.io/" + key}, contains...),
	}
}

func only(paths ...scene.Path) func(string) string {
	return func(namespace string) string { return scene.Ingress(namespace, "web", scene.Class, nil, paths...) }
}

func ofClass(class func(namespace string) string) func(string) string {
	return func(namespace string) string {
		return class(namespace) + scene.Ingress(namespace, "web", namespace, nil)
	}
}

var mistakes = []mistake{
	{
		name: "json", reason: "FailedBuildModel", warning: true,
		bad: func(ns string) string {
			return scene.Ingress(ns, "web", scene.Class, scene.Annotations{"actions.go": `{"type": "forward"`},
				scene.Path{Path: "/", Service: "go", Port: "name: use-annotation"})
		},
		good: func(ns string) string {
			return scene.Ingress(ns, "web", scene.Class, scene.Annotations{
				"actions.go": `{"type": "forward", "forwardConfig": {"targetGroups": [{"serviceName": "web", "servicePort": "http"}]}}`,
			}, scene.Path{Path: "/", Service: "go", Port: "name: use-annotation"})
		},
		contains: []string{"alb.ingress.kubernetes.io/actions.go", "not valid JSON"},
	},
	annotation("bool", "multi-cluster-target-group", "maybe", "maybe", "true or false"),
	annotation("word", "healthcheck-interval-seconds", "soon", "soon", "whole number"),
	annotation("range", "healthcheck-interval-seconds", "4000", "4000", "5", "300"),
	annotation("choice", "scheme", "public", "public", "internal", "internet-facing"),
	annotation("ports", "listen-ports", `[{"HTTP": 70000}]`, "70000", "65535"),
	annotation("cidr", "inbound-cidrs", "10.0.0.0", "10.0.0.0", "10.0.0.0/32"),
	annotation("toolong", "load-balancer-name", "a-name-that-is-longer-than-aws-admits", "32 characters"),
	annotation("nogroup", "security-groups", "sg-0a1de00000000dead", "sg-0a1de00000000dead"),
	annotation("nosubnet", "subnets", "subnet-0a1de00000000dead, subnet-0a1de00000000beef", "subnet-0a1de00000000dead"),
	{
		name: "order", bad: annotated("group.order", "2000"), good: annotated(), reason: "FailedLoadGroupID", warning: true,
		contains: []string{"2000", "-1000", "1000", "group.order"},
	},
	{
		name: "groupname", bad: annotated("group.name", "Not_A_Name"), good: annotated(), reason: "FailedLoadGroupID",
		warning:  true,
		contains: []string{"Not_A_Name", "lower-case", "group.name"},
	},
	{
		name: "spelling", bad: annotated("helthcheck-path", "/health"), good: annotated(), reason: "UnknownAnnotation",
		warning: true, serves: true,
		contains: []string{"alb.ingress.kubernetes.io/helthcheck-path", "did you mean",
			"alb.ingress.kubernetes.io/healthcheck-path"},
	},
	{
		name: "noservice", bad: only(scene.Path{Path: "/", Service: "missing"}), good: only(), reason: "BackendNotFound",
		warning: true, status: 503,
		contains: []string{"noservice/missing", "spec.rules[0].http.paths[0].backend", "create the Service"},
	},
	{
		name: "noport", bad: only(scene.Path{Path: "/", Port: "number: 8443"}), good: only(), reason: "FailedBuildModel",
		warning:  true,
		contains: []string{"8443", "noport/web", "spec.rules[0].http.paths[0].backend", "80"},
	},
	{
		name: "clusterip", reason: "FailedBuildModel", warning: true,
		bad: func(ns string) string {
			return scene.Service(ns, "inner", "type: ClusterIP") + scene.Ingress(ns, "web", scene.Class, nil,
				scene.Path{Path: "/", Service: "inner"})
		},
		good: func(ns string) string {
			return scene.Service(ns, "inner", "type: NodePort\n  selector: {app: web}") + scene.Ingress(ns, "web", scene.Class,
				nil, scene.Path{Path: "/", Service: "inner"})
		},
		contains: []string{"clusterip/inner", "ClusterIP", "NodePort", "target-type"},
	},
	{
		name: "subnets", bad: annotated("scheme", "internet-facing"), good: annotated("scheme", "internal"),
		reason: "FailedBuildModel", warning: true,
		contains: []string{
			"subnet-0a1de0000000000a1 (us-west-2a) dropped", "subnet-0a1de0000000000b1 (us-west-2b) dropped", "other",
			"subnet-0a1de0000000000c1 (us-west-2c) chosen", "two availability zones",
		},
	},
	{
		name: "certificate", reason: "FailedDeployModel", warning: true,
		bad:      annotated("certificate-arn", unknownCertificate),
		good:     annotated("certificate-arn", knownCertificate),
		contains: []string{unknownCertificate, "certificate-arn", "us-west-2"},
	},
	{
		name: "certhost", reason: "FailedBuildModel", warning: true,
		bad: func(ns string) string {
			return scene.Ingress(ns, "web", scene.Class, scene.Annotations{"listen-ports": `[{"HTTPS": 443}]`},
				scene.Path{Host: "www.example.net", Path: "/"})
		},
		good:     annotated("listen-ports", `[{"HTTPS": 443}]`, "certificate-arn", knownCertificate),
		contains: []string{"www.example.net", "spec.rules", "certificate-arn"},
	},
	{
		name: "noparams", reason: "FailedLoadGroupID", warning: true,
		bad:  ofClass(func(ns string) string { return scene.IngressClass(ns, "") }),
		good: func(ns string) string { return scene.Params(ns, "{scheme: internal}") },
		contains: []string{`IngressClassParams "noparams"`, "spec.ingressClassName",
			"create the IngressClassParams"},
	},
	{
		name: "noclass", refused: true,
		bad:  ofClass(func(string) string { return "" }),
		good: func(ns string) string { return scene.IngressClass(ns, "{scheme: internal}") },
		contains: []string{`IngressClass "noclass" does not exist`, "spec.ingressClassName",
			"create the IngressClass"},
	},
	{
		name: "selector", refused: true,
		bad: ofClass(func(ns string) string {
			return scene.IngressClass(ns, "{namespaceSelector: {matchLabels: {team: shop}}}")
		}),
		good: func(ns string) string {
			return "apiVersion: v1\nkind: Namespace\nmetadata: {name: " + ns + ", labels: {team: shop}}\n"
		},
		contains: []string{"namespaceSelector of IngressClassParams selector", "team=shop",
			"add the labels of the selector to the namespace"},
	},
	{
		name: "attribute", reason: "FailedBuildModel", warning: true,
		bad:      annotated("load-balancer-attributes", "idle_timeout.timeout_seconds=99999"),
		good:     annotated("load-balancer-attributes", "idle_timeout.timeout_seconds=99"),
		contains: []string{"idle_timeout.timeout_seconds", "99999", "alb.ingress.kubernetes.io/load-balancer-attributes"},
	},
	{
		name: "wildcard", reason: "FailedBuildModel", warning: true,
		bad: only(scene.Path{Path: "/a*"}), good: only(),
		contains: []string{"/a*", "wildcards", "spec.rules[0].http.paths[0].path", "ImplementationSpecific"},
	},
	{
		name: "nlbbool", kind: "Service", object: "balanced", reason: "FailedBuildModel", warning: true,
		bad:      balanced("service.beta.kubernetes.io/aws-load-balancer-cross-zone-load-balancing-enabled: perhaps"),
		good:     balanced("service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip"),
		contains: []string{"perhaps", "aws-load-balancer-cross-zone-load-balancing-enabled"},
	},
}

// balanced is a Service "balanced" of ours with an annotation, over the pods of web.
func balanced(annotation string) func(string) string {
	return func(namespace string) string {
		return `apiVersion: v1
kind: Service
metadata:
  name: balanced
  namespace: ` + namespace + `
  annotations:
    ` + annotation + `
spec:
  type: LoadBalancer
  loadBalancerClass: service.k8s.aws/nlb
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
`
	}
}
