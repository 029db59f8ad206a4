package declare

import (
	"fmt"
	"strings"
	"testing"

	agav1beta1 "github.com/k8s-lbc/lbc/api/aga/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// TestHugeAcceleratorIsRefusedBeforeItIsRead has a tenant declare as much as etcd takes of each list. Nothing of it is
// looked up.
func TestHugeAcceleratorIsRefusedBeforeItIsRead(t *testing.T) {
	t.Parallel()
	const many = 30_000
	overrides := agav1beta1.EndpointGroup{}
	endpoints := agav1beta1.EndpointGroup{}
	var listeners []agav1beta1.Listener
	for i := range int32(many) {
		overrides.PortOverrides = append(overrides.PortOverrides, agav1beta1.PortOverride{ListenerPort: 80, EndpointPort: i})
		endpoints.Endpoints = append(endpoints.Endpoints, given(fmt.Sprint("i-", i)))
		if i < many/4 {
			listeners = append(listeners, listener("TCP", []int32{80 + i}, groupOf(named("Service", "web"))))
		}
	}
	for name, ga := range map[string]*agav1beta1.GlobalAccelerator{
		"listeners":      object(listeners...),
		"endpoints":      object(listener("TCP", []int32{80}, endpoints)),
		"port overrides": object(listener("TCP", []int32{80}, overrides)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := objects.FromObjects([]any{})
			all := Endpoints(v, ga)
			_, found := Accelerator(config, ga, all, Answers{}, Memory{})
			if len(all)+len(Needs(config, ga, all)) > 0 || len(found) != 1 || !found.HasErrors() ||
				!strings.Contains(found[0].Text, "the controller admits") {
				t.Errorf("%d endpoints, %d findings: %.2000v", len(all), len(found), found)
			}
		})
	}
}
