package front

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/compile"
	"github.com/k8s-lbc/lbc/internal/front/ingress"
	"github.com/k8s-lbc/lbc/internal/kube/objects"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/facts"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestWAFClassicIsAFindingWithEveryFlag compiles an Ingress with a web ACL of WAF Classic: its load balancer is wanted,
// without a web ACL.
func TestWAFClassicIsAFindingWithEveryFlag(t *testing.T) {
	t.Parallel()
	class := "alb"
	ic := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: class}, Spec: networkingv1.IngressClassSpec{
		Controller: "ingress.k8s.aws/alb"}}
	subnets := map[string]facts.Subnet{}
	for _, zone := range []string{"a", "b"} {
		subnets["subnet-"+zone] = facts.Subnet{ID: "subnet-" + zone, VPC: "vpc-1", Zone: "us-west-2" + zone,
			AvailableIPs: 100}
	}
	for value, want := range map[string]diag.Code{"00000000-0000-4000-8000-000000000001": diag.EndedSupport,
		"none": diag.IgnoredSetting} {
		for _, flag := range []compile.Config{{EnableWAFv2: true}, {}, {StrictGroups: true}} {
			cfg := flag
			cfg.Cluster, cfg.VPC, cfg.DefaultScheme = "demo", "vpc-1", "internal"
			ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web",
				Annotations: map[string]string{
					"alb.ingress.kubernetes.io/waf-acl-id": value, "alb.ingress.kubernetes.io/subnets": "subnet-a,subnet-b",
				}}, Spec: networkingv1.IngressSpec{IngressClassName: &class}}
			front := Ingress{Config: ingress.Config{IngressClass: "alb", DefaultTargetType: "instance"}}
			w := front.Load(objects.FromObjects([]any{ic, ing}), stack.ID{Namespace: "shop", Name: "web"})
			asker := &oracle{known: facts.Facts{Subnets: subnets}}
			r, _, err := Compiler{asker, cfg}.Compile(t.Context(), stack.Key{Owner: stack.Ingress, ID: stack.ID{
				Namespace: "shop", Name: "web"}}, w, nil)
			if err != nil || r.Stack == nil {
				t.Fatal(err, r.Needs, r.Diagnostics)
			}
			if len(r.Diagnostics) != 1 || r.Diagnostics[0].Code != want || r.Diagnostics.HasErrors() {
				t.Errorf("%+v, %s: %v", flag, value, r.Diagnostics)
			} else if d := r.Diagnostics[0]; want == diag.EndedSupport &&
				(d.Severity() != diag.Warning || !strings.Contains(d.Text, "2025-09-30") ||
					!strings.Contains(d.Remedy, "wafv2-acl-arn")) {
				t.Errorf("%+v, %s: %s %v", flag, value, d.Severity(), d)
			}
			if r.Stack.LoadBalancers[0].WebACL != nil {
				t.Errorf("%+v, %s: a web ACL of WAFv2 is managed", flag, value)
			}
		}
	}
}
