package conformance

import (
	"context"
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"golang.org/x/net/websocket"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8stypes "k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	pb "sigs.k8s.io/gateway-api-conformance-images/echo-basic/grpcechoserver"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/conformance/tests"
	"sigs.k8s.io/gateway-api/conformance/utils/grpc"
	"sigs.k8s.io/gateway-api/conformance/utils/http"
	k8s "sigs.k8s.io/gateway-api/conformance/utils/kubernetes"
	"sigs.k8s.io/gateway-api/conformance/utils/suite"
	"sigs.k8s.io/gateway-api/conformance/utils/tcp"
	"sigs.k8s.io/gateway-api/conformance/utils/tls"
	"sigs.k8s.io/gateway-api/conformance/utils/udp"

	"github.com/k8s-lbc/lbc/playground/harness"
)

// The suite's own setup runs with a hand in place of the controller: its base manifests are applied, and all of their
// pods become ready. Then each of its clients reaches them through load balancers that are made by hand.
func TestTheSuitesClientsReachItsBackendsThroughLoadBalancers(t *testing.T) {
	if testing.Short() {
		t.Skip("make conformance runs the suite; this is about its lists and clients")
	}
	if testing.Short() {
		t.Skip("starts a playground")
	}
	realPorts(t)
	c := harness.Start(t, harness.Options{NoController: true})
	options, err := suiteOptions(c.Config, order{Simulator: c.Env.URL, DNS: c.Simulator.DNS(), Version: "v0.0.0-dev"})
	if err != nil {
		t.Fatal(err)
	}
	run, _ := load(t).Run("layer4")
	configure(&options, run)
	s, err := suite.NewConformanceTestSuite(options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); acceptAll(ctx, options.Client) }()
	defer func() { cancel(); <-ended }()
	s.Setup(t, tests.ConformanceTests)

	h := hand{t, c}
	h.openNodes()
	alb := h.balancer("alb", types.LoadBalancerTypeEnumApplication)
	h.listen(alb, types.ProtocolEnumHttp, 80, h.group("http", types.ProtocolEnumHttp, 3000, "infra-backend-v1"), "")
	nlb := h.balancer("nlb", types.LoadBalancerTypeEnumNetwork)
	plain := h.group("tcp", types.ProtocolEnumTcp, 3000, "tcp-backend")
	h.listen(nlb, types.ProtocolEnumTcp, 3000, plain, "")
	h.listen(nlb, types.ProtocolEnumTls, 8443, plain, c.Simulator.Seed().Certificates[0].ARN)
	h.listen(nlb, types.ProtocolEnumTcp, 8444, h.group("tls", types.ProtocolEnumTcp, 8443, "tcp-backend"), "")
	h.listen(nlb, types.ProtocolEnumTcp, 443, h.group("https", types.ProtocolEnumTcp, 8443, "tls-backend"), "")
	h.listen(nlb, types.ProtocolEnumTcp, 50051, h.group("grpc", types.ProtocolEnumTcp, 3000, "grpc-infra-backend-v1"), "")
	h.listen(nlb, types.ProtocolEnumUdp, 5300, h.group("udp", types.ProtocolEnumUdp, 8080, "udp"), "")
	at := func(lb types.LoadBalancer, port int) string { return net.JoinHostPort(*lb.DNSName, strconv.Itoa(port)) }
	const infra = suite.InfrastructureNamespace
	ca, err := c.Simulator.CA()
	if err != nil {
		t.Fatal(err)
	}
	passthrough, _, err := k8s.GetTLSSecret(options.Client, k8stypes.NamespacedName{
		Namespace: infra, Name: "tls-passthrough-checks-certificate"})
	if err != nil {
		t.Fatal(err)
	}
	certificate, _, err := k8s.GetTLSSecret(options.Client, k8stypes.NamespacedName{
		Namespace: infra, Name: "tls-checks-certificate"})
	if err != nil {
		t.Fatal(err)
	}

	t.Run("HTTP", func(t *testing.T) {
		http.MakeRequestAndExpectEventuallyConsistentResponse(t, s.RoundTripper, s.TimeoutConfig, at(alb, 80),
			http.ExpectedResponse{
				Request: http.Request{Path: "/a?b=c"}, Backend: "infra-backend-v1", Namespace: infra,
			})
	})
	t.Run("WebSocket", func(t *testing.T) {
		url := "ws://" + *alb.DNSName + "/ws"
		conn, err := s.WebSocketDialer.Dial(url, "", url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		var got string
		err = errors.Join(websocket.Message.Send(conn, "hello"), websocket.Message.Receive(conn, &got))
		if err != nil || got != "hello" {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("TCP", func(t *testing.T) {
		tcp.MakeTCPRequestAndExpectEventuallyValidResponse(t, s.TimeoutConfig, at(nlb, 3000), nil, "", false,
			tcp.ExpectedResponse{Backend: "tcp-backend", Namespace: infra})
	})
	t.Run("TLS that the load balancer ends", func(t *testing.T) {
		tcp.MakeTCPRequestAndExpectEventuallyValidResponse(t, s.TimeoutConfig, at(nlb, 8443), ca, "example.com", true,
			tcp.ExpectedResponse{Backend: "tcp-backend", Namespace: infra})
	})
	t.Run("TLS that passes through", func(t *testing.T) {
		tcp.MakeTCPRequestAndExpectEventuallyValidResponse(t, s.TimeoutConfig, at(nlb, 8444), passthrough,
			"abc.example.com", true,
			tcp.ExpectedResponse{Backend: "tcp-backend", Namespace: infra, BackendIsTLS: true, Hostname: "abc.example.com"})
	})
	t.Run("HTTPS that passes through", func(t *testing.T) {
		tls.MakeTLSRequestAndExpectEventuallyConsistentResponse(t, s.RoundTripper, s.TimeoutConfig, at(nlb, 443), certificate,
			nil, nil, "abc.example.com", http.ExpectedResponse{
				Request: http.Request{Host: "abc.example.com", Path: "/"}, Backend: "tls-backend", Namespace: infra,
			})
	})
	t.Run("gRPC", func(t *testing.T) {
		grpc.MakeRequestAndExpectEventuallyConsistentResponse(t, nil, s.TimeoutConfig, at(nlb, 50051), grpc.ExpectedResponse{
			EchoRequest: &pb.EchoRequest{}, Backend: "grpc-infra-backend-v1", Namespace: infra,
		})
	})
	t.Run("UDP", func(t *testing.T) {
		udp.ExpectEchoResponseFromBackend(t, s.TimeoutConfig, at(nlb, 5300), udp.ExpectedResponse{Service: "udp-echo",
			Namespace: infra})
	})
}

// acceptAll gives the suite the statuses that it waits for.
func acceptAll(ctx context.Context, c client.Client) {
	_ = wait.PollUntilContextCancel(ctx, 200*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		condition := func(kind string, generation int64) metav1.Condition {
			return metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: kind, ObservedGeneration: generation,
				LastTransitionTime: metav1.Now()}
		}
		var classes gatewayv1.GatewayClassList
		if c.List(ctx, &classes) == nil {
			for _, o := range classes.Items {
				o.Status.Conditions = []metav1.Condition{condition("Accepted", o.Generation)}
				_ = c.Status().Update(ctx, &o) // the next round tries again
			}
		}
		var gateways gatewayv1.GatewayList
		if c.List(ctx, &gateways) == nil {
			for _, o := range gateways.Items {
				o.Status.Conditions = []metav1.Condition{condition("Accepted", o.Generation), condition("Programmed", o.Generation)}
				_ = c.Status().Update(ctx, &o)
			}
		}
		return false, nil
	})
}

// hand makes AWS resources as the controller would.
type hand struct {
	t *testing.T
	c *harness.Cluster
}

// openNodes admits every address to nodes and pods: clients of NLBs without security groups come with their own.
func (h hand) openNodes() {
	h.t.Helper()
	group := h.c.Simulator.Seed().SecurityGroups[0].ID
	if _, err := h.c.Simulator.Compute.AuthorizeSecurityGroupIngress(h.t.Context(),
		&ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: &group, IpPermissions: []ec2types.IpPermission{
				{IpProtocol: aws.String("-1"), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}}}},
		}); err != nil {
		h.t.Fatal(err)
	}
}

