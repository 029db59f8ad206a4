package main

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/config/crd"
	"github.com/k8s-lbc/lbc/internal/kube/manifest/schema"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// unstorable are findings about objects that the API server would refuse: Ingresses by the most frequent of its rules
// about hosts, paths and backends, custom resources of the controller by the schemas and rules of their definitions.
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
		ing, ok := p.object.(*networkingv1.Ingress)
		if !ok {
			continue
		}
		o := diag.Object{Kind: "Ingress", Namespace: ing.Namespace, Name: ing.Name}
		refuse := func(field, text, remedy string) {
			out = append(out, finding{File: p.file, Line: p.line(field), Severity: severityError, Object: o.String(),
				Field: field, Reason: "InvalidManifest",
				Message: "the API server refuses the object: " + text, Remedy: remedy})
		}
		if b := ing.Spec.DefaultBackend; b != nil {
			checkBackend("spec.defaultBackend", *b, refuse)
		}
		for i, r := range ing.Spec.Rules {
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
	return out, nil
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
		out = append(out, finding{
			File: p.file, Line: p.line(problem.Path), Severity: severityError,
			Object: diag.Object{Kind: d.Kind, Namespace: p.object.GetNamespace(), Name: p.object.GetName()}.String(),
			Field:  problem.Path,
			Reason: "InvalidManifest", Message: "the API server refuses the object: " + problem.Text, Remedy: problem.Remedy,
		})
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

func checkPath(at string, p networkingv1.HTTPIngressPath, refuse func(field, text, remedy string)) {
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

func checkBackend(at string, b networkingv1.IngressBackend, refuse func(field, text, remedy string)) {
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
	}
}
