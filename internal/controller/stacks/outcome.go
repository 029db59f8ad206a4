package stacks

import (
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
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

// outcome sums up the outcomes of a plan.
type outcome struct {
	found   diag.List
	wait    time.Time // the earliest time at which a waiting step may succeed
	retry   time.Time // the earliest time at which a failed step is worth another attempt that is not sent again before
	err     error     // other failures that a retry may cure
	refused bool
	vital   bool          // a step that holds up the release of objects that leave did not get done
	waiting []diag.Object // members whose resources, or those of all, did not get done
}

func (s *Reconciler) summarize(p *plan.Plan, r apply.Result, origins map[stack.Ref]compile.Origin, w front.Input,
	before *awsop.Observed) outcome {
	var v outcome
	release := holds{w, origins, before}
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
			o.Problem.Text += unprotected(p, step)
			v.found = append(v.found, s.attribute(o.Problem, origins, step, w)...)
			switch {
			case o.Until.IsZero():
				v.err = errors.Join(v.err, fmt.Errorf("%s: %w", step.ID, o.Err))
			case v.retry.IsZero() || o.Until.Before(v.retry):
				v.retry = o.Until
			}
		case apply.Refused:
			o.Problem.Text += unprotected(p, step)
			v.found = append(v.found, s.attribute(o.Problem, origins, step, w)...)
			v.refused = v.refused || o.Problem.Code != diag.DuplicateResource // which waits for an edit
		case apply.Done, apply.Blocked:
		}
	}
	return v
}

// unprotected says what it means that a step failed which protects a load balancer; empty for other steps.
func unprotected(p *plan.Plan, step plan.Step) string {
	if !awsop.Protects(step.Op) {
		return ""
	}
	for _, other := range p.Steps {
		if _, opens := other.Op.(awsop.CreateListener); opens && slices.Contains(other.Needs, step.ID) {
			return "; the load balancer is not opened, because it would serve unprotected"
		}
	}
	return "; the load balancer serves as before, without this protection"
}

// settingOfCode names the setting that a refusal of this code is about, whatever the operation.
var settingOfCode = map[diag.Code]string{
	diag.NameTaken: "Name", diag.InvalidSubnets: "Subnets", diag.SecurityGroupNotFound: "SecurityGroups",
	diag.CertificateNotFound: "Certificates",
	diag.ProtocolRefused:     "Protocol",
}

// mentions are the words of AWS for the part of a new load balancer that it refuses.
var mentions = []struct{ word, setting string }{
	{"subnet", "Subnets"}, {"availability zone", "Subnets"}, {"security group", "SecurityGroups"},
	{"load balancer name", "Name"},
}

// attribute puts a problem of a step on the objects that the step's resource comes from: on the one whose setting it is
// about, if that is known. What a class or a configuration sets is reported there and on the members, or on the routes
// whose target group it is: their authors may not see those.
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
	on := func(o diag.Object, path string) {
		d.Object, d.Path = o, path
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	for _, src := range sourcesOf(d, origin, step.Op) {
		on(src.Object(), src.Path())
		readers := objects
		switch {
		// which the Gateway names, and not its routes
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

// holder names the object of this cluster that has the name that a step would give; empty if none is known to have it.
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

// subject is the resource for whose sake a step is carried out: of a listener aside, the listener that is to change its
// protocol.
func subject(step plan.Step) stack.Ref {
	if p := awsop.ProtocolsOf(step.Op); p.From != "" {
		return stack.Ref{Kind: stack.KindListener, ID: p.Listener}
	}
	return step.Resource
}

// portOf is the port of a listener; 0 = the resource is none.
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

// sourcesOf are the places where what a problem is about was written, as far as that is known.
func sourcesOf(d diag.Diagnostic, origin compile.Origin, op plan.Operation) []intent.Source {
	if d.Class == diag.Transient { // what passes by itself is about no setting
		return nil
	}
	setting := op.About().Setting
	if s, ok := settingOfCode[d.Code]; ok {
		setting = s
	} else if _, ok := op.(awsop.CreateLoadBalancer); ok {
		for _, m := range mentions {
			if setting == "" && strings.Contains(strings.ToLower(d.Text), m.word) {
				setting = m.setting
			}
		}
	}
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

// keysOf are the keys of the attributes or tags that an operation sets: those that a text names, if it names any.
func keysOf(op plan.Operation, text string) []string {
	all := slices.Sorted(maps.Keys(op.About().Values))
	named := slices.DeleteFunc(slices.Clone(all), func(k string) bool { return !strings.Contains(text, k) })
	if len(named) > 0 {
		return named
	}
	return all
}

// membersOf are the members whose settings are not in effect while a step is not done: all of them if it is about what
// they share.
func membersOf(step plan.Step, origins map[stack.Ref]compile.Origin, w front.Input) []diag.Object {
	objects := origins[step.Resource].Objects
	if len(objects) == 0 || step.Resource.Kind == stack.KindLoadBalancer || step.Resource.Kind == stack.KindListener {
		return objectsOf(w.Members)
	}
	return objects
}

// readProblem is the finding, on all objects, of a read that failed: it is about what they share.
func readProblem(err error, w front.Input) diag.List {
	if errors.Is(err, apply.ErrBindingsUndefined) {
		return toAll(apply.BindingsUndefined(), w)
	}
	return toAll(awsclient.Problem("", err), w)
}

// certificatesUnread is the finding on objects that leave why they cannot go yet: what their stack owns in ACM would
// stay for good.
func certificatesUnread(g plan.Guard, w front.Input) diag.List {
	d := diag.New(diag.Object{}, "", g.Code, "the controller cannot tell whether ACM has certificates of it; its "+
		"finalizer stays until they are known to be deleted: "+g.Text, g.Remedy)
	d.RequestID = g.RequestID
	return toAll(d, w)
}

// toAll puts what is about all of a stack on each of its objects.
func toAll(d diag.Diagnostic, w front.Input) diag.List {
	var out diag.List
	for _, o := range objectsOf(slices.Concat(w.Members, w.Leaving)) {
		d.Object = o
		out = append(out, d)
	}
	return out
}
