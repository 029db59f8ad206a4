package elbv2

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
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

// misfit is the error of a pair that does not fit, by what is wrong with it first.
func misfit(protocol types.ProtocolEnum, kind string) string {
	of := map[string]string{"HTTP2": "HTTP", "GRPC": "HTTP", "HTTP6": "HTTP", "elsewhere": "HTTP", "TCP6": "TCP",
		"UDP6": "UDP", "TCP_UDP6": "TCP_UDP", "alb": "TCP", "lambda": ""}
	group, other := of[kind]
	if !other {
		group = kind
	}
	switch {
	case !slices.Contains(targetProtocols[string(protocol)], group), kind == "alb" && protocol != "TCP":
		return "IncompatibleProtocols"
	case (kind == "HTTP2" || kind == "GRPC") && protocol == "HTTP":
		return "InvalidLoadBalancerAction"
	}
	return "InvalidConfigurationRequest" // its VPC or its addresses
}

// TestListenersAndTargetGroupsFitAsInTheUserGuide tries every pair: what is not named fits must be refused.
func TestListenersAndTargetGroupsFitAsInTheUserGuide(t *testing.T) {
	t.Parallel()
	public := func(in *elb.CreateLoadBalancerInput) { in.Scheme = "" }
	none := func(*elb.CreateLoadBalancerInput) {}
	for _, c := range []struct {
		name     string
		typ      types.LoadBalancerTypeEnum
		change   []changeLB
		protocol types.ProtocolEnum
		fits     string
	}{
		{"ALB, HTTP", "application", nil, "HTTP", "HTTP HTTPS lambda"},
		{"ALB, HTTPS", "application", nil, "HTTPS", "HTTP HTTPS HTTP2 GRPC lambda"},
		{"dualstack ALB, HTTP", "application", []changeLB{dualstack}, "HTTP", "HTTP HTTPS lambda HTTP6"},
		{"dualstack ALB, HTTPS", "application", []changeLB{dualstack}, "HTTPS", "HTTP HTTPS HTTP2 GRPC lambda HTTP6"},
		{"NLB, TCP", "network", nil, "TCP", "TCP TCP_UDP TCP_QUIC alb"},
		{"NLB, TLS", "network", nil, "TLS", "TCP TLS"},
		{"NLB, UDP", "network", nil, "UDP", "UDP TCP_UDP"},
		{"NLB, TCP_UDP", "network", nil, "TCP_UDP", "TCP_UDP"},
		{"NLB, QUIC", "network", nil, "QUIC", "QUIC TCP_QUIC"},
		{"NLB, TCP_QUIC", "network", nil, "TCP_QUIC", "TCP_QUIC"},
		{"dualstack NLB, TCP", "network", []changeLB{dualstack}, "TCP", "TCP TCP_UDP TCP_QUIC alb TCP6 TCP_UDP6"},
		{"dualstack NLB, TLS", "network", []changeLB{dualstack}, "TLS", "TCP TLS TCP6"},
		{"dualstack NLB, UDP", "network", []changeLB{dualstack}, "UDP", ""},
		{"dualstack with source NAT NLB, UDP", "network", []changeLB{dualstack, withNAT}, "UDP", "UDP6 TCP_UDP6"},
		{"dualstack with source NAT NLB, TCP_UDP", "network", []changeLB{dualstack, withNAT}, "TCP_UDP", "TCP_UDP6"},
		{"dualstack NLB, QUIC", "network", []changeLB{dualstack}, "QUIC", ""},
		{"dualstack with source NAT NLB, QUIC", "network", []changeLB{dualstack, withNAT}, "QUIC", "QUIC TCP_QUIC"},
		{"dualstack with source NAT NLB, TCP_QUIC", "network", []changeLB{dualstack, withNAT}, "TCP_QUIC", "TCP_QUIC"},
		{"GWLB", "gateway", []changeLB{public}, "", "GENEVE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for kind, change := range kindsOfGroups {
				f := instant(t)
				lb := f.balancer(c.typ, append(c.change, none)...)
				in := &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Protocol: c.protocol,
					DefaultActions: forwardTo(f.group("", change))}
				if c.protocol != "" {
					in.Port = aws.Int32(443)
				}
				if secure(string(c.protocol)) {
					in.Certificates = []types.Certificate{{CertificateArn: aws.String(cert1)}}
				}
				_, err := f.CreateListener(f.ctx, in)
				if slices.Contains(strings.Fields(c.fits), kind) {
					if err != nil {
						t.Errorf("a %s target group does not fit: %v", kind, err)
					}
				} else {
					t.Log(kind)
					f.refused(err, misfit(c.protocol, kind), "")
				}
				f.whole()
			}
		})
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
			in := &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Protocol: c.protocol, Port: aws.Int32(80),
				DefaultActions: forwardTo(arns...)}
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
