package elbv2

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// kindsOfGroups are one target group of each kind that differs for some listener.
var kindsOfGroups = map[string]func(*elb.CreateTargetGroupInput){
	"HTTP":  func(in *elb.CreateTargetGroupInput) { in.Protocol = "HTTP" },
	"HTTPS": func(in *elb.CreateTargetGroupInput) { in.Protocol = "HTTPS" },
	"HTTP2": func(in *elb.CreateTargetGroupInput) { in.Protocol, in.ProtocolVersion = "HTTP", aws.String("HTTP2") },
	"GRPC":  func(in *elb.CreateTargetGroupInput) { in.Protocol, in.ProtocolVersion = "HTTP", aws.String("GRPC") },
	"HTTP6": func(in *elb.CreateTargetGroupInput) { in.Protocol, in.IpAddressType = "HTTP", "ipv6" },
	"lambda": func(in *elb.CreateTargetGroupInput) {
		in.TargetType, in.Protocol, in.Port, in.VpcId = "lambda", "", nil, nil
	},
	"TCP":       func(in *elb.CreateTargetGroupInput) { in.Protocol = "TCP" },
	"TCP6":      func(in *elb.CreateTargetGroupInput) { in.Protocol, in.IpAddressType = "TCP", "ipv6" },
	"alb":       func(in *elb.CreateTargetGroupInput) { in.Protocol, in.TargetType = "TCP", "alb" },
	"TLS":       func(in *elb.CreateTargetGroupInput) { in.Protocol = "TLS" },
	"UDP":       func(in *elb.CreateTargetGroupInput) { in.Protocol = "UDP" },
	"UDP6":      func(in *elb.CreateTargetGroupInput) { in.Protocol, in.IpAddressType = "UDP", "ipv6" },
	"TCP_UDP":   func(in *elb.CreateTargetGroupInput) { in.Protocol = "TCP_UDP" },
	"TCP_UDP6":  func(in *elb.CreateTargetGroupInput) { in.Protocol, in.IpAddressType = "TCP_UDP", "ipv6" },
	"QUIC":      func(in *elb.CreateTargetGroupInput) { in.Protocol = "QUIC" },
	"TCP_QUIC":  func(in *elb.CreateTargetGroupInput) { in.Protocol = "TCP_QUIC" },
	"GENEVE":    func(in *elb.CreateTargetGroupInput) { in.Protocol, in.Port = "GENEVE", aws.Int32(6081) },
	"elsewhere": func(in *elb.CreateTargetGroupInput) { in.Protocol, in.VpcId = "HTTP", aws.String(vpc2) },
}

