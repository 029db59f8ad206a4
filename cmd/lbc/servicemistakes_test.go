package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestLintReportsEachMistakeInAServiceOnItsField has no account: what it says is known of the object alone. Each
// Service has one mistake.
func TestLintReportsEachMistakeInAServiceOnItsField(t *testing.T) {
	t.Parallel()
	const ports = "ports: [{name: a, port: 80, nodePort: 30080}]"
	for _, test := range []struct {
		annotation, value string // without service.beta.kubernetes.io/
		spec              string // besides type and class; "" = with one port of TCP
		field             string // "" = the annotation
		code, remedy      string
	}{
		{annotation: "aws-load-balancer-name", value: strings.Repeat("a", 33), code: "NameTooLong",
			remedy: "choose a shorter name"},
		{annotation: "aws-load-balancer-name", value: "-web", code: "InvalidAnnotation", remedy: "end with a hyphen"},
		{annotation: "aws-load-balancer-name", value: "internal-web", code: "InvalidAnnotation",
			remedy: "begin with internal-"},
		{annotation: "aws-load-balancer-scheme", value: "public", code: "InvalidAnnotation",
			remedy: "write internal or internet-facing"},
		{annotation: "aws-load-balancer-internal", value: "maybe", code: "InvalidAnnotation", remedy: "write true or false"},
		{annotation: "aws-load-balancer-ip-address-type", value: "ipv6", code: "InvalidAnnotation",
			remedy: "write ipv4 or dualstack"},
		{annotation: "aws-load-balancer-ssl-cert", value: "web", code: "InvalidAnnotation", remedy: "arn:aws:acm:"},
		{annotation: "aws-load-balancer-ssl-ports", value: "443", code: "InvalidAnnotation",
			remedy: "name ports of the Service"},
		{annotation: "aws-load-balancer-alpn-policy", value: "http2", code: "InvalidAnnotation", remedy: "HTTP2Preferred"},
		{annotation: "aws-load-balancer-healthcheck-protocol", value: "udp", code: "InvalidAnnotation",
			remedy: "write tcp, http or https"},
		{annotation: "aws-load-balancer-healthcheck-port", value: "70000", code: "InvalidAnnotation", remedy: "1 to 65535"},
		{annotation: "aws-load-balancer-proxy-protocol", value: "on", code: "InvalidAnnotation", remedy: "*"},
		{annotation: "aws-load-balancer-inbound-sg-rules-on-private-link-traffic", value: "yes", code: "InvalidAnnotation",
			remedy: "write on or off"},
		{annotation: "aws-load-balancer-enable-prefix-for-ipv6-source-nat", value: "yes", code: "InvalidAnnotation",
			remedy: "write on or off"},
		{annotation: "load-balancer-source-ranges", value: "10.0.0.0/33", code: "InvalidAnnotation",
			remedy: "198.51.100.0/24"},
		{annotation: "aws-load-balancer-security-group-prefix-lists", value: "office", code: "InvalidAnnotation",
			remedy: "pl-0123456789abcdef0"},
		{annotation: "aws-load-balancer-target-node-labels", value: "key1=value1, invalid", code: "InvalidAnnotation",
			remedy: "key=value"},
		{annotation: "aws-load-balancer-additional-resource-tags", value: "aws:owner=web", code: "InvalidAnnotation",
			remedy: "remove it, or choose another key"},
		{annotation: "aws-load-balancer-eip-allocations", value: "198.51.100.7", code: "InvalidAnnotation",
			remedy: "eipalloc-0123456789abcdef0"},
		{annotation: "aws-load-balancer-minimum-load-balancer-capacity", value: "Units=1", code: "InvalidAnnotation",
			remedy: "CapacityUnits=<number>"},
		{annotation: "aws-load-balancer-proxy-protocol-per-target-group", value: "81", code: "IgnoredSetting",
			remedy: "name a port of the Service by its number"},
		{annotation: "aws-load-balancer-schem", value: "internal", code: "UnknownAnnotation",
			remedy: "did you mean service.beta.kubernetes.io/aws-load-balancer-scheme?"},
		{annotation: "actions.TCP-80", value: `{"type": "redirect"}`, code: "InvalidAnnotation", remedy: `{"type":"forward"`},
		{annotation: "actions.TCP-80",
			value: `{"type": "forward", "forwardConfig": {"targetGroups": [{"serviceName": "gone", "servicePort": 80, "weight": 1}]}}`,
			code:  "BackendLeftOut", remedy: "create the Service"},
		{spec: "ports: [{port: 80, nodePort: 30080, protocol: SCTP}]", field: "spec.ports[0].protocol", code: "InvalidRule",
			remedy: "use TCP or UDP"},
		{spec: "allocateLoadBalancerNodePorts: false, ports: [{port: 80}]", field: "spec.ports[0]", code: "WrongServiceType",
			remedy: "nlb-target-type: ip"},
		{spec: "loadBalancerSourceRanges: [office], " + ports, field: "spec.loadBalancerSourceRanges",
			code: "InvalidAnnotation", remedy: "198.51.100.0/24"},
		{spec: "loadBalancerIP: 198.51.100.7, " + ports, field: "spec.loadBalancerIP", code: "IgnoredSetting",
			remedy: "aws-load-balancer-eip-allocations"},
		{spec: "ports: []", field: "spec.ports", code: "IgnoredSetting", remedy: "add ports"},
	} {
		const prefix = "service.beta.kubernetes.io/"
		metadata := "name: web"
		if test.annotation != "" {
			metadata += fmt.Sprintf(", annotations: {%s: '%s'}", prefix+test.annotation, test.value)
			test.field = "metadata.annotations[" + prefix + test.annotation + "]"
		}
		if test.spec == "" {
			test.spec = ports
		}
		out, _, _ := lbc(t, "apiVersion: v1\nkind: Service\nmetadata: {"+metadata+
			"}\nspec: {type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb, "+test.spec+"}\n", "lint", "-")
		lines, told := strings.Split(out, "\n"), false
		for i, line := range lines[1:] {
			told = told || strings.Contains(lines[i], "Service default/web: ") && strings.Contains(lines[i], "("+test.field+
				") ["+test.code+"]") &&
				strings.HasPrefix(line, "  → ") && strings.Contains(line, test.remedy)
		}
		if !told {
			t.Errorf("%s %s %s, want %s with %q at %s:\n%s", test.annotation, test.value, test.spec, test.code, test.remedy,
				test.field, out)
		}
	}
}
