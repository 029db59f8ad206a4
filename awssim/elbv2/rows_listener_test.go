package elbv2

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
	"github.com/k8s-lbc/lbc/awssim/sslpolicy"
)

type changeListener = func(*elb.CreateListenerInput)

// listening makes a listener on port 443, and answers the load balancer as well.
func (f *fixture) listening(typ types.LoadBalancerTypeEnum, protocol types.ProtocolEnum, changes ...changeListener) (
	types.Listener, error) {
	lb := f.balancer(typ, func(in *elb.CreateLoadBalancerInput) {
		if typ == request.Gateway {
			in.Scheme = ""
		}
	})
	in := &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Protocol: protocol, Port: aws.Int32(443),
		DefaultActions: respond("200")}
	switch typ {
	case request.Network:
		in.DefaultActions = forwardTo(f.group("", kindsOfGroups[strings.Replace(string(protocol), "TLS", "TCP", 1)]))
	case request.Gateway:
		in.Protocol, in.Port, in.DefaultActions = "", nil, forwardTo(f.group("", kindsOfGroups["GENEVE"]))
	default: // an application load balancer, as in says
	}
	if secure(string(protocol)) {
		in.Certificates = []types.Certificate{{CertificateArn: aws.String(cert1)}}
	}
	for _, change := range changes {
		change(in)
	}
	out, err := f.CreateListener(f.ctx, in)
	if err != nil {
		return types.Listener{}, err
	}
	return out.Listeners[0], nil
}

func TestListenersRowByRow(t *testing.T) {
	t.Parallel()
	hold(t, slices.Concat(newListeners(), newSecureListeners(), newListenersWithActions(), modifiedListeners(),
		describedListeners(), addedCertificates(), listenersOfValues()))
}

// newListeners are rows of CreateListener: protocols, ports, load balancers.
func newListeners() []row {
	port := func(n int32) changeListener { return func(in *elb.CreateListenerInput) { in.Port = &n } }
	return []row{
		{"no protocol", listenerOn("application", ""), "ValidationError", "A listener protocol must be specified"},
		{"no port", listenerOn("application", "HTTP", func(in *elb.CreateListenerInput) { in.Port = nil }),
			"ValidationError", "A listener port must be specified"},
		{"no protocol, NLB", listenerOn("network", "TCP", func(in *elb.CreateListenerInput) { in.Protocol = "" }),
			"ValidationError", "A listener protocol must be specified"},
		{"port of a gateway", listenerOn("gateway", "", port(6081)), "ValidationError", "'gateway'"},
		{"protocol of a gateway", listenerOn("gateway", "", func(in *elb.CreateListenerInput) { in.Protocol = "GENEVE" }),
			"ValidationError", "'gateway'"},
		{"a gateway's only listener", listenerOn("gateway", ""), "", ""},
		{"a gateway's second listener", func(f *fixture) error {
			l, err := f.listening("gateway", "")
			f.ok(err)
			in := &elb.CreateListenerInput{LoadBalancerArn: l.LoadBalancerArn,
				DefaultActions: forwardTo(f.group("", kindsOfGroups["GENEVE"]))}
			_, err = f.CreateListener(f.ctx, in)
			return err
		}, "DuplicateListener", "already exists"},
		{"port 1", listenerOn("application", "HTTP", port(1)), "", ""},
		{"port 65535", listenerOn("network", "TCP", port(65535)), "", ""},
		{"port 0", listenerOn("application", "HTTP", port(0)), "ValidationError", "'port'"},
		{"port 65536", listenerOn("network", "TCP", port(65536)), "ValidationError", "'port'"},
		{"unknown protocol", listenerOn("application", "SPDY"), "ValidationError", "'protocol'"},
		{"unknown load balancer", listenerOn("application", "HTTP", func(in *elb.CreateListenerInput) {
			in.LoadBalancerArn = aws.String(unknownLoadBalancer)
		}), "LoadBalancerNotFound", unknownLoadBalancer},
	}
}

