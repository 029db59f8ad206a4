package front

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/model/traffic"
)

// served are objects that serve, by kind and name, and the front end that reads them.
type served struct {
	f       Loader
	key     stack.Key
	objects map[string]metav1.Object
}

// copied are copies of the objects, which an edit may change.
func (s served) copied() served {
	out := map[string]metav1.Object{}
	for name, o := range s.objects {
		if r, ok := o.(runtime.Object); ok {
			out[name], _ = r.DeepCopyObject().(metav1.Object)
		}
	}
	s.objects = out
	return s
}

func (s served) list() (out []metav1.Object) {
	for _, name := range slices.Sorted(maps.Keys(s.objects)) {
		out = append(out, s.objects[name])
	}
	return out
}

// compile compiles the objects with what the last pass remembered, as a checkpoint has it.
func (s served) compile(t interface{ Fatal(...any) }, before *compile.Memory) compiled {
	if before != nil {
		saved, err := json.Marshal(before)
		if before = (&compile.Memory{}); err != nil || json.Unmarshal(saved, before) != nil {
			t.Fatal(err, string(saved))
		}
	}
	return answered(t, s.f, s.key, s.list(), before)
}

func (s served) text() (out string) {
	for _, o := range s.list() {
		out += asText(o) + "\n"
	}
	return out
}

// complaint is the first finding of a pass that is more than a note.
func (c compiled) complaint() string {
	for _, d := range slices.Concat(c.Found, c.Diagnostics) {
		if d.Class != diag.Note {
			return fmt.Sprint(d.Code, " ", d.Object, " ", d.Path, ": ", d.Text)
		}
	}
	return ""
}

// lost reports whether a request gets no answer of the objects.
func lost(answer string) bool {
	return slices.Contains([]string{"", "404", "500", "503", "no listener", "no load balancer"}, answer)
}

// edit is a change of served objects. asks is set if a valid version of it may ask that something is no longer served.
type edit struct {
	name string
	asks bool
	make func(s served)
}

// sceneObject is an object of served objects by its name.
func sceneObject[T metav1.Object](s served, name string) T {
	o, _ := s.objects[name].(T)
	return o
}

// asking are annotations that say what is served. All others only change how.
var asking = []string{
	"actions.", "conditions.", "listen-ports", "group.name", "use-regex-path-match", "certificate-arn", "aws-load-balancer-type", "aws-load-balancer-group-name", "ssl-redirect",
}

// annotationEdit sets or removes an annotation of an object.
func (t tenants) annotationEdit(on, kind, family string) edit {
	var rows []annotation.Entry
	for _, e := range annotation.Entries() {
		if strings.Contains(string(e.Scope), kind) || e.Scope == annotation.OnBoth && kind == "backend" {
			rows = append(rows, e)
		}
	}
	e := rapid.SampledFrom(rows).Draw(t.T, "annotation")
	key := string(e.Key)
	if strings.HasSuffix(key, ".") {
		key += t.pick("family", strings.Split(family, " ")...)
	}
	_, short, _ := strings.Cut(string(e.Key), "/")
	out := edit{name: on + " " + key, asks: slices.Contains(asking, short)}
	if rapid.IntRange(0, 9).Draw(t.T, "removed") == 0 {
		out.make = func(s served) { delete(s.objects[on].GetAnnotations(), key) }
		out.asks = true
		return out
	}
	value := t.pick("value", sloppy...)
	if fits := slices.Concat(e.Values, harmful[short], []string{e.Example}); rapid.Bool().Draw(t.T, "a value that fits") {
		value = t.pick("fitting value", fits...)
	}
	out.name += "=" + value
	out.make = func(s served) {
		all := s.objects[on].GetAnnotations()
		if all == nil {
			all = map[string]string{}
		}
		all[key] = value
		s.objects[on].SetAnnotations(all)
	}
	return out
}

