package listener

import (
	"context"
	"regexp"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/attribute"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
	"github.com/k8s-lbc/lbc/awssim/elbv2/routing"
)

func onHTTPS(l *account.Listener) bool { return l.Protocol == "HTTPS" }
func onHTTP(l *account.Listener) bool  { return l.Protocol == "HTTP" || l.Protocol == "HTTPS" }

// hasTCPIdle: the TCP side of a network listener, and gateway listeners; TLS and UDP have fixed timeouts.
func hasTCPIdle(l *account.Listener) bool {
	return l.Protocol == "TCP" || l.Protocol == "TCP_UDP" || l.Protocol == "TCP_QUIC" ||
		l.LoadBalancer.Type == request.Gateway
}

const (
	requestHeader  = "routing.http.request."
	responseHeader = "routing.http.response."
)

var listenerAttributes = attribute.Table[*account.Listener]{
	Noun:   "Listener",
	Resets: true,
	Unsupported: func(l *account.Listener) string {
		if l.Protocol == "" {
			return "listeners of gateway load balancers"
		}
		return "listeners with the " + l.Protocol + " protocol"
	},
	Rows: []attribute.Attribute[*account.Listener]{
		attribute.New("tcp.idle_timeout.seconds", hasTCPIdle, "350", attribute.Between(60, 6000)),
		attribute.New(requestHeader+"x_amzn_mtls_clientcert_serial_number.header_name", onHTTPS,
			"X-Amzn-Mtls-Clientcert-Serial-Number", isHeaderName),
		attribute.New(requestHeader+"x_amzn_mtls_clientcert_issuer.header_name", onHTTPS, "X-Amzn-Mtls-Clientcert-Issuer",
			isHeaderName),
		attribute.New(requestHeader+"x_amzn_mtls_clientcert_subject.header_name", onHTTPS, "X-Amzn-Mtls-Clientcert-Subject",
			isHeaderName),
		attribute.New(requestHeader+"x_amzn_mtls_clientcert_validity.header_name", onHTTPS, "X-Amzn-Mtls-Clientcert-Validity",
			isHeaderName),
		attribute.New(requestHeader+"x_amzn_mtls_clientcert_leaf.header_name", onHTTPS, "X-Amzn-Mtls-Clientcert-Leaf",
			isHeaderName),
		attribute.New(requestHeader+"x_amzn_mtls_clientcert.header_name", onHTTPS, "X-Amzn-Mtls-Clientcert", isHeaderName),
		attribute.New(requestHeader+"x_amzn_tls_version.header_name", onHTTPS, "X-Amzn-Tls-Version", isHeaderName),
		attribute.New(requestHeader+"x_amzn_tls_cipher_suite.header_name", onHTTPS, "X-Amzn-Tls-Cipher-Suite", isHeaderName),
		attribute.New(responseHeader+"server.enabled", onHTTP, "true", attribute.Bool),
		attribute.New(responseHeader+"strict_transport_security.header_value", onHTTPS, "", isHeaderValue),
		attribute.New(responseHeader+"access_control_allow_origin.header_value", onHTTP, "", isHeaderValue),
		attribute.New(responseHeader+"access_control_allow_methods.header_value", onHTTP, "", isHeaderValue),
		attribute.New(responseHeader+"access_control_allow_headers.header_value", onHTTP, "", isHeaderValue),
		attribute.New(responseHeader+"access_control_allow_credentials.header_value", onHTTP, "", attribute.OneOf("true")),
		attribute.New(responseHeader+"access_control_expose_headers.header_value", onHTTP, "", isHeaderValue),
		attribute.New(responseHeader+"access_control_max_age.header_value", onHTTP, "", attribute.Between(0, 1<<31-1)),
		attribute.New(responseHeader+"content_security_policy.header_value", onHTTP, "", isHeaderValue),
		attribute.New(responseHeader+"x_content_type_options.header_value", onHTTP, "", attribute.OneOf("nosniff")),
		attribute.New(responseHeader+"x_frame_options.header_value", onHTTP, "", isHeaderValue),
	},
}

var headerValue = regexp.MustCompile("^[a-zA-Z0-9_ :;.,\\\\/'?!(){}\\[\\]@<>=+*#&`|~^%-]*$")

const maxHeader = 1024 // bytes of a header's name or value

func isHeaderName(key, value string) error {
	return check.When(len(value) > maxHeader || !routing.HeaderToken.MatchString(value),
		check.Invalid("'%s' value '%s' is not a valid header name", key, value))
}

func isHeaderValue(key, value string) error {
	return check.When(len(value) > maxHeader || !headerValue.MatchString(value),
		check.Invalid("'%s' value '%s' is not a valid header value", key, value))
}

func listenerAttributesOut(l *account.Listener) []types.ListenerAttribute {
	return attribute.List(&listenerAttributes, l.Attributes, func(key, value *string) types.ListenerAttribute {
		return types.ListenerAttribute{Key: key, Value: value}
	})
}

// DescribeListenerAttributes answers every attribute that the listener has, defaults included.
func (s *Listeners) DescribeListenerAttributes(ctx context.Context, in *elb.DescribeListenerAttributesInput,
	_ ...func(*elb.Options)) (*elb.DescribeListenerAttributesOutput, error) {
	return call.Read(ctx, s.entry, "DescribeListenerAttributes", in, func(in *elb.DescribeListenerAttributesInput) (
		*elb.DescribeListenerAttributesOutput, error) {
		l, err := request.FindListener(s.account, in.ListenerArn)
		if err != nil {
			return nil, err
		}
		return &elb.DescribeListenerAttributesOutput{Attributes: listenerAttributesOut(l)}, nil
	})
}

// ModifyListenerAttributes sets attributes, all or none.
func (s *Listeners) ModifyListenerAttributes(ctx context.Context, in *elb.ModifyListenerAttributesInput,
	_ ...func(*elb.Options)) (*elb.ModifyListenerAttributesOutput, error) {
	return call.Write(ctx, s.entry, "ModifyListenerAttributes", in, func(in *elb.ModifyListenerAttributesInput) (
		*elb.ModifyListenerAttributesOutput, error) {
		settings := attribute.SettingsOf(in.Attributes, func(a types.ListenerAttribute) (*string, *string) {
			return a.Key, a.Value
		})
		if err := check.First(check.Present("listenerArn", in.ListenerArn), listenerAttributes.Check(settings)); err != nil {
			return nil, err
		}
		l, err := request.FindListener(s.account, in.ListenerArn)
		if err != nil {
			return nil, err
		}
		after, err := listenerAttributes.Change(l, l.Attributes, settings)
		if err != nil {
			return nil, err
		}
		l.Attributes = after
		return &elb.ModifyListenerAttributesOutput{Attributes: listenerAttributesOut(l)}, nil
	})
}