// newSecureListeners are rows of CreateListener: certificates, policies, client certificates.
func newSecureListeners() []row {
	mutual := func(m types.MutualAuthenticationAttributes) changeListener {
		return func(in *elb.CreateListenerInput) { in.MutualAuthentication = &m }
	}
	return []row{
		{"no default certificate chosen by hand", listenerOn("application", "HTTPS", func(in *elb.CreateListenerInput) {
			in.Certificates[0].IsDefault = aws.Bool(true)
		}), "ValidationError", "IsDefault"},
		{"two certificates, TLS", listenerOn("network", "TLS", func(in *elb.CreateListenerInput) {
			in.Certificates = certificatesOf(cert1, cert2)
		}), "ValidationError", "only one default certificate"},
		{"certificate on TCP", listenerOn("network", "TCP", func(in *elb.CreateListenerInput) {
			in.Certificates = certificatesOf(cert1)
		}), "ValidationError", "A certificate cannot be specified for TCP listeners"},
		{"a certificate of another region", listenerOn("application", "HTTPS", func(in *elb.CreateListenerInput) {
			in.Certificates = certificatesOf("arn:aws:acm:us-east-1:123456789012:certificate/1")
		}), "CertificateNotFound", "us-east-1"},
		{"a server certificate of IAM", func(f *fixture) error {
			const arn = "arn:aws:iam::123456789012:server-certificate/web"
			f.account.AddCertificate(&account.Certificate{ARN: arn, Domain: "example.com", Status: "ISSUED"})
			_, err := f.listening("application", "HTTPS", func(in *elb.CreateListenerInput) {
				in.Certificates = certificatesOf(arn)
			})
			return err
		}, "", ""},
		{"a key of another algorithm", listenerWithKey("RSA_8192"), "UnsupportedCertificate",
			"must have a fully-qualified domain name, a supported signature, and a supported key size."},
		{"policy on TCP", listenerOn("network", "TCP", func(in *elb.CreateListenerInput) {
			in.SslPolicy = aws.String(sslpolicy.Default)
		}), "ValidationError", "SSL policy"},
		{"two ALPN policies", listenerOn("network", "TLS", withALPN("None", "HTTP1Only")), "ValidationError", "only one"},
		{"ALPN on TCP", listenerOn("network", "TCP", withALPN("None")), "ValidationError", "ALPN"},
		{"mutual authentication on TLS",
			listenerOn("network", "TLS", mutual(types.MutualAuthenticationAttributes{Mode: aws.String("passthrough")})),
			"InvalidConfigurationRequest", "HTTPS listeners only"},
		{"mutual authentication off on HTTP",
			listenerOn("application", "HTTP", mutual(types.MutualAuthenticationAttributes{Mode: aws.String("off")})), "", ""},
		{"expiry ignored in passthrough",
			listenerOn("application", "HTTPS", mutual(types.MutualAuthenticationAttributes{Mode: aws.String("passthrough"),
				IgnoreClientCertificateExpiry: aws.Bool(true)})), "InvalidConfigurationRequest", "'verify' only"},
		{"names advertised in passthrough",
			listenerOn("application", "HTTPS", mutual(types.MutualAuthenticationAttributes{Mode: aws.String("passthrough"),
				AdvertiseTrustStoreCaNames: "on"})), "InvalidConfigurationRequest", "'verify' only"},
		{"no mode but a store", func(f *fixture) error {
			_, err := f.listening("application", "HTTPS", mutual(types.MutualAuthenticationAttributes{
				TrustStoreArn: f.trusting("ca")}))
			return err
		}, "InvalidConfigurationRequest", "'verify' only"},
		{"unknown advertising", func(f *fixture) error {
			_, err := f.listening("application", "HTTPS", mutual(types.MutualAuthenticationAttributes{Mode: aws.String("verify"),
				TrustStoreArn: f.trusting("ca"), AdvertiseTrustStoreCaNames: "maybe"}))
			return err
		}, "ValidationError", "advertiseTrustStoreCaNames"},
	}
}

