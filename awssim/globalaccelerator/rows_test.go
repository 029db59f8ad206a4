package globalaccelerator

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/account/resource"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

func TestBoundsOfAccelerators(t *testing.T) {
	t.Parallel()
	type input = globalaccelerator.CreateAcceleratorInput
	for row, tt := range map[string]struct {
		change func(*input)
		want   string
	}{
		"name of 64 characters":       {func(in *input) { in.Name = aws.String(strings.Repeat("a", 64)) }, ""},
		"name with other characters":  {func(in *input) { in.Name = aws.String("a b") }, "InvalidArgumentException"},
		"name that ends in a hyphen":  {func(in *input) { in.Name = aws.String("a-") }, "InvalidArgumentException"},
		"name that begins with a dot": {func(in *input) { in.Name = aws.String(".a") }, "InvalidArgumentException"},
		"name that ends in a dot":     {func(in *input) { in.Name = aws.String("a.") }, "InvalidArgumentException"},
		"name of another":             {func(in *input) { in.Name = aws.String("taken") }, ""},
		"three addresses": {func(in *input) {
			in.IpAddresses = []string{"198.51.100.1", "198.51.100.2", "198.51.100.3"}
		}, "InvalidArgumentException"},
		"51 tags": {func(in *input) {
			for i := range resource.MaxTags + 1 {
				in.Tags = append(in.Tags, types.Tag{Key: aws.String(fmt.Sprint("k", i)), Value: aws.String("")})
			}
		}, "InvalidArgumentException"},
		"dual stack": {func(in *input) { in.IpAddressType = types.IpAddressTypeDualStack }, ""},
		"disabled":   {func(in *input) { in.Enabled = aws.Bool(false) }, ""},
	} {
		t.Run(row, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, account.Instant())
			f.accelerator("taken")
			in := &input{Name: aws.String("a")}
			tt.change(in)
			out, err := f.CreateAccelerator(t.Context(), in)
			if apierr.CodeOf(err) != tt.want {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if err == nil && (*out.Accelerator.Enabled != (in.Enabled == nil || *in.Enabled) ||
				(out.Accelerator.DualStackDnsName != nil) != (in.IpAddressType == types.IpAddressTypeDualStack)) {
				t.Errorf("got %+v", out.Accelerator)
			}
		})
	}
}

func TestAnAcceleratorKeepsItsAddressesForLife(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	x := f.accelerator("a")
	was := x.IpSets[0].IpAddresses
	for _, in := range []globalaccelerator.UpdateAcceleratorInput{{Enabled: aws.Bool(false)}, {Name: aws.String("b")},
		{IpAddressType: types.IpAddressTypeDualStack}, {IpAddressType: types.IpAddressTypeIpv4}, {Enabled: aws.Bool(true)}} {
		in.AcceleratorArn = x.AcceleratorArn
		out, err := f.UpdateAccelerator(t.Context(), &in)
		if err != nil || !slices.Equal(out.Accelerator.IpSets[0].IpAddresses, was) || *out.Accelerator.DnsName != *x.DnsName {
			t.Errorf("%+v: %+v, %v", in, out, err)
		}
	}
	out, err := f.DescribeAccelerator(t.Context(), &globalaccelerator.DescribeAcceleratorInput{
		AcceleratorArn: x.AcceleratorArn})
	if err != nil || *out.Accelerator.Name != "b" || !*out.Accelerator.Enabled || out.Accelerator.DualStackDnsName != nil {
		t.Errorf("in the end: %+v, %v", out, err)
	}
}

func TestBoundsOfAcceleratorListeners(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	x := f.accelerator("a").AcceleratorArn
	var ten, eleven []int32
	for i := range int32(11) {
		if i < 10 {
			ten = append(ten, 100+2*i, 100+2*i)
		}
		eleven = append(eleven, 200+2*i, 200+2*i)
	}
	l := f.listener(x, types.ProtocolTcp, ten...)
	if l.ClientAffinity != types.ClientAffinityNone {
		t.Errorf("affinity %s by default", l.ClientAffinity)
	}
	if _, err := f.listen(x, types.ProtocolTcp, eleven...); apierr.CodeOf(err) != "InvalidArgumentException" {
		t.Errorf("eleven port ranges: %v", err)
	}
	out, err := f.UpdateListener(t.Context(), &globalaccelerator.UpdateListenerInput{ListenerArn: l.ListenerArn,
		ClientAffinity: types.ClientAffinitySourceIp})
	if err != nil || out.Listener.ClientAffinity != types.ClientAffinitySourceIp || len(out.Listener.PortRanges) != 10 {
		t.Errorf("affinity alone: %+v, %v", out, err)
	}
	if _, err := f.UpdateListener(t.Context(), &globalaccelerator.UpdateListenerInput{ListenerArn: l.ListenerArn,
		ClientAffinity: "COOKIE"}); apierr.CodeOf(err) != "InvalidArgumentException" {
		t.Errorf("another affinity: %v", err)
	}
	if arn := *l.ListenerArn; !strings.HasPrefix(arn, *x+"/listener/") || len(arn) != len(*x)+len("/listener/")+8 {
		t.Errorf("ARN %s", arn)
	}
}

