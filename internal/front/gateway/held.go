package gateway

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/conditions"
	"github.com/k8s-lbc/lbc/internal/front/gateway/route"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

// kindHeld is the kind of the objects under which Versions have the hostnames of namespaces. The API server has none of
// this kind. One without namespace shows that the hostnames are known.
const kindHeld = "Hostnames"

// keep adds the hostnames of namespaces to versions.
func (v Versions) keep(held attachment.Held) {
	v[diag.Object{Kind: kindHeld}] = map[string]string{"known": "true"}
	for of, names := range held {
		o := diag.Object{Kind: kindHeld, Namespace: of.Namespace}
		key := fmt.Sprintf("%d %s", of.Port, of.Set)
		if of.Certificates {
			o.Name = "certificates"
		}
		if v[o] == nil {
			v[o] = map[string]string{}
		}
		v[o][key] = strings.Join(slices.Sorted(maps.Keys(names)), " ")
	}
}

// held are the hostnames of namespaces; nil = they are not known.
func (v Versions) held() attachment.Held {
	if v[diag.Object{Kind: kindHeld}] == nil {
		return nil
	}
	out := attachment.Held{}
	for o, values := range v {
		if o.Kind != kindHeld || o == (diag.Object{Kind: kindHeld}) {
			continue
		}
		for key, names := range values {
			of := attachment.Holder{Namespace: o.Namespace, Certificates: o.Name != ""}
			port, set, _ := strings.Cut(key, " ")
			if _, err := fmt.Sscan(port, &of.Port); err == nil {
				of.Set = set
				out[of] = attachment.NamesOf(strings.Fields(names))
			}
		}
	}
	return out
}

// settled reports whether a route has had its hostnames for as long as it exists, or had them when its status was
// written.
func (t *translation) settled(r *attached) bool {
	generation := r.object.GetGeneration()
	shown := func(ref gatewayv1.ParentReference) bool {
		return slices.ContainsFunc(r.status.Parents, func(s gatewayv1.RouteParentStatus) bool {
			c := meta.FindStatusCondition(s.Conditions, string(gatewayv1.RouteConditionAccepted))
			_, ours := t.config.family(s.ControllerName)
			return ours && conditions.SameParent(s.ParentRef, ref, r.route.Namespace) && c != nil && c.Status == "True" &&
				c.ObservedGeneration == generation && !hostnameMissing(s.Conditions)
		})
	}
	return generation <= 1 || !slices.ContainsFunc(r.decisions, func(d attachment.Decision) bool {
		return len(d.Attached) > 0 && !shown(r.route.Parents[d.ParentRef])
	})
}

// hostnameMissing reports whether conditions of a route at a parent show that others have a hostname of it, or that an
// earlier version of the route serves, whose hostnames may be others.
func hostnameMissing(all []metav1.Condition) bool {
	c := meta.FindStatusCondition(all, string(gatewayv1.RouteConditionPartiallyInvalid))
	return c != nil && c.Status == metav1.ConditionTrue && (strings.HasPrefix(c.Message, route.FallBack) ||
		strings.Contains(c.Message, attachment.BelongTo))
}

// contest keeps ListenerSets from taking hostnames that routes of other namespaces serve. Each ListenerSet that loses
// one gets a finding.
func (t *translation) contest(d *Decisions) {
	routes := make([]attachment.Contender, 0, len(t.routes))
	for i := range t.routes {
		r := &t.routes[i]
		routes = append(routes, attachment.Contender{Route: r.route, Created: r.object.GetCreationTimestamp().Time,
			Decisions: r.decisions, Edited: !t.settled(r)})
	}
	t.listeners.Contest(routes, attachment.Terms{
		Decides:  t.deciders().Decides,
		Isolated: t.rules == rule.Standard && t.Family == attachment.Application,
		Remedy:   t.mayTake,
		Held:     t.config.Last.held(),
	})
	for i := range t.listeners.All {
		l := &t.listeners.All[i]
		for _, j := range t.listeners.Losses(i) { // only listeners of ListenerSets lose
			at := fmt.Sprintf("spec.listeners[%d].hostname", l.Index)
			d.note(diag.List{diag.New(t.parent(l), at, diag.HostnameTaken, t.listeners.Text(&t.listeners.Claims[j]),
				t.mayTake(l.Parent.Namespace))})
		}
	}
}

// mayTake is what the author of a ListenerSet of a namespace can do about a hostname of others.
func (t *translation) mayTake(namespace string) string {
	return t.trusted("use another hostname", namespace)
}

// trusted is what the author of a ListenerSet of a namespace can do about what belongs to others: something instead, or
// get their consent.
func (t *translation) trusted(instead, namespace string) string {
	return fmt.Sprintf("%s, or ask the owner of Gateway %s/%s to add namespace %s to its annotation %s", instead,
		t.Gateway.Namespace, t.Gateway.Name, namespace, annotation.GatewaySettingsNamespaces)
}

// deciders are the namespaces that decide what listeners of the Gateway share: that of the Gateway, and those that the
// Gateway names.
func (t *translation) deciders() intent.Deciders {
	parties := []intent.Party{{Object: Object(t.Gateway), Authority: intent.Deciding}}
	key := annotation.GatewaySettingsNamespaces
	for name := range strings.SplitSeq(t.Gateway.Annotations[string(key)], ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if problems := validation.IsDNS1123Label(name); len(problems) > 0 {
			t.add(diag.New(Object(t.Gateway), key.Path(), diag.InvalidAnnotation, fmt.Sprintf("%q is not the name of a "+
				"namespace, so this entry has no effect", name),
				"write names of namespaces, separated by commas").In(diag.AddOn))
			continue
		}
		parties = append(parties, intent.Party{Object: diag.Object{Kind: kindListenerSet, Namespace: name},
			Authority: intent.Deciding})
	}
	return intent.DecidersOf(parties, nil)
}