// newListenersWithActions are rows of CreateListener: default actions, tags, quotas.
func newListenersWithActions() []row {
	return []row{
		{"two actions of an NLB", listenerOn("network", "TCP", func(in *elb.CreateListenerInput) {
			in.DefaultActions[0].Order = aws.Int32(1)
			in.DefaultActions = append(in.DefaultActions, last(forwardTo(unknownTargetGroup)))
		}), "InvalidLoadBalancerAction", "exactly one action"},
		{"a redirect of an NLB", listenerOn("network", "TCP", func(in *elb.CreateListenerInput) {
			in.DefaultActions = []types.Action{{Type: "redirect", RedirectConfig: &types.RedirectActionConfig{
				StatusCode: "HTTP_301", Host: aws.String("a.b")}}}
		}), "InvalidLoadBalancerAction", "'forward'"},
		{"too many tags", listenerOn("application", "HTTP", func(in *elb.CreateListenerInput) { in.Tags = manyTags(51) }),
			"TooManyTags", "'50'"},
		{"reserved tag", listenerOn("application", "HTTP", func(in *elb.CreateListenerInput) {
			in.Tags = []types.Tag{{Key: aws.String("aws:x")}}
		}), "ValidationError", "reserved"},
		{"tag twice", listenerOn("application", "HTTP", func(in *elb.CreateListenerInput) {
			in.Tags = append(manyTags(1), manyTags(1)...)
		}), "DuplicateTagKeys", "k0"},
		{"too many listeners of an NLB", func(f *fixture) error {
			f.quota(request.QuotaListenersPerNLB, 0)
			return listenerOn("network", "TCP")(f)
		}, "TooManyListeners", "'0'"},
		{"too many listeners of an ALB", func(f *fixture) error {
			f.quota(request.QuotaListenersPerALB, 0)
			return listenerOn("application", "HTTP")(f)
		}, "TooManyListeners", "'0'"},
	}
}

// modifiedListeners are rows of ModifyListener.
func modifiedListeners() []row {
	modify := func(typ types.LoadBalancerTypeEnum, protocol types.ProtocolEnum,
		change func(f *fixture, in *elb.ModifyListenerInput)) func(*fixture) error {
		return func(f *fixture) error {
			l, err := f.listening(typ, protocol)
			f.ok(err)
			in := &elb.ModifyListenerInput{ListenerArn: l.ListenerArn}
			change(f, in)
			_, err = f.ModifyListener(f.ctx, in)
			return err
		}
	}
	return []row{
		{"HTTP becomes HTTPS", modify("application", "HTTP", func(_ *fixture, in *elb.ModifyListenerInput) {
			in.Protocol, in.Certificates = "HTTPS", certificatesOf(cert1)
		}), "", ""},
		{"HTTP becomes HTTPS without certificate",
			modify("application", "HTTP", func(_ *fixture, in *elb.ModifyListenerInput) { in.Protocol = "HTTPS" }),
			"ValidationError", "A certificate must be specified for HTTPS listeners"},
		{"TCP becomes TLS", modify("network", "TCP", func(_ *fixture, in *elb.ModifyListenerInput) {
			in.Protocol, in.Certificates = "TLS", certificatesOf(cert1)
		}), "", ""},
		{"TCP becomes UDP with a target group that fits",
			modify("network", "TCP", func(f *fixture, in *elb.ModifyListenerInput) {
				in.Protocol, in.DefaultActions = "UDP", forwardTo(f.group("UDP"))
			}), "", ""},
		{"TCP becomes UDP with one that does not", modify("network", "TCP", func(_ *fixture, in *elb.ModifyListenerInput) {
			in.Protocol = "UDP"
		}), "IncompatibleProtocols", ""},
		{"HTTP becomes TCP", modify("application", "HTTP", func(_ *fixture, in *elb.ModifyListenerInput) {
			in.Protocol = "TCP"
		}), "ValidationError", "must be one of 'HTTP, HTTPS'"},
		{"two certificates for one", modify("application", "HTTPS", func(_ *fixture, in *elb.ModifyListenerInput) {
			in.Certificates = certificatesOf(cert1, cert2)
		}), "ValidationError", "only one default certificate"},
		{"no certificates for one", modify("application", "HTTPS", func(_ *fixture, in *elb.ModifyListenerInput) {
			in.Certificates = []types.Certificate{}
		}), "ValidationError", "A certificate must be specified"},
		{"an unknown policy later", modify("application", "HTTPS", func(_ *fixture, in *elb.ModifyListenerInput) {
			in.SslPolicy = aws.String("x")
		}), "SSLPolicyNotFound", "SSL policy 'x' not found"},
		{"an unknown ALPN policy later", modify("network", "TLS", func(_ *fixture, in *elb.ModifyListenerInput) {
			in.AlpnPolicy = []string{"x"}
		}), "ALPNPolicyNotFound", "'x'"},
		{"an unknown certificate later", modify("application", "HTTPS", func(_ *fixture, in *elb.ModifyListenerInput) {
			in.Certificates = certificatesOf("arn:aws:acm:x")
		}), "CertificateNotFound", "arn:aws:acm:x"},
		{"a pending certificate later", modify("application", "HTTPS", func(_ *fixture, in *elb.ModifyListenerInput) {
			in.Certificates = certificatesOf(certPending)
		}), "UnsupportedCertificate", certPending},
		{"another load balancer's target group later",
			modify("application", "HTTP", func(f *fixture, in *elb.ModifyListenerInput) {
				arn := f.group("HTTP")
				f.listen(f.alb(), "HTTP", 80, forwardTo(arn))
				in.DefaultActions = forwardTo(arn)
			}), "TargetGroupAssociationLimit", "cannot be associated with more than one load balancer"},
		{"to HTTP under a rule that signs in", func(f *fixture) error {
			l, err := f.listening("application", "HTTPS")
			f.ok(err)
			_, err = f.addRule(l, 1, append([]types.Action{signIn(nil)}, last(respond("200"))))
			f.ok(err)
			_, err = f.ModifyListener(f.ctx, &elb.ModifyListenerInput{ListenerArn: l.ListenerArn, Protocol: "HTTP"})
			return err
		}, "InvalidLoadBalancerAction", "HTTPS listeners only"},
	}
}

