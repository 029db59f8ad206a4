package awssim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/clock"
	"github.com/k8s-lbc/lbc/awssim/vnet"
)

// pod serves name on an address and port of the network until the test ends.
func pod(t *testing.T, n *vnet.Network, address string, port uint16, name string) {
	t.Helper()
	podOf(t, n, address, port, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) })
}

// podOf serves a handler on an address and port of the network until the test ends.
func podOf(t *testing.T, n *vnet.Network, address string, port uint16, handler http.HandlerFunc) {
	t.Helper()
	ip := netip.MustParseAddr(address)
	n.AddAddress(ip)
	l, err := n.ListenTCP(ip, port)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: handler}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
}

// web is a load balancer with one target group of addresses.
type web struct {
	*served
	lb, tg, group string // ARN, ARN, id
	dnsName       string
}

func (s *served) web(t *testing.T) *web {
	t.Helper()
	ctx := t.Context()
	vpc := aws.String(s.description.VPC.ID)
	group := wanted(s.compute.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("front"),
		Description: aws.String("front"), VpcId: vpc}))(t).GroupId
	lb := wanted(s.balancing.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: aws.String("web"),
		Subnets: s.subnets(), SecurityGroups: []string{*group}}))(t).LoadBalancers[0]
	tg := wanted(s.balancing.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String("web"), Protocol: "HTTP",
		Port: aws.Int32(8080), VpcId: vpc, TargetType: "ip"}))(t).TargetGroups[0]
	return &web{served: s, lb: *lb.LoadBalancerArn, tg: *tg.TargetGroupArn, group: *group, dnsName: *lb.DNSName}
}

func (w *web) allow(t *testing.T, port int32) {
	t.Helper()
	wanted(w.compute.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: aws.String(w.group), IpPermissions: []ec2types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(port), ToPort: aws.Int32(port), IpRanges: []ec2types.IpRange{
				{CidrIp: aws.String("0.0.0.0/0")}},
		}}}))(t)
}

func (w *web) listen(t *testing.T, in elb.CreateListenerInput) string {
	t.Helper()
	in.LoadBalancerArn = aws.String(w.lb)
	in.DefaultActions = []elbtypes.Action{{Type: "forward", TargetGroupArn: aws.String(w.tg)}}
	return *wanted(w.balancing.CreateListener(t.Context(), &in))(t).Listeners[0].ListenerArn
}

func (w *web) register(t *testing.T, addresses ...string) {
	t.Helper()
	in := &elb.RegisterTargetsInput{TargetGroupArn: aws.String(w.tg)}
	for _, a := range addresses {
		in.Targets = append(in.Targets, elbtypes.TargetDescription{Id: aws.String(a)})
	}
	wanted(w.balancing.RegisterTargets(t.Context(), in))(t)
}

// healthy waits until the API calls every target healthy.
func (w *web) healthy(t *testing.T) {
	t.Helper()
	waiter := elb.NewTargetInServiceWaiter(w.balancing, func(o *elb.TargetInServiceWaiterOptions) {
		o.MinDelay, o.MaxDelay = 5*time.Millisecond, 10*time.Millisecond
	})
	if err := waiter.Wait(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(w.tg)},
		20*time.Second); err != nil {
		t.Fatal(err)
	}
}

