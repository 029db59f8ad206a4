package soak

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// place is a namespace with the objects of one load balancer to which clients send requests.
type place struct {
	namespace string
	kind      string   // of the object that has the load balancer
	object    string   // its name
	backends  []string // Deployments and Services, each at the path of its name if there are several
	scheme    string   // of the clients' URL
}

var places = []place{
	{single, "ingress", "web", []string{"web"}, "http"},
	{group, "ingress", "a", []string{"a", "b"}, "http"},
	{gateway, "gateway", "web", []string{"web"}, "http"},
	{pods, "service", "web", []string{"web"}, "http"},
	{nodes, "service", "web", []string{"web"}, "http"},
	{netGateway, "gateway", "web", []string{"web"}, "http"},
	{secure, "ingress", "web", []string{"web"}, "https"},
}

// drain is for how many seconds of the machine's a pod that is asked to end goes on. The clock of the account runs
// faster than the machine's, and what the controller computes with it, but a killed leader keeps its successor waiting
// for 15 s, and a process starts no faster than elsewhere.
const drain = 45

// workload is a namespace and its Deployments, at first without pods: those that are made before there is a
// TargetGroupBinding have no readiness gate. Pods get what they need to be replaced without a lost request, but where
// clients reach none: a target of a group without a load balancer does not become healthy.
func workload(namespace string, names ...string) string {
	var b strings.Builder
	labels := "elbv2.k8s.aws/pod-readiness-gate-inject: enabled, elbv2.k8s.aws/pod-drain-inject: enabled"
	if namespace == bound || namespace == passing {
		labels = ""
	}
	fmt.Fprintf(&b, "apiVersion: v1\nkind: Namespace\nmetadata: {name: %s, labels: {%s}}\n---\n", namespace, labels)
	for _, name := range names {
		fmt.Fprintf(&b, `apiVersion: apps/v1
kind: Deployment
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  replicas: 0
  selector: {matchLabels: {app: %[2]s}}
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  template:
    metadata: {labels: {app: %[2]s}, annotations: {elbv2.k8s.aws/pod-drain-seconds: "%[3]d"}}
    spec:
      containers:
      - name: app
        image: example.com/app
        env: [{name: SERVICE_NAME, value: %[2]s}]
        ports: [{name: http, containerPort: 8080}, {name: other, containerPort: 8081}]
        readinessProbe: {httpGet: {path: /health, port: http}, periodSeconds: 1}
---
`, namespace, name, drain)
	}
	return b.String()
}

func backend(namespace, name string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Service\nmetadata: {name: %[2]s, namespace: %[1]s}\nspec:\n  type: "+
		"NodePort\n  selector: {app: %[2]s}\n  ports: [{name: http, port: 80, targetPort: 8080}]\n---\n", namespace, name)
}

