package gateway

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// configured is a Gateway with one configuration of its own.
func configured(class, listeners, spec string) string {
	return "Gateway shop/web {spec: {gatewayClassName: " + class +
		", infrastructure: {parametersRef: {group: gateway.k8s.aws, kind: LoadBalancerConfiguration, name: " +
		"own}}, listeners: [" + listeners + "]}}\n" +
		"LoadBalancerConfiguration shop/own {spec: {" + spec + "}}\n"
}

const (
	httpListener = "{name: a, port: 80, protocol: HTTP}"
	tcpListener  = "{name: a, port: 80, protocol: TCP}"
)

func TestEverySettingNamesItsConfigurationAndField(t *testing.T) {
	t.Parallel()
	m, _ := translated(t, albKey(), configured("alb", httpListener,
		`loadBalancerName: front, scheme: internet-facing, ipAddressType: dualstack, customerOwnedIpv4Pool: coip, ipv4IPAMPoolId: ipam,
		loadBalancerSubnets: [{identifier: subnet-1}, {identifier: b}], securityGroups: [sg-1, web], manageBackendSecurityGroupRules: true,
		loadBalancerAttributes: [{key: idle_timeout.timeout_seconds, value: "120"}], tags: {team: shop}, minimumLoadBalancerCapacity: {capacityUnits: 100},
		wafV2: {webACL: "arn:waf"}, shieldConfiguration: {enabled: true}`))
	s := m.Settings
	for field, got := range map[string]struct {
		source intent.Source
		ok     bool
	}{
		"loadBalancerName":      {s.Name.Source, s.Name.Value == "front"},
		"scheme":                {s.Scheme.Source, s.Scheme.Value == stack.InternetFacing},
		"ipAddressType":         {s.IPAddressType.Source, s.IPAddressType.Value == stack.Dualstack},
		"customerOwnedIpv4Pool": {s.AddOns.CustomerOwnedPool.Source, s.AddOns.CustomerOwnedPool.Value == "coip"},
		"ipv4IPAMPoolId":        {s.AddOns.IPAMPool.Source, s.AddOns.IPAMPool.Value == "ipam"},
		"loadBalancerSubnets": {s.Subnets.Source, cmp.Equal(s.Subnets.Value.IDsOrNames,
			[]string{"subnet-1", "b"})},
		"securityGroups": {s.SecurityGroups.Source, cmp.Equal(s.SecurityGroups.Value,
			[]string{"sg-1", "web"})},
		"manageBackendSecurityGroupRules": {s.ManageBackend.Source, s.ManageBackend.Value},
		"loadBalancerAttributes[idle_timeout.timeout_seconds]": {s.Attributes["idle_timeout.timeout_seconds"].Source,
			s.Attributes["idle_timeout.timeout_seconds"].Value == "120"},
		"tags[team]": {s.Tags["team"].Source, s.Tags["team"].Value == "shop"},
		"minimumLoadBalancerCapacity.capacityUnits": {s.AddOns.Capacity.Source, s.AddOns.Capacity.Value == 100},
		"wafV2.webACL":                {s.AddOns.WebACL.Source, s.AddOns.WebACL.Value == "arn:waf"},
		"shieldConfiguration.enabled": {s.AddOns.Shield.Source, s.AddOns.Shield.Value},
	} {
		if want := "spec." + field + " of LoadBalancerConfiguration shop/own"; !got.ok || got.source.Place() != want {
			t.Errorf("%s: %v, from %q, want %q", field, got.ok, got.source.Place(), want)
		}
	}
	if len(m.Diagnostics) > 0 {
		t.Error(findings(m.Diagnostics))
	}
}

