package service

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/k8s-lbc/lbc/internal/annotation"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front/serviceport"
	"github.com/k8s-lbc/lbc/internal/intent"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/stack"
)

// forward is the action of a listener: a forward to the port's own target group and to those of its actions annotation.
// It is nil if a target group is invalid, which is reported.
func (t *translation) forward(l listener, k annotation.Key) []intent.Action {
	own := intent.Backend{TargetGroup: t.targetGroup(t.service, l.ServicePort, l.target, l.at()), Source: t.here(l.at())}
	a := intent.Action{Type: stack.ActionForward, Backends: []intent.Backend{own}}
	complete := own.TargetGroup != nil
	if _, _, ok := t.read.Raw(k); ok {
		field := annotation.Unmarshal[annotation.Action](t.read, k)
		if problem := actionProblem(field.Value); field.Set && problem != "" {
			t.read.Invalid(k, problem, "")
			field.Set = false
		}
		if !field.Set {
			return nil
		}
		f := field.Value.Forward
		a.Backends[0].Weight = f.BaseWeight
		if f.Stickiness != nil && f.Stickiness.Enabled != nil {
			a.Stickiness = &stack.Stickiness{Enabled: *f.Stickiness.Enabled}
		}
		for _, g := range f.TargetGroups {
			b, ok := t.weighted(l, k, g)
			a.Backends = append(a.Backends, b)
			complete = complete && ok
		}
	}
	if !complete {
		return nil
	}
	return []intent.Action{a}
}

// actionProblem is what is wrong with an action; empty if nothing is.
func actionProblem(j annotation.Action) string {
	if j.Type != string(stack.ActionForward) {
		return "unknown action type: " + j.Type
	}
	if j.Forward == nil {
		return "missing ForwardConfig"
	}
	const prefix = "invalid ForwardConfig: "
	weight := func(w *int32) bool { return w == nil || *w >= 0 && *w <= 999 }
	if !weight(j.Forward.BaseWeight) {
		return prefix + "baseServiceWeight must be between 0 and 999"
	}
	for _, g := range j.Forward.TargetGroups {
		switch {
		case (g.ARN == nil) == (g.ServiceName == nil):
			return prefix + "invalid TargetGroupTuple: precisely one of targetGroupARN and serviceName can be specified"
		case g.ServiceName != nil && g.ServicePort == nil:
			return prefix + "invalid TargetGroupTuple: missing servicePort"
		case !weight(g.Weight):
			return prefix + "invalid TargetGroupTuple: target group weight must be between 0 and 999"
		case g.Weight == nil && len(j.Forward.TargetGroups) > 1:
			return prefix + "weight must be set when routing to multiple target groups"
		}
	}
	if n := len(j.Forward.TargetGroups) + 1; n > stack.MaxForwardTargets {
		return prefix + fmt.Sprintf("%d target groups, AWS admits %d", n, stack.MaxForwardTargets)
	}
	return ""
}

// weighted is one further target of a listener.
func (t *translation) weighted(l listener, k annotation.Key, g annotation.TargetGroup) (intent.Backend, bool) {
	b := intent.Backend{Weight: g.Weight, Source: t.here(k.Path())}
	if g.ARN != nil {
		b.TargetGroupARN = *g.ARN
		return b, true
	}
	svc, err := objects.Get[*corev1.Service](t.view, objects.From{Kind: objects.Service, Namespace: t.service.Namespace}, objects.Ref{Kind: objects.Service, Name: *g.ServiceName})
	if err != nil {
		t.report(diag.Route, k.Path(), diag.ServiceNotFound, fmt.Sprintf("Service %s/%s does not exist", t.service.Namespace, *g.ServiceName), "create the Service, or correct its name")
		return b, false
	}
	written := g.ServicePort.String()
	port, ok := serviceport.Find(svc, written)
	if !ok {
		t.report(diag.Route, k.Path(), diag.ServicePortNotFound, fmt.Sprintf("unable to find port %s on service %s/%s, which has %s", written, svc.Namespace, svc.Name, serviceport.Describe(svc)), "name one of its ports")
		return b, false
	}
	// The targets of a TLS listener are reached by the protocol of the listener, unless the annotation sets decrypt.
	protocol := l.protocol
	if protocol == tls && g.Decrypt != nil && *g.Decrypt {
		protocol = tcp
	}
	b.TargetGroup = t.targetGroup(svc, port, protocol, k.Path())
	return b, b.TargetGroup != nil
}
