package definitions

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// front is a GlobalAccelerator in front of a Gateway that does not exist, as the Gateway API does not.
const front = `apiVersion: v1
kind: Namespace
metadata: {name: edge}
---
apiVersion: aga.k8s.aws/v1beta1
kind: GlobalAccelerator
metadata: {name: front, namespace: edge}
spec: {listeners: [{protocol: TCP, portRanges: [{fromPort: 80, toPort: 80}], endpointGroups: [{endpoints: [{type: Gateway, name: web}]}]}]}
`

// TestAcceleratorsAreServedOnceDefined shows that a controller started without the definition of
// GlobalAccelerators, and without the Gateway API, serves them once it is installed.
func TestAcceleratorsAreServedOnceDefined(t *testing.T) {
	if testing.Short() {
		t.Skip("it is a playground of its own, in which definitions come and go")
	}
	c := harness.Start(t, harness.Options{WithoutGatewayAPI: true, ExtraArgs: []string{
		"--feature-gates=GlobalAcceleratorController=true"}})
	process := c.Env.ControllerPID()
	install(t, c, definitionsResource, parse(t, filepath.Join(c.Repo.CRDs(), "aga.k8s.aws_globalaccelerators.yaml")))
	apply(t, c, front)
	c.Kubectl(t, "wait", "-n", "edge", "globalaccelerator/front", "--for=condition=Ready", "--timeout="+
		harness.Timeout.String())
	c.Kubectl(t, "wait", "-n", "edge", "globalaccelerator/front", "--for=condition=EndpointsLoaded=false", "--timeout="+
		harness.Timeout.String())
	if all := c.Simulator.Resources().Accelerators; len(all) != 1 || all[0].Tags["aga.k8s.aws/stack"] != "edge/front" {
		t.Errorf("accelerators: %+v", all)
	}
	c.Kubectl(t, "delete", "globalaccelerator", "-n", "edge", "front", "--timeout="+harness.Timeout.String())
	if c.Env.ControllerPID() != process {
		t.Error("the controller was restarted")
	}
	c.WaitFor(t, "the end of the accelerator", func(context.Context) error {
		if len(c.Simulator.Resources().Accelerators) > 0 {
			return errors.New("it is still there")
		}
		return nil
	})
}
