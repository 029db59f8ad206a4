package listener

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/call"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
)

// keyAlgorithms is the keys that load balancers can use.
var keyAlgorithms = []string{"RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1",
	"EC_secp521r1"}

// checkCertificate requires an issued certificate of this account and region with a key that load balancers can use.
func (s *Listeners) checkCertificate(arn string) error {
	c, ok := s.account.Certificate(arn)
	if !ok {
		return apierr.New("CertificateNotFound", "Certificate '%s' not found", arn)
	}
	usable := c.Status == "ISSUED" && (c.KeyAlgorithm == "" || slices.Contains(keyAlgorithms, c.KeyAlgorithm))
	return check.When(!usable, apierr.New("UnsupportedCertificate",
		"The certificate '%s' must have a fully-qualified domain name, a supported signature, and a supported key size.",
		arn))
}

// AddListenerCertificates adds certificates that are chosen by server name; those that are there are no error.
func (s *Listeners) AddListenerCertificates(ctx context.Context, in *elb.AddListenerCertificatesInput,
	_ ...func(*elb.Options)) (*elb.AddListenerCertificatesOutput, error) {
	return call.Write(ctx, s.entry, "AddListenerCertificates", in, func(in *elb.AddListenerCertificatesInput) (
		*elb.AddListenerCertificatesOutput, error) {
		l, err := s.secureListener(in.ListenerArn, in.Certificates)
		if err != nil {
			return nil, err
		}
		after := slices.Clone(l.Certificates)
		out := &elb.AddListenerCertificatesOutput{}
		for _, c := range in.Certificates {
			arn := aws.ToString(c.CertificateArn)
			if err := s.checkCertificate(arn); err != nil {
				return nil, err
			}
			if !slices.Contains(after, arn) {
				after = append(after, arn)
			}
			out.Certificates = append(out.Certificates, types.Certificate{CertificateArn: aws.String(arn),
				IsDefault: aws.Bool(false)})
		}
		most := s.account.Quota(request.QuotaCertificatesPerALB)
		if l.LoadBalancer.Type == request.Network {
			most = s.account.Quota(request.QuotaCertificatesPerNLB)
		}
		total := len(after)
		for _, o := range l.LoadBalancer.Listeners {
			if o != l {
				total += len(o.Certificates)
			}
		}
		if total > most && len(after) > len(l.Certificates) {
			return nil, apierr.New("TooManyCertificates", "The maximum number of certificates per load balancer, '%d', "+
				"would be exceeded", most)
		}
		s.account.Serve(l, l.Certificate, after)
		return out, nil
	})
}

// secureListener is the listener of a call that changes its certificates.
func (s *Listeners) secureListener(arn *string, certificates []types.Certificate) (*account.Listener, error) {
	if err := check.First(check.Present("listenerArn", arn), check.Some("certificates", certificates)); err != nil {
		return nil, err
	}
	for _, c := range certificates {
		if err := check.First(check.Present("certificates.member.certificateArn", c.CertificateArn),
			check.When(c.IsDefault != nil,
				check.Invalid("IsDefault cannot be specified for certificates of a listener"))); err != nil {
			return nil, err
		}
	}
	l, err := request.FindListener(s.account, arn)
	if err != nil {
		return nil, err
	}
	return l, check.When(!secure(l.Protocol), check.Invalid("A certificate cannot be specified for %s listeners",
		l.Protocol))
}

// RemoveListenerCertificates removes certificates that are chosen by server name; those that are not there are no
// error.
func (s *Listeners) RemoveListenerCertificates(ctx context.Context, in *elb.RemoveListenerCertificatesInput,
	_ ...func(*elb.Options)) (*elb.RemoveListenerCertificatesOutput, error) {
	return call.Write(ctx, s.entry, "RemoveListenerCertificates", in, func(in *elb.RemoveListenerCertificatesInput) (
		*elb.RemoveListenerCertificatesOutput, error) {
		l, err := s.secureListener(in.ListenerArn, in.Certificates)
		if err != nil {
			return nil, err
		}
		after := slices.Clone(l.Certificates)
		for _, c := range in.Certificates {
			arn := aws.ToString(c.CertificateArn)
			if arn == l.Certificate {
				return nil, apierr.New("OperationNotPermitted", "Default certificate '%s' cannot be removed", arn)
			}
			after = slices.DeleteFunc(after, func(have string) bool { return have == arn })
		}
		s.account.Serve(l, l.Certificate, after)
		return &elb.RemoveListenerCertificatesOutput{}, nil
	})
}

// DescribeListenerCertificates answers the default certificate and then the others.
func (s *Listeners) DescribeListenerCertificates(ctx context.Context, in *elb.DescribeListenerCertificatesInput,
	_ ...func(*elb.Options)) (*elb.DescribeListenerCertificatesOutput, error) {
	return call.Read(ctx, s.entry, "DescribeListenerCertificates", in, func(in *elb.DescribeListenerCertificatesInput) (
		*elb.DescribeListenerCertificatesOutput, error) {
		l, err := request.FindListener(s.account, in.ListenerArn)
		if err != nil {
			return nil, err
		}
		all := []types.Certificate{}
		if l.Certificate != "" {
			all = append(all, types.Certificate{CertificateArn: aws.String(l.Certificate), IsDefault: aws.Bool(true)})
		}
		for _, arn := range l.Certificates {
			all = append(all, types.Certificate{CertificateArn: aws.String(arn), IsDefault: aws.Bool(false)})
		}
		part, next, err := request.PageOf(all, in.Marker, in.PageSize, request.PagesOf(s.account, request.SmallPage))
		if err != nil {
			return nil, err
		}
		return &elb.DescribeListenerCertificatesOutput{Certificates: part, NextMarker: next}, nil
	})
}
