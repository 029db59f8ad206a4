package reporting

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lib/turns"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
	"github.com/k8s-lbc/lbc/internal/view/timeline"
)

// Bounds of a LoadBalancer object, which keep it well below the size limit of the API server.
const (
	maxRules        = 400
	maxTargetGroups = 200
	maxParts        = 200
	maxFindings     = 50
	maxPlanSteps    = 20
	maxText         = 1024
	maxName         = 253
	maxOwners       = 100
	maxOmitted      = 4000
	// memberBytes bounds the members: most of what etcd accepts of an object.
	memberBytes = 900 << 10
)

// shardPrefix begins the names of objects of the further load balancers of groups.
const shardPrefix = "shard-"

// Member is an object of a stack in the version of a pass.
type Member struct {
	Object     diag.Object
	Generation int64
	// Version is that of Version; empty = not known.
	Version string
}

// Pass is the result of one pass over a stack.
type Pass struct {
	Key stack.Key
	// Labels are those of the members, in their order.
	Labels []map[string]string
	// Members declare the load balancer; without any, the stack is being deleted.
	Members []Member
	// Parts are the routes and ListenerSets of a Gateway.
	Parts []Member
	// Pending are the members and parts whose version of this pass is not in effect though nothing is wrong with
	// themselves.
	Pending []diag.Object
	// Observed is the state of AWS after the pass; nil = not known.
	Observed *awsop.Observed
	// Desired is the desired stack, and Origins are the objects that declare each of its resources. They give the owners
	// of observed resources.
	Desired *stack.Stack
	Origins map[stack.Ref][]diag.Object
	Found   diag.List
	// Summary, Steps and Failed are those of the pass's plan; an empty Summary means that the plan was empty.
	Summary string
	Steps   []timeline.Step
	Failed  bool
	// Waiting are the operations of AWS that the rest of the plan waits for.
	Waiting []string
	// Drifted are the fields that were changed in AWS and stay so, each with its group and the change that is withheld.
	Drifted []string
	// Held says which hold of an administrator concerns the load balancer; empty = none does.
	Held string
	Now  time.Time
}

// ObjectName is the name of the LoadBalancer object of a stack: ingress-NAME, service-NAME, or group-NAME of an
// explicit Ingress group, shard-NAME-N of a further load balancer of a group. One that is too long ends in a hash.
func ObjectName(key stack.Key) string {
	kind := owner.Of(key.Owner)
	prefix := kind.Prefix
	if key.ID.Namespace == "" {
		prefix = kind.GroupPrefix
	}
	if _, n := naming.ShardOf(key.ID); n > 0 && key.Owner == stack.Ingress { // a group may be called NAME-N
		prefix = shardPrefix
	}
	name := prefix + strings.ReplaceAll(key.ID.Name, "_", "-") // of a shortened name
	if len(name) > maxName {
		sum := sha256.Sum256([]byte(name))
		name = strings.TrimRight(name[:maxName-11], "-.") + "-" + hex.EncodeToString(sum[:5])
	}
	return name
}

// KeyOf is the stack that a LoadBalancer object is for, by its status and its name, which is different for each owner;
// ok is false if it is for none.
func KeyOf(o *v1alpha1.LoadBalancer) (key stack.Key, ok bool) {
	for _, k := range owner.Kinds {
		key = stack.Key{Owner: k.Owner, ID: stack.ParseID(o.Status.Stack)}
		if o.Status.Stack != "" && o.Status.Owner == k.Kind && o.Name == ObjectName(key) {
			return key, true
		}
	}
	return stack.Key{}, false
}

