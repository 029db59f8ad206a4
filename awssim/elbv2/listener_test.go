package elbv2

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
	"github.com/k8s-lbc/lbc/awssim/sslpolicy"
)

func TestCreateListenerRefusesWhatAWSRefuses(t *testing.T) {
	t.Parallel()
	f := instant(t)
	alb, nlb := f.alb(), f.nlb()
	web, tcp, udp := f.group("HTTP"), f.group("TCP"), f.group("UDP")
	grpc := f.group("HTTP", func(in *elb.CreateTargetGroupInput) { in.ProtocolVersion = aws.String("GRPC") })
	v6 := f.group("HTTP", func(in *elb.CreateTargetGroupInput) { in.IpAddressType = "ipv6" })
	foreign := f.group("HTTP", func(in *elb.CreateTargetGroupInput) { in.VpcId = aws.String(vpc2) })
	certificate := func(arns ...string) func(*elb.CreateListenerInput) {
		return func(in *elb.CreateListenerInput) {
			for _, arn := range arns {
				in.Certificates = append(in.Certificates, types.Certificate{CertificateArn: aws.String(arn)})
			}
		}
	}
	policy := func(name string) func(*elb.CreateListenerInput) {
		return func(in *elb.CreateListenerInput) { in.SslPolicy = aws.String(name); certificate(cert1)(in) }
	}
	nothing := func(*elb.CreateListenerInput) {}
	for name, c := range map[string]struct {
		lb         types.LoadBalancer
		protocol   types.ProtocolEnum
		actions    []types.Action
		change     func(*elb.CreateListenerInput)
		code, text string
	}{
		"unknown load balancer": {types.LoadBalancer{LoadBalancerArn: aws.String(unknownLoadBalancer)}, "HTTP",
			respond("200"), nothing, "LoadBalancerNotFound", "Load balancers '[" + unknownLoadBalancer + "]' not found"},
		"no protocol": {alb, "", respond("200"), nothing, "ValidationError",
			"A listener protocol must be specified"},
		"no port": {alb, "HTTP", respond("200"), func(in *elb.CreateListenerInput) { in.Port = nil },
			"ValidationError", "A listener port must be specified"},
		"no actions": {alb, "HTTP", nil, nothing, "ValidationError", "defaultActions"},
		"TCP on ALB": {alb, "TCP", forwardTo(tcp), nothing, "ValidationError",
			"Listener protocol 'TCP' must be one of 'HTTP, HTTPS'"},
		"HTTP on NLB": {nlb, "HTTP", forwardTo(web), nothing, "ValidationError", "must be one of 'TCP, TLS"},
		"no certificate": {alb, "HTTPS", forwardTo(web), nothing, "ValidationError",
			"A certificate must be specified for HTTPS listeners"},
		"no certificate, TLS": {nlb, "TLS", forwardTo(tcp), nothing, "ValidationError",
			"A certificate must be specified for TLS listeners"},
		"two certificates": {alb, "HTTPS", forwardTo(web), certificate(cert1, cert2), "ValidationError",
			"only one default certificate"},
		"certificate on HTTP": {alb, "HTTP", forwardTo(web), certificate(cert1), "ValidationError",
			"A certificate cannot be specified for HTTP listeners"},
		"unknown certificate": {alb, "HTTPS", forwardTo(web), certificate("arn:aws:acm:x"), "CertificateNotFound",
			"Certificate 'arn:aws:acm:x' not found"},
		"pending certificate": {alb, "HTTPS", forwardTo(web), certificate(certPending), "UnsupportedCertificate",
			"must have a fully-qualified domain name"},
		"unknown policy": {alb, "HTTPS", forwardTo(web), policy("ELBSecurityPolicy-1999"), "SSLPolicyNotFound",
			"SSL policy 'ELBSecurityPolicy-1999' not found"},
		"policy on HTTP": {alb, "HTTP", forwardTo(web), func(in *elb.CreateListenerInput) {
			in.SslPolicy = aws.String(sslpolicy.Default)
		}, "ValidationError", "SSL policy"},
		"ALPN on HTTPS": {alb, "HTTPS", forwardTo(web), func(in *elb.CreateListenerInput) {
			certificate(cert1)(in)
			in.AlpnPolicy = []string{"None"}
		}, "ValidationError", "ALPN"},
		"unknown ALPN": {nlb, "TLS", forwardTo(tcp), func(in *elb.CreateListenerInput) {
			certificate(cert1)(in)
			in.AlpnPolicy = []string{"HTTP3"}
		}, "ALPNPolicyNotFound", "HTTP3"},
		"fixed response, NLB": {nlb, "TCP", respond("200"), nothing, "InvalidLoadBalancerAction", "'forward'"},
		"unknown target group": {alb, "HTTP", forwardTo(unknownTargetGroup), nothing, "TargetGroupNotFound",
			"One or more target groups not found"},
		"no target group ARN": {alb, "HTTP", forwardTo("tg"), nothing, "ValidationError",
			"'tg' is not a valid target group ARN"},
		"TCP target group": {alb, "HTTP", forwardTo(tcp), nothing, "IncompatibleProtocols", tcp},
		"UDP behind TCP":   {nlb, "TCP", forwardTo(udp), nothing, "IncompatibleProtocols", udp},
		"gRPC behind HTTP": {alb, "HTTP", forwardTo(grpc), nothing, "InvalidLoadBalancerAction",
			"protocol-version 'GRPC'"},
		"ipv6 on ipv4": {alb, "HTTP", forwardTo(v6), nothing, "InvalidConfigurationRequest", "'ipv6'"},
		"foreign VPC": {alb, "HTTP", forwardTo(foreign), nothing, "InvalidConfigurationRequest",
			"not in the same VPC"},
		"mutual TLS on HTTP": {alb, "HTTP", forwardTo(web), func(in *elb.CreateListenerInput) {
			in.MutualAuthentication = &types.MutualAuthenticationAttributes{Mode: aws.String("passthrough")}
		}, "InvalidConfigurationRequest", "Mutual authentication"},
		"verify without store": {alb, "HTTPS", forwardTo(web), func(in *elb.CreateListenerInput) {
			certificate(cert1)(in)
			in.MutualAuthentication = &types.MutualAuthenticationAttributes{Mode: aws.String("verify")}
		}, "ValidationError", "trust store"},
	} {
		in := &elb.CreateListenerInput{LoadBalancerArn: c.lb.LoadBalancerArn, Protocol: c.protocol, Port: aws.Int32(443),
			DefaultActions: c.actions}
		c.change(in)
		_, err := f.CreateListener(f.ctx, in)
		t.Log(name)
		f.refused(err, c.code, c.text)
	}
	if len(f.account.Listeners) != 0 {
		t.Error("a refused call made a listener")
	}
}

