// Package settle finds which values of the settings that the members of a load balancer share are in effect, where
// members disagree. It is pure: what counts are the declarations and who has served, never an order of time.
package settle

import (
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// Declared is the value of a setting that members share, as one of them declares it.
type Declared struct {
	Setting string // such as "scheme", "attribute/idle_timeout.timeout_seconds" or "ssl-policy@443"
	What    string // the setting, in findings
	Member  int    // in the group's order
	Value   string // canonical: equal texts are equal values
	Shown   string // the value, in findings
	Source  intent.Source
}

// Role says how a member takes part in what the members share.
type Role struct {
	Serves bool // it has served from this load balancer
	Former bool // it takes part by its last valid version
}

// Settled is the declaration of a setting that counts.
type Settled struct {
	Declared
	// Disputed: members that serve disagree. What AWS has stays as it is, and the declaration counts for what AWS does not
	// have yet.
	Disputed bool
}

// Disagreement is a declaration that does not count, and the one with which it disagrees.
type Disagreement struct{ Of, With Declared }

// Settle finds which declarations count. A member that has not served and disagrees with members that serve, or with
// members before it, is refused: nothing of it counts until it agrees. Where members that serve disagree, none of their
// values is put into effect. The value of a last valid version counts only where no valid member declares one.
// Declarations are in the group's order.
func Settle(roles []Role, all []Declared) (effect map[string]Settled, refused, ignored []Disagreement) {
	by := map[int][]Declared{}
	for _, d := range all {
		by[d.Member] = append(by[d.Member], d)
	}
	admitted := map[string][]Declared{}
	for _, only := range []Role{{Serves: true}, {Serves: true, Former: true}, {}, {Former: true}} {
		for i, r := range roles {
			if r != only {
				continue
			}
			if r == (Role{}) {
				if found := disagreements(by[i], admitted); len(found) > 0 {
					refused = append(refused, found...)
					continue
				}
			}
			for _, d := range by[i] {
				admitted[d.Setting] = append(admitted[d.Setting], d)
			}
		}
	}
	effect = make(map[string]Settled, len(admitted))
	for _, name := range slices.Sorted(maps.Keys(admitted)) {
		of := admitted[name]
		slices.SortStableFunc(of, func(x, y Declared) int { return x.Member - y.Member })
		current := slices.DeleteFunc(slices.Clone(of), func(d Declared) bool { return roles[d.Member].Former })
		if len(current) == 0 {
			current = of
		}
		s := Settled{Declared: current[0]}
		other := slices.IndexFunc(current, func(d Declared) bool { return d.Value != s.Value })
		s.Disputed = other >= 0
		for _, d := range of {
			switch {
			case d.Value != s.Value:
				ignored = append(ignored, Disagreement{d, s.Declared})
			case s.Disputed:
				ignored = append(ignored, Disagreement{d, current[other]})
			}
		}
		effect[name] = s
	}
	return effect, refused, ignored
}

// disagreements are the declarations of a member that differ from ones that are admitted.
func disagreements(of []Declared, admitted map[string][]Declared) (out []Disagreement) {
	for _, d := range of {
		for _, with := range admitted[d.Setting] {
			if d.Value != with.Value {
				out = append(out, Disagreement{d, with})
				break
			}
		}
	}
	return out
}
