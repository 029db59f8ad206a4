package lab

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Unread is a cluster at rest, with edits that take nothing away but what they replace.
type Unread struct {
	Name  string
	Lab   func(t *testing.T) *Lab
	Keys  []stack.Key
	Edits map[string]func(l *Lab)

	mu    sync.Mutex
	lives map[string]*unreadLife // by edit, without restarts
}

// life is the life with an edit and without a restart.
func (u *Unread) life(edit string) *unreadLife {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.lives == nil {
		u.lives = map[string]*unreadLife{}
	}
	if u.lives[edit] == nil {
		u.lives[edit] = &unreadLife{of: u, edits: []string{edit}}
	}
	return u.lives[edit]
}

// unreadLife is edits of a cluster, and how they are carried out where each read succeeds.
type unreadLife struct {
	of       *Unread
	edits    []string
	restarts bool // a new process carries them out

	once          sync.Once
	before, after map[string]bool
	between       map[string]bool // all parts that there were at any time
	calls         map[string]int  // by permission
	paged         map[string]int  // those that asked for another page
	pageable      map[string]bool // whether requests can ask for another page
}

// begin is the cluster before the edits; edit carries out one of them.
func (u *unreadLife) begin(l *Lab) {
	if u.restarts {
		l.Restart()
	} else {
		l.Clock.Advance(15 * time.Minute)
	}
}

func (u *unreadLife) String() string {
	return fmt.Sprintf("%s, %s, restart %t", u.of.Name, strings.Join(u.edits, " then "), u.restarts)
}

// live carries out the edits where each read succeeds, once.
func (u *unreadLife) live(t *testing.T) {
	t.Helper()
	u.once.Do(func() {
		l := u.of.Lab(t)
		u.before = l.Parts()
		u.between = maps.Clone(u.before)
		u.calls, u.paged, u.pageable = map[string]int{}, map[string]int{}, map[string]bool{}
		l.smallPages(1)
		var mu sync.Mutex
		l.unread.Store(&unreadCalls{observe: func(permission string, in any) {
			mu.Lock()
			defer mu.Unlock()
			u.calls[permission]++
			if u.pageable[permission] = hasPages(in); asksForAnotherPage(in) {
				u.paged[permission]++
			}
		}})
		u.begin(l)
		for _, edit := range u.edits {
			u.of.Edits[edit](l)
			l.PassWith(3*time.Minute, u.of.Keys...)
			maps.Copy(u.between, l.Parts())
		}
		l.Reread()
		l.PassWith(17*time.Minute, u.of.Keys...)
		u.after = l.Parts()
		maps.Copy(u.between, u.after)
	})
}

// misread carries out the edits while a read fails in a way, from a moment that random chooses.
func (u *unreadLife) misread(t *testing.T, permission, way string, random *rand.Rand) {
	t.Helper()
	l := u.of.Lab(t)
	skip, from := 0, 0
	if n := u.calls[permission]; len(u.edits) == 1 && n > 1 && way != "second page fails" {
		skip = random.IntN(min(n, 3)) / 2 // mostly from the first
	}
	if len(u.edits) > 1 {
		from = random.IntN(len(u.edits))
	}
	u.begin(l)
	struck := func() int { return 0 }
	for n, edit := range u.edits {
		if n == from {
			struck = l.Misread(permission, way, skip)
		}
		u.of.Edits[edit](l)
		for range 3 {
			l.PassWith(time.Minute, u.of.Keys...)
			u.judge(l)
		}
	}
	if struck() == 0 && from == 0 && skip == 0 {
		t.Errorf("%s was not called", permission)
	}
	l.Reread()
	if Believed(way) { // what AWS answered with success is believed until it is read again, as by the next process
		l.Restart()
	}
	u.judgeEnd(l)
}

// judgeEnd fails where the account is not what it is without a failed read.
func (u *unreadLife) judgeEnd(l *Lab) {
	l.Helper()
	l.PassWith(20*time.Minute, u.of.Keys...)
	if now := l.Parts(); !maps.Equal(now, u.after) {
		l.Errorf("in the end: %s", LinesApart(strings.Join(slices.Sorted(maps.Keys(now)), "\n"),
			strings.Join(slices.Sorted(maps.Keys(u.after)), "\n")))
	}
}

// judge fails where something that serves before and after the edits does not serve now, or something serves that
// never does where each read succeeds.
func (u *unreadLife) judge(l *Lab) {
	l.Helper()
	now := l.Parts()
	for part := range u.before {
		if u.after[part] && !now[part] {
			l.Errorf("gone: %s\n%s", part, strings.Join(l.Events, "\n"))
		}
	}
	matched := map[string]bool{} // what rules match before; a rule that is new may change on the way
	for part := range u.before {
		matched[matchOf(part)] = true
	}
	for part := range now {
		if !u.between[part] && matched[matchOf(part)] {
			l.Errorf("new: %s\n%s", part, strings.Join(l.Events, "\n"))
		}
	}
}

