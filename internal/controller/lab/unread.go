package lab

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/controller/lab/failedread"
	"github.com/k8s-lbc/lbc/internal/lib/sample"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Unread is a cluster at rest, with edits of it, which take nothing away but what they replace, and deletions of one
// object each.
type Unread struct {
	Name      string
	Lab       func(t *testing.T) *Lab
	Keys      []stack.Key
	Edits     map[string]func(l *Lab)
	Deletions map[string]client.Object

	mu    sync.Mutex
	lives map[string]*unreadLife // by edit, of running processes
}

// Changes are the names of all edits and deletions.
func (u *Unread) Changes() []string {
	out := slices.Concat(slices.Collect(maps.Keys(u.Edits)), slices.Collect(maps.Keys(u.Deletions)))
	slices.Sort(out)
	return out
}

// change makes an edit or a deletion.
func (u *Unread) change(l *Lab, name string) {
	l.Helper()
	if o := u.Deletions[name]; o != nil {
		gone, _ := o.DeepCopyObject().(client.Object)
		l.Drop(gone, o.GetName())
		return
	}
	u.Edits[name](l)
}

// deletes reports whether one of the changes is a deletion.
func (u *Unread) deletes(changes []string) bool {
	return slices.ContainsFunc(changes, func(name string) bool { return u.Deletions[name] != nil })
}

// life is the life with an edit of a running process.
func (u *Unread) life(edit string) *unreadLife {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.lives == nil {
		u.lives = map[string]*unreadLife{}
	}
	if u.lives[edit] == nil {
		u.lives[edit] = &unreadLife{of: u, edits: []string{edit}, start: running}
	}
	return u.lives[edit]
}

// The processes that carry out edits.
const (
	running     = "running"     // 15 minutes later, so that it looks for drift
	restarted   = "restarted"   // a new one without checkpoints
	checkpoints = "checkpoints" // a new one with checkpoints
)

// unreadLife is edits of a cluster, and how they are carried out where each read succeeds.
type unreadLife struct {
	of    *Unread
	edits []string
	start string

	once          sync.Once
	before, after map[string]bool
	between       map[string]bool // all parts that there were at any time
	removals      removals        // what calls took away
	calls         map[string]int  // by permission
	paged         map[string]int  // those that asked for another page
	whole         map[string]int  // those during the edits that did not
}

// begin makes the cluster before the edits, with the process that carries them out.
func (u *unreadLife) begin(t *testing.T) *Lab {
	t.Helper()
	l := u.of.Lab(t)
	switch u.start {
	case running:
		l.Clock.Advance(15 * time.Minute)
	case restarted:
		l.Restart()
	case checkpoints:
		if !l.Checkpointed {
			l.Checkpointed = true
			l.Restart()
			l.PassWith(3*time.Minute, u.of.Keys...)
		}
		l.Crash()
		l.Restart()
	}
	return l
}

func (u *unreadLife) String() string {
	return fmt.Sprintf("%s, %s, %s", u.of.Name, strings.Join(u.edits, " then "), u.start)
}

// live carries out the edits where each read succeeds, once.
func (u *unreadLife) live(t *testing.T) {
	t.Helper()
	u.once.Do(func() {
		l := u.begin(t)
		mark := l.Mark()
		u.before = l.Parts()
		u.between = maps.Clone(u.before)
		u.calls, u.paged, u.whole = map[string]int{}, map[string]int{}, map[string]int{}
		l.smallPages(1)
		var mu sync.Mutex
		l.unread.Store(&unreadCalls{observe: func(permission string, in any) {
			mu.Lock()
			defer mu.Unlock()
			u.calls[permission]++
			if failedread.AnotherPage(in) {
				u.paged[permission]++
			}
		}})
		for _, edit := range u.edits {
			u.of.change(l, edit)
			l.PassWith(3*time.Minute, u.of.Keys...)
			maps.Copy(u.between, l.Parts())
		}
		l.Reread()
		for permission, n := range u.calls {
			u.whole[permission] = n - u.paged[permission]
		}
		l.PassWith(17*time.Minute, u.of.Keys...)
		u.after, u.removals = l.Parts(), l.removals(mark)
		if u.of.deletes(u.edits) { // bindings of what is deleted may end before its target groups are known
			u.removals[removal{action: "DeregisterTargets"}] = true
		}
		maps.Copy(u.between, u.after)
	})
}

