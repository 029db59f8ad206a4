package awsclient

import (
	"cmp"
	"context"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/k8s-lbc/lbc/internal/lib/sdkhttp"
	"github.com/k8s-lbc/lbc/internal/model/partition"
)

// serviceIMDS is the endpoint key of the instance metadata service.
const serviceIMDS = "ec2imds"

// maxMetadataPause is the longest pause between attempts at the instance metadata service, as of the SDK.
const maxMetadataPause = time.Second

// ConnectOptions say how to reach AWS. Credentials come from the SDK's default chain.
type ConnectOptions struct {
	Region      string            // empty = AWS_DEFAULT_REGION, AWS_REGION, instance metadata
	VPC         string            // empty = VPCTags, instance metadata, the node's instance
	VPCTags     map[string]string // all must match
	MaxAttempts int               // of a call of the instance metadata service, three at most
	Endpoints   map[string]string // SDK service id → base URL
	Version     string            // for the User-Agent
	// Transport is a layer between the SDK and the network; nil = none.
	Transport func(sdkhttp.Doer) sdkhttp.Doer
	// Anonymous: requests are not signed, and no credentials are looked for. It is for a Transport that does not reach
	// AWS.
	Anonymous bool
	// Logger gets what the SDK logs, such as missing credentials; nil = standard error.
	Logger logging.Logger
	// CheckCredentials makes Connect fail if no source has credentials, instead of the first call. Only calls show
	// whether AWS accepts the credentials.
	CheckCredentials bool
}

// Connection is a connection to AWS in one scope.
type Connection struct {
	Scope   Scope
	Account string // as the credentials tell it; empty = they do not, or were not checked

	config    aws.Config
	endpoints map[string]string
	transport *awshttp.BuildableClient // of the client of config; nil in tests
	wrap      func(aws.HTTPClient) aws.HTTPClient
}

// SDK returns the SDK's configuration of the connection, for a call without a client. endpoint is the configured
// endpoint of the service; empty = none.
func (c Connection) SDK(service string) (cfg aws.Config, endpoint string) {
	return c.config, c.endpoints[service]
}

// Connect finds Region, credentials and VPC. If one is missing that may be supplied later, the error has an
// impairment.Condition.
func Connect(ctx context.Context, o ConnectOptions) (Connection, error) {
	meta, err := metadata(ctx, o)
	if err != nil {
		return Connection{}, err
	}
	scope := Scope{Region: cmp.Or(o.Region, os.Getenv("AWS_DEFAULT_REGION"), os.Getenv("AWS_REGION")), VPC: o.VPC}
	if scope.Region == "" {
		if scope.Region, err = findRegion(ctx, meta); err != nil {
			return Connection{}, err
		}
	}
	scope.Partition = partition.Of(scope.Region)
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(scope.Region), config.WithLogger(o.Logger),
		config.WithHTTPClient(httpClient()),
		config.WithRetryer(credentialRetryer),
		config.WithEC2IMDSEndpointMode(metadataMode()),
		config.WithAPIOptions([]func(*middleware.Stack) error{userAgent("elbv2.k8s.aws/" + o.Version)}))
	if err != nil {
		return Connection{}, unreadableConfig(err)
	}
	// after loading, which gives the retryer to what fetches credentials
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	// with AWS_CA_BUNDLE, which loading adds to a client of the SDK only
	transport, _ := cfg.HTTPClient.(*awshttp.BuildableClient)
	wrap := func(c aws.HTTPClient) aws.HTTPClient {
		if c = sdkhttp.Client(c); o.Transport != nil {
			c = o.Transport(c)
		}
		return c
	}
	cfg.HTTPClient = wrap(cfg.HTTPClient)
	cfg.Credentials = &sameAccount{of: cfg.Credentials, now: time.Now}
	if o.Anonymous {
		cfg.Credentials = aws.AnonymousCredentials{}
	}
	c := Connection{Scope: scope, config: cfg, endpoints: o.Endpoints, transport: transport, wrap: wrap}
	if o.CheckCredentials {
		found, err := cfg.Credentials.Retrieve(ctx)
		if err != nil {
			return Connection{}, credentialsCondition(err)
		}
		c.Account = found.AccountID
	}
	if scope.VPC == "" {
		if c.Scope.VPC, err = findVPC(ctx, c.Clients(nil).EC2, meta, o.VPCTags); err != nil {
			return Connection{}, err
		}
	}
	return c, nil
}

