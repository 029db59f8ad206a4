package bindings

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/controller/podtargets"
	"github.com/k8s-lbc/lbc/internal/controller/reads"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// TestNewPodsAwaitNoBindingAfterAnEditThatKeepsTheTargetGroup edits what the names of target groups hold. A pod with a
// gate for a binding that never comes would never be ready.
func TestNewPodsAwaitNoBindingAfterAnEditThatKeepsTheTargetGroup(t *testing.T) {
	t.Parallel()
	web := lab.Service("web")
	web.Spec.Selector = map[string]string{"app": "web"}
	l := lab.New(t, account.Profile{}, lab.Class(), web, lab.Ingress("front", nil, "web"),
		lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Labels: web.Spec.Selector}}
	look := func(edit string) {
		t.Helper()
		l.Settle(lab.Key("front"))
		found := podtargets.FromFlags(l.Config).Of(objects.New(reads.NewCacheReader(l.Context(), l.Client, nil)), pod)
		if len(found) != 1 || found[0].Awaited || !found[0].Serving {
			t.Errorf("%s: %+v", edit, found)
		}
	}
	look("made")
	l.Get(web, "web")
	web.Spec.Ports[0].TargetPort.IntVal = 9090
	l.Must(l.Client.Update(l.Context(), web))
	look("another port of pods")
	l.Annotate("front", "healthcheck-port", "9091")
	l.Annotate("front", "healthcheck-path", "/ready")
	look("another health check")
}
