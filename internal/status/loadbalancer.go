package status

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// Bounds of a LoadBalancer object, so that it never comes near the size that the API server admits.
const (
	maxRules        = 400
	maxTargetGroups = 200
	maxFindings     = 50
	maxPlanSteps    = 20
	maxText         = 1024
	maxName         = 253
)

// Member is an object of a stack as a pass saw it.
type Member struct {
	Object     diag.Object
	Generation int64
}

// Pass is what one pass over a stack found and did.
type Pass struct {
	Key stack.Key
	// Members ask for the load balancer; without any, the stack is being deleted.
	Members []Member
	// Observed is what AWS holds after the pass; nil = not known.
	Observed *plan.Observed
	// Desired is the wish, and Origins are the objects behind each of its resources; they tell the owners of what AWS holds.
	Desired *stack.Stack
	Origins map[stack.Ref][]diag.Object
	Found   diag.List
	// Summary, Steps and Failed are of the pass's plan; an empty Summary means that there was nothing to do.
	Summary string
	Steps   []string
	Failed  bool
	// Waiting tells what AWS has to finish before the rest of the plan can go on; empty = nothing.
	Waiting []string
	Now     time.Time
}

// ObjectName is the name of the LoadBalancer object of a stack: ingress-NAME, service-NAME, or group-NAME of an explicit Ingress
// group. One that is too long ends in a hash.
func ObjectName(key stack.Key) string {
	prefix := "ingress-"
	switch {
	case key.Owner == stack.Service:
		prefix = "service-"
	case key.ID.Namespace == "":
		prefix = "group-"
	}
	name := prefix + key.ID.Name
	if len(name) > maxName {
		sum := sha256.Sum256([]byte(name))
		name = strings.TrimRight(name[:maxName-11], "-.") + "-" + hex.EncodeToString(sum[:5])
	}
	return name
}

// OwnerKind is the kind of the members of an owner's stacks.
func OwnerKind(o stack.Owner) string {
	if o == stack.Service {
		return "Service"
	}
	return "Ingress"
}

// KeyOf is the stack that a status is about; ok is false if it does not tell.
func KeyOf(s v1alpha1.LoadBalancerStatus) (key stack.Key, ok bool) {
	switch s.Owner {
	case "Service":
		key.Owner = stack.Service
	case "Ingress":
		key.Owner = stack.Ingress
	default:
		return stack.Key{}, false
	}
	if ns, name, two := strings.Cut(s.Stack, "/"); two {
		key.ID = stack.ID{Namespace: ns, Name: name}
	} else {
		key.ID = stack.ID{Name: s.Stack}
	}
	return key, s.Stack != ""
}

// LoadBalancer is the status of a stack after a pass. before is the one of the pass before: what a pass does not learn anew is
// taken over, so that equal passes give equal statuses.
func LoadBalancer(p Pass, before v1alpha1.LoadBalancerStatus) v1alpha1.LoadBalancerStatus {
	s := *before.DeepCopy()
	s.Owner, s.Stack = OwnerKind(p.Key.Owner), p.Key.ID.String()
	s.Members = membersOf(p)
	if p.Observed != nil {
		observe(&s, p, before)
	}
	if p.Summary != "" {
		s.LastPlan = planOf(p, before.LastPlan)
	}
	s.Findings = nil
	for _, d := range p.Found {
		if len(s.Findings) < maxFindings {
			s.Findings = append(s.Findings, findingOf(d))
		}
	}
	if d, ok := worst(p.Found); ok {
		f := findingOf(d)
		if s.LastError == nil || s.LastError.Finding != withRequest(f, s.LastError.RequestID) || !failing(before) {
			s.LastError = &v1alpha1.LastError{Finding: withRequest(f, d.RequestID), Time: metav1.NewTime(p.Now.Truncate(time.Second))}
		}
	}
	conditions(&s, p)
	return s
}

func withRequest(f v1alpha1.Finding, id string) v1alpha1.Finding {
	f.RequestID = id
	return f
}

func failing(s v1alpha1.LoadBalancerStatus) bool {
	return slices.ContainsFunc(s.Findings, func(f v1alpha1.Finding) bool { return f.Class != string(diag.Note) })
}