// describedListeners are rows of DescribeListeners.
func describedListeners() []row {
	describe := func(in *elb.DescribeListenersInput) func(*fixture) error {
		return func(f *fixture) error { _, err := f.DescribeListeners(f.ctx, in); return err }
	}
	return []row{
		{"load balancer and listeners", describe(&elb.DescribeListenersInput{LoadBalancerArn: aws.String(unknownLoadBalancer),
			ListenerArns: []string{unknownListener}}), "ValidationError", "You must specify either"},
		{"listeners of an unknown load balancer",
			describe(&elb.DescribeListenersInput{LoadBalancerArn: aws.String(unknownLoadBalancer)}), "LoadBalancerNotFound",
			unknownLoadBalancer},
		{"21 listeners", describe(&elb.DescribeListenersInput{ListenerArns: make([]string, 21)}),
			"ValidationError", "'20'"},
	}
}

// addedCertificates are rows of AddListenerCertificates.
func addedCertificates() []row {
	isDefault := []types.Certificate{{CertificateArn: aws.String(cert2), IsDefault: aws.Bool(true)}}
	return []row{
		{"a certificate of a plain listener", func(f *fixture) error {
			l, err := f.listening("application", "HTTP")
			f.ok(err)
			_, err = f.AddListenerCertificates(f.ctx, &elb.AddListenerCertificatesInput{ListenerArn: l.ListenerArn,
				Certificates: certificatesOf(cert1)})
			return err
		}, "ValidationError", "A certificate cannot be specified for HTTP listeners"},
		{"a default certificate added", func(f *fixture) error {
			l, err := f.listening("application", "HTTPS")
			f.ok(err)
			_, err = f.AddListenerCertificates(f.ctx, &elb.AddListenerCertificatesInput{ListenerArn: l.ListenerArn,
				Certificates: isDefault})
			return err
		}, "ValidationError", "IsDefault"},
		{"several certificates added at once", func(f *fixture) error {
			l, err := f.listening("application", "HTTPS")
			f.ok(err)
			_, err = f.AddListenerCertificates(f.ctx, &elb.AddListenerCertificatesInput{ListenerArn: l.ListenerArn,
				Certificates: certificatesOf(cert1, cert2)})
			return err
		}, "", ""},
		{"certificates counted over the listeners of an NLB", func(f *fixture) error {
			f.quota(request.QuotaCertificatesPerNLB, 1)
			lb, tg := f.nlb(), f.group("TCP")
			var err error
			for i := range int32(2) {
				l := f.listen(lb, "TLS", 443+i, forwardTo(tg))
				if err != nil {
					return err
				}
				_, err = f.AddListenerCertificates(f.ctx, &elb.AddListenerCertificatesInput{ListenerArn: l.ListenerArn,
					Certificates: certificatesOf(cert2)})
			}
			return err
		}, "TooManyCertificates", "'1'"},
		{"default certificates do not count", func(f *fixture) error {
			f.quota(request.QuotaCertificatesPerALB, 1)
			l, err := f.listening("application", "HTTPS")
			f.ok(err)
			_, err = f.AddListenerCertificates(f.ctx, &elb.AddListenerCertificatesInput{ListenerArn: l.ListenerArn,
				Certificates: certificatesOf(cert2)})
			return err
		}, "", ""},
	}
}