func TestBoundsOfEndpointGroups(t *testing.T) {
	t.Parallel()
	type input = globalaccelerator.CreateEndpointGroupInput
	overrides := func(n int32) (out []types.PortOverride) {
		for i := range n {
			out = append(out, types.PortOverride{ListenerPort: aws.Int32(80 + i), EndpointPort: aws.Int32(8080 + i)})
		}
		return out
	}
	for row, tt := range map[string]struct {
		change func(*input)
		want   string
	}{
		"dial of 0": {func(in *input) { in.TrafficDialPercentage = aws.Float32(0) }, ""},
		"dial below 0": {func(in *input) { in.TrafficDialPercentage = aws.Float32(-1) },
			"InvalidArgumentException"},
		"health check every 10 seconds": {func(in *input) { in.HealthCheckIntervalSeconds = aws.Int32(10) }, ""},
		"threshold of 1":                {func(in *input) { in.ThresholdCount = aws.Int32(1) }, ""},
		"threshold of 0":                {func(in *input) { in.ThresholdCount = aws.Int32(0) }, "InvalidArgumentException"},
		"path with every character":     {func(in *input) { in.HealthCheckPath = aws.String(`/-aZ9@:%_\+.~#?&/=`) }, ""},
		"path with another character": {func(in *input) { in.HealthCheckPath = aws.String("/a b") },
			"InvalidArgumentException"},
		"path of 256 characters": {func(in *input) { in.HealthCheckPath = aws.String("/" + strings.Repeat("a", 255)) },
			"InvalidArgumentException"},
		"HTTP health check":     {func(in *input) { in.HealthCheckProtocol = types.HealthCheckProtocolHttp }, ""},
		"ten port overrides":    {func(in *input) { in.PortOverrides = overrides(10) }, ""},
		"eleven port overrides": {func(in *input) { in.PortOverrides = overrides(11) }, "LimitExceededException"},
		"eleven endpoints": {func(in *input) {
			for i := range 11 {
				in.EndpointConfigurations = append(in.EndpointConfigurations, types.EndpointConfiguration{
					EndpointId: aws.String(fmt.Sprintf("arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/x/%d",
						i))})
			}
		}, "LimitExceededException"},
		"weight of 0": {func(in *input) {
			in.EndpointConfigurations = []types.EndpointConfiguration{
				{EndpointId: aws.String("arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/x/1"),
					Weight: aws.Int32(0)}}
		}, ""},
		"Elastic IP address with preservation": {func(in *input) {
			in.EndpointConfigurations = []types.EndpointConfiguration{
				{EndpointId: aws.String("eipalloc-1"), ClientIPPreservationEnabled: aws.Bool(true)}}
		}, "InvalidArgumentException"},
		"Elastic IP address": {func(in *input) {
			in.EndpointConfigurations = []types.EndpointConfiguration{{EndpointId: aws.String("eipalloc-1")}}
		}, ""},
	} {
		t.Run(row, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, account.Instant())
			l := f.listener(f.accelerator("a").AcceleratorArn, types.ProtocolTcp, 80, 99)
			in := &input{ListenerArn: l.ListenerArn, EndpointGroupRegion: aws.String("eu-west-1")}
			tt.change(in)
			out, err := f.CreateEndpointGroup(t.Context(), in)
			if apierr.CodeOf(err) != tt.want {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if err == nil && len(*out.EndpointGroup.EndpointGroupArn) != len(*l.ListenerArn)+len("/endpoint-group/")+12 {
				t.Errorf("ARN %s", *out.EndpointGroup.EndpointGroupArn)
			}
		})
	}
}

