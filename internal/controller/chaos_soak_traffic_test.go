package controller

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// soakKind is what stands for a load balancer.
type soakKind string

const (
	ofIngress soakKind = "Ingress"
	ofService soakKind = "Service"
	ofBinding soakKind = "TargetGroupBinding"
)

// soakClient sends requests all the time.
type soakClient struct {
	kind    soakKind
	object  types.NamespacedName
	service string // in the same namespace, that the object sends requests to
	broken  bool   // the object has a mistake
	owed    bool   // it was served, and nothing but a mistake of its own or its pods' end has explained a failure since
	// earlier are the Services that may answer as well, until the newest does.
	earlier map[string]bool
	// replaced is when an edit had the object get or lose a load balancer before its own, or another one behind it: the one before it
	// admits one behind it at a time.
	replaced time.Time
}

func (c *soakClient) String() string { return string(c.kind) + " " + c.object.String() }

// soakReplacement is how long the replacement of a load balancer takes at most: two minutes for targets that do not become healthy, which each process waits
// for anew, and what faults and hanging calls add.
const soakReplacement = 10 * time.Minute

// soakPods are those of a Service, by address; true: all clients of the Service could be answered by it.
type soakPods map[string]bool

// picture is the account as clients see it.
type picture struct {
	named, balancers map[string]*simclient.LoadBalancer // by DNS name, and by ARN
	groups           map[string]*simclient.TargetGroup
}

func pictureOf(r *simclient.Resources) picture {
	p := picture{map[string]*simclient.LoadBalancer{}, map[string]*simclient.LoadBalancer{}, map[string]*simclient.TargetGroup{}}
	for i := range r.LoadBalancers {
		lb := &r.LoadBalancers[i]
		p.named[lb.DNSName], p.balancers[lb.ARN] = lb, lb
	}
	for i := range r.TargetGroups {
		p.groups[r.TargetGroups[i].ARN] = &r.TargetGroups[i]
	}
	return p
}

// route is the target group that a request ends in, or why there is none.
func (p picture) route(lb *simclient.LoadBalancer, host, path string) (*simclient.TargetGroup, string) {
	i := slices.IndexFunc(lb.Listeners, func(l simclient.Listener) bool { return l.Port == 80 })
	if i < 0 {
		return nil, lb.Name + " does not listen on port 80"
	}
	var rules []stack.Rule
	var defaults []stack.Action
	for n, rule := range lb.Listeners[i].Rules {
		if rule.Priority == "default" {
			defaults = rule.Actions
			continue
		}
		rules = append(rules, stack.Rule{Order: int32(n), Conditions: rule.Conditions, Actions: rule.Actions, Transforms: rule.Transforms})
	}
	d := traffic.Match(rules, defaults, traffic.Request{Scheme: "http", Host: host, Port: 80, Method: "GET", Path: path, SourceIP: netip.MustParseAddr("198.51.100.7")})
	action, _ := d.Routing()
	var to []string
	if action.Forward != nil {
		for _, t := range action.Forward.TargetGroups {
			if t.Weight == nil || *t.Weight > 0 || len(action.Forward.TargetGroups) == 1 {
				to = append(to, t.TargetGroup.Literal)
			}
		}
	}
	if len(to) != 1 {
		text, _ := json.Marshal(action)
		return nil, fmt.Sprintf("%s answers %s", lb.Name, text)
	}
	tg := p.groups[to[0]]
	switch {
	case tg == nil:
		return nil, lb.Name + " forwards to no target group"
	case tg.TargetType != "alb":
		return tg, ""
	}
	for _, t := range tg.Targets {
		if behind := p.balancers[t.ID]; behind != nil {
			return p.route(behind, host, path)
		}
	}
	return nil, lb.Name + " forwards to no load balancer"
}

