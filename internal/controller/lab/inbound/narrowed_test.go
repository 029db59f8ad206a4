package inbound

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestNarrowedFlagClosesWideRanges has an administrator withdraw what let a binding open its port to the internet.
func TestNarrowedFlagClosesWideRanges(t *testing.T) {
	t.Parallel()
	l, b := lab.BoundLab(t)
	open := func() (peers []string) {
		for _, sg := range l.Sim.Resources().SecurityGroups {
			for _, rule := range sg.Ingress {
				if sg.ID == lab.NodeGroup && strings.Contains(rule.Peer, "/") {
					peers = append(peers, rule.Peer)
				}
			}
		}
		return peers
	}
	l.Flags("--binding-networking=any-source")
	l.Get(b, "bound")
	b.Generation++
	b.Spec.Networking.Ingress[0].From = []v1beta1.NetworkingPeer{{IPBlock: &v1beta1.IPBlock{CIDR: "0.0.0.0/0"}}}
	l.Must(l.Client.Update(t.Context(), b))
	l.Settle()
	if got := open(); !slices.Equal(got, []string{"0.0.0.0/0"}) {
		t.Fatalf("rules %v\n%s", got, strings.Join(l.Events, "\n"))
	}
	l.Flags("--binding-networking=none")
	l.Settle()
	if got := open(); len(got) > 0 {
		t.Errorf("rules %v\n%s", got, strings.Join(l.Events, "\n"))
	}
	l.Clock.Advance(2 * time.Hour)
	l.Settle()
	if got := open(); len(got) > 0 {
		t.Errorf("later: rules %v\n%s", got, strings.Join(l.Events, "\n"))
	}
}
