package lab

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// UnreadWays are the ways in which a read of AWS fails.
var UnreadWays = []string{"denied", "empty", "empty once", "expired", "failing", "failing once", "hanging",
	"page token expires", "partial", "second page fails", "stale", "throttled"}

// unreadFaults are the ways that the gate of the simulator has.
var unreadFaults = map[string]func(permission string) gate.Fault{
	"denied":     Denying,
	"empty":      func(string) gate.Fault { return gate.Fault{Empty: true} },
	"empty once": func(string) gate.Fault { return gate.Fault{Empty: true, Times: 1} },
	"expired":    expired,
	"failing":    func(string) gate.Fault { return gate.Fault{Code: "InternalFailure", Status: 500} },
	// the next call of the same pass succeeds
	"failing once": func(string) gate.Fault { return gate.Fault{Code: "InternalFailure", Status: 500, Times: 1} },
	"partial":      func(string) gate.Fault { return gate.Fault{Partial: true} },
	"stale":        func(string) gate.Fault { return gate.Fault{Stale: time.Hour} },
	"throttled":    func(string) gate.Fault { return gate.Fault{Kind: "throttled"} },
}

// expired is the answer to an expired token. Services whose answers are JSON name it as an exception.
func expired(permission string) gate.Fault {
	f := gate.Fault{Code: "ExpiredTokenException", Status: 403}
	if service, _, _ := strings.Cut(permission, ":"); service == "elasticloadbalancing" || service == "sts" {
		f.Code = "ExpiredToken"
	}
	return f
}

// UnreadFault is the fault by which a read fails in a way. is reports that the gate of the simulator has the way.
func UnreadFault(permission, way string) (f gate.Fault, is bool) {
	fault := unreadFaults[way]
	if fault == nil {
		return f, false
	}
	f = fault(permission)
	f.Service, f.Action, _ = strings.Cut(permission, ":")
	if f.Service == "tag" {
		f.Service = "tagging"
	}
	return f, true
}

// Believed reports whether AWS's wrong answer is a success, which the controller believes until it reads again.
func Believed(way string) bool {
	return slices.Contains([]string{"empty", "empty once", "partial", "stale"}, way)
}

// paged reports whether only reads of a page after the first fail.
func paged(way string) bool { return way == "second page fails" || way == "page token expires" }

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
	if _, is := UnreadFault(permission, way); is {
		for n, permission := range apart(permission) {
			fault, _ := UnreadFault(permission, way)
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
	calls := &unreadCalls{permissions: apart(permission), paged: paged(way), expires: way == "page token expires"}
	calls.skip.Store(int32(skip)) //nolint:gosec // some calls
	if calls.paged {
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
	paged        bool
	expires      bool // the token of the page, which a new list cures: AWS refuses the call as invalid
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
	if c == nil || !slices.Contains(c.permissions, permission) || c.paged && !asksForAnotherPage(in) || c.skip.Add(-1) >= 0 {
		return nil
	}
	c.struck.Add(1)
	if c.expires {
		return apierr.WithStatus(400, "ValidationError", "The pagination token is not valid or has expired")
	}
	if c.paged {
		return apierr.WithStatus(500, "InternalFailure", "the second page fails")
	}
	return context.DeadlineExceeded
}

// pageFields are the fields of requests that name a page after the first.
var pageFields = []string{"Marker", "NextMarker", "NextToken", "PaginationToken", "StartingToken"}

// asksForAnotherPage reports whether a request of AWS's SDK names a page after the first.
func asksForAnotherPage(in any) bool {
	v := reflect.Indirect(reflect.ValueOf(in))
	return v.Kind() == reflect.Struct && slices.ContainsFunc(pageFields, func(name string) bool {
		f := reflect.Indirect(v.FieldByName(name))
		return f.Kind() == reflect.String && f.String() != ""
	})
}