// listenersOfValues are rows for each ALPN policy, key algorithm and protocol.
func listenersOfValues() (rows []row) {
	for _, policy := range alpnPolicies {
		rows = append(rows, row{"ALPN " + policy, listenerOn("network", "TLS", withALPN(policy)), "", ""})
	}
	for _, algorithm := range keyAlgorithms {
		rows = append(rows, row{"key " + algorithm, listenerWithKey(algorithm), "", ""})
	}
	for _, protocol := range []types.ProtocolEnum{"TCP", "TLS", "UDP", "TCP_UDP", "QUIC", "TCP_QUIC", "GENEVE"} {
		rows = append(rows, row{fmt.Sprint(protocol, " of an ALB"), listenerOn("application", protocol), "ValidationError",
			fmt.Sprintf("Listener protocol '%s' must be one of 'HTTP, HTTPS'", protocol)})
	}
	for _, protocol := range []types.ProtocolEnum{"HTTP", "HTTPS", "GENEVE"} {
		rows = append(rows, row{fmt.Sprint(protocol, " of an NLB"), listenerOn("network", protocol), "ValidationError",
			fmt.Sprintf("Listener protocol '%s' must be one of 'TCP, TLS, UDP, TCP_UDP, QUIC, TCP_QUIC'", protocol)})
	}
	return rows
}

// listenerOn creates a listener of a protocol on a new load balancer of a type.
func listenerOn(typ types.LoadBalancerTypeEnum, protocol types.ProtocolEnum,
	changes ...changeListener) func(*fixture) error {
	return func(f *fixture) error { _, err := f.listening(typ, protocol, changes...); return err }
}

// withALPN sets the ALPN policies of a listener.
func withALPN(policies ...string) changeListener {
	return func(in *elb.CreateListenerInput) { in.AlpnPolicy = policies }
}

// listenerWithKey creates an HTTPS listener whose certificate has a key of an algorithm.
func listenerWithKey(algorithm string) func(*fixture) error {
	return func(f *fixture) error {
		f.account.Certificates[cert1].KeyAlgorithm = algorithm
		_, err := f.listening("application", "HTTPS")
		return err
	}
}

// certificatesOf are certificates by their ARNs.
func certificatesOf(arns ...string) (out []types.Certificate) {
	for _, arn := range arns {
		out = append(out, types.Certificate{CertificateArn: aws.String(arn)})
	}
	return out
}

func TestAListenerIsFoundAgainByItsSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		again changeListener
		code  string
	}{
		"the same":             {func(*elb.CreateListenerInput) {}, ""},
		"defaults spelled out": {func(in *elb.CreateListenerInput) { in.SslPolicy = aws.String(sslpolicy.Default) }, ""},
		"other tags":           {func(in *elb.CreateListenerInput) { in.Tags = manyTags(1) }, ""},
		"another protocol": {func(in *elb.CreateListenerInput) { in.Protocol, in.Certificates = "HTTP", nil },
			"DuplicateListener"},
		"another certificate": {func(in *elb.CreateListenerInput) { in.Certificates[0].CertificateArn = aws.String(cert2) },
			"DuplicateListener"},
		"another policy": {func(in *elb.CreateListenerInput) {
			in.SslPolicy = aws.String("ELBSecurityPolicy-FS-2018-06")
		}, "DuplicateListener"},
		"another action": {func(in *elb.CreateListenerInput) { in.DefaultActions = respond("201") },
			"DuplicateListener"},
		"clients identified": {func(in *elb.CreateListenerInput) {
			in.MutualAuthentication = &types.MutualAuthenticationAttributes{Mode: aws.String("passthrough")}
		}, "DuplicateListener"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := instant(t)
			made, err := f.listening("application", "HTTPS")
			f.ok(err)
			f.quota(request.QuotaListenersPerALB, 1) // what is found makes none
			in := &elb.CreateListenerInput{LoadBalancerArn: made.LoadBalancerArn, Protocol: "HTTPS", Port: aws.Int32(443),
				DefaultActions: respond("200"), Certificates: []types.Certificate{{CertificateArn: aws.String(cert1)}}}
			c.again(in)
			out, err := f.CreateListener(f.ctx, in)
			if c.code != "" {
				f.refused(err, c.code, "A listener already exists on this port for this load balancer '"+*made.LoadBalancerArn+"'")
				return
			}
			f.ok(err)
			if *out.Listeners[0].ListenerArn != *made.ListenerArn {
				t.Error("it is another listener")
			}
		})
	}
}