// backendEdit changes a Service that others refer to.
func (t tenants) backendEdit() edit {
	name := t.pick("Service", "Service/web", "Service/api")
	changes := map[string]func(s served, svc *corev1.Service){
		"removed":       func(s served, _ *corev1.Service) { delete(s.objects, name) },
		"without ports": func(_ served, svc *corev1.Service) { svc.Spec.Ports = nil },
		"another port":  func(_ served, svc *corev1.Service) { svc.Spec.Ports[0].Port, svc.Spec.Ports[0].Name = 8088, "other" },
		"UDP":           func(_ served, svc *corev1.Service) { svc.Spec.Ports[0].Protocol = corev1.ProtocolUDP },
		"h2c":           func(_ served, svc *corev1.Service) { svc.Spec.Ports[0].AppProtocol = ptr.To("kubernetes.io/h2c") },
		"ClusterIP": func(_ served, svc *corev1.Service) {
			svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeClusterIP, 0
		},
		"headless": func(_ served, svc *corev1.Service) {
			svc.Spec.Type, svc.Spec.ClusterIP = corev1.ServiceTypeClusterIP, "None"
		},
		"without pods": func(_ served, svc *corev1.Service) { svc.Spec.Selector = nil },
		"ExternalName": func(_ served, svc *corev1.Service) {
			svc.Spec = corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "x.test"}
		},
		"named targets":  func(_ served, svc *corev1.Service) { svc.Spec.Ports[0].TargetPort = intstr.FromString("http") },
		"IPv6":           func(_ served, svc *corev1.Service) { svc.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv6Protocol} },
		"another target": func(_ served, svc *corev1.Service) { svc.Spec.Ports[0].TargetPort = intstr.FromInt32(9999) },
		"a load balancer": func(_ served, svc *corev1.Service) {
			svc.Spec.Type, svc.Spec.LoadBalancerClass = corev1.ServiceTypeLoadBalancer, ptr.To("service.k8s.aws/nlb")
		},
	}
	what := t.pick("change", slices.Sorted(maps.Keys(changes))...)
	return edit{name: name + " " + what, make: func(s served) {
		if svc := sceneObject[*corev1.Service](s, name); svc != nil && len(svc.Spec.Ports) > 0 {
			changes[what](s, svc)
		}
	}}
}

