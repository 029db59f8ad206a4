package globalaccelerator

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/seed"
)

const prefix = "arn:aws:elasticloadbalancing:us-west-2:123456789012:loadbalancer/"

// fixture is an account with load balancers: app/out, app/in (internal), app/dual, net/plain (without security groups), net/sg.
type fixture struct {
	*Service
	t     *testing.T
	clock *clock.Stepped
}

func newFixture(t *testing.T, p account.Profile) fixture {
	t.Helper()
	c := clock.NewStepped(time.Unix(1_700_000_000, 0))
	a := &account.Account{Clock: c, Profile: p}
	if err := seed.Default().Apply(a); err != nil {
		t.Fatal(err)
	}
	for _, lb := range []account.LoadBalancer{
		{Name: "app/out", Type: "application", Scheme: "internet-facing", IPAddressType: "ipv4", SecurityGroups: []string{"sg"}},
		{Name: "app/in", Type: "application", Scheme: "internal", IPAddressType: "ipv4", SecurityGroups: []string{"sg"}},
		{Name: "app/dual", Type: "application", Scheme: "internet-facing", IPAddressType: "dualstack", SecurityGroups: []string{"sg"}},
		{Name: "net/plain", Type: "network", Scheme: "internet-facing", IPAddressType: "ipv4"},
		{Name: "net/sg", Type: "network", Scheme: "internet-facing", IPAddressType: "ipv4", SecurityGroups: []string{"sg"}},
		{Name: "app/young", Type: "application", Scheme: "internet-facing", IPAddressType: "ipv4", ActiveAt: c.Now().Add(time.Hour)},
	} {
		lb.ARN = prefix + lb.Name + "/1"
		lb.VPC = "vpc-0a1de000000000001"
		lb.Zones = []account.Zone{{Name: "us-west-2a", Subnet: "subnet-0a1de0000000000a1"}, {Name: "us-west-2b", Subnet: "subnet-0a1de0000000000b1"}}
		a.AddLoadBalancer(&lb)
	}
	return fixture{New(a, nil), t, c}
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
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
	out, err := f.CreateListener(f.t.Context(), &globalaccelerator.CreateListenerInput{AcceleratorArn: accelerator, Protocol: protocol, PortRanges: ports(pairs...)})
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

func TestAnAcceleratorHasTwoAddressesAndIsDeployedInTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Real())
	x := f.accelerator("web")
	describe := func() *types.Accelerator {
		out, err := f.DescribeAccelerator(t.Context(), &globalaccelerator.DescribeAcceleratorInput{AcceleratorArn: x.AcceleratorArn})
		if err != nil {
			t.Fatal(err)
		}
		return out.Accelerator
	}
	if x.Status != types.AcceleratorStatusInProgress || !*x.Enabled || x.IpAddressType != types.IpAddressTypeIpv4 || x.DualStackDnsName != nil ||
		len(x.IpSets) != 1 || len(x.IpSets[0].IpAddresses) != 2 {
		t.Errorf("created: %+v", x)
	}
	if arn := *x.AcceleratorArn; !strings.HasPrefix(arn, "arn:aws:globalaccelerator::123456789012:accelerator/") || len(arn) != len("arn:aws:globalaccelerator::123456789012:accelerator/")+36 {
		t.Errorf("ARN %s", arn)
	}
	if dns := *x.DnsName; dns[0] != 'a' || len(dns) != 17+len(".awsglobalaccelerator.com") {
		t.Errorf("name %s", dns)
	}
	f.clock.Advance(account.Real().AcceleratorDeploy)
	if got := describe().Status; got != types.AcceleratorStatusDeployed {
		t.Errorf("after its time: %s", got)
	}
	f.listener(x.AcceleratorArn, types.ProtocolTcp, 80, 80)
	if got := describe().Status; got != types.AcceleratorStatusInProgress {
		t.Errorf("with a new listener: %s", got)
	}
	f.clock.Advance(account.Real().AcceleratorChange)
	f.account.Trouble.AcceleratorsStuck = true
	out, err := f.UpdateAccelerator(t.Context(), &globalaccelerator.UpdateAcceleratorInput{AcceleratorArn: x.AcceleratorArn, IpAddressType: types.IpAddressTypeDualStack})
	if err != nil || len(out.Accelerator.IpSets) != 2 || out.Accelerator.DualStackDnsName == nil || !strings.HasSuffix(*out.Accelerator.DualStackDnsName, ".dualstack.awsglobalaccelerator.com") {
		t.Errorf("dual stack: %+v, %v", out, err)
	}
	f.clock.Advance(time.Hour)
	if got := describe().Status; got != types.AcceleratorStatusInProgress {
		t.Errorf("stuck: %s", got)
	}
	f.account.Trouble.AcceleratorsStuck = false
	if got := describe().Status; got != types.AcceleratorStatusDeployed {
		t.Errorf("let go: %s", got)
	}
	if named, dual, ok := f.account.AcceleratorNamed(strings.ToUpper(*out.Accelerator.DualStackDnsName) + "."); !ok || !dual || named.ARN != *x.AcceleratorArn {
		t.Error("the account does not find it by name")
	}
}

