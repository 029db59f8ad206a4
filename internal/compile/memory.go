package compile

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/k8s-lbc/lbc/internal/compile/merge"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/intent"
)

// memoryText is the JSON form of a Memory, where objects cannot be keys of maps.
type memoryText struct {
	Good         []intent.Member         `json:"good"`
	Members      []diag.Object           `json:"members,omitempty"`
	Later        int                     `json:"later,omitempty"`
	Effect       map[string]merge.Effect `json:"effect"` // null = not known
	TargetGroups map[string]diag.Object  `json:"targetGroups,omitempty"`
}

// MarshalJSON implements json.Marshaler. Secrets are left out: credentials of clients, and keys of certificates that are imported.
// Equal memories give equal text.
func (m *Memory) MarshalJSON() ([]byte, error) {
	t := memoryText{Good: make([]intent.Member, 0, len(m.Good)), Members: m.Members, Later: m.Later, Effect: m.Effect, TargetGroups: m.TargetGroups}
	for _, g := range m.Good {
		t.Good = append(t.Good, g)
	}
	slices.SortFunc(t.Good, func(a, b intent.Member) int {
		return cmp.Or(cmp.Compare(a.Object.String(), b.Object.String()), cmp.Compare(a.Object.UID, b.Object.UID))
	})
	text, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("writing the memory of a stack as JSON: %w", err)
	}
	return text, nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *Memory) UnmarshalJSON(text []byte) error {
	var t memoryText
	if err := json.Unmarshal(text, &t); err != nil {
		return fmt.Errorf("reading the memory of a stack: %w", err)
	}
	*m = Memory{Good: make(map[diag.Object]intent.Member, len(t.Good)), Members: t.Members, Later: t.Later, Effect: t.Effect, TargetGroups: t.TargetGroups}
	for _, g := range t.Good {
		m.Good[g.Object] = g
	}
	return nil
}