// classEdit changes the class of Ingresses, or what it refers to.
func (t tenants) classEdit() edit {
	value, name := t.pick("value", sloppy...), t.pick("attribute", "idle_timeout.timeout_seconds", "x", "")
	spec := func(change func(*v1beta1.IngressClassParamsSpec)) func(served) {
		return func(s served) { change(&sceneObject[*v1beta1.IngressClassParams](s, "IngressClassParams/alb").Spec) }
	}
	changes := map[string]func(served){
		"class removed":      func(s served) { delete(s.objects, "IngressClass/alb") },
		"parameters removed": func(s served) { delete(s.objects, "IngressClassParams/alb") },
		"other parameters": func(s served) {
			sceneObject[*networkingv1.IngressClass](s, "IngressClass/alb").Spec.Parameters = &networkingv1.IngressClassParametersReference{APIGroup: ptr.To("elbv2.k8s.aws"), Kind: "IngressClassParams", Name: "other"}
		},
		"parameters of another kind": func(s served) {
			sceneObject[*networkingv1.IngressClass](s, "IngressClass/alb").Spec.Parameters = &networkingv1.IngressClassParametersReference{Kind: "ConfigMap", Name: "alb"}
		},
		"certificates": spec(func(p *v1beta1.IngressClassParamsSpec) { p.CertificateArn = []string{value} }),
		"namespaces": spec(func(p *v1beta1.IngressClassParamsSpec) {
			p.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"x": "y"}}
		}),
		"invalid selector": spec(func(p *v1beta1.IngressClassParamsSpec) {
			p.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"x y": "y"}}
		}),
		"scheme": spec(func(p *v1beta1.IngressClassParamsSpec) {
			p.Scheme = ptr.To(v1beta1.LoadBalancerScheme(value))
		}),
		"address type": spec(func(p *v1beta1.IngressClassParamsSpec) {
			p.IPAddressType = ptr.To(v1beta1.LoadBalancerIPAddressType(value))
		}),
		"target type": spec(func(p *v1beta1.IngressClassParamsSpec) {
			p.TargetType = v1beta1.TargetType(value)
		}),
		"ranges":   spec(func(p *v1beta1.IngressClassParamsSpec) { p.InboundCIDRs = []string{value} }),
		"policy":   spec(func(p *v1beta1.IngressClassParamsSpec) { p.SSLPolicy = value }),
		"redirect": spec(func(p *v1beta1.IngressClassParamsSpec) { p.SSLRedirectPort = value }),
		"subnets": spec(func(p *v1beta1.IngressClassParamsSpec) {
			p.Subnets = &v1beta1.SubnetSelector{IDs: []v1beta1.SubnetID{"subnet-9"}}
		}),
		"subnets by tags": spec(func(p *v1beta1.IngressClassParamsSpec) {
			p.Subnets = &v1beta1.SubnetSelector{Tags: map[string][]string{"x": {"y"}}}
		}),
		"tags": spec(func(p *v1beta1.IngressClassParamsSpec) {
			p.Tags = []v1beta1.Tag{{Key: value, Value: "x"}}
		}),
		"attributes": spec(func(p *v1beta1.IngressClassParamsSpec) {
			p.LoadBalancerAttributes = []v1beta1.Attribute{{Key: name, Value: value}}
		}),
		"listeners": spec(func(p *v1beta1.IngressClassParamsSpec) {
			p.Listeners = []v1beta1.Listener{{Protocol: "HTTP", Port: 80, ListenerAttributes: []v1beta1.Attribute{{Key: name, Value: "x"}}}}
		}),
		"prefix lists":    spec(func(p *v1beta1.IngressClassParamsSpec) { p.PrefixListsIDs = []string{value} }),
		"web ACL":         spec(func(p *v1beta1.IngressClassParamsSpec) { p.WAFv2ACLArn = value }),
		"web ACL by name": spec(func(p *v1beta1.IngressClassParamsSpec) { p.WAFv2ACLName = value }),
		"capacity": spec(func(p *v1beta1.IngressClassParamsSpec) {
			p.MinimumLoadBalancerCapacity = &v1beta1.MinimumLoadBalancerCapacity{CapacityUnits: -1}
		}),
		"pools": spec(func(p *v1beta1.IngressClassParamsSpec) {
			p.IPAMConfiguration = &v1beta1.IPAMConfiguration{IPv4IPAMPoolId: ptr.To("x")}
		}),
		"name":             spec(func(p *v1beta1.IngressClassParamsSpec) { p.LoadBalancerName = value }),
		"imported secrets": spec(func(p *v1beta1.IngressClassParamsSpec) { p.ImportTLSSecrets = ptr.To(true) }),
		"group":            spec(func(p *v1beta1.IngressClassParamsSpec) { p.Group = &v1beta1.IngressGroup{Name: "Not A Name"} }),
		"settings of group": spec(func(p *v1beta1.IngressClassParamsSpec) {
			p.Group = &v1beta1.IngressGroup{Name: "g", SettingsNamespaces: []v1beta1.IngressGroupNamespace{"z"}}
		}),
		"group of others": spec(func(p *v1beta1.IngressClassParamsSpec) {
			p.Group = &v1beta1.IngressGroup{Name: "g", NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"x": "y"}}}
		}),
	}
	what := t.pick("change", slices.Sorted(maps.Keys(changes))...)
	return edit{name: what, asks: what == "redirect" || what == "certificates", make: changes[what]}
}