func TestTheSameTokenFindsTheSameAccelerator(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	in := func(name string) *globalaccelerator.CreateAcceleratorInput {
		return &globalaccelerator.CreateAcceleratorInput{Name: aws.String(name), IdempotencyToken: aws.String("t")}
	}
	a, err := f.CreateAccelerator(t.Context(), in("a"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.CreateAccelerator(t.Context(), in("a"))
	if err != nil || *a.Accelerator.AcceleratorArn != *b.Accelerator.AcceleratorArn {
		t.Errorf("again: %v, %v", b, err)
	}
	if _, err := f.CreateAccelerator(t.Context(), in("b")); code(err) != "InvalidArgumentException" {
		t.Errorf("with another name: %v", err)
	}
	if len(f.account.Accelerators) != 1 {
		t.Errorf("%d accelerators", len(f.account.Accelerators))
	}
}

func TestAcceleratorsAreValidated(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	f.account.OwnAddresses = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	if err := f.account.SetQuota("accelerators", 2); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		in   globalaccelerator.CreateAcceleratorInput
		want string
	}{
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String("")}, "InvalidArgumentException"},
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String("-a")}, "InvalidArgumentException"},
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String(strings.Repeat("a", 65))}, "InvalidArgumentException"},
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String("a"), IpAddressType: "IPV6"}, "InvalidArgumentException"},
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String("a"), IpAddresses: []string{"192.0.2.1"}}, "InvalidArgumentException"},
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String("a"), Tags: []types.Tag{{Key: aws.String("aws:a"), Value: aws.String("b")}}}, "InvalidArgumentException"},
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String("k8s_default_web"), IpAddresses: []string{"198.51.100.7"}}, ""},
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String("a"), IpAddresses: []string{"198.51.100.7"}}, "InvalidArgumentException"},
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String("a.b-c")}, ""},
		{globalaccelerator.CreateAcceleratorInput{Name: aws.String("one-more")}, "LimitExceededException"},
	} {
		out, err := f.CreateAccelerator(t.Context(), &tt.in)
		if code(err) != tt.want {
			t.Errorf("%q: %v, want %s", *tt.in.Name, err, tt.want)
		}
		if err == nil && len(tt.in.IpAddresses) > 0 && out.Accelerator.IpSets[0].IpAddresses[0] != tt.in.IpAddresses[0] {
			t.Errorf("own address: %v", out.Accelerator.IpSets)
		}
	}
}

