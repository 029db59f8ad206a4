package tenants

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/targets/bindings"
)

func TestForgedInterfaceOpensNoGroup(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	group := l.SecurityGroup("database")
	database := l.NetworkInterface(group, 0)
	pods := lab.Pods("a", "10.0.128.50")
	pods[1].SetAnnotations(map[string]string{
		bindings.PodENIAnnotation: fmt.Sprintf(`[{"eniId": %q, "privateIp": "10.0.128.50"}]`,
			aws.ToString(database.NetworkInterfaceId))})
	l.Create(append(pods, lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP))...)
	l.Settle()
	if got := l.Admitted(group); len(got) > 0 {
		t.Errorf("the group of the interface has rules %v", got)
	}
	if got := l.Admitted(lab.NodeGroup); len(got) != 1 {
		t.Errorf("the group of the pod has rules %v", got)
	}
}

func TestForgedClaimsDeregisterNothing(t *testing.T) {
	t.Parallel()
	for name, restarts := range map[string]bool{"in one process": false, "over a restart": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, arn := lab.PrecedingLab(t)
			l.Create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: naming.ClaimsConfigMap("bound")},
				Data: map[string]string{"targets": "10.0.1.77:80"}})
			b := lab.Binding(arn, v1beta1.TargetTypeIP)
			b.Spec.MultiClusterTargetGroup = true
			l.Create(b)
			l.Settle()
			l.WantTargets(arn, "10.0.1.77:80", "10.0.128.50:8080")
			claims := &corev1.ConfigMap{}
			if l.Get(claims, naming.ClaimsConfigMap("bound")) {
				claims.Data = map[string]string{"targets": "10.0.1.77:80,10.0.128.50:8080"}
				l.Must(l.Client.Update(t.Context(), claims))
			}
			if restarts {
				l.Restart()
			}
			l.Settle()
			l.WantTargets(arn, "10.0.1.77:80", "10.0.128.50:8080")
			l.Must(l.Client.Delete(t.Context(), b))
			l.Settle()
			l.WantTargets(arn, "10.0.1.77:80")
		})
	}
}

func TestForgedMarksOfBindingDeregisterNothing(t *testing.T) {
	t.Parallel()
	ofStack := func(b *v1beta1.TargetGroupBinding) {
		b.Labels = map[string]string{"ingress.k8s.aws/stack-namespace": "shop", "ingress.k8s.aws/stack-name": "web"}
	}
	served := func(b *v1beta1.TargetGroupBinding) {
		b.Status.ObservedGeneration = aws.Int64(1)
		b.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: metav1.ConditionTrue, Reason: "Reconciled",
			ObservedGeneration: 1}}
	}
	for name, forge := range map[string]func(*v1beta1.TargetGroupBinding){
		"labels and annotations": func(b *v1beta1.TargetGroupBinding) {
			ofStack(b)
			b.Annotations = map[string]string{naming.OriginalBinding: "shop/bound", naming.AllowDeregistration: "true"}
		},
		"status":            served,
		"labels and status": func(b *v1beta1.TargetGroupBinding) { ofStack(b); served(b) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, arn := lab.PrecedingLab(t)
			b := lab.Binding(arn, v1beta1.TargetTypeIP)
			forge(b)
			b.Finalizers = []string{naming.BindingFinalizer}
			b.Spec.ServiceRef.Name = "late"
			l.Create(b)
			l.Settle()
			svc := lab.Service("late")
			slice := lab.Pods("a", "10.0.128.50")[0]
			slice.SetName("late")
			slice.SetLabels(map[string]string{discoveryv1.LabelServiceName: "late"})
			l.Create(svc, slice)
			l.Settle()
			l.WantTargets(arn, "10.0.1.77:80", "10.0.128.50:8080")
			l.Must(l.Inventory.Load(t.Context()))
			l.Settle()
			l.Crash()
			l.Restart()
			l.Must(l.Client.Delete(t.Context(), b))
			l.Settle()
			l.WantTargets(arn, "10.0.1.77:80")
		})
	}
}

// ofEvil is the stack of Ingress mal/evil alone.
var ofEvil = stack.Key{Owner: stack.Ingress, ID: stack.ID{Namespace: "mal", Name: "evil"}}

