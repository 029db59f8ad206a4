package elbv2

import (
	"context"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
)

func onHTTPS(l *account.Listener) bool { return l.Protocol == "HTTPS" }
func onHTTP(l *account.Listener) bool  { return l.Protocol == "HTTP" || l.Protocol == "HTTPS" }

// hasTCPIdle: the TCP side of a network listener, and gateway listeners; TLS and UDP have fixed timeouts.
func hasTCPIdle(l *account.Listener) bool {
	return l.Protocol == "TCP" || l.Protocol == "TCP_UDP" || l.Protocol == "TCP_QUIC" || l.LoadBalancer.Type == gateway
}

func listenerAttribute(key string, applies func(*account.Listener) bool, initial string, check func(key, value string) error) attribute[*account.Listener] {
	return attribute[*account.Listener]{key, applies, always[*account.Listener](initial), check}
}

const (
	requestHeader  = "routing.http.request."
	responseHeader = "routing.http.response."
)

var listenerAttributes = attributeKind[*account.Listener]{
	noun:   "Listener",
	resets: true,
	unsupported: func(l *account.Listener) string {
		if l.Protocol == "" {
			return "listeners of gateway load balancers"
		}
		return "listeners with the " + l.Protocol + " protocol"
	},
	table: []attribute[*account.Listener]{
		listenerAttribute("tcp.idle_timeout.seconds", hasTCPIdle, "350", isBetween(60, 6000)),
		listenerAttribute(requestHeader+"x_amzn_mtls_clientcert_serial_number.header_name", onHTTPS, "X-Amzn-Mtls-Clientcert-Serial-Number", isHeaderName),
		listenerAttribute(requestHeader+"x_amzn_mtls_clientcert_issuer.header_name", onHTTPS, "X-Amzn-Mtls-Clientcert-Issuer", isHeaderName),
		listenerAttribute(requestHeader+"x_amzn_mtls_clientcert_subject.header_name", onHTTPS, "X-Amzn-Mtls-Clientcert-Subject", isHeaderName),
		listenerAttribute(requestHeader+"x_amzn_mtls_clientcert_validity.header_name", onHTTPS, "X-Amzn-Mtls-Clientcert-Validity", isHeaderName),
		listenerAttribute(requestHeader+"x_amzn_mtls_clientcert_leaf.header_name", onHTTPS, "X-Amzn-Mtls-Clientcert-Leaf", isHeaderName),
		listenerAttribute(requestHeader+"x_amzn_mtls_clientcert.header_name", onHTTPS, "X-Amzn-Mtls-Clientcert", isHeaderName),
		listenerAttribute(requestHeader+"x_amzn_tls_version.header_name", onHTTPS, "X-Amzn-Tls-Version", isHeaderName),
		listenerAttribute(requestHeader+"x_amzn_tls_cipher_suite.header_name", onHTTPS, "X-Amzn-Tls-Cipher-Suite", isHeaderName),
		listenerAttribute(responseHeader+"server.enabled", onHTTP, "true", isBool),
		listenerAttribute(responseHeader+"strict_transport_security.header_value", onHTTPS, "", isHeaderValue),
		listenerAttribute(responseHeader+"access_control_allow_origin.header_value", onHTTP, "", isHeaderValue),
		listenerAttribute(responseHeader+"access_control_allow_methods.header_value", onHTTP, "", isHeaderValue),
		listenerAttribute(responseHeader+"access_control_allow_headers.header_value", onHTTP, "", isHeaderValue),
		listenerAttribute(responseHeader+"access_control_allow_credentials.header_value", onHTTP, "", isOneOf("true")),
		listenerAttribute(responseHeader+"access_control_expose_headers.header_value", onHTTP, "", isHeaderValue),
		listenerAttribute(responseHeader+"access_control_max_age.header_value", onHTTP, "", isBetween(0, 1<<31-1)),
		listenerAttribute(responseHeader+"content_security_policy.header_value", onHTTP, "", isHeaderValue),
		listenerAttribute(responseHeader+"x_content_type_options.header_value", onHTTP, "", isOneOf("nosniff")),
		listenerAttribute(responseHeader+"x_frame_options.header_value", onHTTP, "", isHeaderValue),
	},
}

var (
	headerToken = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")
	headerValue = regexp.MustCompile("^[a-zA-Z0-9_ :;.,\\\\/'?!(){}\\[\\]@<>=+*#&`|~^%-]*$")
)

const maxHeader = 1024 // bytes of a header's name or value

func isHeaderName(key, value string) error {
	return when(len(value) > maxHeader || !headerToken.MatchString(value), invalid("'%s' value '%s' is not a valid header name", key, value))
}

func isHeaderValue(key, value string) error {
	return when(len(value) > maxHeader || !headerValue.MatchString(value), invalid("'%s' value '%s' is not a valid header value", key, value))
}

func listenerAttributesOut(l *account.Listener) []types.ListenerAttribute {
	out := []types.ListenerAttribute{}
	for _, s := range listenerAttributes.list(l.Attributes) {
		out = append(out, types.ListenerAttribute{Key: aws.String(s.key), Value: aws.String(s.value)})
	}
	return out
}

// DescribeListenerAttributes answers every attribute that the listener has, defaults included.
func (s *Service) DescribeListenerAttributes(ctx context.Context, in *elb.DescribeListenerAttributesInput, _ ...func(*elb.Options)) (*elb.DescribeListenerAttributesOutput, error) {
	return read(ctx, s, "DescribeListenerAttributes", in, func(in *elb.DescribeListenerAttributesInput) (*elb.DescribeListenerAttributesOutput, error) {
		l, err := s.listener(in.ListenerArn)
		if err != nil {
			return nil, err
		}
		return &elb.DescribeListenerAttributesOutput{Attributes: listenerAttributesOut(l)}, nil
	})
}

// ModifyListenerAttributes sets attributes, all or none.
func (s *Service) ModifyListenerAttributes(ctx context.Context, in *elb.ModifyListenerAttributesInput, _ ...func(*elb.Options)) (*elb.ModifyListenerAttributesOutput, error) {
	return write(ctx, s, "ModifyListenerAttributes", in, func(in *elb.ModifyListenerAttributesInput) (*elb.ModifyListenerAttributesOutput, error) {
		settings := settingsOf(in.Attributes, func(a types.ListenerAttribute) (*string, *string) { return a.Key, a.Value })
		if err := first(present("listenerArn", in.ListenerArn), listenerAttributes.check(settings)); err != nil {
			return nil, err
		}
		l, err := s.listener(in.ListenerArn)
		if err != nil {
			return nil, err
		}
		after, err := listenerAttributes.change(l, l.Attributes, settings)
		if err != nil {
			return nil, err
		}
		l.Attributes = after
		return &elb.ModifyListenerAttributesOutput{Attributes: listenerAttributesOut(l)}, nil
	})
}