func TestAnAcceleratorIsDeletedOnceItIsDisabledAndEmpty(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Real())
	x := f.accelerator("web")
	l := f.listener(x.AcceleratorArn, types.ProtocolTcp, 80, 80)
	g := f.group(l.ListenerArn)
	remove := func() error {
		_, err := f.DeleteAccelerator(t.Context(), &globalaccelerator.DeleteAcceleratorInput{AcceleratorArn: x.AcceleratorArn})
		return err
	}
	want := func(step string, err error, code_ string) {
		t.Helper()
		if code(err) != code_ {
			t.Errorf("%s: %v, want %s", step, err, code_)
		}
	}
	f.clock.Advance(time.Hour)
	want("enabled", remove(), "AcceleratorNotDisabledException")
	_, err := f.UpdateAccelerator(t.Context(), &globalaccelerator.UpdateAcceleratorInput{AcceleratorArn: x.AcceleratorArn, Enabled: aws.Bool(false)})
	want("disable", err, "")
	want("still in progress", remove(), "AcceleratorNotDisabledException")
	f.clock.Advance(account.Real().AcceleratorChange)
	want("with a listener", remove(), "AssociatedListenerFoundException")
	_, err = f.DeleteListener(t.Context(), &globalaccelerator.DeleteListenerInput{ListenerArn: l.ListenerArn})
	want("with a group", err, "AssociatedEndpointGroupFoundException")
	_, err = f.DeleteEndpointGroup(t.Context(), &globalaccelerator.DeleteEndpointGroupInput{EndpointGroupArn: g.EndpointGroupArn})
	want("delete the group", err, "")
	_, err = f.DeleteEndpointGroup(t.Context(), &globalaccelerator.DeleteEndpointGroupInput{EndpointGroupArn: g.EndpointGroupArn})
	want("delete the group again", err, "EndpointGroupNotFoundException")
	_, err = f.DeleteListener(t.Context(), &globalaccelerator.DeleteListenerInput{ListenerArn: l.ListenerArn})
	want("delete the listener", err, "")
	_, err = f.DeleteListener(t.Context(), &globalaccelerator.DeleteListenerInput{ListenerArn: l.ListenerArn})
	want("delete the listener again", err, "ListenerNotFoundException")
	f.clock.Advance(account.Real().AcceleratorChange)
	want("at last", remove(), "")
	want("again", remove(), "AcceleratorNotFoundException")
}

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
		if _, err := f.listen(x, tt.protocol, tt.ports...); code(err) != tt.want {
			t.Errorf("%s %v: %v, want %s", tt.protocol, tt.ports, err, tt.want)
		}
	}
	for i := range int32(7) {
		f.listener(x, types.ProtocolTcp, 1000+i, 1000+i)
	}
	if _, err := f.listen(x, types.ProtocolTcp, 2000, 2000); code(err) != "LimitExceededException" {
		t.Errorf("the eleventh: %v", err)
	}
	if _, err := f.listen(aws.String("none"), types.ProtocolTcp, 1, 1); code(err) != "AcceleratorNotFoundException" {
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
		in := &globalaccelerator.UpdateEndpointGroupInput{EndpointGroupArn: group.EndpointGroupArn, PortOverrides: []types.PortOverride{}}
		for i := 0; i < len(pairs); i += 2 {
			in.PortOverrides = append(in.PortOverrides, types.PortOverride{ListenerPort: aws.Int32(pairs[i]), EndpointPort: aws.Int32(pairs[i+1])})
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
		if err := override(tt.group, tt.pairs...); code(err) != tt.want {
			t.Errorf("%v: %v, want %s", tt.pairs, err, tt.want)
		}
	}
	if _, err := f.listen(x, types.ProtocolUdp, 8000, 8100); code(err) != "InvalidArgumentException" {
		t.Errorf("a listener on an endpoint port: %v", err)
	}
	move := func() error {
		_, err := f.UpdateListener(t.Context(), &globalaccelerator.UpdateListenerInput{ListenerArn: web.ListenerArn, PortRanges: ports(81, 81)})
		return err
	}
	if err := move(); code(err) != "InvalidArgumentException" {
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
	if *g.TrafficDialPercentage != 100 || *g.HealthCheckPort != 8080 || g.HealthCheckProtocol != "TCP" || *g.HealthCheckIntervalSeconds != 30 || *g.ThresholdCount != 3 {
		t.Errorf("defaults: %+v", g)
	}
	create := func(change func(*globalaccelerator.CreateEndpointGroupInput)) error {
		in := &globalaccelerator.CreateEndpointGroupInput{ListenerArn: l.ListenerArn, EndpointGroupRegion: aws.String("eu-west-1")}
		change(in)
		_, err := f.CreateEndpointGroup(t.Context(), in)
		return err
	}
	type input = globalaccelerator.CreateEndpointGroupInput
	for name, tt := range map[string]struct {
		change func(*input)
		want   string
	}{
		"region taken":   {func(in *input) { in.EndpointGroupRegion = aws.String("us-west-2") }, "EndpointGroupAlreadyExistsException"},
		"no region":      {func(in *input) { in.EndpointGroupRegion = aws.String("moon") }, "InvalidArgumentException"},
		"dial":           {func(in *input) { in.TrafficDialPercentage = aws.Float32(100.5) }, "InvalidArgumentException"},
		"interval":       {func(in *input) { in.HealthCheckIntervalSeconds = aws.Int32(20) }, "InvalidArgumentException"},
		"threshold":      {func(in *input) { in.ThresholdCount = aws.Int32(11) }, "InvalidArgumentException"},
		"path":           {func(in *input) { in.HealthCheckPath = aws.String("health") }, "InvalidArgumentException"},
		"check port":     {func(in *input) { in.HealthCheckPort = aws.Int32(65536) }, "InvalidArgumentException"},
		"check protocol": {func(in *input) { in.HealthCheckProtocol = "UDP" }, "InvalidArgumentException"},
		"listener":       {func(in *input) { in.ListenerArn = aws.String("none") }, "ListenerNotFoundException"},
	} {
		if err := create(tt.change); code(err) != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
}

func TestEndpointsAreValidated(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	x := f.accelerator("web")
	g := f.group(f.listener(x.AcceleratorArn, types.ProtocolTcp, 80, 80).ListenerArn)
	with := func(name string, cip *bool, weight *int32) types.EndpointConfiguration {
		e := endpoint(name)
		e.ClientIPPreservationEnabled, e.Weight = cip, weight
		return e
	}
	add := func(e ...types.EndpointConfiguration) (*globalaccelerator.AddEndpointsOutput, error) {
		return f.AddEndpoints(t.Context(), &globalaccelerator.AddEndpointsInput{EndpointGroupArn: g.EndpointGroupArn, EndpointConfigurations: e})
	}
	yes, no := aws.Bool(true), aws.Bool(false)
	for _, tt := range []struct {
		name string
		e    types.EndpointConfiguration
		want string
		cip  *bool
	}{
		{"public ALB", with("app/out", nil, nil), "", yes},
		{"public ALB, no preservation", with("app/out", no, nil), "", no},
		{"internal ALB", with("app/in", nil, nil), "", yes},
		{"internal ALB, no preservation", with("app/in", no, nil), "InvalidArgumentException", nil},
		{"NLB", with("net/plain", nil, nil), "", no},
		{"NLB without groups, preservation", with("net/plain", yes, nil), "InvalidArgumentException", nil},
		{"NLB with groups, preservation", with("net/sg", yes, nil), "", yes},
		{"too heavy", with("app/out", nil, aws.Int32(256)), "InvalidArgumentException", nil},
		{"not there", with("app/none", nil, nil), "InvalidArgumentException", nil},
		{"not active", with("app/young", nil, nil), "InvalidArgumentException", nil},
		{"another region", types.EndpointConfiguration{EndpointId: aws.String("arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/x/1")}, "InvalidArgumentException", nil},
		{"a target group", types.EndpointConfiguration{EndpointId: aws.String("arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/x/1")}, "InvalidArgumentException", nil},
		{"instance", types.EndpointConfiguration{EndpointId: aws.String("i-0a1de0000000000a1")}, "", yes},
		{"no instance", types.EndpointConfiguration{EndpointId: aws.String("i-0a1de0000000000ff")}, "InvalidArgumentException", nil},
		{"no address", types.EndpointConfiguration{EndpointId: aws.String("eipalloc-0123")}, "InvalidArgumentException", nil},
	} {
		out, err := add(tt.e)
		if code(err) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
			continue
		}
		if err == nil && (len(out.EndpointDescriptions) != 1 || *out.EndpointDescriptions[0].ClientIPPreservationEnabled != *tt.cip || *out.EndpointDescriptions[0].Weight != 128) {
			t.Errorf("%s: %+v", tt.name, out.EndpointDescriptions)
		}
	}
	if _, err := add(endpoint("app/out"), endpoint("app/out")); code(err) != "InvalidArgumentException" {
		t.Errorf("twice: %v", err)
	}
	if _, err := f.UpdateAccelerator(t.Context(), &globalaccelerator.UpdateAcceleratorInput{AcceleratorArn: x.AcceleratorArn, IpAddressType: types.IpAddressTypeDualStack}); code(err) != "InvalidArgumentException" {
		t.Errorf("dual stack with endpoints that are not: %v", err)
	}
	if err := f.account.SetQuota("endpoints-per-endpoint-group", 4); err != nil {
		t.Fatal(err)
	}
	if _, err := add(endpoint("app/dual")); code(err) != "LimitExceededException" {
		t.Errorf("one too many: %v", err)
	}
}

func TestEndpointsAreAddedReplacedAndRemoved(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	l := f.listener(f.accelerator("web").AcceleratorArn, types.ProtocolTcp, 80, 80)
	g := f.group(l.ListenerArn, endpoint("app/out"), endpoint("app/dual"))
	names := func() string {
		out, err := f.DescribeEndpointGroup(t.Context(), &globalaccelerator.DescribeEndpointGroupInput{EndpointGroupArn: g.EndpointGroupArn})
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, e := range out.EndpointGroup.EndpointDescriptions {
			list = append(list, fmt.Sprintf("%s=%d", strings.TrimSuffix(strings.TrimPrefix(*e.EndpointId, prefix), "/1"), *e.Weight))
		}
		return strings.Join(list, " ")
	}
	check := func(step string, err error, want string) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", step, err)
		}
		if got := names(); got != want {
			t.Errorf("%s: %s, want %s", step, got, want)
		}
	}
	heavier := endpoint("app/out")
	heavier.Weight = aws.Int32(200)
	_, err := f.AddEndpoints(t.Context(), &globalaccelerator.AddEndpointsInput{EndpointGroupArn: g.EndpointGroupArn, EndpointConfigurations: []types.EndpointConfiguration{heavier, endpoint("net/sg")}})
	check("add", err, "app/out=200 app/dual=128 net/sg=128")
	_, err = f.UpdateEndpointGroup(t.Context(), &globalaccelerator.UpdateEndpointGroupInput{EndpointGroupArn: g.EndpointGroupArn, TrafficDialPercentage: aws.Float32(10)})
	check("update of something else", err, "app/out=200 app/dual=128 net/sg=128")
	_, err = f.RemoveEndpoints(t.Context(), &globalaccelerator.RemoveEndpointsInput{EndpointGroupArn: g.EndpointGroupArn, EndpointIdentifiers: []types.EndpointIdentifier{{EndpointId: heavier.EndpointId}}})
	check("remove", err, "app/dual=128 net/sg=128")
	_, err = f.RemoveEndpoints(t.Context(), &globalaccelerator.RemoveEndpointsInput{EndpointGroupArn: g.EndpointGroupArn, EndpointIdentifiers: []types.EndpointIdentifier{{EndpointId: heavier.EndpointId}}})
	if code(err) != "InvalidArgumentException" {
		t.Errorf("remove what is not there: %v", err)
	}
	_, err = f.UpdateEndpointGroup(t.Context(), &globalaccelerator.UpdateEndpointGroupInput{EndpointGroupArn: g.EndpointGroupArn, EndpointConfigurations: []types.EndpointConfiguration{endpoint("app/in")}})
	check("replace", err, "app/in=128")
	_, err = f.UpdateEndpointGroup(t.Context(), &globalaccelerator.UpdateEndpointGroupInput{EndpointGroupArn: g.EndpointGroupArn, EndpointConfigurations: []types.EndpointConfiguration{}})
	check("replace by none", err, "")
}

