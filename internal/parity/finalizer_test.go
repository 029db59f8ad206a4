package parity

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/kube/owner"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
)

// finalizers are those that the objects of a case get, as "Kind/name finalizer".
func finalizers(l *lab, stacks []offline.Result) []string {
	var out []string
	for _, s := range stacks {
		for _, m := range s.Input.Members {
			out = append(out, fmt.Sprintf("%s/%s %s", owner.Of(s.Key.Owner).Kind, m.GetName(), naming.Finalizer(s.Key)))
		}
	}
	slices.Sort(out)
	return out
}

func recordedFinalizers(after tree) []string {
	var out []string
	for k, o := range sub(after, "kube") {
		if strings.HasPrefix(k, "TargetGroupBinding/") {
			continue
		}
		list, _ := o.(tree)["finalizers"].([]any)
		for _, f := range list {
			out = append(out, fmt.Sprintf("%s %s", k, f))
		}
	}
	slices.Sort(out)
	return out
}

// finalize gives the objects of a case their finalizers and, if asked, has them deleted.
func (r *cluster) finalize(t *testing.T, l *lab, deleted bool) {
	t.Helper()
	for _, line := range finalizers(l, l.plans(r)) {
		ref, finalizer, _ := strings.Cut(line, " ")
		r.object(t, ref)["metadata"].(tree)["finalizers"] = []any{finalizer}
	}
	if !deleted {
		return
	}
	for _, o := range r.Objects {
		if m := o["metadata"].(tree); m["finalizers"] != nil {
			m["deletionTimestamp"] = metav1.NewTime(l.clock.Now())
		}
	}
}
