package controller

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/stack"
)

const (
	soakGroups  = 10
	soakMembers = 4  // of a group, at most
	soakSteps   = 30 // of ten seconds each
	soakSeeds   = 3  // by default; LBC_SOAK_SEEDS gives another number
)

// soak is one seeded story: what was done to a lab, and what each member that is left alone is owed.
type soak struct {
	*lab
	random *rand.Rand
	story  []string
	keys   []stack.Key
	broken map[string]bool // members with a mistake
	served map[string]bool // members whose requests were answered as they ask, and that were left alone since
}

func TestRandomEditsRestartsAndFaultsEndWhereAFreshStartDoes(t *testing.T) {
	t.Parallel()
	seeds := soakSeeds
	if n, err := strconv.Atoi(os.Getenv("LBC_SOAK_SEEDS")); err == nil {
		seeds = n
	}
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed %d", seed+1), func(t *testing.T) {
			t.Parallel()
			s := newSoak(t, uint64(seed+1))
			defer func() {
				if t.Failed() {
					t.Logf("seed %d:\n%s", seed+1, strings.Join(s.story, "\n"))
				}
			}()
			for n := range soakSteps {
				for range 1 + s.random.IntN(2) {
					s.act()
				}
				s.wait(10 * time.Second)
				if s.judge(); t.Failed() {
					t.Fatalf("at step %d", n)
				}
			}
			s.finish()
		})
	}
}

func newSoak(t *testing.T, seed uint64) *soak {
	t.Helper()
	objects := []client.Object{labClass(), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1")}
	for n := range soakMembers {
		service := fmt.Sprintf("s%d", n)
		objects = append(objects, labService(service))
		objects = append(objects, chaosEndpoints(service, "a", soakAddress(n, 0), soakAddress(n, 1))...)
	}
	s := &soak{random: rand.New(rand.NewPCG(seed, 8)), broken: map[string]bool{}, served: map[string]bool{}}
	for g := range soakGroups {
		s.keys = append(s.keys, stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: fmt.Sprintf("g%d", g)}})
		for m := range 2 {
			objects = append(objects, s.member(g, m))
		}
	}
	s.lab = newLab(t, account.Profile{}, objects...)
	s.keeps = seed%3 > 0 // checkpoints are present in two stories of three
	s.restart()
	s.wait(time.Minute)
	s.judge()
	if len(s.served) < 2*soakGroups {
		t.Fatalf("of %d members %d are served:\n%s", 2*soakGroups, len(s.served), s.account())
	}
	return s
}

// soakAddress is that of a pod of a Service; the pod of number 0 stays.
func soakAddress(service, pod int) string { return fmt.Sprintf("10.0.128.%d", 50+10*service+pod) }

// member is an Ingress of a group, with a host of its own, that sends requests to a Service.
func (s *soak) member(group, number int) *networkingv1.Ingress {
	i := labIngress(fmt.Sprintf("g%d-m%d", group, number), map[string]string{"group.name": fmt.Sprintf("g%d", group)}, fmt.Sprintf("s%d", s.random.IntN(soakMembers)))
	i.Spec.Rules[0].Host = i.Name + ".example.com"
	return i
}

func (s *soak) tell(format string, args ...any) {
	s.story = append(s.story, s.now()+" "+fmt.Sprintf(format, args...))
}

func (s *soak) now() string {
	return s.clock.Now().Sub(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).Truncate(time.Second).String()
}

func (s *soak) members() []networkingv1.Ingress {
	s.Helper()
	var list networkingv1.IngressList
	s.must(s.client.List(s.Context(), &list))
	return slices.DeleteFunc(list.Items, func(i networkingv1.Ingress) bool { return i.DeletionTimestamp != nil })
}

// soakMistakes are annotations that cannot be carried out.
var soakMistakes = []string{"listen-ports", "scheme", "inbound-cidrs", "target-group-attributes", "load-balancer-attributes", "healthcheck-port", "target-type"}