func TestClientIPPreservationBringsInterfacesIntoTheVPC(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Real())
	l := f.listener(f.accelerator("web").AcceleratorArn, types.ProtocolTcp, 80, 80)
	inVPC := func() (groups, interfaces int) {
		for _, g := range f.account.SecurityGroups {
			if g.Name == groupName {
				groups++
			}
		}
		for _, n := range f.account.Interfaces {
			if n.Type == interfaceType {
				interfaces++
			}
		}
		return groups, interfaces
	}
	g := f.group(l.ListenerArn, endpoint("net/plain"))
	if groups, interfaces := inVPC(); groups != 0 || interfaces != 0 {
		t.Errorf("without preservation: %d groups, %d interfaces", groups, interfaces)
	}
	if _, err := f.AddEndpoints(t.Context(), &globalaccelerator.AddEndpointsInput{EndpointGroupArn: g.EndpointGroupArn, EndpointConfigurations: []types.EndpointConfiguration{endpoint("app/out"), endpoint("app/in")}}); err != nil {
		t.Fatal(err)
	}
	if groups, interfaces := inVPC(); groups != 1 || interfaces != 2 {
		t.Errorf("with preservation: %d groups, %d interfaces", groups, interfaces)
	}
	if _, err := f.DeleteEndpointGroup(t.Context(), &globalaccelerator.DeleteEndpointGroupInput{EndpointGroupArn: g.EndpointGroupArn}); err != nil {
		t.Fatal(err)
	}
	if _, interfaces := inVPC(); interfaces != 2 {
		t.Errorf("%d interfaces linger", interfaces)
	}
	f.clock.Advance(account.Real().InterfaceRelease)
	if groups, interfaces := inVPC(); groups != 0 || interfaces != 0 {
		t.Errorf("in the end: %d groups, %d interfaces", groups, interfaces)
	}
}

