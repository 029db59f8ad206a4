package ingress

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/intent"
	"github.com/k8s-lbc/lbc/internal/model/quota"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const (
	protocolHTTP  = "HTTP"
	protocolHTTPS = "HTTPS"
)

// mostListenPorts is how many ports of an Ingress are read. It is twenty times AWS's default limit of listeners, which
// compile compares with the account's; for more, nothing is built.
const mostListenPorts = 1000

// listeners are the listeners of the member, ascending by port, and the certificates that the stack is to own for them.
// There may be none if listen-ports is invalid.
func (t *translation) listeners() ([]intent.Listener, []intent.Certificate) {
	var spec v1beta1.IngressClassParamsSpec
	if t.class.Params != nil {
		spec = t.class.Params.Spec
	}
	certificates := t.certificates(spec)
	each := t.eachListener(spec)
	t.checkCIDRs(each.InboundCIDRs)
	mutual, valid := t.mutualAuthentication()
	out := t.listenPorts(certificates.secure)
	t.secure = slices.ContainsFunc(out, func(l intent.Listener) bool { return l.Protocol == protocolHTTPS })
	// else what needs a listener may have one in the last valid version
	known := !t.told(annotation.ListenPorts, diag.InvalidAnnotation)
	t.plain = known && !t.secure
	for i := range out {
		l := &out[i]
		l.InboundCIDRs, l.PrefixLists = each.InboundCIDRs, each.PrefixLists
		l.Attributes = t.overlaid(t.read, attributesKey(*l), t.read.Attributes(attributesKey(*l)),
			t.classListenerAttributes(spec, *l), "spec.listeners")
		if l.Protocol == protocolHTTPS {
			l.Mutual = mutual[l.Port]
		}
		if t.ingress.Spec.DefaultBackend != nil {
			const path = "spec.defaultBackend"
			l.DefaultSource = t.here(path)
			authentication, actions := t.authenticated(t.backend(t.ingress.Spec.DefaultBackend, path))
			if b, text, remedy := t.withoutEndpoints(actions); b != nil {
				t.findings.Add(diag.New(Object(t.ingress), b.Source.Path(), diag.NoTargets, text, remedy))
				t.findings.Misspell(intent.Misspelling{Setting: path, Key: path, Meant: path, Source: t.here(path), Text: text})
			}
			l.Default = slices.Concat(authentication, actions)
		}
	}
	switch {
	case certificates.tooMany && t.secure:
		t.refuseTLS()
	case known:
		t.noteTLS(certificates.imports)
	}
	if known {
		t.noteUnusedListenerAttributes(out)
	}
	if !t.grouped() && known && t.read.Int32(annotation.SSLRedirect).Set && !slices.ContainsFunc(out, func(
		l intent.Listener) bool {
		return l.Protocol == protocolHTTP
	}) { // another member of a group may have one
		t.read.Ignored(annotation.SSLRedirect, fmt.Sprintf("annotation %s has no effect: the Ingress has no HTTP listener",
			annotation.SSLRedirect), fmt.Sprintf(`add {"HTTP":80} to %s, or remove annotation %s`, annotation.ListenPorts,
			annotation.SSLRedirect))
	}
	if t.plain {
		for _, k := range []annotation.Key{annotation.CertificateARN, annotation.SSLPolicy} {
			t.read.Ignored(k, fmt.Sprintf("annotation %s has no effect: the Ingress has no HTTPS listener", k),
				fmt.Sprintf(`add {"HTTPS":443} to %s, or remove annotation %s`, annotation.ListenPorts, k))
		}
	}
	if valid && known {
		t.noteUnusedMutual(mutual, out)
	}
	return out, t.secureListeners(out, certificates, each.SSLPolicy)
}

// legacy is the value of the former field prefixLists, which is read only if prefixListsIDs is empty.
func legacy(spec v1beta1.IngressClassParamsSpec) []string {
	if len(spec.PrefixListsIDs) > 0 {
		return nil
	}
	return spec.PrefixListsIDsLegacy
}

// listOf is the list of the class if it is not empty, else that of the annotation.
func (t *translation) listOf(class []string, path string, k annotation.Key) intent.Field[[]string] {
	if len(class) > 0 {
		return intent.Of(class, t.params(path))
	}
	return t.read.NonEmptyList(k)
}

// eachListener is what class parameters, else annotations, set of every listener.
func (t *translation) eachListener(spec v1beta1.IngressClassParamsSpec) intent.Listener {
	return intent.Listener{
		InboundCIDRs: t.listOf(spec.InboundCIDRs, "spec.inboundCIDRs", annotation.InboundCIDRs),
		PrefixLists: t.listOf(slices.Concat(spec.PrefixListsIDs, legacy(spec)), "spec.prefixListsIDs",
			annotation.PrefixLists),
		SSLPolicy: t.text(spec.SSLPolicy, "spec.sslPolicy", annotation.SSLPolicy),
	}
}

