package stacks

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-lbc/lbc/internal/aws/apply"
	"github.com/k8s-lbc/lbc/internal/aws/awsclient"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// outcome is the summary of the outcomes of a plan.
type outcome struct {
	found   diag.List
	wait    time.Time // the earliest time at which a waiting step may succeed
	retry   time.Time // the earliest time of the next attempt of a failed step that has a time
	err     error     // other failures that a retry may cure
	refused bool
	vital   bool          // a step that delays the release of objects that leave is not done
	waiting []diag.Object // members whose resources, or shared resources, are not done
}

func (s *Reconciler) summarize(p *plan.Plan, r apply.Result, origins map[stack.Ref]compile.Origin, w front.Input,
	before *awsop.Observed) outcome {
	var v outcome
	release := delays{w, origins, before}
	for _, step := range p.Steps {
		o := r.Outcomes[step.ID]
		if o.State != apply.Done && step.Lane != plan.Cosmetic {
			v.vital = v.vital || release.by(&step)
			v.waiting = append(v.waiting, membersOf(step, origins, w)...)
		}
		switch o.State {
		case apply.Waiting:
			if v.wait.IsZero() || o.Until.Before(v.wait) {
				v.wait = o.Until
			}
		case apply.Failed:
			o.Problem.Text += unprotected(p, step) + keeps(o.Problem, step.Op)
			v.found = append(v.found, s.attribute(o.Problem, origins, step, w)...)
			switch {
			case o.Until.IsZero():
				v.err = errors.Join(v.err, fmt.Errorf("%s: %w", step.ID, o.Err))
			case v.retry.IsZero() || o.Until.Before(v.retry):
				v.retry = o.Until
			}
		case apply.Prevented:
			o.Problem.Text += unprotected(p, step)
			v.found = append(v.found, s.attribute(o.Problem, origins, step, w)...)
			v.refused = v.refused || o.Problem.Code != diag.DuplicateResource // a duplicate waits for an edit
		case apply.Done, apply.Blocked:
		}
	}
	return v
}

// unprotected says what it means that a protective step failed; empty for other steps.
func unprotected(p *plan.Plan, step plan.Step) string {
	if !awsop.Protects(step.Op) {
		return ""
	}
	for _, other := range p.Steps {
		if _, opens := other.Op.(awsop.CreateListener); opens && slices.Contains(other.Needs, step.ID) {
			return "; until this is fixed, the controller creates no listener, because it would serve unprotected"
		}
	}
	return "; the load balancer serves as before, without this protection"
}

// keeps says what a listener keeps because AWS refuses to change it; empty for other problems.
func keeps(d diag.Diagnostic, op plan.Operation) string {
	what := map[string]string{"SSLPolicy": "TLS policy", "ALPN": "ALPN policy", "Mutual": "verification of clients"}
	if _, ok := op.(awsop.ModifyListener); !ok || d.Class == diag.Transient || what[settingOf(d, op)] == "" {
		return ""
	}
	return "; the listener keeps its former " + what[settingOf(d, op)]
}

// settingOfCode names the setting that a refusal with this code is about, whatever the operation.
var settingOfCode = map[diag.Code]string{
	diag.NameTaken: "Name", diag.InvalidSubnets: "Subnets", diag.SecurityGroupNotFound: "SecurityGroups",
	diag.CertificateNotFound: "Certificates",
	diag.ProtocolRefused:     "Protocol",
}

// mention is AWS's word for the part of a resource that it refuses.
type mention struct{ word, setting string }

// mentions are those of a new load balancer, and of a listener.
var (
	mentions = []mention{{"subnet", "Subnets"}, {"availability zone", "Subnets"}, {"security group", "SecurityGroups"},
		{"load balancer name", "Name"}}
	mentionsOfListener = []mention{{"ssl policy", "SSLPolicy"}, {"sslpolicy", "SSLPolicy"}, {"alpn", "ALPN"},
		{"trust store", "Mutual"}, {"truststore", "Mutual"}}
)

// mentioned is the setting that a text mentions first, or else another one.
func mentioned(all []mention, text, otherwise string) string {
	text = strings.ToLower(text)
	for _, m := range all {
		if strings.Contains(text, m.word) {
			return m.setting
		}
	}
	return otherwise
}

// attribute reports a problem of a step on the objects that the step's resource comes from: on the object whose
// setting it is about, if that is known. A setting of a class or a configuration is reported there, and on the
// members, or on the routes whose target group it concerns, because their authors may not see the class or
// configuration.
func (s *Reconciler) attribute(d diag.Diagnostic, origins map[stack.Ref]compile.Origin, step plan.Step,
	w front.Input) diag.List {
	origin := origins[subject(step)]
	objects := origin.Objects
	if len(objects) == 0 {
		objects = objectsOf(slices.Concat(w.Members, w.Leaving))
	}
	if d.Code == diag.PlanNotApproved || d.Code == diag.TakeoverNotApproved {
		d.Phase = diag.Deploying
		return w.ToApprovers(s.Front.Owner(), d, objects)
	}
	if d.Code == diag.NameTaken && s.Inventory != nil {
		d.Text += s.holder(step)
	}
	d.Phase, d.Port = diag.Deploying, portOf(subject(step))
	var out diag.List
	known := map[diag.Diagnostic]bool{}
	on := func(o diag.Object, path string) {
		d.Object, d.Path = o, path
		if !known[d] {
			known[d] = true
			out = append(out, d)
		}
	}
	for _, src := range sourcesOf(d, origin, step.Op) {
		on(src.Object(), src.Path())
		readers := objects
		switch {
		// the Gateway names it, not its routes
		case src.OfConfiguration() && step.Resource.Kind != stack.KindTargetGroup:
			readers = objectsOf(w.Members)
		case !src.OfClass() && !src.OfConfiguration():
			readers = nil
		}
		for _, o := range readers {
			on(o, src.Place())
		}
	}
	if len(out) == 0 {
		for _, o := range objects {
			on(o, "")
		}
	}
	return out
}

