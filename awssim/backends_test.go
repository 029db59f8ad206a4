package awssim

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

	"github.com/k8s-lbc/lbc/internal/lib/await"
)

func TestServersOfThisMachineStandBehindTargets(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{DataPlane: true, HealthInterval: 20 * time.Millisecond})
	ctx := t.Context()
	server := func(name string) string {
		h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, name)
		}))
		t.Cleanup(h.Close)
		return h.Listener.Addr().String()
	}
	node := s.description.Cluster.Nodes[0]
	address, _ := node.Address()
	backends := map[string]string{"10.0.128.77:8080": server("address"), node.Instance + ":30080": server("instance")}
	if err := s.admin.SetBackends(ctx, backends); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"10.0.128.77:8080": backends["10.0.128.77:8080"], address.String() +
		":30080": backends[node.Instance+":30080"]}
	if got := wanted(s.admin.Backends(ctx))(t); len(got) != 2 || got["10.0.128.77:8080"] != want["10.0.128.77:8080"] ||
		got[address.String()+":30080"] != want[address.String()+":30080"] {
		t.Errorf("backends are %v, want %v", got, want)
	}

	w := s.web(t)
	w.allow(t, 80)
	w.listen(t, elb.CreateListenerInput{Protocol: "HTTP", Port: aws.Int32(80)})
	w.register(t, "10.0.128.77")
	w.healthy(t)
	client := s.client(t)
	if status, body := get(t, client, "http://"+w.dnsName+"/", ""); status != http.StatusOK || body != "address" {
		t.Errorf("the target by address answers %d %q", status, body)
	}

	// The node's security group permits traffic by its rules, as for any target.
	group := w.group
	tg := wanted(s.balancing.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: aws.String("nodes"),
		Protocol: "HTTP", Port: aws.Int32(30080), VpcId: aws.String(s.description.VPC.ID)}))(t).TargetGroups[0]
	w.tg = *tg.TargetGroupArn
	w.allow(t, 81)
	w.listen(t, elb.CreateListenerInput{Protocol: "HTTP", Port: aws.Int32(81)})
	wanted(s.compute.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: aws.String(s.description.SecurityGroups[0].ID), IpPermissions: []ec2types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(30080), ToPort: aws.Int32(30080),
			UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: aws.String(group)}},
		}}}))(t)
	w.register(t, node.Instance)
	w.healthy(t)
	if status, body := get(t, client, "http://"+w.dnsName+":81/", ""); status != http.StatusOK || body != "instance" {
		t.Errorf("the target by instance answers %d %q", status, body)
	}

	if err := s.admin.SetBackends(ctx, map[string]string{"10.0.128.77:8080": ""}); err != nil {
		t.Fatal(err)
	}
	if got := s.Backends(); len(got) != 1 || got["10.0.128.77:8080"] != "" {
		t.Errorf("after one was removed the backends are %v", got)
	}
}

func TestTheSecurityGroupsOfATargetHoldForTheServerBehindIt(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{DataPlane: true, HealthInterval: 20 * time.Millisecond, HealthTimeout: 50 * time.Millisecond})
	l := wanted(new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"))(t)
	defer func() { _ = l.Close() }()
	node := s.description.Cluster.Nodes[0].Instance
	if err := s.SetBackends(map[string]string{node + ":30080": l.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	w := s.web(t)
	tg := wanted(s.balancing.CreateTargetGroup(t.Context(), &elb.CreateTargetGroupInput{Name: aws.String("nodes"),
		Protocol: "HTTP", Port: aws.Int32(30080), VpcId: aws.String(s.description.VPC.ID)}))(t).TargetGroups[0]
	w.tg = *tg.TargetGroupArn
	w.listen(t, elb.CreateListenerInput{Protocol: "HTTP", Port: aws.Int32(80)})
	w.register(t, node)
	await.Equal(t, "a target whose security group admits nothing", func() string {
		h := wanted(s.balancing.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{
			TargetGroupArn: tg.TargetGroupArn}))(t).TargetHealthDescriptions[0].TargetHealth
		return fmt.Sprint(h.State, " ", h.Reason)
	}, "unhealthy Target.Timeout")
}

func TestBackendsThatCannotBeAreRefusedAllTogether(t *testing.T) {
	t.Parallel()
	s := serve(t, Options{DataPlane: true})
	for name, tt := range map[string]struct{ target, socket, want string }{
		"not of this machine":    {"10.0.128.77:80", "192.0.2.1:80", "192.0.2.1:80"},
		"no port behind":         {"10.0.128.77:80", "127.0.0.1", "127.0.0.1"},
		"no port of the target":  {"10.0.128.77", "127.0.0.1:9000", "10.0.128.77"},
		"a name":                 {"web:80", "127.0.0.1:9000", "web:80"},
		"of this machine itself": {"127.0.0.1:80", "127.0.0.1:9000", "127.0.0.1:80"},
		"an unknown instance":    {"i-00000000000000000:80", "127.0.0.1:9000", "i-00000000000000000"},
		"an instance's port":     {s.description.Cluster.Nodes[0].Instance, "127.0.0.1:9000", "port"},
	} {
		err := s.admin.SetBackends(t.Context(), map[string]string{tt.target: tt.socket, "10.0.128.78:80": "127.0.0.1:9000"})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want an error that names %q", name, err, tt.want)
		}
	}
	if got := s.Backends(); len(got) != 0 {
		t.Errorf("refused calls left %v", got)
	}
	without := serve(t, Options{})
	if err := without.admin.SetBackends(t.Context(), map[string]string{"10.0.128.78:80": "127.0.0.1:9000"}); err == nil ||
		!strings.Contains(err.Error(), "data plane") {
		t.Errorf("without a data plane: %v", err)
	}
}
