package annotation

import (
	"maps"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestSwitchesAmongAttributesAreSpelledAsAWSDoes(t *testing.T) {
	t.Parallel()
	raw :=
		"preserve_client_ip.enabled=True,stickiness.enabled=FALSE,access_logs.s3.prefix=True,load_balancing.cross_zone.enabled=use_load_balancer_configuration,x.enabled=1"
	want := map[string]string{
		"preserve_client_ip.enabled": "true", "stickiness.enabled": "false", "access_logs.s3.prefix": "True",
		"load_balancing.cross_zone.enabled": "use_load_balancer_configuration", "x.enabled": "1",
	}
	got := NewReader(&Findings{}, diag.Object{}, map[string]string{string(ServiceTGAttributes): raw}).Attributes(
		ServiceTGAttributes).Value
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