// soakSettings are annotations of a member that change no answer.
var soakSettings = [][2]string{
	{"target-group-attributes", "deregistration_delay.timeout_seconds=30"}, {"target-group-attributes", "stickiness.enabled=true"},
	{"healthcheck-path", "/health"}, {"healthcheck-interval-seconds", "20"}, {"success-codes", "200-299"}, {"group.order", "7"}, {"group.order", "-3"},
	{"tags", "team=shop"}, {"listen-ports", `[{"HTTP":80},{"HTTP":8080}]`},
}

var soakFaults = []gate.Fault{
	{Kind: "throttled"}, {Code: "InternalFailure", Status: 500}, {Lose: true}, {Reset: true}, {Kind: "denied"},
}

var soakActions = []string{"", "Describe*", "Create*", "Modify*", "Delete*", "Register*", "Deregister*", "Set*", "AddTags", "Authorize*", "Revoke*"}

// act does one thing at random.
func (s *soak) act() {
	s.Helper()
	group, number := s.random.IntN(soakGroups), s.random.IntN(soakMembers)
	name := fmt.Sprintf("g%d-m%d", group, number)
	i := &networkingv1.Ingress{}
	there := s.get(i, name)
	if there && i.DeletionTimestamp != nil {
		return
	}
	switch what := s.random.IntN(16); {
	case what < 3 && !there:
		s.tell("%s joins", name)
		s.create(s.member(group, number))
	case what < 2:
		s.tell("%s leaves", name)
		s.touch(name)
		s.must(s.client.Delete(s.Context(), i))
		delete(s.broken, name)
	case what < 5 && there:
		i.Spec.Rules[0].HTTP.Paths = s.member(group, number).Spec.Rules[0].HTTP.Paths
		s.tell("%s sends to %s", name, i.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name)
		s.update(i)
	case what < 8 && there && s.broken[name]:
		s.heal(i)
	case what == 5 && there:
		mistake := soakMistakes[s.random.IntN(len(soakMistakes))]
		s.tell("%s has a mistake in %s", name, mistake)
		i.Annotations["alb.ingress.kubernetes.io/"+mistake] = "nonsense"
		s.broken[name] = true
		s.update(i)
	case what < 9 && there && !s.broken[name]:
		setting := soakSettings[s.random.IntN(len(soakSettings))]
		if key := "alb.ingress.kubernetes.io/" + setting[0]; i.Annotations[key] == setting[1] {
			delete(i.Annotations, key)
			s.tell("%s sets %s no longer", name, setting[0])
		} else {
			i.Annotations[key] = setting[1]
			s.tell("%s sets %s=%s", name, setting[0], setting[1])
		}
		s.update(i)
	case what < 11:
		s.endpoints(s.random.IntN(soakMembers), s.random.IntN(5))
	case what < 12:
		s.tell("all of group g%d leave", group)
		for _, i := range s.members() {
			if strings.HasPrefix(i.Name, fmt.Sprintf("g%d-", group)) {
				s.touch(i.Name)
				s.must(s.client.Delete(s.Context(), &i))
				delete(s.broken, i.Name)
			}
		}
	case what < 14:
		f := soakFaults[s.random.IntN(len(soakFaults))]
		f.Action = soakActions[s.random.IntN(len(soakActions))]
		f.Probability, f.Until = 0.2+0.8*s.random.Float64(), s.clock.Now().Add(time.Duration(5+s.random.IntN(40))*time.Second)
		s.tell("for %s calls of %q with chance %.1f end so: kind %q, code %q, reset %v, answer lost %v", f.Until.Sub(s.clock.Now()), f.Action, f.Probability, f.Kind, f.Code, f.Reset, f.Lose)
		_, err := s.sim.Gate.AddFault(f)
		s.must(err)
	default:
		s.restartSomehow()
	}
}

func (s *soak) restartSomehow() {
	how := "a restart"
	if s.keeps {
		switch s.random.IntN(3) {
		case 0:
			how = "a restart by a signal"
			s.end()
		case 1:
			how = "a crash"
			s.crash()
		case 2:
			how = "a restart whose checkpoints are old"
		}
	}
	s.tell("%s", how)
	s.restart()
}

