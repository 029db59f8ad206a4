package compile

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

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
	setting string         // name of the setting, as in Memory.Effect
	what    string         // as in "conflicting <what>"
	text    func(T) string // canonical: equal texts are equal values
	show    func(T) string
	// quiet: an annotation that differs from class parameters is only noted.
	quiet bool
	// among are the members that share the setting; nil = all.
	among []int
	// fallback is the value that holds where no member sets one.
	fallback string
	// exists and byDefault tell what AWS holds, as in question.
	exists    func(T) bool
	byDefault func() bool
}

// settle finds the claim that holds; every member with a different value is told that its own is ignored, which one holds,
// whose it is, and by which rule. ok is false if none holds.
func settle[T any](b *build, claims []claim[T], s settling[T]) (holds claim[T], ok bool) {
	if len(claims) == 0 {
		return claim[T]{member: -1}, false
	}
	q := question{setting: s.setting, among: s.among, fallback: s.fallback, byDefault: s.byDefault}
	if q.among == nil {
		q.among = b.every()
	}
	for _, c := range claims {
		q.bids = append(q.bids, bid{c.member, ofClass(c.field.Source), at(c.field.Source), s.text(c.field.Value)})
	}
	if s.exists != nil {
		q.exists = func(i int) bool { return s.exists(claims[i].field.Value) }
	}
	r := b.decide(q)
	b.record(q, r)
	holds = claim[T]{member: -1}
	if r.winner >= 0 {
		holds = claims[r.winner]
	}
	for i, c := range claims {
		if r.winner >= 0 && (c.member == holds.member || q.bids[i].value == q.bids[r.winner].value) || r.winner < 0 && q.bids[i].value == q.fallback {
			continue
		}
		code := diag.ConflictingSettings
		if r.winner >= 0 && s.quiet && q.bids[r.winner].class {
			code = diag.IgnoredSetting
		}
		shown := ""
		if r.winner >= 0 {
			shown = s.show(holds.field.Value)
		}
		why, remedy := b.explain(q, r, i, shown)
		o := b.members[c.member].Object
		b.note(c.member, diag.New(o, at(c.field.Source), code,
			fmt.Sprintf("conflicting %s: %s of %s is ignored, because %s", s.what, s.show(c.field.Value), o, why), remedy))
	}
	return holds, r.winner >= 0
}

