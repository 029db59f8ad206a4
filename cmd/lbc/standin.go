package main

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// withStandIns returns the findings about annotations that are read only with a backend Service, such as those of
// health checks. Stand-ins replace Services that are in none of the files, as in charts and overlays.
func (o *lintOptions) withStandIns(ctx context.Context, src *source) (diag.List, error) {
	services := standIns(src)
	if len(services) == 0 {
		return nil, nil
	}
	manifest.FillIn(services)
	for _, s := range services {
		src.snapshot.Put(s)
		defer src.snapshot.Delete(objects.Service, s.GetNamespace(), s.GetName())
	}
	got, err := o.plans(ctx, src)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(everything(got), func(d diag.Diagnostic) bool {
		// Its value may be the name of a port, which a stand-in may lack.
		return d.Code != diag.InvalidAnnotation || d.Path == annotation.HealthCheckPort.Path()
	}), nil
}

// standIns are Services, with the ports that Ingresses of the files name, in place of those that are in none of the
// files.
func standIns(src *source) []metav1.Object {
	ports := map[types.NamespacedName]map[networkingv1.ServiceBackendPort]bool{}
	var out []metav1.Object
	for _, p := range src.fromFiles {
		ing, ok := p.object.(*networkingv1.Ingress)
		if !ok {
			continue
		}
		name := func(service string, port networkingv1.ServiceBackendPort) {
			key := types.NamespacedName{Namespace: ing.Namespace, Name: service}
			if _, ok := src.snapshot.Get(objects.Service, key.Namespace, key.Name); ok || service == "" {
				return
			}
			if ports[key] == nil {
				ports[key] = map[networkingv1.ServiceBackendPort]bool{}
				s := &corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort}}
				s.Namespace, s.Name = key.Namespace, key.Name
				out = append(out, s)
			}
			ports[key][port] = true
		}
		for _, b := range backends(ing) {
			if b.Service != nil {
				name(b.Service.Name, b.Service.Port)
			}
		}
		for k, v := range ing.Annotations {
			if strings.HasPrefix(k, string(annotation.Actions)) {
				inAction(v, name)
			}
		}
	}
	for _, o := range out {
		s, _ := o.(*corev1.Service)
		next := int32(20000) // for ports that are known by name only
		for p := range ports[types.NamespacedName{Namespace: s.Namespace, Name: s.Name}] {
			port := corev1.ServicePort{Name: p.Name, Port: p.Number}
			if port.Port == 0 {
				next++
				port.Port = next
			}
			s.Spec.Ports = append(s.Spec.Ports, port)
		}
	}
	return out
}

func backends(ing *networkingv1.Ingress) []networkingv1.IngressBackend {
	var out []networkingv1.IngressBackend
	if b := ing.Spec.DefaultBackend; b != nil {
		out = append(out, *b)
	}
	for _, r := range ing.Spec.Rules {
		if r.HTTP == nil {
			continue
		}
		for _, p := range r.HTTP.Paths {
			if p.Backend.Service != nil && p.Backend.Service.Port.Name == "use-annotation" {
				continue
			}
			out = append(out, p.Backend)
		}
	}
	return out
}

// inAction calls name with each Service in the JSON of an action.
func inAction(text string, name func(service string, port networkingv1.ServiceBackendPort)) {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			service, port := "", networkingv1.ServiceBackendPort{}
			for k, x := range v {
				switch strings.ToLower(k) {
				case "servicename":
					service, _ = x.(string)
				case "serviceport":
					port = portOf(x)
				default:
					walk(x)
				}
			}
			name(service, port)
		}
	}
	walk(v)
}

func portOf(v any) networkingv1.ServiceBackendPort {
	switch v := v.(type) {
	case float64:
		return networkingv1.ServiceBackendPort{Number: int32(v)}
	case string:
		var n int32
		if json.Unmarshal([]byte(v), &n) == nil {
			return networkingv1.ServiceBackendPort{Number: n}
		}
		return networkingv1.ServiceBackendPort{Name: v}
	}
	return networkingv1.ServiceBackendPort{}
}
