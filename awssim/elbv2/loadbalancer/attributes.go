package loadbalancer

import (
	"context"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/attribute"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

func lbTypes(allowed ...string) func(*account.LoadBalancer) bool {
	return func(lb *account.LoadBalancer) bool { return slices.Contains(allowed, lb.Type) }
}

var (
	everyLB = lbTypes(request.Application, request.Network, request.Gateway)
	albNLB  = lbTypes(request.Application, request.Network)
	albOnly = lbTypes(request.Application)
	nlbOnly = lbTypes(request.Network)
)

var loadBalancerAttributes = attribute.Table[*account.LoadBalancer]{
	Noun:        "Load balancer",
	Unsupported: func(lb *account.LoadBalancer) string { return "load balancers with type '" + lb.Type + "'" },
	Rows: []attribute.Attribute[*account.LoadBalancer]{
		attribute.New("access_logs.s3.enabled", albNLB, "false", attribute.Bool),
		attribute.New("access_logs.s3.bucket", albNLB, "", isBucket),
		attribute.New("access_logs.s3.prefix", albNLB, "", isLogPrefix),
		attribute.New("idle_timeout.timeout_seconds", albOnly, "60", attribute.Between(1, 4000)),
		attribute.New("deletion_protection.enabled", everyLB, "false", attribute.Bool),
		attribute.Depending("load_balancing.cross_zone.enabled", everyLB, crossZoneDefault, attribute.Bool),
		attribute.Depending("ipv6.deny_all_igw_traffic", albNLB, denyGatewayDefault, attribute.Bool),
		attribute.New("zonal_shift.config.enabled", albNLB, "false", attribute.Bool),
		attribute.New("client_keep_alive.seconds", albOnly, "3600", attribute.Between(60, 604800)),
		attribute.New("connection_logs.s3.enabled", albOnly, "false", attribute.Bool),
		attribute.New("connection_logs.s3.bucket", albOnly, "", isBucket),
		attribute.New("connection_logs.s3.prefix", albOnly, "", isLogPrefix),
		attribute.New("health_check_logs.s3.enabled", albOnly, "false", attribute.Bool),
		attribute.New("health_check_logs.s3.bucket", albOnly, "", isBucket),
		attribute.New("health_check_logs.s3.prefix", albOnly, "", isLogPrefix),
		attribute.New("routing.http.desync_mitigation_mode", albOnly, "defensive", attribute.OneOf("monitor", "defensive",
			"strictest")),
		attribute.New("routing.http.drop_invalid_header_fields.enabled", albOnly, "false", attribute.Bool),
		attribute.New("routing.http.preserve_host_header.enabled", albOnly, "false", attribute.Bool),
		attribute.New("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", albOnly, "false", attribute.Bool),
		attribute.New("routing.http.xff_client_port.enabled", albOnly, "false", attribute.Bool),
		attribute.New("routing.http.xff_header_processing.mode", albOnly, "append",
			attribute.OneOf("append", "preserve", "remove")),
		attribute.New("routing.http2.enabled", albOnly, "true", attribute.Bool),
		attribute.New("waf.fail_open.enabled", albOnly, "false", attribute.Bool),
		attribute.New("dns_record.client_routing_policy", nlbOnly, "any_availability_zone",
			attribute.OneOf("availability_zone_affinity", "partial_availability_zone_affinity", "any_availability_zone")),
		attribute.New(secondaryAddresses, nlbOnly, "0", attribute.Between(0, 7)),
	},
}

func crossZoneDefault(lb *account.LoadBalancer) string {
	if lb.Type == request.Application {
		return "true"
	}
	return "false"
}

func denyGatewayDefault(lb *account.LoadBalancer) string {
	if lb.Scheme == "internal" {
		return "true"
	}
	return "false"
}

// shownAttributes hides what Describe shows only for load balancers that have the feature.
func shownAttributes(lb *account.LoadBalancer) []types.LoadBalancerAttribute {
	all := attribute.List(&loadBalancerAttributes, lb.Attributes, func(key, value *string) types.LoadBalancerAttribute {
		return types.LoadBalancerAttribute{Key: key, Value: value}
	})
	return slices.DeleteFunc(all, func(a types.LoadBalancerAttribute) bool {
		return *a.Key == "ipv6.deny_all_igw_traffic" && lb.IPAddressType == "ipv4" || *a.Key == secondaryAddresses &&
			*a.Value == "0"
	})
}

// logFamilies are the prefixes of the keys that send logs to a bucket.
var logFamilies = []string{"access_logs.s3.", "connection_logs.s3.", "health_check_logs.s3."}

// checkLoadBalancerAttributes holds the rules between attributes; before and after are complete.
func (s *LoadBalancers) checkLoadBalancerAttributes(lb *account.LoadBalancer, before, after map[string]string) error {
	if lb.Type == request.Application && after["load_balancing.cross_zone.enabled"] == "false" {
		return check.InvalidConfiguration("Cross-zone load balancing cannot be disabled on load balancers with type " +
			"'application'; disable it on the target group")
	}
	if a, b := after[secondaryAddresses], before[secondaryAddresses]; a < b {
		return check.InvalidConfiguration("The number of secondary IP addresses per subnet cannot be decreased "+
			"from '%s' to '%s'", b, a)
	}
	for _, family := range logFamilies {
		if after[family+"enabled"] != "true" || sameLogs(family, before, after) {
			continue
		}
		bucket, prefix := after[family+"bucket"], after[family+"prefix"]
		if bucket == "" {
			return check.Invalid("The value of '%sbucket' cannot be empty when '%senabled' is 'true'", family, family)
		}
		if err := s.testLogs(family, bucket, prefix); err != nil {
			return err
		}
	}
	return nil
}

// sameLogs reports whether logs of that family go where they went.
func sameLogs(family string, before, after map[string]string) bool {
	return before[family+"enabled"] == after[family+"enabled"] && before[family+"bucket"] == after[family+"bucket"] &&
		before[family+"prefix"] == after[family+"prefix"]
}

// logTests is the object that ELB writes to a bucket when logs of each family are switched on, to see that it can.
var logTests = map[string]string{
	"access_logs.s3.": "ELBAccessLogTestFile", "connection_logs.s3.": "ELBConnectionLogTestFile",
	"health_check_logs.s3.": "ELBHealthCheckLogTestFile",
}

// testLogs writes the test object of that family.
func (s *LoadBalancers) testLogs(family, bucket, prefix string) error {
	key := path.Join(prefix, "AWSLogs", s.account.ID, logTests[family])
	text := "Enable AccessLog for ELB: " + s.account.Clock.Now().UTC().Format(time.RFC3339) + "\n"
	if !s.account.Buckets.TakesLogs(bucket, prefix) || s.account.Buckets.Directory != "" &&
		s.account.Buckets.Put(bucket, key, []byte(text)) != nil {
		return check.InvalidConfiguration("Access Denied for bucket: %s. Please check S3bucket permission", bucket)
	}
	return nil
}

// DescribeLoadBalancerAttributes answers every attribute that the load balancer has, defaults included.
func (s *LoadBalancers) DescribeLoadBalancerAttributes(ctx context.Context, in *elb.DescribeLoadBalancerAttributesInput,
	_ ...func(*elb.Options)) (*elb.DescribeLoadBalancerAttributesOutput, error) {
	return call.Read(ctx, s.entry, "DescribeLoadBalancerAttributes", in,
		func(in *elb.DescribeLoadBalancerAttributesInput) (*elb.DescribeLoadBalancerAttributesOutput, error) {
			lb, err := request.FindLoadBalancer(s.account, in.LoadBalancerArn)
			if err != nil {
				return nil, err
			}
			return &elb.DescribeLoadBalancerAttributesOutput{Attributes: shownAttributes(lb)}, nil
		})
}

// ModifyLoadBalancerAttributes sets attributes, all or none.
func (s *LoadBalancers) ModifyLoadBalancerAttributes(ctx context.Context, in *elb.ModifyLoadBalancerAttributesInput,
	_ ...func(*elb.Options)) (*elb.ModifyLoadBalancerAttributesOutput, error) {
	return call.Write(ctx, s.entry, "ModifyLoadBalancerAttributes", in, func(in *elb.ModifyLoadBalancerAttributesInput) (
		*elb.ModifyLoadBalancerAttributesOutput, error) {
		settings := attribute.SettingsOf(in.Attributes, func(a types.LoadBalancerAttribute) (*string, *string) {
			return a.Key, a.Value
		})
		if err := check.First(check.Present("loadBalancerArn", in.LoadBalancerArn), loadBalancerAttributes.Check(
			settings)); err != nil {
			return nil, err
		}
		lb, err := request.FindLoadBalancer(s.account, in.LoadBalancerArn)
		if err != nil {
			return nil, err
		}
		after, err := loadBalancerAttributes.Change(lb, lb.Attributes, settings)
		if err != nil {
			return nil, err
		}
		if err := s.checkLoadBalancerAttributes(lb, lb.Attributes, after); err != nil {
			return nil, err
		}
		if err := s.setSecondary(lb, after); err != nil {
			return nil, err
		}
		lb.Attributes = after
		return &elb.ModifyLoadBalancerAttributesOutput{Attributes: shownAttributes(lb)}, nil
	})
}

// protected refuses the deletion of a protected load balancer.
func protected(lb *account.LoadBalancer) error {
	return check.When(lb.Attributes["deletion_protection.enabled"] == "true", apierr.New("OperationNotPermitted",
		"Load balancer '%s' cannot be deleted because deletion protection is enabled", lb.ARN))
}

var bucketName = regexp.MustCompile(`^[A-Za-z0-9._-]{0,63}$`)

func isBucket(key, value string) error {
	return check.When(!bucketName.MatchString(value), check.Invalid("'%s' value '%s' is not the name of a bucket", key,
		value))
}

func isLogPrefix(key, value string) error {
	bad := strings.HasPrefix(value, "/") || strings.HasSuffix(value, "/") || strings.Contains(value, "AWSLogs")
	return check.When(bad, check.Invalid("'%s' value '%s' cannot begin or end with '/' or contain 'AWSLogs'", key, value))
}
