package gateway

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/k8s-lbc/lbc/internal/front/gateway/attachment"
	"github.com/k8s-lbc/lbc/internal/front/gateway/rule"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
)

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

// mayTake is what the author of a ListenerSet of a namespace can do about a hostname, port or certificate of others.
func (t *translation) mayTake(namespace string) string {
	return fmt.Sprintf("use another one, or add namespace %s to annotation %s of Gateway %s/%s", namespace,
		annotation.GatewaySettingsNamespaces, t.Gateway.Namespace, t.Gateway.Name)
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