func TestInfrastructureLabelsAndAnnotationsAreForBindings(t *testing.T) {
	t.Parallel()
	v := objects.FromObjects(
		decode(t, classes+`Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: a, port: 80, protocol: HTTP}],
		infrastructure: {labels: {team: shop, ingress.k8s.aws/stack: theirs}, annotations: {example.com/cost: "7"}}}}
`))
	lb, _ := Translate(v, defaults(), Load(v, defaults(), albKey()), false)
	if !cmp.Equal(lb.BindingLabels, map[string]string{"team": "shop"}) || !cmp.Equal(lb.BindingAnnotations,
		map[string]string{"example.com/cost": "7"}) {
		t.Error(lb.BindingLabels, lb.BindingAnnotations)
	}
	if got := findings(lb.Members[0].Diagnostics); !strings.HasPrefix(got,
		"IgnoredSetting spec.infrastructure.labels[ingress.k8s.aws/stack]: ") || strings.Contains(got, "\n") {
		t.Error(got)
	}
}

// TestFieldsOfGatewaysThatNothingIsMadeOfAreNoted has each field of Gateways and ListenerSets without effect. That of
// routes is in package route.
func TestFieldsOfGatewaysThatNothingIsMadeOfAreNoted(t *testing.T) {
	t.Parallel()
	for field, path := range map[string]string{
		"tls: {backend: {clientCertificateRef: {name: client}}}": "spec.tls.backend",
		"defaultScope: All": "spec.defaultScope",
		"infrastructure: {labels: {gateway.k8s.aws.alb/stack: theirs}}":             "spec.infrastructure.labels[gateway.k8s.aws.alb/stack]",
		"infrastructure: {annotations: {ingress.k8s.aws/stack: theirs}}":            "spec.infrastructure.annotations[ingress.k8s.aws/stack]",
		"defaultScope: None, infrastructure: {labels: {a: b}, annotations: {c: d}}": "",
	} {
		m, _ := translated(t, albKey(), "Gateway shop/web {spec: {gatewayClassName: alb, listeners: [{name: a, port: 80, "+
			"protocol: HTTP}], "+field+"}}")
		if got := findings(m.Diagnostics); path == "" && got != "" || path != "" &&
			(!strings.HasPrefix(got, "IgnoredSetting "+path+": ") || !strings.Contains(got, "so this setting has no effect") ||
				strings.Contains(got, "\n")) {
			t.Errorf("%s: %q", field, got)
		}
	}
	m, _ := translated(t, albKey(),
		`Gateway shop/web {spec: {gatewayClassName: alb, allowedListeners: {namespaces: {from: Same}}, listeners: [{name: a, port: 443, protocol: HTTPS, tls: {options: {example.com/a: b}}}]}}
ListenerSet shop/set {spec: {parentRef: {name: web}, listeners: [{name: b, port: 444, protocol: HTTPS, tls: {options: {example.com/a: b}}}]}}
`)
	for _, path := range []string{"spec.listeners[0].tls.options",
		"spec.listeners[0].tls.options of ListenerSet shop/set"} {
		if !slices.ContainsFunc(m.Diagnostics, func(d diag.Diagnostic) bool {
			return d.Code == diag.IgnoredSetting &&
				d.Path == path
		}) {
			t.Errorf("%s: %s", path, findings(m.Diagnostics))
		}
	}
}

