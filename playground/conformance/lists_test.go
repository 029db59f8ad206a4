package conformance

import (
	"testing"

	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/pkg/features"
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

// declared are all features of a run.
func declared(r Run) suite.FeaturesSet {
	set := suite.FeaturesSet{}
	for _, f := range r.Features {
		set.Insert(features.FeatureName(f))
	}
	for _, p := range r.Profiles {
		set = set.Union(profiles[p].CoreFeatures)
	}
	return set
}
