package gateway

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lib/turns"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// Versions are the last valid versions of the listeners of a Gateway and its ListenerSets as JSON, by object and by
// name of the listener. An empty text stands for a version that was valid, perhaps, and is not known. Nil = nothing is
// remembered.
type Versions map[diag.Object]map[string]string

// of is an attachment.Last.
func (v Versions) of(parent attachment.Parent, name gatewayv1.SectionName) (l gatewayv1.Listener, ok bool) {
	for o, listeners := range v {
		if o.Kind == string(parent.Kind) && o.Namespace == parent.Namespace && o.Name == parent.Name &&
			listeners[string(name)] != "" {
			return l, json.Unmarshal([]byte(listeners[string(name)]), &l) == nil && l.Name == name
		}
	}
	return l, false
}

// parent is the Gateway or ListenerSet of a listener.
func (t *translation) parent(l *attachment.Listener) diag.Object {
	if l.Parent.Kind == kindGateway {
		return Object(t.Gateway)
	}
	if t.uids == nil {
		t.uids = map[types.NamespacedName]types.UID{}
		for _, s := range t.listeners.Admitted {
			t.uids[types.NamespacedName{Namespace: s.Namespace, Name: s.Name}] = s.UID
		}
	}
	name := types.NamespacedName{Namespace: l.Parent.Namespace, Name: l.Parent.Name}
	return diag.Object{Kind: string(l.Parent.Kind), Namespace: name.Namespace, Name: name.Name, UID: string(t.uids[name])}
}

// serves reports whether a listener serves, in its declared or in its last valid version.
func (t *translation) serves(i int) bool { return t.listeners.All[i].Problem == nil && !t.unserved[i] }

// versions are the valid versions of the listeners that serve. Without memory, what an invalid listener was is not
// known.
func (t *translation) versions() Versions {
	out := Versions{}
	for i := range t.listeners.All {
		l := &t.listeners.All[i]
		of := t.parent(l)
		text := ""
		if t.serves(i) {
			one := l.Listener
			if last, ok := t.config.Last.of(l.Parent, l.Name); ok && l.Declared != nil &&
				!equality.Semantic.DeepEqual(l.Listener, l.Declared.Listener) {
				one = last
			}
			all, err := json.Marshal(one)
			if err != nil {
				continue // which types of the API never do
			}
			text = string(all)
		} else if known, remembered := t.config.Last[of][string(l.Name)]; t.config.Last != nil &&
			(!remembered || known != "") ||
			t.config.Last == nil && !Finalized(t.Gateway, t.Family) {
			continue // it was never valid, has lost its place to others, or the Gateway had no load balancer
		}
		if out[of] == nil {
			out[of] = map[string]string{}
		}
		out[of][string(l.Name)] = text
	}
	for o, listeners := range t.config.Last { // routes may still name a listener by its former name
		p := attachment.Parent{Kind: gatewayv1.Kind(o.Kind), Namespace: o.Namespace, Name: o.Name}
		for name, text := range listeners {
			if out[o] == nil || out[o][name] != "" {
				continue
			}
			if _, ok := t.listeners.Renamed(p, gatewayv1.SectionName(name), t.config.Last.of); ok {
				out[o][name] = text
			}
		}
	}
	if t.config.ListenerSets {
		out.keep(t.listeners.Holds())
	}
	return out
}

// lost reports whether a listener that does not serve may have served in a version that is not known.
func (v Versions) lost() bool {
	for listeners := range maps.Values(v) {
		if slices.Contains(slices.Collect(maps.Values(listeners)), "") {
			return true
		}
	}
	return false
}

// mostRejected is of how many ListenerSets a finding says that the Gateway does not admit them. Anybody can write some;
// beyond that, namespaces take turns.
const mostRejected = 100

// RejectedText says that a Gateway does not admit a ListenerSet of a namespace.
func RejectedText(of diag.Object, namespace string) string {
	return fmt.Sprintf("%s admits no ListenerSets of namespace %s", of, namespace)
}

// RejectedRemedy is what ends that.
const RejectedRemedy = "set spec.allowedListeners.namespaces of the Gateway"

// noteInvalid finds the listeners that are not valid, each on its object, and says what serves instead.
func (t *translation) noteInvalid(d *Decisions) {
	if wrong := attachment.InvalidAdmission(t.Gateway); wrong != "" {
		d.note(diag.List{diag.New(Object(t.Gateway), "spec.allowedListeners.namespaces", diag.InvalidListener,
			wrong+"; ListenerSets that were admitted before stay, no others are", "correct it").In(diag.Rule)})
	}
	for _, s := range t.stray {
		d.note(diag.List{diag.New(owner.Object(s), "spec.parentRef", diag.InvalidListener, fmt.Sprintf("it names no Gateway "+
			"that exists; its listeners stay at Gateway %s/%s as before", t.Gateway.Namespace, t.Gateway.Name),
			"correct the reference, or delete the ListenerSet").In(diag.Rule)})
	}
	for _, s := range turns.Take(t.listeners.Rejected, mostRejected, (*gatewayv1.ListenerSet).GetNamespace) {
		d.note(diag.List{diag.New(owner.Object(s), "spec.parentRef", diag.InvalidListener, RejectedText(Object(t.Gateway),
			s.Namespace)+"; its listeners are not served", RejectedRemedy).In(diag.Rule)})
	}
	for i := range t.listeners.All {
		l := &t.listeners.All[i]
		problem := l.AsDeclared().Problem
		if problem == nil && l.Declared != nil && d.refs[i] != nil {
			problem = d.refs[i]
		} else {
			d.note(t.refsOf[i])
		}
		taken := len(t.listeners.Losses(i)) > 0
		if problem == nil || taken && l.Problem != nil { // that others have its hostname is a finding of its own
			continue
		}
		remedy := "correct listener " + string(l.Name) + ", or remove it"
		text := fmt.Sprintf("listener %s is not valid: %s", l.Name, problem.Message)
		switch {
		case l.Declared != nil && t.serves(i):
			text += "; its last valid version keeps serving"
		case d.lost:
			text += "; existing listeners in AWS on ports that no other listener declares do not change"
		default:
			text += "; the controller does not serve the listener"
		}
		d.note(diag.List{diag.New(t.parent(l), fmt.Sprintf("spec.listeners[%d]", l.Index), diag.InvalidListener, text,
			remedy).In(diag.Rule)})
	}
}
