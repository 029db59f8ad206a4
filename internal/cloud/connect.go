package cloud

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/k8s-lbc/lbc/internal/sdkhttp"
)

// serviceIMDS is the endpoint key of the instance metadata service.
const serviceIMDS = "ec2imds"

// ConnectOptions say how to reach AWS. Credentials come from the SDK's default chain.
type ConnectOptions struct {
	Region      string            // empty = AWS_DEFAULT_REGION, AWS_REGION, instance metadata
	VPC         string            // empty = VPCTags, instance metadata, the node's instance
	VPCTags     map[string]string // all must match
	MaxAttempts int               // of a call of the instance metadata service
	Endpoints   map[string]string // SDK service id → base URL
	Version     string            // for the User-Agent
	// Transport stands between the SDK and the network, if it is given.
	Transport func(sdkhttp.Doer) sdkhttp.Doer
	// Anonymous requests are not signed, and no credentials are looked for: for a Transport that reaches no AWS.
	Anonymous bool
}

// Connection is a way to AWS in one scope.
type Connection struct {
	Scope Scope

	config    aws.Config
	endpoints map[string]string
}

// Connect finds region and VPC, and the credentials' source.
func Connect(ctx context.Context, o ConnectOptions) (Connection, error) {
	meta := metadata(o)
	scope := Scope{Region: cmp.Or(o.Region, os.Getenv("AWS_DEFAULT_REGION"), os.Getenv("AWS_REGION")), VPC: o.VPC}
	if scope.Region == "" {
		out, err := meta.GetRegion(ctx, &imds.GetRegionInput{})
		if err != nil {
			return Connection{}, fmt.Errorf("failed to introspect region from EC2Metadata, specify --aws-region instead if EC2Metadata is unavailable: %w", err)
		}
		scope.Region = out.Region
	}
	scope.Partition = PartitionOf(scope.Region)
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(scope.Region),
		config.WithHTTPClient(httpClient()),
		config.WithRetryer(credentialRetryer),
		config.WithAPIOptions([]func(*middleware.Stack) error{userAgent("elbv2.k8s.aws/" + o.Version)}))
	if err != nil {
		return Connection{}, fmt.Errorf("loading AWS configuration: %w", err)
	}
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} } // after loading, which gives the retryer to what fetches credentials
	cfg.HTTPClient = sdkhttp.Client(cfg.HTTPClient)              // after loading, which adds AWS_CA_BUNDLE to a client of the SDK only
	if o.Transport != nil {
		cfg.HTTPClient = o.Transport(cfg.HTTPClient)
	}
	if o.Anonymous {
		cfg.Credentials = aws.AnonymousCredentials{}
	}
	c := Connection{Scope: scope, config: cfg, endpoints: o.Endpoints}
	if scope.VPC == "" {
		if c.Scope.VPC, err = findVPC(ctx, c.Clients(nil).EC2, meta, o.VPCTags); err != nil {
			return Connection{}, err
		}
	}
	return c, nil
}

// Clients are the scope's clients. They make one attempt per call and leave it to the limiter to repeat it; nil = nothing limits or repeats calls.
func (c Connection) Clients(l *Limiter) Clients {
	cfg := c.config.Copy()
	if l != nil {
		cfg.APIOptions = append(slices.Clip(cfg.APIOptions), l.middleware)
	}
	return clients(cfg, c.endpoints)
}

// credentialRetryer is for the calls that fetch credentials, which pass no Limiter: a throttled or unanswered one is tried again
// for some three seconds before the call that needs the credentials fails.
func credentialRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 5, time.Second })
}

// httpClient ends a call that AWS does not answer, and keeps as many connections as a burst of work needs.
func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTimeout(30 * time.Second).WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = 64 })
}

func clients(cfg aws.Config, endpoints map[string]string) Clients {
	base := func(service string) *string { return optional(endpoints[service]) }
	out := Clients{
		ELBV2: elbv2.NewFromConfig(cfg, func(o *elbv2.Options) { override(&o.BaseEndpoint, base(ServiceELBV2)) }),
		EC2:   ec2.NewFromConfig(cfg, func(o *ec2.Options) { override(&o.BaseEndpoint, base(ServiceEC2)) }),
		ACM:   acm.NewFromConfig(cfg, func(o *acm.Options) { override(&o.BaseEndpoint, base(ServiceACM)) }),
		STS:   sts.NewFromConfig(cfg, func(o *sts.Options) { override(&o.BaseEndpoint, base(ServiceSTS)) }),
		S3:    newLazyS3(cfg, base(ServiceS3)),
		Route53: route53.NewFromConfig(cfg, func(o *route53.Options) {
			override(&o.BaseEndpoint, base(ServiceRoute53))
			if PartitionOf(o.Region) == "aws" { // one service for all regions, which the SDK forgets where an endpoint is given
				o.Region = "us-east-1"
			}
		}),
	}
	for _, s := range addOnServices {
		s.connect(&out, cfg, base(s.id))
	}
	return out
}

