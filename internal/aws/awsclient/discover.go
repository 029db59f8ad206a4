package awsclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// metadata returns the client of the instance metadata service. The environment (AWS_EC2_METADATA_DISABLED,
// AWS_EC2_METADATA_SERVICE_ENDPOINT and AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE) applies to it as to the SDK's own.
func metadata(ctx context.Context, o ConnectOptions) (*imds.Client, error) {
	cfg, err := config.LoadDefaultConfig(ctx, config.WithEC2IMDSEndpointMode(metadataMode()), config.WithLogger(o.Logger))
	if err != nil {
		return nil, unreadableConfig(err)
	}
	cfg.APIOptions = nil // of AWS's services
	return imds.NewFromConfig(cfg, func(to *imds.Options) {
		to.Retryer = retry.AddWithMaxBackoffDelay(
			retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts = min(max(o.MaxAttempts, 1), 3) }),
			maxMetadataPause)
		if e := o.Endpoints[serviceIMDS]; e != "" {
			to.Endpoint = e
		}
	}), nil
}

// metadataMode is IPv6 if the pod has no IPv4 address except loopback, unless the environment sets a mode.
func metadataMode() imds.EndpointModeState {
	if os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE") != "" {
		return imds.EndpointModeStateUnset
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil || len(addresses) == 0 || reachesIPv4(addresses) {
		return imds.EndpointModeStateUnset
	}
	return imds.EndpointModeStateIPv6
}

// reachesIPv4 reports whether one of the addresses of interfaces is an IPv4 address of a network.
func reachesIPv4(addresses []net.Addr) bool {
	return slices.ContainsFunc(addresses, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && p.Addr().Unmap().Is4() && !p.Addr().IsLoopback()
	})
}

func findRegion(ctx context.Context, meta *imds.Client) (string, error) {
	out, err := meta.GetRegion(ctx, &imds.GetRegionInput{})
	if err != nil {
		return "", impairment.Condition{Reason: impairment.Region, Remedy: impairment.NameRegion,
			Text: "failed to introspect region from EC2Metadata, specify --aws-region instead if EC2Metadata is unavailable: " +
				metadataCause(err)}
	}
	return out.Region, nil
}

// metadataCause says why the instance metadata service returned nothing, with the same text at each attempt.
func metadataCause(err error) string {
	var network net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout() {
		return "the instance metadata service does not answer"
	}
	return SteadyText(err.Error())
}

// findVPC finds the VPC by tags, by the instance that this process runs on, or by the node's instance (NODENAME).
func findVPC(ctx context.Context, client EC2, meta *imds.Client, tags map[string]string) (string, error) {
	if len(tags) > 0 {
		return vpcByTags(ctx, client, tags)
	}
	vpc, err := vpcOfMetadata(ctx, meta)
	if err == nil {
		return vpc, nil
	}
	text, remedy := "failed to get VPC ID: failed to fetch VPC ID from instance metadata: "+err.Error(), impairment.NameVPC
	if node := os.Getenv("NODENAME"); strings.HasPrefix(node, "i-") {
		vpc, nodeErr := vpcOfInstance(ctx, client, node)
		if nodeErr == nil {
			return vpc, nil
		}
		if e := Classify(nodeErr); e.rejectsCredentials() {
			return "", rejectedCondition(nodeErr)
		}
		text += "; " + SteadyText(nodeErr.Error())
	}
	return "", impairment.Condition{Reason: impairment.VPC, Text: text, Remedy: remedy}
}

func vpcByTags(ctx context.Context, client EC2, tags map[string]string) (string, error) {
	in := &ec2.DescribeVpcsInput{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		in.Filters = append(in.Filters, ec2types.Filter{Name: aws.String("tag:" + k), Values: []string{tags[k]}})
	}
	out, err := client.DescribeVpcs(ctx, in)
	if err != nil {
		e, p := Classify(err), Problem("DescribeVpcs", err)
		if e.Credentials || e.rejectsCredentials() {
			return "", rejectedCondition(err)
		}
		return "", impairment.Condition{Reason: impairment.VPC, Text: "failed to fetch VPC ID with tags: " + p.Text,
			Remedy: p.Remedy + ", or set --aws-vpc-id (vpcId in the chart)"}
	}
	switch len(out.Vpcs) {
	case 0:
		return "", impairment.Condition{Reason: impairment.VPC, Text: fmt.Sprintf("no VPC exists with tags %v", tags),
			Remedy: impairment.ChooseVPC}
	case 1:
		return value(out.Vpcs[0].VpcId), nil
	}
	return "", impairment.Condition{Reason: impairment.VPC, Text: fmt.Sprintf("multiple VPCs exist with tags %v", tags),
		Remedy: impairment.ChooseVPC}
}

func vpcOfMetadata(ctx context.Context, meta *imds.Client) (string, error) {
	read := func(path string) (string, error) {
		out, err := meta.GetMetadata(ctx, &imds.GetMetadataInput{Path: path})
		if err != nil {
			return "", err
		}
		b, err := io.ReadAll(out.Content)
		return string(b), errors.Join(err, out.Content.Close())
	}
	mac, err := read("mac")
	if err != nil {
		return "", fmt.Errorf("error in fetching vpc id through ec2 metadata: get mac metadata: %s", metadataCause(err))
	}
	vpc, err := read("network/interfaces/macs/" + mac + "/vpc-id")
	if err != nil {
		return "", fmt.Errorf("error in fetching vpc id through ec2 metadata: get vpc-id metadata: %s", metadataCause(err))
	}
	return vpc, nil
}

func vpcOfInstance(ctx context.Context, client EC2, id string) (string, error) {
	out, err := client.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		return "", fmt.Errorf("failed to describe instance %s: %w", id, err)
	}
	if len(out.Reservations) != 1 || len(out.Reservations[0].Instances) != 1 {
		return "", fmt.Errorf("expected exactly one instance %s", id)
	}
	return value(out.Reservations[0].Instances[0].VpcId), nil
}