// holder names the object of this cluster that has the name which a step would give; empty = none is known.
func (s *Reconciler) holder(step plan.Step) string {
	name := ""
	switch op := step.Op.(type) {
	case awsop.CreateLoadBalancer:
		name = op.LoadBalancer.Name
	case awsop.CreateTargetGroup:
		name = op.TargetGroup.Name
	}
	key, known := s.Inventory.Holder(step.Resource.Kind, name)
	if name == "" || !known {
		return ""
	}
	return fmt.Sprintf("; %s belongs to %s", name, owner.Named(key))
}

// subject returns the resource for which a step is executed: for a listener aside, the listener whose protocol
// changes.
func subject(step plan.Step) stack.Ref {
	if p := awsop.ProtocolsOf(step.Op); p.From != "" {
		return stack.Ref{Kind: stack.KindListener, ID: p.Listener}
	}
	return step.Resource
}

// portOf returns the port of a listener; 0 = the resource is not a listener.
func portOf(r stack.Ref) int32 {
	if r.Kind != stack.KindListener {
		return 0
	}
	port, err := strconv.ParseInt(r.ID, 10, 32)
	if err != nil {
		return 0
	}
	return int32(port)
}

// settingOf returns the setting that a problem of an operation is about; empty = it is not known.
func settingOf(d diag.Diagnostic, op plan.Operation) string {
	setting := op.About().Setting
	if s, ok := settingOfCode[d.Code]; ok {
		return s
	}
	switch op.(type) {
	case awsop.CreateLoadBalancer:
		return cmp.Or(setting, mentioned(mentions, d.Text, ""))
	case awsop.CreateListener, awsop.ModifyListener:
		return mentioned(mentionsOfListener, d.Text, setting)
	}
	return setting
}

// sourcesOf returns where the settings that a problem is about are declared, as far as it is known.
func sourcesOf(d diag.Diagnostic, origin compile.Origin, op plan.Operation) []intent.Source {
	if d.Class == diag.Transient { // a passing problem is about no setting
		return nil
	}
	setting := settingOf(d, op)
	var out []intent.Source
	for _, key := range keysOf(op, d.Text) {
		if src, ok := origin.Fields[setting+"["+key+"]"]; ok && !slices.Contains(out, src) {
			out = append(out, src)
		}
	}
	if src, ok := origin.Fields[setting]; ok && len(out) == 0 {
		out = append(out, src)
	}
	return out
}

// keysOf returns the keys of the attributes or tags that an operation sets; if a text names some of them, only those.
func keysOf(op plan.Operation, text string) []string {
	all := slices.Sorted(maps.Keys(op.About().Values))
	named := slices.DeleteFunc(slices.Clone(all), func(k string) bool { return !strings.Contains(text, k) })
	if len(named) > 0 {
		return named
	}
	return all
}

// membersOf returns the members whose settings are not in effect while a step is not done: all members, if the step
// is about a shared resource.
func membersOf(step plan.Step, origins map[stack.Ref]compile.Origin, w front.Input) []diag.Object {
	objects := origins[step.Resource].Objects
	if len(objects) == 0 || step.Resource.Kind == stack.KindLoadBalancer || step.Resource.Kind == stack.KindListener {
		return objectsOf(w.Members)
	}
	return objects
}

// NamespaceOf is the namespace of the objects that a step is about. If they are of several, or not known, it is that of
// the stack, which a group has not.
func NamespaceOf(key stack.Key, step plan.Step, origins map[stack.Ref]compile.Origin) string {
	origin := origins[step.Resource]
	all := origin.Objects
	switch {
	case len(all) == 0 && step.Resource.Kind == stack.KindTargetGroup: // it is not in the stack any more
		return cmp.Or(naming.NamespaceOfTargetGroup(step.Resource.ID), key.ID.Namespace)
	case len(all) == 0, slices.ContainsFunc(all, func(o diag.Object) bool { return o.Namespace != all[0].Namespace }):
		return key.ID.Namespace
	}
	part := cmp.Or(origin.Fields["Actions"], origin.Fields["Backend"]) // a route of a Gateway
	return cmp.Or(part.Object().Namespace, all[0].Namespace)
}

// readProblem returns the finding, on all objects, about a failed read.
func readProblem(err error, w front.Input) diag.List {
	if errors.Is(err, apply.ErrBindingsUndefined) {
		return toAll(apply.BindingsUndefined(), w)
	}
	return toAll(awsclient.Problem("", err), w)
}

// certificatesUnread returns the finding on objects that leave why they must stay: otherwise the stack's certificates
// or trust stores would stay in AWS for good.
func certificatesUnread(g plan.Guard, w front.Input) diag.List {
	d := diag.New(diag.Object{}, "", g.Code, "the controller cannot tell whether ACM has certificates for this object; "+
		"its finalizer stays until they are known to be deleted: "+g.Text, g.Remedy)
	d.RequestID = g.RequestID
	return toAll(d, w)
}

// toAll reports a finding about the whole stack on each of its objects.
func toAll(d diag.Diagnostic, w front.Input) diag.List {
	var out diag.List
	for _, o := range objectsOf(slices.Concat(w.Members, w.Leaving)) {
		d.Object = o
		out = append(out, d)
	}
	return out
}
