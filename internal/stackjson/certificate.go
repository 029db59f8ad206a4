package stackjson

import "github.com/k8s-lbc/lbc/internal/stack"

// typeCertificate is a certificate that the stack has in ACM. Listeners name certificates by ARN, since they wait for what is not
// issued yet.
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
		Type: "AMAZON_ISSUED", AuthorityARN: c.Authority, DomainName: c.Domain, Names: append([]string{}, c.Names...), ValidationMethod: "DNS", Tags: c.Tags,
	}
	switch {
	case c.Import != nil:
		out.Type, out.ValidationMethod, out.KeyAlgorithm = "IMPORTED", "", c.Import.Algorithm
	case c.Authority != "":
		out.Type = "PRIVATE"
	}
	return out
}
