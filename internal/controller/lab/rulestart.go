package lab

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Standing authorises labelled rules for Peer on the group of the nodes.
func (l *Lab) Standing(ranges ...[2]int32) {
	l.Helper()
	for _, r := range ranges {
		_, err := l.Sim.Compute.AuthorizeSecurityGroupIngress(l.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
			GroupId: aws.String(NodeGroup), IpPermissions: []ec2types.IpPermission{{
				IpProtocol: aws.String("tcp"), FromPort: aws.Int32(r[0]), ToPort: aws.Int32(r[1]),
				UserIdGroupPairs: []ec2types.UserIdGroupPair{
					{GroupId: aws.String(Peer), Description: aws.String("elbv2.k8s.aws/targetGroupBinding=shared")}},
			}}})
		l.Must(err)
	}
}
