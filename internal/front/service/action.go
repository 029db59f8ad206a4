package service

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/internal/front/serviceport"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/stack"
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
		complete = t.others(l, k, f.TargetGroups, &a) && complete
	}
	if !complete {
		return nil
	}
	return []intent.Action{a}
}

// others adds the further targets of a listener to its forward. Those whose Service does not exist are left out, unless
// nothing would be left that has a weight. complete is false if one is invalid, which is reported.
func (t *translation) others(l listener, k annotation.Key, groups []annotation.TargetGroup, a *intent.Action) (
	complete bool) {
	complete = true
	type missing struct {
		annotation.TargetGroup
		why error
	}
	var left []missing
	for _, g := range groups {
		var svc *corev1.Service // none of a target group of the user
		if g.ServiceName != nil {
			found, err := objects.Get[*corev1.Service](t.view, objects.From{Kind: objects.Service,
				Namespace: t.service.Namespace}, objects.Ref{Kind: objects.Service, Name: *g.ServiceName})
			if err != nil {
				left = append(left, missing{g, err})
				continue
			}
			svc = found
		}
		b, ok := t.weighted(l, k, g, svc)
		if ok && slices.ContainsFunc(a.Backends, func(x intent.Backend) bool {
			return x.TargetGroupARN == b.TargetGroupARN && x.TargetGroup == b.TargetGroup
		}) {
			t.read.Invalid(k, fmt.Sprintf("%s is among the target groups of the listener twice, and AWS allows each once",
				describe(b)),
				"name it once; the weight of the Service's own target group is baseServiceWeight")
			ok = false
		}
		if own := a.Backends[0].TargetGroup; ok && own != nil && b.TargetGroup != nil && b.TargetGroup.ID != own.ID {
			b.TargetGroup.Beside = own.ID
		}
		a.Backends = append(a.Backends, b)
		complete = complete && ok
	}
	serves := slices.ContainsFunc(a.Backends, func(b intent.Backend) bool { return b.Weight == nil || *b.Weight > 0 })
	if !serves && len(left) == 0 {
		t.read.Note(k, diag.NoTargets, fmt.Sprintf("all target groups of annotation %s have weight 0: the listener has no "+
			"targets", k), "give a target group a weight from 1 to 999")
	}
	for _, g := range left {
		text, remedy := fmt.Sprintf("Service %s/%s does not exist", t.service.Namespace, *g.ServiceName),
			"create the Service, or correct its name"
		absent := errors.Is(g.why, objects.ErrAbsent)
		if !absent {
			text = fmt.Sprintf("Service %s/%s cannot be read: %v", t.service.Namespace, *g.ServiceName, g.why)
		}
		if !serves || !absent {
			t.report(diag.Route, k.Path(), diag.ServiceNotFound, text, remedy)
			complete = false
			continue
		}
		t.report(diag.Route, k.Path(), diag.BackendLeftOut,
			text+fmt.Sprintf("; its target group, of weight %d, is left out, and the other target groups of the "+
				"listener get all connections", ptr.Deref(g.Weight, 1)), remedy)
	}
	return complete
}

// describe is a backend as messages name it.
func describe(b intent.Backend) string {
	if b.TargetGroup == nil {
		return "target group " + b.TargetGroupARN
	}
	return "port " + b.TargetGroup.ServicePort + " of Service " + b.TargetGroup.ServiceNamespace + "/" +
		b.TargetGroup.ServiceName
}

// actionProblem is what is wrong with an action; empty if nothing is.
func actionProblem(j annotation.Action) string {
	if j.Type != string(stack.ActionForward) {
		return fmt.Sprintf("action type %q is not forward, the only type of a network load balancer", j.Type)
	}
	if j.Forward == nil {
		return "missing ForwardConfig"
	}
	const prefix = "forwardConfig: "
	weight := func(w *int32) bool { return w == nil || *w >= 0 && *w <= 999 }
	if !weight(j.Forward.BaseWeight) {
		return prefix + "baseServiceWeight must be between 0 and 999"
	}
	for _, g := range j.Forward.TargetGroups {
		switch {
		case (g.ARN == nil) == (g.ServiceName == nil):
			return prefix + "targetGroups: each entry needs either targetGroupARN or serviceName"
		case g.ServiceName != nil && g.ServicePort == nil:
			return prefix + "targetGroups: missing servicePort"
		case !weight(g.Weight):
			return prefix + "targetGroups: weight must be from 0 to 999"
		case g.Weight == nil && len(j.Forward.TargetGroups) > 1:
			return prefix + "weight must be set when routing to multiple target groups"
		}
	}
	if n := len(j.Forward.TargetGroups) + 1; n > stack.MaxForwardTargets {
		return prefix + fmt.Sprintf("%d target groups, AWS allows %d", n, stack.MaxForwardTargets)
	}
	return ""
}

// weighted is one further target of a listener, with its Service if it has one.
func (t *translation) weighted(l listener, k annotation.Key, g annotation.TargetGroup, svc *corev1.Service) (
	intent.Backend, bool) {
	b := intent.Backend{Weight: g.Weight, Source: t.here(k.Path())}
	if g.ARN != nil {
		b.TargetGroupARN = *g.ARN
		return b, true
	}
	written := g.ServicePort.String()
	port, ok := serviceport.Find(svc, written)
	if !ok {
		t.report(diag.Route, k.Path(), diag.ServicePortNotFound,
			fmt.Sprintf("Service %[2]s/%[3]s has no port %[1]s; it has %[4]s", written, svc.Namespace, svc.Name,
				serviceport.Describe(svc)), "use one of the Service's ports")
		return b, false
	}
	b.TargetGroup = t.targetGroup(svc, port, l.protocolOf(g), k.Path())
	if b.TargetGroup != nil && b.TargetGroup.Protocol != l.target {
		t.read.Invalid(k, fmt.Sprintf("target group %s would have protocol %s, and the target group of the Service itself "+
			"has %s: AWS allows one protocol in a forward", b.TargetGroup.ID, b.TargetGroup.Protocol, l.target),
			fmt.Sprintf("omit decrypt, or set it to the value of annotation %s", annotation.ServiceBackendProtocol))
		return b, false
	}
	return b, b.TargetGroup != nil
}

// protocolOf is the protocol of a further target group of a listener: that of the Service's own, unless the listener is
// TLS and the annotation says by decrypt whether the targets are reached by TCP.
func (l listener) protocolOf(g annotation.TargetGroup) string {
	switch {
	case l.protocol != tls || g.Decrypt == nil:
		return l.target
	case *g.Decrypt:
		return tcp
	}
	return tls
}
