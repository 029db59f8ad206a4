package inventory

import (
	"fmt"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/backoff"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// ACM counts imports, those under an old ARN included, over a year. A Secret that is renewed as people renew certificates never
// notices what follows; one that somebody rewrites in a loop would use up what all of the account shares.
const (
	importYear = 365 * 24 * time.Hour
	// freeImports are admitted to one Secret of one stack within importWeek; further ones wait for importPauses.
	freeImports = 10
	importWeek  = 7 * 24 * time.Hour
	// importSlack is how far apart two accounts of one import may be: our clock's, and ACM's in a listing.
	importSlack = time.Minute
)

// importPauses are those before each import after the free ones: at most some twenty imports a week.
var importPauses = backoff.Policy{First: time.Minute, Longest: 24 * time.Hour}

// importLog is what is known of imports into ACM. It is guarded by Inventory.mu.
type importLog struct {
	// gone are those of certificates that do not exist any more.
	gone []time.Time
	// own are those by this process, by stack and identity.
	own map[string][]time.Time
}

// ImportsLastYear is how many imports of the last 365 days are known of, whoever made them: the last one of each certificate as
// listings tell, and each that this process made or noticed. There may have been more.
func (i *Inventory) ImportsLastYear() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	since := i.cfg.Now().Add(-importYear)
	n := countAfter(i.certs.imports.gone, since)
	for _, r := range i.certs.records {
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

// noticed adds an import that a listing tells of, unless it is known.
func (r *certificateRecord) noticed(at time.Time) {
	if !at.IsZero() && !slices.ContainsFunc(r.imports, func(t time.Time) bool { return at.Before(t.Add(importSlack)) }) {
		r.imports = append(r.imports, at)
	}
}

// imported notes an import by this process.
func (s *certificateShelf) imported(owner, arn string, at time.Time) {
	l := &s.imports
	l.own[owner] = append(slices.DeleteFunc(l.own[owner], func(t time.Time) bool { return at.Sub(t) > importWeek }), at)
	if r := s.records[arn]; r != nil {
		r.imports = append(r.imports, at)
	}
}

// forget drops a certificate that does not exist any more; what it took of the quota stays taken.
func (s *certificateShelf) forget(arn string, now time.Time) {
	if r := s.records[arn]; r != nil {
		l := &s.imports
		l.gone = slices.DeleteFunc(append(l.gone, r.imports...), func(t time.Time) bool { return now.Sub(t) > importYear })
		delete(s.records, arn)
	}
}

// held are the reasons why Secrets that a stack wants to be imported must wait, by identity of the certificate.
func (s *certificateShelf) held(key stack.Key, desired *stack.Stack, now time.Time) map[string]plan.Guard {
	if desired == nil {
		return nil
	}
	var out map[string]plan.Guard
	for _, w := range desired.Certificates {
		if w.Import == nil {
			continue
		}
		until, n := s.imports.pause(certificateOwner(key, w.ID), now)
		if !now.Before(until) {
			continue
		}
		if out == nil {
			out = map[string]plan.Guard{}
		}
		out[w.ID] = plan.Guard{
			Code: diag.ImportsHeld,
			Text: fmt.Sprintf("the Secret with the certificate for %s was imported into ACM %d times within a week, and the next import waits until %s, because AWS limits imports per year; what was imported last serves on",
				w.Domain, n, until.UTC().Format(time.RFC3339)),
			Remedy: "find out who rewrites the Secret so often",
		}
	}
	return out
}

// pause tells until when the next import must wait, and how many there were in the last week.
func (l *importLog) pause(owner string, now time.Time) (until time.Time, recent int) {
	times := l.own[owner]
	recent = countAfter(times, now.Add(-importWeek))
	if recent < freeImports {
		return time.Time{}, recent
	}
	return times[len(times)-1].Add(importPauses.Pause(recent - freeImports + 1)), recent
}

// certificateOwner names a certificate of a stack through all its lives.
func certificateOwner(key stack.Key, id string) string { return key.String() + " " + id }