// wait lets time pass with everything that runs in a controller.
func (s *soak) wait(d time.Duration) {
	s.Helper()
	s.pass(d, []loop{
		{15 * time.Second, func(ctx context.Context) { s.bound.drains.lookAtOne(ctx) }},
		{30 * time.Second, func(ctx context.Context) {
			if needed, err := s.ingresses.backend.needed(ctx); err == nil && !needed {
				s.ingresses.backend.remove(ctx)
			}
		}},
	}, s.keys...)
}

// touch notes that a member is not left alone.
func (s *soak) touch(name string) { delete(s.served, name) }

func (s *soak) update(i *networkingv1.Ingress) {
	s.Helper()
	s.touch(i.Name)
	s.must(s.client.Update(s.Context(), i))
}

func (s *soak) heal(i *networkingv1.Ingress) {
	s.Helper()
	s.tell("%s is healed", i.Name)
	for k, v := range maps.Clone(i.Annotations) {
		if v == "nonsense" {
			delete(i.Annotations, k)
		}
	}
	i.Annotations["alb.ingress.kubernetes.io/scheme"], i.Annotations["alb.ingress.kubernetes.io/target-type"] = "internet-facing", "ip"
	delete(s.broken, i.Name)
	s.update(i)
}

// endpoints gives a Service so many pods beside the one that stays.
func (s *soak) endpoints(service, pods int) {
	s.Helper()
	addresses := []string{soakAddress(service, 0)}
	for n := range pods {
		addresses = append(addresses, soakAddress(service, n+1))
	}
	s.tell("s%d has %d pods", service, len(addresses))
	for _, o := range chaosEndpoints(fmt.Sprintf("s%d", service), "a", addresses...) {
		if pod, ok := o.(*corev1.Pod); ok {
			if !s.get(&corev1.Pod{}, pod.Name) {
				s.create(pod)
			}
			continue
		}
		old := &discoveryv1.EndpointSlice{}
		s.get(old, o.GetName())
		o.SetResourceVersion(old.ResourceVersion)
		s.must(s.client.Update(s.Context(), o))
	}
}

// judge holds that members who were left alone are served as before.
func (s *soak) judge() {
	s.Helper()
	r := s.sim.Resources()
	for _, i := range s.members() {
		service := i.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name
		backend, targets := answer(r, &i, i.Spec.Rules[0].Host, "/"+service)
		var number int
		_, _ = fmt.Sscanf(service, "s%d", &number)
		good := backend == fmt.Sprintf("shop/%s-%s:80", i.Name, service) && targets[soakAddress(number, 0)+":8080"]
		if s.served[i.Name] && !good {
			s.Errorf("%s: %s is left alone and sends requests for %s to %q with targets %v", s.now(), i.Name, service, backend, targets)
		}
		if good && !s.broken[i.Name] {
			s.served[i.Name] = true
		}
	}
}

// finish ends faults and mistakes, compares the account with that of a fresh start, and deletes everything.
func (s *soak) finish() {
	s.Helper()
	s.sim.Gate.ClearFaults()
	for _, i := range s.members() {
		if s.broken[i.Name] {
			s.heal(&i)
		}
	}
	s.wait(15 * time.Minute)
	s.judge()
	for _, i := range s.members() {
		if !s.served[i.Name] {
			s.Errorf("%s is not served in the end", i.Name)
		}
	}
	fresh := newLab(s.T, account.Profile{}, s.anew()...)
	fresh.pass(time.Minute, nil, s.keys...)
	if d := linesApart(s.account(), fresh.account()); d != "" {
		s.Errorf("the account (+) differs from that of a fresh start (-):\n%s", d)
	}
	mark := s.mark()
	s.wait(time.Minute)
	if w := s.writes(mark); len(w) > 0 {
		s.Errorf("at rest it writes %v", w)
	}
	for _, i := range s.members() {
		s.must(s.client.Delete(s.Context(), &i))
	}
	s.wait(15 * time.Minute)
	if left := s.left(); len(left) > 0 || len(s.members()) > 0 {
		s.Errorf("of deleted objects is left: %v", left)
	}
}