// ingressEdit changes the spec of an Ingress.
func (t tenants) ingressEdit() edit {
	on := t.pick("Ingress", "Ingress/one", "Ingress/two")
	host := t.pick("host", "10.0.0.1", "a..b", "*", "*.*.test", strings.Repeat("a", 200))
	odd := t.pick("path", "a", "/a b", "/"+strings.Repeat("a", 200), "/[", "/ä", "/*/*/*/*/*/*")
	path := func(change func(*networkingv1.HTTPIngressPath)) func(*networkingv1.Ingress) {
		return func(i *networkingv1.Ingress) { change(&i.Spec.Rules[0].HTTP.Paths[0]) }
	}
	changes := map[string]func(*networkingv1.Ingress){
		"class missing": func(i *networkingv1.Ingress) { i.Spec.IngressClassName = ptr.To("missing") },
		"host": func(i *networkingv1.Ingress) {
			i.Spec.Rules[0].Host = host
		},
		"path": path(func(p *networkingv1.HTTPIngressPath) {
			p.Path = odd
		}),
		"path type":    path(func(p *networkingv1.HTTPIngressPath) { p.PathType = ptr.To(networkingv1.PathType("Odd")) }),
		"no path type": path(func(p *networkingv1.HTTPIngressPath) { p.PathType = nil }),
		"Service":      path(func(p *networkingv1.HTTPIngressPath) { p.Backend.Service.Name = "missing" }),
		"port": path(func(p *networkingv1.HTTPIngressPath) {
			p.Backend.Service.Port = networkingv1.ServiceBackendPort{Number: 9}
		}),
		"port by name": path(func(p *networkingv1.HTTPIngressPath) {
			p.Backend.Service.Port = networkingv1.ServiceBackendPort{Name: "missing"}
		}),
		"no port":    path(func(p *networkingv1.HTTPIngressPath) { p.Backend.Service.Port = networkingv1.ServiceBackendPort{} }),
		"no Service": path(func(p *networkingv1.HTTPIngressPath) { p.Backend.Service = nil }),
		"a resource": path(func(p *networkingv1.HTTPIngressPath) {
			p.Backend = networkingv1.IngressBackend{Resource: &corev1.TypedLocalObjectReference{Kind: "Bucket", Name: "x"}}
		}),
		"missing action": path(func(p *networkingv1.HTTPIngressPath) {
			p.Backend.Service = &networkingv1.IngressServiceBackend{Name: "missing", Port: networkingv1.ServiceBackendPort{Name: "use-annotation"}}
		}),
		"default": func(i *networkingv1.Ingress) {
			i.Spec.DefaultBackend = &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "missing", Port: networkingv1.ServiceBackendPort{Number: 1}}}
		},
		"TLS": func(i *networkingv1.Ingress) {
			i.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{"nowhere.example"}, SecretName: "missing"}}
		},
	}
	what := t.pick("change", slices.Sorted(maps.Keys(changes))...)
	return edit{name: on + " " + what, asks: what == "host" || what == "path" || what == "no path type" || what == "default", make: func(s served) { changes[what](sceneObject[*networkingv1.Ingress](s, on)) }}
}

// secretEdit changes the Secret of a login.
func (t tenants) secretEdit() edit {
	if rapid.Bool().Draw(t.T, "removed") {
		return edit{name: "Secret removed", make: func(s served) { delete(s.objects, "Secret/idp") }}
	}
	return edit{name: "Secret emptied", make: func(s served) { sceneObject[*corev1.Secret](s, "Secret/idp").Data = map[string][]byte{"clientID": nil} }}
}

const (
	sceneLogin = `{"issuer":"https://i.test","authorizationEndpoint":"https://a.test","tokenEndpoint":"https://t.test","userInfoEndpoint":"https://u.test","secretName":"idp"}`
	sceneSplit = `{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"web","servicePort":80,"weight":1},{"serviceName":"api","servicePort":"http","weight":3}]}}`
	sceneMove  = `{"type":"redirect","redirectConfig":{"host":"a.test","statusCode":"HTTP_302"}}`
	sceneText  = `{"type":"fixed-response","fixedResponseConfig":{"contentType":"text/plain","statusCode":"200","messageBody":"x"}}`
	sceneExtra = `[{"field":"http-request-method","httpRequestMethodConfig":{"values":["GET","POST"]}}]`
	scenePaths = `[{"type":"url-rewrite","urlRewriteConfig":{"rewrites":[{"regex":"^/api/(.*)$","replace":"/$1"}]}}]`
)