func membersOf(p Pass) []v1alpha1.Member {
	var out []v1alpha1.Member
	for _, m := range p.Members {
		bad := slices.ContainsFunc(p.Found, func(d diag.Diagnostic) bool { return d.Object == m.Object && d.Class != diag.Note })
		out = append(out, v1alpha1.Member{ObjectReference: reference(m.Object), ObservedGeneration: m.Generation, Accepted: !bad})
	}
	return out
}

func reference(o diag.Object) v1alpha1.ObjectReference {
	return v1alpha1.ObjectReference{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}
}

// observe fills in what AWS holds.
func observe(s *v1alpha1.LoadBalancerStatus, p Pass, before v1alpha1.LoadBalancerStatus) {
	s.Name, s.ARN, s.DNSName, s.HostedZoneID, s.Type, s.Scheme, s.State, s.OtherARNs = "", "", "", "", "", "", "", nil
	var main *plan.LoadBalancer
	for i := range p.Observed.LoadBalancers {
		lb := &p.Observed.LoadBalancers[i]
		if main == nil || rank(lb) < rank(main) {
			main = lb
		}
	}
	for i := range p.Observed.LoadBalancers {
		if lb := &p.Observed.LoadBalancers[i]; lb != main {
			s.OtherARNs = append(s.OtherARNs, lb.ARN)
		}
	}
	slices.Sort(s.OtherARNs)
	if main != nil {
		s.Name, s.ARN, s.DNSName, s.HostedZoneID = main.Name, main.ARN, strings.ToLower(main.DNSName), main.HostedZone
		s.Type, s.Scheme, s.State = string(main.Type), main.Scheme, main.State
	}
	rulesPerListener := map[string]int32{}
	ports := map[string]int32{}
	s.Listeners, s.Rules, s.TargetGroups = nil, nil, nil
	for _, r := range p.Observed.Rules {
		rulesPerListener[r.Listener.Literal]++
	}
	for _, l := range p.Observed.Listeners {
		ports[l.ARN] = l.Port
		s.Listeners = append(s.Listeners, v1alpha1.ListenerStatus{Port: l.Port, Protocol: l.Protocol, ARN: l.ARN, Rules: rulesPerListener[l.ARN]})
	}
	slices.SortFunc(s.Listeners, func(a, b v1alpha1.ListenerStatus) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.ARN, b.ARN))
	})
	byMatch := map[string]string{} // by content and not by tag: rules move without being tagged anew
	if p.Desired != nil {
		for _, r := range slices.Backward(p.Desired.Rules) { // of equal ones the first counts
			byMatch[ruleKey(r.Listener.ID, r.Conditions)] = r.ID
		}
	}
	for _, r := range p.Observed.Rules {
		port := ports[r.Listener.Literal]
		id, wanted := byMatch[ruleKey(strconv.Itoa(int(port)), r.Conditions)]
		if !wanted {
			id = r.ID
		}
		s.Rules = append(s.Rules, v1alpha1.RuleStatus{
			Port: port, Priority: r.Priority, ARN: r.ARN, Match: short(matchOf(r.Conditions), 256), Owner: ownerOf(p, stack.KindRule, id),
		})
	}
	slices.SortFunc(s.Rules, func(a, b v1alpha1.RuleStatus) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.ARN, b.ARN))
	})
	s.Rules = s.Rules[:min(len(s.Rules), maxRules)]
	for _, tg := range p.Observed.TargetGroups {
		g := v1alpha1.TargetGroupStatus{Name: tg.Name, ARN: tg.ARN, Owner: ownerOf(p, stack.KindTargetGroup, tg.ID)}
		for _, old := range before.TargetGroups {
			if old.ARN == tg.ARN {
				g.Targets = old.Targets
			}
		}
		s.TargetGroups = append(s.TargetGroups, g)
	}
	slices.SortFunc(s.TargetGroups, func(a, b v1alpha1.TargetGroupStatus) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ARN, b.ARN))
	})
	s.TargetGroups = s.TargetGroups[:min(len(s.TargetGroups), maxTargetGroups)]
	s.Targets = sum(s.TargetGroups)
}

