package dataplane_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// greeter is the name that a target greets a client with, and how the target sees the client.
func (w *world) greeter(from string, to netip.AddrPort) (name, client string) {
	w.Helper()
	c, err := w.network.DialTCPFrom(w.Context(), netip.MustParseAddrPort(from), to)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		w.Fatal(err)
	}
	name, client, _ = strings.Cut(strings.TrimSpace(line), " ")
	return name, client
}

// trio is an NLB in front of three greeting targets.
func (w *world) trio(protocol string, attributes map[string]string) (netip.AddrPort, *topology.TargetGroup) {
	w.Helper()
	targets := []string{"10.0.1.5", "10.0.1.6", "10.0.1.7"}
	for i, ip := range targets {
		w.server(ip, 8080, greet(string(rune('a'+i))))
	}
	g := w.group("a", protocol, targets...)
	g.Attributes = attributes
	lb := w.balancer("web", stack.Network, listener(80, protocol, forward("a")))
	lb.Attributes = map[string]string{"load_balancing.cross_zone.enabled": "true"}
	w.update()
	for _, ip := range targets {
		w.await(ip, "healthy")
	}
	return netip.AddrPortFrom(lb.Zones[0].Public, 80), &w.topo.TargetGroups[0]
}

func TestSourceIPStickinessPinsAClientUntilItsTargetIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	to, g := w.trio("TCP", map[string]string{"stickiness.enabled": "true", "stickiness.type": "source_ip"})
	clients, seen := map[string]string{}, map[string]bool{}
	client := func(i int) string { return fmt.Sprintf("203.0.113.%d", i+1) }
	for i := range 30 {
		for port := range 4 {
			name, _ := w.greeter(fmt.Sprintf("%s:%d", client(i), 4000+port), to)
			if had := clients[client(i)]; had != "" && had != name {
				t.Fatalf("client %s went to %s and to %s", client(i), had, name)
			}
			clients[client(i)], seen[name] = name, true
		}
	}
	if len(seen) != 3 {
		t.Errorf("30 clients used %v only", seen)
	}
	w.server("10.0.1.8", 8080, greet("d"))
	g.Targets = append(g.Targets, topology.Target{ID: "10.0.1.8", Port: 8080, Address: netip.MustParseAddr("10.0.1.8")})
	w.update()
	w.await("10.0.1.8", "healthy")
	for i := range 30 {
		if name, _ := w.greeter(client(i)+":5000", to); name != clients[client(i)] {
			t.Errorf("a new target moved client %s from %s to %s", client(i), clients[client(i)], name)
		}
	}
	g.Targets[0].Draining = true
	w.update()
	for i := range 30 {
		switch name, _ := w.greeter(client(i)+":6000", to); {
		case name == "a", clients[client(i)] != "a" && name != clients[client(i)]:
			t.Errorf("client %s of %s went to %s while a drains", client(i), clients[client(i)], name)
		}
	}
}

func TestFlowsOfOneClientSpreadWithoutStickiness(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	to, _ := w.trio("TCP", nil)
	seen := map[string]bool{}
	for port := range 40 {
		name, _ := w.greeter(fmt.Sprintf("203.0.113.7:%d", 4000+port), to)
		seen[name] = true
	}
	if len(seen) != 3 {
		t.Errorf("40 flows used %v only", seen)
	}
}

func TestWeightedTargetGroupsOfAnNLBShareFlowsAndMayPinClients(t *testing.T) {
	t.Parallel()
	for _, sticky := range []bool{false, true} {
		w := newWorld(t)
		w.server("10.0.1.5", 8080, greet("blue"))
		w.server("10.0.1.6", 8080, greet("green"))
		w.group("blue", "TCP", "10.0.1.5")
		w.group("green", "TCP", "10.0.1.6")
		actions := weighted(map[string]int32{"blue": 30, "green": 10})
		if sticky {
			actions[0].Forward.Stickiness = &stack.Stickiness{Enabled: true, DurationSeconds: 60}
		}
		lb := w.balancer(fmt.Sprint("web", sticky), stack.Network, listener(80, "TCP", actions))
		lb.Attributes = map[string]string{"load_balancing.cross_zone.enabled": "true"}
		w.update()
		w.await("10.0.1.5", "healthy")
		w.await("10.0.1.6", "healthy")
		seen := map[string]int{}
		for port := range 200 {
			name, _ := w.greeter(fmt.Sprintf("203.0.113.7:%d", 4000+port), netip.AddrPortFrom(lb.Zones[0].Public, 80))
			seen[name]++
		}
		switch {
		case sticky && len(seen) != 1:
			t.Errorf("one client with stickiness: %v", seen)
		case !sticky && (seen["blue"] < 120 || seen["blue"] > 180):
			t.Errorf("weights 30 and 10 gave %v", seen)
		}
	}
}