// Clients returns the scope's clients. They make one attempt per call, and the limiter repeats calls; nil = nothing
// limits or repeats calls.
func (c Connection) Clients(l *Limiter) Clients {
	cfg := c.config.Copy()
	if l != nil {
		cfg.APIOptions = append(slices.Clip(cfg.APIOptions), l.middleware)
		if l.mayWrite != nil && c.transport != nil {
			cfg.HTTPClient = fenced{reads: cfg.HTTPClient, writes: c.wrap(fencedTransport(c.transport, l.mayWrite))}
		}
	}
	return clients(cfg, c.endpoints)
}

// credentialRetryer is for the calls that fetch credentials, which no Limiter handles. A throttled or unanswered call
// is repeated for some three seconds before the call that needs the credentials fails.
func credentialRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = 5, time.Second })
}

// httpClient ends calls that AWS does not answer, and keeps as many connections as a burst of calls needs.
func httpClient() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTimeout(30 * time.Second).WithTransportOptions(
		func(t *http.Transport) { t.MaxIdleConnsPerHost = 64 })
}

func clients(cfg aws.Config, endpoints map[string]string) Clients {
	base := func(service string) *string { return optional(endpoints[service]) }
	out := Clients{
		ELBV2: elbv2.NewFromConfig(cfg, func(o *elbv2.Options) {
			override(&o.BaseEndpoint, base(ServiceELBV2))
			o.Protocol = newAnswers(o.Protocol)
		}),
		EC2: ec2.NewFromConfig(cfg, func(o *ec2.Options) { override(&o.BaseEndpoint, base(ServiceEC2)) }),
		ACM: acm.NewFromConfig(cfg, func(o *acm.Options) { override(&o.BaseEndpoint, base(ServiceACM)) }),
		STS: sts.NewFromConfig(cfg, func(o *sts.Options) { override(&o.BaseEndpoint, base(ServiceSTS)) }),
		Tagging: resourcegroupstaggingapi.NewFromConfig(cfg, func(o *resourcegroupstaggingapi.Options) {
			override(&o.BaseEndpoint, base(ServiceTagging))
		}),
		S3: newLazyS3(cfg, base(ServiceS3)),
		Route53: route53.NewFromConfig(cfg, func(o *route53.Options) {
			override(&o.BaseEndpoint, base(ServiceRoute53))
			if partition.Of(o.Region) == "aws" { // one service for all regions, which the SDK forgets where an endpoint is given
				o.Region = "us-east-1"
			}
		}),
	}
	for _, s := range addOnServices {
		s.connect(&out, cfg, base(s.id))
	}
	return out
}

// override keeps the value of the environment (AWS_ENDPOINT_URL) if the flag has none.
func override(to **string, v *string) {
	if v != nil {
		*to = v
	}
}

// userAgent replaces the whole User-Agent header, as the existing controller does: people filter audit logs by it.
func userAgent(value string) func(*middleware.Stack) error {
	return func(s *middleware.Stack) error {
		return s.Build.Add(middleware.BuildMiddlewareFunc("ReplaceUserAgent",
			func(ctx context.Context, in middleware.BuildInput, next middleware.BuildHandler) (
				middleware.BuildOutput, middleware.Metadata, error) {
				if r, ok := in.Request.(*smithyhttp.Request); ok {
					r.Header.Set("User-Agent", value)
				}
				return next.HandleBuild(ctx, in)
			}), middleware.After)
	}
}
