package controller

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
)

// What only controllers write, a tenant can write, too, on the objects of his namespace.

func TestForgedInterfaceOpensNoGroup(t *testing.T) {
	t.Parallel()
	l := newLab(t, account.Profile{}, labService("web"), labNode("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	group := l.securityGroup("database")
	database := l.networkInterface(group, 0)
	pods := labPods("a", "10.0.128.50")
	pods[1].SetAnnotations(map[string]string{bindings.PodENIAnnotation: fmt.Sprintf(`[{"eniId": %q, "privateIp": "10.0.128.50"}]`, aws.ToString(database.NetworkInterfaceId))})
	l.create(append(pods, labBinding(l.targetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP))...)
	l.settle()
	if got := l.admitted(group); len(got) > 0 {
		t.Errorf("the group of the interface has rules %v", got)
	}
	if got := l.admitted(labNodeGroup); len(got) != 1 {
		t.Errorf("the group of the pod has rules %v", got)
	}
}

func TestForgedClaimsDeregisterNothing(t *testing.T) {
	t.Parallel()
	for name, restarts := range map[string]bool{"in one process": false, "over a restart": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, arn := precedingLab(t)
			l.create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: naming.ClaimsConfigMap("bound")}, Data: map[string]string{"targets": "10.0.1.77:80"}})
			b := labBinding(arn, v1beta1.TargetTypeIP)
			b.Spec.MultiClusterTargetGroup = true
			l.create(b)
			l.settle()
			l.wantTargets(arn, "10.0.1.77:80", "10.0.128.50:8080")
			claims := &corev1.ConfigMap{}
			if l.get(claims, naming.ClaimsConfigMap("bound")) {
				claims.Data = map[string]string{"targets": "10.0.1.77:80,10.0.128.50:8080"}
				l.must(l.client.Update(t.Context(), claims))
			}
			if restarts {
				l.restart()
			}
			l.settle()
			l.wantTargets(arn, "10.0.1.77:80", "10.0.128.50:8080")
			l.must(l.client.Delete(t.Context(), b))
			l.settle()
			l.wantTargets(arn, "10.0.1.77:80")
		})
	}
}

func TestForgedMarksOfBindingDeregisterNothing(t *testing.T) {
	t.Parallel()
	l, arn := precedingLab(t)
	b := labBinding(arn, v1beta1.TargetTypeIP)
	b.Labels = map[string]string{"ingress.k8s.aws/stack-namespace": "shop", "ingress.k8s.aws/stack-name": "web"}
	b.Annotations = map[string]string{naming.OriginalBinding: "shop/bound", naming.AllowDeregistration: "true"}
	b.Finalizers = []string{naming.BindingFinalizer}
	l.create(b)
	l.settle()
	l.wantTargets(arn, "10.0.1.77:80", "10.0.128.50:8080")
	l.restart()
	l.must(l.client.Delete(t.Context(), b))
	l.settle()
	l.wantTargets(arn, "10.0.1.77:80")
}

// TestForgedFinalizerChangesNoGroup has an Ingress of another namespace say that it is part of a group, as the controller marks members.
func TestForgedFinalizerChangesNoGroup(t *testing.T) {
	t.Parallel()
	for name, annotations := range map[string]map[string]string{
		"without a group": {}, "with an invalid group": {"group.name": "Not_A_Group"}, "as a dry run": {"group.name": "front", "dry-run": "true"},
		"as a misspelt group": {"group.nam": "front"}, "observed": {"ownership": "observed"}, "with a held plan": {"approved-plan": "none"},
	} {
		for when, restarts := range map[string]bool{"": false, ", over a restart": true} {
			t.Run(name+when, func(t *testing.T) {
				t.Parallel()
				l := newLab(t, account.Profile{}, append(groupMember("shop", "web", 0, nil), labClass(), labService("more"))...)
				l.settle(frontGroup)
				evil := labIngress("evil", annotations, "evil")
				evil.Namespace, evil.Finalizers = "mal", []string{naming.Finalizer(frontGroup)}
				svc := labService("evil")
				svc.Namespace = "mal"
				l.create(svc, evil)
				if restarts {
					l.restart()
				}
				l.settle(frontGroup)
				l.edit("web", func(i *networkingv1.Ingress) {
					paths := i.Spec.Rules[0].HTTP
					more := paths.Paths[0]
					more.Path = "/more"
					paths.Paths = append(paths.Paths, more)
				})
				l.settle(frontGroup)
				if a := l.account(); l.balancers() != 1 || !strings.Contains(a, "/more") || strings.Contains(a, "evil") {
					t.Errorf("after the edit:\n%s\n%s", a, strings.Join(l.events, "\n"))
				}
				l.remove("web")
				l.settle(frontGroup)
				if l.get(&networkingv1.Ingress{}, "web") {
					t.Errorf("the Ingress of the group is held up:\n%s", strings.Join(l.events, "\n"))
				}
				if strings.Contains(l.account(), "/more") {
					t.Errorf("her rules serve on:\n%s\n%s", l.account(), strings.Join(l.events, "\n"))
				}
			})
		}
	}
}
