package awsop

import (
	"cmp"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/policy/drift"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

// Protocols is a change of the protocol of a listener.
type Protocols struct {
	Listener string // its identity
	From, To string
}

// ProtocolsOf is the change of protocol that an operation makes or prepares; the zero value if there is none.
func ProtocolsOf(op plan.Operation) Protocols {
	switch op := op.(type) {
	case CreateListener:
		return op.Prepares
	case ModifyListener:
		return op.Changes
	}
	return Protocols{}
}

// CreateListener creates a listener; attributes and further certificates are steps of their own.
type CreateListener struct {
	Listener stack.Listener
	Prepares Protocols `json:",omitzero"` // of a listener aside: the change for whose sake it is made
}

func (o CreateListener) About() plan.About {
	l := o.Listener
	return creates(stack.KindListener, "").below(l.LoadBalancer).forwards(l.DefaultActions).setting("Certificates").
		takes(l.LoadBalancer, "listeners").
		writes(drift.Listeners, stack.Ref{Kind: stack.KindListener, ID: l.ID}, FieldListener).About
}
func (o CreateListener) advance(a advancer) {
	l := Listener{ARN: a.out.ID, Listener: o.Listener}
	l.LoadBalancer = a.known(o.Listener.LoadBalancer)
	l.DefaultActions = a.actions(o.Listener.DefaultActions)
	l.Certificates = slices.Clone(o.Listener.Certificates[:min(1, len(o.Listener.Certificates))])
	l.SNI = nil
	l.Attributes = map[string]string{}
	l.Set(Read, PartAttributes, PartRules, PartCertificates)
	if o.Listener.Tags != nil {
		l.Tags = merged(o.Listener.Tags, nil)
	}
	a.o.Listeners = added(a.o.Listeners, l, (*Listener).id)
}

// ModifyListener sets protocol, default actions, default certificate, policies.
type ModifyListener struct {
	Ref      stack.Ref
	Listener stack.Listener
	Changes  Protocols `json:",omitzero"`
}

func (o ModifyListener) About() plan.About {
	return changes(o.Ref).forwards(o.Listener.DefaultActions).setting("Certificates").ordered().
		writes(drift.Listeners, o.Ref, FieldListener).About
}
func (o ModifyListener) advance(a advancer) {
	a.listener(o.Ref, func(l *Listener) {
		w := o.Listener
		l.Protocol, l.DefaultActions = w.Protocol, a.actions(w.DefaultActions)
		l.SSLPolicy, l.Certificates = w.SSLPolicy, slices.Clone(w.Certificates[:min(1, len(w.Certificates))])
		l.ALPN = cmp.Or(w.ALPN, l.ALPN)
		if w.Mutual != nil {
			l.Mutual = w.Mutual
		}
		if w.Protocol != "HTTPS" && w.Protocol != "TLS" { // AWS drops what belongs to TLS
			l.SSLPolicy, l.Certificates, l.SNI, l.ALPN, l.Mutual = "", nil, nil, "", nil
		}
	})
}

// DeleteListener deletes a listener with its rules.
type DeleteListener struct{ Listener stack.Ref }

func (o DeleteListener) About() plan.About {
	return deletes(o.Listener, noTarget).forwards(nil).frees(o.Listener, "listeners").
		writes(drift.Listeners, o.Listener, FieldListener).About
}
func (o DeleteListener) advance(a advancer) { a.dropListener(a.resolve(o.Listener)) }

// AddListenerCertificates attaches one further certificate.
type AddListenerCertificates struct {
	Listener    stack.Ref
	Certificate string
}

func (o AddListenerCertificates) About() plan.About {
	return changes(o.Listener).setting("Certificates").takes(o.Listener, "certificates").
		writes(drift.Listeners, o.Listener, FieldCertificates).About
}
func (o AddListenerCertificates) advance(a advancer) {
	a.listener(o.Listener, func(l *Listener) { l.SNI = append(slices.Clone(l.SNI), o.Certificate) })
}

// RemoveListenerCertificates detaches one further certificate.
type RemoveListenerCertificates struct {
	Listener    stack.Ref
	Certificate string
}

func (o RemoveListenerCertificates) About() plan.About {
	return changes(o.Listener).ordered().frees(o.Listener, "certificates").
		writes(drift.Listeners, o.Listener, FieldCertificates).About
}
func (o RemoveListenerCertificates) advance(a advancer) {
	a.listener(o.Listener, func(l *Listener) {
		l.SNI = slices.DeleteFunc(slices.Clone(l.SNI), func(c string) bool { return c == o.Certificate })
	})
}

// ModifyListenerAttributes sets at most 20 attributes.
type ModifyListenerAttributes struct {
	Listener   stack.Ref
	Attributes map[string]string
}

func (o ModifyListenerAttributes) About() plan.About {
	return changes(o.Listener).entries("Attributes", o.Attributes, func(some map[string]string) plan.Operation {
		o.Attributes = some
		return o
	}).writes(drift.Listeners, o.Listener, FieldAttribute).About
}
func (o ModifyListenerAttributes) advance(a advancer) {
	a.listener(o.Listener, func(l *Listener) { l.Attributes = merged(l.Attributes, o.Attributes) })
}

func (l *Listener) id() string { return l.ARN }

func (a advancer) listener(r stack.Ref, change func(*Listener)) {
	if l := found(a.o.Listeners, a.resolve(r), (*Listener).id); l != nil {
		change(l)
	}
}

// dropListener drops a listener with its rules.
func (a advancer) dropListener(arn string) {
	a.o.Listeners = dropped(a.o.Listeners, arn, (*Listener).id)
	a.o.Rules = slices.DeleteFunc(a.o.Rules, func(r Rule) bool { return r.Listener.Literal == arn })
}

// TargetGroupsOf are the target groups that actions forward to.
func TargetGroupsOf(as []stack.Action) []stack.Ref {
	var out []stack.Ref
	for _, a := range as {
		if a.Forward == nil {
			continue
		}
		for _, t := range a.Forward.TargetGroups {
			out = append(out, t.TargetGroup)
		}
	}
	return out
}

// secretsOf are the Secrets of the client credentials in actions.
func secretsOf(as []stack.Action) []string {
	var out []string
	for _, a := range as {
		if a.OIDC != nil {
			out = append(out, a.OIDC.SecretName)
		}
	}
	return out
}
