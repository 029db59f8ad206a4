package transition

import (
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/plan/canonical"
)

// ActionChanges says how actions change, what is their text before it.
func (t *Targets) ActionChanges(what string, want, have []stack.Action) (why []string) {
	if !canonical.SameActions(want, have, t.Resolve) {
		why = append(why, what+t.Labels.Actions(have)+" → "+t.Labels.Actions(want))
	}
	if canonical.StaleSecret(want, have) {
		why = append(why, "the client secret changed")
	}
	return why
}

// changes says how the observed rule of a pair becomes the wanted one.
func (t *Targets) changes(p *Pair) (why []string) {
	if p.renames() {
		why = append(why, "matches "+stack.ConditionsText(p.Have.Conditions)+" → "+stack.ConditionsText(p.Want.Conditions))
	}
	why = append(why, t.ActionChanges("", p.Want.Actions, p.Have.Actions)...)
	if canonical.Transforms(p.Have.Transforms) != canonical.Transforms(p.Want.Transforms) {
		why = append(why, "transforms changed")
	}
	return why
}

// placeText says where a new rule is created, and where it moves.
func (p *Pair) placeText() string {
	if p.initial == p.final {
		return fmt.Sprint(p.initial)
	}
	return fmt.Sprintf("%d, then %d", p.initial, p.final)
}

// movesText says which observed rules get other priorities.
func (d *decision) movesText(l stack.Labels) (why []string) {
	for i := 0; i < len(d.pairs); {
		p := &d.pairs[i]
		if i++; p.Have == nil || p.final == p.Have.Priority {
			continue
		}
		text := fmt.Sprintf("%s: priority %d → %d", l.Rule(*p.Want), p.Have.Priority, p.final)
		like := 0
		for ; i+like < len(d.pairs) && alike(p, &d.pairs[i+like]); like++ {
		}
		if like >= mostListed {
			text, i = fmt.Sprintf("%s, and %d rules behind it likewise", text, like), i+like
		}
		why = append(why, text)
	}
	stays := 0
	for _, s := range d.shifted {
		if !slices.Contains(d.surplus, s.Rule) {
			stays++
		}
	}
	if stays > 0 {
		why = append(why, fmt.Sprintf("%d that stay", stays))
	}
	if n := len(d.shifted) - stays; n > 0 {
		why = append(why, fmt.Sprintf("%d to be deleted", n))
	}
	behind := 0
	for _, r := range d.surplus {
		if slices.ContainsFunc(d.moves, func(m awsop.RulePriority) bool { return m.Rule == ruleAt(r) }) {
			behind++
		}
	}
	if behind > 0 {
		why = append(why, fmt.Sprintf("%d to be deleted behind all others", behind))
	}
	return why
}

// mostListed is how many rules that move as the one in front of them does are listed.
const mostListed = 4

// alike reports whether two observed rules move as far.
func alike(a, b *Pair) bool {
	return b.Have != nil && b.final-b.Have.Priority == a.final-a.Have.Priority
}
