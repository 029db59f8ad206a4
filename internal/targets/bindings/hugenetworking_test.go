package bindings

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/internal/targets/registrar"
	"github.com/k8s-lbc/lbc/internal/targets/sgsync"
)

// huge is a binding as large as etcd takes: peers times ports.
func huge(peers, ports int) *v1beta1.TargetGroupBinding {
	rule := v1beta1.NetworkingIngressRule{}
	for i := range peers {
		rule.From = append(rule.From, v1beta1.NetworkingPeer{
			IPBlock: &v1beta1.IPBlock{CIDR: fmt.Sprintf("10.%d.%d.0/32", i/256, i%256)}})
	}
	for i := range ports {
		rule.Ports = append(rule.Ports, v1beta1.NetworkingPort{Port: ptr.To(intstr.FromInt(1 + i))})
	}
	o := &v1beta1.TargetGroupBinding{}
	o.Namespace, o.Name = "mal", "huge"
	o.Spec.TargetType = ptr.To(v1beta1.TargetTypeIP)
	o.Spec.Networking = &v1beta1.TargetGroupBindingNetworking{Ingress: []v1beta1.NetworkingIngressRule{rule}}
	return o
}

// TestHugeNetworkingIsRefusedBeforeItIsMultiplied has a tenant write 240 million rules, which took all memory of the
// controller.
func TestHugeNetworkingIsRefusedBeforeItIsMultiplied(t *testing.T) { // not parallel: it counts bytes
	n := &Networks{}
	o := huge(20_000, 12_000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	perms, unclear, mistakes := n.Permissions(t.Context(), o, []registrar.Endpoint{{Namespace: "mal", Pod: "p"}})
	if len(perms) > 0 || len(unclear) != 2 || len(mistakes) != 1 || mistakes[0].Read ||
		!strings.Contains(mistakes[0].Text, "240000000 pairs") {
		t.Errorf("%d permissions, unclear %v, %v", len(perms), unclear, mistakes)
	}
	if text, _ := sgsync.TooMany(o.Spec.Networking); text == "" {
		t.Error("admission and lint tell nothing")
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) >> 20; got > 10 {
		t.Errorf("it takes %d MiB", got)
	}
}

func TestNetworkingWithinTheBoundIsInForce(t *testing.T) {
	t.Parallel()
	perms, unclear, mistakes := (&Networks{}).Permissions(t.Context(), huge(200, 100), nil)
	if len(perms) != 20_000 || len(unclear)+len(mistakes) > 0 {
		t.Errorf("%d permissions, unclear %v, %v", len(perms), unclear, mistakes)
	}
}