// LoadBalancer is the status of a stack after a pass. before is the status of the former pass: fields that a pass does
// not determine are kept, so that equal passes give equal statuses.
func LoadBalancer(p Pass, before v1alpha1.LoadBalancerStatus) v1alpha1.LoadBalancerStatus {
	s := *before.DeepCopy()
	s.Owner, s.Stack = owner.Of(p.Key.Owner).Kind, p.Key.ID.String()
	members, parts := fitting(p.Members), turns.Take(p.Parts, maxParts, func(m Member) string {
		return m.Object.Namespace
	})
	of := standingOf(p)
	s.Members, s.Parts = of.versions(members, before.Members), of.versions(parts, before.Parts)
	s.Omitted = of.omitted(slices.Concat(p.Members, p.Parts), slices.Concat(members, parts))
	if p.Observed != nil {
		observe(&s, p, before)
	}
	if p.Summary != "" {
		s.LastPlan = planOf(p, before.LastPlan)
	}
	s.Findings = nil
	for _, d := range turns.Take(p.Found, maxFindings, func(d diag.Diagnostic) string {
		return d.Object.Namespace
	}) {
		s.Findings = append(s.Findings, findingOf(d))
	}
	if d, ok := worst(p.Found); ok {
		f := findingOf(d)
		if s.LastError == nil || s.LastError.Finding != withRequest(f, s.LastError.RequestID) || !failing(before) {
			s.LastError = &v1alpha1.LastError{Finding: withRequest(f, d.RequestID),
				Time: metav1.NewTime(p.Now.Truncate(time.Second))}
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

// fitting are the members for which an object has room; namespaces take turns.
func fitting(all []Member) (out []Member) {
	size := func(m Member) int {
		return 140 + len(m.Object.Kind) + len(m.Object.Namespace) + len(m.Object.Name) + 2*len(m.Version)
	}
	left := memberBytes
	for _, m := range all {
		left -= size(m)
	}
	if left >= 0 {
		return all
	}
	left = memberBytes
	fits := map[int]bool{}
	for _, at := range turns.Order(all, func(m Member) string { return m.Object.Namespace }) {
		if left -= size(all[at]); left < 0 {
			break
		}
		fits[at] = true
	}
	for at, m := range all {
		if fits[at] {
			out = append(out, m)
		}
	}
	return out
}

// standing says how the members and parts of a pass stand: by sets, as a group may have thousands.
type standing struct{ failed, pending map[diag.Object]bool }

func standingOf(p Pass) standing {
	s := standing{map[diag.Object]bool{}, map[diag.Object]bool{}}
	for _, d := range p.Found {
		if d.Class != diag.Note {
			s.failed[d.Object] = true
		}
	}
	for _, o := range p.Pending {
		s.pending[o] = true
	}
	return s
}

// versions are members, or parts, with what was observed of each and what is in effect.
func (s standing) versions(of []Member, before []v1alpha1.Member) []v1alpha1.Member {
	effective := map[v1alpha1.ObjectReference]string{}
	for i := range before {
		effective[before[i].ObjectReference] = before[i].EffectiveVersion
	}
	var out []v1alpha1.Member
	for _, m := range of {
		member := v1alpha1.Member{
			ObjectReference: reference(m.Object), ObservedGeneration: m.Generation, Accepted: !s.failed[m.Object],
			ObservedVersion: m.Version,
		}
		if member.EffectiveVersion = effective[member.ObjectReference]; member.Accepted && !s.pending[m.Object] {
			member.EffectiveVersion = m.Version
		}
		out = append(out, member)
	}
	return out
}

// omitted are those of all members and parts that are not listed; nil = there are none.
func (s standing) omitted(all, listed []Member) *v1alpha1.OmittedMembers {
	if len(listed) == len(all) {
		return nil
	}
	shown := map[diag.Object]bool{}
	for _, m := range listed {
		shown[m.Object] = true
	}
	out := &v1alpha1.OmittedMembers{}
	for _, m := range all {
		if shown[m.Object] {
			continue
		}
		out.Count++
		if s.failed[m.Object] || s.pending[m.Object] || m.Version == "" {
			continue
		}
		if out.InEffect++; len(out.Versions) < maxOmitted {
			out.Versions = append(out.Versions, OmittedVersion(reference(m.Object), m.Version))
		}
	}
	return out
}

// OmittedVersion identifies a version of an object that a status does not list.
func OmittedVersion(o v1alpha1.ObjectReference, version string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{o.Kind, o.Namespace, o.Name, version}, "\x00")))
	return hex.EncodeToString(sum[:10])
}

// MemberOf is the member that is an object; nil = none is.
func MemberOf(members []v1alpha1.Member, o v1alpha1.ObjectReference) *v1alpha1.Member {
	for i := range members {
		if members[i].ObjectReference == o {
			return &members[i]
		}
	}
	return nil
}

func reference(o diag.Object) v1alpha1.ObjectReference {
	return v1alpha1.ObjectReference{Kind: o.Kind, Namespace: o.Namespace, Name: o.Name}
}

// short truncates a text between characters.
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
	for _, s := range turns.Take(p.Steps, maxPlanSteps, func(s timeline.Step) string { return s.Namespace }) {
		out.Steps = append(out.Steps, short(s.Text, 256))
	}
	if before != nil && before.Summary == out.Summary && before.Result == out.Result &&
		slices.Equal(before.Steps, out.Steps) && out.Result != "Done" {
		return before // the same attempt again: the status keeps the time of the first one
	}
	return out
}

func findingOf(d diag.Diagnostic) v1alpha1.Finding {
	d.RequestID = "" // it changes with every attempt
	return v1alpha1.Finding{Object: reference(d.Object), Code: string(d.Code), Class: string(d.Class), Field: d.Path,
		Message: short(d.Message(), maxText)}
}

// Owners are the owner references by which an object is garbage collected after its last member: to the first members
// in its own namespace.
func Owners(members []Member, namespace, apiVersion string) []metav1.OwnerReference {
	var out []metav1.OwnerReference
	for _, m := range members {
		if m.Object.Namespace == namespace && m.Object.UID != "" && len(out) < maxOwners {
			out = append(out, metav1.OwnerReference{APIVersion: apiVersion, Kind: m.Object.Kind, Name: m.Object.Name,
				UID: types.UID(m.Object.UID)})
		}
	}
	return out
}
