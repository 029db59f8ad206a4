package wire

import (
	"net/http"
	"strings"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// Verdict is what is known of an access key.
type Verdict int

// The verdicts on an access key.
const (
	KeyValid Verdict = iota
	KeyUnknown
	KeyExpired
)

// scope is the credential scope of a signature.
type scope struct {
	accessKey, token, date, region, service string
	headers                                 []string // that are signed, in lower case
	signature                               string   // hexadecimal
	present                                 bool     // there is a signature
	presigned                               bool     // it is in the URL
	malformed                               bool
}

const algorithm = "AWS4-HMAC-SHA256"

// scopeOf reads the Authorization header or, in a presigned URL, the X-Amz-Credential parameter.
func scopeOf(r *request) scope {
	header := r.Header.Get("Authorization")
	credential, token := r.form.Get("X-Amz-Credential"), r.form.Get("X-Amz-Security-Token")
	if header == "" && credential == "" {
		return scope{}
	}
	s := scope{
		present: true, presigned: header == "", token: token, signature: r.form.Get("X-Amz-Signature"),
		headers: strings.Split(r.form.Get("X-Amz-SignedHeaders"), ";"),
	}
	if header != "" {
		s.token = r.Header.Get("X-Amz-Security-Token")
		rest, ok := strings.CutPrefix(header, algorithm)
		if !ok {
			s.malformed = true
			return s
		}
		parts := map[string]string{}
		for part := range strings.SplitSeq(rest, ",") {
			k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
			parts[k] = v
		}
		credential = parts["Credential"]
		s.signature, s.headers = parts["Signature"], strings.Split(parts["SignedHeaders"], ";")
		s.malformed = parts["Signature"] == "" || parts["SignedHeaders"] == ""
	}
	fields := strings.Split(credential, "/")
	if len(fields) != 5 || fields[0] == "" || fields[4] != "aws4_request" {
		s.malformed = true
		return s
	}
	s.accessKey, s.date, s.region, s.service = fields[0], fields[1], fields[2], fields[3]
	return s
}

// problem is why a call is not authentic.
type problem int

const (
	noProblem problem = iota
	noCredentials
	badSignature // it is malformed
	wrongSignature
	skewed // too old, or from the future
	unknownKey
	expiredToken
	wrongRegion
)

func (s *Server) authenticate(r *request, signed scope, d *service) problem {
	switch {
	case !signed.present:
		return noCredentials
	case signed.malformed:
		return badSignature
	case s.options.Region != "" && !d.takes(signed.region, s.options.Region):
		return wrongRegion
	}
	if s.options.Authenticate != nil {
		switch s.options.Authenticate(signed.accessKey, signed.token) {
		case KeyUnknown:
			return unknownKey
		case KeyExpired:
			return expiredToken
		case KeyValid:
		}
	}
	switch {
	case s.options.Secret != nil:
		return s.verify(r, signed)
	case s.checksTime():
		_, problem := s.stamp(r, signed)
		return problem
	}
	return noProblem
}

const mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS " +
	"Secret Access Key and signing method. Consult the service documentation for details."

// The refusals of each protocol: AWS General Reference, "Common errors".
var (
	queryRefusals = map[problem]apierr.Error{
		noCredentials: {Code: "MissingAuthenticationToken", Message: "Request is missing Authentication Token",
			Status: http.StatusForbidden},
		badSignature: {Code: "IncompleteSignature", Message: "Authorization header requires 'Credential', " +
			"'SignedHeaders' and 'Signature' parameters.", Status: http.StatusBadRequest},
		wrongSignature: {Code: "SignatureDoesNotMatch", Message: mismatch, Status: http.StatusForbidden},
		skewed: {Code: "SignatureDoesNotMatch", Message: "Signature expired: its time is more than 5 minutes from " +
			"that of the service.", Status: http.StatusForbidden},
		unknownKey: {Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid.",
			Status: http.StatusForbidden},
		expiredToken: {Code: "ExpiredToken", Message: "The security token included in the request is expired",
			Status: http.StatusForbidden},
		wrongRegion: {Code: "SignatureDoesNotMatch", Message: "Credential should be scoped to a valid region.",
			Status: http.StatusForbidden},
	}
	computeRefusals = map[problem]apierr.Error{
		noCredentials: {Code: "AuthFailure", Message: "AWS was not able to validate the provided access credentials",
			Status: http.StatusUnauthorized},
		badSignature: {Code: "AuthFailure", Message: "AWS was not able to validate the provided access credentials",
			Status: http.StatusUnauthorized},
		wrongSignature: {Code: "AuthFailure", Message: "AWS was not able to validate the provided access credentials",
			Status: http.StatusUnauthorized},
		skewed: {Code: "RequestExpired", Message: "Request has expired.", Status: http.StatusBadRequest},
		unknownKey: {Code: "AuthFailure", Message: "AWS was not able to validate the provided access credentials",
			Status: http.StatusUnauthorized},
		expiredToken: {Code: "RequestExpired", Message: "Request has expired.", Status: http.StatusBadRequest},
		wrongRegion: {Code: "AuthFailure", Message: "Credential should be scoped to a valid region.",
			Status: http.StatusUnauthorized},
	}
	jsonRefusals = map[problem]apierr.Error{
		noCredentials: {Code: "MissingAuthenticationTokenException", Message: "Missing Authentication Token",
			Status: http.StatusBadRequest},
		badSignature: {Code: "IncompleteSignatureException",
			Message: "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.",
			Status:  http.StatusBadRequest},
		wrongSignature: {Code: "InvalidSignatureException", Message: mismatch, Status: http.StatusBadRequest},
		skewed: {Code: "InvalidSignatureException",
			Message: "Signature expired: its time is more than 5 minutes from that of the service.",
			Status:  http.StatusBadRequest},
		unknownKey: {Code: "UnrecognizedClientException",
			Message: "The security token included in the request is invalid.", Status: http.StatusBadRequest},
		expiredToken: {Code: "ExpiredTokenException", Message: "The security token included in the request is expired",
			Status: http.StatusBadRequest},
		wrongRegion: {Code: "InvalidSignatureException", Message: "Credential should be scoped to a valid region.",
			Status: http.StatusBadRequest},
	}
)

func refusal(of map[problem]apierr.Error, p problem) *apierr.Error {
	e := of[p]
	e.Sender = true
	return &e
}
