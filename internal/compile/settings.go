package compile

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// agreed merges a setting on which all members that set it must agree.
func agreed[T any](b *build, get func(*intent.Settings) intent.Field[T], s merge.Setting[T]) merge.Owned[T] {
	return among(b, b.group.All(), func(i int) intent.Field[T] { return get(&b.members[i].Settings) }, &s)
}

// among merges a setting that some members share, and on which they must agree.
func among[T any](b *build, members []int, get func(i int) intent.Field[T], s *merge.Setting[T]) merge.Owned[T] {
	var candidates []merge.Owned[T]
	for _, i := range members {
		if f := get(i); f.Set && b.members[i].State != quarantine.Rejected {
			candidates = append(candidates, merge.Of(i, f))
		}
	}
	s.Among = members
	c, _ := merge.Resolve(&b.group, candidates, s)
	return c
}

// deciding returns a member's value of a setting that holds or replaces the load balancer of all members, if the value
// counts: the member decides about the load balancer, or class parameters declare the value. Other values are ignored,
// with a note.
func deciding[T any](b *build, i int, what string, f intent.Field[T]) intent.Field[T] {
	m := &b.members[i]
	if !f.Set || !b.group.Joinable || b.deciders.Decides(m.Object.Namespace) || m.ClassOfGroup && f.Source.OfClass() {
		return f
	}
	if m.State != quarantine.Rejected {
		b.note(i, diag.New(m.Object, f.Source.Place(), diag.ConflictingSettings,
			fmt.Sprintf("%s: %s of %s has no effect, because %s", what, intent.Shown(f.Value), m.Object,
				b.deciders.Why(m.Object)),
			b.deciders.Remedy()))
	}
	return intent.Field[T]{}
}

// policy merges a setting that holds or replaces the load balancer of all members; see deciding.
func policy(b *build, get func(*intent.Settings) intent.Field[string], s merge.Setting[string]) merge.Owned[string] {
	return among(b, b.group.All(), func(i int) intent.Field[string] {
		return deciding(b, i, s.What, get(&b.members[i].Settings))
	}, &s)
}

// attributes is the name of the settings that are attributes of the load balancer, as keyed takes it.
const attributes = "attribute"

// keyed merges the maps of the members that s.Among lists, key by key. The setting of a key has the name s.Name/KEY, or
// s.Name/KEY@PORT if s.Name ends with @PORT. keyed returns the values and the source of each. exists reports whether a
// key has a value in AWS; nil = that is not known, and a value in effect is then one that the checkpoints hold.
func keyed(b *build, s merge.Setting[string], exists func(key, value string) bool,
	get func(int) map[string]intent.Field[string]) (map[string]string, map[string]intent.Source) {
	candidates := map[string][]merge.Owned[string]{}
	for _, i := range s.Among {
		if b.members[i].State == quarantine.Rejected {
			continue
		}
		for k, f := range get(i) {
			if f.Set {
				candidates[k] = append(candidates[k], merge.Of(i, f))
			}
		}
	}
	name, port, ofPort := strings.Cut(s.Name, "@")
	var out map[string]string
	var sources map[string]intent.Source
	for _, k := range slices.Sorted(maps.Keys(candidates)) {
		one := merge.Setting[string]{Name: name + "/" + k, What: s.What + " " + k, Quiet: s.Quiet, Among: s.Among}
		if ofPort {
			one.Name += "@" + port
		}
		counted := candidates[k]
		if s.Name == attributes {
			counted = b.inherited(one.Name, k, counted)
		}
		// As with the existing controller, class parameters of the first member override other members, except for tags.
		if exists != nil && !(s.Name == attributes && slices.ContainsFunc(counted, func(c merge.Owned[string]) bool {
			return c.Member == b.group.FirstMember() && c.Source.OfClass()
		})) {
			one.Exists, one.ByDefault = func(v string) bool { return exists(k, v) }, never
		}
		c, ok := merge.Resolve(&b.group, counted, &one)
		if !ok {
			continue
		}
		if out == nil {
			out, sources = map[string]string{}, map[string]intent.Source{}
		}
		out[k], sources[k] = c.Value, c.Source
	}
	return out, sources
}

func printed(v any) string { return fmt.Sprint(v) }

func shown[T any](v T) string { return intent.Shown(v) }

// setText returns the text of a list as a set: order and repetition do not count.
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

// shared are the merged settings of the load balancer, each with the member whose value is in effect (-1 = not set).
type shared struct {
	existing         merge.Owned[string]
	adopted          merge.Owned[string]
	name             merge.Owned[string]
	scheme           merge.Owned[string]
	ipAddressType    merge.Owned[string]
	subnets          merge.Owned[intent.SubnetSelector]
	securityGroups   merge.Owned[[]string]
	noSecurityGroups merge.Owned[bool]
	manageBackend    merge.Owned[bool]
	sslRedirect      merge.Owned[int32]
	mappings         merge.Owned[[]stack.SubnetMapping]
	addresses        merge.Owned[[]string]
	sourceNAT        merge.Owned[string]
	privateLinkRules merge.Owned[string]
	attributes       map[string]string
	attributesSource map[string]intent.Source
	tags             map[string]string
	tagsSource       map[string]intent.Source
	addOns           addOns
	driftPolicy      map[string]string
	replacement      merge.Owned[string]
}

