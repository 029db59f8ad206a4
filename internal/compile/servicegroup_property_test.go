package compile_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/kube/manifest"
)

// drawServices are Services of one group, with some of three ports each.
func drawServices(t *rapid.T) []any {
	class := "service.k8s.aws/nlb"
	var out []any
	for i := range rapid.IntRange(1, 4).Draw(t, "services") {
		svc := &corev1.Service{ObjectMeta: metav1.ObjectMeta{
			Namespace: rapid.SampledFrom([]string{"db", "shop"}).Draw(t, "namespace"), Name: fmt.Sprintf("s%d", i),
			CreationTimestamp: metav1.NewTime(time.Unix(rapid.Int64Range(1, 2).Draw(t, "created"), 0)),
			Annotations: map[string]string{
				string(annotation.ServiceGroupName): "shared", string(annotation.ServiceTargetType): "ip",
				string(annotation.ServiceScheme): rapid.SampledFrom([]string{"internal", "internet-facing"}).Draw(t, "scheme"),
				string(annotation.ServiceTags):   "Team=" + rapid.SampledFrom([]string{"a", "b"}).Draw(t, "team"),
			},
		}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, LoadBalancerClass: &class}}
		svc.UID = manifest.UID(svc.Namespace, svc.Name)
		if rapid.Bool().Draw(t, "ranges") {
			svc.Spec.LoadBalancerSourceRanges = []string{fmt.Sprintf("10.%d.0.0/16", i)}
		}
		for port := int32(80); port < 83; port++ {
			if rapid.Bool().Draw(t, "port") {
				p := corev1.ServicePort{Name: fmt.Sprint(port), Port: port, Protocol: corev1.ProtocolTCP}
				p.TargetPort.IntVal = 8000
				svc.Spec.Ports = append(svc.Spec.Ports, p)
			}
		}
		out = append(out, svc)
	}
	return out
}

// firstWith is the identity of the target group of the Service that comes first of those with a port, by age and name.
func firstWith(services []any, port int32) string {
	var first *corev1.Service
	for _, o := range services {
		svc, ok := o.(*corev1.Service)
		for _, p := range svc.Spec.Ports {
			if ok && p.Port == port && (first == nil || svc.CreationTimestamp.Before(&first.CreationTimestamp) ||
				svc.CreationTimestamp.Equal(&first.CreationTimestamp) && svc.Namespace+"/"+svc.Name < first.Namespace+"/"+
					first.Name) {
				first = svc
			}
		}
	}
	if first == nil {
		return ""
	}
	return fmt.Sprintf("%s/%s:%d", first.Namespace, first.Name, port)
}

func TestServiceGroupIgnoresOrderAndOldestServiceKeepsPort(t *testing.T) {
	t.Parallel()
	s := scenario{Account: "lab"}
	rapid.Check(t, func(rt *rapid.T) {
		services := drawServices(rt)
		out := s.run(t, services)
		if got, want := render(t, s.run(t, rapid.Permutation(services).Draw(rt, "order"))), render(t, out); !bytes.Equal(
			got, want) {
			rt.Fatalf("in another order:\n%s\nwant:\n%s", got, want)
		}
		if len(out) != 1 || out[0].Desired == nil {
			rt.Fatalf("%+v", out)
		}
		// one of another namespace than the oldest, with another scheme
		services = slices.DeleteFunc(services, func(o any) bool {
			svc, ok := o.(*corev1.Service)
			return ok && slices.ContainsFunc(out[0].Diagnostics, func(d string) bool {
				return strings.HasPrefix(d, "Service "+svc.Namespace+"/"+svc.Name+" ") &&
					strings.HasSuffix(d, "[SettingNotPermitted]")
			})
		})
		served := map[int32]string{}
		for _, l := range out[0].Desired.Listeners {
			served[l.Port] = l.DefaultActions[0].Forward.TargetGroups[0].TargetGroup.ID
		}
		for port := int32(80); port < 83; port++ {
			if want := firstWith(services, port); served[port] != want {
				rt.Fatalf("port %d is that of %q, want %q", port, served[port], want)
			}
		}
		for _, p := range out[0].Desired.SecurityGroups[0].Ingress {
			holder := firstWith(services, p.FromPort)
			for _, o := range services {
				svc, ok := o.(*corev1.Service)
				if !ok || holder != fmt.Sprintf("%s/%s:%d", svc.Namespace, svc.Name, p.FromPort) {
					continue
				}
				want := "0.0.0.0/0"
				if len(svc.Spec.LoadBalancerSourceRanges) > 0 {
					want = svc.Spec.LoadBalancerSourceRanges[0]
				}
				if p.CIDR != want {
					rt.Fatalf("port %d of %s admits %s, want %s", p.FromPort, holder, p.CIDR, want)
				}
			}
		}
	})
}