// client is an HTTP client that finds load balancers by name and trusts their certificates.
func (s *served) client(t *testing.T) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(wanted(s.admin.CA(t.Context()))(t)) {
		t.Fatal("the authority's certificate is not usable")
	}
	transport := &http.Transport{DialContext: s.DialContext, TLSClientConfig: &tls.Config{
		RootCAs: pool, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func get(t *testing.T, c *http.Client, url, host string) (int, string) {
	t.Helper()
	req := wanted(http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil))(t)
	if host != "" {
		req.Host = host
	}
	resp := wanted(c.Do(req))(t)
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode, string(wanted(io.ReadAll(resp.Body))(t))
}

func TestWhatIsCreatedThroughTheAPICarriesTraffic(t *testing.T) {
	t.Parallel()
	network := vnet.New()
	s := serve(t, Options{DataPlane: true, Network: network, HealthInterval: 20 * time.Millisecond})
	pod(t, network, "10.0.128.77", 8080, "blue")
	w := s.web(t)
	ctx := t.Context()
	w.allow(t, 80)
	listener := w.listen(t, elb.CreateListenerInput{Protocol: "HTTP", Port: aws.Int32(80)})
	client := s.client(t)
	url := "http://" + w.dnsName + "/"
	if status, _ := get(t, client, url, ""); status != http.StatusServiceUnavailable {
		t.Errorf("without targets: %d", status)
	}
	w.register(t, "10.0.128.77")
	w.healthy(t)
	if status, body := get(t, client, url, ""); status != http.StatusOK || body != "blue" {
		t.Errorf("got %d %q", status, body)
	}

	wanted(s.balancing.CreateRule(ctx, &elb.CreateRuleInput{
		ListenerArn: aws.String(listener), Priority: aws.Int32(5),
		Conditions: []elbtypes.RuleCondition{
			{Field: aws.String("host-header"), HostHeaderConfig: &elbtypes.HostHeaderConditionConfig{
				Values: []string{"teapot.example.com"}}}},
		Actions: []elbtypes.Action{{Type: "fixed-response", FixedResponseConfig: &elbtypes.FixedResponseActionConfig{
			StatusCode: aws.String("418"), MessageBody: aws.String("short"), ContentType: aws.String("text/plain")}}},
	}))(t)
	if status, body := get(t, client, url, "teapot.example.com"); status != http.StatusTeapot || body != "short" {
		t.Errorf("the new rule answers %d %q", status, body)
	}

	certificate := wanted(s.trust.ListCertificates(ctx, &acm.ListCertificatesInput{}))(t).CertificateSummaryList[0]
	w.allow(t, 443)
	w.listen(t, elb.CreateListenerInput{Protocol: "HTTPS", Port: aws.Int32(443), Certificates: []elbtypes.Certificate{
		{CertificateArn: certificate.CertificateArn}}})
	client.Transport.(*http.Transport).TLSClientConfig.ServerName = strings.Replace(*certificate.DomainName, "*", "www", 1)
	if status, body := get(t, client, "https://"+w.dnsName+"/", ""); status != http.StatusOK || body != "blue" {
		t.Errorf("over TLS: %d %q", status, body)
	}

	endpoints := wanted(s.admin.Topology(ctx))(t)
	if len(endpoints) != 1 || endpoints[0].ARN != w.lb || len(endpoints[0].Listeners) != 2 ||
		endpoints[0].Listeners[0].Protocol != "HTTP" || endpoints[0].Listeners[1].Protocol != "HTTPS" {
		t.Fatalf("endpoints are %+v", endpoints)
	}
	if status, body := get(t, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, "http://"+
		endpoints[0].Listeners[0].Address.String()+"/", ""); status != http.StatusOK || body != "blue" {
		t.Errorf("by address: %d %q", status, body)
	}
	if got := wanted(s.admin.Resolve(ctx, w.dnsName))(t); !slices.Contains(got, endpoints[0].Address) {
		t.Errorf("the name resolves to %v, want %s", got, endpoints[0].Address)
	}
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.DNS())
	}}
	if got, err := resolver.LookupNetIP(ctx, "ip4", w.dnsName); err != nil || len(got) != 1 ||
		got[0].Unmap() != endpoints[0].Address {
		t.Errorf("DNS answers %v, %v", got, err)
	}

	wanted(s.balancing.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: aws.String(w.lb)}))(t)
	if got := wanted(s.admin.Resolve(ctx, w.dnsName))(t); len(got) != 0 {
		t.Errorf("the deleted load balancer resolves to %v", got)
	}
	if endpoints := s.Endpoints(); len(endpoints) != 0 {
		t.Errorf("endpoints are left: %+v", endpoints)
	}
}