// servedIngresses draws a group of two Ingresses that are served.
func (t tenants) servedIngresses() served {
	s := served{key: stack.Key{Owner: stack.Ingress, ID: stack.ID{Name: "g"}}, f: Ingress{Config: ingress.Config{IngressClass: "alb", DefaultTargetType: stack.TargetIP}}, objects: map[string]metav1.Object{
		"IngressClass/alb": &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "alb"}, Spec: networkingv1.IngressClassSpec{Controller: "ingress.k8s.aws/alb",
			Parameters: &networkingv1.IngressClassParametersReference{APIGroup: ptr.To("elbv2.k8s.aws"), Kind: "IngressClassParams", Name: "alb"}}},
		"IngressClassParams/alb": &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: "alb"}},
		"Namespace/a":            &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "a"}},
		"Secret/idp":             &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "idp"}, Data: map[string][]byte{"clientID": []byte("id"), "clientSecret": []byte("secret")}},
	}}
	for _, name := range []string{"web", "api"} {
		s.objects["Service/"+name] = &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Selector: map[string]string{"app": name},
			Ports: []corev1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(8080), NodePort: 30080}}}}
	}
	for i, name := range []string{"one", "two"} {
		of := map[string]string{"group.name": "g", "actions.split": sceneSplit, "actions.move": sceneMove, "actions.text": sceneText, "conditions.api": sceneExtra, "transforms.api": scenePaths}
		if rapid.Bool().Draw(t.T, "HTTPS") {
			of["listen-ports"], of["certificate-arn"] = `[{"HTTP":80},{"HTTPS":443}]`, accountCertificate
			if i == 0 && rapid.Bool().Draw(t.T, "login") {
				of["listen-ports"], of["auth-type"], of["auth-idp-oidc"] = `[{"HTTPS":443}]`, "oidc", sceneLogin
			}
		}
		if rapid.Bool().Draw(t.T, "instances") {
			of["target-type"] = "instance"
		}
		meta := metav1.ObjectMeta{Namespace: "a", Name: name, CreationTimestamp: metav1.Unix(1_700_000_000, 0), Annotations: map[string]string{}}
		for k, v := range of {
			meta.Annotations[ofALB+k] = v
		}
		ing := &networkingv1.Ingress{ObjectMeta: meta, Spec: networkingv1.IngressSpec{IngressClassName: ptr.To("alb")}}
		for n, backend := range []string{"web", "api", t.pick("action", "split", "move", "text")} {
			port := networkingv1.ServiceBackendPort{Number: 80}
			if n == 2 {
				port = networkingv1.ServiceBackendPort{Name: "use-annotation"}
			}
			ing.Spec.Rules = append(ing.Spec.Rules, networkingv1.IngressRule{Host: victims[i], IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{
				{Path: []string{"/a", "/a/b", "/admin"}[n], PathType: ptr.To(networkingv1.PathTypePrefix), Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: backend, Port: port}}}}}}})
		}
		showing(deployed(s.key, ing), "g.elb.amazonaws.com")
		s.objects["Ingress/"+name] = ing
	}
	return s
}