// balanced is a Service of type LoadBalancer.
func balanced(namespace, name, targetType, policy string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata:
  name: %[2]s
  namespace: %[1]s
  annotations:
    service.beta.kubernetes.io/aws-load-balancer-scheme: internet-facing
    service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: %[3]s
    service.beta.kubernetes.io/aws-load-balancer-attributes: load_balancing.cross_zone.enabled=true
spec:
  type: LoadBalancer
  loadBalancerClass: service.k8s.aws/nlb
  externalTrafficPolicy: %[4]s
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
`, namespace, name, targetType, policy)
}

// facing are annotations of an Ingress that clients reach.
func facing(more scene.Annotations) scene.Annotations {
	all := scene.Annotations{"scheme": "internet-facing", "target-type": "ip"}
	for k, v := range more {
		all[k] = v
	}
	return all
}

// member is an Ingress of the group.
func member(name, service string) string {
	return scene.Ingress(group, name, scene.Class, facing(scene.Annotations{"group.name": "soak"}),
		scene.Path{Path: "/" + name, Service: service})
}

const (
	host = "soak.example.org"
	// onHTTP and onTCP are listeners of Gateways.
	onHTTP = "name: http, protocol: HTTP, port: 80"
	onTCP  = "name: tcp, protocol: TCP, port: 80"
	public = "scheme: internet-facing, defaultTargetGroupConfiguration: {name: targets}"
	across = `, loadBalancerAttributes: [{key: load_balancing.cross_zone.enabled, value: "true"}]`
)

// targets is a TargetGroupConfiguration with the path of the health check.
func targets(namespace, path string) string {
	return scene.TargetGroups(namespace, "targets", "defaultConfiguration: {targetType: ip, healthCheckConfig: "+
		"{healthCheckProtocol: HTTP, healthCheckPath: "+path+"}}")
}

// route is the HTTPRoute of a Gateway with rules for the paths.
func route(namespace string, paths ...string) string {
	var rules []string
	for _, p := range paths {
		rules = append(rules, "{matches: [{path: {type: PathPrefix, value: "+p+"}}], backendRefs: [{name: web, port: 80}]}")
	}
	return scene.Route("HTTPRoute", namespace, "web", "parentRefs: [{name: web}], rules: ["+strings.Join(rules, ", ")+"]")
}

// className is the IngressClass whose parameters are edited.
const className = "soak"

func classParams(team string) string { return "{tags: [{key: team, value: " + team + "}]}" }

// objects is everything that there is at first but for Deployments' pods; arn is the target group of the user's.
func objects(arn string) (string, error) {
	secret, err := secretWith(1)
	if err != nil {
		return "", err
	}
	onSecret := scene.Ingress(secure, "web", scene.Class, facing(scene.Annotations{"import-tls-secrets": "true"}))
	return strings.Join([]string{
		scene.IngressClass(className, classParams("a")),
		workload(single, "web"), backend(single, "web"), scene.Ingress(single, "web", className, facing(nil)),
		workload(group, "a", "b"), backend(group, "a"), backend(group, "b"), member("a", "a"), member("b", "b"),
		workload(gateway, "web"), backend(gateway, "web"), targets(gateway, "/health"), scene.Gateway(gateway, "web", "alb",
			public, onHTTP), route(gateway, "/"),
		workload(pods, "web"), balanced(pods, "web", "ip", "Cluster"),
		workload(nodes, "web"), balanced(nodes, "web", "instance", "Local"),
		workload(netGateway, "web"), backend(netGateway, "web"), targets(netGateway, "/health"),
		scene.Gateway(netGateway, "web", "nlb", public+across, onTCP),
		scene.Route("TCPRoute", netGateway, "web", "parentRefs: [{name: web}], rules: [{backendRefs: [{name: "+
			"web, port: 80}]}]"),
		workload(secure, "web"), backend(secure, "web"), secret, strings.TrimSuffix(onSecret, "---\n") +
			"  tls: [{secretName: web-tls, hosts: [" + host + "]}]\n---\n",
		workload(bound, "web", "other"), backend(bound, "web"), backend(bound, "other"), binding(arn),
		workload(passing, "web"), backend(passing, "web"),
	}, ""), nil
}

func binding(arn string) string {
	return fmt.Sprintf("apiVersion: elbv2.k8s.aws/v1beta1\nkind: TargetGroupBinding\nmetadata: {name: bound, namespace: "+
		"%s}\nspec: {targetGroupARN: %q, serviceRef: {name: web, port: http}}\n---\n", bound, arn)
}

// comesAndGoes are the objects of the action "makes or deletes", by namespace and name.
var comesAndGoes = map[string]string{
	group + " c":         member("c", "a"),
	passing + " ingress": scene.Ingress(passing, "ingress", className, facing(nil)),
	passing + " service": balanced(passing, "service", "ip", "Cluster"),
	passing + " gateway": scene.Gateway(passing, "gateway", "alb", "scheme: internet-facing", onHTTP),
}

// secretWith is a Secret with a new certificate of a serial number.
func secretWith(serial int64) (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	text := func(kind string, der []byte) string {
		return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: web-tls, namespace: %s}\ntype: "+
		"kubernetes.io/tls\ndata: {tls.crt: %s, tls.key: %s}\n---\n",
		secure, text("CERTIFICATE", der), text("PRIVATE KEY", private)), nil
}
