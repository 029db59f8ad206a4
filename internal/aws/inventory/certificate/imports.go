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

// ACM counts imports, those under an old ARN included, over a year. A Secret that is renewed as people renew
// certificates never notices what follows; one that is rewritten in a loop would use up what all of the account shares.
const (
	importYear = 365 * 24 * time.Hour
	// freeImports are admitted to one Secret of one stack within importWeek; further ones wait for importPauses.
	freeImports = 10
	importWeek  = 7 * 24 * time.Hour
	// freeImportsOfNamespace are admitted to all Secrets of one namespace within importWeek: users can create new Secrets
	// without end.
	freeImportsOfNamespace = facts.ImportsPerYear / 5
	// importSlack is how far apart two accounts of one import may be: our clock's, and ACM's in a listing.
	importSlack = time.Minute
)

// importPauses are those before each import after the free ones: at most some twenty imports a week.
var importPauses = backoff.Policy{First: time.Minute, Longest: 24 * time.Hour}

// importLog is what is known of imports into ACM. Certificates.mu guards it.
type importLog struct {
	// gone are those of certificates that do not exist any more.
	gone []time.Time
	// own are those by this process, by stack and identity, and by namespace.
	own map[string][]time.Time
}

// ImportsLastYear is how many imports of the last 365 days are known of, by any controller or person: the last one of
// each certificate as lists show it, and each that this process made or noticed. There may have been more.
func (c *Certificates) ImportsLastYear() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	since := c.cfg.Now().Add(-importYear)
	n := countAfter(c.imports.gone, since)
	for _, r := range c.records {
		n += countAfter(r.imports, since)
	}
	return n
}

func countAfter(times []time.Time, since time.Time) int {
	n := 0
	for _, t := range times {
		if t.After(since) {
			n++
		}
	}
	return n
}

// noticed adds an import that a list shows, unless it is known.
func (r *record) noticed(at time.Time) {
	if !at.IsZero() && !slices.ContainsFunc(r.imports, func(t time.Time) bool { return at.Before(t.Add(importSlack)) }) {
		r.imports = append(r.imports, at)
	}
}

// imported notes an import by this process.
func (c *Certificates) imported(owner, arn string, at time.Time) {
	l := &c.imports
	for _, of := range []string{owner, namespaceOf(owner)} {
		l.own[of] = append(slices.DeleteFunc(l.own[of], func(t time.Time) bool { return at.Sub(t) > importWeek }), at)
	}
	if r := c.records[arn]; r != nil {
		r.imports = append(r.imports, at)
	}
}

// forget drops a certificate that does not exist any more; what it took of the quota stays taken.
func (c *Certificates) forget(arn string, now time.Time) {
	if r := c.records[arn]; r != nil {
		l := &c.imports
		l.gone = slices.DeleteFunc(append(l.gone, r.imports...), func(t time.Time) bool { return now.Sub(t) > importYear })
		c.unindex(r)
		delete(c.records, arn)
	}
}

// Held are the reasons why Secrets that a stack wants to be imported must wait, by identity of the certificate; nil =
// none must.
func (c *Certificates) Held(key stack.Key, desired *stack.Stack) map[string]plan.Guard {
	if desired == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.cfg.Now()
	var out map[string]plan.Guard
	for _, w := range desired.Certificates {
		if w.Import == nil {
			continue
		}
		owner, what := ownerOf(key, w.ID), "the Secret with the certificate for "+w.Domain+" was"
		until, n := c.imports.pause(owner, freeImports, now)
		if of, m := c.imports.pause(namespaceOf(owner), freeImportsOfNamespace, now); of.After(until) {
			until, n, what = of, m, "Secrets of the namespace were"
		}
		if !now.Before(until) {
			continue
		}
		if out == nil {
			out = map[string]plan.Guard{}
		}
		out[w.ID] = plan.Guard{
			Code: diag.ImportsHeld,
			Text: fmt.Sprintf("%s imported into ACM %d times within a week, and the next import waits until %s, because AWS "+
				"limits imports per year; the last imported certificate keeps serving",
				what, n, until.UTC().Format(time.RFC3339)),
			Remedy: "find out who rewrites Secrets so often",
		}
	}
	return out
}

// pause is until when the next import must wait, of which so many are free within a week, and how many there were.
func (l *importLog) pause(owner string, free int, now time.Time) (until time.Time, recent int) {
	times := l.own[owner]
	recent = countAfter(times, now.Add(-importWeek))
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