func TestTheSettingsOfANetworkLoadBalancer(t *testing.T) {
	t.Parallel()
	m, _ := translated(t, nlbKey(), configured("nlb", tcpListener,
		`disableSecurityGroup: true, sourceRanges: [192.0.2.0/24], securityGroupPrefixes: [pl-1], enableICMP: true,
		loadBalancerSubnetsSelector: {tier: [front, edge]}, minimumLoadBalancerCapacity: {capacityUnits: 5}`))
	s, l := m.Settings, m.Listeners[0]
	if !s.NoSecurityGroups.Value || !cmp.Equal(s.Subnets.Value.Tags, map[string][]string{"tier": {"front", "edge"}}) ||
		s.AddOns.Capacity.Value != 5 {
		t.Errorf("%+v", s)
	}
	if !cmp.Equal(l.InboundCIDRs.Value, []string{"192.0.2.0/24"}) || !cmp.Equal(l.PrefixLists.Value, []string{"pl-1"}) ||
		l.ICMP.Value != "on" {
		t.Errorf("%+v", l)
	}
	m, _ = translated(t, nlbKey(), configured("nlb", tcpListener,
		`loadBalancerSubnets: [{eipAllocation: eipalloc-1, sourceNatIPv6Prefix: auto_assigned}, {eipAllocation: eipalloc-2, sourceNatIPv6Prefix: "2001:DB8::1/80"}], scheme: internet-facing, ipAddressType: dualstack,
		enforceSecurityGroupInboundRulesOnPrivateLinkTraffic: "off"`))
	if want := []stack.SubnetMapping{{AllocationID: "eipalloc-1", SourceNATPrefix: "auto_assigned"},
		{AllocationID: "eipalloc-2", SourceNATPrefix: "2001:db8::/80"}}; !cmp.Equal(m.Settings.Mappings.Value, want) ||
		m.Settings.SourceNAT.Value != "on" || m.Settings.PrivateLinkRules.Value != "off" || m.Settings.Subnets.Set ||
		len(m.Diagnostics) > 0 {
		t.Errorf("%+v", m.Settings)
	}
	m, _ = translated(t, nlbKey(), configured("nlb", tcpListener,
		`loadBalancerSubnets: [{privateIPv4Allocation: 10.0.0.9, ipv6Allocation: "2001:DB8::1"}], scheme: internal, ipAddressType: dualstack`))
	if want := []stack.SubnetMapping{{PrivateIPv4: "10.0.0.9", IPv6: "2001:db8::1"}}; !cmp.Equal(m.Settings.Mappings.Value,
		want) || len(m.Diagnostics) > 0 {
		t.Errorf("%+v, %s", m.Settings, findings(m.Diagnostics))
	}
}

func TestContradictorySettingsAreRefusedInContractsWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ class, spec, want string }{
		{"alb", "loadBalancerSubnets: [{identifier: a}, {eipAllocation: x}]",
			"Either specify all subnet identifiers or none."},
		{"nlb", "loadBalancerSubnets: [{eipAllocation: x}, {identifier: a}]", "Either specify all EIP allocations or none."},
		{"nlb", "loadBalancerSubnets: [{privateIPv4Allocation: 10.0.0.1}, {}]",
			"Either specify all private IPv4 addresses or none."},
		{"nlb", "ipAddressType: dualstack, loadBalancerSubnets: [{ipv6Allocation: '::1'}, {}]",
			"Either specify all IPv6 addresses or none."},
		{"nlb", "loadBalancerSubnets: [{sourceNatIPv6Prefix: auto_assigned}, {}]",
			"Either specify all source NAT prefixes or none."},
		{"alb", "loadBalancerSubnets: [{eipAllocation: x}]", "EIP allocations can only be set for Network Load Balancers"},
		{"alb", "loadBalancerSubnets: [{sourceNatIPv6Prefix: auto_assigned}]",
			"source NAT prefixes can only be set for Network Load Balancers"},
		{"nlb", "scheme: internal, loadBalancerSubnets: [{eipAllocation: x}]",
			"Elastic IP addresses need an internet-facing load balancer"},
		{"nlb", "scheme: internet-facing, loadBalancerSubnets: [{privateIPv4Allocation: 10.0.0.1}]",
			"private IPv4 addresses can only be set for internal load balancers"},
		{"nlb", "loadBalancerSubnets: [{ipv6Allocation: '::1'}]",
			"IPv6 addresses can only be set for dualstack load balancers"},
		{"nlb", "loadBalancerSubnets: [{privateIPv4Allocation: ten}]",
			"private IPv4 addresses must be valid IP address: ten"},
		{"nlb", "loadBalancerSubnets: [{privateIPv4Allocation: '::1'}]",
			"private IPv4 addresses must be valid IPv4 address: ::1"},
		{"nlb", "loadBalancerSubnets: [{sourceNatIPv6Prefix: auto_assigned}]",
			"source NAT prefixes can only be set for dualstack load balancers"},
		{"nlb", "ipAddressType: dualstack, loadBalancerSubnets: [{sourceNatIPv6Prefix: 10.0.0.0/8}]",
			"value must be a valid IPv6 CIDR"},
		{"nlb", "ipAddressType: dualstack, loadBalancerSubnets: [{sourceNatIPv6Prefix: '2001:db8::/64'}]",
			"prefix length must be 80, but 64 is specified"},
		{"nlb", "enforceSecurityGroupInboundRulesOnPrivateLinkTraffic: sometimes", `"sometimes" is neither on nor off`},
		{"alb", "sourceRanges: [anywhere]", `source range "anywhere" is not an address range`},
		{"nlb", "listenerConfigurations: [{protocolPort: 'TCP:80', quicEnabled: true}]",
			"QUIC protocol upgrade not supported for protocol TCP"},
	} {
		key, listener := albKey(), httpListener
		if c.class == "nlb" {
			key, listener = nlbKey(), tcpListener
		}
		m, _ := translated(t, key, configured(c.class, listener, c.spec))
		if got := findings(m.Diagnostics); !strings.Contains(got, c.want) || !m.Diagnostics.HasErrors() {
			t.Errorf("%s: %s, want %s", c.spec, got, c.want)
		}
	}
}

