package front

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/internal/front/service"
	"github.com/k8s-lbc/lbc/internal/kube/annotation"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestNewcomerLetsNoPrivateLinkClientsIn has a newcomer switch off what keeps PrivateLink clients to the source ranges
// of others.
func TestNewcomerLetsNoPrivateLinkClientsIn(t *testing.T) {
	t.Parallel()
	key := stack.Key{Owner: stack.Service, ID: stack.ID{Name: "g"}}
	f := Service{Config: service.Config{LoadBalancerClass: "service.k8s.aws/nlb", DefaultTargetType: stack.TargetIP}}
	of := tenants{}
	a := of.service(metav1.ObjectMeta{Namespace: "a", Name: "one", Annotations: map[string]string{
		string(annotation.ServiceSourceRanges): "10.1.0.0/16"}}, []int32{80})
	b := of.service(metav1.ObjectMeta{Namespace: "b", Name: "two", Annotations: map[string]string{
		string(annotation.ServicePrivateLinkRules): "off"}}, []int32{81})
	before := answered(t, f, key, []metav1.Object{a}, nil).Memory
	c := answered(t, f, key, []metav1.Object{a, b}, before)
	if got := c.Stack.LoadBalancers[0].PrivateLinkRules; got != "" || len(c.Stack.Listeners) != 2 {
		t.Errorf("inbound rules for PrivateLink %q, %d listeners; %v", got, len(c.Stack.Listeners), c.Diagnostics)
	}
	a.Annotations[string(annotation.ServicePrivateLinkRules)] = "off" // whose ranges they are
	if got := answered(t, f, key, []metav1.Object{a, b}, c.Memory).Stack.LoadBalancers[0].PrivateLinkRules; got != "off" {
		t.Errorf("of the oldest member: %q", got)
	}
}
