package harness

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
)

// admit lets everything from one security group into another one; that it does already is no error.
func (c *Cluster) admit(t *testing.T, into, from string) {
	t.Helper()
	_, err := c.Simulator.Compute.AuthorizeSecurityGroupIngress(t.Context(), &ec2.AuthorizeSecurityGroupIngressInput{
		GroupId: &into,
		IpPermissions: []types.IpPermission{{
			IpProtocol: aws.String("tcp"), FromPort: aws.Int32(0), ToPort: aws.Int32(65535),
			UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: &from}},
		}},
	})
	var api smithy.APIError
	if err != nil && (!errors.As(err, &api) || api.ErrorCode() != "InvalidPermission.Duplicate") {
		t.Fatal(err)
	}
}