// checkCIDRs reports invalid ranges. Host bits are admitted; compile clears them.
func (t *translation) checkCIDRs(cidrs intent.Field[[]string]) {
	for _, c := range cidrs.Value {
		problem, remedy := annotation.RangeProblem(c)
		if problem == "" {
			continue
		}
		if cidrs.Source.OfClass() {
			t.findings.Add(diag.New(Object(t.ingress), cidrs.Source.Place(), diag.InvalidAnnotation,
				"spec.inboundCIDRs of IngressClassParams: "+problem, remedy).In(diag.Listener))
			continue
		}
		t.read.Invalid(annotation.InboundCIDRs,
			fmt.Sprintf("inbound-cidrs of Ingress %s/%s: %s", t.ingress.Namespace, t.ingress.Name, problem), remedy)
	}
}

// listenPorts reads annotation listen-ports: a list of objects of protocol and port. Of several entries for one port
// the last one applies. Without the annotation there is one listener: HTTPS 443 if certificates are declared, else HTTP
// 80.
func (t *translation) listenPorts(certificates bool) []intent.Listener {
	raw, source, ok := t.read.Raw(annotation.ListenPorts)
	if !ok {
		if certificates {
			return []intent.Listener{{Port: 443, Protocol: protocolHTTPS}}
		}
		return []intent.Listener{{Port: 80, Protocol: protocolHTTP}}
	}
	var entries []map[string]int32
	if err := json.Unmarshal([]byte(raw), &entries); err != nil {
		t.read.Invalid(annotation.ListenPorts, fmt.Sprintf("listen-ports is `%s`: %v", raw,
			annotation.JSONError(err)), "")
		return nil
	}
	if !slices.ContainsFunc(entries, func(e map[string]int32) bool { return len(e) > 0 }) { // [{}] would close every port
		t.read.Invalid(annotation.ListenPorts, fmt.Sprintf("empty listen-ports configuration: `%s`", raw), "")
		return nil
	}
	byPort := map[int32]string{}
	for _, e := range entries {
		for _, protocol := range slices.Sorted(maps.Keys(e)) {
			port := e[protocol]
			switch {
			case protocol != protocolHTTP && protocol != protocolHTTPS:
				t.read.Invalid(annotation.ListenPorts, "listen protocol must be HTTP or HTTPS, not "+protocol, "")
			case port < 1 || port > 65535:
				t.read.Invalid(annotation.ListenPorts, fmt.Sprintf("listen port must be from 1 to 65535, not %d", port), "")
			case byPort[port] != "" && byPort[port] != protocol:
				t.read.Ignored(annotation.ListenPorts, fmt.Sprintf("%s has no effect on port %d: a later entry of annotation %s "+
					"makes it %s", byPort[port], port, annotation.ListenPorts, protocol), "give each port one protocol")
				byPort[port] = protocol
			default:
				byPort[port] = protocol
			}
		}
	}
	if len(byPort) > mostListenPorts {
		t.read.Invalid(annotation.ListenPorts, fmt.Sprintf("%d ports: AWS allows %d listeners of a load balancer by "+
			"default, and at most %d ports are read",
			len(byPort), quota.ListenersOf(stack.Application).Default(), mostListenPorts), "name fewer ports")
		return nil
	}
	var out []intent.Listener
	for port, protocol := range byPort {
		out = append(out, intent.Listener{Source: source, Port: port, Protocol: protocol})
	}
	slices.SortFunc(out, func(a, b intent.Listener) int { return cmp.Compare(a.Port, b.Port) })
	return out
}

func attributesKey(l intent.Listener) annotation.Key {
	return annotation.ListenerAttributes.For(fmt.Sprintf("%s-%d", l.Protocol, l.Port))
}

// classListenerAttributes are the attributes of the first entry of the class for the protocol and port.
func (t *translation) classListenerAttributes(spec v1beta1.IngressClassParamsSpec,
	l intent.Listener) map[string]string {
	for _, c := range spec.Listeners {
		if string(c.Protocol) == l.Protocol && c.Port == l.Port {
			return t.attributes(c.ListenerAttributes)
		}
	}
	return nil
}

// listenerRemedy names the keys for the listeners of an Ingress.
func listenerRemedy(listeners []intent.Listener) string {
	keys := make([]string, 0, len(listeners))
	for _, l := range listeners[:min(len(listeners), 4)] {
		keys = append(keys, string(attributesKey(l)))
	}
	if len(keys) == 0 {
		return "name protocol and port as in " + string(annotation.ListenPorts) + ", such as HTTP-80"
	}
	return "write " + strings.Join(keys, " or ") + ", or remove it"
}

func (t *translation) noteUnusedListenerAttributes(listeners []intent.Listener) {
	used := map[annotation.Key]bool{}
	var names []string
	for _, l := range listeners {
		k := attributesKey(l)
		used[k], names = true, append(names, strings.TrimPrefix(string(k), string(annotation.ListenerAttributes)))
	}
	t.read.CheckKeys(annotation.ListenerAttributes, names)
	for _, k := range slices.Sorted(maps.Keys(t.ingress.Annotations)) {
		if key := annotation.Key(k); strings.HasPrefix(k, string(annotation.ListenerAttributes)) && !used[key] {
			t.read.Ignored(key, fmt.Sprintf("annotation %s has no effect: the Ingress has no such listener", k),
				listenerRemedy(listeners))
		}
	}
}