// explain tells the member of a bid that does not hold what holds instead, whose it is, why, and what to do.
func (b *build) explain(q question, r ruling, loser int, shown string) (why, remedy string) {
	if r.reserved && !b.maySet(q.bids[loser].member, q) {
		return "class parameters of the group leave what its members share to other namespaces",
			"remove it, or have it set on an Ingress of a namespace that spec.group.settingsNamespaces of the class parameters names"
	}
	if r.winner < 0 {
		o := b.members[r.decider].Object
		return fmt.Sprintf("the group was built without one, and its default is changed only by Ingresses of namespace %s, whose %s is its oldest member", o.Namespace, o),
			fmt.Sprintf("have it set on an Ingress of namespace %s, or remove it here", o.Namespace)
	}
	x, y := q.bids[r.winner], q.bids[loser]
	why = fmt.Sprintf("%s has %s, and ", b.members[x.member].Object, shown)
	p := protectionOf(q.setting)
	switch {
	case r.incumbent:
		return why + "what is in effect stays until it is changed there",
			"set the same value here, or have it changed there first"
	case !b.cfg.StrictGroups && b.shares() && p.tighter != nil && p.tighter(x.value, y.value):
		why += "of values that disagree the stricter one comes first"
	default:
		_, rule := b.before(x, y, p.guards && b.shares() && !b.cfg.StrictGroups)
		why += rule
	}
	return why, "set the same value on both, or leave it to one of them"
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

// attributes is the name of the settings that are attributes of the load balancer, as keyed takes it.
const attributes = "attribute"

// keyed settles maps key by key; setting is the name of their settings in front of the key. It returns the values and the source
// of each. exists reports whether a key has a value in AWS; nil = that is not known.
func keyed(b *build, setting, what string, quiet bool, in []int, exists func(key, value string) bool, get func(int) map[string]intent.Field[string]) (map[string]string, map[string]intent.Source) {
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
	name, port, ofPort := strings.Cut(setting, "@")
	var out map[string]string
	var sources map[string]intent.Source
	for _, k := range slices.Sorted(maps.Keys(claims)) {
		s := settling[string]{setting: name + "/" + k, what: what + " " + k, text: asIs, show: quoted, quiet: quiet, among: in}
		if ofPort {
			s.setting += "@" + port
		}
		counted := claims[k]
		if setting == attributes {
			counted = b.inherited(s.setting, k, counted)
		}
		// Class parameters of the first member override what other members want also with the existing controller; not of tags.
		if exists != nil && !(setting == attributes && slices.ContainsFunc(counted, func(c claim[string]) bool { return c.member == b.first() && ofClass(c.field.Source) })) {
			s.exists, s.byDefault = func(v string) bool { return exists(k, v) }, never
		}
		c, ok := settle(b, counted, s)
		if !ok {
			continue
		}
		if out == nil {
			out, sources = map[string]string{}, map[string]intent.Source{}
		}
		out[k], sources[k] = c.field.Value, c.field.Source
	}
	return out, sources
}

func asIs(s string) string { return s }

func quoted(s string) string { return fmt.Sprintf("%q", s) }

func printed[T any](v T) string { return fmt.Sprint(v) }

// setText is a list without regard to order and repetition.
func setText(list []string) string {
	sorted := slices.Sorted(slices.Values(list))
	return strings.Join(slices.Compact(sorted), " ")
}

// sameSet compares lists without regard to order and repetition.
func sameSet(a, b []string) bool { return setText(a) == setText(b) }

func selectorText(s intent.SubnetSelector) string {
	if len(s.Tags) == 0 {
		return setText(s.IDsOrNames)
	}
	sorted := map[string]string{}
	for k, values := range s.Tags {
		sorted[k] = setText(values)
	}
	text, err := json.Marshal(sorted)
	if err != nil { // maps of strings have a JSON form
		return fmt.Sprint(sorted)
	}
	return string(text)
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
		settling[string]{setting: "load-balancer-name", what: "load balancer name", text: asIs, show: quoted}))
	s.scheme = hold(exclusive(b, func(m *member) intent.Field[string] { return m.Settings.Scheme },
		settling[string]{setting: "scheme", what: "scheme", text: asIs, show: quoted, fallback: orElse(b.cfg.DefaultScheme, stack.Internal), exists: b.existsScheme, byDefault: func() bool { return b.existsScheme(orElse(b.cfg.DefaultScheme, stack.Internal)) }}))
	s.ipAddressType = hold(exclusive(b, func(m *member) intent.Field[string] { return m.Settings.IPAddressType },
		settling[string]{setting: "ip-address-type", what: "IP address type", text: asIs, show: quoted, fallback: stack.IPv4, exists: b.existsAddressType, byDefault: func() bool { return b.existsAddressType(stack.IPv4) }}))
	s.subnets = hold(exclusive(b, func(m *member) intent.Field[intent.SubnetSelector] { return m.Settings.Subnets },
		settling[intent.SubnetSelector]{setting: "subnets", what: "subnets", text: selectorText, show: showSelector, exists: b.existsSubnets, byDefault: never}))
	s.securityGroups = hold(exclusive(b, func(m *member) intent.Field[[]string] { return nonEmpty(m.Settings.SecurityGroups) },
		settling[[]string]{setting: "security-groups", what: "security groups", text: setText, show: printed[[]string], exists: b.existsGroups, byDefault: b.existsManagedGroup}))
	s.noSecurityGroups = hold(exclusive(b, func(m *member) intent.Field[bool] { return m.Settings.NoSecurityGroups },
		settling[bool]{setting: "no-security-groups", what: "disabling of security groups", text: printed[bool], show: printed[bool]}))
	s.manageBackend = hold(exclusive(b, func(m *member) intent.Field[bool] { return m.Settings.ManageBackend },
		settling[bool]{setting: "manage-backend-security-group-rules", what: "management of backend security group rules", text: printed[bool], show: printed[bool], fallback: printed(b.cfg.ManageBackendSecurityGroupRules)}))
	s.sslRedirect = hold(exclusive(b, func(m *member) intent.Field[int32] { return m.Settings.SSLRedirectPort },
		settling[int32]{setting: "ssl-redirect", what: "SSL redirect port", text: printed[int32], show: printed[int32]}))
	s.mappings = hold(exclusive(b, func(m *member) intent.Field[[]stack.SubnetMapping] { return m.Settings.Mappings },
		settling[[]stack.SubnetMapping]{setting: "addresses", what: "addresses of subnets", text: printed[[]stack.SubnetMapping], show: printed[[]stack.SubnetMapping]}))
	s.sourceNAT = hold(exclusive(b, func(m *member) intent.Field[string] { return m.Settings.SourceNAT },
		settling[string]{setting: "ipv6-source-nat", what: "IPv6 source NAT", text: asIs, show: quoted}))
	s.attributes, s.attributesSource = keyed(b, attributes, "load balancer attribute", true, all, b.existsAttribute, func(i int) map[string]intent.Field[string] {
		return b.members[i].Settings.Attributes
	})
	s.tags, s.tagsSource = keyed(b, "tag", "tag", false, all, b.existsTag, b.userTags)
	s.addOns = b.settleAddOns()
	return s
}

func nonEmpty(f intent.Field[[]string]) intent.Field[[]string] {
	f.Set = f.Set && len(f.Value) > 0
	return f
}