func TestAnInvalidValueIsAnErrorOfTheConfigurationThatHasIt(t *testing.T) {
	t.Parallel()
	for _, mutual := range []string{"{mode: verify}", "{mode: sometimes}", "{mode: off, trustStore: x}",
		"{mode: passthrough, ignoreClientCertificateExpiry: true}"} {
		m, _ := translated(t, albKey(), configured("alb", "{name: a, port: 443, protocol: HTTPS, hostname: a.com}",
			"listenerConfigurations: [{protocolPort: 'HTTPS:443', mutualAuthentication: "+strings.ReplaceAll(mutual, "off",
				"'off'")+"}]"))
		if len(m.Diagnostics) != 1 || m.Diagnostics[0].Code != diag.InvalidConfiguration ||
			m.Diagnostics[0].Path != "spec.listenerConfigurations[HTTPS:443].mutualAuthentication of "+
				"LoadBalancerConfiguration shop/own" || m.Listeners[0].Mutual.Set {
			t.Errorf("%s: %s", mutual, findings(m.Diagnostics))
		}
	}
}

// TestGuardsWithoutEffectAreWarnings has settings that restrict clients or protect requests, and that cannot be applied.
func TestGuardsWithoutEffectAreWarnings(t *testing.T) {
	t.Parallel()
	const verify = "mutualAuthentication: {mode: verify, trustStore: ts}"
	for _, c := range []struct {
		class, spec string
		guards      bool
	}{
		{"nlb", "wafV2: {webACL: x}", true},
		{"nlb", "wafV2: {webACL: none}", false},
		{"nlb", "shieldConfiguration: {enabled: true}", true},
		{"nlb", "shieldConfiguration: {enabled: false}", false},
		{"nlb", "listenerConfigurations: [{protocolPort: 'TCP:80', " + verify + "}]", true},
		{"alb", "securityGroups: [sg-1], sourceRanges: [10.0.0.0/8]", true},
		{"alb", "securityGroups: [sg-1], sourceRanges: [0.0.0.0/0]", false},
		{"alb", "securityGroups: [sg-1], securityGroupPrefixes: [pl-1]", true},
		{"alb", "securityGroups: [sg-1], enableICMP: true", false},
		{"alb", "listenerConfigurations: [{protocolPort: 'HTTPS:80', " + verify + "}]", true},
		{"alb", "listenerConfigurations: [{protocolPort: 'HTTPS:80'}]", false},
		{"alb", "listenerConfigurations: [{protocolPort: 'HTTP:80', " + verify + "}]", true},
		{"alb", "listenerConfigurations: [{protocolPort: 'HTTP:80', mutualAuthentication: {mode: passthrough}}]", false},
	} {
		key, listener := albKey(), httpListener
		if c.class == "nlb" {
			key, listener = nlbKey(), tcpListener
		}
		m, _ := translated(t, key, configured(c.class, listener, c.spec))
		if got := findings(m.Diagnostics); strings.Contains(got, "GuardNotApplied") != c.guards || got == "" ||
			m.Diagnostics.HasErrors() {
			t.Errorf("%s: %q, want a warning: %t", c.spec, got, c.guards)
		}
	}
	m, _ := translated(t, albKey(), "Gateway shop/web {spec: {gatewayClassName: alb, tls: {frontend: {default: {}, perPort: "+
		"[{port: 8443, tls: {validation: {caCertificateRefs: [{kind: ConfigMap, name: ca}]}}}]}}, listeners: [{name: a, "+
		"port: 80, protocol: HTTP}]}}")
	if got := findings(m.Diagnostics); !strings.Contains(got, "GuardNotApplied spec.tls.frontend.perPort[0].port") {
		t.Errorf("perPort: %q", got)
	}
}

