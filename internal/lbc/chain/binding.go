// Package chain explains TargetGroupBindings and GlobalAccelerators for lbc explain: the chain from the object to its
// resources in AWS.
package chain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

// BindingInput is the input to explain a TargetGroupBinding.
type BindingInput struct {
	Object *v1beta1.TargetGroupBinding // as it is written
	// Completed is its spec with what its target group fills in.
	Completed v1beta1.TargetGroupBindingSpec
	// Stack owns the binding; empty = a user does.
	Stack string
	// Group is the target group as AWS describes it.
	Group BoundGroup
	// Port is that of the Service, and if it is known to which port of the targets it leads, in words.
	Port  string
	State BoundState
	// Endpoints are those of the Service, if the binding is served.
	Endpoints []BoundEndpoint
	// Registered is what AWS has, with its health.
	Registered []RegisteredTarget
	// Own are the keys of the targets that this cluster registered, if clusters share the target group.
	Own []string
	// Register and Deregister are the keys of targets that the controller would register and deregister.
	Register, Deregister []string
	Rules                []BoundRule
	Diagnostics          diag.List
}

// BoundState says how the controller treats a binding.
type BoundState string

// States of bindings.
const (
	BindingServed   BoundState = "served"
	BindingUnserved BoundState = "unserved" // because of what is wrong with it
	BindingUnknown  BoundState = "unknown"  // its endpoints are not known
)

// BoundGroup is the target group of a binding.
type BoundGroup struct {
	Name          string          `json:"name,omitempty"`
	ARN           string          `json:"arn,omitempty"`
	Exists        bool            `json:"exists"`
	Port          int32           `json:"port,omitempty"`
	LoadBalancers []string        `json:"loadBalancers,omitempty"` // ARNs
	Fields        []explain.Field `json:"fields"`
}

// BoundEndpoint is an endpoint of the Service of a binding.
type BoundEndpoint struct {
	Target string `json:"target"` // address or instance, and port
	Pod    string `json:"pod,omitempty"`
	Node   string `json:"node,omitempty"`
	// Why is what keeps the endpoint from being a target; empty = it is one.
	Why        string `json:"why,omitempty"`
	Registered bool   `json:"registered"`
	Health     string `json:"health,omitempty"` // as AWS has it
	Reason     string `json:"reason,omitempty"` // of the health
	// Next is what the controller would do with it: register or deregister.
	Next string `json:"next,omitempty"`
}

// RegisteredTarget is a target that AWS has.
type RegisteredTarget struct {
	Target string `json:"target"`
	Health string `json:"health"`
	Reason string `json:"reason,omitempty"`
	// Why is whose a target may be that is no endpoint of the Service.
	Why string `json:"why,omitempty"`
}

// BoundRule is a rule of a security group that the networking of a binding asks for.
type BoundRule struct {
	Group string `json:"group"`
	Rule  string `json:"rule"` // "tcp 8080 from sg-1"
	Open  bool   `json:"open"`
}

// BoundCondition is a condition of the status of a binding.
type BoundCondition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message,omitempty"`
	// Former: it is of a former version of the spec.
	Former bool `json:"former,omitempty"`
}

// BindingExplanation is a TargetGroupBinding as the chain from its Service to the targets in AWS.
type BindingExplanation struct {
	Object      string          `json:"object"`
	Stack       string          `json:"stack,omitempty"` // absent: a user owns it
	Service     string          `json:"service"`
	Port        string          `json:"port"`
	TargetGroup BoundGroup      `json:"targetGroup"`
	State       BoundState      `json:"state"`
	Endpoints   []BoundEndpoint `json:"endpoints"`
	// Others are targets that AWS has and that are no endpoints of the Service.
	Others     []RegisteredTarget `json:"others"`
	Networking bool               `json:"networking"` // the binding asks for rules
	Rules      []BoundRule        `json:"rules"`
	Conditions []BoundCondition   `json:"conditions"`
	Findings   []explain.Finding  `json:"findings,omitempty"`
}

