package report

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/awssim/simclient"
)

func TestTheSummaryShowsALoadBalancerWithItsTargets(t *testing.T) {
	t.Parallel()
	r := simclient.Resources{
		LoadBalancers: []simclient.LoadBalancer{{
			ARN: "arn:lb", Name: "k8s-web", DNSName: "k8s-web.elb", Type: "application", Scheme: "internal", State: "active",
			Zones: []simclient.Zone{{Name: "a", Subnet: "subnet-1"}}, SecurityGroups: []string{"sg-1", "sg-2"},
			Listeners: []simclient.Listener{{Port: 80, Protocol: "HTTP", Rules: []simclient.Rule{
				{Priority: "1", Text: "path /* → forward k8s-tg"}, {Priority: "default", Text: "404"},
			}}},
		}},
		TargetGroups: []simclient.TargetGroup{
			{Name: "other", LoadBalancer: "arn:other"},
			{Name: "k8s-tg", Protocol: "HTTP", Port: 8080, TargetType: "ip", HealthCheck: "HTTP /", LoadBalancer: "arn:lb",
				Targets: []simclient.Target{
					{ID: "10.0.0.1", Port: 8080, Zone: "a", State: "unhealthy", Reason: "Target.Timeout",
						Description: "Request timed out"},
				}},
		},
	}
	endpoints := []simclient.Endpoint{{ARN: "arn:lb", Address: netip.MustParseAddr("127.64.0.1"),
		Listeners: []simclient.ListenerAddr{
			{Port: 80, Address: netip.MustParseAddrPort("127.64.0.1:8080")},
		}}}
	want := `  k8s-web  application, internal, active
    DNS name  k8s-web.elb  (here: 127.64.0.1)
    subnets   subnet-1 (a)
    groups    sg-1, sg-2
    listener  HTTP 80  (here: 127.64.0.1:8080)
      rule  1        path /* → forward k8s-tg
      rule  default  404
  target group k8s-tg  HTTP 8080 to ip targets, health check HTTP /
      target  10.0.0.1:8080  a  unhealthy  Target.Timeout Request timed out
`
	var b bytes.Buffer
	if err := Summary(&b, r, endpoints); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
}

func TestCallsAreOneLineEach(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 10, 0, 0, 0, time.Local)
	var b bytes.Buffer
	if err := Calls(&b, []simclient.Call{
		{Time: at, Service: "ec2", Action: "DescribeSubnets", Status: 200, Duration: "1.2345ms", Caller: "AKIA",
			Parameters: json.RawMessage("{\"MaxResults\":5,\n\"Filters\":[\n  {\"Name\": \"vpc-id\"}]}")},
		{Time: at, Service: "elasticloadbalancing", Action: "CreateRule", Status: 400, Code: "PriorityInUse",
			Duration: "12µs", Parameters: json.RawMessage(`{}`)},
		// the caller is gone
		{Time: at, Service: "elasticloadbalancing", Action: "DeleteRule", Duration: "70ms",
			Parameters: json.RawMessage(`{}`)},
	}, false); err != nil {
		t.Fatal(err)
	}
	want := `TIME          CALL                             RESULT         TOOK   CALLER  PARAMETERS
10:00:00.000  ec2 DescribeSubnets              OK             1.2ms  AKIA    Filters=[{Name:vpc-id}] MaxResults=5
10:00:00.000  elasticloadbalancing CreateRule  PriorityInUse  12µs
10:00:00.000  elasticloadbalancing DeleteRule  no answer      70ms
`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
}

func TestCallsOfOneCallerShowNeitherItNorTheAccount(t *testing.T) {
	t.Parallel()
	calls := []simclient.Call{{
		Time: time.Date(2026, 1, 1, 10, 0, 0, 0, time.Local), Service: "elasticloadbalancing", Action: "DeleteTargetGroup",
		Status: 200, Duration: "12µs", Caller: "AKIA",
		Parameters: json.RawMessage(
			`{"TargetGroupArn":"arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/k8s-shop-blue-e9d1054f38/0123456789abcdef"}`),
	}}
	for wide, want := range map[bool]string{
		false: `TIME          CALL                                    RESULT  TOOK  PARAMETERS
10:00:00.000  elasticloadbalancing DeleteTargetGroup  OK      12µs  TargetGroupArn=targetgroup/k8s-shop-blue-e9d1054f38/012345…
`,
		true: `TIME          CALL                                    RESULT  TOOK  CALLER  PARAMETERS
10:00:00.000  elasticloadbalancing DeleteTargetGroup  OK      12µs  AKIA    TargetGroupArn=arn:aws:elasticloadbalancing:us-west-2:123456789012:targetgroup/k8s-shop-blue-e9d1054f38/0123456789abcdef
`,
	} {
		var b bytes.Buffer
		if err := Calls(&b, calls, wide); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, b.String()); d != "" {
			t.Errorf("wide %t: %s", wide, d)
		}
	}
}
