package elbv2

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/sslpolicy"
)

// listenerSettings is what a listener does, apart from its rules, attributes and tags.
type listenerSettings struct {
	port        int32
	protocol    string
	certificate string
	policy      string
	alpn        string
	mutual      account.MutualTLS
	actions     []account.Action
}

func settingsOfListener(l *account.Listener) listenerSettings {
	return listenerSettings{l.Port, l.Protocol, l.Certificate, l.SSLPolicy, l.ALPN, l.MutualTLS, l.Default().Actions}
}

// secure reports whether listeners of that protocol terminate TLS.
func secure(protocol string) bool { return protocol == "HTTPS" || protocol == "TLS" }

var alpnPolicies = []string{"HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred", "None"}

// CreateListener creates a listener with its default rule, or answers the one on the port if it has the same settings.
func (s *Service) CreateListener(ctx context.Context, in *elb.CreateListenerInput, _ ...func(*elb.Options)) (*elb.CreateListenerOutput, error) {
	return write(ctx, s, "CreateListener", in, s.createListener)
}

func (s *Service) createListener(in *elb.CreateListenerInput) (*elb.CreateListenerOutput, error) {
	tags, err := newTags(in.Tags)
	if err := first(present("loadBalancerArn", in.LoadBalancerArn), some("defaultActions", in.DefaultActions),
		oneOf("protocol", in.Protocol, in.Protocol.Values()), between("port", in.Port, 1, 65535), err); err != nil {
		return nil, err
	}
	lb, err := s.loadBalancer(in.LoadBalancerArn)
	if err != nil {
		return nil, err
	}
	want := listenerSettings{port: aws.ToInt32(in.Port), protocol: string(in.Protocol)}
	if lb.Type == gateway {
		err = when(in.Port != nil || in.Protocol != "", invalid("A listener protocol and port cannot be specified for load balancers with type 'gateway'"))
	} else {
		err = first(when(in.Protocol == "", invalid("A listener protocol must be specified")), when(in.Port == nil, invalid("A listener port must be specified")))
	}
	if err != nil {
		return nil, err
	}
	if err := s.secureSettings(lb, nil, &want, in.Certificates, in.SslPolicy, in.AlpnPolicy, in.MutualAuthentication); err != nil {
		return nil, err
	}
	if want.actions, err = s.actions(lb.Type, in.DefaultActions, nil); err != nil {
		return nil, err
	}
	if err := s.fit(lb, want.protocol, want.actions); err != nil {
		return nil, err
	}
	if have := lb.Listener(want.port); have != nil {
		if !settingsOfListener(have).same(want) {
			return nil, duplicateListener(lb)
		}
		return &elb.CreateListenerOutput{Listeners: []types.Listener{describeListener(have)}}, nil
	}
	if err := s.associable(lb, want.actions, nil); err != nil {
		return nil, err
	}
	if most := s.maxListeners(lb.Type); len(lb.Listeners) >= most {
		return nil, apierr.New("TooManyListeners", "The maximum number of listeners per load balancer, '%d', has been reached", most)
	}
	path := "listener/" + typePath[lb.Type] + "/" + lb.Name + "/" + lb.ID
	l := &account.Listener{LoadBalancer: lb, ID: s.account.NewBalancingID(path), Tags: tags}
	l.ARN = s.account.BalancingARN(path + "/" + l.ID)
	setListener(l, want)
	l.Attributes = listenerAttributes.complete(l, nil)
	r := &account.Rule{Listener: l, Default: true, Actions: want.actions}
	s.identifyRule(r)
	s.account.AddListener(l, r)
	return &elb.CreateListenerOutput{Listeners: []types.Listener{describeListener(l)}}, nil
}

func duplicateListener(lb *account.LoadBalancer) error {
	return apierr.New("DuplicateListener", "A listener already exists on this port for this load balancer '%s'", lb.ARN)
}

func (s *Service) maxListeners(lbType string) int {
	switch lbType {
	case application:
		return s.limit(quotaListenersPerALB)
	case network:
		return s.limit(quotaListenersPerNLB)
	}
	return 1
}

