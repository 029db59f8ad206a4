package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/config/crd"
	"github.com/k8s-lbc/lbc/internal/kube/manifest/schema"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// unstorable are findings about objects that the API server would refuse: any by the keys of annotations, Ingresses and
// Services by the most frequent of its rules about hosts, paths, backends and ports, custom resources of the controller
// by the schemas and rules of their definitions.
func unstorable(src *source) ([]finding, error) {
	var out []finding
	definitions, err := definitions()
	if err != nil {
		return nil, err
	}
	for _, p := range src.fromFiles {
		if kind, _ := objects.KindOf(p.object); p.node != nil {
			if d, ok := definitions[string(kind)]; ok {
				refused, err := refusedBy(d, p)
				if err != nil {
					return nil, err
				}
				out = append(out, refused...)
			}
		}
		refuse := func(field, text, remedy string) {
			out = append(out, refusedAt(p, field, text, remedy))
		}
		checkKeys(p.object.GetAnnotations(), refuse)
		switch o := p.object.(type) {
		case *networkingv1.Ingress:
			checkIngress(&o.Spec, refuse)
		case *corev1.Service:
			checkService(&o.Spec, refuse)
		}
	}
	return out, nil
}

// sayUnstorable says on errOut which objects the API server would refuse, and reports whether there are some.
func (s *source) sayUnstorable(errOut io.Writer) (some bool, err error) {
	refused, err := unstorable(s)
	for _, f := range refused {
		fmt.Fprintf(errOut, "lbc: %s:%d: %s: %s (%s); %s\n", f.File, f.Line, f.Object, f.Message, f.Field, f.Remedy)
	}
	return len(refused) > 0, err
}

// refuser reports what the API server refuses in a field of an object.
type refuser func(field, text, remedy string)

// refusedAt is a finding that the API server refuses a field of an object.
func refusedAt(p placed, field, text, remedy string) finding {
	kind, _ := objects.KindOf(p.object)
	o := diag.Object{Kind: string(kind), Namespace: p.object.GetNamespace(), Name: p.object.GetName()}
	return finding{File: p.file, Line: p.line(field), Severity: severityError, Object: o.String(), Field: field,
		Reason: "InvalidManifest", Message: "the API server refuses the object: " + text, Remedy: remedy}
}

// checkKeys checks the keys of annotations.
func checkKeys(annotations map[string]string, refuse refuser) {
	for _, k := range slices.Sorted(maps.Keys(annotations)) {
		field := fmt.Sprintf("metadata.annotations[%s]", k)
		switch before, after, colon := strings.Cut(k, ":"); {
		case len(validation.IsQualifiedName(strings.ToLower(k))) == 0:
		case colon:
			refuse(field, fmt.Sprintf("the key %q of an annotation has a colon", k),
				fmt.Sprintf("if %q is the key, write %s: %q", before, before, strings.TrimSpace(after+"="+annotations[k])))
		default:
			refuse(field, fmt.Sprintf("%q is not the key of an annotation", k),
				"write letters, digits, -, _ and . after at most one /, beginning and ending with a letter or digit")
		}
	}
}

func checkIngress(spec *networkingv1.IngressSpec, refuse refuser) {
	if b := spec.DefaultBackend; b != nil {
		checkBackend("spec.defaultBackend", *b, refuse)
	}
	for i, r := range spec.Rules {
		at := fmt.Sprintf("spec.rules[%d]", i)
		if text := hostComplaint(r.Host); text != "" {
			refuse(at+".host", text, "write a name such as shop.example.com or *.example.com, in lower case")
		}
		if r.HTTP == nil {
			continue
		}
		for j, path := range r.HTTP.Paths {
			at := fmt.Sprintf("%s.http.paths[%d]", at, j)
			checkPath(at, path, refuse)
			checkBackend(at+".backend", path.Backend, refuse)
		}
	}
}

// checkService checks the ports of a Service.
func checkService(spec *corev1.ServiceSpec, refuse refuser) {
	names, ports := map[string]bool{}, map[string]bool{}
	if len(spec.Ports) == 0 && spec.Type != corev1.ServiceTypeExternalName && spec.ClusterIP != corev1.ClusterIPNone {
		refuse("spec.ports", "there is no port", "write ports: [{port: 80}]")
	}
	for i, p := range spec.Ports {
		at := fmt.Sprintf("spec.ports[%d]", i)
		key := fmt.Sprintf("%d/%s", p.Port, cmp.Or(p.Protocol, corev1.ProtocolTCP))
		target := p.TargetPort
		switch {
		case p.Name == "" && len(spec.Ports) > 1:
			refuse(at, "of several ports, each needs a name", "write a name such as http")
		case p.Name != "" && len(validation.IsDNS1123Label(p.Name)) > 0:
			refuse(at+".name", fmt.Sprintf("%q is not the name of a port", p.Name),
				"write lower-case letters, digits and -, such as http-port")
		case p.Name != "" && names[p.Name]:
			refuse(at+".name", fmt.Sprintf("two ports have the name %s", p.Name), "write another name")
		case p.Port < 1 || p.Port > 65535:
			refuse(at+".port", fmt.Sprintf("%d is not a port", p.Port), "write a number from 1 to 65535")
		case ports[key]:
			refuse(at, fmt.Sprintf("two ports are %s", key), "write another port, or remove one of them")
		case target.Type == intstr.Int && (target.IntVal < 0 || target.IntVal > 65535):
			refuse(at+".targetPort", fmt.Sprintf("%d is not a port", target.IntVal), "write a number from 1 to 65535")
		case target.Type == intstr.String:
			checkPortName(at+".targetPort", target.StrVal, refuse)
		}
		names[p.Name], ports[key] = true, true
	}
}

