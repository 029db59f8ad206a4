package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// soakMistakes are annotations that cannot be carried out.
var soakMistakes = []string{"listen-ports", "scheme", "inbound-cidrs", "target-group-attributes",
	"load-balancer-attributes", "healthcheck-port", "target-type"}

// soakSettings are annotations of an Ingress that change no answer, and about which members of a group cannot disagree.
var soakSettings = [][2]string{
	{"target-group-attributes", "deregistration_delay.timeout_seconds=30,stickiness.enabled=false"},
	{"target-group-attributes", "deregistration_delay.timeout_seconds=300,stickiness.enabled=true"},
	{"healthcheck-path", "/health"}, {"healthcheck-interval-seconds", "20"}, {"success-codes", "200-299"},
	{"group.order", "7"}, {"group.order", "-3"},
	{"tags", "team=shop"}, {"listen-ports", `[{"HTTP":80},{"HTTP":8080}]`},
}

// soakOwnSettings are annotations of an Ingress that has a load balancer of its own.
var soakOwnSettings = append(slices.Clone(soakSettings), [][2]string{
	{"load-balancer-attributes", "idle_timeout.timeout_seconds=75"}, {"inbound-cidrs", "192.0.2.0/24"},
	{"scheme", "internal"},
	{"target-type", "instance"}, {"security-groups", "sg-0a1de000000000002"},
	{"subnets", "subnet-0a1de0000000000a1,subnet-0a1de0000000000c1"},
	{"enable-frontend-nlb", "true"},
}...)

// soakNetSettings are annotations of a Service with a network load balancer.
var soakNetSettings = [][2]string{
	{"aws-load-balancer-attributes", "load_balancing.cross_zone.enabled=true"},
	{"aws-load-balancer-target-group-attributes", "deregistration_delay.timeout_seconds=30"},
	{"aws-load-balancer-healthcheck-interval", "20"}, {"aws-load-balancer-additional-resource-tags", "team=shop"},
	{"aws-load-balancer-scheme", "internal"}, {"load-balancer-source-ranges", "192.0.2.0/24"},
}

// soakDefaults are what an annotation is when it is not set otherwise. Attributes that nobody wants any more stay as
// they are.
var soakDefaults = map[string]string{
	"alb.ingress.kubernetes.io/scheme": "internet-facing", "alb.ingress.kubernetes.io/target-type": "ip",
	"alb.ingress.kubernetes.io/load-balancer-attributes":                   "idle_timeout.timeout_seconds=60",
	"alb.ingress.kubernetes.io/target-group-attributes":                    "deregistration_delay.timeout_seconds=300,stickiness.enabled=false",
	"service.beta.kubernetes.io/aws-load-balancer-scheme":                  "internet-facing",
	"service.beta.kubernetes.io/aws-load-balancer-attributes":              "load_balancing.cross_zone.enabled=false",
	"service.beta.kubernetes.io/aws-load-balancer-target-group-attributes": "deregistration_delay.timeout_seconds=300",
}

// soakAct is something that may happen, and how often it does.
type soakAct struct {
	weight int
	act    func(*soak)
}

// edit has users and pods do one thing.
func (s *soak) edit() {
	s.Helper()
	s.one([]soakAct{{4, (*soak).joinOrLeave}, {1, (*soak).dissolve}, {4, (*soak).sendElsewhere}, {3, (*soak).mistake},
		{3, (*soak).cure}, {7, (*soak).set},
		{6, (*soak).rollOut}, {1, (*soak).breakDown}, {3, (*soak).netEdit}, {2, (*soak).bindingEdit}, {1, (*soak).nodeEvent}})
}

// act does one thing at random.
func (s *soak) act() {
	s.Helper()
	s.one([]soakAct{{35, (*soak).edit}, {4, (*soak).fault}, {2, (*soak).hangs}, {1, (*soak).apiAway},
		{2, (*soak).cacheBehind}, {2, (*soak).anotherProcess}})
}

func (s *soak) one(of []soakAct) {
	s.Helper()
	total := 0
	for _, a := range of {
		total += a.weight
	}
	at := s.random.IntN(total)
	for _, a := range of {
		if at -= a.weight; at < 0 {
			a.act(s)
			return
		}
	}
}

// someClient is one at random of those of a kind that match; nil if there is none.
func (s *soak) someClient(kind soakKind, match func(*soakClient) bool) *soakClient {
	s.state.Lock()
	defer s.state.Unlock()
	var of []*soakClient
	for _, name := range slices.Sorted(maps.Keys(s.clients)) {
		if c := s.clients[name]; c.kind == kind && match(c) {
			of = append(of, c)
		}
	}
	if len(of) == 0 {
		return nil
	}
	return of[s.random.IntN(len(of))]
}

func whole(c *soakClient) bool { return !c.broken }

func broken(c *soakClient) bool { return c.broken }

func (s *soak) known(kind soakKind, n types.NamespacedName) *soakClient {
	s.state.Lock()
	defer s.state.Unlock()
	return s.clients[(&soakClient{kind: kind, object: n}).String()]
}

