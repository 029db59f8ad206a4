package globalaccelerator

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

func TestListenersDoNotSharePorts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	x := f.accelerator("web").AcceleratorArn
	f.listener(x, types.ProtocolTcp, 80, 90, 443, 443)
	for _, tt := range []struct {
		protocol types.Protocol
		ports    []int32
		want     string
	}{
		{types.ProtocolTcp, []int32{85, 85}, "InvalidPortRangeException"},
		{types.ProtocolTcp, []int32{1, 80}, "InvalidPortRangeException"},
		{types.ProtocolTcp, []int32{100, 99}, "InvalidPortRangeException"},
		{types.ProtocolTcp, []int32{0, 9}, "InvalidPortRangeException"},
		{types.ProtocolTcp, []int32{100, 110, 110, 120}, "InvalidPortRangeException"},
		{types.ProtocolTcp, nil, "InvalidArgumentException"},
		{types.ProtocolTcp, make([]int32, 22), "InvalidArgumentException"},
		{"SCTP", []int32{5, 5}, "InvalidArgumentException"},
		{types.ProtocolUdp, []int32{80, 90}, ""},
		{types.ProtocolTcp, []int32{91, 442}, ""},
	} {
		if _, err := f.listen(x, tt.protocol, tt.ports...); apierr.CodeOf(err) != tt.want {
			t.Errorf("%s %v: %v, want %s", tt.protocol, tt.ports, err, tt.want)
		}
	}
	for i := range int32(7) {
		f.listener(x, types.ProtocolTcp, 1000+i, 1000+i)
	}
	if _, err := f.listen(x, types.ProtocolTcp, 2000, 2000); apierr.CodeOf(err) != "LimitExceededException" {
		t.Errorf("the eleventh: %v", err)
	}
	_, err := f.listen(aws.String("none"), types.ProtocolTcp, 1, 1)
	if apierr.CodeOf(err) != "AcceleratorNotFoundException" {
		t.Errorf("of nothing: %v", err)
	}
}

func TestPortOverridesAndListenersKeepOutOfEachOthersWay(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	x := f.accelerator("web").AcceleratorArn
	web, admin := f.listener(x, types.ProtocolTcp, 80, 81), f.listener(x, types.ProtocolTcp, 90, 91)
	g, other := f.group(web.ListenerArn), f.group(admin.ListenerArn)
	override := func(group *types.EndpointGroup, pairs ...int32) error {
		in := &globalaccelerator.UpdateEndpointGroupInput{EndpointGroupArn: group.EndpointGroupArn,
			PortOverrides: []types.PortOverride{}}
		for i := 0; i < len(pairs); i += 2 {
			in.PortOverrides = append(in.PortOverrides, types.PortOverride{ListenerPort: aws.Int32(pairs[i]),
				EndpointPort: aws.Int32(pairs[i+1])})
		}
		_, err := f.UpdateEndpointGroup(t.Context(), in)
		return err
	}
	for _, tt := range []struct {
		group *types.EndpointGroup
		pairs []int32
		want  string
	}{
		{g, []int32{79, 8080}, "InvalidArgumentException"},           // not the listener's
		{g, []int32{80, 91}, "InvalidArgumentException"},             // another listener's
		{g, []int32{80, 8080, 80, 8081}, "InvalidArgumentException"}, // twice
		{g, []int32{80, 8080, 81, 8080}, "InvalidArgumentException"}, // twice
		{g, []int32{80, 0}, "InvalidArgumentException"},
		{g, []int32{80, 8080}, ""},
		{other, []int32{90, 8080}, "InvalidArgumentException"}, // taken in the region
		{other, []int32{90, 9090}, ""},
	} {
		if err := override(tt.group, tt.pairs...); apierr.CodeOf(err) != tt.want {
			t.Errorf("%v: %v, want %s", tt.pairs, err, tt.want)
		}
	}
	if _, err := f.listen(x, types.ProtocolUdp, 8000, 8100); apierr.CodeOf(err) != "InvalidArgumentException" {
		t.Errorf("a listener on an endpoint port: %v", err)
	}
	move := func() error {
		_, err := f.UpdateListener(t.Context(), &globalaccelerator.UpdateListenerInput{ListenerArn: web.ListenerArn,
			PortRanges: ports(81, 81)})
		return err
	}
	if err := move(); apierr.CodeOf(err) != "InvalidArgumentException" {
		t.Errorf("take an overridden port away: %v", err)
	}
	if err := override(g); err != nil {
		t.Fatal(err)
	}
	if err := move(); err != nil {
		t.Error(err)
	}
}

func TestEndpointGroupsHaveAWSsDefaultsAndBounds(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	l := f.listener(f.accelerator("web").AcceleratorArn, types.ProtocolTcp, 8080, 8081, 80, 80)
	g := f.group(l.ListenerArn)
	if *g.TrafficDialPercentage != 100 || *g.HealthCheckPort != 8080 || g.HealthCheckProtocol != "TCP" ||
		*g.HealthCheckIntervalSeconds != 30 || *g.ThresholdCount != 3 {
		t.Errorf("defaults: %+v", g)
	}
	create := func(change func(*globalaccelerator.CreateEndpointGroupInput)) error {
		in := &globalaccelerator.CreateEndpointGroupInput{ListenerArn: l.ListenerArn, EndpointGroupRegion: aws.String(
			"eu-west-1")}
		change(in)
		_, err := f.CreateEndpointGroup(t.Context(), in)
		return err
	}
	type input = globalaccelerator.CreateEndpointGroupInput
	for name, tt := range map[string]struct {
		change func(*input)
		want   string
	}{
		"region taken": {func(in *input) { in.EndpointGroupRegion = aws.String("us-west-2") },
			"EndpointGroupAlreadyExistsException"},
		"no region":      {func(in *input) { in.EndpointGroupRegion = aws.String("moon") }, "InvalidArgumentException"},
		"unknown region": {func(in *input) { in.EndpointGroupRegion = aws.String("us-wets-2") }, "InvalidArgumentException"},
		"dial":           {func(in *input) { in.TrafficDialPercentage = aws.Float32(100.5) }, "InvalidArgumentException"},
		"interval":       {func(in *input) { in.HealthCheckIntervalSeconds = aws.Int32(20) }, "InvalidArgumentException"},
		"threshold":      {func(in *input) { in.ThresholdCount = aws.Int32(11) }, "InvalidArgumentException"},
		"path":           {func(in *input) { in.HealthCheckPath = aws.String("health") }, "InvalidArgumentException"},
		"check port":     {func(in *input) { in.HealthCheckPort = aws.Int32(65536) }, "InvalidArgumentException"},
		"check protocol": {func(in *input) { in.HealthCheckProtocol = "UDP" }, "InvalidArgumentException"},
		"listener":       {func(in *input) { in.ListenerArn = aws.String("none") }, "ListenerNotFoundException"},
	} {
		if err := create(tt.change); apierr.CodeOf(err) != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
}