// checkPortName checks the name of a port of containers, or of a Service that an Ingress names.
func checkPortName(field, name string, refuse refuser) {
	switch {
	case len(validation.IsValidPortName(name)) == 0:
	case len(validation.IsValidPortName(name+"a")) == 0 && strings.Trim(name, "0123456789") == "":
		refuse(field, fmt.Sprintf("%q is not the name of a port: it has no letter", name),
			fmt.Sprintf("write the number %s without quotes", name))
	default:
		refuse(field, fmt.Sprintf("%q is not the name of a port", name),
			"write at most 15 lower-case letters, digits and -, with at least one letter, such as http")
	}
}

// definitions are the definitions of all custom resources of the controller, by kind.
func definitions() (map[string]schema.Definition, error) {
	out := map[string]schema.Definition{}
	for _, text := range crd.All() {
		d, err := schema.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("config/crd: %w", err)
		}
		out[d.Kind] = d
	}
	return out, nil
}

// refusedBy are findings about what the definition of an object's kind does not admit.
func refusedBy(d schema.Definition, p placed) ([]finding, error) {
	text, err := yaml.Marshal(p.node)
	if err != nil {
		return nil, err
	}
	var value any
	if err := sigsyaml.Unmarshal(text, &value); err != nil { // as kubectl reads it
		return nil, err
	}
	var out []finding
	for _, problem := range d.Schema.Check(value) {
		out = append(out, refusedAt(p, problem.Path, problem.Text, problem.Remedy))
	}
	return out, nil
}

func hostComplaint(host string) string {
	var wrong []string
	switch {
	case host == "":
	case net.ParseIP(host) != nil:
		return fmt.Sprintf("host %q is an address", host)
	case strings.Contains(host, "*"):
		wrong = validation.IsWildcardDNS1123Subdomain(host)
	default:
		wrong = validation.IsDNS1123Subdomain(host)
	}
	if len(wrong) == 0 {
		return ""
	}
	return fmt.Sprintf("host %q is not a valid name", host)
}

// sequences must not be in a path of type Exact or Prefix, and suffixes not at its end.
var (
	sequences = []string{"//", "/./", "/../", "%2f", "%2F"}
	suffixes  = []string{"/..", "/."}
)

func checkPath(at string, p networkingv1.HTTPIngressPath, refuse refuser) {
	if p.PathType == nil {
		refuse(at, "pathType is missing", "write pathType: Prefix, Exact or ImplementationSpecific")
		return
	}
	literal := *p.PathType == networkingv1.PathTypeExact || *p.PathType == networkingv1.PathTypePrefix
	bad := func(s string) bool { return strings.Contains(p.Path, s) }
	switch {
	case !strings.HasPrefix(p.Path, "/") && (literal || p.Path != ""):
		refuse(at+".path", fmt.Sprintf("path %q does not begin with /", p.Path), "write an absolute path")
	case literal && (slices.ContainsFunc(sequences, bad) ||
		slices.ContainsFunc(suffixes, func(s string) bool { return strings.HasSuffix(p.Path, s) })):
		refuse(at+".path", fmt.Sprintf("path %q has //, /., /.. or %%2f in it", p.Path),
			"write the path as requests have it, or use pathType ImplementationSpecific")
	}
}

func checkBackend(at string, b networkingv1.IngressBackend, refuse refuser) {
	switch {
	case b.Service == nil && b.Resource == nil:
		refuse(at, "there is no backend", "name a Service and its port")
	case b.Service == nil:
	case b.Service.Name == "":
		refuse(at, "the Service has no name", "name a Service")
	case (b.Service.Port.Name == "") == (b.Service.Port.Number == 0):
		refuse(at, "port must have either a name or a number", "write port: {number: 80} or port: {name: http}")
	case b.Service.Port.Name == "" && (b.Service.Port.Number < 1 || b.Service.Port.Number > 65535):
		refuse(at, fmt.Sprintf("%d is not a port", b.Service.Port.Number), "write a number from 1 to 65535")
	case b.Service.Port.Name != "":
		checkPortName(at+".service.port.name", b.Service.Port.Name, refuse)
	}
}
