package reporting

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
)

// classAnnotation selects the class of an Ingress without spec.ingressClassName. It is not in the table of annotations.
const classAnnotation = "kubernetes.io/ingress.class"

// Version identifies what users wrote of an object: its spec and the annotations that the controller reads. Kubernetes
// counts neither edits of annotations nor those of Services in the generation, and the controller's own writes change
// the resource version.
func Version(o metav1.Object) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s\x00%t\x00%s\x00", o.GetUID(), o.GetDeletionTimestamp() != nil, SpecOf(o))
	for _, key := range slices.Sorted(maps.Keys(o.GetAnnotations())) {
		if readsAnnotation(key) {
			_, _ = fmt.Fprintf(h, "%s\x00%s\x00", key, o.GetAnnotations()[key])
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// SpecOf identifies the spec of an object: by its generation if the API server counts one, as it does not for Services.
func SpecOf(o metav1.Object) string {
	if generation := o.GetGeneration(); generation > 0 {
		return strconv.FormatInt(generation, 10)
	}
	var parts struct {
		Spec json.RawMessage `json:"spec"`
	}
	text, err := json.Marshal(o)
	if err != nil || json.Unmarshal(text, &parts) != nil {
		return ""
	}
	return string(parts.Spec)
}

// readsAnnotation reports whether users set an annotation for the controller. Those that the controller writes itself
// do not count: a Gateway's construction of rules is written by its first pass.
func readsAnnotation(key string) bool {
	e, ok := annotation.Lookup(annotation.Key(key))
	return key == classAnnotation || ok && e.Scope != annotation.Written && e.Key != annotation.GatewayRuleConstruction
}
