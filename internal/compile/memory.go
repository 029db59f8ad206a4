package compile

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/compile/quarantine"
	"github.com/k8s-lbc/lbc/internal/compile/shard"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Memory is the state that one compilation of a load balancer passes to the next. Nil = nothing was compiled before.
type Memory struct {
	// Good are the last valid versions of members. A version with errors among its diagnostics never was good: it records
	// how the member was left out, so that the next compilation does the same. Members that are no longer part of the load
	// balancer are dropped.
	Good quarantine.Versions
	// Applied are hashes of the fields that were applied last, by name, as package policy has them. The compiler does not
	// use them. Nil = not known.
	Applied map[string]string
	// Placement has the units of a group that has several load balancers, in the memory of the first one. The compiler
	// does not use it. Nil = not known.
	Placement shard.Placement
	// Members are those whose settings counted when the last compilation succeeded, in the order in which they joined.
	Members []diag.Object
	// Later is how many of the last Members joined those before them. The others are those of the first compilation, whose
	// order is not known.
	Later int
	// Effect is what is in effect of the settings that members share, by setting; a setting that is missing is at its
	// default. Nil = not known. It holds no secrets.
	Effect map[string]merge.Effect
	// TargetGroups are the owners of target groups that no good version declares any longer, by identity: the names in an
	// identity do not determine its owner. They are remembered while a member is frozen.
	TargetGroups map[string]diag.Object
	// RuleOwners are the namespaces of the rules of a full load balancer that do not tell it by their target groups, by
	// port and conditions. Nil = the load balancer is not full.
	RuleOwners map[string][]string
	// Beside are the ARNs of the load balancers of others on which listeners and rules were wanted so far.
	Beside []string
	// Certificates are those of listeners that objects of several namespaces share: those that are declared, and the
	// latest that no longer are.
	Certificates []stack.BroughtCertificate
	// Policies are the last valid values of the annotations of members that decide about the load balancer as a whole. The
	// compiler does not use them.
	Policies map[diag.Object]map[string]string
	// Listeners are the last valid versions of listeners, as intent.LoadBalancer has them. The compiler does not use them.
	Listeners map[diag.Object]map[string]string
}

// Any reports whether members are remembered. After a start without checkpoints none is.
func (m *Memory) Any() bool { return m != nil && len(m.Members) > 0 }

// MayBeShielded reports whether a member wanted Shield Advanced, or may have: nothing is remembered.
func (m *Memory) MayBeShielded() bool {
	if m == nil || len(m.Good) == 0 {
		return true
	}
	for _, good := range m.Good {
		if good.Settings.AddOns.Shield.Value {
			return true
		}
	}
	return false
}

// withCredentials is the memory whose last valid versions have these credentials.
func (m *Memory) withCredentials(of map[intent.LoginOf]intent.Credentials) *Memory {
	if len(of) == 0 {
		return m
	}
	out := *m
	out.Good = maps.Clone(m.Good)
	for o, good := range out.Good {
		version := good.WithCredentials(of)
		out.Good[o] = &version
	}
	return &out
}

// sameEffect reports whether two compilations put the same values of the same owners into effect. If the first one had
// no memory, only a second one without memory is the same.
func sameEffect(a, b map[string]merge.Effect) bool {
	return (a != nil || b == nil) && maps.EqualFunc(a, b, func(x, y merge.Effect) bool {
		return x.Value == y.Value && x.Unread == y.Unread && slices.Equal(x.Owners, y.Owners) &&
			slices.Equal(x.Limits, y.Limits)
	})
}

// Owners returns the members that own target groups, by identity.
func (m *Memory) Owners() map[string]diag.Object {
	out := maps.Clone(m.TargetGroups)
	if out == nil {
		out = map[string]diag.Object{}
	}
	for o, good := range m.Good {
		if quarantine.Remembered(*good) != quarantine.LastGood {
			continue
		}
		for _, g := range targetGroupsOf(good) {
			out[g.ID] = o
		}
	}
	return out
}

// memoryText is the JSON form of a Memory, where objects cannot be keys of maps.
type memoryText struct {
	Good         []*intent.Member        `json:"good"`
	Members      []diag.Object           `json:"members,omitempty"`
	Later        int                     `json:"later,omitempty"`
	Effect       map[string]merge.Effect `json:"effect"` // null = not known
	TargetGroups map[string]diag.Object  `json:"targetGroups,omitempty"`
	RuleOwners   map[string][]string     `json:"ruleOwners,omitempty"`
	Applied      map[string]string       `json:"applied,omitzero"` // missing = not known
	Placement    shard.Placement         `json:"placement,omitzero"`
	Beside       []string                `json:"beside,omitempty"`
	Policies     []namedTexts            `json:"policies,omitempty"`
	Listeners    []namedTexts            `json:"listeners,omitempty"`

	Certificates []stack.BroughtCertificate `json:"certificates,omitempty"`
}