// rank puts first the load balancer that members show: the stack's own one, and of two of it the active one.
func rank(lb *plan.LoadBalancer) int {
	n := 0
	if lb.ID != stack.LoadBalancerIdentity {
		n += 2
	}
	if lb.State != "active" {
		n++
	}
	return n
}

func ownerOf(p Pass, kind stack.Kind, id string) *v1alpha1.ObjectReference {
	objects := p.Origins[stack.Ref{Kind: kind, ID: id}]
	if len(objects) == 0 {
		return nil
	}
	r := reference(objects[0])
	return &r
}

// matchOf is a rule's conditions in a few words.
func matchOf(conditions []stack.Condition) string {
	var parts []string
	for _, c := range conditions {
		values := slices.Sorted(slices.Values(slices.Concat(c.Values, c.Regex)))
		for _, q := range c.Query {
			values = append(values, strings.TrimPrefix(q.Key+"="+q.Value, "="))
		}
		field := string(c.Field)
		if c.HeaderName != "" {
			field += " " + c.HeaderName
		}
		parts = append(parts, field+": "+strings.Join(values, " | "))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

// ruleKey tells rules of one load balancer apart by what they match.
func ruleKey(port string, conditions []stack.Condition) string {
	return port + " " + matchOf(conditions)
}

// short cuts a text, between characters.
func short(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit-len("…")], "") + "…"
}

func planOf(p Pass, before *v1alpha1.PlanStatus) *v1alpha1.PlanStatus {
	out := &v1alpha1.PlanStatus{Time: metav1.NewTime(p.Now.Truncate(time.Second)), Summary: p.Summary, Result: "Done"}
	switch {
	case p.Failed:
		out.Result = "Failed"
	case len(p.Waiting) > 0:
		out.Result = "Waiting"
	}
	for _, step := range p.Steps[:min(len(p.Steps), maxPlanSteps)] {
		out.Steps = append(out.Steps, short(step, 256))
	}
	if before != nil && before.Summary == out.Summary && before.Result == out.Result && slices.Equal(before.Steps, out.Steps) && out.Result != "Done" {
		return before // the same attempt again: when it began says more than when it was last repeated
	}
	return out
}

func findingOf(d diag.Diagnostic) v1alpha1.Finding {
	d.RequestID = "" // it differs with every attempt
	return v1alpha1.Finding{Object: reference(d.Object), Code: string(d.Code), Class: string(d.Class), Field: d.Path, Message: short(d.Message(), maxText)}
}

// worst is the finding that conditions show: one that waits for an edit before one that may pass by itself.
func worst(found diag.List) (diag.Diagnostic, bool) {
	var out diag.Diagnostic
	for _, d := range found {
		if d.Class == diag.Note {
			continue
		}
		if stalled(d) {
			return d, true
		}
		if out.Code == "" {
			out = d
		}
	}
	return out, out.Code != ""
}

// stalled reports that only an edit cures a finding.
func stalled(d diag.Diagnostic) bool {
	return d.Class == diag.Invalid || d.Class == diag.Conflict || d.Class == diag.NotFound
}

// conditions tells how things are. Ready follows the conventions of kstatus: Reconciling and Stalled are True only while they
// have something to say.
func conditions(s *v1alpha1.LoadBalancerStatus, p Pass) {
	ready := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonReconciled, Message: "everything that was declared is in effect"}
	working := metav1.Condition{Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNotReconciling}
	stuck := metav1.Condition{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonNotStalled}
	serving := servingOf(s)
	busy := func(reason, message string) {
		ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, reason, message
		working.Status, working.Reason, working.Message = metav1.ConditionTrue, reason, message
	}
	d, bad := worst(p.Found)
	message := ""
	if bad {
		message = short(d.Object.String()+": "+findingOf(d).Message, maxText)
	}
	switch {
	case bad && stalled(d):
		ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, string(d.Code), message
		stuck.Status, stuck.Reason, stuck.Message = metav1.ConditionTrue, string(d.Code), message
	case bad:
		busy(string(d.Code), message)
		working.Reason = v1alpha1.ReasonRetrying
	case len(p.Members) == 0:
		busy(v1alpha1.ReasonDeleting, "nothing asks for the load balancer any more"+waitText(p))
	case len(p.Waiting) > 0:
		busy(v1alpha1.ReasonWaiting, "AWS has to finish first"+waitText(p))
	case serving.Reason == v1alpha1.ReasonFailed:
		busy(v1alpha1.ReasonFailed, serving.Message)
	case serving.Status != metav1.ConditionTrue:
		busy(serving.Reason, serving.Message)
	}
	for _, c := range []metav1.Condition{ready, serving, working, stuck} {
		setCondition(&s.Conditions, c, p.Now)
	}
}

