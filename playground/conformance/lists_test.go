package conformance

import (
	"testing"

	"sigs.k8s.io/gateway-api/conformance/utils/suite"
)

// profiles are those of the suite that concern load balancers.
var profiles = map[string]suite.ConformanceProfile{}

func init() {
	for _, p := range []suite.ConformanceProfile{
		suite.GatewayHTTPConformanceProfile, suite.GatewayGRPCConformanceProfile, suite.GatewayTCPConformanceProfile,
		suite.GatewayUDPConformanceProfile, suite.GatewayTLSConformanceProfile,
	} {
		profiles[string(p.Name)] = p
	}
}

func load(t *testing.T) Lists {
	t.Helper()
	l, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return l
}