// TestForgedFinalizerChangesNoGroup has an Ingress of another namespace say that it is part of a group, as the
// controller marks members.
func TestForgedFinalizerChangesNoGroup(t *testing.T) {
	t.Parallel()
	for name, annotations := range map[string]map[string]string{
		"without a group": {}, "with an invalid group": {"group.name": "Not_A_Group"}, "as a dry run": {"group.name": "front",
			"dry-run": "true"},
		"as a misspelt group": {"group.nam": "front"}, "observed": {"ownership": "observed"}, "with a held plan": {
			"approved-plan": "none"},
	} {
		for when, c := range map[string]struct{ restarts, served bool }{
			"": {}, ", over a restart": {restarts: true}, ", served by another load balancer": {served: true},
			", served by another one, over a restart": {true, true},
		} {
			t.Run(name+when, func(t *testing.T) {
				t.Parallel()
				l := lab.New(t, account.Profile{}, append(lab.GroupMember("shop", "web", 0, nil), lab.Class(),
					lab.Service("more"))...)
				l.Settle(lab.FrontGroup)
				evil := lab.Ingress("evil", annotations, "evil")
				evil.Namespace, evil.Finalizers = "mal", []string{naming.Finalizer(lab.FrontGroup)}
				svc := lab.Service("evil")
				svc.Namespace = "mal"
				if c.served { // so that its status shows a load balancer
					forged := evil.DeepCopy()
					evil.Finalizers = nil
					evil.Annotations = map[string]string{"alb.ingress.kubernetes.io/target-type": "ip"}
					l.Create(svc, evil)
					l.Settle(ofEvil)
					l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(evil), evil))
					evil.Finalizers, evil.Annotations = append(evil.Finalizers, forged.Finalizers...), forged.Annotations
					l.Must(l.Client.Update(t.Context(), evil))
				} else {
					l.Create(svc, evil)
				}
				if c.restarts {
					l.Restart()
				}
				l.Settle(lab.FrontGroup)
				l.Edit("web", func(i *networkingv1.Ingress) {
					paths := i.Spec.Rules[0].HTTP
					more := paths.Paths[0]
					more.Path = "/more"
					paths.Paths = append(paths.Paths, more)
				})
				l.Settle(lab.FrontGroup)
				if a := l.Account(); c.served == (l.Balancers() == 1) || !strings.Contains(a, "/more") || !c.served &&
					strings.Contains(a, "evil") {
					t.Errorf("after the edit:\n%s\n%s", a, strings.Join(l.Events, "\n"))
				}
				l.Remove("web")
				l.Settle(lab.FrontGroup)
				if l.Get(&networkingv1.Ingress{}, "web") {
					t.Errorf("the Ingress of the group is held up:\n%s", strings.Join(l.Events, "\n"))
				}
				if strings.Contains(l.Account(), "/more") {
					t.Errorf("her rules serve on:\n%s\n%s", l.Account(), strings.Join(l.Events, "\n"))
				}
			})
		}
	}
}

// TestForgedFinalizerFreezesNoShardedGroup has an Ingress, which another load balancer serves, carry the finalizer of a
// group that may have several load balancers.
func TestForgedFinalizerFreezesNoShardedGroup(t *testing.T) {
	t.Parallel()
	for name, restarts := range map[string]bool{"in one process": false, "over a restart": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			class := func(name, params string) *networkingv1.IngressClass {
				return &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: networkingv1.IngressClassSpec{
					Controller: "ingress.k8s.aws/alb", Parameters: &networkingv1.IngressClassParametersReference{
						APIGroup: aws.String("elbv2.k8s.aws"), Kind: "IngressClassParams", Name: params}}}
			}
			params := func(name string) *v1beta1.IngressClassParams {
				return &v1beta1.IngressClassParams{ObjectMeta: metav1.ObjectMeta{Name: name}}
			}
			sharded := params("front")
			sharded.Spec.Group = &v1beta1.IngressGroup{Name: "front", Shards: aws.Int32(2)}
			evil := lab.Ingress("evil", map[string]string{"target-type": "ip"}, "evil")
			evil.Namespace, evil.Spec.IngressClassName = "mal", aws.String("plain")
			svc := lab.Service("evil")
			svc.Namespace = "mal"
			l := lab.New(t, account.Profile{}, append(lab.GroupMember("shop", "web", 0, nil), class("alb", "front"),
				class("plain", "plain"), sharded, params("plain"), evil, svc)...)
			l.Settle(lab.FrontGroup, ofEvil)
			l.Must(l.Client.Get(t.Context(), client.ObjectKeyFromObject(evil), evil))
			evil.Finalizers = append(evil.Finalizers, naming.Finalizer(lab.FrontGroup))
			evil.Annotations["alb.ingress.kubernetes.io/group.name"] = "Not_A_Group"
			l.Must(l.Client.Update(t.Context(), evil))
			if restarts {
				l.Restart()
			}
			l.Settle(lab.FrontGroup)
			l.Edit("web", func(i *networkingv1.Ingress) {
				i.Annotations["alb.ingress.kubernetes.io/load-balancer-attributes"] = "idle_timeout.timeout_seconds=77"
			})
			l.Settle(lab.FrontGroup)
			if a := l.Account(); !strings.Contains(a, "77") {
				t.Errorf("the edit of a setting waits:\n%s\n%s", a, strings.Join(l.Events, "\n"))
			}
			l.Remove("web")
			l.Settle(lab.FrontGroup)
			if l.Balancers() != 1 || l.Get(&networkingv1.Ingress{}, "web") {
				t.Errorf("the load balancer of the group stays: %d\n%s", l.Balancers(), strings.Join(l.Events, "\n"))
			}
		})
	}
}