// misread carries out the edits while a read fails in a way, from a moment that random chooses.
func (u *unreadLife) misread(t *testing.T, permission, way string, random *rand.Rand) {
	t.Helper()
	skip, from := 0, 0
	if n := u.whole[permission]; len(u.edits) == 1 && n > 1 && !failedread.Paged(way) && random.IntN(2) == 0 {
		skip = random.IntN(n) // else from the first, which the most depends on
	}
	if len(u.edits) > 1 {
		from = random.IntN(len(u.edits))
	}
	l := u.begin(t)
	mark, events := l.Mark(), len(l.Events)
	struck := func() int { return 0 }
	for n, edit := range u.edits {
		if n == from {
			struck = l.Misread(permission, way, skip)
		}
		u.of.change(l, edit)
		for range 3 {
			l.PassWith(time.Minute, u.of.Keys...)
			u.judge(l, mark)
		}
	}
	if struck() == 0 && len(u.edits) == 1 { // after another edit, the last one may need no such read
		t.Errorf("%s was not called more than %d times", briefly(permission), skip)
	}
	if !failedread.Believed(way) {
		texts := slices.Clone(causes)
		for _, permission := range apart(permission) {
			_, action, _ := strings.Cut(permission, ":")
			texts = append(texts, action)
		}
		u.judgeReport(l, events, texts...)
	}
	l.Reread()
	if failedread.Believed(way) { // until it is read again, as by the next process
		l.Restart()
	}
	if strings.Contains(permission, "shield:") && u.of.deletes(u.edits) {
		u.judgeEnd(l, protected) // no deletion waits for Shield
		return
	}
	u.judgeEnd(l)
}

// causes are what AWS answers, and what the controller says of no answer, by which events name a failed read.
var causes = []string{"rule " + unreadRule, "second page fails", "pagination token", "not answer",
	"Rate exceeded", "Request limit exceeded"}

// judgeReport fails where an edit is not in effect and no event since the first so many names what cannot be read, by
// one of some texts.
func (u *unreadLife) judgeReport(l *Lab, events int, unread ...string) {
	l.Helper()
	now := l.Parts()
	if maps.Equal(now, u.after) {
		return
	}
	for _, texts := range l.Warnings(events) {
		for _, text := range texts {
			if slices.ContainsFunc(unread, func(name string) bool {
				return strings.Contains(strings.ToLower(text), strings.ToLower(name))
			}) {
				return
			}
		}
	}
	l.Errorf("no event says that an edit waits for one of %q:\n%s\n%s", unread, strings.Join(l.Events[events:], "\n"),
		LinesApart(strings.Join(slices.Sorted(maps.Keys(now)), "\n"), strings.Join(slices.Sorted(maps.Keys(u.after)), "\n")))
}

// removal is what an action took away: one of the names, identifiers and numbers of its request. An empty one is any.
type removal struct{ action, what string }

func (r removal) String() string { return r.action + " " + r.what }

// removals are what calls took away.
type removals map[removal]bool

// has reports whether something was taken away.
func (r removals) has(x removal) bool { return r[x] || r[removal{action: x.action}] }

// removals are what the calls since a mark took away. A certificate that another one replaces was not taken away: if
// the lists of ACM and of load balancers are empty at a start, a Secret is imported again, and the former certificate is
// deleted once no listener has it.
func (l *Lab) removals(mark uint64) removals {
	l.Helper()
	out, replacing := removals{}, 0
	for _, c := range l.Sim.Gate.Calls(gate.Filter{After: mark}) {
		if c.Failed() {
			continue
		}
		if in, ok := c.Input.(*acm.ImportCertificateInput); ok && in.CertificateArn == nil {
			replacing++
		}
		if !removing.MatchString(c.Action) {
			continue
		}
		if _, ok := c.Input.(*acm.DeleteCertificateInput); ok && replacing > 0 {
			replacing--
			continue
		}
		text, err := json.Marshal(c.Input)
		l.Must(err)
		for _, what := range namedInJSON.FindAllString(generatedID.ReplaceAllStringFunc(string(text), unnamed), -1) {
			out[removal{c.Action, what}] = true
		}
	}
	return out
}

var (
	removing = regexp.MustCompile("^(Delete|Deregister|Detach|Disassociate|Remove|Revoke)")
	// namedInJSON are the values that are no objects and lists, with the names of their fields.
	namedInJSON = regexp.MustCompile(`("[A-Za-z0-9]+":)?("[^"]+"|[0-9]+)`)
	// generatedID is an identifier that the simulator chooses, by chance if the account did not have it at first.
	generatedID = regexp.MustCompile(`\b([0-9a-f]{16,17}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\b`)
)

// unnamed has identifiers equal that are not the same in two labs. Those of certificates of the account stay.
func unnamed(id string) string {
	if strings.Contains(id, "-0000-4000-8000-") {
		return id
	}
	return "*"
}

