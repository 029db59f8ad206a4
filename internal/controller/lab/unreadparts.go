package lab

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// What tests of several subjects name in the simulated account.
const (
	// example.com, *.example.com
	ExampleCertificate = "arn:aws:acm:us-west-2:123456789012:certificate/0a1de001-0000-4000-8000-000000000001"
	WildcardHost       = "api.example.org"
)

// Parts are the things in the account that serve requests, each as one text that is the same in every lab.
func (l *Lab) Parts() map[string]bool {
	out := map[string]bool{}
	r := l.Sim.Resources()
	names := map[string]string{}
	for _, g := range r.SecurityGroups {
		names[g.ID] = g.Name
	}
	for _, lb := range r.LoadBalancers {
		out["load balancer "+lb.Name] = true
		for _, z := range lb.Zones {
			out[lb.Name+" has subnet "+z.Subnet] = true
		}
		for _, g := range lb.SecurityGroups {
			out[lb.Name+" has group "+names[g]] = true
		}
		for _, li := range lb.Listeners {
			at := fmt.Sprintf("%s:%d ", lb.Name, li.Port)
			out[at+li.Protocol] = true
			for _, c := range li.Certificates {
				out[at+"certificate "+c] = true
			}
			for _, rule := range li.Rules {
				out[at+rule.Text] = true
			}
		}
	}
	for _, tg := range r.TargetGroups {
		for id := range RegisteredIn(tg) {
			out["target group "+tg.Name+" has "+id] = true
		}
	}
	l.guards(r, out)
	for _, g := range r.SecurityGroups {
		for _, p := range g.Ingress {
			out[fmt.Sprintf("group %s admits %s %d-%d %s", g.Name, p.Protocol, p.From, p.To, names[p.Peer]+
				p.Peer[:strings.IndexAny(p.Peer+"-", "-")])] = true
		}
	}
	return out
}

// Unread is a setting of load balancers whose reads fail.
type Unread struct {
	Lab   func(t *testing.T) (l *Lab, hangs *atomic.Pointer[string]) // hangs is the operation that does not answer in time
	Keys  []stack.Key
	Edits map[string]func(l *Lab)
	Of    map[string][]string // the only edits that are tried, by permission
}

// unreadFaults are the ways in which a read fails; nil = it hangs.
var unreadFaults = map[string]func(permission string) gate.Fault{
	"denied":    Denying,
	"expired":   func(string) gate.Fault { return gate.Fault{Code: "ExpiredTokenException", Status: 403} },
	"failing":   func(string) gate.Fault { return gate.Fault{Code: "InternalFailure", Status: 500} },
	"throttled": func(string) gate.Fault { return gate.Fault{Kind: "throttled"} },
	"empty":     func(string) gate.Fault { return gate.Fault{Empty: true} },
	"hanging":   nil,
}

// Test has each read fail in each way during edits, and fails where something is taken away by that, or stays different
// after it.
func (u Unread) Test(t *testing.T) {
	t.Helper()
	var reads []string
	for _, o := range awsclient.Operations {
		if _, action, _ := strings.Cut(o.Permission, ":"); awsclient.IsRead(action) &&
			o.Service != awsclient.ServiceGlobalAccelerator {
			reads = append(reads, o.Permission)
		}
	}
	slices.Sort(reads)
	reads = slices.Compact(reads)
	references := map[string]*unreadReference{}
	edits := slices.Sorted(maps.Keys(u.Edits))
	for _, edit := range edits {
		references[edit] = &unreadReference{}
	}
	random := rand.New(rand.NewPCG(1, 2))
	for n, permission := range reads {
		for k, kind := range slices.Sorted(maps.Keys(unreadFaults)) {
			some := edits
			if !EveryFault {
				if kind != "denied" && kind != "empty" && (n+k)%4 != 0 {
					continue
				}
				some = []string{edits[random.IntN(len(edits))]}
				if of := u.Of[permission]; of != nil {
					some = of
				}
			}
			for _, edit := range some {
				restarts := random.IntN(2) == 0
				t.Run(fmt.Sprintf("%s %s %s %t", permission, kind, edit, restarts), func(t *testing.T) {
					t.Parallel()
					references[edit].make(t, u, edit)
					u.fails(t, permission, kind, func(l *Lab) {
						if restarts {
							l.Restart()
						} else {
							l.Clock.Advance(15 * time.Minute)
						}
						u.Edits[edit](l)
					}, references[edit])
				})
			}
		}
	}
}

// fails has a read fail during an edit, and compares with what the edit changes without a fault.
func (u Unread) fails(t *testing.T, permission, kind string, edit func(*Lab), without *unreadReference) {
	t.Helper()
	l, hangs := u.Lab(t)
	if unreadFaults[kind] == nil {
		hangs.Store(&permission)
	} else {
		fault := unreadFaults[kind](permission)
		fault.Service, fault.Action, _ = strings.Cut(permission, ":")
		_, err := l.Sim.Gate.AddFault(fault)
		l.Must(err)
	}
	edit(l)
	for range 3 {
		l.PassWith(time.Minute, u.Keys...)
		now := l.Parts()
		for part := range without.before {
			if without.after[part] && !now[part] {
				t.Errorf("gone: %s\n%s", part, strings.Join(l.Events, "\n"))
			}
		}
	}
	l.Sim.Gate.ClearFaults()
	hangs.Store(nil)
	if kind == "empty" { // what AWS answered with success is believed until it is read again, as by the next process
		l.Restart()
	}
	l.PassWith(20*time.Minute, u.Keys...)
	if now := l.Parts(); !maps.Equal(now, without.after) {
		t.Errorf("in the end: %s", LinesApart(strings.Join(slices.Sorted(maps.Keys(now)), "\n"),
			strings.Join(slices.Sorted(maps.Keys(without.after)), "\n")))
	}
}

// unreadReference is the parts before and after an edit without a fault, made once.
type unreadReference struct {
	once          sync.Once
	before, after map[string]bool
}

func (r *unreadReference) make(t *testing.T, u Unread, edit string) {
	t.Helper()
	r.once.Do(func() {
		l, _ := u.Lab(t)
		r.before = l.Parts()
		l.Clock.Advance(15 * time.Minute)
		u.Edits[edit](l)
		l.PassWith(20*time.Minute, u.Keys...)
		r.after = l.Parts()
	})
}
