package ingresses

import (
	"fmt"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestRefusedListenerSettingHoldsNoOther has one edit change several settings of a listener, one of which AWS refuses,
// and a later edit another one: the others take effect, and the refused one stays as it was.
func TestRefusedListenerSettingHoldsNoOther(t *testing.T) {
	t.Parallel()
	const policy = "ELBSecurityPolicy-TLS13-1-3-2021-06"
	for name, c := range map[string]struct {
		set    map[string]string
		policy string // in effect; empty = the former one
		told   string
	}{
		"TLS policy": {set: map[string]string{"ssl-policy": "ELBSecurityPolicy-Odd"},
			told: "ELBSecurityPolicy-Odd does not exist; the HTTPS listener on port 443 keeps policy"},
		"certificate": {set: map[string]string{"ssl-policy": policy, "certificate-arn": lab.ExampleCertificate + "0"},
			policy: policy, told: "annotations[alb.ingress.kubernetes.io/certificate-arn]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Service("new"), lab.Service("newer"),
				lab.Ingress("web", map[string]string{"listen-ports": `[{"HTTPS":443}]`,
					"certificate-arn": lab.ExampleCertificate}, "web"))
			key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
			l.Settle(key)
			want := l.Sim.Resources().LoadBalancers[0].Listeners[0].SSLPolicy
			if c.policy != "" {
				want = c.policy
			}
			for _, backend := range []string{"new", "newer"} {
				mark := l.Mark()
				l.Edit("web", func(i *networkingv1.Ingress) {
					for k, v := range c.set {
						i.Annotations["alb.ingress.kubernetes.io/"+k] = v
					}
					i.Spec.DefaultBackend = &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: backend,
						Port: networkingv1.ServiceBackendPort{Number: 80}}}
				})
				l.PassWith(time.Minute, key)
				_, calls := l.Counts(mark)
				l.Sim.Account.Lock()
				x := l.Sim.Account.ListenersInOrder()[0]
				target := ""
				if f := x.Default().Actions[0].Forward; f != nil {
					target = fmt.Sprintf("%+v", f.TargetGroups)
				}
				is, certificate := x.SSLPolicy, x.Certificate
				l.Sim.Account.Unlock()
				if !strings.Contains(target, "shop-"+backend+"-") || is != want || certificate != lab.ExampleCertificate {
					t.Errorf("%s: the default action is %s, policy %s, certificate %s\n%s", backend, target, is, certificate,
						strings.Join(l.Events, "\n"))
				}
				// each edit sends what AWS refused once more
				if most := 4; calls["ModifyListener"] > most {
					t.Errorf("%s: %d calls of ModifyListener, at most %d", backend, calls["ModifyListener"], most)
				}
			}
			mark := l.Mark()
			l.PassWith(time.Hour, key)
			if _, calls := l.Counts(mark); calls["ModifyListener"] > 3 {
				t.Errorf("%d calls of ModifyListener within an hour", calls["ModifyListener"])
			}
			if !strings.Contains(strings.Join(l.Events, "\n"), c.told) {
				t.Errorf("told %s", strings.Join(l.Events, "\n"))
			}
		})
	}
}