func TestOmittedEndpointsAndOverridesStay(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	l := f.listener(f.accelerator("a").AcceleratorArn, types.ProtocolTcp, 80, 80)
	g := f.group(l.ListenerArn, endpoint("app/out"))
	update := func(change func(*globalaccelerator.UpdateEndpointGroupInput)) (endpoints, overrides int) {
		in := &globalaccelerator.UpdateEndpointGroupInput{EndpointGroupArn: g.EndpointGroupArn}
		change(in)
		out, err := f.UpdateEndpointGroup(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if *out.EndpointGroup.EndpointGroupRegion != "us-west-2" {
			t.Errorf("the region became %s", *out.EndpointGroup.EndpointGroupRegion)
		}
		return len(out.EndpointGroup.EndpointDescriptions), len(out.EndpointGroup.PortOverrides)
	}
	one := []types.PortOverride{{ListenerPort: aws.Int32(80), EndpointPort: aws.Int32(8080)}}
	for i, step := range []struct {
		change               func(*globalaccelerator.UpdateEndpointGroupInput)
		endpoints, overrides int
	}{
		{func(in *globalaccelerator.UpdateEndpointGroupInput) { in.PortOverrides = one }, 1, 1},
		{func(in *globalaccelerator.UpdateEndpointGroupInput) { in.TrafficDialPercentage = aws.Float32(50) }, 1, 1},
		{func(in *globalaccelerator.UpdateEndpointGroupInput) { in.PortOverrides = []types.PortOverride{} }, 1, 0},
		{func(in *globalaccelerator.UpdateEndpointGroupInput) {
			in.EndpointConfigurations = []types.EndpointConfiguration{}
		}, 0, 0},
	} {
		if endpoints, overrides := update(step.change); endpoints != step.endpoints || overrides != step.overrides {
			t.Errorf("step %d: %d endpoints and %d overrides, want %+v", i, endpoints, overrides, step)
		}
	}
}

func TestAnAcceleratorTakesOneChangeAtATime(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	x := f.accelerator("a")
	l := f.listener(x.AcceleratorArn, types.ProtocolTcp, 80, 80)
	g := f.group(l.ListenerArn, endpoint("app/out"))
	other := f.accelerator("b")
	f.account.Profile.AcceleratorTransaction = time.Second
	ctx := t.Context()
	add := func() error {
		_, err := f.AddEndpoints(ctx, &globalaccelerator.AddEndpointsInput{EndpointGroupArn: g.EndpointGroupArn,
			EndpointConfigurations: []types.EndpointConfiguration{endpoint("app/in")}})
		return err
	}
	if err := add(); err != nil {
		t.Fatal(err)
	}
	for row, change := range map[string]func() error{
		"accelerator": func() error {
			_, err := f.UpdateAccelerator(ctx, &globalaccelerator.UpdateAcceleratorInput{AcceleratorArn: x.AcceleratorArn,
				Enabled: aws.Bool(false)})
			return err
		},
		"attributes": func() error {
			_, err := f.UpdateAcceleratorAttributes(ctx, &globalaccelerator.UpdateAcceleratorAttributesInput{
				AcceleratorArn: x.AcceleratorArn})
			return err
		},
		"deletion": func() error {
			_, err := f.DeleteAccelerator(ctx, &globalaccelerator.DeleteAcceleratorInput{AcceleratorArn: x.AcceleratorArn})
			return err
		},
		"new listener": func() error {
			_, err := f.listen(x.AcceleratorArn, types.ProtocolTcp, 81, 81)
			return err
		},
		"listener": func() error {
			_, err := f.UpdateListener(ctx, &globalaccelerator.UpdateListenerInput{ListenerArn: l.ListenerArn,
				PortRanges: ports(82, 82)})
			return err
		},
		"deletion of the listener": func() error {
			_, err := f.DeleteListener(ctx, &globalaccelerator.DeleteListenerInput{ListenerArn: l.ListenerArn})
			return err
		},
		"new group": func() error {
			_, err := f.CreateEndpointGroup(ctx, &globalaccelerator.CreateEndpointGroupInput{ListenerArn: l.ListenerArn,
				EndpointGroupRegion: aws.String("eu-west-1")})
			return err
		},
		"group": func() error {
			_, err := f.UpdateEndpointGroup(ctx, &globalaccelerator.UpdateEndpointGroupInput{
				EndpointGroupArn: g.EndpointGroupArn, TrafficDialPercentage: aws.Float32(1)})
			return err
		},
		"deletion of the group": func() error {
			_, err := f.DeleteEndpointGroup(ctx, &globalaccelerator.DeleteEndpointGroupInput{
				EndpointGroupArn: g.EndpointGroupArn})
			return err
		},
		"more endpoints": add,
		"fewer endpoints": func() error {
			_, err := f.RemoveEndpoints(ctx, &globalaccelerator.RemoveEndpointsInput{EndpointGroupArn: g.EndpointGroupArn,
				EndpointIdentifiers: []types.EndpointIdentifier{{EndpointId: endpoint("app/in").EndpointId}}})
			return err
		},
	} {
		if err := change(); apierr.CodeOf(err) != "TransactionInProgressException" {
			t.Errorf("%s: %v", row, err)
		}
	}
	if _, err := f.listen(other.AcceleratorArn, types.ProtocolTcp, 80, 80); err != nil {
		t.Errorf("another accelerator: %v", err)
	}
	if _, err := f.DescribeEndpointGroup(ctx, &globalaccelerator.DescribeEndpointGroupInput{
		EndpointGroupArn: g.EndpointGroupArn}); err != nil {
		t.Errorf("reading: %v", err)
	}
	f.clock.Advance(time.Second)
	if err := add(); err != nil {
		t.Errorf("a second later: %v", err)
	}
}
