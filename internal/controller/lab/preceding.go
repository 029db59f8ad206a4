package lab

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
)

// PrecedingLab is a lab with a target group of nobody's in the cluster, in which an address is registered, and a pod.
func PrecedingLab(t *testing.T, flags ...string) (l *Lab, arn string) {
	t.Helper()
	l = New(t, account.Profile{}, Service("web"), Node("a", "aws:///us-west-2a/i-0a1de0000000000a1"))
	if len(flags) > 0 {
		l.Flags(flags...)
	}
	l.Checkpointed = true
	l.Restart()
	arn = l.TargetGroup(elbtypes.TargetTypeEnumIp)
	_, err := l.Sim.Balancing.RegisterTargets(t.Context(), &elbv2.RegisterTargetsInput{TargetGroupArn: &arn,
		Targets: []elbtypes.TargetDescription{{Id: aws.String("10.0.1.77"), Port: aws.Int32(80)}}})
	l.Must(err)
	l.Create(Pods("a", "10.0.128.50")...)
	return l, arn
}

// WantTargets fails unless the registered targets of a target group are these.
func (l *Lab) WantTargets(arn string, want ...string) {
	l.Helper()
	if got := l.Targets(arn); !slices.Equal(got, want) {
		l.Errorf("targets %v, want %v", got, want)
	}
}
