// Package hold reads holds, by which an administrator stops writes to AWS for a time, and decides which load
// balancers they concern. All holds are in one ConfigMap of the controller's namespace, so that only administrators
// can write them. The package decides by its arguments and a clock alone.
package hold

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// ConfigMap is the name of the ConfigMap with the holds, in the namespace of the controller.
const ConfigMap = "aws-lbc-holds"

// Longest is the longest time from now for which lbc sets a hold.
const Longest = 7 * 24 * time.Hour

// longestReason bounds what is shown of a reason and of an author.
const longestReason = 200

// Kinds are the kinds of objects whose load balancer can be held by name.
var Kinds = []string{"gateway", "globalaccelerator", "ingress", "service"}

// Scope is what a hold concerns: everything, all load balancers of one namespace, or that of one object.
type Scope struct {
	Namespace  string // "" = everything
	Kind, Name string // "" = all of the namespace; Kind is in lower case
}

// Hold is one hold. Its JSON form, without the scope, is the value of its entry.
type Hold struct {
	Scope  Scope     `json:"-"`
	Until  time.Time `json:"until"`
	Since  time.Time `json:"since,omitzero"`
	Reason string    `json:"reason"`
	By     string    `json:"by,omitempty"`
}

// Problem is an entry that cannot be read.
type Problem struct {
	Key  string
	Text string
}

// All reports whether a scope is everything.
func (s Scope) All() bool { return s.Namespace == "" }

// String names a scope for people.
func (s Scope) String() string {
	switch {
	case s.All():
		return "all load balancers"
	case s.Kind == "":
		return "namespace " + s.Namespace
	}
	return s.Kind + "/" + s.Namespace + "/" + s.Name
}

// Key returns the key of a scope in the ConfigMap.
func (s Scope) Key() string {
	switch {
	case s.All():
		return "all"
	case s.Kind == "":
		return "namespace." + s.Namespace
	}
	return "stack." + s.Kind + "." + s.Namespace + "." + s.Name
}

// ParseKey returns the scope of a key of the ConfigMap. Namespaces have no dots; names may have some.
func ParseKey(key string) (Scope, error) {
	kind, rest, _ := strings.Cut(key, ".")
	switch {
	case key == "all":
		return Scope{}, nil
	case kind == "namespace" && rest != "" && !strings.Contains(rest, "."):
		return Scope{Namespace: rest}, nil
	case kind == "stack":
		if parts := strings.SplitN(rest, ".", 3); len(parts) == 3 {
			return newStack(parts)
		}
	}
	return Scope{}, errors.New("the key is neither all, namespace.NAMESPACE nor stack.KIND.NAMESPACE.NAME")
}

// ParseStack reads the scope of the load balancer of an object, KIND/NAMESPACE/NAME.
func ParseStack(text string) (Scope, error) {
	parts := strings.Split(text, "/")
	if len(parts) != 3 {
		return Scope{}, fmt.Errorf("%q is not KIND/NAMESPACE/NAME, such as ingress/shop/web", text)
	}
	parts[0] = strings.ToLower(parts[0])
	return newStack(parts)
}

func newStack(parts []string) (Scope, error) {
	if !slices.Contains(Kinds, parts[0]) {
		return Scope{}, fmt.Errorf("%q is none of the kinds %s", parts[0], strings.Join(Kinds, ", "))
	}
	if parts[1] == "" || parts[2] == "" {
		return Scope{}, errors.New("namespace and name must not be empty")
	}
	return Scope{Kind: parts[0], Namespace: parts[1], Name: parts[2]}, nil
}

// Value returns the value of a hold's entry.
func (h Hold) Value() string {
	text, err := json.Marshal(h)
	if err != nil { // a time beyond the year 9999
		return ""
	}
	return string(text)
}

// Text says until when a hold lasts, and why.
func (h Hold) Text() string {
	text := "until " + h.Until.UTC().Format(time.RFC3339)
	if h.By != "" {
		text += ", set by " + h.By
	}
	return text + ": " + h.Reason
}

// concerns reports whether a hold concerns a load balancer by its objects. A hold of a namespace concerns a load
// balancer only if all its objects are of the namespace: whoever shares a group with the namespace is not held.
func (h Hold) concerns(objects []diag.Object) bool {
	switch {
	case h.Scope.All():
		return true
	case h.Scope.Kind != "":
		return slices.ContainsFunc(objects, func(o diag.Object) bool {
			return strings.EqualFold(o.Kind, h.Scope.Kind) && o.Namespace == h.Scope.Namespace && o.Name == h.Scope.Name
		})
	}
	return len(objects) > 0 && !slices.ContainsFunc(objects, func(o diag.Object) bool {
		return o.Namespace != h.Scope.Namespace
	})
}

// Parse reads the entries of the ConfigMap, each by itself, sorted by key.
func Parse(data map[string]string) (holds []Hold, problems []Problem) {
	for _, key := range slices.Sorted(maps.Keys(data)) {
		h, err := parse(key, data[key])
		if err != nil {
			problems = append(problems, Problem{Key: key, Text: err.Error()})
			continue
		}
		holds = append(holds, h)
	}
	return holds, problems
}

func parse(key, value string) (Hold, error) {
	scope, err := ParseKey(key)
	if err != nil {
		return Hold{}, err
	}
	var h Hold
	d := json.NewDecoder(strings.NewReader(value))
	d.DisallowUnknownFields() // a misspelt "until" must not pass for none
	switch err := d.Decode(&h); {
	case err != nil:
		return Hold{}, errors.New(`the value is not of the form {"until": "2026-01-31T15:04:05Z", "reason": "…"}`)
	case d.More():
		return Hold{}, errors.New("the value has more than one JSON object")
	case h.Until.IsZero():
		return Hold{}, errors.New("the value has no until")
	}
	h.Scope, h.Reason, h.By = scope, bounded(h.Reason), bounded(h.By)
	h.Until, h.Since = h.Until.UTC(), h.Since.UTC() // so that equal holds are equal values
	return h, nil
}

// bounded is a text in one line, cut to what is shown of it.
func bounded(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > longestReason {
		return string(r[:longestReason-1]) + "…"
	}
	return s
}

// remedy is what an administrator does about a hold.
const remedy = "wait until the hold ends; lbc hold lists the holds, and lbc hold --end ends one"

// Note says on an object that its load balancer is held.
func (h Hold) Note(o diag.Object) diag.Diagnostic {
	return diag.New(o, "", diag.OnHold, fmt.Sprintf("an administrator holds %s %s; targets are still registered and "+
		"deregistered, nothing else is written to AWS", h.Scope, h.Text()), remedy)
}

// Guard refuses what a hold keeps from being written. would says what that is; empty = it is not said.
func (h Hold) Guard(would string) plan.Guard {
	text := fmt.Sprintf("an administrator holds %s %s; the controller does not write this to AWS until the hold "+
		"ends", h.Scope, h.Text())
	if would != "" {
		text += ": " + would
	}
	return plan.Guard{Code: diag.PlanOnHold, Text: text, Remedy: remedy}
}

// Guard refuses an operation for a stack that is held at this moment; nil = it may be sent. Targets may be registered
// and deregistered.
func (b *Book) Guard(key stack.Key, op plan.Operation) *plan.Guard {
	switch op.(type) {
	case awsop.RegisterTargets, awsop.DeregisterTargets:
		return nil
	}
	if h := b.OfKey(key); h != nil {
		g := h.Guard("")
		return &g
	}
	return nil
}
