// Package apierr is the error that a simulated AWS service answers with. It carries exactly what goes over the wire,
// and is a smithy.APIError, so that in-process callers see what they would see through the SDK. It holds no service's
// error codes and imports only the standard library and smithy-go.
package apierr

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/smithy-go"
)

// Error is one AWS error answer.
type Error struct {
	Code    string // as on the wire, such as "TargetGroupNotFound"
	Message string
	Status  int  // HTTP status
	Sender  bool // the fault is the sender's, else the receiver's (AWS's)
	// Messages are the single findings where the protocol lists them beside the message (Route 53's InvalidChangeBatch).
	Messages []string
}

var _ smithy.APIError = (*Error)(nil)

// New is the sender's error with HTTP status 400, which is what nearly every AWS validation answers.
func New(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: message(format, args), Status: http.StatusBadRequest, Sender: true}
}

// WithStatus is an error with another HTTP status; below 500 it is the sender's fault.
func WithStatus(status int, code, format string, args ...any) *Error {
	return &Error{Code: code, Message: message(format, args), Status: status,
		Sender: status < http.StatusInternalServerError}
}

func message(format string, args []any) string {
	if len(args) == 0 {
		return format
	}
	return fmt.Sprintf(format, args...)
}

// As finds the AWS error in err's chain, or nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// CodeOf returns AWS's error code: "" for nil, and for errors that are not AWS's.
func CodeOf(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

// Error is code and message in the SDK's own form.
func (e *Error) Error() string { return fmt.Sprintf("api error %s: %s", e.Code, e.Message) }

// ErrorCode is the wire code.
func (e *Error) ErrorCode() string { return e.Code }

// ErrorMessage is the wire message.
func (e *Error) ErrorMessage() string { return e.Message }

// ErrorFault is the client's or the server's.
func (e *Error) ErrorFault() smithy.ErrorFault {
	if e.Sender {
		return smithy.FaultClient
	}
	return smithy.FaultServer
}
