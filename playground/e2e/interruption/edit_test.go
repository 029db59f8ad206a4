package interruption

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// edits are those of what load balancers are made of, there and back.
var edits = []change{
	{name: "target type", make: func(t *testing.T, s *scene, _ moment) {
		key, to := "target-type", "ip"
		if s.network {
			key = "nlb-target-type"
		}
		if s.targetType == "ip" {
			to = "instance"
		}
		edit(t, s, key+"="+to)
		edit(t, s)
	}},
	{name: "protocol", of: func(s *scene) bool { return s.otherProtocol() != "" },
		make: func(t *testing.T, s *scene, _ moment) {
			edit(t, s, s.otherProtocol())
			edit(t, s)
		}},
	{name: "health check", make: func(t *testing.T, s *scene, _ moment) {
		switch {
		case s.local: // nodes answer for their pods, by HTTP
			edit(t, s, "healthcheck-interval=12")
		case s.network:
			edit(t, s, "healthcheck-protocol=http", "healthcheck-path=/health")
		default:
			edit(t, s, "healthcheck-interval-seconds=12")
		}
		edit(t, s)
	}},
	{name: "target port", of: func(s *scene) bool {
		return s.targetType == "ip" && (s.protocol == requests || s.protocol == secure)
	}, make: func(t *testing.T, s *scene, _ moment) {
		port(t, s, 8081)
		s.serves(t, "draining")
		port(t, s, 8080)
		s.serves(t)
	}},
}

// otherProtocol is the edit to another protocol that pods and clients speak unchanged; empty: there is none.
func (s *scene) otherProtocol() string {
	switch {
	case s.network && s.protocol == requests:
		return tcpUDP
	// target groups of HTTP2 need HTTPS listeners, and answer 464 to clients of HTTP/1.1
	case !s.network && s.protocol == streams:
		return "backend-protocol-version=HTTP2"
	}
	return ""
}

// tcpUDP gives a port that has TCP and UDP one listener for both.
const tcpUDP = "enable-tcp-udp-listener=true"

// port has the Service send to another port of the pods.
func port(t *testing.T, s *scene, n int) {
	t.Helper()
	patch := fmt.Sprintf(`[{"op":"replace","path":"/spec/ports/0/targetPort","value":%d}]`, n)
	s.Kubectl(t, "patch", "service", "-n", s.namespace, "web", "--type=json", "-p", patch)
	s.WaitFor(t, fmt.Sprintf("targets on port %d only", n), func(context.Context) error {
		for _, g := range s.TargetGroups(s.LoadBalancer(t, s.host)) {
			for _, x := range g.Targets {
				if int(x.Port) != n && x.State != "draining" {
					return fmt.Errorf("%s is on port %d", x.ID, x.Port)
				}
			}
		}
		return nil
	})
}

// edit puts the Service and the Ingress with annotations in the place of those that are there, and waits until that
// serves alone. Targets of before may drain, until the last edit is made: requests are made for longer than that takes.
func edit(t *testing.T, s *scene, annotations ...string) {
	t.Helper()
	before := s.TargetGroups(s.LoadBalancer(t, s.host))
	path := filepath.Join(t.TempDir(), "front.yaml")
	if err := os.WriteFile(path, []byte(s.front(annotations...)), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Kubectl(t, "replace", "-f", path) // an apply takes two ports of one number for one
	s.WaitFor(t, "the edit of "+s.namespace+" to reach AWS", func(context.Context) error {
		after := s.TargetGroups(s.LoadBalancer(t, s.host))
		if len(after) != 1 || len(before) == 1 && after[0].ARN == before[0].ARN &&
			after[0].HealthCheck == before[0].HealthCheck {
			return fmt.Errorf("it has not")
		}
		return nil
	})
	if len(annotations) > 0 {
		s.serves(t, "draining")
	} else {
		s.serves(t)
	}
}

// packets reports whether the Service has a port of UDP.
func (s *scene) packets(edits []string) bool {
	return s.protocol == datagrams || slices.Contains(edits, tcpUDP)
}