func TestAPortHasOneListenerWhateverItsProtocol(t *testing.T) {
	t.Parallel()
	f := instant(t)
	lb := f.nlb()
	tcp, udp := f.group("TCP"), f.group("UDP")
	in := &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Protocol: "TCP", Port: aws.Int32(53),
		DefaultActions: forwardTo(tcp)}
	made, err := f.CreateListener(f.ctx, in)
	f.ok(err)
	again, err := f.CreateListener(f.ctx, in)
	f.ok(err)
	if *made.Listeners[0].ListenerArn != *again.Listeners[0].ListenerArn {
		t.Error("the same call made another listener")
	}
	in.Protocol, in.DefaultActions = "UDP", forwardTo(udp)
	_, err = f.CreateListener(f.ctx, in)
	f.refused(err, "DuplicateListener", "A listener already exists on this port for this load balancer '"+
		*lb.LoadBalancerArn+"'")
	other := f.listen(lb, "TCP", 54, forwardTo(tcp))
	_, err = f.ModifyListener(f.ctx, &elb.ModifyListenerInput{ListenerArn: other.ListenerArn, Port: aws.Int32(53)})
	f.refused(err, "DuplicateListener", "already exists")
	f.whole()
}

func TestModifyListenerKeepsWhatTheProtocolStillHas(t *testing.T) {
	t.Parallel()
	f := instant(t)
	web := f.group("HTTP")
	l := f.listen(f.alb(), "HTTPS", 443, forwardTo(web))
	if *l.SslPolicy != sslpolicy.Default || *l.Certificates[0].CertificateArn != cert1 ||
		*l.MutualAuthentication.Mode != "off" {
		t.Errorf("created %v", l)
	}
	modify := func(in *elb.ModifyListenerInput) (types.Listener, error) {
		in.ListenerArn = l.ListenerArn
		out, err := f.ModifyListener(f.ctx, in)
		if err != nil {
			return types.Listener{}, err
		}
		return out.Listeners[0], nil
	}
	got, err := modify(&elb.ModifyListenerInput{SslPolicy: aws.String("ELBSecurityPolicy-TLS13-1-2-2021-06")})
	f.ok(err)
	if *got.SslPolicy != "ELBSecurityPolicy-TLS13-1-2-2021-06" || *got.Certificates[0].CertificateArn != cert1 ||
		*got.DefaultActions[0].TargetGroupArn != web {
		t.Errorf("policy: %v", got)
	}
	got, err = modify(&elb.ModifyListenerInput{Protocol: "HTTP", Port: aws.Int32(80)})
	f.ok(err)
	if got.SslPolicy != nil || len(got.Certificates) != 0 || got.MutualAuthentication != nil || *got.Port != 80 {
		t.Errorf("HTTP: %v", got)
	}
	_, err = modify(&elb.ModifyListenerInput{Protocol: "HTTPS"})
	f.refused(err, "ValidationError", "A certificate must be specified")
	_, err = f.ModifyListener(f.ctx, &elb.ModifyListenerInput{ListenerArn: aws.String(unknownListener)})
	f.refused(err, "ListenerNotFound", "One or more listeners not found")
	f.whole()
}

