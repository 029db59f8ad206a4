package registrar

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// RegisteredTargets stores which targets a binding registers in a group that other clusters use too. The records
// outlive the process.
type RegisteredTargets interface {
	// Load returns the keys of the targets; known is false if nothing was ever saved.
	Load(ctx context.Context, binding stack.ID) (keys []string, known bool, err error)
	// Save replaces them; the keys are sorted.
	Save(ctx context.Context, binding stack.ID, keys []string) error
}

// record is the record of a binding in RegisteredTargets: targets that the binding may have registered. Before the
// first Save it is empty, because nothing shows which of the registered targets are this cluster's.
type record struct {
	loaded, saved bool
	keys          map[string]bool
	left          map[string]bool // that were recorded, and stay registered as those of others
}

func (g *group) recordOf(binding stack.ID) *record {
	c := g.records[binding]
	if c == nil {
		c = &record{}
		g.records[binding] = c
	}
	return c
}

// startRecordCalls loads the record of a binding. Before anything is registered, it saves the record with the wanted
// targets added, so that each target that this cluster registers is in the record, whatever happens afterwards. Once
// other targets are deregistered, it saves the wanted targets alone. The caller holds the group's lock.
func (r *Registry) startRecordCalls(ctx context.Context, g *group, q *Request) {
	c := g.recordOf(q.Binding)
	save := func(keys, left map[string]bool) {
		r.callRecord(ctx, g, q, true, func() (*record, error) {
			return &record{true, true, keys, left}, q.Record.Save(ctx, q.Binding, slices.Sorted(maps.Keys(keys)))
		})
	}
	wanted := maps.Clone(g.wanted(q)) // a later request changes the original
	all := maps.Clone(wanted)
	maps.Copy(all, c.keys)
	switch {
	case !c.loaded:
		r.callRecord(ctx, g, q, false, func() (*record, error) {
			keys, known, err := q.Record.Load(ctx, q.Binding)
			return &record{loaded: true, saved: known, keys: KeySet(keys)}, err
		})
	case !c.saved || len(all) > len(c.keys):
		save(all, c.left)
	case len(all) > len(wanted) && !g.keeps(q) && g.known && !g.reread && !g.busy() &&
		len(g.calls[deregister].failed) == 0 && len(g.toDeregister(q, nil)) == 0 && len(g.toRegister(ctx, q)) == 0:
		left := KeySet(nil)
		maps.Copy(left, c.left)
		for key := range c.keys {
			if _, member := g.members[key]; member && !wanted[key] {
				left[key] = true
			}
		}
		save(wanted, left)
	}
}

// keeps reports whether targets that a request does not want stay registered for now, as the binding's own.
func (g *group) keeps(q *Request) bool {
	return len(g.kept.byKey) > 0 || g.kept.unread || q.Keep || q.Unconfirmed
}

// RecordError is an error of loading or saving the record of a binding.
type RecordError struct {
	Saving bool
	Err    error // of the API server
}

// Error implements error.
func (e *RecordError) Error() string {
	what := "reading"
	if e.Saving {
		what = "saving"
	}
	return fmt.Sprintf("%s the list of this cluster's targets: %s", what, e.Err)
}

// Unwrap returns the error of the API server.
func (e *RecordError) Unwrap() error { return e.Err }

// callRecord loads or saves the record of a binding. After an error, the stored record is not known.
func (r *Registry) callRecord(ctx context.Context, g *group, q *Request, saving bool, call func() (*record, error)) {
	g.recording = true
	r.inBackground(ctx, g, func() func() {
		c, err := call()
		return func() {
			g.recording = false
			g.records[q.Binding] = c
			if err != nil {
				g.recordFailed = true
				delete(g.records, q.Binding)
				g.fail(&RecordError{saving, err})
			}
		}
	})
}

// Own returns the keys of the targets of a group that requests have wanted, in this process or in the one whose state
// Assume restored.
func (r *Registry) Own(of Group) map[string]bool {
	g := r.known(of)
	if g == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.requested)
}
