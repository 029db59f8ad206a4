package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// kind is a definition, which controller-gen makes of the Go types.
type kind struct {
	Spec struct {
		Scope    string
		Names    struct{ Kind string }
		Versions []struct {
			Name    string
			Storage bool
			Schema  struct{ OpenAPIV3Schema described }
		}
	}
}

// pagesOfKinds are the kinds of elbv2.k8s.aws, with the page that tells how each is used.
var pagesOfKinds = []struct{ file, about string }{
	{"ingressclassparams", "Settings of all Ingresses of a class, which override annotations. An IngressClass names " +
		"them in `spec.parameters`; [annotations.md](annotations.md) has the annotation of each setting."},
	{"targetgroupbindings", "Registers the endpoints of a Service with a target group. The controller creates one for " +
		"each target group that it owns; you create one for [a target group that the controller did not " +
		"create](tasks/target-group-binding.md)."},
	{"loadbalancers", "The state of a load balancer. Only the controller writes this object; " +
		"[observing.md](operations/observing.md#status-of-each-load-balancer) says how to read it."},
	{"albtargetcontrolconfigs", "Settings of the target control agents that the controller adds to pods, with feature " +
		"gate `ALBTargetControlAgent`."},
}

const kindsHead = `# Reference of the kinds of elbv2.k8s.aws

For users and operators who write or read these objects.
Afterwards you know each field, its default and its limits.

` + generated + `Fields of the stored version of each kind, as ` + "`kubectl explain`" +
	` shows them. Required fields are in bold.

`

// kinds is the page about the kinds of elbv2.k8s.aws, made of their definitions.
func kinds() (string, error) {
	var b strings.Builder
	b.WriteString(kindsHead)
	for _, p := range pagesOfKinds {
		text, err := os.ReadFile(filepath.Join("config", "crd", "elbv2.k8s.aws_"+p.file+".yaml"))
		if err != nil {
			return "", err
		}
		var d kind
		if err := yaml.Unmarshal(text, &d); err != nil {
			return "", err
		}
		for _, v := range d.Spec.Versions {
			if !v.Storage {
				continue
			}
			fmt.Fprintf(&b, "## %s\n\n%s\n\nVersion `%s`, scope %s.\n\n", d.Spec.Names.Kind, p.about, v.Name,
				strings.ToLower(d.Spec.Scope))
			for _, part := range []string{"spec", "status"} {
				if s := v.Schema.OpenAPIV3Schema.Properties[part]; s != nil && len(s.Properties) > 0 {
					fmt.Fprintf(&b, "### The %s of %s\n\n| Field | Type | Default | Meaning |\n|---|---|---|---|\n", part,
						d.Spec.Names.Kind)
					s.rows(&b, "")
					b.WriteString("\n")
				}
			}
		}
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}