// mergeShared merges the settings of the load balancer as a whole.
func (b *build) mergeShared() shared {
	all := b.group.All()
	var s shared
	s.adopted = policy(b, func(s *intent.Settings) intent.Field[string] { return s.Adopted },
		merge.Setting[string]{Name: "adopted-load-balancer", What: "load balancer to take over"})
	b.adopt(s.adopted) // first, as what exists decides between members
	s.existing = policy(b, func(s *intent.Settings) intent.Field[string] { return s.Existing },
		merge.Setting[string]{Name: "existing-load-balancer", What: "load balancer of others"})
	s.name = agreed(b, func(s *intent.Settings) intent.Field[string] { return s.Name },
		merge.Setting[string]{Name: "load-balancer-name", What: "load balancer name"})
	s.scheme = agreed(b, func(s *intent.Settings) intent.Field[string] { return s.Scheme },
		merge.Setting[string]{Name: "scheme", What: "scheme", Fallback: cmp.Or(b.cfg.DefaultScheme, stack.Internal),
			Exists: b.existsScheme, ByDefault: func() bool {
				return b.existsScheme(cmp.Or(b.cfg.DefaultScheme, stack.Internal))
			}})
	s.ipAddressType = agreed(b, func(s *intent.Settings) intent.Field[string] { return s.IPAddressType },
		merge.Setting[string]{Name: "ip-address-type", What: "IP address type", Fallback: b.defaultAddressType(),
			Exists: b.existsAddressType, ByDefault: func() bool { return b.existsAddressType(b.defaultAddressType()) }})
	s.subnets = agreed(b, func(s *intent.Settings) intent.Field[intent.SubnetSelector] { return s.Subnets },
		merge.Setting[intent.SubnetSelector]{Name: "subnets", What: "subnets", Text: selectorText,
			Exists: b.existsSubnets, ByDefault: never})
	s.securityGroups = agreed(b, func(s *intent.Settings) intent.Field[[]string] { return nonEmpty(s.SecurityGroups) },
		merge.Setting[[]string]{Name: "security-groups", What: "security groups", Text: setText, Exists: b.existsGroups,
			ByDefault: b.existsManagedGroup})
	s.noSecurityGroups = agreed(b, func(s *intent.Settings) intent.Field[bool] { return s.NoSecurityGroups },
		merge.Setting[bool]{Name: "no-security-groups", What: "disabling of security groups", Fallback: printed(false)})
	s.manageBackend = agreed(b, func(s *intent.Settings) intent.Field[bool] { return s.ManageBackend },
		merge.Setting[bool]{Name: "manage-backend-security-group-rules", What: "management of backend security group rules",
			Fallback: printed(b.cfg.ManageBackendSecurityGroupRules)})
	s.sslRedirect = agreed(b, func(s *intent.Settings) intent.Field[int32] { return s.SSLRedirectPort },
		merge.Setting[int32]{Name: "ssl-redirect", What: "SSL redirect port"})
	s.mappings = agreed(b, func(s *intent.Settings) intent.Field[[]stack.SubnetMapping] { return s.Mappings },
		merge.Setting[[]stack.SubnetMapping]{Name: "addresses", What: "addresses of subnets"})
	s.addresses = agreed(b, func(s *intent.Settings) intent.Field[[]string] { return nonEmpty(s.Addresses) },
		merge.Setting[[]string]{Name: "elastic-ip-addresses", What: "Elastic IP addresses", Text: setText})
	s.sourceNAT = agreed(b, func(s *intent.Settings) intent.Field[string] { return s.SourceNAT },
		merge.Setting[string]{Name: "ipv6-source-nat", What: "IPv6 source NAT", Fallback: "off"})
	s.privateLinkRules = agreed(b, func(s *intent.Settings) intent.Field[string] { return s.PrivateLinkRules },
		merge.Setting[string]{Name: "private-link-rules", What: "use of inbound rules for PrivateLink traffic"})
	s.attributes, s.attributesSource = keyed(b, merge.Setting[string]{Name: attributes, What: "load balancer attribute",
		Quiet: true, Among: all}, b.existsAttribute, func(i int) map[string]intent.Field[string] {
		return b.members[i].Settings.Attributes
	})
	s.tags, s.tagsSource = b.sharedTags("tag", all, true)
	s.addOns = b.mergeAddOns()
	s.driftPolicy, _ = keyed(b, merge.Setting[string]{Name: "drift-policy", What: "drift policy of", Among: all}, nil,
		func(i int) map[string]intent.Field[string] {
			declared := map[string]intent.Field[string]{}
			for group, f := range b.members[i].Settings.DriftPolicy {
				declared[group] = deciding(b, i, "drift policy of "+group, f)
			}
			return declared
		})
	s.replacement = policy(b, func(s *intent.Settings) intent.Field[string] { return s.ReplacementPolicy },
		merge.Setting[string]{Name: "replacement-policy", What: "replacement policy"})
	return s
}

func nonEmpty(f intent.Field[[]string]) intent.Field[[]string] {
	f.Set = f.Set && len(f.Value) > 0
	return f
}
