package guides

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/playground/e2e/behaviour/scene"
)

const echoMethod = "/gateway_api_conformance.echo_basic.grpcecho.GrpcEcho/Echo"

// hostPattern is the condition of a new Gateway for a host on ports 80 and 443, as simclient writes it.
func hostPattern(host string) string { return host }

// callEcho calls the method that the route matches, and one that it does not.
func callEcho(t *testing.T, s *scenario) {
	const host = "grpc.example.com"
	url := "https://" + s.host(t, 0)
	r, err := s.c.Call(t.Context(), url+echoMethod, host)
	if err != nil || r.Status != 200 || r.Code != "0" || !strings.Contains(r.Body, "grpc-echo-") {
		t.Errorf("Echo: %+v, %v", r, err)
	}
	if r, err = s.c.Call(t.Context(), url+strings.TrimSuffix(echoMethod, "Echo")+"EchoTwo", host); err != nil ||
		r.Status != 404 {
		t.Errorf("EchoTwo: %+v, %v", r, err)
	}
}

// readDatabase connects to the database through the network load balancer.
func readDatabase(t *testing.T, s *scenario) {
	conn, err := s.c.Simulator.DialContext(t.Context(), "tcp", s.host(t, 0)+":5432")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "db-") {
		t.Errorf("received %q, %v", line, err)
	}
}

// askDNS sends datagrams until one is answered, as clients of UDP do.
func askDNS(t *testing.T, s *scenario) {
	s.c.WaitFor(t, "an answer to a datagram", func(ctx context.Context) error {
		conn, err := s.c.Simulator.DialContext(ctx, "udp", s.host(t, 0)+":53")
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		if _, err := conn.Write([]byte("who are you?")); err != nil {
			return err
		}
		answer := make([]byte, 512)
		n, err := conn.Read(answer)
		if err == nil && !strings.HasPrefix(string(answer[:n]), "dns-") {
			err = fmt.Errorf("received %q", answer[:n])
		}
		return err
	})
}

// replaceHandsOn edits one rule without an interruption, and makes all again while the controller is killed.
func replaceHandsOn(t *testing.T, s *scenario) {
	editRule(t, s)
	s.remove(t)
	s.gone(t)
	mark := s.c.Mark()
	s.apply(t)
	for writes := 2; writes <= 8; writes += 3 {
		s.c.WaitFor(t, fmt.Sprintf("%d writes", writes), func(context.Context) error {
			if now := len(s.c.Writes(mark)); now < writes {
				return fmt.Errorf("%d", now)
			}
			return nil
		})
		s.c.KillController()
		s.c.RestartController(t)
	}
	s.settled(t)
	s.requests(t)
}

// editRule changes the answer of a rule: one write, and no request fails.
func editRule(t *testing.T, s *scenario) {
	traffic := scene.Send(t, s.c, "https://"+s.host(t, 0)+"/", "www.example.com", scene.OK)
	scene.More(t, s.c, traffic, 20)
	edit := func(body string) {
		s.wrote(t, "the answer "+body, func() {
			s.kubectl(t, "patch", "listenerruleconfiguration", "block-metrics", "-n", s.namespace, "--type=merge", "-p",
				`{"spec":{"actions":[{"type":"fixed-response","fixedResponseConfig":{"statusCode":403,"contentType":"text/plain","messageBody":"`+body+`"}}]}}`)
		}, func(p *picture) error {
			lb, _ := p.loadBalancer(s.balancers[0].name)
			if have := lb.Listeners[0].Rules[0].Actions[0].FixedResponse; have == nil || have.MessageBody != body {
				return fmt.Errorf("the rule answers %+v", have)
			}
			return nil
		}, "elasticloadbalancing ModifyRule")
	}
	edit("Hidden")
	edit("Forbidden")
	scene.More(t, s.c, traffic, 20)
	if tally := traffic.Stop(); tally.Failed > 0 {
		t.Errorf("an edit of another rule interrupted: %s", tally)
	}
}

// showClass demands that a class with a configuration is listed as accepted. The annotations that the existing
// controller keeps its place with are not written: see docs/differences.md.
func showClass(t *testing.T, s *scenario) {
	s.printed(t, s.kubectl(t, "get", "gatewayclass"), "alb-internal gateway.k8s.aws/alb True …")
}

// leaveGateway deletes one of three routes: its rule and target group go, and the others serve on.
func leaveGateway(t *testing.T, s *scenario) {
	arn := s.c.LoadBalancer(t, s.host(t, 0)).ARN
	traffic := scene.Send(t, s.c, "https://"+s.host(t, 0)+"/", "www.example.com", scene.OK)
	scene.More(t, s.c, traffic, 20)
	s.kubectl(t, "delete", "httproute", "grafana-route", "-n", s.namespace)
	left := s.balancers[0]
	g := *left.gateway
	g.routes = slices.DeleteFunc(slices.Clone(g.routes), func(r route) bool { return r.name == "grafana-route" })
	left.gateway, left.edited, left.groups = &g, true, left.groups[1:]
	left.listeners = slices.Clone(left.listeners)
	left.listeners[0].rules = left.listeners[0].rules[1:]
	s.c.WaitFor(t, "two routes", func(ctx context.Context) error {
		p, err := look(ctx, s.c, s.namespace)
		if err != nil {
			return err
		}
		ps := left.check(p, s.namespace, s.defaults)
		ps.same("number of bindings", len(p.bindings), 2)
		return ps.err()
	})
	scene.More(t, s.c, traffic, 20)
	if tally := traffic.Stop(); tally.Failed > 0 {
		t.Errorf("www was interrupted: %s", tally)
	}
	if lb := s.c.LoadBalancer(t, s.host(t, 0)); lb.ARN != arn {
		t.Error("the load balancer is another one")
	}
	if err := s.ask(t.Context(), ask{url: "https://grafana.example.com/", status: 404},
		s.c.LoadBalancer(t, s.host(t, 0))); err != nil {
		t.Error(err)
	}
}