// namedTexts are the policies or listeners of one object.
type namedTexts struct {
	Object diag.Object       `json:"object"`
	Values map[string]string `json:"values"`
}

// namedTextsOf are texts by object, sorted.
func namedTextsOf(all map[diag.Object]map[string]string) (out []namedTexts) {
	for o, values := range all {
		out = append(out, namedTexts{o, values})
	}
	slices.SortFunc(out, func(a, b namedTexts) int { return byObject(a.Object, b.Object) })
	return out
}

// Reduced returns the memory without the routes of the members of one namespace, those that take most, and once they
// are gone without these members' versions: how much a tenant declares must not have the others' versions forgotten. ok
// is false if only one namespace has some.
func (m *Memory) Reduced() (smaller any, ok bool) {
	size := map[string]int{}
	for o, good := range m.Good {
		text, err := json.Marshal(good)
		if err != nil {
			return nil, false
		}
		size[o.Namespace] += len(text)
	}
	if len(size) < 2 {
		return nil, false
	}
	most := slices.MaxFunc(slices.Sorted(maps.Keys(size)), func(a, b string) int { return cmp.Compare(size[a], size[b]) })
	out := *m
	out.Good = maps.Clone(m.Good)
	left := false
	for o, good := range m.Good {
		if o.Namespace == most && !good.Reduced {
			version := withoutRoutes(*good)
			out.Good[o], left = &version, true
		}
	}
	if !left {
		maps.DeleteFunc(out.Good, func(o diag.Object, _ *intent.Member) bool { return o.Namespace == most })
	}
	return &out, true
}

// withoutRoutes is a version of a member whose settings are remembered, and whose routes are not.
func withoutRoutes(m intent.Member) intent.Member {
	m.Reduced, m.Routes, m.Unserved, m.Listeners = true, nil, nil, slices.Clone(m.Listeners)
	for i := range m.Listeners {
		m.Listeners[i].Default = nil
	}
	return m
}

// byObjects are texts by object; nil if there are none.
func byObjects(all []namedTexts) map[diag.Object]map[string]string {
	if len(all) == 0 {
		return nil
	}
	out := make(map[diag.Object]map[string]string, len(all))
	for _, one := range all {
		out[one.Object] = one.Values
	}
	return out
}

// Text returns a value with the JSON of the memory; see checkpoint.Texter. Secrets are left out: credentials of
// clients, and keys of certificates that are imported. Equal memories give equal text.
func (m *Memory) Text() any {
	if m == nil {
		return nil
	}
	t := &memoryText{Good: make([]*intent.Member, 0, len(m.Good)), Members: m.Members, Later: m.Later, Effect: m.Effect,
		TargetGroups: m.TargetGroups, RuleOwners: m.RuleOwners, Applied: m.Applied, Placement: m.Placement,
		Beside: m.Beside, Certificates: m.Certificates}
	t.Good = slices.AppendSeq(t.Good, maps.Values(m.Good))
	slices.SortFunc(t.Good, func(a, b *intent.Member) int { return byObject(a.Object, b.Object) })
	t.Policies, t.Listeners = namedTextsOf(m.Policies), namedTextsOf(m.Listeners)
	return t
}

// MarshalJSON implements json.Marshaler.
func (m *Memory) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(m.Text())
	if err != nil {
		return nil, fmt.Errorf("writing the memory of a stack as JSON: %w", err)
	}
	return text, nil
}

func byObject(a, b diag.Object) int {
	return cmp.Or(cmp.Compare(a.String(), b.String()), cmp.Compare(a.UID, b.UID))
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *Memory) UnmarshalJSON(text []byte) error {
	var t memoryText
	if err := json.Unmarshal(text, &t); err != nil {
		return fmt.Errorf("reading the memory of a stack: %w", err)
	}
	*m = Memory{Good: make(quarantine.Versions, len(t.Good)), Members: t.Members, Later: t.Later,
		Effect: t.Effect, TargetGroups: t.TargetGroups, RuleOwners: t.RuleOwners, Applied: t.Applied,
		Placement: t.Placement, Beside: t.Beside, Certificates: t.Certificates}
	for _, g := range t.Good {
		if g != nil {
			m.Good[g.Object] = g
		}
	}
	m.Policies, m.Listeners = byObjects(t.Policies), byObjects(t.Listeners)
	return nil
}
