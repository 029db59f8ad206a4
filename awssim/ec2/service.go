// Package ec2 is the part of Amazon EC2 that load balancers stand on: a method for each action with the SDK client's
// signature, over the account's state, with AWS's filters, validations and error codes. The actions on each kind of
// resource are in a package below; tags, regions and the attributes of the account are here. It holds no state and no
// wire format.
package ec2

import (
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/ec2/instance"
	"github.com/k8s-lbc/lbc/awssim/ec2/network"
	"github.com/k8s-lbc/lbc/awssim/ec2/request"
	"github.com/k8s-lbc/lbc/awssim/ec2/securitygroup"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// Service answers the actions of EC2.
type Service struct {
	*network.Networks
	*instance.Instances
	*securitygroup.SecurityGroups

	account *account.Account
	entry   call.Entry
}

// New is the service over that account; calls pass g, which may be nil.
func New(a *account.Account, g *gate.Gate) *Service {
	e := call.Entry{Service: request.ServiceName, Account: a, Gate: g}
	return &Service{
		Networks: network.New(e), Instances: instance.New(e), SecurityGroups: securitygroup.New(e),
		account: a, entry: e,
	}
}

// DescribeAccountAttributes answers platforms, the default VPC, and quotas.
func (s *Service) DescribeAccountAttributes(ctx context.Context, in *ec2.DescribeAccountAttributesInput,
	_ ...func(*ec2.Options)) (*ec2.DescribeAccountAttributesOutput, error) {
	return call.Read(ctx, s.entry, "DescribeAccountAttributes", in, func(in *ec2.DescribeAccountAttributesInput) (
		*ec2.DescribeAccountAttributesOutput, error) {
		if err := request.DryRun(in.DryRun); err != nil {
			return nil, err
		}
		vpc := request.DefaultVPC(s.account)
		if vpc == "" {
			vpc = "none"
		}
		values := []struct{ name, value string }{
			{"supported-platforms", "VPC"}, {"default-vpc", vpc}, {"max-instances", strconv.Itoa(instance.MaxRun)},
			{"vpc-max-security-groups-per-interface", strconv.Itoa(s.account.Quota("security-groups-per-network-interface"))},
			{"max-elastic-ips", strconv.Itoa(s.account.Quota("elastic-ips"))},
			{"vpc-max-elastic-ips", strconv.Itoa(s.account.Quota("elastic-ips"))},
		}
		for _, name := range in.AttributeNames {
			if !slices.ContainsFunc(values, func(v struct{ name, value string }) bool { return v.name == string(name) }) {
				return nil, request.InvalidValue("Unknown attribute '%s'", name)
			}
		}
		out := &ec2.DescribeAccountAttributesOutput{}
		for _, v := range values {
			if len(in.AttributeNames) == 0 || slices.Contains(in.AttributeNames, types.AccountAttributeName(v.name)) {
				out.AccountAttributes = append(out.AccountAttributes, types.AccountAttribute{
					AttributeName: aws.String(v.name), AttributeValues: []types.AccountAttributeValue{
						{AttributeValue: aws.String(v.value)}},
				})
			}
		}
		return out, nil
	})
}
