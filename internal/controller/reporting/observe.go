package reporting

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1alpha1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/lib/turns"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// observe fills in the observed state of AWS.
func observe(s *v1alpha1.LoadBalancerStatus, p Pass, before v1alpha1.LoadBalancerStatus) {
	forward := newForwards(p.Observed, p.Desired)
	observeLoadBalancers(s, p.Observed.LoadBalancers)
	observeListeners(s, p, forward)
	observeRules(s, p, before.Rules, forward)
	observeTargetGroups(s, p, before.TargetGroups)
	countTargets(s)
}

// observeLoadBalancers shows the main load balancer of a stack, and the ARNs of others.
func observeLoadBalancers(s *v1alpha1.LoadBalancerStatus, all []awsop.LoadBalancer) {
	s.Name, s.ARN, s.DNSName, s.HostedZoneID, s.Type, s.Scheme, s.State, s.OtherARNs = "", "", "", "", "", "", "", nil
	var main *awsop.LoadBalancer
	for i := range all {
		if lb := &all[i]; main == nil || rank(lb) < rank(main) {
			main = lb
		}
	}
	for i := range all {
		if lb := &all[i]; lb != main {
			s.OtherARNs = append(s.OtherARNs, lb.ARN)
		}
	}
	slices.Sort(s.OtherARNs)
	if main != nil {
		s.Name, s.ARN, s.DNSName, s.HostedZoneID = main.Name, main.ARN, strings.ToLower(main.DNSName), main.HostedZone
		s.Type, s.Scheme, s.State = string(main.Type), main.Scheme, main.State
	}
}

func observeListeners(s *v1alpha1.LoadBalancerStatus, p Pass, forward forwards) {
	rules := map[string]int32{} // by listener
	for _, r := range p.Observed.Rules {
		rules[r.Listener.Literal]++
	}
	s.Listeners = nil
	for _, l := range p.Observed.Listeners {
		s.Listeners = append(s.Listeners, v1alpha1.ListenerStatus{
			Port: l.Port, Protocol: l.Protocol, ARN: l.ARN, Rules: rules[l.ARN], Forward: forward.of(l.DefaultActions),
		})
	}
	slices.SortFunc(s.Listeners, func(a, b v1alpha1.ListenerStatus) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.ARN, b.ARN))
	})
}

func observeRules(s *v1alpha1.LoadBalancerStatus, p Pass, before []v1alpha1.RuleStatus, forward forwards) {
	ports := map[string]int32{}
	for _, l := range p.Observed.Listeners {
		ports[l.ARN] = l.Port
	}
	byMatch := map[string]string{} // by content and not by tag, since moved rules keep their tags
	if p.Desired != nil {
		for _, r := range slices.Backward(p.Desired.Rules) { // of equal rules the first one applies
			byMatch[ruleKey(r.Listener.ID, r.Conditions)] = r.ID
		}
	}
	s.Rules = nil
	for _, r := range p.Observed.Rules {
		port := ports[r.Listener.Literal]
		id, wanted := byMatch[ruleKey(strconv.Itoa(int(port)), r.Conditions)]
		if !wanted {
			id = r.ID
		}
		owner := ownerOf(p, stack.KindRule, id)
		s.Rules = append(s.Rules, v1alpha1.RuleStatus{
			Port: port, Priority: r.Priority, ARN: r.ARN, Match: short(stack.ConditionsText(r.Conditions), 256), Owner: owner,
			ObservedGeneration: generationOf(p, owner, before, r.ARN), Forward: forward.of(r.Actions),
		})
	}
	slices.SortFunc(s.Rules, func(a, b v1alpha1.RuleStatus) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.ARN, b.ARN))
	})
	s.Rules = turns.Take(s.Rules, maxRules, func(r v1alpha1.RuleStatus) string { return namespaceOf(r.Owner) })
}

// observeTargetGroups keeps the targets that were counted before.
func observeTargetGroups(s *v1alpha1.LoadBalancerStatus, p Pass, before []v1alpha1.TargetGroupStatus) {
	s.TargetGroups = nil
	for _, tg := range p.Observed.TargetGroups {
		g := v1alpha1.TargetGroupStatus{Name: tg.Name, ARN: tg.ARN, Owner: ownerOf(p, stack.KindTargetGroup, tg.ID)}
		for _, old := range before {
			if old.ARN == tg.ARN {
				g.Targets = old.Targets
			}
		}
		s.TargetGroups = append(s.TargetGroups, g)
	}
	slices.SortFunc(s.TargetGroups, func(a, b v1alpha1.TargetGroupStatus) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ARN, b.ARN))
	})
	s.TargetGroups = turns.Take(s.TargetGroups, maxTargetGroups, func(g v1alpha1.TargetGroupStatus) string {
		return namespaceOf(g.Owner)
	})
}