// override keeps what the environment says (AWS_ENDPOINT_URL) where the flag says nothing.
func override(to **string, v *string) {
	if v != nil {
		*to = v
	}
}

// partitions are those of regions by prefix; all others are of "aws".
var partitions = []struct{ prefix, partition string }{
	{"cn-", "aws-cn"}, {"us-gov-", "aws-us-gov"}, {"eusc-", "aws-eusc"},
	{"us-iso-", "aws-iso"}, {"us-isob-", "aws-iso-b"}, {"eu-isoe-", "aws-iso-e"}, {"us-isof-", "aws-iso-f"}, {"eu-isof-", "aws-iso-f"},
}

// PartitionOf is the partition of a Region, by its name.
func PartitionOf(region string) string {
	for _, p := range partitions {
		if strings.HasPrefix(region, p.prefix) {
			return p.partition
		}
	}
	return "aws"
}

// userAgent replaces the whole User-Agent header, as the existing controller does: people filter audit logs by it.
func userAgent(value string) func(*middleware.Stack) error {
	return func(s *middleware.Stack) error {
		return s.Build.Add(middleware.BuildMiddlewareFunc("ReplaceUserAgent", func(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (
			middleware.BuildOutput, middleware.Metadata, error) {
			if r, ok := in.Request.(*smithyhttp.Request); ok {
				r.Header.Set("User-Agent", value)
			}
			return next.HandleBuild(ctx, in)
		}), middleware.After)
	}
}

func metadata(o ConnectOptions) *imds.Client {
	opts := imds.Options{Retryer: retry.NewStandard(func(r *retry.StandardOptions) { r.MaxAttempts = max(o.MaxAttempts, 1) })}
	if e := o.Endpoints[serviceIMDS]; e != "" {
		opts.Endpoint = e
	}
	if os.Getenv("AWS_EC2_METADATA_DISABLED") == "true" {
		opts.ClientEnableState = imds.ClientDisabled
	}
	return imds.New(opts)
}

// findVPC finds the VPC by tags, by the instance that we run on, or by the node's instance (NODENAME).
func findVPC(ctx context.Context, client EC2, meta *imds.Client, tags map[string]string) (string, error) {
	if len(tags) > 0 {
		return vpcByTags(ctx, client, tags)
	}
	vpc, err := vpcOfMetadata(ctx, meta)
	if err == nil {
		return vpc, nil
	}
	err = fmt.Errorf("failed to fetch VPC ID from instance metadata: %w", err)
	if node := os.Getenv("NODENAME"); strings.HasPrefix(node, "i-") {
		vpc, nodeErr := vpcOfInstance(ctx, client, node)
		if nodeErr == nil {
			return vpc, nil
		}
		err = errors.Join(err, nodeErr)
	}
	return "", fmt.Errorf("failed to get VPC ID: %w", err)
}

func vpcByTags(ctx context.Context, client EC2, tags map[string]string) (string, error) {
	in := &ec2.DescribeVpcsInput{}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		in.Filters = append(in.Filters, ec2types.Filter{Name: aws.String("tag:" + k), Values: []string{tags[k]}})
	}
	out, err := client.DescribeVpcs(ctx, in)
	if err != nil {
		return "", fmt.Errorf("failed to fetch VPC ID with tags: %w", err)
	}
	switch len(out.Vpcs) {
	case 0:
		return "", fmt.Errorf("no VPC exists with tags %v", tags)
	case 1:
		return value(out.Vpcs[0].VpcId), nil
	}
	return "", fmt.Errorf("multiple VPCs exist with tags %v", tags)
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
		return "", fmt.Errorf("error in fetching vpc id through ec2 metadata: get mac metadata: %w", err)
	}
	vpc, err := read("network/interfaces/macs/" + mac + "/vpc-id")
	if err != nil {
		return "", fmt.Errorf("error in fetching vpc id through ec2 metadata: get vpc-id metadata: %w", err)
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
