package main

import (
	"cmp"
	"fmt"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/controller/settings"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// assumeGatewayClasses makes the classes that Gateways name and no file has, for lack of a cluster. They belong to the
// controller that chooses the type of the load balancer by the listeners, and have no parameters. The findings are
// about these classes.
func assumeGatewayClasses(src *source, c *config.Config) []finding {
	flags := settings.GatewayConfig(c)
	controller := cmp.Or(flags.Auto, flags.ALB, flags.NLB)
	var out []finding
	for _, p := range src.fromFiles {
		g, ok := p.object.(*gatewayv1.Gateway)
		if !ok || controller == "" {
			continue
		}
		name := string(g.Spec.GatewayClassName)
		have, exists := src.snapshot.Get(objects.GatewayClass, "", name)
		if exists && have.GetAnnotations()[assumed] == "" {
			continue
		}
		src.snapshot.Put(&gatewayv1.GatewayClass{
			ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{assumed: "true"}},
			Spec:       gatewayv1.GatewayClassSpec{ControllerName: controller},
		})
		const field = "spec.gatewayClassName"
		out = append(out, finding{
			File: p.file, Line: p.line(field), Severity: severityNote, Object: diag.Object{
				Kind: "Gateway", Namespace: g.Namespace, Name: g.Name}.String(),
			Field: field, Reason: codeUnknownClass,
			Message: fmt.Sprintf("GatewayClass %s is in none of the files; it is assumed to be a class of controller %s, "+
				"without parameters", name, controller),
			Remedy: "check the file of the GatewayClass along with this one",
		})
	}
	return out
}

// codeUnknownClass is the code of findings about classes that are in none of the files.
const codeUnknownClass = "GatewayClassNotFound"

// hint prints findings for commands whose output is not about files.
func hint(errOut io.Writer, found []finding) {
	for _, f := range found {
		fmt.Fprintf(errOut, "lbc: %s: %s\n", f.Object, f.Message)
	}
}
