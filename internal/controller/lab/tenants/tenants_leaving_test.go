package tenants

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// TestInvalidMemberKeepsNothingOfOneThatLeaves deletes the only valid member of a group. Nothing can be built of the
// one of another namespace that stays.
func TestInvalidMemberKeepsNothingOfOneThatLeaves(t *testing.T) {
	t.Parallel()
	later := metav1.Unix(1_700_000_009, 0)
	ingress := lab.GroupMember("mal", "evil", 9, map[string]string{"tags": "ingress.k8s.aws/stack=front"})
	service := lab.Sharing("evil", 5432)
	service.Namespace, service.UID, service.CreationTimestamp = "mal", "uid-mal-evil", later
	service.Annotations["service.beta.kubernetes.io/aws-load-balancer-additional-resource-tags"] = "x"
	for name, c := range map[string]struct {
		stays []client.Object
		goes  client.Object
		kept  string // what is looked for
	}{
		"Ingress": {ingress, lab.Ingress("web", nil), "k8s-shop-web-"},
		"Service": {[]client.Object{service}, lab.Sharing("db"), "k8s-shop-db-"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNeighbours(t, false)
			n.Create(c.stays...)
			n.calm()
			if !strings.Contains(n.picture(), c.kept) {
				t.Fatalf("before the deletion:\n%s", n.picture())
			}
			c.goes.SetNamespace("shop")
			n.Must(n.Client.Delete(n.Context(), c.goes))
			n.calm()
			if got := n.picture(); strings.Contains(got, c.kept) {
				t.Errorf("after the deletion:\n%s\nevents:\n%s", got, strings.Join(n.Events, "\n"))
			}
		})
	}
}

// TestBindingOfOtherNamespaceKeepsNoTargets deletes a binding of a target group that another one of another namespace
// names, too, and cannot serve.
func TestBindingOfOtherNamespaceKeepsNoTargets(t *testing.T) {
	t.Parallel()
	n := newNeighbours(t, false)
	other := lab.Binding(n.theirs, v1beta1.TargetTypeIP)
	other.Namespace, other.UID, other.CreationTimestamp = "mal", "uid-mal-bound", metav1.Unix(1_700_000_009, 0)
	other.Spec.ServiceRef.Name, other.Spec.MultiClusterTargetGroup = "gone", true
	n.Create(other)
	n.calm()
	if got := n.Targets(n.theirs); len(got) != 2 {
		t.Fatalf("before the deletion: %v", got)
	}
	n.Must(n.Client.Delete(n.Context(), lab.Binding(n.theirs, v1beta1.TargetTypeIP)))
	n.calm()
	if got := n.Targets(n.theirs); len(got) != 1 || got[0] != precedingTarget {
		t.Errorf("registered are %v", got)
	}
}
