package controller

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/aws/accelerator/account"
	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/controller/checkpoint"
	"github.com/k8s-lbc/lbc/internal/controller/stacks"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/hold"
	"github.com/k8s-lbc/lbc/internal/view/timeline"
)

const (
	// editsBefore is how long before the first record an edit is recorded: the managed fields of all objects together
	// would fill the record.
	editsBefore = time.Minute
	// driftAgain is after how long a reported drift that lasts is recorded again.
	driftAgain = time.Hour
)

// History records what the leader did lately, for lbc timeline. It makes no calls: the record is kept in the
// checkpoints, which only administrators may read, since that of a group names objects of all its namespaces. A nil
// history records nothing.
type History struct {
	ring *timeline.Ring
	pod  string
	// keep keeps the record of an earlier process that nothing was added to.
	keep func(unit string, text json.RawMessage)

	mu    sync.Mutex
	from  time.Time   // edits before it are not recorded
	holds []hold.Kept // in force at the last look
	leads bool        // what earlier processes recorded was restored
}

// NewHistory begins the record of a process in a pod.
func NewHistory(now func() time.Time, pod string) *History {
	return &History{ring: &timeline.Ring{Now: now}, pod: pod, from: now().Add(-editsBefore)}
}

// KeptIn has the record kept in checkpoints. Without them nothing is recorded.
func (h *History) KeptIn(c *checkpoint.Writer) {
	switch {
	case h == nil:
		return
	case c == nil:
		h.ring = nil
		return
	}
	h.keep = func(unit string, text json.RawMessage) { c.PutLater(checkpoint.History, unit, text) }
	h.ring.Tenant = c.Store.TenantOf
	h.ring.Changed = func(unit string, r timeline.Record, w timeline.Weight) {
		switch {
		case len(r.Entries) == 0:
			c.Delete(checkpoint.History, unit)
		case w == timeline.Urgent:
			c.Put(checkpoint.History, unit, r)
		default:
			c.PutLater(checkpoint.History, unit, r)
		}
	}
}

// Restore takes what earlier processes recorded, and records that this process leads.
func (h *History) Restore(restored checkpoint.Restored) {
	if h == nil {
		return
	}
	for id, text := range restored.Entries {
		if id.Kind != checkpoint.History {
			continue
		}
		if h.keep != nil {
			h.keep(id.Name, text)
		}
		h.ring.RestoreLater(id.Name, len(text), func() (r timeline.Record) {
			if json.Unmarshal(text, &r) != nil {
				return timeline.Record{}
			}
			return r
		})
	}
	text := "became the leader; the leader before it ended in order"
	switch {
	case restored.At.IsZero():
		text = "became the leader; nothing is recorded of one before it"
	case !restored.Complete:
		text = "became the leader; the leader before it did not end in order"
	}
	h.ring.Add(timeline.LeaderUnit, timeline.Entry{Kind: timeline.Leader, By: h.pod, Text: text}, timeline.Normal)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.leads = true; !restored.At.IsZero() {
		h.from = restored.At.Add(-editsBefore)
	}
	kept := []hold.Kept{}
	if text, ok := restored.Entries[checkpoint.ID{Kind: checkpoint.Holds, Name: checkpoint.HoldsName}]; ok &&
		json.Unmarshal(text, &kept) == nil {
		for i := range kept {
			kept[i].Hold.Scope, _ = hold.ParseKey(kept[i].Key)
		}
		h.holds = kept
	}
}

// Called takes a call of AWS that has ended.
func (h *History) Called(ctx context.Context, c awsclient.Call) {
	if h == nil || c.Attempts == 0 || awsclient.IsRead(c.Operation) {
		return
	}
	s, ok := awsclient.SubjectOf(ctx)
	if !ok {
		return
	}
	e := timeline.Entry{Kind: timeline.Call, Text: strings.TrimSpace(c.Operation + " " + s.Text), RequestID: c.RequestID}
	switch {
	case strings.HasSuffix(c.Operation, "egisterTargets"):
		e.Kind = timeline.Targets
	case strings.Contains(c.Operation, "Certificate"):
		e.Kind = timeline.Cert
	}
	if c.Account != "" {
		e.By = "role in account " + c.Account
	}
	e.Namespace = s.Namespace
	weight := timeline.Normal
	if c.Err != nil {
		failed := awsclient.Classify(c.Err)
		e.RequestID = cmp.Or(e.RequestID, failed.RequestID)
		e.Text += ": failed: " + cmp.Or(failed.Code, string(failed.Class))
		weight = timeline.Repeated
	}
	h.ring.Add(s.Unit, e, weight)
}