func TestDatagramsOfOneFlowHashToOneTargetAndFlowsSpread(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	targets := []string{"10.0.1.5", "10.0.1.6", "10.0.1.7"}
	for i, ip := range targets {
		w.datagrams(ip, 8080, string(rune('a'+i)))
	}
	w.group("a", "UDP", targets...)
	lb := w.balancer("web", stack.Network, listener(53, "UDP", forward("a")))
	lb.Attributes = map[string]string{"load_balancing.cross_zone.enabled": "true"}
	w.update()
	for _, ip := range targets {
		w.await(ip, "healthy")
	}
	seen := map[byte]bool{}
	for port := range 30 {
		from := fmt.Sprintf("203.0.113.7:%d", 4000+port)
		c := w.udp(from, netip.AddrPortFrom(lb.Zones[0].Public, 53))
		first := ask(t, c, "x")
		if second := ask(t, c, "x"); second != first || !strings.HasSuffix(first, " from "+from) {
			t.Errorf("%q, then %q", first, second)
		}
		seen[first[0]] = true
	}
	if len(seen) != 3 {
		t.Errorf("30 flows used %v only", seen)
	}
}

func TestAClientThatIsItsOwnTargetGetsNoAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server("10.0.1.5", 8080, greet("a"))
	w.group("a", "TCP", "10.0.1.5").Attributes = map[string]string{"preserve_client_ip.enabled": "true"}
	lb := w.balancer("web", stack.Network, listener(80, "TCP", forward("a")))
	w.update()
	w.await("10.0.1.5", "healthy")
	to := netip.AddrPortFrom(lb.Zones[0].Private, 80)
	c, err := w.network.DialTCP(t.Context(), netip.MustParseAddr("10.0.1.5"), to)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := c.Read(make([]byte, 1)); !isTimeout(err) {
		t.Errorf("hairpin: %v, want silence", err)
	}
	w.topo.TargetGroups[0].Attributes = map[string]string{"preserve_client_ip.enabled": "false"}
	w.update()
	if name, client := w.greeter("10.0.1.5:4000", to); name != "a" || strings.HasPrefix(client, "10.0.1.5:") {
		t.Errorf("without preservation: %s sees %s", name, client)
	}
}

func TestAPortWithoutListenerIsSilent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lb := w.balancer("web", stack.Network, listener(53, "UDP", forward("a")))
	w.update()
	for _, port := range []uint16{53, 80} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		c, err := w.network.DialTCP(ctx, netip.MustParseAddr("203.0.113.7"), netip.AddrPortFrom(lb.Zones[0].Public, port))
		cancel()
		if err == nil {
			_ = c.Close()
		}
		if !isTimeout(err) && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("TCP to port %d: %v, want no answer", port, err)
		}
	}
}

func TestOutboundRulesHoldForTargetsAndHealthChecks(t *testing.T) {
	t.Parallel()
	egress := []topology.Permission{{Protocol: "tcp", FromPort: 8080, ToPort: 8080, Source: netip.MustParsePrefix(
		"10.0.1.5/32")}}
	for _, kind := range []stack.LoadBalancerType{stack.Network, stack.Application} {
		w := newWorld(t)
		protocol := "TCP"
		if kind == stack.Application {
			protocol = "HTTP"
			w.pod("10.0.1.5", 8080, echoHandler("a"))
			w.pod("10.0.1.6", 8080, echoHandler("b"))
		} else {
			w.server("10.0.1.5", 8080, greet("a"))
			w.server("10.0.1.6", 8080, greet("b"))
		}
		w.group("a", protocol, "10.0.1.5", "10.0.1.6")
		lb := w.balancer("web"+string(kind), kind, listener(80, protocol, forward("a")))
		lb.Attributes = map[string]string{"load_balancing.cross_zone.enabled": "true"}
		lb.Egress = egress
		w.update()
		w.await("10.0.1.5", "healthy")
		w.await("10.0.1.6", "unhealthy")
		w.topo.LoadBalancers[0].Filtered = false
		w.update()
		w.await("10.0.1.6", "healthy")
	}
}

func TestOutboundRulesKeepDatagramsFromLeaving(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.datagrams("10.0.1.5", 8080, "a")
	w.group("a", "UDP", "10.0.1.5")
	lb := w.balancer("web", stack.Network, listener(53, "UDP", forward("a")))
	lb.Egress = []topology.Permission{{Protocol: "tcp", FromPort: 8080, ToPort: 8080, Source: netip.MustParsePrefix(
		"10.0.0.0/16")}}
	w.update()
	w.await("10.0.1.5", "healthy")
	c := w.udp("203.0.113.7:4000", netip.AddrPortFrom(lb.Zones[0].Public, 53))
	_, _ = io.WriteString(c, "x")
	w.within("it is counted", func() bool { return w.count("SecurityGroupBlockedFlowCount_Outbound_UDP") == 1 })
}

