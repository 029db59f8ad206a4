package account

import "slices"

// Listener is one listener; its last rule is the default one.
type Listener struct {
	ARN          string
	ID           string // last part of the ARN
	LoadBalancer *LoadBalancer
	Port         int32
	Protocol     string   // empty for gateway load balancers
	Certificate  string   // ARN of the default certificate; empty without TLS
	Certificates []string // further certificates, chosen by server name
	SSLPolicy    string
	ALPN         string
	MutualTLS    MutualTLS
	Attributes   map[string]string // every key of its protocol, defaults included
	Tags         map[string]string
	Rules        []*Rule // by priority; the default rule is the last
	Seq          uint64
}

// MutualTLS is a listener's authentication of clients.
type MutualTLS struct {
	Mode          string // off, passthrough, verify; empty without TLS
	TrustStore    string // ARN
	IgnoreExpiry  bool
	AdvertiseName string // on, off; empty when not verifying
}

// Default is the default rule.
func (l *Listener) Default() *Rule { return l.Rules[len(l.Rules)-1] }

// Rule is the rule of that priority, or nil.
func (l *Listener) Rule(priority int32) *Rule {
	i, ok := slices.BinarySearchFunc(l.Rules, priority, func(r *Rule, p int32) int { return int(r.position()) - int(p) })
	if !ok {
		return nil
	}
	return l.Rules[i]
}

// AddListener files a listener under its load balancer, with its default rule.
func (a *Account) AddListener(l *Listener, defaultRule *Rule) {
	if a.Listeners == nil {
		a.Listeners = map[string]*Listener{}
	}
	l.Seq = a.next()
	a.Listeners[l.ARN] = l
	a.use(l, served(l), 1)
	l.LoadBalancer.Listeners = append(l.LoadBalancer.Listeners, l)
	defaultRule.Listener, defaultRule.Default = l, true
	a.AddRule(defaultRule)
}

// RemoveListener removes a listener with its rules.
func (a *Account) RemoveListener(l *Listener) {
	for _, r := range slices.Clone(l.Rules) {
		a.RemoveRule(r)
	}
	delete(a.Listeners, l.ARN)
	a.use(l, served(l), -1)
	lb := l.LoadBalancer
	lb.Listeners = slices.DeleteFunc(lb.Listeners, func(o *Listener) bool { return o == l })
}

// ListenersInOrder is every listener in the order of creation.
func (b *Balancing) ListenersInOrder() []*Listener {
	return inOrder(b.Listeners, func(l *Listener) uint64 { return l.Seq })
}