// ask sends one request: the Service whose pods answer, or why none does.
func (s *soak) ask(p picture, c *soakClient) (service string, tg *simclient.TargetGroup, failure string) {
	host, path := "", "/"
	switch c.kind {
	case ofBinding:
		for _, tg := range p.groups {
			if tg.Name == theirGroup(c.object.Name) {
				return c.service, tg, ""
			}
		}
		return "", nil, "no target group"
	case ofIngress:
		host = hostOf(c.object)
		path = "/" + host
	case ofService:
	}
	names := s.cluster.names(c.kind, c.object)
	if len(names) == 0 {
		return "", nil, "no address"
	}
	for _, name := range names {
		lb := p.named[name]
		if lb == nil {
			return "", nil, "no load balancer has the address " + name
		}
		if tg, failure = p.route(lb, host, path); tg == nil {
			return "", nil, failure
		}
	}
	if c.kind == ofService {
		return c.service, tg, ""
	}
	prefix := c.object.String() + "-"
	backend := tg.Tags["ingress.k8s.aws/resource"]
	if !strings.HasPrefix(backend, prefix) {
		return "", nil, fmt.Sprintf("it reaches %q", backend)
	}
	service, _, _ = strings.Cut(strings.TrimPrefix(backend, prefix), ":")
	return service, tg, ""
}

// living are the targets of a group that answer.
func (s *soak) living(tg *simclient.TargetGroup, pods soakPods) map[string]bool {
	out := map[string]bool{}
	for id := range registeredIn(*tg) {
		address, _, _ := strings.Cut(id, ":")
		if _, there := pods[address]; there || strings.HasPrefix(address, "i-") && len(pods) > 0 {
			out[address] = true
		}
	}
	return out
}

func (s *soak) podsOf(namespace, service string) soakPods {
	return s.pods[types.NamespacedName{Namespace: namespace, Name: service}]
}

// judge sends a request for each client, and holds that what is owed is answered. It notes which pods all clients of a Service reach.
func (s *soak) judge(when string) {
	s.state.Lock()
	defer s.state.Unlock()
	r := s.sim.Resources()
	p := pictureOf(&r)
	s.requests += len(s.clients)
	reach := map[types.NamespacedName][]map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(s.clients)) {
		c := s.clients[name]
		service, tg, failure := s.ask(p, c)
		var alive map[string]bool
		if tg != nil {
			if alive = s.living(tg, s.podsOf(c.object.Namespace, service)); len(alive) == 0 {
				failure = fmt.Sprintf("no target of %s (of %s) answers: %v", tg.Name, service, slices.Sorted(maps.Keys(registeredIn(*tg))))
			} else if service != c.service && !c.earlier[service] {
				failure = "answered by " + service
			}
		}
		if len(s.podsOf(c.object.Namespace, c.service)) == 0 && service == c.service || tg != nil && len(s.podsOf(c.object.Namespace, service)) == 0 {
			c.owed = false // all its pods are gone
		}
		switch {
		case failure != "" && s.clock.Now().Sub(c.replaced) < soakReplacement:
			c.owed = false
		case failure != "" && c.owed:
			s.failures++
			c.owed = false
			s.Errorf("%s, %s: a request to %s for %s fails: %s", s.now(), when, c, c.service, failure)
		case failure == "" && service == c.service && !c.broken:
			c.owed, c.earlier = true, nil
		}
		if c.owed {
			n := types.NamespacedName{Namespace: c.object.Namespace, Name: service}
			reach[n] = append(reach[n], alive)
		}
	}
	for n, pods := range s.pods {
		for address := range pods {
			pods[address] = !slices.ContainsFunc(reach[n], func(alive map[string]bool) bool {
				return !alive[address] && !slices.ContainsFunc(slices.Collect(maps.Keys(alive)), func(id string) bool { return strings.HasPrefix(id, "i-") })
			})
		}
	}
}

// hostOf is the host of an Ingress of its own.
func hostOf(n types.NamespacedName) string { return n.Name + "." + n.Namespace + ".example.com" }

// theirGroup is the name of the target group of a user's binding.
func theirGroup(binding string) string { return "theirs-" + binding }
