package dataplane

import (
	"iter"
	"sync"
	"time"

	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/traffic"
)

// view is an immutable picture of one listener: all that a request or a flow needs, taken once at its start.
//
// Every update makes new views of everything, most of which see no request before the next; what is dear to make is made at
// first use.
type view struct {
	*balancerConfig
	listener  Listener
	matcher   func() *traffic.Matcher
	groups    map[string]*group    // by ARN, those that some action names
	certs     func() *certificates // HTTPS and TLS
	inserted  map[string]string    // response headers set by listener attributes
	ownServer bool                 // generated answers carry a Server header
	idle      time.Duration        // NLB TCP flows
}

// newView makes the view of a listener.
func (b *balancer) newView(l *Listener) *view {
	a := attributes(l.Attributes)
	v := &view{
		balancerConfig: b.config.Load(), listener: *l, groups: map[string]*group{},
		ownServer: a.flag("routing.http.response.server.enabled", true),
		idle:      a.seconds("tcp.idle_timeout.seconds", 350),
	}
	for arn := range groupsOf(l) {
		if g := b.plane.group(arn); g != nil {
			v.groups[arn] = g
		}
	}
	for key, header := range responseHeaders {
		if value := l.Attributes[key]; value != "" {
			if v.inserted == nil {
				v.inserted = map[string]string{}
			}
			v.inserted[header] = value
		}
	}
	v.matcher = sync.OnceValue(func() *traffic.Matcher {
		m, err := traffic.NewMatcher(v.listener.Rules, v.listener.Default)
		if err != nil {
			b.plane.logf("data plane: load balancer %s, listener %d: %v", v.Name, v.listener.Port, err)
		}
		return m
	})
	v.certs = sync.OnceValue(func() *certificates { return newCertificates(v.listener.Certificates) })
	return v
}

// secure reports whether clients speak TLS to the listener.
func (v *view) secure() bool { return v.listener.Protocol == "HTTPS" || v.listener.Protocol == "TLS" }

// groupsOf yields the ARN of every target group that a listener names, some perhaps several times.
func groupsOf(l *Listener) iter.Seq[string] {
	return func(yield func(string) bool) {
		in := func(actions []stack.Action) bool {
			for _, a := range actions {
				if a.Forward == nil {
					continue
				}
				for _, w := range a.Forward.TargetGroups {
					if !yield(w.TargetGroup.Literal) {
						return false
					}
				}
			}
			return true
		}
		if !in(l.Default) {
			return
		}
		for i := range l.Rules {
			if !in(l.Rules[i].Actions) {
				return
			}
		}
	}
}