func TestHealthOfEndpointsFollowsTheirTargets(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Real())
	l := f.listener(f.accelerator("web").AcceleratorArn, types.ProtocolTcp, 80, 80)
	g := f.group(l.ListenerArn, endpoint("app/out"), types.EndpointConfiguration{EndpointId: aws.String("i-0a1de0000000000a1")})
	health := func() string {
		out, err := f.DescribeEndpointGroup(t.Context(), &globalaccelerator.DescribeEndpointGroupInput{EndpointGroupArn: g.EndpointGroupArn})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(out.EndpointGroup.EndpointDescriptions[0].HealthState, " ", out.EndpointGroup.EndpointDescriptions[1].HealthState)
	}
	if got := health(); got != "INITIAL INITIAL" {
		t.Errorf("at first: %s", got)
	}
	f.clock.Advance(account.Real().EndpointInitial)
	if got := health(); got != "UNHEALTHY HEALTHY" {
		t.Errorf("without targets: %s", got)
	}
	f.account.Instances["i-0a1de0000000000a1"].State = "stopped"
	if got := health(); got != "UNHEALTHY UNHEALTHY" {
		t.Errorf("stopped: %s", got)
	}
}

func TestListsGoByPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	var want []string
	for i := range 13 {
		want = append(want, *f.accelerator(fmt.Sprint("a", i)).AcceleratorArn)
	}
	var got []string
	p := globalaccelerator.NewListAcceleratorsPaginator(f, &globalaccelerator.ListAcceleratorsInput{})
	for pages := 0; p.HasMorePages(); pages++ {
		out, err := p.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if pages == 0 && len(out.Accelerators) != defaultPage {
			t.Errorf("%d on the first page", len(out.Accelerators))
		}
		for _, x := range out.Accelerators {
			got = append(got, *x.AcceleratorArn)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if _, err := f.ListAccelerators(t.Context(), &globalaccelerator.ListAcceleratorsInput{NextToken: aws.String("x")}); code(err) != "InvalidNextTokenException" {
		t.Errorf("bad token: %v", err)
	}
	if _, err := f.ListAccelerators(t.Context(), &globalaccelerator.ListAcceleratorsInput{MaxResults: aws.Int32(101)}); code(err) != "InvalidArgumentException" {
		t.Errorf("page too large: %v", err)
	}
}

func TestOnlyAcceleratorsHaveTags(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	x := f.accelerator("web")
	l := f.listener(x.AcceleratorArn, types.ProtocolTcp, 80, 80)
	tag := func(arn *string, key string) error {
		_, err := f.TagResource(t.Context(), &globalaccelerator.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{{Key: aws.String(key), Value: aws.String("v")}}})
		return err
	}
	if err := tag(l.ListenerArn, "k"); code(err) != "AcceleratorNotFoundException" {
		t.Errorf("tag a listener: %v", err)
	}
	for i := range maxTags {
		if err := tag(x.AcceleratorArn, fmt.Sprint("k", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tag(x.AcceleratorArn, "more"); code(err) != "InvalidArgumentException" {
		t.Errorf("51 tags: %v", err)
	}
	if _, err := f.UntagResource(t.Context(), &globalaccelerator.UntagResourceInput{ResourceArn: x.AcceleratorArn, TagKeys: []string{"k1", "none"}}); err != nil {
		t.Fatal(err)
	}
	out, err := f.ListTagsForResource(t.Context(), &globalaccelerator.ListTagsForResourceInput{ResourceArn: x.AcceleratorArn})
	if err != nil || len(out.Tags) != maxTags-1 {
		t.Errorf("%d tags, %v", len(out.Tags), err)
	}
	if got := f.account.ResourceTags(*l.ListenerArn); got["k2"] != "v" {
		t.Errorf("policies do not see the accelerator's tags at its listener: %v", got)
	}
}