// Bound explains a TargetGroupBinding.
func Bound(in BindingInput) BindingExplanation {
	o := in.Object
	e := BindingExplanation{
		Object: owner.Object(o).String(), Stack: in.Stack, Service: o.Namespace + "/" + o.Spec.ServiceRef.Name, Port: in.Port,
		TargetGroup: in.Group, State: in.State,
		Endpoints: []BoundEndpoint{}, Others: []RegisteredTarget{}, Networking: o.Spec.Networking != nil,
		Rules: append([]BoundRule{}, in.Rules...), Conditions: []BoundCondition{}, Findings: explain.Findings(in.Diagnostics),
	}
	e.TargetGroup.Fields = in.fields()
	shown := map[string]bool{}
	for _, x := range in.Endpoints {
		if at := slices.IndexFunc(in.Registered, func(r RegisteredTarget) bool { return r.Target == x.Target }); at >= 0 &&
			!shown[x.Target] {
			x.Registered, x.Health, x.Reason = true, in.Registered[at].Health, in.Registered[at].Reason
			shown[x.Target] = true
			if slices.Contains(in.Deregister, x.Target) {
				x.Next = "deregister"
			}
		}
		if x.Why == "" && slices.Contains(in.Register, x.Target) {
			x.Next = "register"
		}
		e.Endpoints = append(e.Endpoints, x)
	}
	for _, r := range in.Registered {
		if !shown[r.Target] {
			r.Why = in.whose(r)
			e.Others = append(e.Others, r)
		}
	}
	for _, c := range o.Status.Conditions {
		e.Conditions = append(e.Conditions, BoundCondition{Type: c.Type, Status: string(c.Status), Reason: c.Reason,
			Message: c.Message, Former: c.ObservedGeneration != o.Generation})
	}
	return e
}

// whose is whose a target may be that is no endpoint of the Service.
func (in *BindingInput) whose(r RegisteredTarget) string {
	switch {
	case strings.HasSuffix(r.Health, "draining"):
		return "no longer an endpoint of the Service: it is deregistered and finishes its requests"
	case slices.Contains(in.Deregister, r.Target):
		return "no longer an endpoint of the Service: the controller deregisters this target"
	case in.Completed.MultiClusterTargetGroup && !slices.Contains(in.Own, r.Target):
		return "another cluster or a user has registered this target: the controller keeps it"
	case in.State != BindingServed:
		return ""
	}
	return "not an endpoint of the Service, or on its former port: the controller keeps this target for now"
}

// fields are what decides about the target group, and where each is declared.
func (in *BindingInput) fields() []explain.Field {
	s, c := &in.Object.Spec, &in.Completed
	const group = "of the target group"
	out := []explain.Field{
		acceleratorField("target group", cmp.Or(c.TargetGroupARN, c.TargetGroupName), s.TargetGroupARN != "",
			"spec.targetGroupARN", "by its name: spec.targetGroupName"),
	}
	add := func(name, value string, declared bool, source string) {
		if value != "" {
			out = append(out, acceleratorField(name, value, declared, source, group))
		}
	}
	add("targets", text(c.TargetType), s.TargetType != nil, "spec.targetType")
	add("protocol", text(c.TargetGroupProtocol), s.TargetGroupProtocol != nil, "spec.targetGroupProtocol")
	add("address type", text(c.IPAddressType), s.IPAddressType != nil, "spec.ipAddressType")
	add("VPC", c.VpcID, s.VpcID != "", "spec.vpcID")
	if s.NodeSelector != nil {
		add("node selector", selector(in.Object), true, "spec.nodeSelector")
	}
	if s.MultiClusterTargetGroup {
		add("shared by clusters", "true", true, "spec.multiClusterTargetGroup")
	}
	if s.IamRoleArnToAssume != "" {
		add("role", s.IamRoleArnToAssume, true, "spec.iamRoleArnToAssume")
	}
	return out
}

func text[T ~string](p *T) string {
	if p == nil {
		return ""
	}
	return string(*p)
}

// selector is a node selector in words.
func selector(o *v1beta1.TargetGroupBinding) string {
	var parts []string
	for k, v := range o.Spec.NodeSelector.MatchLabels {
		parts = append(parts, k+"="+v)
	}
	slices.Sort(parts)
	for _, x := range o.Spec.NodeSelector.MatchExpressions {
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("%s %s %s", x.Key, x.Operator, strings.Join(x.Values, "|"))))
	}
	return cmp.Or(strings.Join(parts, ", "), "all nodes")
}