func TestCertificatesByServerNameAreIndependentOfTheDefaultOne(t *testing.T) {
	t.Parallel()
	f := instant(t)
	f.account.Quotas = map[string]int{request.QuotaCertificatesPerALB: 2}
	l := f.listen(f.alb(), "HTTPS", 443, respond("200"))
	add := func(arns ...string) error {
		in := &elb.AddListenerCertificatesInput{ListenerArn: l.ListenerArn}
		for _, arn := range arns {
			in.Certificates = append(in.Certificates, types.Certificate{CertificateArn: aws.String(arn)})
		}
		_, err := f.AddListenerCertificates(f.ctx, in)
		return err
	}
	remove := func(arn string) error {
		_, err := f.RemoveListenerCertificates(f.ctx, &elb.RemoveListenerCertificatesInput{ListenerArn: l.ListenerArn,
			Certificates: []types.Certificate{{CertificateArn: aws.String(arn)}}})
		return err
	}
	list := func() (out []string) {
		got, err := f.DescribeListenerCertificates(f.ctx, &elb.DescribeListenerCertificatesInput{ListenerArn: l.ListenerArn})
		f.ok(err)
		for _, c := range got.Certificates {
			out = append(out, map[bool]string{true: "default ", false: ""}[*c.IsDefault]+*c.CertificateArn)
		}
		return out
	}
	f.ok(add(cert1))
	f.ok(add(cert2))
	f.ok(add(cert2))
	if got, want := list(), []string{"default " + cert1, cert1, cert2}; !slices.Equal(got, want) {
		t.Errorf("certificates %v, want %v", got, want)
	}
	f.refused(add("arn:aws:acm:x"), "CertificateNotFound", "arn:aws:acm:x")
	f.refused(remove(cert1), "OperationNotPermitted", "Default certificate '"+cert1+"' cannot be removed")
	f.ok(remove(cert2))
	f.ok(remove(cert2))
	if got := f.account.CertificateUsers(cert2); len(got) != 0 {
		t.Errorf("the removed certificate is used by %v", got)
	}
	f.account.Quotas[request.QuotaCertificatesPerALB] = 1
	f.refused(add(cert2), "TooManyCertificates", "'1'")
}

