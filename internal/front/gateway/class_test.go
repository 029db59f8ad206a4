package gateway

import (
	"testing"

	gatewayfeatures "sigs.k8s.io/gateway-api/pkg/features"
)

func TestTheFeaturesOfClassesAreThoseOfTheGatewayAPI(t *testing.T) {
	t.Parallel()
	known := gatewayfeatures.SetsToNamesSet(gatewayfeatures.AllFeatures)
	for name := range features {
		if !known.Has(gatewayfeatures.FeatureName(name)) {
			t.Errorf("the Gateway API has no feature %s", name)
		}
	}
	if !known.Has(gatewayfeatures.FeatureName(listenerSets)) {
		t.Error(listenerSets)
	}
}
