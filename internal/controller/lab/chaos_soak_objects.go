package lab

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// TheirGroup makes a target group as a user would.
func (l *Lab) TheirGroup(binding string) string {
	l.Helper()
	out, err := l.Sim.Balancing.CreateTargetGroup(context.WithValue(l.Context(), Privileged{}, true),
		&elbv2.CreateTargetGroupInput{
			Name: aws.String(TheirGroup(binding)), Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80),
			TargetType: elbtypes.TargetTypeEnumIp, VpcId: aws.String(VPC),
		})
	l.Must(err)
	return aws.ToString(out.TargetGroups[0].TargetGroupArn)
}

// SoakAddress is that of a pod of a Service.
func SoakAddress(service, pod int) string { return fmt.Sprintf("10.0.128.%d", 50+10*service+pod) }
