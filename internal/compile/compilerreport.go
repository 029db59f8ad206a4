package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// stops reports whether a note stops a group under --strict-groups. The existing controller, which does the same,
// admits reserved tags.
func stops(d diag.Diagnostic) bool {
	return d.Class != diag.Note && d.Code != diag.ReservedTag && d.Scope != diag.Rule
}

// waitFor are the findings of members without errors, whose group waits for others.
func (c *compiler) waitFor(found diag.List) diag.List {
	var wrong []string
	for _, m := range c.e.Members {
		if slices.ContainsFunc(found, func(d diag.Diagnostic) bool { return d.Object == m.Object && d.Class != diag.Note }) {
			wrong = append(wrong, m.Object.String())
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	names := strings.Join(wrong, ", ")
	var out diag.List
	for _, m := range c.e.Members {
		if !slices.Contains(wrong, m.Object.String()) {
			out = append(out, diag.New(m.Object, "", diag.GroupWaits,
				fmt.Sprintf("nothing of the group is built or changed until %s is corrected, because the controller runs with "+
					"--strict-groups", names),
				fmt.Sprintf("correct %s (lbc lint and events show the mistakes), or run the controller without this flag", names)))
		}
	}
	return out
}

func (c *compiler) finish(b *build) Result {
	b.keep.Namespaces = b.declaringNamespaces()
	r := Result{Stack: b.stack(), Keep: b.keep, Kept: c.restored.Kept, Origins: b.origins, Consents: b.consents,
		Unmade: b.unmade, Full: b.full, Memory: c.carry(), DriftPolicy: b.settings.driftPolicy,
		ReplacementPolicy: b.settings.replacement.Field}
	if c.keepsSettings { // what is in effect is not remembered, so that the next compilation does the same
		c.noteKept(b)
	}
	if c.keepsSettings && c.e.Unseen == nil {
		c.rememberRules(b, r.Memory)
		r.Diagnostics = c.diagnose(b, "")
		return r
	}
	for i, m := range c.e.Members {
		keep := b.members[i].Remember(m, b.notes[i])
		last, known := r.Memory.Good[m.Object]
		replaces := !known
		if known && b.members[i].State == quarantine.Current {
			keep, replaces = b.remembered(i, keep, *last)
		}
		if replaces {
			version := keep
			r.Memory.Good[m.Object] = &version
		}
	}
	for _, i := range b.shortened { // otherwise versions add up that no pass has room for
		o := b.members[i].Object
		last, _ := r.Memory.Good.Of(o)
		last.Routes = b.members[i].Routes
		r.Memory.Good[o] = &last
	}
	if !c.keepsSettings {
		r.Memory.Members, r.Memory.Effect = b.group.Seniority(c.e.Leaving...), b.group.NewEffect
		r.Memory.Later = b.group.CountLater(r.Memory.Members)
	}
	if !b.keepsLost { // AWS has nothing of what is not known
		r.Memory.Listeners = withoutLost(r.Memory.Listeners)
	}
	r.Memory.TargetGroups, r.Memory.RuleOwners = b.formerOwners(), b.ruleOwners
	if b.lb.ARN != "" && !slices.Contains(r.Memory.Beside, b.lb.ARN) {
		r.Memory.Beside = append(slices.Clip(r.Memory.Beside), b.lb.ARN)
	}
	r.Stack.Beside = r.Memory.Beside
	r.Memory.Certificates = b.brought(c.before.Certificates)
	r.Keep.Brought = r.Memory.Certificates
	r.Diagnostics = c.diagnose(b, "")
	return r
}

// rememberRules remembers the rules that members have now, while settings stay as AWS holds them: a later mistake must
// not end them.
func (c *compiler) rememberRules(b *build, memory *Memory) {
	for i := range c.e.Members {
		now := &c.e.Members[i]
		last, known := memory.Good.Of(now.Object)
		if known && b.members[i].State == quarantine.Current && quarantine.Remembered(last) == quarantine.LastGood {
			last.Routes = now.Routes
			memory.Good[now.Object] = &last
		}
	}
}

// noteKept notes on the members that are built which members changes of shared settings wait for.
func (c *compiler) noteKept(b *build) {
	if u := c.e.Unseen; u != nil {
		for i := range b.members {
			b.note(i, UnseenMembers(b.members[i].Object, u))
		}
		return
	}
	var unreadable []string
	for i := range b.members {
		if b.members[i].Unreadable() {
			unreadable = append(unreadable, b.members[i].Object.String())
		}
	}
	names := strings.Join(unreadable, ", ")
	for i := range b.members {
		if m := &b.members[i]; !m.State.LeftOut() {
			b.note(i, diag.New(m.Object, "", diag.SettingsWait,
				fmt.Sprintf("the load balancer's settings, ports and certificates do not change while the current version "+
					"of %s is invalid or has annotation dry-run, because its last valid version is unknown; rules and targets "+
					"are still updated", names),
				fmt.Sprintf("correct %s (lbc lint and events show the mistakes), or remove annotation dry-run there", names)))
		}
	}
}

// diagnose lists the diagnostics by member. The text of an error includes its consequence.
func (c *compiler) diagnose(b *build, consequence string) diag.List {
	var out diag.List
	for i, m := range c.e.Members {
		state := b.members[i].State
		after := consequence
		if after == "" {
			after = c.untilFixed(&b.members[i])
			switch {
			case state == quarantine.LastGood && b.members[i].Moved != nil:
				after = fmt.Sprintf("; the last valid version of %s moves to this load balancer and serves there", m.Object)
			case !b.members[i].Unreadable():
			case m.Former:
				after = "; its rules and the settings of the load balancer stay as they are in AWS until this is fixed"
			default:
				after += "; the settings of the load balancer stay as they are, too"
			}
		}
		var list diag.List
		for _, d := range m.Diagnostics {
			switch {
			case quarantine.Disqualifies(m, d), consequence == unserving && missingPart(d):
				d.Text = followed(d.Text, after)
			case consequence == "" && d.Class != diag.Note && d.Scope == diag.Frontend:
				d.Text += b.frontendConsequence()
			}
			list = appendOnce(list, d)
		}
		for _, d := range slices.Concat(b.members[i].Reasons, b.failures[i]) {
			if !slices.Contains(m.Diagnostics, d) {
				d.Text = followed(d.Text, after)
				list = appendOnce(list, d)
			}
		}
		for _, d := range b.notes[i] {
			if consequence == unserving && missingPart(d) {
				d.Text = followed(d.Text, consequence)
			}
			list = appendOnce(list, d)
		}
		out = append(out, list...)
	}
	return out
}

// untilFixed says what happens to an excluded member.
func (c *compiler) untilFixed(m *quarantine.Member) string {
	var text string
	switch s := m.State; {
	case s == quarantine.LastGood:
		text = "; the last valid version of %s keeps serving"
	case s == quarantine.Frozen && c.e.Type == stack.Network:
		text = "; the existing listeners of %s do not change, and its other ports refuse connections until this is fixed"
	case s == quarantine.Frozen:
		text = "; the existing rules of %s do not change, and its other hosts and paths get 503 until this is fixed"
	case s.LeftOut() && c.e.Type == stack.Network:
		text = "; the ports of %s refuse connections until this is fixed"
	case s.LeftOut() && m.Wider:
		text = "; requests for the hosts and paths of %s, and perhaps others, get 503 until this is fixed"
	case s.LeftOut():
		text = "; requests for the hosts and paths of %s get 503 until this is fixed"
	}
	return strings.ReplaceAll(text, "%s", m.Object.String())
}
