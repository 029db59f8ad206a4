package globalaccelerator

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

const prefix = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/"

// fixture is an account with load balancers: app/out, app/in (internal), app/dual, net/plain (without security groups),
// net/sg.
type fixture struct {
	*Service
	t     *testing.T
	clock *clock.Stepped
}

func newFixture(t *testing.T, p account.Profile) fixture {
	t.Helper()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	p.AcceleratorTransaction = 0 // for the one test of it
	a := &account.Account{Clock: c, Profile: p}
	if err := seed.Default().Apply(a); err != nil {
		t.Fatal(err)
	}
	for _, lb := range []account.LoadBalancer{
		{Name: "app/out", Type: "application", Scheme: "internet-facing", IPAddressType: "ipv4",
			SecurityGroups: []string{"sg"}},
		{Name: "app/in", Type: "application", Scheme: "internal", IPAddressType: "ipv4", SecurityGroups: []string{"sg"}},
		{Name: "app/dual", Type: "application", Scheme: "internet-facing", IPAddressType: "dualstack",
			SecurityGroups: []string{"sg"}},
		{Name: "net/plain", Type: "network", Scheme: "internet-facing", IPAddressType: "ipv4"},
		{Name: "net/sg", Type: "network", Scheme: "internet-facing", IPAddressType: "ipv4", SecurityGroups: []string{"sg"}},
		{Name: "app/young", Type: "application", Scheme: "internet-facing", IPAddressType: "ipv4",
			ActiveAt: c.Now().Add(time.Hour)},
	} {
		lb.ARN = prefix + lb.Name + "/1"
		lb.VPC = "vpc-0a1de000000000001"
		lb.Zones = []account.Zone{{Name: "us-west-2a", Subnet: "subnet-0a1de0000000000a1"},
			{Name: "us-west-2b", Subnet: "subnet-0a1de0000000000b1"}}
		a.AddLoadBalancer(&lb)
	}
	return fixture{New(a, nil), t, c}
}

func (f fixture) accelerator(name string) *types.Accelerator {
	f.t.Helper()
	out, err := f.CreateAccelerator(f.t.Context(), &globalaccelerator.CreateAcceleratorInput{Name: aws.String(name)})
	if err != nil {
		f.t.Fatal(err)
	}
	return out.Accelerator
}

func ports(pairs ...int32) []types.PortRange {
	var out []types.PortRange
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, types.PortRange{FromPort: aws.Int32(pairs[i]), ToPort: aws.Int32(pairs[i+1])})
	}
	return out
}

func (f fixture) listen(accelerator *string, protocol types.Protocol, pairs ...int32) (*types.Listener, error) {
	out, err := f.CreateListener(f.t.Context(), &globalaccelerator.CreateListenerInput{AcceleratorArn: accelerator,
		Protocol: protocol, PortRanges: ports(pairs...)})
	if err != nil {
		return nil, err
	}
	return out.Listener, nil
}

func (f fixture) listener(accelerator *string, protocol types.Protocol, pairs ...int32) *types.Listener {
	f.t.Helper()
	l, err := f.listen(accelerator, protocol, pairs...)
	if err != nil {
		f.t.Fatal(err)
	}
	return l
}

func (f fixture) group(listener *string, endpoints ...types.EndpointConfiguration) *types.EndpointGroup {
	f.t.Helper()
	out, err := f.CreateEndpointGroup(f.t.Context(), &globalaccelerator.CreateEndpointGroupInput{
		ListenerArn: listener, EndpointGroupRegion: aws.String("us-west-2"), EndpointConfigurations: endpoints,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return out.EndpointGroup
}

func endpoint(name string) types.EndpointConfiguration {
	return types.EndpointConfiguration{EndpointId: aws.String(prefix + name + "/1")}
}
