package quarantine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// A misspelt key leaves its setting at the default, which may open, replace or delete a load balancer, or fail the
// health checks of its targets. If the setting was in effect before, or restricts who is served by an object that does
// not serve yet, the key counts as an invalid value: the last valid version of the member serves. If the last valid
// version has the same misspelling, the value that was in effect stays, and other edits of the object take effect.
// Without a remembered version, as after a restart without checkpoint, the value in AWS is the one that was in effect.
// The same applies to what is misspelt in a value, such as a member of JSON.

// Defaults are the values of settings that are not declared.
type Defaults struct {
	ManageBackend bool
	Scheme        string
}

// opens reports whether a load balancer without a misspelt restriction is open to more clients than with it.
func (d Defaults) opens(m *intent.Member, w intent.Misspelling) bool {
	switch w.Setting {
	case "scheme":
		return m.Settings.Scheme.Or(d.Scheme) == stack.InternetFacing
	case "frontend/scheme", "elbv2.k8s.aws/frontend-nlb-scheme":
		f := &m.Settings.Frontend
		return f.Enabled.Or(false) && f.Scheme.Or(d.Scheme) == stack.InternetFacing
	}
	return true
}

// CheckMisspelt applies that to the members. It reports whether the load balancer that exists has to be looked up
// first.
func CheckMisspelt(lb *intent.LoadBalancer, f facts.Facts, before Past, by Defaults) (unknown bool) {
	cloned := false
	for i := range lb.Members {
		if len(lb.Members[i].Misspelt) == 0 || lb.Members[i].Former {
			continue
		}
		if !cloned {
			lb.Members, cloned = slices.Clone(lb.Members), true // which are the caller's
		}
		m := &lb.Members[i]
		m.Diagnostics = slices.Clone(m.Diagnostics)
		last, remembers := before.Good[m.Object]
		remembers = remembers && Remembered(*last) == LastGood
		if !remembers && !f.ExistingKnown {
			if f.Failed(facts.Need{Kind: facts.NeedStack, Key: lb.Key.String()}) == nil {
				return true
			}
			continue // the look-up has failed, which the build reports
		}
		for _, wrong := range m.Misspelt {
			text := misspelt(wrong)
			var invalid bool
			switch {
			case remembers:
				text, invalid = inEdit(wrong, m, last, text)
			default:
				invalid = wrong.Guards && by.opens(m, wrong) && !before.Serves(m.Object, f.Existing != nil) ||
					wrong.Setting == "security-groups" && mixedGroups(m, f.Existing, by.ManageBackend)
			}
			if invalid {
				tell(m, wrong, found(m, wrong, text))
				continue
			}
			kept := false
			switch adopt := adoptions[wrong.Setting]; {
			case adopt == nil:
			case remembers:
				version := *last
				kept = adopt(m, &version)
			case f.Existing != nil && f.Existing.Type == lb.Type:
				kept = adopt(m, existingMember(m, f.Existing, wrong.Source))
			}
			object, stays := m.Object, "the load balancer keeps the value that it has for this setting"
			if CheckField(wrong.Setting) != nil {
				kept = f.Existing != nil && f.Existing.Type == lb.Type
				stays = "existing target groups keep the value that they have"
				object = wrong.Source.Object()
			}
			if kept {
				tell(m, wrong, asMisspelt(wrong, diag.New(object, wrong.Source.Path(), diag.IgnoredSetting,
					misspelt(wrong)+"; "+stays, "correct it, or remove it to have the default")))
			}
		}
	}
	return false
}

// tell adds a finding about a misspelling to those of a member. It replaces the note that the key is unknown, and an
// error replaces all notes about the part: its last valid version may have the effect that they deny. The remedy of a
// note about the same part of a value stays.
func tell(m *intent.Member, w intent.Misspelling, d diag.Diagnostic) {
	kept := slices.DeleteFunc(m.Diagnostics, func(x diag.Diagnostic) bool {
		is := x.Object == d.Object && (x.Path == w.Source.Path() || x.Path == d.Path) &&
			(x.Code == diag.UnknownAnnotation || d.Class != diag.Note && x.Class == diag.Note)
		if is && w.Text != "" && strings.HasPrefix(x.Text, w.Text) {
			d.Remedy = x.Remedy
		}
		return is
	})
	m.Diagnostics = append(kept, d)
}

// RestoreOrder sorts members whose order is unknown by the order of their last valid versions: elsewhere, their rules
// would hide those of other members, or be hidden.
func RestoreOrder(lb *intent.LoadBalancer, good Versions) {
	if !slices.ContainsFunc(lb.Members, func(m intent.Member) bool { return m.Unordered }) {
		return // which is so in most passes: members are large
	}
	members := slices.Clone(lb.Members)
	moved := false
	for i := range members {
		m := &members[i]
		if last, known := good[m.Object]; known && m.Unordered && last.Order != m.Order {
			m.Order, moved = last.Order, true
		}
	}
	if !moved {
		return
	}
	slices.SortStableFunc(members, func(x, y intent.Member) int { return x.Rank().Compare(y.Rank()) })
	lb.Members = members
}

// inEdit reports whether a misspelling of a member is new since the last valid version, and its text.
func inEdit(w intent.Misspelling, m, last *intent.Member, text string) (string, bool) {
	if slices.ContainsFunc(last.Misspelt, func(o intent.Misspelling) bool {
		return o.Setting == w.Setting && o.Source.Object().String() == w.Source.Object().String()
	}) {
		return "", false
	}
	if len(w.Lacks) == 0 {
		return text, true
	}
	at := slices.IndexFunc(last.Named, func(name string) bool { return slices.Contains(w.Lacks, name) })
	if at < 0 {
		at = slices.IndexFunc(last.Named, func(name string) bool {
			return replaces(w, name) && !slices.Contains(m.Named, name)
		})
	}
	if at < 0 {
		return "", false
	}
	if was := last.Named[at]; w.Text != "" && was != w.Setting {
		text += ", and " + was + " is missing"
	}
	return text, true
}

