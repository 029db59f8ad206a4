package planjson

import (
	"slices"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

func ofListener(l stack.Listener) object {
	var certificates []object
	seen := map[string]bool{}
	for _, arn := range slices.Concat(l.Certificates, l.SNI) {
		if !seen[arn] {
			seen[arn] = true
			certificates = append(certificates, object{{"certificateARN", arn}})
		}
	}
	return object{
		{"loadBalancerARN", reference(l.LoadBalancer)},
		{"port", l.Port},
		{"protocol", l.Protocol},
		optional("defaultActions", list(l.DefaultActions, ofAction)),
		optional("certificates", certificates),
		optional("sslPolicy", l.SSLPolicy),
		optional("alpnPolicy", l.ALPN),
		optional("mutualAuthentication", ofMutual(l.Mutual)),
		optional("tags", l.Tags),
		optional("listenerAttributes", pairs(l.Attributes, "Key", "Value")),
	}
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

func ofAction(a stack.Action) object {
	return object{
		{"type", a.Type},
		optional("authenticateCognitoConfig", ofCognito(a.Cognito)),
		optional("authenticateOIDCConfig", ofOIDC(a.OIDC)),
		optional("jwtValidationConfig", ofJWT(a.JWT)),
		optional("fixedResponseConfig", ofFixedResponse(a.FixedResponse)),
		optional("redirectConfig", (*Redirect)(a.Redirect)),
		optional("forwardConfig", ofForward(a.Forward)),
	}
}

func ofFixedResponse(f *stack.FixedResponse) *FixedResponse {
	if f == nil {
		return nil
	}
	return &FixedResponse{f.ContentType, f.MessageBody, f.StatusCode}
}

func ofForward(f *stack.Forward) object {
	if f == nil {
		return nil
	}
	out := object{{"targetGroups", list(f.TargetGroups, func(t stack.WeightedTargetGroup) object {
		return object{{"targetGroupARN", reference(t.TargetGroup)}, optional("weight", t.Weight)}
	})}}
	if s := f.Stickiness; s != nil {
		out = append(out, member{"targetGroupStickinessConfig", object{{"enabled", s.Enabled},
			optional("durationSeconds", s.DurationSeconds)}})
	}
	return out
}

// typeCertificate is the type of a certificate that the stack owns in ACM. Listeners name certificates by ARN, since
// they are created after the certificates are issued.
const typeCertificate = "AWS::ACM::Certificate"

func ofCertificate(c stack.Certificate) object {
	kind, validation, algorithm := "AMAZON_ISSUED", "DNS", "" // empty: ACM's default
	switch {
	case c.Import != nil:
		kind, validation, algorithm = "IMPORTED", "", c.Import.Algorithm
	case c.Authority != "":
		kind = "PRIVATE"
	}
	return object{
		{"type", kind},
		{"certificateAuthorityARN", c.Authority},
		{"domainName", c.Domain},
		{"subjectAlternativeNames", append([]string{}, c.Names...)},
		optional("validationMethod", validation),
		{"keyAlgorithm", algorithm},
		optional("tags", c.Tags),
	}
}
