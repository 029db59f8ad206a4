package authn

import "net/http"

// Reason is why a request was refused, as the access log's error_reason has it.
type Reason string

// Reasons of sign-in actions.
const (
	InvalidCookie                Reason = "AuthInvalidCookie"
	InvalidGrantError            Reason = "AuthInvalidGrantError"
	InvalidIDToken               Reason = "AuthInvalidIdToken"
	InvalidStateParam            Reason = "AuthInvalidStateParam"
	InvalidTokenResponse         Reason = "AuthInvalidTokenResponse"
	InvalidUserinfoResponse      Reason = "AuthInvalidUserinfoResponse"
	MissingCodeParam             Reason = "AuthMissingCodeParam"
	MissingHostHeader            Reason = "AuthMissingHostHeader"
	MissingStateParam            Reason = "AuthMissingStateParam"
	TokenEndpointRequestFailed   Reason = "AuthTokenEpRequestFailed"
	TokenEndpointRequestTimeout  Reason = "AuthTokenEpRequestTimeout"
	UnhandledException           Reason = "AuthUnhandledException"
	UserinfoRequestFailed        Reason = "AuthUserinfoEpRequestFailed"
	UserinfoRequestTimeout       Reason = "AuthUserinfoEpRequestTimeout"
	UserinfoResponseSizeExceeded Reason = "AuthUserinfoResponseSizeExceeded"
)

// StatusProviderError is the status for a provider that answered with an error.
const StatusProviderError = 561

// outcome is what a reason means for the client and for the metrics.
type outcome struct {
	status  int
	failure bool // counts as ELBAuthFailure: the provider refuses, or the client's request is wrong; else as ELBAuthError
}

// outcomes has every reason of a sign-in. 401 is for what the client did, 500 for a provider that cannot be talked to,
// 561 for one that answers with an error or with nonsense.
var outcomes = map[Reason]outcome{
	InvalidCookie:                {http.StatusUnauthorized, true},
	InvalidGrantError:            {StatusProviderError, true},
	InvalidIDToken:               {StatusProviderError, true},
	InvalidStateParam:            {http.StatusUnauthorized, true},
	InvalidTokenResponse:         {StatusProviderError, true},
	InvalidUserinfoResponse:      {StatusProviderError, true},
	MissingCodeParam:             {http.StatusUnauthorized, true},
	MissingHostHeader:            {http.StatusUnauthorized, false},
	MissingStateParam:            {http.StatusUnauthorized, true},
	TokenEndpointRequestFailed:   {StatusProviderError, false},
	TokenEndpointRequestTimeout:  {http.StatusInternalServerError, false},
	UnhandledException:           {http.StatusInternalServerError, false},
	UserinfoRequestFailed:        {StatusProviderError, false},
	UserinfoRequestTimeout:       {http.StatusInternalServerError, false},
	UserinfoResponseSizeExceeded: {http.StatusInternalServerError, false},
}

// Reasons of token validation. The status is 401 for all of them.
const (
	TokenMissing     Reason = "JWTHeaderNotPresent"
	TokenMalformed   Reason = "JWTRequestFormatInvalid"
	TokenSignature   Reason = "JWTSignatureValidationFailed"
	TokenClaim       Reason = "JWTClaimValueInvalid"
	KeysTimeout      Reason = "JWKSRequestTimeout"
	KeysFailed       Reason = "JWKSRequestFailed"
	KeysInvalid      Reason = "JWKSResponseInvalid"
	KeysSizeExceeded Reason = "JWKSResponseSizeExceeded"
)

// failure is a reason with what led to it.
type failure struct {
	reason Reason
	status int // when it is not the reason's usual one
	cause  error
}

// Error implements error.
func (f *failure) Error() string {
	if f.cause == nil {
		return string(f.reason)
	}
	return string(f.reason) + ": " + f.cause.Error()
}

// Unwrap gives the cause.
func (f *failure) Unwrap() error { return f.cause }

func failed(reason Reason, cause error) *failure { return &failure{reason: reason, cause: cause} }
