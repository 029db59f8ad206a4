package bindings

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/lib/leaffields"
)

// unfitValues are the values of ../../../front/testdata/unfit.yaml for the fields of bindings.
func unfitValues(t *testing.T) map[string]struct {
	Unfit []any `json:"unfit"`
	Asks  bool  `json:"asks"`
} {
	t.Helper()
	var all map[string]map[string]struct {
		Unfit []any `json:"unfit"`
		Asks  bool  `json:"asks"`
	}
	text, err := os.ReadFile("../../../front/testdata/unfit.yaml")
	if err == nil {
		err = yaml.Unmarshal(text, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all["TargetGroupBinding"]
}

// TestUnfitFieldsKeepTargets sets each field of a binding that serves to each value of unfit.yaml and to values that
// fit no field: the targets and the rules of their security group stay, also after a restart, and an event says why.
func TestUnfitFieldsKeepTargets(t *testing.T) {
	t.Parallel()
	rows := unfitValues(t)
	for _, f := range leaffields.Of(reflect.TypeFor[v1beta1.TargetGroupBinding]()) {
		row := rows[f.Path]
		values := row.Unfit
		if !row.Asks {
			values = append(slices.Clone(values), leaffields.Unfit(f.Type)...)
		}
		if f.Path == "spec.multiClusterTargetGroup" { // both values are valid, and nobody else registers targets here
			values = []any{true}
		}
		t.Run(f.Path, func(t *testing.T) {
			t.Parallel()
			for _, kind := range []v1beta1.TargetType{v1beta1.TargetTypeIP, v1beta1.TargetTypeInstance} {
				l, b := fieldsLab(t, kind)
				arn := b.Spec.TargetGroupARN
				served, admitted := l.Targets(arn), l.Admitted(lab.NodeGroup)
				if len(served) != 1 || len(admitted) == 0 {
					t.Fatalf("does not serve: %v, %v", served, admitted)
				}
				right := b.Spec.DeepCopy()
				for _, v := range values {
					wrong, ok := leaffields.Set(b, f.Path, 0, v)
					if !ok {
						continue
					}
					spec := wrong.(*v1beta1.TargetGroupBinding).Spec
					l.Events = nil
					edit(l, b, func(s *v1beta1.TargetGroupBindingSpec) { *s = *spec.DeepCopy() })
					for _, when := range []string{"edited", "after a restart"} {
						for range 4 {
							_, _ = l.Round()
						}
						if got := l.Targets(arn); !slices.Equal(got, served) {
							t.Errorf("%s, %.60v, %s: targets %v, want %v", kind, v, when, got, served)
						}
						if got := l.Admitted(lab.NodeGroup); !slices.Equal(got, admitted) {
							t.Errorf("%s, %.60v, %s: rules %v, want %v", kind, v, when, got, admitted)
						}
						l.Restart()
					}
					valid := v == "" || v == true || reflect.DeepEqual(spec, *right)
					if !valid && !slices.ContainsFunc(l.Events, func(e string) bool {
						return !strings.Contains(e, "SuccessfullyReconciled")
					}) {
						t.Errorf("%s, %.60v: nothing is told", kind, v)
					}
					edit(l, b, func(s *v1beta1.TargetGroupBindingSpec) { *s = *right.DeepCopy() })
					for range 4 {
						_, _ = l.Round()
					}
				}
				if got := l.Targets(arn); !slices.Equal(got, served) {
					t.Errorf("%s, corrected: targets %v, want %v", kind, got, served)
				}
			}
		})
	}
}

// fieldsLab has a binding that serves and has networking, and a Service without pods.
func fieldsLab(t *testing.T, kind v1beta1.TargetType) (*lab.Lab, *v1beta1.TargetGroupBinding) {
	t.Helper()
	svc := lab.Service("web")
	svc.Spec.Type, svc.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	l := lab.New(t, account.Profile{}, svc, lab.Service("empty"), lab.Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnum(kind)), kind)
	port := intstr.FromInt32(8080)
	if kind == v1beta1.TargetTypeInstance {
		port = intstr.FromInt32(30080)
	}
	b.Spec.Networking = &v1beta1.TargetGroupBindingNetworking{Ingress: []v1beta1.NetworkingIngressRule{{
		From:  []v1beta1.NetworkingPeer{{SecurityGroup: &v1beta1.SecurityGroup{GroupID: lab.NodeGroup}}},
		Ports: []v1beta1.NetworkingPort{{Port: &port}},
	}}}
	l.Create(append(lab.Pods("a", "10.0.128.50"), b)...)
	l.Settle()
	l.Get(b, b.Name)
	if strings.Contains(fmt.Sprint(l.Events), "Warning") {
		t.Fatal(l.Events)
	}
	return l, b
}
