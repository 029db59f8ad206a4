package awsclient

import (
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan/awsop"
)

func defaultCertificate(l stack.Listener) []elbv2types.Certificate {
	if len(l.Certificates) == 0 {
		return nil
	}
	return []elbv2types.Certificate{{CertificateArn: aws.String(l.Certificates[0])}}
}

func alpn(l stack.Listener) []string {
	if l.ALPN == "" {
		return nil
	}
	return []string{l.ALPN}
}

func mutual(l stack.Listener) *elbv2types.MutualAuthenticationAttributes {
	m := l.Mutual
	if m == nil {
		return nil
	}
	out := &elbv2types.MutualAuthenticationAttributes{Mode: aws.String(m.Mode)}
	if m.Mode == stack.MutualVerify { // AWS refuses the rest for other modes
		out.TrustStoreArn, out.IgnoreClientCertificateExpiry = aws.String(m.TrustStore), aws.Bool(m.IgnoreExpiry)
		out.AdvertiseTrustStoreCaNames = elbv2types.AdvertiseTrustStoreCaNamesEnumOff
		if m.AdvertiseNames {
			out.AdvertiseTrustStoreCaNames = elbv2types.AdvertiseTrustStoreCaNamesEnumOn
		}
	}
	return out
}

func fromMutual(m *elbv2types.MutualAuthenticationAttributes) *stack.MutualAuthentication {
	if m == nil || value(m.Mode) == "" {
		return nil
	}
	return &stack.MutualAuthentication{
		Mode: *m.Mode, TrustStore: value(m.TrustStoreArn), IgnoreExpiry: value(m.IgnoreClientCertificateExpiry),
		AdvertiseNames: m.AdvertiseTrustStoreCaNames == elbv2types.AdvertiseTrustStoreCaNamesEnumOn,
	}
}

func (s *requestBuilder) CreateListener(op awsop.CreateListener) {
	l := op.Listener
	setCreate(s, s.c.ELBV2.CreateListener, &elbv2.CreateListenerInput{
		LoadBalancerArn: s.id(l.LoadBalancer),
		Port:            aws.Int32(l.Port),
		Protocol:        elbv2types.ProtocolEnum(l.Protocol),
		DefaultActions:  s.actions(l.DefaultActions),
		Certificates:    defaultCertificate(l),
		SslPolicy:       optional(l.SSLPolicy),
		AlpnPolicy:      alpn(l),
		Tags:            balancingPairs[elbv2types.Tag](l.Tags),

		MutualAuthentication: mutual(l),
	}, func(out *elbv2.CreateListenerOutput) awsop.Output {
		return awsop.Output{ID: value(first(out.Listeners).ListenerArn)}
	})
}

func (s *requestBuilder) ModifyListener(op awsop.ModifyListener) {
	l := op.Listener
	in := &elbv2.ModifyListenerInput{ // AWS does not change what is omitted
		ListenerArn:  s.id(op.Ref),
		Port:         aws.Int32(l.Port),
		Protocol:     elbv2types.ProtocolEnum(l.Protocol),
		Certificates: defaultCertificate(l),
		SslPolicy:    optional(l.SSLPolicy),
		AlpnPolicy:   alpn(l),

		MutualAuthentication: mutual(l),
	}
	if len(l.DefaultActions) > 0 {
		in.DefaultActions = s.actions(l.DefaultActions)
	}
	setCall(s, s.c.ELBV2.ModifyListener, in)
}

func (s *requestBuilder) DeleteListener(op awsop.DeleteListener) {
	setCall(s, s.c.ELBV2.DeleteListener, &elbv2.DeleteListenerInput{ListenerArn: s.id(op.Listener)})
}

// One certificate per call: AWS documents no more.

func (s *requestBuilder) AddListenerCertificates(op awsop.AddListenerCertificates) {
	setCall(s, s.c.ELBV2.AddListenerCertificates, &elbv2.AddListenerCertificatesInput{
		ListenerArn: s.id(op.Listener), Certificates: []elbv2types.Certificate{{CertificateArn: aws.String(op.Certificate)}},
	})
}

func (s *requestBuilder) RemoveListenerCertificates(op awsop.RemoveListenerCertificates) {
	setCall(s, s.c.ELBV2.RemoveListenerCertificates, &elbv2.RemoveListenerCertificatesInput{
		ListenerArn: s.id(op.Listener), Certificates: []elbv2types.Certificate{{CertificateArn: aws.String(op.Certificate)}},
	})
}

func (s *requestBuilder) ModifyListenerAttributes(op awsop.ModifyListenerAttributes) {
	setCall(s, s.c.ELBV2.ModifyListenerAttributes, &elbv2.ModifyListenerAttributesInput{
		ListenerArn: s.id(op.Listener),
		Attributes:  balancingPairs[elbv2types.ListenerAttribute](op.Attributes),
	})
}

// FromListener converts an observed listener. The caller sets further certificates, tags and attributes.
func FromListener(l elbv2types.Listener) awsop.Listener {
	port := value(l.Port)
	out := awsop.Listener{ARN: value(l.ListenerArn), Listener: stack.Listener{
		ID:             strconv.Itoa(int(port)),
		LoadBalancer:   stack.Literal(stack.KindLoadBalancer, value(l.LoadBalancerArn)),
		Port:           port,
		Protocol:       string(l.Protocol),
		DefaultActions: FromActions(l.DefaultActions),
		SSLPolicy:      value(l.SslPolicy),
		Mutual:         fromMutual(l.MutualAuthentication),
	}}
	for _, c := range l.Certificates {
		out.Certificates = append(out.Certificates, value(c.CertificateArn))
	}
	if len(l.AlpnPolicy) > 0 {
		out.ALPN = l.AlpnPolicy[0]
	}
	return out
}