// setListener gives a listener its settings, the actions aside.
func setListener(l *account.Listener, want listenerSettings) {
	l.Port, l.Protocol, l.Certificate, l.SSLPolicy, l.ALPN, l.MutualTLS = want.port, want.protocol, want.certificate, want.policy, want.alpn, want.mutual
}

// secureSettings checks protocol, certificate, security policy, ALPN policy and mutual authentication, and sets in want
// what was given; what want holds already is what stays. self is the listener that is changed; nil for a new one.
func (s *Service) secureSettings(lb *account.LoadBalancer, self *account.Listener, want *listenerSettings, certificates []types.Certificate, policy *string,
	alpn []string, mutual *types.MutualAuthenticationAttributes) error {
	if allowed := listenerProtocols[lb.Type]; lb.Type != gateway && !slices.Contains(allowed, want.protocol) {
		return invalid("Listener protocol '%s' must be one of '%s'", want.protocol, strings.Join(allowed, ", "))
	}
	if !secure(want.protocol) {
		if err := first(
			when(len(certificates) > 0, invalid("A certificate cannot be specified for %s listeners", want.protocol)),
			when(policy != nil, invalid("An SSL policy cannot be specified for %s listeners", want.protocol)),
			when(len(alpn) > 0, invalid("An ALPN policy cannot be specified for %s listeners", want.protocol)),
			when(mutual != nil && aws.ToString(mutual.Mode) != "off", contradiction("Mutual authentication is supported for HTTPS listeners only")),
		); err != nil {
			return err
		}
		want.certificate, want.policy, want.alpn, want.mutual = "", "", "", account.MutualTLS{}
		return nil
	}
	if err := s.setCertificate(want, certificates); err != nil {
		return err
	}
	want.policy = cmp.Or(aws.ToString(policy), want.policy, defaultPolicy)
	if _, ok := sslpolicy.Named(want.policy); !ok {
		return policyNotFound(want.policy)
	}
	switch {
	case want.protocol != "TLS" && len(alpn) > 0:
		return invalid("An ALPN policy cannot be specified for %s listeners", want.protocol)
	case len(alpn) > 1:
		return invalid("You can specify only one ALPN policy")
	case len(alpn) == 1 && !slices.Contains(alpnPolicies, alpn[0]):
		return apierr.New("ALPNPolicyNotFound", "The ALPN policy '%s' is not supported", alpn[0])
	case len(alpn) == 1:
		want.alpn = alpn[0]
	case want.protocol != "TLS":
		want.alpn = ""
	}
	return s.setMutual(lb, self, want, mutual)
}

// setCertificate sets the default certificate, of which there must be one.
func (s *Service) setCertificate(want *listenerSettings, certificates []types.Certificate) error {
	switch {
	case len(certificates) == 0 && want.certificate == "":
		return invalid("A certificate must be specified for %s listeners", want.protocol)
	case len(certificates) == 0:
		return nil
	case len(certificates) > 1:
		return invalid("You can specify only one default certificate for %s listeners", want.protocol)
	case certificates[0].IsDefault != nil:
		return invalid("IsDefault cannot be specified for the certificate of a listener")
	}
	arn := aws.ToString(certificates[0].CertificateArn)
	want.certificate = arn
	return s.checkCertificate(arn)
}

