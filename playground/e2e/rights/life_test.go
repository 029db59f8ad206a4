package rights

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
	"github.com/k8s-lbc/lbc/playground/harness"
)

const ns = "whole"

// network is a Service with a network load balancer.
func network(namespace, name string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Service
metadata:
  name: %[2]s
  namespace: %[1]s
  annotations: {service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip, service.beta.kubernetes.io/aws-load-balancer-scheme: internet-facing}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
`, namespace, name)
}

// binding is a TargetGroupBinding that shares a target group of the user with other clusters.
func binding(t *testing.T, c *harness.Cluster, namespace, name string) string {
	t.Helper()
	out, err := c.Simulator.Balancing.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{
		Name: &name, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80), TargetType: elbtypes.TargetTypeEnumIp,
		VpcId: aws.String(c.Simulator.Seed().VPC.ID),
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`apiVersion: elbv2.k8s.aws/v1beta1
kind: TargetGroupBinding
metadata: {name: %[2]s, namespace: %[1]s}
spec: {targetGroupARN: "%[3]s", targetType: ip, multiClusterTargetGroup: true, serviceRef: {name: web, port: 80}}
---
`, namespace, name, *out.TargetGroups[0].TargetGroupArn)
}

// accelerator is a GlobalAccelerator in front of a Service.
func accelerator(namespace, name, service string) string {
	return fmt.Sprintf(`apiVersion: aga.k8s.aws/v1beta1
kind: GlobalAccelerator
metadata: {name: %[2]s, namespace: %[1]s}
spec: {listeners: [{protocol: TCP, portRanges: [{fromPort: 80, toPort: 80}], endpointGroups: [{endpoints: [{type: Service, name: %[3]s}]}]}]}
---
`, namespace, name, service)
}

const agents = `apiVersion: elbv2.k8s.aws/v1beta1
kind: ALBTargetControlConfig
metadata: {name: aws-load-balancer-controller-alb-target-control-agent-config, namespace: kube-system}
spec: {image: example.com/agent, dataAddress: "0.0.0.0:80", controlAddress: "0.0.0.0:3000", destinationAddress: "127.0.0.1:8080", maxConcurrency: 2}
---
`

// gateways are a Gateway of each class with each kind of route, and whatever they may refer to.
func gateways(namespace string) string {
	rule := func(more string) string {
		return fmt.Sprintf("parentRefs: [{name: %s}], rules: [{backendRefs: [{name: web, port: 80}]%s}]", "web", more)
	}
	to := func(section string) string {
		return fmt.Sprintf("parentRefs: [{name: net, sectionName: %s}], rules: [{backendRefs: [{name: web, port: 80}]}]",
			section)
	}
	alb := scene.Gateway(namespace, "web", "alb", "scheme: internet-facing", "name: http, protocol: HTTP, port: 80")
	alb = strings.Replace(alb, "  listeners:", "  allowedListeners: {namespaces: {from: Same}}\n  listeners:", 1)
	return scene.TargetGroups(namespace, "web",
		`targetReference: {group: "", kind: Service, name: web}, defaultConfiguration: {targetType: ip, healthCheckConfig: {healthCheckPath: /health}}`) +
		scene.RuleConfiguration(namespace, "web", "tags: {team: shop}") + alb +
		scene.Route("ListenerSet", namespace, "more", "parentRef: {name: web}, listeners: [{name: more, protocol: "+
			"HTTP, port: 8080}]") +
		scene.Route("HTTPRoute", namespace, "web", rule(", filters: [{type: ExtensionRef, extensionRef: {group: "+
			"gateway.k8s.aws, kind: ListenerRuleConfiguration, name: web}}]")) +
		scene.Route("GRPCRoute", namespace, "grpc", rule(", matches: [{method: {service: shop.Web}}]")) +
		scene.Route("BackendTLSPolicy", namespace, "tls",
			`targetRefs: [{group: "", kind: Service, name: web}], validation: {hostname: web.example.com, wellKnownCACertificates: System}`) +
		scene.Grant(namespace, "HTTPRoute", "other") +
		scene.Gateway(namespace, "net", "nlb", "scheme: internet-facing, listenerConfigurations: [{protocolPort: "+
			"\"TLS:443\", defaultCertificate: \""+certificate+"\"}]",
			"name: tcp, protocol: TCP, port: 80", "name: udp, protocol: UDP, port: 53",
			"name: tls, protocol: TLS, port: 443, tls: {mode: Terminate, options: {example.com/any: any}}") +
		scene.Route("TCPRoute", namespace, "tcp", to("tcp")) + scene.Route("UDPRoute", namespace, "udp", to("udp")) +
		scene.Route("TLSRoute", namespace, "tls", to("tls")+", hostnames: [www.example.com]")
}

const certificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"

// gatedNs is a namespace whose pods wait for their targets.
const gatedNs = "whole-gated"

// gated is a namespace whose pods wait for their targets, and are looked at for agents.
func gated(name string) string {
	return strings.Replace(scene.Namespace(name, 1), "{name: "+name+"}",
		"{name: "+name+", labels: {elbv2.k8s.aws/pod-readiness-gate-inject: enabled, "+
			"elbv2.k8s.aws/alb-target-control-agent-injection: enabled}}", 1)
}

// quicNs is a namespace whose pods get server ids.
const quicNs = "whole-quic"

// quic is a namespace whose pods get server ids.
func quic(name string) string {
	labelled := strings.Replace(scene.Namespace(name, 1), "{name: "+name+"}",
		"{name: "+name+", labels: {elbv2.k8s.aws/quic-server-id-inject: enabled}}", 1)
	return strings.Replace(labelled, "    metadata: {labels: {app: web}}", "    metadata: {labels: {app: web}, "+
		"annotations: {service.beta.kubernetes.io/aws-load-balancer-quic-enabled-containers: app}}", 1)
}

// live has the controller meet everything that it serves: created, edited, deleted, and a restart between.
func live(t *testing.T, c *harness.Cluster) {
	t.Helper()
	internal := scene.Annotations{"target-type": "ip"}
	all := agents + quic(quicNs) + gated(gatedNs) + scene.Ingress(gatedNs, "web", scene.Class, internal) +
		scene.Namespace(ns, 2) + scene.IngressClass("whole", "{scheme: internet-facing}") + scene.Ingress(ns, "web", "whole", internal) +
		network(ns, "net") + accelerator(ns, "web", "net") + binding(t, c, ns, "shared") + gateways(ns) +
		// the absence of its Gateway is confirmed by a read
		scene.Route("HTTPRoute", ns, "astray", "parentRefs: [{name: missing}], rules: [{backendRefs: [{name: "+
			"web, port: 80}]}]")
	scene.Change(t, c, all)
	c.IngressAddress(t, ns, "web")
	c.ServiceAddress(t, ns, "net")
	for _, g := range []string{"web", "net"} {
		scene.GatewayAddress(t, c, ns, g)
	}
	balancersReady(t, c, ns, 4)
	c.Kubectl(t, "wait", "--for=condition=Ready", "globalaccelerator", "web", "-n", ns, "--timeout="+
		harness.Timeout.String())
	c.IngressAddress(t, gatedNs, "web")
	for _, n := range []string{ns, gatedNs} { // other targets, which in one namespace have readiness gates
		c.Kubectl(t, "rollout", "restart", "deployment", "-n", n, "web")
	}
	for _, n := range []string{ns, gatedNs} {
		c.Kubectl(t, "rollout", "status", "deployment", "-n", n, "web", "--timeout="+harness.Timeout.String())
	}
	c.RestartController(t)
	c.Kubectl(t, "rollout", "restart", "deployment", "-n", quicNs, "web") // another process makes their server ids
	c.Kubectl(t, "rollout", "status", "deployment", "-n", quicNs, "web", "--timeout="+harness.Timeout.String())
	c.Kubectl(t, "annotate", "ingress", "-n", ns, "web", "alb.ingress.kubernetes.io/tags=team=shop")
	for _, g := range []string{"web", "net"} {
		scene.GatewayAddress(t, c, ns, g)
	}
	c.Kubectl(t, "delete", "ingressclassparams", "whole")
	c.Kubectl(t, "delete", "globalaccelerator", "web", "-n", ns, "--timeout="+harness.Timeout.String())
	c.Kubectl(t, "delete",
		"gateway,httproute,grpcroute,tcproute,udproute,tlsroute,listenerset,backendtlspolicy,referencegrant", "-n", ns,
		"--all", "--timeout="+harness.Timeout.String())
	c.Kubectl(t, "delete", "loadbalancerconfiguration,targetgroupconfiguration,listenerruleconfiguration", "-n", ns,
		"--all", "--timeout="+harness.Timeout.String())
	c.Kubectl(t, "delete", "ingress,targetgroupbinding", "-n", ns, "--all", "--timeout="+harness.Timeout.String())
	c.Kubectl(t, "delete", "service", "-n", gatedNs, "web") // that an Ingress names: its absence is confirmed by a read
	c.WaitEvent(t, "Ingress", gatedNs, "web", "BackendNotFound")
	c.Kubectl(t, "delete", "ingress", "-n", gatedNs, "--all", "--timeout="+harness.Timeout.String())
	c.Kubectl(t, "delete", "service", "-n", ns, "--all", "--timeout="+harness.Timeout.String())
	end(t, c, ns, gatedNs, quicNs)
	scene.WaitGone(t, c, scene.Marks(ns)...)
	c.WaitFor(t, "a look for a second controller", func(context.Context) error { // a life may be shorter than its pause
		if !slices.ContainsFunc(c.Requests(t), func(e auditv1.Event) bool {
			return e.Verb == "list" && e.ObjectRef != nil && e.ObjectRef.Resource == "leases"
		}) {
			return errors.New("no request lists Leases")
		}
		return nil
	})
	c.WaitFor(t, "the end of the LoadBalancer objects", func(context.Context) error {
		if left := scene.Query(t, c, "get", "lb", "-A", "-o", "name"); left != "" {
			return fmt.Errorf("left: %s", left)
		}
		return nil
	})
}

// balancersReady waits until as many LoadBalancer objects are ready.
func balancersReady(t *testing.T, c *harness.Cluster, namespace string, want int) {
	t.Helper()
	c.WaitFor(t, fmt.Sprintf("%d ready LoadBalancer objects in %s", want, namespace), func(context.Context) error {
		ready := scene.Query(t, c, "get", "lb", "-n", namespace, "-o",
			`jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}`)
		if n := strings.Count(ready, "True"); n != want {
			return fmt.Errorf("%d are: %s", n, ready)
		}
		return nil
	})
}
