package acceptance

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

// Ports of Services with nodes as targets. Health checks of datagrams' target groups go to the node port of the one of
// HTTP.
const (
	checkedPort = "{name: http, port: 80, targetPort: 8080, nodePort: 30080}"
	udpAtNodes  = "{name: udp, port: 53, protocol: UDP, targetPort: 8080}"
	bothAtNodes = "{name: both-tcp, port: 90, targetPort: 8080, nodePort: 30079}, {name: both-udp, port: 90, protocol: " +
		"UDP, targetPort: 8080, nodePort: 30079}"
)

// cell is a kind of Service that no other case has.
type cell struct {
	name        string
	targets     []string // nil = both types
	annotations scene.Annotations
	ports, spec string
	listeners   []string // with "%s" for the type of the targets
	local       bool     // only nodes with pods are healthy
	tcp, udp    []int32  // ports that answer
	refused     []int32  // ports that answer nothing
	groups      func(ids []string) string
}

var cells = []cell{
	{
		name: "datagrams to nodes", targets: []string{"instance"}, annotations: scene.Annotations{
			"healthcheck-port": "30080"}, ports: checkedPort + ", " + udpAtNodes,
		listeners: []string{"TCP 80: %s TCP", "UDP 53: %s UDP"}, tcp: []int32{80}, udp: []int32{53},
	}, {
		name: "both protocols at one port of nodes", targets: []string{"instance"}, annotations: scene.Annotations{
			"enable-tcp-udp-listener": "true"}, ports: bothAtNodes,
		listeners: []string{"TCP_UDP 90: %s TCP_UDP"}, tcp: []int32{90}, udp: []int32{90},
	}, {
		name: "without security groups", annotations: scene.Annotations{"disable-nlb-sg": "true"}, ports: onePort,
		listeners: []string{"TCP 80: %s TCP"}, tcp: []int32{80}, groups: none,
	}, {
		name: "nodes with pods without security groups", targets: []string{"instance"}, annotations: scene.Annotations{
			"disable-nlb-sg": "true"}, ports: onePort + ", " + udpAtNodes,
		spec: "externalTrafficPolicy: Local", listeners: []string{"TCP 80: %s TCP", "UDP 53: %s UDP"}, local: true,
		tcp: []int32{80}, udp: []int32{53}, groups: none,
	}, {
		name: "a named security group", annotations: scene.Annotations{"security-groups": "demo-web",
			"manage-backend-security-group-rules": "true"},
		ports: onePort + ", {name: other, port: 81, targetPort: 8080}", listeners: []string{
			"TCP 80: %s TCP", "TCP 81: %s TCP"}, tcp: []int32{80}, refused: []int32{81},
		groups: func(ids []string) string {
			if !slices.Contains(ids, "sg-0a1de000000000002") {
				return fmt.Sprintf("security groups %v", ids)
			}
			return ""
		},
	}, {
		name: "prefix lists without the client", annotations: scene.Annotations{"security-group-prefix-lists": "pl-68a54001"},
		ports: onePort, listeners: []string{"TCP 80: %s TCP"}, refused: []int32{80},
	},
}

func none(ids []string) string { return differs("security groups", len(ids), 0) }

// TestServicesOfEachKindAnswer shows that NLBs answer over UDP, TCP_UDP, with nodes as targets,
// without security groups, with named groups and with prefix lists.
func TestServicesOfEachKindAnswer(t *testing.T) {
	t.Parallel()
	for i, x := range cells {
		t.Run(strings.ReplaceAll(x.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			onService(t, fmt.Sprintf("sm-%d", i), func(t *testing.T, s *servedBy) { s.has(t, x) }, x.targets...)
		})
	}
}

// has holds the load balancer of a cell.
func (s *servedBy) has(t *testing.T, x cell) {
	t.Helper()
	var want []string
	for _, l := range x.listeners {
		want = append(want, strings.ReplaceAll(l, "%s", s.targets))
	}
	s.Apply(t, s.manifest("net", x.annotations, x.ports, x.spec))
	lb := s.LoadBalancer(t, s.ServiceAddress(t, s.ns, "net"))
	listening(t, s.Cluster, lb, want...)
	if !x.local {
		s.WaitHealthy(t, lb)
	}
	lb = s.LoadBalancer(t, lb.Name)
	if x.groups != nil {
		if complaint := x.groups(lb.SecurityGroups); complaint != "" {
			t.Error(complaint)
		}
	}
	for _, port := range x.tcp {
		answersTCP(t, s.Cluster, lb, port, "web")
	}
	for _, port := range x.udp {
		scene.WaitDatagram(t, s.Cluster, lb, port, "web")
	}
	for _, port := range x.refused {
		refuses(t, s.Cluster, lb, port)
	}
	if !x.local {
		expectNoWarnings(t, s.Cluster, s.ns)
	}
}

