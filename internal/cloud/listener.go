package cloud

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbv2 "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/plan/elb"
	"github.com/k8s-lbc/lbc/internal/stack"
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

func (w writer) createListener(ctx context.Context, op elb.CreateListener) (plan.Output, error) {
	l := op.Listener
	out, err := w.c.ELBV2.CreateListener(ctx, &elbv2.CreateListenerInput{
		LoadBalancerArn: aws.String(w.resolve(l.LoadBalancer)),
		Port:            aws.Int32(l.Port),
		Protocol:        elbv2types.ProtocolEnum(l.Protocol),
		DefaultActions:  w.actions(l.DefaultActions),
		Certificates:    defaultCertificate(l),
		SslPolicy:       optional(l.SSLPolicy),
		AlpnPolicy:      alpn(l),
		Tags:            balancingTags(l.Tags),

		MutualAuthentication: mutual(l),
	})
	if err != nil {
		return plan.Output{}, err
	}
	if len(out.Listeners) == 0 {
		return plan.Output{}, errNoResource
	}
	return plan.Output{ID: value(out.Listeners[0].ListenerArn)}, nil
}

func (w writer) modifyListener(ctx context.Context, op elb.ModifyListener) error {
	l := op.Listener
	_, err := w.c.ELBV2.ModifyListener(ctx, &elbv2.ModifyListenerInput{
		ListenerArn:    aws.String(w.resolve(op.Ref)),
		Port:           aws.Int32(l.Port),
		Protocol:       elbv2types.ProtocolEnum(l.Protocol),
		DefaultActions: w.actions(l.DefaultActions),
		Certificates:   defaultCertificate(l),
		SslPolicy:      optional(l.SSLPolicy),
		AlpnPolicy:     alpn(l),

		MutualAuthentication: mutual(l),
	})
	return err
}

func (w writer) deleteListener(ctx context.Context, op elb.DeleteListener) error {
	_, err := w.c.ELBV2.DeleteListener(ctx, &elbv2.DeleteListenerInput{ListenerArn: aws.String(w.resolve(op.Listener))})
	return err
}

// One certificate a call: AWS documents no more.

func (w writer) addListenerCertificates(ctx context.Context, op elb.AddListenerCertificates) error {
	_, err := w.c.ELBV2.AddListenerCertificates(ctx, &elbv2.AddListenerCertificatesInput{
		ListenerArn: aws.String(w.resolve(op.Listener)), Certificates: []elbv2types.Certificate{{CertificateArn: aws.String(op.Certificate)}},
	})
	return err
}

func (w writer) removeListenerCertificates(ctx context.Context, op elb.RemoveListenerCertificates) error {
	_, err := w.c.ELBV2.RemoveListenerCertificates(ctx, &elbv2.RemoveListenerCertificatesInput{
		ListenerArn: aws.String(w.resolve(op.Listener)), Certificates: []elbv2types.Certificate{{CertificateArn: aws.String(op.Certificate)}},
	})
	return err
}

func (w writer) modifyListenerAttributes(ctx context.Context, op elb.ModifyListenerAttributes) error {
	in := &elbv2.ModifyListenerAttributesInput{ListenerArn: aws.String(w.resolve(op.Listener))}
	for _, t := range balancingTags(op.Attributes) { // sorted by key
		in.Attributes = append(in.Attributes, elbv2types.ListenerAttribute(t))
	}
	_, err := w.c.ELBV2.ModifyListenerAttributes(ctx, in)
	return err
}

// FromListener is an observed listener; further certificates, tags and attributes are the caller's to fill in.
func FromListener(l elbv2types.Listener) elb.Listener {
	port := value(l.Port)
	out := elb.Listener{ARN: value(l.ListenerArn), Listener: stack.Listener{
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