func TestDescribeListenersAnswersByLoadBalancerOrByARN(t *testing.T) {
	t.Parallel()
	f := instant(t)
	lb := f.alb()
	one := f.listen(lb, "HTTP", 81, respond("200"))
	f.listen(lb, "HTTP", 80, respond("200"))
	out, err := f.DescribeListeners(f.ctx, &elb.DescribeListenersInput{LoadBalancerArn: lb.LoadBalancerArn})
	f.ok(err)
	if len(out.Listeners) != 2 || *out.Listeners[0].Port != 81 {
		t.Errorf("listeners %v", out.Listeners)
	}
	out, err = f.DescribeListeners(f.ctx, &elb.DescribeListenersInput{ListenerArns: []string{*one.ListenerArn}})
	f.ok(err)
	if len(out.Listeners) != 1 {
		t.Errorf("listeners %v", out.Listeners)
	}
	_, err = f.DescribeListeners(f.ctx, nil)
	f.refused(err, "ValidationError", "You must specify either listener ARNs or a load balancer ARN")
	_, err = f.DeleteListener(f.ctx, &elb.DeleteListenerInput{ListenerArn: one.ListenerArn})
	f.ok(err)
	_, err = f.DeleteListener(f.ctx, &elb.DeleteListenerInput{ListenerArn: one.ListenerArn})
	f.refused(err, "ListenerNotFound", "One or more listeners not found")
	f.whole()
}

func TestAListenerVerifiesClientsWithATrustStore(t *testing.T) {
	t.Parallel()
	f := instant(t)
	store := f.trusting("ca")
	l := f.listen(f.alb(), "HTTPS", 443, respond("200"))
	out, err := f.ModifyListener(f.ctx, &elb.ModifyListenerInput{ListenerArn: l.ListenerArn,
		MutualAuthentication: &types.MutualAuthenticationAttributes{Mode: aws.String("verify"), TrustStoreArn: store}})
	f.ok(err)
	if m := out.Listeners[0].MutualAuthentication; *m.TrustStoreArn != *store || *m.IgnoreClientCertificateExpiry ||
		m.AdvertiseTrustStoreCaNames != "off" {
		t.Errorf("mutual authentication %v", m)
	}
	found, err := f.DescribeTrustStores(f.ctx, &elb.DescribeTrustStoresInput{Names: []string{"ca"}})
	f.ok(err)
	if *found.TrustStores[0].TrustStoreArn != *store {
		t.Errorf("found %v", found.TrustStores)
	}
	_, err = f.DescribeTrustStores(f.ctx, &elb.DescribeTrustStoresInput{Names: []string{"none"}})
	f.refused(err, "TrustStoreNotFound", "none")
	_, err = f.DeleteTrustStore(f.ctx, &elb.DeleteTrustStoreInput{TrustStoreArn: store})
	f.refused(err, "TrustStoreInUse", *l.ListenerArn)
}