// namespaceOf is the namespace of an owner; empty = it is not known.
func namespaceOf(owner *v1alpha1.ObjectReference) string {
	if owner == nil {
		return ""
	}
	return owner.Namespace
}

// generationOf is the generation of its owner that a rule carries out: that of the pass if all of it is in effect, or
// else that of the pass before.
func generationOf(p Pass, owner *v1alpha1.ObjectReference, before []v1alpha1.RuleStatus, arn string) int64 {
	if owner != nil && !p.Failed && len(p.Waiting) == 0 {
		for _, m := range p.Members {
			if reference(m.Object) == *owner && !fails(m.Object, p.Found) {
				return m.Generation
			}
		}
	}
	for _, r := range before {
		if r.ARN == arn && owner != nil && r.Owner != nil && *r.Owner == *owner {
			return r.ObservedGeneration
		}
	}
	return 0
}

// forwards are target groups, by ARN, as places that forward to them show them.
type forwards map[string]v1alpha1.ForwardStatus

func newForwards(o *awsop.Observed, desired *stack.Stack) forwards {
	bindings := map[string]stack.Binding{} // by identity of the target group
	if desired != nil {
		for _, b := range desired.Bindings {
			bindings[b.ID] = b
		}
	}
	out := make(forwards, len(o.TargetGroups))
	for _, g := range o.TargetGroups {
		f := v1alpha1.ForwardStatus{TargetGroup: g.Name}
		if b, ok := bindings[g.ID]; ok {
			f.Service, f.ServicePort = &v1alpha1.ObjectReference{Kind: "Service", Namespace: b.Namespace, Name: b.ServiceName},
				b.ServicePort
		}
		out[g.ARN] = f
	}
	return out
}

// of is where actions forward to, by name of the target group. One that is not of the stack has its ARN for a name.
func (all forwards) of(actions []stack.Action) (out []v1alpha1.ForwardStatus) {
	for _, a := range actions {
		if a.Forward == nil {
			continue
		}
		for _, t := range a.Forward.TargetGroups {
			f, ok := all[t.TargetGroup.Literal]
			if !ok {
				f.TargetGroup = t.TargetGroup.Literal
			}
			if f.Weight = 1; t.Weight != nil {
				f.Weight = *t.Weight
			}
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b v1alpha1.ForwardStatus) int { return cmp.Compare(a.TargetGroup, b.TargetGroup) })
	return out
}

// rank orders the load balancers of a stack: its own one before a frontend, and active ones first. The first one is in
// the status.
func rank(lb *awsop.LoadBalancer) int {
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

// ruleKey identifies a rule of a load balancer by its port and conditions.
func ruleKey(port string, conditions []stack.Condition) string {
	return port + " " + stack.ConditionsText(conditions)
}

// classAnnotation selects the class of an Ingress without spec.ingressClassName. It is not in the table of annotations.
const classAnnotation = "kubernetes.io/ingress.class"

// Version identifies what users wrote of an object: its spec and the annotations that the controller reads. Kubernetes
// counts neither edits of annotations nor those of Services in the generation, and the controller's own writes change
// the resource version.
func Version(o metav1.Object) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s\x00%t\x00%s\x00", o.GetUID(), o.GetDeletionTimestamp() != nil, SpecOf(o))
	for _, key := range slices.Sorted(maps.Keys(o.GetAnnotations())) {
		if readsAnnotation(key) {
			_, _ = fmt.Fprintf(h, "%s\x00%s\x00", key, o.GetAnnotations()[key])
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// SpecOf identifies the spec of an object: by its generation if the API server counts one, as it does not for Services.
func SpecOf(o metav1.Object) string {
	if generation := o.GetGeneration(); generation > 0 {
		return strconv.FormatInt(generation, 10)
	}
	var parts struct {
		Spec json.RawMessage `json:"spec"`
	}
	text, err := json.Marshal(o)
	if err != nil || json.Unmarshal(text, &parts) != nil {
		return ""
	}
	return string(parts.Spec)
}

// readsAnnotation reports whether users set an annotation for the controller. Those that the controller writes itself
// do not count: a Gateway's construction of rules is written by its first pass.
func readsAnnotation(key string) bool {
	e, ok := annotation.Lookup(annotation.Key(key))
	return key == classAnnotation || ok && e.Scope != annotation.Written && e.Key != annotation.GatewayRuleConstruction
}
