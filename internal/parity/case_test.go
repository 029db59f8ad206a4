package parity

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	configv1 "github.com/k8s-lbc/lbc/api/gateway/v1"
	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
	"github.com/k8s-lbc/lbc/internal/parity/recorded"
)

type tree = recorded.Tree

// cluster is the objects of a case as they stand, and what was recorded of them.
type cluster struct {
	recorded.Case
	after []tree // per edit
}

// kinds that cases have.
var kinds = map[string]func() metav1.Object{
	"Ingress":            func() metav1.Object { return &networkingv1.Ingress{} },
	"IngressClass":       func() metav1.Object { return &networkingv1.IngressClass{} },
	"IngressClassParams": func() metav1.Object { return &v1beta1.IngressClassParams{} },
	"Service":            func() metav1.Object { return &corev1.Service{} },

	"GatewayClass":   func() metav1.Object { return &gatewayv1.GatewayClass{} },
	"Gateway":        func() metav1.Object { return &gatewayv1.Gateway{} },
	"ListenerSet":    func() metav1.Object { return &gatewayv1.ListenerSet{} },
	"HTTPRoute":      func() metav1.Object { return &gatewayv1.HTTPRoute{} },
	"GRPCRoute":      func() metav1.Object { return &gatewayv1.GRPCRoute{} },
	"TCPRoute":       func() metav1.Object { return &gatewayv1.TCPRoute{} },
	"UDPRoute":       func() metav1.Object { return &gatewayv1.UDPRoute{} },
	"TLSRoute":       func() metav1.Object { return &gatewayv1.TLSRoute{} },
	"ReferenceGrant": func() metav1.Object { return &gatewayv1beta1.ReferenceGrant{} },

	"LoadBalancerConfiguration": func() metav1.Object { return &configv1.LoadBalancerConfiguration{} },
	"TargetGroupConfiguration":  func() metav1.Object { return &configv1.TargetGroupConfiguration{} },
	"ListenerRuleConfiguration": func() metav1.Object { return &configv1.ListenerRuleConfiguration{} },
}

// class is what users of the cases have beside their objects.
func class() tree {
	return tree{"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": tree{"name": "alb"},
		"spec": tree{"controller": "ingress.k8s.aws/alb"}}
}

func cases(t *testing.T) []cluster {
	t.Helper()
	files, err := recorded.Files("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var out []cluster
	for _, f := range files {
		if !strings.HasPrefix(f, filepath.Join("testdata", "tgb")) { // bindings without a load balancer: see nodes_test.go
			out = append(out, read(t, f))
		}
	}
	return out
}

func read(t *testing.T, file string) cluster {
	t.Helper()
	c, err := recorded.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	r := cluster{Case: *c, after: make([]tree, len(c.After))}
	r.Objects = append([]tree{class()}, r.Objects...)
	for i, raw := range c.After {
		if err := json.Unmarshal(raw, &r.after[i]); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return r
}

// apply changes the objects as a step says.
func (r *cluster) apply(t *testing.T, e recorded.Edit) {
	t.Helper()
	for _, d := range e.Do {
		for _, o := range d.With {
			r.patch(t, d.Patch, o)
		}
		if d.Annotate == "" {
			continue
		}
		annotations := r.object(t, d.Annotate)["metadata"].(tree)["annotations"].(tree)
		for k, v := range d.ALB {
			annotations["alb.ingress.kubernetes.io/"+k] = fmt.Sprint(v)
		}
	}
}

func (r *cluster) object(t *testing.T, ref string) tree {
	t.Helper()
	for _, o := range r.Objects {
		if ref == fmt.Sprintf("%s/%s", o["kind"], o["metadata"].(tree)["name"]) {
			return o
		}
	}
	t.Fatalf("%s: no object %s", r.Name, ref)
	return nil
}

func (r *cluster) patch(t *testing.T, ref string, o recorded.Operation) {
	t.Helper()
	var at any = r.object(t, ref)
	put := func(any) {}
	keys := strings.Split(strings.TrimPrefix(o.Path, "/"), "/")
	for i, key := range keys {
		last := i == len(keys)-1
		switch here := at.(type) {
		case tree:
			if !last {
				put, at = func(v any) { here[key] = v }, here[key]
			} else if o.Op == "remove" {
				delete(here, key)
			} else {
				here[key] = o.Value
			}
		case []any:
			n, err := strconv.Atoi(key)
			if err != nil {
				t.Fatalf("%s: patch of %s: %v", r.Name, o.Path, err)
			}
			switch {
			case !last:
				put, at = func(v any) { here[n] = v }, here[n]
			case o.Op == "add":
				put(slices.Insert(here, n, o.Value))
			case o.Op == "remove":
				put(slices.Delete(here, n, n+1))
			default:
				here[n] = o.Value
			}
		default:
			t.Fatalf("%s: patch of %s: nothing is at %s", r.Name, o.Path, key)
		}
	}
}

// typed are the objects that a front end reads: with what their placeholders, ${kind:name}, stand for by names. A
// Service has the UID that is made of its name.
func (r *cluster) typed(t *testing.T, names map[string]string) []any {
	t.Helper()
	var pairs, out = []string{}, []any{}
	for id, name := range names {
		pairs = append(pairs, "$"+name, id)
	}
	filled := strings.NewReplacer(pairs...)
	for _, o := range r.Objects {
		if o["kind"] == "Pod" { // its endpoints belong to the bindings' part
			continue
		}
		create := kinds[fmt.Sprint(o["kind"])]
		if create == nil {
			t.Fatalf("%s: unknown kind %s", r.Name, o["kind"])
		}
		into := create()
		text, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(filled.Replace(string(text))), into); err != nil {
			t.Fatalf("%s: %v: %s", r.Name, err, text)
		}
		if into.GetUID() == "" {
			into.SetUID(manifest.UID(into.GetNamespace(), into.GetName()))
		}
		out = append(out, into)
	}
	return out
}