func TestSecurityPoliciesAreListedWithTheirVersionsAndCiphers(t *testing.T) {
	t.Parallel()
	f := instant(t)
	out, err := f.DescribeSSLPolicies(f.ctx, &elb.DescribeSSLPoliciesInput{
		Names: []string{"ELBSecurityPolicy-TLS13-1-2-Res-2021-06"}})
	f.ok(err)
	p := out.SslPolicies[0]
	if !slices.Equal(p.SslProtocols, []string{"TLSv1.3", "TLSv1.2"}) || len(p.Ciphers) != 7 ||
		*p.Ciphers[6].Priority != 7 {
		t.Errorf("policy %v", p)
	}
	all, err := f.DescribeSSLPolicies(f.ctx, nil)
	f.ok(err)
	if len(all.SslPolicies) != 39 {
		t.Errorf("%d policies", len(all.SslPolicies))
	}
	_, err = f.DescribeSSLPolicies(f.ctx, &elb.DescribeSSLPoliciesInput{Names: []string{"x"}})
	f.refused(err, "SSLPolicyNotFound", "'x'")
}

func TestSecurityPoliciesAreDescribedByNameAndType(t *testing.T) {
	t.Parallel()
	f := instant(t)
	for typ, want := range map[types.LoadBalancerTypeEnum]int{"": 39, "application": 39, "network": 39, "gateway": 0} {
		out, err := f.DescribeSSLPolicies(f.ctx, &elb.DescribeSSLPoliciesInput{LoadBalancerType: typ})
		f.ok(err)
		if len(out.SslPolicies) != want {
			t.Errorf("%d policies of type %q, want %d", len(out.SslPolicies), typ, want)
		}
	}
	out, err := f.DescribeSSLPolicies(f.ctx, &elb.DescribeSSLPoliciesInput{
		Names: []string{"ELBSecurityPolicy-FS-2018-06", "ELBSecurityPolicy-2015-05"}})
	f.ok(err)
	p := out.SslPolicies
	if len(p) != 2 || *p[0].Name != "ELBSecurityPolicy-FS-2018-06" || !slices.Equal(p[0].SslProtocols,
		[]string{"TLSv1.2", "TLSv1.1", "TLSv1"}) || !slices.Equal(p[0].SupportedLoadBalancerTypes,
		[]string{"application", "network"}) || *p[0].Ciphers[0].Priority != 1 {
		t.Errorf("policies %+v", p)
	}
	_, err = f.DescribeSSLPolicies(f.ctx, &elb.DescribeSSLPoliciesInput{LoadBalancerType: "classic"})
	f.refused(err, "ValidationError", "'loadBalancerType'")
}

func TestRepeatedListenerNeedsSameAuthentication(t *testing.T) {
	t.Parallel()
	f := instant(t)
	lb, tg := f.alb(), f.group("HTTP")
	forward := types.Action{Type: "forward", Order: aws.Int32(2), TargetGroupArn: aws.String(tg)}
	oidc := func(scope string) []types.Action {
		return []types.Action{
			{Type: "authenticate-oidc", Order: aws.Int32(1), AuthenticateOidcConfig: &types.AuthenticateOidcActionConfig{
				Issuer:                aws.String("https://a/"),
				AuthorizationEndpoint: aws.String("https://a/a"), TokenEndpoint: aws.String("https://a/t"),
				UserInfoEndpoint: aws.String("https://a/u"),
				ClientId:         aws.String("id"), ClientSecret: aws.String("s"), Scope: aws.String(scope),
				AuthenticationRequestExtraParams: map[string]string{"a": "b"}}}, forward}
	}
	cognito := func(domain string) []types.Action {
		return []types.Action{{Type: "authenticate-cognito", Order: aws.Int32(1),
			AuthenticateCognitoConfig: &types.AuthenticateCognitoActionConfig{
				UserPoolArn: aws.String(anyPool), UserPoolClientId: aws.String("id"),
				UserPoolDomain: aws.String(domain)}}, forward}
	}
	jwt := func(value string) []types.Action {
		return []types.Action{
			{Type: "jwt-validation", Order: aws.Int32(1), JwtValidationConfig: &types.JwtValidationActionConfig{
				JwksEndpoint: aws.String("https://a/k"),
				Issuer:       aws.String("a"), AdditionalClaims: []types.JwtValidationActionAdditionalClaim{
					{Name: aws.String("c"), Format: "single-string", Values: []string{value}}}}}, forward}
	}
	for port, actions := range []func(string) []types.Action{oidc, cognito, jwt} {
		create := func(v string) (types.Listener, error) {
			out, err := f.CreateListener(f.ctx, &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Protocol: "HTTPS",
				Port:         aws.Int32(int32(port + 1)),
				Certificates: []types.Certificate{{CertificateArn: aws.String(cert1)}}, DefaultActions: actions(v)})
			if err != nil {
				return types.Listener{}, err
			}
			return out.Listeners[0], nil
		}
		made, err := create("x")
		f.ok(err)
		again, err := create("x")
		f.ok(err)
		if *made.ListenerArn != *again.ListenerArn {
			t.Errorf("the same call made another listener on port %d", *made.Port)
		}
		if len(again.DefaultActions) != 2 || *again.DefaultActions[1].TargetGroupArn != tg {
			t.Errorf("actions %v", again.DefaultActions)
		}
		_, err = create("y")
		f.refused(err, "DuplicateListener", "already exists")
	}
}