func TestAnALBAsTargetIsReachedAtItsNodesByZone(t *testing.T) {
	t.Parallel()
	for _, cross := range []bool{false, true} {
		w := newWorld(t)
		w.pod("10.0.1.5", 8080, echoHandler("a"))
		w.group("a", "HTTP", "10.0.1.5")
		w.balancer(fmt.Sprint("inner", cross), stack.Application, listener(80, "HTTP", forward("a"))).Scheme = stack.Internal
		inner := w.topo.LoadBalancers[0]
		w.topo.LoadBalancers[0].Ingress = []topology.Permission{
			{Protocol: "tcp", FromPort: 80, ToPort: 80, Source: netip.MustParsePrefix("203.0.113.0/24")},
			{Protocol: "tcp", FromPort: 80, ToPort: 80, Source: netip.MustParsePrefix("10.0.0.0/16")}}
		g := w.group("alb", "TCP")
		g.TargetType, g.Port = "alb", 80
		g.HealthCheck.Protocol = "HTTP"
		g.Targets = []topology.Target{{ID: inner.ARN, Port: 80, Address: inner.Zones[0].Private, Nodes: inner.Zones}}
		lb := w.balancer(fmt.Sprint("net", cross), stack.Network, listener(80, "TCP", forward("alb")))
		lb.Attributes = map[string]string{"load_balancing.cross_zone.enabled": fmt.Sprint(cross)}
		w.update()
		w.await("10.0.1.5", "healthy")
		w.await(inner.ARN, "healthy")
		used := map[netip.Addr]bool{}
		for i := range 24 {
			c, err := w.network.DialTCPFrom(t.Context(), netip.MustParseAddrPort(fmt.Sprintf("203.0.113.%d:4000", i+1)),
				netip.AddrPortFrom(lb.Zones[1].Public, 80))
			if err != nil {
				t.Fatal(err)
			}
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			line, err := bufio.NewReader(c).ReadString('\n')
			if err != nil || !strings.HasPrefix(line, "HTTP/1.1 200") {
				t.Fatalf("%q, %v", line, err)
			}
			for _, f := range w.plane.Flows() {
				used[f.Target.Addr()] = true
			}
			_ = c.Close()
		}
		if want := map[bool]int{false: 1, true: 2}[cross]; len(used) != want || !used[inner.Zones[1].Private] {
			t.Errorf("cross-zone %v: nodes %v", cross, used)
		}
	}
}

func TestTheFamilyOfClientAndTargetDecidesWhatTheTargetSees(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, ip := range []string{"10.0.1.5", "2001:db8::5"} {
		w.server(ip, 8080, greet("a"))
	}
	preserve := map[string]string{"preserve_client_ip.enabled": "true"}
	w.group("v4", "TCP", "10.0.1.5").Attributes = preserve
	w.group("v6", "TCP", "2001:db8::5").Attributes = preserve
	lb := w.balancer("web", stack.Network, listener(4, "TCP", forward("v4")), listener(6, "TCP", forward("v6")))
	lb.IPAddressType = stack.Dualstack
	any6 := topology.Permission{Protocol: "-1", Source: netip.MustParsePrefix("::/0")}
	lb.Ingress, lb.Egress = append(slices.Clone(everywhere), any6), append(slices.Clone(everywhere), any6)
	for i := range lb.Zones {
		lb.Zones[i].IPv6 = netip.MustParseAddr(fmt.Sprintf("2001:db8:1::%d", i+1))
	}
	w.update()
	w.await("10.0.1.5", "healthy")
	w.await("2001:db8::5", "healthy")
	for _, tt := range []struct {
		from string
		at   netip.Addr
		port uint16
		want string
	}{
		{"203.0.113.7:4000", lb.Zones[0].Public, 4, "203.0.113.7"},
		{"203.0.113.7:4001", lb.Zones[0].Public, 6, lb.Zones[0].IPv6.String()},
		{"[2001:db8:f::7]:4000", lb.Zones[0].IPv6, 4, lb.Zones[0].Private.String()},
		{"[2001:db8:f::7]:4001", lb.Zones[0].IPv6, 6, "2001:db8:f::7"},
	} {
		_, client := w.greeter(tt.from, netip.AddrPortFrom(tt.at, tt.port))
		if got, _, _ := net.SplitHostPort(client); got != tt.want {
			t.Errorf("client %s, target of listener %d sees %s, want %s", tt.from, tt.port, got, tt.want)
		}
	}
}