func TestSettingsWithoutEffectAreNoted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ class, spec, want string }{
		{"alb", "disableSecurityGroup: true", "spec.disableSecurityGroup"},
		{"nlb", "customerOwnedIpv4Pool: x", "spec.customerOwnedIpv4Pool"},
		{"nlb", "ipv4IPAMPoolId: x", "spec.ipv4IPAMPoolId"},
		{"nlb", "wafV2: {webACL: x}", "spec.wafV2.webACL"},
		{"nlb", "shieldConfiguration: {enabled: true}", "spec.shieldConfiguration.enabled"},
		{"alb", "enforceSecurityGroupInboundRulesOnPrivateLinkTraffic: 'on'",
			"PrivateLink reaches Network Load Balancers only"},
		{"nlb", "disableSecurityGroup: true, enforceSecurityGroupInboundRulesOnPrivateLinkTraffic: 'on'",
			"the load balancer has no security groups"},
		{"alb", "loadBalancerSubnets: [{identifier: a}], loadBalancerSubnetsSelector: {a: [b]}",
			"spec.loadBalancerSubnetsSelector"},
		{"alb", "securityGroups: [sg-1], sourceRanges: [10.0.0.0/8]", "spec.sourceRanges"},
		{"alb", "securityGroups: [sg-1], securityGroupPrefixes: [pl-1]", "spec.securityGroupPrefixes"},
		{"alb", "securityGroups: [sg-1], enableICMP: true", "spec.enableICMP"},
		{"alb", "listenerConfigurations: [{protocolPort: 'HTTPS:80'}]", "no listener has protocolPort HTTPS:80"},
		{"alb", "listenerConfigurations: [{protocolPort: 'HTTP:'}]", "no listener has protocolPort HTTP:"},
		{"alb", "listenerConfigurations: [{protocolPort: 'HTTP:80', sslPolicy: x}]", "sslPolicy"},
		{"alb", "listenerConfigurations: [{protocolPort: 'HTTP:80', alpnPolicy: HTTP2Only}]", "alpnPolicy"},
		{"alb", "listenerConfigurations: [{protocolPort: 'HTTP:80', defaultCertificate: x}]", "defaultCertificate"},
		{"alb", "listenerConfigurations: [{protocolPort: 'HTTP:80', targetGroupStickiness: true}]", "targetGroupStickiness"},
		{"alb", "listenerConfigurations: [{protocolPort: 'HTTP:80', mutualAuthentication: {mode: passthrough}}]",
			"mutualAuthentication"},
	} {
		key, listener := albKey(), httpListener
		if c.class == "nlb" {
			key, listener = nlbKey(), tcpListener
		}
		m, _ := translated(t, key, configured(c.class, listener, c.spec))
		if got := findings(m.Diagnostics); !strings.Contains(got, c.want) || m.Diagnostics.HasErrors() {
			t.Errorf("%s: %q, want a note of %s", c.spec, got, c.want)
		}
	}
	m, _ := translated(t, albKey(), "Gateway shop/web {spec: {gatewayClassName: alb, tls: {backend: {}}, listeners: "+
		"[{name: a, port: 443, protocol: HTTPS, tls: {options: {example.com/x: y}}}]}}")
	for from, noted := range map[string]bool{"All": true, "Selector": false} {
		const selector = ", selector: {matchLabels: {team: shop}}}"
		m, _ := translated(t, albKey(), "Gateway shop/web {spec: {gatewayClassName: alb, allowedListeners: {namespaces: {from: "+
			from+selector+"}, listeners: [{name: a, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: "+from+
			selector+"}}]}}")
		for _, at := range []string{"spec.allowedListeners", "spec.listeners[0].allowedRoutes"} {
			if got := findings(m.Diagnostics); strings.Contains(got, at+".namespaces.selector") != noted {
				t.Errorf("from %s: %q, want a note of %s: %t", from, got, at, noted)
			}
		}
	}
	for _, want := range []string{"spec.tls.backend", "spec.listeners[0].tls.options"} {
		if got := findings(m.Diagnostics); !strings.Contains(got, want) || m.Diagnostics.HasErrors() {
			t.Errorf("%q, want a note of %s", got, want)
		}
	}
}