func TestATargetThatFailsMoreThanItsPeersIsDescribedAsAnomalous(t *testing.T) {
	t.Parallel()
	network := vnet.New()
	c := clock.NewStepped(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	s := serve(t, Options{DataPlane: true, Network: network, Clock: c})
	w := s.web(t)
	w.allow(t, 80)
	w.listen(t, elb.CreateListenerInput{Protocol: "HTTP", Port: aws.Int32(80)})
	const bad = "10.0.128.73"
	targets := []string{"10.0.128.71", "10.0.128.72", bad}
	for _, target := range targets {
		podOf(t, network, target, 8080, func(rw http.ResponseWriter, r *http.Request) {
			if target == bad && r.URL.Path != "/" {
				rw.WriteHeader(http.StatusInternalServerError)
			}
		})
	}
	wanted(s.balancing.ModifyTargetGroupAttributes(t.Context(), &elb.ModifyTargetGroupAttributesInput{
		TargetGroupArn: aws.String(w.tg), Attributes: []elbtypes.TargetGroupAttribute{
			{Key: aws.String("load_balancing.algorithm.type"), Value: aws.String("weighted_random")},
			{Key: aws.String("load_balancing.algorithm.anomaly_mitigation"), Value: aws.String("on")},
		}}))(t)
	w.register(t, targets...)
	c.Advance(time.Second) // the first checks are due
	w.healthy(t)
	client := s.client(t)
	for range 60 {
		get(t, client, "http://"+w.dnsName+"/work", "")
	}
	c.Advance(5 * time.Second)
	get(t, client, "http://"+w.dnsName+"/work", "")
	out := wanted(s.balancing.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{
		TargetGroupArn: aws.String(w.tg), Include: []elbtypes.DescribeTargetHealthInputIncludeEnum{"AnomalyDetection"}}))(t)
	for _, d := range out.TargetHealthDescriptions {
		want := elbtypes.AnomalyDetection{Result: "normal", MitigationInEffect: "no"}
		if *d.Target.Id == bad {
			want = elbtypes.AnomalyDetection{Result: "anomalous", MitigationInEffect: "yes"}
		}
		if got := d.AnomalyDetection; got == nil || got.Result != want.Result || got.MitigationInEffect !=
			want.MitigationInEffect {
			t.Errorf("target %s: %+v, want %+v", *d.Target.Id, got, want)
		}
	}
}

func TestListenersServeOnceLoadBalancerIsActive(t *testing.T) {
	t.Parallel()
	c := clock.NewStepped(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	s := serve(t, Options{DataPlane: true, Clock: c, Profile: account.Real()})
	w := s.web(t)
	w.listen(t, elb.CreateListenerInput{Protocol: "HTTP", Port: aws.Int32(80)})
	if got := s.Endpoints(); len(got) != 0 {
		t.Errorf("a provisioning load balancer listens: %+v", got)
	}
	if err := s.admin.Advance(t.Context(), s.Account.Profile.LoadBalancerActive); err != nil {
		t.Fatal(err)
	}
	lb := wanted(s.balancing.DescribeLoadBalancers(t.Context(), &elb.DescribeLoadBalancersInput{}))(t).LoadBalancers[0]
	if got := s.Endpoints(); lb.State.Code != "active" || len(got) != 1 {
		t.Errorf("%s, endpoints %+v", lb.State.Code, got)
	}
}

func TestTheLoadBalancersSecurityGroupAdmitsItsClients(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{DataPlane: true})
	w := s.web(t)
	w.listen(t, elb.CreateListenerInput{Protocol: "HTTP", Port: aws.Int32(80)})
	client := s.client(t)
	client.Timeout = 300 * time.Millisecond
	req := wanted(http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+w.dnsName+"/", nil))(t)
	if resp, err := client.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Errorf("a closed security group let the client in: %s", resp.Status)
	}
	w.allow(t, 80)
	client.Timeout = 0
	if status, _ := get(t, client, "http://"+w.dnsName+"/", ""); status != http.StatusServiceUnavailable {
		t.Errorf("with an open security group: %d", status)
	}
}

func TestTargetsAdmitWhatTheirSecurityGroupsPermit(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{DataPlane: true})
	w := s.web(t)
	s.Account.Lock()
	var node, front netip.AddrPort
	var nodeGroup string
	for _, n := range s.Account.Interfaces {
		if n.Attachment != nil && n.Attachment.Instance != "" {
			node, nodeGroup = netip.AddrPortFrom(n.PrimaryAddress(), 8080), n.Groups[0]
		}
		if n.RequesterManaged {
			front = netip.AddrPortFrom(n.PrimaryAddress(), 40000)
		}
	}
	s.Account.Unlock()
	if s.Admits("tcp", front, node) {
		t.Error("the node admits the load balancer without a rule")
	}
	wanted(s.compute.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: aws.String(nodeGroup), IpPermissions: []ec2types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(8080), ToPort: aws.Int32(8080),
			UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: aws.String(w.group)}},
		}}}))(t)
	for port, want := range map[uint16]bool{8080: true, 8081: false} {
		if got := s.Admits("tcp", front, netip.AddrPortFrom(node.Addr(), port)); got != want {
			t.Errorf("port %s: admitted %v, want %v", strconv.Itoa(int(port)), got, want)
		}
	}
	if !s.Admits("tcp", front, netip.MustParseAddrPort("10.0.128.250:80")) {
		t.Error("an address without an interface is guarded")
	}
}
