package naming

import (
	"strings"
	"testing"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestNamesThatJoinToOneTextDiffer compares what is generated for namespaces and names that are one text when they are
// joined, with or without a hyphen: a-b and c, a and b-c, ab and c. Not compared are target groups of routes, each
// identity of which has one owner (package compile), and the names of accelerators, which AWS allows more than once.
func TestNamesThatJoinToOneTextDiffer(t *testing.T) {
	t.Parallel()
	type object struct{ namespace, name string }
	var all []object
	for _, text := range []string{"team-a-shop-web", "teamashopweb", strings.Repeat("long-name-", 20) + "web"} {
		for i := 1; i < min(len(text)-1, 60); i++ {
			if text[i] == '-' {
				all = append(all, object{text[:i], text[i+1:]})
			} else if text[i-1] != '-' {
				all = append(all, object{text[:i], text[i:]})
			}
		}
	}
	generated := map[string]func(o object) string{
		"stack": func(o object) string { return StackID(o.namespace, o.name).String() },
		"load balancer of an Ingress": func(o object) string {
			return IngressLoadBalancer("c", StackID(o.namespace, o.name), stack.Internal)
		},
		"security group of an Ingress": func(o object) string {
			return IngressSecurityGroup("c", StackID(o.namespace, o.name))
		},
		"identity of an Ingress's targets": func(o object) string {
			return IngressTargetGroupID(o.namespace, o.name, "web", "80")
		},
		"identity of an imported Secret": func(o object) string { return ImportedCertificateID(o.namespace, o.name) },
		"identity of a requested one": func(o object) string {
			return CertificateID(false, "a.test", o.namespace, o.name)
		},
		"labels of bindings": func(o object) string { return labelText(o.namespace, o.name) },
		"identity of a forward of a Service": func(o object) string {
			return ServiceForwardTargetGroupID(o.namespace, o.name, "web", 80)
		},
	}
	for what, of := range generated {
		met := map[string]object{}
		for _, o := range all {
			text := of(o)
			if other, twice := met[text]; twice && other != o {
				t.Errorf("%s: %v and %v are both %s", what, other, o, text)
			}
			met[text] = o
		}
	}
}

func labelText(namespace, name string) string {
	l := Labels(stack.Key{Owner: stack.Ingress, ID: StackID(namespace, name)})
	return l["ingress.k8s.aws/stack-namespace"] + "/" + l["ingress.k8s.aws/stack-name"] + "/" + l["ingress.k8s.aws/stack"]
}