func TestMergingModeDecidesBetweenClassAndGateway(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]string{"": "internal", "mergingMode: prefer-gateway-class, ": "internal",
		"mergingMode: prefer-gateway, ": "internet-facing"} {
		m, _ := translated(t, albKey(), "GatewayClass c {spec: {controllerName: gateway.k8s.aws/alb, parametersRef: "+
			"{group: gateway.k8s.aws, kind: LoadBalancerConfiguration, namespace: infra, name: base}}}\n"+
			"LoadBalancerConfiguration infra/base {spec: {"+mode+
			"scheme: internal, minimumLoadBalancerCapacity: {capacityUnits: 7}, tags: {a: base}}}\n"+
			strings.ReplaceAll(configured("alb", httpListener, "scheme: internet-facing, tags: {a: own, b: own}"),
				"gatewayClassName: alb", "gatewayClassName: c"))
		if s := m.Settings; s.Scheme.Value != want || s.AddOns.Capacity.Value != 7 || s.Tags["b"].Value != "own" {
			t.Errorf("%q: %+v", mode, s)
		}
	}
}

// TestSettingsThatReachNobodyAreNoted has settings that AWS takes, and that do not do what they seem to.
func TestSettingsThatReachNobodyAreNoted(t *testing.T) {
	t.Parallel()
	infrastructure := func(text string) string {
		return strings.Replace(configured("alb", httpListener, ""), "infrastructure: {", "infrastructure: {"+text+", ", 1)
	}
	const at = " spec.infrastructure.annotations["
	for text, want := range map[string]string{
		configured("alb", httpListener, "sourceRanges: []"):                                "NoClientAdmitted spec.sourceRanges",
		configured("alb", httpListener, "sourceRanges: [], securityGroupPrefixes: [pl-1]"): "",
		infrastructure("annotations: {alb.ingress.kubernetes.io/inbound-cidrs: 10.0.0.0/8}"): "GuardNotApplied" + at +
			"alb.ingress.kubernetes.io/inbound-cidrs]",
		infrastructure("annotations: {gateway.k8s.aws/dry-run: 'true'}"): "IgnoredSetting" + at + "gateway.k8s.aws/dry-run]",
		infrastructure("annotations: {example.com/a: b}"):                "",
	} {
		m, _ := translated(t, albKey(), text)
		if got := findings(m.Diagnostics); !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestOverriddenGuardsAreWarnings has settings of a Gateway, each of which a setting of its class replaces.
func TestOverriddenGuardsAreWarnings(t *testing.T) {
	t.Parallel()
	const acl, guard, note = "arn:aws:wafv2:us-west-2:1:regional/webacl/", "GuardNotApplied", "IgnoredSetting"
	verify := func(mode string) string {
		return "listenerConfigurations: [{protocolPort: 'HTTPS:443', mutualAuthentication: {mode: " + mode + "}}]"
	}
	for _, c := range []struct{ own, class, want string }{
		{"sourceRanges: [10.0.0.0/8]", "sourceRanges: [192.0.2.0/24]", guard},
		{"sourceRanges: [10.0.0.0/8]", "sourceRanges: [10.1.0.0/16]", note},
		{"sourceRanges: [10.0.0.0/8]", "sourceRanges: []", note},
		{"sourceRanges: [0.0.0.0/0]", "sourceRanges: [10.0.0.0/8]", note},
		{"securityGroupPrefixes: [pl-1]", "securityGroupPrefixes: [pl-1, pl-2]", guard},
		{"securityGroupPrefixes: [pl-1, pl-2]", "securityGroupPrefixes: [pl-1]", note},
		{"wafV2: {webACL: '" + acl + "a/1'}", "wafV2: {webACL: '" + acl + "b/2'}", guard},
		{"wafV2: {webACL: none}", "wafV2: {webACL: '" + acl + "b/2'}", note},
		{"loadBalancerAttributes: [{key: deletion_protection.enabled, value: 'true'}]",
			"loadBalancerAttributes: [{key: deletion_protection.enabled, value: 'false'}]", guard},
		{"loadBalancerAttributes: [{key: routing.http.desync_mitigation_mode, value: defensive}]",
			"loadBalancerAttributes: [{key: routing.http.desync_mitigation_mode, value: strictest}]", note},
		{verify("verify, trustStore: a"), verify("passthrough"), guard},
		{verify("verify, trustStore: a"), verify("verify, trustStore: b"), note},
	} {
		m, _ := translated(t, albKey(), "GatewayClass c {spec: {controllerName: gateway.k8s.aws/alb, parametersRef: "+
			"{group: gateway.k8s.aws, kind: LoadBalancerConfiguration, namespace: infra, name: base}}}\n"+
			"LoadBalancerConfiguration infra/base {spec: {"+c.class+"}}\n"+
			strings.ReplaceAll(configured("alb", "{name: a, port: 443, protocol: HTTPS}", c.own), "gatewayClassName: alb", "gatewayClassName: c"))
		if !slices.ContainsFunc(m.Diagnostics, func(d diag.Diagnostic) bool {
			return string(d.Code) == c.want && strings.Contains(d.Text, "of the GatewayClass has another value")
		}) {
			t.Errorf("%s under %s: %v, want %s", c.own, c.class, m.Diagnostics, c.want)
		}
	}
}

// TestVerificationOfNoListenerClosesNewGateways has entries for a port without a listener: of these, one counts as
// misspelt if the HTTPS listener that clients reach verifies no clients.
func TestVerificationOfNoListenerClosesNewGateways(t *testing.T) {
	t.Parallel()
	entry := func(port, mode string) string {
		return "{protocolPort: 'HTTPS:" + port + "', mutualAuthentication: {mode: " + mode + "}}"
	}
	const verify, https, http = "verify, trustStore: a", "{name: a, port: 443, protocol: HTTPS}", httpListener
	const validation = "{validation: {caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}}"
	frontend := func(text, defaults string) string {
		return strings.Replace(text, "{gatewayClassName", "{tls: {frontend: {default: "+defaults+", perPort: [{port: 8443, "+
			"tls: "+validation+"}]}}, gatewayClassName", 1)
	}
	for name, c := range map[string]struct {
		text   string
		closed bool
	}{
		"another port":      {configured("alb", https, "listenerConfigurations: ["+entry("8443", verify)+"]"), true},
		"passes":            {configured("alb", https, "listenerConfigurations: ["+entry("8443", "passthrough")+"]"), false},
		"HTTP only":         {configured("alb", http, "listenerConfigurations: ["+entry("8443", verify)+"]"), false},
		"one more":          {configured("alb", https, "listenerConfigurations: ["+entry("8443", verify)+", "+entry("443", "off")+"]"), false},
		"of the frontend":   {frontend(configured("alb", https, ""), "{}"), true},
		"frontend defaults": {frontend(configured("alb", https, ""), validation), false},
		"of the class": {"GatewayClass c {spec: {controllerName: gateway.k8s.aws/alb, parametersRef: {group: " +
			"gateway.k8s.aws, kind: LoadBalancerConfiguration, namespace: infra, name: base}}}\n" +
			"LoadBalancerConfiguration infra/base {spec: {listenerConfigurations: [" + entry("8443", verify) + "]}}\n" +
			strings.ReplaceAll(configured("alb", https, ""), "gatewayClassName: alb", "gatewayClassName: c"), false},
	} {
		m, _ := translated(t, albKey(), c.text)
		closed := slices.ContainsFunc(m.Misspelt, func(w intent.Misspelling) bool { return w.Guards })
		if closed != c.closed {
			t.Errorf("%s: closed %t; %+v", name, closed, m.Misspelt)
		}
	}
}

// TestClassThatOverridesAGuardIsAWarning has source ranges of a Gateway that those of its class replace.
func TestClassThatOverridesAGuardIsAWarning(t *testing.T) {
	t.Parallel()
	for ranges, want := range map[string]string{"0.0.0.0/0": "GuardNotApplied", "10.1.0.0/16": "IgnoredSetting"} {
		m, _ := translated(t, albKey(), "GatewayClass c {spec: {controllerName: gateway.k8s.aws/alb, parametersRef: "+
			"{group: gateway.k8s.aws, kind: LoadBalancerConfiguration, namespace: infra, name: base}}}\n"+
			"LoadBalancerConfiguration infra/base {spec: {sourceRanges: ["+ranges+"]}}\n"+
			strings.ReplaceAll(configured("alb", httpListener, "sourceRanges: [10.0.0.0/8]"), "gatewayClassName: alb",
				"gatewayClassName: c"))
		if got := findings(m.Diagnostics); !strings.HasPrefix(got, want+" spec.sourceRanges") {
			t.Errorf("%s: %q, want %s", ranges, got, want)
		}
	}
}

func TestAddressesAreAnyOrElasticIPAddresses(t *testing.T) {
	t.Parallel()
	gateway := func(class, listener, addresses string) string {
		return "Gateway shop/web {spec: {gatewayClassName: " + class + ", addresses: [" + addresses + "], listeners: [" +
			listener + "]}, status: {addresses: [{type: Hostname, value: lb.example.com}]}}"
	}
	for _, c := range []struct{ name, addresses, want, reason string }{
		{"any", "{type: IPAddress}, {value: ''}, {type: Hostname}", "", ""},
		{"two", "{type: IPAddress, value: 192.0.2.1}, {value: 192.0.2.2}", "192.0.2.1 192.0.2.2", ""},
		{"its own name", "{type: Hostname, value: LB.example.com}", "", ""},
		{"another name", "{type: Hostname, value: other.example.com}", "", "AddressNotUsable"},
		{"IPv6", "{type: IPAddress, value: '2001:db8::1'}", "", "AddressNotUsable"},
		{"another type", "{type: example.com/pool, value: x}, {value: 192.0.2.1}", "192.0.2.1", "UnsupportedAddress"},
	} {
		for _, class := range []string{"alb", "nlb"} {
			key, listener := albKey(), httpListener
			if class == "nlb" {
				key, listener = nlbKey(), tcpListener
			}
			m, d := translated(t, key, gateway(class, listener, c.addresses))
			if got := strings.Join(m.Settings.Addresses.Value, " "); got != c.want || m.Settings.Frontend.Enabled.Value !=
				(c.want != "" && class == "alb") {
				t.Errorf("%s, %s: %q, frontend %+v", class, c.name, got, m.Settings.Frontend.Enabled)
			}
			if got := findings(m.Diagnostics); (got != "") != (c.reason != "") || !strings.Contains(got, c.reason) {
				t.Errorf("%s, %s: %s", class, c.name, got)
			}
			if refused := c.reason == "UnsupportedAddress"; refused != (d.refused != nil) || m.Former != refused {
				t.Errorf("%s, %s: refused %v, held %v", class, c.name, d.refused, m.Former)
			}
		}
	}
}
