package lab

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/k8s-lbc/lbc/internal/controller/lab/failedread"
)

// Together is several reads that fail together, as a name of one read.
func Together(permissions ...string) string { return strings.Join(permissions, " ") }

// apart are the reads of a name that Together may have made.
func apart(permission string) []string { return strings.Fields(permission) }

// briefly is a name that Together has made, for the name of a test: services in the place of many reads.
func briefly(permission string) string {
	all := apart(permission)
	if len(all) <= 2 {
		return strings.Join(all, " and ")
	}
	var services []string
	for _, permission := range all {
		service, _, _ := strings.Cut(permission, ":")
		services = append(services, service)
	}
	slices.Sort(services)
	return "all of " + strings.Join(slices.Compact(services), " and ")
}

// unreadRule begins the identifiers of faults that have reads fail.
const unreadRule = "unread"

// Misread has a read, or several together, fail in a way from now on, after so many calls that succeed. struck is how
// many have failed.
func (l *Lab) Misread(permission, way string, skip int) (struck func() int) {
	l.Helper()
	if _, is := failedread.Fault(permission, way); is {
		for n, permission := range apart(permission) {
			fault, _ := failedread.Fault(permission, way)
			fault.ID, fault.Skip = fmt.Sprint(unreadRule, n), skip
			_, err := l.Sim.Gate.AddFault(fault)
			l.Must(err)
		}
		return func() (n int) {
			for _, s := range l.Sim.Gate.Faults() {
				if strings.HasPrefix(s.Rule.ID, unreadRule) {
					n += s.Struck
				}
			}
			return n
		}
	}
	calls := &unreadCalls{permissions: apart(permission), way: way}
	calls.skip.Store(int32(skip))
	if failedread.Paged(way) {
		l.smallPages(1)
	}
	l.unread.Store(calls)
	return func() int { return int(calls.struck.Load()) }
}

// Reread ends what Misread began.
func (l *Lab) Reread() {
	for _, s := range l.Sim.Gate.Faults() {
		if strings.HasPrefix(s.Rule.ID, unreadRule) {
			l.Sim.Gate.RemoveFault(s.Rule.ID)
		}
	}
	l.unread.Store(nil)
	l.smallPages(0)
}

// smallPages limits the pages of lists; 0 = as AWS has them.
func (l *Lab) smallPages(size int) {
	l.Sim.Account.Lock()
	defer l.Sim.Account.Unlock()
	l.Sim.Account.Trouble.PageSize = size
}

// unreadCalls are calls that do not answer in time, or that fail where they ask for a page after the first.
type unreadCalls struct {
	permissions  []string
	way          string
	skip, struck atomic.Int32
	observe      func(permission string, in any) // nil = nothing is observed
}

func (c *unreadCalls) fail(service, action string, in any) error {
	if service == "tagging" {
		service = "tag" // as IAM names it
	}
	permission := service + ":" + action
	if c != nil && c.observe != nil {
		c.observe(permission, in)
	}
	if c == nil || !slices.Contains(c.permissions, permission) ||
		failedread.Paged(c.way) && !failedread.AnotherPage(in) || c.skip.Add(-1) >= 0 {
		return nil
	}
	c.struck.Add(1)
	return failedread.Error(c.way, permission)
}
