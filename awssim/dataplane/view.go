package dataplane

import (
	"sync"

	"github.com/k8s-lbc/lbc/awssim/dataplane/handshake"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
	"github.com/k8s-lbc/lbc/awssim/dataplane/topology"
	"github.com/k8s-lbc/lbc/internal/traffic"
)

// view is an immutable picture of one listener: all that a request or a flow needs, taken once at its start.
//
// Every update makes new views of everything, most of which see no request before the next; what is dear to make is made at
// first use.
type view struct {
	*balancerConfig
	listener   topology.Listener
	matcher    func() *traffic.Matcher
	groups     map[string]*targetgroup.Group // by ARN, those that some action names
	handshakes func() *handshake.Server      // HTTPS and TLS
	topology.ListenerSettings
}

// newView makes the view of a listener.
func (b *balancer) newView(l *topology.Listener) *view {
	v := &view{
		balancerConfig: b.config.Load(), listener: *l, groups: map[string]*targetgroup.Group{},
		ListenerSettings: l.Settings(),
	}
	for arn := range l.TargetGroups() {
		if g := b.plane.group(arn); g != nil {
			v.groups[arn] = g
		}
	}
	v.matcher = sync.OnceValue(func() *traffic.Matcher {
		m, err := traffic.NewMatcher(v.listener.Rules, v.listener.Default)
		if err != nil {
			b.plane.logf("data plane: load balancer %s, listener %d: %v", v.Name, v.listener.Port, err)
		}
		return m
	})
	v.handshakes = sync.OnceValue(func() *handshake.Server { return handshake.NewServer(&v.listener, v.settings.HTTP2) })
	return v
}
