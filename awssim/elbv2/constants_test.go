package elbv2

// What AWS documents, stated apart from the code under test.
const (
	quotaCapacity = "reserved-load-balancer-capacity-units"

	requestHeader  = "routing.http.request."
	responseHeader = "routing.http.response."

	secondaryAddresses = "secondary_ips.auto_assigned.per_subnet"

	dnsFailover     = "target_group_health.dns_failover.minimum_healthy_targets."
	unhealthyRoute  = "target_group_health.unhealthy_state_routing.minimum_healthy_targets."
	algorithm       = "load_balancing.algorithm."
	appCookie       = "stickiness.app_cookie."
	terminate       = "target_health_state.unhealthy.connection_termination.enabled"
	drainInterval   = "target_health_state.unhealthy.draining_interval_seconds"
	preserveClient  = "preserve_client_ip.enabled"
	deregDelay      = "deregistration_delay.timeout_seconds"
	targetCrossZone = "load_balancing.cross_zone.enabled"

	maxTrustStores     = 20                // of a region
	maxRevocationLists = 30                // of a trust store
	maxRevokedEntries  = 500000            // of a trust store, over all lists
	maxBundle          = 25*(16<<10)*2 + 1 // bytes: 25 certificates of 16 KB each, in PEM
)

var (
	alpnPolicies  = []string{"HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred", "None"}
	keyAlgorithms = []string{"RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1",
		"EC_secp521r1"}

	// reservedClaims are validated without being asked for.
	reservedClaims = []string{"exp", "iss", "nbf", "iat"}

	// targetProtocols is the protocols of target groups that a listener of each protocol forwards to; the empty one is
	// that of functions and of gateway listeners.
	targetProtocols = map[string][]string{
		"HTTP":     {"HTTP", "HTTPS", ""},
		"HTTPS":    {"HTTP", "HTTPS", ""},
		"TCP":      {"TCP", "TCP_UDP", "TCP_QUIC"},
		"TLS":      {"TCP", "TLS"},
		"UDP":      {"UDP", "TCP_UDP"},
		"TCP_UDP":  {"TCP_UDP"},
		"QUIC":     {"QUIC", "TCP_QUIC"},
		"TCP_QUIC": {"TCP_QUIC"},
		"":         {"GENEVE"},
	}
)

// secure reports whether listeners of that protocol terminate TLS.
func secure(protocol string) bool { return protocol == "HTTPS" || protocol == "TLS" }

func isQUIC(protocol string) bool { return protocol == "QUIC" || protocol == "TCP_QUIC" }
