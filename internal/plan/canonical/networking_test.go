package canonical

import (
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func TestRulesOfOnePortEachAreThoseOfSeveralPorts(t *testing.T) {
	t.Parallel()
	group := []stack.Ref{stack.Literal(stack.KindSecurityGroup, "sg-1")}
	rule := func(ports ...string) stack.NetworkingRule {
		n := stack.NetworkingRule{FromGroups: group}
		for _, p := range ports {
			n.Ports = append(n.Ports, stack.NetworkingPort{Protocol: p[:3], Port: p[4:]})
		}
		return n
	}
	for _, c := range []struct {
		name       string
		have, want []stack.NetworkingRule
		same       bool
	}{
		{"split", []stack.NetworkingRule{rule("TCP 80"), rule("UDP 80")}, []stack.NetworkingRule{rule("UDP 80", "TCP 80")},
			true},
		{"a port less", []stack.NetworkingRule{rule("UDP 80")}, []stack.NetworkingRule{rule("UDP 80", "TCP 80")}, false},
		{"twice", []stack.NetworkingRule{rule("UDP 80"), rule("UDP 80")}, []stack.NetworkingRule{rule("UDP 80")}, true},
		{"other sources", []stack.NetworkingRule{{FromCIDRs: []string{"10.0.0.0/8"}, Ports: rule("TCP 80").Ports}},
			[]stack.NetworkingRule{rule("TCP 80")}, false},
		{"all ports and one", []stack.NetworkingRule{rule()}, []stack.NetworkingRule{rule("TCP 80")}, false},
		{"none and not managed", []stack.NetworkingRule{}, nil, false},
	} {
		if got := SameNetworking(c.have, c.want, Literal); got != c.same {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}