// Text returns the explanation as text. color adds ANSI colours.
func (e *BindingExplanation) Text(color bool) string {
	t := &explain.Page{Color: color}
	t.Line("%s", t.Bold(e.Object))
	if e.Stack == "" {
		t.Line("  of a user: no stack owns it")
	} else {
		t.Line("  of stack %s, which makes and changes it", e.Stack)
	}
	t.Line("")
	t.Line("%s port %s", t.Bold("Service "+e.Service), e.Port)
	e.endpoints(t)
	t.Line("")
	t.Line("%s%s", t.Bold("Target group "+cmp.Or(e.TargetGroup.Name, e.TargetGroup.ARN)), e.TargetGroup.state())
	t.Fields(e.TargetGroup.Fields)
	for _, lb := range e.TargetGroup.LoadBalancers {
		t.Line("  behind %s", lb)
	}
	if e.TargetGroup.Exists && len(e.TargetGroup.LoadBalancers) == 0 {
		t.Line("  no load balancer forwards to it, so AWS checks no target and no target gets requests")
	}
	e.others(t)
	e.rules(t)
	if len(e.Conditions) > 0 {
		t.Line("")
		t.Line("%s", t.Bold("Conditions"))
	}
	for _, c := range e.Conditions {
		line := fmt.Sprintf("  %s %s %s", c.Type, c.Status, c.Reason)
		if c.Message != "" {
			line += ": " + c.Message
		}
		if c.Former {
			line += " (of a former version of the spec)"
		}
		t.Line("%s", line)
	}
	t.Findings(e.Findings)
	return t.String()
}

func (g *BoundGroup) state() string {
	if g.Exists {
		return ""
	}
	return " (not read from AWS)"
}

func (e *BindingExplanation) endpoints(t *explain.Page) {
	switch {
	case e.State == BindingUnserved:
		t.Line("  the binding is not served: nothing is registered or deregistered for it")
		return
	case e.State == BindingUnknown:
		t.Line("  its endpoints are not known")
		return
	case len(e.Endpoints) == 0:
		t.Line("  no endpoints")
	}
	wide, behind := 0, 0
	for i := range e.Endpoints {
		wide, behind = max(wide, explain.Width(e.Endpoints[i].Target)), max(behind, explain.Width(e.Endpoints[i].behind()))
	}
	for i := range e.Endpoints {
		x := &e.Endpoints[i]
		state := x.state()
		if x.Health == "healthy" && x.Why == "" {
			state = t.Green(state)
		}
		t.Line("  %s  %s  %s", explain.Pad(x.Target, wide), explain.Pad(x.behind(), behind), state)
	}
}

func (x *BoundEndpoint) behind() string {
	switch {
	case x.Pod != "" && x.Node != "":
		return "pod " + x.Pod + " on " + x.Node
	case x.Pod != "":
		return "pod " + x.Pod
	case x.Node != "":
		return "node " + x.Node
	}
	return "no pod"
}

// state is the state of the endpoint, and its health.
func (x *BoundEndpoint) state() string {
	var parts []string
	if x.Why != "" {
		parts = append(parts, "no target: "+x.Why)
	}
	if x.Registered {
		health := cmp.Or(x.Health, "registered")
		if x.Reason != "" {
			health += " (" + x.Reason + ")"
		}
		parts = append(parts, health)
	}
	switch {
	case x.Next != "":
		parts = append(parts, "to be "+x.Next+"ed")
	case x.Why == "" && !x.Registered:
		parts = append(parts, "a target, not registered")
	}
	return strings.Join(parts, "; ")
}

func (e *BindingExplanation) others(t *explain.Page) {
	if len(e.Others) == 0 {
		return
	}
	t.Line("  registered beside the endpoints:")
	for _, r := range e.Others {
		line := "    " + r.Target + " " + r.Health
		if r.Reason != "" {
			line += " (" + r.Reason + ")"
		}
		if r.Why != "" {
			line += ", " + r.Why
		}
		t.Line("%s", line)
	}
}

func (e *BindingExplanation) rules(t *explain.Page) {
	t.Line("")
	t.Line("%s", t.Bold("Rules of security groups"))
	switch {
	case !e.Networking:
		t.Line("  the binding has no spec.networking, so the controller opens nothing for it")
	case len(e.Rules) == 0:
		t.Line("  none is needed, because no endpoint is a target")
	}
	wide := 0
	for _, r := range e.Rules {
		wide = max(wide, explain.Width(r.Rule))
	}
	for _, r := range e.Rules {
		state := t.Green("open")
		if !r.Open {
			state = "to be opened"
		}
		t.Line("  %s  %s  %s", r.Group, explain.Pad(r.Rule, wide), state)
	}
}
