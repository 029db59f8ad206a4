package certificate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/backoff"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// ACM counts imports, those under an old ARN included, and requests over a year. A Secret that is renewed as people
// renew certificates never notices what follows; one that is rewritten in a loop would use up what all of the account
// shares.
const (
	importYear = 365 * 24 * time.Hour
	// freeImports are admitted to one Secret of one stack within importWeek, and as many requests to one Ingress; further
	// ones wait for importPauses.
	freeImports = 10
	importWeek  = 7 * 24 * time.Hour
	// freeImportsOfNamespace are admitted to all Secrets of one namespace within importWeek, and as many requests to its
	// Ingresses: users can create new ones without end.
	freeImportsOfNamespace = facts.ImportsPerYear / 5
	// mostRequestedOfNamespace is how many requested certificates a namespace may have: a fifth of what ACM allows an
	// account by default.
	mostRequestedOfNamespace = 500
	// importSlack is how far apart two accounts of one import may be: our clock's, and ACM's in a listing.
	importSlack = time.Minute
)

// importPauses are those before each import after the free ones: at most some twenty imports a week.
var importPauses = backoff.Policy{First: time.Minute, Longest: 24 * time.Hour}

// importLog is what is known of imports into ACM. Certificates.mu guards it.
type importLog struct {
	// all are those of the last year, of certificates that no longer exist too, ascending.
	all []time.Time
	// own are those by this process, by stack and identity, and by namespace. Requests are under names of their own.
	own map[string][]time.Time
}

// ImportsLastYear returns how many imports of the last 365 days are known of, by any controller or person: the last one
// of each certificate as lists show it, and each that this process made or noticed. There may have been more.
func (c *Certificates) ImportsLastYear() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(after(c.imports.all, c.cfg.Now().Add(-importYear)))
}

// after returns the times after a time; all are in order.
func after(all []time.Time, since time.Time) []time.Time {
	first, _ := slices.BinarySearchFunc(all, since, func(t, since time.Time) int {
		if t.After(since) {
			return 1
		}
		return -1
	})
	return all[first:]
}

// noticed adds an import that a list shows, unless it is known.
func (c *Certificates) noticed(r *record, at time.Time) {
	if !at.IsZero() && !slices.ContainsFunc(r.imports, func(t time.Time) bool { return at.Before(t.Add(importSlack)) }) {
		c.count(r, at)
	}
}

// count adds an import. A look at it costs the same however many there were.
func (c *Certificates) count(r *record, at time.Time) {
	r.imports = append(r.imports, at)
	all := after(c.imports.all, c.cfg.Now().Add(-importYear))
	n := len(all) - len(after(all, at))
	c.imports.all = slices.Insert(all, n, at)
}

// add adds an import or a request by this process, under some names.
func (l *importLog) add(at time.Time, names ...string) {
	for _, of := range names {
		l.own[of] = append(slices.DeleteFunc(l.own[of], func(t time.Time) bool { return at.Sub(t) > importWeek }), at)
	}
}

// imported notes an import by this process.
func (c *Certificates) imported(owner, arn string, at time.Time) {
	c.imports.add(at, owner, namespaceOf(owner))
	if r := c.records[arn]; r != nil {
		c.count(r, at)
	}
}

// forget drops a certificate that no longer exists; what it took of the quota stays taken.
func (c *Certificates) forget(arn string) {
	if r := c.records[arn]; r != nil {
		c.unindex(r)
		delete(c.records, arn)
	}
}

// Delayed returns the reasons why certificates that a stack wants to be imported or requested must wait, by identity;
// nil = none must.
func (c *Certificates) Delayed(key stack.Key, desired *stack.Stack) map[string]plan.Guard {
	if desired == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var out map[string]plan.Guard
	for i := range desired.Certificates {
		w := &desired.Certificates[i]
		delay := c.requestDelay
		if w.Import != nil {
			delay = c.importDelay
		}
		if g := delay(key, w); g != nil {
			if out == nil {
				out = map[string]plan.Guard{}
			}
			out[w.ID] = *g
		}
	}
	return out
}

// importDelay is why an import must wait; nil = it must not. c.mu is held.
func (c *Certificates) importDelay(key stack.Key, w *stack.Certificate) *plan.Guard {
	now := c.cfg.Now()
	owner, what := ownerOf(key, w.ID), "the Secret with the certificate for "+w.Domain+" was"
	until, n := c.imports.pause(owner, freeImports, now)
	if of, m := c.imports.pause(namespaceOf(owner), freeImportsOfNamespace, now); of.After(until) {
		until, n, what = of, m, "Secrets of the namespace were"
	}
	if !now.Before(until) {
		return nil
	}
	return &plan.Guard{
		Code: diag.ImportsHeld,
		Text: fmt.Sprintf("%s imported into ACM %d times within a week, and the next import waits until %s, because AWS "+
			"limits imports per year; the last imported certificate keeps serving",
			what, n, until.UTC().Format(time.RFC3339)),
		Remedy: "find out who rewrites Secrets so often",
	}
}

// pause is until when the next import must wait, of which so many are free within a week, and how many there were.
func (l *importLog) pause(owner string, free int, now time.Time) (until time.Time, recent int) {
	times := l.own[owner]
	recent = len(after(times, now.Add(-importWeek)))
	if recent < free {
		return time.Time{}, recent
	}
	return times[len(times)-1].Add(importPauses.Pause(recent - free + 1)), recent
}

// ownerOf names a certificate of a stack through all its lives.
func ownerOf(key stack.Key, id string) string { return key.String() + " " + id }

// namespaceOf names the namespace of the Secret of a certificate; no certificate has that name.
func namespaceOf(owner string) string {
	_, secret, _ := strings.Cut(owner, " imported/")
	namespace, _, _ := strings.Cut(secret, "/")
	return namespace
}
