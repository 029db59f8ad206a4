package elbv2

import (
	"context"
	"path"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// Types of load balancers.
const (
	application = "application"
	network     = "network"
	gateway     = "gateway"
)

func lbTypes(allowed ...string) func(*account.LoadBalancer) bool {
	return func(lb *account.LoadBalancer) bool { return slices.Contains(allowed, lb.Type) }
}

var (
	everyLB = lbTypes(application, network, gateway)
	albNLB  = lbTypes(application, network)
	albOnly = lbTypes(application)
	nlbOnly = lbTypes(network)
)

// lbAttribute is a key whose default is the same for every load balancer that has it.
func lbAttribute(key string, applies func(*account.LoadBalancer) bool, initial string, check func(key, value string) error) attribute[*account.LoadBalancer] {
	return attribute[*account.LoadBalancer]{key, applies, always[*account.LoadBalancer](initial), check}
}

var loadBalancerAttributes = attributeKind[*account.LoadBalancer]{
	noun:        "Load balancer",
	unsupported: func(lb *account.LoadBalancer) string { return "load balancers with type '" + lb.Type + "'" },
	table: []attribute[*account.LoadBalancer]{
		lbAttribute("access_logs.s3.enabled", albNLB, "false", isBool),
		lbAttribute("access_logs.s3.bucket", albNLB, "", isAtMost(63)),
		lbAttribute("access_logs.s3.prefix", albNLB, "", isLogPrefix),
		lbAttribute("idle_timeout.timeout_seconds", albOnly, "60", isBetween(1, 4000)),
		lbAttribute("deletion_protection.enabled", everyLB, "false", isBool),
		{"load_balancing.cross_zone.enabled", everyLB, crossZoneDefault, isBool},
		{"ipv6.deny_all_igw_traffic", albNLB, denyGatewayDefault, isBool},
		lbAttribute("zonal_shift.config.enabled", albNLB, "false", isBool),
		lbAttribute("client_keep_alive.seconds", albOnly, "3600", isBetween(60, 604800)),
		lbAttribute("connection_logs.s3.enabled", albOnly, "false", isBool),
		lbAttribute("connection_logs.s3.bucket", albOnly, "", isAtMost(63)),
		lbAttribute("connection_logs.s3.prefix", albOnly, "", isLogPrefix),
		lbAttribute("health_check_logs.s3.enabled", albOnly, "false", isBool),
		lbAttribute("health_check_logs.s3.bucket", albOnly, "", isAtMost(63)),
		lbAttribute("health_check_logs.s3.prefix", albOnly, "", isLogPrefix),
		lbAttribute("routing.http.desync_mitigation_mode", albOnly, "defensive", isOneOf("monitor", "defensive", "strictest")),
		lbAttribute("routing.http.drop_invalid_header_fields.enabled", albOnly, "false", isBool),
		lbAttribute("routing.http.preserve_host_header.enabled", albOnly, "false", isBool),
		lbAttribute("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", albOnly, "false", isBool),
		lbAttribute("routing.http.xff_client_port.enabled", albOnly, "false", isBool),
		lbAttribute("routing.http.xff_header_processing.mode", albOnly, "append", isOneOf("append", "preserve", "remove")),
		lbAttribute("routing.http2.enabled", albOnly, "true", isBool),
		lbAttribute("waf.fail_open.enabled", albOnly, "false", isBool),
		lbAttribute("dns_record.client_routing_policy", nlbOnly, "any_availability_zone",
			isOneOf("availability_zone_affinity", "partial_availability_zone_affinity", "any_availability_zone")),
		lbAttribute(secondaryAddresses, nlbOnly, "0", isBetween(0, 7)),
	},
}

func crossZoneDefault(lb *account.LoadBalancer) string {
	if lb.Type == application {
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
	var out []types.LoadBalancerAttribute
	for _, s := range loadBalancerAttributes.list(lb.Attributes) {
		switch {
		case s.key == "ipv6.deny_all_igw_traffic" && lb.IPAddressType == "ipv4":
		case s.key == secondaryAddresses && s.value == "0":
		default:
			out = append(out, types.LoadBalancerAttribute{Key: aws.String(s.key), Value: aws.String(s.value)})
		}
	}
	return out
}

// logFamilies are the prefixes of the keys that send logs to a bucket.
var logFamilies = []string{"access_logs.s3.", "connection_logs.s3.", "health_check_logs.s3."}

// checkLoadBalancerAttributes holds the rules between attributes; before and after are complete.
func (s *Service) checkLoadBalancerAttributes(lb *account.LoadBalancer, before, after map[string]string) error {
	if lb.Type == application && after["load_balancing.cross_zone.enabled"] == "false" {
		return contradiction("Cross-zone load balancing cannot be disabled on load balancers with type 'application'; disable it on the target group")
	}
	if a, b := after[secondaryAddresses], before[secondaryAddresses]; a < b {
		return contradiction("The number of secondary IP addresses per subnet cannot be decreased from '%s' to '%s'", b, a)
	}
	for _, family := range logFamilies {
		if after[family+"enabled"] != "true" || sameLogs(family, before, after) {
			continue
		}
		bucket, prefix := after[family+"bucket"], after[family+"prefix"]
		if bucket == "" {
			return invalid("The value of '%sbucket' cannot be empty when '%senabled' is 'true'", family, family)
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
	"access_logs.s3.": "ELBAccessLogTestFile", "connection_logs.s3.": "ELBConnectionLogTestFile", "health_check_logs.s3.": "ELBHealthCheckLogTestFile",
}

// testLogs writes the test object of that family.
func (s *Service) testLogs(family, bucket, prefix string) error {
	key := path.Join(prefix, "AWSLogs", s.account.ID, logTests[family])
	text := "Enable AccessLog for ELB: " + s.account.Clock.Now().UTC().Format(time.RFC3339) + "\n"
	if !s.account.Buckets.TakesLogs(bucket, prefix) || s.account.Buckets.Directory != "" && s.account.Buckets.Put(bucket, key, []byte(text)) != nil {
		return contradiction("Access Denied for bucket: %s. Please check S3bucket permission", bucket)
	}
	return nil
}

// DescribeLoadBalancerAttributes answers every attribute that the load balancer has, defaults included.
func (s *Service) DescribeLoadBalancerAttributes(ctx context.Context, in *elb.DescribeLoadBalancerAttributesInput, _ ...func(*elb.Options)) (*elb.DescribeLoadBalancerAttributesOutput, error) {
	return read(ctx, s, "DescribeLoadBalancerAttributes", in, func(in *elb.DescribeLoadBalancerAttributesInput) (*elb.DescribeLoadBalancerAttributesOutput, error) {
		lb, err := s.loadBalancer(in.LoadBalancerArn)
		if err != nil {
			return nil, err
		}
		return &elb.DescribeLoadBalancerAttributesOutput{Attributes: shownAttributes(lb)}, nil
	})
}

// ModifyLoadBalancerAttributes sets attributes, all or none.
func (s *Service) ModifyLoadBalancerAttributes(ctx context.Context, in *elb.ModifyLoadBalancerAttributesInput, _ ...func(*elb.Options)) (*elb.ModifyLoadBalancerAttributesOutput, error) {
	return write(ctx, s, "ModifyLoadBalancerAttributes", in, func(in *elb.ModifyLoadBalancerAttributesInput) (*elb.ModifyLoadBalancerAttributesOutput, error) {
		settings := settingsOf(in.Attributes, func(a types.LoadBalancerAttribute) (*string, *string) { return a.Key, a.Value })
		if err := first(present("loadBalancerArn", in.LoadBalancerArn), loadBalancerAttributes.check(settings)); err != nil {
			return nil, err
		}
		lb, err := s.loadBalancer(in.LoadBalancerArn)
		if err != nil {
			return nil, err
		}
		after, err := loadBalancerAttributes.change(lb, lb.Attributes, settings)
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
	return when(lb.Attributes["deletion_protection.enabled"] == "true", apierr.New("OperationNotPermitted",
		"Load balancer '%s' cannot be deleted because deletion protection is enabled", lb.ARN))
}