// keepsAnswers makes edits of objects that serve, one or two of which only the first may ask for less, and fails if a request loses its answer.
func keepsAnswers(rt *rapid.T, s served, edits []edit, ask []traffic.Request) (kept bool) {
	old := s.compile(rt, nil)
	if old.Stack == nil || old.complaint() != "" {
		rt.Fatalf("the scene does not serve: %s\n%s", old.complaint(), s.text())
	}
	now, memory := s, old.Memory
	for n, e := range edits {
		now = now.copied()
		e.make(now)
		alone := s.copied()
		e.make(alone)
		fresh := alone.compile(rt, nil)
		if fresh.complaint() == "" && e.asks || n > 0 && e.asks {
			return false
		}
		for pass := range 2 {
			c := now.compile(rt, memory)
			if c.Wanted && c.Stack == nil { // nothing is written, so that AWS keeps what it has
				continue
			}
			for _, r := range ask {
				was, is := old.answer(r), c.answer(r)
				if is == "no listener" && slices.Contains(c.Keep.Resources, stack.Ref{Kind: stack.KindListener, ID: fmt.Sprint(r.Port)}) {
					continue // AWS has it
				}
				if !lost(was) && lost(is) || strings.Contains(was, "authenticate") && !lost(is) && !strings.Contains(is, "authenticate") && fresh.complaint() != "" {
					rt.Fatalf("edit %d (%s), pass %d: %s %d %s%s gets %q, before %q; findings %v; fresh %q; of\n%s", n, e.name, pass, r.Method, r.Port, r.Host, r.Path, is, was, c.Diagnostics, fresh.complaint(), now.text())
				}
			}
			if c.Memory != nil {
				memory = c.Memory
			}
		}
		kept = kept || fresh.complaint() != ""
	}
	return kept
}

// TestEditsOfIngressesKeepAnswers draws a group that serves, and edits of a member or of what it refers to. No request that had an answer
// loses it, unless the edit is valid and asks for that.
func TestEditsOfIngressesKeepAnswers(t *testing.T) {
	t.Parallel()
	kept := 0
	rapid.Check(t, func(rt *rapid.T) {
		of := tenants{rt}
		s := of.servedIngresses()
		var edits []edit
		for range rapid.IntRange(1, 2).Draw(rt, "edits") {
			switch rapid.IntRange(0, 6).Draw(rt, "kind of edit") {
			case 0:
				edits = append(edits, of.backendEdit())
			case 1:
				edits = append(edits, of.classEdit())
			case 2:
				edits = append(edits, of.ingressEdit())
			case 3:
				edits = append(edits, of.annotationEdit(of.pick("Service", "Service/web", "Service/api"), "backend", "web.http 80"))
			case 4:
				edits = append(edits, of.secretEdit())
			default:
				edits = append(edits, of.annotationEdit(of.pick("Ingress", "Ingress/one", "Ingress/two"), "Ingress", "HTTP-80 HTTPS-443 web api split move text"))
			}
		}
		if keepsAnswers(rt, s, edits, requests(80, 443)) {
			kept++
		}
	})
	if kept == 0 {
		t.Error("no edit was invalid")
	}
}

// servedService draws a Service of type LoadBalancer that is served, alone or in a group.
func (t tenants) servedService() served {
	s := served{key: stack.Key{Owner: stack.Service, ID: stack.ID{Namespace: "a", Name: "one"}}, f: Service{Config: service.Config{LoadBalancerClass: "service.k8s.aws/nlb", DefaultTargetType: stack.TargetIP}}, objects: map[string]metav1.Object{}}
	names := []string{"one"}
	if rapid.Bool().Draw(t.T, "group") {
		s.key.ID, names = stack.ID{Name: "g"}, []string{"one", "two"}
	}
	for i, name := range names {
		port := int32(80 + 10*i)
		svc := t.service(metav1.ObjectMeta{Namespace: "a", Name: name}, []int32{port, port + 1})
		if len(names) == 1 {
			delete(svc.Annotations, string(annotation.ServiceGroupName))
		}
		if rapid.Bool().Draw(t.T, "TLS") {
			svc.Annotations[string(annotation.ServiceCertificates)], svc.Annotations[string(annotation.ServiceSSLPorts)] = accountCertificate, fmt.Sprint(port)
		}
		if rapid.Bool().Draw(t.T, "UDP") {
			svc.Spec.Ports[1].Protocol = corev1.ProtocolUDP
		}
		if rapid.Bool().Draw(t.T, "instances") {
			svc.Annotations[string(annotation.ServiceTargetType)] = "instance"
		}
		if rapid.Bool().Draw(t.T, "weights") {
			svc.Annotations[ofNLB+fmt.Sprint("actions.TCP-", port)] = `{"type":"forward","forwardConfig":{"baseServiceWeight":10,"targetGroups":[{"serviceName":"web","servicePort":80,"weight":1}]}}`
		}
		showing(deployed(s.key, svc), "g.elb.amazonaws.com")
		s.objects["Service/"+name] = svc
	}
	for _, name := range []string{"web", "api"} {
		s.objects["Service/"+name] = &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Selector: map[string]string{"app": name},
			Ports: []corev1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(8080), NodePort: 30080}}}}
	}
	return s
}

