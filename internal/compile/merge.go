package compile

import (
	"fmt"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// claim is a member's value for a setting that the group shares.
type claim[T any] struct {
	member int
	field  intent.Field[T]
}

// settling tells how a shared setting is settled.
type settling[T any] struct {
	what string // as in "conflicting <what>"
	same func(a, b T) bool
	show func(T) string
	// quiet: an annotation that differs from class parameters is only noted.
	quiet bool
}

// settle finds the claim that holds; every member with a different value is told that its own is ignored, which one holds,
// whose it is, and by which rule.
func settle[T any](b *build, claims []claim[T], s settling[T]) (claim[T], bool) {
	if len(claims) == 0 {
		return claim[T]{member: -1}, false
	}
	best := claims[0]
	for _, c := range claims[1:] {
		if first, _ := b.before(c.member, ofClass(c.field.Source), best.member, ofClass(best.field.Source)); first {
			best = c
		}
	}
	for _, c := range claims {
		if c.member == best.member || s.same(c.field.Value, best.field.Value) {
			continue
		}
		code := diag.ConflictingSettings
		if s.quiet && ofClass(best.field.Source) {
			code = diag.IgnoredSetting
		}
		o := b.members[c.member].Object
		_, why := b.before(best.member, ofClass(best.field.Source), c.member, ofClass(c.field.Source))
		text := fmt.Sprintf("conflicting %s: %s of %s is ignored, because %s has %s, and %s", s.what, s.show(c.field.Value), o,
			b.members[best.member].Object, s.show(best.field.Value), why)
		b.note(c.member, diag.New(o, at(c.field.Source), code, text, "set the same value on both, or leave it to one of them"))
	}
	return best, true
}

// exclusive settles a setting on which all members that have it must agree.
func exclusive[T any](b *build, get func(*member) intent.Field[T], s settling[T]) (intent.Field[T], int) {
	var claims []claim[T]
	for i := range b.members {
		if b.members[i].standing == shunned {
			continue
		}
		if f := get(&b.members[i]); f.Set {
			claims = append(claims, claim[T]{i, f})
		}
	}
	c, _ := settle(b, claims, s)
	return c.field, c.member
}

// keyed settles maps key by key. It returns the values and the source of each.
func keyed(b *build, what string, quiet bool, in []int, get func(int) map[string]intent.Field[string]) (map[string]string, map[string]intent.Source) {
	claims := map[string][]claim[string]{}
	for _, i := range in {
		if b.members[i].standing == shunned {
			continue
		}
		for k, f := range get(i) {
			if f.Set {
				claims[k] = append(claims[k], claim[string]{i, f})
			}
		}
	}
	var out map[string]string
	var sources map[string]intent.Source
	for _, k := range slices.Sorted(maps.Keys(claims)) {
		c, _ := settle(b, claims[k], settling[string]{what: what + " " + k, same: equal[string], show: quoted, quiet: quiet})
		if out == nil {
			out, sources = map[string]string{}, map[string]intent.Source{}
		}
		out[k], sources[k] = c.field.Value, c.field.Source
	}
	return out, sources
}

func equal[T comparable](a, b T) bool { return a == b }

func quoted(s string) string { return fmt.Sprintf("%q", s) }

func printed[T any](v T) string { return fmt.Sprint(v) }

// sameSet compares lists without regard to order and repetition.
func sameSet(a, b []string) bool {
	in := map[string]bool{}
	for _, s := range a {
		in[s] = true
	}
	seen := map[string]bool{}
	for _, s := range b {
		if !in[s] {
			return false
		}
		seen[s] = true
	}
	return len(seen) == len(in)
}

func sameSelector(a, b intent.SubnetSelector) bool {
	return sameSet(a.IDsOrNames, b.IDsOrNames) && maps.EqualFunc(a.Tags, b.Tags, sameSet)
}

func showSelector(s intent.SubnetSelector) string {
	if s.Tags != nil {
		return fmt.Sprintf("tags %v", s.Tags)
	}
	return fmt.Sprint(s.IDsOrNames)
}

// shared are the settings of the load balancer as settled, each with the member whose value holds (-1 = not set).
type shared struct {
	name             owned[string]
	scheme           owned[string]
	ipAddressType    owned[string]
	subnets          owned[intent.SubnetSelector]
	securityGroups   owned[[]string]
	noSecurityGroups owned[bool]
	manageBackend    owned[bool]
	sslRedirect      owned[int32]
	mappings         owned[[]stack.SubnetMapping]
	sourceNAT        owned[string]
	attributes       map[string]string
	attributesSource map[string]intent.Source
	tags             map[string]string
	tagsSource       map[string]intent.Source
	addOns           addOns
}

// owned is a settled field and its member.
type owned[T any] struct {
	intent.Field[T]
	member int
}

func hold[T any](f intent.Field[T], member int) owned[T] { return owned[T]{f, member} }

// settleShared settles everything that concerns the load balancer as a whole.
func (b *build) settleShared() shared {
	all := b.every()
	var s shared
	s.name = hold(exclusive(b, func(m *member) intent.Field[string] { return m.Settings.Name },
		settling[string]{what: "load balancer name", same: equal[string], show: quoted}))
	s.scheme = hold(exclusive(b, func(m *member) intent.Field[string] { return m.Settings.Scheme },
		settling[string]{what: "scheme", same: equal[string], show: quoted}))
	s.ipAddressType = hold(exclusive(b, func(m *member) intent.Field[string] { return m.Settings.IPAddressType },
		settling[string]{what: "IP address type", same: equal[string], show: quoted}))
	s.subnets = hold(exclusive(b, func(m *member) intent.Field[intent.SubnetSelector] { return m.Settings.Subnets },
		settling[intent.SubnetSelector]{what: "subnets", same: sameSelector, show: showSelector}))
	s.securityGroups = hold(exclusive(b, func(m *member) intent.Field[[]string] { return nonEmpty(m.Settings.SecurityGroups) },
		settling[[]string]{what: "security groups", same: sameSet, show: printed[[]string]}))
	s.noSecurityGroups = hold(exclusive(b, func(m *member) intent.Field[bool] { return m.Settings.NoSecurityGroups },
		settling[bool]{what: "disabling of security groups", same: equal[bool], show: printed[bool]}))
	s.manageBackend = hold(exclusive(b, func(m *member) intent.Field[bool] { return m.Settings.ManageBackend },
		settling[bool]{what: "management of backend security group rules", same: equal[bool], show: printed[bool]}))
	s.sslRedirect = hold(exclusive(b, func(m *member) intent.Field[int32] { return m.Settings.SSLRedirectPort },
		settling[int32]{what: "SSL redirect port", same: equal[int32], show: printed[int32]}))
	s.mappings = hold(exclusive(b, func(m *member) intent.Field[[]stack.SubnetMapping] { return m.Settings.Mappings },
		settling[[]stack.SubnetMapping]{what: "addresses of subnets", same: slices.Equal[[]stack.SubnetMapping], show: printed[[]stack.SubnetMapping]}))
	s.sourceNAT = hold(exclusive(b, func(m *member) intent.Field[string] { return m.Settings.SourceNAT },
		settling[string]{what: "IPv6 source NAT", same: equal[string], show: quoted}))
	s.attributes, s.attributesSource = keyed(b, "load balancer attribute", true, all, func(i int) map[string]intent.Field[string] {
		return b.members[i].Settings.Attributes
	})
	s.tags, s.tagsSource = keyed(b, "tag", false, all, b.userTags)
	s.addOns = b.settleAddOns()
	return s
}

func nonEmpty(f intent.Field[[]string]) intent.Field[[]string] {
	f.Set = f.Set && len(f.Value) > 0
	return f
}
