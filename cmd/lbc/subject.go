package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/kube/readable"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// part is a kind of objects that are explained as parts of their Gateways, and its names on the command line.
type part struct {
	kind  objects.Kind
	names []string
}

var parts = []part{
	{objects.HTTPRoute, []string{"httproute", "httproutes"}}, {objects.GRPCRoute, []string{"grpcroute", "grpcroutes"}},
	{objects.TCPRoute, []string{"tcproute", "tcproutes"}}, {objects.UDPRoute, []string{"udproute", "udproutes"}},
	{objects.TLSRoute, []string{"tlsroute", "tlsroutes"}},
	{objects.ListenerSet, []string{"listenerset", "listenersets", "lset"}},
}

// explained is the kind of objects that can be explained of a name on the command line.
func explained(name string) (objects.Kind, bool) {
	for _, p := range parts {
		if slices.Contains(p.names, strings.ToLower(name)) {
			return p.kind, true
		}
	}
	if slices.Contains(acceleratorNames, strings.ToLower(name)) {
		return objects.GlobalAccelerator, true
	}
	if slices.Contains(bindingNames, strings.ToLower(name)) {
		return objects.TargetGroupBinding, true
	}
	for _, k := range owner.Kinds {
		if slices.Contains(k.Names, strings.ToLower(name)) {
			return objects.Kind(k.Kind), true
		}
	}
	return "", false
}

// kindNames are the names of the kinds that can be explained, each once.
func kindNames() (out []string) {
	for _, k := range owner.Kinds {
		if !slices.Contains(out, k.Names[0]) {
			out = append(out, k.Names[0])
		}
	}
	for _, p := range parts {
		out = append(out, p.names[0])
	}
	return append(out, acceleratorNames[0], bindingNames[0])
}

func isPart(kind objects.Kind) bool {
	return slices.ContainsFunc(parts, func(p part) bool { return p.kind == kind })
}

// complete returns the completions: kinds, then the names of objects.
func (o *explainOptions) complete(cmd *cobra.Command, args []string) []string {
	if len(args) == 0 {
		return kindNames()
	}
	kind, ok := explained(args[0])
	if !ok || len(args) > 1 {
		return nil
	}
	o.namesOnly = true
	src, err := o.objects(cmd.Context(), io.Discard, strings.NewReader(""))
	if err != nil {
		return nil
	}
	var out []string
	for _, x := range src.snapshot.List(kind, o.namespace) {
		out = append(out, x.GetName())
	}
	slices.Sort(out)
	return out
}

// subject is the object to explain: "ingress NAME" or "ingress/NAME", where NAME may be namespace/name; without a name
// the only object of its kind, without a kind the only object.
func (o *explainOptions) subject(src *source, args []string) (objects.Kind, metav1.Object, error) {
	if len(args) == 1 {
		if before, after, ok := strings.Cut(args[0], "/"); ok {
			args = []string{before, after}
		}
	}
	if len(args) == 0 {
		return o.only(src, "")
	}
	kind, ok := explained(args[0])
	switch {
	case !ok && len(args) == 1:
		return "", nil, fmt.Errorf("%q: name the kind and the object, as in: lbc explain ingress shop", args[0])
	case !ok:
		return "", nil, fmt.Errorf("%q cannot be explained: write %s", args[0], list(kindNames()))
	case len(args) == 1:
		return o.only(src, kind)
	}
	namespace, name, whole := strings.Cut(args[1], "/")
	if !whole {
		namespace, name = o.namespace, args[1]
	}
	if x, ok := src.snapshot.Get(kind, namespace, name); ok {
		return kind, x, nil
	}
	if !whole && !o.given("namespace") {
		var found []metav1.Object
		for _, p := range src.fromFiles {
			if k, _ := objects.KindOf(p.object); k == kind && p.object.GetName() == name {
				found = append(found, p.object)
			}
		}
		if len(found) == 1 {
			return kind, found[0], nil
		}
	}
	return "", nil, missing(src.snapshot.Snapshot, kind, namespace, name)
}

// only is the only object of a kind, or of any kind if that is empty, that may declare a load balancer, or is a part of
// one if the kind says so; in the files if there are any, else in the namespace unless all are meant.
func (o *explainOptions) only(src *source, kind objects.Kind) (objects.Kind, metav1.Object, error) {
	var candidates []metav1.Object
	for _, p := range src.fromFiles {
		candidates = append(candidates, p.object)
	}
	if len(src.fromFiles) == 0 {
		namespace := o.namespace
		if o.allNamespaces {
			namespace = ""
		}
		for kind := range readable.Kinds {
			candidates = append(candidates, src.snapshot.List(kind, namespace)...)
		}
	}
	candidates = slices.DeleteFunc(candidates, func(x metav1.Object) bool {
		if k, _ := objects.KindOf(x); k == kind && (isPart(kind) || kind == objects.GlobalAccelerator ||
			kind == objects.TargetGroupBinding) {
			return false
		}
		return !slices.ContainsFunc(owner.Kinds, func(k owner.Kind) bool {
			return (kind == "" || k.Kind == string(kind)) && k.Is(x) && k.MayDeclare(x)
		})
	})
	var there []string
	for _, x := range candidates {
		k, _ := objects.KindOf(x)
		there = append(there, strings.ToLower(string(k))+" "+x.GetNamespace()+"/"+x.GetName())
	}
	switch len(candidates) {
	case 0:
		where := ""
		if o.limited() {
			where = " in namespace " + o.namespace + "; -n chooses another one, -A all"
		}
		return "", nil, errors.New("there is nothing to explain: no Ingress, no Gateway, and no Service of " +
			"type LoadBalancer" + where)
	case 1:
		k, _ := objects.KindOf(candidates[0])
		return k, candidates[0], nil
	}
	slices.Sort(there)
	return "", nil, fmt.Errorf("name one of: %s", diag.Some(there))
}

// missing is the error about an object that does not exist, with those that do.
func missing(s objects.Snapshot, kind objects.Kind, namespace, name string) error {
	var there []string
	for _, x := range s.List(kind, "") {
		there = append(there, x.GetNamespace()+"/"+x.GetName())
	}
	slices.Sort(there)
	hint := fmt.Sprintf("there is no %s at all; name a file with -f or a cluster with --kubeconfig", kind)
	if len(there) > 0 {
		hint = "there is " + diag.Some(there) + "; -n chooses the namespace"
	}
	return fmt.Errorf("%s %s/%s is not found: %s", kind, namespace, name, hint)
}
