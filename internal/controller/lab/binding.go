package lab

import (
	"strings"
	"testing"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/api/v1beta1"
	"github.com/k8s-lbc/lbc/awssim/account"
)

// BoundLab has a binding that serves one pod.
func BoundLab(t *testing.T) (*Lab, *v1beta1.TargetGroupBinding) {
	t.Helper()
	l := New(t, account.Profile{}, Service("web"), Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	b := Binding(l.TargetGroup(elbtypes.TargetTypeEnumIp), v1beta1.TargetTypeIP)
	l.Create(append(Pods("a", "10.0.128.50"), b)...)
	l.Settle()
	l.Events = nil
	return l, b
}

// ToldOnce fails unless each text is in exactly one event.
func (l *Lab) ToldOnce(texts ...string) {
	l.Helper()
	for _, text := range texts {
		if n := strings.Count(strings.Join(l.Events, "\n"), text); n != 1 {
			l.Errorf("told %d times: %s\n%s", n, text, strings.Join(l.Events, "\n"))
		}
	}
}