// replaces reports whether a misspelt key most likely replaces an annotation that was named before, although it is as
// near to another one: action.sTCP-80 is as near to actions.sTCP-80 as to actions.TCP-80. The keys differ in one place,
// by at most two letters.
func replaces(w intent.Misspelling, named string) bool {
	if w.Text != "" {
		return false
	}
	now := w.Key + strings.TrimPrefix(w.Lacks[0], w.Meant) // with the object, as named has it
	for len(now) > 0 && len(named) > 0 && now[0] == named[0] {
		now, named = now[1:], named[1:]
	}
	for len(now) > 0 && len(named) > 0 && now[len(now)-1] == named[len(named)-1] {
		now, named = now[:len(now)-1], named[:len(named)-1]
	}
	return max(len(now), len(named)) <= 2
}

// found is the finding about a misspelling that counts as an invalid value.
func found(m *intent.Member, w intent.Misspelling, text string) diag.Diagnostic {
	object, scope, remedy := w.Source.Object(), diag.LoadBalancer, "correct it, or remove it to have the default"
	code := w.Source.InvalidCode()
	if object.Kind == "Gateway" {
		code = diag.InvalidConfiguration
	}
	if w.Source.OfClass() || w.Source.OfConfiguration() {
		object = m.Object
	}
	if w.Guards {
		scope = diag.Route
	}
	if w.Text != "" {
		remedy = "correct it, or remove it"
	}
	return asMisspelt(w, diag.New(object, w.Source.Place(), code, text, remedy).In(scope))
}

// asMisspelt marks the finding about a misspelling.
func asMisspelt(w intent.Misspelling, d diag.Diagnostic) diag.Diagnostic {
	d.Misspelt, d.Guard = true, w.Guards
	return d
}

// misspelt is the text of a diagnostic.
func misspelt(w intent.Misspelling) string {
	if w.Text != "" {
		return w.Text
	}
	if w.Key == w.Meant {
		return fmt.Sprintf("the value of annotation %s cannot be understood", w.Key)
	}
	return fmt.Sprintf("annotation %s is unknown, and %s is missing", w.Key, w.Meant)
}

// mixedGroups reports whether the load balancer has security groups of the user that cannot be distinguished from the
// backend group.
func mixedGroups(m *intent.Member, existing *facts.LoadBalancer, manageBackend bool) bool {
	return existing != nil && !existing.ManagedGroup && len(existing.SecurityGroups) > 0 && m.Settings.ManageBackend.Or(
		manageBackend)
}

// adoptions copy a setting from another version of a member, by setting, and report whether it was set there.
var adoptions = map[string]func(m, from *intent.Member) bool{
	"scheme": func(m, from *intent.Member) bool { return adopt(&m.Settings.Scheme, from.Settings.Scheme) },
	"ip-address-type": func(m, from *intent.Member) bool {
		return adopt(&m.Settings.IPAddressType, from.Settings.IPAddressType)
	},
	"subnets": func(m, from *intent.Member) bool { return adopt(&m.Settings.Subnets, from.Settings.Subnets) },
	"security-groups": func(m, from *intent.Member) bool {
		return adopt(&m.Settings.SecurityGroups, from.Settings.SecurityGroups)
	},
	"inbound-cidrs": func(m, from *intent.Member) bool {
		return adoptByPort(m, from, func(l *intent.Listener) *intent.Field[[]string] { return &l.InboundCIDRs })
	},
	"prefix-lists": func(m, from *intent.Member) bool {
		return adoptByPort(m, from, func(l *intent.Listener) *intent.Field[[]string] { return &l.PrefixLists })
	},
}

func adopt[T any](to *intent.Field[T], from intent.Field[T]) bool {
	if to.Set || !from.Set {
		return false
	}
	*to = from
	return true
}

// adoptByPort copies a setting from listeners of the same ports.
func adoptByPort(m, from *intent.Member, field func(*intent.Listener) *intent.Field[[]string]) bool {
	m.Listeners = slices.Clone(m.Listeners)
	kept := false
	for i := range m.Listeners {
		for j := range from.Listeners {
			if m.Listeners[i].Port == from.Listeners[j].Port {
				kept = adopt(field(&m.Listeners[i]), *field(&from.Listeners[j])) || kept
			}
		}
	}
	return kept
}

// existingMember is a member with the settings of the existing load balancer. If that lacks the managed security group,
// its groups are the user's. Subnets stay in any case.
func existingMember(m *intent.Member, lb *facts.LoadBalancer, source intent.Source) *intent.Member {
	out := &intent.Member{}
	if lb.Scheme != "" {
		out.Settings.Scheme = intent.Of(lb.Scheme, source)
	}
	if lb.IPAddressType != "" {
		out.Settings.IPAddressType = intent.Of(lb.IPAddressType, source)
	}
	if !lb.ManagedGroup && len(lb.SecurityGroups) > 0 {
		out.Settings.SecurityGroups = intent.Of(lb.SecurityGroups, source)
	}
	for _, l := range m.Listeners {
		ranges, lists, open := lb.Sources(l.Port)
		l := intent.Listener{Port: l.Port}
		if open && len(ranges) > 0 {
			l.InboundCIDRs = intent.Of(ranges, source)
		}
		if open && len(lists) > 0 {
			l.PrefixLists = intent.Of(lists, source)
		}
		out.Listeners = append(out.Listeners, l)
	}
	return out
}
