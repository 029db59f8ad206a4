package ingresses

import (
	"maps"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// TestPortWithoutCertificateReplacesNoPort moves an Ingress from HTTP to HTTPS without a valid certificate: while the
// controller runs, before a start without checkpoints, and before a start with them. What serves stays.
func TestPortWithoutCertificateReplacesNoPort(t *testing.T) {
	t.Parallel()
	const prefix = "alb.ingress.kubernetes.io/"
	edits := map[string]map[string]string{
		"malformed":  {"certificate-arn": "x"},
		"missing":    {"listen-ports": `[{"HTTPS":443}]`, "certificate-arn": absentCertificate},
		"none found": {"listen-ports": `[{"HTTPS":443}]`},
	}
	for name, edit := range edits {
		for _, when := range []string{"running", "started", "restored"} {
			t.Run(name+", "+when, func(t *testing.T) {
				t.Parallel()
				l := lab.New(t, account.Profile{}, lab.Class(), lab.Service("web"), lab.Ingress("web", nil, "web"))
				l.Checkpointed = when == "restored"
				l.Restart()
				key := stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "shop", Name: "web"}}
				l.Settle(key)
				mark, from := l.Mark(), len(l.Events)
				l.Edit("web", func(i *networkingv1.Ingress) {
					for k, v := range edit {
						i.Annotations[prefix+k] = v
					}
				})
				if when == "restored" {
					l.End()
				}
				if when != "running" {
					l.Restart()
				}
				l.Settle(key)
				l.Settle(key)
				takes := func(w string) bool { return strings.HasPrefix(w, "Delete") || strings.HasPrefix(w, "Revoke") }
				if w := l.Writes(mark); slices.ContainsFunc(w, takes) {
					t.Errorf("the edit writes %v", w)
				}
				if told := l.Troubles(from)["Ingress shop/web"]; len(told) == 0 || !strings.Contains(told[0], "ertificate") {
					t.Errorf("told %q", told)
				}
				mark = l.Mark()
				l.Edit("web", func(i *networkingv1.Ingress) {
					maps.DeleteFunc(i.Annotations, func(k, _ string) bool { return edit[strings.TrimPrefix(k, prefix)] != "" })
				})
				l.Settle(key)
				lb := l.Sim.Resources().LoadBalancers[0]
				if w := l.Writes(mark); slices.Contains(w, "DeleteListener") || slices.Contains(w, "CreateListener") {
					t.Errorf("the correction writes %v", w)
				}
				if len(lb.Listeners) != 1 || lb.Listeners[0].Port != 80 || len(lb.Listeners[0].Rules) < 1 {
					t.Errorf("left %+v", lb.Listeners)
				}
			})
		}
	}
}
