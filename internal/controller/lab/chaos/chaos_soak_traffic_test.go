package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/awssim/simclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
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
	// replaced is when an edit had the object get or lose a load balancer before its own, or another one behind it: the
	// one before it admits one behind it at a time.
	replaced time.Time
}

func (c *soakClient) String() string { return string(c.kind) + " " + c.object.String() }

// soakReplacement is how long the replacement of a load balancer takes at most: two minutes for targets that do not
// become healthy, which each process waits for anew, and what faults and hanging calls add.
const soakReplacement = 10 * time.Minute

// soakPods are those of a Service, by address; true: all clients of the Service could be answered by it.
type soakPods map[string]bool

// ask sends one request: the Service whose pods answer, or why none does.
func (s *soak) ask(p lab.Picture, c *soakClient) (service string, tg *simclient.TargetGroup, failure string) {
	host, path := "", "/"
	switch c.kind {
	case ofBinding:
		for _, tg := range p.Groups {
			if tg.Name == lab.TheirGroup(c.object.Name) {
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
		lb := p.Named[name]
		if lb == nil {
			return "", nil, "no load balancer has the address " + name
		}
		if tg, failure = p.Route(lb, host, path); tg == nil {
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
	for id := range lab.RegisteredIn(*tg) {
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

// judge sends a request for each client, and holds that what is owed is answered. It notes which pods all clients of a
// Service reach.
func (s *soak) judge(when string) {
	s.state.Lock()
	defer s.state.Unlock()
	r := s.Sim.Resources()
	p := lab.PictureOf(&r)
	s.requests += len(s.clients)
	reach := map[types.NamespacedName][]map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(s.clients)) {
		c := s.clients[name]
		service, tg, failure := s.ask(p, c)
		var alive map[string]bool
		if tg != nil {
			if alive = s.living(tg, s.podsOf(c.object.Namespace, service)); len(alive) == 0 {
				failure = fmt.Sprintf("no target of %s (of %s) answers: %v", tg.Name, service,
					slices.Sorted(maps.Keys(lab.RegisteredIn(*tg))))
			} else if service != c.service && !c.earlier[service] {
				failure = "answered by " + service
			}
		}
		if len(s.podsOf(c.object.Namespace, c.service)) == 0 && service == c.service || tg != nil &&
			len(s.podsOf(c.object.Namespace, service)) == 0 {
			c.owed = false // all its pods are gone
		}
		switch {
		case failure != "" && s.Clock.Now().Sub(c.replaced) < soakReplacement:
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
				return !alive[address] && !slices.ContainsFunc(slices.Collect(maps.Keys(alive)),
					func(id string) bool { return strings.HasPrefix(id, "i-") })
			})
		}
	}
}

// hostOf is the host of an Ingress of its own.
func hostOf(n types.NamespacedName) string { return n.Name + "." + n.Namespace + ".example.com" }
