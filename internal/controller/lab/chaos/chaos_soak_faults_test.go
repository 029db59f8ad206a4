package chaos

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

var soakFaults = []gate.Fault{
	{Kind: "throttled"}, {Code: "InternalFailure", Status: 500}, {Lose: true}, {Reset: true}, {Kind: "denied"},
}

var soakActions = []string{"", "Describe*", "Create*", "Modify*", "Delete*", "Register*", "Deregister*", "Set*",
	"AddTags", "Authorize*", "Revoke*"}

// fault has calls to AWS fail for a while.
func (s *soak) fault() {
	s.Helper()
	f := soakFaults[s.random.IntN(len(soakFaults))]
	f.Action = soakActions[s.random.IntN(len(soakActions))]
	f.Probability, f.Until = 0.2+0.8*s.random.Float64(), s.Clock.Now().Add(time.Duration(5+s.random.IntN(40))*time.Second)
	s.tell("for %s calls of %q with chance %.1f end so: kind %q, code %q, reset %v, answer lost %v",
		f.Until.Sub(s.Clock.Now()), f.Action, f.Probability, f.Kind, f.Code, f.Reset, f.Lose)
	_, err := s.Sim.Gate.AddFault(f)
	s.Must(err)
}

// soakHang has calls wait.
type soakHang struct {
	action string // by prefix
	chance float64
	until  time.Time
	fails  bool // in the end
}

// hangs has calls to AWS hang for a while.
func (s *soak) hangs() {
	s.Helper()
	s.state.Lock()
	s.hang = soakHang{strings.TrimSuffix(soakActions[s.random.IntN(len(soakActions))], "*"), s.random.Float64(),
		s.Clock.Now().Add(time.Duration(2+s.random.IntN(60)) * time.Second), s.random.IntN(2) == 0}
	h := s.hang
	s.state.Unlock()
	s.tell("calls of %q hang until %s with chance %.1f, and fail then %v", h.action, h.until.Format("04:05"),
		h.chance, h.fails)
}

// latestArrival is how long at most after the end of a process what it had under way arrives at AWS, for the next one
// begins at once here, where really it waits 5 to 15 s for the Lease.
const latestArrival = 5 // seconds

// hung holds a call up if it is to hang. What a process had under way when it ended may arrive at AWS later.
func (s *soak) hung(ctx context.Context, service, action string, in any) error {
	s.state.Lock()
	h, chance, late := s.hang, s.chance.Float64(), s.chance.IntN(latestArrival)
	s.state.Unlock()
	pause := h.until.Sub(s.Clock.Now())
	if pause <= 0 || !strings.HasPrefix(action, h.action) || chance >= h.chance {
		return nil
	}
	select {
	case <-time.After(pause):
		if h.fails {
			return gate.ErrDropped
		}
		return nil
	case <-ctx.Done():
		if !awsclient.IsRead(action) && late > 0 {
			s.loose.Go(func() {
				time.Sleep(time.Duration(late) * time.Second)
				s.arrive(service, action, in)
			})
		}
		return ctx.Err()
	}
}

// arrive carries out a call of a process that is no more.
func (s *soak) arrive(service, action string, in any) {
	of := map[string]any{"elasticloadbalancing": s.Sim.Balancing, "ec2": s.Sim.Compute}[service]
	if of == nil {
		return
	}
	s.judge("before a late " + action)
	ctx := context.WithValue(context.Background(), lab.Privileged{}, true)
	out := reflect.ValueOf(of).MethodByName(action).Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(in)})
	err := out[1].Interface()
	s.tell("a late %s arrives: %v", action, err)
	s.pardon()
}

// pardon owes nothing any more to clients that are not served now.
func (s *soak) pardon() {
	s.state.Lock()
	defer s.state.Unlock()
	r := s.Sim.Resources()
	p := lab.PictureOf(&r)
	for _, c := range s.clients {
		service, tg, _ := s.ask(p, c)
		if c.owed && (tg == nil || len(s.living(tg, s.podsOf(c.object.Namespace, service))) == 0) {
			c.owed = false
			s.story = append(s.story, fmt.Sprintf("%s %s is not served because of it", s.now(), c))
		}
	}
}

// apiAway has the API server not answer controllers for a while.
func (s *soak) apiAway() {
	s.Helper()
	reads, d := s.random.IntN(2) == 0, time.Duration(5+s.random.IntN(55))*time.Second
	s.tell("the API server is away for %s, to readers too %v", d, reads)
	s.cluster.api.writes.Store(true)
	s.cluster.api.reads.Store(reads)
	s.after(d, s.cluster.api.back)
}

// cacheBehind has caches show nothing new for a while.
func (s *soak) cacheBehind() {
	s.Helper()
	d := time.Duration(1+s.random.IntN(20)) * time.Second
	s.tell("caches are behind for %s", d)
	s.cluster.hold(true)
	s.after(d, func() { s.cluster.hold(false) })
}

// after does something later.
func (s *soak) after(d time.Duration, f func()) {
	ctx := s.Context()
	s.loose.Go(func() {
		select {
		case <-time.After(d):
			f()
		case <-ctx.Done():
		}
	})
}

// anotherProcess has another process lead.
func (s *soak) anotherProcess() {
	s.Helper()
	how := []string{"restart", "crash", "leader change"}[s.random.IntN(3)]
	if how == "leader change" && s.random.IntN(2) == 0 { // in the middle of work
		s.state.Lock()
		s.hang = soakHang{"", 0.7, s.Clock.Now().Add(10 * time.Second), false}
		s.state.Unlock()
		for range 3 {
			s.edit()
		}
		s.wait(time.Second)
	}
	s.tell("a %s", how)
	s.endLife(how)
	if !s.remembers || how != "restart" { // what served of members with mistakes may be forgotten
		s.state.Lock()
		for _, c := range s.clients {
			c.owed = c.owed && !c.broken
		}
		s.state.Unlock()
	}
	s.begin()
}

// calm ends faults and mistakes, and gives each Service pods.
func (s *soak) calm() {
	s.Helper()
	s.Sim.Gate.ClearFaults()
	s.state.Lock()
	s.hang = soakHang{}
	s.state.Unlock()
	s.cluster.api.back()
	s.cluster.hold(false)
	s.wait(time.Second)
	for c := s.someClient(ofIngress, broken); c != nil; c = s.someClient(ofIngress, broken) {
		s.heal(c)
	}
	for n, pods := range s.pods {
		if len(pods) == 0 {
			s.scale(n, s.newPods(1))
		}
	}
}
