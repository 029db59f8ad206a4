package annotation

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/constraint"
)

// harmless are the annotations, by what follows their prefixes, without which a load balancer admits no more requests.
const harmless = `
	group.name group.order load-balancer-name ip-address-type subnets customer-owned-ipv4-pool ipam-ipv4-pool-id
	manage-backend-security-group-rules minimum-load-balancer-capacity tags listen-ports ssl-redirect certificate-arn
	ssl-policy listener-attributes. create-acm-cert import-tls-secrets acm-pca-arn actions. transforms.
	use-regex-path-match target-type backend-protocol backend-protocol-version target-group-attributes
	target-node-labels drift-policy replacement-policy existing-load-balancer deletion-policy allow-deletion
	delete-duplicates multi-cluster-target-group target-control-port. healthcheck healthcheck-port healthcheck-protocol
	healthcheck-path healthcheck-interval-seconds healthcheck-timeout-seconds healthy-threshold-count
	unhealthy-threshold-count success-codes auth-on-unauthenticated-request auth-scope auth-session-cookie
	auth-session-timeout enable-frontend-nlb frontend-nlb-subnets frontend-nlb-listener-port-mapping
	frontend-nlb-eip-allocations frontend-nlb-tags frontend-nlb-healthcheck-port frontend-nlb-healthcheck-protocol
	frontend-nlb-healthcheck-path frontend-nlb-healthcheck-interval-seconds frontend-nlb-healthcheck-timeout-seconds
	frontend-nlb-healthcheck-healthy-threshold-count frontend-nlb-healthcheck-unhealthy-threshold-count
	frontend-nlb-healthcheck-success-codes waf-acl-id web-acl-id rule-construction settings-namespaces
	type nlb-target-type group-name name eip-allocations private-ipv4-addresses ipv6-addresses
	enable-prefix-for-ipv6-source-nat source-nat-ipv6-prefixes additional-resource-tags disable-nlb-sg
	enable-icmp-for-path-mtu-discovery inbound-sg-rules-on-private-link-traffic access-log-enabled
	access-log-s3-bucket-name access-log-s3-bucket-prefix cross-zone-load-balancing-enabled ssl-cert ssl-ports
	ssl-negotiation-policy alpn-policy enable-tcp-udp-listener quic-enabled-ports target-group-attributes.
	proxy-protocol proxy-protocol-per-target-group existing healthcheck-success-codes healthcheck-interval
	healthcheck-timeout healthcheck-healthy-threshold healthcheck-unhealthy-threshold
`

// TestMisspeltAnnotationIsClassified fails for an annotation of which nobody has decided whether a new object whose key
// for it is misspelt may serve.
func TestMisspeltAnnotationIsClassified(t *testing.T) {
	t.Parallel()
	values := []string{"internal", "true"}
	for _, p := range constraint.ProtectiveAttributes {
		values = append(values, p.Key+"="+p.Values[len(p.Values)-1])
	}
	admits := strings.Fields(harmless)
	for _, e := range entries {
		of := slices.ContainsFunc(values, func(v string) bool { return restricts(e.Key, v) })
		switch name := strings.TrimPrefix(suffix(e.Key), "aws-load-balancer-"); {
		case e.Scope == Written || e.Scope == OnPod:
		case of == slices.Contains(admits, name):
			t.Errorf("annotation %s: it restricts requests: %v, so that it belongs to one of both lists", e.Key, of)
		}
	}
}

func TestSomeValuesRestrict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		key   Key
		value string
		want  bool
	}{
		{Scheme, "internal", true}, {Scheme, "internet-facing", false}, {ServiceInternal, "true", true},
		{ServiceInternal, "false", false},
		{LoadBalancerAttributes, "a=b, routing.http.desync_mitigation_mode=strictest", true},
		{LoadBalancerAttributes, "idle_timeout.timeout_seconds=60", false}, {InboundCIDRs, "x", true}, {Tags, "a=b", false},
	} {
		if got := restricts(c.key, c.value); got != c.want {
			t.Errorf("%s=%s restricts: %v", c.key, c.value, got)
		}
	}
}
