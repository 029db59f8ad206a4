package awsclient

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Error is a classified error of an AWS call.
type Error struct {
	Class     diag.Class
	Code      string // AWS's code; empty when AWS did not answer
	Message   string
	RequestID string
	// Credentials is true if the controller got no credentials for the call, which was not sent. Code is then that of
	// the call for credentials, such as AssumeRoleWithWebIdentity.
	Credentials bool
	// Unanswered says why AWS did not answer; empty = AWS answered. Message then has a text that is the same for each
	// attempt.
	Unanswered NoAnswer
}

// NoAnswer is why AWS did not answer a call; "" = it did, or nothing was sent. Metrics have it as error_code.
type NoAnswer string

// Reasons of calls without an answer.
const (
	Timeout      NoAnswer = "timeout"
	NoConnection NoAnswer = "connection"
	Canceled     NoAnswer = "canceled"
)

// Passing reports whether the next attempt may succeed without a change.
func Passing(err error) bool {
	c := Classify(err).Class
	return c == diag.Throttled || c == diag.Transient
}

// Remembered is the error of an earlier call, possibly of an earlier process, which is not repeated. Classify returns
// Answer.
type Remembered struct{ Answer Error }

// Error implements error.
func (r *Remembered) Error() string { return codeAnd(r.Answer) }

// Classify classifies an error of an SDK call, or of the in-process simulator.
func Classify(err error) Error {
	if earlier := (*Remembered)(nil); errors.As(err, &earlier) {
		return earlier.Answer
	}
	if role := (*RoleError)(nil); errors.As(err, &role) {
		return classifyRole(role)
	}
	if other := (*OtherAccountError)(nil); errors.As(err, &other) {
		return Error{Class: diag.Credentials, Message: other.Error(), Credentials: true}
	}
	e := classify(err)
	var sent *smithy.OperationError
	if !errors.As(err, &sent) || !strings.Contains(err.Error(), "get identity: ") {
		return e
	}
	e.Credentials = true
	if inner := (*smithy.OperationError)(nil); errors.As(sent.Err, &inner) {
		e.Message = inner.Operation() + ": " + codeAnd(e)
	}
	switch e.Class {
	case diag.Denied, diag.Credentials:
		e.Class = diag.Credentials
	default:
		// what STS throttles says nothing about the rate of the call, and what it refuses may be allowed soon
		e.Class = diag.Transient
	}
	return e
}

// codeAnd returns AWS's code, if there is one, and message.
func codeAnd(e Error) string {
	if e.Code == "" {
		return e.Message
	}
	return e.Code + ": " + e.Message
}

func classify(err error) Error {
	e := Error{Class: diag.Transient, Message: SteadyText(err.Error())}
	if errors.Is(err, ErrBusy) {
		e.Class = diag.Throttled
		if sent := (*smithy.OperationError)(nil); errors.As(err, &sent) {
			e.Message = SteadyText(sent.Err.Error())
		}
		return e
	}
	if errors.Is(err, ErrDeposed) {
		e.Message = ErrDeposed.Error()
		return e
	}
	var resp *awshttp.ResponseError
	status := 0
	if errors.As(err, &resp) {
		e.RequestID, status = resp.ServiceRequestID(), resp.HTTPStatusCode()
	}
	var withID interface{ ServiceRequestID() string }
	if e.RequestID == "" && errors.As(err, &withID) {
		e.RequestID = withID.ServiceRequestID()
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		if text, cause := networkText(err); cause != "" {
			e.Message, e.Unanswered = text, cause
		}
		return e
	}
	e.Code, e.Message = api.ErrorCode(), withoutTimes(api.ErrorMessage())
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return e
	}
	if c, ok := codeClasses[e.Code]; ok {
		e.Class = c
		return e
	}
	e.Class = classOfStatus(status, api.ErrorFault())
	return e
}

// classOfStatus decides for codes that the table does not know.
func classOfStatus(status int, fault smithy.ErrorFault) diag.Class {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return diag.Denied
	case status == http.StatusTooManyRequests:
		return diag.Throttled
	case status >= http.StatusInternalServerError || fault == smithy.FaultServer:
		return diag.Transient
	}
	return diag.Invalid
}

// secretsKey is the key of the secrets that the call of a context sends.
type secretsKey struct{}

// hiddenError is the error of a call without the secrets that the call sent. AWS may quote what it refuses, and more
// people can read events and traces than Secrets.
type hiddenError struct {
	err    error
	hidden *strings.Replacer
}

// withSecrets returns the context of a call that sends secrets.
func withSecrets(ctx context.Context, secrets []stack.Secret) context.Context {
	return context.WithValue(ctx, secretsKey{}, secrets)
}

// withoutSecrets hides each line of the secrets of a context in the error of its call.
func withoutSecrets(ctx context.Context, err error) error {
	secrets, _ := ctx.Value(secretsKey{}).([]stack.Secret)
	if err == nil || len(secrets) == 0 {
		return err
	}
	var lines []string
	for _, s := range secrets {
		lines = append(lines, strings.FieldsFunc(s.Reveal(), func(r rune) bool { return r == '\r' || r == '\n' })...)
	}
	// one secret may be the beginning of another
	slices.SortStableFunc(lines, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	var pairs []string
	for _, line := range lines {
		pairs = append(pairs, line, stack.Hidden)
	}
	return &hiddenError{err, strings.NewReplacer(pairs...)}
}

// Error implements error.
func (e *hiddenError) Error() string { return e.hidden.Replace(e.err.Error()) }

// Unwrap gives access to the details of the call, such as its HTTP status and request ID.
func (e *hiddenError) Unwrap() error { return e.err }

// As hides the secrets in AWS's message.
func (e *hiddenError) As(target any) bool {
	var api smithy.APIError
	to, ok := target.(*smithy.APIError)
	if !ok || !errors.As(e.err, &api) {
		return false
	}
	*to = &smithy.GenericAPIError{Code: api.ErrorCode(), Message: e.hidden.Replace(api.ErrorMessage()),
		Fault: api.ErrorFault()}
	return true
}
