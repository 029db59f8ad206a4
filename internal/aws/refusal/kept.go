package refusal

import (
	"cmp"
	"encoding/base64"
	"slices"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// Kept is a refusal in a form that outlives the process: its JSON is in checkpoints. The write itself is kept as a
// hash.
type Kept struct {
	Write     string          `json:"write"`
	Step      plan.StepID     `json:"step"`
	Action    string          `json:"action"`
	Cause     Cause           `json:"cause"`
	Answer    awsclient.Error `json:"answer"`
	Objects   string          `json:"objects,omitempty"`
	Resources []string        `json:"resources,omitempty"`
	Obstacle  *Freed          `json:"obstacle,omitempty"`
	Version   string          `json:"version,omitempty"`
	Count     int             `json:"count"`
	Early     int             `json:"early,omitempty"`
	At        time.Time       `json:"at"`
	Until     time.Time       `json:"until"`
}

// Freed says which later write removes an obstacle.
type Freed struct {
	Kind     stack.Kind `json:"kind,omitempty"`
	Verb     plan.Verb  `json:"verb,omitempty"`
	Name     string     `json:"name,omitempty"`
	Forwards bool       `json:"forwards,omitempty"`
	Group    string     `json:"group,omitempty"`
	Room     *int       `json:"room,omitempty"`
}

// keep has the refusals of a stack kept for the next process. m.mu is held.
func (m *Memory) keep(key stack.Key) {
	if m.Keep == nil {
		return
	}
	var all []Kept
	for write, r := range m.of[key] {
		if !r.Secret {
			all = append(all, r.kept(write))
		}
	}
	slices.SortFunc(all, func(a, b Kept) int { return cmp.Compare(a.Write, b.Write) })
	m.Keep(key, all)
}

func (r *Refusal) kept(write string) Kept {
	k := Kept{
		Write: base64.RawStdEncoding.EncodeToString([]byte(write)), Step: r.Step, Action: r.Action, Cause: r.Cause,
		Answer:  r.answer,
		Objects: r.Objects, Resources: r.Resources, Version: r.version, Count: r.count, Early: r.early, At: r.at,
		Until: r.until,
	}
	if r.Cause == Obstacle {
		k.Obstacle = &Freed{Kind: r.Effect.Kind, Verb: r.Effect.Verb, Name: r.Effect.Name, Forwards: r.Effect.Forwards,
			Group: r.Group, Room: r.Room}
	}
	return k
}

// Restore takes over what an earlier process kept of a stack. What this process has noted counts more.
func (m *Memory) Restore(key stack.Key, all []Kept) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	for _, k := range all {
		write, err := base64.RawStdEncoding.DecodeString(k.Write)
		if err != nil || m.of[key][string(write)] != nil || now.Sub(k.At) > lifetime {
			continue
		}
		r := &Refusal{
			Step: k.Step, Action: k.Action, Cause: k.Cause, Err: &awsclient.Remembered{Answer: k.Answer}, answer: k.Answer,
			Objects: k.Objects, Resources: k.Resources,
			version: k.Version, count: k.Count, early: k.Early, at: k.At, until: k.Until,
		}
		if o := k.Obstacle; o != nil {
			r.Effect = plan.Effect{Kind: o.Kind, Verb: o.Verb, Name: o.Name, Forwards: o.Forwards}
			r.Group, r.Room = o.Group, o.Room
		}
		m.put(key, string(write), r)
	}
	m.keep(key) // else the entry is dropped as one that no process needs
}