// judgeEnd fails where the account is not what it is without a failed read, but for some parts.
func (u *unreadLife) judgeEnd(l *Lab, but ...string) {
	l.Helper()
	l.PassWith(20*time.Minute, u.of.Keys...)
	now := l.Parts()
	for _, part := range but {
		delete(now, part)
	}
	if !maps.Equal(now, u.after) {
		l.Errorf("in the end: %s", LinesApart(strings.Join(slices.Sorted(maps.Keys(now)), "\n"),
			strings.Join(slices.Sorted(maps.Keys(u.after)), "\n")))
	}
}

// judge fails where something that serves before and after the edits does not serve now; where something serves, or
// was removed since a mark by an action, that never does or is where each read succeeds.
func (u *unreadLife) judge(l *Lab, mark uint64) {
	l.Helper()
	for removed := range l.removals(mark) {
		if !u.removals.has(removed) {
			l.Errorf("%s was called\n%s", removed, strings.Join(l.Events, "\n"))
		}
	}
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
	if setting, _, is := strings.Cut(part, " = "); is {
		return setting
	}
	return strings.TrimRight(part, "0123456789abcdefghijklmnopqrstuvwxyz-")
}

// Misreading is an edit of a cluster while reads of a kind of Kubernetes objects fail.
type Misreading struct {
	Cluster   *Unread
	Edit      string
	Restarts  bool   // a new process with checkpoints carries out the edit
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
	mark, events := l.Mark(), len(l.Events)
	struck := l.Misreads.Fail(m.Kind, m.Way)
	if m.Restarts {
		l.Restart()
	}
	m.Cluster.change(l, m.Edit)
	for range 3 {
		l.PassWith(time.Minute, m.Cluster.Keys...)
		life.judge(l, mark)
	}
	if struck() == 0 {
		t.Errorf("%s was not read", m.Kind)
	}
	if !KubeWays[m.Way].Answers() && !owners[m.Kind] {
		_, kind, _ := strings.Cut(m.Kind, ".")
		life.judgeReport(l, events, kind)
	}
	l.Misreads.End()
	life.judgeEnd(l)
}

// owners are the kinds whose objects declare stacks or bindings. While one cannot be read, no event can be written on
// it.
var owners = map[string]bool{"api/v1beta1.TargetGroupBinding": true, "apis/v1.Gateway": true, "core/v1.Service": true,
	"networking/v1.Ingress": true}

// UnreadSample chooses what a test tries: the lives, and of the reads that they make each in each way. The long form
// tries all of them.
type UnreadSample struct{ Lives, Tries *sample.Sample }

// TryUnread has each read of a list fail in each way while clusters are edited.
func TryUnread(t *testing.T, clusters []*Unread, reads []string, sample UnreadSample) {
	t.Helper()
	var lives []*unreadLife
	for _, cluster := range clusters {
		for _, edit := range cluster.Changes() {
			for _, start := range []string{running, restarted, checkpoints} {
				if sample.Lives.Next() {
					lives = append(lives, &unreadLife{of: cluster, edits: []string{edit}, start: start})
				}
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
	random := rand.New(rand.NewPCG(1, 2))
	for _, permission := range reads {
		for _, way := range failedread.Ways() {
			some := livesWith(lives, permission, way)
			if len(some) == 0 || !sample.Tries.Next() {
				continue
			}
			life := longer(some[random.IntN(len(some))], random)
			of := rand.New(rand.NewPCG(random.Uint64(), 3))
			t.Run(fmt.Sprintf("%s %s, %s", briefly(permission), way, life), func(t *testing.T) {
				t.Parallel()
				life.live(t)
				life.misread(t, permission, way, of)
			})
		}
	}
}

// livesWith are the lives in which a read can fail in a way.
func livesWith(lives []*unreadLife, permission, way string) (out []*unreadLife) {
	for _, life := range lives {
		if slices.ContainsFunc(apart(permission), func(permission string) bool {
			if failedread.Paged(way) {
				return life.paged[permission] > 0
			}
			return life.calls[permission] > 0
		}) {
			out = append(out, life)
		}
	}
	return out
}

// longer is, in half of the cases of the long form, a life with another edit before the one of a life.
func longer(life *unreadLife, random *rand.Rand) *unreadLife {
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(life.of.Edits)), func(edit string) bool {
		return edit == life.edits[0]
	})
	if len(others) == 0 || testing.Short() || random.IntN(2) == 0 {
		return life
	}
	return &unreadLife{of: life.of, edits: []string{others[random.IntN(len(others))], life.edits[0]},
		start: life.start}
}