// serviceEdit is an edit of a Service, and what it writes but for targets.
type serviceEdit struct {
	name        string
	annotations scene.Annotations
	ports       string // empty = onePort
	look        func(*servedBy, simclient.LoadBalancer) string
	writes      []string
	port        int32 // that answers afterwards
}

const threeSubnets, twoSubnets = "demo-public-a,demo-public-b,demo-public-c", "demo-public-a,demo-public-b"

// serviceEdits are made one after the other; annotations are all that there are after an edit.
var serviceEdits = []serviceEdit{
	{
		name: "a subnet less", annotations: scene.Annotations{"subnets": twoSubnets}, writes: []string{"SetSubnets"},
		port: 80,
		look: func(_ *servedBy, lb simclient.LoadBalancer) string { return differs("zones", len(lb.Zones), 2) },
	}, {
		name: "a subnet more", annotations: scene.Annotations{"subnets": threeSubnets}, writes: []string{"SetSubnets"},
		port: 80,
		look: func(_ *servedBy, lb simclient.LoadBalancer) string { return differs("zones", len(lb.Zones), 3) },
	}, {
		name: "a security group of the user", annotations: scene.Annotations{"security-groups": "demo-web",
			"manage-backend-security-group-rules": "true"}, writes: []string{"SetSecurityGroups"}, port: 80,
		look: func(_ *servedBy, lb simclient.LoadBalancer) string {
			return differs("the user's group", slices.Contains(lb.SecurityGroups, "sg-0a1de000000000002"), true)
		},
	}, {
		name: "a managed security group again", writes: []string{"CreateSecurityGroup", "SetSecurityGroups"}, port: 80,
		look: func(_ *servedBy, lb simclient.LoadBalancer) string {
			return differs("the user's group", slices.Contains(lb.SecurityGroups, "sg-0a1de000000000002"), false)
		},
	}, {
		name: "another node port", ports: "{name: http, port: 80, targetPort: 8080, nodePort: 30078}", port: 80,
		look: func(s *servedBy, lb simclient.LoadBalancer) string {
			if s.targets == "ip" {
				return ""
			}
			for _, tg := range s.TargetGroups(lb) {
				for _, target := range scene.Targets(s.Cluster, tg.ARN) {
					if target.Port != 30078 {
						return fmt.Sprintf("target %s at port %d", target.ID, target.Port)
					}
				}
			}
			return ""
		},
	}, {
		name: "another port of the listener", ports: "{name: http, port: 81, targetPort: 8080}", port: 81, writes: []string{
			"CreateListener", "CreateTargetGroup", "DeleteListener", "DeleteTargetGroup"},
		look: func(_ *servedBy, lb simclient.LoadBalancer) string {
			return differs("listeners", fmt.Sprint(len(lb.Listeners), lb.Listeners[0].Port), "1 81")
		},
	}, {
		name: "a port more", ports: "{name: http, port: 81, targetPort: 8080}, {name: more, port: 82, targetPort: 8080}",
		port: 82, writes: []string{"CreateListener", "CreateTargetGroup"},
		look: func(_ *servedBy, lb simclient.LoadBalancer) string { return differs("listeners", len(lb.Listeners), 2) },
	}, {
		name: "a port less", ports: "{name: http, port: 81, targetPort: 8080}", port: 81, writes: []string{
			"DeleteListener", "DeleteTargetGroup"},
		look: func(_ *servedBy, lb simclient.LoadBalancer) string { return differs("listeners", len(lb.Listeners), 1) },
	},
}

// TestEditsOfAServiceWriteWhatTheyChange shows that edits of subnets, security groups, node ports
// and ports make only their own AWS calls and keep the NLB.
func TestEditsOfAServiceWriteWhatTheyChange(t *testing.T) {
	if testing.Short() {
		t.Skip("a variant of TestAServiceIsEditedInPlace, which make test runs")
	}
	t.Parallel()
	onService(t, "sm-e", func(t *testing.T, s *servedBy) {
		lb := s.serve(t, nil, onePort, "", "TCP 80: "+s.targets+" TCP")
		for _, e := range serviceEdits {
			ports := cmp.Or(e.ports, onePort)
			if s.targets == "ip" { // of Services side by side each has a node port of its own
				ports = strings.ReplaceAll(ports, "30078", "30077")
			}
			after := s.edit(t, e.annotations, ports, "", e.name, func(now simclient.LoadBalancer) string {
				if len(now.Listeners) == 0 {
					return "no listener"
				}
				return e.look(s, now)
			}, e.writes...)
			if after.ARN != lb.ARN {
				t.Fatalf("%s: the load balancer was replaced", e.name)
			}
			answersTCP(t, s.Cluster, after, e.port, "web")
		}
		expectNoWarnings(t, s.Cluster, s.ns)
	})
}