func TestUDPListenersOfDualstackLoadBalancersNeedSourceNATAndIPv6(t *testing.T) {
	t.Parallel()
	f := instant(t)
	lb := f.balancer("network", func(in *elb.CreateLoadBalancerInput) {
		in.IpAddressType, in.EnablePrefixForIpv6SourceNat = "dualstack", "on"
		in.Subnets = nil
		in.SubnetMappings = []types.SubnetMapping{
			{SubnetId: aws.String(subnetA), SourceNatIpv6Prefix: aws.String("2001:db8:0:1:1::/80"),
				IPv6Address: aws.String("2001:db8:0:1::77")}}
	})
	if got := lb.AvailabilityZones[0]; got.SourceNatIpv6Prefixes[0] != "2001:db8:0:1:1::/80" ||
		*got.LoadBalancerAddresses[0].IPv6Address != "2001:db8:0:1::77" {
		t.Errorf("zone %v", got)
	}
	bare := f.balancer("network", func(in *elb.CreateLoadBalancerInput) { in.IpAddressType = "dualstack" })
	_, err := f.CreateListener(f.ctx, &elb.CreateListenerInput{LoadBalancerArn: bare.LoadBalancerArn, Protocol: "UDP",
		Port:           aws.Int32(53),
		DefaultActions: forwardTo(f.group("UDP", func(in *elb.CreateTargetGroupInput) { in.IpAddressType = "ipv6" }))})
	f.refused(err, "InvalidConfigurationRequest", "EnablePrefixForIpv6SourceNat")
	v4, v6 := f.group("UDP"), f.group("UDP", func(in *elb.CreateTargetGroupInput) { in.IpAddressType = "ipv6" })
	in := &elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancerArn, Protocol: "UDP", Port: aws.Int32(53),
		DefaultActions: forwardTo(v4)}
	_, err = f.CreateListener(f.ctx, in)
	f.refused(err, "InvalidConfigurationRequest", "'ipv6' only")
	in.DefaultActions = forwardTo(v6)
	_, err = f.CreateListener(f.ctx, in)
	f.ok(err)
	_, err = f.SetIpAddressType(f.ctx, &elb.SetIpAddressTypeInput{LoadBalancerArn: lb.LoadBalancerArn,
		IpAddressType: "ipv4"})
	f.refused(err, "InvalidConfigurationRequest", "")
	_, err = f.RegisterTargets(f.ctx, &elb.RegisterTargetsInput{TargetGroupArn: aws.String(v6),
		Targets: []types.TargetDescription{{Id: aws.String("2001:DB8:0:0::1")}}})
	f.ok(err)
	if f.account.TargetGroups[v6].Target("2001:db8::1", 80) == nil {
		t.Error("the address was not normalised")
	}
}