// matchOf is a part without what is done with the requests that it matches.
func matchOf(part string) string {
	if match, _, is := strings.Cut(part, ", "); is && strings.Contains(match, " if ") {
		return match
	}
	return strings.TrimRight(part, "0123456789abcdefghijklmnopqrstuvwxyz-")
}

// Misreading is an edit of a cluster while reads of a kind of Kubernetes objects fail.
type Misreading struct {
	Cluster   *Unread
	Edit      string
	Restarts  bool
	Kind, Way string // as Misreads.Fail has them
}

// Try fails where something is taken away by the failed reads, or stays different after them.
func (m Misreading) Try(t *testing.T) {
	t.Helper()
	life := m.Cluster.life(m.Edit)
	life.live(t)
	l := m.Cluster.Lab(t)
	if m.Restarts {
		l.Crash()
	}
	struck := l.Misreads.Fail(m.Kind, m.Way)
	if m.Restarts {
		l.Restart()
	}
	m.Cluster.Edits[m.Edit](l)
	for range 3 {
		l.PassWith(time.Minute, m.Cluster.Keys...)
		life.judge(l)
	}
	if struck() == 0 {
		t.Errorf("%s was not read", m.Kind)
	}
	l.Misreads.End()
	life.judgeEnd(l)
}

// TryUnread has each read of a list fail in each way while clusters are edited. It fails where a read is not called in
// any of the clusters, or cannot fail in one of the ways. tries chooses which reads, ways and lives are tried.
func TryUnread(t *testing.T, clusters []*Unread, reads []string, tries func() bool) {
	t.Helper()
	var lives []*unreadLife
	for _, cluster := range clusters {
		for _, edit := range slices.Sorted(maps.Keys(cluster.Edits)) {
			for _, restarts := range []bool{false, true} {
				lives = append(lives, &unreadLife{of: cluster, edits: []string{edit}, restarts: restarts})
			}
		}
	}
	t.Run("each read succeeds", func(t *testing.T) {
		for _, life := range lives {
			t.Run(life.String(), func(t *testing.T) {
				t.Parallel()
				life.live(t)
			})
		}
	})
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a choice of tests
	for _, permission := range reads {
		for _, way := range UnreadWays {
			some := livesWith(t, lives, permission, way)
			if len(some) == 0 || !tries() {
				continue
			}
			if !EveryFault {
				some = []*unreadLife{longer(some[random.IntN(len(some))], random)}
			}
			for _, life := range some {
				of := rand.New(rand.NewPCG(random.Uint64(), 3)) //nolint:gosec // as above
				t.Run(fmt.Sprintf("%s %s, %s", permission, way, life), func(t *testing.T) {
					t.Parallel()
					life.live(t)
					life.misread(t, permission, way, of)
				})
			}
		}
	}
}

// livesWith are the lives in which a read can fail in a way. If there is none, the test fails.
func livesWith(t *testing.T, lives []*unreadLife, permission, way string) (out []*unreadLife) {
	t.Helper()
	pageable := false
	for _, life := range lives {
		pageable = pageable || life.pageable[permission]
		if way == "second page fails" && life.paged[permission] > 0 ||
			way != "second page fails" && life.calls[permission] > 0 {
			out = append(out, life)
		}
	}
	if len(out) == 0 && (way != "second page fails" || pageable && OnePage[permission] == "") {
		t.Errorf("no cluster calls %s so that it can fail in this way: %s", permission, way)
	}
	return out
}

// OnePage are reads whose later pages no cluster of the tests asks for.
var OnePage = map[string]string{
	"ec2:DescribeInstances":          "instances are asked for by their ids: AWS has no pages then",
	"ec2:DescribeManagedPrefixLists": "prefix lists are asked for by their ids",
	"ec2:DescribeNetworkInterfaces":  "interfaces are asked for by their addresses, and there is one",
	"ec2:DescribeVpcs":               "the VPC is asked for by its id",
	"route53:ListHostedZones":        "the account has one zone",
}

// longer is, in half of all cases, a life with another edit before the one of a life.
func longer(life *unreadLife, random *rand.Rand) *unreadLife {
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(life.of.Edits)), func(edit string) bool {
		return edit == life.edits[0]
	})
	if len(others) == 0 || random.IntN(2) == 0 {
		return life
	}
	return &unreadLife{of: life.of, edits: []string{others[random.IntN(len(others))], life.edits[0]},
		restarts: life.restarts}
}
