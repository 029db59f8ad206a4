package ingress

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/diag"
)

func TestActionThatNoBackendNamesIsNoted(t *testing.T) {
	t.Parallel()
	key := func(name string) string { return string(annotation.Actions.For(name)) }
	ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web",
		Annotations: map[string]string{
			key("used"): "{", key("unused"): "{", key("spare"): `{"type":"redirect"}`, "other/" + key("unused"): "{",
		}}, Spec: networkingv1.IngressSpec{DefaultBackend: &networkingv1.IngressBackend{
		Service: &networkingv1.IngressServiceBackend{Name: "used"}}}}
	f := &annotation.Findings{}
	tr := &translation{ingress: ing, findings: f, read: annotation.NewReader(f, Object(ing), ing.Annotations)}
	tr.noteUnused()
	found := f.List()
	if len(found) != 2 || found[0].Path != annotation.Key(key("spare")).Path() || found[1].Path != annotation.Key(
		key("unused")).Path() || found[1].Class != diag.Note {
		t.Errorf("found %v", found)
	}
}