// joinOrLeave has a member of a group, or an Ingress alone, come or go.
func (s *soak) joinOrLeave() {
	s.Helper()
	n := types.NamespacedName{}
	var come func()
	if s.random.IntN(3) > 0 {
		group, number := s.random.IntN(soakGroups), s.random.IntN(soakMembers)
		n, come = memberName(group, number), func() { s.member(group, number) }
	} else {
		number := s.random.IntN(soakAlone)
		n = types.NamespacedName{Namespace: soakNamespaces[number%3], Name: fmt.Sprintf("alone%d", number)}
		come = func() { s.ingress(n.Name, n.Namespace, nil) }
	}
	i, there := s.at(n)
	switch c := s.known(ofIngress, n); {
	case there && c != nil:
		s.tell("%s leaves", n)
		s.remove(c)
	case i.Name == "":
		s.tell("%s joins", n)
		come()
	}
}

func (s *soak) dissolve() {
	s.Helper()
	group := fmt.Sprintf("g%d-", s.random.IntN(soakGroups))
	s.tell("all of group %s leave", group)
	for number := range soakNamespaces {
		for c := s.someClient(ofIngress, func(c *soakClient) bool { return strings.HasPrefix(c.object.Name, group) }); c !=
			nil && number >= 0; c = s.someClient(ofIngress, func(c *soakClient) bool {
			return strings.HasPrefix(c.object.Name, group)
		}) {
			s.remove(c)
		}
	}
}

// redirect notes that an object sends requests to another Service.
func (s *soak) redirect(c *soakClient, service string) {
	s.state.Lock()
	defer s.state.Unlock()
	if c.earlier == nil {
		c.earlier = map[string]bool{}
	}
	c.earlier[c.service] = true
	c.service = service
}

func (s *soak) sendElsewhere() {
	s.Helper()
	c := s.someClient(ofIngress, whole)
	if c == nil {
		return
	}
	i, _ := s.at(c.object)
	service := fmt.Sprintf("s%d", s.random.IntN(soakServices))
	s.tell("%s sends to %s", c.object, service)
	s.redirect(c, service)
	i.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name = service
	s.update(i)
}

func (s *soak) mistake() {
	s.Helper()
	c := s.someClient(ofIngress, whole)
	if c == nil {
		return
	}
	i, _ := s.at(c.object)
	mistake := soakMistakes[s.random.IntN(len(soakMistakes))]
	s.tell("%s has a mistake in %s", c.object, mistake)
	i.Annotations["alb.ingress.kubernetes.io/"+mistake] = "nonsense"
	s.state.Lock()
	c.broken = true
	s.state.Unlock()
	s.update(i)
}

func (s *soak) cure() {
	s.Helper()
	if c := s.someClient(ofIngress, broken); c != nil {
		s.heal(c)
	}
}

func (s *soak) heal(c *soakClient) {
	s.Helper()
	s.tell("%s is healed", c.object)
	i, _ := s.at(c.object)
	s.state.Lock()
	for k, v := range maps.Clone(i.Annotations) {
		if v == "nonsense" {
			s.reset(i.Annotations, k)
			if strings.HasSuffix(k, "/scheme") && fronted(i) {
				c.replaced = s.Clock.Now()
			}
		}
	}
	c.broken = false
	s.state.Unlock()
	s.update(i)
}

// reset gives an annotation its default.
func (s *soak) reset(annotations map[string]string, key string) {
	delete(annotations, key)
	if value, ok := soakDefaults[key]; ok {
		annotations[key] = value
	}
}

// set gives an Ingress a setting, or takes it away.
func (s *soak) set() {
	s.Helper()
	c := s.someClient(ofIngress, whole)
	if c == nil {
		return
	}
	settings := soakSettings
	if strings.HasPrefix(c.object.Name, "alone") || strings.HasPrefix(c.object.Name, "front") {
		settings = soakOwnSettings
	}
	i, _ := s.at(c.object)
	s.toggle(c, i, "alb.ingress.kubernetes.io/", settings[s.random.IntN(len(settings))])
}

func (s *soak) toggle(c *soakClient, o client.Object, prefix string, setting [2]string) {
	s.Helper()
	annotations := o.GetAnnotations()
	if key := prefix + setting[0]; annotations[key] == setting[1] {
		s.reset(annotations, key)
		s.tell("%s sets %s no longer", c, setting[0])
	} else {
		annotations[key] = setting[1]
		s.tell("%s sets %s=%s", c, setting[0], setting[1])
	}
	o.SetAnnotations(annotations)
	if strings.HasSuffix(setting[0], "scheme") && fronted(o) || setting[0] == "enable-frontend-nlb" {
		s.state.Lock()
		c.replaced = s.Clock.Now()
		s.state.Unlock()
	}
	s.update(o)
}

// fronted reports whether an Ingress has a network load balancer before its own.
func fronted(o client.Object) bool {
	return o.GetAnnotations()["alb.ingress.kubernetes.io/enable-frontend-nlb"] == "true"
}

func (s *soak) update(o client.Object) {
	s.Helper()
	s.Must(s.Client.Update(s.Context(), o))
}
