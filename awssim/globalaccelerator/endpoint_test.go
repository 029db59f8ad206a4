package globalaccelerator

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

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
		return f.AddEndpoints(t.Context(), &globalaccelerator.AddEndpointsInput{EndpointGroupArn: g.EndpointGroupArn,
			EndpointConfigurations: e})
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
		{"another region", types.EndpointConfiguration{
			EndpointId: aws.String("arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/x/1")},
			"InvalidArgumentException", nil},
		{"a target group", types.EndpointConfiguration{
			EndpointId: aws.String("arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/x/1")},
			"InvalidArgumentException", nil},
		{"instance", types.EndpointConfiguration{EndpointId: aws.String("i-0a1de0000000000a1")}, "", yes},
		{"no instance", types.EndpointConfiguration{EndpointId: aws.String("i-0a1de0000000000ff")},
			"InvalidArgumentException", nil},
		{"no address", types.EndpointConfiguration{EndpointId: aws.String("eipalloc-0123")}, "InvalidArgumentException", nil},
	} {
		out, err := add(tt.e)
		if apierr.CodeOf(err) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
			continue
		}
		if err == nil && (len(out.EndpointDescriptions) != 1 || *out.EndpointDescriptions[0].ClientIPPreservationEnabled !=
			*tt.cip || *out.EndpointDescriptions[0].Weight != 128) {
			t.Errorf("%s: %+v", tt.name, out.EndpointDescriptions)
		}
	}
	if _, err := add(endpoint("app/out"), endpoint("app/out")); apierr.CodeOf(err) != "InvalidArgumentException" {
		t.Errorf("twice: %v", err)
	}
	if _, err := f.UpdateAccelerator(t.Context(), &globalaccelerator.UpdateAcceleratorInput{
		AcceleratorArn: x.AcceleratorArn, IpAddressType: types.IpAddressTypeDualStack}); apierr.CodeOf(err) !=
		"InvalidArgumentException" {
		t.Errorf("dual stack with endpoints that are not: %v", err)
	}
	if err := f.account.SetQuota("endpoints-per-endpoint-group", 4); err != nil {
		t.Fatal(err)
	}
	if _, err := add(endpoint("app/dual")); apierr.CodeOf(err) != "LimitExceededException" {
		t.Errorf("one too many: %v", err)
	}
}

func TestEndpointsAreAddedReplacedAndRemoved(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	l := f.listener(f.accelerator("web").AcceleratorArn, types.ProtocolTcp, 80, 80)
	g := f.group(l.ListenerArn, endpoint("app/out"), endpoint("app/dual"))
	names := func() string {
		out, err := f.DescribeEndpointGroup(t.Context(), &globalaccelerator.DescribeEndpointGroupInput{
			EndpointGroupArn: g.EndpointGroupArn})
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, e := range out.EndpointGroup.EndpointDescriptions {
			list = append(list, fmt.Sprintf("%s=%d", strings.TrimSuffix(strings.TrimPrefix(*e.EndpointId, prefix), "/1"),
				*e.Weight))
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
	_, err := f.AddEndpoints(t.Context(), &globalaccelerator.AddEndpointsInput{EndpointGroupArn: g.EndpointGroupArn,
		EndpointConfigurations: []types.EndpointConfiguration{heavier, endpoint("net/sg")}})
	check("add", err, "app/out=200 app/dual=128 net/sg=128")
	_, err = f.UpdateEndpointGroup(t.Context(), &globalaccelerator.UpdateEndpointGroupInput{
		EndpointGroupArn: g.EndpointGroupArn, TrafficDialPercentage: aws.Float32(10)})
	check("update of something else", err, "app/out=200 app/dual=128 net/sg=128")
	_, err = f.RemoveEndpoints(t.Context(), &globalaccelerator.RemoveEndpointsInput{EndpointGroupArn: g.EndpointGroupArn,
		EndpointIdentifiers: []types.EndpointIdentifier{{EndpointId: heavier.EndpointId}}})
	check("remove", err, "app/dual=128 net/sg=128")
	_, err = f.RemoveEndpoints(t.Context(), &globalaccelerator.RemoveEndpointsInput{EndpointGroupArn: g.EndpointGroupArn,
		EndpointIdentifiers: []types.EndpointIdentifier{{EndpointId: heavier.EndpointId}}})
	if apierr.CodeOf(err) != "InvalidArgumentException" {
		t.Errorf("remove what is not there: %v", err)
	}
	_, err = f.UpdateEndpointGroup(t.Context(), &globalaccelerator.UpdateEndpointGroupInput{
		EndpointGroupArn: g.EndpointGroupArn, EndpointConfigurations: []types.EndpointConfiguration{endpoint("app/in")}})
	check("replace", err, "app/in=128")
	_, err = f.UpdateEndpointGroup(t.Context(), &globalaccelerator.UpdateEndpointGroupInput{
		EndpointGroupArn: g.EndpointGroupArn, EndpointConfigurations: []types.EndpointConfiguration{}})
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
	if _, err := f.AddEndpoints(t.Context(), &globalaccelerator.AddEndpointsInput{EndpointGroupArn: g.EndpointGroupArn,
		EndpointConfigurations: []types.EndpointConfiguration{endpoint("app/out"), endpoint("app/in")}}); err != nil {
		t.Fatal(err)
	}
	if groups, interfaces := inVPC(); groups != 1 || interfaces != 2 {
		t.Errorf("with preservation: %d groups, %d interfaces", groups, interfaces)
	}
	if _, err := f.DeleteEndpointGroup(t.Context(), &globalaccelerator.DeleteEndpointGroupInput{
		EndpointGroupArn: g.EndpointGroupArn}); err != nil {
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
	g := f.group(l.ListenerArn, endpoint("app/out"), types.EndpointConfiguration{
		EndpointId: aws.String("i-0a1de0000000000a1")})
	health := func() string {
		out, err := f.DescribeEndpointGroup(t.Context(), &globalaccelerator.DescribeEndpointGroupInput{
			EndpointGroupArn: g.EndpointGroupArn})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(out.EndpointGroup.EndpointDescriptions[0].HealthState, " ",
			out.EndpointGroup.EndpointDescriptions[1].HealthState)
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

func TestAListenerHasAsManyEndpointGroupsAsItsQuota(t *testing.T) {
	t.Parallel()
	f := newFixture(t, account.Instant())
	l := f.listener(f.accelerator("web").AcceleratorArn, types.ProtocolTcp, 80, 80)
	if n := f.account.Quota("endpoint-groups-per-listener"); n != 42 {
		t.Errorf("a listener may have %d endpoint groups", n)
	}
	if err := f.account.SetQuota("endpoint-groups-per-listener", 3); err != nil {
		t.Fatal(err)
	}
	create := func(region string) error {
		_, err := f.CreateEndpointGroup(t.Context(), &globalaccelerator.CreateEndpointGroupInput{ListenerArn: l.ListenerArn,
			EndpointGroupRegion: aws.String(region)})
		return err
	}
	for _, region := range []string{"us-west-2", "eu-west-1", "ap-southeast-7"} {
		if err := create(region); err != nil {
			t.Fatalf("endpoint group in %s: %v", region, err)
		}
	}
	if got := apierr.CodeOf(create("eu-west-2")); got != "LimitExceededException" {
		t.Errorf("one endpoint group too many: %q", got)
	}
}