// serviceEdit changes the spec of a Service that has a network load balancer.
func (t tenants) serviceEdit() edit {
	changes := map[string]func(svc *corev1.Service){
		"a protocol that AWS lacks": func(svc *corev1.Service) { svc.Spec.Ports[0].Protocol = corev1.ProtocolSCTP },
		"UDP":                       func(svc *corev1.Service) { svc.Spec.Ports[0].Protocol = corev1.ProtocolUDP },
		"two protocols of a port": func(svc *corev1.Service) {
			svc.Spec.Ports = append(svc.Spec.Ports, corev1.ServicePort{Name: "more", Port: svc.Spec.Ports[0].Port, Protocol: corev1.ProtocolUDP, TargetPort: intstr.FromInt32(1), NodePort: 31000})
		},
		"without node ports": func(svc *corev1.Service) {
			svc.Spec.AllocateLoadBalancerNodePorts = ptr.To(false)
			for i := range svc.Spec.Ports {
				svc.Spec.Ports[i].NodePort = 0
			}
		},
		"port of others": func(svc *corev1.Service) {
			svc.Spec.Ports = append(svc.Spec.Ports, corev1.ServicePort{Name: "more", Port: 90, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(1), NodePort: 31000})
		},
		"invalid ranges": func(svc *corev1.Service) { svc.Spec.LoadBalancerSourceRanges = []string{"x"} },
		"IPv6":           func(svc *corev1.Service) { svc.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv6Protocol} },
		"named targets":  func(svc *corev1.Service) { svc.Spec.Ports[0].TargetPort = intstr.FromString("x") },
		"no selector":    func(svc *corev1.Service) { svc.Spec.Selector = nil },
		"an address":     func(svc *corev1.Service) { svc.Spec.LoadBalancerIP = "10.0.0.1" },
	}
	what := t.pick("change", slices.Sorted(maps.Keys(changes))...)
	return edit{name: what, make: func(s served) { changes[what](sceneObject[*corev1.Service](s, "Service/one")) }}
}

// TestEditsOfServicesKeepAnswers does the same for Services of network load balancers: no port that is served is closed.
func TestEditsOfServicesKeepAnswers(t *testing.T) {
	t.Parallel()
	kept := 0
	rapid.Check(t, func(rt *rapid.T) {
		of := tenants{rt}
		s := of.servedService()
		var edits []edit
		for range rapid.IntRange(1, 2).Draw(rt, "edits") {
			switch rapid.IntRange(0, 3).Draw(rt, "kind of edit") {
			case 0:
				edits = append(edits, of.backendEdit())
			case 1:
				edits = append(edits, of.serviceEdit())
			default:
				edits = append(edits, of.annotationEdit("Service/one", "Service", "TCP-80 TLS-80 UDP-81 80 81 TCP-90"))
			}
		}
		var ask []traffic.Request
		for _, port := range []int32{80, 81, 90, 91} {
			ask = append(ask, traffic.Request{Port: port})
		}
		if keepsAnswers(rt, s, edits, ask) {
			kept++
		}
	})
	if kept == 0 {
		t.Error("no edit was invalid")
	}
}