// Passed takes what a pass over a stack came to.
func (h *History) Passed(p stacks.Passed) {
	if h == nil {
		return
	}
	unit := p.Key.String()
	for _, members := range [][]metav1.Object{p.Input.Members, p.Input.Leaving} {
		for _, o := range members {
			h.edited(unit, o)
		}
	}
	for _, d := range p.Found {
		e := timeline.Entry{Kind: timeline.Drift, Object: d.Object.String(), Namespace: d.Object.Namespace, Text: d.Text}
		if d.Code == diag.DriftCorrected {
			h.ring.Add(unit, e, timeline.Normal)
		}
		if d.Code == diag.DriftReported && !h.ring.Has(unit, e, driftAgain) { // each pass reports it
			h.ring.Add(unit, e, timeline.Repeated)
		}
	}
	if p.Plan == nil || p.Plan.Empty() {
		return
	}
	var steps []timeline.Step
	for _, s := range p.Plan.Steps {
		steps = append(steps, timeline.Step{Namespace: stacks.NamespaceOf(p.Key, s, p.Compiled.Origins),
			Text: stepText(s) + outcomeText(p.Result.Outcomes[s.ID])})
	}
	e := timeline.Entry{Time: p.Began, Kind: timeline.Plan, Text: p.Plan.Summary().String(), Steps: timeline.Steps(steps)}
	if !slices.ContainsFunc(steps, func(s timeline.Step) bool { return s.Namespace != steps[0].Namespace }) {
		e.Namespace = steps[0].Namespace
	}
	h.ring.Add(unit, e, weightOf(p.Result.Count(apply.Done)))
}

// accelerated takes the plan of a GlobalAccelerator that was carried out.
func (h *History) accelerated(o metav1.Object, began time.Time, p *plan.Plan, r account.Result) {
	if h == nil {
		return
	}
	unit := p.Key.String()
	h.edited(unit, o)
	var steps []timeline.Step
	for _, s := range p.Steps {
		steps = append(steps, timeline.Step{Text: stepText(s)})
	}
	for _, d := range r.Problems {
		steps = append(steps, timeline.Step{Namespace: "of failures", Text: "failed: " + d.Text})
	}
	e := timeline.Entry{Time: began, Kind: timeline.Plan, Namespace: o.GetNamespace(), Text: p.Summary().String(),
		Steps: timeline.Steps(steps)}
	if !r.Complete() {
		e.Text += "; not all of it is done"
	}
	h.ring.Add(unit, e, weightOf(r.Done))
}

// weightOf returns the weight of a plan by its number of executed steps. A plan that changed nothing may repeat often.
func weightOf(done int) timeline.Weight {
	if done > 0 {
		return timeline.Urgent
	}
	return timeline.Repeated
}

// edited records the last edit of an object, once.
func (h *History) edited(unit string, o metav1.Object) {
	h.mu.Lock()
	from := h.from
	h.mu.Unlock()
	for _, e := range timeline.LastEdits(owner.Object(o).String(), o) {
		if e.Namespace = o.GetNamespace(); e.Time.After(from) && !h.ring.Knows(unit, e) {
			h.ring.Add(unit, e, timeline.Normal)
		}
	}
}

// held takes the holds of administrators that are in force now.
func (h *History) held(now []hold.Kept) {
	if h == nil {
		return
	}
	h.mu.Lock()
	before, leads := h.holds, h.leads
	if leads {
		h.holds = now
	}
	h.mu.Unlock()
	if !leads {
		return
	}
	for _, k := range now {
		if !has(before, k) {
			h.ring.Add(timeline.LeaderUnit, timeline.Held(k.Hold), timeline.Normal)
		}
	}
	for _, k := range before {
		if !has(now, k) {
			h.ring.Add(timeline.LeaderUnit, timeline.Entry{Kind: timeline.Hold, Object: k.Hold.Scope.String(),
				Text: "the hold has ended, or was changed"}, timeline.Normal)
		}
	}
}

// has reports whether a hold is among others.
func has(all []hold.Kept, k hold.Kept) bool {
	return slices.ContainsFunc(all, func(o hold.Kept) bool {
		return o.Key == k.Key && o.Hold.Until.Equal(k.Hold.Until) && o.Hold.Since.Equal(k.Hold.Since) &&
			o.Hold.Reason == k.Hold.Reason
	})
}

// stepText is a step with its reasons.
func stepText(s plan.Step) string {
	text := string(s.Action) + " " + string(s.Resource.Kind) + " " + cmp.Or(s.Resource.ID, s.Resource.Literal)
	if len(s.Why) > 0 {
		text += " (" + strings.Join(s.Why, "; ") + ")"
	}
	return text
}

// outcomeText is what became of a step.
func outcomeText(o apply.Outcome) string {
	switch o.State {
	case apply.Waiting:
		return ": waits for " + o.On
	case apply.Failed, apply.Prevented:
		// without the id of the request, which differs each time
		return ": " + strings.ToLower(string(o.State)) + ": " + o.Problem.Text
	case apply.Blocked, apply.Done:
	}
	return ": " + strings.ToLower(string(o.State))
}