func TestListenersAreDescribedAsAWSDescribesThem(t *testing.T) {
	t.Parallel()
	f := instant(t)
	https, err := f.listening("application", "HTTPS")
	f.ok(err)
	tls, err := f.listening("network", "TLS")
	f.ok(err)
	plain, err := f.listening("application", "HTTP")
	f.ok(err)
	if c := https.Certificates; len(c) != 1 || c[0].IsDefault != nil || *https.MutualAuthentication.Mode != "off" ||
		*https.SslPolicy != "ELBSecurityPolicy-2016-08" || *https.DefaultActions[0].Order != 1 {
		t.Errorf("HTTPS: %+v", https)
	}
	if tls.MutualAuthentication != nil || tls.AlpnPolicy != nil || *tls.SslPolicy != "ELBSecurityPolicy-2016-08" {
		t.Errorf("TLS: %+v", tls)
	}
	if plain.MutualAuthentication != nil || plain.SslPolicy != nil || plain.Certificates != nil {
		t.Errorf("HTTP: %+v", plain)
	}
	_, err = f.AddListenerCertificates(f.ctx, &elb.AddListenerCertificatesInput{ListenerArn: https.ListenerArn,
		Certificates: []types.Certificate{{CertificateArn: aws.String(cert1)}}})
	f.ok(err)
	out, err := f.ModifyListener(f.ctx, &elb.ModifyListenerInput{ListenerArn: https.ListenerArn,
		Certificates: []types.Certificate{{CertificateArn: aws.String(cert2)}}})
	f.ok(err)
	list, err := f.DescribeListenerCertificates(f.ctx, &elb.DescribeListenerCertificatesInput{
		ListenerArn: https.ListenerArn})
	f.ok(err)
	if c := list.Certificates; *out.Listeners[0].Certificates[0].CertificateArn != cert2 || len(c) != 2 ||
		!*c[0].IsDefault || *c[0].CertificateArn != cert2 || *c[1].CertificateArn != cert1 {
		t.Errorf("a new default certificate: %+v", c)
	}
	out, err = f.ModifyListener(f.ctx, &elb.ModifyListenerInput{ListenerArn: tls.ListenerArn, Protocol: "TCP"})
	f.ok(err)
	if l := out.Listeners[0]; l.SslPolicy != nil || l.Certificates != nil || l.AlpnPolicy != nil {
		t.Errorf("TLS that became TCP: %+v", l)
	}
}

// signIn is an action that signs clients in, as changed.
func signIn(change func(*types.AuthenticateOidcActionConfig)) types.Action {
	c := &types.AuthenticateOidcActionConfig{Issuer: aws.String("https://a/"), AuthorizationEndpoint: aws.String(
		"https://a/a"), TokenEndpoint: aws.String("https://a/t"),
		UserInfoEndpoint: aws.String("https://a/u"), ClientId: aws.String("id"), ClientSecret: aws.String("secret")}
	if change != nil {
		change(c)
	}
	return types.Action{Type: "authenticate-oidc", Order: aws.Int32(1), AuthenticateOidcConfig: c}
}

// last is the one action given, behind others.
func last(actions []types.Action) types.Action {
	actions[0].Order = aws.Int32(9)
	return actions[0]
}
