package listener

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/elbv2/check"
	"github.com/k8s-lbc/lbc/awssim/elbv2/request"
	"github.com/k8s-lbc/lbc/awssim/sslpolicy"
)

// secure reports whether listeners of that protocol terminate TLS.
func secure(protocol string) bool { return protocol == "HTTPS" || protocol == "TLS" }

var alpnPolicies = []string{"HTTP1Only", "HTTP2Only", "HTTP2Optional", "HTTP2Preferred", "None"}

// maxVerifying is how many listeners of a load balancer verify clients.
const maxVerifying = 2

// tlsInput is what a call gives of the TLS settings of a listener.
type tlsInput struct {
	certificates []types.Certificate
	policy       *string
	alpn         []string
	mutual       *types.MutualAuthenticationAttributes
}

// setTLS checks the protocol and the given TLS settings, and sets them in want; the rest of want stays. self is the
// listener that is changed; nil for a new one.
func (s *Listeners) setTLS(lb *account.LoadBalancer, self *account.Listener, want *listenerSettings,
	given tlsInput) error {
	if allowed := listenerProtocols[lb.Type]; lb.Type != request.Gateway && !slices.Contains(allowed, want.protocol) {
		return check.Invalid("Listener protocol '%s' must be one of '%s'", want.protocol, strings.Join(allowed, ", "))
	}
	if !secure(want.protocol) {
		want.certificate, want.policy, want.alpn, want.mutual = "", "", "", account.MutualTLS{}
		return given.withoutTLS(want.protocol)
	}
	if err := s.setCertificate(want, given.certificates); err != nil {
		return err
	}
	want.policy = cmp.Or(aws.ToString(given.policy), want.policy, sslpolicy.Default)
	if _, ok := sslpolicy.Named(want.policy); !ok {
		return policyNotFound(want.policy)
	}
	switch alpn := given.alpn; {
	case want.protocol != "TLS" && len(alpn) > 0:
		return check.Invalid("An ALPN policy cannot be specified for %s listeners", want.protocol)
	case len(alpn) > 1:
		return check.Invalid("You can specify only one ALPN policy")
	case len(alpn) == 1 && !slices.Contains(alpnPolicies, alpn[0]):
		return apierr.New("ALPNPolicyNotFound", "The ALPN policy '%s' is not supported", alpn[0])
	case len(alpn) == 1:
		want.alpn = alpn[0]
	case want.protocol != "TLS":
		want.alpn = ""
	}
	return s.setMutual(lb, self, want, given.mutual)
}

// withoutTLS refuses settings that only listeners with TLS have.
func (g tlsInput) withoutTLS(protocol string) error {
	return check.First(
		check.When(len(g.certificates) > 0, check.Invalid("A certificate cannot be specified for %s listeners", protocol)),
		check.When(g.policy != nil, check.Invalid("An SSL policy cannot be specified for %s listeners", protocol)),
		check.When(len(g.alpn) > 0, check.Invalid("An ALPN policy cannot be specified for %s listeners", protocol)),
		check.When(g.mutual != nil && aws.ToString(g.mutual.Mode) != "off",
			check.InvalidConfiguration("Mutual authentication is supported for HTTPS listeners only")),
	)
}

// setCertificate sets the default certificate, of which there must be one.
func (s *Listeners) setCertificate(want *listenerSettings, certificates []types.Certificate) error {
	switch {
	case len(certificates) == 0 && want.certificate == "":
		return check.Invalid("A certificate must be specified for %s listeners", want.protocol)
	case len(certificates) == 0:
		return nil
	case len(certificates) > 1:
		return check.Invalid("You can specify only one default certificate for %s listeners", want.protocol)
	case certificates[0].IsDefault != nil:
		return check.Invalid("IsDefault cannot be specified for the certificate of a listener")
	}
	arn := aws.ToString(certificates[0].CertificateArn)
	want.certificate = arn
	return s.checkCertificate(arn)
}

// setMutual sets the authentication of clients.
func (s *Listeners) setMutual(lb *account.LoadBalancer, self *account.Listener, want *listenerSettings,
	in *types.MutualAuthenticationAttributes) error {
	if want.protocol != "HTTPS" {
		want.mutual = account.MutualTLS{}
		return check.When(in != nil && aws.ToString(in.Mode) != "off",
			check.InvalidConfiguration("Mutual authentication is supported for HTTPS listeners only"))
	}
	if in == nil {
		want.mutual.Mode = cmp.Or(want.mutual.Mode, "off")
		return nil
	}
	m := account.MutualTLS{Mode: cmp.Or(aws.ToString(in.Mode), "off"), TrustStore: aws.ToString(in.TrustStoreArn),
		IgnoreExpiry: aws.ToBool(in.IgnoreClientCertificateExpiry), AdvertiseName: string(in.AdvertiseTrustStoreCaNames)}
	switch {
	case !slices.Contains([]string{"off", "passthrough", "verify"}, m.Mode):
		return check.Invalid("Mutual authentication mode '%s' must be one of 'off, passthrough, verify'", m.Mode)
	case m.Mode == "verify" && m.TrustStore == "":
		return check.Invalid("A trust store ARN must be specified for the mutual authentication mode 'verify'")
	case m.Mode != "verify" && (m.TrustStore != "" || m.IgnoreExpiry || m.AdvertiseName == "on"):
		return check.InvalidConfiguration("A trust store and settings for client certificates can be specified for the " +
			"mutual authentication mode 'verify' only")
	}
	if m.Mode == "verify" {
		store, err := request.FindTrustStore(s.account, &m.TrustStore)
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
	return check.OneOf("mutualAuthentication.advertiseTrustStoreCaNames", in.AdvertiseTrustStoreCaNames,
		in.AdvertiseTrustStoreCaNames.Values())
}

// checkVerifying requires that few other listeners of the load balancer verify clients.
func checkVerifying(lb *account.LoadBalancer, self *account.Listener) error {
	others := 0
	for _, l := range lb.Listeners {
		if l != self && l.MutualTLS.Mode == "verify" {
			others++
		}
	}
	return check.When(others >= maxVerifying, check.InvalidConfiguration("The maximum number of listeners of a load "+
		"balancer in the mutual authentication mode 'verify', '%d', would be exceeded", maxVerifying))
}
