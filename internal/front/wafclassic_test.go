package front

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/config"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/facts"
	"github.com/k8s-lbc/lbc/internal/objects"
	"github.com/k8s-lbc/lbc/internal/stack"
)

func TestAWebACLOfWAFClassicGetsOneNoteWhateverTheFlag(t *testing.T) {
	t.Parallel()
	class := "alb"
	ic := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: class}, Spec: networkingv1.IngressClassSpec{Controller: "ingress.k8s.aws/alb"}}
	subnets := map[string]facts.Subnet{}
	for _, zone := range []string{"a", "b"} {
		subnets["subnet-"+zone] = facts.Subnet{ID: "subnet-" + zone, VPC: "vpc-1", Zone: "us-west-2" + zone, AvailableIPs: 100}
	}
	for flag, want := range map[string]diag.Code{"true": diag.EndedSupport, "false": diag.IgnoredSetting} {
		for _, value := range []string{"00000000-0000-4000-8000-000000000001", "none"} {
			c, err := config.Parse([]string{"--cluster-name=demo", "--aws-vpc-id=vpc-1", "--enable-waf=" + flag})
			if err != nil || len(c.Notices) > 0 {
				t.Fatal(err, c.Notices)
			}
			ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: map[string]string{
				"alb.ingress.kubernetes.io/waf-acl-id": value, "alb.ingress.kubernetes.io/subnets": "subnet-a,subnet-b",
			}}, Spec: networkingv1.IngressSpec{IngressClassName: &class}}
			front := IngressFromFlags(c)
			w := front.Load(objects.FromObjects([]any{ic, ing}), stack.ID{Namespace: "shop", Name: "web"})
			asker := &oracle{known: facts.Facts{Subnets: subnets}}
			r, _, err := Compile(t.Context(), asker, stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}, w, CompileFromFlags(c), nil)
			if err != nil || r.Stack == nil {
				t.Fatal(err, r.Needs, r.Diagnostics)
			}
			if len(r.Diagnostics) != 1 || r.Diagnostics[0].Code != want {
				t.Errorf("--enable-waf=%s, %s: %v", flag, value, r.Diagnostics)
			}
			if on := r.Stack.LoadBalancers[0].ClassicWebACL != nil; on != (flag == "true") {
				t.Errorf("--enable-waf=%s, %s: managed %t", flag, value, on)
			}
		}
	}
}