// TestListenersAndTargetGroupsFitAsInTheUserGuide tries every pair: what is not named fits must be refused.
func TestListenersAndTargetGroupsFitAsInTheUserGuide(t *testing.T) {
	t.Parallel()
	dual := func(in *elb.CreateLoadBalancerInput) { in.IpAddressType = "dualstack" }
	nat := func(in *elb.CreateLoadBalancerInput) { in.EnablePrefixForIpv6SourceNat = "on" }
	public := func(in *elb.CreateLoadBalancerInput) { in.Scheme = "" }
	none := func(*elb.CreateLoadBalancerInput) {}
	for _, c := range []struct {
		typ      types.LoadBalancerTypeEnum
		change   []func(*elb.CreateLoadBalancerInput)
		protocol types.ProtocolEnum
		fits     string
	}{
		{"application", nil, "HTTP", "HTTP HTTPS lambda"},
		{"application", nil, "HTTPS", "HTTP HTTPS HTTP2 GRPC lambda"},
		{"application", []func(*elb.CreateLoadBalancerInput){dual}, "HTTP", "HTTP HTTPS lambda HTTP6"},
		{"application", []func(*elb.CreateLoadBalancerInput){dual}, "HTTPS", "HTTP HTTPS HTTP2 GRPC lambda HTTP6"},
		{"network", nil, "TCP", "TCP TCP_UDP TCP_QUIC alb"},
		{"network", nil, "TLS", "TCP TLS"},
		{"network", nil, "UDP", "UDP TCP_UDP"},
		{"network", nil, "TCP_UDP", "TCP_UDP"},
		{"network", nil, "QUIC", "QUIC TCP_QUIC"},
		{"network", nil, "TCP_QUIC", "TCP_QUIC"},
		{"network", []func(*elb.CreateLoadBalancerInput){dual}, "TCP", "TCP TCP_UDP TCP_QUIC alb TCP6 TCP_UDP6"},
		{"network", []func(*elb.CreateLoadBalancerInput){dual}, "TLS", "TCP TLS TCP6"},
		{"network", []func(*elb.CreateLoadBalancerInput){dual}, "UDP", ""},
		{"network", []func(*elb.CreateLoadBalancerInput){dual, nat}, "UDP", "UDP6 TCP_UDP6"},
		{"network", []func(*elb.CreateLoadBalancerInput){dual, nat}, "TCP_UDP", "TCP_UDP6"},
		{"gateway", []func(*elb.CreateLoadBalancerInput){public}, "", "GENEVE"},
	} {
		for name, change := range kindsOfGroups {
			f := instant(t)
			lb := f.balancer(c.typ, append(c.change, none)...)
			arn := f.group("", change)
			in := &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Protocol: c.protocol, DefaultActions: forwardTo(arn)}
			if c.protocol != "" {
				in.Port = aws.Int32(443)
			}
			if secure(string(c.protocol)) {
				in.Certificates = []types.Certificate{{CertificateArn: aws.String(cert1)}}
			}
			_, err := f.CreateListener(f.ctx, in)
			fits := slices.Contains(strings.Fields(c.fits), name)
			if e := apierr.As(err); (err == nil) != fits || err != nil && e == nil {
				t.Errorf("%s listener of a load balancer with type %s (%d settings) and a %s target group: %v, fits: %v", c.protocol, c.typ, len(c.change), name, err, fits)
			}
			f.whole()
		}
	}
}

// TestWeightedGroupsOfAnActionFitEachOther is the compatibility of target groups that one action forwards to.
func TestWeightedGroupsOfAnActionFitEachOther(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ        types.LoadBalancerTypeEnum
		protocol   types.ProtocolEnum
		kinds      string
		code, text string
	}{
		{"application", "HTTP", "HTTP HTTPS", "", ""},
		{"application", "HTTP", "lambda HTTP", "", ""},
		{"application", "HTTP", "HTTP lambda HTTPS", "", ""},
		{"application", "HTTP", "HTTP HTTP6", "InvalidConfigurationRequest", "same IP address type"},
		{"application", "HTTP", "lambda HTTP HTTP6", "InvalidConfigurationRequest", "same IP address type"},
		{"network", "TCP", "TCP TCP_UDP", "IncompatibleProtocols", ""},
		{"network", "TLS", "TCP TLS", "IncompatibleProtocols", ""},
		{"network", "TCP", "TCP TCP6", "InvalidConfigurationRequest", "same IP address type"},
	} {
		t.Run(fmt.Sprint(c.protocol, " to ", c.kinds), func(t *testing.T) {
			t.Parallel()
			f := instant(t)
			lb := f.balancer(c.typ, func(in *elb.CreateLoadBalancerInput) { in.IpAddressType = "dualstack" })
			var arns []string
			for _, kind := range strings.Fields(c.kinds) {
				arns = append(arns, f.group("", kindsOfGroups[kind]))
			}
			in := &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Protocol: c.protocol, Port: aws.Int32(80), DefaultActions: forwardTo(arns...)}
			if secure(string(c.protocol)) {
				in.Certificates = []types.Certificate{{CertificateArn: aws.String(cert1)}}
			}
			_, err := f.CreateListener(f.ctx, in)
			if c.code == "" {
				f.ok(err)
				return
			}
			f.refused(err, c.code, c.text)
		})
	}
}
