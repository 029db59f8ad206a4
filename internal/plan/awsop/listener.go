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

// ProtocolsOf returns the change of protocol that an operation makes or prepares; the zero value if there is none.
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
	Prepares Protocols `json:",omitzero"` // of a spare listener: the change that needs the spare listener
}

func (o CreateListener) About() *plan.About {
	l := o.Listener
	return creates(stack.KindListener, "").below(l.LoadBalancer).forwards(l.DefaultActions).setting("Certificates").
		takes(l.LoadBalancer, "listeners").
		writes(drift.Listeners, stack.Ref{Kind: stack.KindListener, ID: l.ID}, FieldListener).About
}
func (o CreateListener) advance(a *advancer) {
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

// ModifyListener sets protocol, default actions, default certificate, policies. Empty fields do not change.
type ModifyListener struct {
	Ref      stack.Ref
	Listener stack.Listener
	Changes  Protocols `json:",omitzero"`
	// Sets are the settings that the call changes. It sends the others, too, as they are.
	Sets ListenerSettings `json:"-"`
}

// ListenerSettings are the settings of a listener that AWS may refuse separately.
type ListenerSettings struct{ Actions, Certificate, Policy, ALPN, Mutual bool }

func (o ModifyListener) About() *plan.About {
	setting := "Certificates"
	switch o.Sets {
	case ListenerSettings{Policy: true}:
		setting = "SSLPolicy"
	case ListenerSettings{ALPN: true}:
		setting = "ALPN"
	case ListenerSettings{Mutual: true}:
		setting = "Mutual"
	case ListenerSettings{Actions: true}:
		setting = "DefaultActions"
	}
	return changes(o.Ref).forwards(o.Listener.DefaultActions).setting(setting).ordered().
		writes(drift.Listeners, o.Ref, FieldListener).About
}

// apart returns an operation for each setting that changes, without the others. The default actions stay with the
// verification of clients that they may need, and so does the TLS policy if both guards change: one guard may replace
// the other. A listener gets another protocol with all settings.
func (o ModifyListener) apart() (out []plan.Operation) {
	if o.Changes.From != "" {
		return nil
	}
	w, s := o.Listener, o.Sets
	add := func(of ListenerSettings) {
		if of == (ListenerSettings{}) {
			return
		}
		one := stack.Listener{ID: w.ID, Port: w.Port, Protocol: w.Protocol}
		if of.Actions {
			one.DefaultActions = w.DefaultActions
		}
		if of.Certificate {
			one.Certificates = w.Certificates
		}
		if of.Policy {
			one.SSLPolicy = w.SSLPolicy
		}
		if of.ALPN {
			one.ALPN = w.ALPN
		}
		if of.Mutual {
			one.Mutual = w.Mutual
		}
		out = append(out, ModifyListener{Ref: o.Ref, Listener: one, Sets: of})
	}
	add(ListenerSettings{Policy: s.Policy && !s.Mutual})
	add(ListenerSettings{Policy: s.Policy && s.Mutual, Mutual: s.Mutual, Actions: s.Actions})
	add(ListenerSettings{Certificate: s.Certificate})
	add(ListenerSettings{ALPN: s.ALPN})
	return out
}

func (o ModifyListener) advance(a *advancer) {
	a.listener(o.Ref, func(l *Listener) {
		w := o.Listener
		l.Protocol, l.SSLPolicy, l.ALPN = w.Protocol, cmp.Or(w.SSLPolicy, l.SSLPolicy), cmp.Or(w.ALPN, l.ALPN)
		if len(w.DefaultActions) > 0 {
			l.DefaultActions = a.actions(w.DefaultActions)
		}
		if len(w.Certificates) > 0 {
			l.Certificates = slices.Clone(w.Certificates[:1])
		}
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

func (o DeleteListener) About() *plan.About {
	return deletes(o.Listener, noTarget).forwards(nil).frees(o.Listener, "listeners").
		writes(drift.Listeners, o.Listener, FieldListener).About
}
func (o DeleteListener) advance(a *advancer) { a.dropListener(a.resolve(o.Listener)) }

// AddListenerCertificates attaches one further certificate.
type AddListenerCertificates struct {
	Listener    stack.Ref
	Certificate string
}

func (o AddListenerCertificates) About() *plan.About {
	return changes(o.Listener).setting("Certificates").takes(o.Listener, "certificates").
		writes(drift.Listeners, o.Listener, FieldCertificates).About
}
func (o AddListenerCertificates) advance(a *advancer) {
	a.listener(o.Listener, func(l *Listener) { l.SNI = append(slices.Clone(l.SNI), o.Certificate) })
}

// RemoveListenerCertificates detaches one further certificate.
type RemoveListenerCertificates struct {
	Listener    stack.Ref
	Certificate string
}

func (o RemoveListenerCertificates) About() *plan.About {
	return changes(o.Listener).ordered().frees(o.Listener, "certificates").
		writes(drift.Listeners, o.Listener, FieldCertificates).About
}
func (o RemoveListenerCertificates) advance(a *advancer) {
	a.listener(o.Listener, func(l *Listener) {
		l.SNI = slices.DeleteFunc(slices.Clone(l.SNI), func(c string) bool { return c == o.Certificate })
	})
}

// ModifyListenerAttributes sets at most 20 attributes.
type ModifyListenerAttributes struct {
	Listener   stack.Ref
	Attributes map[string]string
}

func (o ModifyListenerAttributes) About() *plan.About {
	return changes(o.Listener).entries("Attributes", o.Attributes, func(some map[string]string) plan.Operation {
		o.Attributes = some
		return o
	}).writes(drift.Listeners, o.Listener, FieldAttribute).About
}
func (o ModifyListenerAttributes) advance(a *advancer) {
	a.listener(o.Listener, func(l *Listener) { l.Attributes = merged(l.Attributes, o.Attributes) })
}

func (l *Listener) id() string { return l.ARN }

func (a *advancer) listener(r stack.Ref, change func(*Listener)) {
	update(a.o.Listeners, a.resolve(r), (*Listener).id, change)
}

// dropListener drops a listener with its rules.
func (a *advancer) dropListener(arn string) {
	a.o.Listeners = dropped(a.o.Listeners, arn, (*Listener).id)
	a.o.Rules = slices.DeleteFunc(a.o.Rules, func(r Rule) bool { return r.Listener.Literal == arn })
}

// TargetGroupsOf returns the target groups that actions forward to.
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