// setMutual sets the authentication of clients.
func (s *Service) setMutual(lb *account.LoadBalancer, self *account.Listener, want *listenerSettings, in *types.MutualAuthenticationAttributes) error {
	if want.protocol != "HTTPS" {
		want.mutual = account.MutualTLS{}
		return when(in != nil && aws.ToString(in.Mode) != "off", contradiction("Mutual authentication is supported for HTTPS listeners only"))
	}
	if in == nil {
		want.mutual.Mode = cmp.Or(want.mutual.Mode, "off")
		return nil
	}
	m := account.MutualTLS{Mode: cmp.Or(aws.ToString(in.Mode), "off"), TrustStore: aws.ToString(in.TrustStoreArn),
		IgnoreExpiry: aws.ToBool(in.IgnoreClientCertificateExpiry), AdvertiseName: string(in.AdvertiseTrustStoreCaNames)}
	switch {
	case !slices.Contains([]string{"off", "passthrough", "verify"}, m.Mode):
		return invalid("Mutual authentication mode '%s' must be one of 'off, passthrough, verify'", m.Mode)
	case m.Mode == "verify" && m.TrustStore == "":
		return invalid("A trust store ARN must be specified for the mutual authentication mode 'verify'")
	case m.Mode != "verify" && (m.TrustStore != "" || m.IgnoreExpiry || m.AdvertiseName == "on"):
		return contradiction("A trust store and settings for client certificates can be specified for the mutual authentication mode 'verify' only")
	}
	if m.Mode == "verify" {
		store, err := find(s, kindTrustStore, s.account.TrustStores, &m.TrustStore)
		if err != nil {
			return err
		}
		if store.StatusAt(s.account.Clock.Now()) != "ACTIVE" {
			return apierr.New("TrustStoreNotReady", "The trust store '%s' is not active", m.TrustStore)
		}
		if err := checkVerifying(lb, self); err != nil {
			return err
		}
		m.AdvertiseName = cmp.Or(m.AdvertiseName, "off")
	} else {
		m.AdvertiseName = ""
	}
	want.mutual = m
	return oneOf("mutualAuthentication.advertiseTrustStoreCaNames", in.AdvertiseTrustStoreCaNames, in.AdvertiseTrustStoreCaNames.Values())
}

// checkVerifying requires that few other listeners of the load balancer verify clients.
func checkVerifying(lb *account.LoadBalancer, self *account.Listener) error {
	others := 0
	for _, l := range lb.Listeners {
		if l != self && l.MutualTLS.Mode == "verify" {
			others++
		}
	}
	return when(others >= maxVerifying, contradiction("The maximum number of listeners of a load balancer in the mutual authentication mode 'verify', '%d', would be exceeded", maxVerifying))
}

// ModifyListener changes a listener; what is not given stays, as far as the protocol has it.
func (s *Service) ModifyListener(ctx context.Context, in *elb.ModifyListenerInput, _ ...func(*elb.Options)) (*elb.ModifyListenerOutput, error) {
	return write(ctx, s, "ModifyListener", in, s.modifyListener)
}

func (s *Service) modifyListener(in *elb.ModifyListenerInput) (*elb.ModifyListenerOutput, error) {
	if err := first(present("listenerArn", in.ListenerArn), oneOf("protocol", in.Protocol, in.Protocol.Values()), between("port", in.Port, 1, 65535)); err != nil {
		return nil, err
	}
	l, err := s.listener(in.ListenerArn)
	if err != nil {
		return nil, err
	}
	lb, want := l.LoadBalancer, settingsOfListener(l)
	if lb.Type == gateway && (in.Port != nil || in.Protocol != "") {
		return nil, invalid("A listener protocol and port cannot be specified for load balancers with type 'gateway'")
	}
	want.protocol = cmp.Or(string(in.Protocol), want.protocol)
	if in.Port != nil {
		want.port = *in.Port
	}
	if in.Certificates != nil && len(in.Certificates) == 0 && secure(want.protocol) {
		return nil, invalid("A certificate must be specified for %s listeners", want.protocol)
	}
	if err := s.secureSettings(lb, l, &want, in.Certificates, in.SslPolicy, in.AlpnPolicy, in.MutualAuthentication); err != nil {
		return nil, err
	}
	if len(in.DefaultActions) > 0 {
		if want.actions, err = s.actions(lb.Type, in.DefaultActions, want.actions); err != nil {
			return nil, err
		}
	}
	if err := s.fit(lb, want.protocol, want.actions); err != nil {
		return nil, err
	}
	if want.protocol != l.Protocol {
		for _, r := range l.Rules[:len(l.Rules)-1] {
			if err := s.fit(lb, want.protocol, r.Actions); err != nil {
				return nil, err
			}
		}
	}
	if err := s.associable(lb, want.actions, l.Default()); err != nil {
		return nil, err
	}
	if have := lb.Listener(want.port); have != nil && have != l {
		return nil, duplicateListener(lb)
	}
	changed := want.protocol != l.Protocol
	setListener(l, want)
	if changed {
		l.Attributes = listenerAttributes.complete(l, l.Attributes)
		if !secure(l.Protocol) {
			l.Certificates = nil
		}
	}
	s.account.SetActions(l.Default(), want.actions)
	return &elb.ModifyListenerOutput{Listeners: []types.Listener{describeListener(l)}}, nil
}