func waitText(p Pass) string {
	if len(p.Waiting) == 0 {
		return ""
	}
	return ": " + short(strings.Join(p.Waiting, "; "), maxText/2)
}

func servingOf(s *v1alpha1.LoadBalancerStatus) metav1.Condition {
	c := metav1.Condition{Type: v1alpha1.ConditionServing, Status: metav1.ConditionFalse, Message: "the load balancer is " + s.State}
	switch s.State {
	case "active", "active_impaired":
		c.Status, c.Reason = metav1.ConditionTrue, v1alpha1.ReasonActive
	case "failed":
		c.Reason = v1alpha1.ReasonFailed
	case "":
		c.Reason, c.Message = v1alpha1.ReasonNoLoadBalancer, "there is no load balancer yet"
	default:
		c.Reason = v1alpha1.ReasonProvisioning
	}
	return c
}

// setCondition replaces a condition; its time is that of the last change of its status.
func setCondition(all *[]metav1.Condition, c metav1.Condition, now time.Time) {
	c.LastTransitionTime = metav1.NewTime(now.Truncate(time.Second))
	for i, old := range *all {
		if old.Type != c.Type {
			continue
		}
		if old.Status == c.Status {
			c.LastTransitionTime = old.LastTransitionTime
		}
		(*all)[i] = c
		return
	}
	*all = append(*all, c)
}

// Count counts the targets of a group by state, as AWS spells states.
func Count(states []string, now time.Time) v1alpha1.TargetCounts {
	c := v1alpha1.TargetCounts{ObservedTime: metav1.NewTime(now.Truncate(time.Second))}
	for _, s := range states {
		c.Total++
		switch s {
		case "healthy":
			c.Healthy++
		case "unhealthy":
			c.Unhealthy++
		case "initial":
			c.Initial++
		case "draining", "unhealthy.draining":
			c.Draining++
		default:
			c.Other++
		}
	}
	return c
}

// WithTargets takes new counts over; changed is false if a status says so already, or has no such target group.
func WithTargets(s v1alpha1.LoadBalancerStatus, arn string, c v1alpha1.TargetCounts) (out v1alpha1.LoadBalancerStatus, changed bool) {
	for i, g := range s.TargetGroups {
		if g.ARN != arn {
			continue
		}
		if g.Targets != nil {
			same := c
			same.ObservedTime = g.Targets.ObservedTime
			if same == *g.Targets {
				return s, false
			}
		}
		out = *s.DeepCopy()
		out.TargetGroups[i].Targets = &c
		out.Targets = sum(out.TargetGroups)
		return out, true
	}
	return s, false
}

// sum is "healthy/total" over all groups that were asked about; draining targets are on their way out and do not count.
func sum(groups []v1alpha1.TargetGroupStatus) string {
	healthy, total, known := 0, 0, false
	for _, g := range groups {
		if g.Targets != nil {
			known = true
			healthy += int(g.Targets.Healthy)
			total += int(g.Targets.Total - g.Targets.Draining)
		}
	}
	if !known {
		return ""
	}
	return strconv.Itoa(healthy) + "/" + strconv.Itoa(total)
}

// Owners are the references by which an object is collected with the last of its members: those in its own namespace.
func Owners(members []Member, namespace, apiVersion string) []metav1.OwnerReference {
	var out []metav1.OwnerReference
	for _, m := range members {
		if m.Object.Namespace == namespace && m.Object.UID != "" {
			out = append(out, metav1.OwnerReference{APIVersion: apiVersion, Kind: m.Object.Kind, Name: m.Object.Name, UID: types.UID(m.Object.UID)})
		}
	}
	return out
}
