package awssim

import (
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	gatypes "github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/vnet"
)

func TestAnAcceleratorCarriesTrafficToALoadBalancer(t *testing.T) {
	t.Parallel()
	network := vnet.New()
	s := serve(t, Options{DataPlane: true, Network: network, HealthInterval: 20 * time.Millisecond})
	pod(t, network, "10.0.128.77", 8080, "blue")
	w, ctx := s.web(t), t.Context()
	w.allow(t, 80)
	w.listen(t, elb.CreateListenerInput{Protocol: "HTTP", Port: aws.Int32(80)})
	w.register(t, "10.0.128.77")
	w.healthy(t)

	edge := globalaccelerator.NewFromConfig(s.config("us-west-2"))
	made := wanted(edge.CreateAccelerator(ctx, &globalaccelerator.CreateAcceleratorInput{
		Name: aws.String("web"), IdempotencyToken: aws.String("t"), Tags: []gatypes.Tag{
			{Key: aws.String("elbv2.k8s.aws/cluster"), Value: aws.String("demo")}},
	}))(t).Accelerator
	l := wanted(edge.CreateListener(ctx, &globalaccelerator.CreateListenerInput{
		AcceleratorArn: made.AcceleratorArn, IdempotencyToken: aws.String("t"), Protocol: "TCP",
		PortRanges: []gatypes.PortRange{{FromPort: aws.Int32(80), ToPort: aws.Int32(81)}},
	}))(t).Listener
	group := wanted(edge.CreateEndpointGroup(ctx, &globalaccelerator.CreateEndpointGroupInput{
		ListenerArn: l.ListenerArn, IdempotencyToken: aws.String("t"), EndpointGroupRegion: aws.String("us-west-2"),
		EndpointConfigurations: []gatypes.EndpointConfiguration{{EndpointId: aws.String(w.lb)}},
	}))(t).EndpointGroup
	if got := group.EndpointDescriptions[0]; got.HealthState != gatypes.HealthStateHealthy {
		t.Errorf("the endpoint is %s: %s", got.HealthState, aws.ToString(got.HealthReason))
	}
	if status, body := get(t, s.client(t), "http://"+*made.DnsName+"/", ""); status != http.StatusOK || body != "blue" {
		t.Errorf("got %d %q", status, body)
	}
	addresses := wanted(s.admin.Resolve(ctx, *made.DnsName))(t)
	if len(addresses) != 2 {
		t.Errorf("%s resolves to %v", *made.DnsName, addresses)
	}
	for _, e := range s.Endpoints() {
		if e.ARN == *made.AcceleratorArn && (!slices.Contains(addresses, e.Address) || len(e.Listeners) != 2) {
			t.Errorf("endpoint %+v", e)
		}
	}
	found := wanted(s.tags.GetResources(ctx, &resourcegroupstaggingapi.GetResourcesInput{
		ResourceTypeFilters: []string{"globalaccelerator:accelerator"}}))(t)
	if len(found.ResourceTagMappingList) != 1 || *found.ResourceTagMappingList[0].ResourceARN != *made.AcceleratorArn {
		t.Errorf("found by tag: %+v", found.ResourceTagMappingList)
	}
	r := wanted(s.admin.Resources(ctx))(t)
	if len(r.Accelerators) != 1 || r.Accelerators[0].Status != "DEPLOYED" ||
		r.Accelerators[0].Listeners[0].Groups[0].Endpoints[0].State != "HEALTHY" {
		t.Errorf("resources: %+v", r.Accelerators)
	}

	wanted(edge.UpdateAccelerator(ctx, &globalaccelerator.UpdateAcceleratorInput{AcceleratorArn: made.AcceleratorArn,
		Enabled: aws.Bool(false)}))(t)
	c := wanted(s.DialContext(ctx, "tcp", *made.DnsName+":80"))(t)
	defer func() { _ = c.Close() }()
	_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	var timeout net.Error
	if _, err := c.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("a disabled accelerator: %v", err)
	}
}

func TestAnAcceleratorTakesConnectionsOnceItIsDeployed(t *testing.T) {
	t.Parallel()
	c := clock.NewStepped(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	s := serve(t, Options{DataPlane: true, Clock: c, Profile: account.Real()})
	made := wanted(s.Edge.CreateAccelerator(t.Context(), &globalaccelerator.CreateAcceleratorInput{Name: aws.String("web"),
		IpAddressType: "DUAL_STACK"}))(t).Accelerator
	wanted(s.Edge.CreateListener(t.Context(), &globalaccelerator.CreateListenerInput{
		AcceleratorArn: made.AcceleratorArn, Protocol: "TCP", PortRanges: []gatypes.PortRange{
			{FromPort: aws.Int32(80), ToPort: aws.Int32(80)}},
	}))(t)
	if _, err := s.DialContext(t.Context(), "tcp", *made.DnsName+":80"); err == nil {
		t.Error("the accelerator takes connections before it is deployed")
	}
	if err := s.admin.Advance(t.Context(), account.Real().AcceleratorDeploy); err != nil {
		t.Fatal(err)
	}
	// It has no endpoint, and resets what it has taken, perhaps before the dialer looks.
	if conn, err := s.DialContext(t.Context(), "tcp", *made.DnsName+":80"); err == nil {
		_ = conn.Close()
	} else if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the deployed accelerator: %v", err)
	}
	if got := wanted(s.admin.Resolve(t.Context(), *made.DualStackDnsName))(t); len(got) != 4 {
		t.Errorf("the dual-stack name resolves to %v", got)
	}
	if got := wanted(s.admin.Resolve(t.Context(), strings.Replace(*made.DnsName, "a", "b", 1)))(t); len(got) != 0 {
		t.Errorf("another name resolves to %v", got)
	}
}

func TestGlobalAcceleratorIsCalledInItsHomeRegion(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{})
	_, err := globalaccelerator.NewFromConfig(s.config("eu-west-1")).ListAccelerators(t.Context(),
		&globalaccelerator.ListAcceleratorsInput{})
	var e smithy.APIError
	if !errors.As(err, &e) || e.ErrorCode() != "InvalidSignatureException" {
		t.Errorf("signed for eu-west-1: %v", err)
	}
}
