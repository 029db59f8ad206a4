package bindings

import (
	"slices"
	"strings"
	"testing"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
)

// edit has a user edit the spec of a binding.
func edit(l *lab.Lab, b *v1beta1.TargetGroupBinding, change func(*v1beta1.TargetGroupBindingSpec)) {
	l.Helper()
	if err := l.Client.Get(l.Context(), client.ObjectKeyFromObject(b), b); err != nil {
		l.Fatal(err)
	}
	b.Generation++
	change(&b.Spec)
	if err := l.Client.Update(l.Context(), b); err != nil {
		l.Fatal(err)
	}
}

func TestAMisspeltServiceKeepsTheTargets(t *testing.T) {
	t.Parallel()
	for name, misspell := range map[string]func(*v1beta1.TargetGroupBindingSpec){
		"the Service":            func(s *v1beta1.TargetGroupBindingSpec) { s.ServiceRef.Name = "wbe" },
		"a Service without pods": func(s *v1beta1.TargetGroupBindingSpec) { s.ServiceRef.Name = "empty" },
		"the port":               func(s *v1beta1.TargetGroupBindingSpec) { s.ServiceRef.Port = intstr.FromString("htpp") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, b := lab.BoundLab(t)
			l.Create(lab.Service("empty"))
			served, admitted := l.Targets(b.Spec.TargetGroupARN), l.Admitted(lab.NodeGroup)
			stays := func(when string) {
				t.Helper()
				l.Settle()
				if got := l.Targets(b.Spec.TargetGroupARN); len(got) != 1 || !slices.Equal(got, served) {
					t.Errorf("%s: targets %v, want %v", when, got, served)
				}
				if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, admitted) {
					t.Errorf("%s: rules %v, want %v", when, got, admitted)
				}
			}
			right := b.Spec.ServiceRef
			edit(l, b, misspell)
			stays("misspelt")
			if told := strings.Join(l.Events, "\n"); strings.Count(told, "BackendNotFound") != 1 ||
				!strings.Contains(told, "stay") {
				t.Errorf("told %s", told)
			}
			edit(l, b, func(s *v1beta1.TargetGroupBindingSpec) { s.Networking = b.Spec.Networking.DeepCopy() })
			stays("edited again")
			l.Restart()
			stays("after a restart")
			edit(l, b, func(s *v1beta1.TargetGroupBindingSpec) { s.ServiceRef = right })
			stays("corrected")
			svc := &corev1.Service{}
			svc.Namespace, svc.Name = b.Namespace, right.Name
			if err := l.Client.Delete(t.Context(), svc); err != nil {
				t.Fatal(err)
			}
			l.Settle()
			if got := l.Targets(b.Spec.TargetGroupARN); len(got) > 0 {
				t.Errorf("the Service was deleted, and %v stay", got)
			}
		})
	}
}

func TestASelectorOfNoNodeKeepsTheNodes(t *testing.T) {
	t.Parallel()
	svc, node := lab.Service("web"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1")
	svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	l := lab.New(t, account.Profile{}, svc, node)
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumInstance), v1beta1.TargetTypeInstance)
	l.Create(b)
	l.Settle()
	registered := func(when string, want int) {
		t.Helper()
		l.Settle()
		if got := l.Targets(b.Spec.TargetGroupARN); len(got) != want {
			t.Errorf("%s: targets %v, want %d", when, got, want)
		}
	}
	registered("at first", 1)
	edit(l, b, func(s *v1beta1.TargetGroupBindingSpec) {
		s.NodeSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"pool": "web"}}
	})
	registered("no node has the labels", 1)
	l.ToldOnce("TargetGroupBinding shop/bound BackendNotFound: ")
	l.Restart()
	registered("after a restart", 1)
	label := func(labels map[string]string) {
		l.Get(node, node.Name)
		node.Labels = labels
		l.Must(l.Client.Update(t.Context(), node))
	}
	label(map[string]string{"pool": "web"})
	registered("labelled", 1)
	label(nil)
	registered("without the label again", 0)
}

// TestABindingBeforeItsPodsTellsOfNoEdit has a binding, which the controller completes, before its pods are ready.
func TestABindingBeforeItsPodsTellsOfNoEdit(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"))
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	b.Generation = 1
	l.Create(b)
	l.Settle()
	edit(l, b, func(*v1beta1.TargetGroupBindingSpec) {}) // as the API server counts what the controller completes
	l.Settle()
	if told := strings.Join(l.Events, "\n"); strings.Contains(told, "NoTargetsAfterEdit") {
		t.Errorf("told %s", told)
	}
}
