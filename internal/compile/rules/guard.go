package rules

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/overlap"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// mostGuarded bounds the comparisons of the guards of a member with its prefixes. A load balancer has far fewer rules.
const mostGuarded = 100_000

// advance moves guards in front of the prefixes of later rules of the same object, which would answer their requests: a
// regular expression comes after all prefixes, and the Gateway API leaves that order open. A guard does not pass rules
// that may answer some of its requests otherwise, such as those of another route: the author of a guard could take over
// their traffic. Rules of the compatible construction keep their order. A guard that stays behind a prefix gets a note.
func (l *Listener) advance(all []MemberRoute) {
	left := map[int]int{} // comparisons, by member
	for at := range all {
		if !all[at].Route.Guard {
			continue
		}
		guard := all[at]
		place, open := at, -1
		requests := overlap.Patterns(guard.Route.Conditions)
		passed := false // a rule that the guard must not pass without a prefix that covers the guard
		for k := at - 1; k >= 0; k-- {
			before := all[k]
			if left[guard.Member]++; left[guard.Member] > mostGuarded {
				break
			}
			if overlap.Disjoint(before.Route.Conditions, requests) {
				continue
			}
			if !widens(before, guard) {
				passed = true
				continue
			}
			if guard.Route.Verbatim || passed && !overlap.Covers(before.Route.Conditions, guard.Route.Conditions) {
				open = k
				continue
			}
			place, open = k, -1
		}
		if open >= 0 {
			l.noteOpen(guard, all[open])
		}
		copy(all[place+1:at+1], all[place:at])
		all[place] = guard
	}
}

// widens reports whether a rule is a prefix of a later rule of the guard's object, at the same hosts.
func widens(prefix, guard MemberRoute) bool {
	p, g := prefix.Route, guard.Route
	hosts := func(c stack.Condition) bool { return c.Field == stack.HostHeader }
	of := func(all []stack.Condition) []stack.Condition {
		return slices.DeleteFunc(slices.Clone(all), func(c stack.Condition) bool { return !hosts(c) })
	}
	return prefix.Member == guard.Member && p.Source != g.Source && p.Alternative >= g.Alternative && !p.Guard &&
		slices.ContainsFunc(p.Conditions, func(c stack.Condition) bool {
			return c.Field == stack.PathPattern && slices.ContainsFunc(c.Values, func(v string) bool {
				return strings.HasSuffix(v, "/*")
			})
		}) && reflect.DeepEqual(of(p.Conditions), of(g.Conditions))
}

// noteOpen notes on a guard that a prefix of its object answers its requests first.
func (l *Listener) noteOpen(guard, prefix MemberRoute) {
	if login := prefix.Route.Authentication; len(login) > 0 && reflect.DeepEqual(login, guard.Route.Authentication) {
		return
	}
	why := "rules between the two may answer these requests otherwise"
	remedy := "write that path as a regular expression in a later rule"
	if guard.Route.Verbatim {
		why = "prefixes come before regular expressions in rule construction compatible"
		remedy += ", or annotate the Gateway with gateway.k8s.aws/rule-construction: plain-hosts"
	}
	object := l.objectOf(guard.Member)
	l.Note(guard.Member, diag.New(object, guard.Route.Source.Place(), diag.GuardNotApplied, fmt.Sprintf(
		"%s answers requests that this rule should restrict: %s", prefix.Route.Source.Path(), why), remedy))
}

func (l *Listener) objectOf(member int) diag.Object {
	at := slices.IndexFunc(l.Members, func(m Member) bool { return m.Index == member })
	return l.Members[at].Object
}
