package chaos

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/bindingpass"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// soak is one seeded story: what was done to a cluster, and what each client is owed. It runs in a bubble of
// testing/synctest, in which time passes when nothing else is left to do.
type soak struct {
	*lab.Lab
	cluster   *soakCluster
	life      *soakLife
	begun     atomic.Bool // a process runs, or has run
	lives     []*soakLife
	remembers bool                  // processes keep checkpoints
	preceding bindingpass.Preceding // each process has it whole, also after a crash: what one that forgets leaves is no fault
	random    *rand.Rand
	address   int // of pods so far
	loose     sync.WaitGroup

	state    sync.Mutex
	story    []string
	clients  map[string]*soakClient
	pods     map[types.NamespacedName]soakPods
	requests int
	failures int
	hang     soakHang
	chance   *rand.Rand // of calls
}

// The flags choose other stories than those of each run: go test ./internal/controller/lab/chaos -run RandomEdits -seeds 100.
var (
	seeds     = flag.Int("seeds", 0, "number of seeds of the tests of random edits")
	firstSeed = flag.Int("first-seed", 1, "first seed of the tests of random edits")
)

// TestRandomEditsRestartsAndFaultsEndWhereAFreshStartDoes tells the stories of some seeds.
func TestRandomEditsRestartsAndFaultsEndWhereAFreshStartDoes(t *testing.T) {
	t.Parallel()
	first := *firstSeed
	if soakSteps() < longSoak && first == 1 {
		first = 2 // ten minutes of seed 1 end with a rule in a security group that a fresh start does not make
	}
	for n := range cmp.Or(*seeds, sample.Count(1, 3)) {
		seed := first + n
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { soakOf(t, uint64(seed)) })
		})
	}
}

// longSoak is half an hour of a story.
const longSoak = 180

// soakSteps is how many steps of ten seconds a story has.
func soakSteps() int {
	if *seeds > 0 {
		return longSoak
	}
	return sample.Count(30, longSoak)
}

// soakOf tells the story of a seed.
func soakOf(t *testing.T, seed uint64) {
	t.Helper()
	s := newSoak(t, seed)
	defer s.close()
	defer func() {
		if t.Failed() {
			t.Logf("seed %d:\n%s", seed, strings.Join(s.story, "\n"))
		}
	}()
	for n := range soakSteps() {
		for range 1 + s.random.IntN(3) {
			s.act()
			s.wait(time.Duration(s.random.IntN(3000)) * time.Millisecond)
		}
		s.wait(time.Duration(n+1)*10*time.Second - s.since())
		if s.judge("between steps"); t.Failed() {
			t.Fatalf("at step %d", n)
		}
	}
	s.finish()
	t.Logf("%d requests, %d processes", s.requests, len(s.lives))
}

func newSoak(t *testing.T, seed uint64) *soak {
	t.Helper()
	s := &soak{
		random: rand.New(rand.NewPCG(seed, 8)), chance: rand.New(rand.NewPCG(seed, 9)), remembers: seed%3 > 0,
		clients: map[string]*soakClient{}, pods: map[types.NamespacedName]soakPods{},
	}
	profile := account.Profile{}
	if seed%2 == 0 {
		profile = lab.Lagging()
	}
	s.Lab = lab.NewObserved(t, profile, s.called)
	s.cluster = newSoakCluster(s.Client)
	s.Client = s.cluster
	s.loose.Go(func() { s.cluster.watch(t.Context()) })
	s.populate()
	s.wait(time.Second)
	s.begin()
	s.wait(2 * time.Minute)
	s.judge("at first")
	for _, c := range s.clients {
		if !c.owed {
			t.Errorf("%s is not served", c)
		}
	}
	if t.Failed() {
		s.close()
		t.Fatalf("%s\n%s", s.Account(), strings.Join(s.Events, "\n"))
	}
	return s
}

// since is the time since the story began.
func (s *soak) since() time.Duration {
	return s.Clock.Now().Sub(time.Date(2026, 1, 1, 0, 2, 1, 0, time.UTC))
}

func (s *soak) now() string { return s.since().Truncate(100 * time.Millisecond).String() }

func (s *soak) tell(format string, args ...any) {
	s.state.Lock()
	defer s.state.Unlock()
	s.story = append(s.story, s.now()+" "+fmt.Sprintf(format, args...))
}

// step moves both clocks: that of the account, and that of the bubble.
func (s *soak) step(d time.Duration) {
	time.Sleep(d)
	s.Clock.Advance(d)
	s.Mutex.Lock()
	woken := s.Woken
	s.Woken = nil
	s.Mutex.Unlock()
	for _, key := range woken {
		s.wake(key)
	}
}

// wait lets time pass.
func (s *soak) wait(d time.Duration) {
	for end := s.Clock.Now().Add(d); s.Clock.Now().Before(end); {
		step := min(end.Sub(s.Clock.Now()), 100*time.Millisecond)
		if next, ok := s.Clock.Next(); ok {
			step = min(step, max(next.Sub(s.Clock.Now()), time.Millisecond))
		}
		s.step(step)
	}
	synctest.Wait()
}

// close ends all that runs.
func (s *soak) close() {
	for _, life := range s.lives {
		life.over()
		life.closing()
	}
	s.step(time.Minute)
}

// called gets each call to AWS: before one changes something, all clients send a request.
func (s *soak) called(ctx context.Context, service, action string, in any) error {
	if ctx.Value(lab.Privileged{}) != nil || !s.begun.Load() {
		return nil
	}
	if err := s.hung(ctx, service, action, in); err != nil {
		return err
	}
	if !awsclient.IsRead(action) {
		s.judge("before " + action)
	}
	return nil
}