func (h hand) balancer(name string, kind types.LoadBalancerTypeEnum) types.LoadBalancer {
	h.t.Helper()
	in := &elb.CreateLoadBalancerInput{Name: &name, Type: kind, Scheme: types.LoadBalancerSchemeEnumInternetFacing}
	seeded := h.c.Simulator.Seed()
	for _, s := range seeded.VPC.Subnets {
		if s.Public {
			in.Subnets = append(in.Subnets, s.ID)
		}
	}
	if kind == types.LoadBalancerTypeEnumApplication {
		in.SecurityGroups = []string{seeded.SecurityGroups[1].ID}
	}
	out, err := h.c.Simulator.Balancing.CreateLoadBalancer(h.t.Context(), in)
	if err != nil {
		h.t.Fatal(err)
	}
	return out.LoadBalancers[0]
}

// group has the pods of the app as targets.
func (h hand) group(name string, protocol types.ProtocolEnum, port int32, app string) string {
	h.t.Helper()
	in := &elb.CreateTargetGroupInput{Name: &name, Protocol: protocol, Port: &port, TargetType: types.TargetTypeEnumIp,
		VpcId: aws.String(h.c.Simulator.Seed().VPC.ID)}
	if protocol == types.ProtocolEnumHttp {
		in.HealthCheckPath = aws.String("/health")
	}
	tg, err := h.c.Simulator.Balancing.CreateTargetGroup(h.t.Context(), in)
	if err != nil {
		h.t.Fatal(err)
	}
	pods, err := h.c.Client.CoreV1().Pods(suite.InfrastructureNamespace).List(h.t.Context(), metav1.ListOptions{
		LabelSelector: "app=" + app})
	if err != nil || len(pods.Items) == 0 {
		h.t.Fatalf("no pods of %s: %v", app, err)
	}
	var targets []types.TargetDescription
	for _, p := range pods.Items {
		targets = append(targets, types.TargetDescription{Id: &p.Status.PodIP, Port: &port})
	}
	arn := tg.TargetGroups[0].TargetGroupArn
	if _, err := h.c.Simulator.Balancing.RegisterTargets(h.t.Context(), &elb.RegisterTargetsInput{TargetGroupArn: arn,
		Targets: targets}); err != nil {
		h.t.Fatal(err)
	}
	return *arn
}

func (h hand) listen(lb types.LoadBalancer, protocol types.ProtocolEnum, port int32, group, certificate string) {
	h.t.Helper()
	in := &elb.CreateListenerInput{
		LoadBalancerArn: lb.LoadBalancerArn, Protocol: protocol, Port: &port,
		DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: &group}},
	}
	if certificate != "" {
		in.Certificates = []types.Certificate{{CertificateArn: &certificate}}
	}
	if _, err := h.c.Simulator.Balancing.CreateListener(h.t.Context(), in); err != nil {
		h.t.Fatal(err)
	}
}
