package planjson

import (
	"maps"
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

type listener struct {
	LoadBalancerARN any               `json:"loadBalancerARN"`
	Port            int32             `json:"port"`
	Protocol        string            `json:"protocol"`
	DefaultActions  []action          `json:"defaultActions,omitempty"`
	Certificates    []certificate     `json:"certificates,omitempty"`
	SSLPolicy       string            `json:"sslPolicy,omitempty"`
	ALPNPolicy      string            `json:"alpnPolicy,omitempty"`
	Mutual          *mutual           `json:"mutualAuthentication,omitempty"`
	Tags            map[string]string `json:"tags,omitempty"`
	Attributes      []listenerValue   `json:"listenerAttributes,omitempty"`
}

type certificate struct {
	CertificateARN string `json:"certificateARN"`
}

// listenerValue is an attribute of a listener, in capitals as the existing controller writes it.
type listenerValue struct{ Key, Value string }

func ofListener(l stack.Listener) listener {
	out := listener{
		LoadBalancerARN: reference(l.LoadBalancer), Port: l.Port, Protocol: l.Protocol,
		DefaultActions: ofActions(l.DefaultActions),
		SSLPolicy:      l.SSLPolicy, ALPNPolicy: l.ALPN, Mutual: ofMutual(l.Mutual), Tags: l.Tags,
	}
	seen := map[string]bool{}
	for _, arn := range slices.Concat(l.Certificates, l.SNI) {
		if !seen[arn] {
			seen[arn] = true
			out.Certificates = append(out.Certificates, certificate{arn})
		}
	}
	for _, k := range slices.Sorted(maps.Keys(l.Attributes)) {
		out.Attributes = append(out.Attributes, listenerValue{k, l.Attributes[k]})
	}
	return out
}

type action struct {
	Type          string         `json:"type"`
	Cognito       *cognito       `json:"authenticateCognitoConfig,omitempty"`
	OIDC          *oidc          `json:"authenticateOIDCConfig,omitempty"`
	JWT           *JWT           `json:"jwtValidationConfig,omitempty"`
	FixedResponse *FixedResponse `json:"fixedResponseConfig,omitempty"`
	Redirect      *Redirect      `json:"redirectConfig,omitempty"`
	Forward       *forward       `json:"forwardConfig,omitempty"`
}

// FixedResponse answers without a target.
type FixedResponse struct {
	ContentType string `json:"contentType,omitempty"`
	MessageBody string `json:"messageBody,omitempty"`
	StatusCode  string `json:"statusCode"`
}

// Redirect sends the client to another URL.
type Redirect struct {
	Host       string `json:"host,omitempty"`
	Path       string `json:"path,omitempty"`
	Port       string `json:"port,omitempty"`
	Protocol   string `json:"protocol,omitempty"`
	Query      string `json:"query,omitempty"`
	StatusCode string `json:"statusCode"`
}

type forward struct {
	TargetGroups []weighted  `json:"targetGroups"`
	Stickiness   *stickiness `json:"targetGroupStickinessConfig,omitempty"`
}

type weighted struct {
	TargetGroupARN any    `json:"targetGroupARN"`
	Weight         *int32 `json:"weight,omitempty"`
}

type stickiness struct {
	Enabled         bool  `json:"enabled"`
	DurationSeconds int32 `json:"durationSeconds,omitempty"`
}

func ofActions(as []stack.Action) []action {
	out := make([]action, 0, len(as))
	for _, a := range as {
		x := action{Type: string(a.Type)}
		x.authenticate(a)
		if f := a.FixedResponse; f != nil {
			x.FixedResponse = &FixedResponse{f.ContentType, f.MessageBody, f.StatusCode}
		}
		if r := a.Redirect; r != nil {
			to := Redirect(*r)
			x.Redirect = &to
		}
		if f := a.Forward; f != nil {
			x.Forward = ofForward(f)
		}
		out = append(out, x)
	}
	return out
}

func ofForward(f *stack.Forward) *forward {
	out := &forward{TargetGroups: make([]weighted, 0, len(f.TargetGroups))}
	for _, t := range f.TargetGroups {
		out.TargetGroups = append(out.TargetGroups, weighted{reference(t.TargetGroup), t.Weight})
	}
	if s := f.Stickiness; s != nil {
		out.Stickiness = &stickiness{s.Enabled, s.DurationSeconds}
	}
	return out
}

// typeCertificate is the type of a certificate that the stack owns in ACM. Listeners name certificates by ARN, since
// they are created after the certificates are issued.
const typeCertificate = "AWS::ACM::Certificate"

type ownCertificate struct {
	Type             string            `json:"type"` // AMAZON_ISSUED, PRIVATE or IMPORTED
	AuthorityARN     string            `json:"certificateAuthorityARN"`
	DomainName       string            `json:"domainName"`
	Names            []string          `json:"subjectAlternativeNames"`
	ValidationMethod string            `json:"validationMethod,omitempty"` // DNS; none if it is imported
	KeyAlgorithm     string            `json:"keyAlgorithm"`               // empty: ACM's default
	Tags             map[string]string `json:"tags,omitempty"`
}

func ofCertificate(c stack.Certificate) ownCertificate {
	out := ownCertificate{
		Type: "AMAZON_ISSUED", AuthorityARN: c.Authority, DomainName: c.Domain, Names: append([]string{}, c.Names...),
		ValidationMethod: "DNS", Tags: c.Tags,
	}
	switch {
	case c.Import != nil:
		out.Type, out.ValidationMethod, out.KeyAlgorithm = "IMPORTED", "", c.Import.Algorithm
	case c.Authority != "":
		out.Type = "PRIVATE"
	}
	return out
}
