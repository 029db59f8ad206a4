package compile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// serveQUIC is a Service with a port of QUIC and ip targets.
func serveQUIC(change func(*intent.TargetGroup)) intent.LoadBalancer {
	return service("QUIC", func(m *intent.Member, g *intent.TargetGroup) {
		m.Listeners[0].TransportProtocols, g.TargetType = []string{"udp"}, stack.TargetIP
		change(g)
	})
}

func TestWhatAWSFixesOfQUICIsLeftOutOfItsTargetGroups(t *testing.T) {
	t.Parallel()
	r := Compile(serveQUIC(func(g *intent.TargetGroup) {
		g.Attributes = map[string]string{"deregistration_delay.timeout_seconds": "30", "proxy_protocol_v2.enabled": "false",
			"preserve_client_ip.enabled": "true", "stickiness.enabled": "true",
			"load_balancing.cross_zone.enabled": "true"}
	}), account(), config(), nil)
	s := mustBuild(t, r)
	if diff := cmp.Diff(map[string]string{"load_balancing.cross_zone.enabled": "true"},
		s.TargetGroups[0].Attributes); diff != "" {
		t.Error(diff)
	}
	text := fmt.Sprint(r.Diagnostics)
	for key, noted := range map[string]bool{"deregistration_delay.timeout_seconds=30": true,
		"stickiness.enabled=true": true, "proxy_protocol_v2.enabled": false, "preserve_client_ip.enabled": false} {
		if strings.Contains(text, "target group attribute "+key) != noted {
			t.Errorf("%s is noted: %t; %s", key, !noted, text)
		}
	}
	if s.Listeners[0].Protocol != "QUIC" || s.TargetGroups[0].Protocol != "QUIC" || s.Bindings[0].Protocol != "QUIC" {
		t.Errorf("listener %s, target group %s, binding %s", s.Listeners[0].Protocol, s.TargetGroups[0].Protocol,
			s.Bindings[0].Protocol)
	}
}

func TestQUICWithUnsupportedTargetsIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*intent.TargetGroup){
		"QUIC protocol is not supported for Instance target types.": func(g *intent.TargetGroup) {
			g.TargetType = stack.TargetInstance
		},
		"QUIC reaches targets only by IPv4": func(g *intent.TargetGroup) { g.IPv6 = true },
	} {
		r := Compile(serveQUIC(change), account(), config(), nil)
		if r.Stack != nil || !strings.Contains(fmt.Sprint(r.Diagnostics), want) {
			t.Errorf("%s: stack %v, %v", want, r.Stack, r.Diagnostics)
		}
	}
}