// DescribeListeners answers the listeners of a load balancer, or those of the given ARNs.
func (s *Service) DescribeListeners(ctx context.Context, in *elb.DescribeListenersInput, _ ...func(*elb.Options)) (*elb.DescribeListenersOutput, error) {
	return read(ctx, s, "DescribeListeners", in, func(in *elb.DescribeListenersInput) (*elb.DescribeListenersOutput, error) {
		if err := pageSize(in.PageSize); err != nil {
			return nil, err
		}
		if (in.LoadBalancerArn != nil) == (len(in.ListenerArns) > 0) {
			return nil, invalid("You must specify either listener ARNs or a load balancer ARN")
		}
		if len(in.ListenerArns) > maxNamed {
			return nil, invalid("You cannot specify more than '%d' listeners", maxNamed)
		}
		var list []*account.Listener
		var next *string
		var err error
		if in.LoadBalancerArn == nil {
			list, err = findAll(s, kindListener, s.account.Listeners, in.ListenerArns)
		} else {
			var lb *account.LoadBalancer
			if lb, err = s.loadBalancer(in.LoadBalancerArn); err == nil {
				list, next, err = page(lb.Listeners, func(l *account.Listener) uint64 { return l.Seq }, in.Marker, in.PageSize, s.pages(largePage))
			}
		}
		if err != nil {
			return nil, err
		}
		out := &elb.DescribeListenersOutput{NextMarker: next, Listeners: make([]types.Listener, len(list))}
		for i, l := range list {
			out.Listeners[i] = describeListener(l)
		}
		return out, nil
	})
}

// describeListener converts to the SDK's form.
func describeListener(l *account.Listener) types.Listener {
	out := types.Listener{
		ListenerArn: aws.String(l.ARN), LoadBalancerArn: aws.String(l.LoadBalancer.ARN), Protocol: types.ProtocolEnum(l.Protocol),
		SslPolicy: optional(l.SSLPolicy), DefaultActions: describeActions(l.Default().Actions),
	}
	if l.Port != 0 {
		out.Port = aws.Int32(l.Port)
	}
	if l.Certificate != "" {
		out.Certificates = []types.Certificate{{CertificateArn: aws.String(l.Certificate)}}
	}
	if l.ALPN != "" {
		out.AlpnPolicy = []string{l.ALPN}
	}
	if m := l.MutualTLS; m.Mode != "" {
		out.MutualAuthentication = &types.MutualAuthenticationAttributes{
			Mode: aws.String(m.Mode), TrustStoreArn: optional(m.TrustStore),
			AdvertiseTrustStoreCaNames: types.AdvertiseTrustStoreCaNamesEnum(m.AdvertiseName),
		}
		if m.Mode == "verify" {
			out.MutualAuthentication.IgnoreClientCertificateExpiry = aws.Bool(m.IgnoreExpiry)
			if owner(m.TrustStore) != owner(l.ARN) {
				out.MutualAuthentication.TrustStoreAssociationStatus = types.TrustStoreAssociationStatusEnumActive
			}
		}
	}
	return out
}

// owner is the account that an ARN names.
func owner(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 4 {
		return parts[4]
	}
	return ""
}

// DeleteListener deletes a listener with its rules.
func (s *Service) DeleteListener(ctx context.Context, in *elb.DeleteListenerInput, _ ...func(*elb.Options)) (*elb.DeleteListenerOutput, error) {
	return write(ctx, s, "DeleteListener", in, func(in *elb.DeleteListenerInput) (*elb.DeleteListenerOutput, error) {
		l, err := s.listener(in.ListenerArn)
		if err != nil {
			return nil, err
		}
		if tg := s.targetedBy(l.LoadBalancer, l.Port); tg != nil {
			return nil, apierr.New("ResourceInUse", "Listener '%s' is currently in use by the target group '%s'", l.ARN, tg.ARN)
		}
		s.account.RemoveListener(l)
		return &elb.DeleteListenerOutput{}, nil
	})
}
