package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const unserved = `
apiVersion: v1
kind: Service
metadata:
  name: dns
  annotations: {service.beta.kubernetes.io/aws-load-balancer-type: external}
spec: {type: LoadBalancer, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {name: class}
spec: {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nbl, ports: [{port: 80, targetPort: 8080, nodePort: 30081}]}
---
apiVersion: v1
kind: Service
metadata:
  name: lists
  annotations:
    service.beta.kubernetes.io/aws-load-balancer-security-group-prefix-lists: ""
spec: {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, ports: [{port: 80, targetPort: 8080, nodePort: 30082}]}
---
apiVersion: v1
kind: Service
metadata:
  name: udp
  annotations: {service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip}
spec: {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, ports: [{port: 53, protocol: UDP, targetPort: 5353, nodePort: 30083}]}
`

// TestLintReadsServicesWithoutClass: the webhook gives them the class of the controller when they are created.
func TestLintReadsServicesWithoutClass(t *testing.T) {
	t.Parallel()
	const manifest = `
apiVersion: v1
kind: Service
metadata: {name: web%s}
spec: {type: LoadBalancer%s, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
`
	const ipv6, wrong = ", ipFamilies: [IPv6]",
		", annotations: {service.beta.kubernetes.io/aws-load-balancer-scheme: outside}"
	for of, want := range map[string]struct{ metadata, class, count string }{
		"no class, IPv6":      {class: ipv6, count: "1 error, 0 warnings, 1 note"},
		"no class, annotated": {metadata: wrong, count: "1 error, 0 warnings, 1 note"},
		"no class, plain":     {count: "0 errors, 0 warnings, 0 notes"},
		"the class": {class: ipv6 + ", loadBalancerClass: service.k8s.aws/nlb",
			count: "1 error, 0 warnings, 0 notes"},
		"another class": {class: ipv6 + ", loadBalancerClass: example.com/lb", count: "0 errors, 0 warnings, 0 notes"},
		"the cloud provider's": {metadata: ", annotations: {service.beta.kubernetes.io/aws-load-balancer-type: nlb}",
			class: ipv6, count: "0 errors, 0 warnings, 0 notes"},
	} {
		out, _, err := lbc(t, fmt.Sprintf(manifest, want.metadata, want.class), "lint", "-")
		if !strings.Contains(out, want.count) || (err == nil) != strings.HasPrefix(want.count, "0") {
			t.Errorf("%s: %v\n%s", of, err, out)
		}
		if assumed := strings.Contains(out, "it is assumed to get service.k8s.aws/nlb"); assumed != strings.HasSuffix(
			want.count, "1 note") {
			t.Errorf("%s: assumed %t\n%s", of, assumed, out)
		}
	}
}

func TestLintNotesUnreachableAndUnservedServices(t *testing.T) {
	t.Parallel()
	out, _, err := lbc(t, unserved, "lint", "-")
	for _, want := range []string{
		`Service default/dns: target type "" is not ip or instance, so no controller serves this Service`,
		"Service default/class: this controller serves Services of class service.k8s.aws/nlb and leaves this one, of class " +
			"service.k8s.aws/nbl, to another controller",
		"Service default/lists: annotation service.beta.kubernetes.io/aws-load-balancer-security-group-prefix-lists is " +
			"empty, so the security group of the load balancer admits no client",
		"[UnansweredHealthCheck]", "[NoClientAdmitted]", "[NotServed]", "0 errors, 0 warnings, 4 notes",
	} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%v, no %q in:\n%s", err, want, out)
		}
	}
}

// TestPlanKeepsLoadBalancerOfServiceUnderOtherFlags plans a Service that has a load balancer.
func TestPlanKeepsLoadBalancerOfServiceUnderOtherFlags(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "service.yaml")
	if err := os.WriteFile(file, []byte(`
apiVersion: v1
kind: Service
metadata: {name: net, namespace: shop, uid: uid-net, finalizers: [service.k8s.aws/resources]}
spec: {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]string{
		"--load-balancer-class=example.com/nlb": "and --load-balancer-class is example.com/nlb; the load balancer " +
			"does not change",
		"--feature-gates=EnableServiceController=false": "the feature gate EnableServiceController is off; the load " +
			"balancer does not change",
	} {
		out, _, _ := lbc(t, "", "plan", "-f", file, flag)
		if !strings.Contains(out, want) || strings.Contains(out, "DeleteLoadBalancer") {
			t.Errorf("%s:\n%s", flag, out)
		}
	}
}
