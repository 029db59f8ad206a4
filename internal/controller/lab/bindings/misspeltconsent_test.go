package bindings

import (
	"strings"
	"testing"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/internal/controller/lab"
	"github.com/k8s-lbc/lbc/internal/kube/naming"
)

// TestSlipInTheConsentToDeregistrationsIsTold has a misspelt key, and a value with a capital letter.
func TestSlipInTheConsentToDeregistrationsIsTold(t *testing.T) {
	t.Parallel()
	l := lab.New(t, account.Profile{}, lab.Service("web"))
	b := lab.Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	b.Spec.Networking = nil
	b.Annotations = map[string]string{naming.AllowDeregistration + "s": "true"}
	l.Create(b)
	l.Create(lab.Pods("node-a", "10.0.1.1")...)
	l.Settle()
	if told := strings.Join(l.Events, "\n"); !strings.Contains(told, "did you mean "+naming.AllowDeregistration+"?") {
		t.Errorf("told of the key:\n%s", told)
	}
	l.Events = nil
	l.Get(b, b.Name)
	b.Annotations = map[string]string{naming.AllowDeregistration: "True"}
	l.Must(l.Client.Update(t.Context(), b))
	l.Settle()
	if told := strings.Join(l.Events, "\n"); !strings.Contains(told, `"True" has no effect`) {
		t.Errorf("told of the value:\n%s", told)
	}
}
