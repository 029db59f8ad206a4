package wire

import (
	"reflect"

	"github.com/k8s-lbc/lbc/awssim/apierr"
)

// protocol is one of AWS's ways to put calls on the wire.
type protocol interface {
	// action is the name of the action that is called for.
	action(r *request) (string, error)
	// decode fills in, an SDK input struct.
	decode(r *request, in reflect.Value) error
	// encode writes the answer from out, a pointer to an SDK output struct.
	encode(action string, out reflect.Value, id string) (contentType string, body []byte, err error)
	// fail writes an error's answer.
	fail(e *apierr.Error, id string) (contentType string, body []byte)
	// refusal is the error for a call that is not authentic.
	refusal(p problem) *apierr.Error
	// unknownAction is the error for an action that is not served.
	unknownAction(action string) *apierr.Error
}

// headed is a protocol whose answers hold more than a body.
type headed interface {
	// head is the HTTP status of a success, and the headers to add.
	head(action string, out reflect.Value) (status int, headers map[string]string)
}
