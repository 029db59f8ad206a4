package data

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
)

// TestPackedPlansOfATenantTakeLittle has a tenant write plans that are a thousand times as large as their annotations.
func TestPackedPlansOfATenantTakeLittle(t *testing.T) {
	t.Parallel()
	packed := func(size int) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(b.Bytes())
	}
	object := func(namespace, name, plan string) metav1.Object {
		return &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name,
			Annotations: map[string]string{string(annotation.DryRunPlanGzip): plan}}}
	}
	bomb, all := packed(20<<20), []metav1.Object{}
	for i := range 10 {
		all = append(all, object("mal", fmt.Sprint("m", i), bomb))
	}
	all = append(all, object("shop", "web", packed(1000)))
	size := map[string]int{}
	for _, p := range Planned(func(kind objects.Kind) []metav1.Object {
		if kind == objects.Ingress {
			return all
		}
		return nil
	}) {
		if size[p.Namespace] += len(p.Plan); (len(p.Plan) == 0) != (p.Problem != "") {
			t.Errorf("%s: a plan of %d bytes, %q", p.Name, len(p.Plan), p.Problem)
		}
	}
	if size["mal"] > roomForPlans || size["shop"] != 1000 {
		t.Errorf("unpacked: %v", size)
	}
}
